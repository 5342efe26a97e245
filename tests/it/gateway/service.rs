//! What clients are served over HTTP, in each version of MCP.

use junction_testkit::{HttpClient, TestBridge, TestGateway, TestHome, TestHub};
use serde_json::{Value, json};

use super::Pair;

/// What a request of the stateless version has beside its parameters.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "tester", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// The answer to a request of the stateless version.
async fn stateless(client: &HttpClient, method: &str, mut params: Value) -> (u16, Value) {
    params["_meta"] = meta();
    let name = params["name"].as_str().map(|name| format!("Mcp-Name: {name}\r\n"));
    let headers = format!(
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{}",
        name.unwrap_or_default()
    );
    let request = client.request(method, &params).to_string();
    let answer = client.ask("POST", &headers, request.as_bytes()).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn both_kinds_of_version_are_served_by_one_address() {
    let mut pair = Pair::start().await;
    let opened = pair.bob.initialize("old client").await;
    assert_eq!(opened["serverInfo"]["name"], "agent-junction");
    assert_eq!(opened["protocolVersion"], "2025-11-25");
    assert!(pair.bob.session.is_some());
    let listed = pair.bob.post(&pair.bob.request("tools/list", &json!({}))).await.json();
    let (status, stateless_list) = stateless(&pair.bob, "tools/list", json!({})).await;
    assert_eq!((status, &listed["result"]["tools"]), (200, &stateless_list["result"]["tools"]));
    assert_eq!(stateless(&pair.bob, "server/discover", json!({})).await.0, 200);
    let call = json!({ "name": "register", "arguments": { "task": "tests" } });
    let (status, called) = stateless(&pair.bob, "tools/call", call).await;
    assert_eq!((status, &called["result"]["structuredContent"]["you"]), (200, &json!("bob")));
    let (status, unknown) = stateless(&pair.bob, "tools/give", json!({})).await;
    assert_eq!((status, &unknown["error"]["code"]), (404, &json!(-32_601)));
    let peers = pair.alice.call("list_peers", json!({})).await;
    assert_eq!(peers["peers"][0]["context"]["client"], "tester");
}

#[tokio::test]
async fn two_clients_of_one_address_are_one_agent() {
    let mut pair = Pair::start().await;
    let mut twin = HttpClient::new(pair.gateway.address, &pair.bob.path);
    pair.bob.initialize("one").await;
    twin.initialize("two").await;
    assert_ne!(pair.bob.session, twin.session);
    assert_eq!(twin.call("register", json!({})).await["alias"], "bob");
    pair.send("hello").await;
    assert_eq!(twin.read().await, ["hello"]);
    assert!(pair.bob.read().await.is_empty());
    // The same id in both sessions is two calls: to cancel one leaves the other.
    let wait = json!({ "jsonrpc": "2.0", "id": 99, "method": "tools/call",
        "params": { "name": "wait_for_peer", "arguments": { "alias": "nobody", "timeout_seconds": 2 } } });
    let (one, two, cancelling) = (pair.bob.clone(), twin.clone(), twin.clone());
    let (first, second) = (wait.clone(), wait.clone());
    let first = tokio::spawn(async move { one.post(&first).await });
    let second = tokio::spawn(async move { two.post(&second).await });
    pair.alice.sees_peer("state", "busy").await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 99 } });
    assert_eq!(cancelling.post(&cancel).await.status, 202);
    assert_eq!(first.await.unwrap().json()["result"]["structuredContent"]["found"], false);
    let _ = second.await;
    // A session that is ended is over; the agent stays.
    assert_eq!(twin.ask("DELETE", "", b"").await.status, 204);
    assert_eq!(pair.bob.call("register", json!({})).await["alias"], "bob");
}

#[tokio::test]
async fn agent_talks_with_a_session_that_has_a_bridge_of_its_own() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let gateway = TestGateway::start(&home, hub.port).await;
    let bridge = TestBridge::join(&home, &hub, "stdio").await;
    let mut agent = gateway.add(&home, "over-http").await;
    agent.initialize("claude-code").await;
    bridge.sees("over-http", "online").await;
    let sent = bridge.send("over-http", "to you").await;
    assert_eq!(sent["peer"]["reach"], "pull");
    assert_eq!(sent["peer"]["reach_why"], "no-way", "nothing else is claimed, whatever the client");
    assert_eq!(agent.read().await, ["to you"]);
    assert_eq!(bridge.receipt(&sent["id"]).await["status"], "read");
    let message = json!({ "target_alias": "stdio", "message": "and back" });
    let id = agent.call("send_message", message).await["id"].clone();
    assert_eq!(bridge.read_one().await["message"], "and back");
    assert_eq!(agent.outcome(&id).await, "read");
}

#[tokio::test]
async fn files_of_this_machine_are_not_an_agents_own_over_http() {
    let pair = Pair::start().await;
    let file = pair.home.path().join("notes.txt");
    std::fs::write(&file, "text").unwrap();
    let message = json!({
        "target_alias": "alice", "message": "a file", "attachments": [{ "path": file }],
    });
    let error = pair.bob.error("send_message", message).await;
    assert!(error.contains("over HTTP"), "{error}");
    assert!(pair.alice.read().await.is_empty());
}

#[tokio::test]
async fn agent_that_nobody_asks_for_a_while_ends_and_comes_back() {
    let home = TestHome::new();
    let settings = [("JUNCTION_SESSION_TIMEOUT_MS", "2000"), ("JUNCTION_SWEEP_INTERVAL_MS", "500")];
    let hub = TestHub::start_with(&home, &settings).await;
    let gateway = TestGateway::start(&home, hub.port).await;
    let bridge = TestBridge::join(&home, &hub, "stdio").await;
    let agent = gateway.add(&home, "quiet").await;
    let before = agent.call("register", json!({})).await;
    bridge.sees("quiet", "online").await;
    bridge.sees_nobody().await;
    assert_eq!(agent.call("register", json!({})).await["fingerprint"], before["fingerprint"]);
    bridge.sees("quiet", "online").await;
}

#[tokio::test]
async fn arguments_mean_what_they_mean_on_stdin() {
    let pair = Pair::start().await;
    let text = json!({ "name": "register", "arguments": "{\"task\":\"from a text\"}" });
    let answer = pair.bob.post(&pair.bob.request("tools/call", &text)).await.json();
    assert_eq!(answer["result"]["structuredContent"]["context"]["task"], "from a text");
    let list = json!({ "name": "register", "arguments": [1] });
    let answer = pair.bob.post(&pair.bob.request("tools/call", &list)).await.json();
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let halves = br#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"register","arguments":{"task":"cut \ud83d"}}}"#;
    let answer = pair.bob.ask("POST", "", halves).await.json();
    assert_eq!(answer["id"], "x");
    assert_eq!(answer["result"]["structuredContent"]["context"]["task"], "cut \u{fffd}");
    let hook = json!({ "name": "hook", "arguments": {} });
    let answer = pair.bob.post(&pair.bob.request("tools/call", &hook)).await.json();
    assert!(answer["error"].is_object() || answer["result"]["isError"] == true, "{answer}");
}
