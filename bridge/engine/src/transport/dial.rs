//! One connection to a hub: TCP, websocket, handshake frames, and the task that writes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{Pin, fingerprint};
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

use crate::hubs::target::Target;
use crate::transport::tls::{Channel, Insecure, secure};

/// Frames between the session and the socket.
const WRITE_QUEUE: usize = 32;
/// What one read of the websocket takes, and its buffer: the largest message comes in five, and twenty bridges
/// stay small.
const READ_BUFFER: usize = 16 * 1024;

/// How long one of several addresses of a hub may take to answer before the next is tried: far longer than any
/// network that a hub is for.
const ADDRESS_PATIENCE: Duration = Duration::from_millis(400);

/// How a hub is reached: TCP, or what a simulation puts in its place.
pub trait Dialer: Clone + Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Connects to the hub at this address.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] if nothing listens there; any other counts as no answer.
    fn dial(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Connections of the system.
#[derive(Clone)]
pub struct Tcp;

impl Dialer for Tcp {
    type Stream = TcpStream;

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // A message is one small write: it must not wait for the next.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nothing listens there.
    #[error("connection refused")]
    Refused,
    /// No answer, or none in time.
    #[error("no answer")]
    Silent,
    /// The hub has as many connections as it bears.
    #[error("it has no place for another session")]
    Full,
    /// The hub's name is nobody's, or cannot be looked up.
    #[error("its name is not known here")]
    UnknownName,
    /// The hub has another key than its link says.
    #[error("it shows another key than its link says")]
    OtherKey {
        /// The one in the link.
        expected: Pin,
        /// The one it showed.
        found: Pin,
    },
    /// The hub shows the right key, and cannot prove to own it.
    #[error("it shows the key {0} of its link, and cannot prove to own it")]
    Unowned(String),
    /// Something answers without TLS, where a hub would speak it.
    #[error("what answers there speaks no TLS 1.3")]
    NoTls,
    /// Something answers that is no hub.
    #[error("what answers there is no hub")]
    NotAHub,
    /// The hub closed the connection and said why.
    #[error("the hub closed the connection: {0}")]
    Closed(Close),
    /// The connection ended without a word.
    #[error("the connection was lost")]
    Lost,
}

/// A connection whose hub has sent its challenge.
pub struct Opened<S> {
    socket: WebSocketStream<Channel<S>>,
    /// The pin of this connection.
    pub pin: Pin,
    /// The challenge, as it was sent.
    pub challenge: Bytes,
    deadline: Instant,
}

/// Opens a connection and takes the hub's challenge.
///
/// # Errors
/// [`DialError`] within five seconds.
pub async fn open<D: Dialer>(dialer: &D, target: &Target) -> Result<Opened<D::Stream>, DialError> {
    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    let dialled = timeout_at(deadline, connect(dialer, target)).await;
    let (mut socket, pin) = dialled.map_err(|_| DialError::Silent)??;
    let challenge = timeout_at(deadline, next_frame(&mut socket)).await;
    let challenge = challenge.map_err(|_| DialError::Silent)??;
    Ok(Opened { socket, pin, challenge, deadline })
}

async fn connect<D: Dialer>(
    dialer: &D,
    target: &Target,
) -> Result<(WebSocketStream<Channel<D::Stream>>, Pin), DialError> {
    let addresses = target.addresses().await.map_err(|_| DialError::UnknownName)?;
    let (stream, address) = dial_one(dialer, &addresses).await?;
    let secured = secure(stream, target.security).await;
    let (stream, pin) = secured.map_err(|insecure| match insecure {
        Insecure::OtherKey { expected, found } => DialError::OtherKey { expected, found },
        Insecure::Unowned(found) => DialError::Unowned(fingerprint(&found)),
        Insecure::NoTls => DialError::NoTls,
        Insecure::Lost => DialError::Lost,
    })?;
    let socket = upgrade(stream, address).await?;
    Ok((socket, pin))
}

/// The first of these addresses at which anything answers.
///
/// # Errors
/// What is wrong with the last of them.
pub async fn dial_one<D: Dialer>(
    dialer: &D,
    addresses: &[SocketAddr],
) -> Result<(D::Stream, SocketAddr), DialError> {
    let mut why = DialError::UnknownName;
    for (at, address) in addresses.iter().enumerate() {
        // The last may take what time there is.
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

/// Makes a websocket of a stream. The address is what the hub is told that it was called by: a name would be
/// what a browser is led astray by.
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
            // A hub that stops in the middle of it, or had no place for one more visitor.
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
        Some(Ok(Message::Close(Some(frame)))) => {
            Err(Close::from_code(frame.code.into()).map_or(DialError::Lost, DialError::Closed))
        }
        Some(Ok(Message::Text(_) | Message::Frame(_))) => Err(DialError::NotAHub),
        Some(Ok(Message::Close(None)) | Err(_)) | None => Err(DialError::Lost),
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Opened<S> {
    /// Sends the hello and takes the welcome, which is still to be checked.
    ///
    /// # Errors
    /// [`DialError`] within the five seconds that began with [`open`].
    pub async fn greet(self, hello: Hello) -> Result<(Connection<S>, Welcome), DialError> {
        let Self { mut socket, deadline, .. } = self;
        let greeting = async {
            let hello = Message::Binary(encode(&ToHub::Hello(hello)));
            socket.send(hello).await.map_err(|_| DialError::Lost)?;
            let frame = next_frame(&mut socket).await?;
            match decode(&frame) {
                Ok(ToBridge::Welcome(welcome)) => Ok(welcome),
                _ => Err(DialError::NotAHub),
            }
        };
        let welcome = timeout_at(deadline, greeting).await.map_err(|_| DialError::Silent)??;
        Ok((Connection::new(socket), welcome))
    }
}

/// A welcomed connection. Reading never waits for writing: the hub may rely on being read.
pub struct Connection<S> {
    incoming: SplitStream<WebSocketStream<Channel<S>>>,
    outgoing: mpsc::Sender<Bytes>,
    writer: JoinHandle<()>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Connection<S> {
    fn new(socket: WebSocketStream<Channel<S>>) -> Self {
        let (sink, incoming) = socket.split();
        let (outgoing, frames) = mpsc::channel(WRITE_QUEUE);
        let writer = tokio::spawn(write(sink, frames));
        Self { incoming, outgoing, writer }
    }

    /// The next sign of life of the hub: a frame, or nothing but a ping; or why there is none any more.
    pub async fn next(&mut self) -> Result<Option<ToBridge>, DialError> {
        match next_message(&mut self.incoming).await? {
            Some(frame) => decode(&frame).map(Some).map_err(|_| DialError::NotAHub),
            None => Ok(None),
        }
    }

    /// Where frames are put to be written; full while the socket takes none.
    pub fn outgoing(&self) -> &mpsc::Sender<Bytes> {
        &self.outgoing
    }

    /// Writes the last frames, if they can be written in time, and closes.
    pub async fn close(self, last: Vec<Bytes>, patience: Duration) {
        let Self { outgoing, writer, incoming } = self;
        let _ = timeout(patience, async {
            for frame in last {
                let _ = outgoing.send(frame).await;
            }
            drop(outgoing);
            let _ = writer.await;
        })
        .await;
        drop(incoming);
    }
}

/// Writes frames as they come and flushes when there is no next one.
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
