//! What a session asks its face of a message, what it tells the sender, and which messages count as answers.

use std::sync::{Arc, Mutex};

use junction_shared::protocol::wire::{Hindrance, Outlook};

use super::*;
use crate::forecast::{Arrived, Forecast};
use crate::hops::ChainLimit;
use crate::urgency::Urgency;

const LATER: Outlook = Outlook { wakes_in: Some(60), hindrance: Some(Hindrance::Budget) };

/// A face that expects the same of every message, and notes what it was asked.
#[derive(Default)]
struct TestForecast(Mutex<Vec<(Arrived, usize)>>);

impl Forecast for TestForecast {
    fn outlook(&self, arrived: Arrived, snapshot: &Snapshot) -> Option<Outlook> {
        self.0.lock().unwrap().push((arrived, snapshot.unread.count));
        Some(LATER)
    }
}

fn with_forecast(stage: &mut Stage, name: &'static str) -> Arc<TestForecast> {
    let (forecast, now) = (Arc::new(TestForecast::default()), stage.now);
    stage.session(name).command(Command::SetForecast(forecast.clone()), now);
    forecast
}

#[test]
fn regression_sender_learns_when_the_agent_is_woken_of_a_message_that_nobody_waits_for() {
    let mut stage = Stage::new();
    let forecast = with_forecast(&mut stage, "bob");
    let sent = stage.send("alice", "bob", "hello");
    assert_eq!(*sent.status.borrow(), Status::Opened);
    assert_eq!(*sent.outlook.borrow(), Some(LATER));
    // The face sees the message that it is asked about.
    let arrived = Arrived { arrival: Some(1), past_limit: false };
    assert_eq!(*forecast.0.lock().unwrap(), [(arrived, 1)]);
    stage.read_for_good("bob");
    // Without a face that knows, the receipt is a plain one.
    let answer = stage.send("bob", "alice", "hi");
    assert_eq!(*answer.status.borrow(), Status::Opened);
    assert!(answer.outlook.borrow().is_none());
}

#[test]
fn sender_is_told_once_more_if_the_agent_could_not_be_woken_after_all() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    let (answered, waits) = (stage.send("alice", "bob", "one"), stage.send("carol", "bob", "two"));
    let quiet = Draft { urgency: Urgency::Low, ..draft("bob", "three") };
    let quiet = stage.try_send("carol", quiet).unwrap();
    let (id, now) = (answered.id, stage.now);
    // The call of the first message has been answered.
    drop(answered);
    let forecast = with_forecast(&mut stage, "bob");
    for _ in 0..2 {
        stage.session("bob").command(Command::ForecastAgain, now);
        stage.run();
    }
    let newest_first = [2, 1].map(|arrival| Arrived { arrival: Some(arrival), past_limit: false });
    assert_eq!(forecast.0.lock().unwrap()[..2], newest_first.map(|arrived| (arrived, 3)));
    let told = |stage: &mut Stage, name| {
        let page = stage.read(name);
        let news = page.receipts.iter().map(|news| (news.id, news.status, news.hindrance));
        news.collect::<Vec<_>>()
    };
    let why = LATER.hindrance;
    assert_eq!(told(&mut stage, "alice"), [(id, Status::Opened, why)]);
    // A call that waits is told itself.
    assert_eq!((*waits.outlook.borrow(), *quiet.outlook.borrow()), (Some(LATER), None));
    assert!(told(&mut stage, "carol").is_empty());
}

#[test]
fn face_is_asked_neither_of_a_message_that_is_awaited_nor_of_one_that_may_wait() {
    let mut stage = Stage::new();
    let forecast = with_forecast(&mut stage, "bob");
    let quiet = Draft { urgency: Urgency::Low, ..draft("bob", "when you have time") };
    let sent = stage.try_send("alice", quiet).unwrap();
    assert!(sent.outlook.borrow().is_none());
    stage.read_for_good("bob");
    let (reply, mut page) = oneshot::channel();
    let now = stage.now;
    let read = Command::Read { limits: PageLimits::default(), wait: true, reply };
    stage.session("bob").command(read, now);
    let sent = stage.send("alice", "bob", "hello");
    assert!(page.try_recv().is_ok() && sent.outlook.borrow().is_none());
    assert!(forecast.0.lock().unwrap().is_empty());
}

#[test]
fn regression_only_the_first_answer_of_the_peer_that_was_asked_is_one() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    let asked = stage.send("alice", "bob", "which port?").id;
    let answers = |stage: &mut Stage, from, urgency| {
        let answer = Draft { reply_to: Some(asked), urgency, ..draft("alice", "4200") };
        stage.try_send(from, answer).unwrap();
        let snapshot = stage.session("alice").snapshot.borrow().clone();
        snapshot.unread.wakers.last().map(|waker| waker.is_answer)
    };
    assert_eq!(answers(&mut stage, "carol", Urgency::Normal), Some(false));
    assert_eq!(answers(&mut stage, "bob", Urgency::Low), Some(false), "it is no waker at all");
    assert_eq!(answers(&mut stage, "bob", Urgency::Normal), Some(true));
    for _ in 0..3 {
        assert_eq!(answers(&mut stage, "bob", Urgency::Normal), Some(false));
    }
    let arrivals: Vec<_> = stage
        .session("alice")
        .snapshot
        .borrow()
        .unread
        .wakers
        .iter()
        .map(|waker| waker.arrival)
        .collect();
    assert_eq!(arrivals, [1, 2, 3, 4, 5]);
}

#[test]
fn message_past_the_limit_that_is_set_wakes_nobody_and_the_face_is_told() {
    let mut stage = Stage::new();
    for name in ["alice", "bob"] {
        stage.session(name).delivery.chains = Chains::new(ChainLimit::of(1));
    }
    let forecast = with_forecast(&mut stage, "alice");
    stage.send("alice", "bob", "ping");
    stage.read_for_good("bob");
    let sent = stage.send("bob", "alice", "pong");
    assert!(sent.past_limit);
    assert!(stage.session("alice").snapshot.borrow().unread.wakers.is_empty());
    let arrived = Arrived { arrival: None, past_limit: true };
    assert_eq!(*forecast.0.lock().unwrap(), [(arrived, 1)]);
}

/// A face that has nothing to say.
struct SilentForecast;

impl Forecast for SilentForecast {
    fn outlook(&self, _: Arrived, _: &Snapshot) -> Option<Outlook> {
        None
    }
}

#[test]
fn sender_whose_call_waits_learns_that_what_it_was_told_is_over() {
    let mut stage = Stage::new();
    with_forecast(&mut stage, "bob");
    let (sent, now) = (stage.send("alice", "bob", "hello"), stage.now);
    assert_eq!(*sent.outlook.borrow(), Some(LATER));
    let bob = stage.session("bob");
    bob.command(Command::SetForecast(Arc::new(SilentForecast)), now);
    bob.command(Command::ForecastAgain, now);
    stage.run();
    assert_eq!(*sent.outlook.borrow(), Some(Outlook::default()));
}
