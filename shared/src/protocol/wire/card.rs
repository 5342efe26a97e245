//! A peer's card: its keys, its alias, its context and how to reach its agent.

use minicbor::{Decode, Encode};

use crate::protocol::id::{Epoch, PeerKey, ReceiveKey, Signature};
use crate::protocol::wire::seat::{CardSeat, SeatMove};

/// A card as its owner made it, forwarded unaltered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedCard {
    /// The encoded [`Card`], as sent.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// HMAC(card key, body): made by a member of the group.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub mac: [u8; 32],
    /// The seat's signature over "aj1 seat card" ‖ group ‖ body, on a card that shows a seat.
    #[n(2)]
    pub seat_signature: Option<Signature>,
    /// How the session came to the seat of this card from those that it had before, the last first: each goes on under the
    /// one before it in this list, and the first under the card's. At most
    /// [`MAX_MOVES`](crate::protocol::limits::MAX_MOVES).
    #[n(3)]
    pub moves: Option<Vec<SeatMove>>,
}

/// A peer's description of itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Card {
    /// The peer's identity key.
    #[n(0)]
    pub key: PeerKey,
    /// The key to seal to.
    #[n(1)]
    pub receive_key: ReceiveKey,
    /// The number of this card.
    #[n(2)]
    pub epoch: Epoch,
    /// The peer's alias.
    #[n(3)]
    pub alias: String,
    /// The way a waiting message reaches the peer's agent.
    #[n(4)]
    pub reach: Reach,
    /// The peer's work: repository, task, role.
    #[n(5)]
    pub context: Context,
    /// The activity of the peer's agent, as far as the bridge can tell.
    #[n(6)]
    pub state: Option<State>,
    /// The way a message that must wake nobody reaches the agent, if it differs from `reach`.
    #[n(7)]
    pub unwoken: Option<Reach>,
    /// What the peer's bridge understands beyond what every bridge does: a set of bits, such as [`READS_ASKS`].
    #[n(8)]
    pub features: Option<u32>,
    /// False where a session goes on although nobody can see it; absent otherwise.
    #[n(9)]
    pub attended: Option<bool>,
    /// The seat that the session says it has. It counts only with the seat's signature.
    #[n(10)]
    pub seat: Option<CardSeat>,
}

/// The bit of a bridge that opens messages whose sealed flags say that the sender waits for an answer. Older bridges
/// take such a message for a broken one.
pub const READS_ASKS: u32 = 1;
/// The bit of a bridge that opens messages whose sealed flags say that a person wrote them. Older bridges take such a
/// message for a broken one.
pub const READS_FROM_PERSON: u32 = 2;
/// The bit of a bridge that knows seats: it opens messages that name their sender's seat, and takes returned ones back.
pub const READS_SEATS: u32 = 4;
/// The bit of a bridge that opens messages with attachments, and fetches these. Older bridges take such a message for a
/// broken one.
pub const READS_ATTACHMENTS: u32 = 8;
/// The bit of a bridge that knows groups and requests: it shows what a message was sent to and what its sender expects, and
/// keeps requests until they are answered. Older bridges show such a message like any other.
pub const READS_TEAMS: u32 = 16;

/// An agent's activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum State {
    /// The agent's turn has ended; it waits for a prompt or a message.
    #[n(0)]
    Idle,
    /// The agent is in a turn.
    #[n(1)]
    Busy,
    /// The agent asked its user something and cannot continue before the answer.
    #[n(2)]
    WaitingOnHuman,
}

/// The way a waiting message reaches an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Reach {
    /// The agent must ask for messages.
    #[default]
    #[n(0)]
    Pull,
    /// The agent learns of the message in its next turn.
    #[n(1)]
    NextTurn,
    /// The message wakes the agent.
    #[n(2)]
    Push,
}

/// A peer's context. [`context_text`](crate::protocol::context_text) bounds each field.
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
