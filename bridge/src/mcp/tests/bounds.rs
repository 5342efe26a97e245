//! The bounds of every argument: a value just inside reaches the engine, and a value just outside never does. The
//! values come from the parameters themselves, so a new parameter is tested by itself.

use std::time::Duration;

use junction_shared::protocol::limits::MAX_TTL_SECONDS;
use serde_json::{Map, Value, json};

use super::client::{McpVersion, PipeClient};
use crate::mcp::params::Param;
use crate::mcp::schema::{SPECS, ToolSpec};

/// The arguments of a call in which only this one may be wrong.
fn arguments(spec: &ToolSpec, param: &Param, value: Value) -> Value {
    let others = spec.params.iter().filter(|other| other.required && other.name != param.name);
    let others = others.map(|other| (other.name.to_owned(), other.kind.inside().remove(0)));
    let mut arguments: Map<_, _> = others.collect();
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
    let id = client.begin("send_message", arguments(61));
    assert!(client.failure(&id).await.contains("from 10 to 60."));
    client.begin("send_message", arguments(60));
    client.command().await;
}
