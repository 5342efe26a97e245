//! What a client can get wrong, none of which ends the session.

use serde_json::{Value, json};

use super::client::{MCP_VERSIONS, McpVersion, PipeClient};
use crate::mcp::stdio::MAX_LINE;
use junction_engine::{Command, PeerPage};

/// Lines that are answered with an error of this code and a null id.
fn faults() -> Vec<(Vec<u8>, i64)> {
    let mut faults: Vec<(Vec<u8>, i64)> = [
        ("not json", -32700),
        ("{", -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        ("null", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"method":"tools/list"}"#, -32600),
    ]
    .map(|(line, code)| (line.as_bytes().to_vec(), code))
    .to_vec();
    faults.push((b"\xff\xfe\0".to_vec(), -32700));
    faults.push((vec![b'['; 100_000], -32700));
    faults.push((vec![b'x'; 2 * MAX_LINE], -32600));
    faults
}

/// Lines that get no answer.
const SILENT: [&str; 12] = [
    "",
    "  ",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4711}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/anything","params":{"a":1}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":"x"}"#,
    r#"{"jsonrpc":"2.0","method":"tools/list"}"#,
    r#"{"jsonrpc":"2.0","id":"unasked","result":{"a":1}}"#,
    r#"{"jsonrpc":"2.0","id":0,"error":{"code":-1,"message":"x"}}"#,
];

async fn misbehave(agent: &mut PipeClient) {
    for line in SILENT {
        agent.line(line);
    }
    for (line, code) in faults() {
        agent.line(&line);
        let answer = agent.next().await;
        let what = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&Value::Null, &json!(code)),
            "{what}"
        );
    }
}

#[tokio::test]
async fn rubbish_before_the_opening_is_answered_and_survived() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::silent(version);
        misbehave(&mut agent).await;
        agent.opening().await;
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn rubbish_after_the_opening_is_answered_and_survived() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        misbehave(&mut agent).await;
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn requests_that_cannot_be_served_are_refused_under_their_id() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for (method, params, code) in [
            ("no/such/method", json!({}), -32601),
            ("logging/setLevel", json!({ "level": "debug" }), -32601),
            ("completion/complete", json!({}), -32601),
            ("subscriptions/listen", json!({}), -32601),
            ("tools/call", json!({}), -32602),
            ("tools/call", json!({ "name": 7 }), -32602),
            ("tools/call", json!({ "name": "canary", "arguments": {} }), -32602),
        ] {
            let answer = agent.request(method, params).await;
            assert_eq!(answer["error"]["code"], code, "{method}: {answer}");
            assert!(!answer.to_string().contains("canary"), "{answer}");
        }
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn regression_line_that_is_too_long_is_answered_under_its_id() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let text = "x".repeat(MAX_LINE);
        for id in [json!(7), json!("seven"), json!(null)] {
            let call = json!({ "name": "send_message", "arguments": { "message": text, "id": 9 } });
            let first =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{call}}}"#);
            let last =
                format!(r#"{{"method":"tools/call","params":{call},"jsonrpc":"2.0","id":{id}}}"#);
            for line in [first, last] {
                agent.line(line);
                let answer = agent.next().await;
                assert_eq!(
                    (&answer["id"], &answer["error"]["code"]),
                    (&id, &json!(-32600)),
                    "{answer}"
                );
            }
        }
        // Neither is answered.
        agent.line(json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "t": text } }).to_string());
        agent.line(json!({ "jsonrpc": "2.0", "id": 3, "result": { "t": text } }).to_string());
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn line_that_is_too_long_does_not_end_a_request_of_its_id() {
    let mut agent = PipeClient::open(McpVersion::Stateful).await;
    agent.begin_as(&json!("x"), "list_peers", json!({}));
    let Command::List(_, reply) = agent.command().await else { panic!("another command") };
    let text = "y".repeat(MAX_LINE);
    agent.line(
        json!({ "jsonrpc": "2.0", "id": "x", "method": "ping", "params": { "t": text } })
            .to_string(),
    );
    assert_eq!(agent.next().await["id"], Value::Null);
    let _ = reply.send(Ok(PeerPage { peers: Vec::new(), total: 0, next: None }));
    assert_eq!(agent.result(&json!("x")).await["total"], 0);
}

#[tokio::test]
async fn regression_hook_with_a_prompt_that_is_too_long_is_served_like_any_other() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for (event, session, text) in [
            ("UserPromptSubmit", "s", "x\n".repeat(MAX_LINE / 2)),
            ("PostToolUse", "s", "\"".repeat(3 * MAX_LINE)),
            ("Stop", "s", "é".repeat(MAX_LINE)),
        ] {
            let arguments = json!({
                "hook_event_name": event, "session_id": session, "prompt": text,
                "tool_input": { "content": text }, "tool_response": [{ "text": text }],
            });
            let params = json!({ "name": "hook_event", "arguments": arguments });
            let answer = agent.request("tools/call", params).await;
            assert_eq!(answer["result"]["content"][0]["text"], "{}", "{event}: {answer}");
        }
        agent.assert_alive().await;
    }
}

#[tokio::test]
async fn wrong_arguments_never_reach_the_engine() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        for (tool, arguments, names) in [
            ("register", json!({ "task": ["canary"] }), "task"),
            ("register", json!({ "Alias": "canary" }), "alias"),
            ("list_peers", json!({ "limit": "canary" }), "limit"),
            ("send_message", json!({ "message": "canary" }), "target_alias"),
            ("send_message", json!({ "target_alias": "bob" }), "message"),
            (
                "send_message",
                json!({ "target_alias": "bob", "message": "", "ttl_seconds": 9 }),
                "ttl",
            ),
            ("read_messages", json!({ "wait_seconds": "canary" }), "wait_seconds"),
            ("send_message", json!({ "to": "canary", "text": "canary" }), "target_alias, message"),
            ("list_peers", json!({ "cursor": "canary" }), "cursor"),
            ("wait_for_peer", json!({ "expected_role": ["canary"] }), "expected_role"),
            ("wait_for_peer", json!({ "timeout": 1 }), "timeout_seconds"),
        ] {
            let id = agent.begin(tool, arguments);
            let text = agent.failure(&id).await;
            assert!(text.starts_with("Error: ") && text.contains(names), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

#[tokio::test]
async fn second_call_of_an_id_in_flight_is_refused_and_the_first_unharmed() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        agent.begin_as(&json!("x"), "list_peers", json!({}));
        let Command::List(_, first) = agent.command().await else { panic!("another command") };
        agent.begin_as(&json!("x"), "list_peers", json!({}));
        let refused = agent.next().await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&Value::Null, &json!(-32600)));
        let _ = first.send(Ok(PeerPage { peers: Vec::new(), total: 0, next: None }));
        assert_eq!(agent.result(&json!("x")).await["total"], 0);
    }
}

#[tokio::test]
async fn ids_of_other_types_are_other_ids() {
    for version in MCP_VERSIONS {
        let mut agent = PipeClient::open(version).await;
        let ids = [json!("70"), json!(70), json!(""), json!(i64::MIN)];
        let mut replies = Vec::new();
        for (total, id) in (0..).zip(&ids) {
            agent.begin_as(id, "list_peers", json!({}));
            let Command::List(_, reply) = agent.command().await else { panic!("another command") };
            replies.push((total, reply));
        }
        for (total, reply) in replies {
            let _ = reply.send(Ok(PeerPage { peers: Vec::new(), total, next: None }));
        }
        for answer in agent.answers(4).await {
            let total = answer["result"]["structuredContent"]["total"].as_u64().unwrap();
            assert_eq!(answer["id"], ids[usize::try_from(total).unwrap()]);
        }
    }
}

#[tokio::test]
async fn ten_thousand_calls_at_once_are_all_answered() {
    const CALLS: usize = 10_000;
    let mut agent = PipeClient::open(McpVersion::Stateful).await;
    let line = json!({
        "jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": { "name": "list_peers", "arguments": { "limit": "x" } },
    });
    let mut to = agent.split_input();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        for id in 0..CALLS {
            let mut line = line.clone();
            line["id"] = json!(id);
            writeln!(to, "{line}").unwrap();
        }
    });
    let mut ids: Vec<_> =
        agent.answers(CALLS).await.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..CALLS as u64));
    writer.join().unwrap();
}
