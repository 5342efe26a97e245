//! An agent with programs that wait, its engine, and a clock that the test turns.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::Reach;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as TokioInstant, timeout};

use super::trial::{TrialOutcome, try_wake};
use super::*;
use crate::clients::{Channel, WakeOutcome, WakingWay};
use crate::testing::snapshot;
use junction_engine::{Command, Waker};

const SECOND: Duration = Duration::from_secs(1);
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// A message of normal urgency.
fn waker(arrival: u64) -> Waker {
    Waker { arrival, sender: Some(PeerKey([2; 32])), is_answer: false, is_urgent: false }
}

struct WakeTest {
    wake: Wake,
    commands: mpsc::Receiver<Command>,
    snapshot: watch::Sender<Snapshot>,
    started: TokioInstant,
}

impl WakeTest {
    fn new(wakes: u32) -> Self {
        let (engine, commands, snapshot) = Engine::new(snapshot());
        snapshot.send_modify(|snapshot| snapshot.alias = Alias::parse("alice").ok());
        let wake = Wake::start(engine, Some(wakes));
        // The model has the tools already.
        wake.agent().ready_at = Some(now());
        Self { wake, commands, snapshot, started: TokioInstant::now() }
    }

    fn hook(&self, kind: HookEventKind) -> HookReply {
        self.wake.hook(HookEvent { kind, ..HookEvent::default() })
    }

    fn rewake_hook(&self, kind: HookEventKind) -> WaitingProgram {
        let event = HookEvent { kind, ..HookEvent::default() };
        self.wake.rewake_hook(event, false).expect("it is no reserve")
    }

    /// A hook that a plugin brings for sessions in which it cannot wait itself, if the bridge holds it.
    fn reserve(&self) -> Option<WaitingProgram> {
        let event = HookEvent { kind: HookEventKind::Stops, ..HookEvent::default() };
        self.wake.rewake_hook(event, true)
    }

    fn plugin(&self, outcome: Option<WakeOutcome>) -> WaitingProgram {
        self.wake.plugin_waits(None, outcome)
    }

    /// A message arrives that may wake the agent.
    fn mail(&self) {
        self.snapshot.send_modify(|snapshot| {
            snapshot.unread.count += 1;
            snapshot.arrivals += 1;
            snapshot.unread.wakers.push(waker(snapshot.arrivals));
            snapshot.unread.from = Alias::parse("bob").into_iter().collect();
        });
    }

    fn read(&self) {
        self.snapshot.send_modify(|snapshot| {
            snapshot.unread = Default::default();
            snapshot.reads += 1;
        });
    }

    /// When the hook is called, counted from the start; `None` if that takes more than a day.
    async fn woken(&self, hook: &mut WaitingProgram) -> Option<Duration> {
        let call = timeout(FAR, hook.call()).await.ok()??;
        assert!(call.notice.starts_with("Agent Junction notice "), "{}", call.notice);
        let at = self.started.elapsed();
        call.answer(true);
        // Until the wake is noted.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        Some(at)
    }

    /// The availability that the engine is told next.
    async fn availability(&mut self) -> Availability {
        loop {
            match timeout(FAR, self.commands.recv()).await.unwrap() {
                Some(Command::SetAvailability(availability)) => return availability,
                Some(
                    Command::BeginTurn
                    | Command::MaybeBeginTurn
                    | Command::SetForecast(_)
                    | Command::ForecastAgain,
                ) => {}
                _ => panic!("another command"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn idle_agent_is_woken_at_once_and_after_a_burst_once_a_minute() {
    let test = WakeTest::new(30);
    for _ in 0..4 {
        let mut hook = test.rewake_hook(HookEventKind::Stops);
        test.mail();
        assert_eq!(test.woken(&mut hook).await, Some(Duration::ZERO));
        test.read();
    }
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    test.mail();
    assert_eq!(test.woken(&mut hook).await, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn regression_agent_is_not_woken_before_its_model_has_the_tools() {
    let test = WakeTest::new(30);
    test.wake.agent().ready_at = None;
    let mut hook = test.rewake_hook(HookEventKind::Began);
    test.mail();
    tokio::time::advance(10 * SECOND).await;
    test.wake.tools_listed();
    assert_eq!(test.woken(&mut hook).await, Some(12 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn agent_in_a_turn_is_woken_when_the_turn_has_ended() {
    let test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Began);
    test.hook(HookEventKind::Prompted);
    tokio::time::advance(10 * SECOND).await;
    assert_eq!(test.hook(HookEventKind::Stops), HookReply::default());
    tokio::time::advance(10 * SECOND).await;
    test.mail();
    assert_eq!(test.woken(&mut hook).await, Some(20 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn interrupted_turn_does_not_block_wakes_forever() {
    let test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Began);
    test.hook(HookEventKind::Prompted);
    test.mail();
    assert_eq!(test.woken(&mut hook).await, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn notice_within_a_turn_causes_no_wake_after_it() {
    let test = WakeTest::new(30);
    let mut hook = test.rewake_hook(HookEventKind::Began);
    test.hook(HookEventKind::Prompted);
    test.mail();
    assert!(test.hook(HookEventKind::Used).context.is_some());
    assert!(test.hook(HookEventKind::Stops).block.is_some());
    assert_eq!(test.hook(HookEventKind::StopsAgain), HookReply::default());
    assert_eq!(test.woken(&mut hook).await, None);
}

#[tokio::test(start_paused = true)]
async fn agent_without_hooks_is_woken_some_time_after_its_last_call() {
    let test = WakeTest::new(30);
    let mut hook = test.wake.rewake_hook(HookEvent::default(), false).unwrap();
    drop(test.wake.call_began());
    test.mail();
    assert_eq!(test.woken(&mut hook).await, Some(5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn flood_against_an_agent_that_reads_wakes_within_the_budget() {
    let test = WakeTest::new(3);
    let mut woken = Vec::new();
    for _ in 0..3 {
        let mut hook = test.rewake_hook(HookEventKind::Stops);
        test.mail();
        woken.extend(test.woken(&mut hook).await.map(|at| at.as_secs()));
        test.read();
    }
    // One sender has half of the three, and that is one. It comes back after forty minutes.
    assert_eq!(woken, [0, 2400, 4800]);
}

#[tokio::test(start_paused = true)]
async fn availability_is_reported_as_it_changes() {
    let mut test = WakeTest::new(1);
    let availability =
        |reach, unwoken, state| Availability { reach, unwoken, state, is_unattended: false };
    let (next, push) = (Reach::NextTurn, Reach::Push);
    test.hook(HookEventKind::Prompted);
    assert_eq!(test.availability().await, availability(next, next, Some(State::Busy)));
    // The turn shows no further sign.
    assert_eq!(test.availability().await, availability(next, next, None));
    assert_eq!(test.started.elapsed(), 300 * SECOND);
    let mut hook = test.rewake_hook(HookEventKind::Stops);
    assert_eq!(test.availability().await, availability(push, next, Some(State::Idle)));
    test.mail();
    assert!(test.woken(&mut hook).await.is_some());
    assert_eq!(test.availability().await, availability(next, next, Some(State::Idle)));
    // A hook waits again, but the hour's only wake is used.
    let _hook = test.rewake_hook(HookEventKind::Stops);
    test.read();
    let at = test.started.elapsed();
    assert_eq!(test.availability().await, availability(push, next, Some(State::Idle)));
    assert_eq!(test.started.elapsed() - at, 60 * 60 * SECOND);
    test.hook(HookEventKind::Ended);
    assert_eq!(test.availability().await, availability(push, next, None));
}

#[tokio::test(start_paused = true)]
async fn wait_for_messages_raises_the_reach_once_it_lasts() {
    let mut test = WakeTest::new(30);
    let called = test.wake.call_began();
    assert_eq!(test.availability().await.state, Some(State::Busy));
    let waits = test.wake.wait_began();
    let availability = test.availability().await;
    assert_eq!((availability.reach, availability.state), (Reach::Push, Some(State::Idle)));
    assert_eq!((availability.unwoken, test.started.elapsed()), (Reach::Push, SECOND));
    drop((waits, called));
    assert_eq!(test.availability().await.reach, Reach::Pull);
}

#[tokio::test(start_paused = true)]
async fn regression_rewake_hook_that_is_gone_is_not_a_channel() {
    let mut test = WakeTest::new(30);
    let hook = test.rewake_hook(HookEventKind::Stops);
    assert_eq!(test.availability().await.reach, Reach::Push);
    drop(hook);
    assert_eq!(test.availability().await.reach, Reach::Pull);
    assert_eq!(test.started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn regression_turn_whose_stop_is_held_up_is_not_idle_for_the_rewake_hook() {
    let test = WakeTest::new(30);
    test.hook(HookEventKind::Prompted);
    test.mail();
    assert!(test.hook(HookEventKind::Stops).block.is_some());
    let _hook = test.rewake_hook(HookEventKind::Stops);
    assert_eq!(test.wake.availability(now()).state, Some(State::Busy));
    let _hook = test.rewake_hook(HookEventKind::StopsAgain);
    assert_eq!(test.wake.availability(now()).state, Some(State::Idle));
}

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

/// A channel that takes notices without effect.
struct IneffectiveChannel;

impl Channel for IneffectiveChannel {
    fn reach(&self) -> Option<Reach> {
        Some(Reach::Push)
    }

    fn wakes(&self) -> bool {
        true
    }

    fn wake<'a>(&'a self, _: &'a str) -> futures_util::future::BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

#[tokio::test(start_paused = true)]
async fn regression_agent_without_a_sign_is_woken_by_the_next_channel() {
    let (engine, _commands, snapshot) = Engine::new(snapshot());
    let mut wake = Wake::new(engine, Some(30));
    let shared = Arc::get_mut(&mut wake.0).unwrap();
    shared.channels.put_first(Arc::new(IneffectiveChannel));
    wake.agent().ready_at = Some(now());
    tokio::spawn(wake.clone().run());
    let mut hook = wake.rewake_hook(HookEvent::default(), false).unwrap();
    let started = TokioInstant::now();
    snapshot.send_modify(|snapshot| {
        (snapshot.unread.count, snapshot.unread.wakers) = (1, vec![waker(1)]);
    });
    let call = timeout(FAR, hook.call()).await.unwrap().unwrap();
    assert_eq!(started.elapsed(), 60 * SECOND);
    call.answer(true);
}

#[tokio::test(start_paused = true)]
async fn alias_is_told_once_per_context_as_soon_as_there_is_one() {
    let test = WakeTest::new(30);
    test.snapshot.send_modify(|snapshot| snapshot.alias = None);
    assert_eq!(test.hook(HookEventKind::Began), HookReply::default());
    test.snapshot.send_modify(|snapshot| snapshot.alias = Alias::parse("alice").ok());
    assert!(
        test.hook(HookEventKind::Prompted).context.is_some_and(|text| text.contains("\"alice\""))
    );
    assert_eq!(test.hook(HookEventKind::Prompted), HookReply::default());
    // The context was cleared.
    assert!(test.hook(HookEventKind::Began).context.is_some());
}

#[tokio::test(start_paused = true)]
async fn prompt_of_a_person_is_told_apart_from_an_automatic_one() {
    let mut test = WakeTest::new(30);
    test.hook(HookEventKind::Woken);
    test.hook(HookEventKind::Prompted);
    let mut new_turns = 0;
    while let Ok(Some(command)) = timeout(SECOND, test.commands.recv()).await {
        new_turns += usize::from(matches!(command, Command::BeginTurn));
    }
    assert_eq!(new_turns, 1);
    // Without hooks, calls may show it.
    let origin = |turn: &str, by_person| CallOrigin {
        thread: "t".to_owned(),
        turn: Some(turn.to_owned()),
        by_person,
        is_lasting: true,
    };
    for (turn, by_person) in [("1", true), ("1", true), ("2", false), ("3", true)] {
        test.wake.call_from(&origin(turn, by_person));
        // The call of a hook in between.
        test.wake.call_from(&CallOrigin {
            turn: None,
            by_person: false,
            ..origin(turn, by_person)
        });
    }
    let mut new_turns = 0;
    while let Ok(Some(command)) = timeout(SECOND, test.commands.recv()).await {
        new_turns += usize::from(matches!(command, Command::BeginTurn));
    }
    assert_eq!(new_turns, 2);
}
