//! How a session opens in each kind of MCP version.

use serde_json::{Value, json};

use super::client::{MCP_VERSIONS, McpVersion, PipeClient, initialize, within};
use crate::testing::git_repo;

const TOOLS: [&str; 9] = [
    "register",
    "claim",
    "list_peers",
    "send_message",
    "read_messages",
    "wait_for_peer",
    "known_hosts",
    "disconnect",
    "save_attachment",
];

fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn server_says_who_it_is_and_what_it_has() {
    for version in MCP_VERSIONS {
        let opened = PipeClient::silent(version).opening().await;
        let result = &opened["result"];
        for kind in ["tools", "prompts", "resources"] {
            assert_eq!(result["capabilities"][kind], json!({}), "{opened}");
        }
        assert!(result["instructions"].as_str().unwrap().len() < 2000);
        if version == McpVersion::Stateful {
            assert_eq!(result["serverInfo"]["name"], "agent-junction");
            assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        } else {
            assert!(opened.to_string().contains("agent-junction"), "{opened}");
            let versions = result["supportedVersions"].as_array().unwrap();
            assert!(versions.contains(&json!("2026-07-28")));
        }
    }
}

#[tokio::test]
async fn every_older_version_is_spoken_and_others_get_the_newest_of_them() {
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let mut agent = PipeClient::silent(McpVersion::Stateful);
        let opened = agent.request("initialize", initialize(asked, json!({}))).await;
        assert_eq!(opened["result"]["protocolVersion"], agreed);
        // The shape of what follows is that of the version agreed on.
        let listed = agent.request("tools/list", json!({})).await;
        assert!(listed["result"].get("resultType").is_none(), "{listed}");
    }
}

#[tokio::test]
async fn tools_are_listed_in_their_order_with_honest_hints() {
    for version in MCP_VERSIONS {
        let listed = PipeClient::open(version).await.request("tools/list", json!({})).await;
        assert_eq!(names(&listed), TOOLS);
        let tool = |name: &str| {
            let tools = listed["result"]["tools"].as_array().unwrap();
            tools.iter().find(|tool| tool["name"] == name).unwrap()
        };
        for name in ["list_peers", "known_hosts"] {
            assert_eq!(tool(name)["annotations"]["readOnlyHint"], true);
        }
        assert_eq!(tool("read_messages")["annotations"]["readOnlyHint"], false);
        assert_eq!(tool("disconnect")["annotations"]["destructiveHint"], true);
        let meta = json!({ "anthropic/alwaysLoad": true });
        assert_eq!(tool("send_message")["_meta"], meta);
        let meta = json!({ "anthropic/alwaysLoad": true, "anthropic/maxResultSizeChars": 200_000 });
        assert_eq!(tool("read_messages")["_meta"], meta);
        assert!(tool("register").get("_meta").is_none());
        assert!(TOOLS.iter().all(|name| tool(name).get("outputSchema").is_none()));
    }
}

#[tokio::test]
async fn lists_asked_for_at_once_come_whole() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for (id, method) in [
            (70, "tools/list"),
            (71, "prompts/list"),
            (72, "resources/list"),
            (73, "resources/templates/list"),
        ] {
            agent.send(&json!(id), method, json!({}));
        }
        for answer in agent.answers(4).await {
            let (list, length) = match answer["id"].as_i64() {
                Some(70) => continue,
                Some(71) => {
                    assert_eq!(answer["result"]["prompts"].as_array().unwrap().len(), 3);
                    continue;
                }
                Some(72) => ("resources", 2),
                _ => ("resourceTemplates", 0),
            };
            assert_eq!(answer["result"][list].as_array().unwrap().len(), length, "{answer}");
        }
    }
}

#[tokio::test]
async fn session_may_open_with_a_probe_and_then_with_initialize() {
    let mut agent = PipeClient::silent(McpVersion::Stateful);
    let refused = agent.request("server/discover", json!({})).await;
    assert_eq!(refused["error"]["code"], -32602);
    agent.opening().await;
    agent.assert_alive().await;
}

#[tokio::test]
async fn regression_client_may_describe_itself_in_any_way() {
    let client = |name: &str| json!({ "name": name });
    for (params, named) in [
        (json!({}), None),
        (json!({ "protocolVersion": 20250618 }), None),
        (
            json!({ "protocolVersion": "2025-06-18", "capabilities": [], "clientInfo": client("a-client") }),
            Some("a-client"),
        ),
        (
            json!({ "capabilities": null, "clientInfo": { "name": "a-client", "version": 7 } }),
            Some("a-client"),
        ),
        (
            json!({ "capabilities": { "roots": true, "sampling": "yes", "elicitation": { "form": 7, "x": [] }, "experimental": 1 }, "clientInfo": "a-client" }),
            Some("a-client"),
        ),
        (json!({ "capabilities": "none", "clientInfo": { "name": 7, "version": null } }), None),
        (json!({ "clientInfo": { "version": "1", "title": {}, "icons": "x" } }), None),
        (json!({ "clientInfo": ["a-client"], "_meta": "x", "extra": [1] }), None),
    ] {
        let mut agent = PipeClient::silent(McpVersion::Stateful);
        let opened = agent.request("initialize", params.clone()).await;
        assert_eq!(opened["result"]["serverInfo"]["name"], "agent-junction", "{params}: {opened}");
        agent.notify("notifications/initialized", json!([]));
        agent.assert_alive().await;
        if let Some(named) = named {
            assert_eq!(agent.observation().await.client.as_deref(), Some(named));
        }
    }
}

#[tokio::test]
async fn regression_stateless_client_may_describe_itself_in_any_way() {
    const KEY: &str = "io.modelcontextprotocol/";
    for (client, capabilities, named) in [
        (json!({ "name": "a-client" }), json!([]), Some("a-client")),
        (json!("a-client"), json!({ "roots": true, "elicitation": 7 }), Some("a-client")),
        (json!({ "version": 7 }), json!(null), None),
        (json!(null), json!("all"), None),
    ] {
        let mut agent = PipeClient::silent(McpVersion::Stateful);
        for method in ["server/discover", "tools/list"] {
            let meta = json!({
                (format!("{KEY}protocolVersion")): "2026-07-28",
                (format!("{KEY}clientInfo")): client,
                (format!("{KEY}clientCapabilities")): capabilities,
                "progressToken": {},
            });
            let answer = agent.request(method, json!({ "_meta": meta, "cursor": 7 })).await;
            assert!(answer["result"].is_object(), "{method}: {answer}");
        }
        if let Some(named) = named {
            assert_eq!(agent.observation().await.client.as_deref(), Some(named));
        }
    }
}

#[tokio::test]
async fn regression_byte_order_mark_before_the_first_line_loses_nothing() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::silent(version);
        agent.line("\u{feff}");
        let opening = json!({ "jsonrpc": "2.0", "id": "o", "method": "initialize", "params": initialize("2025-06-18", json!({})) });
        agent.line(format!("\u{feff}{opening}\r"));
        assert_eq!(agent.next().await["id"], "o");
        agent.opening().await;
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn ping_is_answered_before_anything_was_opened() {
    let mut agent = PipeClient::silent(McpVersion::Stateful);
    assert_eq!(agent.request("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn engine_learns_which_client_it_serves() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        agent.assert_alive().await;
        assert_eq!(agent.observation().await.client.as_deref(), Some("test-client"));
    }
}

#[tokio::test]
async fn client_with_roots_is_asked_where_the_project_is() {
    if std::env::var_os("CLAUDE_PROJECT_DIR").is_some() {
        return;
    }
    let repo = git_repo("shop", "main");
    let mut agent = PipeClient::silent(McpVersion::Stateful);
    agent.request("initialize", initialize("2025-06-18", json!({ "roots": {} }))).await;
    assert_eq!(agent.observation().await.client.as_deref(), Some("test-client"));
    agent.notify("notifications/initialized", json!({}));
    let asked = agent.next().await;
    assert_eq!(asked["method"], "roots/list");
    let uri = format!("file://{}", repo.path().join("shop").display());
    let roots = json!({ "roots": [{ "uri": uri }] });
    agent.line(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": roots }).to_string());
    let seen = within(agent.observation()).await;
    assert_eq!((seen.repo.as_deref(), seen.branch.as_deref()), (Some("shop"), Some("main")));
}

#[tokio::test]
async fn client_without_roots_or_of_a_stateless_version_is_asked_nothing() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        agent.notify("notifications/initialized", json!({}));
        agent.assert_alive().await;
        agent.assert_alive().await;
    }
}
