//! The frames that open a connection: challenge, hello and welcome.

use minicbor::{Decode, Encode};

use crate::protocol::id::{ConnectionId, Dial, Incarnation, PeerKey, Signature};
use crate::protocol::wire::card::SignedCard;
use crate::protocol::wire::seat::SeatClaim;

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
    /// The claimed seat's signature over "aj1 seat hello" ‖ T.
    #[n(2)]
    pub seat_signature: Option<Signature>,
}

/// The content of a hello.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HelloBody {
    /// The version chosen from the challenge.
    #[n(0)]
    pub version: u16,
    /// The bridge's identity key.
    #[n(1)]
    pub key: PeerKey,
    /// The number of times the bridge's process has dialled.
    #[n(2)]
    pub dial: Dial,
    /// The requested alias.
    #[n(3)]
    pub want: Option<String>,
    /// The ticket that was granted with that alias.
    #[n(4)]
    pub ticket: Option<Ticket>,
    /// 32 random bytes.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// Whether the session is to be in nobody's list. Absent, never false. A hub with the feature [`UNLISTED`] grants it.
    #[n(6)]
    pub unlisted: Option<bool>,
    /// The seat that the bridge claims for its session.
    #[n(7)]
    pub seat: Option<SeatClaim>,
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

/// The bit of a welcome's features for contexts of any script, as
/// [`context_text`](crate::protocol::context_text) bounds them. Other hubs take 64 printable ASCII characters a field.
pub const LONG_CONTEXTS: u32 = 1 << 0;
/// The bit of a welcome's features for sessions that no list, count or wait includes. A hub has it on connections without
/// TLS only, which come from its own machine: a session that joins by a link is visible.
pub const UNLISTED: u32 = 1 << 1;
/// The bit of a welcome's features for seats.
pub const SEATS: u32 = 1 << 2;
/// The bit of a welcome's features for attachments.
pub const ATTACHMENTS: u32 = 1 << 3;
/// The bit of a welcome's features for teams: the repositories that sessions work in, their claims, and waits and lists by
/// what an agent does.
pub const TEAMS: u32 = 1 << 4;
/// The features of a hub of this version. A bridge uses a new frame, variant or number only with a hub that names it.
pub const HUB_FEATURES: u32 = LONG_CONTEXTS | UNLISTED | SEATS | ATTACHMENTS | TEAMS;

/// The content of a welcome.
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
    /// The time a session lasts without a sign of life, in milliseconds. No message lives longer.
    #[n(3)]
    pub session_timeout_ms: u64,
    /// The longest time past its end that anything stays, in milliseconds.
    #[n(4)]
    pub sweep_interval_ms: u64,
    /// Whether the restart grace is over: the hub is older than the session timeout, and a session that it
    /// does not know has ended. During the grace the hub may have been restarted. Absent, never false.
    #[n(5)]
    pub past_restart_grace: Option<bool>,
    /// What the hub understands beyond the first version of the protocol, a bit each. Absent: nothing.
    #[n(6)]
    pub features: Option<u32>,
    /// What became of the claim to a seat. Absent where none was made, or none that the hub believes.
    #[n(7)]
    pub seat: Option<SeatAnswer>,
}

impl WelcomeBody {
    /// Whether the hub has a feature, such as [`LONG_CONTEXTS`].
    #[must_use]
    pub fn has(&self, feature: u32) -> bool {
        self.features.unwrap_or_default() & feature == feature
    }
}

/// What became of a claim to a seat.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum SeatAnswer {
    /// The session has the seat, or will have it with its first card. The seat's last card, if the hub has one.
    #[n(0)]
    Granted(#[n(0)] Option<SignedCard>),
    /// Another bridge has it, and the claim is only a wish.
    #[n(1)]
    Held,
    /// A higher incarnation has it, or had it last: its number, its card if the hub has it, and whether it is not connected.
    /// Absent, never false.
    #[n(2)]
    Superseded(#[n(0)] Incarnation, #[n(1)] Option<SignedCard>, #[n(2)] Option<bool>),
}

/// An alias and the proof that it was granted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Grant {
    /// The alias.
    #[n(0)]
    pub alias: String,
    /// The alias's ticket.
    #[n(1)]
    pub ticket: Ticket,
}

/// Proves to a restarted hub who owned an alias, and since when. Only the hub that issued a ticket can read it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Ticket(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);
