//! Prompts, as clients list and ask for them.

use serde_json::{Value, json};

use super::client::{MCP_VERSIONS, McpVersion, PipeClient};

/// What the request for a prompt is answered with.
async fn get(agent: &mut PipeClient, params: Value) -> Value {
    agent.request("prompts/get", params).await
}

#[tokio::test]
async fn prompts_are_announced_and_listed_without_a_hub() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::silent(version);
        let opened = agent.opening().await;
        assert_eq!(opened["result"]["capabilities"]["prompts"], json!({}), "{opened}");
        let listed = agent.request("prompts/list", json!({})).await;
        let prompts = listed["result"]["prompts"].as_array().unwrap();
        let names: Vec<_> = prompts.iter().filter_map(|prompt| prompt["name"].as_str()).collect();
        assert_eq!(names, ["peers", "send", "inbox"]);
        let arguments = prompts[1]["arguments"].as_array().unwrap();
        let names: Vec<_> = arguments.iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["to", "message"]);
        assert!(arguments.iter().all(|argument| argument["required"] == false), "{listed}");
        assert!(prompts[0].get("arguments").is_none() && prompts[2].get("arguments").is_none());
    }
}

#[tokio::test]
async fn prompt_is_one_message_of_the_user() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for (params, part) in [
            (json!({ "name": "peers" }), "list_peers"),
            (json!({ "name": "inbox", "arguments": {} }), "read_messages"),
            (json!({ "name": "send", "arguments": { "to": "bob", "message": "hi" } }), "\"bob\""),
            (json!({ "name": "send", "arguments": r#"{"to":"bob"}"# }), "\"bob\""),
            (json!({ "name": "send", "arguments": [] }), "send_message"),
        ] {
            let answer = get(&mut agent, params).await;
            let messages = answer["result"]["messages"].as_array().unwrap();
            assert_eq!((messages.len(), &messages[0]["role"]), (1, &json!("user")));
            assert_eq!(messages[0]["content"]["type"], "text");
            assert!(messages[0]["content"]["text"].as_str().unwrap().contains(part), "{answer}");
            let is_stateless = version == McpVersion::Stateless;
            assert_eq!(answer["result"].get("resultType").is_some(), is_stateless, "{answer}");
        }
    }
}

#[tokio::test]
async fn wrong_request_for_a_prompt_is_an_error_that_quotes_nothing() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for params in [
            json!({}),
            json!({ "name": 7 }),
            json!({ "name": "secret" }),
            json!({ "name": "send", "arguments": { "secret": "x" } }),
            json!({ "name": "send", "arguments": { "to": ["secret"] } }),
            json!({ "name": "send", "arguments": "secret" }),
            json!({ "name": "peers", "arguments": { "to": "secret" } }),
        ] {
            let answer = get(&mut agent, params.clone()).await;
            assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.starts_with("Invalid params: ") && message.ends_with('.'), "{message}");
            assert!(!answer.to_string().contains("secret"), "{answer}");
        }
        agent.assert_alive().await;
    }
}
