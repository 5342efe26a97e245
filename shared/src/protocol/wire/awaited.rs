//! What a bridge asks for by what agents do: which peers a list has, and what a wait is for.

use minicbor::{Decode, Encode};

use crate::protocol::wire::card::State;

/// What an agent has to do to be on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum StateFilter {
    /// The agent's turn has ended.
    #[n(0)]
    Idle,
    /// The agent is in a turn.
    #[n(1)]
    Busy,
    /// The agent waits for its user.
    #[n(2)]
    WaitingOnHuman,
    /// The card says nothing of what the agent does.
    #[n(3)]
    Unknown,
}

impl StateFilter {
    /// Whether an agent is on the list whose card says this.
    #[must_use]
    pub fn matches(self, state: Option<State>) -> bool {
        let wanted = match self {
            Self::Idle => Some(State::Idle),
            Self::Busy => Some(State::Busy),
            Self::WaitingOnHuman => Some(State::WaitingOnHuman),
            Self::Unknown => None,
        };
        state == wanted
    }
}

/// A session that a bridge waits for, and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Awaited {
    /// Only the session that has this alias.
    #[n(0)]
    pub alias: Option<String>,
    /// Only sessions of this role.
    #[n(1)]
    pub role: Option<String>,
    /// What ends the wait.
    #[n(2)]
    pub end: AwaitedEnd,
}

/// What ends a wait for a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum AwaitedEnd {
    /// A session is connected.
    #[default]
    #[n(0)]
    Online,
    /// A session is connected, and its agent is idle.
    #[n(1)]
    Idle,
    /// No such session is there any more, not even one that is away. Never without an alias and a role.
    #[n(2)]
    Gone,
}
