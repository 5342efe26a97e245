//! An agent whose client has a plugin that wakes it.

use super::*;

#[tokio::test(start_paused = true)]
async fn plugin_is_the_first_to_wake_and_what_it_confirms_is_not_repeated() {
    let test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    for _ in 0..2 {
        let mut plugin = test.plugin(None);
        test.mail();
        assert_eq!(test.woken(&mut plugin).await, Some(Duration::ZERO));
        let _plugin = test.plugin(Some(WakeOutcome::Woken));
        test.read();
    }
    assert_eq!(test.woken(&mut hook).await, None);
}

#[tokio::test(start_paused = true)]
async fn confirmed_wake_is_not_repeated_by_another_channel_though_nothing_was_read() {
    let test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    let mut plugin = test.plugin(None);
    test.mail();
    assert!(test.woken(&mut plugin).await.is_some());
    let _plugin = test.plugin(Some(WakeOutcome::Woken));
    assert!(timeout(5 * 60 * SECOND, hook.call()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn plugin_that_says_nothing_for_a_minute_has_not_woken_the_agent() {
    let test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    let mut plugin = test.plugin(None);
    test.mail();
    assert!(test.woken(&mut plugin).await.is_some());
    assert_eq!(test.woken(&mut hook).await, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn dropped_wake_is_given_back_and_the_next_channel_is_tried_at_once() {
    // The hour has one wake, so that a second one shows that the first cost nothing.
    let test = WakeTest::new(1);
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    let mut plugin = test.plugin(None);
    test.mail();
    assert_eq!(test.woken(&mut plugin).await, Some(Duration::ZERO));
    let mut plugin = test.plugin(Some(WakeOutcome::Dropped));
    assert_eq!(test.woken(&mut hook).await, Some(Duration::ZERO));
    // No second time for one outcome, and not by the plugin that could not.
    assert!(timeout(SECOND, plugin.call()).await.is_err());
    let _plugin = test.plugin(Some(WakeOutcome::Dropped));
    assert!(!test.wake.agent().policy.can_wake(now()));
}

#[tokio::test(start_paused = true)]
async fn regression_outcome_that_is_told_before_the_wake_is_noted_counts() {
    let test = WakeTest::new(1);
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    let mut plugin = test.plugin(None);
    test.mail();
    plugin.call().await.unwrap().answer(true);
    let _plugin = test.plugin(Some(WakeOutcome::Dropped));
    assert_eq!(test.woken(&mut hook).await, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn plugin_that_dropped_a_wake_is_tried_again_with_its_next_wait() {
    let mut test = WakeTest::new(30);
    let mut plugin = test.plugin(None);
    assert_eq!(test.availability().await.reach, Reach::Push);
    test.mail();
    assert!(test.woken(&mut plugin).await.is_some());
    drop(plugin);
    let plugin = test.plugin(Some(WakeOutcome::Dropped));
    assert_eq!(test.availability().await.reach, Reach::Pull);
    tokio::time::advance(590 * SECOND).await;
    drop(plugin);
    let mut plugin = test.plugin(None);
    assert_eq!(test.woken(&mut plugin).await, Some(590 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn regression_plugin_that_dropped_a_wake_is_tried_again_after_a_persons_prompt() {
    let test = WakeTest::new(30);
    let mut plugin = test.plugin(None);
    test.mail();
    assert!(test.woken(&mut plugin).await.is_some());
    drop(plugin);
    let mut plugin = test.plugin(Some(WakeOutcome::Dropped));
    assert_eq!(test.wake.inspect().hindrance, Some(Hindrance::Dropped));
    test.hook(HookEventKind::Prompted);
    assert_eq!(test.wake.inspect().hindrance, None);
    test.read();
    test.hook(HookEventKind::Stops);
    test.mail();
    assert!(test.woken(&mut plugin).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn senders_are_told_that_a_wake_was_dropped_until_the_plugin_waits_again() {
    let mut test = WakeTest::new(30);
    let why = |test: &WakeTest| test.wake.inspect().hindrance;
    let outlook = |test: &WakeTest| {
        let arrived = Arrived { arrival: Some(1), past_limit: false };
        let snapshot = test.snapshot.borrow().clone();
        test.wake.outlook(arrived, &snapshot, now()).and_then(|outlook| outlook.hindrance)
    };
    for next in [None, Some(WakeOutcome::Woken)] {
        let mut plugin = test.plugin(next);
        assert_eq!(why(&test), None);
        test.mail();
        assert!(test.woken(&mut plugin).await.is_some());
        assert_eq!(outlook(&test), None);
        while test.commands.try_recv().is_ok() {}
        let plugin = test.plugin(Some(WakeOutcome::Dropped));
        assert!(matches!(test.commands.try_recv(), Ok(Command::ForecastAgain)));
        assert_eq!(
            (why(&test), outlook(&test)),
            (Some(Hindrance::Dropped), Some(Hindrance::Dropped))
        );
        // The end of that wait changes nothing.
        drop(plugin);
        tokio::time::advance(5 * SECOND).await;
        assert_eq!(why(&test), Some(Hindrance::Dropped));
        // Another way is a way.
        let hook = test.rewake_hook(HookEventKind::Stops);
        assert_eq!(why(&test), None);
        drop(hook);
        test.read();
    }
}

#[tokio::test(start_paused = true)]
async fn agent_in_a_turn_is_left_to_its_hooks_and_not_woken_by_a_plugin_afterwards() {
    let test = WakeTest::new(30);
    let mut plugin = test.plugin(None);
    test.hook(HookEventKind::Prompted);
    test.mail();
    // Longer than an agent in a turn is let alone by the other channels.
    assert!(timeout(200 * SECOND, plugin.call()).await.is_err());
    assert!(test.hook(HookEventKind::Stops).block.is_some());
    assert_eq!(test.hook(HookEventKind::StopsAgain), HookReply::default());
    assert_eq!(test.woken(&mut plugin).await, None);
}

#[tokio::test(start_paused = true)]
async fn agent_in_a_turn_without_hooks_is_woken_by_a_plugin_once_the_turn_seems_over() {
    let test = WakeTest::new(30);
    let mut plugin = test.plugin(None);
    drop(test.wake.call_began());
    test.mail();
    assert_eq!(test.woken(&mut plugin).await, Some(15 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn plugin_that_is_gone_or_replaced_wakes_nobody() {
    let mut test = WakeTest::new(30);
    let mut first = test.plugin(None);
    assert_eq!(test.availability().await.reach, Reach::Push);
    let second = test.plugin(None);
    assert!(first.call().await.is_none());
    drop(first);
    // A plugin begins the next wait soon after the last.
    drop(second);
    assert_eq!(test.availability().await.reach, Reach::Pull);
    assert_eq!(test.started.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn reserve_wakes_only_where_no_plugin_waits() {
    let test = WakeTest::new(30);
    let mut reserve = test.reserve().expect("nothing else waits");
    test.mail();
    assert_eq!(test.woken(&mut reserve).await, Some(Duration::ZERO));
    test.read();
    let mut reserve = test.reserve().expect("nothing else waits");
    let mut plugin = test.plugin(None);
    assert!(reserve.call().await.is_none());
    assert!(test.reserve().is_none());
    test.mail();
    assert!(test.woken(&mut plugin).await.is_some());
    // The plugin's next wait is about to begin.
    assert!(test.reserve().is_none());
    drop(plugin);
    tokio::time::advance(4 * SECOND).await;
    assert!(test.reserve().is_some());
}

#[tokio::test(start_paused = true)]
async fn reserve_stays_beside_a_plugin_that_could_not_begin_a_turn() {
    let test = WakeTest::new(30);
    let mut plugin = test.plugin(None);
    test.mail();
    assert!(test.woken(&mut plugin).await.is_some());
    let _plugin = test.plugin(Some(WakeOutcome::Dropped));
    let mut reserve = test.reserve().expect("the plugin cannot wake");
    assert!(test.woken(&mut reserve).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn regression_plugin_between_two_waits_is_still_a_way_to_the_agent() {
    let mut test = WakeTest::new(30);
    let mut plugin = test.plugin(None);
    assert_eq!(test.availability().await.reach, Reach::Push);
    // By the end of its time, and by a notice.
    drop(plugin);
    tokio::time::advance(SECOND).await;
    plugin = test.plugin(None);
    test.mail();
    assert_eq!(test.woken(&mut plugin).await, Some(SECOND));
    drop(plugin);
    tokio::time::advance(SECOND).await;
    test.mail();
    let arrived = Arrived { arrival: Some(2), past_limit: false };
    let snapshot = test.snapshot.borrow().clone();
    let outlook = test.wake.outlook(arrived, &snapshot, now());
    assert_eq!(outlook.and_then(|outlook| outlook.hindrance), None);
    let _plugin = test.plugin(Some(WakeOutcome::Woken));
    assert!(timeout(20 * SECOND, test.availability()).await.is_err());
}
