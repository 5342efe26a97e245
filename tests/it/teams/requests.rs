//! Requests and their end, between real processes.

use junction_testkit::{
    BridgeEnding, TestBridge, TestHome, TestHub, TestSession, eventually, list,
};
use serde_json::{Value, json};

/// The texts of the requests that a bridge shows as open.
async fn open(bridge: &TestBridge) -> Vec<Value> {
    let page = bridge.read().await;
    list(&page, "open_requests").iter().map(|request| request["text"].clone()).collect()
}

async fn ask(from: &TestBridge, to: &str, text: &str) -> Value {
    let arguments =
        json!({ "target_alias": to, "message": text, "intent": "request", "notify_when": "done" });
    from.call("send_message", arguments).await["id"].clone()
}

async fn answer(from: &TestBridge, to: &str, request: &Value, intent: &str) -> Value {
    let arguments =
        json!({ "target_alias": to, "message": "here", "reply_to": request, "intent": intent });
    from.call("send_message", arguments).await
}

#[tokio::test]
async fn request_is_shown_until_it_is_done_and_who_asked_is_told_so() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let lead = TestBridge::join(&home, &hub, "lead").await;
    let worker = TestBridge::join(&home, &hub, "worker").await;
    let id = ask(&lead, "worker", &"review the parser ".repeat(9)).await;
    let page = worker.call("read_messages", json!({ "wait_seconds": 60 })).await;
    let (message, shown) = (&list(&page, "messages")[0], &list(&page, "open_requests")[0]);
    assert_eq!((&message["intent"], &message["id"]), (&json!("request"), &id));
    assert_eq!((&shown["id"], &shown["from"]), (&id, &json!("lead")));
    assert_eq!(shown["text"].as_str().expect("a text").chars().count(), 80);
    assert_eq!(open(&worker).await.len(), 1, "every read shows it");
    answer(&worker, "lead", &id, "done").await;
    assert_eq!(worker.read().await.get("open_requests"), None);
    let page = lead.call("read_messages", json!({ "wait_seconds": 60 })).await;
    assert_eq!(list(&page, "messages")[0]["intent"], "done");
    let notification = &list(&page, "notifications")[0];
    assert_eq!((&notification["id"], &notification["event"]), (&id, &json!("done")));
}

#[tokio::test]
async fn done_without_a_request_is_an_error_that_says_what_is_missing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let worker = TestBridge::join(&home, &hub, "worker").await;
    let arguments = json!({ "target_alias": "lead", "message": "", "intent": "done" });
    let error = worker.error("send_message", arguments).await;
    assert!(error.contains("needs reply_to"), "{error}");
}

/// A request that was read is open again for the next bridge of its session, however the one before ended.
async fn survives(ending: BridgeEnding) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let lead = TestBridge::join(&home, &hub, "lead").await;
    let session = TestSession::new(&home, &hub, "session");
    let worker = session.start(&home).await;
    let named = worker.call("register", json!({ "alias": "worker" })).await;
    assert_eq!(named["alias"], "worker");
    let greeting = worker.send("lead", "I am here").await;
    lead.read_one().await;
    worker.receipt(&greeting["id"]).await;
    let open_one = ask(&lead, "worker", "review the parser").await;
    let answered = ask(&lead, "worker", "and the lexer").await;
    worker.read_many(2).await;
    lead.all_receipts_are_read(2).await;
    answer(&worker, "lead", &answered, "inform").await;
    lead.read_one().await;
    ending.of(&worker).await;
    let worker = session.start(&home).await;
    let what = "the request is repeated for the next bridge";
    let requests = eventually(what, async || {
        let page = worker.try_call("read_messages", json!({})).await.ok()?;
        assert_eq!(list(&page, "messages"), Vec::<Value>::new(), "it is no message");
        Some(list(&page, "open_requests")).filter(|requests| !requests.is_empty())
    })
    .await;
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0]["id"], open_one);
    assert_eq!(
        (&requests[0]["from"], &requests[0]["text"]),
        (&json!("lead"), &json!("review the parser"))
    );
    answer(&worker, "lead", &open_one, "done").await;
    assert_eq!(worker.read().await.get("open_requests"), None);
    let page = lead.call("read_messages", json!({ "wait_seconds": 60 })).await;
    let events: Vec<_> =
        list(&page, "notifications").iter().map(|it| it["event"].clone()).collect();
    assert_eq!(events, [json!("done")], "{page}");
}

#[tokio::test]
async fn request_survives_a_bridge_that_ends_in_order() {
    survives(BridgeEnding::Terminate).await;
}

#[tokio::test]
async fn request_survives_a_bridge_that_is_killed() {
    survives(BridgeEnding::Kill).await;
}

#[tokio::test]
async fn request_survives_a_hub_that_is_killed() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let lead = TestBridge::join(&home, &hub, "lead").await;
    let worker = TestBridge::join(&home, &hub, "worker").await;
    let id = ask(&lead, "worker", "review the parser").await;
    worker.read_one().await;
    hub.kill();
    assert_eq!(open(&worker).await, ["review the parser"]);
    let answered = answer(&worker, "lead", &id, "done").await;
    assert_eq!(answered["status"], "queued");
    hub.restart(&home).await;
    assert_eq!(lead.read_one().await["reply_to"], id);
    assert_eq!(open(&worker).await, Vec::<Value>::new());
}

#[tokio::test]
async fn requests_of_a_session_that_left_are_not_open() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let lead = TestBridge::join(&home, &hub, "lead").await;
    let worker = TestBridge::join(&home, &hub, "worker").await;
    ask(&lead, "worker", "review the parser").await;
    worker.read_one().await;
    lead.call("disconnect", json!({})).await;
    eventually("the request is gone with its sender", async || {
        open(&worker).await.is_empty().then_some(())
    })
    .await;
}
