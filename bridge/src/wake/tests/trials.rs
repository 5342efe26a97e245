//! A person tries whether an agent can be woken.

use super::*;

/// Whether the engine was told that a person has begun a turn.
fn began_turn(test: &mut WakeTest) -> bool {
    let commands = std::iter::from_fn(|| test.commands.try_recv().ok());
    let began = |command: &Command| matches!(command, Command::BeginTurn | Command::MaybeBeginTurn);
    commands.filter(began).count() > 0
}

#[tokio::test(start_paused = true)]
async fn trial_is_told_by_the_plugin_counts_as_a_wake_and_its_turn_is_no_persons() {
    let mut test = WakeTest::new(1);
    let mut plugin = test.plugin(None);
    let (trial, _plugin) = tokio::join!(try_wake(&test.wake), async {
        let call = plugin.call().await.unwrap();
        assert!(call.notice.starts_with("Agent Junction notice 1: somebody"), "{}", call.notice);
        assert!(!call.notice.contains("read_messages"), "{}", call.notice);
        call.answer(true);
        tokio::time::sleep(SECOND).await;
        // Without hooks, a call is what shows the turn.
        drop(test.wake.call_began());
        test.plugin(Some(WakeOutcome::Woken))
    });
    let by = (trial.way, trial.outcome, trial.after);
    assert_eq!(by, (Some(WakingWay::Plugin), TrialOutcome::Woken, Some(SECOND)));
    assert!(!began_turn(&mut test));
    assert!(!test.wake.agent().policy.can_wake(now()), "it was the hour's only wake");
    tokio::time::advance(10 * SECOND).await;
    let again = try_wake(&test.wake).await;
    assert_eq!((again.way, again.outcome), (None, TrialOutcome::Busy), "its turn may go on");
    test.hook(HookEventKind::Stops);
    let again = try_wake(&test.wake).await;
    assert_eq!(again.outcome, TrialOutcome::TooSoon);
    assert!(again.after.is_some_and(|after| after > 3000 * SECOND), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn trial_that_is_dropped_says_what_would_be_next_and_may_be_repeated_by_the_same_plugin() {
    let test = WakeTest::new(30);
    let mut plugin = test.plugin(None);
    let outcomes = [WakeOutcome::Dropped, WakeOutcome::Dropped, WakeOutcome::Woken];
    let expected = [TrialOutcome::Dropped, TrialOutcome::Dropped, TrialOutcome::Woken];
    let mut hook = None;
    for (outcome, expected) in outcomes.into_iter().zip(expected) {
        let (trial, next) = tokio::join!(try_wake(&test.wake), async {
            plugin.call().await.unwrap().answer(true);
            tokio::task::yield_now().await;
            test.plugin(Some(outcome))
        });
        assert_eq!((trial.way, trial.outcome), (Some(WakingWay::Plugin), expected));
        let hindrance = test.wake.inspect().hindrance;
        match &hook {
            None => assert_eq!((trial.next, hindrance), (None, Some(Hindrance::Dropped))),
            Some(_) if expected == TrialOutcome::Dropped => {
                assert_eq!((trial.next, hindrance), (Some(WakingWay::RewakeHook), None));
            }
            Some(_) => assert_eq!((trial.next, hindrance), (None, None)),
        }
        plugin = next;
        hook = Some(test.rewake_hook(HookEventKind::Stops));
    }
    assert_eq!(test.wake.inspect().way, Some(WakingWay::Plugin));
}

#[tokio::test(start_paused = true)]
async fn trial_by_a_way_that_tells_nothing_shows_the_agents_work_or_that_there_was_none() {
    let test = WakeTest::new(30);
    for (sign, outcome, after) in [
        (Some(HookEventKind::Woken), TrialOutcome::AtWork, Some(2 * SECOND)),
        (Some(HookEventKind::Prompted), TrialOutcome::NoSign, None),
        (None, TrialOutcome::NoSign, None),
    ] {
        let mut hook = test.rewake_hook(HookEventKind::Stops);
        let (trial, ()) = tokio::join!(try_wake(&test.wake), async {
            hook.call().await.unwrap().answer(true);
            tokio::time::sleep(2 * SECOND).await;
            sign.into_iter().for_each(|sign| drop(test.hook(sign)));
        });
        assert_eq!((trial.outcome, trial.after), (outcome, after));
        assert_eq!(trial.way, Some(WakingWay::RewakeHook));
    }
    let waits = test.rewake_hook(HookEventKind::Stops);
    drop(waits);
    tokio::time::advance(600 * SECOND).await;
    let none = try_wake(&test.wake).await;
    assert_eq!((none.outcome, none.hindrance), (TrialOutcome::NoWay, Some(Hindrance::NoWay)));
}

#[tokio::test(start_paused = true)]
async fn trial_leaves_alone_who_works_waits_or_was_woken_enough() {
    let test = WakeTest::new(30);
    let outcome = async || try_wake(&test.wake).await.outcome;
    let mut plugin = test.plugin(None);
    for kind in [HookEventKind::Prompted, HookEventKind::AwaitsHuman] {
        test.hook(kind);
        assert_eq!(outcome().await, TrialOutcome::Busy);
    }
    test.hook(HookEventKind::Stops);
    let waits = test.wake.wait_began();
    tokio::time::advance(2 * SECOND).await;
    assert_eq!(outcome().await, TrialOutcome::Waits);
    drop(waits);
    assert!(timeout(SECOND, plugin.call()).await.is_err(), "nothing was tried");
    let mut tried = 0;
    loop {
        let (trial, next) = tokio::join!(try_wake(&test.wake), async {
            let call = timeout(SECOND, plugin.call()).await.ok()??;
            call.answer(true);
            tokio::task::yield_now().await;
            Some(test.plugin(Some(WakeOutcome::Woken)))
        });
        let Some(next) = next else {
            assert_eq!(trial.outcome, TrialOutcome::TooSoon);
            break;
        };
        (plugin, tried) = (next, tried + 1);
        test.hook(HookEventKind::Stops);
    }
    assert_eq!(tried, 4, "as many as messages may at once");
}
