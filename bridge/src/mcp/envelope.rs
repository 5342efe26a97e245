//! JSON-RPC 2.0: reads one line as a message, and writes the errors for lines that are none.
//!
//! The bridge reads messages itself, because rmcp ends the session on much of what a client can get wrong, and quotes
//! the rest in its errors. Of what a client wrote, nothing here is quoted except for ids.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::json_text::{self, repair_surrogates};

/// The id that a client gave to a request. The number 1 and the text "1" are different ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub(crate) enum ClientId {
    /// An integer.
    Number(i64),
    /// A text.
    Text(String),
}

/// A line of the client, read as a message.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request, which must be answered.
    Request {
        /// The id of the request.
        id: ClientId,
        /// The method to call.
        method: String,
        /// The parameters; empty if absent.
        params: Map<String, Value>,
    },
    /// A notification, which must not be answered, whatever is wrong with it.
    Notification {
        /// The method of the notification.
        method: String,
        /// The parameters; empty if absent.
        params: Map<String, Value>,
    },
    /// An answer to a request of this server.
    Response,
    /// Not a message that can be used, with the error that answers it.
    Bad(RpcError),
}

/// An error of JSON-RPC. Its text is fixed: it holds nothing that a client wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    /// The id of the request in question, if the line has one.
    pub(crate) id: Option<ClientId>,
    /// What is wrong, which determines the code and the sentence.
    pub(crate) kind: RpcErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RpcErrorKind {
    /// The line is not JSON.
    NotJson,
    /// The line is longer than the longest line that is accepted.
    TooLong,
    /// The line is a batch.
    Batch,
    /// The line is JSON, but not a message.
    NotAMessage,
    /// The id is neither an integer nor a text.
    BadId,
    /// Another request in flight has the same id.
    DuplicateId,
    /// The server does not serve the method.
    UnknownMethod,
    /// The parameters do not fit the method.
    BadParams,
    /// The agent was ended while the request was served.
    AgentEnded,
}

/// What the methods of notifications begin with.
const NOTIFICATIONS: &str = "notifications/";

/// The members of a message, before their types are checked.
#[derive(Deserialize)]
struct MessageMembers {
    jsonrpc: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: Option<Value>,
    params: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    result: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    error: Option<IgnoredAny>,
}

/// Distinguishes a member that is null from one that is absent.
fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a line as a message.
pub(crate) fn read(line: &[u8]) -> Incoming {
    let bad = |id, kind| Incoming::Bad(RpcError { id, kind });
    let batch = line.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if batch {
        let json = serde_json::from_slice::<IgnoredAny>(line).is_ok();
        return bad(None, if json { RpcErrorKind::Batch } else { RpcErrorKind::NotJson });
    }
    let repaired = repair_surrogates(line);
    let line = repaired.as_ref().map_or(line, |repaired| repaired.as_slice());
    let members = match serde_json::from_slice::<MessageMembers>(line) {
        Ok(members) => members,
        Err(error) if error.is_data() => return bad(None, RpcErrorKind::NotAMessage),
        Err(_) => return bad(None, RpcErrorKind::NotJson),
    };
    let answers = members.result.is_some() || members.error.is_some();
    if members.id.is_none()
        && !answers
        && let Some(Value::String(method)) = &members.method
        && (is_version_2(members.jsonrpc.as_ref()) || method.starts_with(NOTIFICATIONS))
    {
        let params = object(members.params).unwrap_or_default();
        return Incoming::Notification { method: method.clone(), params };
    }
    let id = match members.id.map(ClientId::try_from).transpose() {
        Ok(id) => id,
        // A bad answer is not answered. Otherwise two sides could answer each other's errors for ever.
        Err(BadId) if answers && members.method.is_none() => return Incoming::Response,
        Err(BadId) => return bad(None, RpcErrorKind::BadId),
    };
    let method = match members.method {
        None if answers => return Incoming::Response,
        Some(Value::String(method)) if !answers && is_version_2(members.jsonrpc.as_ref()) => method,
        _ => return bad(id, RpcErrorKind::NotAMessage),
    };
    let Some(id) = id else { return bad(None, RpcErrorKind::NotAMessage) };
    match object(members.params) {
        Some(params) => Incoming::Request { id, method, params },
        None => bad(Some(id), RpcErrorKind::BadParams),
    }
}

/// Parameters by name. Some libraries write an empty object as an empty array.
pub(crate) fn object(value: Option<Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(members)) => Some(members),
        Some(Value::Array(items)) if items.is_empty() => Some(Map::new()),
        Some(_) => None,
    }
}

fn is_version_2(version: Option<&Value>) -> bool {
    version.and_then(Value::as_str) == Some("2.0")
}

/// A value that cannot be an id.
#[derive(Debug)]
pub(crate) struct BadId;

impl TryFrom<Value> for ClientId {
    type Error = BadId;

    fn try_from(value: Value) -> Result<Self, BadId> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) => number.as_i64().map(Self::Number).ok_or(BadId),
            _ => Err(BadId),
        }
    }
}

impl RpcErrorKind {
    /// The error code, from JSON-RPC 2.0 §5.1.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::NotJson => -32700,
            Self::TooLong | Self::Batch | Self::NotAMessage | Self::BadId | Self::DuplicateId => {
                -32600
            }
            Self::UnknownMethod => -32601,
            Self::BadParams => -32602,
            Self::AgentEnded => -32603,
        }
    }

    /// What is wrong, in one sentence.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::NotJson => "Parse error: this is not JSON.",
            Self::TooLong => "Invalid request: the message is longer than 1 MiB.",
            Self::Batch => {
                "Invalid request: batches are not supported. Send one message at a time."
            }
            Self::NotAMessage => "Invalid request: this is not a JSON-RPC 2.0 message.",
            Self::BadId => "Invalid request: an id must be a string or an integer.",
            Self::DuplicateId => "Invalid request: another request in flight has this id.",
            Self::UnknownMethod => "Method not found.",
            Self::BadParams => "Invalid params: the parameters do not fit the method.",
            Self::AgentEnded => {
                "The gateway has stopped, or this agent was removed from it. Call again to see whether it is back."
            }
        }
    }
}

#[derive(Serialize)]
struct RpcErrorLine<'a> {
    jsonrpc: &'static str,
    id: Option<&'a ClientId>,
    error: RpcErrorBody,
}

#[derive(Serialize)]
struct RpcErrorBody {
    code: i32,
    message: &'static str,
}

impl RpcError {
    /// The line that carries the error. Its id is null if the line in question has none.
    pub(crate) fn line(&self) -> Vec<u8> {
        let error = RpcErrorBody { code: self.kind.code(), message: self.kind.message() };
        json_text::line(&RpcErrorLine { jsonrpc: "2.0", id: self.id.as_ref(), error })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl From<i64> for ClientId {
        fn from(number: i64) -> Self {
            Self::Number(number)
        }
    }

    impl From<&str> for ClientId {
        fn from(text: &str) -> Self {
            Self::Text(text.to_owned())
        }
    }

    fn error(text: &str) -> RpcError {
        match read(text.as_bytes()) {
            Incoming::Bad(error) => error,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn request_has_an_id_and_notification_has_none() {
        let line = br#" {"jsonrpc":"2.0","id":"1","method":"ping","params":{"a":[1]}}"#;
        let Incoming::Request { id, method, params } = read(line) else { panic!("no request") };
        assert_eq!((id, method.as_str()), ("1".into(), "ping"));
        assert_eq!(params["a"][0], 1);
        let line = br#"{"jsonrpc":"2.0","method":"notifications/initialized","params":null}"#;
        assert!(matches!(read(line), Incoming::Notification { params, .. } if params.is_empty()));
    }

    #[test]
    fn every_error_has_its_kind_and_the_id_of_the_request_if_there_is_one() {
        use RpcErrorKind::{BadId, BadParams, Batch, NotAMessage, NotJson};
        let cases = [
            ("nonsense", None, NotJson),
            ("{", None, NotJson),
            ("{\"id\":1} {}", None, NotJson),
            ("\u{feff}{}", None, NotJson),
            ("[", None, NotJson),
            ("[{}]", None, Batch),
            ("[]", None, Batch),
            ("1", None, NotAMessage),
            ("\"text\"", None, NotAMessage),
            ("null", None, NotAMessage),
            ("{}", None, NotAMessage),
            (r#"{"jsonrpc":"2.0","id":1}"#, Some(1.into()), NotAMessage),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, None, NotAMessage),
            (r#"{"id":1,"method":"ping"}"#, Some(1.into()), NotAMessage),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, Some(1.into()), NotAMessage),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, Some(1.into()), NotAMessage),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":1}"#, Some(1.into()), NotAMessage),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, None, BadId),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, None, BadId),
            (r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#, None, BadId),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, None, BadId),
            (r#"{"method":"ping"}"#, None, NotAMessage),
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":[1]}"#,
                Some("a".into()),
                BadParams,
            ),
        ];
        for (text, id, kind) in cases {
            assert_eq!(error(text), RpcError { id, kind }, "{text}");
        }
    }

    #[test]
    fn regression_notifications_are_never_an_error() {
        for line in [
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":"x"}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":7}"#,
            r#"{"jsonrpc":"2.0","method":"ping"}"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":[1]}"#,
            r#"{"jsonrpc":"2.0","method":""}"#,
            r#"{"method":"notifications/progress","params":[1]}"#,
        ] {
            assert!(matches!(read(line.as_bytes()), Incoming::Notification { .. }), "{line}");
        }
    }

    #[test]
    fn empty_array_is_as_good_as_no_parameters() {
        let line = br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#;
        assert!(matches!(read(line), Incoming::Request { params, .. } if params.is_empty()));
    }

    #[test]
    fn answers_are_never_answered() {
        for line in [
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#,
            r#"{"id":{},"result":{}}"#,
        ] {
            assert!(matches!(read(line.as_bytes()), Incoming::Response), "{line}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}"#, "[".repeat(500_000));
        assert_eq!(error(&deep).kind, RpcErrorKind::NotJson);
        assert_eq!(error(&"[".repeat(1_000_000)).kind, RpcErrorKind::NotJson);
    }

    #[test]
    fn error_is_one_line_with_a_null_id() {
        let line = error("nonsense").line();
        let text = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error: this is not JSON."}}"#;
        assert_eq!(std::str::from_utf8(&line).unwrap(), format!("{text}\n"));
    }

    proptest! {
        #[test]
        fn any_line_is_something(line: Vec<u8>) {
            let _ = read(&line);
        }

        #[test]
        fn any_mix_of_members_is_something(
            members in prop::sample::subsequence(
                vec![
                    r#""jsonrpc":"2.0""#, r#""id":1"#, r#""id":null"#, r#""id":"x""#, r#""method":"ping""#,
                    r#""method":1"#, r#""params":{}"#, r#""params":[]"#, r#""result":{}"#, r#""error":{}"#,
                ],
                0..10,
            ),
        ) {
            let _ = read(format!("{{{}}}", members.join(",")).as_bytes());
        }
    }
}
