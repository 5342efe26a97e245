//! What became of a message.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::{Hindrance, Refusal};

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The message is in this bridge; the hub was not reached.
    Queued,
    /// The message is in the hub's inbox of its receiver.
    Accepted,
    /// The receiver's bridge opened and verified the message.
    Opened,
    /// The answer that holds the message was written to the receiver's client.
    Read,
    /// The attachment was saved where the receiver's agent wanted it.
    Saved,
    /// The message was provably never delivered.
    Refused(Refusal),
    /// The message was provably unread when its time was up.
    Expired,
    /// Nobody can say whether the message was read.
    Unconfirmed,
}

impl Status {
    /// Whether the message has ended, and no answer to it can come any more.
    pub fn is_final_without_reply(self) -> bool {
        matches!(self, Self::Refused(_) | Self::Expired | Self::Unconfirmed)
    }
}

/// The end of a message that this session sent, or what is new about one that waits unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The message's id, as it is shown.
    pub id: MessageId,
    /// The number of the attachment, if this is the end of one.
    pub attachment: Option<u8>,
    /// The alias that the message was sent to.
    pub to: Alias,
    /// How the message ended, or how far it has come.
    pub status: Status,
    /// Why the receiver's agent is not woken for it, although the message should have woken it.
    pub hindrance: Option<Hindrance>,
    /// How many members have read the message, if it went to a group.
    pub group: Option<GroupSum>,
    /// When that was known, by this machine's wall clock: milliseconds since 1970.
    pub at_ms: u64,
}

/// How many members of a group have read a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSum {
    /// The members that the message was sent to.
    pub of: usize,
    /// The members that have read it.
    pub read: usize,
}
