//! What becomes of mail when its reader fails: before, while or after the answer that holds it is written. The
//! sender is told `read` only of what was written whole, and nothing is lost while the reader's bridge lives.

use junction_testkit::{SlowClient, TestBridge, TestHome, TestHub, Version, is_gone, large, list};
use serde_json::{Value, json};

/// Sessions that end soon, so that their peers are told soon.
const BRIEF: [(&str, &str); 2] =
    [("JUNCTION_SESSION_TIMEOUT_MS", "3000"), ("JUNCTION_SWEEP_INTERVAL_MS", "200")];
const VERSIONS: [Version; 2] = [Version::Stateful, Version::Stateless];

/// Has the reader say something to alice. It goes by the same stdin: what was said before has been heard.
async fn fence(reader: &mut SlowClient, alice: &TestBridge, word: &str) {
    let arguments = json!({ "target_alias": "alice", "message": word });
    reader.ask(&json!(word), "send_message", arguments).await;
    assert_eq!(alice.read_one().await["message"], word);
}

/// The messages in an answer to a read of this id.
fn page(answer: &Value, id: &Value) -> Vec<String> {
    assert_eq!(answer["id"], *id, "{answer:.200}");
    let messages = list(&answer["result"]["structuredContent"], "messages");
    let text = |message: &Value| message["message"].as_str().expect("a text").to_owned();
    messages.iter().map(text).collect()
}

/// Alice has been told nothing of her messages so far.
async fn nothing_is_told(alice: &TestBridge) {
    for _ in 0..3 {
        assert_eq!(list(&alice.read().await, "receipts"), Vec::<Value>::new());
        alice.sees("bob", "online").await;
    }
}

#[tokio::test]
async fn messages_that_a_dead_reader_did_not_take_are_unconfirmed() {
    for version in VERSIONS {
        let home = TestHome::new();
        let hub = TestHub::start_with(&home, &BRIEF).await;
        let alice = TestBridge::join(&home, &hub, "alice").await;
        let mut before = SlowClient::join(&home, &hub, "before", version).await;
        let mut amid = SlowClient::join(&home, &hub, "amid-it", version).await;
        let mut after = SlowClient::join(&home, &hub, "after", version).await;
        let mut ids = Vec::new();
        for reader in ["before", "amid-it", "after"] {
            ids.push(alice.send(reader, &large(reader)).await["id"].clone());
        }
        let id = json!(7);
        for reader in [&mut amid, &mut after] {
            reader.ask(&id, "read_messages", json!({ "wait_seconds": 2 })).await;
            reader.begun().await;
        }
        assert_eq!(page(&after.answer().await, &id), [large("after")]);
        for reader in [&mut before, &mut amid, &mut after] {
            reader.kill().await;
        }
        assert_eq!(alice.receipt(&ids[0]).await["status"], "unconfirmed");
        assert_eq!(alice.receipt(&ids[1]).await["status"], "unconfirmed");
        // It was read; whether its bridge lived to say so is chance.
        let word = alice.receipt(&ids[2]).await["status"].clone();
        assert!(word == "read" || word == "unconfirmed", "{word}");
    }
}

#[tokio::test]
async fn an_answer_half_written_is_read_once_it_is_whole_even_if_cancelled_by_then() {
    for version in VERSIONS {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let alice = TestBridge::join(&home, &hub, "alice").await;
        let mut bob = SlowClient::join(&home, &hub, "bob", version).await;
        let sent = alice.send("bob", &large("half")).await;
        let (id, next) = (json!("half"), json!("next"));
        bob.ask(&id, "read_messages", json!({ "wait_seconds": 20 })).await;
        bob.begun().await;
        nothing_is_told(&alice).await;
        bob.cancel(&id).await;
        fence(&mut bob, &alice, "fence").await;
        nothing_is_told(&alice).await;
        assert_eq!(page(&bob.answer().await, &id), [large("half")]);
        assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
        assert_eq!(bob.answer().await["id"], "fence");
        bob.ask(&next, "read_messages", json!({})).await;
        assert_eq!(page(&bob.answer().await, &next), [""; 0]);
        bob.close_stdin().await;
    }
}

#[tokio::test]
async fn a_read_cancelled_before_its_answer_is_written_returns_its_messages() {
    for version in VERSIONS {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let alice = TestBridge::join(&home, &hub, "alice").await;
        let mut bob = SlowClient::join(&home, &hub, "bob", version).await;
        let sent = alice.send("bob", "given back").await;
        // More than the pipe holds: whatever is answered from now on waits to be written.
        const AHEAD: usize = 40;
        for number in 0..AHEAD {
            bob.request(&json!(number), "tools/list", json!({})).await;
        }
        let (id, next) = (json!("cancelled"), json!("next"));
        bob.ask(&id, "read_messages", json!({})).await;
        fence(&mut bob, &alice, "first").await;
        bob.cancel(&id).await;
        fence(&mut bob, &alice, "second").await;
        nothing_is_told(&alice).await;
        bob.ask(&next, "read_messages", json!({})).await;
        let mut answers = Vec::new();
        for _ in 0..AHEAD + 3 {
            answers.push(bob.answer().await);
        }
        assert!(answers.iter().all(|answer| answer["id"] != id), "it was cancelled");
        let answer = answers.iter().find(|answer| answer["id"] == next).expect("the next read");
        assert_eq!(page(answer, &next), ["given back"]);
        assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
        bob.close_stdin().await;
    }
}

#[tokio::test]
async fn messages_to_a_client_that_stops_reading_are_never_reported_as_read() {
    for (version, half_written) in [(VERSIONS[0], true), (VERSIONS[1], true), (VERSIONS[0], false)]
    {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let alice = TestBridge::join(&home, &hub, "alice").await;
        let mut bob = SlowClient::join(&home, &hub, "bob", version).await;
        let sent = alice.send("bob", &large("nobody sees it")).await;
        if half_written {
            bob.ask(&json!(1), "read_messages", json!({ "wait_seconds": 20 })).await;
            bob.begun().await;
        }
        bob.close_stdout();
        bob.ask(&json!(2), "read_messages", json!({ "wait_seconds": 20 })).await;
        fence(&mut bob, &alice, "fence").await;
        nothing_is_told(&alice).await;
        assert!(!is_gone(bob.pid()), "stdin is open: {}", bob.stderr());
        bob.close_stdin().await;
        assert_eq!(alice.receipt(&sent["id"]).await["status"], "unconfirmed");
    }
}

#[tokio::test]
async fn concurrent_reads_get_the_messages_in_turn_each_under_its_own_id() {
    for version in VERSIONS {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let alice = TestBridge::join(&home, &hub, "alice").await;
        let mut bob = SlowClient::join(&home, &hub, "bob", version).await;
        let mut ids = Vec::new();
        for text in ["one", "two"] {
            ids.push(alice.send("bob", &large(text)).await["id"].clone());
        }
        // Another type is another id; the third is that of a call that still waits.
        let (number, text) = (json!(1), json!("1"));
        let wait = json!({ "wait_seconds": 20 });
        bob.ask(&number, "read_messages", wait.clone()).await;
        bob.begun().await;
        for id in [&text, &text] {
            bob.ask(id, "read_messages", wait.clone()).await;
        }
        fence(&mut bob, &alice, "fence").await;
        nothing_is_told(&alice).await;
        assert_eq!(page(&bob.answer().await, &number), [large("one")]);
        assert_eq!(alice.receipt(&ids[0]).await["status"], "read");
        let mut rest = Vec::new();
        for _ in 0..3 {
            rest.push(bob.answer().await);
        }
        let refused = rest.iter().filter(|answer| answer.get("error").is_some());
        assert_eq!(refused.filter(|answer| answer["id"].is_null()).count(), 1, "{rest:.300?}");
        let second = rest.iter().find(|answer| answer["id"] == text).expect("the second read");
        assert_eq!(page(second, &text), [large("two")]);
        assert_eq!(alice.receipt(&ids[1]).await["status"], "read");
        bob.close_stdin().await;
    }
}
