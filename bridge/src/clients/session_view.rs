//! What a client shows of its session beyond hooks and calls.

use junction_shared::protocol::wire::{Hindrance, State};

/// What a client itself shows of its agent's session, for others to see.
pub(crate) trait SessionView: Send + Sync {
    /// The agent's state, if the client shows it now.
    fn state(&self) -> Option<State>;
}

/// What was heard of a client so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientSigns {
    /// Whether a hook in a turn has run.
    pub(crate) has_hooks: bool,
    /// Whether the agent has called a tool.
    pub(crate) has_called: bool,
}

impl ClientSigns {
    /// Why an agent cannot be woken whose client can tell it of messages by hooks alone.
    pub(super) fn hindrance_of_hooks(self) -> Hindrance {
        if self.has_hooks { Hindrance::NoWay } else { Hindrance::NoHooks }
    }
}
