//! Arrivals, notices, and the passing of time.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use proptest::prelude::*;

use super::*;
use crate::testing::snapshot;

mod hold;

const SECOND: Duration = Duration::from_secs(1);

/// A policy, the engine's snapshot, and a clock.
struct PolicyTest {
    policy: WakePolicy,
    snapshot: Snapshot,
    start: Instant,
    now: Instant,
}

/// Bob, from whom messages come unless a test says otherwise.
const BOB: PeerKey = PeerKey([2; 32]);
const CAROL: PeerKey = PeerKey([3; 32]);

impl PolicyTest {
    fn new(wakes: u32) -> Self {
        let (now, wakes) = (Instant::now(), Some(wakes));
        Self { policy: WakePolicy::new(snapshot(), wakes), snapshot: snapshot(), start: now, now }
    }

    /// A message of normal urgency arrives.
    fn mail(&mut self) {
        self.mail_from(BOB, false, false);
    }

    /// The first answer to a message of this session arrives.
    fn answer(&mut self) {
        self.mail_from(BOB, true, false);
    }

    /// A message of high urgency arrives.
    fn urgent(&mut self) {
        self.mail_from(BOB, false, true);
    }

    fn mail_from(&mut self, sender: PeerKey, is_answer: bool, is_urgent: bool) {
        self.snapshot.arrivals += 1;
        let (arrival, sender) = (self.snapshot.arrivals, Some(sender));
        self.snapshot.unread.wakers.push(Waker { arrival, sender, is_answer, is_urgent });
        self.quiet_mail();
    }

    /// What the sender of the last message is told.
    fn outlook(&self) -> Option<Outlook> {
        self.policy.outlook(self.snapshot.arrivals, self.now)
    }

    /// A turn begins in which the agent is told, and ends without a read.
    fn ends_unread(&mut self) {
        if self.policy.before_stop(self.now).is_some() {
            assert!(self.policy.before_stop(self.now).is_none());
        }
        self.policy.turn_ended(self.now);
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
    assert!(test.wake());
}

#[test]
fn regression_short_conversation_wakes_at_once_and_a_long_one_once_a_minute() {
    let mut test = PolicyTest::new(30);
    for _ in 0..4 {
        test.mail();
        assert!(test.wake());
        test.read();
        test.pass(SECOND);
    }
    test.mail();
    assert_eq!(test.due(), Some(60 * SECOND));
    assert_eq!(test.outlook(), Some(Outlook { wakes_in: Some(56), hindrance: None }));
    test.pass(56 * SECOND);
    assert!(test.wake());
    test.read();
    test.mail();
    assert_eq!(test.due(), Some(120 * SECOND));
}

#[test]
fn regression_answer_wakes_at_once_whatever_came_before() {
    let mut test = PolicyTest::new(30);
    for _ in 0..10 {
        test.answer();
        assert!(test.wake());
        test.read();
    }
    // The burst is whole still.
    for _ in 0..4 {
        test.mail();
        assert!(test.wake());
        test.read();
    }
    test.mail();
    assert!(!test.wake());
    // A further one brings forward the wake for what waits.
    test.answer();
    assert!(test.wake());
}

#[test]
fn regression_no_sender_takes_more_than_half_of_the_hours_wakes() {
    let mut test = PolicyTest::new(30);
    for _ in 0..15 {
        test.answer();
        assert!(test.wake());
        test.read();
    }
    test.answer();
    assert!(!test.wake());
    let late = Outlook { wakes_in: Some(240), hindrance: Some(Hindrance::Budget) };
    assert_eq!(test.outlook(), Some(late));
    assert!(test.policy.can_wake(test.now));
    test.mail_from(CAROL, true, false);
    assert!(test.wake());
}

#[test]
fn urgent_message_waits_for_neither_turn_nor_pace() {
    let mut test = PolicyTest::new(30);
    for _ in 0..5 {
        test.mail();
        test.wake();
        test.read();
    }
    test.urgent();
    let busy = test.now + Duration::from_secs(600);
    assert_eq!(test.policy.wake_at(busy, test.now), Some(test.now));
    test.wake();
    // It goes past a notice that has had no effect for long.
    test.pass(SECOND);
    test.urgent();
    assert_eq!(test.due(), Some(PAUSE));
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
    test.policy.turn_ended(test.now);
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
    for sender in [BOB, CAROL] {
        test.mail_from(sender, false, false);
        assert!(test.wake());
        test.read();
    }
    test.mail_from(PeerKey([4; 32]), false, false);
    assert!(!test.policy.can_wake(test.now));
    let half_an_hour = Duration::from_secs(30 * 60);
    assert_eq!(test.policy.changes_at(test.now), Some(test.start + half_an_hour));
    assert_eq!(test.due(), Some(half_an_hour));
    let late = Outlook { wakes_in: Some(1800), hindrance: Some(Hindrance::Budget) };
    assert_eq!(test.outlook(), Some(late));
    // A turn that begins for another reason still gets the notice.
    assert!(test.policy.announce(test.now).is_some());
}

#[test]
fn agent_without_wakes_is_never_woken_and_senders_are_told() {
    let mut test = PolicyTest::new(0);
    test.urgent();
    assert_eq!(test.due(), None);
    let never = Outlook { wakes_in: None, hindrance: Some(Hindrance::Budget) };
    assert_eq!(test.outlook(), Some(never));
}

#[test]
fn regression_interrupted_turn_gives_its_wake_back_once() {
    let mut test = PolicyTest::new(30);
    test.mail();
    assert!(test.wake());
    test.policy.turn_interrupted(test.now);
    assert_eq!(test.due(), Some(REPEAT_AFTER));
    test.pass(REPEAT_AFTER);
    assert!(test.wake());
    // A person who interrupts that turn as well means it.
    test.policy.turn_interrupted(test.now);
    assert_eq!(test.due(), None);
    test.mail();
    let denied = Outlook { wakes_in: Some(60), hindrance: Some(Hindrance::Denied) };
    assert_eq!(test.outlook(), Some(denied));
    test.pass(60 * SECOND);
    assert!(test.wake());
    test.read();
    test.mail();
    assert!(test.wake());
}

#[test]
fn regression_after_an_interrupted_turn_a_later_message_wakes_at_once() {
    for urgent in [false, true] {
        let mut test = PolicyTest::new(30);
        test.mail();
        test.wake();
        test.policy.turn_interrupted(test.now);
        test.mail_from(BOB, false, urgent);
        assert_eq!(test.outlook(), None);
        assert!(test.wake());
    }
}

#[test]
fn regression_turn_that_ends_without_a_read_is_repeated_for_later_messages_alone() {
    let mut test = PolicyTest::new(30);
    let minute = 60 * SECOND;
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        test.mail();
        test.pass(NOTICE_LIFETIME * 4);
        assert!(test.wake());
        test.mail();
        test.ends_unread();
        test.pass(SECOND);
        assert_eq!(test.due(), None, "what came during the turn was asked about at its end");
        let since = test.now - test.start - SECOND;
        test.mail();
        assert_eq!(test.due(), Some(since + pause * minute));
        let asleep = Outlook { wakes_in: Some(pause * 60 - 1), hindrance: Some(Hindrance::Asleep) };
        assert_eq!(test.outlook(), Some(asleep));
    }
    // A person's turn resets the pause.
    test.policy.person_prompted(test.now);
    assert!(test.wake());
    test.ends_unread();
    test.mail();
    assert_eq!(test.due(), Some(test.now - test.start + minute));
    // So does a read, and an answer waits for none of it.
    test.answer();
    assert!(test.wake());
}

#[test]
fn forty_messages_to_one_that_never_reads_cost_one_wake_and_one_question() {
    let mut test = PolicyTest::new(30);
    test.mail();
    assert!(test.wake());
    for _ in 1..20 {
        test.mail();
        assert!(!test.wake());
    }
    assert!(test.policy.before_stop(test.now).is_some());
    for _ in 20..40 {
        test.mail();
        assert!(!test.wake());
    }
    assert_eq!(test.policy.before_stop(test.now), None);
    test.policy.turn_ended(test.now);
    test.pass(24 * 60 * 60 * SECOND);
    assert_eq!(test.due(), None);
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
    assert_eq!(test.due(), Some(Duration::ZERO));
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
    test.urgent();
    assert_eq!(test.due(), Some(NOTICE_LIFETIME));
}

#[test]
fn requested_notification_wakes_like_a_message() {
    let mut test = PolicyTest::new(30);
    test.snapshot.notifications = 1;
    test.snapshot.arrivals += 1;
    let waker = Waker { arrival: 1, sender: None, is_answer: false, is_urgent: false };
    test.snapshot.unread.wakers.push(waker);
    test.policy.update(test.snapshot.clone());
    assert!(test.wake());
    test.read();
    assert_eq!(test.due(), None);
}

proptest! {
    /// Whatever arrives, wakes stay within the hour's budget and a sender's half of it, at most one comes per read or
    /// ended turn, and those for normal messages keep the pace.
    #[test]
    fn flood_wakes_within_the_budget(steps in prop::collection::vec((0_u64..90, 0..8), 1..200)) {
        let mut test = PolicyTest::new(6);
        let (mut wakes, mut of_bob): (Vec<Instant>, Vec<Instant>) = (Vec::new(), Vec::new());
        let (mut told_since, mut answered_since) = (false, false);
        for (pause, what) in steps {
            test.pass(Duration::from_secs(pause));
            match what {
                0 | 1 => { test.read(); (told_since, answered_since) = (false, false); }
                2 => { test.ends_unread(); told_since = false; }
                3 => { test.answer(); answered_since = true; }
                4 => test.urgent(),
                5 => test.mail_from(CAROL, false, false),
                _ => test.mail(),
            }
            let from_bob_alone =
                test.snapshot.unread.wakers.iter().all(|waker| waker.sender == Some(BOB));
            if test.wake() {
                let last = wakes.last().copied();
                // An answer waits for less, in case nobody reports the end of the turn.
                let least = if answered_since { REPEAT_AFTER } else { PAUSE };
                prop_assert!(!told_since || last.is_none_or(|last| test.now >= last + least));
                wakes.push(test.now);
                of_bob.extend(from_bob_alone.then_some(test.now));
                (told_since, answered_since) = (true, false);
            }
            // A bucket holds as much as comes back in an hour: twice that in any hour at most.
            let hour = Duration::from_secs(60 * 60);
            let within = |wakes: &[Instant]| wakes.iter().filter(|at| test.now < **at + hour).count();
            prop_assert!(within(&wakes) <= 12 && within(&of_bob) <= 6);
        }
    }
}

#[test]
fn regression_answer_wakes_though_a_turn_that_nobody_reports_has_read_nothing() {
    let mut test = PolicyTest::new(30);
    test.mail();
    assert!(test.wake());
    test.answer();
    // The answer may belong to the same turn, and the sender is told when it does not.
    assert!(!test.wake());
    assert_eq!(test.outlook().and_then(|outlook| outlook.wakes_in), Some(5));
    test.pass(REPEAT_AFTER);
    assert!(test.wake());
}

#[test]
fn regression_wait_for_a_turn_that_nobody_reports_is_told_from_the_start() {
    let mut test = PolicyTest::new(30);
    test.mail();
    assert!(test.wake());
    test.mail();
    let told = test.outlook().and_then(|outlook| outlook.wakes_in);
    assert_eq!(told, Some(u32::try_from(NOTICE_LIFETIME.as_secs()).unwrap()));
}

#[test]
fn regression_a_persons_turn_lets_an_interrupted_wake_be_repeated_again() {
    let mut test = PolicyTest::new(30);
    test.mail();
    for _ in 0..2 {
        assert!(test.wake());
        test.policy.turn_interrupted(test.now);
        test.pass(REPEAT_AFTER);
        assert!(test.wake());
        test.policy.turn_interrupted(test.now);
        test.pass(LONGEST_REST);
        assert!(!test.wake());
        test.policy.person_prompted(test.now);
        test.mail();
    }
}
