//! A bridge that sleeps, as on a laptop whose lid is closed, for longer than its session lasts.

use junction_testkit::{
    SlowClient, TestBridge, TestHome, TestHub, Version, large, list, signal, texts,
};
use rustix::process::Signal;
use serde_json::json;

#[tokio::test]
async fn a_bridge_suspended_past_its_session_rejoins_with_its_identity() {
    let home = TestHome::new();
    let settings = [("JUNCTION_SESSION_TIMEOUT_MS", "3000"), ("JUNCTION_SWEEP_INTERVAL_MS", "200")];
    let hub = TestHub::start_with(&home, &settings).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mut bob = SlowClient::join(&home, &hub, "bob", Version::Stateful).await;
    let before = alice.sees("bob", "online").await;
    // The answer with the first is half written when bob falls asleep; the second has not been asked for.
    let held = alice.send("bob", &large("held")).await;
    bob.ask(&json!("held"), "read_messages", json!({ "wait_seconds": 2 })).await;
    bob.begun().await;
    let waiting = alice.send("bob", "waiting").await;
    signal(bob.pid(), Signal::STOP);
    for sent in [&held, &waiting] {
        assert_eq!(alice.receipt(&sent["id"]).await["status"], "unconfirmed");
    }
    signal(bob.pid(), Signal::CONT);
    let after = alice.sees("bob", "online").await;
    assert_eq!(after["fingerprint"], before["fingerprint"]);
    let answer = bob.answer().await;
    assert_eq!(list(&answer["result"]["structuredContent"], "messages")[0]["id"], held["id"]);
    assert_eq!(alice.last_status(&held["id"]).await, "read");
    // Its own agent is told as well.
    bob.ask(&json!("who"), "register", json!({})).await;
    assert_eq!(bob.answer().await["result"]["structuredContent"]["rejoined"], "bob");
    // The second is at the end of its time: it is shown, or it is not, and alice is told no more than that.
    let news = alice.send("bob", "good morning").await;
    let read = read_up_to(&mut bob, "good morning").await;
    assert_eq!(alice.receipt(&news["id"]).await["status"], "read");
    let words = alice.statuses(&waiting["id"]);
    match read.as_slice() {
        [first, _] if first == "waiting" => assert_eq!(words, ["unconfirmed", "read"]),
        [_] => {
            let true_words = [vec!["unconfirmed"], vec!["unconfirmed", "expired"]];
            assert!(true_words.iter().any(|told| words == *told), "{words:?}");
        }
        _ => panic!("{read:?}"),
    }
}

/// Reads until this text comes; all that was read.
async fn read_up_to(bob: &mut SlowClient, last: &str) -> Vec<String> {
    let mut read: Vec<String> = Vec::new();
    while read.last().is_none_or(|text| text != last) {
        let id = json!(read.len());
        bob.ask(&id, "read_messages", json!({ "wait_seconds": 2 })).await;
        let messages = list(&bob.answer().await["result"]["structuredContent"], "messages");
        assert!(!messages.is_empty(), "{read:?}");
        read.extend(texts(&messages).into_iter().map(str::to_owned));
    }
    read
}
