//! The bridge of a session ends, or loses its seat, in the middle of something.

use super::*;
use futures_util::future::join_all;
use junction_testkit::client::PendingCall;
use junction_testkit::{SlowClient, eventually, large, signal, texts, within};
use rustix::process::Signal;

/// Messages that are on their way when a bridge ends, of three senders together.
const UNDER_WAY: usize = 32;

/// Bob, and a session whose client has begun to be written a large message of his. Another one waits.
pub(super) async fn half_read(
    home: &TestHome,
    hub: &TestHub,
) -> (TestSession, SlowClient, TestBridge, Vec<Value>, String) {
    let session = TestSession::new(home, hub, "session");
    let mut alice = SlowClient::resume(home, hub, &session).await;
    let bob = TestBridge::join(home, hub, "bob").await;
    let greeting = json!({ "target_alias": "bob", "message": "I am here" });
    alice.ask(&json!("greet"), "send_message", greeting).await;
    alice.answer().await;
    let name = bob.read_one().await["from"].as_str().expect("an alias").to_owned();
    let mut ids = Vec::new();
    for message in [large("one"), "two".to_owned()] {
        ids.push(bob.send(&name, &message).await["id"].clone());
    }
    eventually("both wait for her", async || {
        alice.ask(&json!("look"), "register", json!({})).await;
        (alice.answer().await["result"]["structuredContent"]["unread"] == 2).then_some(())
    })
    .await;
    alice.ask(&json!("read"), "read_messages", json!({ "limit": 1 })).await;
    alice.begun().await;
    (session, alice, bob, ids, name)
}

#[tokio::test]
async fn page_that_is_being_written_is_read_where_it_is_written() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (session, mut older, bob, ids, name) = half_read(&home, &hub).await;
    let newer = session.elsewhere(&home).resume(&home).await;
    assert_came_back(&newer, &name).await;
    let page = older.answer().await;
    let messages = list(&page["result"]["structuredContent"], "messages");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["id"], ids[0]);
    assert_eq!(bob.last_status(&ids[0]).await, "read");
    assert_eq!(texts(&newer.read_many(1).await), ["two"]);
    assert_eq!(bob.last_status(&ids[1]).await, "read");
    assert_eq!(newer.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn page_that_was_half_written_at_the_end_is_unconfirmed_and_the_rest_comes_again() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (session, mut alice, bob, ids, _) = half_read(&home, &hub).await;
    signal(alice.pid(), Signal::TERM);
    alice.close_stdin().await;
    let alice = session.start(&home).await;
    assert_eq!(alice.read_one().await["id"], ids[1]);
    assert_eq!(bob.receipt(&ids[0]).await["status"], "unconfirmed");
    assert_eq!(bob.receipt(&ids[1]).await["status"], "read");
    assert_eq!(alice.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn page_of_a_bridge_that_is_killed_is_unconfirmed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (session, mut alice, bob, ids, name) = half_read(&home, &hub).await;
    alice.kill().await;
    let alice = session.start(&home).await;
    assert_came_back(&alice, &name).await;
    bob.send(&name, "three").await;
    assert_eq!(texts(&alice.read_many(1).await), ["three"]);
    for id in &ids {
        assert_eq!(bob.receipt(id).await["status"], "unconfirmed");
    }
}

#[tokio::test]
async fn wait_for_mail_ends_with_the_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice: older, name, .. } = &acquainted;
    let wait = older.begin("read_messages", json!({ "wait_seconds": 500 })).await;
    let newer = session.elsewhere(&home).resume(&home).await;
    assert_came_back(&newer, name).await;
    let page = within("the wait ends", wait.content()).await.expect("an answer");
    assert_eq!(list(&page, "messages"), Vec::<Value>::new());
    acquainted.send(&["one"]).await;
    assert_eq!(newer.read_one().await["message"], "one");
    assert_eq!(older.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn ask_is_answered_by_the_session_that_came_back() {
    for ending in [BridgeEnding::Interrupt, BridgeEnding::EndOfInput] {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let Acquainted { session, alice, bob, name } = Acquainted::new(&home, &hub).await;
        let ask = json!({ "target_alias": name, "message": "well?", "wait_seconds": 500 });
        let asked = bob.begin("send_message", ask).await;
        alice.holds(1).await;
        ending.of(&alice).await;
        let alice = session.start(&home).await;
        let message = alice.read_one().await;
        let reply = json!({ "target_alias": "bob", "message": "yes", "reply_to": message["id"] });
        alice.call("send_message", reply).await;
        let answer = within("the ask ends", asked.content()).await.expect("an answer");
        assert_eq!((&answer["reply"]["message"], answer.get("ended_by")), (&json!("yes"), None));
        assert_is_from(&answer["reply"], &name, true);
        assert_eq!(bob.receipt(&answer["id"]).await["status"], "read");
    }
}

/// What disturbs a session that is sent many messages.
#[derive(Clone, Copy, Debug)]
enum Disturbance {
    /// The bridge ends and is started again.
    Ends(BridgeEnding),
    /// The bridge ends, and the hub is killed; both are started again.
    EndsWithHub(BridgeEnding),
    /// Another bridge has its seat.
    Rival,
}

/// The messages that a session was sent, and which of them it has read.
#[derive(Debug)]
struct FloodHistory {
    /// The ids that were taken of each sender, in order.
    sent: Vec<Vec<Value>>,
    /// The ids that were read, in order.
    read: Vec<Value>,
}

impl FloodHistory {
    /// Each message was read at most once, and those of each sender in the order sent.
    fn assert_order(&self) {
        for sent in &self.sent {
            let places = self.read.iter().filter_map(|id| sent.iter().position(|sent| sent == id));
            let places: Vec<_> = places.collect();
            assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
        }
    }

    /// What came of each message is true.
    async fn assert_true(&self, senders: &[TestBridge]) {
        for (sender, sent) in senders.iter().zip(&self.sent) {
            for id in sent {
                let status = sender.receipt(id).await["status"].clone();
                let is_true = match status.as_str() {
                    Some("read") => self.read.contains(id),
                    Some("expired") => !self.read.contains(id),
                    Some("unconfirmed") => true,
                    _ => false,
                };
                assert!(is_true, "{id} is {status}: {self:?}");
            }
        }
    }

    /// All messages were read, and their senders know it.
    async fn assert_read(&self, senders: &[TestBridge]) {
        for (sender, sent) in senders.iter().zip(&self.sent) {
            for id in sent {
                assert!(self.read.contains(id), "{id} was lost: {self:?}");
                assert_eq!(sender.receipt(id).await["status"], "read", "{self:?}");
            }
        }
    }
}

/// The ids of the messages on a page.
fn ids(page: &Value) -> Vec<Value> {
    list(page, "messages").iter().map(|message| message["id"].clone()).collect()
}

/// A session is sent many messages by three peers while this disturbs it. Gives the senders and what happened, once it has
/// read one more message of each.
async fn flood(
    home: &TestHome,
    hub: &mut TestHub,
    disturbance: Disturbance,
) -> (Vec<TestBridge>, FloodHistory) {
    let session = TestSession::new(home, hub, "session");
    let alice = session.start(home).await;
    let name = alias(&alice).await;
    let mut senders = Vec::new();
    for sender in ["bob", "carol", "dora"] {
        let sender = TestBridge::join(home, hub, sender).await;
        greet(&alice, &name, &sender).await;
        senders.push(sender);
    }
    let mut calls: Vec<Vec<PendingCall<'_>>> = vec![Vec::new(), Vec::new(), Vec::new()];
    for number in 0..UNDER_WAY {
        let message = json!({ "target_alias": name, "message": format!("{number}") });
        let sender = number % senders.len();
        calls[sender].push(senders[sender].begin("send_message", message).await);
    }
    let mut read =
        ids(&alice.call("read_messages", json!({ "limit": 5, "wait_seconds": 20 })).await);
    assert!(!read.is_empty());
    let alice = disturb(home, hub, &session, alice, disturbance, &mut read).await;
    let mut sent = Vec::new();
    for calls in calls {
        let answers = join_all(calls.into_iter().map(PendingCall::content)).await;
        // A message to a session that has just left is refused.
        let taken = answers.into_iter().filter_map(Result::ok);
        sent.push(taken.map(|answer| answer["id"].clone()).collect::<Vec<_>>());
    }
    assert_eq!(alias(&alice).await, name);
    for (sender, sent) in senders.iter().zip(&mut sent) {
        sender.sees(&name, "online").await;
        sent.push(sender.send(&name, "the last one").await["id"].clone());
    }
    while !sent.iter().all(|sent| sent.last().is_some_and(|last| read.contains(last))) {
        let message = alice.read_one().await;
        assert_is_from(&message, message["from"].as_str().expect("an alias"), false);
        read.push(message["id"].clone());
    }
    assert_eq!(alice.leftovers().await, Vec::<Value>::new());
    let history = FloodHistory { sent, read };
    history.assert_order();
    (senders, history)
}

/// Disturbs the session with this bridge. Gives the bridge with which it goes on, and adds what was read meanwhile.
async fn disturb(
    home: &TestHome,
    hub: &mut TestHub,
    session: &TestSession,
    alice: TestBridge,
    disturbance: Disturbance,
    read: &mut Vec<Value>,
) -> TestBridge {
    match disturbance {
        Disturbance::Ends(ending) => ending.of(&alice).await,
        Disturbance::EndsWithHub(ending) => {
            hub.kill();
            ending.of(&alice).await;
            hub.restart(home).await;
        }
        Disturbance::Rival => {
            let newer = session.elsewhere(home).resume(home).await;
            loop {
                let page = alice.call("read_messages", json!({ "limit": 1 })).await;
                read.extend(ids(&page));
                if page.get("replaced").is_some() {
                    assert_eq!(alice.leftovers().await, Vec::<Value>::new());
                    return newer;
                }
            }
        }
    }
    session.start(home).await
}

#[tokio::test]
async fn of_many_messages_under_way_none_is_lost_by_an_orderly_end() {
    for ending in BridgeEnding::ORDERLY {
        let home = TestHome::new();
        let mut hub = TestHub::start(&home).await;
        let (senders, history) = flood(&home, &mut hub, Disturbance::Ends(ending)).await;
        history.assert_read(&senders).await;
    }
}

#[tokio::test]
async fn of_many_messages_under_way_none_is_lost_between_two_bridges() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (senders, history) = flood(&home, &mut hub, Disturbance::Rival).await;
    history.assert_read(&senders).await;
}

#[tokio::test]
async fn of_many_messages_under_way_each_has_a_true_end_whatever_is_killed() {
    for disturbance in [
        Disturbance::Ends(BridgeEnding::Kill),
        Disturbance::EndsWithHub(BridgeEnding::Kill),
        Disturbance::EndsWithHub(BridgeEnding::Interrupt),
        Disturbance::EndsWithHub(BridgeEnding::EndOfInput),
    ] {
        let home = TestHome::new();
        let mut hub = TestHub::start(&home).await;
        let (senders, history) = flood(&home, &mut hub, disturbance).await;
        history.assert_true(&senders).await;
    }
}
