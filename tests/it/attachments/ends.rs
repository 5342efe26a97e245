//! How attachments end, and what their senders are told.

use super::*;

#[tokio::test]
async fn attachment_can_be_saved_again_until_its_message_expires() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    write(&home, "alice", "a.txt", b"first");
    write(&home, "alice", "b.txt", b"second");
    let mut sent = message("bob", &json!([{ "path": "a.txt" }, { "path": "b.txt" }]));
    sent["ttl_seconds"] = json!(10);
    let id = alice.call("send_message", sent).await["id"].clone();
    bob.read_one().await;
    bob.call("save_attachment", place(&id, 1, "one.txt")).await;
    bob.call("save_attachment", place(&id, 1, "two.txt")).await;
    assert_eq!(file(&home, "bob", "two.txt").as_deref(), Some(b"first".as_slice()));
    let mut told = Receipts::default();
    assert_eq!(told.of(&alice, &id, 1).await, ["saved"]);
    assert_eq!(told.of(&alice, &id, 2).await, ["expired"]);
    let text = bob.error("save_attachment", place(&id, 1, "three.txt")).await;
    assert!(text.contains("has expired"), "{text}");
    assert_eq!(told.of(&alice, &id, 1).await, ["saved"]);
    assert_eq!(names(&home, "bob"), ["one.txt", "two.txt"]);
}

#[tokio::test]
async fn file_that_changed_before_it_was_given_is_refused_and_never_sent() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    write(&home, "alice", "some.bin", &content(6, 3 << 20));
    write(&home, "alice", "other.txt", b"stays");
    let attachments = json!([{ "path": "some.bin" }, { "path": "other.txt" }]);
    let id = send(&alice, "bob", attachments).await;
    bob.read_one().await;
    hub.kill();
    write(&home, "alice", "some.bin", &content(7, 3 << 20));
    hub.restart(&home).await;
    let mut told = Receipts::default();
    assert_eq!(told.of(&alice, &id, 1).await, ["refused(changed)"]);
    let text = bob.error("save_attachment", place(&id, 1, "some.bin")).await;
    assert!(text.contains("has changed since"), "{text}");
    bob.call("save_attachment", place(&id, 2, "other.txt")).await;
    assert_eq!(told.of(&alice, &id, 2).await, ["saved"]);
    assert_eq!(names(&home, "bob"), ["other.txt"]);
}

#[tokio::test]
async fn eight_attachments_are_saved_in_any_order() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    let name = |number: usize| format!("{number}.bin");
    for number in 1..=8 {
        write(&home, "alice", &name(number), &content(number, number << 17));
    }
    let attachments: Vec<_> = (1..=8).map(|number| json!({ "path": name(number) })).collect();
    let id = send(&alice, "bob", json!(attachments)).await;
    bob.read_one().await;
    for number in (1..=8).rev() {
        bob.call("save_attachment", place(&id, number, &name(number))).await;
        let saved = file(&home, "bob", &name(number));
        assert!(saved == Some(content(number, number << 17)), "{number}");
    }
    let mut told = Receipts::default();
    for number in 1..=8 {
        assert_eq!(told.of(&alice, &id, number).await, ["saved"]);
    }
}
