//! What a client says of an event, as far as it matters here. Neither the text of a prompt nor anything of a tool is
//! kept or passed on.

use serde_json::Value;

use crate::ipc::{Event, EventKind};
use crate::wake::PREFIX;

/// The longest name of a session that is taken.
const MAX_SESSION: usize = 128;
/// What prompts begin with that no person has typed: ours, and those of Claude Code for tasks that have ended and for
/// what other sessions of its own say.
const UNTYPED: [&str; 3] = [PREFIX, "<task-notification>", "<cross-session-message"];
/// Tools by which an agent asks its user something.
const ASKING: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// An event, and what its client calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The client's name for it.
    pub(crate) name: String,
    /// What it is.
    pub(crate) event: Event,
}

/// The event that a hook's input is of; nothing if it is of none.
pub(crate) fn named(input: &Value) -> Option<Named> {
    let text = |field: &str| input[field].as_str();
    let name = text("hook_event_name")?.to_owned();
    let session = text("session_id").filter(|id| !id.is_empty() && id.len() <= MAX_SESSION);
    // Only helpers have such an id, and events of theirs say whose they are.
    let helper = text("agent_id").is_some_and(|id| !id.is_empty());
    let kind = kind(&name, input);
    Some(Named { name, event: Event { kind, session: session.map(str::to_owned), helper } })
}

fn kind(name: &str, input: &Value) -> EventKind {
    match name {
        "SessionStart" if input["source"] == "compact" => EventKind::Compacted,
        "SessionStart" => EventKind::Began,
        "UserPromptSubmit" | "BeforeAgent" => {
            let prompt = input["prompt"].as_str().unwrap_or_default().trim_start();
            let is_typed = !UNTYPED.iter().any(|start| prompt.starts_with(start));
            if is_typed { EventKind::Prompted } else { EventKind::Woken }
        }
        "PreToolUse" | "BeforeTool" if asks(input) => EventKind::Asks,
        "PreToolUse" | "BeforeTool" | "PermissionDenied" | "PostToolUseFailure"
        | "ElicitationResult" => EventKind::Busy,
        "PostToolUse" | "PostToolBatch" | "AfterTool" => EventKind::Used,
        "PermissionRequest" | "Elicitation" => EventKind::Asks,
        "Notification" => match input["notification_type"].as_str().unwrap_or_default() {
            "idle_prompt" => EventKind::Idle,
            "permission_prompt"
            | "worker_permission_prompt"
            | "agent_needs_input"
            | "elicitation_dialog"
            | "elicitation_url_dialog"
            | "ToolPermission" => EventKind::Asks,
            _ => EventKind::Other,
        },
        "Stop" | "AfterAgent" if is_true(&input["stop_hook_active"]) => EventKind::StopsAgain,
        "Stop" | "AfterAgent" => EventKind::Stops,
        "StopFailure" => EventKind::Failed,
        "Interrupt" => EventKind::Idle,
        "SessionEnd" => EventKind::Ended,
        _ => EventKind::Other,
    }
}

fn asks(input: &Value) -> bool {
    input["tool_name"].as_str().is_some_and(|tool| ASKING.contains(&tool))
}

/// A switch, which passes through some clients as text.
fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str() == Some("true"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn kind_of(input: &Value) -> EventKind {
        named(input).unwrap().event.kind
    }

    #[test]
    fn events_are_known_by_the_names_of_every_client() {
        for (name, kind) in [
            ("SessionStart", EventKind::Began),
            ("UserPromptSubmit", EventKind::Prompted),
            ("BeforeAgent", EventKind::Prompted),
            ("PreToolUse", EventKind::Busy),
            ("PostToolUse", EventKind::Used),
            ("PostToolBatch", EventKind::Used),
            ("AfterTool", EventKind::Used),
            ("PermissionRequest", EventKind::Asks),
            ("Stop", EventKind::Stops),
            ("AfterAgent", EventKind::Stops),
            ("StopFailure", EventKind::Failed),
            ("SessionEnd", EventKind::Ended),
            ("SubagentStop", EventKind::Other),
            ("SomethingNew", EventKind::Other),
        ] {
            assert_eq!(kind_of(&json!({ "hook_event_name": name })), kind, "{name}");
        }
    }

    #[test]
    fn a_context_that_is_made_shorter_is_no_beginning() {
        let input = json!({ "hook_event_name": "SessionStart", "source": "compact" });
        assert_eq!(kind_of(&input), EventKind::Compacted);
        assert!(!EventKind::Compacted.tells_of_turn());
    }

    #[test]
    fn a_prompt_that_nobody_typed_is_told_apart() {
        let prompt =
            |text: &str| kind_of(&json!({ "hook_event_name": "UserPromptSubmit", "prompt": text }));
        assert_eq!(prompt("fix the bug"), EventKind::Prompted);
        assert_eq!(prompt("what is an Agent Junction notice?"), EventKind::Prompted);
        for text in [
            "Agent Junction notice 3: 1 unread message from \"bob\". Call the tool read_messages.",
            "<task-notification>\n<task-id>k7</task-id>",
            "<cross-session-message from=\"uds:/x\">",
        ] {
            assert_eq!(prompt(text), EventKind::Woken, "{text}");
        }
    }

    #[test]
    fn a_stop_that_was_held_up_before_is_another() {
        for active in [json!(true), json!("true")] {
            let input = json!({ "hook_event_name": "Stop", "stop_hook_active": active });
            assert_eq!(kind_of(&input), EventKind::StopsAgain);
        }
        let input = json!({ "hook_event_name": "Stop", "stop_hook_active": "" });
        assert_eq!(kind_of(&input), EventKind::Stops);
    }

    #[test]
    fn questions_to_the_user_are_known() {
        let asks = |input: &Value| kind_of(input) == EventKind::Asks;
        assert!(asks(&json!({ "hook_event_name": "PreToolUse", "tool_name": "AskUserQuestion" })));
        assert!(!asks(&json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash" })));
        let notice =
            |kind: &str| json!({ "hook_event_name": "Notification", "notification_type": kind });
        assert!(asks(&notice("permission_prompt")));
        assert_eq!(kind_of(&notice("idle_prompt")), EventKind::Idle);
        assert_eq!(kind_of(&notice("auth_success")), EventKind::Other);
    }

    #[test]
    fn sessions_and_helpers_are_kept_apart() {
        let input =
            json!({ "hook_event_name": "PostToolUse", "session_id": "s", "agent_id": "a1" });
        let event = named(&input).unwrap().event;
        assert_eq!((event.session.as_deref(), event.helper), (Some("s"), true));
        let long = json!({ "hook_event_name": "Stop", "session_id": "x".repeat(129) });
        assert_eq!(named(&long).unwrap().event.session, None);
    }

    #[test]
    fn what_is_no_event_is_nothing() {
        for input in [json!(null), json!([]), json!({}), json!({ "hook_event_name": 7 })] {
            assert_eq!(named(&input), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_of_the_work_is_passed_on(secret in "[a-z]{12,40}") {
            for name in ["UserPromptSubmit", "PostToolUse", "Stop", "Notification"] {
                let input = json!({
                    "hook_event_name": name, "session_id": "s", "prompt": secret, "cwd": secret,
                    "tool_name": secret, "tool_input": { "x": secret }, "tool_response": secret,
                    "message": secret, "last_assistant_message": secret, "transcript_path": secret,
                });
                let event = named(&input).unwrap().event;
                let passed = serde_json::to_string(&event).unwrap();
                prop_assert!(!passed.contains(&secret));
            }
        }
    }
}
