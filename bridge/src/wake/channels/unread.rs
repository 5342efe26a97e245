//! The last rung: every answer of a tool tells that mail waits.

use junction_shared::protocol::wire::Reach;

use super::channel::Rung;

/// It is always there, and waits for the agent to call something.
pub(crate) struct Unread;

impl Rung for Unread {
    fn reach(&self) -> Option<Reach> {
        Some(Reach::Pull)
    }
}
