//! What others see of an agent that no hook tells of, and what follows from it: interrupted turns, dialogs, and sessions
//! without a window.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use junction_testkit::client::Launch;
use junction_testkit::{
    MessagingSocket, TestAgent, TestBridge, TestHome, TestHub, answer_to, bridge_binary,
    eventually, reaches, tool_call,
};
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};

const CLAUDE: &str = "claude-code";

/// The file in which a Claude Code shows what it does. This process is the parent of the bridges.
struct ShownSession(PathBuf);

impl ShownSession {
    fn new(home: &TestHome) -> Self {
        let folder = home.path().join("claude/sessions");
        std::fs::create_dir_all(&folder).expect("a directory");
        Self(folder.join(format!("{}.json", std::process::id())))
    }

    fn shows(&self, status: &str) {
        let session = json!({ "pid": std::process::id(), "status": status, "kind": "interactive" });
        let new = self.0.with_extension("new");
        std::fs::write(&new, session.to_string()).expect("a file");
        std::fs::rename(&new, &self.0).expect("it is in its place");
    }

    fn tell(&self, launch: Launch) -> Launch {
        let folder = self.0.parent().and_then(|sessions| sessions.parent());
        launch.env("CLAUDE_CONFIG_DIR", folder.expect("a folder"))
    }
}

async fn is_in_state(bob: &TestBridge, alias: &str, state: &str) {
    eventually(state, async || (bob.sees(alias, "online").await["state"] == state).then_some(()))
        .await;
}

fn event(name: &str, more: &Value) -> Value {
    let mut event = json!({ "hook_event_name": name, "session_id": "s" });
    event.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
    event
}

#[tokio::test]
async fn regression_state_is_known_without_hooks_from_the_start() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let file = ShownSession::new(&home);
    file.shows("idle");
    let launch = file.tell(TestAgent::launch(&home, &hub, "alice"));
    let alice = TestAgent::start_as(&home, launch, "alice", CLAUDE).await;
    for (status, state) in
        [("idle", "idle"), ("waiting", "waiting-on-human"), ("busy", "busy"), ("idle", "idle")]
    {
        file.shows(status);
        is_in_state(&bob, "alice", state).await;
    }
    file.shows("waiting");
    is_in_state(&bob, "alice", "waiting-on-human").await;
    assert_eq!(bob.send("alice", "hello").await["peer"]["state"], "waiting-on-human");
    alice.bridge.holds(1).await;
}

#[tokio::test]
async fn regression_interrupted_turn_is_woken_again_for_the_same_mail_once() {
    for hooks in [true, false] {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let bob = TestBridge::join(&home, &hub, "bob").await;
        let file = ShownSession::new(&home);
        let inbox = MessagingSocket::open(&home, "inbox");
        let launch = file.tell(inbox.tell(TestAgent::launch(&home, &hub, "alice")));
        let alice = TestAgent::start_as(&home, launch, "alice", CLAUDE).await;
        let hook = async |name: &str, more: Value| {
            if hooks {
                alice.hook(&event(name, &more)).await;
            }
        };
        file.shows("idle");
        hook("SessionStart", json!({ "source": "startup" })).await;
        reaches(&bob, "alice", "push").await;
        is_in_state(&bob, "alice", "idle").await;
        bob.send("alice", "hello").await;
        for _ in 0..2 {
            let notice = inbox.next().await;
            file.shows("busy");
            hook("UserPromptSubmit", json!({ "prompt": notice })).await;
            file.shows("waiting");
            hook("PermissionRequest", json!({ "tool_name": "read_messages" })).await;
            is_in_state(&bob, "alice", "waiting-on-human").await;
            // Esc.
            file.shows("idle");
            is_in_state(&bob, "alice", "idle").await;
        }
        let sent = bob.send("alice", "are you there?").await;
        assert_eq!(sent["peer"]["reach_why"], "denied", "{sent}");
        assert!(sent["peer"]["wakes_in_seconds"].as_u64().is_some_and(|seconds| seconds <= 60));
        // What is urgent wakes all the same, and a read makes all well.
        let urgent = json!({ "target_alias": "alice", "message": "now", "urgency": "high" });
        bob.call("send_message", urgent).await;
        inbox.next().await;
        alice.bridge.read_many(3).await;
        file.shows("idle");
        is_in_state(&bob, "alice", "idle").await;
        assert_eq!(bob.send("alice", "more").await["peer"].get("reach_why"), None);
        inbox.next().await;
    }
}

/// Alice, in the turn that a message of bob has begun, and the socket that woke her.
async fn woken(home: &TestHome, hub: &TestHub, bob: &TestBridge) -> (TestAgent, MessagingSocket) {
    let inbox = MessagingSocket::open(home, "inbox");
    let launch = inbox.tell(TestAgent::launch(home, hub, "alice"));
    let alice = TestAgent::start_as(home, launch, "alice", CLAUDE).await;
    alice.hook(&event("SessionStart", &json!({ "source": "startup" }))).await;
    is_in_state(bob, "alice", "idle").await;
    reaches(bob, "alice", "push").await;
    bob.send("alice", "hello").await;
    let notice = inbox.next().await;
    alice.hook(&event("UserPromptSubmit", &json!({ "prompt": notice }))).await;
    (alice, inbox)
}

#[tokio::test]
async fn regression_client_that_says_it_is_idle_gives_an_interrupted_wake_back() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (alice, inbox) = woken(&home, &hub, &bob).await;
    alice.hook(&event("PermissionRequest", &json!({ "tool_name": "Bash" }))).await;
    is_in_state(&bob, "alice", "waiting-on-human").await;
    alice.hook(&event("Notification", &json!({ "notification_type": "idle_prompt" }))).await;
    is_in_state(&bob, "alice", "idle").await;
    assert!(inbox.next().await.contains("1 unread message from \"bob\""));
}

#[tokio::test]
async fn regression_turn_that_ended_without_a_read_is_not_repeated_for_the_same_mail() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let (alice, inbox) = woken(&home, &hub, &bob).await;
    let asked = alice.hook_json(&event("Stop", &json!({ "stop_hook_active": false }))).await;
    assert_eq!(asked["decision"], "block");
    alice.hook(&event("Stop", &json!({ "stop_hook_active": true }))).await;
    is_in_state(&bob, "alice", "idle").await;
    let sent = bob.send("alice", "and again").await;
    assert_eq!(sent["peer"]["reach_why"], "asleep", "{sent}");
    assert!(sent["peer"]["wakes_in_seconds"].as_u64().is_some_and(|seconds| seconds > 30));
    // A person's turn ends the pause.
    alice.hook(&event("UserPromptSubmit", &json!({ "prompt": "go on" }))).await;
    alice.bridge.read_many(2).await;
    alice.hook(&event("Stop", &json!({ "stop_hook_active": false }))).await;
    is_in_state(&bob, "alice", "idle").await;
    assert_eq!(bob.send("alice", "a third").await["peer"].get("reach_why"), None);
    inbox.next().await;
}

#[tokio::test]
async fn regression_codex_session_without_a_window_is_marked_and_not_woken() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let thread = "01a210a0-0000-7000-8000-000000000001";
    let codex_home = home.path().join("codex-home");
    let day = codex_home.join("sessions/2026/11/24");
    std::fs::create_dir_all(&day).expect("a directory");
    std::fs::write(day.join(format!("rollout-2026-11-24T23-59-00-{thread}.jsonl")), "")
        .expect("a file");
    let control = codex_home.join("app-server-control");
    std::fs::create_dir(&control).expect("a directory");
    let daemon = UnixListener::bind(home.path().join("daemon")).expect("a socket");
    std::os::unix::fs::symlink(home.path().join("daemon"), control.join("app-server-control.sock"))
        .expect("a link");
    let (window, _accepted) =
        tokio::join!(UnixStream::connect(home.path().join("daemon")), daemon.accept());
    // A shell plays the daemon: what counts is its name, and what it was called with.
    let bin = home.path().join("codex-bin");
    std::fs::create_dir(&bin).expect("a directory");
    std::fs::copy("/bin/sh", bin.join("codex")).expect("a program");
    std::fs::set_permissions(bin.join("codex"), PermissionsExt::from_mode(0o755))
        .expect("its mode");
    let launch = Launch::new(bin.join("codex"))
        .arg("-c")
        .arg(format!("{}; :", bridge_binary()))
        .arg("app-server")
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_HUB", format!("127.0.0.1:{}", hub.port))
        .env("JUNCTION_AUTOSTART", "false")
        .env("XDG_RUNTIME_DIR", home.runtime("alice"))
        .env("CODEX_HOME", &codex_home)
        .env_remove("CLAUDE_CODE_MESSAGING_SOCKET")
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path());
    let mut alice = TestBridge::spawn(&home, launch);
    alice.client.initialize("codex-mcp-client").await.expect("a session");
    alice.register("alice").await;
    let id = json!("one");
    let mut call: Value =
        serde_json::from_str(&tool_call(&id, "register", &json!({}))).expect("a call");
    let turn = json!({ "turn_id": "one", "turn_trigger": "user" });
    call["params"]["_meta"] = json!({ "threadId": thread, "x-codex-turn-metadata": turn });
    alice.say(call.to_string()).await;
    answer_to(&alice, &id).await;
    let seen = reaches(&bob, "alice", "push").await;
    assert_eq!((seen.get("attended"), &seen["context"]["client"]), (None, &json!("Codex")));
    drop((window.expect("a connection"), _accepted));
    let seen = reaches(&bob, "alice", "pull").await;
    assert_eq!(seen["attended"], false);
    let sent = bob.send("alice", "hello").await;
    assert_eq!(
        (&sent["peer"]["attended"], &sent["peer"]["reach_why"]),
        (&json!(false), &json!("asleep"))
    );
}
