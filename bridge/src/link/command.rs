//! What tools ask of the link.

use std::time::Duration;

use crate::wiped::Wiped;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Context, Standing};
use tokio::sync::{oneshot, watch};

use super::view::{
    Departure, Lease, Message, NotifyWhen, Page, PeerView, Peers, Registered, Status,
};
use crate::attention::Attention;
use crate::error::ToolError;
use crate::target::Target;
use crate::urgency::Urgency;

/// Which page of which peers.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerQuery {
    /// Only this role.
    pub(crate) role: Option<String>,
    /// Only this repository.
    pub(crate) repo: Option<String>,
    /// Peers on the page.
    pub(crate) limit: u16,
    /// Where the page begins.
    pub(crate) cursor: Option<String>,
}

/// What a session changes about itself. Nothing given changes nothing; an empty text clears a field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// The alias it wishes for.
    pub(crate) alias: Option<Alias>,
    /// The repository it works in.
    pub(crate) repo: Option<String>,
    /// Its task.
    pub(crate) task: Option<String>,
    /// Its role.
    pub(crate) role: Option<String>,
    /// The known host to move to.
    pub(crate) host: Option<String>,
}

/// A message to send.
pub(crate) struct Draft {
    /// To whom.
    pub(crate) target: Alias,
    /// The text, at most [`junction_shared::protocol::limits::MAX_MESSAGE`] bytes.
    pub(crate) body: Wiped<String>,
    /// The message it answers.
    pub(crate) reply_to: Option<MessageId>,
    /// How long it may wait unread; none: as long as may be.
    pub(crate) ttl: Option<Duration>,
    /// The fingerprint its receiver must have.
    pub(crate) fingerprint: Option<String>,
    /// How long to wait for an answer to it.
    pub(crate) wait: Duration,
    /// How much it wants.
    pub(crate) urgency: Urgency,
    /// What its sender wants to be told of.
    pub(crate) notify_when: Option<NotifyWhen>,
}

impl Draft {
    /// A message to this peer that asks for nothing besides.
    pub(crate) fn new(target: Alias, body: String) -> Self {
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

/// A peer found for sending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved {
    pub(crate) key: PeerKey,
    pub(crate) presence: Standing,
    pub(crate) attention: Attention,
}

/// A message taken into the outbox.
pub(crate) struct Submitted {
    pub(crate) id: MessageId,
    /// How urgent it counts.
    pub(crate) urgency: Urgency,
    /// Whether its chain is so long that it wakes nobody.
    pub(crate) past_limit: bool,
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) reply: oneshot::Receiver<(Message, Lease)>,
    /// The hold on its refusal: the call tells of it, unless it is given back.
    pub(crate) refusal: oneshot::Receiver<Lease>,
}

/// Where the answer to a command goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, ToolError>>;

/// What tools ask of the link.
pub(crate) enum Command {
    /// Joins again after `Leave`, or moves to another known host.
    Join(Option<Target>, Reply<()>),
    /// Changes what the session says of itself.
    Apply(Change, Reply<Registered>),
    List(PeerQuery, Reply<Peers>),
    Watch(Option<String>, Reply<Vec<PeerView>>),
    Resolve(Alias, Option<String>, Reply<Resolved>),
    Submit(PeerKey, Draft, Reply<Submitted>),
    Read {
        limit: Option<usize>,
        wait: bool,
        reply: Reply<Page>,
    },
    Settled(oneshot::Sender<()>),
    Leave(oneshot::Sender<Departure>),
    Observe(Context),
    /// The agent's attention is another.
    Attend(Attention),
    /// A person has begun a turn of the agent.
    BeginAnew,
    /// So it seems.
    SeemToBeginAnew,
    Stop(oneshot::Sender<()>),
}

impl Command {
    /// Answers that the session has left.
    pub(crate) fn refuse(self) {
        match self {
            Self::Join(_, reply) => drop(reply.send(Err(ToolError::Left))),
            Self::Apply(_, reply) => drop(reply.send(Err(ToolError::Left))),
            Self::List(_, reply) => drop(reply.send(Err(ToolError::Left))),
            Self::Watch(_, reply) => drop(reply.send(Err(ToolError::Left))),
            Self::Resolve(_, _, reply) => drop(reply.send(Err(ToolError::Left))),
            Self::Submit(_, _, reply) => drop(reply.send(Err(ToolError::Left))),
            Self::Read { reply, .. } => drop(reply.send(Err(ToolError::Left))),
            Self::Settled(reply) | Self::Stop(reply) => drop(reply.send(())),
            Self::Leave(reply) => drop(reply.send(Departure::default())),
            Self::Observe(_) | Self::Attend(_) | Self::BeginAnew | Self::SeemToBeginAnew => {}
        }
    }
}
