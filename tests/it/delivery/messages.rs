//! What becomes of a message between two agents that are both there.

use futures_util::future::{join, join_all};
use junction_testkit::{
    TestBridge, TestHome, TestHub, eventually, health, list, pair, texts, within,
};
use serde_json::{Value, json};

#[tokio::test]
async fn two_agents_find_each_other_and_talk() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let seen = alice.sees("bob", "online").await;
    let sent = alice.send("bob", "Is the parser ready?").await;
    assert_eq!(sent["to"], "bob");
    assert!(["accepted", "opened"].contains(&sent["status"].as_str().expect("a status")));
    assert_eq!(sent["peer"]["presence"], "online");
    assert_eq!(sent["peer"]["reach"], "pull");
    let message = bob.read_one().await;
    assert_eq!(message["from"], "alice");
    assert_eq!(message["message"], "Is the parser ready?");
    assert_eq!(message["id"], sent["id"]);
    assert_eq!(message["untrusted"], true);
    assert!(message.get("reply_to").is_none() && message.get("key_changed").is_none());
    let timestamp = message["timestamp"].as_str().expect("a time");
    assert!(timestamp.len() == 24 && timestamp.ends_with('Z'), "{timestamp}");
    let receipt = alice.receipt(&sent["id"]).await;
    assert_eq!((&receipt["status"], &receipt["to"]), (&json!("read"), &json!("bob")));
    assert_eq!(receipt["at"].as_str().map(str::len), Some(24));
    assert_eq!(seen["fingerprint"].as_str().map(str::len), Some(16));
}

#[tokio::test]
async fn each_message_is_read_once_and_each_end_is_reported_once() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let sent = alice.send("bob", "once").await;
    bob.read_one().await;
    alice.receipt(&sent["id"]).await;
    assert_eq!(list(&bob.read().await, "messages"), Vec::<Value>::new());
    assert_eq!(list(&alice.read().await, "receipts"), Vec::<Value>::new());
}

#[tokio::test]
async fn messages_come_in_the_order_they_were_sent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let sent: Vec<String> = (0..30).map(|number| format!("number {number}")).collect();
    for text in &sent {
        alice.send("bob", text).await;
    }
    assert_eq!(texts(&bob.read_many(30).await), sent);
}

#[tokio::test]
async fn texts_of_every_size_and_script_arrive_unchanged() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let largest = "ü".repeat(32_768);
    for text in
        ["", " ", "tabs\tand\nlines\n", "Grüße, 世界 🦀 — ελληνικά", "{\"a\":[1]}", &largest]
    {
        alice.send("bob", text).await;
        assert_eq!(bob.read_one().await["message"], text);
    }
}

#[tokio::test]
async fn a_message_one_byte_too_large_is_refused_with_the_limit() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let arguments = json!({ "target_alias": "bob", "message": "x".repeat(65_537) });
    let text = alice.error("send_message", arguments).await;
    assert!(text.contains("65536") || text.contains("65,536"), "{text}");
    assert_eq!(list(&bob.read().await, "messages"), Vec::<Value>::new());
}

#[tokio::test]
async fn an_answer_reaches_the_call_that_waits_for_it_and_no_other() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    let ask = alice.call(
        "send_message",
        json!({ "target_alias": "bob", "message": "2 + 2?", "wait_seconds": 30 }),
    );
    let answer = async {
        let question = bob.read_one().await;
        carol.send("alice", "by the way").await;
        let answer = json!({ "target_alias": "alice", "message": "4", "reply_to": question["id"] });
        bob.call("send_message", answer).await
    };
    let (asked, answered) = join(ask, answer).await;
    assert_eq!(asked["reply"]["message"], "4", "{asked}");
    assert_eq!(asked["reply"]["from"], "bob");
    assert_eq!(asked["reply"]["reply_to"], asked["id"]);
    assert_eq!(asked["reply"]["untrusted"], true);
    assert!(asked["waited_seconds"].is_number());
    assert_eq!(bob.receipt(&answered["id"]).await["status"], "read");
    assert_eq!(texts(&alice.read_many(1).await), ["by the way"]);
}

#[tokio::test]
async fn a_wait_for_an_answer_that_does_not_come_ends_without_one() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = pair(&home, &hub).await;
    let arguments = json!({ "target_alias": "bob", "message": "hello?", "wait_seconds": 1 });
    let sent = alice.call("send_message", arguments).await;
    assert!(sent.get("reply").is_none(), "{sent}");
    assert_eq!(sent["status"], "opened");
}

#[tokio::test]
async fn a_read_that_waits_has_the_message_when_it_comes() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let wait = bob.begin("read_messages", json!({ "wait_seconds": 30 })).await;
    alice.send("bob", "wake up").await;
    let answer = within("the read", wait.content()).await.expect("an answer");
    assert_eq!(answer["messages"][0]["message"], "wake up");
}

#[tokio::test]
async fn every_result_reports_unread_messages() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    assert!(bob.call("list_peers", json!({})).await.get("unread").is_none());
    for text in ["one", "two"] {
        alice.send("bob", text).await;
    }
    for (tool, arguments) in [
        ("list_peers", json!({})),
        ("register", json!({})),
        ("known_hosts", json!({})),
        ("wait_for_peer", json!({ "timeout_seconds": 1 })),
        ("send_message", json!({ "target_alias": "alice", "message": "busy" })),
    ] {
        let answer = eventually("both wait", async || {
            let answer = bob.call(tool, arguments.clone()).await;
            (answer["unread"] == 2).then_some(answer)
        })
        .await;
        assert_eq!(answer["unread_from"], json!(["alice"]), "{tool}");
    }
    let first = bob.call("read_messages", json!({ "limit": 1 })).await;
    assert_eq!((list(&first, "messages").len(), &first["unread"]), (1, &json!(1)));
    let second = bob.read().await;
    assert!(second.get("unread").is_none() && second.get("unread_from").is_none(), "{second}");
}

#[tokio::test]
async fn a_page_holds_whole_messages_up_to_its_size_and_at_least_one() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    for size in [15_000, 15_000, 15_000, 60_000, 1_000] {
        alice.send("bob", &"p".repeat(size)).await;
    }
    eventually("all five wait", async || {
        (bob.call("register", json!({})).await["unread"] == 5).then_some(())
    })
    .await;
    let mut sizes = Vec::new();
    for _ in 0..4 {
        let messages = list(&bob.read().await, "messages");
        sizes.push(texts(&messages).iter().map(|text| text.len()).collect::<Vec<_>>());
    }
    assert_eq!(sizes, [vec![15_000, 15_000], vec![15_000], vec![60_000], vec![1_000]]);
}

#[tokio::test]
async fn a_message_not_read_in_time_ends_as_expired() {
    let home = TestHome::new();
    let settings = [("JUNCTION_SESSION_TIMEOUT_MS", "6000"), ("JUNCTION_SWEEP_INTERVAL_MS", "500")];
    let hub = TestHub::start_with(&home, &settings).await;
    let (alice, bob) = pair(&home, &hub).await;
    let text = alice
        .error("send_message", json!({ "target_alias": "bob", "message": "x", "ttl_seconds": 5 }))
        .await;
    assert!(text.contains('6'), "the bounds are named: {text}");
    let sent = alice
        .call("send_message", json!({ "target_alias": "bob", "message": "x", "ttl_seconds": 7 }))
        .await;
    assert_eq!(sent["clamped"], json!(["ttl_seconds: 6"]));
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "expired");
    assert_eq!(list(&bob.read().await, "messages"), Vec::<Value>::new());
}

#[tokio::test]
async fn hubs_on_two_ports_are_separate() {
    let (home, other) = (TestHome::new(), TestHome::new());
    let hubs = (TestHub::start(&home).await, TestHub::start(&other).await);
    let (alice, bob) = pair(&home, &hubs.0).await;
    let (carol, dave) = pair(&other, &hubs.1).await;
    alice.send("bob", "on the first").await;
    carol.send("bob", "on the second").await;
    assert_eq!(bob.read_one().await["message"], "on the first");
    assert_eq!(dave.read_one().await["message"], "on the second");
    assert_eq!(alice.call("list_peers", json!({})).await["total"], 1);
}

#[tokio::test]
async fn a_session_moves_to_another_hub_of_its_group() {
    let home = TestHome::new();
    let first = TestHub::start(&home).await;
    // A configuration directory has one hub on a machine.
    let twin = home.twin();
    let second = TestHub::start(&twin).await;
    let there = TestBridge::join(&home, &second, "already-there").await;
    let launch = TestBridge::launch(&home, first.port)
        .env("JUNCTION_KNOWN_HOSTS", format!("next=127.0.0.1:{}", second.port));
    let mut mover = TestBridge::open(&home, launch, junction_testkit::Version::Stateful).await;
    mover.register("mover").await;
    let moved = mover.call("register", json!({ "host": "next" })).await;
    assert_eq!((&moved["hub"], &moved["peerCount"]), (&json!("next"), &json!(1)));
    mover.send("already-there", "arrived").await;
    assert_eq!(there.read_one().await["from"], "mover");
    assert_eq!(health(first.port).await.expect("health")["activePeers"], 0);
}

#[tokio::test]
async fn twenty_bridges_share_one_hub() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let names: Vec<String> = (0..20).map(|number| format!("worker-{number}")).collect();
    let bridges = join_all(names.iter().map(|name| TestBridge::join(&home, &hub, name))).await;
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 20);
    let rounds = bridges.iter().enumerate().map(async |(at, bridge)| {
        bridge.send(&names[(at + 1) % 20], &format!("from {at}")).await;
        assert_eq!(bridge.read_one().await["message"], format!("from {}", (at + 19) % 20));
    });
    join_all(rounds).await;
}

/// The text of one message of the crowd below.
fn said(from: usize, to: usize, number: usize) -> String {
    format!("{from} to {to}, number {number}")
}

#[tokio::test]
async fn fifty_bridges_talking_at_once_lose_duplicate_and_reorder_nothing() {
    const COUNT: usize = 50;
    const EACH: usize = 3;
    let targets = |from: usize| [1, 7, 13, 29].map(|step| (from + step) % COUNT);
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let names: Vec<String> = (0..COUNT).map(|number| format!("talker-{number:02}")).collect();
    let bridges = join_all(names.iter().map(|name| TestBridge::join(&home, &hub, name))).await;
    let sends = bridges.iter().enumerate().map(async |(from, bridge)| {
        let mut ids = Vec::new();
        for number in 0..EACH {
            for to in targets(from) {
                ids.push(bridge.send(&names[to], &said(from, to, number)).await["id"].clone());
            }
        }
        ids
    });
    // Everyone sends all before it reads: a read would take the receipts as well.
    let sent = join_all(sends).await;
    let rounds = bridges.iter().zip(sent).enumerate().map(async |(me, (bridge, mut open))| {
        let (mut messages, mut receipts) = (Vec::new(), Vec::new());
        eventually("all is read and told", async || {
            let answer = bridge.call("read_messages", json!({})).await;
            messages.extend(list(&answer, "messages"));
            receipts.extend(list(&answer, "receipts"));
            (messages.len() >= 4 * EACH && receipts.len() >= 4 * EACH).then_some(())
        })
        .await;
        for receipt in &receipts {
            assert_eq!(receipt["status"], "read");
            open.retain(|id| *id != receipt["id"]);
        }
        assert!(open.is_empty() && receipts.len() == 4 * EACH);
        for from in (0..COUNT).filter(|from| targets(*from).contains(&me)) {
            let from_it: Vec<Value> =
                messages.iter().filter(|m| m["from"] == names[from]).cloned().collect();
            let expected: Vec<String> = (0..EACH).map(|number| said(from, me, number)).collect();
            assert_eq!(texts(&from_it), expected, "{messages:?}");
        }
        assert_eq!(messages.len(), 4 * EACH);
    });
    join_all(rounds).await;
}
