//! A socket that says to a hub whatever a test wants said.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{
    BridgeHandshake, Caller, GroupKeys, HandshakeError, NO_PIN, Pin, mac, public_key,
};
use junction_shared::protocol::id::{Dial, Epoch, MessageId, PeerKey, ReceiveKey, Seq};
use junction_shared::protocol::wire::{
    Answer, Card, Context, Envelope, Header, Hello, Kind, Question, Reach, Send, SignedCard,
    Target, Ticket, ToBridge, ToHub, WelcomeBody,
};
use junction_shared::secret::{Secret, random_bytes};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{Door, Home, Io, eventually, within};

/// A member of the group that keeps to the protocol only as far as a test wants.
pub(crate) struct RawPeer {
    /// Its identity key's secret half.
    pub(crate) identity: Secret,
    /// Its public identity key.
    pub(crate) key: PeerKey,
    /// What its group's link makes.
    pub(crate) group: GroupKeys,
    dial: AtomicU64,
    epoch: AtomicU64,
}

impl RawPeer {
    /// A member of the group of this home.
    pub(crate) fn new(home: &Home) -> Self {
        Self::of(home.group())
    }

    /// A member of a group that nobody else is in.
    pub(crate) fn stranger() -> Self {
        Self::of(GroupKeys::derive(&Secret::random()))
    }

    fn of(group: GroupKeys) -> Self {
        let identity = Secret::random();
        let key = PeerKey(public_key(&identity));
        Self { identity, key, group, dial: AtomicU64::new(1), epoch: AtomicU64::new(1) }
    }

    /// Its side of the handshake, for this challenge.
    pub(crate) fn answer(
        &self,
        challenge: &[u8],
        want: Option<(String, Option<Ticket>)>,
    ) -> Result<(Hello, BridgeHandshake), HandshakeError> {
        self.answer_on(NO_PIN, challenge, want)
    }

    /// The same, on a connection of this pin.
    pub(crate) fn answer_on(
        &self,
        pin: Pin,
        challenge: &[u8],
        want: Option<(String, Option<Ticket>)>,
    ) -> Result<(Hello, BridgeHandshake), HandshakeError> {
        let caller = Caller {
            identity: &self.identity,
            key: self.key,
            auth: &self.group.auth,
            pin,
            dial: Dial(self.dial.fetch_add(1, Ordering::Relaxed)),
            want,
        };
        BridgeHandshake::answer(challenge, caller)
    }

    /// An honest card under this alias, of the next epoch.
    pub(crate) fn card(&self, alias: &str) -> SignedCard {
        self.sign(&Card {
            key: self.key,
            receive_key: ReceiveKey(public_key(&Secret::random())),
            epoch: Epoch(self.epoch.fetch_add(1, Ordering::Relaxed)),
            alias: alias.to_owned(),
            reach: Reach::Pull,
            context: Context::default(),
            state: None,
            unwoken: None,
        })
    }

    /// Any card, authenticated by the group.
    pub(crate) fn sign(&self, card: &Card) -> SignedCard {
        let body = encode(card).to_vec();
        let mac = mac(self.group.card.expose(), &[&body]);
        SignedCard { body, mac }
    }

    /// A first hand-over of an envelope with these bytes in place of a sealed text.
    pub(crate) fn sending(&self, to: PeerKey, seq: u64, sealed: &[u8]) -> Send {
        let header = Header {
            group: self.group.group,
            id: MessageId(random_bytes()),
            from: self.key,
            to,
            epoch: Epoch(1),
            enc: random_bytes(),
            seq: Seq(seq),
            sent_ms: 1_700_000_000_000,
            ttl_ms: 60_000,
            kind: Kind::Text,
        };
        let envelope = Envelope { header, sealed: Bytes::copy_from_slice(sealed) };
        Send { envelope, age_ms: 0, resend: false, restart: false }
    }
}

/// One websocket to a hub.
pub(crate) struct RawSocket {
    socket: WebSocketStream<Box<dyn Io>>,
    /// The pin of this connection.
    pub(crate) pin: Pin,
}

impl RawSocket {
    /// A websocket on which nothing has been said or read.
    pub(crate) async fn open(port: u16) -> Self {
        Self::open_by(Door::Plain, port).await
    }

    /// The same, by this door.
    pub(crate) async fn open_by(door: Door, port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self::open_at(door, address).await.expect("the hub opens")
    }

    /// The same, at this address; none if the hub does not open.
    pub(crate) async fn open_at(door: Door, address: SocketAddr) -> Option<Self> {
        let (stream, pin) = door.dial(address).await?;
        let upgrade = tokio_tungstenite::client_async(format!("ws://{address}/link"), stream);
        let (socket, _) = within("the upgrade", upgrade).await.ok()?;
        Some(Self { socket, pin })
    }

    /// A websocket on which this peer has said its hello and heard the welcome, but shown no card.
    pub(crate) async fn welcomed(
        port: u16,
        peer: &RawPeer,
        want: Option<(String, Option<Ticket>)>,
    ) -> (Self, WelcomeBody) {
        Self::open(port).await.greet(peer, want).await.expect("a welcome")
    }

    /// Says the hello of this peer and hears the welcome; none if the hub does not welcome it.
    pub(crate) async fn greet(
        mut self,
        peer: &RawPeer,
        want: Option<(String, Option<Ticket>)>,
    ) -> Option<(Self, WelcomeBody)> {
        let challenge = self.bytes().await?;
        let (hello, handshake) = peer.answer_on(self.pin, &challenge, want).expect("a hello");
        self.send(&ToHub::Hello(hello)).await;
        let Some(ToBridge::Welcome(welcome)) = self.next().await else { return None };
        let body = handshake.check(&welcome).expect("the hub proves itself");
        Some((self, body))
    }

    /// A websocket of a listed peer under the alias it wants.
    pub(crate) async fn join(port: u16, peer: &RawPeer, alias: &str) -> (Self, WelcomeBody) {
        Self::join_by(Door::Plain, port, peer, alias).await
    }

    /// The same, by this door.
    pub(crate) async fn join_by(
        door: Door,
        port: u16,
        peer: &RawPeer,
        alias: &str,
    ) -> (Self, WelcomeBody) {
        let want = Some((alias.to_owned(), None));
        let greeted = Self::open_by(door, port).await.greet(peer, want).await;
        let (mut socket, body) = greeted.expect("a welcome");
        socket.send(&ToHub::Card(peer.card(&body.grant.alias))).await;
        (socket, body)
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &ToHub) {
        self.send_bytes(encode(frame)).await;
    }

    /// Sends bytes as one binary message.
    pub(crate) async fn send_bytes(&mut self, bytes: impl Into<Bytes>) {
        self.send_message(Message::Binary(bytes.into())).await;
    }

    /// Sends any websocket message; a hub that has closed already is no failure here.
    pub(crate) async fn send_message(&mut self, message: Message) {
        let _ = within("a send", self.socket.send(message)).await;
    }

    /// Sends any websocket message with many others at once; whether the connection still takes any.
    pub(crate) async fn feed_message(&mut self, message: Message) -> bool {
        within("a send", self.socket.feed(message)).await.is_ok()
    }

    /// The next frame; none once the hub has closed.
    pub(crate) async fn next(&mut self) -> Option<ToBridge> {
        let bytes = self.bytes().await?;
        Some(decode(&bytes).expect("the hub sends frames"))
    }

    /// Frames until `pick` gives something of one.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(ToBridge) -> Option<T>,
    ) -> T {
        within(what, async {
            loop {
                let Some(frame) = self.next().await else { panic!("closed before: {what}") };
                if let Some(found) = pick(frame) {
                    return found;
                }
            }
        })
        .await
    }

    /// The newest card of whoever has this alias, once there is one.
    pub(crate) async fn card_of(&mut self, alias: &str) -> Card {
        let mut number = 1_000_000;
        eventually(&format!("{alias} has a card"), async || {
            number += 1;
            let question = Question::Lookup(Target::Alias(alias.to_owned()));
            self.send(&ToHub::Ask(number, question)).await;
            let found = self
                .until("an answer to the lookup", |frame| match frame {
                    ToBridge::Answer(n, Answer::Found(_, card)) if n == number => Some(card),
                    _ => None,
                })
                .await;
            found.map(|card| decode(&card.body).expect("a card"))
        })
        .await
    }

    /// The next binary message; none once the hub has closed.
    pub(crate) async fn bytes(&mut self) -> Option<Bytes> {
        // Pings come for ever, and are no answer.
        within("a frame of the hub", async {
            loop {
                match self.socket.next().await? {
                    Ok(Message::Binary(bytes)) => return Some(bytes),
                    Ok(Message::Close(_)) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        })
        .await
    }

    /// The code the hub closes with, whatever it sends before; none if it just cuts the connection.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match within("the hub closes", self.socket.next()).await? {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

/// The card of whoever has this alias on the hub at this port, which a member that comes and goes looks up.
pub(crate) async fn look_up(home: &Home, port: u16, alias: &str) -> Card {
    let (mut socket, _) = RawSocket::join(port, &RawPeer::new(home), "looker-up").await;
    let card = socket.card_of(alias).await;
    socket.send(&ToHub::Leave).await;
    let _ = socket.close_code().await;
    card
}

/// The whole answer to these bytes on a fresh connection by this door to this address, up to its end; nothing
/// if the hub does not open.
pub(crate) async fn http_at(door: Door, address: SocketAddr, request: &[u8]) -> String {
    let Some((mut stream, _)) = door.dial(address).await else { return String::new() };
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request).await?;
        stream.read_to_end(&mut answer).await
    };
    match within("an answer", exchange).await {
        Err(error) if !is_cut(&error) => panic!("{error}"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

/// Whether a connection just ended, in whatever way.
fn is_cut(error: &std::io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// What `/health` says; none if nothing answers there.
pub(crate) async fn health(port: u16) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request =
        format!("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    within("/health", stream.read_to_string(&mut answer)).await.ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}
