//! The hub's HTTP side, on a real socket.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::harness::hub;
use crate::Config;

/// Serves a hub on a free port until the sender is dropped.
async fn serve() -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(hub(Config::default()).serve(listener, async move {
        let _ = stopped.await;
        junction_shared::protocol::close::Close::GoingAway
    }));
    (address, stop)
}

/// Sends these bytes and returns the whole response.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Returns the status of a request for a path with these header lines.
async fn status(address: SocketAddr, path: &str, headers: &[&str]) -> u16 {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let answer = ask(address, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n")).await;
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn health_matches_the_contract() {
    let (address, _stop) = serve().await;
    let answer = ask(address, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("content-type: application/json"));
    assert!(!head.to_lowercase().contains("access-control"));
    assert!(!head.to_lowercase().contains("set-cookie"));
    let health: Value = serde_json::from_str(body).unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["mode"], "localhost");
    assert_eq!(health["activePeers"], 0);
    assert_eq!(health["uptime"], 0);
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(health.as_object().unwrap().len(), 5);
}

#[tokio::test]
async fn every_path_requires_exactly_one_host_that_is_not_foreign() {
    let (address, _stop) = serve().await;
    for path in ["/health", "/link", "/nowhere"] {
        assert_eq!(status(address, path, &[]).await, 400);
        assert_eq!(status(address, path, &["Host: localhost", "Host: localhost"]).await, 400);
        assert_eq!(status(address, path, &["Host: evil.example"]).await, 403);
        assert_eq!(status(address, path, &["Host: 127.0.0.1.evil.example:4200"]).await, 403);
        assert_eq!(status(address, path, &["Host:"]).await, 403);
        let absolute = format!("http://127.0.0.1{path}");
        assert_eq!(status(address, &absolute, &["Host: 127.0.0.1"]).await, 400);
    }
    for own in ["Host: localhost", "Host: 127.0.0.1:4200", "Host: [::1]:4200", "host: 10.0.0.1"] {
        assert_eq!(status(address, "/health", &[own]).await, 200);
    }
}

const UPGRADE: [&str; 5] = [
    "Host: 127.0.0.1",
    "Connection: upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
];

#[tokio::test]
async fn the_link_rejects_every_origin() {
    let (address, _stop) = serve().await;
    for origin in
        ["Origin: http://127.0.0.1", "Origin: null", "origin: https://evil.example", "Origin:"]
    {
        let headers: Vec<_> = UPGRADE.into_iter().chain([origin]).collect();
        assert_eq!(status(address, "/link", &headers).await, 403);
    }
}

#[tokio::test]
async fn a_plain_request_to_the_link_is_refused() {
    let (address, _stop) = serve().await;
    let wrong = status(address, "/link", &["Host: localhost"]).await;
    assert!((400..500).contains(&wrong), "{wrong}");
}

#[tokio::test]
async fn unknown_paths_are_not_found_and_only_get_is_allowed() {
    let (address, _stop) = serve().await;
    for path in ["/", "/health/", "/health/x", "/../etc/passwd", "/link/.."] {
        assert_eq!(status(address, path, &["Host: localhost"]).await, 404, "{path}");
    }
    let answer =
        ask(address, "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn mcp_is_neither_served_nor_sent_elsewhere() {
    let (address, _stop) = serve().await;
    for method in ["GET", "POST", "DELETE", "OPTIONS"] {
        let request =
            format!("{method} /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}");
        let answer = ask(address, &request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
        assert!(!head.to_lowercase().contains("location"), "{head}");
        assert!(body.contains("junction-bridge gateway --compat"), "{body}");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_http_is_closed() {
    let (address, _stop) = serve().await;
    for garbage in
        ["\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}", "hello\r\n\r\n", "GET\r\n\r\n"]
    {
        let answer = ask(address, garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}
