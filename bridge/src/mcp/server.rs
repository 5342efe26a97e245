//! The MCP server as the library wants it: who we are, what tools there are, and how they are called.

use std::future::pending;
use std::io::{self, Read, Write};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, InitializeRequestParams, InitializeResult, JsonObject, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject,
    PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig,
    Tool as ToolDefinition, ToolAnnotations,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RunningService, serve_directly};
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value;
use tokio::sync::watch;

use super::args::ToolError;
use super::calls::Calls;
use super::schema::{INSTRUCTIONS, SPECS, Spec, Tool};
use super::stdio;
use super::stdio::transport::{StdioTransport, call_number};
use super::tools::{Answer, Tools};
use crate::clients;
use crate::context_probe::ContextProbe;
use crate::project::path_of_uri;
use crate::wake::Wake;
use crate::wording::Wording;
use junction_engine::Engine;
use junction_engine::hubs::known::KnownHosts;

/// How long a client has to say where the project is.
const ROOTS_TIME: Duration = Duration::from_secs(2);

/// What a client calls at events of its session, where it can have a hook call a tool. It is in no list, for it is
/// nothing that a model should know of.
const HOOK_TOOL: &str = "hook_event";

/// What the tools of one agent are made of.
pub(crate) struct Agent {
    /// Its session on the junction.
    pub(crate) engine: Engine,
    /// How messages reach it.
    pub(crate) wake: Wake,
    /// The hubs it may move to.
    pub(crate) hosts: KnownHosts,
}

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
        agent: Agent,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let calls = Calls::new();
        let (lines, out) = (stdio::spawn_reader(input)?, stdio::spawn_writer(output)?);
        let (transport, input_ended) = StdioTransport::new(lines, out, calls.clone());
        let (probe, wake) = (ContextProbe::new(agent.engine.clone()), agent.wake.clone());
        let server = Server { tools: Tools::new(agent, calls.clone()), probe, wake };
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
    probe: ContextProbe,
    wake: Wake,
}

impl Server {
    /// Notes who asks. In the stateless era every request says so itself.
    fn note(&self, context: &RequestContext<RoleServer>) {
        if let Some(client) = context.meta.client_info() {
            self.client(&client.name);
        }
        if let Some(origin) = clients::call_origin(&context.meta.0) {
            self.wake.call_from(&origin);
        }
    }

    fn client(&self, name: &str) {
        self.probe.client_named(name);
        self.wake.client_named(name);
    }

    /// What a client that calls this tool at an event of its session is to do. The answer is text alone, and JSON
    /// even if it is nothing: anything else would be shown to the model.
    fn hook(&self, arguments: JsonObject) -> CallToolResult {
        let event = clients::hook_event(&Value::Object(arguments));
        let told = event.and_then(|event| self.wake.hook(event.event).to_json(&event.name));
        let text = told.unwrap_or_else(|| "{}".to_owned());
        CallToolResult::success(vec![ContentBlock::text(text)])
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
        self.client(&request.client_info.name);
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
            && self.probe.wants_root()
            && let Some(root) = first_root(&context.peer).await
        {
            self.probe.root(root).await;
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.note(&context);
        self.wake.tools_listed();
        Ok(ListToolsResult::with_all_items(SPECS.iter().map(definition).collect()))
    }

    // Clients ask for prompts and resources without looking whether there are any, and some show the error that
    // the library answers by default where none are announced: an empty list tells them the same and disturbs nobody.

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::default())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::default())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::default())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.note(&context);
        if request.name == HOOK_TOOL {
            return Ok(self.hook(request.arguments.unwrap_or_default()).into());
        }
        let _called = self.wake.call_began();
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
            () = keep_alive(&context) => Err(broken()), // which never comes
        }
    }
}

/// Tells the client now and then that a call it waits for is still under way: some give up after a minute of silence.
/// It never ends.
async fn keep_alive(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return pending().await };
    let mut beats = Beats::new();
    loop {
        let progress = ProgressNotificationParam::new(token.clone(), beats.next().await);
        let _ = context.peer.notify_progress(progress).await;
    }
}

/// Moments at which to say something, each with its number.
struct Beats(tokio::time::Interval, f64);

impl Beats {
    fn new() -> Self {
        let interval = clients::progress_interval();
        let first = tokio::time::Instant::now() + interval;
        Self(tokio::time::interval_at(first, interval), 0.0)
    }

    async fn next(&mut self) -> f64 {
        self.0.tick().await;
        self.1 += 1.0;
        self.1
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
        Err(error) => {
            let text = format!("Error: {}", error.wording());
            CallToolResult::error(vec![ContentBlock::text(text)])
        }
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
    let meta = clients::tool_meta(spec.always_load, spec.max_result);
    let definition = ToolDefinition::new(spec.name, spec.description, input).annotate(annotations);
    if meta.is_empty() { definition } else { definition.with_meta(MetaObject(meta)) }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_under_way_gives_a_sign_of_life_often_enough() {
        let started = Instant::now();
        let (mut beats, interval) = (Beats::new(), clients::progress_interval());
        assert_eq!((beats.next().await, started.elapsed()), (1.0, interval));
        assert_eq!((beats.next().await, started.elapsed()), (2.0, 2 * interval));
    }
}
