//! Fifty bridges that send as fast as they can, each to the next one.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::harness::{Home, TestBridge, TestHub, list};

const PEERS: usize = 50;
/// Messages of one sender whose end it does not know, at most: half of what it may have.
const OPEN: usize = 16;
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
    // A place for each message of a sender that may be without an end.
    let places: Vec<Semaphore> = names.iter().map(|_| Semaphore::new(OPEN)).collect();
    let text = "m".repeat(size);
    let (read, told) = (Cell::new(0), Cell::new(0));
    let started = Instant::now();
    let running = || started.elapsed() < LASTS;
    let works = bridges.iter().enumerate().map(async |(at, bridge)| {
        let sender = async {
            let to = &names[(at + 1) % PEERS];
            let send = json!({ "target_alias": to, "message": text });
            let one = async || {
                while running() {
                    places[at].acquire().await.expect("places").forget();
                    bridge.call("send_message", send.clone()).await;
                }
            };
            join_all((0..OPEN).map(|_| one())).await;
        };
        let reader = async {
            while running() {
                let answer = bridge.call("read_messages", json!({ "wait_seconds": 1 })).await;
                let ends = list(&answer, "receipts").len();
                places[at].add_permits(ends);
                told.set(told.get() + ends);
                read.set(read.get() + list(&answer, "messages").len());
            }
            // Nobody waits for a place any more.
            places[at].add_permits(OPEN);
        };
        join(sender, reader).await
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
