//! Requests and their end, between real processes.

use std::cell::RefCell;
use std::collections::HashSet;

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

/// A lead, and a session whose first bridge the lead knows as `worker`, with a seat that is certain.
async fn lead_and_session(home: &TestHome, hub: &TestHub) -> (TestBridge, TestSession, TestBridge) {
    let lead = TestBridge::join(home, hub, "lead").await;
    let session = TestSession::new(home, hub, "session");
    let worker = session.start(home).await;
    worker.call("register", json!({ "alias": "worker" })).await;
    let greeting = worker.send("lead", "I am here").await;
    lead.read_one().await;
    worker.receipt(&greeting["id"]).await;
    (lead, session, worker)
}

/// A request that was read is open again for the next bridge of its session, however the one before ended.
async fn survives(ending: BridgeEnding) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, session, worker) = lead_and_session(&home, &hub).await;
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
    assert_eq!((&requests[0]["id"], &requests[0]["repeated"]), (&open_one, &json!(true)));
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

/// More than a pair may have on their way at a time.
#[tokio::test]
async fn regression_all_requests_of_one_sender_survive_a_bridge_that_is_killed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, session, worker) = lead_and_session(&home, &hub).await;
    for half in 0..2 {
        for number in 0..30 {
            ask(&lead, "worker", &format!("part {half}-{number}")).await;
        }
        worker.read_many(30).await;
        let read = RefCell::new(HashSet::new());
        eventually("the lead knows that they are read", async || {
            let receipts = list(&lead.read().await, "receipts");
            let receipts = receipts.iter().filter(|receipt| receipt["status"] == "read");
            read.borrow_mut().extend(receipts.map(|receipt| receipt["id"].to_string()));
            (read.borrow().len() == 30).then_some(())
        })
        .await;
    }
    BridgeEnding::Kill.of(&worker).await;
    let worker = session.start(&home).await;
    eventually("all are open again", async || {
        let page = worker.try_call("read_messages", json!({})).await.ok()?;
        (list(&page, "open_requests").len() == 60).then_some(())
    })
    .await;
}

#[tokio::test]
async fn regression_request_that_was_opened_and_not_read_is_awaited_over_a_killed_bridge() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, session, worker) = lead_and_session(&home, &hub).await;
    let waits = json!({
        "target_alias": "worker", "message": "review the parser", "intent": "request",
        "notify_when": "done", "wait_seconds": 60,
    });
    let asking = lead.begin("send_message", waits).await;
    eventually("it is opened", async || {
        let page = worker.call("list_peers", json!({})).await;
        (page["unread"] == 1).then_some(())
    })
    .await;
    BridgeEnding::Kill.of(&worker).await;
    let worker = session.start(&home).await;
    let request = eventually("it is open for the next bridge", async || {
        let page = worker.try_call("read_messages", json!({})).await.ok()?;
        list(&page, "open_requests").first().cloned()
    })
    .await;
    answer(&worker, "lead", &request["id"], "done").await;
    let sent = asking.content().await.expect("an answer");
    assert_eq!(sent["reply"]["intent"], "done", "{sent}");
    let page = lead.call("read_messages", json!({ "wait_seconds": 60 })).await;
    assert_eq!(list(&page, "notifications")[0]["event"], "done", "{page}");
}

#[tokio::test]
async fn regression_another_session_of_the_client_does_not_have_the_requests_of_the_first() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, session, worker) = lead_and_session(&home, &hub).await;
    ask(&lead, "worker", "review the parser").await;
    worker.read_one().await;
    lead.all_receipts_are_read(1).await;
    session.began(worker.client.pid(), "resume", "second").await;
    eventually("the other session has nothing to answer", async || {
        let page = worker.try_call("read_messages", json!({})).await.ok()?;
        list(&page, "open_requests").is_empty().then_some(())
    })
    .await;
    let again = session.elsewhere(&home).resume(&home).await;
    eventually("the first one has it again", async || {
        let page = again.try_call("read_messages", json!({})).await.ok()?;
        (list(&page, "open_requests").len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn regression_open_request_names_its_sender_as_the_sender_is_called_now() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut lead = TestBridge::join(&home, &hub, "lead").await;
    let worker = TestBridge::join(&home, &hub, "worker").await;
    ask(&lead, "worker", "review the parser").await;
    worker.read_one().await;
    lead.register("leader").await;
    eventually("the request names it so", async || {
        let page = worker.read().await;
        (list(&page, "open_requests")[0]["from"] == "leader").then_some(())
    })
    .await;
}
