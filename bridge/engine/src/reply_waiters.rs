//! Calls that wait for the answers to their messages.

use std::collections::HashMap;

use junction_shared::protocol::id::{MessageId, PeerKey};
use tokio::sync::oneshot;

use crate::WaitEnd;

/// A call that waits for the answer to a message.
pub(crate) struct ReplyWaiter {
    /// The peer that the message went to.
    pub(crate) from: PeerKey,
    /// Where what ends the wait goes.
    pub(crate) wait_end: oneshot::Sender<WaitEnd>,
}

/// The calls that wait, by the message whose answer each waits for and the peer that is to give it.
#[derive(Default)]
pub(crate) struct ReplyWaiters(HashMap<(MessageId, PeerKey), ReplyWaiter>);

impl ReplyWaiters {
    /// A call waits for the answer to this message.
    pub(crate) fn add(&mut self, to: MessageId, waiter: ReplyWaiter) {
        self.0.retain(|_, waiter| !waiter.wait_end.is_closed());
        self.0.insert((to, waiter.from), waiter);
    }

    /// Takes the call that waits for this answer, if it is from a peer that was asked and the call still waits.
    pub(crate) fn answered(&mut self, to: MessageId, from: PeerKey) -> Option<ReplyWaiter> {
        self.0.remove(&(to, from)).filter(|waiter| !waiter.wait_end.is_closed())
    }

    /// Whether a call waits for the answer of this peer to this message.
    pub(crate) fn awaits(&self, to: MessageId, from: PeerKey) -> bool {
        self.0.get(&(to, from)).is_some_and(|waiter| !waiter.wait_end.is_closed())
    }

    /// Takes these calls, as far as they still wait.
    pub(crate) fn take(&mut self, which: impl Fn(&ReplyWaiter) -> bool) -> Vec<ReplyWaiter> {
        let taken = self.0.extract_if(|_, waiter| which(waiter)).map(|(_, waiter)| waiter);
        taken.filter(|waiter| !waiter.wait_end.is_closed()).collect()
    }

    /// Ends all waits.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
