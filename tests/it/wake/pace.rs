//! How soon a message wakes its receiver, and what its sender is told where that is not at once.

use junction_testkit::{
    MessagingSocket, TestAgent, TestBridge, TestHome, TestHub, eventually, reaches,
};
use serde_json::{Value, json};

const CLAUDE: &str = "claude-code";

/// An agent behind a Claude Code with an inbox and hooks, which has ended its turn.
struct IdleAgent {
    agent: TestAgent,
    inbox: MessagingSocket,
    session: String,
}

impl IdleAgent {
    async fn start(home: &TestHome, hub: &TestHub, alias: &str, settings: &[(&str, &str)]) -> Self {
        let inbox = MessagingSocket::open(home, &format!("inbox-{alias}"));
        let mut launch = inbox.tell(TestAgent::launch(home, hub, alias));
        for (name, value) in settings {
            launch = launch.env(name, value);
        }
        let agent = TestAgent::start_as(home, launch, alias, CLAUDE).await;
        let idle = Self { agent, inbox, session: alias.to_owned() };
        idle.ends_turn().await;
        idle
    }

    async fn ends_turn(&self) {
        let stop = json!({ "hook_event_name": "Stop", "session_id": self.session, "stop_hook_active": true });
        self.agent.hook(&stop).await;
    }

    /// Is woken, reads, does not answer, and rests again. The message that it read.
    async fn reads(&self) -> Value {
        self.inbox.next().await;
        let message = self.agent.bridge.read_one().await;
        self.ends_turn().await;
        message
    }

    /// Is woken, reads and answers.
    async fn answers(&self) {
        self.inbox.next().await;
        let message = self.agent.bridge.read_one().await;
        let answer = json!({
            "target_alias": message["from"], "message": "an answer", "reply_to": message["id"],
        });
        self.agent.bridge.call("send_message", answer).await;
        self.ends_turn().await;
    }
}

/// Sends a message to an agent that others know to be idle and to be woken.
async fn send(from: &TestBridge, to: &str, more: Value) -> Value {
    eventually("the receiver is idle", async || {
        (from.sees(to, "online").await["state"] == "idle").then_some(())
    })
    .await;
    let mut arguments = json!({ "target_alias": to, "message": "a question" });
    arguments.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
    from.call("send_message", arguments).await
}

#[tokio::test]
async fn regression_three_questions_and_answers_between_two_idle_agents_wait_for_no_minute() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = IdleAgent::start(&home, &hub, "alice", &[]).await;
    let bob = IdleAgent::start(&home, &hub, "bob", &[]).await;
    for _ in 0..3 {
        let sent = send(&alice.agent.bridge, "bob", json!({})).await;
        assert_eq!(
            (sent["peer"].get("reach_why"), sent["peer"].get("wakes_in_seconds")),
            (None, None)
        );
        alice.ends_turn().await;
        bob.answers().await;
        assert_eq!(alice.reads().await["reply_to"], sent["id"]);
    }
}

#[tokio::test]
async fn regression_peer_that_answers_one_message_for_ever_wakes_no_more_than_any_other() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = IdleAgent::start(&home, &hub, "alice", &[]).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    let arguments = json!({ "target_alias": "bob", "message": "a question" });
    let asked = alice.agent.bridge.call("send_message", arguments).await;
    alice.ends_turn().await;
    let answers = json!({ "reply_to": asked["id"] });
    // Nobody but bob can answer it: what carol says is one of the four that may wake at once.
    for (from, times) in [(&carol, 1), (&bob, 4)] {
        for _ in 0..times {
            let sent = send(from, "alice", answers.clone()).await;
            assert_eq!(sent["peer"].get("wakes_in_seconds"), None, "{sent}");
            alice.reads().await;
        }
    }
    let sent = send(&bob, "alice", answers.clone()).await;
    let seconds = sent["peer"]["wakes_in_seconds"].as_u64().expect("a time");
    assert!((1..=60).contains(&seconds), "{sent}");
    assert_eq!(sent["peer"].get("reach_why"), None);
    assert_eq!(sent["status"], "opened");
    // The answer to another question wakes at once, and for what waits as well.
    let arguments = json!({ "target_alias": "bob", "message": "another question" });
    let asked = alice.agent.bridge.call("send_message", arguments).await;
    alice.ends_turn().await;
    let quiet = json!({ "reply_to": asked["id"], "urgency": "low" });
    let sent = send(&bob, "alice", quiet).await;
    assert_eq!(sent["peer"].get("wakes_in_seconds"), None, "a message of low urgency wakes nobody");
    let sent = send(&bob, "alice", json!({ "reply_to": asked["id"] })).await;
    assert_eq!(sent["peer"].get("wakes_in_seconds"), None, "{sent}");
    alice.inbox.next().await;
    alice.agent.bridge.read_many(3).await;
}

#[tokio::test]
async fn regression_sender_is_told_that_the_hours_wakes_are_used_up() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    let wakes = |count: &'static str| [("JUNCTION_WAKES_PER_HOUR", count)];
    let none = IdleAgent::start(&home, &hub, "idler", &wakes("0")).await;
    let sent = send(&bob, "idler", json!({ "urgency": "high" })).await;
    assert_eq!(
        sent["peer"],
        json!({ "presence": "online", "reach": "pull", "state": "idle", "reach_why": "budget" })
    );
    drop(none);
    let two = IdleAgent::start(&home, &hub, "two", &wakes("2")).await;
    reaches(&bob, "two", "push").await;
    send(&bob, "two", json!({})).await;
    two.reads().await;
    // One of two is bob's half, and carol has the other.
    let sent = send(&bob, "two", json!({})).await;
    assert_eq!(sent["peer"]["reach_why"], "budget", "{sent}");
    assert!(sent["peer"]["wakes_in_seconds"].as_u64().is_some_and(|seconds| seconds > 3000));
    let sent = send(&carol, "two", json!({})).await;
    assert_eq!(sent["peer"].get("reach_why"), None, "{sent}");
    two.inbox.next().await;
    two.agent.bridge.read_many(2).await;
    let free = IdleAgent::start(&home, &hub, "free", &wakes("off")).await;
    reaches(&bob, "free", "push").await;
    assert_eq!(send(&bob, "free", json!({})).await["peer"].get("reach_why"), None);
    free.reads().await;
}

#[tokio::test]
async fn regression_sender_is_told_why_an_agent_cannot_be_woken() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let codex_home = home.path().join("codex-home");
    std::fs::create_dir(&codex_home).expect("a directory");
    for (client, why) in [
        ("claude-code", "no-hooks"),
        ("gemini-cli-mcp-client", "no-hooks"),
        ("opencode", "no-way"),
        ("test-client", "no-way"),
        // It has called a tool, and is a run that ends with its turn.
        ("codex-mcp-client", "no-way"),
    ] {
        let launch = TestAgent::launch(&home, &hub, client).env("CODEX_HOME", &codex_home);
        let alice = TestAgent::start_as(&home, launch, client, client).await;
        let sent = bob.send(client, "hello").await;
        assert_eq!(sent["peer"]["reach_why"], why, "{client}: {sent}");
        alice.bridge.holds(1).await;
    }
    let opencode = |alias| {
        let launch = TestAgent::launch(&home, &hub, alias);
        launch.env("JUNCTION_OPENCODE_PLUGIN", "1")
    };
    let alice = TestAgent::start_as(&home, opencode("prompted"), "prompted", "opencode").await;
    let sent = bob.send("prompted", "hello").await;
    assert_eq!(sent["peer"]["reach_why"], "no-way", "its plugin waits no more: {sent}");
    alice.bridge.holds(1).await;
    let hook = r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "junction-bridge hook"}]}]}}"#;
    for (client, name, hooks, why) in [
        ("codex-mcp-client", "Codex", "", "never-prompted"),
        ("codex-mcp-client", "Codex", hook, "hooks-untrusted"),
        ("opencode", "opencode", "", "never-prompted"),
    ] {
        std::fs::write(codex_home.join("hooks.json"), hooks).expect("a file");
        let launch = opencode(why).env("CODEX_HOME", &codex_home);
        let quiet = TestBridge::spawn(&home, launch);
        quiet.client.initialize(client).await.expect("a session");
        let alias = eventually("it has joined", async || {
            let peers = bob.call("list_peers", json!({})).await;
            let peers = peers["peers"].as_array().expect("peers").clone();
            let quiet = peers.iter().find(|peer| {
                peer["alias"].as_str().is_some_and(|alias| alias.contains('-'))
                    && peer["context"]["client"] == name
                    && peer["alias"] != "codex-mcp-client"
            });
            quiet.map(|peer| peer["alias"].as_str().expect("an alias").to_owned())
        })
        .await;
        let sent = bob.send(&alias, "hello").await;
        assert_eq!(sent["peer"]["reach_why"], why, "{client}: {sent}");
        quiet.call("disconnect", json!({})).await;
    }
}

#[tokio::test]
async fn regression_low_message_says_why_and_awaited_ones_have_no_outlook() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let low = json!({ "target_alias": "alice", "message": "hello", "urgency": "low" });
    let sent = bob.call("send_message", low).await;
    assert_eq!(sent["peer"]["reach_why"], "low-urgency", "{sent}");
    alice.read_one().await;
    let wait = alice.begin("read_messages", json!({ "wait_seconds": 60 })).await;
    reaches(&bob, "alice", "push").await;
    assert_eq!(bob.send("alice", "hello").await["peer"].get("reach_why"), None);
    wait.content().await.expect("a page");
    // In a turn with hooks, its agent is told.
    let carol = TestAgent::join(&home, &hub, "carol").await;
    carol.hook(&json!({ "hook_event_name": "UserPromptSubmit", "session_id": "s" })).await;
    let seen = reaches(&bob, "carol", "next-turn").await;
    assert_eq!(seen["state"], "busy");
    let low = json!({ "target_alias": "carol", "message": "hello", "urgency": "low" });
    let sent = bob.call("send_message", low).await;
    assert_eq!(
        (&sent["peer"]["reach"], sent["peer"].get("reach_why")),
        (&json!("next-turn"), None)
    );
    carol.bridge.holds(1).await;
}
