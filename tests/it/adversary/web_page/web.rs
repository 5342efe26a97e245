//! The servers around a page: the one that it comes from, the one that it tells what it found, and one that
//! lets all in.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::routing::{any, get, post};
use junction_testkit::within;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};

/// The page, with its script.
const PAGE: &str = include_str!("page.html");
/// What the server says that lets all in: as a script, it adds a name.
pub(super) const SECRET: &str = "leaked = 'what only this machine may read'";

/// A server that gives everyone the page and says goodbye. Dropped, it is gone at once, and every connection
/// with it.
pub(super) struct PageServer(JoinHandle<()>);

impl PageServer {
    /// Serves here.
    pub(super) fn start(listener: TcpListener) -> Self {
        Self(tokio::spawn(async move {
            let mut visitors = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                visitors.spawn(give_page(stream));
            }
        }))
    }

    /// Ends, and is gone when this returns.
    pub(super) async fn stop(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn give_page(mut stream: TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
    let length = PAGE.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let answer = head + PAGE;
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}

/// Where pages tell what they found.
pub(super) struct Reports {
    /// The address of the server.
    pub(super) address: SocketAddr,
    told: mpsc::Receiver<(String, String)>,
    go: Arc<Notify>,
}

impl Reports {
    /// Serves here.
    pub(super) fn start(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let (tell, told) = mpsc::channel(1);
        let go = Arc::new(Notify::new());
        let state = (tell, Arc::clone(&go));
        let router = Router::new().route("/{what}", post(hear)).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, told, go }
    }

    /// Waits until a page is there. It does nothing before it is let go.
    pub(super) async fn loaded(&mut self) {
        let (what, _) = within("the page is loaded", self.told.recv()).await.expect("a page");
        assert_eq!(what, "loaded");
    }

    /// Lets the page go to work.
    pub(super) fn go(&self) {
        self.go.notify_one();
    }

    /// What the page found.
    pub(super) async fn found(&mut self) -> Value {
        let (what, found) = within("the page finds", self.told.recv()).await.expect("a page");
        assert_eq!(what, "found");
        serde_json::from_str(&found).expect("findings")
    }
}

type Hearing = (mpsc::Sender<(String, String)>, Arc<Notify>);

async fn hear(State((tell, go)): State<Hearing>, Path(what): Path<String>, body: String) {
    let waits = what == "loaded";
    let _ = tell.send((what, body)).await;
    if waits {
        go.notified().await;
    }
}

/// Serves here what a hub serves, to any client: under any name, for any origin.
pub(super) fn let_all_in(listener: TcpListener) {
    let secret = get(async || ([("Access-Control-Allow-Origin", "*")], SECRET));
    let link = any(async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| while socket.recv().await.is_some() {})
    });
    let router = Router::new()
        .route("/metrics", secret.clone())
        .route("/health", secret)
        .route("/link", link)
        .fallback(async || SECRET);
    tokio::spawn(async move { axum::serve(listener, router).await });
}
