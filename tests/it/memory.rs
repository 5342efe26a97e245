//! What bridges and hubs hold in their memory, read as root reads it. Each test first finds what it looks for where it
//! must still be, and then that it is gone.
//!
//! A text is searched for in parts, so that a piece left over is found as well as all of it. A text of one byte is
//! everywhere; what is searched for in its place is the line in which it came or goes. Inside of a bridge it takes the
//! way of all texts, of which the shortest here is one character of four bytes.

mod attachments;
mod keys;
mod stage;
mod text;
mod wire_tap;

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::wire::{Answer, Standing, ToBridge};
use junction_testkit::client::{CallError, PendingCall};
use junction_testkit::memory_scan::{Needle, ScannedProcess, are_found, are_gone};
use junction_testkit::{
    SlowClient, TestBridge, TestHome, TestHub, Version, from_hub, list, pass, settles, texts,
    tool_call, within,
};
use serde_json::{Value, json};

use stage::{MemoryStage, bridge, holds, hub, may_look, nobody_holds, slow};
use text::Text;

/// Sessions, and so messages, that last just long enough to be looked at. A scanned process is stopped, so its receipts
/// may arrive late.
const SHORT: [(&str, &str); 2] =
    [("JUNCTION_SESSION_TIMEOUT_MS", "4000"), ("JUNCTION_SWEEP_INTERVAL_MS", "2000")];

/// Lengths from a few bytes to the longest that a message may have, one for each size that is sealed, and those around
/// which a buffer changes its strategy.
const LENGTHS: [usize; 8] = [12, 100, 235, 700, 3_000, 9_000, 40_000, 65_536];

/// Requests whose answers are more than a pipe takes: whatever is answered behind them waits in the bridge.
async fn pile_up(client: &mut SlowClient) {
    for number in 0..40 {
        client.request(&json!(number), "tools/list", json!({})).await;
    }
}

/// Takes what was answered, up to the answer to this request.
async fn take_until(client: &mut SlowClient, id: &Value) -> Value {
    loop {
        let answer = client.answer().await;
        if answer["id"] == *id {
            return answer["result"]["structuredContent"].clone();
        }
    }
}

/// Writes the line that sends bob a text, as JSON, through the end of the text. Returns the rest of the line.
async fn begin_line(client: &mut SlowClient, id: &Value, text: &str) -> String {
    let arguments = json!({ "target_alias": "bob", "message": "TEXT" });
    let line = tool_call(id, "send_message", &arguments).replace("TEXT", text);
    let (half, rest) =
        line.split_at(line.find("\"target_alias").expect("it comes behind the text"));
    client.write(half).await;
    format!("{rest}\n")
}

/// Begins to send bob these texts.
async fn begin<'a>(alice: &'a TestBridge, texts: &[&Text]) -> Vec<PendingCall<'a>> {
    let send = |text: &&Text| {
        alice.begin("send_message", json!({ "target_alias": "bob", "message": text.body }))
    };
    join_all(texts.iter().map(send)).await
}

/// The ids of messages that were taken.
async fn ids(calls: Vec<PendingCall<'_>>) -> Vec<Value> {
    let answers = join_all(calls.into_iter().map(|call| within("a send", call.content()))).await;
    answers.into_iter().map(|answer| answer.expect("it is taken")["id"].clone()).collect()
}

#[tokio::test]
async fn a_text_is_in_its_senders_bridge_until_sealed_and_in_its_receivers_until_read() {
    let Some(mut stage) = MemoryStage::set(&[]).await else { return };
    let texts: Vec<_> = LENGTHS.map(Text::of).into_iter().chain([Text::quoted()]).collect();
    let texts: Vec<&Text> = texts.iter().collect();
    stage.lose_hub().await;
    let calls = begin(&stage.alice, &texts).await;
    holds(stage.alice(), &texts).await;
    nobody_holds(&[stage.bob()], &texts).await;

    stage.hub.restart(&stage.home).await;
    ids(calls).await;
    holds(stage.bob(), &texts).await;
    nobody_holds(&[stage.alice(), stage.hub()], &texts).await;

    stage.bob.read_many(texts.len()).await;
    stage.nobody_holds(&texts).await;
}

#[tokio::test]
async fn a_text_of_one_character_is_gone_from_both_bridges_once_it_is_read() {
    let Some(mut stage) = MemoryStage::set(&[]).await else { return };
    // Four bytes may be there by chance.
    let mut text = Text::character();
    loop {
        let snapshots = [stage.alice(), stage.bob(), stage.hub()].map(ScannedProcess::snapshot);
        let snapshots = join_all(snapshots).await;
        if snapshots.iter().all(|snapshot| snapshot.find(&text.parts).is_empty()) {
            break;
        }
        text = Text::character();
    }
    stage.lose_hub().await;
    let calls = begin(&stage.alice, &[&text]).await;
    holds(stage.alice(), &[&text]).await;
    stage.hub.restart(&stage.home).await;
    ids(calls).await;
    holds(stage.bob(), &[&text]).await;
    nobody_holds(&[stage.alice(), stage.hub()], &[&text]).await;
    assert_eq!(stage.bob.read_one().await["message"], text.body);
    stage.nobody_holds(&[&text]).await;
}

#[tokio::test]
async fn the_lines_with_a_text_of_one_byte_are_gone_once_it_is_sent_and_read() {
    const BYTE: &str = "~";
    let home = TestHome::new();
    let hub_process = TestHub::start(&home).await;
    if !may_look(hub_process.pid()) {
        return;
    }
    let mut alice = SlowClient::join(&home, &hub_process, "alice", Version::Stateful).await;
    let mut bob = SlowClient::join(&home, &hub_process, "bob", Version::Stateless).await;
    let everybody = [slow("alice", &alice), slow("bob", &bob), hub(&hub_process)];
    // In a request and in the structure of an answer; in an answer's text.
    let lines = [
        Needle::new("a line with a byte", format!(r#""message":"{BYTE}""#)),
        Needle::new("a text with a byte", format!(r#"\"message\":\"{BYTE}\""#)),
    ];
    let lines = lines.each_ref();
    are_gone(&everybody, &lines).await;

    // Half a line waits for its other half.
    let rest = begin_line(&mut alice, &json!("byte"), BYTE).await;
    are_found(everybody[0], &lines[..1]).await;
    alice.write(&rest).await;
    take_until(&mut alice, &json!("byte")).await;
    are_gone(&everybody, &lines).await;

    // An answer waits for its turn to be written.
    pile_up(&mut bob).await;
    bob.ask(&json!("read"), "read_messages", json!({ "wait_seconds": 20 })).await;
    are_found(everybody[1], &lines).await;
    let read = take_until(&mut bob, &json!("read")).await;
    assert_eq!(texts(&list(&read, "messages")), [BYTE]);
    are_gone(&everybody, &lines).await;
}

#[tokio::test]
async fn a_text_that_its_client_writes_in_escapes_is_gone_from_both_bridges_once_it_is_read() {
    let home = TestHome::new();
    let hub_process = TestHub::start(&home).await;
    if !may_look(hub_process.pid()) {
        return;
    }
    let mut alice = SlowClient::join(&home, &hub_process, "alice", Version::Stateful).await;
    let bob = TestBridge::join(&home, &hub_process, "bob").await;
    let everybody = [slow("alice", &alice), bridge("bob", &bob), hub(&hub_process)];
    let text = Text::of(3_000);
    let rest = begin_line(&mut alice, &json!("escaped"), &text.escaped()).await;
    are_found(everybody[0], &[&text.parts[1]]).await;
    alice.write(&rest).await;
    take_until(&mut alice, &json!("escaped")).await;
    nobody_holds(&[everybody[0], everybody[2]], &[&text]).await;
    assert_eq!(bob.read_one().await["message"], text.body);
    nobody_holds(&everybody, &[&text]).await;
}

#[tokio::test]
async fn a_text_that_expires_unread_is_gone_from_its_receivers_bridge() {
    let Some(stage) = MemoryStage::set(&SHORT).await else { return };
    let (short, long) = (Text::of(100), Text::of(65_536));
    let calls = begin(&stage.alice, &[&short, &long]).await;
    holds(stage.bob(), &[&short, &long]).await;
    for id in ids(calls).await {
        assert_eq!(stage.alice.receipt(&id).await["status"], "expired");
    }
    assert_eq!(stage.bob.leftovers().await, Vec::<Value>::new());
    stage.nobody_holds(&[&short, &long]).await;
}

#[tokio::test]
async fn a_text_that_expires_before_there_is_a_hub_is_gone_from_its_senders_bridge() {
    let Some(mut stage) = MemoryStage::set(&SHORT).await else { return };
    let (short, long) = (Text::of(100), Text::of(65_536));
    stage.lose_hub().await;
    let calls = begin(&stage.alice, &[&short, &long]).await;
    holds(stage.alice(), &[&short, &long]).await;
    for id in ids(calls).await {
        assert_eq!(stage.alice.receipt(&id).await["status"], "expired");
    }
    nobody_holds(&[stage.alice(), stage.bob()], &[&short, &long]).await;
}

#[tokio::test]
async fn a_text_whose_receiver_is_gone_is_gone_from_its_senders_bridge() {
    let is_gone: Arc<Mutex<bool>> = Arc::default();
    let say = Arc::clone(&is_gone);
    let stage = MemoryStage::set_with(&[], move |heard| match from_hub(heard) {
        Some(ToBridge::Answer(number, Answer::Found(..))) if *say.lock().expect("the lie") => {
            vec![encode(&ToBridge::Answer(number, Answer::Found(Standing::Gone, None)))]
        }
        _ => pass(heard),
    });
    let Some(mut stage) = stage.await else { return };
    let (short, long) = (Text::of(100), Text::of(65_536));
    stage.lose_hub().await;
    let calls = begin(&stage.alice, &[&short, &long]).await;
    holds(stage.alice(), &[&short, &long]).await;
    *is_gone.lock().expect("the lie") = true;
    stage.hub.restart(&stage.home).await;
    for call in calls {
        match within("a refusal", call.content()).await {
            Err(CallError::Tool(why)) => assert!(why.contains("refused(gone)"), "{why}"),
            // The hub took longer to come back than a call waits for it.
            Ok(queued) => {
                assert_eq!(stage.alice.receipt(&queued["id"]).await["status"], "refused(gone)");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    stage.nobody_holds(&[&short, &long]).await;
}

#[tokio::test]
async fn a_text_that_is_not_taken_is_gone_and_one_that_waits_is_gone_with_the_session() {
    let Some(mut stage) = MemoryStage::set(&[]).await else { return };
    // Each has a length of its own, by which a failure tells which it is.
    let refused: Vec<_> = (0..7).map(|number| Text::of(600 + number)).collect();
    let taken: Vec<_> = (0..32).map(|number| Text::of(700 + number)).collect();
    let too_long = Text::of(65_537);
    let send = |text: &Text| json!({ "target_alias": "bob", "message": text.body });
    stage.lose_hub().await;
    let taken: Vec<&Text> = taken.iter().collect();
    let _calls = begin(&stage.alice, &taken).await;
    holds(stage.alice(), &taken).await;
    // One more than may wait; and what is wrong in other ways.
    let full = stage.alice.error("send_message", send(&refused[0])).await;
    assert!(full.contains("unread"), "{full}");
    stage.alice.error("send_message", send(&too_long)).await;
    let (alias, body) = ("nobody", &refused[1].body);
    stage.alice.error("send_message", json!({ "target_alias": alias, "message": body })).await;
    let body = [&refused[2].body];
    stage.alice.error("send_message", json!({ "target_alias": "bob", "message": body })).await;
    let body = &refused[3].body;
    stage.alice.error("send_message", json!({ "target_alias": "bob", "massage": body })).await;
    stage.alice.say(format!(r#"{{"jsonrpc": "2.0", "broken": "{}""#, refused[4].body)).await;
    stage.alice.say(refused[5].body.clone()).await;
    let unknown = json!({ "jsonrpc": "2.0", "id": 1_000_000, "method": refused[6].body });
    stage.alice.say(unknown.to_string()).await;
    for _ in 0..3 {
        stage.alice.line().await.expect("each is answered");
    }
    let refused: Vec<&Text> = refused.iter().chain([&too_long]).collect();
    nobody_holds(&[stage.alice(), stage.bob()], &refused).await;

    stage.alice.call("disconnect", json!({})).await;
    nobody_holds(&[stage.alice(), stage.bob()], &taken).await;
}

#[tokio::test]
async fn a_text_in_an_answer_that_is_cancelled_is_back_in_the_mailbox_and_gone_once_read() {
    let home = TestHome::new();
    let hub_process = TestHub::start(&home).await;
    if !may_look(hub_process.pid()) {
        return;
    }
    let alice = TestBridge::join(&home, &hub_process, "alice").await;
    let mut bob = SlowClient::join(&home, &hub_process, "bob", Version::Stateful).await;
    let everybody = [bridge("alice", &alice), slow("bob", &bob), hub(&hub_process)];
    let (asked, large) = (Text::of(235), Text::of(20_000));
    // The sender wants no answer any more, and has sent the message all the same.
    let arguments = json!({ "target_alias": "bob", "message": asked.body, "wait_seconds": 60 });
    let ask = alice.begin("send_message", arguments).await;
    holds(everybody[1], &[&asked]).await;
    within("the cancellation", ask.cancel()).await.expect("the bridge reads");
    nobody_holds(&[everybody[0], everybody[2]], &[&asked]).await;
    alice.send("bob", &large.body).await;
    holds(everybody[1], &[&asked, &large]).await;

    pile_up(&mut bob).await;
    bob.ask(&json!("cancelled"), "read_messages", json!({})).await;
    settles("the answer is in bob", async || {
        let copies = everybody[1].snapshot().await.count(&large.whole);
        if copies > 1 { Ok(()) } else { Err(format!("{copies} copies")) }
    })
    .await;
    bob.cancel(&json!("cancelled")).await;
    holds(everybody[1], &[&asked, &large]).await;
    bob.ask(&json!("read"), "read_messages", json!({})).await;
    let read = take_until(&mut bob, &json!("read")).await;
    assert_eq!(texts(&list(&read, "messages")), [&asked.body, &large.body]);
    nobody_holds(&everybody, &[&asked, &large]).await;
}

#[tokio::test]
async fn a_reply_that_was_waited_for_is_gone_from_both_bridges_once_it_is_answered() {
    let home = TestHome::new();
    let hub_process = TestHub::start(&home).await;
    if !may_look(hub_process.pid()) {
        return;
    }
    let mut alice = SlowClient::join(&home, &hub_process, "alice", Version::Stateless).await;
    let bob = TestBridge::join(&home, &hub_process, "bob").await;
    let everybody = [slow("alice", &alice), bridge("bob", &bob), hub(&hub_process)];
    let (question, reply) = (Text::of(3_000), Text::of(20_000));
    let arguments = json!({ "target_alias": "bob", "message": question.body, "wait_seconds": 60 });
    alice.ask(&json!("ask"), "send_message", arguments).await;
    let asked = bob.read_one().await;
    nobody_holds(&everybody, &[&question]).await;
    pile_up(&mut alice).await;
    alice.stuck().await;
    let arguments =
        json!({ "target_alias": "alice", "message": reply.body, "reply_to": asked["id"] });
    bob.call("send_message", arguments).await;
    holds(everybody[0], &[&reply]).await;
    let answer = take_until(&mut alice, &json!("ask")).await;
    assert_eq!(answer["reply"]["message"], reply.body);
    nobody_holds(&everybody, &[&question, &reply]).await;
}
