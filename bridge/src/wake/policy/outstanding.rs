//! The notice that the agent was last given, and which messages it covers.

use std::time::{Duration, Instant};

use junction_shared::protocol::wire::Hindrance;

use junction_engine::Waker;

/// How long after a wake that no channel took the next is tried, and how long a notice may go unread until nobody knows
/// whether the agent was woken.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// How long a notice stays outstanding without a read or the end of a turn. It may be lost: the turn that it begins can
/// fail.
pub(super) const NOTICE_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How soon the wake of an interrupted turn is repeated. The person who interrupted it may be typing.
pub(super) const REPEAT_AFTER: Duration = Duration::from_secs(5);

/// The notice that the agent was last given.
#[derive(Clone, Copy)]
pub(super) struct OutstandingNotice {
    pub(super) since: Instant,
    /// The number of arrivals that the notice covers.
    pub(super) arrivals: u64,
    /// Whether the notice covered anything that may wake the agent.
    pub(super) is_waking: bool,
    /// How the turn ended in which the agent was told, once it has.
    pub(super) ended: Option<UnreadTurn>,
}

/// A turn that ended without a read.
#[derive(Clone, Copy)]
pub(super) struct UnreadTurn {
    /// When the agent is woken once more for what it was told of.
    pub(super) repeats_at: Option<Instant>,
    /// From when on later messages wake it.
    pub(super) wakes_from: Instant,
    /// Whether a person stopped this turn, and the one before it.
    pub(super) is_denied: bool,
}

/// When a message wakes the agent, and what it waits for.
#[derive(Clone, Copy)]
pub(super) struct Due {
    /// `None` for never.
    pub(super) at: Option<Instant>,
    pub(super) hindrance: Option<Hindrance>,
}

impl Due {
    /// At this moment, without a hindrance.
    pub(super) fn at(at: Instant) -> Self {
        Self { at: Some(at), hindrance: None }
    }
}

impl OutstandingNotice {
    /// When the notice lets a message wake the agent; `None` if it covers the message.
    pub(super) fn frees(&self, waker: &Waker, now: Instant) -> Option<Due> {
        let is_later = waker.arrival > self.arrivals;
        match self.ended {
            // The first answers may come together, and one wake serves them all.
            None if is_later && waker.is_answer => Some(Due::at(self.since + REPEAT_AFTER)),
            None if is_later && waker.is_urgent => Some(Due::at(self.since + PAUSE)),
            None if is_later => Some(Due::at(self.since + NOTICE_LIFETIME)),
            None => None,
            Some(turn) if is_later && is_paced(waker) => {
                let why = if turn.is_denied { Hindrance::Denied } else { Hindrance::Asleep };
                let hindrance = (turn.wakes_from > now).then_some(why);
                Some(Due { at: Some(turn.wakes_from), hindrance })
            }
            Some(_) if is_later => Some(Due::at(now)),
            Some(turn) => turn.repeats_at.map(Due::at),
        }
    }
}

/// Whether a message keeps to the pace. What answers this session, and what is urgent, does not.
pub(super) fn is_paced(waker: &Waker) -> bool {
    !waker.is_answer && !waker.is_urgent
}
