//! Seats on the wire: how a bridge claims one, how a card shows it, and how mail that a session has not read goes back.

use minicbor::{Decode, Encode};

use crate::protocol::id::{Incarnation, PeerKey, SeatKey, Seq, Signature};

/// A bridge's claim to a seat, in its hello.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SeatClaim {
    /// The seat.
    #[n(0)]
    pub key: SeatKey,
    /// The number of the bridge's process among those of the seat.
    #[n(1)]
    pub incarnation: Incarnation,
    /// Whether the client itself said that this is the session. Otherwise the seat is granted only if no other bridge
    /// that is connected has it. Absent, never false.
    #[n(2)]
    pub is_proven: Option<bool>,
    /// What two bridges of one client process have in common: the newer one of them has the seat.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub place: Option<[u8; 16]>,
    /// The seat that the session had before, if it goes on under another.
    #[n(4)]
    pub moved_from: Option<SeatMove>,
}

/// The word of two seats that the session of one goes on under the other.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SeatMove {
    /// The seat that is over.
    #[n(0)]
    pub from: SeatKey,
    /// The last incarnation of that seat: a later one is another session.
    #[n(1)]
    pub incarnation: Incarnation,
    /// The signature of that seat over "aj1 seat move" ‖ group ‖ from ‖ incarnation ‖ the seat that follows.
    #[n(2)]
    pub signature: Signature,
    /// The signature of the seat that follows over the same: nobody else can have it follow a seat of theirs.
    #[n(3)]
    pub consent: Signature,
}

/// The seat on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CardSeat {
    /// The seat.
    #[n(0)]
    pub key: SeatKey,
    /// The number of the bridge's process among those of the seat.
    #[n(1)]
    pub incarnation: Incarnation,
}

/// A receiver's word to one sender, for ever true: it opens nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Return {
    /// The sender.
    #[n(0)]
    pub to: PeerKey,
    /// The encoded [`ReturnBody`], as sent.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// HMAC(HKDF("", P, "returned"), body).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

impl Return {
    /// The most bytes of a body. A hub forwards no longer one.
    pub const MAX_BODY: usize = 128;
}

/// The content of a [`Return`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReturnBody {
    /// The receiver, under the key that is over.
    #[n(0)]
    pub from: PeerKey,
    /// The receiver's seat, under another key of which the messages may be sent again.
    #[n(1)]
    pub seat: SeatKey,
    /// The highest number that it opened of this sender.
    #[n(2)]
    pub highest: Seq,
    /// The messages that it has read: bit n stands for `highest - n`.
    #[n(3)]
    pub read: u64,
    /// The messages that it may still read, because an answer that holds them is on its way. Every message to `from` that
    /// is in neither was not read and never will be.
    #[n(4)]
    pub leased: u64,
}
