//! Bridges that send as fast as they can, each to the next one.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::processor::Times;
use junction_testkit::{TestBridge, TestHome, TestHub, list};

/// Messages of one sender whose end it does not know, at most: half of what it may have.
pub(crate) const OPEN: usize = 16;
/// How long the load lasts.
pub(crate) const LASTS: Duration = Duration::from_secs(10);
/// Bridges that join at a time.
const JOINING: usize = 25;

/// Runs a load of `peers` bridges that send messages of `size` bytes.
pub(crate) async fn run(peers: usize, size: usize) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let names: Vec<String> = (0..peers).map(|number| format!("loader-{number:03}")).collect();
    let mut bridges = Vec::new();
    for names in names.chunks(JOINING) {
        let joining = names.iter().map(|name| TestBridge::join(&home, &hub, name));
        bridges.extend(join_all(joining).await);
    }
    // A place for each message of a sender that may be without an end.
    let places: Vec<Semaphore> = names.iter().map(|_| Semaphore::new(OPEN)).collect();
    let text = "m".repeat(size);
    let tally = Tally::default();
    let pids: Vec<u32> = bridges.iter().map(|bridge| bridge.client.pid()).collect();
    let (hub_before, bridges_before) = (Times::of(&[hub.pid()]), Times::of(&pids));
    let own_before = Times::of(&[std::process::id()]);
    let started = Instant::now();
    let running = || started.elapsed() < LASTS;
    let works = bridges.iter().enumerate().map(async |(at, bridge)| {
        let sender = async {
            let to = &names[(at + 1) % peers];
            let arguments = json!({ "target_alias": to, "message": text });
            let send = json!({ "name": "send_message", "arguments": arguments }).to_string();
            let one = async || {
                while running() {
                    places[at].acquire().await.expect("places").forget();
                    let call = bridge.client.begin_written("tools/call", &send).await;
                    call.expect("a bridge").content().await.expect("it is sent");
                }
            };
            join_all((0..OPEN).map(|_| one())).await;
        };
        let reader = async {
            while running() {
                let answer = bridge.call("read_messages", json!({ "wait_seconds": 1 })).await;
                tally.count(&answer, size);
                places[at].add_permits(list(&answer, "receipts").len());
            }
            // Nobody waits for a place any more.
            places[at].add_permits(OPEN);
        };
        join(sender, reader).await
    });
    join_all(works).await;
    let seconds = started.elapsed().as_secs_f64();
    let (read, told) = (tally.ids.borrow().len(), tally.told.get());
    let rate = |count: usize| count as f64 / seconds;
    println!(
        "load, {peers} bridges, {size} B: {:.0} messages/s read, {:.0}/s receipted",
        rate(read),
        rate(told)
    );
    println!(
        "  processor time a message: bridges {}, hub {}, this client {}",
        Times::of(&pids).since(&bridges_before).each(read),
        Times::of(&[hub.pid()]).since(&hub_before).each(read),
        Times::of(&[std::process::id()]).since(&own_before).each(read),
    );
}

/// What was read, each message once, and how many ends were told.
#[derive(Default)]
struct Tally {
    ids: RefCell<HashSet<String>>,
    told: Cell<usize>,
}

impl Tally {
    /// Counts an answer of `read_messages`, whose messages all have so many bytes.
    fn count(&self, answer: &Value, size: usize) {
        let items = |name: &str| answer[name].as_array().into_iter().flatten();
        for message in items("messages") {
            let id = message["id"].as_str().expect("an id").to_owned();
            assert!(self.ids.borrow_mut().insert(id), "a message came twice");
            assert_eq!(message["message"].as_str().map(str::len), Some(size));
        }
        for end in items("receipts") {
            assert_eq!(end["status"], "read");
            self.told.set(self.told.get() + 1);
        }
    }
}
