//! Receipts: what a message's receiver says of it to its sender.

use std::time::Duration;

use minicbor::{Decode, Encode};

use crate::protocol::id::{MessageId, PeerKey, SeatKey};

/// An authenticated statement from a message's receiver to its sender.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// The message's sender.
    #[n(0)]
    pub to: PeerKey,
    /// The message.
    #[n(1)]
    pub id: MessageId,
    /// The message's fate.
    #[n(2)]
    pub kind: ReceiptKind,
    /// HMAC(Q, kind ‖ id); a `Stale` one under HKDF(P, "stale").
    #[cbor(n(3), with = "minicbor::bytes")]
    pub mac: [u8; 32],
    /// What is to come, where the message was opened and its agent is not told of it at once. A hub that does not know
    /// this field drops it, and what is left is a valid receipt.
    #[n(4)]
    pub outlook: Option<SignedOutlook>,
    /// The seat of the message's receiver, where it has one and says so. A hub that does not know this field drops it.
    #[n(5)]
    pub seat: Option<SignedSeat>,
}

/// The seat of a message's receiver, as the receiver itself names it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedSeat {
    /// The seat.
    #[n(0)]
    pub key: SeatKey,
    /// HMAC(Q, "seat" ‖ kind ‖ id ‖ key).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

/// An outlook as its maker sent it, forwarded unaltered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedOutlook {
    /// The encoded [`Outlook`], as sent.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// HMAC(Q, kind ‖ id ‖ body).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

impl SignedOutlook {
    /// The most bytes of a body. A hub forwards no longer one.
    pub const MAX_BODY: usize = 64;
}

/// When a receiver's agent will be woken for a message, or why it will not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Outlook {
    /// The seconds until the agent is woken, if nothing else tells it of the message before.
    #[n(0)]
    pub wakes_in: Option<u32>,
    /// Why the agent is not woken, or not sooner.
    #[n(1)]
    pub hindrance: Option<Hindrance>,
}

impl Outlook {
    /// The outlook when so much time has passed.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        let passed = u32::try_from(elapsed.as_secs()).unwrap_or(u32::MAX);
        let left = self.wakes_in.map(|seconds| seconds.saturating_sub(passed));
        Self { wakes_in: left.filter(|seconds| *seconds > 0), ..self }
    }
}

/// Why a message does not wake its receiver's agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Hindrance {
    /// The agent's wakes of this hour are used up, or this sender's share of them.
    #[n(0)]
    Budget,
    /// The client runs no hooks of the bridge, and has no other way to tell an idle agent.
    #[n(1)]
    NoHooks,
    /// The client has hooks of the bridge that its user has not trusted yet.
    #[n(2)]
    HooksUntrusted,
    /// The client cannot be woken before its user has typed a first prompt.
    #[n(3)]
    NeverPrompted,
    /// The agent's user stopped the turns in which the agent was about to read.
    #[n(4)]
    Denied,
    /// The agent was told and has not read, or nobody watches its session.
    #[n(5)]
    Asleep,
    /// The message's chain is too long to go on without a person.
    #[n(6)]
    Chain,
    /// The client has no way to tell an idle agent.
    #[n(7)]
    NoWay,
    /// The client refused the last wake, and has no other way to tell an idle agent.
    #[n(8)]
    Dropped,
    /// The agent's user pauses the wakes of the agent.
    #[n(9)]
    Held,
}

/// The fate of a message at its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ReceiptKind {
    /// The receiver's bridge opened and verified it.
    #[n(1)]
    Opened = 1,
    /// The answer that holds it was written to the agent's client.
    #[n(2)]
    Read = 2,
    /// The message was dropped unread when its time to live ended.
    #[n(3)]
    Expired = 3,
    /// The message was sealed to a key that the receiver no longer has.
    #[n(4)]
    Stale = 4,
}
