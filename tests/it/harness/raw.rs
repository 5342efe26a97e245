//! A socket that says to a hub whatever a test wants said.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use junction_shared::codec::{decode, encode};
use junction_shared::handshake::{
    BridgeHandshake, Caller, GroupKeys, HandshakeError, NO_PIN, mac, public_key,
};
use junction_shared::id::{Dial, Epoch, MessageId, PeerKey, ReceiveKey, Seq};
use junction_shared::secret::{Secret, random_bytes};
use junction_shared::wire::{
    Answer, Card, Context, Envelope, Header, Hello, Kind, Question, Reach, Send, SignedCard,
    Target, Ticket, ToBridge, ToHub, WelcomeBody,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{Home, within};

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
        let caller = Caller {
            identity: &self.identity,
            key: self.key,
            auth: &self.group.auth,
            pin: NO_PIN,
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
pub(crate) struct RawSocket(WebSocketStream<TcpStream>);

impl RawSocket {
    /// A websocket on which nothing has been said or read.
    pub(crate) async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the hub accepts");
        let url = format!("ws://127.0.0.1:{port}/link");
        let upgrade = tokio_tungstenite::client_async(url, stream);
        let (socket, _) = within("the upgrade", upgrade).await.expect("the hub upgrades");
        Self(socket)
    }

    /// A websocket on which this peer has said its hello and heard the welcome, but shown no card.
    pub(crate) async fn welcomed(
        port: u16,
        peer: &RawPeer,
        want: Option<(String, Option<Ticket>)>,
    ) -> (Self, WelcomeBody) {
        let mut socket = Self::open(port).await;
        let challenge = socket.bytes().await.expect("a challenge");
        let (hello, handshake) = peer.answer(&challenge, want).expect("a hello");
        socket.send(&ToHub::Hello(hello)).await;
        let Some(ToBridge::Welcome(welcome)) = socket.next().await else {
            panic!("no welcome");
        };
        let body = handshake.check(&welcome).expect("the hub proves itself");
        (socket, body)
    }

    /// A websocket of a listed peer under the alias it wants.
    pub(crate) async fn join(port: u16, peer: &RawPeer, alias: &str) -> (Self, WelcomeBody) {
        let (mut socket, body) = Self::welcomed(port, peer, Some((alias.to_owned(), None))).await;
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
        let _ = within("a send", self.0.send(message)).await;
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
        loop {
            let Some(frame) = self.next().await else { panic!("closed before: {what}") };
            if let Some(found) = pick(frame) {
                return found;
            }
        }
    }

    /// The newest card of whoever has this alias, once there is one.
    pub(crate) async fn card_of(&mut self, alias: &str) -> Card {
        for number in 1_000_000.. {
            let question = Question::Lookup(Target::Alias(alias.to_owned()));
            self.send(&ToHub::Ask(number, question)).await;
            let found = self
                .until("an answer to the lookup", |frame| match frame {
                    ToBridge::Answer(n, Answer::Found(_, card)) if n == number => Some(card),
                    _ => None,
                })
                .await;
            if let Some(card) = found {
                return decode(&card.body).expect("a card");
            }
        }
        unreachable!("every lookup has its number")
    }

    /// The next binary message; none once the hub has closed.
    pub(crate) async fn bytes(&mut self) -> Option<Bytes> {
        loop {
            match within("a frame of the hub", self.0.next()).await? {
                Ok(Message::Binary(bytes)) => return Some(bytes),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The code the hub closes with, whatever it sends before; none if it just cuts the connection.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match within("the hub closes", self.0.next()).await? {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

/// The whole answer to these bytes on a fresh connection, up to its end.
pub(crate) async fn http(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the hub accepts");
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request).await?;
        stream.read_to_end(&mut answer).await
    };
    match within("an answer", exchange).await {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
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
