//! A proxy of frames between bridges and a real hub: together a hub as dishonest as a test wants. The proxy may drop,
//! alter, repeat and add frames. On loopback nothing but AJ1 itself prevents that.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, StreamExt};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::wire::{Challenge, ToBridge, ToHub};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_async, client_async};

use crate::TestBridge;

/// One frame that passes the proxy.
pub struct ProxiedFrame {
    /// Whether the hub sent the frame.
    pub from_hub: bool,
    /// The frame's bytes.
    pub bytes: Bytes,
}

/// The decoded frame, if the hub sent it and it is valid.
pub fn from_hub(heard: &ProxiedFrame) -> Option<ToBridge> {
    heard.from_hub.then(|| decode(&heard.bytes).ok()).flatten()
}

/// The decoded frame, if a bridge sent it and it is valid.
pub fn from_bridge(heard: &ProxiedFrame) -> Option<ToHub> {
    (!heard.from_hub).then(|| decode(&heard.bytes).ok()).flatten()
}

/// Forwards the frame unchanged.
pub fn pass(heard: &ProxiedFrame) -> Vec<Bytes> {
    vec![heard.bytes.clone()]
}

/// A test's decision about a frame: the frames that are forwarded in its place.
type Tamper = Box<dyn FnMut(&ProxiedFrame) -> Vec<Bytes> + Send>;

/// A running proxy of frames.
pub struct FrameProxy {
    /// The port on which bridges reach the proxy.
    pub port: u16,
    /// The port of the hub that new connections are carried to.
    hub: Arc<AtomicU16>,
    bridges: Arc<Mutex<Vec<mpsc::Sender<Bytes>>>>,
}

impl FrameProxy {
    /// A proxy before the hub at this port.
    pub async fn start(
        hub: u16,
        tamper: impl FnMut(&ProxiedFrame) -> Vec<Bytes> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let bridges = Arc::new(Mutex::new(Vec::new()));
        let tamper: Arc<Mutex<Tamper>> = Arc::new(Mutex::new(Box::new(tamper)));
        let hub = Arc::new(AtomicU16::new(hub));
        let (known, target) = (Arc::clone(&bridges), Arc::clone(&hub));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, inject) = mpsc::channel(64);
                known.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
                tokio::spawn(relay(
                    stream,
                    target.load(Ordering::Relaxed),
                    Arc::clone(&tamper),
                    inject,
                ));
            }
        });
        Self { port, hub, bridges }
    }

    /// Carries all bridges to the hub at this port from now on. The connections that are open are cut.
    pub fn redirect(&self, hub: u16) {
        self.hub.store(hub, Ordering::Relaxed);
        self.bridges.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Sends the bridge of this connection a frame that the hub never sent. Connections are counted from 0.
    pub async fn inject(&self, connection: usize, frame: &ToBridge) {
        let bridge =
            self.bridges.lock().unwrap_or_else(PoisonError::into_inner)[connection].clone();
        bridge.send(encode(frame)).await.expect("the connection stands");
    }

    /// Sends the bridge of this connection a frame as [`Self::inject`] does, and waits until the bridge has handled it:
    /// a second challenge follows, for which the bridge counts one more misbehaviour than `before`.
    pub async fn inject_and_wait(
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
            injected = inject.recv() => match injected {
                Some(bytes) => to_bridge.send(Message::Binary(bytes)).await.is_ok(),
                None => false,
            },
        };
        if !sent {
            return;
        }
    }
}

/// Forwards one message as the test wants it. Whether the connection is still open.
async fn carry(
    from_hub: bool,
    message: Option<Result<Message, Error>>,
    tamper: &Mutex<Tamper>,
    onward: &mut (impl Sink<Message, Error = Error> + Unpin),
) -> bool {
    match message {
        Some(Ok(Message::Binary(bytes))) => {
            let heard = ProxiedFrame { from_hub, bytes };
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
