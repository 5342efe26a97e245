//! A member of the group, which has its link and no `seat.key` of others.

use std::sync::{Arc, Mutex};

use junction_engine::seal::Plain;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{Incarnation, SeatKey, Seq, Signature};
use junction_shared::protocol::wire::{
    Envelope, Hello, Question, ReceiptKind, Return, ReturnBody, SeatClaim, SeatMove, ToBridge,
    ToHub,
};
use junction_testkit::{FrameProxy, TestBridge, from_bridge, pass};

use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How a hello lies that was signed by another seat than it claims. The other hello is one of the seat's holder.
type HelloLie = fn(&mut Hello, &Hello);

#[tokio::test]
async fn seat_is_not_claimed_without_its_signature_of_this_very_hello() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let heard: Arc<Mutex<Vec<Hello>>> = Arc::default();
    let record = Arc::clone(&heard);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToHub::Hello(hello)) = from_bridge(heard) {
            record.lock().expect("the record").push(hello);
        }
        pass(heard)
    })
    .await;
    let acquainted = Acquainted::on(&home, &hub, proxy.port, hub.port).await;
    let theirs = heard.lock().expect("the record").last().cloned().expect("a hello");
    assert!(theirs.seat_signature.is_some());
    let lies: [HelloLie; 4] = [
        |_, _| {},
        |hello, _| hello.seat_signature = None,
        |hello, theirs| hello.seat_signature = theirs.seat_signature,
        |hello, theirs| *hello = theirs.clone(),
    ];
    for lie in lies {
        let (thief, own) = (RawPeer::new(&home), RawSeat::random());
        let mut socket = RawSocket::open(hub.port).await;
        let challenge = socket.bytes().await.expect("a challenge");
        let claim = seat_of(&home).claim();
        let (mut hello, _) = thief.claim(&challenge, &acquainted.name, claim, &own.keys);
        lie(&mut hello, &theirs);
        socket.send(&ToHub::Hello(hello)).await;
        assert_eq!(socket.close_code().await, Some(Close::Unauthorized.code()));
        assert_unmoved(&home, &acquainted).await;
    }
}

/// The hub closes at each of these cards of a member under this alias, sent as a card and as a wish for the alias.
async fn are_refused(
    hub: &TestHub,
    (member, alias): (&RawPeer, &str),
    own: Option<&RawSeat>,
    cards: &[SignedCard],
) {
    for card in cards {
        for frame in [ToHub::Card(card.clone()), ToHub::Ask(1, Question::Rename(card.clone()))] {
            let want = Some((alias.to_owned(), None));
            let (mut socket, welcome) = match own {
                Some(own) => RawSocket::claim(hub.port, member, alias, own).await,
                None => RawSocket::welcomed(hub.port, member, want).await,
            };
            assert_eq!((&*welcome.grant.alias, welcome.seat.is_some()), (alias, own.is_some()));
            socket.send(&frame).await;
            let code = socket.close_code().await;
            assert_eq!(code, Some(Close::ProtocolError.code()), "{:?}", open(card));
        }
    }
}

#[tokio::test]
async fn card_shows_no_seat_that_the_hub_has_not_granted() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let theirs = card_of(&home, &hub, &acquainted.name).await;
    let (thief, own) = (RawPeer::new(&home), RawSeat::random());
    let on_their_key = Card { epoch: open(&theirs).epoch.next(), ..open(&theirs) };
    let on_their_key = Card { seat: Some(own.shown()), ..on_their_key };
    let mut cards = usurping_cards(&theirs, &thief, "mallory");
    cards.push(theirs.clone());
    cards.push(thief.sign_seated(&on_their_key, &own.keys));
    let mine = thief.unsigned_card("mallory", Some(own.shown()));
    let mine_signed = thief.sign_seated(&mine, &own.keys);
    are_refused(&hub, (&thief, "mallory"), None, &[cards.clone(), vec![mine_signed]].concat())
        .await;
    let member = RawPeer::new(&home);
    let mut cards = usurping_cards(&theirs, &member, "trudy");
    let (key, incarnation) = (own.key(), own.incarnation.next());
    let later = member.unsigned_card("trudy", Some(CardSeat { key, incarnation }));
    let mine = member.unsigned_card("trudy", Some(own.shown()));
    cards.extend([
        member.sign_seated(&later, &own.keys),
        member.sign(&mine),
        member.sign_seated(&mine, &RawSeat::random().keys),
    ]);
    are_refused(&hub, (&member, "trudy"), Some(&own), &cards).await;
    assert_unmoved(&home, &acquainted).await;
}

#[tokio::test]
async fn incarnation_more_than_a_day_ahead_is_not_granted() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (member, mut own) = (RawPeer::new(&home), RawSeat::random());
    let now = own.incarnation;
    own.incarnation = Incarnation(now.0 + 2 * DAY_MS);
    let (mut socket, welcome) = RawSocket::claim(hub.port, &member, "mallory", &own).await;
    assert_eq!(welcome.seat, None);
    let card = member.unsigned_card("mallory", Some(own.shown()));
    socket.send(&ToHub::Card(member.sign_seated(&card, &own.keys))).await;
    assert_eq!(socket.close_code().await, Some(Close::ProtocolError.code()));
    // The seat can still be claimed.
    own.incarnation = now;
    let (_, welcome) = RawSocket::claim(hub.port, &member, "mallory", &own).await;
    assert!(welcome.seat.is_some());
}

/// A member with a seat of its own on the hub, and the card of bob that it writes to.
pub(super) struct SeatedMember {
    pub(super) peer: RawPeer,
    pub(super) own: RawSeat,
    socket: RawSocket,
    bob: Card,
    /// The number of messages sent to bob.
    sent: u64,
}

impl SeatedMember {
    pub(super) async fn join(home: &TestHome, hub: &TestHub) -> Self {
        let (peer, own) = (RawPeer::new(home), RawSeat::random());
        let (mut socket, _) = RawSocket::claim(hub.port, &peer, "mallory", &own).await;
        let card = peer.unsigned_card("mallory", Some(own.shown()));
        socket.send(&ToHub::Card(peer.sign_seated(&card, &own.keys))).await;
        let bob = socket.card_of("bob").await;
        Self { peer, own, socket, bob, sent: 0 }
    }

    /// Writes to bob and names this seat, who reads it as of mallory and of nobody else.
    pub(super) async fn writes(&mut self, bob: &TestBridge, seat: SeatKey) {
        assert_is_from(&self.message(bob, seat).await, "mallory", false);
    }

    /// Writes to bob and names this seat; what bob reads.
    pub(super) async fn message(&mut self, bob: &TestBridge, seat: SeatKey) -> Value {
        self.sent += 1;
        let plain = Plain { seat: Some(seat), body: "look".to_owned(), ..Plain::default() };
        let send = self.peer.message(&self.bob, self.sent, &plain);
        self.socket.send(&ToHub::Send(send)).await;
        let message = bob.read_one().await;
        assert_eq!(message["message"], "look");
        message
    }

    /// The next message that is brought to the member.
    async fn mail(&mut self) -> Envelope {
        let mail = |frame| match frame {
            ToBridge::Deliver(envelope, _) => Some(envelope),
            _ => None,
        };
        self.socket.until("mail", mail).await
    }
}

#[tokio::test]
async fn member_does_not_move_the_session_of_another_to_its_seat() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let mut member = SeatedMember::join(&home, &hub).await;
    let SeatedMember { peer, own, .. } = &member;
    let theirs = open(&card_of(&home, &hub, &acquainted.name).await).seat.expect("a seat");
    let forged = own.forged_move(&peer.group.group, theirs);
    let nobodys = SeatMove { signature: Signature([0; 64]), ..forged.clone() };
    for word in [forged, nobodys] {
        let own_key = member.own.key();
        member.writes(&acquainted.bob, own_key).await;
        // With its hello …
        let claim = SeatClaim { moved_from: Some(word.clone()), ..member.own.claim() };
        let SeatedMember { peer, own, .. } = &member;
        let hello = |challenge: &[u8]| peer.claim(challenge, &acquainted.name, claim, &own.keys);
        let greeted = RawSocket::open(hub.port).await.greet(hello).await;
        let (mut socket, welcome) = greeted.expect("a welcome");
        assert_eq!(welcome.grant.alias, "mallory");
        // … and on its card, which bob is subscribed to.
        let card = peer.unsigned_card("mallory", Some(own.shown()));
        let card = peer.sign_seated(&card, &own.keys);
        socket.send(&ToHub::Card(SignedCard { moves: Some(vec![word]), ..card })).await;
        member.socket = socket;
        member.writes(&acquainted.bob, own_key).await;
        assert_unmoved(&home, &acquainted).await;
    }
}

#[tokio::test]
async fn seat_that_a_member_names_falsely_is_not_taken_for_its_own() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let bob = &acquainted.bob;
    let mut member = SeatedMember::join(&home, &hub).await;
    let (theirs, own) = (seat_of(&home).key(), member.own.key());
    for seat in [theirs, own, theirs] {
        member.writes(bob, seat).await;
        assert_unmoved(&home, &acquainted).await;
    }
    let sent = bob.send("mallory", "who are you?").await;
    let envelope = member.mail().await;
    for kind in [ReceiptKind::Opened, ReceiptKind::Read] {
        let receipt = member.peer.receipt(&envelope, kind, theirs);
        member.socket.send(&ToHub::Receipt(receipt)).await;
    }
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "read");
    assert_unmoved(&home, &acquainted).await;
}

#[tokio::test]
async fn return_word_of_a_member_returns_nothing_of_another() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let acquainted = Acquainted::new(&home, &hub).await;
    let Acquainted { alice, bob, name, .. } = &acquainted;
    let theirs = open(&card_of(&home, &hub, name).await);
    let ids = acquainted.send(&["one"]).await;
    alice.holds(1).await;
    let mut member = SeatedMember::join(&home, &hub).await;
    let seat = theirs.seat.expect("a seat").key;
    let all = ReturnBody { from: theirs.key, seat, highest: Seq(0), read: 0, leased: 0 };
    let own = ReturnBody { from: member.peer.key, ..all };
    let read = ReturnBody { highest: Seq(63), read: u64::MAX, ..all };
    for body in [all, read, own] {
        let word = member.peer.return_word(member.bob.key, &body);
        let nobodys = Return { mac: [0; 32], ..word.clone() };
        for word in [word, nobodys] {
            member.socket.send(&ToHub::Return(word)).await;
        }
    }
    // What comes after the words shows that bob has had them.
    let own = member.own.key();
    member.writes(bob, own).await;
    assert_eq!(bob.statuses(&ids[0]), Vec::<Value>::new());
    assert_eq!(alice.read_one().await["id"], ids[0]);
    assert_eq!(bob.receipt(&ids[0]).await["status"], "read");
    assert_unmoved(&home, &acquainted).await;
}
