//! One attachment on its way to the thread that saves it.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::{ChunkRange, TransferId};
use tokio::sync::mpsc;

use crate::error::AttachmentError;

/// How long a download waits for the next chunk.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long it waits until it asks again. A hub that was restarted keeps no question for a sender that is not back yet.
pub(super) const REPEAT: Duration = Duration::from_secs(5);

/// One download.
pub(super) struct Download {
    pub(super) message: MessageId,
    pub(super) number: u8,
    pub(super) transfer: TransferId,
    pub(super) chunks: mpsc::Sender<Bytes>,
    pub(super) end: Arc<OnceLock<AttachmentError>>,
    /// The next chunk to come, and the one behind the last that the saving thread has room for.
    pub(super) next: u32,
    pub(super) until: u32,
    pub(super) total: u32,
    /// Whether the hub was asked. Others of the same sender may be before it.
    pub(super) is_active: bool,
    /// Whether it is being put in its place.
    pub(super) is_committing: bool,
    /// When it is given up, if no chunk comes.
    pub(super) stalls_at: Instant,
    /// When the hub is asked again, if no chunk comes.
    pub(super) repeats_at: Instant,
}

impl Download {
    /// Whether chunks are to come.
    pub(super) fn is_fetching(&self) -> bool {
        self.is_active && self.next < self.total
    }

    /// The chunks to ask for, if any are to come.
    pub(super) fn range(&self) -> Option<ChunkRange> {
        let until = self.until.min(self.total);
        let (transfer, next) = (self.transfer, self.next);
        (next < until).then_some(ChunkRange { transfer, next, until })
    }

    /// Notes that something came, or that the hub is asked from the beginning.
    pub(super) fn waits_from(&mut self, now: Instant) {
        (self.stalls_at, self.repeats_at) = (now + PATIENCE, now + REPEAT);
    }

    /// Notes that the download ends before all chunks are here. The saving thread finds its channel closed.
    pub(super) fn fail(self, why: AttachmentError) {
        let _ = self.end.set(why);
    }
}
