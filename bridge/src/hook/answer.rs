//! What a hook says to its client.

use serde::Serialize;

use crate::ipc::Told;

/// Something that the agent is to know besides.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    hook_specific_output: Specific<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Specific<'a> {
    hook_event_name: &'a str,
    additional_context: &'a str,
}

/// Why the agent is not to stop yet.
#[derive(Serialize)]
struct Block<'a> {
    decision: &'static str,
    reason: &'a str,
}

/// The line of JSON by which a client is told, for an event of this name; nothing if there is nothing to tell.
pub(crate) fn answer(event: &str, told: &Told) -> Option<String> {
    let line = if let Some(reason) = &told.block {
        serde_json::to_string(&Block { decision: "block", reason })
    } else if let Some(additional_context) = &told.context {
        let hook_specific_output = Specific { hook_event_name: event, additional_context };
        serde_json::to_string(&Context { hook_specific_output })
    } else {
        return None;
    };
    line.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_said_under_the_events_own_name() {
        let told = Told { context: Some("a \"b\"".to_owned()), block: None };
        assert_eq!(
            answer("PostToolUse", &told).as_deref(),
            Some(
                r#"{"hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"a \"b\""}}"#
            )
        );
    }

    #[test]
    fn a_block_gives_its_reason() {
        let told = Told { context: None, block: Some("read".to_owned()) };
        assert_eq!(
            answer("Stop", &told).as_deref(),
            Some(r#"{"decision":"block","reason":"read"}"#)
        );
    }

    #[test]
    fn nothing_to_tell_is_nothing() {
        assert_eq!(answer("Stop", &Told::default()), None);
    }
}
