//! What the agent is doing, as far as hooks and calls show. A pure state machine.

use std::time::{Duration, Instant};

use junction_shared::protocol::wire::State;

/// How long a state from a hook is believed without another sign. No hook reports that a person interrupted a turn.
const STATE_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long an agent in a turn must be silent before it may be woken. Clients hold a notice back until the running tool
/// ends, and an interrupted turn would never end.
const BUSY_SILENCE: Duration = Duration::from_secs(60);
/// How long after its last call an agent without hooks counts as being in a turn.
const TURN_AFTER_CALL: Duration = Duration::from_secs(15);
/// How long after its last call an agent without hooks may be woken. In a turn, its next call comes sooner and tells it
/// of the message anyway.
const WAKE_AFTER_CALL: Duration = Duration::from_secs(5);
/// How long a call must wait for messages before it counts as a wait. Most end sooner.
const MIN_WAIT: Duration = Duration::from_secs(1);
/// The silence after which a call of an agent without hooks counts as the first of a person's turn.
const NEW_TURN: Duration = Duration::from_secs(10 * 60);
/// The silence for an agent that nothing but a person can wake.
const NEW_TURN_UNWAKEABLE: Duration = Duration::from_secs(2 * 60);

/// What a hook shows of the agent's activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActivitySign {
    /// The agent is in this state.
    Known(State),
    /// The agent's state is unknown from now on.
    Unknown,
}

/// What the client's own word shows beyond the state itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchedTurn {
    /// A turn began, which no hook reported.
    Began,
    /// A turn ended without the hook that reports its end, or at a dialog: it was interrupted.
    Interrupted,
    /// A turn of a client without hooks ended.
    Ended,
}

/// What is known of the agent's activity.
#[derive(Default)]
pub(crate) struct Activity {
    /// The state that a hook reported last, and when. It is set only for an agent with hooks.
    reported: Option<(Option<State>, Instant)>,
    /// When the last call began or ended.
    last_call: Option<Instant>,
    /// The number of running calls.
    calls: usize,
    /// The start of each running call that waits for messages.
    waits: Vec<Instant>,
    /// The state by the client's own word and all signs since, where the client shows its state.
    watched: Option<State>,
    /// When the client's own word was last taken.
    looked_at: Option<Instant>,
    /// When a hook or a call was last heard of.
    last_sign: Option<Instant>,
}

impl Activity {
    /// Takes a sign from a hook.
    pub(crate) fn hook_sign(&mut self, sign: ActivitySign, now: Instant) {
        let state = match sign {
            ActivitySign::Known(state) => Some(state),
            ActivitySign::Unknown => None,
        };
        self.reported = Some((state, now));
        self.sign(state, now);
    }

    /// A hook or a call shows this state. Where the client shows its own, that is looked at again.
    fn sign(&mut self, state: Option<State>, now: Instant) {
        self.last_sign = Some(now);
        if self.watched.is_some() {
            self.watched = state.or(self.watched);
        }
    }

    /// Takes the state that the client shows, or that it shows none. Hooks report at once; so what the client showed
    /// before the last of them says nothing.
    pub(crate) fn watch(&mut self, shown: Option<State>, now: Instant) -> Option<WatchedTurn> {
        let before = self.looked_at.replace(now);
        let Some(shown) = shown else {
            self.watched = None;
            return None;
        };
        if self.last_sign.is_some_and(|sign| before.is_none_or(|before| before < sign)) {
            return None;
        }
        let was = self.watched.replace(shown);
        if self.reported.is_some() {
            let is_over = self.is_in_reported_turn() && shown == State::Idle;
            if is_over {
                self.reported = Some((Some(State::Idle), now));
            }
            return is_over.then_some(WatchedTurn::Interrupted);
        }
        match (was, shown) {
            (Some(State::WaitingOnHuman), State::Idle) => Some(WatchedTurn::Interrupted),
            (Some(State::Busy), State::Idle) => Some(WatchedTurn::Ended),
            (Some(State::Idle), State::Busy | State::WaitingOnHuman) => Some(WatchedTurn::Began),
            _ => None,
        }
    }

    /// Whether hooks reported a turn and then nothing for so long that it must have ended without them. Notes that it
    /// has.
    pub(crate) fn take_lost_turn(&mut self, now: Instant) -> bool {
        let Some((Some(State::Busy | State::WaitingOnHuman), at)) = self.reported else {
            return false;
        };
        let is_lost = self.watched.is_none() && now >= at + STATE_LIFETIME;
        if is_lost {
            self.reported = Some((None, at));
        }
        is_lost
    }

    /// Whether the agent is in a turn, as far as hooks report.
    pub(crate) fn is_in_reported_turn(&self) -> bool {
        matches!(self.reported, Some((Some(State::Busy | State::WaitingOnHuman), _)))
    }

    /// Takes a sign from a hook of a subagent. It is a sign of the agent's turn only while that turn lasts, because a
    /// subagent may outlive the turn.
    pub(crate) fn subagent_sign(&mut self, sign: ActivitySign, now: Instant) {
        if let (Some((Some(State::Busy | State::WaitingOnHuman), _)), ActivitySign::Known(_)) =
            (self.reported, sign)
        {
            self.hook_sign(sign, now);
        }
    }

    /// Notes that a call began. True if the call seems to be the first of a person's turn, for an agent without hooks.
    /// The silence before it may be shorter if nothing could have woken the agent.
    pub(crate) fn call_began(&mut self, can_be_woken: bool, now: Instant) -> bool {
        let before = self.last_call.replace(now);
        self.calls += 1;
        self.sign(Some(State::Busy), now);
        if let Some((state, at)) = &mut self.reported {
            // An agent that calls a tool is in a turn, whatever a hook reported before.
            (*state, *at) = (Some(State::Busy), now);
            return false;
        }
        let pause = if can_be_woken { NEW_TURN } else { NEW_TURN_UNWAKEABLE };
        self.calls == 1 && before.is_none_or(|before| now >= before + pause)
    }

    /// Notes that a call was answered.
    pub(crate) fn call_ended(&mut self, now: Instant) {
        self.calls = self.calls.saturating_sub(1);
        (self.last_call, self.last_sign) = (Some(now), Some(now));
    }

    /// Notes that a call waits for messages.
    pub(crate) fn wait_began(&mut self, now: Instant) {
        self.waits.push(now);
    }

    /// Notes that the wait that began then has ended.
    pub(crate) fn wait_ended(&mut self, since: Instant) {
        if let Some(at) = self.waits.iter().position(|began| *began == since) {
            self.waits.swap_remove(at);
        }
    }

    /// Whether a call has waited for messages long enough to count.
    pub(crate) fn is_waiting(&self, now: Instant) -> bool {
        self.waits.iter().any(|began| now >= *began + MIN_WAIT)
    }

    /// The agent's state, if it is known.
    pub(crate) fn state(&self, now: Instant) -> Option<State> {
        if self.is_waiting(now) && self.reported.is_none() {
            // An agent that only waits for messages is as good as idle.
            return Some(State::Idle);
        }
        match self.reported {
            _ if self.watched.is_some() => self.watched,
            Some((Some(State::Idle), _)) => Some(State::Idle),
            Some((state, at)) => state.filter(|_| now < at + STATE_LIFETIME),
            None => (now < self.in_turn_until()?).then_some(State::Busy),
        }
    }

    /// When the agent may be woken, if it shows no further sign.
    pub(crate) fn wakeable_from(&self, now: Instant) -> Instant {
        match self.reported {
            Some((Some(State::Busy | State::WaitingOnHuman), at)) => now.max(at + BUSY_SILENCE),
            Some(_) => now,
            None if self.watched == Some(State::Idle) => now,
            None => self.last_call.map_or(now, |called| now.max(called + WAKE_AFTER_CALL)),
        }
    }

    /// When the state or the wait next changes by the passing of time alone.
    pub(crate) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let is_watched = self.watched.is_some();
        let lapses = self.reported.filter(|_| !is_watched).map(|(_, at)| at + STATE_LIFETIME);
        let after_call =
            (self.reported.is_none() && !is_watched).then(|| self.in_turn_until()).flatten();
        let waits = self.waits.iter().map(|began| *began + MIN_WAIT);
        lapses.into_iter().chain(after_call).chain(waits).filter(|at| *at > now).min()
    }

    /// Until when an agent without hooks counts as being in a turn.
    fn in_turn_until(&self) -> Option<Instant> {
        self.last_call.map(|called| called + TURN_AFTER_CALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn state_is_unknown_at_first() {
        let (activity, now) = (Activity::default(), Instant::now());
        assert_eq!(activity.state(now), None);
        assert_eq!(activity.wakeable_from(now), now);
        assert_eq!(activity.changes_at(now), None);
    }

    #[test]
    fn state_from_a_hook_is_believed_for_a_while() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.hook_sign(ActivitySign::Known(State::Busy), now);
        assert_eq!(activity.state(now), Some(State::Busy));
        assert_eq!(activity.wakeable_from(now), now + BUSY_SILENCE);
        assert_eq!(activity.changes_at(now), Some(now + STATE_LIFETIME));
        assert_eq!(activity.state(now + STATE_LIFETIME), None);
        activity.hook_sign(ActivitySign::Known(State::Idle), now);
        // Only a turn ends idleness, and a hook reports its start.
        assert_eq!(activity.state(now + 10 * STATE_LIFETIME), Some(State::Idle));
        assert_eq!(activity.wakeable_from(now), now);
        activity.hook_sign(ActivitySign::Unknown, now);
        assert_eq!(activity.state(now), None);
    }

    #[test]
    fn regression_subagent_that_outlives_the_turn_does_not_keep_the_agent_busy() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        let busy = ActivitySign::Known(State::Busy);
        activity.hook_sign(busy, now);
        activity.subagent_sign(busy, now + 30 * SECOND);
        assert_eq!(activity.wakeable_from(now), now + 30 * SECOND + BUSY_SILENCE);
        activity.hook_sign(ActivitySign::Known(State::Idle), now + 40 * SECOND);
        activity.subagent_sign(busy, now + 50 * SECOND);
        assert_eq!(activity.state(now + 50 * SECOND), Some(State::Idle));
    }

    #[test]
    fn agent_that_calls_a_tool_is_in_a_turn() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.hook_sign(ActivitySign::Known(State::Idle), now);
        assert!(!activity.call_began(true, now + SECOND));
        assert_eq!(activity.state(now + SECOND), Some(State::Busy));
        activity.call_ended(now + SECOND);
        assert_eq!(activity.state(now + SECOND), Some(State::Busy));
    }

    #[test]
    fn without_hooks_calls_show_the_turn() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        assert!(activity.call_began(true, now));
        activity.call_ended(now + SECOND);
        assert_eq!(activity.state(now + SECOND), Some(State::Busy));
        assert_eq!(activity.wakeable_from(now + SECOND), now + SECOND + WAKE_AFTER_CALL);
        assert_eq!(activity.state(now + SECOND + TURN_AFTER_CALL), None);
        assert!(!activity.call_began(true, now + 200 * SECOND));
        activity.call_ended(now + 201 * SECOND);
        assert!(activity.call_began(true, now + 201 * SECOND + NEW_TURN));
        activity.call_ended(now + 202 * SECOND + NEW_TURN);
        assert!(activity.call_began(false, now + 322 * SECOND + NEW_TURN));
    }

    #[test]
    fn agent_that_waits_for_messages_is_idle_after_a_moment() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.call_began(true, now);
        activity.wait_began(now);
        assert!(!activity.is_waiting(now));
        assert_eq!(activity.changes_at(now), Some(now + MIN_WAIT));
        assert!(activity.is_waiting(now + SECOND));
        assert_eq!(activity.state(now + SECOND), Some(State::Idle));
        activity.wait_ended(now);
        assert!(!activity.is_waiting(now + SECOND));
    }

    #[test]
    fn regression_turn_that_ends_without_a_hook_is_seen_by_the_clients_own_word() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        let at = |seconds| now + seconds * SECOND;
        activity.hook_sign(ActivitySign::Known(State::Idle), now);
        assert_eq!(activity.watch(Some(State::Idle), at(1)), None);
        activity.hook_sign(ActivitySign::Known(State::Busy), at(2));
        activity.hook_sign(ActivitySign::Known(State::WaitingOnHuman), at(3));
        // What is shown may be older than the hook.
        assert_eq!(activity.watch(Some(State::Idle), at(4)), None);
        assert_eq!(activity.state(at(4)), Some(State::WaitingOnHuman));
        assert_eq!(activity.watch(Some(State::WaitingOnHuman), at(5)), None);
        // It is believed as long as it is shown.
        assert_eq!(activity.state(at(1000)), Some(State::WaitingOnHuman));
        assert_eq!(activity.watch(Some(State::Idle), at(1000)), Some(WatchedTurn::Interrupted));
        assert_eq!(activity.state(at(1000)), Some(State::Idle));
        assert_eq!(activity.wakeable_from(at(1000)), at(1000));
        // A turn whose end a hook reports is not interrupted.
        activity.hook_sign(ActivitySign::Known(State::Busy), at(1001));
        assert_eq!(activity.watch(Some(State::Busy), at(1002)), None);
        activity.hook_sign(ActivitySign::Known(State::Idle), at(1003));
        // Another hook of the person's own takes its time.
        assert_eq!(activity.watch(Some(State::Busy), at(1004)), None);
        assert_eq!(activity.watch(Some(State::Busy), at(1005)), None);
        assert_eq!(activity.watch(Some(State::Idle), at(1006)), None);
    }

    #[test]
    fn regression_state_is_known_without_hooks_where_the_client_shows_it() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        let at = |seconds| now + seconds * SECOND;
        assert_eq!(activity.watch(Some(State::Idle), now), None);
        assert_eq!(activity.state(now), Some(State::Idle));
        assert_eq!(activity.watch(Some(State::Busy), at(1)), Some(WatchedTurn::Began));
        activity.call_began(true, at(2));
        activity.call_ended(at(3));
        assert_eq!(activity.watch(Some(State::WaitingOnHuman), at(4)), None);
        assert_eq!(activity.watch(Some(State::WaitingOnHuman), at(5)), None);
        assert_eq!(activity.state(at(500)), Some(State::WaitingOnHuman));
        assert_eq!(activity.watch(Some(State::Idle), at(500)), Some(WatchedTurn::Interrupted));
        assert_eq!(activity.wakeable_from(at(500)), at(500));
        // A client that shows nothing any more is one without.
        assert_eq!(activity.watch(None, at(501)), None);
        assert_eq!(activity.state(at(501)), None);
    }

    #[test]
    fn regression_turn_that_ends_as_it_should_is_not_interrupted_where_no_hook_reports_it() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        assert_eq!(activity.watch(Some(State::Idle), now), None);
        assert_eq!(activity.watch(Some(State::Busy), now + SECOND), Some(WatchedTurn::Began));
        assert_eq!(activity.watch(Some(State::Idle), now + 2 * SECOND), Some(WatchedTurn::Ended));
    }

    #[test]
    fn regression_turn_of_which_nothing_more_is_heard_is_lost_once() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.hook_sign(ActivitySign::Known(State::WaitingOnHuman), now);
        assert!(!activity.take_lost_turn(now + STATE_LIFETIME - SECOND));
        assert!(activity.take_lost_turn(now + STATE_LIFETIME));
        assert!(!activity.take_lost_turn(now + STATE_LIFETIME));
        assert_eq!(activity.state(now + STATE_LIFETIME), None);
    }

    #[test]
    fn wait_in_the_background_does_not_end_the_turn() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.hook_sign(ActivitySign::Known(State::Busy), now);
        activity.wait_began(now);
        assert_eq!(activity.state(now + 2 * SECOND), Some(State::Busy));
        activity.hook_sign(ActivitySign::Known(State::Idle), now + 2 * SECOND);
        assert!(activity.is_waiting(now + 3 * SECOND));
        assert_eq!(activity.state(now + 3 * SECOND), Some(State::Idle));
    }
}
