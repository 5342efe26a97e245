//! An agent whose hooks sleep, its engine, and a clock that is turned by hand.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::wire::Reach;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as Moment, timeout};

use super::*;
use crate::testing::snapshot;
use junction_engine::Command;

const SECOND: Duration = Duration::from_secs(1);
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

struct Stage {
    wake: Wake,
    commands: mpsc::Receiver<Command>,
    snapshot: watch::Sender<Snapshot>,
    started: Moment,
}

impl Stage {
    fn new(wakes: usize) -> Self {
        let (engine, commands, snapshot) = Engine::new(snapshot());
        snapshot.send_modify(|snapshot| snapshot.alias = Alias::parse("alice").ok());
        let wake = Wake::start(engine, wakes);
        // Its model has had the tools for long.
        wake.mind().ready = Some(now());
        Self { wake, commands, snapshot, started: Moment::now() }
    }

    fn hook(&self, kind: EventKind) -> Told {
        self.wake.hook(Event { kind, ..Event::default() })
    }

    fn sleeper(&self, kind: EventKind) -> Sleeper {
        self.wake.sleeper(Event { kind, ..Event::default() })
    }

    /// A message has come that may wake the agent.
    fn mail(&self) {
        self.snapshot.send_modify(|snapshot| {
            snapshot.unread.count += 1;
            snapshot.unread.waking += 1;
            snapshot.unread.from = Alias::parse("bob").into_iter().collect();
            snapshot.arrivals += 1;
        });
    }

    fn read(&self) {
        self.snapshot.send_modify(|snapshot| {
            snapshot.unread = Default::default();
            snapshot.reads += 1;
        });
    }

    /// When the sleeper is woken, counted from the start, if it is within a day.
    async fn woken(&self, sleeper: &mut Sleeper) -> Option<Duration> {
        let call = timeout(FAR, sleeper.call()).await.ok()??;
        assert!(call.notice.starts_with("Agent Junction notice "), "{}", call.notice);
        let at = self.started.elapsed();
        call.answer(true);
        Some(at)
    }

    /// What the engine is told next of the agent's availability.
    async fn availability(&mut self) -> Availability {
        loop {
            match timeout(FAR, self.commands.recv()).await.unwrap() {
                Some(Command::SetAvailability(availability)) => return availability,
                Some(Command::BeginTurn | Command::MaybeBeginTurn) => {}
                _ => panic!("another command"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_agent_is_woken_at_once_and_then_once_a_minute_at_most() {
    let stage = Stage::new(30);
    let mut sleeper = stage.sleeper(EventKind::Stops);
    stage.mail();
    assert_eq!(stage.woken(&mut sleeper).await, Some(Duration::ZERO));
    stage.read();
    let mut sleeper = stage.sleeper(EventKind::Stops);
    stage.mail();
    assert_eq!(stage.woken(&mut sleeper).await, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn regression_nobody_is_woken_before_their_model_has_the_tools() {
    let stage = Stage::new(30);
    stage.wake.mind().ready = None;
    let mut sleeper = stage.sleeper(EventKind::Began);
    stage.mail();
    tokio::time::advance(10 * SECOND).await;
    stage.wake.listed();
    assert_eq!(stage.woken(&mut sleeper).await, Some(12 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn an_agent_in_a_turn_is_told_in_it_and_woken_when_it_has_ended() {
    let stage = Stage::new(30);
    let mut sleeper = stage.sleeper(EventKind::Began);
    stage.hook(EventKind::Prompted);
    tokio::time::advance(10 * SECOND).await;
    assert_eq!(stage.hook(EventKind::Stops), Told::default());
    tokio::time::advance(10 * SECOND).await;
    stage.mail();
    assert_eq!(stage.woken(&mut sleeper).await, Some(20 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_turn_keeps_nobody_asleep_for_ever() {
    let stage = Stage::new(30);
    let mut sleeper = stage.sleeper(EventKind::Began);
    stage.hook(EventKind::Prompted);
    stage.mail();
    assert_eq!(stage.woken(&mut sleeper).await, Some(60 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn what_the_turn_was_told_wakes_nobody_after_it() {
    let stage = Stage::new(30);
    let mut sleeper = stage.sleeper(EventKind::Began);
    stage.hook(EventKind::Prompted);
    stage.mail();
    assert!(stage.hook(EventKind::Used).context.is_some());
    assert!(stage.hook(EventKind::Stops).block.is_some());
    assert_eq!(stage.hook(EventKind::StopsAgain), Told::default());
    assert_eq!(stage.woken(&mut sleeper).await, None);
}

#[tokio::test(start_paused = true)]
async fn without_hooks_an_agent_may_be_woken_some_time_after_its_last_call() {
    let stage = Stage::new(30);
    let mut sleeper = stage.wake.sleeper(Event::default());
    drop(stage.wake.called());
    stage.mail();
    assert_eq!(stage.woken(&mut sleeper).await, Some(5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_flood_against_an_agent_that_reads_costs_what_the_budget_allows() {
    let stage = Stage::new(3);
    let mut woken = Vec::new();
    loop {
        let mut sleeper = stage.sleeper(EventKind::Stops);
        stage.mail();
        let within_the_hour = timeout(50 * 60 * SECOND, stage.woken(&mut sleeper)).await;
        let Ok(Some(at)) = within_the_hour else { break };
        woken.push(at.as_secs());
        stage.read();
    }
    assert_eq!(woken, [0, 60, 120]);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_said_of_an_agent_is_said_as_it_changes() {
    let mut stage = Stage::new(1);
    let said = |reach, unwoken, state| Availability { reach, unwoken, state };
    let (next, push) = (Reach::NextTurn, Reach::Push);
    stage.hook(EventKind::Prompted);
    assert_eq!(stage.availability().await, said(next, next, Some(State::Busy)));
    // Nothing more is heard of that turn.
    assert_eq!(stage.availability().await, said(next, next, None));
    assert_eq!(stage.started.elapsed(), 300 * SECOND);
    let mut sleeper = stage.sleeper(EventKind::Stops);
    assert_eq!(stage.availability().await, said(push, next, Some(State::Idle)));
    stage.mail();
    assert!(stage.woken(&mut sleeper).await.is_some());
    assert_eq!(stage.availability().await, said(next, next, Some(State::Idle)));
    // A hook sleeps again, but the hour's only wake was that one.
    let _sleeper = stage.sleeper(EventKind::Stops);
    stage.read();
    let at = stage.started.elapsed();
    assert_eq!(stage.availability().await, said(push, next, Some(State::Idle)));
    assert_eq!(stage.started.elapsed() - at, 60 * 60 * SECOND);
    stage.hook(EventKind::Ended);
    assert_eq!(stage.availability().await, said(push, next, None));
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_messages_is_reach_once_it_lasts() {
    let mut stage = Stage::new(30);
    let called = stage.wake.called();
    assert_eq!(stage.availability().await.state, Some(State::Busy));
    let waits = stage.wake.waits();
    let availability = stage.availability().await;
    assert_eq!((availability.reach, availability.state), (Reach::Push, Some(State::Idle)));
    assert_eq!((availability.unwoken, stage.started.elapsed()), (Reach::Push, SECOND));
    drop((waits, called));
    assert_eq!(stage.availability().await.reach, Reach::Pull);
}

#[tokio::test(start_paused = true)]
async fn regression_a_sleeper_that_is_gone_is_no_way_any_more() {
    let mut stage = Stage::new(30);
    let sleeper = stage.sleeper(EventKind::Stops);
    assert_eq!(stage.availability().await.reach, Reach::Push);
    drop(sleeper);
    assert_eq!(stage.availability().await.reach, Reach::Pull);
    assert_eq!(stage.started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn regression_a_turn_that_goes_on_is_not_idle_for_the_sleeper_that_hears_of_its_stop() {
    let stage = Stage::new(30);
    stage.hook(EventKind::Prompted);
    stage.mail();
    assert!(stage.hook(EventKind::Stops).block.is_some());
    let _sleeper = stage.sleeper(EventKind::Stops);
    assert_eq!(stage.wake.availability(now()).state, Some(State::Busy));
    let _sleeper = stage.sleeper(EventKind::StopsAgain);
    assert_eq!(stage.wake.availability(now()).state, Some(State::Idle));
}

/// A client's inbox that takes what it is given and does nothing with it.
struct Deaf;

impl channels::Rung for Deaf {
    fn reach(&self) -> Option<Reach> {
        Some(Reach::Push)
    }

    fn is_wake(&self) -> bool {
        true
    }

    fn wake<'a>(&'a self, _: &'a str) -> futures_util::future::BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

#[tokio::test(start_paused = true)]
async fn regression_who_gives_no_sign_is_woken_by_the_next_way() {
    let (engine, _commands, snapshot) = Engine::new(snapshot());
    let mut wake = Wake::new(engine, 30);
    let shared = Arc::get_mut(&mut wake.0).unwrap();
    shared.ladder.put_first(Arc::new(Deaf));
    wake.mind().ready = Some(now());
    tokio::spawn(wake.clone().run());
    let mut sleeper = wake.sleeper(Event::default());
    let started = Moment::now();
    snapshot.send_modify(|snapshot| (snapshot.unread.count, snapshot.unread.waking) = (1, 1));
    let call = timeout(FAR, sleeper.call()).await.unwrap().unwrap();
    assert_eq!(started.elapsed(), 60 * SECOND);
    call.answer(true);
}

#[tokio::test(start_paused = true)]
async fn the_alias_is_told_once_a_context_and_as_soon_as_there_is_one() {
    let stage = Stage::new(30);
    stage.snapshot.send_modify(|snapshot| snapshot.alias = None);
    assert_eq!(stage.hook(EventKind::Began), Told::default());
    stage.snapshot.send_modify(|snapshot| snapshot.alias = Alias::parse("alice").ok());
    assert!(stage.hook(EventKind::Prompted).context.is_some_and(|text| text.contains("\"alice\"")));
    assert_eq!(stage.hook(EventKind::Prompted), Told::default());
    // Its context was cleared.
    assert!(stage.hook(EventKind::Began).context.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_person_is_told_from_what_nobody_typed() {
    let mut stage = Stage::new(30);
    stage.hook(EventKind::Woken);
    stage.hook(EventKind::Prompted);
    let mut anew = 0;
    while let Ok(Some(command)) = timeout(SECOND, stage.commands.recv()).await {
        anew += usize::from(matches!(command, Command::BeginTurn));
    }
    assert_eq!(anew, 1);
    // Where no hook tells, Codex does.
    let thread = |turn: &str, trigger: &str| Thread {
        id: "t".to_owned(),
        turn: Some(turn.to_owned()),
        trigger: Some(trigger.to_owned()),
    };
    for (turn, trigger) in [("1", "user"), ("1", "user"), ("2", "queue"), ("3", "user")] {
        stage.wake.thread(&thread(turn, trigger));
        // A hook's call between.
        stage.wake.thread(&Thread { turn: None, trigger: None, ..thread(turn, trigger) });
    }
    let mut anew = 0;
    while let Ok(Some(command)) = timeout(SECOND, stage.commands.recv()).await {
        anew += usize::from(matches!(command, Command::BeginTurn));
    }
    assert_eq!(anew, 2);
}
