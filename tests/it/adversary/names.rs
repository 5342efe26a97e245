//! A hub that lies about whose a name is: it offers another key under one that is known, gives one to two, or
//! grants what nobody asked for.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::wire::{
    Answer, Card, Grant, Naming, SignedCard, Standing, Ticket, ToBridge, ToHub,
};
use junction_testkit::{
    FrameProxy, RawPeer, TestBridge, TestHome, TestHub, eventually, from_bridge, from_hub, look_up,
    pass,
};
use serde_json::{Value, json};

fn alias_in(card: &SignedCard) -> String {
    decode::<Card>(&card.body).expect("a card").alias
}

#[tokio::test]
async fn another_key_under_a_known_alias_is_shown_and_nothing_is_sealed_to_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mallory = RawPeer::new(&home);
    // Made by a member, and in every way a card for that alias.
    let offered = mallory.card("bob");
    let (lies, handed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (lie, count) = (Arc::clone(&lies), Arc::clone(&handed));
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToHub::Send(_)) = from_bridge(heard) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let Some(ToBridge::Answer(number, mut answer)) = from_hub(heard) else {
            return pass(heard);
        };
        let shown: Vec<&mut SignedCard> = match &mut answer {
            Answer::Found(_, Some(card)) => vec![card],
            Answer::Page(page) => page.peers.iter_mut().map(|peer| &mut peer.card).collect(),
            _ => return pass(heard),
        };
        for card in shown {
            if lie.load(Ordering::Relaxed) && alias_in(card) == "bob" {
                card.clone_from(&offered);
            }
        }
        vec![encode(&ToBridge::Answer(number, answer))]
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let known = bob.call("register", json!({})).await["fingerprint"].clone();
    alice.send("bob", "so that I know you").await;
    bob.read_one().await;
    lies.store(true, Ordering::Relaxed);
    let card = look_up(&home, hub.port, "bob").await;
    proxy.inject_and_wait(0, &alice, 0, &ToBridge::Peer(card.key, Standing::Gone, None)).await;
    let mut arguments = json!({ "target_alias": "bob", "message": "is it you?" });
    let offered = mallory.key.fingerprint();
    let text = alice.error("send_message", arguments.clone()).await;
    for fingerprint in [known.as_str().expect("hex"), &offered] {
        assert!(text.contains(fingerprint), "{text}");
    }
    // Not even the word of the user for the one that is known lets it through.
    arguments["fingerprint"] = known;
    let text = alice.error("send_message", arguments).await;
    assert!(text.contains(&offered), "{text}");
    assert_eq!(handed.load(Ordering::Relaxed), 1, "only what was for the true bob");
}

#[tokio::test]
async fn an_alias_granted_twice_is_shown_to_peers_that_know_the_first_owner() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let kept: Arc<Mutex<Option<SignedCard>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let proxy = FrameProxy::start(hub.port, move |heard| match from_bridge(heard) {
        // The true hub never gave it to him, and is not to hear of it.
        Some(ToHub::Card(card)) if alias_in(&card) == "carol" => {
            *keep.lock().expect("the card") = Some(card);
            Vec::new()
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    let bobs = look_up(&home, hub.port, "bob").await.key;
    let carols = look_up(&home, hub.port, "carol").await.key;
    for name in ["bob", "carol"] {
        alice.send(name, "so that I know you").await;
    }
    let grant = Grant { alias: "carol".to_owned(), ticket: Ticket([0; 32]) };
    proxy.inject(1, &ToBridge::Reassigned(grant)).await;
    let card = eventually("bob has a card under carol's name", async || {
        kept.lock().expect("the card").clone()
    })
    .await;
    let news = ToBridge::Peer(bobs, Standing::Online, Some(card));
    proxy.inject_and_wait(0, &alice, 0, &news).await;
    let arguments = json!({ "target_alias": "carol", "message": "for carol alone" });
    let text = alice.error("send_message", arguments).await;
    for key in [bobs, carols] {
        assert!(text.contains(&key.fingerprint()), "{text}");
    }
    bob.send("alice", "in whose name?").await;
    let message = alice.read_one().await;
    assert_eq!(message["key_changed"], true);
    assert_eq!(message["fingerprint"], bobs.fingerprint());
    assert_eq!(carol.read_one().await["message"], "so that I know you");
    assert_eq!(carol.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_alias_that_is_unrequested_or_invalid_is_rejected_and_the_hub_is_reported() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| match from_hub(heard) {
        Some(ToBridge::Answer(number, Answer::Named(Naming::Granted(mut grant))))
            if grant.alias == "robert" =>
        {
            grant.alias = "puppet".to_owned();
            vec![encode(&ToBridge::Answer(number, Answer::Named(Naming::Granted(grant))))]
        }
        _ => pass(heard),
    })
    .await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let text = bob.error("register", json!({ "alias": "robert" })).await;
    assert!(text.contains("hub_misbehaving"), "{text}");
    bob.accuses_hub(1).await;
    assert_eq!(bob.call("register", json!({})).await["alias"], "bob");
    let grant = Grant { alias: "\u{1b}[2J".to_owned(), ticket: Ticket([0; 32]) };
    proxy.inject(0, &ToBridge::Reassigned(grant)).await;
    // The true hub does not know him by that name; he comes back under his own.
    eventually("he has his alias, and accuses the hub", async || {
        let answer = bob.try_call("register", json!({})).await.ok()?;
        (answer["alias"] == "bob" && answer["hub_misbehaving"] == 2).then_some(())
    })
    .await;
}
