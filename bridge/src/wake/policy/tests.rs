//! Arrivals, notices, and the passing of time.

use junction_shared::protocol::alias::Alias;
use proptest::prelude::*;

use super::*;
use crate::testing::snapshot;

const SECOND: Duration = Duration::from_secs(1);

/// A policy, the engine's snapshot, and a clock.
struct PolicyTest {
    policy: WakePolicy,
    snapshot: Snapshot,
    start: Instant,
    now: Instant,
}

impl PolicyTest {
    fn new(wakes: usize) -> Self {
        let now = Instant::now();
        Self { policy: WakePolicy::new(snapshot(), wakes), snapshot: snapshot(), start: now, now }
    }

    /// A message arrives that may wake the agent.
    fn mail(&mut self) {
        self.snapshot.unread.waking += 1;
        self.snapshot.arrivals += 1;
        self.quiet_mail();
    }

    /// A message arrives that may not wake the agent.
    fn quiet_mail(&mut self) {
        self.snapshot.unread.count += 1;
        self.snapshot.unread.from = vec![Alias::parse("bob").unwrap()];
        self.policy.update(self.snapshot.clone());
    }

    fn read(&mut self) {
        self.snapshot.unread = Default::default();
        self.snapshot.notifications = 0;
        self.snapshot.reads += 1;
        self.policy.update(self.snapshot.clone());
    }

    /// When an idle agent should be woken, counted from the start.
    fn due(&self) -> Option<Duration> {
        self.policy.wake_at(self.now, self.now).map(|due| due - self.start)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Wakes the agent if it is time.
    fn wake(&mut self) -> bool {
        let is_due = self.policy.wake_at(self.now, self.now).is_some_and(|due| due <= self.now);
        if is_due {
            self.policy.begin_wake(self.now);
            self.policy.wake_done(self.now);
        }
        is_due
    }
}

#[test]
fn idle_agent_is_woken_once_and_again_after_a_read() {
    let mut test = PolicyTest::new(30);
    assert_eq!(test.due(), None);
    test.mail();
    assert_eq!(test.due(), Some(Duration::ZERO));
    assert!(test.wake());
    test.mail();
    test.mail();
    assert!(!test.wake());
    test.read();
    test.mail();
    assert_eq!(test.due(), Some(PAUSE));
    test.pass(PAUSE);
    assert!(test.wake());
}

#[test]
fn urgent_message_waits_for_neither_turn_nor_pause() {
    let mut test = PolicyTest::new(30);
    test.mail();
    test.wake();
    test.read();
    test.pass(SECOND);
    test.snapshot.unread.urgent = true;
    test.mail();
    let busy = test.now + Duration::from_secs(600);
    assert_eq!(test.policy.wake_at(busy, test.now), Some(test.now));
}

#[test]
fn agent_in_a_turn_is_woken_when_the_turn_ends() {
    let mut test = PolicyTest::new(30);
    test.mail();
    let busy = test.now + PAUSE;
    assert_eq!(test.policy.wake_at(busy, test.now), Some(busy));
}

#[test]
fn low_urgency_message_is_announced_and_wakes_nobody() {
    let mut test = PolicyTest::new(30);
    test.quiet_mail();
    assert_eq!(test.due(), None);
    assert!(test.policy.before_stop(test.now).is_none());
    assert_eq!(test.policy.announce(test.now).map(|notice| notice.unread), Some(1));
    test.quiet_mail();
    assert_eq!(test.policy.announce(test.now), None);
    // A notice of low urgency does not cover a message that may wake the agent.
    test.mail();
    assert_eq!(test.due(), Some(Duration::ZERO));
    assert_eq!(test.policy.announce(test.now).map(|notice| notice.unread), Some(3));
    assert_eq!(test.policy.announce(test.now), None);
}

#[test]
fn end_of_a_turn_is_held_up_once_whatever_notice_is_outstanding() {
    let mut test = PolicyTest::new(30);
    test.mail();
    test.wake();
    let asked = test.policy.before_stop(test.now);
    assert!(asked.is_some_and(|notice| notice.before_stop && notice.number == 2));
    assert_eq!(test.policy.before_stop(test.now), None);
    test.policy.turn_ended();
    assert!(test.policy.before_stop(test.now).is_some());
}

#[test]
fn notice_without_a_read_lapses_once_more_has_arrived() {
    let mut test = PolicyTest::new(30);
    test.mail();
    test.wake();
    test.pass(SECOND);
    assert!(test.policy.can_wake(test.now));
    test.pass(PAUSE);
    assert!(!test.policy.can_wake(test.now));
    test.pass(NOTICE_LIFETIME);
    assert!(test.policy.can_wake(test.now));
    assert_eq!(test.due(), None);
    test.mail();
    assert!(test.wake());
}

#[test]
fn hourly_budget_is_kept_and_reported() {
    let mut test = PolicyTest::new(2);
    for _ in 0..2 {
        test.mail();
        assert!(test.wake());
        test.read();
        test.pass(PAUSE);
    }
    test.mail();
    assert!(!test.policy.can_wake(test.now));
    assert_eq!(test.policy.changes_at(test.now), Some(test.start + HOUR));
    assert_eq!(test.due(), Some(HOUR));
    // A turn that begins for another reason still gets the notice.
    assert!(test.policy.announce(test.now).is_some());
}

#[test]
fn failed_wake_is_repeated_and_not_counted() {
    let mut test = PolicyTest::new(1);
    test.mail();
    test.policy.begin_wake(test.now);
    test.policy.notice_lost();
    assert_eq!(test.due(), Some(PAUSE));
    test.pass(PAUSE);
    assert!(test.wake());
}

#[test]
fn regression_message_that_expires_unread_leaves_no_notice_behind() {
    let mut test = PolicyTest::new(30);
    test.mail();
    test.wake();
    test.snapshot.unread = Default::default();
    test.policy.update(test.snapshot.clone());
    test.mail();
    assert_eq!(test.due(), Some(PAUSE));
    assert!(test.policy.announce(test.now).is_some());
}

#[test]
fn notice_of_a_failed_turn_is_repeated() {
    let mut test = PolicyTest::new(30);
    test.mail();
    assert!(test.wake() && test.policy.is_notice_outstanding());
    test.policy.turn_failed(test.now);
    assert_eq!(test.due(), Some(NOTICE_LIFETIME));
    // An urgent message would fail, too.
    test.snapshot.unread.urgent = true;
    test.mail();
    assert_eq!(test.due(), Some(NOTICE_LIFETIME));
}

#[test]
fn requested_notification_wakes_like_a_message() {
    let mut test = PolicyTest::new(30);
    test.snapshot.notifications = 1;
    test.snapshot.unread.waking = 1;
    test.snapshot.arrivals += 1;
    test.policy.update(test.snapshot.clone());
    assert!(test.wake());
    test.read();
    assert_eq!(test.due(), None);
}

proptest! {
    /// Whatever arrives, wakes stay within the hourly budget, at least a minute apart, and at most one per read.
    #[test]
    fn flood_wakes_within_the_budget(steps in prop::collection::vec((0_u64..90, 0..4), 1..200)) {
        let mut test = PolicyTest::new(5);
        let mut wakes: Vec<Instant> = Vec::new();
        let mut read_since = true;
        for (pause, what) in steps {
            test.pass(Duration::from_secs(pause));
            match what {
                0 => { test.read(); read_since = true; }
                _ => test.mail(),
            }
            if test.wake() {
                let last = wakes.last().copied();
                let lapsed = last.is_none_or(|last| test.now >= last + NOTICE_LIFETIME);
                prop_assert!(read_since || lapsed);
                prop_assert!(last.is_none_or(|last| test.now >= last + PAUSE));
                wakes.push(test.now);
                read_since = false;
            }
            prop_assert!(wakes.iter().filter(|at| test.now < **at + HOUR).count() <= 5);
        }
    }
}
