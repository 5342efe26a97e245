//! Fifty bridges that send as fast as they can.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::{Home, TestBridge, TestHub, list};

const PEERS: usize = 50;
/// Calls that one sender has on their way.
const AT_ONCE: usize = 8;
/// How long the load lasts.
const LASTS: Duration = Duration::from_secs(10);

/// Messages of 200 bytes.
pub(crate) async fn small() {
    run(200).await;
}

/// Messages of 64 KiB.
pub(crate) async fn large() {
    run(64 * 1024).await;
}

async fn run(size: usize) {
    let home = Home::new();
    let hub = TestHub::start(&home).await;
    let names: Vec<String> = (0..PEERS).map(|number| format!("loader-{number:02}")).collect();
    let bridges = join_all(names.iter().map(|name| TestBridge::join(&home, &hub, name))).await;
    let text = "m".repeat(size);
    let (read, told) = (Cell::new(0), Cell::new(0));
    let started = Instant::now();
    let running = || started.elapsed() < LASTS;
    let works = bridges.iter().enumerate().map(|(at, bridge)| {
        let to = &names[(at + 1) % PEERS];
        let send = json!({ "target_alias": to, "message": text });
        let senders = (0..AT_ONCE).map({
            let send = send.clone();
            move |_| {
                let send = send.clone();
                async move {
                    while running() {
                        // A full outbox is an answer too: the peer has to read first.
                        let _ = bridge.try_call("send_message", send.clone()).await;
                    }
                }
            }
        });
        let reader = async {
            while running() {
                let answer = bridge.call("read_messages", json!({ "wait_seconds": 1 })).await;
                read.set(read.get() + list(&answer, "messages").len());
                let ends = list(&answer, "receipts");
                told.set(told.get() + ends.iter().filter(|end: &&Value| end["status"] == "read").count());
            }
        };
        join(join_all(senders), reader)
    });
    join_all(works).await;
    let seconds = started.elapsed().as_secs_f64();
    let rate = |count: usize| count as f64 / seconds;
    println!(
        "load, {PEERS} bridges, {size} B: {:.0} messages/s read, {:.0}/s receipted",
        rate(read.get()),
        rate(told.get())
    );
}
