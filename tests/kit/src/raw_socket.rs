//! A websocket that says to a hub whatever a test wants said.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{BridgeHandshake, Pin};
use junction_shared::protocol::wire::{
    Answer, Card, Hello, LookupTarget, Question, SignedCard, Ticket, ToBridge, ToHub, WelcomeBody,
};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

#[cfg(unix)]
use crate::RawSeat;
use crate::{ByteStream, RawPeer, TestHome, Transport, eventually, within};

/// A websocket to a hub.
pub struct RawSocket {
    socket: WebSocketStream<Box<dyn ByteStream>>,
    /// The pin of the hub on this connection.
    pub pin: Pin,
}

impl RawSocket {
    /// A websocket over plain HTTP on which nothing has been sent or read.
    pub async fn open(port: u16) -> Self {
        Self::open_over(Transport::Plain, port).await
    }

    /// A websocket over this transport on which nothing has been sent or read.
    pub async fn open_over(transport: Transport, port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self::open_at(transport, address).await.expect("the hub opens")
    }

    /// A websocket at this address; none if the hub does not accept it.
    pub async fn open_at(transport: Transport, address: SocketAddr) -> Option<Self> {
        let (stream, pin) = transport.dial(address).await?;
        let upgrade = tokio_tungstenite::client_async(format!("ws://{address}/link"), stream);
        let (socket, _) = within("the upgrade", upgrade).await.ok()?;
        Some(Self { socket, pin })
    }

    /// A websocket on which this peer has sent its hello and got the welcome, but has sent no card.
    pub async fn welcomed(
        port: u16,
        peer: &RawPeer,
        want: Option<(String, Option<Ticket>)>,
    ) -> (Self, WelcomeBody) {
        Self::open(port).await.handshake(peer, want).await.expect("a welcome")
    }

    /// Sends the hello of this peer and checks the welcome; none if the hub does not welcome the peer.
    pub async fn handshake(
        self,
        peer: &RawPeer,
        want: Option<(String, Option<Ticket>)>,
    ) -> Option<(Self, WelcomeBody)> {
        let pin = self.pin;
        self.greet(|challenge| peer.answer_on(pin, challenge, want).expect("a hello")).await
    }

    /// Sends the hello that `answer` makes of the challenge, and checks the welcome; none if the hub sends none.
    pub async fn greet(
        mut self,
        answer: impl FnOnce(&[u8]) -> (Hello, BridgeHandshake),
    ) -> Option<(Self, WelcomeBody)> {
        let challenge = self.bytes().await?;
        let (hello, handshake) = answer(&challenge);
        self.send(&ToHub::Hello(hello)).await;
        let Some(ToBridge::Welcome(welcome)) = self.next().await else { return None };
        let body = handshake.check(&welcome).expect("the hub proves itself");
        Some((self, body))
    }

    /// A websocket of a listed peer under the alias it wants.
    pub async fn join(port: u16, peer: &RawPeer, alias: &str) -> (Self, WelcomeBody) {
        Self::join_over(Transport::Plain, port, peer, alias).await
    }

    /// A websocket of a peer that wants this alias and has claimed a seat, but has sent no card.
    #[cfg(unix)]
    pub async fn claim(
        port: u16,
        peer: &RawPeer,
        alias: &str,
        seat: &RawSeat,
    ) -> (Self, WelcomeBody) {
        let claim = |challenge: &[u8]| peer.claim(challenge, alias, seat.claim(), &seat.keys);
        Self::open(port).await.greet(claim).await.expect("a welcome")
    }

    /// A websocket over this transport, of a listed peer under the alias it wants.
    pub async fn join_over(
        transport: Transport,
        port: u16,
        peer: &RawPeer,
        alias: &str,
    ) -> (Self, WelcomeBody) {
        let want = Some((alias.to_owned(), None));
        let greeted = Self::open_over(transport, port).await.handshake(peer, want).await;
        let (mut socket, body) = greeted.expect("a welcome");
        socket.send(&ToHub::Card(peer.card(&body.grant.alias))).await;
        (socket, body)
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &ToHub) {
        self.send_bytes(encode(frame)).await;
    }

    /// Sends bytes as one binary message.
    pub async fn send_bytes(&mut self, bytes: impl Into<Bytes>) {
        self.send_message(Message::Binary(bytes.into())).await;
    }

    /// Sends any websocket message; a hub that has closed already is no failure here.
    pub async fn send_message(&mut self, message: Message) {
        let _ = within("a send", self.socket.send(message)).await;
    }

    /// Sends any websocket message with many others at once; whether the connection still takes any.
    pub async fn feed_message(&mut self, message: Message) -> bool {
        within("a send", self.socket.feed(message)).await.is_ok()
    }

    /// The next frame; none once the hub has closed.
    pub async fn next(&mut self) -> Option<ToBridge> {
        let bytes = self.bytes().await?;
        Some(decode(&bytes).expect("the hub sends frames"))
    }

    /// Frames until `pick` gives something of one.
    pub async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(ToBridge) -> Option<T>) -> T {
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

    /// The newest card of the peer with this alias, once there is one.
    pub async fn card_of(&mut self, alias: &str) -> Card {
        decode(&self.signed_card_of(alias).await.body).expect("a card")
    }

    /// As [`Self::card_of`], with all that authenticates the card.
    pub async fn signed_card_of(&mut self, alias: &str) -> SignedCard {
        let mut number = 1_000_000;
        eventually(&format!("{alias} has a card"), async || {
            number += 1;
            let question = Question::Lookup(LookupTarget::Alias(alias.to_owned()));
            self.send(&ToHub::Ask(number, question)).await;
            self.until("an answer to the lookup", |frame| match frame {
                ToBridge::Answer(n, Answer::Found(_, card)) if n == number => Some(card),
                _ => None,
            })
            .await
        })
        .await
    }

    /// The next binary message; none once the hub has closed.
    pub async fn bytes(&mut self) -> Option<Bytes> {
        // Pings keep coming, and are no answer.
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

    /// The code with which the hub closes; none if it cuts the connection. Frames before that are ignored.
    pub async fn close_code(&mut self) -> Option<u16> {
        within("the hub closes", async {
            loop {
                match self.socket.next().await? {
                    Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        })
        .await
    }
}

/// The card of the peer with this alias on the hub at this port. A member looks it up and leaves.
pub async fn look_up(home: &TestHome, port: u16, alias: &str) -> Card {
    let (mut socket, _) = RawSocket::join(port, &RawPeer::new(home), "looker-up").await;
    let card = socket.card_of(alias).await;
    socket.send(&ToHub::Leave).await;
    let _ = socket.close_code().await;
    card
}
