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

use bytes::Bytes;
use minicbor::{Decode, Encode};

use crate::protocol::id::{
    ConnectionId, Dial, Epoch, GroupId, MessageId, PeerKey, ReceiveKey, Seq,
};

/// The version of the protocol spoken here.
pub const VERSION: u16 = 1;

/// A frame from a bridge to its hub.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ToHub {
    /// Who calls, and the proof that it holds the join secret and owns its key.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// The peer's card: the first one lists it, each later one replaces the one before.
    #[n(1)]
    Card(#[n(0)] SignedCard),
    /// A question, answered by `Answer` with the same number.
    #[n(2)]
    Ask(#[n(0)] u32, #[n(1)] Question),
    /// Ends a `Watch` that has not been answered.
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
    /// News of a peer subscribed to; the card is there if that is what changed.
    #[n(4)]
    Peer(#[n(0)] PeerKey, #[n(1)] Standing, #[n(2)] Option<SignedCard>),
    /// The message is in the inbox of its receiver.
    #[n(5)]
    Accepted(#[n(0)] MessageId),
    /// The hub did not take the message and keeps nothing of it.
    #[n(6)]
    Refused(#[n(0)] MessageId, #[n(1)] Refusal),
    /// The hub has no room for the message now; all further ones for this receiver wait for `Room`.
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
}

/// What a bridge may ask.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Question {
    /// May the peer have the alias in this card? If so, the card is published. → `Named`
    #[n(0)]
    Rename(#[n(0)] SignedCard),
    /// Which peers are there? The asking one is never among them. → `Page`
    #[n(1)]
    List(#[n(0)] List),
    /// What is this peer's newest card? It subscribes to the peer's changes. → `Found`
    #[n(2)]
    Lookup(#[n(0)] Target),
    /// Which peers of this role (of any, if none) are online? It waits until one is. → `Seen`
    #[n(3)]
    Watch(#[n(0)] Option<String>),
}

/// What a hub answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Answer {
    /// What came of a wish for an alias.
    #[n(0)]
    Named(#[n(0)] Naming),
    /// A page of peers.
    #[n(1)]
    Page(#[n(0)] Page),
    /// How a peer stands, and its newest card where the hub has one.
    #[n(2)]
    Found(#[n(0)] Standing, #[n(1)] Option<SignedCard>),
    /// One or more matching peers that are online.
    #[n(3)]
    Seen(#[n(0)] Vec<Listed>),
    /// The hub bears no more open questions of this connection.
    #[n(4)]
    Busy,
}

/// Opens the handshake; fresh for every connection.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// The versions the hub speaks.
    #[n(0)]
    pub versions: Vec<u16>,
    /// 32 random bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// The hub's ephemeral X25519 public key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub hub_eph: [u8; 32],
}

/// The bridge's side of the handshake.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// The encoded [`HelloBody`], as sent: the transcript is made of these bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// HMAC(k, "hello" ‖ pin ‖ T).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub proof: [u8; 32],
}

/// What a bridge says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HelloBody {
    /// The version it chose from the challenge.
    #[n(0)]
    pub version: u16,
    /// Its identity key.
    #[n(1)]
    pub key: PeerKey,
    /// How often its process has dialled.
    #[n(2)]
    pub dial: Dial,
    /// The alias it wishes for.
    #[n(3)]
    pub want: Option<String>,
    /// The ticket that was granted with that alias.
    #[n(4)]
    pub ticket: Option<Ticket>,
    /// 32 random bytes.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
}

/// The hub's proof that it holds the group's secret, and what it grants.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The encoded [`WelcomeBody`], as sent.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// HMAC(k, "welcome" ‖ pin ‖ T ‖ SHA-256(body)).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

/// What a hub grants to a connection.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct WelcomeBody {
    /// The alias of the session and its ticket.
    #[n(0)]
    pub grant: Grant,
    /// The number of this connection.
    #[n(1)]
    pub connection: ConnectionId,
    /// Whether the hub still knew the session.
    #[n(2)]
    pub resumed: bool,
    /// How long a session lasts without a sign of life, in milliseconds; the longest life of a message.
    #[n(3)]
    pub session_timeout_ms: u64,
    /// The longest time past its end that anything stays, in milliseconds.
    #[n(4)]
    pub sweep_interval_ms: u64,
    /// Whether the restart grace is over: the hub is older than the session timeout, and a session that it
    /// does not know has ended. During the grace the hub may have been restarted. Absent, never false.
    #[n(5)]
    pub past_restart_grace: Option<bool>,
}

/// An alias and the proof of having been granted it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    /// The alias.
    #[n(0)]
    pub alias: String,
    /// Its ticket.
    #[n(1)]
    pub ticket: Ticket,
}

/// HMAC(ticket key, alias ‖ ik): shows a restarted hub who owned an alias.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Ticket(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// What came of a wish for an alias.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Naming {
    /// It is the peer's alias now, and the card is published.
    #[n(0)]
    Granted(#[n(0)] Grant),
    /// It, or one too similar, is another's; this one is free.
    #[n(1)]
    Taken {
        /// A free alias.
        #[n(0)]
        free: String,
    },
    /// It is no alias.
    #[n(2)]
    Bad,
}

/// A card as its owner made it, forwarded unaltered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedCard {
    /// The encoded [`Card`], as sent.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// HMAC(card key, body): made by a member of the group.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

/// A peer as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Card {
    /// Its identity key.
    #[n(0)]
    pub key: PeerKey,
    /// The key to seal to.
    #[n(1)]
    pub receive_key: ReceiveKey,
    /// The number of this card.
    #[n(2)]
    pub epoch: Epoch,
    /// Its alias.
    #[n(3)]
    pub alias: String,
    /// How a waiting message gets to its agent.
    #[n(4)]
    pub reach: Reach,
    /// What it works on.
    #[n(5)]
    pub context: Context,
    /// What its agent is doing, as far as its bridge can tell.
    #[n(6)]
    pub state: Option<State>,
    /// How a message gets to its agent that is to wake nobody, if not as `reach` says.
    #[n(7)]
    pub unwoken: Option<Reach>,
}

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum State {
    /// Its turn has ended; it waits for a prompt or for a message.
    #[n(0)]
    Idle,
    /// It is in a turn.
    #[n(1)]
    Busy,
    /// It asked its user something and cannot go on before the answer.
    #[n(2)]
    WaitingOnHuman,
}

/// How a waiting message gets to the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Reach {
    /// The agent must ask.
    #[default]
    #[n(0)]
    Pull,
    /// It learns of it in its next turn.
    #[n(1)]
    NextTurn,
    /// It is woken.
    #[n(2)]
    Push,
}

/// What a peer works on: each field at most 64 printable ASCII characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Context {
    /// The repository.
    #[n(0)]
    pub repo: Option<String>,
    /// The task, in the agent's words.
    #[n(1)]
    pub task: Option<String>,
    /// The role, in the agent's words.
    #[n(2)]
    pub role: Option<String>,
    /// The branch.
    #[n(3)]
    pub branch: Option<String>,
    /// The machine's name.
    #[n(4)]
    pub machine: Option<String>,
    /// The client's name.
    #[n(5)]
    pub client: Option<String>,
}

/// Which page of which peers.
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
}

/// A page of peers, in the order of their aliases.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Page {
    /// The peers.
    #[n(0)]
    pub peers: Vec<Listed>,
    /// How many match, on all pages.
    #[n(1)]
    pub total: u32,
    /// The cursor of the next page, if there is one.
    #[n(2)]
    pub next: Option<String>,
}

/// A peer in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Listed {
    /// Its newest card.
    #[n(0)]
    pub card: SignedCard,
    /// Whether it is connected now.
    #[n(1)]
    pub online: bool,
    /// Milliseconds since its session began.
    #[n(2)]
    pub session_ms: u64,
}

/// Whose card a lookup asks for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Target {
    /// Whoever has this alias now.
    #[n(0)]
    Alias(#[n(0)] String),
    /// The owner of this key.
    #[n(1)]
    Key(#[n(0)] PeerKey),
}

/// How a peer stands with the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// Connected.
    #[n(0)]
    Online,
    /// Not connected; its inbox waits.
    #[n(1)]
    Away,
    /// It left, its session ended, or a hub past its restart grace does not know it.
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

/// One sealed message with its clear header.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    /// What the hub needs to know, bound to the sealed text.
    #[n(0)]
    pub header: Header,
    /// AES-256-GCM ciphertext and tag.
    #[cbor(n(1), with = "sealed_bytes")]
    pub sealed: Bytes,
}

/// The clear header of an envelope. All of it is bound to the sealed text as associated data.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The group.
    #[n(0)]
    pub group: GroupId,
    /// The message's id.
    #[n(1)]
    pub id: MessageId,
    /// The sender.
    #[n(2)]
    pub from: PeerKey,
    /// The receiver.
    #[n(3)]
    pub to: PeerKey,
    /// The epoch of the receiver's card that it is sealed to.
    #[n(4)]
    pub epoch: Epoch,
    /// The encapsulated key of HPKE.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub enc: [u8; 32],
    /// Its place in the order from this sender to this receiver.
    #[n(6)]
    pub seq: Seq,
    /// The sender's wall clock when it was sealed, for display only: milliseconds since 1970.
    #[n(7)]
    pub sent_ms: u64,
    /// Milliseconds it had left to live when it was sealed.
    #[n(8)]
    pub ttl_ms: u64,
    /// What is inside.
    #[n(9)]
    pub kind: Kind,
}

/// What is inside an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Kind {
    /// A text message.
    #[n(1)]
    Text = 1,
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
}

/// An authenticated word from a message's receiver to its sender.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// The message's sender.
    #[n(0)]
    pub to: PeerKey,
    /// The message.
    #[n(1)]
    pub id: MessageId,
    /// What became of it.
    #[n(2)]
    pub kind: ReceiptKind,
    /// HMAC(Q, kind ‖ id); a `Stale` one under HKDF(P, "stale").
    #[cbor(n(3), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

/// What became of a message at its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ReceiptKind {
    /// The receiver's bridge opened and verified it.
    #[n(1)]
    Opened = 1,
    /// The answer that holds it was written to the agent's client.
    #[n(2)]
    Read = 2,
    /// It was dropped unread at the end of its time to live.
    #[n(3)]
    Expired = 3,
    /// It was sealed to a key that the receiver no longer has.
    #[n(4)]
    Stale = 4,
}

/// `Bytes` as a CBOR byte string.
mod sealed_bytes {
    use bytes::Bytes;
    use minicbor::encode::{self as enc, Write};
    use minicbor::{Decoder, Encoder, decode as dec};

    pub(super) fn encode<C, W: Write>(
        sealed: &Bytes,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), enc::Error<W::Error>> {
        e.bytes(sealed)?.ok()
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Bytes, dec::Error> {
        d.bytes().map(Bytes::copy_from_slice)
    }
}

#[cfg(test)]
mod tests;
