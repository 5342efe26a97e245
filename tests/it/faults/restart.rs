//! The hub dies and comes back: nothing is lost or doubled while the two bridges live.

use std::collections::HashMap;

use futures_util::future::{join, join_all};
use junction_shared::protocol::wire::ToBridge;
use junction_testkit::client::PendingCall;
use junction_testkit::{
    RawPeer, RawSocket, TestBridge, TestHome, TestHub, Version, eventually, health, pair, signal,
    texts, within,
};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Sends `count` messages at once, in this order; their ids.
async fn send_all(from: &TestBridge, to: &str, label: &str, count: usize) -> Vec<Value> {
    let mut calls = Vec::new();
    for number in 0..count {
        let message = format!("{label} {number}");
        let arguments = json!({ "target_alias": to, "message": message });
        calls.push(from.begin("send_message", arguments).await);
    }
    let sent = join_all(calls.into_iter().map(PendingCall::content)).await;
    sent.into_iter().map(|answer| answer.expect("it is taken")["id"].clone()).collect()
}

fn labelled(label: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{label} {number}")).collect()
}

#[tokio::test]
async fn unread_and_queued_messages_survive_a_killed_hub() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let mut ids = Vec::new();
    for text in labelled("unread", 5) {
        ids.push(alice.send("bob", &text).await["id"].clone());
    }
    hub.kill();
    for text in labelled("queued", 2) {
        let sent = alice.send("bob", &text).await;
        assert_eq!(sent["status"], "queued");
        ids.push(sent["id"].clone());
    }
    hub.restart(&home).await;
    ids.push(alice.send("bob", "after").await["id"].clone());
    let messages = bob.read_many(8).await;
    let expected = [labelled("unread", 5), labelled("queued", 2), vec!["after".to_owned()]];
    assert_eq!(texts(&messages), expected.concat());
    for id in &ids {
        assert_eq!(alice.receipt(id).await["status"], "read");
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn messages_read_before_a_crash_are_not_read_again() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let early = alice.send("bob", "early").await;
    bob.read_one().await;
    hub.kill();
    hub.restart(&home).await;
    alice.send("bob", "late").await;
    assert_eq!(texts(&bob.read_many(1).await), ["late"]);
    assert_eq!(alice.receipt(&early["id"]).await["status"], "read");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_read_goes_on_through_an_outage_and_its_receipt_arrives_after_it() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let sent = alice.send("bob", "here already").await;
    eventually("it waits at bob's", async || {
        (bob.call("register", json!({})).await["unread"] == 1).then_some(())
    })
    .await;
    hub.kill();
    assert_eq!(bob.read_one().await["message"], "here already");
    let wait = bob.begin("read_messages", json!({ "wait_seconds": 60 })).await;
    hub.restart(&home).await;
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
    alice.send("bob", "and on it goes").await;
    let answer = within("the read", wait.content()).await.expect("an answer");
    assert_eq!(answer["messages"][0]["message"], "and on it goes");
}

#[tokio::test]
async fn aliases_go_back_to_their_owners() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let names: Vec<String> = (0..8).map(|number| format!("keeper-{number}")).collect();
    let bridges = join_all(names.iter().map(|name| TestBridge::join(&home, &hub, name))).await;
    hub.kill();
    hub.restart(&home).await;
    eventually("all are back", async || {
        (health(hub.port).await?["activePeers"] == 8).then_some(())
    })
    .await;
    for (bridge, name) in bridges.iter().zip(&names) {
        assert_eq!(bridge.call("register", json!({})).await["alias"], *name);
    }
}

#[tokio::test]
async fn a_ticket_regains_an_alias_from_the_peer_that_took_it() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    alice.send("bob", "so that he knows me").await;
    bob.read_one().await;
    hub.kill();
    // While alice waits to dial again, another one takes her name on the fresh hub.
    signal(alice.client.pid(), Signal::STOP);
    hub.restart(&home).await;
    let squatter = RawPeer::new(&home);
    let (mut socket, welcome) = RawSocket::join(hub.port, &squatter, "alice").await;
    assert_eq!(welcome.grant.alias, "alice");
    signal(alice.client.pid(), Signal::CONT);
    let given = socket
        .until("the squatter is told its new alias", |frame| match frame {
            ToBridge::Reassigned(grant) => Some(grant.alias),
            _ => None,
        })
        .await;
    assert_ne!(given, "alice");
    assert_eq!(alice.call("register", json!({})).await["alias"], "alice");
    alice.sees("bob", "online").await;
    alice.send("bob", "it is still me").await;
    let message = bob.read_one().await;
    assert_eq!((&message["from"], message.get("key_changed")), (&json!("alice"), None));
}

#[tokio::test]
async fn a_known_peer_that_has_not_reconnected_can_be_messaged() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let known = alice.send("bob", "so that she knows him").await;
    bob.read_one().await;
    alice.receipt(&known["id"]).await;
    hub.kill();
    signal(bob.client.pid(), Signal::STOP);
    hub.restart(&home).await;
    alice.sees_nobody().await;
    let sent = alice.send("bob", "while he is away").await;
    assert!(["queued", "accepted"].contains(&sent["status"].as_str().expect("a status")));
    signal(bob.client.pid(), Signal::CONT);
    assert_eq!(bob.read_one().await["message"], "while he is away");
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
}

#[tokio::test]
async fn talk_in_both_directions_survives_repeated_crashes() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    let mut sent = HashMap::from([("alice", Vec::new()), ("bob", Vec::new())]);
    for round in 0..4 {
        let label = format!("round {round}");
        let (to_bob, to_alice) =
            join(send_all(&alice, "bob", &label, 3), send_all(&bob, "alice", &label, 3)).await;
        sent.get_mut("alice").expect("alice").extend(to_bob);
        sent.get_mut("bob").expect("bob").extend(to_alice);
        if round % 2 == 0 {
            hub.kill();
        } else {
            hub.stop(Signal::TERM).await;
        }
        hub.restart(&home).await;
    }
    let expected: Vec<String> =
        (0..4).flat_map(|round| labelled(&format!("round {round}"), 3)).collect();
    for (reader, writer, name) in [(&bob, &alice, "alice"), (&alice, &bob, "bob")] {
        assert_eq!(texts(&reader.read_many(12).await), expected);
        for id in &sent[name] {
            assert_eq!(writer.receipt(id).await["status"], "read");
        }
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
    assert_eq!(alice.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn sends_racing_a_crash_each_come_to_their_end_once() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, bob) = pair(&home, &hub).await;
    alice.send("bob", "first contact").await;
    bob.read_one().await;
    let crash = async {
        hub.kill();
        hub.restart(&home).await;
    };
    let (ids, ()) = join(send_all(&alice, "bob", "racing", 20), crash).await;
    assert_eq!(texts(&bob.read_many(20).await), labelled("racing", 20));
    for id in &ids {
        assert_eq!(alice.receipt(id).await["status"], "read");
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_new_hub_accepts_bridges_that_never_met_its_predecessor() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let (alice, _bob) = pair(&home, &hub).await;
    hub.kill();
    let launch = TestBridge::launch(&home, hub.port);
    let mut carol = TestBridge::open(&home, launch, Version::Stateful).await;
    hub.restart(&home).await;
    eventually("carol joins", async || {
        carol.try_call("register", json!({ "alias": "carol" })).await.ok()
    })
    .await;
    "carol".clone_into(&mut carol.alias);
    carol.sees("alice", "online").await;
    carol.send("alice", "new here").await;
    assert_eq!(alice.read_one().await["from"], "carol");
    carol.sees("bob", "online").await;
}

#[tokio::test]
async fn many_bridges_survive_repeated_hub_crashes() {
    const CROWD: usize = 6;
    const EACH: usize = 12;
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let names: Vec<String> = (0..CROWD).map(|number| format!("member-{number}")).collect();
    let bridges = join_all(names.iter().map(|name| TestBridge::join(&home, &hub, name))).await;
    // Everyone has written to everyone before the first crash.
    let talk = async |number: usize| {
        let rounds = bridges.iter().enumerate().map(async |(from, bridge)| {
            for (to, name) in names.iter().enumerate().filter(|(to, _)| *to != from) {
                bridge.send(name, &format!("{from} to {to}, {number}")).await;
            }
        });
        join_all(rounds).await;
    };
    talk(0).await;
    let talking = async {
        for number in 1..EACH {
            talk(number).await;
        }
    };
    let crashing = async {
        for _ in 0..6 {
            hub.kill();
            hub.restart(&home).await;
            eventually("somebody is back", async || {
                (health(hub.port).await?["activePeers"].as_u64()? > 0).then_some(())
            })
            .await;
        }
    };
    let ends = bridges.iter().enumerate().map(async |(me, bridge)| {
        let messages = bridge.read_many((CROWD - 1) * EACH).await;
        for from in (0..CROWD).filter(|from| *from != me) {
            let prefix = format!("{from} to {me}, ");
            let got: Vec<&str> =
                texts(&messages).into_iter().filter(|text| text.starts_with(&prefix)).collect();
            let sent: Vec<String> = (0..EACH).map(|number| format!("{prefix}{number}")).collect();
            assert_eq!(got, sent);
        }
        bridge.all_receipts_are_read((CROWD - 1) * EACH).await;
        assert_eq!(bridge.leftovers().await, Vec::<Value>::new());
    });
    // All of it at once: receipts are lost on their way as well.
    join(join(talking, crashing), join_all(ends)).await;
}
