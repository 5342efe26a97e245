//! The hold that an answer has on what it contains.

use tokio::sync::oneshot;

/// A hold on what an answer contains. Dropped, all of it is given back, in its order. Acknowledged, it counts as read
/// and its receipts go out.
pub struct Lease(Option<oneshot::Sender<()>>);

impl Lease {
    /// The hold, and the channel that tells its end: `Ok` if the answer was written, an error if it never left.
    pub fn new() -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    /// Acknowledges that the answer was written and flushed.
    pub fn ack(mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}

/// The number of a hold on messages that an answer contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeaseId(pub(crate) u64);
