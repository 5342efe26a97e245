//! Channels that wake nobody: the agent meets the message where it looks anyway.

use std::sync::atomic::{AtomicBool, Ordering};

use junction_shared::protocol::wire::Reach;

use crate::clients::{Channel, WakingWay};

/// A call that waits for messages, and ends with the first. Its result holds the message, so no notice is needed. Some
/// clients move such a call to the background, and its end wakes the agent.
#[derive(Default)]
pub(crate) struct WaitingRead(AtomicBool);

impl WaitingRead {
    /// Sets whether such a call is running.
    pub(crate) fn set(&self, waits: bool) {
        self.0.store(waits, Ordering::Relaxed);
    }
}

impl Channel for WaitingRead {
    fn reach(&self) -> Option<Reach> {
        self.0.load(Ordering::Relaxed).then_some(Reach::Push)
    }

    fn way(&self) -> Option<WakingWay> {
        Some(WakingWay::WaitingCall)
    }
}

/// Hooks of the client, which tell the agent of messages within its turn and at the next one. They can be relied on
/// once one of them has run.
#[derive(Default)]
pub(crate) struct TurnHooks(AtomicBool);

impl TurnHooks {
    /// Whether such a hook has run.
    pub(crate) fn were_seen(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes that such a hook has run.
    pub(crate) fn seen(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Channel for TurnHooks {
    fn reach(&self) -> Option<Reach> {
        self.were_seen().then_some(Reach::NextTurn)
    }
}

/// The number of unread messages in every tool result. It is always there, and needs the agent to call a tool.
pub(crate) struct UnreadCount;

impl Channel for UnreadCount {
    fn reach(&self) -> Option<Reach> {
        Some(Reach::Pull)
    }
}
