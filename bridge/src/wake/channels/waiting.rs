//! A call that waits for messages: it ends with the first. Claude Code moves it to the background after two minutes,
//! and its end wakes the agent.

use std::sync::atomic::{AtomicBool, Ordering};

use junction_shared::protocol::wire::Reach;

use super::channel::Rung;

/// It is there while a call waits. It needs no notice: the call's answer has the message.
#[derive(Default)]
pub(crate) struct Waiting(AtomicBool);

impl Waiting {
    /// Whether one does.
    pub(crate) fn set(&self, waits: bool) {
        self.0.store(waits, Ordering::Relaxed);
    }
}

impl Rung for Waiting {
    fn reach(&self) -> Option<Reach> {
        self.0.load(Ordering::Relaxed).then_some(Reach::Push)
    }
}
