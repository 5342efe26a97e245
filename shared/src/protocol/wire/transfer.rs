//! The frames that carry attachments: files and values that a message names and that go from bridge to bridge in sealed
//! chunks, beside the messages.
//!
//! ```text
//! sender                          hub                          receiver
//! Offer            →                        → Offered
//!                  ← Pull                   ← Fetch
//! Chunk            → (kept until saved)     → Chunk
//!                  ← Kept
//!                  ← AttachmentReceipt      ← AttachmentReceipt
//! ```

use bytes::Bytes;
use minicbor::{Decode, Encode};

use crate::protocol::id::{MessageId, PeerKey};
use crate::protocol::wire::envelope::sealed_bytes;

/// One attachment on its way from its sender to one process of its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct TransferId {
    /// The sender.
    #[n(0)]
    pub from: PeerKey,
    /// The receiver.
    #[n(1)]
    pub to: PeerKey,
    /// The message that names the attachment.
    #[n(2)]
    pub message: MessageId,
    /// The attachment's number in the message, counted from 1.
    #[n(3)]
    pub attachment: u8,
}

/// A sender's word that it can give an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// The attachment, and where it goes.
    #[n(0)]
    pub transfer: TransferId,
    /// The number of its chunks, at least 1.
    #[n(1)]
    pub chunks: u32,
    /// How long the hub may keep what it has of the attachment, in milliseconds.
    #[n(2)]
    pub ttl_ms: u64,
}

/// Consecutive chunks of an attachment that are asked for, in place of those that were asked for before and did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChunkRange {
    /// The attachment.
    #[n(0)]
    pub transfer: TransferId,
    /// The number of the first chunk that is to come, counted from 0.
    #[n(1)]
    pub next: u32,
    /// The number behind the last one. If it is `next`, the sender is asked for its offer alone, and the hub for nothing
    /// more.
    #[n(2)]
    pub until: u32,
}

/// One sealed chunk of an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Chunk {
    /// The attachment.
    #[n(0)]
    pub transfer: TransferId,
    /// The number of the chunk, counted from 0.
    #[n(1)]
    pub number: u32,
    /// AES-256-GCM ciphertext and tag.
    #[cbor(n(2), with = "sealed_bytes")]
    pub sealed: Bytes,
}

/// A receiver's authenticated statement to the sender of an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AttachmentReceipt {
    /// The attachment, and the process of its receiver that makes the statement.
    #[n(0)]
    pub transfer: TransferId,
    /// The attachment's fate.
    #[n(1)]
    pub kind: AttachmentEnd,
    /// HMAC(HKDF(P, "attachment"), kind ‖ attachment ‖ message).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

/// The fate of an attachment at its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AttachmentEnd {
    /// The attachment was saved where the receiver's agent wanted it.
    #[n(1)]
    Saved = 1,
    /// The time of its message is over, or the receiver has left, and it was not saved.
    #[n(2)]
    Expired = 2,
}
