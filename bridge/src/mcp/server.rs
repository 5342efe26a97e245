//! The MCP server as the library wants it: who we are, what tools there are, and how they are called.

use std::io::{self, Read, Write};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, InitializeRequestParams, InitializeResult, JsonObject, ListToolsResult,
    MetaObject, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool as ToolDefinition,
    ToolAnnotations,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RunningService, serve_directly};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::calls::Calls;
use super::schema::{INSTRUCTIONS, SPECS, Spec, Tool};
use super::stdio;
use super::tools::{Answer, Tools};
use super::transport::{StdioTransport, call_number};
use crate::error::ToolError;
use crate::hosts::KnownHosts;
use crate::link::Link;
use crate::project::path_of_uri;
use crate::sight::Sight;

/// How long a client has to say where the project is.
const ROOTS_TIME: Duration = Duration::from_secs(2);

/// A client being served. Dropped, it is served no more.
pub(crate) struct Session {
    calls: Calls,
    input_ended: watch::Receiver<bool>,
    _service: RunningService<RoleServer, Server>,
}

impl Session {
    /// Begins to serve the client at the other ends of `input` and `output`, in whatever era of MCP it
    /// turns out to speak.
    ///
    /// # Errors
    /// If the system has no threads to give.
    pub(crate) fn start(
        link: Link,
        hosts: KnownHosts,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let calls = Calls::new();
        let (lines, out) = (stdio::spawn_reader(input)?, stdio::spawn_writer(output)?);
        let (transport, input_ended) = StdioTransport::new(lines, out, calls.clone());
        let sight = Sight::new(link.clone());
        let server = Server { tools: Tools::new(link, calls.clone(), hosts), sight };
        // Directly, past the library's own opening: that one ends the session on whatever comes before an
        // era is settled. The two eras are told apart by each request instead.
        let service = serve_directly(server, transport, None);
        Ok(Self { calls, input_ended, _service: service })
    }

    /// Waits until the client has ended its input.
    pub(crate) async fn ended(&self) {
        // An error means that the library gave up: nobody is served any more either way.
        let _ = self.input_ended.clone().wait_for(|ended| *ended).await;
    }

    /// Waits until all calls but those that wait are answered, and their answers written.
    pub(crate) async fn answered(&self) {
        self.calls.quiet().await;
    }
}

/// The server of one session.
struct Server {
    tools: Tools,
    sight: Sight,
}

impl Server {
    /// Notes who asks. In the stateless era every request says so itself.
    fn note(&self, context: &RequestContext<RoleServer>) {
        if let Some(client) = context.meta.client_info() {
            self.sight.client(&client.name);
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("agent-junction", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let result = self.negotiate_initialize(&request)?;
        self.sight.client(&request.client_info.name);
        // With the version agreed on, not the one asked for: results take its shape.
        let agreed = result.protocol_version.clone();
        context.peer.set_peer_info(request.with_protocol_version(agreed));
        Ok(result)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let has_roots = |peer: &Peer<RoleServer>| {
            peer.peer_info().is_some_and(|client| client.capabilities.roots.is_some())
        };
        if has_roots(&context.peer)
            && self.sight.wants_root()
            && let Some(root) = first_root(&context.peer).await
        {
            self.sight.root(root).await;
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.note(&context);
        Ok(ListToolsResult::with_all_items(SPECS.iter().map(definition).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.note(&context);
        let unknown =
            || ErrorData::invalid_params("Invalid params: there is no tool of that name.", None);
        let tool = Tool::named(&request.name).ok_or_else(unknown)?;
        let number = call_number(&context.id).ok_or_else(unknown)?;
        let call = self.tools.call(tool, request.arguments.unwrap_or_default(), number);
        // A call that panics is answered too: its client waits, and it has a place among the calls.
        let call = AssertUnwindSafe(call).catch_unwind();
        tokio::select! {
            biased;
            () = context.ct.cancelled() => Err(broken()), // which nobody gets to see
            outcome = call => outcome.map(|outcome| result(outcome).into()).map_err(|_| broken()),
        }
    }
}

/// The first of the directories that the client works in, if it names any in time.
#[expect(deprecated, reason = "gone from the newest MCP, but what clients of the older ones offer")]
async fn first_root(peer: &Peer<RoleServer>) -> Option<PathBuf> {
    let roots = tokio::time::timeout(ROOTS_TIME, peer.list_roots()).await.ok()?.ok()?;
    path_of_uri(&roots.roots.first()?.uri)
}

fn broken() -> ErrorData {
    ErrorData::internal_error("Internal error: the call came to no end.", None)
}

/// The answer as the object it is; a failure as text alone. The transport adds the object's text.
fn result(outcome: Result<Answer, ToolError>) -> CallToolResult {
    match outcome {
        Ok(answer) => {
            let mut result = CallToolResult::success(Vec::new());
            result.structured_content = Some(Value::Object(answer));
            result
        }
        Err(error) => CallToolResult::error(vec![ContentBlock::text(format!("Error: {error}"))]),
    }
}

/// A tool's definition in the library's types.
fn definition(spec: &Spec) -> ToolDefinition {
    // A test reads every schema.
    let input: JsonObject = serde_json::from_str(spec.input).unwrap_or_default();
    let annotations = ToolAnnotations::new()
        .read_only(spec.read_only)
        .destructive(spec.destructive)
        .idempotent(spec.idempotent)
        // A junction is a closed group.
        .open_world(false);
    let mut meta = JsonObject::new();
    if spec.always_load {
        meta.insert("anthropic/alwaysLoad".to_owned(), json!(true));
    }
    if let Some(characters) = spec.max_result {
        meta.insert("anthropic/maxResultSizeChars".to_owned(), json!(characters));
    }
    let definition = ToolDefinition::new(spec.name, spec.description, input).annotate(annotations);
    if meta.is_empty() { definition } else { definition.with_meta(MetaObject(meta)) }
}
