//! MCP's transport over stdin and stdout, as the library wants it.
//!
//! It stands between the client and `rmcp` and lets through only what `rmcp` handles well: everything
//! else it answers or drops itself. It knows a request by a number of ours ([`crate::mcp::calls`]), and settles
//! what an answer holds once the answer is written.

use std::future::pending;
use std::io;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotification, CancelledNotificationParam,
    ClientJsonRpcMessage, ClientRequest, InitializedNotification, JsonRpcError, JsonRpcMessage,
    JsonRpcResponse, RequestId, RequestMetaObject, ServerJsonRpcMessage, ServerResult,
};
use rmcp::transport::Transport;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use super::Outgoing;
use super::lines::Line;
use super::tool_line;
use crate::json_text;
use crate::mcp::calls::{Answer, CallNumber, Calls, Place};
use crate::mcp::envelope::{self, ClientId, Fault, FaultKind, Incoming};
use junction_engine::wiped::Wiped;

/// The requests that are served. Asked for prompts or resources, which clients do unasked, the answer
/// is an empty list.
const SERVED: [&str; 8] = [
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
];

/// The transport.
pub(crate) struct StdioTransport {
    lines: mpsc::Receiver<Line>,
    out: mpsc::Sender<Outgoing>,
    calls: Calls,
    /// The place that the next request will have.
    place: Option<Place>,
    /// An answer of our own that waits for its turn to be written.
    owed: Option<Outgoing>,
    /// True once the input has come to its end.
    ended: watch::Sender<bool>,
}

impl StdioTransport {
    /// A transport over the lines of the input and to the lines of the output, and what becomes true when
    /// the input has come to its end.
    pub(crate) fn new(
        lines: mpsc::Receiver<Line>,
        out: mpsc::Sender<Outgoing>,
        calls: Calls,
    ) -> (Self, watch::Receiver<bool>) {
        let (ended, end) = watch::channel(false);
        (Self { lines, out, calls, place: None, owed: None, ended }, end)
    }

    /// Takes one line. Dropped at any of its awaits, it has taken nothing: `rmcp` drops the future whenever
    /// something else happens first.
    async fn step(&mut self) -> Option<ClientJsonRpcMessage> {
        if self.owed.is_some()
            && let Ok(permit) = self.out.reserve().await
            && let Some(owed) = self.owed.take()
        {
            permit.send(owed);
        }
        if self.place.is_none() {
            self.place = Some(self.calls.place().await);
        }
        match self.lines.recv().await {
            Some(Line::Text(line)) => self.take(&line),
            Some(Line::TooLong) => self.refuse(None, FaultKind::TooLong),
            None => {
                self.ended.send_replace(true);
                // Told of the end, rmcp would wait up to five seconds for calls that may wait for
                // ever. Whoever looks at `ended` ends the session, and sooner.
                pending().await
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> Option<ClientJsonRpcMessage> {
        match envelope::read(line) {
            Incoming::Request { id, method, params } => self.request(id, &method, params),
            Incoming::Notification { method, params } => self.notification(&method, params),
            // rmcp ignores answers to what it did not ask.
            Incoming::Response => serde_json::from_slice(line).ok(),
            Incoming::Bad(Fault { id, kind }) => self.refuse(id, kind),
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
        match self.calls.begin(id.clone(), self.place.take()?) {
            Ok(CallNumber(number)) => {
                Some(JsonRpcMessage::request(request, RequestId::Number(number)))
            }
            // Without its id: a client would take the error for the answer to the first, and lose that.
            Err(_) => self.refuse(None, FaultKind::DuplicateId),
        }
    }

    /// Of the notifications, those that change something here go on.
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
                // What the call holds is given back here: rmcp drops the answer without a word. Clients
                // also cancel what was answered already; that is nobody's call any more.
                let CallNumber(number) = self.calls.cancel(&id)?;
                let number = Some(RequestId::Number(number));
                let params = CancelledNotificationParam::new(number, None);
                Some(JsonRpcMessage::notification(CancelledNotification::new(params).into()))
            }
            _ => None,
        }
    }

    /// Answers a line ourselves. What it returns is what goes on to rmcp: nothing.
    fn refuse(&mut self, id: Option<ClientId>, kind: FaultKind) -> Option<ClientJsonRpcMessage> {
        let (written, _) = oneshot::channel();
        let line = Fault { id, kind }.line();
        self.owed = Some(Outgoing { line, answer: None, busy: self.calls.busy(), written });
        None
    }

    /// The line for a message of rmcp's, under the client's id; none for a call that was cancelled.
    fn outgoing(
        &self,
        message: ServerJsonRpcMessage,
    ) -> Option<(Outgoing, oneshot::Receiver<io::Result<()>>)> {
        let busy = self.calls.busy();
        let (line, answer) = match message {
            JsonRpcMessage::Response(JsonRpcResponse { id, result, .. }) => {
                let (id, answer) = self.answer(&id)?;
                (result_line(id, result), Some(answer))
            }
            JsonRpcMessage::Error(JsonRpcError { id: Some(id), error, .. }) => {
                let (id, answer) = self.answer(&id)?;
                (json_text::line(&ErrorLine { jsonrpc: "2.0", id, error }), Some(answer))
            }
            other => (json_text::line(&other), None),
        };
        let (written, outcome) = oneshot::channel();
        Some((Outgoing { line, answer, busy, written }, outcome))
    }

    fn answer(&self, id: &RequestId) -> Option<(ClientId, Answer)> {
        self.calls.answer(call_number(id)?)
    }
}

/// Our number in an id of rmcp's.
pub(crate) fn call_number(id: &RequestId) -> Option<CallNumber> {
    match id {
        RequestId::Number(number) => Some(CallNumber(*number)),
        RequestId::String(_) => None,
    }
}

fn result_line(id: ClientId, mut result: ServerResult) -> Wiped<Vec<u8>> {
    if let ServerResult::CallToolResult(result) = &mut result
        && let Some(structure) = result.structured_content.take()
    {
        return tool_line::line(&id, &structure, result);
    }
    json_text::line(&ResultLine { jsonrpc: "2.0", id, result })
}

#[derive(Serialize)]
struct ResultLine<R> {
    jsonrpc: &'static str,
    id: ClientId,
    result: R,
}

#[derive(Serialize)]
struct ErrorLine<E> {
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
            // No word means that the call was cancelled at the last moment: nothing was to be written.
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

/// A request in rmcp's types, if it is served and its parameters fit.
fn typed(method: &str, params: Map<String, Value>) -> Result<ClientRequest, FaultKind> {
    if method == "tools/call" {
        return call(params);
    }
    if !SERVED.contains(&method) {
        return Err(FaultKind::UnknownMethod);
    }
    // What fits no type of its own comes out as a custom request.
    match serde_json::from_value(json!({ "method": method, "params": params })) {
        Ok(ClientRequest::CustomRequest(_)) | Err(_) => Err(FaultKind::BadParams),
        Ok(request) => Ok(request),
    }
}

/// A call of a tool. It is put together here, because rmcp's way of trying one type after the other
/// copies the whole of the arguments again and again.
fn call(mut params: Map<String, Value>) -> Result<ClientRequest, FaultKind> {
    let Some(Value::String(name)) = params.remove("name") else { return Err(FaultKind::BadParams) };
    let arguments = object(params.remove("arguments"))?;
    let meta = object(params.remove("_meta"))?;
    let mut request =
        CallToolRequest::new(CallToolRequestParams::new(name).with_arguments(arguments));
    request.extensions.insert(RequestMetaObject::from(meta));
    Ok(request.into())
}

/// An object that may be left out.
fn object(value: Option<Value>) -> Result<Map<String, Value>, FaultKind> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(FaultKind::BadParams),
    }
}
