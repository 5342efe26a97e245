//! Hubs and bridges from before there were seats, beside those of now. The variable `JUNCTION_OLD_BINARIES` names the
//! folder of the old programs.

use super::*;
use junction_testkit::{Version, old_binary, skipped};

/// The path of an old program, or a word that the test is skipped.
fn old(name: &str) -> Option<String> {
    let path = old_binary(name).and_then(|path| path.to_str().map(str::to_owned));
    if path.is_none() {
        skipped("JUNCTION_OLD_BINARIES names no folder with programs from before there were seats");
    }
    path
}

#[tokio::test]
async fn old_hub_gives_new_bridges_no_seat_and_carries_all_else() {
    let Some(program) = old("junction-hub") else { return };
    let home = TestHome::new();
    let prefix = ["sh", "-c", &format!("exec '{program}'")].map(str::to_owned).to_vec();
    let hub = TestHub::start_by(&home, junction_testkit::free_port(), prefix).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { session, alice, bob, name } = &acquainted;
    let [_, fingerprint, _] = identity(alice).await;
    let lost = acquainted.send(&["one", "two"]).await;
    alice.holds(2).await;
    session.began(alice.client.pid(), "resume", &session.id).await;
    assert_eq!(alias(alice).await, *name);
    BridgeEnding::Terminate.of(alice).await;
    for id in &lost {
        assert_eq!(bob.receipt(id).await["status"], "unconfirmed");
    }
    // The alias is free, and who takes it is a stranger.
    let mut alice = session.start(&home).await;
    let registered = alice.register(name).await;
    assert_eq!((registered.get("came_back"), registered.get("offline")), (None, None));
    assert_ne!(registered["fingerprint"], fingerprint);
    alice.send("bob", "who am I?").await;
    let message = bob.read_one().await;
    assert_eq!((&message["key_changed"], message.get("restarted")), (&json!(true), None));
    let other = session.elsewhere(&home).resume(&home).await;
    assert_ne!(alias(&other).await, *name);
    assert_eq!(alias(&alice).await, *name);
    for bridge in [&alice, bob, &other] {
        let answer = bridge.call("list_peers", json!({})).await;
        assert_eq!((answer.get("replaced"), answer.get("hub_misbehaving")), (None, None));
    }
}

#[tokio::test]
async fn old_bridge_goes_on_beside_seats() {
    let Some(program) = old("junction-bridge") else { return };
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let launch = || TestBridge::launch_program(&program, &home, hub.port);
    let mut bob = TestBridge::open(&home, launch(), Version::Stateful).await;
    bob.register("bob").await;
    let session = TestSession::new(&home, &hub, "session");
    let alice = session.start(&home).await;
    let name = alias(&alice).await;
    greet(&alice, &name, &bob).await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    greet(&alice, &name, &carol).await;
    let lost = bob.send(&name, "one").await;
    let kept = carol.send(&name, "two").await;
    alice.holds(2).await;
    BridgeEnding::Terminate.of(&alice).await;
    assert_eq!(bob.receipt(&lost["id"]).await["status"], "unconfirmed");
    let alice = session.start(&home).await;
    assert_came_back(&alice, &name).await;
    assert_eq!(alice.read_one().await["id"], kept["id"]);
    assert_eq!(carol.receipt(&kept["id"]).await["status"], "read");
    // To an old bridge, the session is another under the same alias, as ever.
    alice.send("bob", "who am I?").await;
    let message = bob.read_one().await;
    assert_eq!((&message["from"], &message["key_changed"]), (&json!(name), &json!(true)));
    let confirmed =
        json!({ "target_alias": name, "message": "three", "fingerprint": message["fingerprint"] });
    let sent = bob.call("send_message", confirmed).await;
    assert_is_from(&alice.read_one().await, "bob", false);
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "read");
    assert_eq!(bob.call("list_peers", json!({})).await.get("hub_misbehaving"), None);
}

#[tokio::test]
async fn old_bridge_of_a_session_has_no_seat() {
    let Some(program) = old("junction-bridge") else { return };
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut session = TestSession::new(&home, &hub, "session");
    let new = session.start(&home).await;
    let name = alias(&new).await;
    BridgeEnding::Terminate.of(&new).await;
    session.program = program.into();
    let older = session.start(&home).await;
    assert_ne!(alias(&older).await, name);
    // And back: an update that is taken back and made again.
    session.program = junction_testkit::bridge_binary().into();
    let new = session.start(&home).await;
    assert_came_back(&new, &name).await;
    older.sees(&name, "online").await;
}

#[tokio::test]
async fn regression_session_that_lives_on_is_the_same_on_an_older_hub_and_on_a_newer_one_after_it()
{
    let Some(program) = old("junction-hub") else { return };
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let Acquainted { alice, bob, name, .. } = Acquainted::new(&home, &hub).await;
    let prefix = ["sh", "-c", &format!("exec '{program}'")].map(str::to_owned).to_vec();
    hub.kill();
    let mut older = TestHub::start_by(&home, hub.port, prefix).await;
    for is_newer in [false, true] {
        if is_newer {
            older.kill();
            hub.restart(&home).await;
        }
        bob.sees(&name, "online").await;
        bob.send(&name, "are you there?").await;
        assert_is_from(&alice.read_one().await, "bob", false);
        alice.send("bob", "I am").await;
        assert_is_from(&bob.read_one().await, &name, false);
    }
}
