//! A hub that keeps things to itself: nobody is told more than is true, and the truth corrects what was said
//! when it comes at last.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::wire::{Answer, Standing, ToBridge, ToHub};
use junction_testkit::{
    FrameProxy, TestBridge, TestHome, TestHub, eventually, from_bridge, from_hub, list, pass, texts,
};
use serde_json::{Value, json};

/// Sessions, and so messages, that last just long enough.
const SHORT: [(&str, &str); 2] =
    [("JUNCTION_SESSION_TIMEOUT_MS", "5000"), ("JUNCTION_SWEEP_INTERVAL_MS", "100")];

/// Frames that a hub has kept to itself.
type Withheld = Arc<Mutex<Vec<Bytes>>>;

/// A hub of short times whose frames of this kind come to nobody, and the proxy that keeps them.
async fn withholding(
    home: &TestHome,
    kind: fn(&ToBridge) -> bool,
) -> (TestHub, FrameProxy, Withheld) {
    let hub = TestHub::start_with(home, &SHORT).await;
    let withheld = Withheld::default();
    let keep = Arc::clone(&withheld);
    let proxy = FrameProxy::start(hub.port, move |heard| match from_hub(heard) {
        Some(frame) if kind(&frame) => {
            keep.lock().expect("what is kept").push(heard.bytes.clone());
            Vec::new()
        }
        _ => pass(heard),
    })
    .await;
    (hub, proxy, withheld)
}

/// Says to the bridge of this connection what was withheld.
async fn release(withheld: &Withheld, proxy: &FrameProxy, connection: usize) {
    let frames = withheld.lock().expect("what is kept").clone();
    assert!(!frames.is_empty(), "something was withheld");
    for frame in frames {
        proxy.inject(connection, &decode(&frame).expect("a frame")).await;
    }
}

#[tokio::test]
async fn a_message_that_is_withheld_is_unconfirmed_until_it_comes_and_is_read() {
    let home = TestHome::new();
    let is_mail = |frame: &ToBridge| matches!(frame, ToBridge::Deliver(..));
    let (_hub, proxy, withheld) = withholding(&home, is_mail).await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let sent = alice.send("bob", "at last").await;
    assert_eq!(sent["status"], "accepted");
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "unconfirmed");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
    release(&withheld, &proxy, 1).await;
    assert_eq!(texts(&bob.read_many(1).await), ["at last"]);
    assert_eq!(alice.last_status(&sent["id"]).await, "read");
    assert_eq!(alice.statuses(&sent["id"]), ["unconfirmed", "read"]);
}

#[tokio::test]
async fn a_message_whose_receipts_are_withheld_is_unconfirmed_until_they_come() {
    let home = TestHome::new();
    let is_receipt = |frame: &ToBridge| matches!(frame, ToBridge::Receipt(_));
    let (_hub, proxy, withheld) = withholding(&home, is_receipt).await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let sent = alice.send("bob", "read at once").await;
    assert_eq!(texts(&bob.read_many(1).await), ["read at once"]);
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "unconfirmed");
    release(&withheld, &proxy, 0).await;
    assert_eq!(alice.last_status(&sent["id"]).await, "read");
    assert_eq!(alice.statuses(&sent["id"]), ["unconfirmed", "read"]);
}

#[tokio::test]
async fn a_message_without_an_acknowledgement_is_not_reported_as_accepted_but_as_read() {
    let home = TestHome::new();
    let is_word = |frame: &ToBridge| matches!(frame, ToBridge::Accepted(_) | ToBridge::Receipt(_));
    let (_hub, proxy, withheld) = withholding(&home, is_word).await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let sent = alice.send("bob", "without a word").await;
    assert_eq!(sent["status"], "queued");
    assert_eq!(texts(&bob.read_many(1).await), ["without a word"]);
    // The last of them is that it was read.
    eventually("it is said that it was read", async || {
        (withheld.lock().expect("what is kept").len() == 3).then_some(())
    })
    .await;
    release(&withheld, &proxy, 0).await;
    assert_eq!(alice.last_status(&sent["id"]).await, "read");
    assert_eq!(alice.statuses(&sent["id"]), ["read"]);
}

#[tokio::test]
async fn a_message_that_the_hub_calls_too_old_is_dropped_and_reported_to_its_sender() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| match from_hub(heard) {
        Some(ToBridge::Deliver(envelope, _)) => {
            vec![encode(&ToBridge::Deliver(envelope, u64::MAX))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let sent = alice.send("bob", "fresh").await;
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "expired");
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_peer_whose_card_is_withheld_is_sent_nothing_until_it_comes() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let told: Arc<Mutex<Option<Standing>>> = Arc::default();
    let handed = Arc::new(Mutex::new(0));
    let (say, count) = (Arc::clone(&told), Arc::clone(&handed));
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToHub::Send(_)) = from_bridge(heard) {
            *count.lock().expect("the count") += 1;
        }
        match (from_hub(heard), *say.lock().expect("the lie")) {
            (Some(ToBridge::Answer(number, Answer::Found(_, Some(_)))), Some(standing)) => {
                vec![encode(&ToBridge::Answer(number, Answer::Found(standing, None)))]
            }
            _ => pass(heard),
        }
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for standing in [Standing::Online, Standing::Away, Standing::Gone, Standing::NotYet] {
        *told.lock().expect("the lie") = Some(standing);
        let arguments = json!({ "target_alias": "bob", "message": "for bob" });
        let text = alice.error("send_message", arguments).await;
        assert!(text.contains("No peer has that alias"), "{standing:?}: {text}");
        assert_eq!(*handed.lock().expect("the count"), 0, "{standing:?}");
    }
    *told.lock().expect("the lie") = None;
    alice.send("bob", "for bob").await;
    assert_eq!(texts(&bob.read_many(1).await), ["for bob"]);
}

#[tokio::test]
async fn a_message_sealed_to_an_older_card_is_read_while_the_new_card_is_withheld() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| match from_hub(heard) {
        Some(ToBridge::Peer(_, _, Some(_))) => Vec::new(),
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let mut bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "one").await;
    bob.register("robert").await;
    let sent = alice.send("bob", "two").await;
    assert_eq!(texts(&bob.read_many(2).await), ["one", "two"]);
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
}

#[tokio::test]
async fn a_peer_missing_from_a_listing_can_be_messaged_by_alias() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| match from_hub(heard) {
        Some(ToBridge::Answer(number, Answer::Page(mut page))) => {
            page.peers.clear();
            vec![encode(&ToBridge::Answer(number, Answer::Page(page)))]
        }
        _ => pass(heard),
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let listed = alice.call("list_peers", json!({})).await;
    assert_eq!(list(&listed, "peers"), Vec::<Value>::new());
    alice.send("bob", "I know that you are there").await;
    assert_eq!(texts(&bob.read_many(1).await), ["I know that you are there"]);
}
