//! Every frame of AJ1, both directions. A frame is one binary websocket message: one CBOR item, an
//! enum as `[variant, [fields…]]`, its fields by position. Fields may be added at the end; an unknown
//! variant is refused. What is signed or sealed travels as a byte string and is never re-encoded.
//!
//! ```text
//! bridge                                hub
//!        ←  Challenge
//! Hello  →
//!        ←  Welcome
//! Card   →                              from here on the peer is listed
//! Ask, Send, Receipt, … → ←  Answer, Accepted, Deliver, Receipt, Peer, …
//! ```
//!
//! Where a message is here: sealed in an [`Envelope`]. `Send` carries the envelope from the sender's bridge to the hub and
//! `Deliver` from there to the receiver's, which answers with a receipt when it has opened the message and another when
//! the message was read. `hub/src/state.rs` decides what the hub does with each.

use minicbor::{Decode, Encode};

use crate::protocol::id::{MessageId, PeerKey, RepositoryTag, SeatKey};

mod awaited;
mod card;
mod claims;
mod envelope;
mod manifest;
mod opening;
mod receipt;
mod seat;
mod transfer;

pub use awaited::{Awaited, AwaitedEnd, StateFilter};
pub use card::{
    Card, Context, READS_ASKS, READS_ATTACHMENTS, READS_FROM_PERSON, READS_SEATS, READS_TEAMS,
    Reach, SignedCard, State,
};
pub use claims::{ClaimGroup, SealedClaims, SharedClaims, TouchedPath};
pub use envelope::{Envelope, Header, Kind};
pub use manifest::{AttachmentKind, Details, Manifest, ManifestEntry, SealedGroup};
pub use opening::{
    ATTACHMENTS, Challenge, Grant, HUB_FEATURES, Hello, HelloBody, LONG_CONTEXTS, SEATS,
    SeatAnswer, TEAMS, Ticket, UNLISTED, Welcome, WelcomeBody,
};
pub use receipt::{Hindrance, Outlook, Receipt, ReceiptKind, SignedOutlook, SignedSeat};
pub use seat::{CardSeat, Return, ReturnBody, SeatClaim, SeatMove};
pub use transfer::{AttachmentEnd, AttachmentReceipt, Chunk, ChunkRange, Offer, TransferId};

/// The version of the protocol spoken here.
pub const VERSION: u16 = 1;
/// How a program names its version, and that of the protocol.
pub const PROGRAM_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (protocol AJ1, version 1)");

/// A frame from a bridge to its hub.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToHub {
    /// Opens the session: the bridge's key, and the proof that it holds the join secret and owns that key.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// The peer's card: the first one lists it, each later one replaces the one before.
    #[n(1)]
    Card(#[n(0)] SignedCard),
    /// A question, answered by `Answer` with the same number.
    #[n(2)]
    Ask(#[n(0)] u32, #[n(1)] Question),
    /// Ends a `Watch` or an `Await` that has not been answered.
    #[n(3)]
    Unwatch(#[n(0)] u32),
    /// Hands over one sealed message.
    #[n(4)]
    Send(#[n(0)] Send),
    /// A receipt for the sender of a message.
    #[n(5)]
    Receipt(#[n(0)] Receipt),
    /// Asks the hub to push the inbox from its start; answered by `Repushing`.
    #[n(6)]
    Repush,
    /// The end of the session: the alias is free at once, the inbox goes.
    #[n(7)]
    Leave,
    /// What this session has read of one sender, and that it opens nothing more.
    #[n(8)]
    Return(#[n(0)] Return),
    /// The end of the bridge, not of its session: as `Leave`, but the hub keeps the alias and the last card for the seat.
    #[n(9)]
    Vacate,
    /// The sender can give an attachment. Answered by `Pull` when the hub has room, or when the receiver fetches it.
    #[n(10)]
    Offer(#[n(0)] Offer),
    /// The sender takes an offer back: the hub drops what it has of the attachment.
    #[n(11)]
    Withdraw(#[n(0)] TransferId),
    /// A chunk that the hub has pulled.
    #[n(12)]
    Chunk(#[n(0)] Chunk),
    /// The receiver wants these chunks. It asks for more as it takes them.
    #[n(13)]
    Fetch(#[n(0)] ChunkRange),
    /// A receipt for the sender of an attachment.
    #[n(14)]
    AttachmentReceipt(#[n(0)] AttachmentReceipt),
    /// The repositories that the session works in, in place of those that it named before. Answered by `SameRepository`, once
    /// for each.
    #[n(15)]
    Repositories(#[n(0)] Vec<RepositoryTag>),
    /// The session's state in a repository, for another session there. The hub keeps nothing of it: it drops what it cannot
    /// relay at once.
    #[n(16)]
    Claims(#[n(0)] SealedClaims),
}

/// A frame from a hub to a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToBridge {
    /// The first frame of a connection.
    #[n(0)]
    Challenge(#[n(0)] Challenge),
    /// The hub's answer to a hello, with its own proof.
    #[n(1)]
    Welcome(#[n(0)] Welcome),
    /// The answer to the question of this number.
    #[n(2)]
    Answer(#[n(0)] u32, #[n(1)] Answer),
    /// The peer's alias went back to its earlier owner; this one is its alias now.
    #[n(3)]
    Reassigned(#[n(0)] Grant),
    /// A change of a subscribed peer, with its card if the card changed.
    #[n(4)]
    Peer(#[n(0)] PeerKey, #[n(1)] Standing, #[n(2)] Option<SignedCard>),
    /// The message is in the inbox of its receiver.
    #[n(5)]
    Accepted(#[n(0)] MessageId),
    /// The hub did not accept the message and keeps nothing of it.
    #[n(6)]
    Refused(#[n(0)] MessageId, #[n(1)] Refusal),
    /// The hub has no room for the message now. All further ones for this receiver wait for `Room`.
    #[n(7)]
    Later(#[n(0)] MessageId),
    /// There is room again for messages to this receiver.
    #[n(8)]
    Room(#[n(0)] PeerKey),
    /// One message out of the peer's inbox, where it stays until a receipt ends it, and the
    /// milliseconds since it was sealed by the clocks of its sender and of the hub.
    #[n(9)]
    Deliver(#[n(0)] Envelope, #[n(1)] u64),
    /// A receipt from a receiver.
    #[n(10)]
    Receipt(#[n(0)] Receipt),
    /// The answer to `Repush`: what follows is the inbox from its start.
    #[n(11)]
    Repushing,
    /// What a receiver has read of this session, and that it opens nothing more.
    #[n(12)]
    Returned(#[n(0)] Return),
    /// Another bridge has this session's seat now; its card.
    #[n(13)]
    Unseated(#[n(0)] SignedCard),
    /// The sender of an attachment offers it. A receiver that is fetching asks for its chunks again, and one for which the
    /// attachment has ended repeats its receipt.
    #[n(14)]
    Offered(#[n(0)] TransferId),
    /// The hub wants these chunks of its sender.
    #[n(15)]
    Pull(#[n(0)] ChunkRange),
    /// A chunk that the receiver has fetched.
    #[n(16)]
    Chunk(#[n(0)] Chunk),
    /// Nobody can give the attachment that the receiver fetches: its sender has taken it back, or is gone and the hub has not
    /// all of it.
    #[n(17)]
    Unavailable(#[n(0)] TransferId),
    /// A receipt from the receiver of an attachment.
    #[n(18)]
    AttachmentReceipt(#[n(0)] AttachmentReceipt),
    /// The hub has all of an attachment, and keeps it until it is saved or its time is over, whether or not its sender stays.
    #[n(19)]
    Kept(#[n(0)] TransferId),
    /// The other sessions that are connected and work in a repository.
    #[n(20)]
    SameRepository(#[n(0)] RepositoryTag, #[n(1)] Vec<PeerKey>),
    /// Another session is connected now and works in a repository.
    #[n(21)]
    RepositoryJoined(#[n(0)] RepositoryTag, #[n(1)] PeerKey),
    /// Another session is not connected any more, or has left a repository.
    #[n(22)]
    RepositoryLeft(#[n(0)] RepositoryTag, #[n(1)] PeerKey),
    /// Another session's state in a repository.
    #[n(23)]
    Claims(#[n(0)] SealedClaims),
}

/// A request of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Question {
    /// May the peer have the alias in this card? If so, the card is published. → `Named`
    #[n(0)]
    Rename(#[n(0)] SignedCard),
    /// Which peers are there? The requester is never among them. → `Page`
    #[n(1)]
    List(#[n(0)] List),
    /// What is this peer's newest card? Subscribes to the peer's changes. → `Found`
    #[n(2)]
    Lookup(#[n(0)] LookupTarget),
    /// Which peers of this role, or of any, are online? Waits until there is one. → `Seen`
    #[n(3)]
    Watch(#[n(0)] Option<String>),
    /// Is a session there that is awaited, or is none there any more? Waits until it is so. → `Seen`, without peers where
    /// none is there.
    #[n(4)]
    Await(#[n(0)] Awaited),
}

/// A hub's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// The outcome of a request for an alias.
    #[n(0)]
    Named(#[n(0)] Naming),
    /// A page of peers.
    #[n(1)]
    Page(#[n(0)] Page),
    /// A peer's standing, and its newest card if the hub has one.
    #[n(2)]
    Found(#[n(0)] Standing, #[n(1)] Option<SignedCard>),
    /// One or more matching peers that are online; none where it was awaited that none is there.
    #[n(3)]
    Seen(#[n(0)] Vec<Listed>),
    /// The connection has too many open requests.
    #[n(4)]
    Busy,
}

/// The outcome of a request for an alias.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Naming {
    /// The alias is granted and the card is published.
    #[n(0)]
    Granted(#[n(0)] Grant),
    /// The alias, or a similar one, belongs to another peer.
    #[n(1)]
    Taken {
        /// A free alias.
        #[n(0)]
        free: String,
    },
    /// The text is not an alias.
    #[n(2)]
    Bad,
}

/// A request for one page of matching peers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct List {
    /// Only peers of this role.
    #[n(0)]
    pub role: Option<String>,
    /// Only peers in this repository.
    #[n(1)]
    pub repo: Option<String>,
    /// Peers on the page, at most.
    #[n(2)]
    pub limit: u16,
    /// The `next` of the page before.
    #[n(3)]
    pub cursor: Option<String>,
    /// Only peers whose agents do this. A hub without the feature [`TEAMS`] overlooks it.
    #[n(4)]
    pub state: Option<StateFilter>,
}

/// A page of peers, in the order of their aliases.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Page {
    /// The peers.
    #[n(0)]
    pub peers: Vec<Listed>,
    /// The number of matches on all pages.
    #[n(1)]
    pub total: u32,
    /// The cursor of the next page, if there is one.
    #[n(2)]
    pub next: Option<String>,
}

/// A peer in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Listed {
    /// The peer's newest card.
    #[n(0)]
    pub card: SignedCard,
    /// Whether the peer is connected.
    #[n(1)]
    pub online: bool,
    /// Milliseconds since the peer's session began.
    #[n(2)]
    pub session_ms: u64,
}

/// The peer whose card a lookup requests.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LookupTarget {
    /// The peer that has this alias now.
    #[n(0)]
    Alias(#[n(0)] String),
    /// The owner of this key.
    #[n(1)]
    Key(#[n(0)] PeerKey),
    /// The session that has this seat now.
    #[n(2)]
    Seat(#[n(0)] SeatKey),
}

/// A peer's standing with the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// Connected.
    #[n(0)]
    Online,
    /// Not connected; its inbox waits.
    #[n(1)]
    Away,
    /// The peer left, its session ended, or a hub past its restart grace does not know it.
    #[n(2)]
    Gone,
    /// The hub is in its restart grace and does not know the peer yet.
    #[n(3)]
    NotYet,
}

/// A hand-over of one envelope.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Send {
    /// The message.
    #[n(0)]
    pub envelope: Envelope,
    /// Milliseconds since it was sealed, by its sender's monotonic clock.
    #[n(1)]
    pub age_ms: u64,
    /// Whether these bytes were ever written to a socket before.
    #[n(2)]
    pub resend: bool,
    /// Whether this is the sender's lowest message without an end for this receiver.
    #[n(3)]
    pub restart: bool,
}

/// Why a hub did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Refusal {
    /// The receiver is gone.
    #[n(0)]
    Gone,
    /// The receiver's inbox, the sender's share of it, or the hub is full.
    #[n(1)]
    InboxFull,
    /// Another message with this id and other bytes is there already.
    #[n(2)]
    IdConflict,
    /// The receiver is the sender.
    #[n(3)]
    ToSelf,
    /// The message has attachments, and the hub or the receiver's bridge is of a version that carries none. Its sender says
    /// so to itself, and no hub does.
    #[n(4)]
    NoAttachments,
    /// What a message attached has changed since it was sent. Its sender says so to itself, and no hub does.
    #[n(5)]
    Changed,
}

#[cfg(test)]
mod tests;
