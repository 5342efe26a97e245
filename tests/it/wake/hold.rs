//! A person holds sessions back, or removes them, by the sockets of their bridges.

use std::process::Stdio;

use junction_testkit::{
    TestAgent, TestBridge, TestHome, TestHub, TestPage, Version, bridge_binary, eventually, person,
    reaches, within,
};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

fn stopped() -> Value {
    json!({ "hook_event_name": "Stop", "session_id": "s" })
}

fn done() -> Option<Value> {
    Some(json!({ "say": "done" }))
}

/// Holds an agent back for this long.
async fn hold(agent: &TestAgent, seconds: u64) {
    assert_eq!(agent.ask(&json!({ "ask": "hold", "seconds": seconds })).await, done());
}

async fn describe(agent: &TestAgent) -> Value {
    agent.ask(&json!({ "ask": "describe" })).await.expect("a description")
}

/// An idle agent of this name with a plugin that waits, as bob sees it.
async fn idle(home: &TestHome, hub: &TestHub, bob: &TestBridge, name: &str) -> (TestAgent, Child) {
    let agent = TestAgent::join(home, hub, name).await;
    agent.hook(&stopped()).await;
    let wait = agent.plugin_wait(&[]).await;
    reaches(bob, name, "push").await;
    (agent, wait)
}

/// An urgent message, and how its receiver is reached.
async fn send(from: &TestBridge, to: &str) -> Value {
    let message = json!({ "target_alias": to, "message": "hello", "urgency": "high" });
    from.call("send_message", message).await
}

/// What a wait of a plugin has printed at its end.
async fn printed(wait: Child) -> String {
    let output = within("the wait ends", wait.wait_with_output()).await.expect("its output");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a command of this agent's user says on both channels.
async fn command(home: &TestHome, agent: &TestAgent, arguments: &[&str]) -> String {
    let output = Command::new(bridge_binary())
        .args(arguments)
        .env("XDG_RUNTIME_DIR", &agent.runtime)
        .env("JUNCTION_CONFIG_DIR", home.config())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = within("the command ends", output).await.expect("its output");
    [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat()
}

#[tokio::test]
async fn a_held_agent_is_woken_by_no_message_until_it_is_released() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (alice, mut wait) = idle(&home, &hub, &bob, "alice").await;
    hold(&alice, 86_400).await;
    reaches(&bob, "alice", "next-turn").await;
    let sent = send(&bob, "alice").await;
    assert_eq!((&sent["status"], &sent["peer"]["reach_why"]), (&json!("opened"), &json!("held")));
    assert_eq!(sent["peer"]["reach"], "next-turn");
    let seconds = sent["peer"]["wakes_in_seconds"].as_u64();
    assert!(seconds.is_some_and(|seconds| (1..=86_400).contains(&seconds)), "{sent}");
    // Another program of hers that would wake her is kept, too, and her turn ends as she wants.
    let mut rewake = alice.rewake_hook(&stopped()).await;
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": "x" });
    assert!(alice.hook_json(&prompt).await.to_string().contains("1 unread message"));
    assert_eq!(alice.hook_json(&stopped()).await, Value::Null);
    let described = describe(&alice).await;
    assert_eq!(
        (&described["hindrance"], &described["reach"]),
        (&json!("held"), &json!("next-turn"))
    );
    assert!(described["held_ms"].as_u64().is_some_and(|left| left > 0), "{described}");
    for waiting in [&mut wait, &mut rewake] {
        assert!(waiting.try_wait().expect("its status").is_none());
    }
    assert_eq!(alice.ask(&json!({ "ask": "release" })).await, done());
    assert!(printed(wait).await.contains("1 unread message from \"bob\""));
    assert_eq!(describe(&alice).await.get("held_ms"), None);
    assert_eq!(alice.bridge.read_one().await["message"], "hello");
}

#[tokio::test]
async fn a_hold_ends_by_itself_and_a_later_one_takes_the_place_of_an_earlier_one() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (alice, wait) = idle(&home, &hub, &bob, "alice").await;
    hold(&alice, 86_400).await;
    assert_eq!(send(&bob, "alice").await["peer"]["reach_why"], "held");
    hold(&alice, 1).await;
    assert!(printed(wait).await.contains("1 unread message"));
}

#[tokio::test]
async fn a_sender_that_waits_is_told_of_a_hold_that_begins_and_reads_of_it_later() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    // Nothing wakes her, so the message waits.
    let sent = send(&bob, "alice").await;
    assert_eq!(sent["peer"]["reach_why"], "no-way");
    hold(&alice, 600).await;
    let told = eventually("bob is told", async || {
        let page = bob.call("read_messages", json!({})).await;
        page["receipts"].as_array().expect("receipts").first().cloned()
    })
    .await;
    assert_eq!((&told["id"], &told["reach_why"]), (&sent["id"], &json!("held")));
}

#[tokio::test]
async fn every_session_is_held_and_each_is_released_by_itself() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (alice, first) = idle(&home, &hub, &bob, "alice").await;
    let (carol, mut second) = idle(&home, &hub, &bob, "carol").await;
    for agent in [&alice, &carol] {
        hold(agent, 600).await;
    }
    for name in ["alice", "carol"] {
        assert_eq!(send(&bob, name).await["peer"]["reach_why"], "held", "{name}");
    }
    assert_eq!(alice.ask(&json!({ "ask": "release" })).await, done());
    assert!(printed(first).await.contains("1 unread message"));
    assert!(second.try_wait().expect("its status").is_none());
}

#[tokio::test]
async fn regression_hold_all_holds_more_sessions_than_are_asked_at_a_time() {
    const SESSIONS: usize = 70;
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let runtime = home.path().join("many");
    std::fs::create_dir(&runtime).expect("a folder");
    let mut bridges = Vec::new();
    for _ in 0..SESSIONS {
        // Below a shell, as a client's, so that the page is not started by what has bridges.
        let launch = TestBridge::launch_program("/bin/sh", &home, hub.port)
            .arg("-c")
            .arg("\"$0\"; exit")
            .arg(bridge_binary())
            .env("XDG_RUNTIME_DIR", &runtime);
        bridges.push(TestBridge::open(&home, launch, Version::Stateful).await);
    }
    let mut command = person(&home, hub.port, &["ui", "--no-open"]);
    command.env("XDG_RUNTIME_DIR", &runtime);
    let page = TestPage::of(command).await;
    let visit = page.open(&page.link).await.expect("a visit");
    let mut tab = page.tab(&visit.cookie, &visit.key).await.expect("a tab");
    tab.show().await;
    let held = page.act("hold", &page.own_headers(&visit), r#"{"alias":null,"seconds":600}"#).await;
    assert!(held.starts_with("HTTP/1.0 200"), "{held}");
    tab.until("all are held", |frame| {
        let own = frame["own"].as_array()?;
        let held = own.iter().filter(|session| session["held_until"].is_u64()).count();
        (held == SESSIONS).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_call_that_waits_and_a_read_get_what_comes_in_a_hold() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (alice, _wait) = idle(&home, &hub, &bob, "alice").await;
    hold(&alice, 600).await;
    reaches(&bob, "alice", "next-turn").await;
    send(&bob, "alice").await;
    assert_eq!(alice.bridge.read_one().await["message"], "hello");
    let waits = alice.bridge.begin("read_messages", json!({ "wait_seconds": 25 })).await;
    reaches(&bob, "alice", "push").await;
    let sent = send(&bob, "alice").await;
    assert_eq!(sent["peer"].get("reach_why"), None, "{sent}");
    let page = within("the call ends", waits.content()).await.expect("an answer");
    assert_eq!(page["messages"][0]["message"], "hello");
}

#[tokio::test]
async fn no_message_of_a_peer_holds_a_session_back_or_removes_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (alice, mut wait) = idle(&home, &hub, &bob, "alice").await;
    for (number, text) in ["hold", "remove"].into_iter().enumerate() {
        let order = json!({ "ask": text, "seconds": 600 }).to_string();
        let sent = json!({ "target_alias": "alice", "message": order, "urgency": "high" });
        assert_eq!(bob.call("send_message", sent).await["peer"].get("reach_why"), None);
        assert!(printed(wait).await.contains(&format!("notice {}", number + 1)));
        assert_eq!(alice.bridge.read_one().await["message"], order.as_str());
        let described = describe(&alice).await;
        assert_eq!(
            (&described["connection"], described.get("held_ms")),
            (&json!("connected"), None)
        );
        alice.hook(&stopped()).await;
        wait = alice.plugin_wait(&["--woken"]).await;
        reaches(&bob, "alice", "push").await;
    }
}

#[tokio::test]
async fn a_person_sees_who_is_held() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (otter, _wait) = idle(&home, &hub, &bob, "held-otter").await;
    hold(&otter, 86_400).await;
    reaches(&bob, "held-otter", "next-turn").await;
    let doctor = command(&home, &otter, &["doctor"]).await;
    assert!(doctor.contains("is not woken: you hold it back. Release it, or wait"), "{doctor}");
    let status = command(&home, &otter, &["status"]).await;
    assert!(status.contains("You hold held-otter back for "), "{status}");
    let trial = command(&home, &otter, &["doctor", "--wake", "held-otter"]).await;
    assert!(trial.contains("Nothing wakes held-otter (test-client): you hold it back"), "{trial}");
}

#[tokio::test]
async fn a_removed_session_stays_away_until_its_agent_calls_register() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let unread = send(&bob, "alice").await;
    let waits =
        alice.bridge.begin("wait_for_peer", json!({ "alias": "carol", "timeout_seconds": 25 }));
    let waits = waits.await;
    for _ in 0..2 {
        assert_eq!(alice.ask(&json!({ "ask": "remove" })).await, done());
        let described = describe(&alice).await;
        let (connection, removed) = (&described["connection"], &described["is_removed"]);
        assert_eq!((connection, removed), (&json!("left"), &json!(true)));
    }
    assert_eq!(bob.receipt(&unread["id"]).await["status"], "expired");
    let removed =
        "Your user removed this session from the junction. Ask your user before you call register";
    let error = within("the call ends", waits.content()).await.expect_err("it has left");
    assert!(error.to_string().contains(removed), "{error}");
    for (tool, arguments) in [
        ("list_peers", json!({})),
        ("read_messages", json!({})),
        ("send_message", json!({ "target_alias": "bob", "message": "hello" })),
    ] {
        let error = alice.bridge.error(tool, arguments).await;
        assert!(error.contains(removed), "{tool}: {error}");
    }
    let doctor = command(&home, &alice, &["doctor"]).await;
    assert!(doctor.contains("was removed from the junction by you"), "{doctor}");
    alice.bridge.call("register", json!({ "alias": "alice" })).await;
    assert_eq!(describe(&alice).await["connection"], "connected");
    bob.sees("alice", "online").await;
}

#[tokio::test]
async fn a_bridge_closes_the_connection_of_a_request_that_it_does_not_know() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    // By that a program knows that a bridge is older than the request.
    for request in [json!({ "ask": "hold-longer" }), json!({ "ask": "hold" }), json!([1])] {
        assert_eq!(alice.ask(&request).await, None, "{request}");
    }
}
