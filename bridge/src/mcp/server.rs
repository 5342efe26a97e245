//! The MCP server, in the terms of `rmcp`: its name and instructions, its list of tools, and the calls of tools.

use std::io::{self, Read, Write};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, DiscoverResult,
    ErrorData, GetPromptRequestParams, GetPromptResponse, GetPromptResult, GetSkillRequestParams,
    GetSkillResult, Implementation, InitializeRequestParams, InitializeResult, JsonObject,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult,
    ListToolsResult, MetaObject, PaginatedRequestParams, Prompt, PromptArgument, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, Role, ServerCapabilities, ServerConfig,
    Tool as ToolDefinition, ToolAnnotations,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RunningService, serve_directly};
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value;
use tokio::sync::watch;

use super::calls::{CallHandle, CallTable};
use super::consent::{self, Asking, Consents, MAX_QUESTIONS};
use super::instructions::instructions;
use super::params::{ToolSpec, schema};
use super::progress::{keep_alive, tell_last};
use super::prompts::{PROMPTS, PromptSpec, prompt};
use super::schema::{HOOK_TOOL, SPECS, Tool};
use super::skills;
use super::stdio::transport::{BadArguments, StdioTransport, call_number};
use super::stdio::{self, HangUp, LineCounts};
use super::tool_error::ToolError;
use super::tools::Tools;
use crate::clients;
use crate::context_probe::ContextProbe;
use crate::project::path_of_uri;
use crate::wording::Wording;

/// How long to wait for a client's list of the directories that it works in.
const ROOTS_TIME: Duration = Duration::from_secs(2);

/// The server of one client. Dropping it ends the service.
pub(crate) struct McpServer {
    calls: CallTable,
    input_ended: watch::Receiver<bool>,
    line_counts: Arc<LineCounts>,
    _service: RunningService<RoleServer, ToolHandler>,
}

impl McpServer {
    /// Starts to serve the client at the other ends of `input` and `output`, with any version of MCP: stateful (up to
    /// 2025-11-25, opened by `initialize`) or stateless (from 2026-07-28 on).
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(
        tools: Tools,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let calls = CallTable::new();
        let (lines, out) = (stdio::spawn_reader(input)?, stdio::spawn_writer(output)?);
        let line_counts = lines.counts();
        let (transport, input_ended) = StdioTransport::new(lines, out, calls.clone());
        let probe = ContextProbe::new(tools.engine.clone());
        let consents = Consents::default();
        let handler = ToolHandler { tools, calls: calls.clone(), probe, consents };
        // Not with rmcp's own opening, which ends the session on anything unexpected that comes before the version is
        // known. Each request shows which kind of version it belongs to.
        let service = serve_directly(handler, transport, None);
        Ok(Self { calls, input_ended, line_counts, _service: service })
    }

    /// Waits until the client has ended its input.
    pub(crate) async fn ended(&self) {
        // An error means that rmcp gave up. The client is not served any more either way.
        let _ = self.input_ended.clone().wait_for(|ended| *ended).await;
    }

    /// Waits until the client has closed its input without taking its answers, so that the end of the input is not read.
    pub(crate) async fn abandoned(&self, input: &HangUp) {
        input.stalled(&self.line_counts).await;
    }

    /// Waits until every call, except for those that wait for messages or peers, is answered and its answer written.
    pub(crate) async fn answered(&self) {
        self.calls.idle().await;
    }
}

/// The handler that rmcp calls for each request.
struct ToolHandler {
    tools: Tools,
    calls: CallTable,
    probe: ContextProbe,
    consents: Consents,
}

impl ToolHandler {
    /// Notes which client and which of its threads a request is from. With stateless versions every request says so.
    fn note(&self, context: &RequestContext<RoleServer>) {
        if let Some(client) = context.meta.client_info() {
            self.client(&client.name);
        }
        if let Some(origin) = clients::call_origin(&context.meta.0) {
            self.tools.wake.call_from(&origin);
        }
    }

    fn client(&self, name: &str) {
        self.probe.client_named(name);
        self.tools.wake.client_named(name);
        self.tools.client_named(name);
    }

    /// Calls a tool, and asks the person where the policy keeps something and the client can ask.
    async fn call_with_consent(
        &self,
        tool: Tool,
        mut request: CallToolRequestParams,
        handle: &CallHandle,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let given = self.consents.given(&request);
        let mut arguments = request.arguments.take().unwrap_or_default();
        let is_refused = given.is_none();
        let may_ask = !is_refused && may_need_consent(tool, &arguments);
        let asking = consent::asking(context).filter(|_| may_ask);
        let mut allowed = given.unwrap_or_default();
        loop {
            // Only a call that may be made again is worth a copy of its arguments.
            let given = match asking {
                Some(_) => arguments.clone(),
                None => std::mem::take(&mut arguments),
            };
            let outcome = self.tools.call(tool, given, handle, &allowed).await;
            let asked = outcome.as_ref().err().and_then(ToolError::not_allowed);
            if is_refused && asked.is_some() {
                return result(consent::declined(tool)).into();
            }
            let asked = asked.filter(|refusal| {
                allowed.len() < MAX_QUESTIONS && !allowed.contains(&refusal.allowed())
            });
            let (Some(asking), Some(refusal)) = (asking, asked) else {
                return result(outcome).into();
            };
            let question = consent::question(&outcome, refusal, &arguments, handle);
            allowed.push(refusal.allowed());
            match asking {
                Asking::ByAnswer => {
                    let call = (&*request.name, &arguments);
                    return self.consents.question(call, question, allowed).into();
                }
                Asking::ByRequest => {
                    // The person may never answer.
                    handle.waits();
                    match consent::ask(context, question).await {
                        Some(true) => {}
                        Some(false) => return result(consent::declined(tool)).into(),
                        None => return result(outcome).into(),
                    }
                }
            }
        }
    }

    /// Answers a hook of the client that calls [`HOOK_TOOL`]. The answer is always JSON in a text: a client would show
    /// anything else to the model.
    async fn hook(&self, arguments: JsonObject) -> CallToolResult {
        let reply = self.tools.hook(&Value::Object(arguments)).await;
        let text = reply.unwrap_or_else(|| "{}".to_owned());
        CallToolResult::success(vec![ContentBlock::text(text)])
    }
}

impl ServerHandler for ToolHandler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_prompts();
        ServerConfig::new(capabilities.enable_resources().enable_skills().build())
            .with_server_info(Implementation::new("agent-junction", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions(self.tools.longest_wait()))
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        // First, since it decides how long calls may wait.
        self.client(&request.client_info.name);
        let mut result = self.negotiate_initialize(&request)?;
        if !skills::are_for(&request.client_info.name, &request.capabilities) {
            skills::leave_out(&mut result.capabilities);
        }
        // With the version agreed on, not the one asked for: it decides the shape of results.
        let agreed = result.protocol_version.clone();
        context.peer.set_peer_info(request.with_protocol_version(agreed));
        Ok(result)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let mut info = self.get_info();
        if !skills_are_for(&context) {
            skills::leave_out(&mut info.capabilities);
        }
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, info))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let has_roots = |peer: &Peer<RoleServer>| {
            peer.peer_info().is_some_and(|client| client.capabilities.roots.is_some())
        };
        if has_roots(&context.peer)
            && self.probe.wants_root()
            && let Some(root) = first_root(&context.peer).await
        {
            self.tools.attachments.set_project(root.clone());
            self.tools.edits.project_known();
            self.probe.root(root).await;
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.note(&context);
        self.tools.wake.tools_listed();
        Ok(ListToolsResult::with_all_items(SPECS.iter().map(definition).collect()))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(PROMPTS.iter().map(listed_prompt).collect()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.note(&context);
        let text = prompt(&request.name, request.arguments.as_ref())
            .map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).into())
    }

    async fn list_skills(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        Ok(skills::list())
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        skills::get(&request.uri)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(skills::read(&request.uri)?.into())
    }

    // Clients ask for resources even where the server announces none. An error is what some of them would show to their
    // user. An empty list says the same without alarm.

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let are_announced = skills_are_for(&context);
        Ok(if are_announced { skills::resources() } else { ListResourcesResult::default() })
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
            return Ok(self.hook(request.arguments.unwrap_or_default()).await.into());
        }
        let _called = self.tools.wake.call_began();
        let unknown =
            || ErrorData::invalid_params("Invalid params: there is no tool with that name.", None);
        let tool = Tool::named(&request.name).ok_or_else(unknown)?;
        let number = call_number(&context.id).ok_or_else(unknown)?;
        if context.extensions.get::<BadArguments>().is_some() {
            return Ok(result(Err(ToolError::no_object(tool.spec()))).into());
        }
        let handle = self.calls.handle(number);
        let call = self.call_with_consent(tool, request, &handle, &context);
        // A call that panics is answered too: its client waits, and the call takes room in the table.
        let call = AssertUnwindSafe(call).catch_unwind();
        tokio::select! {
            biased;
            () = context.ct.cancelled() => Err(broken()), // which rmcp drops
            outcome = call => {
                tell_last(&context, &handle).await;
                outcome.map_err(|_| broken())
            }
            () = keep_alive(&context, &handle) => Err(broken()), // never: keep_alive does not end
        }
    }
}

/// Whether the policy may keep something that a call needs.
fn may_need_consent(tool: Tool, arguments: &JsonObject) -> bool {
    match tool {
        Tool::SendMessage => arguments.contains_key("attachments"),
        Tool::SaveAttachment => true,
        _ => false,
    }
}

/// The first of the directories that the client works in, if the client names one in time.
#[expect(deprecated, reason = "gone from the newest MCP, but what clients of the older ones offer")]
async fn first_root(peer: &Peer<RoleServer>) -> Option<PathBuf> {
    let roots = tokio::time::timeout(ROOTS_TIME, peer.list_roots()).await.ok()?.ok()?;
    path_of_uri(&roots.roots.first()?.uri)
}

/// Whether skills are announced to the client that a request is from.
fn skills_are_for(context: &RequestContext<RoleServer>) -> bool {
    let client = context.client_info();
    let name = client.as_ref().map_or("", |client| client.name.as_str());
    skills::are_for(name, &context.client_capabilities().unwrap_or_default())
}

fn broken() -> ErrorData {
    ErrorData::internal_error("Internal error: the call ended unexpectedly.", None)
}

/// An answer as structured content, to which the transport adds its text, or an error as text alone.
fn result(outcome: Result<JsonObject, ToolError>) -> CallToolResult {
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

/// A prompt in rmcp's types.
fn listed_prompt(spec: &PromptSpec) -> Prompt {
    let argument = |(name, description): &(&str, &str)| {
        PromptArgument::new(*name).with_description(*description).with_required(false)
    };
    let arguments: Vec<_> = spec.arguments.iter().map(argument).collect();
    let arguments = (!arguments.is_empty()).then_some(arguments);
    Prompt::new(spec.name, Some(spec.description), arguments).with_title(spec.title)
}

/// A tool's definition in rmcp's types.
fn definition(spec: &ToolSpec) -> ToolDefinition {
    let annotations = ToolAnnotations::new()
        .read_only(spec.read_only)
        .destructive(spec.destructive)
        .idempotent(spec.idempotent)
        // A junction is a closed group.
        .open_world(false);
    let meta = clients::tool_meta(spec.always_load, spec.max_result);
    let definition =
        ToolDefinition::new(spec.name, spec.description, schema(spec.params)).annotate(annotations);
    if meta.is_empty() { definition } else { definition.with_meta(MetaObject(meta)) }
}
