//! Thieves of seats: a member of the group without the seat's key, a hub that lies about seats, another user. None of them
//! gets alias, pin or mail of a session, and nobody takes them for it.

mod hubs;
mod member;
mod welcome;

use junction_shared::protocol::codec::decode;
use junction_shared::protocol::wire::{Card, CardSeat, SignedCard, ToHub};
use junction_testkit::{RawPeer, RawSeat, RawSocket, TestHome, TestHub, texts};
use serde_json::{Value, json};

use crate::seats::{Acquainted, assert_is_from, identity};

/// The seat of the session that [`Acquainted`] makes.
fn seat_of(home: &TestHome) -> RawSeat {
    RawSeat::of(home, "session")
}

/// What a card says.
fn open(card: &SignedCard) -> Card {
    decode(&card.body).expect("a card")
}

/// The card of the peer with this alias on the hub, as any member gets it.
async fn card_of(home: &TestHome, hub: &TestHub, alias: &str) -> SignedCard {
    let (mut socket, _) = RawSocket::join(hub.port, &RawPeer::new(home), "looker-up").await;
    let card = socket.signed_card_of(alias).await;
    socket.send(&ToHub::Leave).await;
    let _ = socket.close_code().await;
    card
}

/// The session has its seat, its alias and its mail, and bob takes it for who it was.
async fn assert_unmoved(home: &TestHome, acquainted: &Acquainted) {
    let Acquainted { alice, bob, name, .. } = acquainted;
    let [alias, fingerprint, _] = identity(alice).await;
    assert_eq!(alias, *name);
    assert_eq!(fingerprint, seat_of(home).key().fingerprint());
    assert_eq!(alice.call("list_peers", json!({})).await.get("replaced"), None);
    let sent = acquainted.send(&["still you?"]).await;
    assert_eq!(texts(&alice.read_many(1).await), ["still you?"]);
    assert_eq!(bob.receipt(&sent[0]).await["status"], "read");
    alice.send("bob", "still me").await;
    assert_is_from(&bob.read_one().await, name, false);
    assert_eq!(bob.sees(name, "online").await["fingerprint"], fingerprint);
    for bridge in [alice, bob] {
        assert_eq!(bridge.leftovers().await, Vec::<Value>::new());
    }
}

/// Cards under this alias that would make a thief the newest holder of the seat on this card, if they were believed.
fn usurping_cards(theirs: &SignedCard, thief: &RawPeer, alias: &str) -> Vec<SignedCard> {
    let CardSeat { key, incarnation } = open(theirs).seat.expect("a seat");
    let mine =
        || thief.unsigned_card(alias, Some(CardSeat { key, incarnation: incarnation.next() }));
    let replayed = theirs.seat_signature;
    vec![
        thief.sign(&mine()),
        thief.sign_seated(&mine(), &RawSeat::random().keys),
        SignedCard { seat_signature: replayed, ..thief.sign(&mine()) },
    ]
}
