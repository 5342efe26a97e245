//! A hub that lies about who is who: no key is sealed to that is not the one meant.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::crypto::public_key;
use junction_shared::protocol::id::{Epoch, PeerKey, ReceiveKey};
use junction_shared::protocol::wire::{
    Answer, Card, Context, Header, Reach, SignedCard, Standing, ToBridge, ToHub,
};
use junction_shared::secret::Secret;
use junction_testkit::{
    FrameProxy, RawPeer, RawSocket, TestBridge, TestHome, TestHub, from_bridge, from_hub, list,
    look_up, pass, texts,
};
use serde_json::{Value, json};

/// Alice is given cards as `lie` makes them, and is to send to bob: she hands nothing over, and says why.
async fn is_not_sealed_to(lie: impl Fn(&SignedCard) -> SignedCard + Send + 'static) {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let handed = Arc::new(Mutex::new(0));
    let count = Arc::clone(&handed);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToHub::Send(_)) = from_bridge(heard) {
            *count.lock().expect("the count") += 1;
        }
        match from_hub(heard) {
            // Not her own, which she asks for too.
            Some(ToBridge::Answer(number, Answer::Found(standing, Some(card))))
                if open(&card).alias == "bob" =>
            {
                vec![encode(&ToBridge::Answer(number, Answer::Found(standing, Some(lie(&card)))))]
            }
            _ => pass(heard),
        }
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let arguments = json!({ "target_alias": "bob", "message": "for bob" });
    let text = alice.error("send_message", arguments).await;
    // A member could have published such a card, and an honest hub cannot tell.
    assert!(text.contains("card is not valid"), "{text}");
    assert_eq!(*handed.lock().expect("the count"), 0);
    alice.accuses_hub(0).await;
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

/// What a card says.
fn open(card: &SignedCard) -> Card {
    decode(&card.body).expect("a card")
}

/// A card with something else in it, under the mac that it had.
fn altered(card: &SignedCard, alter: impl FnOnce(&mut Card)) -> SignedCard {
    let mut said = open(card);
    alter(&mut said);
    SignedCard { body: encode(&said).to_vec(), mac: card.mac, seat_signature: None, moves: None }
}

#[tokio::test]
async fn a_forged_card_is_not_sealed_to() {
    is_not_sealed_to(|card| {
        let mut card = card.clone();
        card.mac[0] ^= 1;
        card
    })
    .await;
    let stranger = RawPeer::stranger();
    is_not_sealed_to(move |card| stranger.sign(&open(card))).await;
}

#[tokio::test]
async fn a_card_with_another_key_in_it_is_not_sealed_to() {
    let others = ReceiveKey(public_key(&Secret::random()));
    is_not_sealed_to(move |card| altered(card, |said| said.receive_key = others)).await;
    let other = PeerKey(public_key(&Secret::random()));
    is_not_sealed_to(move |card| altered(card, |said| said.key = other)).await;
    is_not_sealed_to(|card| altered(card, |said| said.epoch = said.epoch.next())).await;
}

#[tokio::test]
async fn a_card_of_another_peer_than_requested_is_not_sealed_to() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let others = RawPeer::new(&home).card("mallory");
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Answer(number, Answer::Found(standing, Some(card))))
            if open(&card).alias == "bob" =>
        {
            let answer = Answer::Found(standing, Some(others.clone()));
            vec![encode(&ToBridge::Answer(number, answer))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let arguments = json!({ "target_alias": "bob", "message": "for bob" });
    let text = alice.error("send_message", arguments).await;
    assert!(text.contains("hub_misbehaving"), "{text}");
    alice.accuses_hub(1).await;
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_listing_with_a_forged_card_shows_the_others() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| match from_hub(heard) {
        Some(ToBridge::Answer(number, Answer::Page(mut page))) => {
            for listed in &mut page.peers {
                if open(&listed.card).alias == "bob" {
                    let task = Some("to be trusted with anything".to_owned());
                    listed.card = altered(&listed.card, |said| said.context.task = task);
                }
            }
            vec![encode(&ToBridge::Answer(number, Answer::Page(page)))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let _bob = TestBridge::join(&home, &hub, "bob").await;
    let _carol = TestBridge::join(&home, &hub, "carol").await;
    let listed = list(&alice.call("list_peers", json!({})).await, "peers");
    let aliases: Vec<_> = listed.iter().map(|peer| &peer["alias"]).collect();
    assert_eq!(aliases, ["carol"]);
    alice.accuses_hub(0).await;
}

#[tokio::test]
async fn news_with_a_wrong_or_forged_card_changes_nothing_and_the_wrong_one_is_reported() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let sealed: Arc<Mutex<Vec<Header>>> = Arc::default();
    let record = Arc::clone(&sealed);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToHub::Send(send)) = from_bridge(heard) {
            record.lock().expect("the record").push(send.envelope.header);
        }
        pass(heard)
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "one").await;
    let said = look_up(&home, hub.port, "bob").await;
    let (member, stranger) = (RawPeer::new(&home), RawPeer::stranger());
    let forged = Card { epoch: said.epoch.next(), ..said.clone() };
    let news = |card| ToBridge::Peer(said.key, Standing::Online, Some(card));
    proxy.inject(0, &news(member.card("bob"))).await;
    alice.accuses_hub(1).await;
    // The owner of the key can have published this one, so that it is not held against the hub.
    proxy.inject_and_wait(0, &alice, 1, &news(stranger.sign(&forged))).await;
    alice.send("bob", "two").await;
    assert_eq!(texts(&bob.read_many(2).await), ["one", "two"]);
    for header in sealed.lock().expect("the record").iter() {
        assert_eq!((header.to, header.epoch), (said.key, said.epoch));
    }
}

#[tokio::test]
async fn an_older_card_does_not_replace_a_newer_one() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    // The first card of bob that was shown, in place of all later ones once the hub lies.
    let first: Arc<Mutex<Option<SignedCard>>> = Arc::default();
    let lies = Arc::new(AtomicBool::new(false));
    let sealed: Arc<Mutex<Vec<Epoch>>> = Arc::default();
    let (old, lie, record) = (Arc::clone(&first), Arc::clone(&lies), Arc::clone(&sealed));
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToHub::Send(send)) = from_bridge(heard) {
            record.lock().expect("the record").push(send.envelope.header.epoch);
        }
        match from_hub(heard) {
            Some(ToBridge::Answer(number, Answer::Found(standing, Some(card))))
                if open(&card).alias == "bob" =>
            {
                let first = old.lock().expect("the card").get_or_insert(card.clone()).clone();
                let shown = if lie.load(Ordering::Relaxed) { first } else { card };
                vec![encode(&ToBridge::Answer(number, Answer::Found(standing, Some(shown))))]
            }
            _ => pass(heard),
        }
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    is_read(&alice, &bob, "to the first card").await;
    bob.call("register", json!({ "task": "another card" })).await;
    let newer = look_up(&home, hub.port, "bob").await;
    let oldest = first.lock().expect("the card").clone().expect("bob's card was shown");
    assert!(open(&oldest).epoch < newer.epoch);
    // News that the hub sent before is heard before.
    let push = ToBridge::Peer(newer.key, Standing::Online, Some(oldest));
    proxy.inject_and_wait(0, &alice, 0, &push).await;
    is_read(&alice, &bob, "after an old card was pushed").await;
    lies.store(true, Ordering::Relaxed);
    hub.kill();
    hub.restart(&home).await;
    alice.sees("bob", "online").await;
    let message = json!({ "target_alias": "bob", "message": "after an old card was the answer" });
    let text = alice.error("send_message", message).await;
    assert!(text.contains("older than an earlier one"), "{text}");
    let sealed: Vec<_> = sealed.lock().expect("the record").clone();
    assert!(sealed.len() == 2 && sealed[0] < newer.epoch && sealed[1] >= newer.epoch, "{sealed:?}");
}

/// One sends a message, the other reads it, and the one is told.
async fn is_read(from: &TestBridge, to: &TestBridge, text: &str) {
    let sent = from.send(&to.alias, text).await;
    assert_eq!(texts(&to.read_many(1).await), [text]);
    assert_eq!(from.receipt(&sent["id"]).await["status"], "read");
}

#[tokio::test]
async fn a_key_of_low_order_is_not_sealed_to() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mut low = [0; 32];
    for receive_key in [[0; 32], {
        low[0] = 1;
        low
    }] {
        let weak = RawPeer::new(&home);
        let want = Some(("weakling".to_owned(), None));
        let (mut socket, _) = RawSocket::welcomed(hub.port, &weak, want).await;
        let card = Card {
            key: weak.key,
            receive_key: ReceiveKey(receive_key),
            epoch: Epoch(1),
            alias: "weakling".to_owned(),
            reach: Reach::Pull,
            context: Context::default(),
            state: None,
            unwoken: None,
            features: None,
            attended: None,
            seat: None,
        };
        socket.send(&ToHub::Card(weak.sign(&card))).await;
        socket.card_of("weakling").await;
        let arguments = json!({ "target_alias": "weakling", "message": "x" });
        alice.error("send_message", arguments).await;
        socket.send(&ToHub::Leave).await;
        let _ = socket.close_code().await;
    }
    assert_eq!(alice.call("register", json!({})).await["alias"], "alice");
}

#[tokio::test]
async fn a_false_presence_changes_no_delivery_status() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        // Whatever the hub has to say of bob, it says that he is gone, which he is not.
        Some(ToBridge::Peer(key, _, card)) => {
            vec![encode(&ToBridge::Peer(key, Standing::Gone, card))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let sent = alice.send("bob", "there?").await;
    bob.call("register", json!({ "task": "makes the hub speak of bob" })).await;
    bob.read_one().await;
    // Whatever was said in between, the authentic receipt has the last word.
    assert_eq!(alice.last_status(&sent["id"]).await, "read");
}
