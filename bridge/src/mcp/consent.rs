//! A person's yes, asked by the client, to what the policy keeps until its user allows it. It counts for one call.
//!
//! In the stateful versions of MCP the server asks with a request of its own, and the call waits. In the stateless ones the
//! answer of the call is the question, and the client calls again with the person's answer. What was asked stays here: the
//! client only gives back a random name for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use junction_attachments::Allowed;
use junction_attachments::refused::NotAllowed;
use junction_shared::protocol::crypto::mac;
use junction_shared::secret::{Secret, random_bytes};
use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, ClientResult, ElicitRequest, ElicitRequestParams, ElicitationAction,
    ElicitationSchema, InputRequest, InputRequiredResult, JsonObject, ProtocolVersion,
    ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RequestContext};

use super::calls::CallHandle;
use super::schema::Tool;
use super::tool_error::ToolError;
use crate::attachments::SaveProgress;
use crate::wording::attachments::{save_question, send_question};

/// How long a person may take to answer.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Questions that are not answered yet, in the stateless versions. Beyond it the oldest is forgotten.
const MAX_OPEN: usize = 16;
/// Questions of one call: one for each attachment.
pub(super) const MAX_QUESTIONS: usize = 8;
/// The name of the question in the answer of a call.
const QUESTION: &str = "allow";

/// How a client can ask its person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// By a request of the server.
    ByRequest,
    /// By the answer of the call.
    ByAnswer,
}

/// The questions that clients of the stateless versions were given.
pub(super) struct Consents {
    /// Makes marks of calls that say nothing about their arguments.
    key: Secret,
    open: Mutex<VecDeque<OpenQuestion>>,
}

/// A question that is not answered yet.
struct OpenQuestion {
    name: String,
    /// The call that it was asked for. A yes to one call is none to another.
    asker: CallMark,
    /// What a yes allows.
    allows: Vec<Allowed>,
}

/// The mark of a tool and its arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
struct CallMark([u8; 32]);

/// How the client that made this call can ask its person, if it can.
pub(super) fn asking(context: &RequestContext<RoleServer>) -> Option<Asking> {
    let elicitation = context.client_capabilities()?.elicitation?;
    // A client that names no mode has this one.
    let has_form = elicitation.form.is_some() || elicitation.url.is_none();
    let is_stateless =
        context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    has_form.then_some(if is_stateless { Asking::ByAnswer } else { Asking::ByRequest })
}

/// What the person is asked where a call ended so because the policy keeps something.
pub(super) fn question(
    outcome: &Result<JsonObject, ToolError>,
    refusal: &NotAllowed,
    arguments: &JsonObject,
    handle: &CallHandle,
) -> String {
    if let Err(ToolError::NotAttached(to, _)) = outcome {
        return send_question(refusal, to);
    }
    let saving = handle.saved();
    let subject = saving.as_ref().and_then(SaveProgress::subject);
    let overwrites = arguments.get("overwrite").is_some_and(|it| !it.is_null() && *it != false);
    let replaces = overwrites && std::fs::symlink_metadata(&refusal.path).is_ok();
    save_question(refusal, subject.map(|subject| (subject.name.as_str(), &subject.from)), replaces)
}

/// The answer of a call of this tool about which the person was asked, and did not say yes.
pub(super) fn declined(tool: Tool) -> Result<JsonObject, ToolError> {
    let done = if tool == Tool::SendMessage { "sent" } else { "saved" };
    Err(ToolError::Argument(format!(
        "Your user was asked and did not say yes, so nothing was {done}. Do not ask again unless your user wants it."
    )))
}

/// Asks the person by a request of the server, and returns whether it was a yes; `None` if there was no answer.
pub(super) async fn ask(context: &RequestContext<RoleServer>, question: String) -> Option<bool> {
    let request = ServerRequest::ElicitRequest(elicit_request(question));
    let options = PeerRequestOptions::with_timeout(PATIENCE);
    let asked = context.peer.send_request_with_option(request, options).await.ok()?;
    match asked.await_response().await {
        Ok(ClientResult::ElicitResult(result)) => Some(result.action == ElicitationAction::Accept),
        _ => None,
    }
}

impl Default for Consents {
    fn default() -> Self {
        Self { key: Secret::random(), open: Mutex::default() }
    }
}

impl Consents {
    /// The mark of a call of this tool. It takes as long as the arguments are large, so only a question is worth one.
    fn mark(&self, (tool, arguments): (&str, &JsonObject)) -> CallMark {
        let arguments = serde_json::to_vec(arguments).unwrap_or_default();
        CallMark(mac(self.key.expose(), &[tool.as_bytes(), b"\0", &arguments]))
    }

    /// The question as the answer of this call of a tool. A yes allows these.
    pub(super) fn question(
        &self,
        call: (&str, &JsonObject),
        question: String,
        allows: Vec<Allowed>,
    ) -> InputRequiredResult {
        let (name, asker) = (HEXLOWER.encode(&random_bytes::<16>()), self.mark(call));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MAX_OPEN {
            open.pop_front();
        }
        open.push_back(OpenQuestion { name: name.clone(), asker, allows });
        let request = InputRequest::Elicitation(elicit_request(question));
        let requests = BTreeMap::from([(QUESTION.to_owned(), request)]);
        InputRequiredResult::new(Some(requests), Some(name))
    }

    /// What the person has allowed for this call, which may answer a question; nothing after a no. Each question is answered
    /// once.
    pub(super) fn given(&self, request: &CallToolRequestParams) -> Option<Vec<Allowed>> {
        let Some(name) = &request.request_state else { return Some(Vec::new()) };
        let asker = self.mark((&request.name, request.arguments.as_ref()?));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = |it: &OpenQuestion| it.name == *name && it.asker == asker;
        let Some(at) = open.iter().position(is_asked) else {
            return Some(Vec::new());
        };
        let OpenQuestion { allows, .. } = open.remove(at)?;
        let answer = request.input_responses.as_ref().and_then(|answers| answers.get(QUESTION));
        let is_yes = answer.is_some_and(|answer| answer["action"] == "accept");
        is_yes.then_some(allows)
    }
}

/// A question that is answered with yes or no: no field is to be filled in.
fn elicit_request(message: String) -> ElicitRequest {
    let requested_schema = ElicitationSchema::new(BTreeMap::new());
    ElicitRequest::new(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message,
        requested_schema,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn entry(path: &str) -> Allowed {
        Allowed::path(Path::new(path))
    }

    fn call() -> CallToolRequestParams {
        let mut request = CallToolRequestParams::new("send_message");
        request.arguments = json!({ "target_alias": "bob" }).as_object().cloned();
        request
    }

    fn asked(consents: &Consents, path: &str) -> InputRequiredResult {
        let call = call();
        let call = (&*call.name, call.arguments.as_ref().unwrap());
        consents.question(call, "?".to_owned(), vec![entry(path)])
    }

    fn answered(state: Option<String>, action: &str) -> CallToolRequestParams {
        let mut request = call();
        request.request_state = state;
        request.input_responses =
            Some(BTreeMap::from([(QUESTION.to_owned(), json!({ "action": action }))]));
        request
    }

    #[test]
    fn yes_allows_what_was_asked_once() {
        let consents = Consents::default();
        let request = answered(asked(&consents, "/a").request_state, "accept");
        assert_eq!(consents.given(&request), Some(vec![entry("/a")]));
        assert_eq!(consents.given(&request), Some(vec![]));
    }

    #[test]
    fn regression_yes_to_one_call_is_none_to_another() {
        let consents = Consents::default();
        let state = asked(&consents, "/a").request_state;
        let mut to_another = answered(state.clone(), "accept");
        to_another.arguments = json!({ "target_alias": "ann" }).as_object().cloned();
        let mut by_another = answered(state.clone(), "accept");
        by_another.name = "save_attachment".into();
        for other in [to_another, by_another] {
            assert_eq!(consents.given(&other), Some(vec![]));
        }
        assert_eq!(consents.given(&answered(state, "accept")), Some(vec![entry("/a")]));
    }

    #[test]
    fn no_and_a_cancelled_question_are_a_no_and_one_that_was_never_asked_allows_nothing() {
        let consents = Consents::default();
        for action in ["decline", "cancel", "", "ACCEPT"] {
            let asked = asked(&consents, "/a");
            assert_eq!(consents.given(&answered(asked.request_state, action)), None);
        }
        let nothing = Some(vec![]);
        assert_eq!(consents.given(&answered(Some("made-up".to_owned()), "accept")), nothing);
        assert_eq!(consents.given(&answered(None, "accept")), nothing);
    }

    #[test]
    fn open_questions_are_bounded() {
        let consents = Consents::default();
        let first = asked(&consents, "/a");
        for _ in 0..MAX_OPEN {
            asked(&consents, "/b");
        }
        assert_eq!(consents.given(&answered(first.request_state, "accept")), Some(vec![]));
    }
}
