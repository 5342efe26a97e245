//! Holds: no wake before their end, and all that waited after it.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

impl PolicyTest {
    /// The user holds the agent back for this time.
    fn hold(&mut self, time: Duration) {
        self.policy.hold.begin(self.now + time);
    }
}

#[test]
fn held_agent_is_woken_by_nothing_before_the_end_and_senders_are_told() {
    let mut test = PolicyTest::new(30);
    test.hold(10 * MINUTE);
    assert!(!test.policy.can_wake(test.now));
    assert_eq!(test.policy.changes_at(test.now), Some(test.start + 10 * MINUTE));
    for send in [PolicyTest::mail, PolicyTest::answer, PolicyTest::urgent] {
        send(&mut test);
        assert_eq!(test.due(), Some(10 * MINUTE));
        let held = Outlook { wakes_in: Some(600), hindrance: Some(Hindrance::Held) };
        assert_eq!(test.outlook(), Some(held));
    }
    test.pass(10 * MINUTE);
    assert!(test.policy.can_wake(test.now) && test.wake());
}

#[test]
fn later_hold_takes_the_place_of_an_earlier_one_and_a_release_ends_it() {
    let mut test = PolicyTest::new(30);
    test.mail();
    for minutes in [10, 2, 5] {
        test.hold(minutes * MINUTE);
        assert_eq!(test.due(), Some(minutes * MINUTE));
    }
    test.policy.hold.release();
    assert!(test.policy.can_wake(test.now) && test.wake());
}

#[test]
fn end_of_a_turn_is_not_held_up_in_a_hold_and_what_was_told_in_the_turn_wakes_after_it() {
    let mut test = PolicyTest::new(30);
    test.hold(10 * MINUTE);
    test.mail();
    assert!(test.policy.announce(test.now).is_some(), "a turn is told as ever");
    assert_eq!(test.policy.before_stop(test.now), None);
    let covered = Outlook { wakes_in: None, hindrance: Some(Hindrance::Held) };
    assert_eq!(test.outlook(), Some(covered), "nobody knows whether this turn reads it");
    test.policy.turn_ended(test.now);
    assert_eq!(test.due(), Some(10 * MINUTE));
    test.pass(10 * MINUTE);
    assert!(test.wake());
    // That turn is asked at its end, as any other.
    assert!(test.policy.before_stop(test.now).is_some());
}

#[test]
fn turn_that_outlasts_the_hold_is_asked_at_its_end() {
    let mut test = PolicyTest::new(30);
    test.hold(MINUTE);
    test.mail();
    assert!(test.policy.announce(test.now).is_some());
    test.pass(MINUTE);
    assert_eq!(test.due(), None);
    assert!(test.policy.before_stop(test.now).is_some());
}

#[test]
fn what_was_asked_about_before_the_hold_is_not_asked_about_after_it() {
    let mut test = PolicyTest::new(30);
    test.mail();
    assert!(test.wake());
    test.ends_unread();
    test.hold(MINUTE);
    test.policy.turn_ended(test.now);
    test.pass(MINUTE);
    assert_eq!(test.due(), None);
}

#[test]
fn agent_that_may_not_be_woken_at_all_is_held_without_a_promise() {
    let mut test = PolicyTest::new(0);
    test.hold(MINUTE);
    test.mail();
    let held = Outlook { wakes_in: None, hindrance: Some(Hindrance::Held) };
    assert_eq!((test.due(), test.outlook()), (None, Some(held)));
}

proptest! {
    /// Whatever came before, a hold moves each wake to its end, if it is earlier, and changes nothing else.
    #[test]
    fn hold_moves_wakes_to_its_end_and_changes_nothing_else(
        steps in prop::collection::vec((0_u64..90, 0..7), 1..60),
        seconds in 1_u64..5000,
    ) {
        let mut test = PolicyTest::new(6);
        for (pause, what) in steps {
            test.pass(Duration::from_secs(pause));
            match what {
                0 => test.read(),
                1 => test.ends_unread(),
                2 => test.policy.turn_interrupted(test.now),
                3 => test.answer(),
                4 => test.urgent(),
                _ => test.mail(),
            }
            test.wake();
        }
        let (free, now) = (test.due(), test.now - test.start);
        test.hold(Duration::from_secs(seconds));
        let end = now + Duration::from_secs(seconds);
        prop_assert_eq!(test.due(), free.map(|due| due.max(end)));
        prop_assert!(!test.wake() && !test.policy.can_wake(test.now));
        prop_assert!(test.policy.before_stop(test.now).is_none());
        let is_told = |outlook: Outlook| outlook.hindrance == Some(Hindrance::Held);
        prop_assert!(test.snapshot.unread.wakers.is_empty() || test.outlook().is_some_and(is_told));
        test.policy.hold.release();
        prop_assert_eq!(test.due(), free);
    }
}
