//! Hubs and bridges that are killed and come back while attachments are on their way.

use super::*;

#[tokio::test]
async fn sixteen_mebibytes_go_both_ways_at_once() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    let (there, back) = (content(1, LARGEST), content(2, LARGEST));
    write(&home, "alice", "there.bin", &there);
    write(&home, "bob", "back.bin", &back);
    let sent = send(&alice, "bob", json!([{ "path": "there.bin" }])).await;
    let answered = send(&bob, "alice", json!([{ "path": "back.bin" }])).await;
    assert_eq!(bob.read_one().await["attachments"][0]["bytes"], LARGEST);
    assert_eq!(alice.read_one().await["attachments"][0]["name"], "back.bin");
    tokio::join!(
        bob.call("save_attachment", place(&sent, 1, "there.bin")),
        alice.call("save_attachment", place(&answered, 1, "back.bin")),
    );
    assert!(file(&home, "bob", "there.bin") == Some(there));
    assert!(file(&home, "alice", "back.bin") == Some(back));
    let mut told = Receipts::default();
    assert_eq!(told.of(&alice, &sent, 1).await, ["saved"]);
    let mut told = Receipts::default();
    assert_eq!(told.of(&bob, &answered, 1).await, ["saved"]);
}

#[tokio::test]
async fn saves_complete_that_were_half_done_when_the_hub_was_killed() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (gate, passed, allowed) = chunk_gate(hub.port, 256).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, gate.port, "bob").await);
    let files = [content(1, LARGEST), content(2, LARGEST)];
    write(&home, "alice", "one.bin", &files[0]);
    write(&home, "alice", "two.bin", &files[1]);
    let id = send(&alice, "bob", json!([{ "path": "one.bin" }, { "path": "two.bin" }])).await;
    bob.read_one().await;
    let saves = async {
        tokio::join!(
            bob.call("save_attachment", place(&id, 1, "one.bin")),
            bob.call("save_attachment", place(&id, 2, "two.bin")),
        )
    };
    let killed = async {
        reaches(&passed, 257).await;
        hub.kill();
        allowed.store(u32::MAX, Ordering::SeqCst);
        hub.restart(&home).await;
    };
    tokio::join!(saves, killed);
    assert!(file(&home, "bob", "one.bin").as_ref() == Some(&files[0]));
    assert!(file(&home, "bob", "two.bin").as_ref() == Some(&files[1]));
    let mut told = Receipts::default();
    assert_eq!(told.of(&alice, &id, 1).await, ["saved"]);
    assert_eq!(told.of(&alice, &id, 2).await, ["saved"]);
}

/// A receiver with a seat ends at half, is started again, and saves what it was told before.
async fn receiver_comes_back(ending: BridgeEnding) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (gate, passed, allowed) = chunk_gate(hub.port, 128).await;
    let alice = join(&home, hub.port, "alice").await;
    let session = TestSession { port: gate.port, ..TestSession::new(&home, &hub, "bob") };
    let start =
        async || session.start_by(&home, session.launch(&home).cwd(project(&home, "bob"))).await;
    let mut bob = start().await;
    bob.register("bob").await;
    // A seat is certain once its session has said something.
    bob.send("alice", "hello").await;
    alice.read_one().await;
    let large = content(3, LARGEST);
    write(&home, "alice", "large.bin", &large);
    let id = send(&alice, "bob", json!([{ "path": "large.bin" }])).await;
    bob.read_one().await;
    let saving = bob.begin("save_attachment", place(&id, 1, "large.bin")).await;
    reaches(&passed, 129).await;
    ending.of(&bob).await;
    drop(saving);
    assert_eq!(file(&home, "bob", "large.bin"), None);
    allowed.store(u32::MAX, Ordering::SeqCst);
    let bob = start().await;
    // It waits for what the sender says again to the session that came back.
    bob.call("save_attachment", place(&id, 1, "large.bin")).await;
    assert!(file(&home, "bob", "large.bin") == Some(large.clone()));
    let mut told = Receipts::default();
    assert_eq!(told.of(&alice, &id, 1).await, ["saved"]);
    // Saved or not, another process of the session can save it.
    ending.of(&bob).await;
    let bob = start().await;
    bob.call("save_attachment", place(&id, 1, "again.bin")).await;
    assert!(file(&home, "bob", "again.bin") == Some(large));
}

#[tokio::test]
async fn receiver_that_was_killed_at_half_saves_when_it_is_back() {
    receiver_comes_back(BridgeEnding::Kill).await;
}

#[tokio::test]
async fn receiver_that_ended_at_half_saves_when_it_is_back() {
    receiver_comes_back(BridgeEnding::Terminate).await;
}

#[tokio::test]
async fn save_completes_where_the_sender_ended_after_the_hub_had_everything() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    let some = content(4, 3 << 20);
    write(&home, "alice", "some.bin", &some);
    let id = send(&alice, "bob", json!([{ "path": "some.bin" }])).await;
    bob.read_one().await;
    // Saved once, so the hub has everything.
    bob.call("save_attachment", place(&id, 1, "first.bin")).await;
    BridgeEnding::Terminate.of(&alice).await;
    bob.call("save_attachment", place(&id, 1, "second.bin")).await;
    assert!(file(&home, "bob", "second.bin") == Some(some));
}

#[tokio::test]
async fn save_fails_clearly_where_the_sender_ended_before_the_hub_had_everything() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    // The hub asks for chunks, and its questions do not come.
    let proxy = FrameProxy::start(hub.port, |frame| match from_hub(frame) {
        Some(ToBridge::Pull(_)) => Vec::new(),
        _ => pass(frame),
    })
    .await;
    let (alice, bob) = (join(&home, proxy.port, "alice").await, join(&home, hub.port, "bob").await);
    write(&home, "alice", "some.bin", &content(5, 3 << 20));
    let id = send(&alice, "bob", json!([{ "path": "some.bin" }])).await;
    bob.read_one().await;
    let saving = bob.begin("save_attachment", place(&id, 1, "some.bin")).await;
    BridgeEnding::Terminate.of(&alice).await;
    let failed = within("the save fails", saving.content()).await;
    assert!(
        matches!(&failed, Err(CallError::Tool(text)) if text.contains("no longer there")),
        "{failed:?}"
    );
    let text = bob.error("save_attachment", place(&id, 1, "some.bin")).await;
    assert!(text.contains("its sender has left"), "{text}");
    assert_eq!(names(&home, "bob"), Vec::<String>::new());
}
