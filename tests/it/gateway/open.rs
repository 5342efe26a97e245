//! The address that takes any client of the user, as the original did.

use junction_testkit::{HttpClient, TestGateway, TestHome, TestHub};
use serde_json::json;

/// A gateway that serves its open address at a free port, too.
async fn start(home: &TestHome, hub: u16) -> (TestGateway, HttpClient) {
    let port = junction_testkit::free_port();
    let compat = port.to_string();
    let mut gateway =
        TestGateway::of(TestGateway::command(home, hub, &["--compat", &compat])).await;
    let open = gateway.line_with("every program of your user").await;
    assert!(open.ends_with(&format!("http://127.0.0.1:{port}/mcp")), "{open}");
    (gateway, HttpClient::new(([127, 0, 0, 1], port).into(), "/mcp"))
}

#[tokio::test]
async fn each_session_is_an_agent_of_its_own() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_gateway, client) = start(&home, hub.port).await;
    let (mut one, mut two) = (client.clone(), client.clone());
    one.initialize("one").await;
    two.initialize("two").await;
    let first = one.call("register", json!({ "role": "coordinator" })).await;
    let second = two.call("register", json!({})).await;
    assert_ne!(first["alias"], second["alias"]);
    let message = json!({ "target_alias": second["alias"], "message": "hello" });
    one.call("send_message", message).await;
    assert_eq!(two.read().await, ["hello"]);
    assert_eq!(two.call("list_peers", json!({})).await["peers"][0]["context"]["client"], "one");
    assert_eq!(one.ask("DELETE", "", b"").await.status, 204);
    assert_eq!(one.post(&one.tool_call("register", &json!({}))).await.status, 404);
    let gone = json!({ "alias": first["alias"], "state": "gone", "timeout_seconds": 30 });
    assert_eq!(two.call("wait_for_peer", gone).await["found"], true);
}

#[tokio::test]
async fn sessions_that_only_begin_are_nobody() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_gateway, client) = start(&home, hub.port).await;
    for _ in 0..100 {
        let mut silent = client.clone();
        silent.initialize("silent").await;
        assert_eq!(silent.post(&silent.request("tools/list", &json!({}))).await.status, 200);
    }
    let mut one = client.clone();
    one.initialize("one").await;
    assert_eq!(one.call("register", json!({})).await["peerCount"], 0);
}

#[tokio::test]
async fn call_without_a_session_or_with_one_that_was_not_given_is_refused() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (gateway, mut client) = start(&home, hub.port).await;
    let call = client.tool_call("register", &json!({}));
    assert_eq!(client.post(&call).await.status, 400);
    client.session = Some("00000000-0000-0000-0000-000000000000".to_owned());
    assert_eq!(client.post(&call).await.status, 404);
    // Nor is one good that was given at the address of an agent.
    let mut named = gateway.add(&home, "named").await;
    named.initialize("tester").await;
    client.session = named.session.clone();
    assert_eq!(client.post(&call).await.status, 404);
    let health = HttpClient::new(client.address, "/health").ask("GET", "", b"").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("ok")));
}

#[tokio::test]
async fn client_of_the_stateless_version_is_told_to_take_one_with_sessions() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_gateway, mut client) = start(&home, hub.port).await;
    let headers = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: server/discover\r\n";
    let meta = json!({ "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "tester", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    } });
    let discover = client.request("server/discover", &meta).to_string();
    let refused = client.ask("POST", headers, discover.as_bytes()).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(-32_022)));
    assert_eq!(refused.json()["error"]["data"]["supported"][0], "2025-11-25");
    client.initialize("tester").await;
    client.call("register", json!({})).await;
}

#[tokio::test]
async fn call_that_is_cancelled_in_a_session_takes_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_gateway, client) = start(&home, hub.port).await;
    let (mut one, mut two) = (client.clone(), client);
    one.initialize("one").await;
    two.initialize("two").await;
    let alias = two.call("register", json!({})).await["alias"].clone();
    let wait = two.tool_call("read_messages", &json!({ "wait_seconds": 60 }));
    let waiting = (two.clone(), wait.clone());
    let waiting = tokio::spawn(async move { waiting.0.post(&waiting.1).await });
    one.sees_peer("reach", "push").await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": { "requestId": wait["id"] } });
    assert_eq!(two.post(&cancel).await.status, 202);
    assert_eq!(waiting.await.unwrap().status, 202);
    one.call("send_message", json!({ "target_alias": alias, "message": "later" })).await;
    let read = two.call("read_messages", json!({ "wait_seconds": 30 })).await;
    assert_eq!(read["messages"][0]["message"], "later");
}
