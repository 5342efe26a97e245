//! A hub that lies about who is who: no key is sealed to that is not the one meant.

use std::sync::{Arc, Mutex};

use junction_shared::codec::{decode, encode};
use junction_shared::id::{Epoch, ReceiveKey};
use junction_shared::wire::{Answer, Card, Context, Reach, SignedCard, Standing, ToBridge, ToHub};
use serde_json::{Value, json};

use crate::harness::{
    Era, Home, Proxy, RawPeer, RawSocket, TestBridge, TestHub, eventually, from_bridge, from_hub,
    pass, texts,
};

/// A junction of alice and bob, whose cards reach alice as `lie` makes them; how many messages she handed
/// over in spite of it, and the error she got.
async fn told_a_card(lie: impl Fn(&SignedCard) -> SignedCard + Send + 'static) -> (usize, String) {
    let home = Home::new();
    let hub = TestHub::start(&home).await;
    let handed = Arc::new(Mutex::new(0));
    let count = Arc::clone(&handed);
    let proxy = Proxy::start(hub.port, move |heard| {
        if let Some(ToHub::Send(_)) = from_bridge(heard) {
            *count.lock().expect("the count") += 1;
        }
        match from_hub(heard) {
            Some(ToBridge::Answer(number, Answer::Found(standing, Some(card)))) => {
                vec![encode(&ToBridge::Answer(number, Answer::Found(standing, Some(lie(&card)))))]
            }
            _ => pass(heard),
        }
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let _bob = TestBridge::join(&home, &hub, "bob").await;
    let arguments = json!({ "target_alias": "bob", "message": "for bob" });
    let text = alice.error("send_message", arguments).await;
    let handed = *handed.lock().expect("the count");
    (handed, text)
}

#[tokio::test]
async fn a_card_that_no_member_made_is_not_sealed_to() {
    let (handed, text) = told_a_card(|card| {
        let mut card = card.clone();
        card.mac[0] ^= 1;
        card
    })
    .await;
    assert_eq!(handed, 0, "{text}");
    let stranger = RawPeer::stranger();
    let (handed, text) = told_a_card(move |card| {
        let card: Card = decode(&card.body).expect("a card");
        stranger.sign(&card)
    })
    .await;
    assert_eq!(handed, 0, "{text}");
}

#[tokio::test]
async fn a_card_of_another_than_was_asked_for_is_not_sealed_to() {
    let home = Home::new();
    let hub = TestHub::start(&home).await;
    let mallory = RawPeer::new(&home);
    let others = mallory.card("mallory");
    let proxy = Proxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Answer(number, Answer::Found(standing, Some(_)))) => {
            let answer = Answer::Found(standing, Some(others.clone()));
            vec![encode(&ToBridge::Answer(number, answer))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.error("send_message", json!({ "target_alias": "bob", "message": "for bob" })).await;
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_older_card_does_not_replace_a_newer_one() {
    let home = Home::new();
    let hub = TestHub::start(&home).await;
    let cards: Arc<Mutex<Vec<ToBridge>>> = Arc::default();
    let record = Arc::clone(&cards);
    let proxy = Proxy::start(hub.port, move |heard| {
        match from_hub(heard) {
            Some(ToBridge::Answer(_, Answer::Found(standing, Some(card)))) => {
                let key = decode::<Card>(&card.body).expect("a card").key;
                let push = ToBridge::Peer(key, standing, Some(card));
                record.lock().expect("the record").push(push);
            }
            Some(push @ ToBridge::Peer(_, _, Some(_))) => {
                record.lock().expect("the record").push(push);
            }
            _ => {}
        }
        pass(heard)
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "one").await;
    bob.call("register", json!({ "task": "another card" })).await;
    eventually("alice was pushed the newer card", async || {
        (cards.lock().expect("the record").len() >= 2).then_some(())
    })
    .await;
    let oldest = cards.lock().expect("the record")[0].clone();
    proxy.inject(0, &oldest).await;
    alice.send("bob", "two").await;
    assert_eq!(texts(&bob.read_many(2).await), ["one", "two"]);
}

#[tokio::test]
async fn a_key_of_low_order_is_not_sealed_to() {
    let home = Home::new();
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
async fn a_hub_that_cannot_prove_itself_is_told_nothing() {
    let home = Home::new();
    let hub = TestHub::start(&home).await;
    let heard_after: Arc<Mutex<Vec<ToHub>>> = Arc::default();
    let record = Arc::clone(&heard_after);
    let proxy = Proxy::start(hub.port, move |heard| {
        match (from_hub(heard), from_bridge(heard)) {
            (Some(ToBridge::Welcome(mut welcome)), _) => {
                welcome.mac[31] ^= 1;
                return vec![encode(&ToBridge::Welcome(welcome))];
            }
            (_, Some(ToHub::Hello(_))) => {}
            (_, Some(other)) => record.lock().expect("the record").push(other),
            _ => {}
        }
        pass(heard)
    })
    .await;
    let launch = TestBridge::launch(&home, proxy.port);
    let bridge = TestBridge::open(&home, launch, Era::Initialize).await;
    let text = bridge.error("register", json!({ "alias": "wary" })).await;
    assert!(text.contains("prove"), "{text}");
    assert!(heard_after.lock().expect("the record").is_empty());
}

#[tokio::test]
async fn a_hub_of_another_group_is_not_joined() {
    let (home, other) = (Home::new(), Home::new());
    let _own = TestHub::start(&home).await;
    let foreign = TestHub::start(&other).await;
    let launch = TestBridge::launch(&home, foreign.port);
    let bridge = TestBridge::open(&home, launch, Era::Initialize).await;
    let text = bridge.error("register", json!({ "alias": "stray" })).await;
    assert!(text.contains("group"), "{text}");
}

#[tokio::test]
async fn what_the_hub_says_of_presence_is_not_what_it_says_of_delivery() {
    let home = Home::new();
    let hub = TestHub::start(&home).await;
    let proxy = Proxy::start(hub.port, move |heard| match from_hub(heard) {
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
    assert_eq!(alice.last_word(&sent["id"]).await, "read");
}
