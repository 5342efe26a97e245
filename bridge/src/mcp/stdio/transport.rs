//! The transport between the client and `rmcp`, over the lines of stdin and stdout.
//!
//! The transport passes on only what `rmcp` handles well, and answers or drops everything else itself. `rmcp` knows each
//! request by a number of ours ([`crate::mcp::calls`]), under which the transport finds the client's id again, and what
//! the answer holds.

use std::future::pending;
use std::io;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotification, CancelledNotificationParam,
    ClientJsonRpcMessage, ClientRequest, GetPromptRequest, GetPromptRequestParams,
    InitializedNotification, JsonRpcError, JsonRpcMessage, JsonRpcResponse, RequestId,
    RequestMetaObject, SKILLS_EXTENSION_ID, ServerJsonRpcMessage, ServerResult,
    skill_name_from_uri,
};
use rmcp::transport::Transport;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use super::lines::InputLine;
use super::tool_line;
use super::{InputLines, OutgoingLine};
use crate::json_text;
use crate::mcp::calls::{CallNumber, CallSlot, CallTable, Responder};
use crate::mcp::envelope::{self, ClientId, Incoming, RpcError, RpcErrorKind};
use crate::mcp::schema::HOOK_TOOL;

/// The methods of requests that are served. Clients ask for resources even where none are announced.
const SERVED: [&str; 12] = [
    INITIALIZE,
    "server/discover",
    "ping",
    "tools/list",
    CALL,
    "prompts/list",
    GET_PROMPT,
    "resources/list",
    "resources/templates/list",
    READ_RESOURCE,
    "skills/list",
    GET_SKILL,
];

const CALL: &str = "tools/call";
const GET_PROMPT: &str = "prompts/get";
const READ_RESOURCE: &str = "resources/read";
const GET_SKILL: &str = "skills/get";
const INITIALIZE: &str = "initialize";
/// Where a request has what is not for its method, and what a stateless version puts there.
const META: &str = "_meta";
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// How many texts the arguments of a call may be wrapped in.
const MOST_TEXTS: u32 = 2;

/// Marks a call whose arguments are no object, for its tool to say so.
#[derive(Clone, Copy)]
pub(crate) struct BadArguments;

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

/// A request in rmcp's types, if its method is served and its parameters fit.
fn typed(method: &str, params: Map<String, Value>) -> Result<ClientRequest, RpcErrorKind> {
    let params = match method {
        CALL => return call(params),
        GET_PROMPT => return prompt(params),
        INITIALIZE => opening(&params),
        READ_RESOURCE | GET_SKILL => located(method, params)?,
        // The lists have no further pages.
        _ if SERVED.contains(&method) => json!({ META: meta(params) }),
        _ => return Err(RpcErrorKind::UnknownMethod),
    };
    // rmcp makes a custom request of parameters that do not fit the method.
    match serde_json::from_value(json!({ "method": method, "params": params })) {
        Ok(ClientRequest::CustomRequest(_)) | Err(_) => Err(RpcErrorKind::BadParams),
        Ok(request) => Ok(request),
    }
}

/// The parameters of a request for what is at a URI. A skill's must be that of its `SKILL.md`, which rmcp checks, too, but
/// repeats what it was sent.
fn located(method: &str, mut params: Map<String, Value>) -> Result<Value, RpcErrorKind> {
    let Some(Value::String(uri)) = params.remove("uri") else {
        return Err(RpcErrorKind::BadParams);
    };
    if method == GET_SKILL && skill_name_from_uri(&uri).is_none() {
        return Err(RpcErrorKind::BadParams);
    }
    Ok(json!({ "uri": uri, META: meta(params) }))
}

/// The parameters of `initialize` that are read here: the version, the client's name, and of what it can do only what
/// matters. rmcp refuses a session whose client describes itself in any other way than rmcp expects.
fn opening(params: &Map<String, Value>) -> Value {
    let version = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    let capabilities = capabilities(params.get("capabilities"));
    let client = client_info(params.get("clientInfo"));
    json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": client })
}

/// What a client says that it can do, as far as it matters: whether it has roots, in which ways it asks its person, and
/// whether it knows skills.
fn capabilities(all: Option<&Value>) -> Value {
    let mut known = Map::new();
    if all.is_some_and(|all| all["roots"].is_object()) {
        known.insert("roots".to_owned(), json!({}));
    }
    if let Some(ways) = all.and_then(|all| all["elicitation"].as_object()) {
        let named =
            ["form", "url"].into_iter().filter(|way| ways.get(*way).is_some_and(Value::is_object));
        let named: Map<_, _> = named.map(|way| (way.to_owned(), json!({}))).collect();
        known.insert("elicitation".to_owned(), named.into());
    }
    if all.is_some_and(|all| all["extensions"][SKILLS_EXTENSION_ID].is_object()) {
        known.insert("extensions".to_owned(), json!({ SKILLS_EXTENSION_ID: {} }));
    }
    Value::Object(known)
}

/// What a client says of itself: its name, or an empty one.
fn client_info(info: Option<&Value>) -> Value {
    let name = info.and_then(|info| info.as_str().or_else(|| info["name"].as_str()));
    json!({ "name": name.unwrap_or_default(), "version": "" })
}

/// The `_meta` of a request. With a stateless version it describes the client, as `initialize` does otherwise.
fn meta(mut params: Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Object(mut meta)) = params.remove(META) else { return Map::new() };
    if meta.get(META_VERSION).is_some_and(Value::is_string) {
        let client = client_info(meta.get(META_CLIENT));
        meta.insert(META_CLIENT.to_owned(), client);
        let capabilities = capabilities(meta.get(META_CAPABILITIES));
        meta.insert(META_CAPABILITIES.to_owned(), capabilities);
    }
    meta
}

/// A call of a tool in rmcp's types. It is built here, because rmcp's own parser tries one type after the other and
/// copies all of the arguments each time.
fn call(mut params: Map<String, Value>) -> Result<ClientRequest, RpcErrorKind> {
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(RpcErrorKind::BadParams);
    };
    let arguments = arguments(params.remove("arguments"), MOST_TEXTS);
    let is_bad = arguments.is_none();
    let mut call = CallToolRequestParams::new(name).with_arguments(arguments.unwrap_or_default());
    call.request_state = params.remove("requestState").and_then(|state| match state {
        Value::String(state) => Some(state),
        _ => None,
    });
    call.input_responses = params.remove("inputResponses").and_then(|answers| match answers {
        Value::Object(answers) => Some(answers.into_iter().collect()),
        _ => None,
    });
    let mut request = CallToolRequest::new(call);
    request.extensions.insert(RequestMetaObject::from(meta(params)));
    if is_bad {
        request.extensions.insert(BadArguments);
    }
    Ok(request.into())
}

/// A request for a prompt in rmcp's types, built here for the same reason.
fn prompt(mut params: Map<String, Value>) -> Result<ClientRequest, RpcErrorKind> {
    let Some(Value::String(name)) = params.remove("name") else {
        return Err(RpcErrorKind::BadParams);
    };
    let arguments = params.remove("arguments");
    let arguments = self::arguments(arguments, MOST_TEXTS).ok_or(RpcErrorKind::BadParams)?;
    let prompt = GetPromptRequestParams::new(name).with_arguments(arguments);
    let mut request = GetPromptRequest::new(prompt);
    request.extensions.insert(RequestMetaObject::from(meta(params)));
    Ok(request.into())
}

/// The arguments of a call. Some clients write them as a text, some as a text within a text.
fn arguments(value: Option<Value>, texts: u32) -> Option<Map<String, Value>> {
    match value {
        Some(Value::String(text)) if text.trim().is_empty() => Some(Map::new()),
        Some(Value::String(text)) if texts > 0 => {
            arguments(Some(serde_json::from_str(&text).ok()?), texts - 1)
        }
        value => envelope::object(value),
    }
}
