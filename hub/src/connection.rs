//! One connection, from the challenge to its end.
//!
//! Reading and writing go on side by side in one task, so that a full socket one way never stops the
//! other. What is read is answered through a bounded queue: a peer that does not take its answers is not
//! read from. Mail is taken from the state one at a time, when the socket takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{HandshakeError, HubHandshake};
use junction_shared::protocol::limits::WRITE_TIMEOUT;
use junction_shared::protocol::wire::{Hello, HelloBody, ToBridge, ToHub, VERSION};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval_at, timeout};

use crate::Shared;
use crate::accept::guarded_stream::{ConnectionInfo, UnframedBytes};
use crate::metrics::Metrics;
use crate::registry::{ConnectionHandle, QueuedFrame, StateClient};
use crate::throttle::{RateExceeded, Throttle};

/// Answers that may lie in a connection's queue before it is no longer read from; the rest of the queue
/// is for news.
const MAX_ANSWERS: usize = 256;
/// Frames that are handled before others get their turn: enough that answers are written many at a time.
const TURN: u32 = 32;
/// Pings in a row without a sign of life between them, after which a connection counts as lost.
const MAX_SILENT_PINGS: u32 = 2;
/// The longest time between pings.
pub(crate) const MAX_PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long a connection that was closed may take to say so: less than a hub takes to stop.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// RFC 6455 §7.4.1: the purpose of the connection was fulfilled.
const NORMAL: u16 = 1000;

/// How a connection ends.
#[derive(Debug, PartialEq)]
enum End {
    /// The hub says why.
    Because(Close),
    /// The bridge speaks another version.
    OtherVersion(u16),
    /// The peer said goodbye.
    Left,
    /// There is nobody to say anything to.
    Lost,
}

impl End {
    /// Why the hub ended the connection, if it did.
    fn reason(&self) -> Option<Close> {
        match self {
            Self::Because(close) => Some(*close),
            Self::OtherVersion(_) => Some(Close::NoCommonVersion),
            Self::Left | Self::Lost => None,
        }
    }
}

type Incoming = SplitStream<WebSocket>;
type Outgoing = SplitSink<WebSocket, Message>;

/// Serves one connection to its end.
pub(crate) async fn run(shared: &Shared, socket: WebSocket, info: ConnectionInfo) {
    info.pending.begin_handshake();
    let (mut outgoing, mut incoming) = socket.split();
    let end = match welcome(shared, &mut outgoing, &mut incoming, &info).await {
        Ok(handle) => {
            info.pending.admit();
            shared.metrics.welcomed.increment();
            converse(shared, handle, info, &mut outgoing, &mut incoming).await
        }
        Err(end) => {
            if end == End::Because(Close::Unauthorized) {
                info.quota.record_auth_failure();
            }
            end
        }
    };
    if let Some(why) = end.reason() {
        shared.metrics.closed(why);
    }
    say_goodbye(end, outgoing, incoming).await;
}

/// The handshake, within the pending connection's time.
async fn welcome(
    shared: &Shared,
    outgoing: &mut Outgoing,
    incoming: &mut Incoming,
    info: &ConnectionInfo,
) -> Result<ConnectionHandle, End> {
    tokio::select! {
        greeted = greet(shared, outgoing, incoming, info) => greeted,
        () = info.pending.handshake_timeout() => Err(End::Because(Close::HelloTimeout)),
        () = info.pending.evicted() => Err(End::Because(Close::SlowDown)),
        why = shared.stops() => Err(End::Because(why)),
    }
}

async fn greet(
    shared: &Shared,
    outgoing: &mut Outgoing,
    incoming: &mut Incoming,
    info: &ConnectionInfo,
) -> Result<ConnectionHandle, End> {
    let handshake = HubHandshake::start();
    in_time(outgoing.send(Message::Binary(handshake.challenge()))).await?;
    let hello = hear_hello(incoming).await?;
    let verified = handshake.verify(&shared.auth, info.pin, &hello);
    let (body, verified) = verified.map_err(|error| refusal(error, &hello))?;
    let (handle, granted) = shared.registry.connect(&body).map_err(End::Because)?;
    let welcome = ToBridge::Welcome(verified.welcome(&granted));
    in_time(outgoing.send(Message::Binary(encode(&welcome)))).await?;
    Ok(handle)
}

/// The first frame, which has to be a hello.
async fn hear_hello(incoming: &mut Incoming) -> Result<Hello, End> {
    while let Some(message) = incoming.next().await {
        match message {
            // Pings are the websocket's own business, and so is its end.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => {}
            Ok(Message::Binary(bytes)) => match decode(&bytes) {
                Ok(ToHub::Hello(hello)) => return Ok(hello),
                _ => return Err(End::Because(Close::ProtocolError)),
            },
            Ok(Message::Text(_)) | Err(_) => return Err(End::Because(Close::ProtocolError)),
        }
    }
    Err(End::Lost)
}

fn refusal(error: HandshakeError, hello: &Hello) -> End {
    match error {
        HandshakeError::Malformed => End::Because(Close::ProtocolError),
        HandshakeError::Unproven => End::Because(Close::Unauthorized),
        HandshakeError::NoCommonVersion => {
            let version = decode::<HelloBody>(&hello.body).map_or(0, |body| body.version);
            End::OtherVersion(version)
        }
    }
}

/// Reads and writes until one of them ends, or the registry ends the connection.
async fn converse(
    shared: &Shared,
    mut handle: ConnectionHandle,
    info: ConnectionInfo,
    outgoing: &mut Outgoing,
    incoming: &mut Incoming,
) -> End {
    let talk = Talk {
        client: handle.client(),
        answers: Semaphore::new(MAX_ANSWERS),
        // Its hello was heard.
        heard: AtomicBool::new(true),
        unframed: info.unframed,
        metrics: &shared.metrics,
    };
    let mut throttle = Throttle::new(info.quota);
    let ping_interval = shared.ping_interval();
    let mut pings = interval_at(tokio::time::Instant::now() + ping_interval, ping_interval);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ConnectionHandle { frames, mail, closed, .. } = &mut handle;
    tokio::select! {
        // First: once it is closed, nothing else matters.
        biased;
        closed = closed => closed.map_or(End::Left, End::Because),
        end = talk.read(incoming, &mut throttle) => end,
        end = talk.write(outgoing, frames, mail, pings) => end,
    }
}

/// What reading and writing have in common.
struct Talk<'a> {
    client: StateClient,
    /// Room for answers in the queue.
    answers: Semaphore,
    /// Whether anything came since the last ping.
    heard: AtomicBool,
    unframed: Arc<UnframedBytes>,
    metrics: &'a Metrics,
}

impl Talk<'_> {
    async fn read(&self, incoming: &mut Incoming, throttle: &mut Throttle) -> End {
        let mut handled = 0;
        while let Some(message) = incoming.next().await {
            let Ok(message) = message else { return End::Because(Close::ProtocolError) };
            self.unframed.reset();
            self.metrics.frames.increment();
            let length = length_of(&message);
            if let Err(end) = self.take(message).await {
                return end;
            }
            if let Err(RateExceeded) = throttle.charge(length, self.metrics).await {
                return End::Because(Close::SlowDown);
            }
            handled += 1;
            if handled % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        End::Lost
    }

    async fn take(&self, message: Message) -> Result<(), End> {
        self.heard.store(true, Ordering::Relaxed);
        match message {
            Message::Binary(bytes) => {
                let frame = decode(&bytes).map_err(|_| End::Because(Close::ProtocolError))?;
                drop(bytes);
                self.say(frame).await;
            }
            Message::Text(_) => return Err(End::Because(Close::ProtocolError)),
            Message::Ping(_) | Message::Pong(_) => self.client.touch(),
            // The next read sends the reply, and ends.
            Message::Close(_) => {}
        }
        Ok(())
    }

    async fn say(&self, frame: ToHub) {
        // First the room for an answer, then the frame: its answer is queued in the same moment.
        let room = self.answers.acquire().await;
        let answered = self.client.frame(frame);
        if let Ok(room) = room
            && answered
        {
            // It is given back when the answer is written.
            room.forget();
        }
    }

    async fn write(
        &self,
        outgoing: &mut Outgoing,
        frames: &mut mpsc::Receiver<QueuedFrame>,
        mail: &Notify,
        mut pings: Interval,
    ) -> End {
        let mut has_mail = true;
        let mut silent = 0;
        loop {
            if let Err(end) = self.write_ready(outgoing, frames, &mut has_mail).await {
                return end;
            }
            let written = tokio::select! {
                queued = frames.recv() => match queued {
                    Some(queued) => self.write_queued(outgoing, queued).await,
                    // The registry has let go of the connection, and says why where it closes it.
                    None => std::future::pending().await,
                },
                () = mail.notified() => {
                    has_mail = true;
                    Ok(())
                }
                _ = pings.tick() => {
                    silent = if self.heard.swap(false, Ordering::Relaxed) { 0 } else { silent + 1 };
                    if silent == MAX_SILENT_PINGS {
                        return End::Lost;
                    }
                    in_time(outgoing.feed(Message::Ping(Bytes::new()))).await
                }
            };
            if let Err(end) = written {
                return end;
            }
        }
    }

    /// Writes all that is ready, frames and mail in turn, and flushes once.
    async fn write_ready(
        &self,
        outgoing: &mut Outgoing,
        frames: &mut mpsc::Receiver<QueuedFrame>,
        has_mail: &mut bool,
    ) -> Result<(), End> {
        loop {
            let queued = frames.try_recv().ok();
            let push = if *has_mail { self.client.next_push() } else { None };
            *has_mail = push.is_some();
            if queued.is_none() && push.is_none() {
                return in_time(outgoing.flush()).await;
            }
            if let Some(queued) = queued {
                self.write_queued(outgoing, queued).await?;
            }
            if let Some(push) = push {
                in_time(outgoing.feed(Message::Binary(encode(&push)))).await?;
            }
        }
    }

    async fn write_queued(&self, outgoing: &mut Outgoing, queued: QueuedFrame) -> Result<(), End> {
        if queued.is_answer {
            self.answers.add_permits(1);
        }
        in_time(outgoing.feed(Message::Binary(encode(&queued.frame)))).await
    }
}

/// Bytes of what a message carries.
fn length_of(message: &Message) -> usize {
    match message {
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Text(text) => text.len(),
        Message::Close(_) => 0,
    }
}

/// Gives a write its time.
async fn in_time(write: impl Future<Output = Result<(), axum::Error>>) -> Result<(), End> {
    match timeout(WRITE_TIMEOUT, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Lost),
        Err(_) => Err(End::Because(Close::SlowDown)),
    }
}

/// Says why the connection ends, as far as anyone listens.
async fn say_goodbye(end: End, mut outgoing: Outgoing, mut incoming: Incoming) {
    let Some(frame) = close_frame(&end) else { return };
    let goodbye = async {
        if outgoing.send(Message::Close(Some(frame))).await.is_ok() {
            // Bytes left unread would have the system reset the connection, and the goodbye with it.
            while let Some(Ok(_)) = incoming.next().await {}
        }
    };
    // Whether or not it was heard, the connection is over.
    let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
}

fn close_frame(end: &End) -> Option<CloseFrame> {
    let frame = |close: Close| CloseFrame { code: close.code(), reason: close.word().into() };
    match end {
        End::Because(close) => Some(frame(*close)),
        End::OtherVersion(version) => {
            let close = Close::NoCommonVersion;
            let reason = format!("{close}: the hub speaks {VERSION}, the bridge {version}");
            Some(CloseFrame { reason: reason.into(), ..frame(close) })
        }
        End::Left => Some(CloseFrame { code: NORMAL, reason: "".into() }),
        End::Lost => None,
    }
}
