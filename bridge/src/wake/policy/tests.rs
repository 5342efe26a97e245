//! Mail that comes, notices, and time that passes.

use junction_shared::protocol::alias::Alias;
use proptest::prelude::*;

use super::*;
use crate::testing::snapshot;

const SECOND: Duration = Duration::from_secs(1);

/// An alarm, and what its link shows.
struct Stage {
    alarm: Alarm,
    snapshot: Snapshot,
    start: Instant,
    now: Instant,
}

impl Stage {
    fn new(wakes: usize) -> Self {
        let now = Instant::now();
        Self { alarm: Alarm::new(snapshot(), wakes), snapshot: snapshot(), start: now, now }
    }

    /// A message has come that may wake the agent.
    fn mail(&mut self) {
        self.snapshot.unread.waking += 1;
        self.snapshot.arrivals += 1;
        self.quiet_mail();
    }

    /// One that may not.
    fn quiet_mail(&mut self) {
        self.snapshot.unread.count += 1;
        self.snapshot.unread.from = vec![Alias::parse("bob").unwrap()];
        self.alarm.sees(self.snapshot.clone());
    }

    fn read(&mut self) {
        self.snapshot.unread = Default::default();
        self.snapshot.news = 0;
        self.snapshot.reads += 1;
        self.alarm.sees(self.snapshot.clone());
    }

    /// When an idle agent is to be woken.
    fn due(&self) -> Option<Duration> {
        self.alarm.due(self.now, self.now).map(|due| due - self.start)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Wakes the agent if it is time.
    fn wake(&mut self) -> bool {
        let is_due = self.alarm.due(self.now, self.now).is_some_and(|due| due <= self.now);
        if is_due {
            self.alarm.wake(self.now);
            self.alarm.woken(self.now);
        }
        is_due
    }
}

#[test]
fn an_idle_agent_is_woken_once_and_again_after_a_read() {
    let mut stage = Stage::new(30);
    assert_eq!(stage.due(), None);
    stage.mail();
    assert_eq!(stage.due(), Some(Duration::ZERO));
    assert!(stage.wake());
    stage.mail();
    stage.mail();
    assert!(!stage.wake());
    stage.read();
    stage.mail();
    assert_eq!(stage.due(), Some(PAUSE));
    stage.pass(PAUSE);
    assert!(stage.wake());
}

#[test]
fn what_is_urgent_waits_for_no_turn_and_no_pause() {
    let mut stage = Stage::new(30);
    stage.mail();
    stage.wake();
    stage.read();
    stage.pass(SECOND);
    stage.snapshot.unread.urgent = true;
    stage.mail();
    let busy = stage.now + Duration::from_secs(600);
    assert_eq!(stage.alarm.due(busy, stage.now), Some(stage.now));
}

#[test]
fn an_agent_in_a_turn_is_woken_when_that_ends() {
    let mut stage = Stage::new(30);
    stage.mail();
    let busy = stage.now + PAUSE;
    assert_eq!(stage.alarm.due(busy, stage.now), Some(busy));
}

#[test]
fn quiet_mail_wakes_nobody_and_is_announced() {
    let mut stage = Stage::new(30);
    stage.quiet_mail();
    assert_eq!(stage.due(), None);
    assert!(stage.alarm.before_stop(stage.now).is_none());
    assert_eq!(stage.alarm.announce(stage.now).map(|notice| notice.unread), Some(1));
    stage.quiet_mail();
    assert_eq!(stage.alarm.announce(stage.now), None);
    // What may wake the agent is not covered by a notice of what may not.
    stage.mail();
    assert_eq!(stage.due(), Some(Duration::ZERO));
    assert_eq!(stage.alarm.announce(stage.now).map(|notice| notice.unread), Some(3));
    assert_eq!(stage.alarm.announce(stage.now), None);
}

#[test]
fn a_turn_is_asked_once_before_it_stops_whatever_notice_is_outstanding() {
    let mut stage = Stage::new(30);
    stage.mail();
    stage.wake();
    let asked = stage.alarm.before_stop(stage.now);
    assert!(asked.is_some_and(|notice| notice.before_stop && notice.number == 2));
    assert_eq!(stage.alarm.before_stop(stage.now), None);
    stage.alarm.turn_ended();
    assert!(stage.alarm.before_stop(stage.now).is_some());
}

#[test]
fn a_notice_that_nobody_acts_on_lapses_if_more_has_come() {
    let mut stage = Stage::new(30);
    stage.mail();
    stage.wake();
    stage.pass(SECOND);
    assert!(stage.alarm.can_wake(stage.now));
    stage.pass(PAUSE);
    assert!(!stage.alarm.can_wake(stage.now));
    stage.pass(LAPSE);
    assert!(stage.alarm.can_wake(stage.now));
    assert_eq!(stage.due(), None);
    stage.mail();
    assert!(stage.wake());
}

#[test]
fn the_budget_of_an_hour_is_kept_and_told() {
    let mut stage = Stage::new(2);
    for _ in 0..2 {
        stage.mail();
        assert!(stage.wake());
        stage.read();
        stage.pass(PAUSE);
    }
    stage.mail();
    assert!(!stage.alarm.can_wake(stage.now));
    assert_eq!(stage.alarm.changes_at(stage.now), Some(stage.start + HOUR));
    assert_eq!(stage.due(), Some(HOUR));
    // A turn that begins for another reason tells of it all the same.
    assert!(stage.alarm.announce(stage.now).is_some());
}

#[test]
fn a_wake_that_failed_is_tried_again_and_costs_nothing() {
    let mut stage = Stage::new(1);
    stage.mail();
    stage.alarm.wake(stage.now);
    stage.alarm.was_lost();
    assert_eq!(stage.due(), Some(PAUSE));
    stage.pass(PAUSE);
    assert!(stage.wake());
}

#[test]
fn regression_what_expires_unread_leaves_no_notice_behind() {
    let mut stage = Stage::new(30);
    stage.mail();
    stage.wake();
    stage.snapshot.unread = Default::default();
    stage.alarm.sees(stage.snapshot.clone());
    stage.mail();
    assert_eq!(stage.due(), Some(PAUSE));
    assert!(stage.alarm.announce(stage.now).is_some());
}

#[test]
fn what_a_failed_turn_was_told_is_told_again() {
    let mut stage = Stage::new(30);
    stage.mail();
    assert!(stage.wake() && stage.alarm.is_told());
    stage.alarm.has_failed(stage.now);
    assert_eq!(stage.due(), Some(LAPSE));
    // What is urgent cannot be told any better.
    stage.snapshot.unread.urgent = true;
    stage.mail();
    assert_eq!(stage.due(), Some(LAPSE));
}

#[test]
fn news_that_were_asked_for_wake_as_mail_does() {
    let mut stage = Stage::new(30);
    stage.snapshot.news = 1;
    stage.snapshot.unread.waking = 1;
    stage.snapshot.arrivals += 1;
    stage.alarm.sees(stage.snapshot.clone());
    assert!(stage.wake());
    stage.read();
    assert_eq!(stage.due(), None);
}

proptest! {
    /// Whatever comes, an hour holds no more wakes than it may, a minute but one that is not urgent, and none comes
    /// between another and the next read.
    #[test]
    fn a_flood_wakes_no_more_than_it_may(steps in prop::collection::vec((0_u64..90, 0..4), 1..200)) {
        let mut stage = Stage::new(5);
        let mut wakes: Vec<Instant> = Vec::new();
        let mut read_since = true;
        for (pause, what) in steps {
            stage.pass(Duration::from_secs(pause));
            match what {
                0 => { stage.read(); read_since = true; }
                _ => stage.mail(),
            }
            if stage.wake() {
                let last = wakes.last().copied();
                let lapsed = last.is_none_or(|last| stage.now >= last + LAPSE);
                prop_assert!(read_since || lapsed);
                prop_assert!(last.is_none_or(|last| stage.now >= last + PAUSE));
                wakes.push(stage.now);
                read_since = false;
            }
            prop_assert!(wakes.iter().filter(|at| stage.now < **at + HOUR).count() <= 5);
        }
    }
}
