//! Which session of its client a bridge serves, and how sure that is. A pure state machine: what the client tells goes in,
//! in order, and at most one claim comes out each time.
//!
//! What a client tells is often not its session's id: programs inherit variables, a run that continues a session is given a
//! new id in its environment, and subagents have ids of their own. What each client tells is in its [`SessionIds`].

use std::fmt;

use super::channel::{CallOrigin, CallSession};
use super::hook_event::{HookEvent, HookEventKind, SessionSource};

/// The longest id of a session that is accepted, in bytes.
pub(super) const MAX_SESSION: usize = 128;

/// Where a client tells the ids of its sessions, and what each is good for.
pub(crate) struct SessionIds {
    /// The fixed word for the client. What belongs to a session is derived from it, so a word never changes.
    pub(super) word: &'static str,
    /// The variable that a server's environment has the id in, if it has.
    pub(super) variable: Option<&'static str>,
    /// What the ids in hooks say.
    pub(super) hooks: HookIds,
    /// Whether calls name their session.
    pub(super) in_calls: bool,
}

/// What the ids in a client's hooks say of the session that a bridge serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookIds {
    /// Nothing: a hook may be another session's.
    Ignored,
    /// Which session it was first. Others that use the same bridge later change nothing.
    First,
    /// Which session it is now.
    Followed,
}

/// A session of a client. It stays what it is when its bridge is started again.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClientSession {
    /// The fixed word for the client.
    pub(crate) client: &'static str,
    /// The client's id for the session: 1 to 128 bytes, without control characters.
    pub(crate) id: String,
}

/// What a bridge has learned of the session that it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionClaim {
    /// The session may be this one.
    Wish(ClientSession),
    /// The session is this one, though it may have been wished for before.
    Proof(ClientSession),
    /// The session goes on under this id, with an empty context.
    Move(ClientSession),
    /// Another session has taken the place of the one before.
    Swap(ClientSession),
}

/// Finds out which session a bridge serves.
#[derive(Default)]
pub(crate) struct SessionTracker {
    client: NamedClient,
    current: Option<CurrentSession>,
}

/// What is known of the client.
enum NamedClient {
    /// A client that has not introduced itself. Hooks may come first, the last of them with this id.
    Unnamed { hooked: Option<String> },
    /// A client that tells the ids of its sessions.
    Tells(&'static SessionIds),
    /// A client that tells nothing to rely on.
    Silent,
}

struct CurrentSession {
    id: String,
    is_proven: bool,
}

impl SessionTracker {
    /// Takes note of the client that has introduced itself, and of the variables that its servers have.
    pub(crate) fn client_named(
        &mut self,
        ids: Option<&'static SessionIds>,
        variable: impl FnOnce(&str) -> Option<String>,
    ) -> Option<SessionClaim> {
        let NamedClient::Unnamed { hooked } = &mut self.client else { return None };
        let hooked = hooked.take();
        let Some(ids) = ids else {
            self.client = NamedClient::Silent;
            return None;
        };
        self.client = NamedClient::Tells(ids);
        if let Some(id) = hooked.filter(|_| ids.hooks != HookIds::Ignored) {
            return Some(self.proves(ids, id));
        }
        let id = variable(ids.variable?).as_deref().and_then(sound)?;
        self.current = Some(CurrentSession { id: id.clone(), is_proven: false });
        Some(SessionClaim::Wish(session(ids, id)))
    }

    /// Takes an event of a hook that ran as it happened. `plugin` is the name that a plugin may use in place of the id.
    pub(crate) fn hooked(
        &mut self,
        event: &HookEvent,
        plugin: Option<&str>,
    ) -> Option<SessionClaim> {
        let id = id_of(event, plugin)?;
        let ids = match &mut self.client {
            NamedClient::Unnamed { hooked } => {
                *hooked = Some(id);
                return None;
            }
            NamedClient::Tells(ids) => *ids,
            NamedClient::Silent => return None,
        };
        if ids.hooks == HookIds::Ignored {
            return None;
        }
        if self.current.is_none() {
            return Some(self.proves(ids, id));
        }
        self.confirmed(&id).or_else(|| self.followed(ids, id, event))
    }

    /// Takes the event of a hook that may have waited long since it happened. The session may have changed meanwhile.
    pub(crate) fn remembered(
        &mut self,
        event: &HookEvent,
        plugin: Option<&str>,
    ) -> Option<SessionClaim> {
        let id = id_of(event, plugin)?;
        matches!(self.client, NamedClient::Tells(ids) if ids.hooks != HookIds::Ignored)
            .then(|| self.confirmed(&id))?
    }

    /// Takes the origin of a call. Only the first that names a session counts.
    pub(crate) fn called(&mut self, origin: &CallOrigin) -> Option<SessionClaim> {
        let NamedClient::Tells(ids) = self.client else { return None };
        if !ids.in_calls || self.current.is_some() {
            return None;
        }
        match &origin.session {
            CallSession::Untold => None,
            CallSession::Own(id) => Some(self.proves(ids, sound(id)?)),
            CallSession::Subagents => {
                // A subagent has this bridge for itself, and is not its session.
                self.client = NamedClient::Silent;
                None
            }
        }
    }

    fn proves(&mut self, ids: &SessionIds, id: String) -> SessionClaim {
        self.current = Some(CurrentSession { id: id.clone(), is_proven: true });
        SessionClaim::Proof(session(ids, id))
    }

    /// The proof that the current session is what was wished for.
    fn confirmed(&mut self, id: &str) -> Option<SessionClaim> {
        let NamedClient::Tells(ids) = self.client else { return None };
        let current = self.current.as_ref()?;
        let is_news = current.id == id && !current.is_proven;
        is_news.then(|| self.proves(ids, id.to_owned()))
    }

    /// The change to another session, if the event shows that there is one.
    fn followed(
        &mut self,
        ids: &SessionIds,
        id: String,
        event: &HookEvent,
    ) -> Option<SessionClaim> {
        let current = self.current.as_ref()?;
        if ids.hooks != HookIds::Followed || current.id == id {
            return None;
        }
        // A prompt, because some sessions begin without a word. Whatever else comes may be from the session before.
        let (HookEventKind::Began | HookEventKind::Prompted | HookEventKind::Woken) = event.kind
        else {
            return None;
        };
        self.current = Some(CurrentSession { id: id.clone(), is_proven: true });
        let session = session(ids, id);
        Some(match event.source {
            Some(SessionSource::Clear) => SessionClaim::Move(session),
            _ => SessionClaim::Swap(session),
        })
    }
}

impl Default for NamedClient {
    fn default() -> Self {
        Self::Unnamed { hooked: None }
    }
}

impl fmt::Debug for ClientSession {
    /// Without the id, which is half of what opens the session's mail.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientSession")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn session(ids: &SessionIds, id: String) -> ClientSession {
    ClientSession { client: ids.word, id }
}

/// The id in an event of the session itself.
fn id_of(event: &HookEvent, plugin: Option<&str>) -> Option<String> {
    let is_ours =
        !event.subagent && !matches!(event.kind, HookEventKind::Ended | HookEventKind::Other);
    let named = event.session.as_deref().filter(|name| plugin != Some(*name));
    sound(event.own_id.as_deref().or(named)?).filter(|_| is_ours)
}

/// An id that can be one.
fn sound(id: &str) -> Option<String> {
    let is_sound = (1..=MAX_SESSION).contains(&id.len()) && !id.chars().any(char::is_control);
    is_sound.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    static FOLLOWED: SessionIds = SessionIds {
        word: "some-client",
        variable: Some("SESSION"),
        hooks: HookIds::Followed,
        in_calls: false,
    };
    static FIRST: SessionIds = SessionIds { variable: None, hooks: HookIds::First, ..FOLLOWED };
    static CALLS: SessionIds =
        SessionIds { variable: None, hooks: HookIds::Ignored, in_calls: true, ..FOLLOWED };

    fn named(ids: &'static SessionIds, variable: Option<&str>) -> SessionTracker {
        let mut tracker = SessionTracker::default();
        tracker.client_named(Some(ids), |_| variable.map(str::to_owned));
        tracker
    }

    fn of(id: &str) -> ClientSession {
        ClientSession { client: "some-client", id: id.to_owned() }
    }

    fn event(kind: HookEventKind, id: &str) -> HookEvent {
        HookEvent { kind, session: Some(id.to_owned()), ..HookEvent::default() }
    }

    fn start(source: SessionSource, id: &str) -> HookEvent {
        HookEvent { source: Some(source), ..event(HookEventKind::Began, id) }
    }

    fn call(session: CallSession) -> CallOrigin {
        let thread = "thread".to_owned();
        CallOrigin { thread, turn: None, by_person: true, is_lasting: true, session }
    }

    #[test]
    fn variable_of_the_client_is_a_wish_that_a_hook_proves_once() {
        let mut tracker = SessionTracker::default();
        let wish = tracker.client_named(Some(&FOLLOWED), |variable| {
            assert_eq!(variable, "SESSION");
            Some("a".to_owned())
        });
        assert_eq!(wish, Some(SessionClaim::Wish(of("a"))));
        // With stateless MCP, each request names the client.
        assert_eq!(tracker.client_named(Some(&FOLLOWED), |_| Some("b".to_owned())), None);
        let prompted = event(HookEventKind::Prompted, "a");
        assert_eq!(tracker.hooked(&prompted, None), Some(SessionClaim::Proof(of("a"))));
        assert_eq!(tracker.hooked(&prompted, None), None);
        assert_eq!(tracker.hooked(&start(SessionSource::Compact, "a"), None), None);
    }

    #[test]
    fn another_client_inherits_nothing() {
        for ids in [None, Some(&FIRST), Some(&CALLS)] {
            let mut tracker = SessionTracker::default();
            assert_eq!(tracker.client_named(ids, |_| Some("a".to_owned())), None);
        }
        let mut tracker = SessionTracker::default();
        tracker.client_named(None, |_| None);
        assert_eq!(tracker.hooked(&event(HookEventKind::Prompted, "a"), None), None);
        assert_eq!(tracker.called(&call(CallSession::Own("a".to_owned()))), None);
    }

    #[test]
    fn hook_before_the_introduction_counts_more_than_the_variable() {
        let mut tracker = SessionTracker::default();
        assert_eq!(tracker.hooked(&start(SessionSource::Resume, "old"), None), None);
        let claim = tracker.client_named(Some(&FOLLOWED), |_| Some("new".to_owned()));
        assert_eq!(claim, Some(SessionClaim::Proof(of("old"))));
        let mut tracker = SessionTracker::default();
        tracker.hooked(&event(HookEventKind::Prompted, "another's"), None);
        assert_eq!(tracker.client_named(Some(&CALLS), |_| None), None);
    }

    #[test]
    fn cleared_context_moves_the_session() {
        let mut tracker = named(&FOLLOWED, Some("a"));
        assert_eq!(tracker.hooked(&event(HookEventKind::Ended, "a"), None), None);
        let cleared = start(SessionSource::Clear, "b");
        assert_eq!(tracker.hooked(&cleared, None), Some(SessionClaim::Move(of("b"))));
        // What was on its way.
        for kind in [HookEventKind::Stops, HookEventKind::Used, HookEventKind::Ended] {
            assert_eq!(tracker.hooked(&event(kind, "a"), None), None, "{kind:?}");
        }
        assert_eq!(tracker.hooked(&cleared, None), None);
    }

    #[test]
    fn resumed_forked_or_unknown_session_takes_the_place() {
        for source in [SessionSource::Resume, SessionSource::Fork, SessionSource::Other] {
            let mut tracker = named(&FOLLOWED, Some("a"));
            let begun = start(source, "b");
            assert_eq!(tracker.hooked(&begun, None), Some(SessionClaim::Swap(of("b"))));
            // The one that was left, opened again.
            let back = start(SessionSource::Resume, "a");
            assert_eq!(tracker.hooked(&back, None), Some(SessionClaim::Swap(of("a"))));
        }
        // An older hook names no source.
        let mut tracker = named(&FOLLOWED, Some("a"));
        let begun = event(HookEventKind::Began, "b");
        assert_eq!(tracker.hooked(&begun, None), Some(SessionClaim::Swap(of("b"))));
    }

    #[test]
    fn prompt_shows_a_session_whose_beginning_was_not_heard() {
        let mut tracker = named(&FOLLOWED, Some("a"));
        assert_eq!(tracker.hooked(&event(HookEventKind::Stops, "b"), None), None);
        for id in ["b", "a"] {
            let prompted = event(HookEventKind::Prompted, id);
            assert_eq!(tracker.hooked(&prompted, None), Some(SessionClaim::Swap(of(id))));
        }
    }

    #[test]
    fn hook_that_waited_confirms_and_changes_nothing() {
        let mut tracker = named(&FOLLOWED, Some("b"));
        assert_eq!(tracker.remembered(&start(SessionSource::Startup, "a"), None), None);
        let begun = start(SessionSource::Clear, "b");
        assert_eq!(tracker.remembered(&begun, None), Some(SessionClaim::Proof(of("b"))));
        assert_eq!(SessionTracker::default().remembered(&begun, None), None);
    }

    #[test]
    fn subagents_move_nothing() {
        let mut tracker = named(&FOLLOWED, Some("a"));
        for kind in [HookEventKind::Began, HookEventKind::Prompted] {
            let event = HookEvent { subagent: true, ..event(kind, "b") };
            assert_eq!(tracker.hooked(&event, None), None);
        }
        let mut tracker = named(&CALLS, None);
        assert_eq!(tracker.called(&call(CallSession::Subagents)), None);
        assert_eq!(tracker.called(&call(CallSession::Own("a".to_owned()))), None);
    }

    #[test]
    fn first_call_proves_and_later_ones_change_nothing() {
        let mut tracker = named(&CALLS, None);
        assert_eq!(tracker.hooked(&event(HookEventKind::Prompted, "another's"), None), None);
        assert_eq!(tracker.called(&call(CallSession::Untold)), None);
        let first = tracker.called(&call(CallSession::Own("a".to_owned())));
        assert_eq!(first, Some(SessionClaim::Proof(of("a"))));
        assert_eq!(tracker.called(&call(CallSession::Own("b".to_owned()))), None);
        assert_eq!(tracker.called(&call(CallSession::Subagents)), None);
        // A client whose calls name no session does not come by one in a call.
        let mut tracker = named(&FIRST, None);
        assert_eq!(tracker.called(&call(CallSession::Own("a".to_owned()))), None);
    }

    #[test]
    fn first_of_several_sessions_stays() {
        let mut tracker = named(&FIRST, None);
        let first = event(HookEventKind::Prompted, "a");
        assert_eq!(tracker.hooked(&first, None), Some(SessionClaim::Proof(of("a"))));
        for other in [event(HookEventKind::Prompted, "b"), start(SessionSource::Resume, "b")] {
            assert_eq!(tracker.hooked(&other, None), None);
        }
    }

    #[test]
    fn name_of_a_plugin_is_no_id() {
        let mut tracker = named(&FIRST, None);
        let by_older_hook = event(HookEventKind::Prompted, "plugin");
        assert_eq!(tracker.hooked(&by_older_hook, Some("plugin")), None);
        let prompted = HookEvent { own_id: Some("a".to_owned()), ..by_older_hook };
        let claim = tracker.hooked(&prompted, Some("plugin"));
        assert_eq!(claim, Some(SessionClaim::Proof(of("a"))));
    }

    #[test]
    fn unsound_ids_are_ignored() {
        for (id, is_sound) in [
            (String::new(), false),
            ("x".repeat(128), true),
            ("x".repeat(129), false),
            ("ö".repeat(64), true),
            ("a\nb".to_owned(), false),
            ("a\u{85}b".to_owned(), false),
        ] {
            let mut tracker = SessionTracker::default();
            let wish = tracker.client_named(Some(&FOLLOWED), |_| Some(id.clone()));
            assert_eq!(wish.is_some(), is_sound, "{id:?}");
            let proof = named(&FIRST, None).hooked(&event(HookEventKind::Prompted, &id), None);
            assert_eq!(proof.is_some(), is_sound, "{id:?}");
            let proof = named(&CALLS, None).called(&call(CallSession::Own(id.clone())));
            assert_eq!(proof.is_some(), is_sound, "{id:?}");
        }
    }

    #[test]
    fn ids_are_in_no_log() {
        let claim = SessionClaim::Swap(of("secret"));
        assert!(matches!(claim, SessionClaim::Swap(_)));
        assert!(!format!("{claim:?}").contains("secret"));
    }
}
