//! Hooks of the client tell the agent of mail within its turn, and with the next one.

use std::sync::atomic::{AtomicBool, Ordering};

use junction_shared::protocol::wire::Reach;

use super::channel::Rung;

/// It is there once one of those hooks has been heard from.
#[derive(Default)]
pub(crate) struct TurnHooks(AtomicBool);

impl TurnHooks {
    /// One was.
    pub(crate) fn seen(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Rung for TurnHooks {
    fn reach(&self) -> Option<Reach> {
        self.0.load(Ordering::Relaxed).then_some(Reach::NextTurn)
    }
}
