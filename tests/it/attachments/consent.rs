//! What the policy keeps, where the client can ask its person and where it cannot.

use junction_testkit::{TestBridge, TestHome, TestHub, next_json, within};
use serde_json::{Value, json};

use super::{file, join, launch, place, send, write};

/// A value that is kept until its user allows it.
const VALUE: &[u8] = b"KEY=canary\n";

/// Sends bob the value, as the arguments of `send_message`.
fn arguments() -> Value {
    let attachments = json!([{ "path": ".env", "key": "KEY" }]);
    json!({ "target_alias": "bob", "message": "the key", "attachments": attachments })
}

/// A bridge in a project with the value, under a client of a stateful version that can ask.
async fn asker(home: &TestHome, hub: &TestHub) -> TestBridge {
    let bridge = TestBridge::spawn(home, launch(home, hub.port, "alice"));
    write(home, "alice", ".env", VALUE);
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": { "elicitation": {} },
        "clientInfo": { "name": "asker", "version": "1" },
    });
    within("initialize", bridge.client.request("initialize", params)).await.expect("it opens");
    bridge.client.notify("notifications/initialized", json!({})).await.expect("it reads");
    bridge.call("register", json!({ "alias": "alice" })).await;
    bridge
}

/// Answers the next question, and gives its text.
async fn answer_question(bridge: &TestBridge, action: &str) -> String {
    let asked = loop {
        let asked = next_json(bridge).await;
        if asked["method"] == "elicitation/create" {
            break asked;
        }
    };
    let result = json!({ "action": action, "content": {} });
    bridge.say(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string()).await;
    asked["params"]["message"].as_str().expect("a question").to_owned()
}

#[tokio::test]
async fn person_is_asked_by_a_request_and_a_yes_counts_once() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (asker(&home, &hub).await, join(&home, hub.port, "bob").await);
    let call = alice.begin("send_message", arguments()).await;
    let question = answer_question(&alice, "accept").await;
    assert!(question.contains(".env") && question.contains("KEY"), "{question}");
    assert!(question.contains("bob") && !question.contains("canary"), "{question}");
    within("the send", call.content()).await.expect("it is sent");
    let message = bob.read_one().await;
    let put = json!({
        "message_id": message["id"], "attachment_id": "1", "path": "got.conf", "key": "KEY",
    });
    bob.call("save_attachment", put).await;
    assert_eq!(file(&home, "bob", "got.conf").as_deref(), Some(VALUE));

    for action in ["decline", "cancel"] {
        let call = alice.begin("send_message", arguments()).await;
        answer_question(&alice, action).await;
        let refused = within("the refusal", call.content()).await.expect_err("no is no");
        assert!(refused.to_string().contains("did not say yes"), "{refused}");
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn person_is_asked_before_a_file_is_written_that_the_policy_keeps() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (asker(&home, &hub).await, join(&home, hub.port, "bob").await);
    write(&home, "bob", "notes.txt", b"notes");
    let outside = home.path().join("outside.txt");
    let path = outside.to_str().expect("a path in Unicode");
    let id = send(&bob, "alice", json!([{ "path": "notes.txt" }])).await;
    alice.read_one().await;
    for (action, is_saved) in [("decline", false), ("accept", true)] {
        let call = alice.begin("save_attachment", place(&id, 1, path)).await;
        let question = answer_question(&alice, action).await;
        let named = ["outside.txt", "notes.txt", "bob"];
        assert!(named.iter().all(|name| question.contains(name)), "{question}");
        let saved = within("the save", call.content()).await;
        assert_eq!(saved.is_ok(), is_saved, "{saved:?}");
        assert_eq!(outside.exists(), is_saved);
    }
    // What a yes would replace is said, and what the name says that it holds.
    std::fs::write(home.path().join("outside.env"), "A=1\n").expect("written");
    let path = home.path().join("outside.env");
    let mut over = place(&id, 1, path.to_str().expect("a path in Unicode"));
    over["overwrite"] = json!(true);
    let call = alice.begin("save_attachment", over).await;
    let question = answer_question(&alice, "decline").await;
    let said = ["outside of the project", "environment variables", "is replaced", "\"notes.txt\""];
    assert!(said.iter().all(|said| question.contains(said)), "{question}");
    let refused = within("the refusal", call.content()).await.expect_err("no is no");
    assert!(refused.to_string().contains("did not say yes"), "{refused}");
    // What runs code later is not even asked about.
    for never in [".git/hooks/pre-commit", ".claude/settings.json", ".mcp.json", ".envrc"] {
        let refused = alice.error("save_attachment", place(&id, 1, never)).await;
        assert!(!refused.contains("junction-bridge allow"), "{refused}");
    }
}

#[tokio::test]
async fn person_is_asked_by_the_answer_in_the_stateless_version() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = join(&home, hub.port, "bob").await;
    let alice = TestBridge::spawn(&home, launch(&home, hub.port, "alice"));
    write(&home, "alice", ".env", VALUE);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "asker", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
    });
    let call = async |name: &str, arguments: Value, more: Value| {
        let mut params = json!({ "name": name, "arguments": arguments, "_meta": meta });
        params.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("one"));
        within("a call", alice.client.request("tools/call", params)).await.expect("a result")
    };
    let retry = |asked: &Value, action: &str| {
        let answer = json!({ "action": action, "content": {} });
        json!({ "requestState": asked["requestState"], "inputResponses": { "allow": answer } })
    };
    call("register", json!({ "alias": "alice" }), json!({})).await;
    let ask = async || {
        let asked = call("send_message", arguments(), json!({})).await;
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let question = &asked["inputRequests"]["allow"];
        assert_eq!(question["method"], "elicitation/create", "{asked}");
        let text = question["params"]["message"].as_str().expect("a question");
        assert!(text.contains(".env") && text.contains("bob"), "{text}");
        asked
    };

    let asked = ask().await;
    let declined = call("send_message", arguments(), retry(&asked, "decline")).await;
    assert_eq!(declined["isError"], true, "{declined}");
    assert!(declined.to_string().contains("did not say yes"), "{declined}");
    // The same question is not answered twice, and not by another.
    let again = call("send_message", arguments(), retry(&asked, "accept")).await;
    assert_eq!(again["resultType"], "input_required", "{again}");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
    let asked = ask().await;
    let sent = call("send_message", arguments(), retry(&asked, "accept")).await;
    assert_eq!(sent["structuredContent"]["attachments"][0]["name"], "KEY", "{sent}");
    assert_eq!(bob.read_one().await["attachments"][0]["kind"], "value");
}

#[tokio::test]
async fn client_that_cannot_ask_gets_the_command_that_its_user_runs() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = join(&home, hub.port, "alice").await;
    let _bob = join(&home, hub.port, "bob").await;
    write(&home, "alice", ".env", VALUE);
    let refused = alice.error("send_message", arguments()).await;
    let path = home.path().join("projects/alice/.env");
    let command = format!("junction-bridge allow '{}#KEY'", path.display());
    assert!(refused.contains(&command) && !refused.contains("canary"), "{refused}");
}
