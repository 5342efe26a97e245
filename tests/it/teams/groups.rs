//! Messages to groups, between real processes.

use std::sync::{Arc, Mutex};

use junction_testkit::{
    BridgeEnding, FrameProxy, TestBridge, TestHome, TestHub, Version, list, pass, texts,
};
use serde_json::{Value, json};

/// A lead and this many workers.
async fn team(home: &TestHome, hub: &TestHub, workers: usize) -> (TestBridge, Vec<TestBridge>) {
    let lead = TestBridge::join(home, hub, "lead").await;
    let mut team = Vec::new();
    for number in 0..workers {
        let worker = TestBridge::join(home, hub, &format!("worker-{number}")).await;
        worker.call("register", json!({ "role": "worker", "repo": "shop" })).await;
        team.push(worker);
    }
    (lead, team)
}

fn aliases(sent: &Value) -> Vec<String> {
    let alias = |one: Value| one["alias"].as_str().expect("an alias").to_owned();
    list(sent, "recipients").into_iter().map(alias).collect()
}

#[tokio::test]
async fn every_way_to_name_a_group_reaches_its_members_and_nobody_else() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_lead, workers) = team(&home, &hub, 2).await;
    let launch = TestBridge::launch(&home, hub.port).env("JUNCTION_SEND_LIMIT", "30,5");
    let mut lead = TestBridge::open(&home, launch, Version::Stateful).await;
    lead.register("boss").await;
    let other = TestBridge::join(&home, &hub, "other").await;
    for (address, members) in [
        (json!("role:worker"), 2),
        (json!("ROLE: Worker"), 2),
        (json!("repo:shop"), 2),
        (json!(["worker-0", "@worker-1", "boss"]), 2),
        (json!("worker-0, worker-1, worker-0"), 2),
        (json!("*"), 4),
    ] {
        // A minute has room for six groups.
        let sent =
            lead.call("send_message", json!({ "target_alias": address, "message": "hello" })).await;
        assert_eq!((&sent["members"], aliases(&sent).len()), (&json!(members), members), "{sent}");
        assert_eq!((sent.get("status"), sent.get("peer")), (None, None));
        for worker in &workers {
            let message = worker.read_one().await;
            assert_eq!((&message["id"], &message["message"]), (&sent["id"], &json!("hello")));
            assert_eq!(message["to"], sent["to"]);
        }
        if members == 4 {
            assert_eq!(other.read_one().await["to"], "*");
        }
    }
    assert_eq!(other.leftovers().await, Vec::<Value>::new());
    let seventh = json!({ "target_alias": "*", "message": "once more" });
    let refused = lead.error("send_message", seventh).await;
    assert!(refused.contains("limit of messages to groups per minute"), "{refused}");
    assert_eq!(lead.send("other", "alone").await["to"], "other");
}

#[tokio::test]
async fn receipts_of_a_group_come_for_each_member_and_are_summed_up() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, workers) = team(&home, &hub, 3).await;
    let arguments =
        json!({ "target_alias": "role:worker", "message": "hello", "notify_when": "read" });
    let sent = lead.call("send_message", arguments).await;
    for worker in &workers[..2] {
        worker.read_one().await;
    }
    let mut receipts = Vec::new();
    while receipts.len() < 2 {
        let page = lead.read().await;
        assert_eq!(list(&page, "notifications"), Vec::<Value>::new(), "one has not read");
        receipts.extend(list(&page, "receipts"));
    }
    for receipt in &receipts {
        assert_eq!((&receipt["id"], &receipt["of"]), (&sent["id"], &json!(3)));
        assert_eq!(receipt["status"], "read");
    }
    assert_eq!(receipts.last().expect("two")["read"], 2);
    workers[2].read_one().await;
    let page = lead.call("read_messages", json!({ "wait_seconds": 60 })).await;
    let notification = &list(&page, "notifications")[0];
    assert_eq!((&notification["id"], &notification["to"]), (&sent["id"], &json!("role:worker")));
    assert_eq!(list(&page, "receipts")[0]["read"], 3);
}

#[tokio::test]
async fn call_collects_the_replies_of_all_members_or_of_the_first() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, workers) = team(&home, &hub, 3).await;
    for (wait_for, count) in [("all", 3), ("any", 1)] {
        let asked = json!({
            "target_alias": "role:worker",
            "message": "ready?",
            "intent": "request",
            "wait_seconds": 60,
            "wait_for": wait_for,
        });
        let asking = lead.begin("send_message", asked).await;
        let answering = if wait_for == "all" { &workers[..] } else { &workers[1..2] };
        for worker in answering {
            let request = worker.read_one().await;
            let answer = json!({
                "target_alias": request["from"],
                "message": worker.alias,
                "reply_to": request["id"],
            });
            worker.call("send_message", answer).await;
        }
        let sent = asking.content().await.expect("an answer");
        let replies = list(&sent, "replies");
        let names: Vec<_> = answering.iter().map(|worker| worker.alias.as_str()).collect();
        assert_eq!((replies.len(), texts(&replies)), (count, names), "{sent}");
        assert!(replies.iter().all(|reply| reply["reply_to"] == sent["id"]));
        for worker in &workers {
            // What was not read before.
            worker.read().await;
        }
    }
}

#[tokio::test]
async fn regression_wait_for_a_group_ends_with_a_message_that_should_be_read_first() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, workers) = team(&home, &hub, 2).await;
    let asked = json!({
        "target_alias": "role:worker", "message": "ready?", "intent": "request", "wait_seconds": 60,
    });
    let asking = lead.begin("send_message", asked).await;
    let request = workers[0].read_one().await;
    workers[0].send("lead", "Which branch?").await;
    let sent = asking.content().await.expect("an answer");
    assert_eq!((&sent["ended_by"], &sent["id"]), (&json!(workers[0].alias), &request["id"]));
    assert_eq!(lead.read_one().await["message"], "Which branch?");
}

#[tokio::test]
async fn groups_that_are_empty_or_too_large_get_nothing_and_say_why() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let lead = TestBridge::join(&home, &hub, "lead").await;
    let to = |address: Value| json!({ "target_alias": address, "message": "hello" });
    for nobody in ["*", "role:worker", "repo:none"] {
        let refused = lead.error("send_message", to(json!(nobody))).await;
        assert!(refused.contains("Nobody is in that group now"), "{refused}");
    }
    assert!(lead.error("send_message", to(json!("lead"))).await.contains("your own"));
    let many: Vec<_> = (0..65).map(|number| format!("worker-{number}")).collect();
    let refused = lead.error("send_message", to(json!(many))).await;
    assert!(refused.contains("has 65 members, and a message may go to 64 at most"), "{refused}");
    let refused = lead.error("send_message", to(json!("team:x"))).await;
    assert!(refused.contains("role:NAME"), "{refused}");
    for for_one in [
        json!({ "fingerprint": "0123456789abcdef" }),
        json!({ "attachments": [{ "path": "a" }] }),
        json!({ "intent": "done", "reply_to": "018f0000-0000-7000-8000-0000000000ff" }),
    ] {
        let mut arguments = to(json!("*"));
        arguments
            .as_object_mut()
            .expect("an object")
            .extend(for_one.as_object().cloned().expect("one"));
        let refused = lead.error("send_message", arguments).await;
        assert!(refused.contains("go to one peer at a time"), "{refused}");
    }
}

#[tokio::test]
async fn member_that_is_away_or_unknown_is_told_of_by_itself() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, mut workers) = team(&home, &hub, 2).await;
    let gone = workers.remove(0);
    BridgeEnding::Kill.of(&gone).await;
    lead.sees("worker-0", "away").await;
    let arguments = json!({ "target_alias": "worker-0,worker-1,worker-9", "message": "hello" });
    let sent = lead.call("send_message", arguments).await;
    let recipients = list(&sent, "recipients");
    assert_eq!(aliases(&sent), ["worker-0", "worker-1", "worker-9"]);
    assert_eq!(recipients[0]["status"], "accepted", "its inbox waits");
    assert_eq!(recipients[2]["status"], "not_sent");
    let why = recipients[2]["why"].as_str().expect("a reason");
    assert!(why.contains("No peer has that alias"), "{why}");
    workers[0].read_one().await;
    let receipt = lead.receipt(&sent["id"]).await;
    assert_eq!((&receipt["to"], &receipt["of"]), (&json!("worker-1"), &json!(2)));
}

#[tokio::test]
async fn call_that_is_made_again_under_its_key_sends_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (lead, workers) = team(&home, &hub, 2).await;
    for address in ["worker-0", "role:worker"] {
        let arguments = json!({ "target_alias": address, "message": "build", "key": "build-7" });
        let first = lead.call("send_message", arguments.clone()).await;
        let again = lead.call("send_message", arguments).await;
        assert_eq!((&again["id"], &again["repeated"]), (&first["id"], &json!(true)));
        assert_eq!(first.get("repeated"), None);
    }
    assert_eq!(texts(&workers[0].read_many(2).await), ["build", "build"]);
    workers[1].read_one().await;
    for worker in &workers {
        assert_eq!(worker.leftovers().await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn hub_that_is_killed_during_a_group_message_loses_and_doubles_no_copy() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (lead, workers) = team(&home, &hub, 4).await;
    let arguments = json!({ "target_alias": "role:worker", "message": "first" });
    lead.call("send_message", arguments).await;
    hub.kill();
    let arguments =
        json!({ "target_alias": "worker-0,worker-1,worker-2,worker-3", "message": "second" });
    let sent = lead.call("send_message", arguments).await;
    assert!(list(&sent, "recipients").iter().all(|one| one["status"] == "queued"), "{sent}");
    hub.restart(&home).await;
    for worker in &workers {
        assert_eq!(texts(&worker.read_many(2).await), ["first", "second"]);
    }
    for worker in &workers {
        assert_eq!(worker.leftovers().await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn hub_reads_nothing_of_groups_and_requests() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        sink.lock().expect("no panic").extend_from_slice(&heard.bytes);
        pass(heard)
    })
    .await;
    let lead = TestBridge::join_port(&home, proxy.port, "lead").await;
    let worker = TestBridge::join(&home, &hub, "worker").await;
    worker.call("register", json!({ "role": "secret-role" })).await;
    let arguments =
        json!({ "target_alias": "worker,worker-9", "message": "x", "intent": "request" });
    let sent = lead.call("send_message", arguments).await;
    let id = sent["id"].as_str().expect("an id").replace('-', "");
    let digits = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).expect("hexadecimal digits");
    let common: Vec<_> = (0..id.len()).step_by(2).map(digits).collect();
    worker.read_one().await;
    lead.receipt(&sent["id"]).await;
    let seen = seen.lock().expect("no panic").clone();
    assert!(!seen.is_empty());
    let has = |needle: &[u8]| seen.windows(needle.len()).any(|window| window == needle);
    assert!(!has(&common), "the id that all members share is sealed");
    assert!(!has(b"worker, worker-9"), "so is the group's name");
}
