//! Many attachments among many bridges, and bridges and hubs of an earlier version.

use super::*;
use futures_util::future::join_all;
use junction_testkit::{free_port, old_binary, skipped};

/// The bridges that chat meanwhile.
const CHATTING: usize = 50;
/// Messages with attachments.
const MESSAGES: usize = 100;

#[tokio::test]
async fn hundred_messages_with_attachments_come_while_fifty_bridges_chat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    let names: Vec<_> = (0..CHATTING).map(|number| format!("chat-{number}")).collect();
    let others = join_all(names.iter().map(|name| join(&home, hub.port, name))).await;
    let chat = async |at: usize| {
        let next = &names[(at + 1) % CHATTING];
        for _ in 0..4 {
            others[at].send(next, "hello").await;
            others[at].read_one().await;
        }
    };
    let sending = async {
        for number in 0..MESSAGES {
            let name = format!("{number}.bin");
            write(&home, "alice", &name, &content(number, 1 + number * 1500));
            let id = send(&alice, "bob", json!([{ "path": name }])).await;
            assert_eq!(bob.read_one().await["id"], id);
            bob.call("save_attachment", place(&id, 1, &name)).await;
            let saved = file(&home, "bob", &name);
            assert!(saved == Some(content(number, 1 + number * 1500)), "{number}");
        }
    };
    tokio::join!(sending, join_all((0..CHATTING).map(chat)));
}

#[tokio::test]
async fn bridge_of_an_earlier_version_gets_messages_and_no_attachments() {
    let Some(program) = old_binary("junction-bridge") else {
        return skipped("JUNCTION_OLD_BINARIES names no folder with earlier programs");
    };
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = join(&home, hub.port, "alice").await;
    let launch = TestBridge::launch_program(&program, &home, hub.port);
    let mut bob = TestBridge::open(&home, launch, Version::Stateful).await;
    bob.register("bob").await;
    write(&home, "alice", "a.txt", b"a");
    let text = alice.error("send_message", message("bob", &json!([{ "path": "a.txt" }]))).await;
    assert!(text.contains("The bridge of bob has an older version"), "{text}");
    alice.send("bob", "without any").await;
    assert_eq!(bob.read_one().await["message"], "without any");
}

#[tokio::test]
async fn hub_of_an_earlier_version_carries_messages_and_no_attachments() {
    let Some(program) = old_binary("junction-hub") else {
        return skipped("JUNCTION_OLD_BINARIES names no folder with earlier programs");
    };
    let home = TestHome::new();
    let prefix = ["sh", "-c", &format!("exec '{}'", program.display())].map(str::to_owned);
    let hub = TestHub::start_by(&home, free_port(), prefix.to_vec()).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    write(&home, "alice", "a.txt", b"a");
    let text = alice.error("send_message", message("bob", &json!([{ "path": "a.txt" }]))).await;
    assert!(text.contains("older version that carries no attachments"), "{text}");
    alice.send("bob", "without any").await;
    assert_eq!(bob.read_one().await["message"], "without any");
}
