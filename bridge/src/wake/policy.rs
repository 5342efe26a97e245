//! When an agent is told of waiting messages, and when it is woken for them. A pure state machine.
//!
//! **At most one notice is outstanding**: it covers whatever arrives after it, until the agent reads or its turn ends.
//! A turn that ended without a read gives the wake back: one that was interrupted once for the same messages, any other
//! for later messages alone, after a pause that doubles. **A hold** of the user pauses all wakes, and hides nothing.

use std::time::{Duration, Instant};

use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{Hindrance, Outlook};

use crate::wake::budget::WakeBudget;
use crate::wake::notice::{Notice, RequestNotice};
use crate::wake::request_reminder::RequestReminder;
use junction_engine::{Snapshot, Waker};

mod hold;
mod outstanding;

pub(super) use hold::Hold;
use outstanding::{
    Due, NOTICE_LIFETIME, OutstandingNotice, PAUSE, REPEAT_AFTER, UnreadTurn, is_paced,
};

/// How long later messages wait after a first turn that ended without a read; each further turn doubles it.
const FIRST_REST: Duration = Duration::from_secs(60);
/// The longest such wait.
const LONGEST_REST: Duration = Duration::from_secs(30 * 60);

/// Which messages wait, and what the agent was told of them.
pub(crate) struct WakePolicy {
    snapshot: Snapshot,
    /// What the agent was reminded of that it has not answered.
    pub(super) requests: RequestReminder,
    /// The user's pause of all wakes.
    pub(super) hold: Hold,
    budget: WakeBudget,
    /// The message that the present wake is for.
    waking_for: Option<Waker>,
    /// Until when no wake is tried because no channel took the last.
    retries_at: Option<Instant>,
    /// Until when the agent is left alone because a turn failed.
    rests_until: Option<Instant>,
    outstanding: Option<OutstandingNotice>,
    /// How many turns have ended without a read since the last read or the last turn of a person.
    unread_turns: u32,
    /// Whether the wake for the messages that wait was repeated.
    is_repeated: bool,
    /// Whether a notice has held up the end of this turn.
    stop_held_up: bool,
    /// The number of notices so far.
    notices: u64,
    /// When a wake began that a person had asked for, until its turn has ended.
    trial_since: Option<Instant>,
}

/// A wake that a channel has taken.
#[derive(Clone, Copy)]
pub(crate) struct TakenWake {
    /// The number of its notice.
    notice: u64,
    sender: Option<PeerKey>,
    is_paced: bool,
}

impl WakePolicy {
    /// A policy with this many wakes an hour, or any number.
    pub(crate) fn new(snapshot: Snapshot, wakes_per_hour: Option<u32>) -> Self {
        Self {
            snapshot,
            requests: RequestReminder::default(),
            hold: Hold::default(),
            budget: WakeBudget::new(wakes_per_hour),
            waking_for: None,
            retries_at: None,
            rests_until: None,
            outstanding: None,
            unread_turns: 0,
            is_repeated: false,
            stop_held_up: false,
            notices: 0,
            trial_since: None,
        }
    }

    /// Takes the engine's present snapshot.
    pub(crate) fn update(&mut self, snapshot: Snapshot) {
        let is_empty = snapshot.unread.count + snapshot.notifications == 0;
        if is_empty || self.snapshot.reads != snapshot.reads {
            (self.outstanding, self.unread_turns, self.is_repeated) = (None, 0, false);
        }
        self.snapshot = snapshot;
    }

    /// Notes that a person has begun a turn. The start of a turn without a person says nothing: with some clients, that
    /// is how a turn goes on whose end was held up.
    pub(crate) fn person_prompted(&mut self, now: Instant) {
        (self.stop_held_up, self.unread_turns, self.is_repeated) = (false, 0, false);
        self.trial_since = None;
        if let Some(ended) = self.outstanding.as_mut().and_then(|notice| notice.ended.as_mut()) {
            ended.wakes_from = now;
        }
    }

    /// Notes that a turn has ended.
    pub(crate) fn turn_ended(&mut self, now: Instant) {
        self.stop_held_up = false;
        self.give_back(now, false);
    }

    /// Notes that a turn has ended before its time, or nobody knows how.
    pub(crate) fn turn_interrupted(&mut self, now: Instant) {
        self.stop_held_up = false;
        self.give_back(now, true);
    }

    /// Ends the turn in which the agent was told of something, if it has read nothing since.
    fn give_back(&mut self, now: Instant, is_interrupted: bool) {
        self.trial_since = None;
        let arrivals = self.snapshot.arrivals;
        let told = self.outstanding.as_mut().filter(|notice| notice.is_waking);
        let Some(notice) = told.filter(|notice| notice.ended.is_none()) else { return };
        if self.hold.is_on(now) {
            // The agent was not asked to read at the end, so what waits wakes it after the hold.
            self.outstanding = None;
            return;
        }
        notice.ended = Some(if is_interrupted && !self.is_repeated {
            self.is_repeated = true;
            let repeats_at = Some(now + REPEAT_AFTER);
            UnreadTurn { repeats_at, wakes_from: now, is_denied: false }
        } else {
            // What came during the turn was waiting when the agent was asked at its end.
            notice.arrivals = arrivals;
            let rest = FIRST_REST * 2_u32.saturating_pow(self.unread_turns.min(16));
            self.unread_turns += 1;
            let wakes_from = now + rest.min(LONGEST_REST);
            UnreadTurn { repeats_at: None, wakes_from, is_denied: is_interrupted }
        });
    }

    /// The notice for an agent in a turn, unless one is outstanding that covers everything.
    pub(crate) fn announce(&mut self, now: Instant) -> Option<Notice> {
        let anything_waits = self.snapshot.unread.count + self.snapshot.notifications > 0;
        let covers_all = |notice: OutstandingNotice| {
            now < notice.since + NOTICE_LIFETIME
                && (notice.is_waking || !self.is_waking())
                && (notice.ended.is_none() || self.snapshot.arrivals == notice.arrivals)
        };
        if !anything_waits || self.outstanding.is_some_and(covers_all) {
            return None;
        }
        Some(self.notice(now))
    }

    /// The notice for an agent that is about to end its turn: once a turn, whatever else the agent was told, and not in a
    /// hold.
    pub(crate) fn before_stop(&mut self, now: Instant) -> Option<Notice> {
        let may_ask = self.is_waking() && !self.hold.is_on(now);
        if !may_ask || std::mem::replace(&mut self.stop_held_up, true) {
            self.stop_held_up = false;
            return None;
        }
        Some(Notice { before_stop: true, ..self.notice(now) })
    }

    /// The notice of requests for an agent that is about to end its turn: once for each request.
    pub(crate) fn requests_before_stop(&mut self) -> Option<RequestNotice> {
        let notice = self.requests.before_stop(&self.snapshot, self.notices + 1)?;
        self.notices += 1;
        self.stop_held_up = true;
        Some(notice)
    }

    /// When the agent should be woken, given that its activity permits it from `wakeable` on; `None` if there is no
    /// need.
    pub(crate) fn wake_at(&self, wakeable: Instant, now: Instant) -> Option<Instant> {
        self.next(wakeable, now).map(|(at, _)| at)
    }

    /// The message that is the first to wake the agent, and when it does.
    fn next(&self, wakeable: Instant, now: Instant) -> Option<(Instant, Waker)> {
        let wakers = self.snapshot.unread.wakers.iter();
        let due = wakers.filter_map(|waker| Some((self.due(waker, wakeable, now)?.at?, *waker)));
        // Of several, one that takes no part of the burst.
        due.min_by_key(|(at, waker)| (*at, is_paced(waker)))
    }

    /// When a message wakes the agent; `None` if a notice covers it.
    fn due(&self, waker: &Waker, wakeable: Instant, now: Instant) -> Option<Due> {
        let notice = self.outstanding.filter(|notice| notice.is_waking);
        let mut due = notice.map_or(Some(Due::at(now)), |notice| notice.frees(waker, now))?;
        let wait = |due: &mut Due, until: Instant| due.at = due.at.map(|at| at.max(until));
        wait(&mut due, self.rests_until.unwrap_or(now));
        if is_paced(waker) {
            wait(&mut due, self.budget.burst_at(now));
        }
        if !waker.is_urgent {
            wait(&mut due, wakeable.max(self.retries_at.unwrap_or(now)));
        }
        match self.budget.room_at(waker.sender, now) {
            Some(room) if due.at.is_some_and(|at| at >= room) => {}
            Some(room) => due = Due { at: Some(room), hindrance: Some(Hindrance::Budget) },
            None => due = Due { at: None, hindrance: Some(Hindrance::Budget) },
        }
        if let Some(until) = self.hold.until(now) {
            wait(&mut due, until);
            due.hindrance = Some(Hindrance::Held);
        }
        Some(due)
    }

    /// What the sender of a message should know: nothing if the agent is woken as soon as what it does permits it, or a
    /// notice covers the message. A turn that ends in a hold may leave unread what its notice covers.
    pub(crate) fn outlook(&self, arrival: u64, now: Instant) -> Option<Outlook> {
        let held =
            self.hold.is_on(now).then_some(Due { at: None, hindrance: Some(Hindrance::Held) });
        if held.is_none() && self.stale_for().is_some_and(|(from, _)| now >= from) {
            return Some(Outlook { wakes_in: None, hindrance: Some(Hindrance::Asleep) });
        }
        let wakers = &self.snapshot.unread.wakers;
        let waker = wakers.iter().find(|waker| waker.arrival == arrival)?;
        let Due { at, hindrance } = self.due(waker, now, now).or(held)?;
        // A wake for another message covers this one.
        let first = self.wake_at(now, now).or(at);
        let wait = first.map(|first| first.saturating_duration_since(now));
        let wakes_in = wait.map(whole_seconds).filter(|seconds| *seconds > 0);
        let is_late = at.is_none() || wakes_in.is_some();
        is_late.then_some(Outlook { wakes_in, hindrance })
    }

    /// Begins a wake, and returns its notice.
    pub(crate) fn begin_wake(&mut self, now: Instant) -> Notice {
        self.waking_for = self.next(now, now).map(|(_, waker)| waker);
        self.retries_at = Some(now + PAUSE);
        self.notice(now)
    }

    /// Counts a wake that a channel has taken.
    pub(crate) fn wake_done(&mut self, now: Instant) -> TakenWake {
        self.retries_at = None;
        let waker = self.waking_for.take();
        let is_paced = waker.as_ref().is_none_or(is_paced);
        let sender = waker.and_then(|waker| waker.sender);
        self.budget.take(sender, is_paced, now);
        TakenWake { notice: self.notices, sender, is_paced }
    }

    /// Takes back a wake whose notice the client refused. The agent was not woken, so it costs nothing.
    pub(crate) fn wake_dropped(&mut self, wake: TakenWake) {
        self.budget.give_back(wake.sender, wake.is_paced);
        // A later notice is not the one that was lost.
        if self.notices == wake.notice {
            self.notice_lost();
        }
    }

    /// When a person's trial may wake the agent; `None` for never.
    pub(crate) fn trial_at(&self, now: Instant) -> Option<Instant> {
        Some(self.budget.hour_at(now)?.max(self.budget.burst_at(now)))
    }

    /// Begins a wake that no message asks for, and counts it as one for a message. Returns the number of its notice.
    pub(crate) fn begin_trial(&mut self, now: Instant) -> u64 {
        self.budget.take(None, true, now);
        self.trial_since = Some(now);
        self.notices += 1;
        self.notices
    }

    /// Forgets a trial that no channel has taken.
    pub(crate) fn trial_lost(&mut self) {
        self.budget.give_back(None, true);
        self.trial_since = None;
    }

    /// Whether the agent is in a turn that a trial began, or about to begin one.
    pub(crate) fn is_in_trial(&self, now: Instant) -> bool {
        self.trial_since.is_some_and(|since| now < since + NOTICE_LIFETIME)
    }

    /// Forgets the outstanding notice, because the agent never got it.
    pub(crate) fn notice_lost(&mut self) {
        self.outstanding = None;
    }

    /// Notes that a turn failed. If a notice was outstanding, the agent gets another, but not at once: the next turn may
    /// fail, too, and every turn is paid for.
    pub(crate) fn turn_failed(&mut self, now: Instant) {
        self.trial_since = None;
        if self.outstanding.take().is_some() {
            self.rests_until = Some(now + NOTICE_LIFETIME);
        }
    }

    /// Whether a notice has held up the end of this turn.
    pub(crate) fn is_stop_held_up(&self) -> bool {
        self.stop_held_up
    }

    /// Whether the agent is in a turn in which it was told of something that it has not read yet, or is about to begin
    /// one.
    pub(crate) fn is_notice_outstanding(&self) -> bool {
        self.outstanding.is_some_and(|notice| notice.ended.is_none())
    }

    /// Whether the agent is in a turn in which it was told of this message, or is about to begin one.
    pub(crate) fn is_told(&self, arrival: u64) -> bool {
        let told = self.outstanding.filter(|notice| notice.is_waking && notice.ended.is_none());
        told.is_some_and(|notice| arrival <= notice.arrivals)
    }

    /// Whether one more message would wake the agent, sooner or later. After a notice that has gone unread for longer
    /// than a turn takes to begin, nobody knows.
    pub(crate) fn can_wake(&self, now: Instant) -> bool {
        let is_stale = self.stale_for().is_some_and(|(from, until)| (from..until).contains(&now));
        self.budget.hour_at(now) == Some(now) && !is_stale && !self.hold.is_on(now)
    }

    /// When [`WakePolicy::can_wake`] next changes by the passing of time alone.
    pub(crate) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let stale = self.stale_for().map(|(from, until)| [from, until]);
        let changes =
            stale.into_iter().flatten().chain(self.budget.hour_at(now)).chain(self.hold.until(now));
        changes.filter(|at| *at > now).min()
    }

    /// From when until when nobody knows whether the agent was woken.
    fn stale_for(&self) -> Option<(Instant, Instant)> {
        let notice = self.outstanding.filter(|notice| notice.ended.is_none())?;
        Some((notice.since + PAUSE, notice.since + NOTICE_LIFETIME))
    }

    /// Whether anything waits that may wake the agent.
    pub(crate) fn is_waking(&self) -> bool {
        !self.snapshot.unread.wakers.is_empty()
    }

    fn notice(&mut self, now: Instant) -> Notice {
        self.notices += 1;
        let (arrivals, is_waking) = (self.snapshot.arrivals, self.is_waking());
        let ended = None;
        self.outstanding = Some(OutstandingNotice { since: now, arrivals, is_waking, ended });
        Notice::of(&self.snapshot, self.notices)
    }
}

/// Whole seconds, rounded up.
fn whole_seconds(time: Duration) -> u32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
