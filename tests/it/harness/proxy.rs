//! A hub as dishonest as a test wants: it stands between bridges and a real hub and may keep, alter, repeat
//! and add frames. On loopback nothing but AJ1 itself stands in its way.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, StreamExt};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::wire::{Challenge, ToBridge, ToHub};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_async, client_async};

use super::TestBridge;

/// One frame that passes the proxy.
pub(crate) struct Heard {
    /// Whether the hub said it.
    pub(crate) from_hub: bool,
    /// Its bytes.
    pub(crate) bytes: Bytes,
}

/// What was heard, if the hub said it and it is a frame.
pub(crate) fn from_hub(heard: &Heard) -> Option<ToBridge> {
    heard.from_hub.then(|| decode(&heard.bytes).ok()).flatten()
}

/// What was heard, if a bridge said it and it is a frame.
pub(crate) fn from_bridge(heard: &Heard) -> Option<ToHub> {
    (!heard.from_hub).then(|| decode(&heard.bytes).ok()).flatten()
}

/// The frame goes on as it is.
pub(crate) fn pass(heard: &Heard) -> Vec<Bytes> {
    vec![heard.bytes.clone()]
}

/// What becomes of a frame: the frames that go on in its place.
type Tamper = Box<dyn FnMut(&Heard) -> Vec<Bytes> + Send>;

/// A running proxy.
pub(crate) struct Proxy {
    /// Where bridges reach it.
    pub(crate) port: u16,
    bridges: Arc<Mutex<Vec<mpsc::Sender<Bytes>>>>,
}

impl Proxy {
    /// A proxy before the hub at this port.
    pub(crate) async fn start(
        hub: u16,
        tamper: impl FnMut(&Heard) -> Vec<Bytes> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let bridges = Arc::new(Mutex::new(Vec::new()));
        let tamper: Arc<Mutex<Tamper>> = Arc::new(Mutex::new(Box::new(tamper)));
        let known = Arc::clone(&bridges);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, inject) = mpsc::channel(64);
                known.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
                tokio::spawn(relay(stream, hub, Arc::clone(&tamper), inject));
            }
        });
        Self { port, bridges }
    }

    /// Says something to the bridge of this connection, counted from 0 as they came, that the hub never said.
    pub(crate) async fn inject(&self, connection: usize, frame: &ToBridge) {
        let bridge =
            self.bridges.lock().unwrap_or_else(PoisonError::into_inner)[connection].clone();
        bridge.send(encode(frame)).await.expect("the connection stands");
    }

    /// The same, and waits until the bridge has heard it: behind it comes a second handshake, for which the bridge
    /// accuses its hub once more than for all `before`.
    pub(crate) async fn tell(
        &self,
        connection: usize,
        bridge: &TestBridge,
        before: u64,
        frame: &ToBridge,
    ) {
        self.inject(connection, frame).await;
        let again = Challenge { versions: Vec::new(), nonce: [0; 32], hub_eph: [0; 32] };
        self.inject(connection, &ToBridge::Challenge(again)).await;
        bridge.accuses_hub(before + 1).await;
    }
}

/// Carries frames both ways until either side ends.
async fn relay(
    stream: TcpStream,
    hub: u16,
    tamper: Arc<Mutex<Tamper>>,
    mut inject: mpsc::Receiver<Bytes>,
) {
    let Ok(bridge) = accept_async(stream).await else { return };
    let Ok(stream) = TcpStream::connect(("127.0.0.1", hub)).await else { return };
    let Ok((hub, _)) = client_async(format!("ws://127.0.0.1:{hub}/link"), stream).await else {
        return;
    };
    let (mut to_bridge, mut from_bridge) = bridge.split();
    let (mut to_hub, mut from_hub) = hub.split();
    loop {
        let sent = tokio::select! {
            message = from_bridge.next() => {
                carry(false, message, &tamper, &mut to_hub).await
            }
            message = from_hub.next() => {
                carry(true, message, &tamper, &mut to_bridge).await
            }
            Some(bytes) = inject.recv() => to_bridge.send(Message::Binary(bytes)).await.is_ok(),
        };
        if !sent {
            return;
        }
    }
}

/// Hands one message on as the test wants it; whether the connection still stands.
async fn carry(
    from_hub: bool,
    message: Option<Result<Message, Error>>,
    tamper: &Mutex<Tamper>,
    onward: &mut (impl Sink<Message, Error = Error> + Unpin),
) -> bool {
    match message {
        Some(Ok(Message::Binary(bytes))) => {
            let heard = Heard { from_hub, bytes };
            let frames = (tamper.lock().unwrap_or_else(PoisonError::into_inner))(&heard);
            for frame in frames {
                if onward.send(Message::Binary(frame)).await.is_err() {
                    return false;
                }
            }
            true
        }
        Some(Ok(Message::Close(frame))) => {
            let _ = onward.send(Message::Close(frame)).await;
            false
        }
        Some(Ok(message)) => onward.send(message).await.is_ok(),
        None | Some(Err(_)) => false,
    }
}
