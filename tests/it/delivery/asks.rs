//! Calls that send a message and wait for the answer.

use futures_util::future::join_all;
use junction_testkit::{TestBridge, TestHome, TestHub, list, pair, texts, within};
use serde_json::{Value, json};

/// Far longer than a test takes: a wait of this length ends for another reason, or the test fails.
const LONG: u64 = 300;

fn question(to: &str) -> Value {
    json!({ "target_alias": to, "message": format!("{to}, how far are you?"), "wait_seconds": LONG })
}

#[tokio::test]
async fn regression_sessions_that_ask_each_other_in_a_ring_do_not_stand_still() {
    for size in [2, 3, 5] {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let names: Vec<String> = (0..size).map(|at| format!("peer-{at}-{at}")).collect();
        let peers = join_all(names.iter().map(|name| TestBridge::join(&home, &hub, name))).await;
        let next = |at: usize| names[(at + 1) % size].as_str();
        let asked = join_all(
            peers
                .iter()
                .enumerate()
                .map(|(at, peer)| peer.call("send_message", question(next(at)))),
        );
        let asked = within("everybody stops waiting", asked).await;
        for (at, answer) in asked.iter().enumerate() {
            let before = &names[(at + size - 1) % size];
            assert_eq!(answer["ended_by"], json!(before), "{size}: {answer}");
            assert!(answer.get("reply").is_none() && answer["waited_seconds"].is_number());
            assert_eq!(answer["unread_from"], json!([before]));
        }
        // Everybody reads and answers: nothing was lost by it.
        for (at, peer) in peers.iter().enumerate() {
            let read = peer.read_one().await;
            assert_eq!(read["from"], json!(names[(at + size - 1) % size]));
        }
    }
}

#[tokio::test]
async fn regression_an_answer_that_does_not_say_what_it_answers_ends_the_wait() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let ask = alice.begin("send_message", question("bob")).await;
    bob.read_one().await;
    bob.send("alice", "4200").await;
    let asked = within("the wait ends", ask.content()).await.expect("an answer");
    assert_eq!((&asked["ended_by"], &asked["unread"]), (&json!("bob"), &json!(1)));
    // The receipt that says `read` may be on its way.
    assert!(["opened", "read"].contains(&asked["status"].as_str().expect("a status")));
    assert_eq!(alice.read_one().await["message"], "4200");
}

#[tokio::test]
async fn regression_a_peer_whose_question_is_unread_is_not_asked_twice() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let waiting = bob.begin("send_message", question("alice")).await;
    junction_testkit::eventually("the question is there", async || {
        (alice.call("register", json!({})).await["unread"] == 1).then_some(())
    })
    .await;
    assert_eq!(alice.call("send_message", question("bob")).await["ended_by"], "bob");
    // Hers has ended his wait in the same way.
    assert_eq!(waiting.content().await.expect("an answer")["ended_by"], "alice");
    let refused = alice.error("send_message", question("bob")).await;
    assert!(refused.contains("read_messages") && refused.contains("bob"), "{refused}");
    let asked = alice.read_one().await;
    let mut answer = question("bob");
    answer["reply_to"] = asked["id"].clone();
    let answered = alice.begin("send_message", answer).await;
    assert_eq!(texts(&bob.read_many(2).await), ["bob, how far are you?"; 2]);
    bob.send("alice", "nearly done").await;
    assert_eq!(answered.content().await.expect("an answer")["ended_by"], "bob");
    assert_eq!(list(&alice.read().await, "messages").len(), 1);
}

#[tokio::test]
async fn a_person_is_told_to_read_first_in_words_without_the_question() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let mut secret = question("alice");
    secret["message"] = json!("PASSWORD?");
    let waiting = bob.begin("send_message", secret).await;
    junction_testkit::eventually("the question is there", async || {
        (alice.call("register", json!({})).await["unread"] == 1).then_some(())
    })
    .await;
    alice.call("send_message", question("bob")).await;
    assert!(!alice.error("send_message", question("bob")).await.contains("PASSWORD"));
    waiting.content().await.expect("an answer");
}
