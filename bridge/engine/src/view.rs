//! What tools see of the link: results, and the snapshot that all of them can read.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::SESSION_TIMEOUT;
use junction_shared::protocol::wire::{Context, Refusal, Standing};
use tokio::sync::oneshot;

use crate::availability::Availability;
use crate::hops::Hops;
use crate::hubs::selection::AwayReason;
use crate::urgency::Urgency;
use crate::wiped::Wiped;

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In this bridge; the hub was not reached.
    Queued,
    /// In the hub's inbox of the receiver.
    Accepted,
    /// The receiver's bridge opened and verified it.
    Opened,
    /// The answer that holds it was written to the receiver's client.
    Read,
    /// Provably never delivered.
    Refused(Refusal),
    /// Provably unread: its time was up first.
    Expired,
    /// Nobody can say whether it was read.
    Unconfirmed,
}

impl Status {
    /// Whether no answer to the message can come any more.
    pub fn hopeless(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Expired | Self::Unconfirmed)
    }
}

/// A message as its receiver's agent may see it.
pub struct Message {
    /// Its id, for `reply_to`.
    pub id: MessageId,
    /// The alias that belongs to the sender's key.
    pub from: Alias,
    /// The text, unescaped.
    pub body: Arc<Wiped<String>>,
    /// The sender's wall clock, milliseconds since 1970.
    pub sent_ms: u64,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The sender's fingerprint, if the alias belonged to another key before.
    pub key_changed: Option<String>,
    /// Whose it is.
    pub sender: PeerKey,
    /// Its place in a chain.
    pub place: Hops,
}

/// What a sender may ask to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyWhen {
    /// The receiver's agent has become idle.
    Idle,
    /// The message was read, or came to another end.
    Read,
    /// The receiver is gone.
    Gone,
}

impl NotifyWhen {
    /// Its names.
    pub const NAMES: [(&'static str, Self); 3] =
        [("idle", Self::Idle), ("read", Self::Read), ("gone", Self::Gone)];
}

/// What has happened that a sender asked to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The message came to this end.
    Ended(Status),
    /// Its receiver's agent has become idle.
    Idle,
    /// Its receiver is gone.
    Gone,
}

/// Notification that a sender asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// With which message.
    pub id: MessageId,
    /// Of whom.
    pub of: Alias,
    /// Their key.
    pub peer: PeerKey,
    /// The message's place in a chain.
    pub place: Hops,
    /// What has happened.
    pub occasion: Occasion,
    /// When, by this machine's wall clock: milliseconds since 1970.
    pub at_ms: u64,
}

/// The end of a message that this session sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which message.
    pub id: MessageId,
    /// Whom it was for.
    pub to: Alias,
    /// How it ended.
    pub status: Status,
    /// When, by this machine's wall clock: milliseconds since 1970.
    pub at_ms: u64,
}

/// A hold on what an answer contains. Dropped, all of it is given back, in its order; settled, it counts
/// as read and its receipts go out.
pub struct Lease(Option<oneshot::Sender<()>>);

impl Lease {
    /// The hold, and what tells its end: `Ok` if the answer was written, an error if it never left.
    pub fn new() -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    /// The answer was written and flushed.
    pub fn settle(mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}

/// One answer to `read_messages`.
pub struct MailPage {
    /// Messages, in the order of their arrival.
    pub messages: Vec<Message>,
    /// Ends of messages that this session sent.
    pub receipts: Vec<Outcome>,
    /// Notification that it asked for.
    pub news: Vec<Notification>,
    /// How many more ends there were that had no room.
    pub dropped: usize,
    /// The hold on all of it.
    pub lease: Lease,
}

/// What waits unread, besides what is leased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many messages.
    pub count: usize,
    /// Up to five of their senders.
    pub from: Vec<Alias>,
    /// How many of them, and of the news besides, may wake the agent.
    pub waking: usize,
    /// Whether one of those is to do so at once.
    pub urgent: bool,
    /// Whether one came at the end of a chain so long that a person should be asked.
    pub past_limit: bool,
}

/// A peer as an agent sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its alias.
    pub alias: Alias,
    /// Its key's fingerprint.
    pub fingerprint: String,
    /// When its session began, milliseconds since 1970.
    pub connected_ms: u64,
    /// Whether it is connected now.
    pub online: bool,
    /// What its agent does, and how a message gets to it.
    pub availability: Availability,
    /// What it works on.
    pub context: Context,
}

/// A page of peers.
pub struct PeerPage {
    /// The peers, in the order of their aliases.
    pub peers: Vec<PeerInfo>,
    /// How many match on all pages.
    pub total: u32,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// A session as it is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its alias.
    pub alias: Alias,
    /// Its key's fingerprint.
    pub fingerprint: String,
    /// The name of its hub.
    pub hub: String,
    /// Other peers on that hub.
    pub peer_count: u32,
    /// Its context.
    pub context: Context,
}

/// What became of a message by the time of the answer.
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    /// Whom it is for.
    pub to: Alias,
    /// What is known of it.
    pub status: Status,
    /// How its receiver stands, as far as is known.
    pub presence: Standing,
    /// What its receiver's agent does, and how a message gets to it.
    pub availability: Availability,
    /// How urgent it counts.
    pub urgency: Urgency,
    /// Whether its chain is so long that it wakes nobody.
    pub past_limit: bool,
    /// The answer that was waited for, and the hold on it.
    pub reply: Option<(Message, Lease)>,
    /// The hold on its refusal, if it was refused: whoever tells of it settles this.
    pub refusal: Option<Lease>,
    /// How long the call waited for an answer.
    pub waited: Duration,
}

/// What `disconnect` left behind.
#[derive(Default)]
pub struct Departure {
    /// Whether there was a session to end.
    pub disconnected: bool,
    /// Messages whose end nobody can say.
    pub unconfirmed: Vec<(MessageId, Alias)>,
}

/// Whether a session is connected to its hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not connected; the engine keeps trying.
    Away(AwayReason),
    /// Welcomed by the hub.
    Connected,
    /// Left by `disconnect`; the engine does not dial.
    Left,
}

/// What all tool results and the status of a link show; written by the link, read by anyone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How the link stands.
    pub state: ConnectionState,
    /// What waits unread.
    pub unread: Unread,
    /// How many news wait that the agent asked for.
    pub news: usize,
    /// How often the agent was handed messages or news.
    pub reads: u64,
    /// How many have come that may wake it.
    pub arrivals: u64,
    /// The session's alias, once it has one.
    pub alias: Option<Alias>,
    /// Its key's fingerprint.
    pub fingerprint: String,
    /// The name of the hub in use, as `JUNCTION_HUB` or `register{host}` named it.
    pub hub: String,
    /// The longest life of a message, as the hub said.
    pub session_timeout: Duration,
    /// How often the hub did what only a dishonest hub does.
    pub misbehaviour: u32,
    /// Set if the hub had ended the session for want of a sign of life, and it was joined anew, until a read
    /// has told it.
    pub rejoined: Option<Alias>,
}

impl Snapshot {
    /// The snapshot of a link to a hub of this name that has no news yet.
    pub fn new(hub: String, state: ConnectionState) -> Self {
        Self {
            state,
            unread: Unread::default(),
            news: 0,
            reads: 0,
            arrivals: 0,
            alias: None,
            fingerprint: String::new(),
            hub,
            session_timeout: SESSION_TIMEOUT,
            misbehaviour: 0,
            rejoined: None,
        }
    }
}
