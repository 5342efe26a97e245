//! What a hook answers its client. All clients with hooks take the same JSON.

use serde::{Deserialize, Serialize};

/// What the agent is told at an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HookReply {
    /// Text that is added to the agent's context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<String>,
    /// The reason why the agent should not end its turn yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<String>,
    /// What becomes of the tool call before which the agent is told, if it does not simply go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<CallHold>,
}

/// What becomes of a tool call before which a hook has something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CallHold {
    /// The client asks its user, with the text as the reason.
    Ask,
    /// The client does not make the call, and its agent reads the text in place of a result.
    Deny,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextReplyJson<'a> {
    hook_specific_output: HookOutputJson<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HookOutputJson<'a> {
    hook_event_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_decision: Option<CallHold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission_decision_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_context: Option<&'a str>,
}

#[derive(Serialize)]
struct BlockReplyJson<'a> {
    decision: &'static str,
    reason: &'a str,
}

impl HookReply {
    /// The line of JSON that answers an event of this name; `None` if there is nothing to tell.
    pub(crate) fn to_json(&self, event: &str) -> Option<String> {
        let line = if let Some(reason) = &self.block {
            serde_json::to_string(&BlockReplyJson { decision: "block", reason })
        } else if let Some(text) = &self.context {
            let hook_specific_output = HookOutputJson {
                hook_event_name: event,
                permission_decision: self.hold,
                permission_decision_reason: self.hold.map(|_| text.as_str()),
                // The reason of a call that is not made is all that its agent reads of it.
                additional_context: (self.hold != Some(CallHold::Deny)).then_some(text),
            };
            serde_json::to_string(&ContextReplyJson { hook_specific_output })
        } else {
            return None;
        };
        line.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_goes_out_under_the_name_of_the_event() {
        let reply = HookReply { context: Some("a \"b\"".to_owned()), ..HookReply::default() };
        assert_eq!(
            reply.to_json("PostToolUse").as_deref(),
            Some(
                r#"{"hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"a \"b\""}}"#
            )
        );
    }

    #[test]
    fn question_goes_out_with_its_reason_for_the_person_and_the_agent() {
        let context = Some("a".to_owned());
        let reply = HookReply { context, hold: Some(CallHold::Ask), ..HookReply::default() };
        assert_eq!(
            reply.to_json("PreToolUse").as_deref(),
            Some(
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"a","additionalContext":"a"}}"#
            )
        );
    }

    #[test]
    fn call_that_is_not_made_goes_out_with_its_reason_alone() {
        let context = Some("a".to_owned());
        let reply = HookReply { context, hold: Some(CallHold::Deny), ..HookReply::default() };
        assert_eq!(
            reply.to_json("PreToolUse").as_deref(),
            Some(
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"a"}}"#
            )
        );
    }

    #[test]
    fn block_goes_out_with_its_reason() {
        let reply = HookReply { block: Some("read".to_owned()), ..HookReply::default() };
        assert_eq!(
            reply.to_json("Stop").as_deref(),
            Some(r#"{"decision":"block","reason":"read"}"#)
        );
    }

    #[test]
    fn empty_reply_is_no_json() {
        assert_eq!(HookReply::default().to_json("Stop"), None);
    }
}
