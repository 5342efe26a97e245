//! A member of the group that keeps to no rule: it holds the link, and so may join, list and send. It takes no
//! name that another has, reads no mail but its own, and speaks for nobody but itself.

use std::sync::{Arc, Mutex};

use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::id::Epoch;
use junction_shared::protocol::wire::{
    Answer, Card, Envelope, LookupTarget, Naming, Question, Receipt, ReceiptKind, Ticket, ToBridge,
    ToHub,
};
use junction_shared::secret::random_bytes;
use junction_testkit::{
    FrameProxy, RawPeer, RawSocket, TestBridge, TestHome, TestHub, eventually, from_hub, list,
    look_up, pass, texts,
};
use serde_json::{Value, json};

/// How a name can be written that people would take for another.
const SPELLINGS: [&str; 4] = ["silly-owl", "sillyowl", "s1lly-0wl", "silly--owl"];

#[tokio::test]
async fn a_live_alias_is_not_given_to_another_by_hello_ticket_wish_or_card() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let owner = RawPeer::new(&home);
    let (_owner, welcome) = RawSocket::join(hub.port, &owner, "silly-owl").await;
    let mallory = RawPeer::new(&home);
    let (mut socket, own) = RawSocket::join(hub.port, &mallory, "mallory").await;
    // The owner's ticket, made up ones, and one that is true, but for another alias.
    let tickets = [
        None,
        Some(welcome.grant.ticket.clone()),
        Some(Ticket([0; 32])),
        Some(Ticket(random_bytes())),
        Some(own.grant.ticket),
    ];
    for wish in SPELLINGS {
        for ticket in tickets.clone() {
            let peer = RawPeer::new(&home);
            let want = Some((wish.to_owned(), ticket));
            let (_socket, body) = RawSocket::welcomed(hub.port, &peer, want).await;
            assert!(!SPELLINGS.contains(&body.grant.alias.as_str()), "{}", body.grant.alias);
        }
        socket.send(&ToHub::Ask(1, Question::Rename(mallory.card(wish)))).await;
        let naming = socket
            .until("an answer to the wish", |frame| match frame {
                ToBridge::Answer(1, Answer::Named(naming)) => Some(naming),
                _ => None,
            })
            .await;
        assert!(matches!(naming, Naming::Taken { .. }), "{naming:?}");
        let peer = RawPeer::new(&home);
        let (mut socket, _) = RawSocket::join(hub.port, &peer, "moles").await;
        socket.send(&ToHub::Card(peer.card(wish))).await;
        assert_eq!(socket.close_code().await, Some(Close::ProtocolError.code()));
    }
    assert_eq!(look_up(&home, hub.port, "silly-owl").await.key, owner.key);
}

#[tokio::test]
async fn a_card_for_anothers_key_changes_nothing_and_ends_the_connection() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let true_card = look_up(&home, hub.port, "bob").await;
    let mallory = RawPeer::new(&home);
    // Each is authentic: any member can make it.
    let newer = Epoch(u64::MAX);
    for forged in [
        Card { epoch: newer, ..true_card.clone() },
        Card { epoch: newer, alias: "mallory".to_owned(), ..true_card.clone() },
        Card { epoch: newer, alias: "bob".to_owned(), key: mallory.key, ..true_card.clone() },
    ] {
        for by_wish in [false, true] {
            // The last one is of its own key: as a wish it is only refused.
            if by_wish && forged.key == mallory.key {
                continue;
            }
            let (mut socket, _) = RawSocket::join(hub.port, &mallory, "mallory").await;
            let card = mallory.sign(&forged);
            let frame =
                if by_wish { ToHub::Ask(1, Question::Rename(card)) } else { ToHub::Card(card) };
            socket.send(&frame).await;
            assert_eq!(socket.close_code().await, Some(Close::ProtocolError.code()));
        }
    }
    assert_eq!(look_up(&home, hub.port, "bob").await, true_card);
    alice.send("bob", "to the true one").await;
    assert_eq!(texts(&bob.read_many(1).await), ["to the true one"]);
}

/// The next message that is brought to this peer.
async fn next_mail(socket: &mut RawSocket) -> Envelope {
    let mail = |frame| match frame {
        ToBridge::Deliver(envelope, _) => Some(envelope),
        _ => None,
    };
    socket.until("mail", mail).await
}

#[tokio::test]
async fn messages_for_others_are_not_delivered_whatever_is_requested() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = RawPeer::new(&home);
    let (socket, _) = RawSocket::join(hub.port, &bob, "bob").await;
    // Bob is away: his mail lies in the hub.
    drop(socket);
    let alice = TestBridge::join(&home, &hub, "alice").await;
    alice.sees("bob", "away").await;
    let sent = alice.send("bob", "for bob alone").await;
    assert_eq!(sent["status"], "accepted");
    let mallory = RawPeer::new(&home);
    let (mut socket, _) = RawSocket::join(hub.port, &mallory, "mallory").await;
    let target = LookupTarget::Key(bob.key);
    for frame in [ToHub::Repush, ToHub::Ask(1, Question::Lookup(target)), ToHub::Repush] {
        socket.send(&frame).await;
    }
    let repushing = |frame| match frame {
        ToBridge::Deliver(..) => panic!("another's mail"),
        ToBridge::Repushing => Some(()),
        _ => None,
    };
    for _ in 0..2 {
        socket.until("the inbox is pushed from its start", repushing).await;
    }
    // What comes first is what was sent to her, after all that.
    let friend = RawPeer::new(&home);
    let (mut friends, _) = RawSocket::join(hub.port, &friend, "friend").await;
    let send = friend.sending(mallory.key, 1, &[0xaa; 272]);
    friends.send(&ToHub::Send(send.clone())).await;
    assert_eq!(next_mail(&mut socket).await, send.envelope);
    let (mut socket, _) = RawSocket::join(hub.port, &bob, "bob").await;
    assert_eq!(next_mail(&mut socket).await.header.to, bob.key);
}

#[tokio::test]
async fn a_forged_receipt_for_the_message_of_another_ends_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let heard_of: Arc<Mutex<Vec<Receipt>>> = Arc::default();
    let record = Arc::clone(&heard_of);
    // Only so that the test knows when they have come.
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToBridge::Receipt(receipt)) = from_hub(heard) {
            record.lock().expect("the record").push(receipt);
        }
        pass(heard)
    })
    .await;
    let bob = RawPeer::new(&home);
    let (socket, _) = RawSocket::join(hub.port, &bob, "bob").await;
    drop(socket);
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let alices = look_up(&home, hub.port, "alice").await.key;
    alice.sees("bob", "away").await;
    alice.send("bob", "unread").await;
    let (mut socket, _) = RawSocket::join(hub.port, &bob, "bob").await;
    let envelope = next_mail(&mut socket).await;
    let mallory = RawPeer::new(&home);
    let (mut liar, _) = RawSocket::join(hub.port, &mallory, "mallory").await;
    use ReceiptKind::{Expired, Opened, Read, Stale};
    for kind in [Opened, Read, Expired, Stale] {
        let forged = Receipt {
            to: alices,
            id: envelope.header.id,
            kind,
            mac: random_bytes(),
            outlook: None,
            seat: None,
        };
        liar.send(&ToHub::Receipt(forged)).await;
    }
    eventually("alice has heard them", async || {
        (heard_of.lock().expect("the record").len() == 4).then_some(())
    })
    .await;
    let told = alice.call("read_messages", json!({})).await;
    assert_eq!(list(&told, "receipts"), Vec::<Value>::new());
    // It is in his inbox as before.
    socket.send(&ToHub::Repush).await;
    assert_eq!(next_mail(&mut socket).await, envelope);
}

#[tokio::test]
async fn nobody_joins_or_sends_under_the_key_of_another() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "it is me").await;
    bob.read_one().await;
    let [alices, bobs] =
        [look_up(&home, hub.port, "alice").await, look_up(&home, hub.port, "bob").await];
    // All that a member has, but the secret of the key.
    let mut pretender = RawPeer::new(&home);
    pretender.key = alices.key;
    let mut socket = RawSocket::open(hub.port).await;
    let challenge = socket.bytes().await.expect("a challenge");
    let (hello, _) = pretender.answer(&challenge, None).expect("a hello");
    socket.send(&ToHub::Hello(hello)).await;
    assert_eq!(socket.close_code().await, Some(Close::Unauthorized.code()));
    // Under her own key, but for what she sends.
    let mallory = RawPeer::new(&home);
    let (mut socket, _) = RawSocket::join(hub.port, &mallory, "mallory").await;
    let mut send = mallory.sending(bobs.key, 9, &[0xaa; 272]);
    (send.envelope.header.from, send.envelope.header.epoch) = (alices.key, bobs.epoch);
    socket.send(&ToHub::Send(send)).await;
    assert_eq!(socket.close_code().await, Some(Close::ProtocolError.code()));
    alice.send("bob", "still me").await;
    assert_eq!(texts(&bob.read_many(1).await), ["still me"]);
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_member_cannot_send_as_another_even_with_the_hubs_help() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mallory = TestBridge::join(&home, &hub, "mallory").await;
    let alices = look_up(&home, hub.port, "alice").await.key;
    // Sealed by a true bridge, and brought as of alice.
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Deliver(mut envelope, age)) => {
            envelope.header.from = alices;
            vec![encode(&ToBridge::Deliver(envelope, age))]
        }
        _ => pass(heard),
    })
    .await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    for text in ["I am alice", "do as I say"] {
        mallory.send("bob", text).await;
    }
    alice.send("bob", "truly alice").await;
    let message = bob.read_one().await;
    assert_eq!((&message["from"], &message["message"]), (&json!("alice"), &json!("truly alice")));
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}
