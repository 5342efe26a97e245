//! Two bridges of one session are alive at the same time.

use super::*;
use junction_testkit::{ClaudeProcess, eventually, texts};

/// The newer bridge has the seat with its mail, and the older one never takes it back.
async fn newer_has_the_seat(
    home: &TestHome,
    hub: &mut TestHub,
    acquainted: &Acquainted,
    newer: TestBridge,
) {
    let Acquainted { alice: older, bob, name, .. } = acquainted;
    assert_came_back(&newer, name).await;
    is_replaced(older, name).await;
    assert_eq!(texts(&newer.read_many(2).await), ["one", "two"]);
    acquainted.send(&["three"]).await;
    assert_eq!(newer.read_one().await["message"], "three");
    // One more for the greeting.
    bob.all_receipts_are_read(4).await;
    newer.send("bob", "still me").await;
    assert_is_from(&bob.read_one().await, name, true);
    let other = alias(older).await;
    bob.sees(&other, "online").await;
    BridgeEnding::EndOfInput.of(&newer).await;
    loses_sight(bob, name).await;
    hub.kill();
    hub.restart(home).await;
    older.sees("bob", "online").await;
    assert_ne!(alias(older).await, *name);
    assert_eq!(older.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn newer_bridge_of_one_client_process_has_the_seat() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let session = TestSession::new(&home, &hub, "session");
    let process = ClaudeProcess::start(&home, &session).await;
    let alice = process.bridge(&home, &session, 0).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let name = alias(&alice).await;
    greet(&alice, &name, &bob).await;
    let acquainted = Acquainted { session, alice, bob, name };
    acquainted.send(&["one", "two"]).await;
    acquainted.alice.holds(2).await;
    let newer = process.bridge(&home, &acquainted.session, 1).await;
    newer_has_the_seat(&home, &mut hub, &acquainted, newer).await;
}

#[tokio::test]
async fn newer_bridge_with_proof_has_the_seat_wherever_it_runs() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    acquainted.send(&["one", "two"]).await;
    acquainted.alice.holds(2).await;
    let newer = acquainted.session.elsewhere(&home).resume(&home).await;
    newer_has_the_seat(&home, &mut hub, &acquainted, newer).await;
}

#[tokio::test]
async fn wish_from_elsewhere_goes_on_without_the_seat_until_it_is_proven() {
    for holder_leaves in [false, true] {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let Acquainted { session, alice, bob, name } = Acquainted::new(&home, &hub).await;
        let elsewhere = session.elsewhere(&home);
        let other = elsewhere.start(&home).await;
        let answer = other.call("list_peers", json!({})).await;
        let other_name = answer["you"].as_str().expect("an alias").to_owned();
        assert_ne!(other_name, name);
        assert_eq!((answer.get("came_back"), answer.get("replaced")), (None, None));
        assert_eq!(alice.call("list_peers", json!({})).await.get("replaced"), None);
        assert_eq!(alias(&alice).await, name);
        greet(&other, &other_name, &bob).await;
        if holder_leaves {
            BridgeEnding::Terminate.of(&alice).await;
            loses_sight(&bob, &name).await;
        }
        assert_eq!(alias(&other).await, other_name);
        elsewhere.began(other.client.pid(), "resume", &session.id).await;
        eventually("it has the seat", async || (alias(&other).await == name).then_some(())).await;
        other.send("bob", "it is me").await;
        assert_is_from(&bob.read_one().await, &name, true);
        loses_sight(&bob, &other_name).await;
        if !holder_leaves {
            is_replaced(&alice, &name).await;
        }
    }
}

#[tokio::test]
async fn wish_from_elsewhere_waits_for_a_holder_that_is_about_to_leave() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Acquainted { session, alice, name, .. } = Acquainted::new(&home, &hub).await;
    let newer = session.elsewhere(&home).start(&home).await;
    let answer = newer.begin("list_peers", json!({})).await;
    BridgeEnding::Terminate.of(&alice).await;
    let answer = answer.content().await.expect("an answer");
    assert_eq!(answer["you"], name);
    assert!(answer["came_back"].is_string());
}

#[tokio::test]
async fn of_many_bridges_at_once_one_has_the_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Acquainted { session, alice, bob, name } = Acquainted::new(&home, &hub).await;
    let elsewhere: Vec<_> = (0..6)
        .map(|number| {
            let runtime = home.runtime(&format!("place-{number}"));
            let (id, program) = (session.id.clone(), session.program.clone());
            TestSession { port: session.port, id, program, runtime }
        })
        .collect();
    let started = elsewhere.iter().map(|session| session.resume(&home));
    let mut bridges = futures_util::future::join_all(started).await;
    bridges.push(alice);
    let names = eventually("one has it", async || {
        let mut names = Vec::new();
        for bridge in &bridges {
            // A call in the moment that the bridge loses the seat is not answered.
            let registered = bridge.try_call("register", json!({})).await.ok()?;
            names.push(registered["alias"].as_str()?.to_owned());
        }
        let holders = names.iter().filter(|given| **given == name).count();
        (holders == 1).then_some(names)
    })
    .await;
    let peers = list(&bob.call("list_peers", json!({ "limit": 200 })).await, "peers");
    let mut listed: Vec<_> = peers.iter().filter_map(|peer| peer["alias"].as_str()).collect();
    listed.sort_unstable();
    listed.dedup();
    assert_eq!((peers.len(), listed.len()), (bridges.len(), bridges.len()), "{peers:?}");
    let sent = bob.send(&name, "to whom it may concern").await;
    let holder = names.iter().position(|given| *given == name).expect("one has it");
    assert_eq!(bridges[holder].read_one().await["id"], sent["id"]);
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "read");
}
