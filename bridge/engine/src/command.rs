//! The commands that an engine's handle sends to its task.

use std::sync::Arc;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::Context;
use tokio::sync::oneshot;
use tokio::time::error::Elapsed;

use crate::claims::{ClaimRequest, ClaimsPage, Collision, Release, Repository};
use crate::downloads::{BegunDownload, DownloadId};
use crate::error::{AttachmentError, Error};
use crate::forecast::Forecast;
use crate::group_message::{BegunGroup, GroupToBegin};
use crate::hubs::target::HubTarget;
use crate::message::{Draft, MailPage, PageLimits, Submitted, UnreadMessage};
use crate::peer::Availability;
use crate::peer::{PeerPage, PeerQuery, PeerWait, PeerWaitEnd};
use crate::registration::{Change, Departure, Leaver, Registration};
use crate::session::SeatToClaim;

/// The channel for the answer to a command.
pub(crate) type ReplySender<T> = oneshot::Sender<Result<T, Error>>;

/// An answer that was waited for, for some time.
type TimedReply<T> = Result<Result<Result<T, Error>, oneshot::error::RecvError>, Elapsed>;

/// The answer, or the error for one that did not come in time.
pub(crate) fn flatten<T>(answer: TimedReply<T>, late: impl Fn() -> Error) -> Result<T, Error> {
    answer.map_err(|_| late())?.map_err(|_| late())?
}

/// A step of a call that saves an attachment.
pub struct DownloadCommand(pub(crate) DownloadStep);

/// The steps of a call that saves an attachment.
pub(crate) enum DownloadStep {
    /// Begins to fetch the attachment of this number in this message.
    Begin(MessageId, u8, ReplySender<BegunDownload>),
    /// Notes that so many chunks were taken.
    Taken(DownloadId, u32),
    /// Asks whether the attachment, which is here as a whole, may be put in its place.
    Commit(DownloadId, oneshot::Sender<Result<(), AttachmentError>>),
    /// Notes that the attachment was saved, or was not.
    End(DownloadId, bool),
}

/// What is asked of claims.
pub enum ClaimCommand {
    /// Claims paths.
    Claim(ClaimRequest, ReplySender<ClaimsPage>),
    /// Releases claims of this session.
    Release(Repository, Release, ReplySender<ClaimsPage>),
    /// Asks what is known of the claims of a repository.
    List(Repository, ReplySender<ClaimsPage>),
    /// Asks for every claim in a repository, for somebody else than the agent.
    Look(Repository, ReplySender<ClaimsPage>),
    /// Asks in which repositories the session works.
    Repositories(oneshot::Sender<Vec<Repository>>),
    /// Asks which repositories were given up with claims since this was asked last.
    GivenUp(oneshot::Sender<Vec<String>>),
    /// Asks which other session claims each of these paths.
    Claimants(Repository, Vec<String>, oneshot::Sender<Vec<Collision>>),
    /// Asks who has claimed or changed these paths.
    Collisions(Repository, Vec<String>, oneshot::Sender<Vec<Collision>>),
    /// Notes that the agent has changed these paths.
    Touched(Repository, Vec<String>),
    /// Notes which repository the session works in.
    WorkIn(Repository),
    /// Notes which repository the session's project is in.
    Project(Repository),
    /// Asks to be told once every other session of a repository was heard, or none can be.
    Hear(Repository, oneshot::Sender<bool>),
    /// Asks to be told once every other session of a repository was handed this session's claims, or none can be.
    HandOver(Repository, oneshot::Sender<bool>),
}

/// A command for an engine's task.
pub enum Command {
    /// Joins again after `Leave`, or moves to another known host.
    Join(Option<HubTarget>, ReplySender<()>),
    /// Changes what the session says about itself.
    Apply(Change, ReplySender<Registration>),
    /// Asks for a page of peers.
    List(PeerQuery, ReplySender<PeerPage>),
    /// Waits for peers, or for their end.
    Watch(PeerWait, ReplySender<PeerWaitEnd>),
    /// Finds the receiver of a message and takes the message into the outbox. Nothing is sent once the caller has
    /// closed the reply channel.
    Send(Draft, ReplySender<Submitted>),
    /// Begins a message to a group, before its first envelope. Every message that has begun ends with `GroupSubmitted`.
    BeginGroup(GroupToBegin, ReplySender<BegunGroup>),
    /// Notes that the message to a group with this id was submitted to its members, but for these.
    GroupSubmitted(MessageId, Vec<Alias>),
    /// Finds the fingerprint of the peer that an alias belongs to.
    Lookup(Alias, ReplySender<String>),
    /// Reads a page of messages and receipts.
    Read {
        /// What bounds the page.
        limits: PageLimits,
        /// Whether to wait for a message if no message is unread.
        wait: bool,
        /// Where the page goes.
        reply: ReplySender<MailPage>,
    },
    /// Asks which messages wait unread.
    ListUnread(oneshot::Sender<Vec<UnreadMessage>>),
    /// Reads those of these messages that wait unread, and receipts.
    ReadThese(Vec<MessageId>, ReplySender<MailPage>),
    /// A step of a call that saves an attachment.
    Download(DownloadCommand),
    /// What is asked of claims, and noted for them.
    Claim(ClaimCommand),
    /// Notes which session of its client this is, or that the client does not say so yet.
    ClaimSeat(Option<Box<SeatToClaim>>, oneshot::Sender<()>),
    /// Notes that a call waits for the hub.
    AskForHub,
    /// Waits until every message that was sent has its receipt.
    Flush(oneshot::Sender<()>),
    /// Leaves the junction.
    Leave(Leaver, oneshot::Sender<Departure>),
    /// Sets the context that was found around the session. `register` overrides it.
    SetContext(Context),
    /// Sets what the agent does, and how messages get to it.
    SetAvailability(Availability),
    /// Sets whom to ask when the agent will be told of a message.
    SetForecast(Arc<dyn Forecast>),
    /// Asks the face once more when the agent will be told of what waits, and tells the senders.
    ForecastAgain,
    /// Notes that a person has begun a turn of the agent.
    BeginTurn,
    /// Notes that a person has probably begun a turn of the agent.
    MaybeBeginTurn,
    /// Says goodbye to the hub and ends the task.
    Stop(oneshot::Sender<()>),
}

impl Command {
    /// Whether the command says that a call of the agent needs the hub.
    pub(crate) fn needs_hub(&self) -> bool {
        match self {
            Self::Join(..)
            | Self::Apply(..)
            | Self::List(..)
            | Self::Watch(..)
            | Self::Send(..)
            | Self::AskForHub => true,
            // A person asks, and not the agent.
            Self::Lookup(..)
            | Self::BeginGroup(..)
            | Self::GroupSubmitted(..)
            | Self::Read { .. }
            | Self::ListUnread(_)
            | Self::ReadThese(..)
            | Self::Download(_)
            // They are answered from memory.
            | Self::Claim(_)
            | Self::ClaimSeat(..)
            | Self::Flush(_)
            | Self::Leave(..)
            | Self::SetContext(_)
            | Self::SetAvailability(_)
            | Self::SetForecast(_)
            | Self::ForecastAgain
            | Self::BeginTurn
            | Self::MaybeBeginTurn
            | Self::Stop(_) => false,
        }
    }

    /// Answers the command with the reason why the session carries out none.
    pub fn refuse(self, why: Error) {
        match self {
            Self::Join(_, reply) => drop(reply.send(Err(why))),
            Self::Apply(_, reply) => drop(reply.send(Err(why))),
            Self::List(_, reply) => drop(reply.send(Err(why))),
            Self::Watch(_, reply) => drop(reply.send(Err(why))),
            Self::Send(_, reply) => drop(reply.send(Err(why))),
            Self::BeginGroup(_, reply) => drop(reply.send(Err(why))),
            Self::Lookup(_, reply) => drop(reply.send(Err(why))),
            Self::Read { reply, .. } | Self::ReadThese(_, reply) => drop(reply.send(Err(why))),
            Self::Flush(reply) | Self::Stop(reply) => drop(reply.send(())),
            Self::Leave(_, reply) => drop(reply.send(Departure::default())),
            Self::Claim(
                ClaimCommand::Claim(_, reply)
                | ClaimCommand::Release(_, _, reply)
                | ClaimCommand::List(_, reply)
                | ClaimCommand::Look(_, reply),
            ) => drop(reply.send(Err(why))),
            // The ends of their channels are dropped, which says so.
            Self::Download(_)
            | Self::GroupSubmitted(..)
            | Self::ListUnread(_)
            | Self::Claim(_)
            | Self::AskForHub
            | Self::ClaimSeat(..)
            | Self::SetContext(_)
            | Self::SetAvailability(_)
            | Self::SetForecast(_)
            | Self::ForecastAgain
            | Self::BeginTurn
            | Self::MaybeBeginTurn => {}
        }
    }
}
