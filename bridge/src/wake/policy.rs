//! When an agent is told of waiting messages, and when it is woken for them. A pure state machine.
//!
//! **At most one notice is outstanding**: it covers whatever arrives after it, until the agent reads.

use std::time::{Duration, Instant};

use crate::wake::notice::Notice;
use junction_engine::Snapshot;
use junction_engine::quota::Quota;

/// The period over which wakes are counted.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// The shortest time between two wakes, unless a message is urgent.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a notice stays outstanding without a read. It may be lost: the turn that it begins can fail.
const NOTICE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Which messages wait, and what the agent was told of them.
pub(crate) struct WakePolicy {
    snapshot: Snapshot,
    wakes: Quota,
    /// When a wake was last tried.
    last_try: Option<Instant>,
    /// Until when the agent is left alone because a turn failed.
    rests_until: Option<Instant>,
    outstanding: Option<OutstandingNotice>,
    /// Whether a notice has held up the end of this turn.
    stop_held_up: bool,
    /// The number of notices so far.
    notices: u64,
}

#[derive(Clone, Copy)]
struct OutstandingNotice {
    since: Instant,
    /// The number of arrivals by then.
    arrivals: u64,
    /// Whether the notice covered anything that may wake the agent.
    is_waking: bool,
}

impl WakePolicy {
    /// A policy with this many wakes an hour.
    pub(crate) fn new(snapshot: Snapshot, wakes_per_hour: usize) -> Self {
        Self {
            snapshot,
            wakes: Quota::new(wakes_per_hour, HOUR),
            last_try: None,
            rests_until: None,
            outstanding: None,
            stop_held_up: false,
            notices: 0,
        }
    }

    /// Takes the engine's present snapshot.
    pub(crate) fn update(&mut self, snapshot: Snapshot) {
        let is_empty = snapshot.unread.count + snapshot.notifications == 0;
        if is_empty || self.snapshot.reads != snapshot.reads {
            self.outstanding = None;
        }
        self.snapshot = snapshot;
    }

    /// Notes that a turn has ended, or that a person has begun the next. The start of a turn without a person says
    /// nothing: with some clients, that is how a turn goes on whose end was held up.
    pub(crate) fn turn_ended(&mut self) {
        self.stop_held_up = false;
    }

    /// The notice for an agent in a turn, unless one is outstanding that covers everything.
    pub(crate) fn announce(&mut self, now: Instant) -> Option<Notice> {
        let anything_waits = self.snapshot.unread.count + self.snapshot.notifications > 0;
        let covers_all = |notice: OutstandingNotice| {
            now < notice.since + NOTICE_LIFETIME && (notice.is_waking || !self.is_waking())
        };
        if !anything_waits || self.outstanding.is_some_and(covers_all) {
            return None;
        }
        Some(self.notice(now))
    }

    /// The notice for an agent that is about to end its turn: once a turn, whatever else the agent was told.
    pub(crate) fn before_stop(&mut self, now: Instant) -> Option<Notice> {
        if !self.is_waking() || std::mem::replace(&mut self.stop_held_up, true) {
            self.stop_held_up = false;
            return None;
        }
        Some(Notice { before_stop: true, ..self.notice(now) })
    }

    /// When the agent should be woken, given that its activity permits it from `wakeable` on; `None` if there is no
    /// need.
    pub(crate) fn wake_at(&self, wakeable: Instant, now: Instant) -> Option<Instant> {
        if !self.is_waking() {
            return None;
        }
        let free = match self.outstanding {
            Some(notice) if !notice.is_waking => now,
            Some(notice) if self.snapshot.arrivals > notice.arrivals => {
                notice.since + NOTICE_LIFETIME
            }
            Some(_) => return None,
            None => now,
        };
        let is_urgent = self.snapshot.unread.urgent;
        let pause = self.last_try.filter(|_| !is_urgent).map_or(now, |tried| tried + PAUSE);
        let budget = self.wakes.full_until(now).unwrap_or(now);
        let wakeable = if is_urgent { now } else { wakeable };
        let rested = self.rests_until.unwrap_or(now);
        Some(free.max(pause).max(budget).max(wakeable).max(rested))
    }

    /// Begins a wake, and returns its notice.
    pub(crate) fn begin_wake(&mut self, now: Instant) -> Notice {
        self.last_try = Some(now);
        self.notice(now)
    }

    /// Counts a wake that a channel has taken.
    pub(crate) fn wake_done(&mut self, now: Instant) {
        self.wakes.take(now);
    }

    /// Forgets the outstanding notice, because the agent never got it.
    pub(crate) fn notice_lost(&mut self) {
        self.outstanding = None;
    }

    /// Notes that a turn failed. If a notice was outstanding, the agent gets another, but not at once: the next turn may
    /// fail, too, and every turn is paid for.
    pub(crate) fn turn_failed(&mut self, now: Instant) {
        if self.outstanding.take().is_some() {
            self.rests_until = Some(now + NOTICE_LIFETIME);
        }
    }

    /// Whether a notice has held up the end of this turn.
    pub(crate) fn is_stop_held_up(&self) -> bool {
        self.stop_held_up
    }

    /// Whether the agent was told of something that it has not read yet.
    pub(crate) fn is_notice_outstanding(&self) -> bool {
        self.outstanding.is_some()
    }

    /// Whether one more message would wake the agent, sooner or later. After a notice that has gone unread for longer
    /// than a turn takes to begin, nobody knows.
    pub(crate) fn can_wake(&self, now: Instant) -> bool {
        let is_stale = self.outstanding.is_some_and(|notice| {
            (notice.since + PAUSE..notice.since + NOTICE_LIFETIME).contains(&now)
        });
        self.wakes.full_until(now).is_none() && !is_stale
    }

    /// When [`WakePolicy::can_wake`] next changes by the passing of time alone.
    pub(crate) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let stale =
            self.outstanding.map(|notice| [notice.since + PAUSE, notice.since + NOTICE_LIFETIME]);
        stale.into_iter().flatten().chain(self.wakes.full_until(now)).filter(|at| *at > now).min()
    }

    /// Whether anything waits that may wake the agent.
    fn is_waking(&self) -> bool {
        self.snapshot.unread.waking > 0
    }

    fn notice(&mut self, now: Instant) -> Notice {
        self.notices += 1;
        let (arrivals, is_waking) = (self.snapshot.arrivals, self.is_waking());
        self.outstanding = Some(OutstandingNotice { since: now, arrivals, is_waking });
        Notice::of(&self.snapshot, self.notices)
    }
}

#[cfg(test)]
mod tests;
