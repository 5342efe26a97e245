//! What ends an exchange that no person would have gone on with, and what a sender is told of its message.

use junction_testkit::{TestBridge, TestHome, TestHub, eventually, list, pair, reaches, within};
use serde_json::{Value, json};

/// Answers the message with this id.
async fn answer(from: &TestBridge, to: &str, id: &Value) -> Value {
    let arguments = json!({ "target_alias": to, "message": "and then?", "reply_to": id });
    from.call("send_message", arguments).await
}

#[tokio::test]
async fn past_sixteen_hops_a_message_ends_no_wait_and_tells_its_reader_to_ask_a_person() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let mut sent = alice.send("bob", "1").await;
    for hop in 2..=16 {
        let (reader, writer, to) =
            if hop % 2 == 0 { (&bob, &bob, "alice") } else { (&alice, &alice, "bob") };
        let read = reader.read_one().await;
        assert_eq!((&read["id"], read.get("past_limit")), (&sent["id"], None), "hop {hop}");
        sent = answer(writer, to, &read["id"]).await;
        assert_eq!(sent.get("ask_user"), None, "hop {hop}");
    }
    let last = alice.read_one().await;
    assert_eq!(last.get("past_limit"), None);
    let wait = bob.begin("read_messages", json!({ "wait_seconds": 60 })).await;
    // A wait that has lasted is one that others see.
    reaches(&alice, "bob", "push").await;
    let beyond = answer(&alice, "bob", &last["id"]).await;
    assert!(beyond["ask_user"].as_str().is_some_and(|text| text.contains("wakes nobody")));
    assert_eq!(beyond["peer"]["reach_why"], "chain");
    bob.holds(1).await;
    // What is not of that chain ends the wait, and brings the other with it.
    let carol = TestBridge::join(&home, &hub, "carol").await;
    carol.send("bob", "something else").await;
    let page = within("the wait ends", wait.content()).await.expect("a page");
    let limits: Vec<_> =
        list(&page, "messages").iter().map(|message| message["past_limit"] == true).collect();
    assert_eq!(limits, [true, false]);
    assert!(page["ask_user"].as_str().is_some_and(|text| text.contains("tell your user")));
}

#[tokio::test]
async fn regression_a_read_returns_messages_of_any_hop_count() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    for _ in 0..9 {
        alice.send("bob", "ping").await;
        bob.read_one().await;
        bob.send("alice", "pong").await;
        alice.read_one().await;
    }
    assert_eq!(
        alice.send("bob", "one more").await.get("ask_user").map(Value::is_string),
        Some(true)
    );
    bob.holds(1).await;
    let page = bob.call("read_messages", json!({ "wait_seconds": 60 })).await;
    assert_eq!(page["messages"][0]["past_limit"], true);
}

#[tokio::test]
async fn a_turn_of_a_person_resets_the_hop_count() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    for _ in 0..8 {
        alice.send("bob", "ping").await;
        bob.read_one().await;
        bob.send("alice", "pong").await;
        alice.read_one().await;
    }
    assert!(alice.send("bob", "ping").await.get("ask_user").is_some());
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "go on with it" });
    let call = json!({ "name": "hook_event", "arguments": prompt });
    alice.client.request("tools/call", call).await.expect("an answer");
    assert_eq!(alice.send("bob", "ping").await.get("ask_user"), None);
}

#[tokio::test]
async fn regression_chain_limit_can_be_set_and_be_off() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for (limit, asks) in [("2", true), ("off", false)] {
        let start = async |alias: String| {
            let launch = TestBridge::launch(&home, hub.port).env("JUNCTION_CHAIN_LIMIT", limit);
            let version = junction_testkit::Version::Stateful;
            let mut bridge = TestBridge::open(&home, launch, version).await;
            bridge.register(&alias).await;
            bridge
        };
        let (alice, bob) =
            (start(format!("alice-{limit}")).await, start(format!("bob-{limit}")).await);
        for _ in 0..if asks { 1 } else { 20 } {
            alice.send(&bob.alias, "ping").await;
            bob.read_one().await;
            let pong = bob.send(&alice.alias, "pong").await;
            assert_eq!(pong.get("ask_user"), None);
            alice.read_one().await;
        }
        let more = alice.send(&bob.alias, "ping").await;
        assert_eq!(more.get("ask_user").is_some(), asks, "{more}");
        assert_eq!(bob.read_one().await.get("past_limit").is_some(), asks);
    }
}

#[tokio::test]
async fn a_minute_has_a_limit_that_says_when_to_go_on() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let launch = TestBridge::launch(&home, hub.port).env("JUNCTION_SEND_LIMIT", "3,2");
    let mut alice = TestBridge::open(&home, launch, junction_testkit::Version::Stateful).await;
    alice.register("alice").await;
    let mut peers = Vec::new();
    for alias in ["bob", "carol", "dave"] {
        peers.push(TestBridge::join(&home, &hub, alias).await);
    }
    alice.send("bob", "one").await;
    alice.send("carol", "two").await;
    let message = |to: &str| json!({ "target_alias": to, "message": "more" });
    let refused = alice.error("send_message", message("dave")).await;
    assert!(
        refused.starts_with("Error: This session has reached its limit of new receivers"),
        "{refused}"
    );
    alice.send("bob", "three").await;
    let refused = alice.error("send_message", message("bob")).await;
    let seconds = refused.split("again in ").nth(1).and_then(|rest| rest.split(' ').next());
    let seconds: u64 = seconds.and_then(|seconds| seconds.parse().ok()).expect("a time");
    assert!((1..=60).contains(&seconds), "{refused}");
    // It lasts beyond a session of the same process.
    alice.call("disconnect", json!({})).await;
    alice.register("alice").await;
    alice.error("send_message", message("bob")).await;
}

/// The notifications that a session is told, once there are any.
async fn notifications(bridge: &TestBridge) -> Vec<Value> {
    let page = bridge.call("read_messages", json!({ "wait_seconds": 20 })).await;
    list(&page, "notifications")
}

#[tokio::test]
async fn a_sender_gets_the_notifications_it_asked_for() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let hook = async |event: Value| {
        let call = json!({ "name": "hook_event", "arguments": event });
        bob.client.request("tools/call", call).await.expect("an answer");
    };
    let ask = async |when: &str| {
        let arguments = json!({ "target_alias": "bob", "message": "hello", "notify_when": when });
        alice.call("send_message", arguments).await
    };
    hook(json!({ "hook_event_name": "UserPromptSubmit", "prompt": "x" })).await;
    eventually("bob is busy", async || {
        (alice.sees("bob", "online").await["state"] == "busy").then_some(())
    })
    .await;
    let idle = ask("idle").await;
    assert_eq!(idle["peer"]["state"], "busy");
    hook(json!({ "hook_event_name": "Stop", "stop_hook_active": true })).await;
    let told = notifications(&alice).await;
    assert_eq!(
        (&told[0]["id"], &told[0]["to"], &told[0]["event"]),
        (&idle["id"], &json!("bob"), &json!("idle"))
    );
    let read = ask("read").await;
    bob.read_many(2).await;
    let told = notifications(&alice).await;
    assert_eq!((&told[0]["id"], &told[0]["event"]), (&read["id"], &json!("read")));
    let gone = ask("gone").await;
    bob.call("disconnect", json!({})).await;
    let told = notifications(&alice).await;
    assert_eq!((&told[0]["id"], &told[0]["event"]), (&gone["id"], &json!("gone")));
    assert!(notifications_left(&alice).await.is_empty());
}

async fn notifications_left(bridge: &TestBridge) -> Vec<Value> {
    list(&bridge.read().await, "notifications")
}

#[tokio::test]
async fn notifications_are_counted_on_every_answer_and_survive_an_answer_that_never_left() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let arguments = json!({ "target_alias": "bob", "message": "hello", "notify_when": "read" });
    alice.call("send_message", arguments).await;
    bob.read_one().await;
    eventually("it is counted", async || {
        (alice.call("register", json!({})).await["notifications_waiting"] == 1).then_some(())
    })
    .await;
    let wait = json!({ "target_alias": "bob", "message": "x", "notify_when": "soon" });
    let error = alice.error("send_message", wait).await;
    assert!(error.contains("idle, read, gone or done"), "{error}");
    assert_eq!(notifications_left(&alice).await.len(), 1);
    assert!(notifications_left(&alice).await.is_empty());
}
