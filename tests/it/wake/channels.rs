//! How a waiting message wakes an agent: by each way that the bridge has, and by the next where one fails.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use junction_testkit::{
    MessagingSocket, TOKEN, TestAgent, TestBridge, TestHome, TestHub, answer_to, eventually,
    reaches, rewake_hook, tool_call, within,
};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::Child;

const CLAUDE: &str = "claude-code";

fn notice(number: u64, what: &str) -> String {
    format!("Agent Junction notice {number}: {what}. Call the tool read_messages.")
}

fn stopped() -> Value {
    json!({ "hook_event_name": "Stop", "session_id": "s", "stop_hook_active": false })
}

/// How a hook that slept ended, and what it said.
async fn woken(mut rewake: Child) -> (Option<i32>, String) {
    let mut stderr = rewake.stderr.take().expect("its stderr");
    let mut said = String::new();
    within("it says why", stderr.read_to_string(&mut said)).await.expect("text");
    (within("it ends", rewake.wait()).await.expect("its status").code(), said)
}

/// Bob, and alice behind a Claude Code with an inbox.
async fn with_inbox(home: &TestHome, hub: &TestHub) -> (TestBridge, TestAgent, MessagingSocket) {
    let bob = TestBridge::join(home, hub, "bob").await;
    let inbox = MessagingSocket::open(home, "inbox");
    let launch = inbox.tell(TestAgent::launch(home, hub, "alice")).env("JUNCTION_LOG", "trace");
    let alice = TestAgent::start_as(home, launch, "alice", CLAUDE).await;
    reaches(&bob, "alice", "push").await;
    (bob, alice, inbox)
}

/// Waits until others know that alice is idle.
async fn is_idle(bob: &TestBridge) {
    eventually("alice is idle", async || {
        (bob.sees("alice", "online").await["state"] == "idle").then_some(())
    })
    .await;
}

/// A message of this urgency.
async fn send(from: &TestBridge, to: &str, urgency: &str) -> Value {
    let arguments = json!({ "target_alias": to, "message": "hello", "urgency": urgency });
    from.call("send_message", arguments).await
}

#[tokio::test]
async fn the_messaging_socket_of_claude_codes_session_wakes_it_once() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (bob, alice, inbox) = with_inbox(&home, &hub).await;
    // The call that registered her has just ended, and nobody tells that the turn did; what is urgent waits for nothing.
    let sent = send(&bob, "alice", "high").await;
    assert_eq!(sent["peer"]["reach"], "push");
    assert_eq!(inbox.next().await, notice(1, "1 unread message from \"bob\""));
    // Nothing more is said until she reads, however much comes; then what comes next is another notice.
    for urgency in ["normal", "high", "low"] {
        send(&bob, "alice", urgency).await;
    }
    alice.bridge.read_many(4).await;
    send(&bob, "alice", "high").await;
    assert_eq!(inbox.next().await, notice(2, "1 unread message from \"bob\""));
    assert!(!alice.bridge.stderr().contains(TOKEN));
}

#[tokio::test]
async fn an_idle_agent_is_woken_for_a_normal_message_and_not_for_a_low_one() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (bob, alice, inbox) = with_inbox(&home, &hub).await;
    alice.hook(&stopped()).await;
    is_idle(&bob).await;
    let low = send(&bob, "alice", "low").await;
    let why = "low-urgency";
    assert_eq!(
        low["peer"],
        json!({ "presence": "online", "reach": "next-turn", "state": "idle", "reach_why": why })
    );
    send(&bob, "alice", "normal").await;
    assert_eq!(inbox.next().await, notice(1, "2 unread messages from \"bob\""));
}

#[tokio::test]
async fn a_messaging_socket_of_another_client_is_never_written_to() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let inbox = MessagingSocket::open(&home, "inbox");
    // A client that was started from a session of Claude Code has inherited its variables.
    let launch = inbox.tell(TestAgent::launch(&home, &hub, "gemini"));
    let gemini = TestAgent::start_as(&home, launch, "gemini", "gemini-cli-mcp-client").await;
    // Here the listener is not a parent of the bridge, but another bridge.
    let launch = TestAgent::launch(&home, &hub, "claude")
        .env("CLAUDE_CODE_MESSAGING_SOCKET", gemini.socket())
        .env("CLAUDE_CODE_MESSAGING_TOKEN", "x");
    let claude = TestAgent::start_as(&home, launch, "claude", CLAUDE).await;
    for (agent, alias) in [(&gemini, "gemini"), (&claude, "claude")] {
        send(&bob, alias, "high").await;
        agent.bridge.holds(1).await;
        assert_eq!(bob.sees(alias, "online").await["reach"], "pull");
    }
    assert!(!gemini.bridge.stderr().contains("unread") && gemini.bridge.stderr().is_empty());
}

#[tokio::test]
async fn a_wake_that_fails_falls_back_to_the_next_channel() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (bob, alice, inbox) = with_inbox(&home, &hub).await;
    let rewake = alice.rewake_hook(&stopped()).await;
    is_idle(&bob).await;
    drop(inbox);
    send(&bob, "alice", "normal").await;
    let said = notice(1, "1 unread message from \"bob\"");
    assert_eq!(woken(rewake).await, (Some(2), format!("{said}\n")));
    // Nothing is left that could wake her, and bob sees it.
    reaches(&bob, "alice", "pull").await;
    assert_eq!(send(&bob, "alice", "normal").await["peer"]["reach"], "pull");
}

#[tokio::test]
async fn only_the_last_rewake_hook_stays_and_it_ends_with_its_bridge() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let first = alice.rewake_hook(&json!({ "hook_event_name": "SessionStart" })).await;
    reaches(&bob, "alice", "push").await;
    let second = alice.rewake_hook(&stopped()).await;
    assert_eq!(woken(first).await, (Some(0), String::new()));
    alice.bridge.client.kill();
    assert_eq!(woken(second).await, (Some(0), String::new()));
}

#[tokio::test]
async fn regression_a_rewake_hook_can_start_before_its_bridge() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let event = json!({ "hook_event_name": "SessionStart", "source": "startup" });
    let rewake = rewake_hook(&home.runtime("alice"), &event).await;
    let _alice = TestAgent::join(&home, &hub, "alice").await;
    reaches(&bob, "alice", "push").await;
    send(&bob, "alice", "high").await;
    let said = notice(1, "1 unread message from \"bob\"");
    assert_eq!(woken(rewake).await, (Some(2), format!("{said}\n")));
}

#[tokio::test]
async fn a_one_shot_run_is_not_held_up_by_a_rewake_hook() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let output = std::process::Command::new(junction_testkit::bridge_binary())
        .args(["hook", "--rewake"])
        .env("XDG_RUNTIME_DIR", &alice.runtime)
        .env("CLAUDE_CODE_ENTRYPOINT", "sdk-cli")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[tokio::test]
async fn a_waiting_call_counts_as_reach_until_it_ends() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let wait = alice.begin("read_messages", json!({ "wait_seconds": 60 })).await;
    let seen = reaches(&bob, "alice", "push").await;
    assert_eq!(seen["state"], "idle");
    assert_eq!(send(&bob, "alice", "low").await["peer"]["reach"], "push");
    let page = within("the wait ends", wait.content()).await.expect("a page");
    assert_eq!(page["messages"][0]["from"], "bob");
    reaches(&bob, "alice", "pull").await;
}

#[tokio::test]
async fn past_its_wakes_an_hour_an_agent_is_not_woken_and_senders_see_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let budget = |alias| TestAgent::launch(&home, &hub, alias).env("JUNCTION_WAKES_PER_HOUR", "1");
    let inbox = MessagingSocket::open(&home, "inbox");
    let alice = TestAgent::start_as(&home, inbox.tell(budget("alice")), "alice", CLAUDE).await;
    reaches(&bob, "alice", "push").await;
    send(&bob, "alice", "high").await;
    inbox.next().await;
    let seen = reaches(&bob, "alice", "pull").await;
    assert_eq!(seen["presence"], "online");
    alice.bridge.read_one().await;
    assert_eq!(send(&bob, "alice", "high").await["peer"]["reach"], "pull");
    // What she is told in a turn that begins for another reason costs nothing.
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "prompt": "x" });
    alice.bridge.holds(1).await;
    let told = alice.hook_json(&prompt).await.to_string();
    assert!(told.contains("1 unread message from"), "{told}");
}

#[tokio::test]
async fn a_pair_has_six_high_urgency_messages_an_hour_and_the_sender_learns_of_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let _alice = TestBridge::join(&home, &hub, "alice").await;
    for _ in 0..6 {
        assert_eq!(send(&bob, "alice", "high").await.get("urgency"), None);
    }
    assert_eq!(send(&bob, "alice", "high").await["urgency"], "normal");
    assert_eq!(send(&bob, "alice", "low").await.get("urgency"), None);
}

/// A Codex that only notes how it was called, and a thread that is kept where Codex keeps its own.
fn codex(home: &Path, thread: &str) {
    let bin = home.join("codex-bin");
    std::fs::create_dir_all(&bin).expect("a directory");
    let called = home.join("called");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >> {}\n", called.display());
    std::fs::write(bin.join("codex"), script).expect("a program");
    std::fs::set_permissions(bin.join("codex"), PermissionsExt::from_mode(0o755))
        .expect("its mode");
    // 25 November 2026, in its folder of the day before: time zones differ.
    let day = home.join("codex-home/sessions/2026/11/24");
    std::fs::create_dir_all(&day).expect("a directory");
    let file = format!("rollout-2026-11-24T23-59-00-{thread}.jsonl");
    std::fs::write(day.join(file), "").expect("a file");
}

/// Calls a tool as Codex does from this thread.
async fn call_from(bridge: &TestBridge, id: &str, thread: &str, trigger: &str) {
    let mut call: Value =
        serde_json::from_str(&tool_call(&json!(id), "register", &json!({}))).expect("a call");
    call["params"]["_meta"] = json!({
        "threadId": thread,
        "x-codex-turn-metadata": { "turn_id": id, "turn_trigger": trigger },
    });
    bridge.say(call.to_string()).await;
    answer_to(bridge, &json!(id)).await;
}

#[tokio::test]
async fn codex_is_woken_by_its_queue() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (thread, other) =
        ("01a210a0-0000-7000-8000-000000000001", "01a210a0-0000-7000-8000-000000000002");
    codex(home.path(), thread);
    let path = std::env::var("PATH").expect("a path");
    let launch = TestAgent::launch(&home, &hub, "alice")
        .env("CODEX_HOME", home.path().join("codex-home"))
        .env("PATH", format!("{}:{path}", home.path().join("codex-bin").display()));
    let alice = TestAgent::start_as(&home, launch, "alice", "codex-mcp-client").await;
    // Neither a run that ends with its turn nor a thread that is kept elsewhere can be woken.
    call_from(&alice.bridge, "one", thread, "exec").await;
    call_from(&alice.bridge, "two", other, "user").await;
    assert_eq!(bob.sees("alice", "online").await["reach"], "pull");
    call_from(&alice.bridge, "three", thread, "user").await;
    reaches(&bob, "alice", "push").await;
    send(&bob, "alice", "high").await;
    let said = notice(1, "1 unread message from \"bob\"");
    let called = eventually("codex is called", async || {
        let called = std::fs::read_to_string(home.path().join("called")).ok()?;
        called.ends_with(&format!("{said}\n")).then_some(called)
    })
    .await;
    assert_eq!(called, format!("queue\n--thread\n{thread}\n--message\n{said}\n"));
}
