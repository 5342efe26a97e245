//! A person pauses the wakes of an agent.

use super::*;
use crate::wake::hold::{hold, release};

impl WakeTest {
    /// Why the last message that came does not wake the agent at once, and when it does.
    fn outlook(&self) -> Option<Outlook> {
        let snapshot = self.snapshot.borrow().clone();
        let arrived = Arrived { arrival: Some(snapshot.arrivals), past_limit: false };
        self.wake.outlook(arrived, &snapshot, now())
    }

    /// How often the engine was told to correct what senders know.
    fn corrections(&mut self) -> usize {
        let commands = std::iter::from_fn(|| self.commands.try_recv().ok());
        commands.filter(|command| matches!(command, Command::ForecastAgain)).count()
    }

    /// Has the task look again.
    async fn settles(&self) {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}

fn held(wakes_in: Option<u32>) -> Option<Outlook> {
    Some(Outlook { wakes_in, hindrance: Some(Hindrance::Held) })
}

#[tokio::test(start_paused = true)]
async fn hold_ends_by_itself_and_what_waited_wakes_the_agent_at_once() {
    for by_plugin in [false, true] {
        let mut test = WakeTest::new(30);
        let mut program =
            if by_plugin { test.plugin(None) } else { test.rewake_hook(HookEventKind::Stops) };
        assert_eq!(test.availability().await.reach, Reach::Push);
        hold(&test.wake, 600 * SECOND);
        assert!(test.availability().await.reach < Reach::Push);
        test.mail();
        test.snapshot.send_modify(|snapshot| snapshot.unread.wakers[0].is_urgent = true);
        assert_eq!(test.outlook(), held(Some(600)));
        test.settles().await;
        let inspection = test.wake.inspect();
        assert_eq!(inspection.hindrance, Some(Hindrance::Held));
        assert_eq!(inspection.held_for, Some(600 * SECOND));
        assert_eq!(test.corrections(), 0, "the one at the beginning is taken already");
        assert_eq!(test.woken(&mut program).await, Some(600 * SECOND));
        assert_eq!((test.corrections(), test.wake.inspect().held_for), (1, None));
    }
}

#[tokio::test(start_paused = true)]
async fn hold_is_kept_between_a_second_and_a_day() {
    let test = WakeTest::new(30);
    for (asked, kept) in [(0, 1), (90_000, 86_400), (u64::MAX, 86_400), (60, 60)] {
        hold(&test.wake, Duration::from_secs(asked));
        assert_eq!(test.wake.inspect().held_for, Some(kept * SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn release_wakes_at_once_and_senders_are_told_at_begin_and_end() {
    let mut test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    hold(&test.wake, 600 * SECOND);
    assert_eq!(test.corrections(), 1);
    test.mail();
    tokio::time::advance(100 * SECOND).await;
    release(&test.wake);
    assert_eq!(test.woken(&mut hook).await, Some(100 * SECOND));
    assert_eq!((test.corrections(), test.outlook()), (1, None));
}

#[tokio::test(start_paused = true)]
async fn held_agent_in_a_persons_turn_is_told_of_messages_and_not_asked_to_stay() {
    let test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Began);
    test.hook(HookEventKind::Prompted);
    hold(&test.wake, 600 * SECOND);
    test.mail();
    assert!(test.hook(HookEventKind::Used).context.is_some());
    // The turn may end before the agent has read.
    assert_eq!(test.outlook(), held(None));
    assert_eq!(test.hook(HookEventKind::Stops), HookReply::default());
    assert_eq!(test.outlook(), held(Some(600)));
    assert_eq!(test.woken(&mut hook).await, Some(600 * SECOND));
    assert!(test.hook(HookEventKind::Stops).block.is_some());
}

#[tokio::test(start_paused = true)]
async fn held_agent_is_not_reminded_of_requests_until_a_turn_ends_after_the_hold() {
    let test = WakeTest::new(30);
    test.request(1);
    hold(&test.wake, 60 * SECOND);
    test.hook(HookEventKind::Prompted);
    assert_eq!(test.hook(HookEventKind::Stops).block, None);
    tokio::time::advance(60 * SECOND).await;
    test.hook(HookEventKind::Prompted);
    assert!(test.hook(HookEventKind::Stops).block.is_some());
}

#[tokio::test(start_paused = true)]
async fn call_of_a_held_agent_that_waits_is_told_as_ever() {
    let mut test = WakeTest::new(30);
    hold(&test.wake, 600 * SECOND);
    let _waits = test.wake.wait_began();
    tokio::time::advance(2 * SECOND).await;
    assert_eq!(test.availability().await.reach, Reach::Push);
    test.mail();
    assert_eq!(test.outlook(), None);
}

#[tokio::test(start_paused = true)]
async fn held_agent_that_nothing_can_wake_is_held_first_of_all() {
    let test = WakeTest::new(30);
    test.mail();
    assert_eq!(test.outlook().and_then(|outlook| outlook.hindrance), Some(Hindrance::NoWay));
    hold(&test.wake, 600 * SECOND);
    assert_eq!(test.outlook(), held(None), "it is not woken at the end either");
}

#[tokio::test(start_paused = true)]
async fn held_agent_is_not_woken_as_a_trial() {
    let test = WakeTest::new(30);
    let _plugin = test.plugin(None);
    hold(&test.wake, 600 * SECOND);
    let trial = try_wake(&test.wake).await;
    assert_eq!((trial.outcome, trial.hindrance), (TrialOutcome::NoWay, Some(Hindrance::Held)));
}
