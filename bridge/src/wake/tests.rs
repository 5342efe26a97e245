//! An agent with programs that wait, its engine, and a clock that the test turns.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{Hindrance, Reach};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as TokioInstant, timeout};

use super::trial::{TrialOutcome, try_wake};
use super::*;
use crate::clients::{CallSession, Channel, WakeOutcome, WakingWay};
use crate::testing::snapshot;
use junction_engine::{Command, Waker};

mod hold;
mod plugins;
mod requests;
mod trials;

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
        let wake = Wake::start(engine, Some(wakes), None);
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
    let mut wake = Wake::new(engine, Some(30), None);
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
        session: CallSession::Untold,
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
