//! Uploads: the attachments of messages that this session sends, until each is saved or can be saved no more. A pure
//! machine: it says what to offer and what to read and seal next, and the session does it.
//!
//! ```text
//! add → (message accepted) → offered ⇄ pulled → saved, or expired: as the receiver says
//!                                             → refused(changed): what is read again is not what was sent. If the receiver
//!                                               had saved it before, a receipt that comes later says so
//!                                             → unconfirmed: nothing was heard in time
//! ```
//!
//! An upload that was saved stays until its message would have expired, so that its receiver can save it once more.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{CHUNK, PAIR_OFFERS, PAIR_TRANSFERS};
use junction_shared::protocol::wire::{AttachmentEnd, Chunk, ChunkRange, ToHub, TransferId};

use crate::Status;
use crate::attachment::PreparedAttachments;
use crate::upload_progress::UploadState;

mod repetitions;
mod seal_job;
mod upload;

pub use seal_job::{SealJob, SealedChunks};
use upload::{CHANGED, MessageUploads, Upload, offer};

/// Attachments that a session keeps track of. Beyond it, those go that were saved, and then no more are taken.
const MAX_UPLOADS: usize = 256;
/// Of those for one receiver, the ones that may wait to be saved: one that saves nothing does not keep others from theirs.
const MAX_OF_RECEIVER: usize = 64;
/// Sealed chunks that wait to be written before no more are sealed.
const MAX_READY: usize = 4;
/// Chunks that one job seals.
const JOB_CHUNKS: u32 = 4;
/// Jobs at a time. One that hangs, as on a network drive that is away, must not hold up the others.
const MAX_JOBS: usize = 4;

/// The end of an attachment.
pub(crate) struct EndedUpload {
    pub(crate) message: MessageId,
    pub(crate) number: u8,
    pub(crate) to: Alias,
    pub(crate) status: Status,
}

/// The attachments of all messages.
#[derive(Default)]
pub(crate) struct Uploads {
    /// In the order in which the messages were sent: their ids begin with the time.
    messages: BTreeMap<MessageId, MessageUploads>,
    /// The messages that repeat attachments for a later process of their receiver, and the first message of each.
    repeats: HashMap<MessageId, MessageId>,
    ready: VecDeque<Chunk>,
    frames: Vec<ToHub>,
    /// Counts the connections: what a job sealed for an earlier one is thrown away.
    connection: u64,
    jobs: usize,
    /// The upload that was worked on last: others come first.
    last: Option<(MessageId, u8)>,
    /// How long to wait for a receipt past the time of a message.
    grace: Duration,
    ended: Vec<EndedUpload>,
}

impl Uploads {
    /// Whether so many attachments more can be kept track of, for the receiver that is known by this key.
    pub(crate) fn has_room(&self, origin: &PeerKey, count: usize) -> bool {
        let open = || self.messages.values().filter(|message| !message.is_over());
        let all: usize = open().map(|message| message.uploads.len()).sum();
        let theirs = open().filter(|message| message.origin == *origin);
        let theirs: usize = theirs.map(|message| message.uploads.len()).sum();
        theirs + count <= MAX_OF_RECEIVER && all + count <= MAX_UPLOADS
    }

    /// Takes the attachments of a message that was submitted.
    pub(crate) fn add(
        &mut self,
        id: MessageId,
        to: Alias,
        origin: PeerKey,
        deadline: Instant,
        prepared: PreparedAttachments,
    ) {
        self.make_room(prepared.attachments.len());
        let uploads = (1..).zip(prepared.attachments.into_iter().map(Upload::new)).collect();
        let PreparedAttachments { manifest, report, .. } = prepared;
        let message = MessageUploads {
            to,
            origin,
            manifest,
            deadline,
            receiver: None,
            earlier: Vec::new(),
            is_repeated: false,
            uploads,
            report,
        };
        self.messages.insert(id, message);
    }

    /// Forgets what was saved, as far as others need the room.
    fn make_room(&mut self, count: usize) {
        while self.messages.values().map(|message| message.uploads.len()).sum::<usize>() + count
            > MAX_UPLOADS
        {
            let Some(over) = self.messages.iter().find(|(_, m)| m.is_over()) else { return };
            let id = *over.0;
            self.messages.remove(&id);
        }
    }

    /// Sets how long to wait for a receipt past the time of a message.
    pub(crate) fn set_grace(&mut self, grace: Duration) {
        self.grace = grace;
    }

    /// The hub or the receiver has the message, sealed to this key: its attachments can be offered there.
    pub(crate) fn arrived(&mut self, id: MessageId, at: PeerKey) {
        let first = self.repeats.get(&id).copied();
        let id = first.unwrap_or(id);
        let Some(message) = self.messages.get_mut(&id).filter(|m| m.receiver != Some(at)) else {
            return;
        };
        message.is_repeated |= first.is_some();
        message.earlier.extend(message.receiver.replace(at));
        message.disconnected();
        self.ready.retain(|chunk| chunk.transfer.message != id);
    }

    /// A message ended. One that was not delivered has no use for its attachments. That it was refused says enough.
    pub(crate) fn message_ended(&mut self, id: MessageId, status: Status) {
        self.repeats.remove(&id);
        match status {
            Status::Refused(_) => drop(self.messages.remove(&id)),
            Status::Expired => self.end_message(id, status),
            _ => {}
        }
    }

    /// The connection is over.
    pub(crate) fn disconnected(&mut self) {
        self.connection += 1;
        self.ready.clear();
        self.frames.clear();
        self.messages.values_mut().for_each(MessageUploads::disconnected);
    }

    /// What to tell the hub: offers that are due, and offers taken back. For one receiver, at most [`PAIR_TRANSFERS`] are
    /// open that the hub does not have whole, and at most [`PAIR_OFFERS`] in all.
    pub(crate) fn take_frames(&mut self, me: PeerKey, now: Instant) -> Vec<ToHub> {
        let mut offered: HashMap<PeerKey, (usize, usize)> = HashMap::new();
        for message in self.messages.values() {
            if let Some(receiver) = message.receiver {
                let open = || message.uploads.values().filter(|it| it.is_offered && !it.is_over());
                let (coming, all) = offered.entry(receiver).or_default();
                *coming += open().filter(|it| it.is_coming()).count();
                *all += open().count();
            }
        }
        for (id, message) in &mut self.messages {
            let Some(to) = message.receiver else { continue };
            let (coming, all) = offered.entry(to).or_default();
            let left = message.deadline.saturating_duration_since(now);
            for (number, upload) in &mut message.uploads {
                let has_room = *coming < PAIR_TRANSFERS && *all < PAIR_OFFERS;
                if upload.is_offered || upload.is_over() || !has_room {
                    continue;
                }
                (*coming, *all) = (*coming + 1, *all + 1);
                let transfer = TransferId { from: me, to, message: *id, attachment: *number };
                self.frames.push(offer(upload, transfer, left));
            }
        }
        std::mem::take(&mut self.frames)
    }

    /// The hub wants chunks. A range that begins where the one before ended continues it.
    pub(crate) fn pulled(&mut self, range: &ChunkRange, now: Instant) {
        let ChunkRange { transfer, next, until } = *range;
        let message = self.messages.get_mut(&transfer.message);
        let message = message.filter(|message| message.receiver == Some(transfer.to));
        if let Some(message) = message.as_ref().filter(|_| next >= until) {
            // The hub has nothing of it any more.
            message.report.reached(transfer.attachment, UploadState::Coming);
        }
        let left = message.as_ref().map(|message| message.deadline.saturating_duration_since(now));
        let upload = message.and_then(|message| message.uploads.get_mut(&transfer.attachment));
        let upload = upload.filter(|upload| !upload.has_changed());
        let (Some(upload), Some(left)) = (upload, left) else {
            return self.frames.push(ToHub::Withdraw(transfer));
        };
        if next >= until {
            // The receiver asks for it out of its turn, or once more.
            return self.frames.push(offer(upload, transfer, left));
        }
        let until = until.min(upload.cipher.chunks());
        if upload.pulled.end == next {
            upload.pulled.end = until.max(next);
        } else {
            upload.pulled = next..until.max(next);
            self.ready.retain(|chunk| chunk.transfer != transfer);
        }
    }

    /// The next thing to read and seal, if there is room for what comes of it. Uploads take turns.
    pub(crate) fn next_job(&mut self, me: PeerKey) -> Option<SealJob> {
        if self.jobs >= MAX_JOBS || self.ready.len() >= MAX_READY {
            return None;
        }
        let waits = |upload: &Upload| !upload.pulled.is_empty() && !upload.is_busy;
        let all = self.messages.iter().flat_map(|(id, message)| {
            message
                .uploads
                .iter()
                .filter(|(_, upload)| waits(upload))
                .map(|(number, _)| (*id, *number))
        });
        let all: Vec<_> = all.collect();
        let after = all.iter().find(|at| self.last.is_none_or(|last| **at > last));
        let (id, number) = *after.or(all.first())?;
        self.last = Some((id, number));
        let message = self.messages.get_mut(&id)?;
        let transfer = message.transfer(id, number, me)?;
        let upload = message.uploads.get_mut(&number)?;
        let next = upload.pulled.start;
        let until = upload.pulled.end.min(next + JOB_CHUNKS);
        upload.pulled.start = until;
        upload.is_busy = true;
        self.jobs += 1;
        Some(SealJob {
            transfer,
            connection: self.connection,
            source: Arc::clone(&upload.source),
            cipher: Arc::clone(&upload.cipher),
            tags: Arc::clone(&upload.tags),
            content: upload.content.take(),
            chunks: next..until,
        })
    }

    /// Takes in what a job has sealed.
    pub(crate) fn sealed(&mut self, done: SealedChunks) {
        let SealedChunks { transfer, connection, first, chunks, content } = done;
        self.jobs = self.jobs.saturating_sub(1);
        let message = self.messages.get_mut(&transfer.message);
        let upload = message.and_then(|message| message.uploads.get_mut(&transfer.attachment));
        let Some(upload) = upload else { return };
        upload.is_busy = false;
        let Ok(content) = content else {
            upload.pulled = 0..0;
            self.end(transfer.message, transfer.attachment, CHANGED);
            self.frames.push(ToHub::Withdraw(transfer));
            return;
        };
        let is_current = connection == self.connection;
        let end = first + u32::try_from(chunks.len()).unwrap_or_default();
        // Another range was asked for meanwhile.
        let is_wanted = upload.pulled.start == end;
        if is_current && is_wanted {
            let numbered = (first..).zip(chunks);
            let chunk = |(number, sealed)| Chunk { transfer, number, sealed };
            self.ready.extend(numbered.map(chunk));
        }
        let is_next = is_current && end < upload.cipher.chunks();
        upload.content = is_next.then_some((content, end));
    }

    /// The next sealed chunk for the hub.
    pub(crate) fn next_chunk(&mut self) -> Option<Chunk> {
        let chunk = self.ready.pop_front()?;
        if let Some(message) = self.messages.get(&chunk.transfer.message) {
            let given = (u64::from(chunk.number) + 1) * CHUNK as u64;
            message.report.given(chunk.transfer.attachment, given);
        }
        Some(chunk)
    }

    /// The hub has all of an attachment.
    pub(crate) fn kept(&mut self, transfer: &TransferId) {
        let message = self.messages.get_mut(&transfer.message);
        let message = message.filter(|message| message.receiver == Some(transfer.to));
        let Some(message) = message else { return };
        let upload = message.uploads.get_mut(&transfer.attachment);
        if let Some(upload) = upload.filter(|upload| upload.is_offered) {
            upload.is_kept = true;
            message.report.reached(transfer.attachment, UploadState::Kept);
        }
    }

    /// Whether [`Uploads::next_chunk`] has one.
    pub(crate) fn has_chunk(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether a receipt can be about one of these attachments.
    pub(crate) fn knows(&self, transfer: &TransferId) -> bool {
        self.messages.get(&transfer.message).is_some_and(|message| {
            let keys = message.earlier.iter().chain(&message.receiver);
            message.uploads.contains_key(&transfer.attachment)
                && keys.into_iter().any(|key| *key == transfer.to)
        })
    }

    /// The receiver of an attachment says what became of it.
    pub(crate) fn receipt(&mut self, transfer: &TransferId, kind: AttachmentEnd) {
        let message = self.messages.get(&transfer.message);
        let status = match kind {
            AttachmentEnd::Saved => Status::Saved,
            AttachmentEnd::Expired if message.is_some_and(|it| it.is_repeated) => {
                Status::Unconfirmed
            }
            AttachmentEnd::Expired => Status::Expired,
        };
        self.end(transfer.message, transfer.attachment, status);
    }

    fn end(&mut self, id: MessageId, number: u8, status: Status) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        if !message.uploads.get_mut(&number).is_some_and(|upload| upload.ends(status)) {
            return;
        }
        message.report.reached(number, UploadState::Ended(status));
        let to = message.to.clone();
        self.ended.push(EndedUpload { message: id, number, to, status });
    }

    fn end_message(&mut self, id: MessageId, status: Status) {
        let numbers = self.messages.get(&id).map(|message| message.uploads.keys().copied());
        for number in numbers.into_iter().flatten().collect::<Vec<_>>() {
            self.end(id, number, status);
        }
        self.messages.remove(&id);
    }

    /// Ends what has outlived its time without a word of its receiver.
    pub(crate) fn expire(&mut self, now: Instant) {
        let grace = self.grace;
        let over = |message: &MessageUploads| message.deadline + grace <= now;
        let over: Vec<_> =
            self.messages.iter().filter(|(_, m)| over(m)).map(|(id, _)| *id).collect();
        for id in over {
            self.end_message(id, Status::Unconfirmed);
        }
    }

    /// When [`Uploads::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.messages.values().map(|message| message.deadline + self.grace).min()
    }

    /// The session ends, and with it all uploads.
    pub(crate) fn abandon(&mut self) {
        for id in self.messages.keys().copied().collect::<Vec<_>>() {
            self.end_message(id, Status::Unconfirmed);
        }
        self.repeats.clear();
    }

    /// Ends since the last call.
    pub(crate) fn take_ended(&mut self) -> Vec<EndedUpload> {
        std::mem::take(&mut self.ended)
    }
}

#[cfg(test)]
mod tests;
