//! One attachment at its sender, and those of one message.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Offer, Refusal, ToHub, TransferId};

use crate::Status;
use crate::attachment::{Content, PreparedAttachment, Source};
use crate::seal::{ChunkCipher, ChunkTag, SealedManifest};
use crate::upload_progress::ProgressReport;

/// The end of an upload whose content is not what it was.
pub(super) const CHANGED: Status = Status::Refused(Refusal::Changed);

/// The attachments of one message.
pub(super) struct MessageUploads {
    pub(super) to: Alias,
    /// The key that the receiver is known by.
    pub(super) origin: PeerKey,
    pub(super) manifest: SealedManifest,
    /// When the message expires.
    pub(super) deadline: Instant,
    /// The key that the receiver has the message under, once the hub or the receiver has it.
    pub(super) receiver: Option<PeerKey>,
    /// The keys before.
    pub(super) earlier: Vec<PeerKey>,
    /// Whether a process of the receiver knows it from a repetition alone: one before may have saved what it says expired.
    pub(super) is_repeated: bool,
    pub(super) uploads: BTreeMap<u8, Upload>,
    pub(super) report: ProgressReport,
}

/// One attachment.
pub(super) struct Upload {
    pub(super) source: Arc<dyn Source>,
    pub(super) cipher: Arc<ChunkCipher>,
    pub(super) tags: Arc<[ChunkTag]>,
    /// Whether the hub was told of it on this connection.
    pub(super) is_offered: bool,
    /// Whether the hub has all of it, as it said on this connection.
    pub(super) is_kept: bool,
    /// The end that was told.
    pub(super) end: Option<Status>,
    /// The chunks that were asked for and are not sealed yet.
    pub(super) pulled: Range<u32>,
    /// Whether a job is at work on it.
    pub(super) is_busy: bool,
    /// The opened content and its next chunk, between two jobs.
    pub(super) content: Option<(Content, u32)>,
}

impl Upload {
    pub(super) fn new(prepared: PreparedAttachment) -> Self {
        let PreparedAttachment { source, cipher, tags } = prepared;
        Self {
            source,
            cipher,
            tags,
            is_offered: false,
            is_kept: false,
            end: None,
            pulled: 0..0,
            is_busy: false,
            content: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether it can be saved, for the first time or again.
    pub(super) fn can_be_saved(&self) -> bool {
        matches!(self.end, None | Some(Status::Saved))
    }

    /// Whether what is there now is not what was sent.
    pub(super) fn has_changed(&self) -> bool {
        self.end == Some(CHANGED)
    }

    /// Notes the end, if it is one: the first, or that what changed later had been saved before.
    pub(super) fn ends(&mut self, status: Status) -> bool {
        let is_end = !self.is_over() || self.has_changed() && status == Status::Saved;
        if is_end {
            self.end = Some(status);
        }
        is_end
    }

    pub(super) fn disconnected(&mut self) {
        // Opened again, it may be found changed or forbidden.
        (self.is_offered, self.is_kept, self.pulled, self.content) = (false, false, 0..0, None);
    }

    /// Whether the hub was told of it, and has to be given what it does not have yet.
    pub(super) fn is_coming(&self) -> bool {
        self.is_offered && !self.is_over() && !self.is_kept
    }
}

impl MessageUploads {
    pub(super) fn transfer(
        &self,
        message: MessageId,
        attachment: u8,
        from: PeerKey,
    ) -> Option<TransferId> {
        Some(TransferId { from, to: self.receiver?, message, attachment })
    }

    pub(super) fn is_over(&self) -> bool {
        self.uploads.values().all(Upload::is_over)
    }

    pub(super) fn can_be_saved(&self) -> bool {
        self.uploads.values().any(Upload::can_be_saved)
    }

    pub(super) fn disconnected(&mut self) {
        self.uploads.values_mut().for_each(Upload::disconnected);
        self.report.disconnected();
    }
}

/// The offer of an upload.
pub(super) fn offer(upload: &mut Upload, transfer: TransferId, left: Duration) -> ToHub {
    (upload.is_offered, upload.is_kept, upload.pulled) = (true, false, 0..0);
    let ttl_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    ToHub::Offer(Offer { transfer, chunks: upload.cipher.chunks(), ttl_ms })
}
