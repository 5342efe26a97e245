//! A hub that lies before anything is said: in its handshake, or in what it grants.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{GroupKeys, HubHandshake, NO_PIN};
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::wire::{
    Answer, Card, Challenge, Grant, Naming, Page, Question, Standing, Ticket, ToBridge, ToHub,
    VERSION, WelcomeBody,
};
use junction_testkit::{
    FrameProxy, TestBridge, TestHome, TestHub, Version, eventually, from_bridge, from_hub, pass,
    texts,
};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_hub_that_cannot_authenticate_gets_no_card_and_no_message() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let heard_after: Arc<Mutex<Vec<ToHub>>> = Arc::default();
    let record = Arc::clone(&heard_after);
    let proxy = FrameProxy::start(hub.port, move |heard| {
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
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    let text = bridge.error("register", json!({ "alias": "wary" })).await;
    assert!(text.contains("prove"), "{text}");
    assert!(heard_after.lock().expect("the record").is_empty());
}

#[tokio::test]
async fn a_hub_of_another_group_is_not_joined() {
    let (home, other) = (TestHome::new(), TestHome::new());
    let _own = TestHub::start(&home).await;
    let foreign = TestHub::start(&other).await;
    let launch = TestBridge::launch(&home, foreign.port);
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    let text = bridge.error("register", json!({ "alias": "stray" })).await;
    assert!(text.contains("group"), "{text}");
}

#[tokio::test]
async fn the_welcome_of_another_connection_is_not_accepted() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let lies = Arc::new(AtomicBool::new(false));
    let lie = Arc::clone(&lies);
    let mut first = None;
    let heard_after: Arc<Mutex<Vec<ToHub>>> = Arc::default();
    let record = Arc::clone(&heard_after);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        let lies = lie.load(Ordering::Relaxed);
        match (from_hub(heard), from_bridge(heard)) {
            (Some(ToBridge::Welcome(_)), _) => {
                let first = first.get_or_insert(heard.bytes.clone());
                return if lies { vec![first.clone()] } else { pass(heard) };
            }
            (_, None | Some(ToHub::Hello(_))) => {}
            (_, Some(frame)) if lies => record.lock().expect("the record").push(frame),
            _ => {}
        }
        pass(heard)
    })
    .await;
    // The first connection is hers, and tells the truth.
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    hub.kill();
    alice.ends_up_with(|text| text.contains("cannot be reached")).await;
    lies.store(true, Ordering::Relaxed);
    hub.restart(&home).await;
    alice.ends_up_with(|text| text.contains("could not prove")).await;
    let launch = TestBridge::launch(&home, proxy.port);
    let bob = TestBridge::open(&home, launch, Version::Stateful).await;
    bob.ends_up_with(|text| text.contains("could not prove")).await;
    assert!(heard_after.lock().expect("the record").is_empty());
    lies.store(false, Ordering::Relaxed);
    eventually("he joins", async || bob.try_call("register", json!({ "alias": "bob" })).await.ok())
        .await;
    alice.sees("bob", "online").await;
    alice.send("bob", "in truth").await;
    assert_eq!(texts(&bob.read_many(1).await), ["in truth"]);
}

/// A hub that says a whole handshake again, and writes down what it is told but for hellos.
async fn repeating(challenge: Bytes, welcome: Bytes) -> (u16, Arc<Mutex<Vec<Bytes>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let told: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let record = Arc::clone(&told);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut socket) = accept_async(stream).await else { continue };
            let _ = socket.send(Message::Binary(challenge.clone())).await;
            let mut is_hello = true;
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Binary(frame) = message
                    && !std::mem::take(&mut is_hello)
                {
                    record.lock().expect("the record").push(frame);
                } else if socket.send(Message::Binary(welcome.clone())).await.is_err() {
                    break;
                }
            }
        }
    });
    (port, told)
}

#[tokio::test]
async fn a_replayed_handshake_is_not_accepted() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let said: Arc<Mutex<Vec<Bytes>>> = Arc::default();
    let record = Arc::clone(&said);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(ToBridge::Challenge(_) | ToBridge::Welcome(_)) = from_hub(heard) {
            record.lock().expect("the record").push(heard.bytes.clone());
        }
        pass(heard)
    })
    .await;
    let _alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let handshake = said.lock().expect("the record").clone();
    let [challenge, welcome] = handshake.try_into().expect("one handshake");
    let (port, told) = repeating(challenge, welcome).await;
    let launch = TestBridge::launch(&home, port);
    let bob = TestBridge::open(&home, launch, Version::Stateful).await;
    bob.ends_up_with(|text| text.contains("could not prove")).await;
    assert_eq!(told.lock().expect("the record").len(), 0);
}

#[tokio::test]
async fn a_second_handshake_changes_nothing_and_the_hub_is_reported() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let welcomes: Arc<Mutex<Vec<ToBridge>>> = Arc::default();
    let record = Arc::clone(&welcomes);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if let Some(frame @ (ToBridge::Challenge(_) | ToBridge::Welcome(_))) = from_hub(heard) {
            record.lock().expect("the record").push(frame);
        }
        pass(heard)
    })
    .await;
    let alice = TestBridge::join_port(&home, proxy.port, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    let said = welcomes.lock().expect("the record").clone();
    assert_eq!(said.len(), 4, "two handshakes");
    for (before, frame) in said.iter().enumerate() {
        proxy.inject(0, frame).await;
        alice.accuses_hub(before as u64 + 1).await;
    }
    assert_eq!(alice.call("register", json!({})).await["alias"], "alice");
    alice.send("bob", "still me").await;
    assert_eq!(texts(&bob.read_many(1).await), ["still me"]);
}

/// A hub of the group that grants what it likes, and knows nobody. It serves until the test ends.
pub(super) async fn granting(home: &TestHome, body: WelcomeBody) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let group = Arc::new(home.group());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(grant(stream, Arc::clone(&group), body.clone()));
        }
    });
    port
}

async fn grant(stream: TcpStream, group: Arc<GroupKeys>, body: WelcomeBody) {
    let mut socket = accept_async(stream).await.expect("a websocket");
    let handshake = HubHandshake::start();
    let _ = socket.send(Message::Binary(handshake.challenge())).await;
    let mut handshake = Some(handshake);
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else { continue };
        let answer = match decode(&bytes).expect("a frame") {
            ToHub::Hello(hello) => {
                let handshake = handshake.take().expect("one hello");
                let (_, verified) =
                    handshake.verify(&group.auth, NO_PIN, &hello).expect("one of the group");
                ToBridge::Welcome(verified.welcome(&body))
            }
            ToHub::Ask(number, Question::Rename(card)) => {
                let card: Card = decode(&card.body).expect("a card");
                let grant = Grant { alias: card.alias, ticket: Ticket([0; 32]) };
                ToBridge::Answer(number, Answer::Named(Naming::Granted(grant)))
            }
            ToHub::Ask(number, Question::Lookup(_)) => {
                ToBridge::Answer(number, Answer::Found(Standing::Gone, None))
            }
            ToHub::Ask(number, Question::List(_)) => {
                let page = Page { peers: Vec::new(), total: 0, next: None };
                ToBridge::Answer(number, Answer::Page(page))
            }
            _ => continue,
        };
        if socket.send(Message::Binary(encode(&answer))).await.is_err() {
            return;
        }
    }
}

pub(super) fn body(alias: &str, session_timeout_ms: u64, sweep_interval_ms: u64) -> WelcomeBody {
    WelcomeBody {
        grant: Grant { alias: alias.to_owned(), ticket: Ticket([0; 32]) },
        connection: ConnectionId(u64::MAX),
        resumed: true,
        session_timeout_ms,
        sweep_interval_ms,
        past_restart_grace: Some(true),
        features: None,
        seat: None,
    }
}

/// A home with a group, which a hub has made, but is there no more.
async fn home_with_a_group() -> TestHome {
    let home = TestHome::new();
    drop(TestHub::start(&home).await);
    home
}

#[tokio::test]
async fn an_invalid_alias_is_never_shown_and_the_hub_is_reported() {
    let home = home_with_a_group().await;
    let port = granting(&home, body("\u{1b}[2Jalice", 1_800_000, 60_000)).await;
    let launch = TestBridge::launch(&home, port);
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    bridge.sees_nobody().await;
    let answer = bridge.call("list_peers", json!({})).await;
    assert_eq!(answer["hub_misbehaving"], 1);
    let text = bridge.error("register", json!({})).await;
    assert!(text.contains("hub_misbehaving") && !text.contains("[2J"), "{text}");
    assert!(!bridge.stderr().contains("[2J"), "{}", bridge.stderr());
}

/// A hub that offers one version of the protocol, and counts its connections.
async fn offering(version: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let dials = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dials);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut socket) = accept_async(stream).await else { continue };
            count.fetch_add(1, Ordering::Relaxed);
            let challenge = Challenge { versions: vec![version], nonce: [0; 32], hub_eph: [9; 32] };
            let frame = encode(&ToBridge::Challenge(challenge));
            let _ = socket.send(Message::Binary(frame)).await;
            // Until the bridge hangs up.
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    (port, dials)
}

#[tokio::test]
async fn regression_both_versions_are_named_and_the_hub_is_dialed_again_when_files_change() {
    let home = home_with_a_group().await;
    let (port, dials) = offering(VERSION + 8).await;
    let launch = TestBridge::launch(&home, port);
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    let text = bridge.error("list_peers", json!({})).await;
    for version in [VERSION, VERSION + 8] {
        assert!(text.contains(&format!("version {version}")), "{text}");
    }
    assert!(text.contains("older version 1"), "{text}");
    let before = dials.load(Ordering::Relaxed);
    eventually("the hub is dialed again", async || {
        // As a hub does that starts.
        std::fs::write(home.config().join("a-mark"), "").expect("a mark");
        std::fs::remove_file(home.config().join("a-mark")).expect("the mark");
        (dials.load(Ordering::Relaxed) > before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_bridge_keeps_answering_whatever_timeouts_its_hub_grants() {
    let home = home_with_a_group().await;
    for (session_timeout, sweep_interval) in
        [(u64::MAX, u64::MAX), (u64::MAX, 0), (0, u64::MAX), (0, 0), (1, 1)]
    {
        let port = granting(&home, body("alice", session_timeout, sweep_interval)).await;
        let launch = TestBridge::launch(&home, port);
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        // With a session that ends at once it is on its hub for moments, and must say so or that it is not.
        eventually("it has been on its hub", async || {
            bridge.try_call("list_peers", json!({})).await.ok()
        })
        .await;
        let arguments = json!({ "target_alias": "nobody", "message": "x" });
        let _ = bridge.error("send_message", arguments).await;
        bridge.call("known_hosts", json!({})).await;
    }
}
