//! A person writes to several agents at once.

use junction_testkit::{TestBridge, TestHome, TestHub, TestWatch, finished, person, run_person};
use serde_json::{Value, json};

/// Two agents of the role `worker`.
async fn workers(home: &TestHome, hub: &TestHub) -> [TestBridge; 2] {
    let workers =
        [TestBridge::join(home, hub, "bob").await, TestBridge::join(home, hub, "eve").await];
    for worker in &workers {
        worker.call("register", json!({ "role": "worker" })).await;
    }
    workers
}

#[tokio::test]
async fn regression_watch_prints_the_receipts_of_each_member() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let workers = workers(&home, &hub).await;
    let mut watch = TestWatch::start(&home, hub.port).await;
    let sent = run_person(&home, hub.port, &["send", "--json", "role:worker", "hello"]).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let sent: Value = serde_json::from_str(&sent.stdout).expect("JSON");
    for (worker, read) in workers.iter().zip(1..) {
        worker.read_one().await;
        let receipt = watch.event("receipt", |receipt| receipt["to"] == worker.alias).await;
        assert_eq!((&receipt["id"], &receipt["status"]), (&sent["id"], &json!("read")));
        assert_eq!((&receipt["read"], &receipt["of"]), (&json!(read), &json!(2)));
    }
}

#[tokio::test]
async fn regression_message_with_a_used_key_is_said_to_be_sent_before() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let [bob, eve] = workers(&home, &hub).await;
    let watch = TestWatch::start(&home, hub.port).await;
    for to in ["bob", "role:worker"] {
        let arguments = ["send", "--key", "build", to, "build it"];
        let first = run_person(&home, hub.port, &arguments).await;
        assert!(first.code == Some(0) && first.stdout.starts_with("Sent to "), "{first:?}");
        bob.read_one().await;
        let again = run_person(&home, hub.port, &arguments).await;
        assert!(again.code == Some(0) && !again.stdout.contains("Sent to "), "{again:?}");
        assert!(again.stdout.starts_with("A message with this key was sent before"), "{again:?}");
        assert!(again.stdout.contains("bob has read it."), "{again:?}");
        assert_eq!(bob.leftovers().await, Vec::<Value>::new());
    }
    eve.read_one().await;
    drop(watch);
    let alone = run_person(&home, hub.port, &["send", "--key", "build", "bob", "x"]).await;
    assert_eq!((alone.code, alone.stdout.as_str()), (Some(1), ""), "{alone:?}");
    assert!(alone.stderr.contains("--key has no effect here"), "{alone:?}");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn regression_message_that_was_not_sent_to_all_is_the_status_1() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let [bob, _eve] = workers(&home, &hub).await;
    for watches in [false, true] {
        let watch = if watches { Some(TestWatch::start(&home, hub.port).await) } else { None };
        let sent = run_person(&home, hub.port, &["send", "bob,nobody", "hello"]).await;
        assert_eq!(sent.code, Some(1), "{sent:?}");
        let said = "Sent to 1 session: bob.\nNot sent to nobody: No session has that alias now.";
        assert!(sent.stdout.starts_with(said), "{sent:?}");
        assert!(sent.stderr.contains("did not get to nobody. To try again,"), "{sent:?}");
        bob.read_one().await;
        drop(watch);
    }
}

#[tokio::test]
async fn regression_group_wait_names_who_did_not_answer_and_who_is_gone() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let [bob, eve] = workers(&home, &hub).await;
    for (name, eve_leaves, said) in [
        ("anna", false, "No answer from eve came in time."),
        ("carl", true, "eve is gone; no reply comes."),
    ] {
        let seconds = if eve_leaves { "60" } else { "3" };
        let arguments = ["send", "--as", name, "--wait", seconds, "role:worker", "ready?"];
        let asking = person(&home, hub.port, &arguments).spawn().expect("it starts");
        let question = bob.read_one().await;
        eve.read_one().await;
        let answer = json!({ "target_alias": name, "message": "yes", "reply_to": question["id"] });
        bob.call("send_message", answer).await;
        if eve_leaves {
            eve.call("disconnect", json!({})).await;
        }
        let asked = finished(asking).await;
        assert_eq!((asked.code, asked.stdout.as_str()), (Some(0), "bob: yes\n"), "{asked:?}");
        assert!(asked.stderr.contains(said), "{asked:?}");
    }
}

#[tokio::test]
async fn regression_wait_for_a_peer_that_leaves_ends_and_says_so() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for watches in [false, true] {
        let watch = if watches { Some(TestWatch::start(&home, hub.port).await) } else { None };
        let bob = TestBridge::join(&home, &hub, "bob").await;
        let asking = person(&home, hub.port, &["send", "--wait", "60", "bob", "ready?"]).spawn();
        bob.read_one().await;
        bob.call("disconnect", json!({})).await;
        let asked = finished(asking.expect("it starts")).await;
        assert_eq!((asked.code, asked.stdout.as_str()), (Some(3), ""), "{asked:?}");
        assert!(asked.stderr.contains("bob is gone; no reply comes."), "{asked:?}");
        drop(watch);
    }
}

#[tokio::test]
async fn regression_message_of_a_member_ends_the_wait_of_a_group() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let [bob, eve] = workers(&home, &hub).await;
    for watches in [false, true] {
        let watch = if watches { Some(TestWatch::start(&home, hub.port).await) } else { None };
        let arguments = ["send", "--wait", "60", "--wait-for", "any", "role:worker", "ready?"];
        let asking = person(&home, hub.port, &arguments).spawn().expect("it starts");
        let question = bob.read_one().await;
        eve.read_one().await;
        bob.send(question["from"].as_str().expect("an alias"), "first something else").await;
        let asked = finished(asking).await;
        assert!(asked.stderr.contains("bob wrote something else first, which ended the wait."));
        // Without a watch, nothing else can print it.
        let (code, is_printed) = if watches { (3, false) } else { (0, true) };
        assert_eq!(asked.code, Some(code), "{asked:?}");
        assert_eq!(asked.stdout.contains("first something else"), is_printed, "{asked:?}");
        drop(watch);
    }
}
