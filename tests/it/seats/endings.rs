//! A bridge ends, by each way to end, and is started again: who it is, and what becomes of its unread mail.

use super::*;
use junction_testkit::texts;

/// A bridge of a session, which has this alias if one is wished for, ends and is started again.
async fn restart(ending: BridgeEnding, wished: Option<&str>) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let session = TestSession::new(&home, &hub, "session");
    let alice = session.start(&home).await;
    let named = json!({ "alias": wished, "task": "mending the roof", "role": "carpenter" });
    let registered = alice.call("register", named).await;
    let name = registered["alias"].as_str().expect("an alias").to_owned();
    assert_eq!(registered.get("came_back"), None);
    assert_eq!(registered["context"]["task"], "mending the roof");
    assert!(wished.is_none_or(|wished| name == wished));
    greet(&alice, &name, &bob).await;
    let before = identity(&alice).await;
    for _ in 0..2 {
        ending.of(&alice).await;
        let alice = session.start(&home).await;
        assert_came_back(&alice, &name).await;
        assert_eq!(identity(&alice).await, before);
        for message in ["first", "second"] {
            alice.send("bob", message).await;
        }
        let messages = bob.read_many(2).await;
        assert_eq!(texts(&messages), ["first", "second"]);
        assert_is_from(&messages[0], &name, true);
        assert_is_from(&messages[1], &name, false);
        let answered = bob.send(&name, "and back").await;
        assert_is_from(&alice.read_one().await, "bob", false);
        assert_eq!(bob.receipt(&answered["id"]).await["status"], "read");
        let peers = list(&bob.call("list_peers", json!({})).await, "peers");
        assert_eq!(peers.len(), 1, "{peers:?}");
        assert_eq!(peers[0]["fingerprint"], before[1]);
        ending.of(&alice).await;
    }
}

#[tokio::test]
async fn session_whose_bridge_is_interrupted_comes_back_as_itself() {
    restart(BridgeEnding::Interrupt, None).await;
    restart(BridgeEnding::Interrupt, Some("alice")).await;
}

#[tokio::test]
async fn session_whose_bridge_is_terminated_comes_back_as_itself() {
    restart(BridgeEnding::Terminate, None).await;
    restart(BridgeEnding::Terminate, Some("alice")).await;
}

#[tokio::test]
async fn session_whose_bridge_has_no_more_input_comes_back_as_itself() {
    restart(BridgeEnding::EndOfInput, None).await;
    restart(BridgeEnding::EndOfInput, Some("alice")).await;
}

#[tokio::test]
async fn session_whose_bridge_is_killed_comes_back_as_itself() {
    restart(BridgeEnding::Kill, None).await;
    restart(BridgeEnding::Kill, Some("alice")).await;
}

#[tokio::test]
async fn unread_mail_of_a_bridge_that_ends_in_order_comes_again() {
    for ending in BridgeEnding::ORDERLY {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let acquainted = Acquainted::new(&home, &hub).await;
        let Acquainted { session, alice, bob, name } = &acquainted;
        let dora = TestBridge::join(&home, &hub, "dora").await;
        let ask = json!({ "target_alias": name, "message": "one", "wait_seconds": 60 });
        let asked = bob.begin("send_message", ask).await;
        alice.holds(1).await;
        let later = acquainted.send(&["two", "three"]).await;
        alice.holds(3).await;
        ending.of(alice).await;
        // Once it is in no list, its words to bob were passed on. So dora's message comes after them.
        loses_sight(&dora, name).await;
        let ask = json!({ "target_alias": "bob", "message": "what now?", "wait_seconds": 60 });
        let _dora_waits = dora.begin("send_message", ask).await;
        let sent = asked.content().await.expect("an answer");
        assert_eq!((&sent["status"], &sent["ended_by"]), (&json!("queued"), &json!("dora")));
        let alice = session.start(&home).await;
        assert_eq!(texts(&alice.read_many(3).await), ["one", "two", "three"], "{ending:?}");
        let new = acquainted.send(&["four"]).await;
        assert_eq!(alice.read_one().await["message"], "four");
        for id in later.iter().chain(&new).chain([&sent["id"]]) {
            assert_eq!(bob.receipt(id).await["status"], "read");
        }
        assert_eq!(alice.leftovers().await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn mail_of_a_bridge_that_is_killed_ends_unconfirmed_and_new_mail_goes_on() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice, bob, name } = &acquainted;
    let lost = acquainted.send(&["one", "two"]).await;
    alice.holds(2).await;
    BridgeEnding::Kill.of(alice).await;
    let alice = session.start(&home).await;
    assert_eq!(alias(&alice).await, *name);
    let new = acquainted.send(&["three"]).await;
    assert_eq!(alice.read_one().await["message"], "three");
    for id in &lost {
        assert_eq!(bob.receipt(id).await["status"], "unconfirmed");
    }
    assert_eq!(bob.receipt(&new[0]).await["status"], "read");
    assert_eq!(alice.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn mail_of_a_session_that_does_not_come_back_ends_expired() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Acquainted { alice, bob, name, .. } = Acquainted::new(&home, &hub).await;
    let short = json!({ "target_alias": name, "message": "soon", "ttl_seconds": 10 });
    let sent = bob.call("send_message", short).await;
    alice.holds(1).await;
    BridgeEnding::Terminate.of(&alice).await;
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "expired");
}

#[tokio::test]
async fn sender_is_told_that_a_session_has_left_and_may_come_back() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Acquainted { session, alice, bob, name } = Acquainted::new(&home, &hub).await;
    BridgeEnding::Terminate.of(&alice).await;
    loses_sight(&bob, &name).await;
    let message = json!({ "target_alias": name, "message": "are you there?" });
    let text = bob.error("send_message", message.clone()).await;
    assert!(text.contains(&format!("{name} has left")), "{text}");
    let nobody = json!({ "target_alias": "nobody-here", "message": "are you there?" });
    let text = bob.error("send_message", nobody).await;
    assert!(text.contains("No peer has that alias"), "{text}");
    let alice = session.start(&home).await;
    assert_came_back(&alice, &name).await;
    bob.call("send_message", message).await;
    assert_is_from(&alice.read_one().await, "bob", false);
}
