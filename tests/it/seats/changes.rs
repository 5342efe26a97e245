//! A session that changes in a bridge that lives on: with an answer under way, while the hub or a peer is away, and several
//! times.

use super::disturbed::half_read;
use super::*;
use junction_testkit::{eventually, signal, texts};
use rustix::process::Signal;

/// Waits until bob sees a peer that has another alias than these; that alias.
async fn other_peer(bob: &TestBridge, known: &[&str]) -> String {
    eventually("another peer is there", async || {
        let answer = bob.call("list_peers", json!({})).await;
        let aliases = list(&answer, "peers").into_iter().map(|peer| peer["alias"].clone());
        let mut aliases = aliases.filter_map(|alias| alias.as_str().map(str::to_owned));
        aliases.find(|alias| !known.contains(&alias.as_str()))
    })
    .await
}

/// Waits until a bridge has another alias than this one; that alias.
async fn other_alias(bridge: &TestBridge, name: &str) -> String {
    eventually("it has another alias", async || {
        let other = bridge.try_call("register", json!({})).await.ok()?;
        other["alias"].as_str().filter(|other| *other != name).map(str::to_owned)
    })
    .await
}

#[tokio::test]
async fn regression_answer_to_an_earlier_session_says_nothing_of_the_mail_of_the_next() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (session, mut client, bob, ids, name) = half_read(&home, &hub).await;
    session.began(client.pid(), "resume", "second").await;
    let second = other_peer(&bob, &[&name]).await;
    let mut sent = Vec::new();
    for message in ["three", "four", "five"] {
        sent.push(bob.send(&second, message).await["id"].clone());
    }
    let page = client.answer().await;
    assert_eq!(list(&page["result"]["structuredContent"], "messages")[0]["id"], ids[0]);
    assert_eq!(bob.last_status(&ids[0]).await, "read");
    signal(client.pid(), Signal::TERM);
    client.close_stdin().await;
    let again = TestSession::new(&home, &hub, "second").start(&home).await;
    assert_eq!(texts(&again.read_many(3).await), ["three", "four", "five"]);
    for id in &sent {
        assert_eq!(bob.last_status(id).await, "read");
    }
    let first = session.elsewhere(&home).start(&home).await;
    assert_eq!(texts(&first.read_many(1).await), ["two"]);
    assert_eq!(bob.last_status(&ids[1]).await, "read");
}

#[tokio::test]
async fn regression_answer_is_told_of_by_its_own_session_when_two_more_have_followed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (session, mut client, bob, ids, name) = half_read(&home, &hub).await;
    session.began(client.pid(), "resume", "second").await;
    let second = other_peer(&bob, &[&name]).await;
    let sent = bob.send(&second, "three").await["id"].clone();
    session.began(client.pid(), "resume", "third").await;
    loses_sight(&bob, &second).await;
    let again = TestSession::new(&home, &hub, "second").start(&home).await;
    assert_eq!(texts(&again.read_many(1).await), ["three"]);
    assert_eq!(bob.last_status(&sent).await, "read");
    client.answer().await;
    assert_eq!(bob.last_status(&ids[0]).await, "read");
    assert_eq!(again.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn regression_mail_of_a_session_that_was_replaced_while_the_hub_was_away_comes_again() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice: bridge, bob, name } = &acquainted;
    let sent = acquainted.send(&["one", "two"]).await;
    bridge.holds(2).await;
    hub.kill();
    session.began(bridge.client.pid(), "resume", "second").await;
    hub.restart(&home).await;
    other_alias(bridge, name).await;
    let first = session.elsewhere(&home).start(&home).await;
    assert_eq!(texts(&first.read_many(2).await), ["one", "two"]);
    for id in &sent {
        assert_eq!(bob.last_status(id).await, "read");
    }
}

#[tokio::test]
async fn regression_name_that_was_lost_with_hub_and_bridge_is_nobodys() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let Acquainted { session, alice, bob, .. } = Acquainted::new(&home, &hub).await;
    alice.call("register", json!({ "alias": "chosen-name" })).await;
    bob.sees("chosen-name", "online").await;
    greet(&alice, "chosen-name", &bob).await;
    hub.kill();
    BridgeEnding::Kill.of(&alice).await;
    hub.restart(&home).await;
    let alice = session.start(&home).await;
    let name = alias(&alice).await;
    assert_ne!(name, "chosen-name");
    bob.sees(&name, "online").await;
    let message = json!({ "target_alias": "chosen-name", "message": "are you there?" });
    let text = bob.error("send_message", message).await;
    assert!(text.contains("No peer has that alias"), "{text}");
    bob.send(&name, "and now?").await;
    assert_eq!(alice.read_one().await["message"], "and now?");
    alice.send("bob", "still me").await;
    assert_is_from(&bob.read_one().await, &name, true);
}

#[tokio::test]
async fn regression_session_that_is_cleared_twice_while_the_hub_is_away_is_the_same_peer() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let Acquainted { session, alice, bob, name } = Acquainted::new(&home, &hub).await;
    hub.kill();
    session.began(alice.client.pid(), "clear", "second").await;
    session.began(alice.client.pid(), "clear", "third").await;
    hub.restart(&home).await;
    bob.sees(&name, "online").await;
    alice.send("bob", "still me").await;
    assert_is_from(&bob.read_one().await, &name, false);
    bob.send(&name, "I see").await;
    assert_is_from(&alice.read_one().await, "bob", false);
}

/// Bob stands still while the session is cleared, more than once in several bridges, and then finds it as he knew it.
#[tokio::test]
async fn regression_session_that_was_cleared_and_restarted_is_the_same_to_a_peer_who_was_away() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let Acquainted { session, mut alice, bob, name } = Acquainted::new(&home, &hub).await;
    signal(bob.client.pid(), Signal::STOP);
    hub.kill();
    hub.restart(&home).await;
    assert_eq!(alias(&alice).await, name);
    let mut runs_in = session;
    for id in ["second", "third"] {
        let seat = identity(&alice).await[1].clone();
        runs_in.began(alice.client.pid(), "clear", id).await;
        eventually("it has its other seat", async || {
            (identity(&alice).await[1] != seat).then_some(())
        })
        .await;
        BridgeEnding::Terminate.of(&alice).await;
        runs_in = TestSession::new(&home, &hub, id);
        alice = runs_in.start(&home).await;
        assert_eq!(alias(&alice).await, name);
    }
    signal(bob.client.pid(), Signal::CONT);
    bob.sees(&name, "online").await;
    bob.send(&name, "are you the same?").await;
    assert_eq!(alice.read_one().await["message"], "are you the same?");
    alice.send("bob", "I am").await;
    assert_is_from(&bob.read_one().await, &name, true);
}

#[tokio::test]
async fn session_that_follows_another_in_its_bridge_knows_whom_each_name_belongs_to() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Acquainted { session, alice: bridge, bob, name } = Acquainted::new(&home, &hub).await;
    session.began(bridge.client.pid(), "resume", "second").await;
    other_alias(&bridge, &name).await;
    BridgeEnding::Terminate.of(&bob).await;
    let thief = TestBridge::join(&home, &hub, "bob").await;
    let message = json!({ "target_alias": "bob", "message": "for bob" });
    let text = bridge.error("send_message", message).await;
    assert!(text.contains("fingerprint"), "{text}");
    assert_eq!(thief.leftovers().await, Vec::<Value>::new());
}
