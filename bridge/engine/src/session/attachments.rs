//! What a session does about attachments: it offers and seals what it sends, and fetches what its agent wants to save.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{
    AttachmentEnd, AttachmentReceipt, Header, READS_ATTACHMENTS, ReceiptKind, ToBridge, ToHub,
    TransferId,
};
use junction_shared::secret::Secret;

use super::Session;
use super::misbehaviour::PeerFault;
use crate::attachment::PreparedAttachments;
use crate::clock::wall_ms;
use crate::command::DownloadStep;
use crate::error::{AttachmentsRefused, Error};
use crate::mailbox::{Arrival, ReceiptDue};
use crate::outbox::{OutboxMessage, SendingCall};
use crate::seal::{
    Plain, ReceiptKey, SealedManifest, attachment_receipt, attachment_receipt_holds, pair_psk,
};
use crate::uploads::{SealJob, SealedChunks};
use crate::{Draft, Outcome};

impl Session {
    /// Does what attachments need now: offers, receipts, chunks to fetch, and jobs that seal chunks.
    pub(super) fn carry_attachments(&mut self, now: Instant) {
        let me = self.membership.key();
        if self.outgoing.takes_attachments() {
            let frames = self.outgoing.uploads.take_frames(me, now);
            self.outgoing.post_all(frames);
            let ranges = self.delivery.downloads.take_ranges();
            self.outgoing.post_all(ranges.into_iter().map(ToHub::Fetch));
            for (transfer, kind) in self.delivery.downloads.take_receipts() {
                self.post_attachment_receipt(transfer, kind);
            }
        }
    }

    /// The next chunks to read and seal. They may take long, so the caller does it elsewhere and gives what came of it to
    /// [`Session::chunks_sealed`].
    pub fn next_seal_job(&mut self) -> Option<SealJob> {
        self.outgoing.uploads.next_job(self.membership.key())
    }

    /// Takes in what came of a job.
    pub fn chunks_sealed(&mut self, sealed: SealedChunks, now: Instant) {
        self.outgoing.uploads.sealed(sealed);
        self.report_attachment_ends();
        self.carry_attachments(now);
    }

    /// Whether [`Session::next_chunk`] has a frame.
    pub fn has_chunk(&self) -> bool {
        self.outgoing.has_chunk()
    }

    /// The next frame with a chunk of an attachment, for a connection that has nothing else to write: messages are never
    /// behind attachments.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        self.outgoing.next_chunk()
    }

    /// Takes in a frame about attachments.
    pub(super) fn attachment_frame(&mut self, frame: ToBridge, now: Instant) {
        match frame {
            ToBridge::Offered(transfer) => self.delivery.downloads.offered(&transfer),
            ToBridge::Pull(range) => self.outgoing.uploads.pulled(&range, now),
            ToBridge::Chunk(chunk) => self.delivery.downloads.chunk(chunk, now),
            ToBridge::Unavailable(transfer) => {
                self.delivery.downloads.unavailable(&transfer, now);
            }
            ToBridge::AttachmentReceipt(receipt) => self.attachment_ended(&receipt),
            ToBridge::Kept(transfer) => self.outgoing.uploads.kept(&transfer),
            _ => {}
        }
    }

    /// Carries out a step of a call that saves an attachment.
    pub(super) fn download(&mut self, step: DownloadStep, now: Instant) {
        let downloads = &mut self.delivery.downloads;
        match step {
            DownloadStep::Begin(message, number, reply) => {
                let begun = downloads.begin((message, number), now);
                if let Err(Ok(begun)) = reply.send(begun.map_err(Error::Attachment)) {
                    downloads.ended(begun.id, false, now);
                }
            }
            DownloadStep::Taken(id, count) => downloads.taken(id, count),
            DownloadStep::Commit(id, reply) => _ = reply.send(downloads.commit(id)),
            DownloadStep::End(id, is_saved) => downloads.ended(id, is_saved, now),
        }
    }

    // ---- what this session sends

    /// Checks that the attachments of a message can be sent to this peer.
    pub(super) fn check_attachments(&self, draft: &Draft, to: &PeerKey) -> Result<(), Error> {
        let Some(attachments) = &draft.attachments else { return Ok(()) };
        if self.outgoing.hub_takes_attachments() == Some(false) {
            return Err(Error::NoAttachments(AttachmentsRefused::Hub));
        }
        if self.directory.features(to) & READS_ATTACHMENTS == 0 {
            let peer = AttachmentsRefused::Peer(draft.target.clone());
            return Err(Error::NoAttachments(peer));
        }
        if !self.outgoing.uploads.has_room(to, attachments.attachments.len()) {
            return Err(Error::TooManyAttachments);
        }
        Ok(())
    }

    /// Keeps the attachments of a message that was submitted, until they are saved.
    pub(super) fn keep_attachments(
        &mut self,
        id: MessageId,
        to: PeerKey,
        draft: (Alias, Option<PreparedAttachments>),
        deadline: Instant,
    ) {
        if let (alias, Some(attachments)) = draft {
            let origin = self.directory.origin_of_receiver(&to);
            self.outgoing.uploads.add(id, alias, origin, deadline, attachments);
        }
    }

    /// The hub or the receiver has a message: its attachments can be offered.
    pub(super) fn message_arrived(&mut self, id: MessageId) {
        if let Some(to) = self.outgoing.outbox.sealed_to(id) {
            self.outgoing.requests.arrived(id, to);
            self.outgoing.uploads.arrived(id, to);
        }
    }

    /// The receiver of an attachment says what became of it. Only its true receiver can have said so.
    fn attachment_ended(&mut self, receipt: &AttachmentReceipt) {
        let transfer = &receipt.transfer;
        let is_known =
            transfer.from == self.membership.key() && self.outgoing.uploads.knows(transfer);
        if !is_known {
            return;
        }
        let psk = self.psk_with(&transfer.to);
        if !psk.is_some_and(|psk| attachment_receipt_holds(&psk, receipt)) {
            return PeerFault::ForgedReceipt.log();
        }
        self.outgoing.uploads.receipt(transfer, receipt.kind);
    }

    /// Moves the ends of attachments to where reads find them.
    pub(super) fn report_attachment_ends(&mut self) {
        for ended in self.outgoing.uploads.take_ended() {
            self.delivery.ended(Outcome {
                id: ended.message,
                attachment: Some(ended.number),
                to: ended.to,
                status: ended.status,
                hindrance: None,
                group: None,
                at_ms: wall_ms(),
            });
        }
    }

    /// A session came back under another key. What it has read names attachments that its new process knows nothing of: they
    /// are repeated for it, in a message that no agent is shown.
    pub(super) fn repeat_attachments(&mut self, origin: PeerKey, key: PeerKey) {
        if self.directory.features(&key) & READS_ATTACHMENTS == 0 {
            return;
        }
        let outbox = &self.outgoing.outbox;
        let messages = self.outgoing.uploads.to_repeat(&origin, &key, |id| outbox.has(id));
        for message in messages {
            let id = MessageId(*uuid::Uuid::now_v7().as_bytes());
            let repetition = self.outgoing.uploads.repetition(message, id);
            let Some((alias, manifest, deadline)) = repetition else { continue };
            let plain = Plain { attachments: Some(manifest), ..Plain::default() };
            let calls = SendingCall::nobodys();
            let (repeat, _) = OutboxMessage::new(id, alias, plain, deadline, calls);
            if self.outgoing.outbox.submit(self.directory.destination(key), repeat).is_err() {
                self.outgoing.uploads.message_ended(id, crate::Status::Unconfirmed);
            }
        }
    }

    /// A message has ended. If its receiver has come back under another key meanwhile, what was attached is repeated there: an
    /// earlier process may have read the message.
    pub(super) fn repeat_attachments_of(&mut self, id: MessageId) {
        if let Some(origin) = self.outgoing.uploads.origin(id) {
            self.repeat_attachments(origin, self.directory.newest_key(&origin));
        }
    }

    // ---- what this session receives

    /// Takes in the attachments of a message that was opened.
    pub(super) fn receive_attachments(
        &mut self,
        id: MessageId,
        sender: (PeerKey, Alias),
        sealed: SealedManifest,
        deadline: Instant,
    ) {
        let me = self.membership.key();
        self.delivery.downloads.add(id, sender, me, sealed, deadline);
    }

    /// A message came that only repeats attachments. It is read as soon as they are taken in.
    pub(super) fn repetition(
        &mut self,
        header: &Header,
        first: MessageId,
        (sealed, alias): (SealedManifest, Alias),
        receipt_key: &ReceiptKey,
        deadline: Instant,
        now: Instant,
    ) {
        let (id, from) = (header.id, header.from);
        if self.delivery.mailbox.arrive(from, header.seq, id) == Arrival::New {
            self.delivery.mailbox.mark_read(from, header.seq);
            self.receive_attachments(first, (from, alias), sealed, deadline);
        }
        let due = ReceiptDue { id, to: from, receipt_key: receipt_key.clone() };
        self.send_final_receipts(vec![due], ReceiptKind::Read, now);
    }

    fn post_attachment_receipt(&mut self, transfer: TransferId, kind: AttachmentEnd) {
        if let Some(psk) = self.psk_with(&transfer.from) {
            let receipt = attachment_receipt(&psk, transfer, kind);
            self.outgoing.post(ToHub::AttachmentReceipt(receipt));
        }
    }

    /// The secret that this session shares with another.
    fn psk_with(&self, other: &PeerKey) -> Option<Arc<Secret>> {
        let known = self.directory.get(other).map(|peer| Arc::clone(&peer.psk));
        known.or_else(|| {
            let (group, me) = self.membership.keys()?;
            pair_psk(group, me, other).map(Arc::new)
        })
    }
}
