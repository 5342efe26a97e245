//! What a sealed message says of its attachments. It travels inside the sealed text, so no hub sees it.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::protocol::id::MessageId;

/// What is in a sealed message beside its text, behind the flag that says so. It holds no secret: the file key of a message
/// with attachments follows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Details {
    /// The encoded [`Manifest`], as sent: its hash is bound to each chunk.
    #[n(0)]
    pub manifest: Option<ByteVec>,
    /// The message that named these attachments first. This one is then no message, but repeats them for the next process
    /// of its receiver's session.
    #[n(1)]
    pub repeats: Option<MessageId>,
    /// What the sender expects: the number of an intent. A number that is not known counts as none.
    #[n(2)]
    pub intent: Option<u32>,
    /// The group that the message was sent to, if it was sent to one.
    #[n(3)]
    pub group: Option<SealedGroup>,
    /// How long ago the repeated request was sent, in milliseconds.
    #[n(4)]
    pub age_ms: Option<u64>,
}

/// What a message to a group says of that.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SealedGroup {
    /// The id that the message has for its sender and for all its receivers. The one of each envelope is its own.
    #[n(0)]
    pub id: MessageId,
    /// The group, as the sender names it: at most [`MAX_GROUP_NAME`](crate::protocol::limits::MAX_GROUP_NAME) bytes.
    #[n(1)]
    pub to: String,
}

/// The attachments of a message, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// The attachments, the first of which has the number 1.
    #[n(0)]
    pub attachments: Vec<ManifestEntry>,
}

/// One attachment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ManifestEntry {
    /// The name of the file, or of the value.
    #[n(0)]
    pub name: String,
    /// What the attachment is.
    #[n(1)]
    pub kind: AttachmentKind,
    /// The length in bytes. The last chunk is padded, so that a hub does not see it.
    #[n(2)]
    pub bytes: u64,
    /// The SHA-256 of a file. A value has none: whoever guesses a short one could check the guess.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub sha256: Option<[u8; 32]>,
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AttachmentKind {
    /// A whole file.
    #[n(1)]
    File = 1,
    /// One value: of an environment variable, or out of a file.
    #[n(2)]
    Value = 2,
}
