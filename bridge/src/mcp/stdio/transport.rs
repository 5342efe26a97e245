//! The transport between the client and `rmcp`, over the lines of stdin and stdout.
//!
//! The transport passes on only what `rmcp` handles well, and answers or drops everything else itself. `rmcp` knows each
//! request by a number of ours ([`crate::mcp::calls`]), under which the transport finds the client's id again, and what
//! the answer holds.

use std::future::pending;
use std::io;

use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage,
    InitializedNotification, JsonRpcError, JsonRpcMessage, JsonRpcResponse, RequestId,
    ServerJsonRpcMessage, ServerResult,
};
use rmcp::transport::Transport;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot, watch};

use super::lines::InputLine;
use super::tool_line;
use super::{InputLines, OutgoingLine};
use crate::json_text;
use crate::mcp::calls::{CallNumber, CallSlot, CallTable, Responder};
use crate::mcp::envelope::{self, ClientId, Incoming, RpcError, RpcErrorKind};
use crate::mcp::request::{CALL, typed};
use crate::mcp::schema::HOOK_TOOL;

/// The transport of one client.
pub(crate) struct StdioTransport {
    lines: InputLines,
    out: mpsc::Sender<OutgoingLine>,
    calls: CallTable,
    /// Room in the table of calls for the next request.
    slot: Option<CallSlot>,
    /// An error from the transport itself that waits to be written.
    owed: Option<OutgoingLine>,
    /// Becomes true at the end of the input.
    ended: watch::Sender<bool>,
}

impl StdioTransport {
    /// A transport from the lines of the input to the lines of the output, and a flag that becomes true at the end of the
    /// input.
    pub(crate) fn new(
        lines: InputLines,
        out: mpsc::Sender<OutgoingLine>,
        calls: CallTable,
    ) -> (Self, watch::Receiver<bool>) {
        let (ended, end) = watch::channel(false);
        (Self { lines, out, calls, slot: None, owed: None, ended }, end)
    }

    /// Takes one line. `rmcp` drops this future whenever something else happens first, so no await comes after a line is
    /// taken.
    async fn step(&mut self) -> Option<ClientJsonRpcMessage> {
        if self.owed.is_some()
            && let Ok(permit) = self.out.reserve().await
            && let Some(owed) = self.owed.take()
        {
            permit.send(owed);
        }
        if self.slot.is_none() {
            self.slot = Some(self.calls.slot().await);
        }
        match self.lines.recv().await {
            Some(InputLine::Text(line)) => self.take(&line),
            Some(InputLine::TooLong(gist)) => self.take_gist(&gist),
            None => {
                self.ended.send_replace(true);
                // If rmcp learned of the end, it would wait up to five seconds for calls that may wait for ever. The
                // process watches `ended` and ends the session sooner.
                pending().await
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> Option<ClientJsonRpcMessage> {
        match envelope::read(line) {
            Incoming::Request { id, method, params } => self.request(id, &method, params),
            Incoming::Notification { method, params } => self.notification(&method, params),
            // rmcp ignores answers to requests that it did not make.
            Incoming::Response => serde_json::from_slice(line).ok(),
            Incoming::Bad(RpcError { id, kind }) => self.refuse(id, kind),
        }
    }

    /// Takes the gist of a line that is too long. A hook's call is served, because the gist holds all that is read of it.
    fn take_gist(&mut self, gist: &[u8]) -> Option<ClientJsonRpcMessage> {
        match envelope::read(gist) {
            Incoming::Request { id, method, params }
                if method == CALL && params.get("name").is_some_and(|name| name == HOOK_TOOL) =>
            {
                self.request(id, &method, params)
            }
            Incoming::Request { id, .. } => self.refuse(Some(id), RpcErrorKind::TooLong),
            Incoming::Bad(RpcError { id, .. }) => self.refuse(id, RpcErrorKind::TooLong),
            Incoming::Notification { .. } | Incoming::Response => None,
        }
    }

    fn request(
        &mut self,
        id: ClientId,
        method: &str,
        params: Map<String, Value>,
    ) -> Option<ClientJsonRpcMessage> {
        let request = match typed(method, params) {
            Ok(request) => request,
            Err(kind) => return self.refuse(Some(id), kind),
        };
        match self.calls.begin(id.clone(), self.slot.take()?) {
            Ok(CallNumber(number)) => {
                Some(JsonRpcMessage::request(request, RequestId::Number(number)))
            }
            Err(_) => self.refuse(Some(id), RpcErrorKind::DuplicateId),
        }
    }

    /// Passes on the notifications that change something here.
    fn notification(
        &self,
        method: &str,
        mut params: Map<String, Value>,
    ) -> Option<ClientJsonRpcMessage> {
        match method {
            "notifications/initialized" => {
                Some(JsonRpcMessage::notification(InitializedNotification::default().into()))
            }
            "notifications/cancelled" => {
                let id = ClientId::try_from(params.remove("requestId")?).ok()?;
                // The call gives back here what it holds, because rmcp drops its answer without telling the
                // transport. Clients also cancel calls that were answered already: the table does not know those.
                let CallNumber(number) = self.calls.cancel(&id)?;
                let number = Some(RequestId::Number(number));
                let params = CancelledNotificationParam::new(number, None);
                Some(JsonRpcMessage::notification(CancelledNotification::new(params).into()))
            }
            _ => None,
        }
    }

    /// Answers a line with an error of the transport's own. Nothing goes on to rmcp.
    fn refuse(&mut self, id: Option<ClientId>, kind: RpcErrorKind) -> Option<ClientJsonRpcMessage> {
        let (written, _) = oneshot::channel();
        // Without the id of a request in flight: a client would take the error for the answer to that one, and lose it.
        let id = id.filter(|id| !self.calls.is_in_flight(id));
        let line = RpcError { id, kind }.line();
        self.owed = Some(OutgoingLine { line, responder: None, busy: self.calls.busy(), written });
        None
    }

    /// The line for a message from rmcp, with the client's id; none for a request that was cancelled.
    fn outgoing(
        &self,
        message: ServerJsonRpcMessage,
    ) -> Option<(OutgoingLine, oneshot::Receiver<io::Result<()>>)> {
        let busy = self.calls.busy();
        let (line, responder) = match message {
            JsonRpcMessage::Response(JsonRpcResponse { id, result, .. }) => {
                let (id, responder) = self.responder(&id)?;
                (result_line(id, result), Some(responder))
            }
            JsonRpcMessage::Error(JsonRpcError { id: Some(id), error, .. }) => {
                let (id, responder) = self.responder(&id)?;
                (json_text::line(&ErrorResponseLine { jsonrpc: "2.0", id, error }), Some(responder))
            }
            other => (json_text::line(&other), None),
        };
        let (written, outcome) = oneshot::channel();
        Some((OutgoingLine { line, responder, busy, written }, outcome))
    }

    fn responder(&self, id: &RequestId) -> Option<(ClientId, Responder)> {
        self.calls.responder(call_number(id)?)
    }
}

/// Our number for the request that rmcp knows by this id.
pub(crate) fn call_number(id: &RequestId) -> Option<CallNumber> {
    match id {
        RequestId::Number(number) => Some(CallNumber(*number)),
        RequestId::String(_) => None,
    }
}

fn result_line(id: ClientId, mut result: ServerResult) -> Vec<u8> {
    if let ServerResult::CallToolResult(result) = &mut result
        && let Some(structure) = result.structured_content.take()
    {
        return tool_line::line(&id, &structure, result);
    }
    json_text::line(&ResultResponseLine { jsonrpc: "2.0", id, result })
}

#[derive(Serialize)]
struct ResultResponseLine<R> {
    jsonrpc: &'static str,
    id: ClientId,
    result: R,
}

#[derive(Serialize)]
struct ErrorResponseLine<E> {
    jsonrpc: &'static str,
    id: ClientId,
    error: E,
}

impl Transport<RoleServer> for StdioTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let outgoing = self.outgoing(message);
        let out = self.out.clone();
        async move {
            let Some((line, written)) = outgoing else { return Ok(()) };
            let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
            out.send(line).await.map_err(|_| gone())?;
            // A closed channel means that the call was cancelled at the last moment, and nothing had to be written.
            written.await.unwrap_or(Ok(()))
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(message) = self.step().await {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}
