//! What an agent is served, in the terms of `rmcp`: the server's name and instructions, its list of tools, and the calls of
//! tools.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use futures_util::FutureExt;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ContentBlock, DiscoverResult, ErrorData,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, GetSkillRequestParams,
    GetSkillResult, Implementation, InitializeRequestParams, InitializeResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    MetaObject, PaginatedRequestParams, Prompt, PromptArgument, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, Role, ServerCapabilities, ServerConfig,
    Tool as ToolDefinition, ToolAnnotations,
};
use rmcp::service::{NotificationContext, Peer, RequestContext};
use rmcp::{RoleServer, ServerHandler};

use super::calls::{CallNumber, CallTable};
use super::instructions::instructions;
use super::params::{ToolSpec, schema};
use super::progress::{keep_alive, tell_last};
use super::prompts::{PROMPTS, PromptSpec, prompt};
use super::request::BadArguments;
use super::schema::{HOOK_TOOL, MAX_WAIT, SPECS, Tool};
use super::served_agent::{ServedAgent, result};
use super::skills;
use super::stdio::transport::call_number;
use super::tool_error::ToolError;
use super::tools::Tools;
use crate::clients;
use crate::project::path_of_uri;

/// How long to wait for a client's list of the directories that it works in.
const ROOTS_TIME: Duration = Duration::from_secs(2);

/// The handler that rmcp calls for each request. Clones serve one agent.
#[derive(Clone)]
pub(super) struct ToolHandler(Option<Arc<ServedAgent>>);

impl ToolHandler {
    /// A handler of one agent's requests, whose calls are in this table.
    pub(super) fn new(tools: Tools, calls: CallTable) -> Self {
        Self(Some(Arc::new(ServedAgent::new(tools, calls))))
    }

    /// A handler of what a client asks before there is an agent: what the server is, and what it has.
    pub(super) fn without_agent() -> Self {
        Self(None)
    }

    /// Notes how the client calls itself, which no request will say.
    pub(super) fn client_named(&self, name: &str) {
        self.agent(|agent| agent.client(name));
    }

    fn agent(&self, then: impl FnOnce(&ServedAgent)) {
        if let Some(agent) = &self.0 {
            then(agent);
        }
    }
}

impl ServerHandler for ToolHandler {
    fn get_info(&self) -> ServerConfig {
        let longest_wait = self.0.as_ref().map_or(MAX_WAIT, |agent| agent.tools.longest_wait());
        let capabilities = ServerCapabilities::builder().enable_tools().enable_prompts();
        ServerConfig::new(capabilities.enable_resources().enable_skills().build())
            .with_server_info(Implementation::new("agent-junction", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions(longest_wait))
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        // First, since it decides how long calls may wait.
        self.agent(|agent| agent.client(&request.client_info.name));
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
        if let Some(agent) = &self.0
            && has_roots(&context.peer)
            && agent.probe.wants_root()
            && let Some(root) = first_root(&context.peer).await
        {
            agent.tools.attachments.set_project(root.clone());
            agent.tools.edits.project_known();
            agent.probe.root(root).await;
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.agent(|agent| {
            agent.note(&context);
            agent.tools.wake.tools_listed();
        });
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
        self.agent(|agent| agent.note(&context));
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
        let Some(agent) = &self.0 else { return Err(broken()) };
        agent.note(&context);
        let is_posted = context.extensions.get::<Parts>().is_some();
        if request.name == HOOK_TOOL && !is_posted {
            return Ok(agent.hook(request.arguments.unwrap_or_default()).await.into());
        }
        let _called = agent.tools.wake.call_began();
        let unknown =
            || ErrorData::invalid_params("Invalid params: there is no tool with that name.", None);
        let tool = Tool::named(&request.name).ok_or_else(unknown)?;
        let (number, has_bad_arguments) = marks(&context);
        let number = number.ok_or_else(unknown)?;
        if has_bad_arguments {
            return Ok(result(Err(ToolError::no_object(tool.spec()))).into());
        }
        let handle = agent.calls.handle(number);
        let call = agent.call_with_consent(tool, request, &handle, &context);
        // A call that panics is answered too: its client waits, and the call takes room in the table.
        let call = AssertUnwindSafe(call).catch_unwind();
        tokio::select! {
            biased;
            () = context.ct.cancelled() => Err(broken()), // which rmcp drops
            outcome = call => {
                tell_last(&context, &handle).await;
                let outcome = outcome.map_err(|_| broken());
                if is_posted { outcome.map(with_text) } else { outcome }
            }
            () = keep_alive(&context, &handle) => Err(broken()), // never: keep_alive does not end
        }
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

/// The number of a call, and whether its arguments are no object. The id of a request that was posted is its client's own.
fn marks(context: &RequestContext<RoleServer>) -> (Option<CallNumber>, bool) {
    match context.extensions.get::<Parts>() {
        Some(Parts { extensions, .. }) => {
            (extensions.get().copied(), extensions.get::<BadArguments>().is_some())
        }
        None => (call_number(&context.id), context.extensions.get::<BadArguments>().is_some()),
    }
}

/// The answer of a call with its structured content as a text, too, for a transport that adds none.
fn with_text(mut response: CallToolResponse) -> CallToolResponse {
    if let CallToolResponse::Complete(result) = &mut response
        && let Some(structure) = &result.structured_content
    {
        result.content = vec![ContentBlock::text(structure.to_string())];
    }
    response
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
