//! What the engine asks its face about a message that has just come.

use junction_shared::protocol::wire::Outlook;

use crate::Snapshot;

/// A message that was opened and that no call was waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The number of the arrival; `None` for a message that may not wake the agent.
    pub arrival: Option<u64>,
    /// Whether the message's chain is too long to go on without a person.
    pub past_limit: bool,
}

/// A face's knowledge of when its agent will be told of a message. The engine asks in its own task, so that the answer
/// must come at once.
pub trait Forecast: Send + Sync {
    /// What the sender of a message should know; `None` if the agent is about to be told, or the sender asked for no
    /// more. The snapshot counts the message.
    fn outlook(&self, arrived: Arrived, snapshot: &Snapshot) -> Option<Outlook>;
}
