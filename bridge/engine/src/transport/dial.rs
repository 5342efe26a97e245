//! One connection to a hub: TCP, websocket, handshake frames, and the task that writes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use junction_shared::protocol::close::{Close, hub_version};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::Pin;
use junction_shared::protocol::limits::{HANDSHAKE_TIMEOUT, MAX_FRAME, WRITE_TIMEOUT};
use junction_shared::protocol::wire::{Hello, ToBridge, ToHub, Welcome};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::transport::endpoint::Endpoint;
use crate::transport::tls::{HubStream, Insecure, secure};

/// Frames between the session and the socket.
const WRITE_QUEUE: usize = 32;
/// Bytes of the websocket's read buffer: the largest message takes five reads, and a bridge's memory stays small.
const READ_BUFFER: usize = 16 * 1024;

/// How long one of several addresses of a hub may take to answer before the next is tried: far longer than a round
/// trip in a local network.
pub(super) const ADDRESS_PATIENCE: Duration = Duration::from_millis(400);

/// Opens byte streams to hubs: TCP, or a simulated network.
pub trait Dialer: Clone + Send + Sync + 'static {
    /// A byte stream to a hub.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Connects to the hub at this address.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] if nothing listens there; any other counts as no answer.
    fn dial(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// TCP connections of the operating system.
#[derive(Clone)]
pub struct Tcp;

impl Dialer for Tcp {
    type Stream = TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // A message is one small write, which must not wait for the next.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Why there is no connection to a hub, or why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// Nothing listens at the address.
    Refused,
    /// No answer in time.
    Silent,
    /// The hub has as many connections as it takes.
    Full,
    /// The hub's name does not exist, or cannot be looked up.
    UnknownName,
    /// The hub showed another key than its link names.
    OtherKey {
        /// The key in the link.
        expected: Pin,
        /// The key that the hub showed.
        found: Pin,
    },
    /// The server showed the hub's key and could not prove that it owns it.
    Unowned(Pin),
    /// The server does not speak TLS 1.3, which a hub on another machine does.
    NoTls,
    /// The server is not a hub.
    NotAHub,
    /// The hub closed the connection and gave a reason.
    Closed(Close),
    /// The hub closed the connection because it speaks no version of this bridge, but this one, if it said which.
    OtherVersion(Option<u16>),
    /// The connection ended without a reason.
    Lost,
}

impl From<Insecure> for DialError {
    fn from(insecure: Insecure) -> Self {
        match insecure {
            Insecure::OtherKey { expected, found } => Self::OtherKey { expected, found },
            Insecure::Unowned(found) => Self::Unowned(found),
            Insecure::NoTls => Self::NoTls,
            Insecure::Lost => Self::Lost,
        }
    }
}

/// A connection on which the hub has sent its challenge.
pub struct Opened<S> {
    socket: WebSocketStream<HubStream<S>>,
    /// The pin of the key that the hub showed on this connection.
    pub pin: Pin,
    /// The challenge, as it was sent.
    pub challenge: Bytes,
    deadline: Instant,
}

/// Opens a connection and receives the hub's challenge.
///
/// # Errors
/// [`DialError`] within five seconds.
pub async fn open<D: Dialer>(dialer: &D, hub: &Endpoint) -> Result<Opened<D::Stream>, DialError> {
    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    let dialled = timeout_at(deadline, connect(dialer, hub)).await;
    let (mut socket, pin) = dialled.map_err(|_| DialError::Silent)??;
    let challenge = timeout_at(deadline, next_frame(&mut socket)).await;
    let challenge = challenge.map_err(|_| DialError::Silent)??;
    Ok(Opened { socket, pin, challenge, deadline })
}

/// Whether anything accepts connections at this hub's address. Nothing is sent.
pub async fn is_listening(hub: &Endpoint) -> bool {
    let Ok(addresses) = hub.addresses().await else { return false };
    matches!(timeout(ADDRESS_PATIENCE, dial_one(&Tcp, &addresses)).await, Ok(Ok(_)))
}

async fn connect<D: Dialer>(
    dialer: &D,
    hub: &Endpoint,
) -> Result<(WebSocketStream<HubStream<D::Stream>>, Pin), DialError> {
    let addresses = hub.addresses().await.map_err(|_| DialError::UnknownName)?;
    let (stream, address) = dial_one(dialer, &addresses).await?;
    let (stream, pin) = secure(stream, hub.security).await?;
    let socket = upgrade(stream, address).await?;
    Ok((socket, pin))
}

/// Connects to the first of these addresses that answers.
///
/// # Errors
/// [`DialError`] of the last address.
async fn dial_one<D: Dialer>(
    dialer: &D,
    addresses: &[SocketAddr],
) -> Result<(D::Stream, SocketAddr), DialError> {
    let mut why = DialError::UnknownName;
    for (at, address) in addresses.iter().enumerate() {
        // The last address may take all the time that is left.
        let patience = if at + 1 == addresses.len() { HANDSHAKE_TIMEOUT } else { ADDRESS_PATIENCE };
        match timeout(patience, dialer.dial(*address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                why = DialError::Refused;
            }
            Ok(Err(_)) | Err(_) => why = DialError::Silent,
        }
    }
    Err(why)
}

/// Makes a websocket of a stream. The `Host` header holds the IP address: a hub refuses names, because a name is
/// what a DNS-rebinding attack on a browser uses.
async fn upgrade<S>(stream: S, address: SocketAddr) -> Result<WebSocketStream<S>, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_FRAME)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let url = format!("ws://{address}/link");
    tokio_tungstenite::client_async_with_config(url, stream, Some(config))
        .await
        .map(|(socket, _)| socket)
        .map_err(|error| match error {
            tungstenite::Error::Http(answer)
                if answer.status() == StatusCode::SERVICE_UNAVAILABLE =>
            {
                DialError::Full
            }
            tungstenite::Error::Http(_) => DialError::NotAHub,
            // The hub stopped during the upgrade, or takes no more unauthenticated connections.
            _ => DialError::Lost,
        })
}

/// The next binary frame of a handshake.
async fn next_frame<S>(socket: &mut WebSocketStream<S>) -> Result<Bytes, DialError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if let Some(frame) = next_message(socket).await? {
            return Ok(frame);
        }
    }
}

/// The next binary frame, or nothing for a ping; anything else ends the connection.
async fn next_message<S>(socket: &mut S) -> Result<Option<Bytes>, DialError>
where
    S: Stream<Item = Result<Message, tungstenite::Error>> + Unpin,
{
    match socket.next().await {
        Some(Ok(Message::Binary(frame))) => Ok(Some(frame)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(Some(frame)))) => Err(match Close::from_code(frame.code.into()) {
            Some(Close::NoCommonVersion) => DialError::OtherVersion(hub_version(&frame.reason)),
            Some(close) => DialError::Closed(close),
            None => DialError::Lost,
        }),
        Some(Ok(Message::Text(_) | Message::Frame(_))) => Err(DialError::NotAHub),
        Some(Ok(Message::Close(None)) | Err(_)) | None => Err(DialError::Lost),
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Opened<S> {
    /// Sends the hello and returns the welcome, which the caller has to check.
    ///
    /// # Errors
    /// [`DialError`] within the five seconds that began with [`open`].
    pub async fn send_hello(self, hello: Hello) -> Result<(HubConnection<S>, Welcome), DialError> {
        let Self { mut socket, deadline, .. } = self;
        let exchange = async {
            let hello = Message::Binary(encode(&ToHub::Hello(hello)));
            socket.send(hello).await.map_err(|_| DialError::Lost)?;
            let frame = next_frame(&mut socket).await?;
            match decode(&frame) {
                Ok(ToBridge::Welcome(welcome)) => Ok(welcome),
                _ => Err(DialError::NotAHub),
            }
        };
        let welcome = timeout_at(deadline, exchange).await.map_err(|_| DialError::Silent)??;
        Ok((HubConnection::new(socket), welcome))
    }
}

/// A connection after the welcome. Reading never waits for writing, so a hub never blocks on a bridge.
pub struct HubConnection<S> {
    incoming: SplitStream<WebSocketStream<HubStream<S>>>,
    outgoing: mpsc::Sender<Bytes>,
    writer: JoinHandle<()>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> HubConnection<S> {
    fn new(socket: WebSocketStream<HubStream<S>>) -> Self {
        let (sink, incoming) = socket.split();
        let (outgoing, frames) = mpsc::channel(WRITE_QUEUE);
        let writer = tokio::spawn(write(sink, frames));
        Self { incoming, outgoing, writer }
    }

    /// Waits for the hub and returns its next frame, or `None` for a ping.
    ///
    /// # Errors
    /// Why the connection ended.
    pub async fn next(&mut self) -> Result<Option<ToBridge>, DialError> {
        match next_message(&mut self.incoming).await? {
            Some(frame) => decode(&frame).map(Some).map_err(|_| DialError::NotAHub),
            None => Ok(None),
        }
    }

    /// The queue of frames to write, which is full while the socket takes none.
    pub fn outgoing(&self) -> &mpsc::Sender<Bytes> {
        &self.outgoing
    }

    /// Writes the last frames, if they can be written in time, and closes.
    pub async fn close(self, last: Vec<Bytes>, patience: Duration) {
        let Self { outgoing, writer, mut incoming } = self;
        let _ = timeout(patience, async {
            for frame in last {
                let _ = outgoing.send(frame).await;
            }
            drop(outgoing);
            let _ = writer.await;
            // Unread bytes would make the system reset the connection, and the hub could lose the last frames.
            while let Some(Ok(_)) = incoming.next().await {}
        })
        .await;
    }
}

/// Writes frames as they come, and flushes when the queue is empty.
async fn write<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut frames: mpsc::Receiver<Bytes>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(frame) = frames.recv().await {
        let written = timeout(WRITE_TIMEOUT, async {
            sink.feed(Message::Binary(frame)).await?;
            while let Ok(frame) = frames.try_recv() {
                sink.feed(Message::Binary(frame)).await?;
            }
            sink.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            return;
        }
    }
    let _ = timeout(WRITE_TIMEOUT, sink.close()).await;
}
