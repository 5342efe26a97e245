//! Downloads: the attachments of messages that this session has opened, until their message's time is over. A pure machine.
//!
//! ```text
//! add → begin (a call wants it) → fetched in chunks → committing → saved
//!          └ queued behind others of that sender         └ given up: it can begin again
//! ```
//!
//! Whoever saves an attachment asks before the last step ([`Downloads::commit`]): from then on it does not expire. So what
//! the sender is told as expired was never saved, and cannot be any more.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{CHUNK_WINDOW, INBOX_MESSAGES, PAIR_TRANSFERS};
use junction_shared::protocol::wire::{AttachmentEnd, Chunk, ChunkRange, TransferId};
use tokio::sync::mpsc;

use crate::attachment::{AttachmentInfo, infos_of};
use crate::error::AttachmentError;
use crate::receive_keys::AFTERLIFE;
use crate::seal::{ChunkCipher, SealedManifest, chunk_count};

mod download;

use download::{Download, PATIENCE, REPEAT};

/// Messages with attachments that are kept. Beyond it the oldest expires.
const MAX_MESSAGES: usize = INBOX_MESSAGES;
/// Downloads at a time.
const MAX_DOWNLOADS: usize = 16;

/// The number of one download.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DownloadId(u64);

/// The attachments of one message.
struct ReceivedMessage {
    from: PeerKey,
    /// The key of this session that the sender knows.
    to: PeerKey,
    sender: Alias,
    deadline: Instant,
    /// The manifest and the file key, until the message's time is over.
    sealed: Option<SealedManifest>,
    infos: Vec<AttachmentInfo>,
    /// The attachments that were saved at least once, a bit each.
    saved: u8,
}

/// The attachments that can be saved, and those that are being saved.
#[derive(Default)]
pub(crate) struct Downloads {
    messages: HashMap<MessageId, ReceivedMessage>,
    downloads: BTreeMap<DownloadId, Download>,
    last: u64,
    /// What to tell the hub.
    ranges: Vec<ChunkRange>,
    receipts: Vec<(TransferId, AttachmentEnd)>,
}

/// What a saving thread works with.
pub(crate) struct BegunDownload {
    pub(crate) id: DownloadId,
    pub(crate) info: AttachmentInfo,
    pub(crate) sender: Alias,
    pub(crate) cipher: ChunkCipher,
    pub(crate) chunks: mpsc::Receiver<Bytes>,
    pub(crate) end: Arc<OnceLock<AttachmentError>>,
}

impl ReceivedMessage {
    fn transfer(&self, message: MessageId, attachment: u8) -> TransferId {
        TransferId { from: self.from, to: self.to, message, attachment }
    }

    /// What the sender is to know of an attachment, if it has ended.
    fn end_of(&self, number: u8) -> Option<AttachmentEnd> {
        match (self.saved & bit(number) != 0, &self.sealed) {
            (true, _) => Some(AttachmentEnd::Saved),
            (false, None) => Some(AttachmentEnd::Expired),
            (false, Some(_)) => None,
        }
    }
}

impl Downloads {
    /// The downloads of the session that comes after this one in its process: none. Threads that save for this one may go
    /// on, and none of the later downloads has their numbers.
    pub(crate) fn successor(&self) -> Self {
        Self { last: self.last, ..Self::default() }
    }

    /// Takes in the attachments of a message. Those that are known already stay as they are.
    pub(crate) fn add(
        &mut self,
        id: MessageId,
        (from, sender): (PeerKey, Alias),
        to: PeerKey,
        sealed: SealedManifest,
        deadline: Instant,
    ) {
        let Some(infos) = infos_of(&sealed.manifest) else { return };
        if self.messages.contains_key(&id) {
            return;
        }
        if self.messages.len() >= MAX_MESSAGES {
            let first = self.messages.iter().min_by_key(|(_, message)| message.deadline);
            let first = first.map(|(id, _)| *id);
            if let Some(first) = first {
                self.expire_message(first);
                self.messages.remove(&first);
            }
        }
        let sealed = Some(sealed);
        let message = ReceivedMessage { from, to, sender, deadline, sealed, infos, saved: 0 };
        self.messages.insert(id, message);
    }

    /// Whether a message of this id has attachments.
    pub(crate) fn knows(&self, id: MessageId) -> bool {
        self.messages.contains_key(&id)
    }

    /// Begins to fetch an attachment.
    ///
    /// # Errors
    /// [`AttachmentError`] if there is no such attachment, or too many are being fetched.
    pub(crate) fn begin(
        &mut self,
        (id, number): (MessageId, u8),
        now: Instant,
    ) -> Result<BegunDownload, AttachmentError> {
        let message = self.messages.get(&id).ok_or(AttachmentError::UnknownMessage)?;
        let info = message.infos.get(usize::from(number).wrapping_sub(1));
        let info = info.ok_or(AttachmentError::UnknownNumber(message.infos.len()))?.clone();
        let sealed = message.sealed.as_ref().ok_or(AttachmentError::Expired)?;
        self.downloads.retain(|_, download| !download.chunks.is_closed() || download.is_committing);
        if self.downloads.len() >= MAX_DOWNLOADS {
            return Err(AttachmentError::TooMany);
        }
        self.last += 1;
        let download_id = DownloadId(self.last);
        let (chunks, taken) = mpsc::channel(CHUNK_WINDOW as usize);
        let end = Arc::new(OnceLock::new());
        let download = Download {
            message: id,
            number,
            transfer: message.transfer(id, number),
            chunks,
            end: Arc::clone(&end),
            next: 0,
            until: CHUNK_WINDOW,
            total: chunk_count(info.bytes),
            is_active: false,
            is_committing: false,
            stalls_at: now + PATIENCE,
            repeats_at: now + REPEAT,
        };
        let cipher = ChunkCipher::new(&sealed.key, &sealed.manifest, number, info.bytes);
        let sender = message.sender.clone();
        self.downloads.insert(download_id, download);
        self.activate(now);
        Ok(BegunDownload { id: download_id, info, sender, cipher, chunks: taken, end })
    }

    /// Asks for the downloads whose turn it is: at most [`PAIR_TRANSFERS`] of one sender at a time, and an attachment that
    /// two calls save for one after the other.
    fn activate(&mut self, now: Instant) {
        let mut active: HashMap<PeerKey, Vec<TransferId>> = HashMap::new();
        for download in self.downloads.values().filter(|download| download.is_fetching()) {
            active.entry(download.transfer.from).or_default().push(download.transfer);
        }
        for download in self.downloads.values_mut().filter(|download| !download.is_active) {
            let active = active.entry(download.transfer.from).or_default();
            if active.len() < PAIR_TRANSFERS && !active.contains(&download.transfer) {
                active.push(download.transfer);
                download.is_active = true;
                download.waits_from(now);
                self.ranges.extend(download.range());
            }
        }
    }

    /// Takes in a chunk. One that nobody waits for is dropped.
    pub(crate) fn chunk(&mut self, chunk: Chunk, now: Instant) {
        let waits = |download: &&mut Download| {
            download.transfer == chunk.transfer && download.is_fetching()
        };
        let Some(download) = self.downloads.values_mut().find(waits) else { return };
        if download.next != chunk.number {
            return;
        }
        if download.chunks.try_send(chunk.sealed).is_err() {
            // The call was given up. There is room for whatever is asked for.
            let transfer = chunk.transfer;
            self.ranges.push(ChunkRange { transfer, next: 0, until: 0 });
            self.downloads.retain(|_, download| !download.chunks.is_closed());
            return self.activate(now);
        }
        download.next += 1;
        download.waits_from(now);
        if !download.is_fetching() {
            self.activate(now);
        }
    }

    /// The saving thread has room for so many chunks more.
    pub(crate) fn taken(&mut self, id: DownloadId, count: u32) {
        let Some(download) = self.downloads.get_mut(&id) else { return };
        let (next, until) = (download.until, download.until + count);
        download.until = until;
        if download.is_active && next < download.total {
            let until = until.min(download.total);
            self.ranges.push(ChunkRange { transfer: download.transfer, next, until });
        }
    }

    /// The saving thread has the whole attachment and is about to put it in its place. From now on it does not expire.
    ///
    /// # Errors
    /// [`AttachmentError`] if its time is over.
    pub(crate) fn commit(&mut self, id: DownloadId) -> Result<(), AttachmentError> {
        let download = self.downloads.get_mut(&id).ok_or(AttachmentError::Expired)?;
        download.is_committing = true;
        Ok(())
    }

    /// The saving thread has put the attachment in its place, or given up.
    pub(crate) fn ended(&mut self, id: DownloadId, is_saved: bool, now: Instant) {
        let Some(download) = self.downloads.remove(&id) else { return };
        if download.is_fetching() {
            self.ranges.push(ChunkRange { transfer: download.transfer, next: 0, until: 0 });
        }
        if let Some(message) = self.messages.get_mut(&download.message) {
            message.saved |= if is_saved { bit(download.number) } else { 0 };
            let end = message.end_of(download.number);
            self.receipts.extend(end.map(|end| (download.transfer, end)));
        } else if is_saved {
            self.receipts.push((download.transfer, AttachmentEnd::Saved));
        }
        self.activate(now);
    }

    /// The sender of an attachment offers it.
    pub(crate) fn offered(&mut self, transfer: &TransferId) {
        let waits = |download: &&Download| download.transfer == *transfer && download.is_fetching();
        if let Some(download) = self.downloads.values().find(waits) {
            self.ranges.extend(download.range());
            return;
        }
        let message = self.messages.get(&transfer.message);
        let message = message.filter(|message| message.from == transfer.from);
        let end = message.and_then(|message| message.end_of(transfer.attachment));
        let is_committing = |download: &Download| download.transfer == *transfer;
        if let Some(end) = end.filter(|_| !self.downloads.values().any(is_committing)) {
            self.receipts.push((*transfer, end));
        }
    }

    /// Nobody can give an attachment.
    pub(crate) fn unavailable(&mut self, transfer: &TransferId, now: Instant) {
        let is_it = |download: &Download| download.transfer == *transfer && download.is_fetching();
        self.fail(is_it, AttachmentError::Unavailable);
        self.activate(now);
    }

    /// A connection begins: what is being fetched is asked for again.
    pub(crate) fn connected(&mut self, now: Instant) {
        for download in self.downloads.values_mut().filter(|download| download.is_active) {
            download.waits_from(now);
            self.ranges.extend(download.range());
        }
        // What the senders were told may have been lost with the connection before.
        for id in self.messages.keys().copied().collect::<Vec<_>>() {
            self.tell_ends(id);
        }
    }

    /// Drops what has outlived its time, asks again for what does not come, and gives up downloads that stall.
    pub(crate) fn expire(&mut self, now: Instant) {
        let stalls = |it: &Download| it.is_fetching() && it.stalls_at <= now;
        let stalled = self.downloads.values().filter(|it| stalls(it)).map(|it| it.transfer);
        self.ranges.extend(stalled.map(|transfer| ChunkRange { transfer, next: 0, until: 0 }));
        self.fail(stalls, AttachmentError::Stalled);
        let waits = |it: &&mut Download| it.is_fetching() && it.repeats_at <= now;
        for download in self.downloads.values_mut().filter(waits) {
            download.repeats_at = now + REPEAT;
            self.ranges.extend(download.range());
        }
        self.messages.retain(|_, message| now < message.deadline + AFTERLIFE);
        let over = |message: &ReceivedMessage| message.deadline <= now && message.sealed.is_some();
        let over = self.messages.iter().filter(|(_, message)| over(message));
        for id in over.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.expire_message(id);
        }
        self.activate(now);
    }

    /// The session leaves for good: nothing more can be saved.
    pub(crate) fn leave(&mut self) {
        for id in self.messages.keys().copied().collect::<Vec<_>>() {
            self.expire_message(id);
        }
    }

    /// Wipes the key of a message's attachments, and tells its sender of those that were never saved.
    fn expire_message(&mut self, id: MessageId) {
        let is_it = |download: &Download| download.message == id && !download.is_committing;
        self.fail(is_it, AttachmentError::Expired);
        let Some(message) = self.messages.get_mut(&id) else { return };
        if message.sealed.take().is_some() {
            self.tell_ends(id);
        }
    }

    /// Tells the sender of a message which of its attachments have ended.
    fn tell_ends(&mut self, id: MessageId) {
        let Some(message) = self.messages.get(&id) else { return };
        let transfers = message.infos.iter().map(|info| message.transfer(id, info.number));
        let committing = |transfer: &TransferId| {
            self.downloads.values().any(|it| it.transfer == *transfer && it.is_committing)
        };
        let ends = transfers
            .filter(|transfer| !committing(transfer))
            .filter_map(|transfer| Some((transfer, message.end_of(transfer.attachment)?)));
        self.receipts.extend(ends);
    }

    /// When [`Downloads::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let messages = self.messages.values().map(|message| {
            if message.sealed.is_some() { message.deadline } else { message.deadline + AFTERLIFE }
        });
        let waiting = self.downloads.values().filter(|it| it.is_fetching());
        messages.chain(waiting.map(|it| it.stalls_at.min(it.repeats_at))).min()
    }

    /// What to ask of the hub since the last call.
    pub(crate) fn take_ranges(&mut self) -> Vec<ChunkRange> {
        std::mem::take(&mut self.ranges)
    }

    /// What to tell the senders of attachments since the last call.
    pub(crate) fn take_receipts(&mut self) -> Vec<(TransferId, AttachmentEnd)> {
        std::mem::take(&mut self.receipts)
    }

    fn fail(&mut self, which: impl Fn(&Download) -> bool, why: AttachmentError) {
        let failed: Vec<_> =
            self.downloads.iter().filter(|(_, it)| which(it)).map(|(id, _)| *id).collect();
        for id in failed {
            self.downloads.remove(&id).into_iter().for_each(|download| download.fail(why));
        }
    }
}

/// The bit of an attachment's number.
fn bit(number: u8) -> u8 {
    1_u8.checked_shl(u32::from(number.saturating_sub(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests;
