//! The commands that an engine's handle sends to its task, and what they hold.

use std::time::Duration;

use crate::wiped::Wiped;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Context, Standing};
use tokio::sync::{oneshot, watch};

use crate::availability::Availability;
use crate::error::Error;
use crate::hubs::target::HubTarget;
use crate::urgency::Urgency;
use crate::view::{
    Departure, Lease, MailPage, Message, NotifyWhen, PeerInfo, PeerPage, Registration, Status,
};

/// Which page of which peers.
#[derive(Clone, Debug, Default)]
pub struct PeerQuery {
    /// Only this role.
    pub role: Option<String>,
    /// Only this repository.
    pub repo: Option<String>,
    /// Peers on the page, at most.
    pub limit: u16,
    /// The cursor of the page, as the page before it gave it.
    pub cursor: Option<String>,
}

/// What a session changes about itself. A field that is `None` stays; an empty text clears it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The alias that the session wants.
    pub alias: Option<Alias>,
    /// The repository that the session works in.
    pub repo: Option<String>,
    /// The session's task.
    pub task: Option<String>,
    /// The session's role.
    pub role: Option<String>,
    /// The known host that the session moves to.
    pub host: Option<String>,
}

/// A message to send.
pub struct Draft {
    /// The receiver.
    pub target: Alias,
    /// The text, at most [`junction_shared::protocol::limits::MAX_MESSAGE`] bytes.
    pub body: Wiped<String>,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// How long the message may wait unread; `None` for as long as the hub allows.
    pub ttl: Option<Duration>,
    /// The fingerprint that the receiver must have.
    pub fingerprint: Option<String>,
    /// How long to wait for an answer to the message.
    pub wait: Duration,
    /// How urgent the message is.
    pub urgency: Urgency,
    /// What the sender wants to be notified of.
    pub notify_when: Option<NotifyWhen>,
}

impl Draft {
    /// A message to this peer, with no options.
    pub fn new(target: Alias, body: String) -> Self {
        Self {
            target,
            body: Wiped::new(body),
            reply_to: None,
            ttl: None,
            fingerprint: None,
            wait: Duration::ZERO,
            urgency: Urgency::Normal,
            notify_when: None,
        }
    }
}

/// What bounds one page of messages.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Messages on the page, at most.
    pub messages: usize,
    /// The length of a message's text, in characters, as the face shows it.
    pub shown_len: fn(&str) -> usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self { messages: usize::MAX, shown_len: str::len }
    }
}

/// The peer that a message goes to.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// The peer's key.
    pub key: PeerKey,
    /// Whether the peer is connected, as far as is known.
    pub presence: Standing,
    /// What the peer's agent does, and how a message gets to it.
    pub availability: Availability,
}

/// A message taken into the outbox.
pub struct Submitted {
    /// The id that the message was given.
    pub id: MessageId,
    /// The peer that the message goes to.
    pub receiver: Receiver,
    /// How urgent the message counts.
    pub urgency: Urgency,
    /// Whether its chain is so long that it wakes nobody.
    pub past_limit: bool,
    /// What is known of it, as that changes.
    pub status: watch::Receiver<Status>,
    /// The answer to it, if the draft waits for one, and the hold on that.
    pub reply: oneshot::Receiver<(Message, Lease)>,
    /// The hold on its refusal: the call tells of it, unless it is given back.
    pub refusal: oneshot::Receiver<Lease>,
}

/// The channel for the answer to a command.
pub(crate) type ReplySender<T> = oneshot::Sender<Result<T, Error>>;

/// A command for an engine's task.
pub enum Command {
    /// Joins again after `Leave`, or moves to another known host.
    Join(Option<HubTarget>, ReplySender<()>),
    /// Changes what the session says about itself.
    Apply(Change, ReplySender<Registration>),
    /// Asks for a page of peers.
    List(PeerQuery, ReplySender<PeerPage>),
    /// Waits for peers of this role, or of any, to be online.
    Watch(Option<String>, ReplySender<Vec<PeerInfo>>),
    /// Finds the receiver of a message and takes the message into the outbox. Nothing is sent once the caller has
    /// closed the reply channel.
    Send(Draft, ReplySender<Submitted>),
    /// Finds the key that an alias belongs to.
    Lookup(Alias, ReplySender<PeerKey>),
    /// Reads a page of messages and receipts.
    Read {
        /// What bounds the page.
        limits: PageLimits,
        /// Whether to wait for a message if there is none.
        wait: bool,
        /// Where the page goes.
        reply: ReplySender<MailPage>,
    },
    /// Waits until every message that was sent has its receipt.
    Flush(oneshot::Sender<()>),
    /// Leaves the junction.
    Leave(oneshot::Sender<Departure>),
    /// Sets the context that was found around the session. `register` overrides it.
    SetContext(Context),
    /// Sets what the agent does, and how messages get to it.
    SetAvailability(Availability),
    /// Notes that a person has begun a turn of the agent.
    BeginTurn,
    /// Notes that a person has probably begun a turn of the agent.
    MaybeBeginTurn,
    /// Says goodbye to the hub and ends the task.
    Stop(oneshot::Sender<()>),
}

impl Command {
    /// Answers the command with [`Error::Left`].
    pub fn refuse(self) {
        match self {
            Self::Join(_, reply) => drop(reply.send(Err(Error::Left))),
            Self::Apply(_, reply) => drop(reply.send(Err(Error::Left))),
            Self::List(_, reply) => drop(reply.send(Err(Error::Left))),
            Self::Watch(_, reply) => drop(reply.send(Err(Error::Left))),
            Self::Send(_, reply) => drop(reply.send(Err(Error::Left))),
            Self::Lookup(_, reply) => drop(reply.send(Err(Error::Left))),
            Self::Read { reply, .. } => drop(reply.send(Err(Error::Left))),
            Self::Flush(reply) | Self::Stop(reply) => drop(reply.send(())),
            Self::Leave(reply) => drop(reply.send(Departure::default())),
            Self::SetContext(_)
            | Self::SetAvailability(_)
            | Self::BeginTurn
            | Self::MaybeBeginTurn => {}
        }
    }
}
