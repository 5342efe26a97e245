//! A message that a client has posted, written so that `rmcp` reads what the client means.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::json_text;
use crate::mcp::envelope::{self, ClientId, Incoming, RpcError, RpcErrorKind};
use crate::mcp::request::{BadArguments, CALL, INITIALIZE, plain_params, typed};

/// The header with the version of MCP, and the first version whose requests are checked by it.
const VERSION: &str = "mcp-protocol-version";
const STATELESS: &str = "2026-07-28";
/// The versions that have sessions, the newest first.
const STATEFUL: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
/// What a client of a stateless version begins with.
const DISCOVER: &str = "server/discover";
/// The error for a version that is not spoken, as MCP has it from 2026-07-28 on.
const UNSUPPORTED_VERSION: i32 = -32_022;

/// A message of a client.
pub(crate) struct PostedMessage {
    /// The id of a request; none of a notification or an answer.
    pub(crate) id: Option<ClientId>,
    pub(crate) method: String,
    /// The parameters of a notification.
    pub(crate) params: Option<Value>,
    /// The request, as rmcp is given it.
    pub(crate) body: Vec<u8>,
    /// Whether the arguments of a call are no object.
    pub(super) bad_arguments: Option<BadArguments>,
    /// How a client calls itself that opens a session.
    client: Option<String>,
    /// Whether the message is of a stateless version, in which clients have no sessions.
    is_stateless: bool,
}

/// A message that is answered with an error.
pub(crate) struct RefusedMessage {
    status: StatusCode,
    error: RpcError,
}

impl RefusedMessage {
    /// A body that is no message.
    fn of_body(error: RpcError) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error }
    }

    /// A request, whose client is told why in the answer alone.
    pub(super) fn of_request(error: RpcError) -> Self {
        Self { status: StatusCode::OK, error }
    }

    /// A request of a method that a stateless version does not have.
    fn of_method(id: ClientId) -> Self {
        let error = RpcError { id: Some(id), kind: RpcErrorKind::UnknownMethod };
        Self { status: StatusCode::NOT_FOUND, error }
    }
}

impl IntoResponse for RefusedMessage {
    fn into_response(self) -> Response {
        let kind = [(CONTENT_TYPE, "application/json")];
        (self.status, kind, Bytes::from(self.error.line())).into_response()
    }
}

impl PostedMessage {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// The body is no message, or one that is not served. With the stateless versions rmcp says the latter by itself, and in
    /// the status of the answer, too.
    pub(crate) fn read(body: &[u8], headers: &HeaderMap) -> Result<Self, RefusedMessage> {
        let (id, method, params) = match envelope::read(body) {
            Incoming::Request { id, method, params } => (id, method, params),
            Incoming::Notification { method, params } => {
                return Ok(Self::without_answer(method, Some(params.into())));
            }
            Incoming::Response => return Ok(Self::without_answer(String::new(), None)),
            Incoming::Bad(error) => return Err(RefusedMessage::of_body(error)),
        };
        let version = headers.get(VERSION).and_then(|version| version.to_str().ok());
        let is_stateless =
            version.is_some_and(|version| version >= STATELESS) || method == DISCOVER;
        if !is_stateless {
            let wrong = |kind: RpcErrorKind| RpcError { id: Some(id.clone()), kind };
            let typed = typed(&method, params.clone()).map_err(wrong);
            typed.map_err(RefusedMessage::of_request)?;
        } else if method == INITIALIZE {
            return Err(RefusedMessage::of_method(id));
        }
        let (params, bad_arguments) = plain_params(&method, params);
        let client = params.get("clientInfo").and_then(|client| client["name"].as_str());
        let client = client.map(ToOwned::to_owned);
        let body = request(&id, &method, params);
        Ok(Self { id: Some(id), method, params: None, body, bad_arguments, client, is_stateless })
    }

    /// Whether this opens a session of a stateful version. Returns how the client calls itself.
    pub(crate) fn opening_client(&self) -> Option<&str> {
        let is_opening = self.id.is_some() && self.method == INITIALIZE;
        is_opening.then(|| self.client.as_deref().unwrap_or_default())
    }

    /// Whether an agent is needed for an answer.
    pub(crate) fn is_call(&self) -> bool {
        self.id.is_some() && self.method == CALL
    }

    /// The answer to a message of a stateless version where clients are told apart by their sessions: with it, a client goes on
    /// in a version that has them.
    pub(crate) fn refused_as_stateless(&self) -> Option<Response> {
        let id = self.id.as_ref().filter(|_| self.is_stateless)?;
        let answer = json!({ "jsonrpc": "2.0", "id": id, "error": {
            "code": UNSUPPORTED_VERSION,
            "message": "Unsupported protocol version",
            "data": { "requested": STATELESS, "supported": STATEFUL },
        } });
        let kind = [(CONTENT_TYPE, "application/json")];
        Some((StatusCode::BAD_REQUEST, kind, answer.to_string()).into_response())
    }

    fn without_answer(method: String, params: Option<Value>) -> Self {
        Self {
            id: None,
            method,
            params,
            body: Vec::new(),
            bad_arguments: None,
            client: None,
            is_stateless: false,
        }
    }
}

/// A request as a line of JSON.
fn request(id: &ClientId, method: &str, params: Map<String, Value>) -> Vec<u8> {
    let mut request = json!({ "jsonrpc": "2.0", "id": id, "method": method });
    request["params"] = params.into();
    json_text::line(&request)
}
