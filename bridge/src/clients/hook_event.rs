//! Hook events in the bridge's own terms, and what the clients' formats have in common.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::edits::FileEdits;

/// What each notice of a waiting message begins with. A prompt that begins so was not typed by a person.
pub(crate) const NOTICE_PREFIX: &str = "Agent Junction notice ";

/// A hook event and the client's name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedHookEvent {
    /// The client's name for the event.
    pub(crate) name: String,
    /// The event in the bridge's terms.
    pub(crate) event: HookEvent,
}

/// An event of a client's session, without anything about the agent's work but the paths of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HookEvent {
    /// What happened.
    pub(crate) kind: HookEventKind,
    /// The client's id for the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// Whether the event comes from a subagent.
    #[serde(default, rename = "helper", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) subagent: bool,
    /// How the session began, at its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SessionSource>,
    /// The client's id for the session, where `session` is a name of its plugin.
    #[serde(default, rename = "own", skip_serializing_if = "Option::is_none")]
    pub(crate) own_id: Option<String>,
    /// The files that a tool of the agent's is about to edit, or has edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edits: Option<FileEdits>,
}

/// How a session, or a context within one, began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionSource {
    /// The session is new.
    Startup,
    /// A session of before goes on.
    Resume,
    /// The session's context was cleared, and goes on under another id.
    Clear,
    /// The session's context was compacted.
    Compact,
    /// The session began with a copy of another's context.
    Fork,
    /// A word that is not known here.
    #[serde(other)]
    Other,
}

/// What happened in a client's session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HookEventKind {
    /// The session began, or its context was cleared.
    Began,
    /// The session's context was compacted, within a turn or between two.
    Compacted,
    /// A turn began with a prompt that a person typed.
    Prompted,
    /// A turn began with a prompt that no person typed.
    Woken,
    /// A tool was used, and the model is about to see its result.
    Used,
    /// The agent goes on with its turn.
    Busy,
    /// The agent asks its user something.
    AwaitsHuman,
    /// The turn is about to end.
    Stops,
    /// The turn is about to end a second time: a hook made it go on before.
    StopsAgain,
    /// The turn failed: the model could not be reached.
    Failed,
    /// The turn ended.
    Idle,
    /// The session ended.
    Ended,
    /// An event that says nothing about any of this.
    #[default]
    Other,
}

impl HookEventKind {
    /// Whether the event says what the agent is doing.
    pub(crate) fn shows_activity(self) -> bool {
        !matches!(self, Self::Compacted | Self::Other)
    }

    /// How the session began, if this is its beginning.
    pub(super) fn source(self, input: &Value) -> Option<SessionSource> {
        let begins = matches!(self, Self::Began | Self::Compacted);
        SessionSource::deserialize(input.get("source").filter(|_| begins)?).ok()
    }

    /// The start of a session, or of a context within one.
    pub(super) fn of_session_start(input: &Value) -> Self {
        if input["source"] == "compact" { Self::Compacted } else { Self::Began }
    }

    /// The start of a turn. A person did not type a prompt that begins like one of `untyped` or like a notice.
    pub(super) fn of_prompt(input: &Value, untyped: &[&str]) -> Self {
        let prompt = input["prompt"].as_str().unwrap_or_default().trim_start();
        let is_untyped = prompt.starts_with(NOTICE_PREFIX)
            || untyped.iter().any(|start| prompt.starts_with(start));
        if is_untyped { Self::Woken } else { Self::Prompted }
    }

    /// The end of a turn. Some clients pass the flag on as text.
    pub(super) fn of_stop(input: &Value) -> Self {
        let active = &input["stop_hook_active"];
        let is_active = active.as_bool().unwrap_or_else(|| active.as_str() == Some("true"));
        if is_active { Self::StopsAgain } else { Self::Stops }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn compacting_a_context_does_not_begin_a_session() {
        let kind = HookEventKind::of_session_start(&json!({ "source": "compact" }));
        assert_eq!(kind, HookEventKind::Compacted);
        assert!(!kind.shows_activity());
    }

    #[test]
    fn source_is_known_at_the_beginning_alone() {
        for (word, source) in [
            ("startup", SessionSource::Startup),
            ("resume", SessionSource::Resume),
            ("clear", SessionSource::Clear),
            ("compact", SessionSource::Compact),
            ("fork", SessionSource::Fork),
            ("something-new", SessionSource::Other),
        ] {
            let input = json!({ "source": word });
            assert_eq!(HookEventKind::Began.source(&input), Some(source));
            assert_eq!(HookEventKind::Prompted.source(&input), None);
        }
        for input in [json!({}), json!({ "source": 7 })] {
            assert_eq!(HookEventKind::Began.source(&input), None);
        }
    }

    #[test]
    fn older_and_newer_programs_understand_each_other() {
        #[derive(Deserialize)]
        struct OlderEvent {
            kind: HookEventKind,
            session: Option<String>,
        }
        let event = HookEvent {
            kind: HookEventKind::Began,
            session: Some("a".to_owned()),
            source: Some(SessionSource::Clear),
            own_id: Some("b".to_owned()),
            ..HookEvent::default()
        };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<HookEvent>(&line).unwrap(), event);
        let older: OlderEvent = serde_json::from_str(&line).unwrap();
        assert_eq!((older.kind, older.session.as_deref()), (HookEventKind::Began, Some("a")));
        let from_older: HookEvent = serde_json::from_str(r#"{"kind":"began"}"#).unwrap();
        assert_eq!((from_older.source, from_older.own_id), (None, None));
        let newer = r#"{"kind":"began","source":"something-new","more":1}"#;
        let from_newer: HookEvent = serde_json::from_str(newer).unwrap();
        assert_eq!(from_newer.source, Some(SessionSource::Other));
    }

    #[test]
    fn stop_that_a_hook_held_up_before_is_told_apart() {
        for active in [json!(true), json!("true")] {
            let kind = HookEventKind::of_stop(&json!({ "stop_hook_active": active }));
            assert_eq!(kind, HookEventKind::StopsAgain);
        }
        let kind = HookEventKind::of_stop(&json!({ "stop_hook_active": "" }));
        assert_eq!(kind, HookEventKind::Stops);
    }

    #[test]
    fn notice_is_not_a_typed_prompt() {
        let kind = |prompt: &str| HookEventKind::of_prompt(&json!({ "prompt": prompt }), &["<x"]);
        assert_eq!(kind("fix the bug"), HookEventKind::Prompted);
        assert_eq!(kind("what is an Agent Junction notice?"), HookEventKind::Prompted);
        assert_eq!(kind(" Agent Junction notice 3: …"), HookEventKind::Woken);
        assert_eq!(kind("<x>"), HookEventKind::Woken);
    }
}
