//! What the agent is doing, as far as its hooks and its calls tell. A pure machine.

use std::time::{Duration, Instant};

use junction_shared::protocol::wire::State;

/// How long a state that a hook told holds without another sign: no hook tells when a person interrupts a turn.
const HOLDS: Duration = Duration::from_secs(5 * 60);
/// How long after its last sign an agent in a turn may be given a notice all the same: clients hold one back until
/// the running tool has ended, and a turn that was interrupted would never end.
const SILENCE: Duration = Duration::from_secs(60);
/// How long after its last call an agent without hooks counts as being in a turn.
const AFTER_CALL: Duration = Duration::from_secs(15);
/// How long after it such an agent may be woken: its next call, which would tell it of mail, comes sooner, if it does.
const PAUSE_AFTER_CALL: Duration = Duration::from_secs(5);
/// From when on a call that waits for messages counts as one: most waits end sooner.
const REAL_WAIT: Duration = Duration::from_secs(1);
/// Without hooks nobody tells that a person has begun a turn. So long after the last call one has.
const NEW_TURN: Duration = Duration::from_secs(10 * 60);
/// The same for an agent that nothing but a person can have begin a turn.
const NEW_TURN_OF_A_PERSON: Duration = Duration::from_secs(2 * 60);

/// What a hook told of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The agent does this now.
    Does(State),
    /// Nobody can tell what it does from now on.
    Ends,
}

/// What is known of it.
#[derive(Default)]
pub(crate) struct Activity {
    /// What a hook told last, and when. Whether it was told is what tells an agent with hooks from one without.
    told: Option<(Option<State>, Instant)>,
    /// When the last call began or ended.
    called: Option<Instant>,
    /// Calls under way, and since when those are that wait for messages.
    calls: usize,
    waits: Vec<Instant>,
}

impl Activity {
    /// A hook told something.
    pub(crate) fn told(&mut self, sign: Sign, now: Instant) {
        let state = match sign {
            Sign::Does(state) => Some(state),
            Sign::Ends => None,
        };
        self.told = Some((state, now));
    }

    /// A hook told something of a helper of the agent's. It is a sign of the agent's turn, if that has not ended: a
    /// helper may go on after it.
    pub(crate) fn helper(&mut self, sign: Sign, now: Instant) {
        if let (Some((Some(State::Busy | State::WaitingOnHuman), _)), Sign::Does(_)) =
            (self.told, sign)
        {
            self.told(sign, now);
        }
    }

    /// The agent calls a tool. True if that is the first sign of a turn, where no hook tells. It takes less for one that
    /// nothing could have woken.
    pub(crate) fn call_began(&mut self, can_be_woken: bool, now: Instant) -> bool {
        let before = self.called.replace(now);
        self.calls += 1;
        if let Some((state, at)) = &mut self.told {
            // Whatever a hook told before: who calls is in a turn.
            (*state, *at) = (Some(State::Busy), now);
            return false;
        }
        let pause = if can_be_woken { NEW_TURN } else { NEW_TURN_OF_A_PERSON };
        self.calls == 1 && before.is_none_or(|before| now >= before + pause)
    }

    /// A call was answered.
    pub(crate) fn call_ended(&mut self, now: Instant) {
        self.calls = self.calls.saturating_sub(1);
        self.called = Some(now);
    }

    /// A call waits for messages.
    pub(crate) fn wait_began(&mut self, now: Instant) {
        self.waits.push(now);
    }

    /// A call that waits since then does so no more.
    pub(crate) fn wait_ended(&mut self, since: Instant) {
        if let Some(at) = self.waits.iter().position(|began| *began == since) {
            self.waits.swap_remove(at);
        }
    }

    /// Whether a call waits for messages, and has for a moment.
    pub(crate) fn waits(&self, now: Instant) -> bool {
        self.waits.iter().any(|began| now >= *began + REAL_WAIT)
    }

    /// What the agent does, if that is known.
    pub(crate) fn state(&self, now: Instant) -> Option<State> {
        match self.told {
            Some((Some(State::Idle), _)) => Some(State::Idle),
            Some((state, at)) => state.filter(|_| now < at + HOLDS),
            // Who waits for messages and nothing else is as good as idle.
            None if self.waits(now) => Some(State::Idle),
            None => (now < self.in_turn_until()?).then_some(State::Busy),
        }
    }

    /// From when on an agent may be woken that nothing more is heard of.
    pub(crate) fn wakeable_from(&self, now: Instant) -> Instant {
        match self.told {
            Some((Some(State::Busy | State::WaitingOnHuman), at)) => now.max(at + SILENCE),
            Some(_) => now,
            None => self.called.map_or(now, |called| now.max(called + PAUSE_AFTER_CALL)),
        }
    }

    /// When any of this becomes another without anything happening.
    pub(crate) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let holds = self.told.map(|(_, at)| at + HOLDS);
        let after_call = self.told.is_none().then(|| self.in_turn_until()).flatten();
        let waits = self.waits.iter().map(|began| *began + REAL_WAIT);
        holds.into_iter().chain(after_call).chain(waits).filter(|at| *at > now).min()
    }

    /// Until when an agent without hooks counts as being in a turn.
    fn in_turn_until(&self) -> Option<Instant> {
        self.called.map(|called| called + AFTER_CALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn nothing_is_known_at_first() {
        let (activity, now) = (Activity::default(), Instant::now());
        assert_eq!(activity.state(now), None);
        assert_eq!(activity.wakeable_from(now), now);
        assert_eq!(activity.changes_at(now), None);
    }

    #[test]
    fn hooks_tell_and_are_believed_for_a_while() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.told(Sign::Does(State::Busy), now);
        assert_eq!(activity.state(now), Some(State::Busy));
        assert_eq!(activity.wakeable_from(now), now + SILENCE);
        assert_eq!(activity.changes_at(now), Some(now + HOLDS));
        assert_eq!(activity.state(now + HOLDS), None);
        activity.told(Sign::Does(State::Idle), now);
        // Nothing but a turn follows on idle, and that is told.
        assert_eq!(activity.state(now + 10 * HOLDS), Some(State::Idle));
        assert_eq!(activity.wakeable_from(now), now);
        activity.told(Sign::Ends, now);
        assert_eq!(activity.state(now), None);
    }

    #[test]
    fn regression_a_helper_that_goes_on_after_the_turn_keeps_nobody_busy() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        let busy = Sign::Does(State::Busy);
        activity.told(busy, now);
        activity.helper(busy, now + 30 * SECOND);
        assert_eq!(activity.wakeable_from(now), now + 30 * SECOND + SILENCE);
        activity.told(Sign::Does(State::Idle), now + 40 * SECOND);
        activity.helper(busy, now + 50 * SECOND);
        assert_eq!(activity.state(now + 50 * SECOND), Some(State::Idle));
    }

    #[test]
    fn who_calls_is_in_a_turn() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.told(Sign::Does(State::Idle), now);
        assert!(!activity.call_began(true, now + SECOND));
        assert_eq!(activity.state(now + SECOND), Some(State::Busy));
        activity.call_ended(now + SECOND);
        assert_eq!(activity.state(now + SECOND), Some(State::Busy));
    }

    #[test]
    fn without_hooks_a_turn_is_known_by_its_calls_alone() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        assert!(activity.call_began(true, now));
        activity.call_ended(now + SECOND);
        assert_eq!(activity.state(now + SECOND), Some(State::Busy));
        assert_eq!(activity.wakeable_from(now + SECOND), now + SECOND + PAUSE_AFTER_CALL);
        assert_eq!(activity.state(now + SECOND + AFTER_CALL), None);
        assert!(!activity.call_began(true, now + 200 * SECOND));
        activity.call_ended(now + 201 * SECOND);
        assert!(activity.call_began(true, now + 201 * SECOND + NEW_TURN));
        activity.call_ended(now + 202 * SECOND + NEW_TURN);
        assert!(activity.call_began(false, now + 322 * SECOND + NEW_TURN));
    }

    #[test]
    fn who_waits_for_messages_is_idle_after_a_moment() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.call_began(true, now);
        activity.wait_began(now);
        assert!(!activity.waits(now));
        assert_eq!(activity.changes_at(now), Some(now + REAL_WAIT));
        assert!(activity.waits(now + SECOND));
        assert_eq!(activity.state(now + SECOND), Some(State::Idle));
        activity.wait_ended(now);
        assert!(!activity.waits(now + SECOND));
    }

    #[test]
    fn a_wait_in_the_background_says_nothing_of_the_turn() {
        let (mut activity, now) = (Activity::default(), Instant::now());
        activity.told(Sign::Does(State::Busy), now);
        activity.wait_began(now);
        assert_eq!(activity.state(now + 2 * SECOND), Some(State::Busy));
        activity.told(Sign::Does(State::Idle), now + 2 * SECOND);
        assert!(activity.waits(now + 3 * SECOND));
        assert_eq!(activity.state(now + 3 * SECOND), Some(State::Idle));
    }
}
