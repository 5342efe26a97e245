//! An agent's availability: what the agent does, and how a message gets to it.

use junction_shared::protocol::wire::{Reach, State};

/// An agent's availability, as its card says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// How a message gets to the agent.
    pub reach: Reach,
    /// How a message gets to the agent that is to wake nobody.
    pub unwoken: Reach,
    /// What the agent does, if that is known.
    pub state: Option<State>,
}

/// The name of an agent's state.
pub fn state_word(state: Option<State>) -> &'static str {
    match state {
        Some(State::Idle) => "idle",
        Some(State::Busy) => "busy",
        Some(State::WaitingOnHuman) => "waiting-on-human",
        None => "unknown",
    }
}
