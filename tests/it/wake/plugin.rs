//! How a plugin of the client wakes an agent: by a program that waits, and by what the plugin says of its notices.

use std::path::Path;
use std::process::Stdio;

use junction_testkit::{
    TestAgent, TestBridge, TestHome, TestHub, bridge_binary, eventually, plugin_wait, reaches,
    within,
};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// The variable by which a plugin and its bridge know each other.
const PLUGIN_NAME: &str = "JUNCTION_OPENCODE_PLUGIN";

/// What a wait that ended well has printed.
async fn printed(wait: Child) -> String {
    let output = within("the wait ends", wait.wait_with_output()).await.expect("its output");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn notice(number: u64) -> String {
    format!(
        "Agent Junction notice {number}: 1 unread message from \"bob\". Call the tool read_messages.\n"
    )
}

/// The event that says that the agent is idle.
fn stopped() -> Value {
    json!({ "hook_event_name": "Stop", "session_id": "s" })
}

async fn send(from: &TestBridge) -> Value {
    let message = json!({ "target_alias": "alice", "message": "hello", "urgency": "high" });
    from.call("send_message", message).await
}

#[tokio::test]
async fn a_plugins_wait_ends_with_the_notice_and_wakes_again_and_again() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    alice.hook(&stopped()).await;
    let mut wait = alice.plugin_wait(&[]).await;
    for number in 1..=3 {
        reaches(&bob, "alice", "push").await;
        assert_eq!(send(&bob).await["peer"]["reach"], "push");
        assert_eq!(printed(wait).await, notice(number));
        wait = alice.plugin_wait(&["--woken"]).await;
        alice.bridge.read_one().await;
        alice.hook(&stopped()).await;
    }
}

#[tokio::test]
async fn message_to_a_group_wakes_each_idle_member_once_and_one_to_everybody_wakes_nobody() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let mut team = Vec::new();
    for name in ["alice", "eve"] {
        let agent = TestAgent::join(&home, &hub, name).await;
        agent.bridge.call("register", json!({ "role": "worker" })).await;
        agent.hook(&stopped()).await;
        let wait = agent.plugin_wait(&[]).await;
        reaches(&bob, name, "push").await;
        team.push((name, agent, wait));
    }
    let to_workers =
        json!({ "target_alias": "role:worker", "message": "hello", "urgency": "high" });
    bob.call("send_message", to_workers.clone()).await;
    let mut waiting = Vec::new();
    for (name, agent, wait) in team {
        assert_eq!(printed(wait).await, notice(1));
        let wait = agent.plugin_wait(&["--woken"]).await;
        agent.bridge.read_one().await;
        agent.hook(&stopped()).await;
        reaches(&bob, name, "push").await;
        waiting.push((agent, wait));
    }
    let to_all = json!({ "target_alias": "*", "message": "hello" });
    assert_eq!(bob.call("send_message", to_all).await["members"], 2);
    for (_, wait) in &mut waiting {
        assert!(wait.try_wait().expect("its status").is_none());
    }
    // Only the next message to the group ends the waits, with a notice of both.
    bob.call("send_message", to_workers).await;
    for (_, wait) in waiting {
        assert!(printed(wait).await.contains("notice 2: 2 unread messages from \"bob\""));
    }
}

#[tokio::test]
async fn a_dropped_notice_goes_to_the_next_channel_at_once() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    // The hour's only wake: what was dropped has cost nothing.
    let launch = TestAgent::launch(&home, &hub, "alice").env("JUNCTION_WAKES_PER_HOUR", "1");
    let alice = TestAgent::start(&home, launch, "alice").await;
    alice.hook(&stopped()).await;
    let wait = alice.plugin_wait(&[]).await;
    reaches(&bob, "alice", "push").await;
    let mut rewake = alice.rewake_hook(&stopped()).await;
    send(&bob).await;
    assert_eq!(printed(wait).await, notice(1));
    let _wait = alice.plugin_wait(&["--dropped"]).await;
    let mut told = String::new();
    let mut stderr = rewake.stderr.take().expect("its stderr");
    within("it says why", stderr.read_to_string(&mut told)).await.expect("text");
    assert_eq!(told, notice(2));
}

#[tokio::test]
async fn the_sender_learns_that_a_notice_was_dropped_and_so_do_later_ones() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    alice.hook(&stopped()).await;
    let wait = alice.plugin_wait(&[]).await;
    reaches(&bob, "alice", "push").await;
    let sent = send(&bob).await;
    assert_eq!((&sent["status"], sent["peer"].get("reach_why")), (&json!("opened"), None));
    let asking = json!({ "target_alias": "alice", "message": "well?", "wait_seconds": 2 });
    let asking = carol.begin("send_message", asking).await;
    assert_eq!(printed(wait).await, notice(1));
    let _wait = alice.plugin_wait(&["--dropped"]).await;
    // The one whose call is over, the one whose call waits, and one that comes later.
    let told = eventually("bob is told", async || {
        let page = bob.call("read_messages", json!({})).await;
        page["receipts"].as_array().expect("receipts").first().cloned()
    })
    .await;
    let expected = json!({ "id": sent["id"], "to": "alice", "status": "opened", "reach_why": "dropped", "at": told["at"] });
    assert_eq!(told, expected);
    assert_eq!(asking.content().await.expect("an answer")["peer"]["reach_why"], "dropped");
    reaches(&bob, "alice", "next-turn").await;
    assert_eq!(send(&bob).await["peer"]["reach_why"], "dropped");
    let _wait = alice.plugin_wait(&[]).await;
    reaches(&bob, "alice", "push").await;
}

#[tokio::test]
async fn a_reserve_waits_only_while_no_plugin_does() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    alice.hook(&stopped()).await;
    let first = alice.reserve_hook(&stopped()).await;
    reaches(&bob, "alice", "push").await;
    let wait = alice.plugin_wait(&[]).await;
    assert_eq!(printed(first).await, "");
    let second = alice.reserve_hook(&stopped()).await;
    assert_eq!(printed(second).await, "");
    reaches(&bob, "alice", "push").await;
    send(&bob).await;
    assert_eq!(printed(wait).await, notice(1));
}

#[tokio::test]
async fn only_the_last_wait_stays_and_it_ends_with_its_bridge() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let first = alice.plugin_wait(&[]).await;
    reaches(&bob, "alice", "push").await;
    let second = alice.plugin_wait(&[]).await;
    assert_eq!(printed(first).await, "");
    alice.bridge.client.kill();
    assert_eq!(printed(second).await, "");
}

#[tokio::test]
async fn a_wait_can_start_before_its_bridge() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let wait = plugin_wait(&home.runtime("alice"), &[]).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    alice.hook(&stopped()).await;
    reaches(&bob, "alice", "push").await;
    send(&bob).await;
    assert_eq!(printed(wait).await, notice(1));
}

/// Starts the wait of a plugin of this name, in a process that may have several bridges.
fn named_wait(runtime: &Path, name: &str) -> Child {
    Command::new(bridge_binary())
        .args(["hook", "--wait"])
        .env("XDG_RUNTIME_DIR", runtime)
        .env(PLUGIN_NAME, name)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts")
}

#[tokio::test]
async fn regression_a_plugin_with_a_name_waits_at_the_bridge_of_that_name_alone() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let launch = TestAgent::launch(&home, &hub, "alice").env(PLUGIN_NAME, "one");
    let alice = TestAgent::start(&home, launch, "alice").await;
    // The bridge of the other is yet to come.
    assert_eq!(printed(named_wait(&alice.runtime, "two")).await, "");
    let launch = TestBridge::launch(&home, hub.port)
        .env("XDG_RUNTIME_DIR", &alice.runtime)
        .env(PLUGIN_NAME, "two");
    let mut carol = TestBridge::spawn(&home, launch);
    within("initialize", carol.client.initialize("test-client")).await.expect("a session");
    carol.register("carol").await;
    let _other = named_wait(&alice.runtime, "two");
    reaches(&bob, "carol", "push").await;
    let own = named_wait(&alice.runtime, "one");
    reaches(&bob, "alice", "push").await;
    send(&bob).await;
    assert_eq!(printed(own).await, notice(1));
    reaches(&bob, "carol", "push").await;
}

#[tokio::test]
async fn a_wait_that_cannot_print_has_not_been_told() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    alice.hook(&stopped()).await;
    let mut deaf = Command::new(bridge_binary())
        .args(["hook", "--wait"])
        .env("XDG_RUNTIME_DIR", &alice.runtime)
        .stdout(std::fs::File::create("/dev/full").expect("a full device"))
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    reaches(&bob, "alice", "push").await;
    send(&bob).await;
    assert!(within("it ends", deaf.wait()).await.expect("its status").success());
    // The notice counts as not given, so the next turn announces it.
    let prompt = json!({ "hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": "x" });
    let told = alice.hook_json(&prompt).await.to_string();
    assert!(told.contains("1 unread message from"), "{told}");
}

#[tokio::test]
async fn regression_a_wait_without_a_reader_does_not_wait() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    for closed in ["exec \"$0\" hook --wait >&-", "exec \"$0\" hook --wait > /dev/null"] {
        let mut deaf = Command::new("sh")
            .args(["-c", closed])
            .arg(bridge_binary())
            .env("XDG_RUNTIME_DIR", &alice.runtime)
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        assert!(within("it ends", deaf.wait()).await.expect("its status").success());
    }
}

#[tokio::test]
async fn what_became_of_a_notice_is_told_with_a_wait_alone() {
    for wrong in [
        &["--woken"][..],
        &["--reserve"],
        &["--wait", "--woken", "--dropped"],
        &["--wait", "--rewake"],
    ] {
        let output = Command::new(bridge_binary()).arg("hook").args(wrong).output().await;
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        assert!(output.stdout.is_empty());
    }
}
