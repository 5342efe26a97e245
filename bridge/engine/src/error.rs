//! What a call of the engine can fail with: kinds and their data. A face makes sentences of them. No error quotes what
//! an agent or a peer wrote; aliases and fingerprints follow a fixed grammar.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::Pin;
use junction_shared::protocol::wire::Refusal;

use crate::claims::ClaimError;
use crate::hubs::selection::AwayReason;
use crate::hubs::target::TargetError;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The hub did not answer the call.
    HubAway(Unanswered),
    /// The hub did not answer, so the message was not sent.
    NotSent(Unanswered),
    /// The session has left the junction.
    Left,
    /// The agent's user had the session leave the junction.
    Removed,
    /// No peer has the alias. Another call may find one later.
    UnknownAlias(Alias),
    /// The session that has the alias has left, and the alias is kept for it.
    PeerLeft(Alias),
    /// The alias is taken, or too similar to one that is. This one is free.
    AliasTaken(Alias),
    /// The alias breaks the grammar of aliases.
    BadAlias,
    /// The peer has another key than the one with which the session last exchanged messages under the alias, or under one
    /// that people could take for it.
    KeyChanged {
        /// The peer's alias.
        alias: Alias,
        /// The alias under which the other key is known.
        known_as: Alias,
        /// The fingerprint of the key known so far.
        known: String,
        /// The fingerprint of the peer's key now.
        offered: String,
    },
    /// The peer has another fingerprint than the caller expected.
    OtherFingerprint {
        /// The peer's alias.
        alias: Alias,
        /// The fingerprint of the peer's key.
        offered: String,
    },
    /// The peer's card is faulty: no member of the group made it, or it is older than one seen before.
    UnusableCard(Alias),
    /// The hub gave an answer that no honest hub gives.
    HubMisbehaving,
    /// The peer waits for the answer to a question of its own, which is unread and has ended a wait of this session.
    UnreadQuestion(Alias),
    /// The message is addressed to its sender, or the session waits for itself.
    ToSelf,
    /// The message is larger than a message may be.
    TooLarge {
        /// The most bytes that a message may have.
        limit: usize,
    },
    /// As many messages to the peer as may be are unread.
    PeerFull(UnreadLimit),
    /// As many messages of the session as may be are unread.
    OutboxFull(UnreadLimit),
    /// The session has sent as many messages as it may in a minute.
    SendLimit {
        /// Seconds until it may send the next one.
        seconds: u64,
    },
    /// The session has written to as many new sessions as it may in a minute.
    ReceiverLimit {
        /// Seconds until it may write to the next one.
        seconds: u64,
    },
    /// The session has sent as many messages to groups as it may in a minute.
    GroupLimit {
        /// Seconds until it may send the next one.
        seconds: u64,
    },
    /// No peer is in the group.
    EmptyGroup,
    /// More peers are in the group than a message may go to.
    GroupTooLarge {
        /// How many.
        members: usize,
    },
    /// The peer's bridge is older than requests, so nobody would say that one is done.
    KnowsNoRequests(Alias),
    /// As many messages with `notify_when` as may be are pending.
    TooManyNotifications,
    /// The hub refused the message for good.
    Refused(Refusal),
    /// The message has attachments, and this one knows none.
    NoAttachments(AttachmentsRefused),
    /// As many attachments of the session as may be wait to be saved.
    TooManyAttachments,
    /// An attachment cannot be fetched.
    Attachment(AttachmentError),
    /// Nothing was claimed.
    Claim(ClaimError),
    /// A read is still being answered.
    ReadBusy,
    /// As many calls as may be are waiting.
    TooManyWaits,
    /// The hub's version is older: it knows no lists and waits by what agents do, and no waits for one session.
    OlderHub,
    /// The session did not move to another hub.
    Move(MoveError),
}

impl Error {
    /// Whether the same call may succeed later, without any change to it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::HubAway(_)
            | Self::NotSent(_)
            | Self::UnknownAlias(_)
            | Self::PeerLeft(_)
            | Self::UnusableCard(_)
            | Self::PeerFull(_)
            | Self::OutboxFull(_)
            | Self::SendLimit { .. }
            | Self::ReceiverLimit { .. }
            | Self::GroupLimit { .. }
            | Self::EmptyGroup
            | Self::TooManyNotifications
            | Self::TooManyAttachments
            | Self::Attachment(AttachmentError::TooMany | AttachmentError::Stalled)
            | Self::ReadBusy
            | Self::TooManyWaits
            | Self::Refused(Refusal::InboxFull | Refusal::IdConflict)
            | Self::Move(MoveError::NoAnswer) => true,
            Self::Left
            | Self::Removed
            | Self::AliasTaken(_)
            | Self::BadAlias
            | Self::KeyChanged { .. }
            | Self::OtherFingerprint { .. }
            | Self::HubMisbehaving
            | Self::UnreadQuestion(_)
            | Self::ToSelf
            | Self::OlderHub
            | Self::TooLarge { .. }
            | Self::GroupTooLarge { .. }
            | Self::KnowsNoRequests(_)
            | Self::NoAttachments(_)
            | Self::Attachment(_)
            | Self::Claim(_)
            | Self::Refused(
                Refusal::Gone | Refusal::ToSelf | Refusal::NoAttachments | Refusal::Changed,
            )
            | Self::Move(_) => false,
        }
    }
}

/// What carries no attachments, because its version is older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachmentsRefused {
    /// The hub.
    Hub,
    /// The bridge of this peer.
    Peer(Alias),
}

/// Why an attachment cannot be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachmentError {
    /// No message with this id and attachments was received.
    UnknownMessage,
    /// The message has so many attachments, and not the one that was named.
    UnknownNumber(usize),
    /// As many attachments as may be are being saved.
    TooMany,
    /// The time of the message is over.
    Expired,
    /// The sender has taken the attachment back or is gone, and the hub has not all of it.
    Unavailable,
    /// Nothing came for too long.
    Stalled,
    /// What came is not what the message says.
    Broken,
}

/// How much may be unread at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadLimit {
    /// Messages, at most.
    pub messages: usize,
    /// Bytes of their texts, at most.
    pub bytes: usize,
}

/// Why the hub did not answer a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The session is not connected.
    Away(AwayReason),
    /// The session is connected and the answer did not come in time.
    Late,
    /// The connection ended before the answer came.
    Lost,
}

/// Why a session did not move to another hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveError {
    /// The name means no hub that can be dialed.
    Target(TargetError),
    /// No hub answers there.
    NoAnswer,
    /// The hub there has another key than its link names.
    OtherKey {
        /// The hub's address.
        address: String,
        /// The key in the link.
        expected: Pin,
        /// The key that the hub showed.
        found: Pin,
    },
    /// Messages on the present hub are unread: their number.
    Unread(usize),
}

impl From<TargetError> for MoveError {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}
