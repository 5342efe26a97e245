//! A person and agents write to each other.

use std::time::Duration;

use junction_testkit::{TestBridge, TestHome, TestHub, TestWatch, finished, person, run_person};
use serde_json::json;

#[tokio::test]
async fn person_and_three_agents_in_one_conversation() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let agents = [
        TestBridge::join(&home, &hub, "alice").await,
        TestBridge::join(&home, &hub, "bob").await,
        TestBridge::join(&home, &hub, "carol").await,
    ];
    let mut watch = TestWatch::start(&home, hub.port).await;
    for agent in &agents {
        let question = format!("how is {}?", agent.alias);
        let sent = run_person(&home, hub.port, &["send", "--json", &agent.alias, &question]).await;
        assert_eq!(sent.code, Some(0), "{sent:?}");
        assert!(sent.stderr.is_empty(), "an answer can reach the watch: {}", sent.stderr);
        let sent: serde_json::Value = serde_json::from_str(&sent.stdout).expect("JSON");
        let message = agent.read_one().await;
        assert_eq!((&message["from"], &message["message"]), (&json!("kurt"), &json!(question)));
        assert_eq!((&message["from_person"], &message["untrusted"]), (&json!(true), &json!(true)));
        let receipt = watch.event("receipt", |receipt| receipt["id"] == sent["id"]).await;
        assert_eq!((&receipt["to"], &receipt["status"]), (&json!(agent.alias), &json!("read")));
        let answer = json!({
            "target_alias": "kurt", "message": "well", "reply_to": message["id"],
        });
        let answered = agent.call("send_message", answer).await;
        assert_eq!(answered["peer"]["reach"], "push", "a watch sees it at once: {answered}");
        let shown = watch.event("message", |shown| shown["from"] == agent.alias.as_str()).await;
        assert_eq!((&shown["reply_to"], &shown["message"]), (&sent["id"], &json!("well")));
        assert_eq!(shown.get("from_person"), None, "an agent wrote it");
        assert_eq!(agent.receipt(&answered["id"]).await["status"], "read");
    }
    let _dave = TestBridge::join(&home, &hub, "dave").await;
    watch.event("peer", |peer| peer["alias"] == "dave" && peer["change"] == "came").await;
    assert_eq!(watch.interrupt().await, (Some(0), String::new()));
    let rest = agents[0].call("list_peers", json!({})).await;
    assert_eq!(rest["total"], 3, "the watch has said goodbye: {rest}");
}

#[tokio::test]
async fn person_without_a_watch_is_told_that_no_answer_comes() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let sent = run_person(&home, hub.port, &["send", "bob", "hello"]).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.stdout.starts_with("Sent to bob. "), "{sent:?}");
    assert!(sent.stderr.contains("No answer can reach you") && sent.stderr.contains("--wait"));
    let message = bob.read_one().await;
    assert_eq!((&message["from"], &message["from_person"]), (&json!("kurt"), &json!(true)));
}

#[tokio::test]
async fn send_waits_for_the_answer_and_prints_it_alone() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for watches in [false, true] {
        let watch = if watches { Some(TestWatch::start(&home, hub.port).await) } else { None };
        let name = if watches { "kurt" } else { "anna" };
        let mut arguments = vec!["send", "--wait", "30", "bob", "how are you?"];
        if !watches {
            arguments.splice(1..1, ["--as", "anna"]);
        }
        let asking = person(&home, hub.port, &arguments).spawn().expect("it starts");
        let question = bob.read_one().await;
        assert_eq!(question["from"], name);
        let answer = json!({ "target_alias": name, "message": "well\nand you?", "reply_to": question["id"] });
        let answered = bob.call("send_message", answer).await;
        let asked = finished(asking).await;
        assert_eq!((asked.code, asked.stdout.as_str()), (Some(0), "well\nand you?\n"), "{asked:?}");
        assert_eq!(bob.receipt(&answered["id"]).await["status"], "read");
        drop(watch);
    }
}

#[tokio::test]
async fn answer_that_does_not_say_what_it_answers_is_printed_too() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let asking = person(&home, hub.port, &["send", "--wait", "30", "bob", "well?"]).spawn();
    bob.read_one().await;
    let answered = bob.send("kurt", "yes, well").await;
    let asked = finished(asking.expect("it starts")).await;
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(asked.stdout.contains("\n  yes, well\n"), "{asked:?}");
    assert_eq!(bob.receipt(&answered["id"]).await["status"], "read");
}

#[tokio::test]
async fn nothing_that_comes_in_time_is_the_status_3() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let _bob = TestBridge::join(&home, &hub, "bob").await;
    for arguments in [&["send", "--wait", "1", "bob", "well?"][..], &["read", "--wait", "1"]] {
        let run = run_person(&home, hub.port, arguments).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{run:?}");
        assert!(run.stderr.contains(" came in time. "), "{run:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_status() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for (arguments, code, said) in [
        (&["send", "nobody", "hello"][..], 1, "No session has that alias now."),
        (&["send", "bob", ""], 2, "The text is empty."),
        (&["send", "--wait", "0", "bob", "x"], 2, "--wait"),
        (&["send", "--ttl", "9", "bob", "x"], 2, "10..=7200"),
        (&["send", "--ttl", "999999", "bob", "x"], 2, "10..=7200"),
        (&["send", "--fingerprint", "x", "bob", "x"], 2, "16 hexadecimal digits"),
        (&["watch", "--exec", " "], 2, "a command is expected"),
        (&["read", "--as", "!", "--wait", "1"], 2, "That cannot be an alias."),
    ] {
        let run = run_person(&home, hub.port, arguments).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{run:?}");
        assert!(run.stderr.contains(said), "{run:?}");
    }
    let read = run_person(&home, hub.port, &["read"]).await;
    assert!(read.code == Some(0) && read.stderr.contains("nobody could write to you"), "{read:?}");
    let hub_port = hub.port;
    drop(hub);
    let sent = run_person(&home, hub_port, &["send", "bob", "hello"]).await;
    assert!(sent.code == Some(1) && sent.stdout.is_empty(), "{sent:?}");
}

#[tokio::test]
async fn taken_name_gets_a_number_and_a_wished_one_is_refused() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let _other = TestBridge::join(&home, &hub, "kurt").await;
    let sent = run_person(&home, hub.port, &["send", "bob", "hello"]).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(bob.read_one().await["from"], "kurt-2");
    let sent = run_person(&home, hub.port, &["send", "--as", "kurt", "bob", "hello"]).await;
    assert_eq!(sent.code, Some(1), "{sent:?}");
    assert!(sent.stderr.contains("kurt-2 is free"), "{sent:?}");
}

#[tokio::test]
async fn regression_peer_answers_a_second_command_as_well_as_the_first() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for name in ["kurt", "kurt-2", "kurt-3"] {
        let asking = person(&home, hub.port, &["send", "--wait", "30", "bob", "well?"]).spawn();
        let question = bob.read_one().await;
        assert_eq!((&question["from"], question.get("key_changed")), (&json!(name), None));
        let answer = json!({ "target_alias": name, "message": "yes", "reply_to": question["id"] });
        bob.call("send_message", answer).await;
        assert_eq!(finished(asking.expect("it starts")).await.stdout, "yes\n");
    }
    // Where the name is a person's own choice, it is kept, and said what peers are told.
    let sent = run_person(&home, hub.port, &["send", "--as", "kurt", "bob", "again"]).await;
    assert!(
        sent.code == Some(0) && sent.stderr.contains("An earlier session of yours"),
        "{sent:?}"
    );
    assert_eq!(bob.read_one().await["key_changed"], true);
}

#[tokio::test]
async fn text_of_any_size_comes_from_stdin_through_a_watch_too() {
    use tokio::io::AsyncWriteExt as _;

    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let mut watch = Some(TestWatch::start(&home, hub.port).await);
    for through in ["watch", "alone"] {
        // Each byte of this text takes six in JSON.
        let text = "\u{1}".repeat(65_536);
        let mut sending = person(&home, hub.port, &["send", "bob", "-"]);
        let mut sending = sending.stdin(std::process::Stdio::piped()).spawn().expect("it starts");
        let mut stdin = sending.stdin.take().expect("a pipe");
        stdin.write_all(format!("{text}\n").as_bytes()).await.expect("it reads");
        drop(stdin);
        let sent = finished(sending).await;
        assert_eq!(sent.code, Some(0), "{through}: {sent:?}");
        let message = bob.read_one().await;
        assert_eq!(message["message"].as_str().map(str::len), Some(65_536 * 5), "{through}");
        if let Some(watch) = watch.take() {
            watch.interrupt().await;
        }
    }
}

#[tokio::test]
async fn read_prints_what_came_and_its_sender_knows() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let reading = person(&home, hub.port, &["read", "--wait", "30"]).spawn().expect("it starts");
    bob.sees("kurt", "online").await;
    let sent = bob.send("kurt", "one\ntwo").await;
    let read = finished(reading).await;
    assert_eq!(read.code, Some(0), "{read:?}");
    assert!(read.stdout.starts_with("bob at ") && read.stdout.ends_with("\n  one\n  two\n"));
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "read");
}

#[tokio::test]
async fn message_that_nobody_could_see_is_not_read() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for (arguments, name) in [(&["read", "--wait", "30"][..], "kurt"), (&["watch"], "kurt-2")] {
        let mut child = person(&home, hub.port, arguments).spawn().expect("it starts");
        bob.sees(name, "online").await;
        drop(child.stdout.take());
        let sent =
            bob.try_call("send_message", json!({ "target_alias": name, "message": "hello" })).await;
        let status = junction_testkit::within("it ends", child.wait()).await.expect("its status");
        assert_eq!(status.code(), Some(0), "{arguments:?}");
        // The watch may have noticed that nobody reads it before the message was sent.
        if let Ok(sent) = sent {
            assert_ne!(bob.receipt(&sent["id"]).await["status"], "read", "{arguments:?}");
        }
        junction_testkit::eventually("kurt has left", async || {
            (bob.call("list_peers", json!({})).await["total"] == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn watch_goes_on_when_the_hub_comes_back() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let mut watch = TestWatch::start(&home, hub.port).await;
    hub.kill();
    watch
        .event("hub", |event| event["text"].as_str().is_some_and(|text| text.contains("away")))
        .await;
    hub.restart(&home).await;
    watch.event("hub", |event| event["text"] == "the hub is back").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    bob.sees("kurt", "online").await;
    bob.send("kurt", "hello again").await;
    watch.event("message", |message| message["message"] == "hello again").await;
    let started = std::time::Instant::now();
    assert_eq!(watch.interrupt().await.0, Some(0));
    assert!(started.elapsed() < Duration::from_secs(5));
}
