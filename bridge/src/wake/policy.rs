//! When an agent is told of mail that waits, and when it is woken for it. A pure machine.
//!
//! **Of notices one is outstanding**: whatever arrives after it is part of it, until the agent reads.

use std::time::{Duration, Instant};

use crate::wake::notice::Notice;
use junction_engine::Snapshot;
use junction_engine::quota::Quota;

/// The time over which wakes are counted.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// The shortest time from one wake to the next, unless a message is urgent.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a notice stays outstanding that nobody acts on. It may have been lost: a turn that a wake begins can fail.
const LAPSE: Duration = Duration::from_secs(10 * 60);

/// What waits, and what the agent was told of it.
pub(crate) struct Alarm {
    snapshot: Snapshot,
    wakes: Quota,
    /// When a wake was tried last.
    tried: Option<Instant>,
    /// Until when it is left alone, because a turn has failed.
    rests_until: Option<Instant>,
    outstanding: Option<Outstanding>,
    /// Whether the agent was asked in this turn to read before it stops.
    asked: bool,
    notices: u64,
}

#[derive(Clone, Copy)]
struct Outstanding {
    since: Instant,
    /// How many had arrived by then.
    arrivals: u64,
    /// Whether it was of anything that may wake the agent.
    is_loud: bool,
}

impl Alarm {
    /// With so many wakes an hour.
    pub(crate) fn new(snapshot: Snapshot, wakes_per_hour: usize) -> Self {
        Self {
            snapshot,
            wakes: Quota::new(wakes_per_hour, HOUR),
            tried: None,
            rests_until: None,
            outstanding: None,
            asked: false,
            notices: 0,
        }
    }

    /// What the link shows now.
    pub(crate) fn sees(&mut self, snapshot: Snapshot) {
        let is_empty = snapshot.unread.count + snapshot.news == 0;
        if is_empty || self.snapshot.reads != snapshot.reads {
            self.outstanding = None;
        }
        self.snapshot = snapshot;
    }

    /// A turn of the agent is over, or a person has begun the next. That one begins which nobody wrote the prompt of
    /// says nothing: with some clients it is the one that was asked before its stop.
    pub(crate) fn turn_ended(&mut self) {
        self.asked = false;
    }

    /// What an agent in a turn is to be told, if it was not told yet.
    pub(crate) fn announce(&mut self, now: Instant) -> Option<Notice> {
        let waits = self.snapshot.unread.count + self.snapshot.news > 0;
        let was_told =
            |told: Outstanding| now < told.since + LAPSE && (told.is_loud || !self.is_waking());
        if !waits || self.outstanding.is_some_and(was_told) {
            return None;
        }
        Some(self.notice(now))
    }

    /// What an agent that is about to end its turn is to be told: once a turn, whatever it was told before.
    pub(crate) fn before_stop(&mut self, now: Instant) -> Option<Notice> {
        if !self.is_waking() || std::mem::replace(&mut self.asked, true) {
            self.asked = false;
            return None;
        }
        Some(Notice { before_stop: true, ..self.notice(now) })
    }

    /// From when on the agent is to be woken: it can be from `wakeable` on, by what it does. Nothing, if there is no
    /// need.
    pub(crate) fn due(&self, wakeable: Instant, now: Instant) -> Option<Instant> {
        if !self.is_waking() {
            return None;
        }
        let free = match self.outstanding {
            Some(told) if !told.is_loud => now,
            Some(told) if self.snapshot.arrivals > told.arrivals => told.since + LAPSE,
            Some(_) => return None,
            None => now,
        };
        let is_urgent = self.snapshot.unread.urgent;
        let pause = self.tried.filter(|_| !is_urgent).map_or(now, |tried| tried + PAUSE);
        let budget = self.wakes.full_until(now).unwrap_or(now);
        let wakeable = if is_urgent { now } else { wakeable };
        let rested = self.rests_until.unwrap_or(now);
        Some(free.max(pause).max(budget).max(wakeable).max(rested))
    }

    /// The agent is about to be woken by this.
    pub(crate) fn wake(&mut self, now: Instant) -> Notice {
        self.tried = Some(now);
        self.notice(now)
    }

    /// It was: that is paid for.
    pub(crate) fn woken(&mut self, now: Instant) {
        self.wakes.take(now);
    }

    /// What it was told last never came to it.
    pub(crate) fn was_lost(&mut self) {
        self.outstanding = None;
    }

    /// The turn in which it was told has failed. It is told again, but not at once: what failed may fail again, and
    /// each time is paid for.
    pub(crate) fn has_failed(&mut self, now: Instant) {
        if self.outstanding.take().is_some() {
            self.rests_until = Some(now + LAPSE);
        }
    }

    /// Whether the agent was asked in this turn to read before it stops.
    pub(crate) fn has_asked(&self) -> bool {
        self.asked
    }

    /// Whether it has been told of something that it has not read yet.
    pub(crate) fn is_told(&self) -> bool {
        self.outstanding.is_some()
    }

    /// Whether one more message would wake the agent, sooner or later. Nobody knows whether the last notice was seen
    /// that has not been acted on for longer than a turn takes to begin.
    pub(crate) fn can_wake(&self, now: Instant) -> bool {
        let is_stale = self
            .outstanding
            .is_some_and(|told| (told.since + PAUSE..told.since + LAPSE).contains(&now));
        self.wakes.full_until(now).is_none() && !is_stale
    }

    /// When [`Alarm::can_wake`] becomes another without anything happening.
    pub(crate) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let stale = self.outstanding.map(|told| [told.since + PAUSE, told.since + LAPSE]);
        stale.into_iter().flatten().chain(self.wakes.full_until(now)).filter(|at| *at > now).min()
    }

    /// Whether anything waits that may wake the agent.
    fn is_waking(&self) -> bool {
        self.snapshot.unread.waking > 0
    }

    fn notice(&mut self, now: Instant) -> Notice {
        self.notices += 1;
        let (arrivals, is_loud) = (self.snapshot.arrivals, self.is_waking());
        self.outstanding = Some(Outstanding { since: now, arrivals, is_loud });
        Notice::of(&self.snapshot, self.notices)
    }
}

#[cfg(test)]
mod tests;
