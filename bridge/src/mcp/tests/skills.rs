//! The skills, as clients list, get and read them.

use serde_json::{Value, json};

use super::client::{MCP_VERSIONS, McpVersion, PipeClient};
use crate::packages::SKILLS;

const EXTENSION: &str = "io.modelcontextprotocol/skills";

/// What the server announces to a client of this name, which may say that it knows the extension.
async fn announced(version: McpVersion, name: &str, knows: bool) -> (Value, Value) {
    let mut agent = PipeClient::silent(version);
    let capabilities = if knows { json!({ "extensions": { EXTENSION: {} } }) } else { json!({}) };
    let client = json!({ "name": name, "version": "1" });
    let (method, opening) = match version {
        McpVersion::Stateful => (
            "initialize",
            json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client }),
        ),
        McpVersion::Stateless => ("server/discover", json!({})),
    };
    let of_client = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": client,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let mut ask = async |id: i64, method: &str, mut params: Value| {
        if version == McpVersion::Stateless {
            params["_meta"] = of_client.clone();
        }
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        agent.line(request.to_string());
        agent.next().await["result"].take()
    };
    let mut opened = ask(1, method, opening).await;
    let listed = ask(2, "resources/list", json!({})).await;
    (opened["capabilities"].take(), listed["resources"].clone())
}

#[tokio::test]
async fn skills_are_announced_except_to_clients_known_not_to_know_them() {
    for version in MCP_VERSIONS {
        for (name, knows, is_announced) in [
            ("some-client", false, true),
            ("some-client", true, true),
            ("opencode", false, false),
            ("opencode", true, true),
        ] {
            let (capabilities, resources) = announced(version, name, knows).await;
            let wanted = if is_announced {
                json!({ "tools": {}, "prompts": {}, "resources": {}, "extensions": { EXTENSION: {} } })
            } else {
                json!({ "tools": {}, "prompts": {} })
            };
            assert_eq!(capabilities, wanted, "{version:?} {name} {knows}");
            let count = if is_announced { SKILLS.len() } else { 0 };
            assert_eq!(resources.as_array().unwrap().len(), count, "{resources}");
        }
    }
}

#[tokio::test]
async fn listed_skill_is_the_one_that_is_got_and_its_manifest_fits_what_is_read() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let listed = agent.request("skills/list", json!({})).await;
        let skills = listed["result"]["skills"].as_array().unwrap();
        assert_eq!(skills.len(), SKILLS.len(), "{listed}");
        for (skill, file) in skills.iter().zip(&SKILLS) {
            let uri = format!("skill://{}/SKILL.md", file.name);
            assert_eq!(skill["uri"], uri);
            assert_eq!(
                skill["frontmatter"],
                json!({ "name": file.name, "description": file.description() })
            );
            let got = agent.request("skills/get", json!({ "uri": uri })).await;
            assert_eq!(got["result"]["skill"], *skill);
            assert_eq!(got["result"]["cacheScope"], "public");
            let read = agent.request("resources/read", json!({ "uri": uri })).await;
            let contents = &read["result"]["contents"];
            assert_eq!(contents[0]["mimeType"], "text/markdown");
            let text = contents[0]["text"].as_str().unwrap();
            assert_eq!(text, file.text);
            let digest = rmcp::model::sha256_digest(text.as_bytes());
            let manifest = json!([{ "uri": uri, "digest": digest, "size": text.len() }]);
            assert_eq!(skill["resources"], manifest);
        }
    }
}

#[tokio::test]
async fn wrong_uri_is_an_error_that_quotes_nothing() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for method in ["skills/get", "resources/read"] {
            for params in [
                json!({}),
                json!({ "uri": 7 }),
                json!({ "uri": "secret" }),
                json!({ "uri": "skill://secret/SKILL.md" }),
                json!({ "uri": "skill://use-junction/../secret/SKILL.md" }),
                json!({ "uri": "file:///etc/secret" }),
            ] {
                let answer = agent.request(method, params.clone()).await;
                assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
                let message = answer["error"]["message"].as_str().unwrap();
                assert!(
                    message.starts_with("Invalid params: ") && message.ends_with('.'),
                    "{message}"
                );
                assert!(!message.contains("secret"), "{answer}");
            }
        }
        agent.assert_alive().await;
    }
}
