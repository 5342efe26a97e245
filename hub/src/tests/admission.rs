//! Connections that have not finished the handshake.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::harness::{HarnessHub, closed};
use crate::Config;
use crate::accept::admission::MAX_PENDING;

/// Reads to the end of a connection.
async fn end(io: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = io.read_to_end(&mut bytes).await;
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_after_five_seconds() {
    let hub = HarnessHub::start(Config::default());
    let mut silent = hub.dial().await;
    let begun = Instant::now();
    end(&mut silent).await;
    let taken = begun.elapsed().as_millis();
    assert!((5000..5100).contains(&taken), "{taken} ms");
}

#[tokio::test(start_paused = true)]
async fn a_byte_per_second_does_not_extend_the_handshake() {
    let hub = HarnessHub::start(Config::default());
    let mut slow = hub.dial().await;
    let begun = Instant::now();
    let request = b"GET /link HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    for byte in request.iter().take(20) {
        let _ = slow.write_all(&[*byte]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if begun.elapsed() > Duration::from_secs(5) {
            break;
        }
    }
    end(&mut slow).await;
    assert!(begun.elapsed() <= Duration::from_secs(7));
}

/// Returns a complete TLS 1.2 hello. Its first bytes are those of a TLS 1.3 hello, too.
fn hello_of_tls12() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session, one cipher suite (ECDHE-RSA with AES-128-GCM, RFC 5289), no compression, one signature scheme.
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    body.extend([0, 8, 0, 13, 0, 4, 0, 2, 8, 4]);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}

#[tokio::test(start_paused = true)]
async fn a_tls_hello_that_never_ends_is_closed_after_five_seconds() {
    let hub = HarnessHub::start(Config::default());
    let hello = hello_of_tls12();
    for (sent, pause) in [(1, 0), (hello.len() - 1, 0), (hello.len() - 1, 1)] {
        let mut slow = hub.dial().await;
        let begun = Instant::now();
        for byte in &hello[..sent] {
            let _ = slow.write_all(&[*byte]).await;
            tokio::time::sleep(Duration::from_secs(pause)).await;
            if begun.elapsed() > Duration::from_secs(5) {
                break;
            }
        }
        end(&mut slow).await;
        let taken = begun.elapsed();
        assert!((5..7).contains(&taken.as_secs()), "{sent} bytes: {taken:?}");
    }
    hub.listed(7).await.sync().await;
}

#[tokio::test(start_paused = true)]
async fn tls_below_version_13_gets_an_alert() {
    let hub = HarnessHub::start(Config::default());
    let mut old = hub.dial().await;
    old.write_all(&hello_of_tls12()).await.unwrap();
    // A fatal alert, "protocol_version" (RFC 8446 §6).
    assert_eq!(end(&mut old).await, [21, 3, 3, 0, 2, 2, 70]);
}

#[tokio::test(start_paused = true)]
async fn endless_tls_hellos_keep_no_one_out() {
    let hub = HarnessHub::start(Config::default());
    let mut halves = Vec::new();
    for _ in 0..2 * MAX_PENDING {
        let mut half = hub.dial().await;
        half.write_all(&hello_of_tls12()[..20]).await.unwrap();
        halves.push(half);
    }
    let begun = Instant::now();
    hub.listed(7).await.sync().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn each_reason_for_a_rejection_is_counted() {
    let hub = HarnessHub::start(Config::default());
    for (bytes, reason) in [
        (hello_of_tls12(), "tls"),
        (b"SSH-2.0-x\r\n\r\n".to_vec(), "no_request"),
        (vec![], "no_request"),
    ] {
        let before = hub.rejected(reason).await;
        let mut pending = hub.dial().await;
        pending.write_all(&bytes).await.unwrap();
        end(&mut pending).await;
        assert_eq!(hub.rejected(reason).await, before + 1, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn silent_connections_keep_no_one_out() {
    let hub = HarnessHub::start(Config::default());
    let mut silent = Vec::new();
    for _ in 0..2 * MAX_PENDING {
        silent.push(hub.dial().await);
    }
    let begun = Instant::now();
    hub.listed(7).await.sync().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    // The oldest connection was evicted first, well before its deadline.
    end(&mut silent[0]).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn silent_websockets_keep_no_one_out() {
    let hub = HarnessHub::start(Config::default());
    let mut silent = Vec::new();
    let begun = Instant::now();
    for _ in 0..MAX_PENDING + 10 {
        silent.push(hub.socket().await);
    }
    hub.listed(7).await.sync().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let slow_down = closed(&mut silent[0]).await.map(|(code, _)| code);
    assert_eq!(slow_down, Some(Close::SlowDown.code()));
}

#[tokio::test(start_paused = true)]
async fn bridges_that_connect_all_at_once_are_all_welcomed() {
    let hub = HarnessHub::start(Config { max_links: 400, ..Config::default() });
    let mut bridges = tokio::task::JoinSet::new();
    let hub = std::sync::Arc::new(hub);
    for n in 1..=200 {
        let hub = hub.clone();
        bridges.spawn(async move { hub.bridge(n, 1).await });
    }
    assert_eq!(bridges.join_all().await.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn welcomed_bridges_take_no_pending_slot() {
    let hub = HarnessHub::start(Config::default());
    let mut bridges = Vec::new();
    let begun = Instant::now();
    for n in 1..=255 {
        bridges.push(hub.bridge(n, 1).await);
        bridges.push(hub.bridge(n, 2).await);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_full_hub_answers_503_and_stays_healthy() {
    let hub = HarnessHub::start(Config { max_links: 1, ..Config::default() });
    let first = hub.bridge(7, 1).await;
    let ask = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n").into_bytes()
    };
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (request, status) in [(ask("/link", upgrade), "503"), (ask("/health", ""), "200")] {
        let mut io = hub.dial().await;
        io.write_all(&request).await.unwrap();
        let answer = String::from_utf8(end(&mut io).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    drop(first);
}
