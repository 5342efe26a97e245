//! What is seen of an agent while somebody waits to know whether it can be woken.

use std::time::Instant;

use tokio::sync::watch;

use crate::clients::WakeOutcome;
use crate::clients::hook_event::HookEventKind;

/// What was seen of the agent since a trial's notice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TrialSigns {
    /// What the client says of the notice.
    pub(super) outcome: Option<WakeOutcome>,
    /// When the agent was first at work.
    pub(super) moved_at: Option<Instant>,
    /// Whether a person has begun a turn, so that the agent's work shows nothing.
    pub(super) is_persons: bool,
}

/// A trial under way.
pub(super) struct RunningTrial {
    pub(super) signs: watch::Sender<TrialSigns>,
    /// Whether what a plugin tells of its last notice is about this trial.
    pub(super) is_plugins: bool,
}

impl RunningTrial {
    /// Takes an event of the agent's session.
    pub(super) fn event(&self, kind: HookEventKind, now: Instant) {
        match kind {
            HookEventKind::Prompted => self.signs.send_modify(|signs| signs.is_persons = true),
            HookEventKind::Woken | HookEventKind::Used | HookEventKind::Busy => self.moved(now),
            _ => {}
        }
    }

    /// Notes that the agent is at work.
    pub(super) fn moved(&self, now: Instant) {
        self.signs.send_modify(|signs| _ = signs.moved_at.get_or_insert(now));
    }

    /// Notes what the client says of the notice.
    pub(super) fn ended(&self, outcome: WakeOutcome) {
        self.signs.send_modify(|signs| signs.outcome = Some(outcome));
    }
}
