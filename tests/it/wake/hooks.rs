//! `junction-bridge hook`: what it says at each event of each client, whom it finds, and how it fails.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use junction_testkit::{
    TestAgent, TestBridge, TestHome, TestHub, Version, answer_to, bridge_binary, eventually, hook,
    pair, reaches, signal, skipped, tool_call,
};
use serde_json::{Value, json};

const GREETING: &str = "Agent Junction: other agents know this session as \"alice\" and can send it messages. \
                        Use read_messages to read them and list_peers to see who is there.";

/// An event as Claude Code and Codex say it, less what differs from run to run.
fn event(name: &str, more: &Value) -> Value {
    let mut event = json!({
        "session_id": "c7db3d71-fc22-4fc7-9d00-606d435e48f7", "transcript_path": "/home/me/t.jsonl",
        "cwd": "/home/me/shop", "permission_mode": "default", "hook_event_name": name,
    });
    let more = more.as_object().expect("an object").clone();
    event.as_object_mut().expect("an object").extend(more);
    event
}

fn prompt(text: &str) -> Value {
    event("UserPromptSubmit", &json!({ "prompt": text }))
}

fn used() -> Value {
    let more =
        json!({ "tool_name": "Bash", "tool_input": { "command": "ls" }, "tool_response": "a b" });
    event("PostToolUse", &more)
}

fn stop(active: bool) -> Value {
    event("Stop", &json!({ "stop_hook_active": active, "last_assistant_message": "done" }))
}

fn context(event: &str, text: &str) -> Value {
    json!({ "hookSpecificOutput": { "hookEventName": event, "additionalContext": text } })
}

fn notice(number: u64, rest: &str) -> String {
    format!("Agent Junction notice {number}: {rest}")
}

/// Alice with hooks, and bob, from whom she has this many messages.
async fn with_mail(home: &TestHome, hub: &TestHub, count: usize) -> (TestAgent, TestBridge) {
    let alice = TestAgent::join(home, hub, "alice").await;
    let bob = TestBridge::join(home, hub, "bob").await;
    for number in 0..count {
        bob.send("alice", &format!("message {number}")).await;
    }
    alice.bridge.holds(count).await;
    (alice, bob)
}

#[tokio::test]
async fn each_event_of_claude_code_and_codex_has_its_answer() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = with_mail(&home, &hub, 0).await;
    let started = event("SessionStart", &json!({ "source": "startup", "model": "m" }));
    assert_eq!(alice.hook_json(&started).await, context("SessionStart", GREETING));
    assert_eq!(alice.hook_json(&prompt("fix the bug")).await, Value::Null);
    assert_eq!(alice.hook_json(&used()).await, Value::Null);
    bob.send("alice", "hello").await;
    alice.bridge.holds(1).await;
    let one = "1 unread message from \"bob\". Call the tool read_messages";
    let told = context("PostToolUse", &notice(1, &format!("{one}.")));
    assert_eq!(alice.hook_json(&used()).await, told);
    // One notice is outstanding; before the stop it is said once more, and that once.
    assert_eq!(alice.hook_json(&used()).await, Value::Null);
    assert_eq!(alice.hook_json(&prompt("go on")).await, Value::Null);
    let block =
        json!({ "decision": "block", "reason": notice(2, &format!("{one} before you stop.")) });
    assert_eq!(alice.hook_json(&stop(false)).await, block);
    assert_eq!(alice.hook_json(&stop(true)).await, Value::Null);
    // Another turn, another stop.
    assert_eq!(alice.hook_json(&prompt("and on")).await, Value::Null);
    assert_eq!(alice.hook_json(&stop(false)).await["decision"], "block");
    alice.bridge.read_one().await;
    assert_eq!(alice.hook_json(&stop(false)).await, Value::Null);
    for other in ["SubagentStop", "PreCompact", "SessionEnd", "SomethingNew"] {
        assert_eq!(alice.hook_json(&event(other, &json!({}))).await, Value::Null, "{other}");
    }
}

#[tokio::test]
async fn each_event_of_gemini_cli_has_its_answer() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = with_mail(&home, &hub, 2).await;
    let two = "2 unread messages from \"bob\". Call the tool read_messages";
    let text = format!("{GREETING}\n{}", notice(1, &format!("{two}.")));
    let before = event("BeforeAgent", &json!({ "prompt": "fix it" }));
    assert_eq!(alice.hook_json(&before).await, context("BeforeAgent", &text));
    let after =
        event("AfterTool", &json!({ "tool_name": "x", "tool_response": { "llmContent": "y" } }));
    assert_eq!(alice.hook_json(&after).await, Value::Null);
    // Gemini CLI says false every time, and starts the agent again with the reason for its prompt.
    let end = event("AfterAgent", &json!({ "prompt": "fix it", "stop_hook_active": false }));
    let blocked = alice.hook_json(&end).await;
    let reason = notice(2, &format!("{two} before you stop."));
    assert_eq!(blocked, json!({ "decision": "block", "reason": reason }));
    let again = event("BeforeAgent", &json!({ "prompt": reason }));
    assert_eq!(alice.hook_json(&again).await, Value::Null);
    assert_eq!(alice.hook_json(&end).await, Value::Null);
}

#[tokio::test]
async fn the_hook_tool_answers_the_same_in_both_versions_and_is_not_listed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for (version, alias) in [(Version::Stateful, "alice"), (Version::Stateless, "carol")] {
        let mut agent = TestBridge::open(&home, TestBridge::launch(&home, hub.port), version).await;
        agent.register(alias).await;
        bob.send(alias, "hello").await;
        agent.holds(1).await;
        let tools = agent.client.request("tools/list", json!({})).await.expect("tools");
        assert!(!tools.to_string().contains("hook_event"));
        let call = async |event: Value| {
            let call = json!({ "name": "hook_event", "arguments": event });
            let result = agent.client.request("tools/call", call).await.expect("an answer");
            assert!(result.get("structuredContent").is_none());
            let text = result["content"][0]["text"].as_str().expect("a text").to_owned();
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        let told = call(prompt("do it")).await;
        let text = told["hookSpecificOutput"]["additionalContext"].as_str().expect("a text");
        assert!(text.ends_with("1 unread message from \"bob\". Call the tool read_messages."));
        assert_eq!(call(used()).await, json!({}));
        // As some clients pass a switch on.
        let stop = |active: &str| event("Stop", &json!({ "stop_hook_active": active }));
        assert_eq!(call(stop("false")).await["decision"], "block");
        assert_eq!(call(stop("true")).await, json!({}));
        assert_eq!(call(json!({ "nonsense": 1 })).await, json!({}));
    }
}

#[tokio::test]
async fn hooks_report_the_state_of_the_agent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = with_mail(&home, &hub, 0).await;
    let asks = event("PermissionRequest", &json!({ "tool_name": "Bash" }));
    let started = event("SessionStart", &json!({ "source": "startup" }));
    let idle = event("Notification", &json!({ "notification_type": "idle_prompt" }));
    for (event, state) in [
        (&started, "idle"),
        (&prompt("x"), "busy"),
        (&asks, "waiting-on-human"),
        (&used(), "busy"),
        (&stop(false), "idle"),
        (&prompt("y"), "busy"),
        (&idle, "idle"),
        (&event("SessionEnd", &json!({ "reason": "other" })), "unknown"),
    ] {
        alice.hook(event).await;
        eventually(state, async || {
            (bob.sees("alice", "online").await["state"] == state).then_some(())
        })
        .await;
    }
    assert_eq!(reaches(&bob, "alice", "next-turn").await["alias"], "alice");
}

#[tokio::test]
async fn hooks_of_subagents_are_silent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = with_mail(&home, &hub, 1).await;
    let mut helpers = used();
    helpers["agent_id"] = json!("ae2fa01509b76fe59");
    assert_eq!(alice.hook_json(&helpers).await, Value::Null);
    assert_ne!(alice.hook_json(&used()).await, Value::Null);
}

#[tokio::test]
async fn a_hook_takes_less_than_fifty_milliseconds() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = with_mail(&home, &hub, 0).await;
    let large = event("PostToolUse", &json!({ "tool_response": "x".repeat(1 << 20) }));
    // Other tests run beside this one: one run in which none of them gets in its way is enough.
    eventually("a hook that takes less than 50 ms", async || {
        let hooked = alice.hook(&large).await;
        assert!(hooked.status.success());
        (hooked.took < Duration::from_millis(50)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_hook_that_fails_is_silent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    // No bridge at all.
    let nowhere = home.runtime("nowhere");
    for input in [prompt("x"), json!({}), json!([1]), json!("text")] {
        let hooked = hook(&nowhere, &input).await;
        assert!(hooked.status.success());
        assert_eq!((hooked.stdout.as_str(), hooked.stderr.as_str()), ("", ""));
    }
    // A bridge that was killed and left its socket behind.
    let (alice, _bob) = with_mail(&home, &hub, 1).await;
    signal(alice.bridge.client.pid(), rustix::process::Signal::KILL);
    alice.bridge.ended().await;
    assert!(alice.socket().exists());
    assert_eq!(alice.hook_json(&stop(false)).await, Value::Null);
    // The next bridge clears it away.
    let launch = TestBridge::launch(&home, hub.port).env("XDG_RUNTIME_DIR", &alice.runtime);
    let _next = TestBridge::spawn(&home, launch);
    eventually("the old socket is gone", async || (!alice.socket().exists()).then_some(())).await;
}

#[tokio::test]
async fn regression_a_notice_that_a_hook_did_not_pass_on_counts_as_not_shown() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = with_mail(&home, &hub, 1).await;
    let mut caller = tokio::net::UnixStream::connect(alice.socket()).await.expect("the door");
    let request = "{\"ask\":\"hook\",\"sure\":\"yes\",\"event\":{\"kind\":\"used\"}}\n";
    caller.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = [0; 20];
    caller.read_exact(&mut answer).await.expect("it answers");
    drop(caller);
    eventually("it is told again", async || {
        let told = alice.hook_json(&used()).await.to_string();
        told.contains("1 unread message").then_some(())
    })
    .await;
}

#[tokio::test]
async fn of_several_bridges_only_the_one_that_knows_the_session_answers() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let shared = home.runtime("all");
    bob.send("alice", "hello").await;
    alice.holds(1).await;
    assert_eq!(hook(&shared, &stop(false)).await.stdout, "");
    // Codex says with each call which thread it is from, and its hooks call that their session.
    let thread = "c7db3d71-fc22-4fc7-9d00-606d435e48f7";
    let mut call: Value =
        serde_json::from_str(&tool_call(&json!("t"), "register", &json!({}))).expect("a call");
    call["params"]["_meta"] = json!({ "threadId": thread });
    alice.say(call.to_string()).await;
    answer_to(&alice, &json!("t")).await;
    let told = hook(&shared, &stop(false)).await.stdout;
    assert!(told.contains("before you stop"), "{told}");
}

#[tokio::test]
async fn the_socket_is_its_users_alone() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = with_mail(&home, &hub, 1).await;
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    };
    let socket = alice.socket();
    let directory = socket.parent().expect("a directory").to_owned();
    assert_eq!((mode(&directory), mode(&socket)), (0o700, 0o600));
    // A directory that others may use is not looked at.
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).expect("its mode");
    assert_eq!(alice.hook_json(&stop(false)).await, Value::Null);
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o700)).expect("its mode");
    assert_ne!(alice.hook_json(&stop(false)).await, Value::Null);
    // With it the socket goes.
    alice.bridge.client.close_stdin();
    alice.bridge.ended().await;
    assert!(!socket.exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_user_is_not_answered_even_where_the_directory_lets_them_in() {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use rustix::process::{Gid, Uid, geteuid};
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

    if !geteuid().is_root() {
        return skipped("only root can act as another user");
    }
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = with_mail(&home, &hub, 1).await;
    let socket = alice.socket();
    let mut opened: Vec<_> = socket.ancestors().take(5).map(std::path::Path::to_owned).collect();
    opened.retain(|path| path.starts_with(home.path()));
    for path in &opened {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("its mode");
    }
    let request = "{\"ask\":\"verify\",\"alias\":\"bob\"}\n";
    let ask = move |uid: Option<u32>| {
        let socket = socket.clone();
        std::thread::spawn(move || {
            if let Some(id) = uid {
                // Of this thread alone, which ends with it.
                let (gid, uid) = (Gid::from_raw(id), Uid::from_raw(id));
                set_thread_res_gid(gid, gid, gid).expect("another group");
                set_thread_res_uid(uid, uid, uid).expect("another user");
            }
            let mut stream = UnixStream::connect(socket).expect("the door is open");
            let _ = stream.write_all(request.as_bytes());
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        })
        .join()
        .expect("it asks")
    };
    assert!(ask(None).contains("\"say\":\"pair\""));
    assert_eq!(ask(Some(65_534)), "");
}

#[tokio::test]
async fn verify_asks_the_session_that_knows_the_peer() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = with_mail(&home, &hub, 0).await;
    let own = alice.bridge.call("register", json!({})).await["fingerprint"].clone();
    let other = bob.call("register", json!({})).await["fingerprint"].clone();
    let verify = |arguments: &[&str]| {
        let mut command = std::process::Command::new(bridge_binary());
        command.arg("verify").args(arguments).env("JUNCTION_CONFIG_DIR", home.config());
        command.env("XDG_RUNTIME_DIR", &alice.runtime).output().expect("it runs")
    };
    let by_alias = verify(&["bob"]);
    assert!(by_alias.status.success());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let by_fingerprints = verify(&[&text(&own), &text(&other)]);
    assert_eq!(by_alias.stdout, by_fingerprints.stdout);
    assert_eq!(by_alias.stdout.split(|byte| *byte == b' ').count(), 8);
    let remark = String::from_utf8(by_alias.stderr).expect("UTF-8");
    assert_eq!(remark, format!("alice ({}) and bob ({}):\n", text(&own), text(&other)));
    let unknown = verify(&["nobody-here"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).starts_with("Error: No session of yours"));
}
