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
        if version.is_none_or(|version| version < STATELESS) {
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
        Ok(Self { id: Some(id), method, params: None, body, bad_arguments, client })
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

    fn without_answer(method: String, params: Option<Value>) -> Self {
        Self { id: None, method, params, body: Vec::new(), bad_arguments: None, client: None }
    }
}

/// A request as a line of JSON.
fn request(id: &ClientId, method: &str, params: Map<String, Value>) -> Vec<u8> {
    let mut request = json!({ "jsonrpc": "2.0", "id": id, "method": method });
    request["params"] = params.into();
    json_text::line(&request)
}
