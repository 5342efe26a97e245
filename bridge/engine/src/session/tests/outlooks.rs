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
    let mut sent = stage.send("alice", "bob", "hello");
    assert_eq!(*sent.status.borrow(), Status::Opened);
    assert_eq!(sent.outlook.try_recv(), Ok(LATER));
    // The face sees the message that it is asked about.
    let arrived = Arrived { arrival: Some(1), past_limit: false };
    assert_eq!(*forecast.0.lock().unwrap(), [(arrived, 1)]);
    stage.read_for_good("bob");
    // Without a face that knows, the receipt is a plain one.
    let mut answer = stage.send("bob", "alice", "hi");
    assert_eq!(*answer.status.borrow(), Status::Opened);
    assert!(answer.outlook.try_recv().is_err());
}

#[test]
fn face_is_asked_neither_of_a_message_that_is_awaited_nor_of_one_that_may_wait() {
    let mut stage = Stage::new();
    let forecast = with_forecast(&mut stage, "bob");
    let quiet = Draft { urgency: Urgency::Low, ..draft("bob", "when you have time") };
    let mut sent = stage.try_send("alice", quiet).unwrap();
    assert!(sent.outlook.try_recv().is_err());
    stage.read_for_good("bob");
    let (reply, mut page) = oneshot::channel();
    let now = stage.now;
    let read = Command::Read { limits: PageLimits::default(), wait: true, reply };
    stage.session("bob").command(read, now);
    let mut sent = stage.send("alice", "bob", "hello");
    assert!(page.try_recv().is_ok() && sent.outlook.try_recv().is_err());
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
