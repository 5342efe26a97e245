//! What is known of the agent, and what it is told. A pure machine.

use std::collections::VecDeque;
use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::wire::State;

use crate::ipc::{EventKind, Told};
use crate::wake::activity::{Activity, Sign};
use crate::wake::notice::greeting;
use crate::wake::policy::Alarm;
use junction_engine::Snapshot;

/// Names of its client's sessions that are kept: one goes on under another when its context is cleared.
const MAX_SESSIONS: usize = 16;
/// The longest of them that is kept.
const MAX_SESSION: usize = 128;

/// What is known of the agent.
pub(super) struct Mind {
    pub(super) activity: Activity,
    pub(super) alarm: Alarm,
    pub(super) sessions: VecDeque<String>,
    /// The turn that calls came from last, where the client says.
    pub(super) turn: Option<String>,
    /// The alias that the agent was told it has.
    pub(super) greeted: Option<Alias>,
    /// From when on its model has the tools.
    pub(super) ready: Option<Instant>,
    /// The way by which it was woken, and when, if nothing was heard of it since.
    pub(super) rung: Option<(usize, Instant)>,
    /// The first way to try: those before it were tried in vain.
    pub(super) first: usize,
}

impl Mind {
    /// Nothing is known yet.
    pub(super) fn new(snapshot: Snapshot, wakes_per_hour: usize) -> Self {
        Self {
            activity: Activity::default(),
            alarm: Alarm::new(snapshot, wakes_per_hour),
            sessions: VecDeque::new(),
            turn: None,
            greeted: None,
            ready: None,
            rung: None,
            first: 0,
        }
    }

    /// Takes in an event, and gives what the agent is to be told.
    pub(super) fn told(&mut self, kind: EventKind, snapshot: &Snapshot, now: Instant) -> Told {
        if kind == EventKind::Prompted {
            self.alarm.turn_ended();
        }
        let mut told = Told::default();
        match kind {
            EventKind::Began | EventKind::Compacted => {
                self.greeted = None;
                told.context = self.greet(snapshot);
            }
            EventKind::Prompted | EventKind::Woken | EventKind::Used => {
                let notice = self.alarm.announce(now).map(|notice| notice.to_string());
                let lines: Vec<String> = self.greet(snapshot).into_iter().chain(notice).collect();
                told.context = (!lines.is_empty()).then(|| lines.join("\n"));
            }
            EventKind::Stops => {
                told.block = self.alarm.before_stop(now).map(|notice| notice.to_string());
            }
            EventKind::StopsAgain => self.alarm.turn_ended(),
            EventKind::Failed => self.alarm.has_failed(now),
            _ => {}
        }
        if kind.tells_of_turn() {
            let goes_on = told.block.is_some();
            self.activity.told(if goes_on { Sign::Does(State::Busy) } else { sign(kind) }, now);
        }
        told
    }

    /// What the agent is told of itself, once in a context.
    pub(super) fn greet(&mut self, snapshot: &Snapshot) -> Option<String> {
        let alias = snapshot.alias.as_ref().filter(|_| self.greeted.is_none())?;
        self.greeted = Some(alias.clone());
        Some(greeting(alias))
    }

    /// Something was heard of the agent.
    pub(super) fn heard(&mut self) {
        (self.rung, self.first) = (None, 0);
    }

    /// When the agent is to be woken.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let due = self.alarm.due(self.activity.wakeable_from(now), now)?;
        Some(due.max(self.ready?))
    }

    /// The client has named its session.
    pub(super) fn know(&mut self, session: String) {
        if session.len() <= MAX_SESSION && !self.sessions.contains(&session) {
            if self.sessions.len() == MAX_SESSIONS {
                self.sessions.pop_front();
            }
            self.sessions.push_back(session);
        }
    }
}

/// What an event says of what the agent does.
pub(super) fn sign(kind: EventKind) -> Sign {
    match kind {
        EventKind::Prompted | EventKind::Woken | EventKind::Used | EventKind::Busy => {
            Sign::Does(State::Busy)
        }
        EventKind::Asks => Sign::Does(State::WaitingOnHuman),
        EventKind::Began
        | EventKind::Stops
        | EventKind::StopsAgain
        | EventKind::Failed
        | EventKind::Idle => Sign::Does(State::Idle),
        EventKind::Ended | EventKind::Compacted | EventKind::Other => Sign::Ends,
    }
}
