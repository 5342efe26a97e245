//! One connection, from the challenge to its end.
//!
//! Reading and writing run side by side in one task, so a full socket in one direction never blocks the
//! other. Answers go through a bounded queue: a peer that does not take its answers is not read from. Mail is
//! taken from the state one message at a time, when the socket has room.
//!
//! Where a message is here: it comes in as a frame, which the registry hands to the state under its lock, and leaves by the
//! connection of its receiver, whose cursor in the state moves on with each envelope that the socket takes.
//! `bridge/engine/src/actor.rs` is at the other end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use junction_shared::protocol::close::{Close, version_mismatch};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{HandshakeError, HubHandshake, NO_PIN};
use junction_shared::protocol::limits::WRITE_TIMEOUT;
use junction_shared::protocol::wire::{Hello, ToBridge, ToHub, UNLISTED, VERSION};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval_at, timeout};

use crate::accept::guarded_stream::{ConnectionInfo, UnframedBytes};
use crate::app_state::AppState;
use crate::metrics::Metrics;
use crate::registry::{ConnectionHandle, QueuedFrame, StateClient};
use crate::throttle::{RateExceeded, Throttle, tokens_of, tokens_of_length};

/// Answers that may wait in the queue of a connection before it is no longer read from. The rest of the queue
/// is for notifications.
const MAX_QUEUED_ANSWERS: usize = 256;
/// Frames handled before the task yields: enough to write answers in batches.
const FRAMES_PER_YIELD: u32 = 32;
/// Consecutive pings without a sign of life after which a connection counts as lost.
const MAX_UNANSWERED_PINGS: u32 = 2;
/// How long the close handshake may take: less than a stopping hub waits.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The close code for a normal end (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// How a connection ends.
#[derive(Debug, PartialEq)]
enum Disconnect {
    /// The hub closes it for this reason.
    Closed(Close),
    /// The bridge speaks this other version of the protocol.
    VersionMismatch(u16),
    /// The peer left.
    Left,
    /// The connection is lost, and nothing can be sent.
    Lost,
    /// The bridge has given no sign of life for too long.
    Silent,
}

impl Disconnect {
    /// Returns the reason if the hub ended the connection.
    fn reason(&self) -> Option<Close> {
        match self {
            Self::Closed(close) => Some(*close),
            Self::VersionMismatch(_) => Some(Close::NoCommonVersion),
            Self::Left | Self::Lost | Self::Silent => None,
        }
    }
}

type WsReader = SplitStream<WebSocket>;
type WsWriter = SplitSink<WebSocket, Message>;

/// Serves one connection to its end.
pub(crate) async fn run(app: &AppState, socket: WebSocket, info: ConnectionInfo) {
    info.pending.begin_handshake();
    let (mut writer, mut reader) = socket.split();
    let end = match handshake(app, &mut writer, &mut reader, &info).await {
        Ok(handle) => {
            info.pending.admit();
            app.metrics.welcomed.increment();
            exchange(app, handle, info, &mut writer, &mut reader).await
        }
        Err(end) => {
            if end == Disconnect::Closed(Close::Unauthorized) {
                info.quota.record_auth_failure();
            }
            end
        }
    };
    if let Some(why) = end.reason() {
        app.metrics.closed(why);
    }
    send_close(end, writer, reader).await;
}

/// Performs the handshake before the deadline of the pending connection.
async fn handshake(
    app: &AppState,
    writer: &mut WsWriter,
    reader: &mut WsReader,
    info: &ConnectionInfo,
) -> Result<ConnectionHandle, Disconnect> {
    tokio::select! {
        done = perform_handshake(app, writer, reader, info) => done,
        () = info.pending.handshake_timeout() => Err(Disconnect::Closed(Close::HelloTimeout)),
        () = info.pending.evicted() => Err(Disconnect::Closed(Close::SlowDown)),
        why = app.stops() => Err(Disconnect::Closed(why)),
    }
}

async fn perform_handshake(
    app: &AppState,
    writer: &mut WsWriter,
    reader: &mut WsReader,
    info: &ConnectionInfo,
) -> Result<ConnectionHandle, Disconnect> {
    let handshake = HubHandshake::start();
    with_timeout(writer.send(Message::Binary(handshake.challenge()))).await?;
    let hello = read_hello(reader).await?;
    let verified = handshake.verify(&app.auth, info.pin, &hello);
    let (mut body, verified) = verified.map_err(refusal)?;
    if !is_of_this_machine(info) {
        body.unlisted = None;
    }
    let (handle, mut granted) = app.registry.connect(&body).map_err(Disconnect::Closed)?;
    if !is_of_this_machine(info) {
        granted.features = granted.features.map(|features| features & !UNLISTED);
    }
    let welcome = ToBridge::Welcome(verified.welcome(&granted));
    with_timeout(writer.send(Message::Binary(encode(&welcome)))).await?;
    Ok(handle)
}

/// Returns whether the connection has no TLS, and so comes from this machine. Only such a session may be unlisted: who
/// joins by a link is visible to all.
fn is_of_this_machine(info: &ConnectionInfo) -> bool {
    info.pin == NO_PIN
}

/// Reads the first frame, which has to be a hello.
async fn read_hello(reader: &mut WsReader) -> Result<Hello, Disconnect> {
    while let Some(message) = reader.next().await {
        match message {
            // The websocket handles pings and the close handshake itself.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => {}
            Ok(Message::Binary(bytes)) => match decode(&bytes) {
                Ok(ToHub::Hello(hello)) => return Ok(hello),
                _ => return Err(Disconnect::Closed(Close::ProtocolError)),
            },
            Ok(Message::Text(_)) | Err(_) => return Err(Disconnect::Closed(Close::ProtocolError)),
        }
    }
    Err(Disconnect::Lost)
}

fn refusal(error: HandshakeError) -> Disconnect {
    match error {
        HandshakeError::Malformed => Disconnect::Closed(Close::ProtocolError),
        HandshakeError::Unproven => Disconnect::Closed(Close::Unauthorized),
        HandshakeError::NoCommonVersion(version) => Disconnect::VersionMismatch(version),
    }
}

/// Reads and writes until either side ends or the registry closes the connection.
async fn exchange(
    app: &AppState,
    mut handle: ConnectionHandle,
    info: ConnectionInfo,
    writer: &mut WsWriter,
    reader: &mut WsReader,
) -> Disconnect {
    let connection = Connection {
        client: handle.client(),
        answers: Semaphore::new(MAX_QUEUED_ANSWERS),
        // The hello counts as a sign of life.
        is_alive: AtomicBool::new(true),
        unframed: info.unframed,
        metrics: &app.metrics,
    };
    let mut throttle = Throttle::new(info.quota);
    let ping_interval = app.ping_interval();
    let mut pings = interval_at(tokio::time::Instant::now() + ping_interval, ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ConnectionHandle { frames, mail, closed, .. } = &mut handle;
    let mut read = pin!(connection.read(reader, &mut throttle));
    tokio::select! {
        // Checked first: once the connection is closed, nothing else matters.
        biased;
        closed = closed => closed.map_or(Disconnect::Left, Disconnect::Closed),
        end = &mut read => end,
        end = connection.write(writer, frames, mail, pings) => {
            if end == Disconnect::Lost {
                // What the bridge said before it closed may not have been read yet.
                let _ = timeout(CLOSE_TIMEOUT, read).await;
            }
            end
        }
    }
}

/// What reading and writing share.
struct Connection<'a> {
    client: StateClient,
    /// Permits for answers in the queue.
    answers: Semaphore,
    /// Whether anything arrived since the last ping.
    is_alive: AtomicBool,
    unframed: Arc<UnframedBytes>,
    metrics: &'a Metrics,
}

impl Connection<'_> {
    async fn read(&self, reader: &mut WsReader, throttle: &mut Throttle) -> Disconnect {
        let mut handled = 0;
        while let Some(message) = reader.next().await {
            let Ok(message) = message else { return Disconnect::Closed(Close::ProtocolError) };
            self.unframed.reset();
            self.metrics.frames.increment();
            let tokens = match self.handle_message(message).await {
                Ok(tokens) => tokens,
                Err(end) => return end,
            };
            if let Err(RateExceeded) = throttle.charge(tokens, self.metrics).await {
                return Disconnect::Closed(Close::SlowDown);
            }
            handled += 1;
            if handled % FRAMES_PER_YIELD == 0 {
                tokio::task::yield_now().await;
            }
        }
        Disconnect::Lost
    }

    /// Handles a message. Returns the tokens that it costs.
    async fn handle_message(&self, message: Message) -> Result<u32, Disconnect> {
        self.is_alive.store(true, Ordering::Relaxed);
        let mut tokens = control_tokens(&message);
        match message {
            Message::Binary(bytes) => {
                let frame = decode(&bytes).map_err(|_| Disconnect::Closed(Close::ProtocolError))?;
                tokens = tokens_of(&frame, bytes.len());
                drop(bytes);
                self.handle_frame(frame).await;
            }
            Message::Text(_) => return Err(Disconnect::Closed(Close::ProtocolError)),
            Message::Ping(_) | Message::Pong(_) => self.client.touch(),
            // The next read replies and ends the stream.
            Message::Close(_) => {}
        }
        Ok(tokens)
    }

    async fn handle_frame(&self, frame: ToHub) {
        // The permit comes first, because handling the frame queues its answer at once.
        let room = self.answers.acquire().await;
        let answered = self.client.frame(frame);
        if let Ok(room) = room
            && answered
        {
            // Returned when the answer is written.
            room.forget();
        }
    }

    async fn write(
        &self,
        writer: &mut WsWriter,
        frames: &mut mpsc::Receiver<QueuedFrame>,
        mail: &Notify,
        mut pings: Interval,
    ) -> Disconnect {
        let mut has_mail = true;
        let mut unanswered = 0;
        loop {
            if let Err(end) = self.write_ready(writer, frames, &mut has_mail).await {
                return end;
            }
            let written = tokio::select! {
                queued = frames.recv() => match queued {
                    Some(queued) => self.write_queued(writer, queued).await,
                    // The registry has dropped its end; the `closed` channel tells why.
                    None => std::future::pending().await,
                },
                () = mail.notified() => {
                    has_mail = true;
                    Ok(())
                }
                _ = pings.tick() => {
                    unanswered = if self.is_alive.swap(false, Ordering::Relaxed) { 0 } else { unanswered + 1 };
                    if unanswered == MAX_UNANSWERED_PINGS {
                        return Disconnect::Silent;
                    }
                    with_timeout(writer.feed(Message::Ping(Bytes::new()))).await
                }
            };
            if let Err(end) = written {
                return end;
            }
        }
    }

    /// Writes everything that is ready, frames and mail in turn, and flushes once.
    async fn write_ready(
        &self,
        writer: &mut WsWriter,
        frames: &mut mpsc::Receiver<QueuedFrame>,
        has_mail: &mut bool,
    ) -> Result<(), Disconnect> {
        loop {
            let queued = frames.try_recv().ok();
            let push = if *has_mail { self.client.next_push() } else { None };
            *has_mail = push.is_some();
            if queued.is_none() && push.is_none() {
                return with_timeout(writer.flush()).await;
            }
            if let Some(queued) = queued {
                self.write_queued(writer, queued).await?;
            }
            if let Some(push) = push {
                with_timeout(writer.feed(Message::Binary(encode(&push)))).await?;
            }
        }
    }

    async fn write_queued(
        &self,
        writer: &mut WsWriter,
        queued: QueuedFrame,
    ) -> Result<(), Disconnect> {
        if queued.is_answer {
            self.answers.add_permits(1);
        }
        with_timeout(writer.feed(Message::Binary(encode(&queued.frame)))).await
    }
}

/// Returns the tokens of a message that holds no frame of the protocol.
fn control_tokens(message: &Message) -> u32 {
    match message {
        Message::Ping(bytes) | Message::Pong(bytes) => tokens_of_length(bytes.len()),
        Message::Binary(_) | Message::Text(_) | Message::Close(_) => 1,
    }
}

/// Limits how long a write may take.
async fn with_timeout(
    write: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), Disconnect> {
    match timeout(WRITE_TIMEOUT, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Disconnect::Lost),
        Err(_) => Err(Disconnect::Closed(Close::SlowDown)),
    }
}

/// Sends the close frame, if the connection still takes one.
async fn send_close(end: Disconnect, mut writer: WsWriter, mut reader: WsReader) {
    let Some(frame) = close_frame(&end) else { return };
    let closing = async {
        if writer.send(Message::Close(Some(frame))).await.is_ok() {
            // Unread bytes would make the system reset the connection and lose the close frame.
            while let Some(Ok(_)) = reader.next().await {}
        }
    };
    // The connection is over, whether or not the close frame arrived.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

fn close_frame(end: &Disconnect) -> Option<CloseFrame> {
    let frame = |close: Close| CloseFrame { code: close.code(), reason: close.word().into() };
    match end {
        Disconnect::Closed(close) => Some(frame(*close)),
        Disconnect::VersionMismatch(version) => {
            let close = Close::NoCommonVersion;
            let reason = version_mismatch(VERSION, *version);
            Some(CloseFrame { reason: reason.into(), ..frame(close) })
        }
        Disconnect::Left => Some(CloseFrame { code: NORMAL, reason: "".into() }),
        Disconnect::Lost | Disconnect::Silent => None,
    }
}
