//! A peer's card: its keys, its alias, its context and how to reach its agent.

use minicbor::{Decode, Encode};

use crate::protocol::id::{Epoch, PeerKey, ReceiveKey};

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
