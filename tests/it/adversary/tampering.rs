//! A hub that lies: whatever it alters, repeats, swaps or makes up, no agent is shown it and no sender is
//! told more than is true.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::id::{Epoch, MessageId, Seq};
use junction_shared::protocol::wire::{Envelope, Receipt, ReceiptKind, ToBridge, ToHub};
use junction_testkit::{
    FrameProxy, RawPeer, RawSocket, TestBridge, TestHome, TestHub, eventually, from_bridge,
    from_hub, list, look_up, pass, texts,
};
use serde_json::{Value, json};

/// Envelopes that differ from this one in one thing each.
fn altered(envelope: &Envelope) -> Vec<Envelope> {
    type SpoilEnvelope = fn(&mut Envelope);
    let spoilt: [SpoilEnvelope; 12] = [
        |e| e.header.group.0[0] ^= 1,
        |e| e.header.id.0[15] ^= 1,
        |e| e.header.enc[0] ^= 1,
        |e| e.header.enc = [0; 32],
        |e| e.header.seq = Seq(e.header.seq.0 + 1),
        |e| e.header.sent_ms ^= 1,
        |e| e.header.ttl_ms ^= 1,
        |e| std::mem::swap(&mut e.header.from, &mut e.header.to),
        |e| e.header.from.0[31] ^= 1,
        |e| e.header.to.0[31] ^= 1,
        |e| e.sealed = e.sealed.slice(..e.sealed.len() - 1),
        |e| e.sealed = Bytes::new(),
    ];
    let with = |spoil: &dyn Fn(&mut Envelope)| {
        let mut copy = envelope.clone();
        spoil(&mut copy);
        copy
    };
    let mut all: Vec<Envelope> = spoilt.iter().map(|spoil| with(spoil)).collect();
    let length = envelope.sealed.len();
    for at in [0, length / 2, length - 17, length - 16, length - 1] {
        all.push(with(&|copy| {
            let mut sealed = copy.sealed.to_vec();
            sealed[at] ^= 0x10;
            copy.sealed = sealed.into();
        }));
    }
    all
}

#[tokio::test]
async fn an_altered_message_is_not_opened_and_the_original_is_read() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| match from_hub(heard) {
        Some(ToBridge::Deliver(envelope, age)) => {
            let frame = |envelope| encode(&ToBridge::Deliver(envelope, age));
            let mut frames: Vec<Bytes> = altered(&envelope).into_iter().map(frame).collect();
            frames.extend(pass(heard));
            frames
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let mut ids = Vec::new();
    for text in ["first", "second"] {
        ids.push(alice.send("bob", text).await["id"].clone());
    }
    assert_eq!(texts(&bob.read_many(2).await), ["first", "second"]);
    for id in &ids {
        assert_eq!(alice.receipt(id).await["status"], "read");
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_message_for_an_epoch_never_published_is_not_opened() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| match from_hub(heard) {
        Some(ToBridge::Deliver(mut envelope, age)) => {
            envelope.header.epoch = Epoch(envelope.header.epoch.0 + 9);
            vec![encode(&ToBridge::Deliver(envelope, age))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let sent = alice.send("bob", "for another epoch").await;
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "unconfirmed");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_replayed_message_is_read_once() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let seen: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let record = Arc::clone(&seen);
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Deliver(..)) => {
            let mut seen = record.lock().expect("the record");
            seen.push(heard.bytes.clone());
            // This one twice, and all before it once more.
            [vec![heard.bytes.clone()], seen.clone()].concat()
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    for text in ["one", "two", "three"] {
        alice.send("bob", text).await;
        assert_eq!(texts(&bob.read_many(1).await), [text]);
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_message_that_arrives_after_a_later_one_is_not_shown() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut held: Option<Bytes> = None;
    let proxy = FrameProxy::start(hub.port, move |heard| match (from_hub(heard), held.take()) {
        (Some(ToBridge::Deliver(..)), None) => {
            held = Some(heard.bytes.clone());
            Vec::new()
        }
        (Some(ToBridge::Deliver(..)), Some(earlier)) => vec![heard.bytes.clone(), earlier],
        (_, kept) => {
            held = kept;
            pass(heard)
        }
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let first = alice.send("bob", "first").await;
    let second = alice.send("bob", "second").await;
    assert_eq!(texts(&bob.read_many(1).await), ["second"]);
    assert_eq!(alice.receipt(&second["id"]).await["status"], "read");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
    let told = list(&alice.read().await, "receipts");
    assert!(told.iter().all(|receipt| receipt["id"] != first["id"]), "{told:?}");
}

#[tokio::test]
async fn a_message_delivered_to_another_peer_is_not_opened() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let caught: Arc<Mutex<Option<Envelope>>> = Arc::default();
    let net = Arc::clone(&caught);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToBridge::Deliver(envelope, _)) = from_hub(heard) {
            *net.lock().expect("the net") = Some(envelope);
        }
        pass(heard)
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let carol = TestBridge::join_port(&home, proxy.port, "carol").await;
    alice.send("bob", "for bob alone").await;
    bob.read_one().await;
    let envelope = caught.lock().expect("the net").take().expect("an envelope");
    let mut readdressed = envelope.clone();
    readdressed.header.to = look_up(&home, hub.port, "carol").await.key;
    for envelope in [envelope, readdressed] {
        proxy.inject(2, &ToBridge::Deliver(envelope, 0)).await;
    }
    alice.send("carol", "for carol").await;
    assert_eq!(texts(&carol.read_many(1).await), ["for carol"]);
    assert_eq!(carol.leftovers().await, Vec::<Value>::new());
    // Of the one that names another receiver: the other could be a member's rubbish.
    carol.accuses_hub(1).await;
}

#[tokio::test]
async fn swapped_messages_are_not_opened_and_the_hub_is_reported() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let held: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let hold = Arc::clone(&held);
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Deliver(..)) => {
            let mut held = hold.lock().expect("what is held");
            held.push(heard.bytes.clone());
            // Bob's comes to carol, in place of hers; hers comes to him below.
            held.get(1).and(held.first()).cloned().into_iter().collect()
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let carol = TestBridge::join_port(&home, proxy.port, "carol").await;
    alice.send("bob", "for bob").await;
    alice.send("carol", "for carol").await;
    carol.accuses_hub(1).await;
    let [to_bob, to_carol] =
        [0, 1].map(|at| decode(&held.lock().expect("what is held")[at]).expect("a frame"));
    proxy.inject(1, &to_carol).await;
    bob.accuses_hub(1).await;
    proxy.inject(1, &to_bob).await;
    proxy.inject(2, &to_carol).await;
    assert_eq!(texts(&bob.read_many(1).await), ["for bob"]);
    assert_eq!(texts(&carol.read_many(1).await), ["for carol"]);
    for bridge in [&bob, &carol] {
        assert_eq!(bridge.leftovers().await, Vec::<Value>::new());
    }
}

/// Envelopes made of two: the first, with one thing of the other.
fn mixed(one: &Envelope, other: &Envelope) -> Vec<Envelope> {
    type Mix = fn(&mut Envelope, &Envelope);
    let mixes: [Mix; 7] = [
        |mix, other| mix.sealed = other.sealed.clone(),
        |mix, other| mix.header = other.header.clone(),
        |mix, other| mix.header.from = other.header.from,
        |mix, other| mix.header.id = other.header.id,
        |mix, other| mix.header.enc = other.header.enc,
        |mix, other| mix.header.seq = Seq(other.header.seq.0 + 1),
        |mix, other| (mix.header.from, mix.header.enc) = (other.header.from, other.header.enc),
    ];
    let mixed = mixes.iter().map(|mix| {
        let mut envelope = one.clone();
        mix(&mut envelope, other);
        envelope
    });
    mixed.filter(|envelope| envelope != one && envelope != other).collect()
}

#[tokio::test]
async fn messages_with_swapped_parts_are_not_opened_and_the_originals_are_read() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut held: Vec<Envelope> = Vec::new();
    let proxy = FrameProxy::start(hub.port, move |heard| {
        let Some(ToBridge::Deliver(envelope, _)) = from_hub(heard) else { return pass(heard) };
        held.push(envelope);
        if held.len() < 3 {
            return Vec::new();
        }
        let pairs = held.iter().flat_map(|one| held.iter().map(move |other| (one, other)));
        let lies = pairs.flat_map(|(one, other)| mixed(one, other));
        lies.chain(held.clone()).map(|lie| encode(&ToBridge::Deliver(lie, 0))).collect()
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let carol = TestBridge::join_port(&home, proxy.port, "carol").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let mut sent = Vec::new();
    for (who, text) in [(&alice, "one of alice"), (&alice, "two of alice"), (&carol, "of carol")] {
        sent.push((who, who.send("bob", text).await["id"].clone()));
    }
    let read = bob.read_many(3).await;
    let mut told: Vec<_> =
        read.iter().map(|message| (&message["from"], &message["message"])).collect();
    // Mail of one sender comes in its order.
    told.sort_by_key(|(from, _)| from.to_string());
    let expected = [
        (json!("alice"), json!("one of alice")),
        (json!("alice"), json!("two of alice")),
        (json!("carol"), json!("of carol")),
    ];
    assert_eq!(told, expected.each_ref().map(|(from, text)| (from, text)));
    for (who, id) in sent {
        assert_eq!(who.receipt(&id).await["status"], "read");
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_forged_receipt_is_not_accepted() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut alices_key = None;
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToHub::Send(send)) = from_bridge(heard) {
            alices_key = Some(send.envelope.header.from);
        }
        let mut frames = pass(heard);
        if let (Some(ToBridge::Accepted(id)), Some(to)) = (from_hub(heard), alices_key) {
            use ReceiptKind::{Expired, Opened, Read, Stale};
            let forged = [Opened, Read, Expired, Stale].map(|kind| Receipt {
                to,
                id,
                kind,
                mac: [5; 32],
                outlook: None,
                seat: None,
            });
            frames.extend(forged.map(|receipt| encode(&ToBridge::Receipt(receipt))));
        }
        frames
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let first = alice.send("bob", "first").await;
    // By the time the second is accepted, the lies about the first have been heard.
    let second = alice.send("bob", "second").await;
    assert_eq!(list(&alice.read().await, "receipts"), Vec::<Value>::new());
    bob.read_many(2).await;
    for id in [&first["id"], &second["id"]] {
        assert_eq!(alice.receipt(id).await["status"], "read");
    }
}

#[tokio::test]
async fn an_altered_receipt_is_not_accepted() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let ids: Arc<Mutex<Vec<MessageId>>> = Arc::default();
    let known = Arc::clone(&ids);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        let Some(ToBridge::Receipt(receipt)) = from_hub(heard) else { return pass(heard) };
        let mut ids = known.lock().expect("the ids");
        if !ids.contains(&receipt.id) {
            ids.push(receipt.id);
        }
        use ReceiptKind::{Expired, Opened, Read, Stale};
        let all = ids.iter().flat_map(|id| [Opened, Read, Expired, Stale].map(|kind| (*id, kind)));
        let lies = all.map(|(id, kind)| Receipt { id, kind, ..receipt.clone() });
        lies.map(|lie| encode(&ToBridge::Receipt(lie))).collect()
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let first = alice.send("bob", "first").await;
    let second = alice.send("bob", "second").await;
    eventually("both are opened", async || (ids.lock().expect("the ids").len() == 2).then_some(()))
        .await;
    bob.call("read_messages", json!({ "limit": 1 })).await;
    assert_eq!(alice.receipt(&first["id"]).await["status"], "read");
    assert_eq!(alice.statuses(&second["id"]), Vec::<Value>::new());
    assert_eq!(texts(&bob.read_many(1).await), ["second"]);
    assert_eq!(alice.receipt(&second["id"]).await["status"], "read");
    assert_eq!((alice.statuses(&first["id"]).len(), alice.statuses(&second["id"]).len()), (1, 1));
}

#[tokio::test]
async fn invalid_bytes_of_a_member_harm_nobody() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let vandal = RawPeer::new(&home);
    let (mut socket, _) = RawSocket::join(hub.port, &vandal, "vandal").await;
    let card = socket.card_of("bob").await;
    for number in 1..=30 {
        let mut send = vandal.sending(card.key, number, &vec![0xaa; 272]);
        send.envelope.header.epoch = card.epoch;
        socket.send(&ToHub::Send(send)).await;
    }
    let accepted = |frame| matches!(frame, ToBridge::Accepted(_)).then_some(());
    for _ in 0..30 {
        socket.until("the hub takes it", accepted).await;
    }
    alice.send("bob", "unharmed").await;
    assert_eq!(texts(&bob.read_many(1).await), ["unharmed"]);
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}
