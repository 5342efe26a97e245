//! What becomes of mail when calls flood, race, are taken back, or their answers are never taken.

use futures_util::future::join_all;
use junction_testkit::client::CallError;
use junction_testkit::{
    TestBridge, TestHome, TestHub, Version, answer_to, eventually, is_gone, list, memory, pair,
    texts, tool_call, within,
};
use serde_json::{Value, json};

#[tokio::test]
async fn without_a_hub_sends_queue_up_to_the_bound() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let sent = alice.send("bob", "so that the card is known").await;
    bob.read_one().await;
    alice.receipt(&sent["id"]).await;
    hub.kill();
    let mut calls = Vec::new();
    for number in 0..40 {
        let message = format!("queued {number}");
        let arguments = json!({ "target_alias": "bob", "message": message });
        calls.push(alice.begin("send_message", arguments).await);
    }
    let answers = join_all(calls.into_iter().map(|call| within("a send", call.content()))).await;
    let (mut queued, mut refused) = (0, 0);
    for answer in answers {
        match answer {
            Ok(sent) => {
                assert_eq!(sent["status"], "queued");
                queued += 1;
            }
            Err(CallError::Tool(text)) => {
                assert!(text.contains("unread"), "{text}");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((queued, refused), (32, 8));
    hub.restart(&home).await;
    let expected: Vec<String> = (0..32).map(|number| format!("queued {number}")).collect();
    assert_eq!(texts(&bob.read_many(32).await), expected);
}

#[tokio::test]
async fn two_concurrent_reads_share_the_messages_without_duplicates() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let wait = json!({ "wait_seconds": 30, "limit": 1 });
    let reads =
        [bob.begin("read_messages", wait.clone()).await, bob.begin("read_messages", wait).await];
    for text in ["one", "two"] {
        alice.send("bob", text).await;
    }
    let answers = join_all(reads.into_iter().map(|read| within("a read", read.content()))).await;
    let mut got: Vec<String> = Vec::new();
    for answer in answers {
        let messages = list(&answer.expect("an answer"), "messages");
        got.extend(texts(&messages).into_iter().map(str::to_owned));
    }
    got.sort_unstable();
    assert_eq!(got, ["one", "two"]);
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_cancelled_read_gives_its_messages_back_in_order() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for version in [Version::Stateful, Version::Stateless] {
        let mut alice = TestBridge::open(&home, TestBridge::launch(&home, hub.port), version).await;
        let mut bob = TestBridge::open(&home, TestBridge::launch(&home, hub.port), version).await;
        alice.register("alice").await;
        bob.register("bob").await;
        for round in 0..20 {
            let wait = bob.begin("read_messages", json!({ "wait_seconds": 30 })).await;
            let (before, after) = (format!("{round} before"), format!("{round} after"));
            // On odd rounds the cancellation races the message, on even ones it comes first.
            if round % 2 == 0 {
                within("the cancellation", wait.cancel()).await.expect("the bridge reads");
                alice.send("bob", &before).await;
            } else {
                let arguments = json!({ "target_alias": "bob", "message": before });
                let sending = alice.begin("send_message", arguments).await;
                within("the cancellation", wait.cancel()).await.expect("the bridge reads");
                within("the send", sending.content()).await.expect("an answer");
            }
            alice.send("bob", &after).await;
            let mut got = all_up_to(&bob, &after).await;
            got.extend(bob.leftovers().await);
            assert_eq!(texts(&got), [before, after]);
        }
        for bridge in [alice, bob] {
            bridge.call("disconnect", json!({})).await;
        }
    }
}

/// Reads until the message `last` has come, and gives it with all that came before, in order: also what came
/// in an answer that was on its way already when its call was cancelled.
async fn all_up_to(bridge: &TestBridge, last: &str) -> Vec<Value> {
    let (mut late, mut read) = (Vec::new(), Vec::new());
    eventually("the last message comes", async || {
        read.extend(bridge.leftovers().await);
        while let Some(line) = bridge.client.try_next_line() {
            let stray: Value = serde_json::from_str(&line).expect("stdout carries MCP alone");
            late.extend(list(&stray["result"]["structuredContent"], "messages"));
        }
        texts(&late).into_iter().chain(texts(&read)).any(|text| text == last).then_some(())
    })
    .await;
    late.append(&mut read);
    late
}

#[tokio::test]
async fn of_two_requests_with_one_id_only_one_gets_the_messages() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let id = json!("twin");
    for _ in 0..2 {
        bob.say(tool_call(&id, "read_messages", &json!({ "wait_seconds": 20 }))).await;
    }
    // Without an id: a client must not take it for the answer to the first.
    let refused = answer_to(&bob, &Value::Null).await;
    assert!(refused.get("error").is_some(), "the second is refused at once: {refused}");
    alice.send("bob", "for one of them").await;
    let second = answer_to(&bob, &id).await;
    assert_eq!(second["result"]["structuredContent"]["messages"][0]["message"], "for one of them");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn messages_in_an_unread_answer_are_not_reported_as_read() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    // More than pipe and client take: the bridge's stdout stands still.
    for number in 0..400 {
        let id = format!("flood-{number}");
        bob.say(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list" }).to_string()).await;
    }
    let sent = alice.send("bob", &"z".repeat(60_000)).await;
    bob.say(tool_call(&json!("stuck"), "read_messages", &json!({ "wait_seconds": 5 }))).await;
    for _ in 0..5 {
        let told = list(&alice.call("read_messages", json!({})).await, "receipts");
        assert_eq!(told, Vec::<Value>::new(), "nobody has read it");
        alice.sees("bob", "online").await;
    }
    let answer = answer_to(&bob, &json!("stuck")).await;
    assert_eq!(answer["result"]["structuredContent"]["messages"][0]["id"], sent["id"]);
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
}

#[tokio::test]
async fn a_bridge_killed_with_unwritten_mail_makes_no_receipt() {
    let home = TestHome::new();
    let settings = [("JUNCTION_SESSION_TIMEOUT_MS", "6000"), ("JUNCTION_SWEEP_INTERVAL_MS", "500")];
    let hub = TestHub::start_with(&home, &settings).await;
    let (alice, bob) = pair(&home, &hub).await;
    for number in 0..400 {
        let id = format!("flood-{number}");
        bob.say(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list" }).to_string()).await;
    }
    let sent = alice.send("bob", "never written").await;
    bob.say(tool_call(&json!("stuck"), "read_messages", &json!({ "wait_seconds": 5 }))).await;
    bob.client.kill();
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "unconfirmed");
}

#[tokio::test]
async fn ten_thousand_calls_at_once_are_answered_in_bounded_memory() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let before = memory(bob.client.pid(), "VmRSS").unwrap_or_default();
    let mut calls = Vec::new();
    for number in 0..10_000 {
        let (tool, arguments) = match number % 4 {
            0 => ("list_peers", json!({ "limit": 1 })),
            1 => ("register", json!({})),
            2 => ("read_messages", json!({})),
            _ => ("wait_for_peer", json!({ "timeout_seconds": 0 })),
        };
        calls.push(bob.begin(tool, arguments).await);
    }
    let answers = join_all(calls.into_iter().map(|call| within("an answer", call.content()))).await;
    for answer in answers {
        assert!(matches!(answer, Ok(_) | Err(CallError::Tool(_))), "{answer:?}");
    }
    let peak = memory(bob.client.pid(), "VmHWM").unwrap_or_default();
    eprintln!("10,000 calls: {before} KiB before, {peak} KiB at most");
    assert!(peak < before + 64 * 1024, "{before} KiB grew to {peak} KiB");
    alice.send("bob", "still there").await;
    assert_eq!(texts(&bob.read_many(1).await), ["still there"]);
}

#[tokio::test]
async fn ten_thousand_waits_at_once_are_bounded_and_end_with_the_bridge() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut bob =
        TestBridge::open(&home, TestBridge::launch(&home, hub.port), Version::Stateful).await;
    bob.register("bob").await;
    let mut calls = Vec::new();
    for _ in 0..10_000 {
        let arguments = json!({ "timeout_seconds": 540, "expected_role": "nobody" });
        calls.push(bob.begin("wait_for_peer", arguments).await);
    }
    assert_eq!(bob.call("register", json!({})).await["alias"], "bob", "other calls go on");
    bob.client.close_stdin();
    let (_, took) = bob.ended().await;
    eprintln!("gone {took:?} after the end of stdin, amid 10,000 waits");
    assert!(is_gone(bob.client.pid()));
}
