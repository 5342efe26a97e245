//! What members and hubs got away with once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::id::{Epoch, ReceiveKey};
use junction_shared::protocol::wire::{
    Answer, Card, Context, Question, Reach, Receipt, ReceiptKind, Refusal, SignedCard, ToBridge,
    ToHub,
};
use junction_shared::secret::random_bytes;
use junction_testkit::{
    FrameProxy, RawPeer, RawSocket, TestBridge, TestHome, TestHub, eventually, from_bridge,
    from_hub, list, look_up, pass, texts,
};
use serde_json::json;

fn card_of(peer: &RawPeer, alias: &str, epoch: u64) -> SignedCard {
    peer.sign(&Card {
        key: peer.key,
        receive_key: ReceiveKey(random_bytes()),
        epoch: Epoch(epoch),
        alias: alias.to_owned(),
        reach: Reach::Pull,
        context: Context::default(),
        state: None,
        unwoken: None,
        features: None,
        attended: None,
        seat: None,
    })
}

/// A member that is listed under this alias, by a card of this epoch.
async fn enter(port: u16, peer: &RawPeer, alias: &str, epoch: u64) -> RawSocket {
    let (mut socket, body) = RawSocket::welcomed(port, peer, Some((alias.to_owned(), None))).await;
    assert_eq!(body.grant.alias, alias);
    socket.send(&ToHub::Card(card_of(peer, alias, epoch))).await;
    socket.card_of(alias).await;
    socket
}

async fn leave(mut socket: RawSocket) {
    socket.send(&ToHub::Leave).await;
    let _ = socket.close_code().await;
}

/// Hands rubbish over to a bridge, which looks its sender up.
async fn knock(socket: &mut RawSocket, peer: &RawPeer, card: &Card, group: u8) {
    let mut send = peer.sending(card.key, 1, &[0xaa; 272]);
    send.envelope.header.epoch = card.epoch;
    send.envelope.header.group.0[0] ^= group;
    socket.send(&ToHub::Send(send)).await;
    let accepted = |frame| matches!(frame, ToBridge::Accepted(_)).then_some(());
    socket.until("the hub takes it", accepted).await;
}

#[tokio::test]
async fn regression_a_released_alias_is_not_regained_by_its_old_ticket() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mallory = RawPeer::new(&home);
    let (socket, body) = RawSocket::join(hub.port, &mallory, "bob").await;
    leave(socket).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let want = Some(("bob".to_owned(), Some(body.grant.ticket)));
    let (_socket, again) = RawSocket::welcomed(hub.port, &mallory, want).await;
    assert_ne!(again.grant.alias, "bob");
    assert_eq!(bob.call("register", json!({})).await["alias"], "bob");
}

#[tokio::test]
async fn regression_old_tickets_take_no_alias_from_its_last_owner_when_the_hub_restarts() {
    const NAME: &str = "worker-1";
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    // Two had the name and let it go: one by leaving, one for another name.
    let peers = [RawPeer::new(&home), RawPeer::new(&home), RawPeer::new(&home)];
    let [left, renamed, owner] = &peers;
    let (socket, body) = RawSocket::join(hub.port, left, NAME).await;
    let mut tickets = vec![body.grant.ticket];
    leave(socket).await;
    let (mut socket, body) = RawSocket::join(hub.port, renamed, NAME).await;
    tickets.push(body.grant.ticket);
    socket.send(&ToHub::Ask(1, Question::Rename(renamed.card("other-1")))).await;
    let named = |frame| matches!(frame, ToBridge::Answer(1, _)).then_some(());
    socket.until("the other name", named).await;
    let (_socket, body) = RawSocket::join(hub.port, owner, NAME).await;
    assert_eq!(body.grant.alias, NAME);
    tickets.push(body.grant.ticket);
    for order in [[0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 2, 1]] {
        hub.kill();
        hub.restart(&home).await;
        let mut sockets = Vec::new();
        for who in order {
            let want = Some((NAME.to_owned(), Some(tickets[who].clone())));
            let (socket, body) = RawSocket::welcomed(hub.port, &peers[who], want).await;
            sockets.push((who, socket, body.grant));
        }
        for (who, mut socket, grant) in sockets {
            if who == 2 {
                assert_eq!(grant.alias, NAME, "{order:?}");
                tickets[who] = grant.ticket;
            } else if grant.alias == NAME {
                // It had the name for a moment, and hears that it has another.
                let other = |frame| match frame {
                    ToBridge::Reassigned(grant) => (grant.alias != NAME).then_some(()),
                    _ => None,
                };
                socket.until("another name", other).await;
            }
        }
    }
}

#[tokio::test]
async fn regression_what_a_member_does_is_not_blamed_on_an_honest_hub() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let bobs = look_up(&home, hub.port, "bob").await;
    let to_mallory = json!({ "target_alias": "mallory", "message": "hello" });
    // A card whose mac does not hold.
    let forger = RawPeer::new(&home);
    let want = Some(("mallory".to_owned(), None));
    let (mut socket, _) = RawSocket::welcomed(hub.port, &forger, want).await;
    let mut forged = card_of(&forger, "mallory", 1);
    forged.mac[0] ^= 1;
    socket.send(&ToHub::Card(forged)).await;
    socket.card_of("mallory").await;
    bob.error("send_message", to_mallory.clone()).await;
    assert!(list(&bob.call("list_peers", json!({})).await, "peers").is_empty());
    leave(socket).await;
    // The same key once more, with a card older than the one that bob knows.
    let mallory = RawPeer::new(&home);
    let mut socket = enter(hub.port, &mallory, "mallory", 5).await;
    let mut send = mallory.sending(bobs.key, 1, &[0xaa; 272]);
    send.envelope.header.epoch = bobs.epoch;
    // Of another group: the hub does not deliver it.
    let mut other = send.clone();
    other.envelope.header.group.0[0] ^= 1;
    socket.send(&ToHub::Send(other)).await;
    let answered = |frame| match frame {
        ToBridge::Accepted(_) => Some(None),
        ToBridge::Refused(_, refusal) => Some(Some(refusal)),
        _ => None,
    };
    assert_eq!(socket.until("an answer", answered).await, Some(Refusal::Gone));
    // Rubbish, and a receipt for nothing.
    socket.send(&ToHub::Send(send.clone())).await;
    assert_eq!(socket.until("an answer", answered).await, None);
    let (to, id, kind) = (bobs.key, send.envelope.header.id, ReceiptKind::Read);
    socket
        .send(&ToHub::Receipt(Receipt { to, id, kind, mac: [7; 32], outlook: None, seat: None }))
        .await;
    bob.call("send_message", to_mallory.clone()).await;
    leave(socket).await;
    let _socket = enter(hub.port, &mallory, "mallory", 1).await;
    let text = bob.error("send_message", to_mallory).await;
    assert!(text.contains("older"), "{text}");
    bob.call("list_peers", json!({})).await;
    bob.accuses_hub(0).await;
}

#[tokio::test]
async fn regression_a_look_alike_of_a_known_alias_is_shown_under_another_key() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let first = TestBridge::join(&home, &hub, "worker-1").await;
    first.send("alice", "I am worker-1").await;
    assert_eq!(alice.read_one().await.get("key_changed"), None);
    first.call("disconnect", json!({})).await;
    let second = TestBridge::join(&home, &hub, "worker-l").await;
    second.send("alice", "do as I say").await;
    let message = alice.read_one().await;
    assert_eq!((&message["from"], &message["key_changed"]), (&json!("worker-l"), &json!(true)));
    let arguments = json!({ "target_alias": "worker-l", "message": "who are you?" });
    let text = alice.error("send_message", arguments).await;
    assert!(text.contains("worker-1") && text.contains("fingerprint"), "{text}");
}

#[tokio::test]
async fn regression_an_alias_resolves_to_its_present_owner() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let looks = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&looks);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToBridge::Answer(_, Answer::Found(..)) | ToBridge::Peer(..)) = from_hub(heard) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        pass(heard)
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let mallory = RawPeer::new(&home);
    let mut socket = enter(hub.port, &mallory, "mallory", 5).await;
    let heard = looks.load(Ordering::Relaxed);
    let alices = socket.card_of("alice").await;
    knock(&mut socket, &mallory, &alices, 0).await;
    eventually("alice looks mallory up", async || {
        (looks.load(Ordering::Relaxed) > heard).then_some(())
    })
    .await;
    leave(socket).await;
    // The same epoch under another name, and then another epoch under a third.
    let mut socket = enter(hub.port, &mallory, "bob", 5).await;
    socket.send(&ToHub::Ask(1, Question::Rename(card_of(&mallory, "zed", 6)))).await;
    let named = |frame| matches!(frame, ToBridge::Answer(1, _)).then_some(());
    socket.until("she has the third", named).await;
    eventually("alice has heard of all of it", async || {
        (looks.load(Ordering::Relaxed) >= heard + 4).then_some(())
    })
    .await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "for bob alone").await;
    assert_eq!(texts(&bob.read_many(1).await), ["for bob alone"]);
}

#[tokio::test]
async fn regression_a_peer_does_not_send_under_its_former_alias() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    // A true bridge of mallory's, whose cards she numbers as she likes, and who leaves without forgetting its key.
    let signer = RawPeer::new(&home);
    let (epochs, leaves) = (Arc::new(AtomicU64::new(1000)), Arc::new(AtomicBool::new(false)));
    let (epoch, goes) = (Arc::clone(&epochs), Arc::clone(&leaves));
    let proxy = FrameProxy::start(hub.port, move |heard| {
        let renumbered = |card: SignedCard| {
            let mut card: Card = decode(&card.body).expect("a card");
            card.epoch = Epoch(epoch.fetch_add(1, Ordering::Relaxed));
            signer.sign(&card)
        };
        let frame = match from_bridge(heard) {
            Some(ToHub::Card(card)) => ToHub::Card(renumbered(card)),
            Some(ToHub::Ask(number, Question::Rename(card))) => {
                ToHub::Ask(number, Question::Rename(renumbered(card)))
            }
            Some(ToHub::Ask(..)) if goes.swap(false, Ordering::Relaxed) => ToHub::Leave,
            _ => return pass(heard),
        };
        vec![encode(&frame)]
    })
    .await;
    let mallory = TestBridge::join_port(&home, proxy.port, "bob").await;
    alice.sees("bob", "online").await;
    epochs.store(1, Ordering::Relaxed);
    leaves.store(true, Ordering::Relaxed);
    let _ = mallory.try_call("list_peers", json!({})).await;
    eventually("she comes back under another name", async || {
        mallory.try_call("register", json!({ "alias": "zed" })).await.ok()
    })
    .await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    mallory.send("alice", "I am bob").await;
    bob.send("alice", "and I am").await;
    assert_eq!(texts(&alice.read_many(1).await), ["and I am"]);
    assert!(alice.leftovers().await.is_empty());
}

#[tokio::test]
async fn regression_an_opened_message_is_not_reported_as_refused() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Receipt(receipt)) if receipt.kind == ReceiptKind::Opened => {
            let lie = encode(&ToBridge::Refused(receipt.id, Refusal::Gone));
            vec![heard.bytes.clone(), lie]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let sent = alice.send("bob", "opened and read").await;
    assert_eq!(texts(&bob.read_many(1).await), ["opened and read"]);
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
}

#[tokio::test]
async fn regression_a_false_refusal_is_corrected_by_the_receipt() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Accepted(id)) => vec![encode(&ToBridge::Refused(id, Refusal::Gone))],
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let arguments = json!({ "target_alias": "bob", "message": "delivered" });
    let text = alice.error("send_message", arguments).await;
    assert_eq!(texts(&bob.read_many(1).await), ["delivered"]);
    let told = eventually("she is told the truth", async || {
        let receipts = list(&alice.read().await, "receipts");
        receipts.into_iter().find(|receipt| receipt["status"] == "read")
    })
    .await;
    assert_eq!(told["to"], "bob", "{text}");
}

#[tokio::test]
async fn regression_a_listing_with_an_older_card_does_not_hide_the_newer() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut first: Option<SignedCard> = None;
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Answer(number, Answer::Page(mut page))) => {
            for listed in &mut page.peers {
                listed.card = first.get_or_insert(listed.card.clone()).clone();
            }
            vec![encode(&ToBridge::Answer(number, Answer::Page(page)))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let mut bob = TestBridge::join(&home, &hub, "bob").await;
    alice.sees("bob", "online").await;
    bob.register("robert").await;
    // So that she has the newer card.
    alice.send("robert", "hello").await;
    let listed = list(&alice.call("list_peers", json!({})).await, "peers");
    assert!(listed.iter().all(|peer| peer["alias"] != "bob"), "{listed:?}");
}

#[tokio::test]
async fn regression_messages_are_read_in_the_order_of_their_calls_however_long_a_lookup_takes() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let held: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let hold = Arc::clone(&held);
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(ToBridge::Answer(_, Answer::Found(_, Some(card))))
            if decode::<Card>(&card.body).expect("a card").alias == "bob" =>
        {
            hold.lock().expect("what is held").push(heard.bytes.clone());
            Vec::new()
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let message = |text: &str| json!({ "target_alias": "bob", "message": text });
    let first = alice.begin("send_message", message("first")).await;
    let second = alice.begin("send_message", message("second")).await;
    let answers = eventually("bob is looked up", async || {
        let held = held.lock().expect("what is held").clone();
        (held.len() == 2).then_some(held)
    })
    .await;
    // The hub is slow, no more: it answers one after the other.
    proxy.inject(0, &decode(&answers[0]).expect("a frame")).await;
    first.content().await.expect("it is sent");
    alice.send("bob", "third").await;
    proxy.inject(0, &decode(&answers[1]).expect("a frame")).await;
    second.content().await.expect("it is sent");
    assert_eq!(texts(&bob.read_many(3).await), ["first", "second", "third"]);
}
