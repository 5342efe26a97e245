//! The MCP server of a client that starts no process: streamable HTTP, one agent behind each server.
//!
//! Nothing is kept of a client between its requests: a request is served by whichever connection it comes on, with any
//! version of MCP. `rmcp` checks its headers and makes the answer; what `rmcp` would refuse though it can be meant in one way
//! only is written plainly before ([`PostedMessage`]). What an answer holds counts as read once the client is known to have
//! all of it ([`AnswerProof`]), and is given back otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio::sync::watch;

mod answer_body;
mod answer_transit;
mod call_end;
mod caller;
pub(crate) mod client_connection;
mod posted;
mod proof;

use answer_body::AnswerBody;
use call_end::CallEnd;
pub(crate) use caller::PostCaller;
pub(crate) use posted::{PostedMessage, RefusedMessage};
pub(crate) use proof::AnswerProof;

use super::calls::{CallNumber, CallTable};
use super::envelope::{ClientId, RpcError, RpcErrorKind};
use super::handler::ToolHandler;
use super::tools::Tools;

/// The largest body of a request, in bytes, as for a line of stdin.
pub(crate) const MAX_BODY: usize = super::stdio::MAX_LINE;
/// What a client of a stateful version cancels a request by.
const CANCELLED: &str = "notifications/cancelled";

/// The server of one agent. Clones share it.
#[derive(Clone)]
pub(crate) struct HttpServer {
    handler: ToolHandler,
    calls: CallTable,
    service: StreamableHttpService<ToolHandler, NeverSessionManager>,
    /// Tells at each request that earlier answers should be settled.
    requests: watch::Sender<()>,
    anonymous: Arc<AtomicU64>,
    /// Whether the agent has ended.
    is_closed: Arc<AtomicBool>,
}

impl HttpServer {
    /// A server that calls these tools.
    pub(crate) fn new(tools: Tools) -> Self {
        let calls = CallTable::new();
        Self::with(ToolHandler::new(tools, calls.clone()), calls)
    }

    /// A server that answers what a client asks before there is an agent.
    pub(crate) fn without_agent() -> Self {
        Self::with(ToolHandler::without_agent(), CallTable::new())
    }

    fn with(handler: ToolHandler, calls: CallTable) -> Self {
        // Who may come here is checked before, and the length of what they say.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(usize::MAX)
            .disable_allowed_hosts();
        let sessions = Arc::new(NeverSessionManager::default());
        let of_request = handler.clone();
        let service = StreamableHttpService::new(move || Ok(of_request.clone()), sessions, config);
        let (requests, _) = watch::channel(());
        Self {
            handler,
            calls,
            service,
            requests,
            anonymous: Arc::default(),
            is_closed: Arc::default(),
        }
    }

    /// Notes how the client calls itself.
    pub(crate) fn client_named(&self, name: &str) {
        self.handler.client_named(name);
    }

    /// Ends all calls, and tells their clients so.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.calls.cancel_all();
    }

    /// Takes a message, and answers it if it is a request.
    pub(crate) async fn post(
        &self,
        mut parts: Parts,
        message: PostedMessage,
        caller: PostCaller,
    ) -> Response {
        // First, so that what an earlier answer holds is settled before this call looks.
        self.requests.send_replace(());
        let Some(id) = message.id.clone() else {
            if message.method == CANCELLED {
                self.cancel(message.params, caller.session.as_deref());
            }
            return StatusCode::ACCEPTED.into_response();
        };
        let key = self.key(&id, caller.session.as_deref());
        let Ok(number) = self.calls.begin(key, self.calls.slot().await) else {
            let error = RpcError { id: Some(id), kind: RpcErrorKind::DuplicateId };
            return RefusedMessage::of_request(error).into_response();
        };
        let end = CallEnd::new(self.calls.end(number), Arc::clone(&self.is_closed), id);
        parts.extensions.insert(number);
        if let Some(mark) = message.bad_arguments {
            parts.extensions.insert(mark);
        }
        accept_any(&mut parts);
        self.answer(Request::from_parts(parts, Body::from(message.body)), number, end, caller).await
    }

    /// The answer to a request with this number.
    async fn answer(
        &self,
        request: Request<Body>,
        number: CallNumber,
        mut end: CallEnd,
        caller: PostCaller,
    ) -> Response {
        // Dropped where the client hangs up: rmcp ends the call with it, and what it holds is given back.
        let Some((_, responder)) = self.calls.responder(number) else {
            return StatusCode::ACCEPTED.into_response();
        };
        let response = tokio::select! {
            response = self.service.handle(request) => response,
            () = end.wait() => {
                return match end.error() {
                    Some(error) => RefusedMessage::of_request(error).into_response(),
                    None => StatusCode::ACCEPTED.into_response(),
                };
            }
        };
        let requests = self.requests.subscribe();
        response.map(|body| Body::new(AnswerBody::new(body, (responder, end), caller, requests)))
    }

    fn cancel(&self, params: Option<Value>, session: Option<&str>) {
        let id = params.and_then(|mut params| params.get_mut("requestId").map(Value::take));
        let id = id.and_then(|id| ClientId::try_from(id).ok());
        if let (Some(id), Some(session)) = (id, session) {
            self.calls.cancel(&in_session(&id, session));
        }
    }

    /// The id of a request among all of this agent.
    fn key(&self, id: &ClientId, session: Option<&str>) -> ClientId {
        match session {
            Some(session) => in_session(id, session),
            None => {
                let number = self.anonymous.fetch_add(1, Ordering::Relaxed);
                ClientId::Text(format!("#{number}"))
            }
        }
    }
}

fn in_session(id: &ClientId, session: &str) -> ClientId {
    let id = serde_json::to_string(id).unwrap_or_default();
    ClientId::Text(format!("{session} {id}"))
}

/// Lets a client that takes anything have either kind of answer, as if it had named both.
fn accept_any(parts: &mut Parts) {
    let named = parts.headers.get(ACCEPT).map_or("*/*", |value| value.to_str().unwrap_or_default());
    let takes_any = named.split(',').any(|kind| kind.trim().starts_with("*/*"));
    if takes_any {
        let both = HeaderValue::from_static("application/json, text/event-stream");
        parts.headers.insert(ACCEPT, both);
    }
}

#[cfg(test)]
mod tests;
