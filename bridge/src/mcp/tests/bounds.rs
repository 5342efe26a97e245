//! The bounds of every argument: a value just inside reaches the engine, and a value just outside never does. The
//! values come from the parameters themselves, so a new parameter is tested by itself.

use std::time::Duration;

use junction_shared::protocol::limits::MAX_TTL_SECONDS;
use serde_json::{Map, Value, json};

use junction_engine::Command;

use super::client::{MCP_VERSIONS, McpVersion, PipeClient};
use crate::mcp::argument_names::synonyms;
use crate::mcp::params::ParamKind;
use crate::mcp::params::{Param, ToolSpec};
use crate::mcp::schema::SPECS;

/// The arguments of a call in which only this one may be wrong.
fn arguments(spec: &ToolSpec, param: &Param, value: Value) -> Value {
    let others = spec.params.iter().filter(|other| other.required && other.name != param.name);
    let others = others.map(|other| (other.name.to_owned(), other.kind.inside().remove(0)));
    let mut arguments: Map<_, _> = others.collect();
    if spec.name == "save_attachment" && !matches!(param.name, "path" | "command") {
        arguments.insert("path".to_owned(), json!("a"));
    }
    if spec.name == "send_message" && param.name == "intent" {
        arguments.insert("reply_to".to_owned(), ParamKind::MessageId.inside().remove(0));
    }
    if spec.name == "wait_for_peer" && param.name == "state" {
        // The end of whatever session cannot be awaited.
        arguments.insert("alias".to_owned(), json!("bob"));
    }
    arguments.insert(param.name.to_owned(), value);
    arguments.into()
}

async fn client() -> PipeClient {
    let client = PipeClient::open(McpVersion::Stateful).await;
    client.snapshot.send_modify(|snapshot| {
        // Long enough that it does not lower the bounds of ttl_seconds.
        snapshot.session_timeout = Duration::from_secs(MAX_TTL_SECONDS);
    });
    client
}

#[tokio::test]
async fn arguments_just_inside_their_bounds_reach_the_engine() {
    for spec in &SPECS {
        for param in spec.params {
            for value in param.kind.inside() {
                let mut client = client().await;
                client.begin(spec.name, arguments(spec, param, value));
                client.command().await;
            }
        }
    }
}

#[tokio::test]
async fn arguments_just_outside_their_bounds_are_refused_by_name() {
    let mut client = client().await;
    for spec in &SPECS {
        for param in spec.params {
            for value in param.kind.outside() {
                let id = client.begin(spec.name, arguments(spec, param, value));
                let error = client.failure(&id).await;
                assert!(error.contains(param.name), "{}: {error}", spec.name);
            }
            if param.required {
                let id = client.begin(spec.name, arguments(spec, param, Value::Null));
                assert!(client.failure(&id).await.contains(param.name));
            }
        }
    }
}

#[tokio::test]
async fn session_timeout_of_the_hub_bounds_how_long_a_message_may_wait() {
    let mut client = client().await;
    client.snapshot.send_modify(|snapshot| snapshot.session_timeout = Duration::from_secs(60));
    let arguments =
        |seconds: u64| json!({ "target_alias": "bob", "message": "", "ttl_seconds": seconds });
    let id = client.begin("send_message", arguments(9));
    assert!(client.failure(&id).await.contains("from 10 to 60."));
    for seconds in [60, 61, 3_600, MAX_TTL_SECONDS] {
        client.begin("send_message", arguments(seconds));
        let Command::Send(draft, _) = client.command().await else { panic!("another command") };
        assert_eq!(draft.ttl, Some(Duration::from_secs(60)), "{seconds}");
    }
}

/// Arguments under which a tool answers without the engine's help.
const IDLE: [&str; 1] = ["known_hosts"];

#[tokio::test]
async fn regression_argument_that_no_tool_has_is_ignored_and_told_by_every_tool() {
    for spec in &SPECS {
        let mut client = client().await;
        let required = spec.params.iter().filter(|param| param.required);
        let mut arguments: Map<_, _> =
            required.map(|param| (param.name.to_owned(), param.kind.inside().remove(0))).collect();
        if spec.name == "save_attachment" {
            arguments.insert("path".to_owned(), json!("a"));
        }
        arguments.insert("wait_for_previous".to_owned(), json!(true));
        let id = client.begin(spec.name, arguments.into());
        if IDLE.contains(&spec.name) {
            let told = &client.result(&id).await["ignored"];
            assert_eq!(told, &json!(["wait_for_previous"]));
        } else {
            client.command().await;
        }
    }
}

#[tokio::test]
async fn regression_name_that_is_nearly_ours_does_nothing_in_any_tool() {
    let mut client = client().await;
    for spec in &SPECS {
        for param in spec.params {
            let mut near = vec![
                param.name.to_uppercase(),
                param.name.replace('_', ""),
                format!("{}s", param.name),
            ];
            near.extend(synonyms(param.name).map(str::to_owned));
            near.retain(|name| spec.params.iter().all(|param| param.name != name));
            // A name that models use for several arguments stands for the first of them.
            let meant = |name: &str| {
                let mut params = spec.params.iter();
                params.find(|param| synonyms(param.name).any(|synonym| synonym == name))
            };
            near.retain(|name| meant(name).is_none_or(|meant| meant.name == param.name));
            for name in near {
                let mut arguments = arguments(spec, param, Value::Null);
                arguments[&name] = param.kind.inside().pop().unwrap();
                if arguments[&name] == "" {
                    continue;
                }
                let id = client.begin(spec.name, arguments);
                let error = client.failure(&id).await;
                assert!(error.contains(&format!("calls them {}.", param.name)), "{name}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn regression_arguments_may_be_absent_or_written_as_a_text() {
    for version in MCP_VERSIONS {
        let mut client = PipeClient::open(version).await;
        let sent =
            json!({ "target_alias": "bob", "message": "a \"quoted\" é", "wait_seconds": "0" });
        let text = sent.to_string();
        for written in
            [json!(text), json!(json!(text).to_string()), json!(format!(" {text}\n")), sent]
        {
            client.begin("send_message", written);
            let Command::Send(draft, _) = client.command().await else { panic!("another command") };
            assert_eq!((draft.target.as_str(), draft.body.as_str()), ("bob", "a \"quoted\" é"));
            // The call ends with the command, which nobody answers.
            client.next().await;
        }
        for written in
            [json!(null), json!("{}"), json!(""), json!("null"), json!([]), json!("[]"), json!({})]
        {
            client.begin("list_peers", written);
            let Command::List(query, _) = client.command().await else { panic!("another command") };
            assert_eq!((query.role, query.limit), (None, 50));
            client.next().await;
        }
        let id = json!("bare");
        client.send(&id, "tools/call", json!({ "name": "list_peers" }));
        assert!(matches!(client.command().await, Command::List(..)));
        client.next().await;
        for written in [
            json!("canary"),
            json!("[1]"),
            json!(["canary"]),
            json!(7),
            json!(true),
            json!("{\"a\":1"),
        ] {
            let id = client.begin("list_peers", written);
            assert_eq!(
                client.failure(&id).await,
                "Error: The arguments must be one JSON object. Call list_peers again with such an object."
            );
        }
    }
}
