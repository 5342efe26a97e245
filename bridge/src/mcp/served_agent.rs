//! What the requests of one agent are answered with.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
};
use rmcp::service::RequestContext;
use serde_json::Value;

use super::calls::{CallHandle, CallTable};
use super::consent::{self, Asking, Consents, MAX_QUESTIONS};
use super::schema::Tool;
use super::tool_error::ToolError;
use super::tools::Tools;
use crate::clients;
use crate::context_probe::ContextProbe;
use crate::wording::Wording;

/// What the requests of one agent are answered with.
pub(super) struct ServedAgent {
    pub(super) tools: Tools,
    pub(super) calls: CallTable,
    pub(super) probe: ContextProbe,
    consents: Consents,
}

impl ServedAgent {
    /// An agent with these tools, whose calls are in this table.
    pub(super) fn new(tools: Tools, calls: CallTable) -> Self {
        let (probe, consents) = (ContextProbe::new(tools.engine.clone()), Consents::default());
        Self { tools, calls, probe, consents }
    }

    /// Notes which client and which of its threads a request is from. With stateless versions every request says so.
    pub(super) fn note(&self, context: &RequestContext<RoleServer>) {
        if let Some(client) = context.meta.client_info() {
            self.client(&client.name);
        }
        if let Some(origin) = clients::call_origin(&context.meta.0) {
            self.tools.wake.call_from(&origin);
        }
    }

    pub(super) fn client(&self, name: &str) {
        self.probe.client_named(name);
        self.tools.wake.client_named(name);
        self.tools.client_named(name);
    }

    /// Calls a tool, and asks the person where the policy keeps something and the client can ask.
    pub(super) async fn call_with_consent(
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

    /// Answers a hook of the client that calls [`super::schema::HOOK_TOOL`]. The answer is always JSON in a text: a client would show
    /// anything else to the model.
    pub(super) async fn hook(&self, arguments: JsonObject) -> CallToolResult {
        let reply = self.tools.hook(&Value::Object(arguments)).await;
        let text = reply.unwrap_or_else(|| "{}".to_owned());
        CallToolResult::success(vec![ContentBlock::text(text)])
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

/// An answer as structured content, to which its text is added later, or an error as text alone.
pub(super) fn result(outcome: Result<JsonObject, ToolError>) -> CallToolResult {
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
