//! A bridge whose client goes on with another session, leaves for good, or names no session.

use super::*;
use junction_testkit::{eventually, texts};

/// Waits until bob sees this alias with another fingerprint than this.
async fn sees_other_seat(bob: &TestBridge, name: &str, fingerprint: &Value) {
    eventually("it has its other seat", async || {
        let seen = bob.sees(name, "online").await;
        (seen["fingerprint"] != *fingerprint).then_some(())
    })
    .await;
}

#[tokio::test]
async fn session_whose_context_is_cleared_goes_on_under_its_new_id() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice, bob, name } = &acquainted;
    alice.call("register", json!({ "task": "mending the roof" })).await;
    let [_, fingerprint, context] = identity(alice).await;
    acquainted.send(&["one"]).await;
    alice.holds(1).await;
    session.began(alice.client.pid(), "clear", "cleared").await;
    sees_other_seat(bob, name, &fingerprint).await;
    let [alias_after, fingerprint, context_after] = identity(alice).await;
    assert_eq!((alias_after, &context_after), (json!(name), &context));
    assert_eq!(alice.read_one().await["message"], "one");
    alice.send("bob", "still me").await;
    assert_is_from(&bob.read_one().await, name, false);
    acquainted.send(&["two"]).await;
    alice.holds(1).await;
    let answer = alice.call("list_peers", json!({})).await;
    assert_eq!((answer.get("came_back"), answer.get("replaced")), (None, None));
    // It comes back under the new id, and the old one is another session's.
    BridgeEnding::Terminate.of(alice).await;
    let cleared = TestSession::new(&home, &hub, "cleared");
    let alice = cleared.start(&home).await;
    assert_came_back(&alice, name).await;
    assert_eq!(identity(&alice).await, [json!(name), fingerprint, context]);
    assert_eq!(alice.read_one().await["message"], "two");
    bob.all_receipts_are_read(3).await;
    alice.send("bob", "me again").await;
    assert_is_from(&bob.read_one().await, name, true);
    let other = session.elsewhere(&home).start(&home).await;
    assert_ne!(alias(&other).await, *name);
    assert_eq!(other.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn session_that_another_one_replaces_in_its_bridge_comes_back_elsewhere() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice: bridge, bob, name } = &acquainted;
    acquainted.send(&["one"]).await;
    bridge.holds(1).await;
    session.began(bridge.client.pid(), "resume", "second").await;
    loses_sight(bob, name).await;
    let second = alias(bridge).await;
    assert_ne!(second, *name);
    bridge.send("bob", "I am another").await;
    assert_is_from(&bob.read_one().await, &second, false);
    assert_eq!(bridge.leftovers().await, Vec::<Value>::new());
    let first = session.elsewhere(&home).start(&home).await;
    assert_came_back(&first, name).await;
    assert_eq!(texts(&first.read_many(1).await), ["one"]);
    first.send("bob", "it is me").await;
    assert_is_from(&bob.read_one().await, name, true);
    // And the other one, when its place is taken in turn.
    BridgeEnding::Kill.of(&first).await;
    session.began(bridge.client.pid(), "resume", &session.id).await;
    eventually("the first is back", async || (alias(bridge).await == *name).then_some(())).await;
    let again = TestSession::new(&home, &hub, "second").start(&home).await;
    assert_came_back(&again, &second).await;
    again.send("bob", "and me").await;
    assert_is_from(&bob.read_one().await, &second, true);
}

#[tokio::test]
async fn session_that_disconnects_leaves_its_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice, bob, name } = &acquainted;
    let [_, seat, _] = identity(alice).await;
    let ids = acquainted.send(&["one"]).await;
    alice.holds(1).await;
    assert_eq!(alice.call("disconnect", json!({})).await["disconnected"], true);
    assert_eq!(bob.receipt(&ids[0]).await["status"], "expired");
    let carol = TestBridge::join(&home, &hub, name).await;
    // Whatever the client says now, this process has no seat.
    let [other, key, _] = identity(alice).await;
    assert!(other != json!(name) && key != seat);
    session.began(alice.client.pid(), "resume", &session.id).await;
    session.began(alice.client.pid(), "resume", "second").await;
    assert_eq!(identity(alice).await[..2], [other, key]);
    BridgeEnding::Terminate.of(&carol).await;
    BridgeEnding::Terminate.of(alice).await;
    // A later process has.
    let alice = session.start(&home).await;
    let first = alice.call("list_peers", json!({})).await;
    assert_eq!(first.get("came_back"), None, "{first}");
    let before = identity(&alice).await;
    assert_eq!(before[1], seat);
    assert_eq!(alice.leftovers().await, Vec::<Value>::new());
    BridgeEnding::Terminate.of(&alice).await;
    let alice = session.start(&home).await;
    assert_eq!(identity(&alice).await, before);
}

#[tokio::test]
async fn session_that_its_client_does_not_name_comes_back_as_a_stranger() {
    for ending in BridgeEnding::ORDERLY {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let bob = TestBridge::join(&home, &hub, "bob").await;
        let alice = TestBridge::join(&home, &hub, "alice").await;
        let fingerprint = identity(&alice).await[1].clone();
        greet(&alice, "alice", &bob).await;
        let lost = bob.send("alice", "one").await;
        alice.holds(1).await;
        ending.of(&alice).await;
        assert_eq!(bob.receipt(&lost["id"]).await["status"], "unconfirmed");
        let mut alice = TestBridge::open(
            &home,
            TestBridge::launch(&home, hub.port),
            junction_testkit::Version::Stateful,
        )
        .await;
        let registered = alice.register("alice").await;
        assert_eq!(registered.get("came_back"), None);
        assert_ne!(registered["fingerprint"], fingerprint);
        alice.send("bob", "who am I?").await;
        let message = bob.read_one().await;
        assert_eq!((&message["key_changed"], message.get("restarted")), (&json!(true), None));
        assert_eq!(message["fingerprint"], registered["fingerprint"]);
        bob.error("send_message", json!({ "target_alias": "alice", "message": "two" })).await;
    }
}
