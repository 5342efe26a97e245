//! Which connections are welcomed.

use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::limits::{MAX_FRAME, SESSION_TIMEOUT};
use junction_shared::protocol::wire::{Hello, HelloBody, ToHub};
use tokio_tungstenite::tungstenite::Message;

use super::harness::{HarnessHub, answer, closed, key, send_frame};
use crate::Config;

fn because(close: Close) -> Option<(u16, String)> {
    Some((close.code(), close.word().to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_member_of_the_group_is_welcomed() {
    let hub = HarnessHub::start(Config::default());
    let bridge = hub.bridge(7, 1).await;
    assert_eq!(bridge.connection().0, 1);
    assert!(!bridge.welcome.resumed);
    let timeout = u64::try_from(SESSION_TIMEOUT.as_millis()).unwrap();
    assert_eq!(bridge.welcome.session_timeout_ms, timeout);
}

#[tokio::test(start_paused = true)]
async fn a_member_of_another_group_is_unauthorized() {
    let hub = HarnessHub::start(Config::default());
    let mut socket = hub.socket().await;
    let (hello, _) = answer(&mut socket, 7, 1, 99).await;
    send_frame(&mut socket, &hello).await;
    assert_eq!(closed(&mut socket).await, because(Close::Unauthorized));
}

#[tokio::test(start_paused = true)]
async fn a_replayed_hello_is_unauthorized() {
    let hub = HarnessHub::start(Config::default());
    let (hello, _) = answer(&mut hub.socket().await, 7, 1, 1).await;
    let mut socket = hub.socket().await;
    send_frame(&mut socket, &hello).await;
    assert_eq!(closed(&mut socket).await, because(Close::Unauthorized));
}

/// Changes the body of a hello after its proof was made. Returns how the connection was closed.
async fn forged(change: impl FnOnce(&mut HelloBody)) -> Option<(u16, String)> {
    let hub = HarnessHub::start(Config::default());
    let mut socket = hub.socket().await;
    let (ToHub::Hello(hello), _) = answer(&mut socket, 7, 1, 1).await else { panic!("no hello") };
    let mut body: HelloBody = decode(&hello.body).unwrap();
    change(&mut body);
    let forged = Hello { body: encode(&body).to_vec(), ..hello };
    send_frame(&mut socket, &ToHub::Hello(forged)).await;
    closed(&mut socket).await
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_peer_is_unauthorized() {
    assert_eq!(forged(|body| body.key = key(8)).await, because(Close::Unauthorized));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_low_order_is_unauthorized() {
    assert_eq!(forged(|body| body.key.0 = [0; 32]).await, because(Close::Unauthorized));
}

#[tokio::test(start_paused = true)]
async fn a_version_mismatch_names_both_versions() {
    let (code, words) = forged(|body| body.version = 7).await.unwrap();
    assert_eq!(code, Close::NoCommonVersion.code());
    assert_eq!(words, "no_common_version: the hub speaks 1, the bridge 7");
}

#[tokio::test(start_paused = true)]
async fn anything_but_a_hello_is_a_protocol_error() {
    let hub = HarnessHub::start(Config::default());
    let wrong = [
        Message::Binary(encode(&ToHub::Repush)),
        Message::Binary(vec![0xff; 40].into()),
        Message::Binary(Vec::new().into()),
        Message::Binary(vec![0x81; 100_000].into()),
        Message::Text("hello".into()),
    ];
    for wrong in wrong {
        let mut socket = hub.socket().await;
        socket.send(wrong).await.unwrap();
        assert_eq!(closed(&mut socket).await, because(Close::ProtocolError));
    }
}

#[tokio::test(start_paused = true)]
async fn an_oversized_frame_is_a_protocol_error() {
    let hub = HarnessHub::start(Config::default());
    let mut socket = hub.socket().await;
    // The hub refuses the frame by its length and need not read it.
    let _ = socket.send(Message::Binary(vec![0; MAX_FRAME + 1].into())).await;
    assert_eq!(closed(&mut socket).await, because(Close::ProtocolError));
}

#[tokio::test(start_paused = true)]
async fn a_second_hello_is_a_protocol_error() {
    let hub = HarnessHub::start(Config::default());
    let mut socket = hub.socket().await;
    let (hello, _) = answer(&mut socket, 7, 1, 1).await;
    send_frame(&mut socket, &hello).await;
    send_frame(&mut socket, &hello).await;
    assert_eq!(closed(&mut socket).await, because(Close::ProtocolError));
}

#[tokio::test(start_paused = true)]
async fn a_silent_websocket_is_closed_after_five_seconds() {
    let hub = HarnessHub::start(Config::default());
    let begun = tokio::time::Instant::now();
    let mut socket = hub.socket().await;
    assert_eq!(closed(&mut socket).await, because(Close::HelloTimeout));
    let taken = begun.elapsed().as_millis();
    assert!((5000..5100).contains(&taken), "{taken} ms");
}

#[tokio::test(start_paused = true)]
async fn pings_do_not_extend_the_handshake() {
    let hub = HarnessHub::start(Config::default());
    let begun = tokio::time::Instant::now();
    let mut socket = hub.socket().await;
    for _ in 0..9 {
        socket.send(Message::Ping(Bytes::new())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(closed(&mut socket).await, because(Close::HelloTimeout));
    assert!(begun.elapsed() < Duration::from_secs(6));
}
