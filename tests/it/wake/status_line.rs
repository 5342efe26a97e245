//! What a client shows its user of a session.

use junction_testkit::{TestAgent, TestBridge, TestHome, TestHub, status_line, within};
use serde_json::{Value, json};

async fn send(from: &TestBridge, message: Value) -> Value {
    from.call("send_message", message).await
}

#[tokio::test]
async fn the_status_line_says_who_the_session_is_and_what_waits_for_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    assert_eq!(status_line(&alice.runtime, &json!({ "session_id": "s" })).await, "alice\n");
    send(&bob, json!({ "target_alias": "alice", "message": "a" })).await;
    alice.bridge.holds(1).await;
    assert_eq!(status_line(&alice.runtime, &Value::Null).await, "alice · 1 unread\n");
    // A wait of a second: the question stays one after that.
    send(&bob, json!({ "target_alias": "alice", "message": "b", "wait_seconds": 1 })).await;
    alice.bridge.holds(2).await;
    assert_eq!(
        status_line(&alice.runtime, &Value::Null).await,
        "alice · 2 unread · 1 waiting for an answer\n"
    );
    alice.bridge.call("read_messages", json!({})).await;
    assert_eq!(status_line(&alice.runtime, &Value::Null).await, "alice\n");
    alice.bridge.client.kill();
    assert_eq!(status_line(&alice.runtime, &Value::Null).await, "");
}

#[tokio::test]
async fn of_two_sessions_the_status_line_shows_the_one_that_was_named_or_none() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let launch = TestAgent::launch(&home, &hub, "bob").env("XDG_RUNTIME_DIR", &alice.runtime);
    let mut bob = TestBridge::spawn(&home, launch);
    within("initialize", bob.client.initialize("test-client")).await.expect("a session");
    bob.register("bob").await;
    let named = |session: &str| json!({ "session_id": session });
    assert_eq!(status_line(&alice.runtime, &named("b")).await, "");
    bob.call("hook_event", json!({ "hook_event_name": "Stop", "session_id": "b" })).await;
    assert_eq!(status_line(&alice.runtime, &named("b")).await, "bob\n");
    assert_eq!(status_line(&alice.runtime, &named("c")).await, "");
    assert_eq!(status_line(&alice.runtime, &Value::Null).await, "");
}
