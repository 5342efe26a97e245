//! What counts as read: an answer that the client has, and no other.

use junction_testkit::{HttpAnswer, TestBridge, TestGateway};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Pair;

/// What bob's client takes of the answer to a read, of which it takes so many bytes at most.
async fn taken(pair: &Pair, bytes: u64) -> Vec<u8> {
    let read = pair.bob.tool_call("read_messages", &json!({})).to_string();
    let mut stream = pair.bob.send("POST", "", read.as_bytes()).await;
    let mut taken = Vec::new();
    // A gateway that closes the connection at once resets it, too.
    let _ = (&mut stream).take(bytes).read_to_end(&mut taken).await;
    taken
}

#[tokio::test]
async fn answer_that_is_cut_at_any_byte_is_neither_lost_nor_doubled() {
    let pair = Pair::start().await;
    pair.send("of a length").await;
    let read = pair.bob.tool_call("read_messages", &json!({})).to_string();
    let mut stream = pair.bob.send("POST", "", read.as_bytes()).await;
    let mut whole = Vec::new();
    while !HttpAnswer::parse(&whole).is_whole() {
        assert!(stream.read_buf(&mut whole).await.unwrap() > 0);
    }
    drop(stream);
    for bytes in 1..=whole.len() {
        let text = format!("message {bytes:04}");
        let id = pair.send(&text).await;
        let cut = HttpAnswer::parse(&taken(&pair, bytes as u64).await);
        let came = u32::from(cut.is_whole() && cut.body.contains(&text));
        let again = pair.bob.read().await;
        assert!(again.iter().all(|other| *other == text), "{again:?}");
        assert_eq!(came as usize + again.len(), 1, "{bytes} of {}: {cut:?}", whole.len());
        assert_eq!(pair.outcome(&id).await, "read");
    }
}

#[tokio::test]
async fn silent_client_has_what_it_has_taken() {
    let pair = Pair::start().await;
    let id = pair.send("hello").await;
    let read = pair.bob.tool_call("read_messages", &json!({})).to_string();
    // It keeps the connection, and asks nothing more.
    let mut stream = pair.bob.send("POST", "", read.as_bytes()).await;
    let mut answer = Vec::new();
    while !HttpAnswer::parse(&answer).is_whole() {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
    }
    assert!(HttpAnswer::parse(&answer).body.contains("hello"));
    assert_eq!(pair.outcome(&id).await, "read");
}

#[tokio::test]
async fn several_reads_on_one_connection_are_each_read_at_once() {
    let pair = Pair::start().await;
    let mut stream = pair.bob.send("POST", "", b"").await;
    for number in 0..50 {
        let text = format!("message {number}");
        let id = pair.send(&text).await;
        let read = pair.bob.tool_call("read_messages", &json!({})).to_string();
        if number == 0 {
            stream = pair.bob.send("POST", "", read.as_bytes()).await;
        } else {
            stream.write_all(&pair.bob.bytes("POST", "", read.as_bytes())).await.unwrap();
        }
        let mut answer = Vec::new();
        while !HttpAnswer::parse(&answer).is_whole() {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0);
        }
        assert!(HttpAnswer::parse(&answer).body.contains(&text));
        assert_eq!(pair.outcome(&id).await, "read");
    }
}

#[tokio::test]
async fn client_that_hangs_up_while_it_waits_takes_nothing() {
    let pair = Pair::start().await;
    let wait = pair.bob.tool_call("read_messages", &json!({ "wait_seconds": 60 })).to_string();
    let stream = pair.bob.send("POST", "", wait.as_bytes()).await;
    pair.alice.sees_peer("reach", "push").await;
    drop(stream);
    pair.alice.sees_peer("reach", "pull").await;
    let id = pair.send("later").await;
    assert_eq!(pair.bob.read().await, ["later"]);
    assert_eq!(pair.outcome(&id).await, "read");
}

#[tokio::test]
async fn call_that_its_client_cancels_takes_nothing() {
    let mut pair = Pair::start().await;
    pair.bob.initialize("tester").await;
    let wait = pair.bob.tool_call("read_messages", &json!({ "wait_seconds": 60 }));
    let mut stream = pair.bob.send("POST", "", wait.to_string().as_bytes()).await;
    pair.alice.sees_peer("reach", "push").await;
    let params = json!({ "requestId": wait["id"], "reason": "bored" });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    assert_eq!(pair.bob.post(&cancel).await.status, 202);
    // The connection is still there, and hears that there is no answer.
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    assert_eq!(HttpAnswer::parse(&answer[..length]).status, 202);
    pair.send("later").await;
    let read = pair.bob.call("read_messages", json!({ "wait_seconds": 30 })).await;
    assert_eq!(read["messages"][0]["message"], "later");
}

#[tokio::test]
async fn waiting_call_ends_with_a_message() {
    let pair = Pair::start().await;
    let bob = pair.bob.clone();
    let wait = json!({ "wait_seconds": 60 });
    let waiting = tokio::spawn(async move { bob.call("read_messages", wait).await });
    pair.alice.sees_peer("reach", "push").await;
    let ask = json!({ "target_alias": "bob", "message": "ping", "wait_seconds": 60 });
    let alice = pair.alice.clone();
    let asking = tokio::spawn(async move { alice.call("send_message", ask).await });
    let got = waiting.await.unwrap();
    assert_eq!(got["messages"][0]["message"], "ping");
    let reply_to = got["messages"][0]["id"].clone();
    let reply = json!({ "target_alias": "alice", "message": "pong", "reply_to": reply_to });
    pair.bob.call("send_message", reply).await;
    assert_eq!(asking.await.unwrap()["reply"]["message"], "pong");
}

#[tokio::test]
async fn gateway_that_is_started_again_has_the_same_agents_and_what_others_had_sent() {
    let Pair { hub, gateway, alice, mut bob, home } = Pair::start().await;
    bob.initialize("tester").await;
    let registered = alice.call("register", json!({})).await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    let waits = carol.send("bob", "of another").await;
    let sent = alice.call("send_message", json!({ "target_alias": "bob", "message": "1" })).await;
    assert_eq!(sent["status"], "opened");
    assert_eq!(gateway.interrupt().await, Some(0));
    let again = TestGateway::start(&home, hub.port).await;
    let (alice, bob) = (alice.at(&again), bob.at(&again));
    // Their addresses are the same, and a session that was begun goes on.
    assert_eq!(again.add(&home, "bob").await.path, bob.path);
    let back = alice.call("register", json!({})).await;
    assert_eq!(
        (&back["alias"], &back["fingerprint"]),
        (&registered["alias"], &registered["fingerprint"])
    );
    let told = back["came_back"].as_str().expect("a sentence");
    assert!(told.contains("not told what becomes of messages that you had sent"), "{told}");
    let back = bob.call("register", json!({})).await;
    assert_eq!(back["alias"], "bob");
    let told = back["came_back"].as_str().expect("a sentence");
    assert!(told.contains("or their sender was restarted as well"), "{told}");
    let read = bob.call("read_messages", json!({ "wait_seconds": 30 })).await;
    assert_eq!(read["messages"][0]["message"], "of another");
    assert_eq!(carol.receipt(&waits["id"]).await["status"], "read");
    alice.call("send_message", json!({ "target_alias": "bob", "message": "2" })).await;
    assert_eq!(bob.read().await, ["2"], "the sender of the first has ended before it was read");
    again.kill().await;
    let third = TestGateway::start(&home, hub.port).await;
    assert_eq!(
        alice.at(&third).call("register", json!({})).await["fingerprint"],
        registered["fingerprint"]
    );
}
