//! A hub that is told to stop: its bridges hear of it and wait, and what it held comes back from them.

use std::time::Instant;

use futures_util::future::join_all;
use junction_testkit::{TestBridge, TestHome, TestHub, eventually, list, signal, texts};
use rustix::process::Signal;
use serde_json::{Value, json};

const SENDERS: usize = 8;
const RECEIVERS: usize = 5;
/// Messages of each sender to each receiver.
const EACH: usize = 25;

async fn crowd(home: &TestHome, hub: &TestHub, kind: &str, count: usize) -> Vec<TestBridge> {
    let names: Vec<_> = (0..count).map(|number| format!("{kind}-{number}")).collect();
    join_all(names.iter().map(|name| TestBridge::join(home, hub, name))).await
}

/// A thousand messages; their ids, by sender.
async fn send_all(senders: &[TestBridge], receivers: &[TestBridge]) -> Vec<Vec<Value>> {
    let sending = senders.iter().map(async |sender| {
        let mut ids = Vec::new();
        for number in 0..EACH {
            for receiver in receivers {
                let text = format!("{} {number}", sender.alias);
                ids.push(sender.send(&receiver.alias, &text).await["id"].clone());
            }
        }
        ids
    });
    join_all(sending).await
}

/// All of a receiver's mail, each sender's in its order and none twice.
async fn read_all(receiver: &TestBridge, senders: &[TestBridge]) {
    let messages = receiver.read_many(SENDERS * EACH).await;
    for sender in senders {
        let got: Vec<_> =
            (messages.iter().filter(|message| message["from"] == *sender.alias)).cloned().collect();
        let sent: Vec<_> = (0..EACH).map(|number| format!("{} {number}", sender.alias)).collect();
        assert_eq!(texts(&got), sent);
    }
    assert_eq!(receiver.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_thousand_unread_messages_survive_a_hub_that_stops() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let senders = crowd(&home, &hub, "sender", SENDERS).await;
    let receivers = crowd(&home, &hub, "receiver", RECEIVERS).await;
    // One is asleep: its mail lies at the hub alone and at its senders.
    let rewake = receivers[0].client.pid();
    signal(rewake, Signal::STOP);
    let ids = send_all(&senders, &receivers).await;
    assert_eq!(ids.iter().map(Vec::len).sum::<usize>(), 1_000);
    let started = Instant::now();
    let status = hub.stop(Signal::TERM).await;
    eprintln!("a hub with 1,000 unread messages: gone after {:?}", started.elapsed());
    assert!(status.success(), "{status}");
    let words = senders[0].error("list_peers", json!({})).await;
    assert!(words.contains(&format!("127.0.0.1:{}", hub.port)), "{words}");
    signal(rewake, Signal::CONT);
    hub.restart(&home).await;
    join_all(receivers.iter().map(|receiver| read_all(receiver, &senders))).await;
    join_all(senders.iter().map(|sender| sender.all_receipts_are_read(RECEIVERS * EACH))).await;
}

#[tokio::test]
async fn bridges_learn_that_their_hub_stops() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let bridge = TestBridge::join(&home, &hub, "waiter").await;
    let waits = [
        bridge.begin("read_messages", json!({ "wait_seconds": 60 })).await,
        bridge.begin("wait_for_peer", json!({ "timeout_seconds": 60 })).await,
    ];
    // Answered after them: the hub knows of both.
    bridge.call("list_peers", json!({})).await;
    hub.stop(Signal::TERM).await;
    let words = bridge.error("list_peers", json!({})).await;
    eprintln!("of a hub that stopped: {words}");
    hub.restart(&home).await;
    // Both waits went on, and end when there is something.
    let other = TestBridge::join(&home, &hub, "other").await;
    eventually("the other is found", async || {
        other
            .try_call("send_message", json!({ "target_alias": "waiter", "message": "hi" }))
            .await
            .ok()
    })
    .await;
    let [read, found] = waits;
    assert_eq!(list(&read.content().await.expect("mail"), "messages").len(), 1);
    assert_eq!(found.content().await.expect("a peer")["found"], true);
}
