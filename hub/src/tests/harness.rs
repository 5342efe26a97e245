//! A hub in this process, and bare bridges that talk to it.

use std::net::SocketAddr;

use axum::serve::Listener;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use junction_shared::machine::identity::HubKey;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::crypto::public_key;
use junction_shared::protocol::handshake::{BridgeHandshake, Caller, NO_PIN};
use junction_shared::protocol::id::{
    ConnectionId, Dial, Epoch, GroupId, MessageId, PeerKey, ReceiveKey, Seq,
};
use junction_shared::protocol::wire::{
    Card, Context, Envelope, Header, Kind, Reach, Send, SignedCard, ToBridge, ToHub, Welcome,
    WelcomeBody,
};
use junction_shared::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::{Config, Hub};

/// Bytes that a connection in memory buffers.
const BUFFER: usize = 64 * 1024;

/// Accepts connections in memory.
struct MemoryListener(mpsc::Receiver<DuplexStream>);

impl Listener for MemoryListener {
    type Io = DuplexStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DuplexStream, SocketAddr) {
        match self.0.recv().await {
            Some(io) => (io, SocketAddr::from(([127, 0, 0, 1], 1))),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 4200)))
    }
}

pub(super) struct HarnessHub {
    dialed: mpsc::Sender<DuplexStream>,
    stop: Option<oneshot::Sender<()>>,
    pub(super) served: JoinHandle<Close>,
}

pub(super) fn secret(byte: u8) -> Secret {
    Secret::filled(|bytes| bytes.fill(byte))
}

pub(super) fn hub(config: Config) -> Hub {
    Hub::new(config, HubKey { auth: secret(1), tls_key: secret(2), group: None }).unwrap()
}

impl HarnessHub {
    pub(super) fn start(config: Config) -> Self {
        let (dialed, ends) = mpsc::channel(1024);
        let (stop, stopped) = oneshot::channel();
        let serving = hub(config).serve(MemoryListener(ends), async move {
            // A test that ends drops the sender, which stops the hub too.
            let _ = stopped.await;
            Close::GoingAway
        });
        Self { dialed, stop: Some(stop), served: tokio::spawn(serving) }
    }

    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Opens a connection that sends nothing.
    pub(super) async fn dial(&self) -> DuplexStream {
        self.dial_with(BUFFER).await
    }

    async fn dial_with(&self, buffer: usize) -> DuplexStream {
        let (near, far) = duplex(buffer);
        self.dialed.send(far).await.unwrap();
        near
    }

    /// Returns how many connections were rejected for this reason, from `/metrics`.
    pub(super) async fn rejected(&self, reason: &str) -> u64 {
        let mut io = self.dial().await;
        io.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut page = String::new();
        io.read_to_string(&mut page).await.unwrap();
        let name = format!("junction_rejected_connections_total{{reason=\"{reason}\"}} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&name));
        value.unwrap_or_else(|| panic!("{page}")).parse().unwrap()
    }

    /// Opens a websocket that sends nothing.
    pub(super) async fn socket(&self) -> WebSocketStream<DuplexStream> {
        self.socket_with(BUFFER).await
    }

    async fn socket_with(&self, buffer: usize) -> WebSocketStream<DuplexStream> {
        let io = self.dial_with(buffer).await;
        client_async("ws://127.0.0.1/link", io).await.unwrap().0
    }

    /// Connects a bridge that is welcomed.
    pub(super) async fn bridge(&self, identity: u8, dial: u64) -> HarnessBridge {
        self.bridge_with(identity, dial, BUFFER).await
    }

    /// Connects a bridge whose connection buffers so many bytes.
    pub(super) async fn bridge_with(
        &self,
        identity: u8,
        dial: u64,
        buffer: usize,
    ) -> HarnessBridge {
        let mut socket = self.socket_with(buffer).await;
        let (hello, handshake) = answer(&mut socket, identity, dial, 1).await;
        send_frame(&mut socket, &hello).await;
        let ToBridge::Welcome(welcome) = recv(&mut socket).await else { panic!("no welcome") };
        let welcome = check(&handshake, &welcome);
        HarnessBridge { socket, welcome }
    }

    /// Connects a bridge that is listed.
    pub(super) async fn listed(&self, identity: u8) -> HarnessBridge {
        let mut bridge = self.bridge(identity, 1).await;
        bridge.publish_card(identity).await;
        bridge
    }
}

/// Answers the challenge of this socket with a hello of this identity, as a member of the group of `auth`.
pub(super) async fn answer(
    socket: &mut WebSocketStream<DuplexStream>,
    identity: u8,
    dial: u64,
    auth: u8,
) -> (ToHub, BridgeHandshake) {
    let challenge = recv_bytes(socket).await;
    let caller = Caller {
        identity: &secret(identity),
        key: key(identity),
        auth: &secret(auth),
        pin: NO_PIN,
        dial: Dial(dial),
        want: None,
        is_unlisted: false,
        seat: None,
    };
    let (hello, handshake) = BridgeHandshake::answer(&challenge, caller).unwrap();
    (ToHub::Hello(hello), handshake)
}

fn check(handshake: &BridgeHandshake, welcome: &Welcome) -> WelcomeBody {
    handshake.check(welcome).unwrap()
}

/// Returns the public key of an identity.
pub(super) fn key(identity: u8) -> PeerKey {
    PeerKey(public_key(&secret(identity)))
}

pub(super) fn card(identity: u8, alias: &str) -> SignedCard {
    let card = Card {
        key: key(identity),
        receive_key: ReceiveKey([identity; 32]),
        epoch: Epoch(1),
        alias: alias.to_owned(),
        reach: Reach::Pull,
        context: Context::default(),
        state: None,
        unwoken: None,
        features: None,
        attended: None,
        seat: None,
    };
    SignedCard { body: encode(&card).to_vec(), mac: [0; 32], seat_signature: None, moves: None }
}

pub(super) fn id(n: u16) -> MessageId {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    MessageId(id)
}

/// Returns a first hand-over of a message of this size.
pub(super) fn send(from: u8, to: u8, n: u16, size: usize) -> ToHub {
    let header = Header {
        group: GroupId([0; 16]),
        id: id(n),
        from: key(from),
        to: key(to),
        epoch: Epoch(1),
        enc: [0; 32],
        seq: Seq(u64::from(n)),
        sent_ms: 0,
        ttl_ms: 600_000,
        kind: Kind::Text,
    };
    let envelope = Envelope { header, sealed: Bytes::from(vec![0; size]) };
    ToHub::Send(Send { envelope, age_ms: 0, resend: false, restart: false })
}

/// The bridge's end of a welcomed connection.
pub(super) struct HarnessBridge {
    pub(super) socket: WebSocketStream<DuplexStream>,
    pub(super) welcome: WelcomeBody,
}

impl HarnessBridge {
    pub(super) fn connection(&self) -> ConnectionId {
        self.welcome.connection
    }

    pub(super) async fn send_frame(&mut self, frame: &ToHub) {
        send_frame(&mut self.socket, frame).await;
    }

    /// Publishes a card.
    pub(super) async fn publish_card(&mut self, identity: u8) {
        let alias = self.welcome.grant.alias.clone();
        self.send_frame(&ToHub::Card(card(identity, &alias))).await;
    }

    pub(super) async fn recv(&mut self) -> ToBridge {
        recv(&mut self.socket).await
    }

    /// Asks a question that is answered at once, so that everything before it has been handled.
    pub(super) async fn sync(&mut self) {
        let list = junction_shared::protocol::wire::List {
            role: None,
            repo: None,
            limit: 1,
            cursor: None,
            state: None,
        };
        self.send_frame(&ToHub::Ask(
            u32::MAX,
            junction_shared::protocol::wire::Question::List(list),
        ))
        .await;
        while !matches!(self.recv().await, ToBridge::Answer(u32::MAX, _)) {}
    }
}

pub(super) async fn send_frame(socket: &mut WebSocketStream<DuplexStream>, frame: &ToHub) {
    socket.send(Message::Binary(encode(frame))).await.unwrap();
}

/// Receives the next frame.
pub(super) async fn recv(socket: &mut WebSocketStream<DuplexStream>) -> ToBridge {
    decode(&recv_bytes(socket).await).unwrap()
}

async fn recv_bytes(socket: &mut WebSocketStream<DuplexStream>) -> Bytes {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => return bytes,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("no frame but {other:?}"),
        }
    }
}

/// Reads to the end of a connection. Returns the close code and reason, if there were any.
pub(super) async fn closed(socket: &mut WebSocketStream<DuplexStream>) -> Option<(u16, String)> {
    let mut closed = None;
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(Some(frame)) = message {
            closed = Some((frame.code.into(), frame.reason.to_string()));
        }
    }
    closed
}
