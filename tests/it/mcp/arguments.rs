//! Arguments as models and clients send them: other names, other types, other ways to write an alias or a task.

use junction_testkit::{
    TestAgent, TestBridge, TestHome, TestHub, Version, answer_to, free_port, list, next_json, pair,
    tool_call, within,
};
use serde_json::{Value, json};

use super::TOOLS;

/// The least that each tool needs. The last one leaves, so it comes last.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("register", json!({})),
        ("list_peers", json!({})),
        ("send_message", json!({ "target_alias": "bob", "message": "hello" })),
        ("read_messages", json!({})),
        ("wait_for_peer", json!({ "timeout_seconds": 0 })),
        ("known_hosts", json!({})),
        ("disconnect", json!({})),
    ]
}

#[tokio::test]
async fn regression_every_tool_ignores_what_clients_add_and_says_so() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for version in [Version::Stateful, Version::Stateless] {
        let bob = TestBridge::join(&home, &hub, "bob").await;
        let launch = TestBridge::launch(&home, hub.port);
        let mut alice = TestBridge::open(&home, launch, version).await;
        alice.register("alice").await;
        for (tool, mut arguments) in calls() {
            arguments["wait_for_previous"] = json!(true);
            arguments["random_string"] = json!("x");
            arguments["canary \u{202e}"] = json!({ "a": [1] });
            let answer = alice.call(tool, arguments).await;
            let mut ignored = list(&answer, "ignored");
            ignored.sort_by_key(ToString::to_string);
            assert_eq!(ignored, ["random_string", "wait_for_previous"], "{tool}: {answer}");
            assert_eq!(answer["ignored_more"], 1, "{tool}: {answer}");
        }
        bob.call("disconnect", json!({})).await;
    }
}

#[tokio::test]
async fn regression_near_miss_names_the_argument_and_does_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    for (tool, arguments, named) in [
        ("send_message", json!({ "to": "bob", "message": "x" }), "target_alias"),
        ("send_message", json!({ "targetAlias": "bob", "message": "x" }), "target_alias"),
        ("send_message", json!({ "target_alias": "bob", "text": "x" }), "message"),
        ("send_message", json!({ "recipient": "bob", "body": "x" }), "target_alias, message"),
        (
            "send_message",
            json!({ "target_alias": "bob", "message": "x", "replyTo": "1" }),
            "reply_to",
        ),
        (
            "send_message",
            json!({ "target_alias": "bob", "message": "x", "timeout": 5 }),
            "wait_seconds",
        ),
        (
            "send_message",
            json!({ "target_alias": "bob", "message": "x", "priority": "high" }),
            "urgency",
        ),
        ("register", json!({ "name": "carol" }), "alias"),
        ("register", json!({ "alias": "carol", "Role": "x" }), "role"),
        ("read_messages", json!({ "wait": 5 }), "wait_seconds"),
        ("wait_for_peer", json!({ "role": "x" }), "expected_role"),
        ("list_peers", json!({ "nextCursor": "x" }), "cursor"),
    ] {
        let error = alice.error(tool, arguments.clone()).await;
        assert!(error.contains(&format!("calls them {named}.")), "{arguments}: {error}");
        assert!(error.contains("Nothing was done"), "{error}");
    }
    assert_eq!(alice.call("register", json!({})).await["alias"], "alice");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn regression_empty_texts_numbers_in_quotes_and_waits_out_of_range_are_understood() {
    let home = TestHome::new();
    let hub = TestHub::start_with(&home, &[("JUNCTION_SESSION_TIMEOUT_MS", "600000")]).await;
    let (alice, bob) = pair(&home, &hub).await;
    let filled = json!({
        "target_alias": "bob", "message": "filled", "reply_to": "", "wait_seconds": "", "ttl_seconds": "",
        "fingerprint": "", "urgency": "", "notify_when": "",
    });
    let sent = alice.call("send_message", filled).await;
    assert!(sent.get("waited_seconds").is_none() && sent.get("clamped").is_none(), "{sent}");
    for (ttl, clamped) in [
        (json!(3_600), json!(["ttl_seconds: 600"])),
        (json!("7200"), json!(["ttl_seconds: 600"])),
        (json!("600"), Value::Null),
        (json!(0), Value::Null),
        (json!(-1), Value::Null),
    ] {
        let sent = alice
            .call(
                "send_message",
                json!({ "target_alias": "bob", "message": "x", "ttl_seconds": ttl }),
            )
            .await;
        assert_eq!(sent.get("clamped").unwrap_or(&Value::Null), &clamped, "{ttl}");
    }
    let read = bob.call("read_messages", json!({ "wait_seconds": "600", "limit": "1" })).await;
    assert_eq!(read["messages"][0]["message"], "filled");
    assert_eq!(
        (list(&read, "messages").len(), &read["clamped"]),
        (1, &json!(["wait_seconds: 540"]))
    );
    let read = bob.call("read_messages", json!({ "wait_seconds": -1, "limit": 1000 })).await;
    assert_eq!(
        (list(&read, "messages").len(), &read["clamped"]),
        (5, &json!(["wait_seconds: 0", "limit: 256"]))
    );
    let found =
        alice.call("wait_for_peer", json!({ "timeout_seconds": 1e9, "expected_role": "" })).await;
    assert_eq!(
        (&found["found"], &found["clamped"]),
        (&json!(true), &json!(["timeout_seconds: 540"]))
    );
    let empty = json!({ "role": "", "repo": null, "limit": "", "cursor": "" });
    assert_eq!(alice.call("list_peers", empty).await["total"], 1);
}

#[tokio::test]
async fn regression_aliases_roles_and_repositories_are_found_as_models_write_them() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    bob.call("register", json!({ "role": "Prüfer ", "repo": "Shop" })).await;
    for written in ["@bob", "Bob", " bob ", "`bob`", "\"bob\"", "@BOB"] {
        let sent =
            alice.call("send_message", json!({ "target_alias": written, "message": "hi" })).await;
        assert_eq!(sent["to"], "bob", "{written}");
    }
    for (role, repo) in [("prüfer", "shop"), ("PRÜFER", " SHOP "), ("Prüfer", "none")] {
        let peers = alice.call("list_peers", json!({ "role": role, "repo": repo })).await;
        assert_eq!((&peers["total"], &peers["peers"][0]["alias"]), (&json!(1), &json!("bob")));
        let found = alice
            .call("wait_for_peer", json!({ "expected_role": role, "timeout_seconds": 0 }))
            .await;
        assert_eq!(found["found"], true, "{role}");
    }
    let waiting = alice
        .begin("wait_for_peer", json!({ "expected_role": "author", "timeout_seconds": 60 }))
        .await;
    bob.call("register", json!({ "role": " AUTHOR" })).await;
    let found = within("the role", waiting.content()).await.expect("an answer");
    assert_eq!(found["peers"][0]["alias"], "bob");
    assert_eq!(alice.call("register", json!({ "alias": "`@Ali-2`" })).await["alias"], "ali-2");
}

#[tokio::test]
async fn regression_tasks_of_any_script_are_taken_and_long_ones_are_cut() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    for task in ["fix – the größte bug", "日本語を話す", &"x".repeat(65), "👩‍💻 pair"]
    {
        let registered = alice.call("register", json!({ "task": task })).await;
        assert_eq!(registered["context"]["task"], task);
        let sees_task = async || bob.sees("alice", "online").await["context"]["task"] == task;
        junction_testkit::eventually("the task", async || sees_task().await.then_some(())).await;
    }
    let registered =
        alice.call("register", json!({ "task": "ü".repeat(200), "role": "x".repeat(121) })).await;
    assert_eq!(registered["context"]["task"], "ü".repeat(75));
    let mut clamped = list(&registered, "clamped");
    clamped.sort_by_key(ToString::to_string);
    assert_eq!(clamped, ["role: 120 characters", "task: 75 characters"]);
    let registered = alice.call("register", json!({ "task": "None", "role": "" })).await;
    assert_eq!(registered["context"].get("task"), None);
    assert_eq!(registered["context"]["role"], "x".repeat(120));
}

#[tokio::test]
async fn regression_unknown_cursor_is_never_a_silent_empty_page() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, _bob) = pair(&home, &hub).await;
    let _carol = TestBridge::join(&home, &hub, "carol").await;
    for first in [json!(null), json!(""), json!("null"), json!("none")] {
        let page = alice.call("list_peers", json!({ "cursor": first, "limit": 1 })).await;
        assert_eq!(page["peers"][0]["alias"], "bob", "{first}");
        let next =
            alice.call("list_peers", json!({ "cursor": page["nextCursor"], "limit": 1 })).await;
        assert_eq!(next["peers"][0]["alias"], "carol");
        assert_eq!(next.get("nextCursor"), None);
    }
    for unknown in
        [json!("0"), json!(0), json!("zzz"), json!("bob"), json!("undefined"), json!("carol.0")]
    {
        let error = alice.error("list_peers", json!({ "cursor": unknown })).await;
        assert!(error.contains("cursor"), "{unknown}: {error}");
    }
}

#[tokio::test]
async fn regression_arguments_may_be_one_text() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let arguments = json!({ "target_alias": "bob", "message": "as a text" }).to_string();
    alice.call("send_message", json!(arguments)).await;
    assert_eq!(bob.read_one().await["message"], "as a text");
    for empty in [json!(null), json!("{}"), json!(""), json!([])] {
        assert_eq!(alice.call("register", empty).await["alias"], "alice");
    }
    let error = alice.error("register", json!("carol")).await;
    assert!(error.contains("one JSON object"), "{error}");
}

#[tokio::test]
async fn regression_line_ends_of_windows_and_joiners_arrive_as_they_were() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    for (sent, shown, escaped) in [
        ("one\r\ntwo\r\n", "one\ntwo\n", false),
        ("👨‍👩‍👧 🏳️‍🌈 می‌خواهم", "👨‍👩‍👧 🏳️‍🌈 می‌خواهم", false),
        ("a\rb", "a\\u{d}b", true),
        ("a\u{200d}b \u{202e}", "a\\u{200d}b \\u{202e}", true),
    ] {
        alice.send("bob", sent).await;
        let message = bob.read_one().await;
        assert_eq!(message["message"], shown);
        assert_eq!(message.get("escaped"), escaped.then_some(&json!(true)), "{sent:?}");
    }
}

#[tokio::test]
async fn regression_wakes_without_a_limit_open_all_tools() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for off in ["off", "OFF"] {
        let launch = TestBridge::launch(&home, hub.port).env("JUNCTION_WAKES_PER_HOUR", off);
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        assert!(bridge.call("register", json!({})).await["alias"].is_string());
    }
}

#[tokio::test]
async fn regression_session_opens_whatever_the_client_says_of_itself() {
    let home = TestHome::new();
    let bridge = TestBridge::spawn(&home, TestBridge::launch(&home, free_port()));
    let open = json!({ "jsonrpc": "2.0", "id": "o", "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": [], "clientInfo": { "name": "x" } } });
    bridge.say(format!("\u{feff}{open}\r")).await;
    assert_eq!(next_json(&bridge).await["result"]["protocolVersion"], "2025-06-18");
    // Neither is answered: the next answer is that to the last line.
    bridge.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":[1]}"#).await;
    bridge.say(r#"{"jsonrpc":"2.0","method":"tools/list"}"#).await;
    bridge.say(r#"{"jsonrpc":"2.0","id":"l","method":"tools/list","params":[]}"#).await;
    let listed = next_json(&bridge).await;
    assert_eq!((&listed["id"], list(&listed["result"], "tools").len()), (&json!("l"), TOOLS.len()));
}

#[tokio::test]
async fn regression_call_that_is_too_long_is_answered_and_a_hook_is_served() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let text = "x\n".repeat(600_000);
    let long = json!({ "target_alias": "bob", "message": text });
    alice.bridge.say(tool_call(&json!("long"), "send_message", &long)).await;
    let refused = answer_to(&alice.bridge, &json!("long")).await;
    assert_eq!(refused["error"]["code"], -32600, "{refused}");
    bob.send("alice", "hello").await;
    alice.bridge.holds(1).await;
    let event = |prompt: &str| json!({ "hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": prompt });
    alice.bridge.say(tool_call(&json!("hook"), "hook_event", &event(&text))).await;
    let answer = answer_to(&alice.bridge, &json!("hook")).await;
    let said = answer["result"]["content"][0]["text"].as_str().expect("a text");
    assert!(said.contains("Agent Junction notice") && said.contains("bob"), "{said}");
}
