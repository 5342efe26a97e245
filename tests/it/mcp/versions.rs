//! MCP as real clients speak it: how each opens its session, in both versions, and what the bridge shows them.

use junction_testkit::{TestBridge, TestHome, TestHub, Version, free_port, list, texts, within};
use serde_json::{Value, json};

use super::TOOLS;

fn raw(id: &Value, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

fn stateless_meta(client: &str) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": client, "version": "2.1.330" },
        "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
    })
}

/// The answer to the request of this id; requests of the bridge are answered like a client without roots.
async fn answer(bridge: &TestBridge, id: &Value) -> Value {
    loop {
        let line = bridge.line().await.expect("the bridge lives");
        let message: Value = serde_json::from_str(&line).expect("stdout carries MCP alone");
        if message["id"] == *id && message.get("method").is_none() {
            return message;
        }
        if message["method"] == "roots/list" {
            let reply = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "roots": [] } });
            bridge.say(reply.to_string()).await;
        }
    }
}

async fn ask(bridge: &TestBridge, id: u64, method: &str, params: &Value) -> Value {
    let id = json!(id);
    bridge.say(raw(&id, method, params)).await;
    answer(bridge, &id).await
}

fn names(tools: &Value) -> Vec<String> {
    let tools = list(tools, "tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn claude_code_opens_without_a_handshake() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bridge = TestBridge::spawn(&home, TestBridge::launch(&home, hub.port));
    let meta = json!({ "_meta": stateless_meta("claude-code") });
    let id = json!("discover-1");
    bridge.say(raw(&id, "server/discover", &meta)).await;
    let discovered = answer(&bridge, &id).await;
    let result = &discovered["result"];
    assert!(
        result["supportedVersions"].as_array().is_some_and(|v| v.contains(&json!("2026-07-28")))
    );
    assert!(result["instructions"].as_str().is_some_and(|text| text.len() < 2048));
    for (id, method) in [("a", "tools/list"), ("b", "prompts/list"), ("c", "resources/list")] {
        bridge.say(raw(&json!(id), method, &meta)).await;
    }
    assert_eq!(names(&answer(&bridge, &json!("a")).await["result"]), TOOLS);
    let mut call_meta = stateless_meta("claude-code");
    call_meta["claudecode/toolUseId"] = json!("toolu_01");
    call_meta["progressToken"] = json!(4);
    let call = json!({
        "name": "send_message",
        "arguments": { "target_alias": "alice", "message": "hello from the stateless version" },
        "_meta": call_meta,
    });
    let sent = ask(&bridge, 5, "tools/call", &call).await;
    assert_eq!(sent["result"]["structuredContent"]["to"], "alice");
    let message = alice.read_one().await;
    assert_eq!(message["message"], "hello from the stateless version");
    let peers = list(&alice.call("list_peers", json!({})).await, "peers");
    assert_eq!(peers[0]["context"]["client"], "Claude Code");
}

#[tokio::test]
async fn a_client_whose_discovery_is_refused_initializes() {
    let home = TestHome::new();
    let launch = TestBridge::launch(&home, free_port());
    let bridge = TestBridge::spawn(&home, launch);
    // Whatever the answer to discovery, initialize afterwards opens the older version.
    ask(&bridge, 7, "server/discover", &json!({})).await;
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": { "roots": {} },
        "clientInfo": { "name": "claude-code", "version": "2.1.197" },
    });
    let opened = ask(&bridge, 0, "initialize", &params).await;
    assert_eq!(opened["result"]["protocolVersion"], "2025-11-25");
    bridge.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    let tools = ask(&bridge, 1, "tools/list", &json!({})).await;
    assert_eq!(names(&tools["result"]), TOOLS);
}

#[tokio::test]
async fn codex_gemini_and_opencode_open_with_initialize() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let watcher = TestBridge::join(&home, &hub, "watcher").await;
    for (client, name, version, capabilities, lists) in [
        (
            "codex-mcp-client",
            "Codex",
            "2025-06-18",
            json!({ "elicitation": {} }),
            &["tools/list"][..],
        ),
        (
            "gemini-cli-mcp-client",
            "Gemini CLI",
            "2025-06-18",
            json!({ "roots": { "listChanged": true } }),
            &["prompts/list", "tools/list", "resources/list"][..],
        ),
        ("opencode", "opencode", "2025-11-25", json!({ "roots": {} }), &["tools/list"][..]),
        ("old-client", "old-client", "2024-11-05", json!({}), &["tools/list"][..]),
    ] {
        let bridge = TestBridge::spawn(&home, TestBridge::launch(&home, hub.port));
        let params = json!({
            "protocolVersion": version, "capabilities": capabilities,
            "clientInfo": { "name": client, "version": "0.1", "title": "A Client" },
        });
        let opened = ask(&bridge, 0, "initialize", &params).await;
        assert_eq!(opened["result"]["protocolVersion"], version, "{client}");
        assert_eq!(opened["result"]["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(opened["result"]["instructions"].as_str().is_some_and(|text| text.len() < 2048));
        bridge.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        for (id, method) in (1..).zip(lists) {
            let listed = ask(&bridge, id, method, &json!({})).await;
            assert!(listed.get("result").is_some(), "{client} {method}: {listed}");
        }
        let call = json!({
            "name": "wait_for_peer", "arguments": { "timeout_seconds": 5 },
            "_meta": { "progressToken": 1, "threadId": "t", "sessionId": "s", "x-codex-turn-metadata": {} },
        });
        let found = ask(&bridge, 20, "tools/call", &call).await;
        assert_eq!(found["result"]["structuredContent"]["peers"][0]["alias"], "watcher");
        let cancel = json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": { "requestId": 20, "reason": "answered already" },
        });
        bridge.say(cancel.to_string()).await;
        let peers = watcher.call("list_peers", json!({})).await;
        let seen: Vec<Value> =
            list(&peers, "peers").iter().map(|peer| peer["context"]["client"].clone()).collect();
        assert!(seen.contains(&json!(name)), "{client} is not among {seen:?}");
    }
}

#[tokio::test]
async fn tools_are_the_same_in_both_versions_and_small() {
    let home = TestHome::new();
    let mut lists = Vec::new();
    for version in [Version::Stateful, Version::Stateless] {
        let launch = TestBridge::launch(&home, free_port());
        let bridge = TestBridge::open(&home, launch, version).await;
        let listed = bridge.client.request("tools/list", json!({})).await.expect("a list");
        assert_eq!(names(&listed), TOOLS);
        lists.push(list(&listed, "tools"));
    }
    assert_eq!(lists[0], lists[1]);
    let size: usize = lists[0]
        .iter()
        .map(|tool| {
            let text = |field: &str| tool[field].as_str().expect("a text").len();
            text("name") + text("description") + tool["inputSchema"].to_string().len()
        })
        .sum();
    assert!(size < 6_500, "{size} bytes");
    let tool = |name: &str| lists[0].iter().find(|tool| tool["name"] == name).expect("a tool");
    for name in ["list_peers", "known_hosts"] {
        assert_eq!(tool(name)["annotations"]["readOnlyHint"], true, "{name}");
    }
    assert_ne!(tool("read_messages")["annotations"]["readOnlyHint"], true);
    for name in ["send_message", "read_messages"] {
        assert_eq!(tool(name)["_meta"]["anthropic/alwaysLoad"], true, "{name}");
    }
    assert_eq!(tool("read_messages")["_meta"]["anthropic/maxResultSizeChars"], 200_000);
}

#[tokio::test]
async fn a_result_is_the_same_object_as_text_and_as_structure() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "hello").await;
    for (tool, arguments) in [
        ("register", json!({})),
        ("list_peers", json!({})),
        ("known_hosts", json!({})),
        ("wait_for_peer", json!({ "timeout_seconds": 1 })),
        ("send_message", json!({ "target_alias": "alice", "message": "hi" })),
        ("read_messages", json!({ "wait_seconds": 5 })),
        ("disconnect", json!({})),
    ] {
        let params = json!({ "name": tool, "arguments": arguments });
        let result = within(tool, bob.client.request("tools/call", params)).await.expect(tool);
        let structured = &result["structuredContent"];
        assert!(structured.is_object(), "{tool}: {result}");
        let content = list(&result, "content");
        assert_eq!(content.len(), 1, "{tool}");
        assert_eq!(content[0]["text"], structured.to_string(), "{tool}");
        assert!(!structured.to_string().contains(":null"), "{tool}: {structured}");
    }
}

#[tokio::test]
async fn an_error_is_text_alone() {
    let home = TestHome::new();
    for version in [Version::Stateful, Version::Stateless] {
        let launch = TestBridge::launch(&home, free_port());
        let bridge = TestBridge::open(&home, launch, version).await;
        let params = json!({ "name": "list_peers", "arguments": {} });
        let result = bridge.client.request("tools/call", params).await.expect("a result");
        assert_eq!(result["isError"], true);
        assert!(result.get("structuredContent").is_none());
        let text = result["content"][0]["text"].as_str().expect("a text");
        assert!(text.starts_with("Error: "), "{text}");
    }
}

#[tokio::test]
async fn stateful_and_stateless_clients_talk_to_each_other() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let launch = || TestBridge::launch(&home, hub.port);
    let mut old = TestBridge::open(&home, launch(), Version::Stateful).await;
    let mut new = TestBridge::open(&home, launch(), Version::Stateless).await;
    old.register("old-version").await;
    new.register("new-version").await;
    old.send("new-version", "from the old").await;
    new.send("old-version", "from the new").await;
    assert_eq!(texts(&new.read_many(1).await), ["from the old"]);
    assert_eq!(texts(&old.read_many(1).await), ["from the new"]);
}
