//! Attachments: offers, what is pulled of their senders, and what their receivers fetch.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{ConnectionId, PeerKey};
use junction_shared::protocol::limits::{MAX_ATTACHMENTS, MAX_CHUNKS, MAX_SEALED_CHUNK};
use junction_shared::protocol::wire::{
    AttachmentEnd, AttachmentReceipt, Chunk, ChunkRange, Offer, READS_ATTACHMENTS, ToBridge,
    TransferId,
};

use super::deadlines::Deadline;
use super::{Output, Requester, State};

/// Chunks in a row that nobody asked for, after which a connection is closed. As many can be on their way when a transfer
/// ends as all transfers of a pair have asked for.
const MAX_STRAY_CHUNKS: u32 = 64;

impl State {
    /// Takes in an offer, and asks its sender for chunks as far as there is room or its receiver waits for them.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the sender has no card, is not the connection's peer, or offers too much.
    pub(super) fn offer(
        &mut self,
        requester: Requester,
        offer: &Offer,
        now: Duration,
    ) -> Result<(), Close> {
        let Offer { transfer: id, chunks, ttl_ms } = *offer;
        let has_card = self.peers.get(&requester.key).is_some_and(|peer| peer.card.is_some());
        let is_numbered = (1..=MAX_ATTACHMENTS).contains(&usize::from(id.attachment));
        let is_sized = (1..=MAX_CHUNKS).contains(&chunks);
        if !has_card || id.from != requester.key || id.to == id.from || !is_numbered || !is_sized {
            return Err(Close::ProtocolError);
        }
        if !self.takes_mail(&id.to, now) {
            // Whoever sends to this receiver is told by other means that it is gone.
            return Ok(());
        }
        let ttl = Duration::from_millis(ttl_ms).min(self.timeouts.session_timeout);
        if !self.attachments.renew(&id, chunks) {
            for displaced in self.attachments.displaced_by(&id) {
                self.remove_transfer(&displaced);
            }
            self.attachments.add(id, chunks, now + ttl);
            self.deadlines.set(now + ttl, Deadline::Transfer(id));
        }
        self.admit_transfers(&id.to);
        self.pull_chunks(&id);
        self.tell_kept(&id);
        self.send_to_reader(&id.to, ToBridge::Offered(id));
        Ok(())
    }

    /// Takes back an offer of this connection's peer. A receiver that fetches it is told.
    pub(super) fn withdraw(&mut self, requester: Requester, id: &TransferId) {
        if id.from == requester.key {
            self.remove_transfer(id);
            self.send_to_reader(&id.to, ToBridge::Unavailable(*id));
        }
    }

    /// Takes in a chunk that was asked for.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if it is not this connection's peer's, or too large, or one of many that were not asked for.
    pub(super) fn chunk(&mut self, requester: Requester, chunk: Chunk) -> Result<(), Close> {
        let id = chunk.transfer;
        if id.from != requester.key || chunk.sealed.len() > MAX_SEALED_CHUNK {
            return Err(Close::ProtocolError);
        }
        let was_pulled = self.attachments.chunk(chunk);
        let connection =
            self.peers.get_mut(&requester.key).and_then(|peer| peer.connection.as_mut());
        if let Some(connection) = connection {
            connection.stray_chunks = if was_pulled { 0 } else { connection.stray_chunks + 1 };
            if connection.stray_chunks > MAX_STRAY_CHUNKS {
                return Err(Close::ProtocolError);
            }
        }
        if was_pulled {
            self.pull_chunks(&id);
            self.tell_kept(&id);
            self.announce_chunks(&id.to);
        }
        Ok(())
    }

    /// Notes which chunks a receiver wants. If nothing is known of the attachment, its sender is asked for its offer.
    pub(super) fn fetch(&mut self, requester: Requester, range: &ChunkRange, now: Duration) {
        let id = range.transfer;
        if id.to != requester.key {
            return;
        }
        if self.attachments.fetch(range) {
            self.pull_chunks(&id);
            self.announce_chunks(&id.to);
            return;
        }
        // One without a card may have just come: its card and its offers follow, and the receiver asks again.
        let is_known = self.peers.get(&id.from).is_some_and(|peer| peer.card.is_some());
        let may_come = self.in_restart_grace(now) || self.peers.contains_key(&id.from);
        let is_there = self.reads_attachments(&id.from);
        if is_there {
            self.send_to_reader(
                &id.from,
                ToBridge::Pull(ChunkRange { transfer: id, next: 0, until: 0 }),
            );
        } else if is_known || !may_come || self.tombstones.has_left(&id.from) {
            self.send_to_reader(&id.to, ToBridge::Unavailable(id));
        }
    }

    /// Forwards a receipt to the sender of an attachment. Room of what was saved can be used for others, and what has
    /// expired is removed.
    pub(super) fn attachment_receipt(&mut self, requester: Requester, receipt: AttachmentReceipt) {
        let id = receipt.transfer;
        if id.to != requester.key {
            return;
        }
        match receipt.kind {
            AttachmentEnd::Saved => {
                self.attachments.saved(&id);
                self.admit_transfers(&id.to);
            }
            AttachmentEnd::Expired => self.remove_transfer(&id),
        }
        self.send_to_reader(&id.from, ToBridge::AttachmentReceipt(receipt));
    }

    /// Returns the next chunk to push on a connection.
    pub(super) fn next_chunk(&mut self, id: ConnectionId) -> Option<ToBridge> {
        let key = *self.connections.get(&id)?;
        let chunk = self.attachments.next_chunk(&key)?;
        self.pull_chunks(&chunk.transfer);
        Some(ToBridge::Chunk(chunk))
    }

    /// Handles the deadline of a transfer.
    pub(super) fn transfer_due(&mut self, id: &TransferId) {
        let removed = self.attachments.remove(id);
        if removed.is_some_and(|removed| removed.was_fetched) {
            self.send_to_reader(&id.to, ToBridge::Unavailable(*id));
        }
        self.admit_all(&id.to);
    }

    /// Removes the transfers that nobody can finish once this peer is gone.
    pub(super) fn end_transfers(&mut self, key: &PeerKey) {
        for id in self.attachments.ended_with(key) {
            self.remove_transfer(&id);
        }
    }

    fn remove_transfer(&mut self, id: &TransferId) {
        let Some(removed) = self.attachments.remove(id) else { return };
        self.deadlines.clear(removed.expires_at, Deadline::Transfer(*id));
        if removed.was_fetched {
            self.send_to_reader(&id.to, ToBridge::Unavailable(*id));
        }
        self.admit_all(&id.to);
    }

    /// Gives room that has come free to those that wait for it.
    fn admit_all(&mut self, to: &PeerKey) {
        self.admit_transfers(to);
        for to in self.attachments.waiting_for_hub() {
            self.admit_transfers(&to);
        }
    }

    fn admit_transfers(&mut self, to: &PeerKey) {
        let (admitted, gone) = self.attachments.admit(to);
        for (id, expires_at) in gone {
            self.deadlines.clear(expires_at, Deadline::Transfer(id));
        }
        for id in admitted {
            self.pull_chunks(&id);
            self.tell_kept(&id);
        }
    }

    /// Tells the sender once all of its attachment is here: others of its offers get their turn, and it may leave.
    fn tell_kept(&mut self, id: &TransferId) {
        if self.attachments.take_kept(id) {
            self.send_to_reader(&id.from, ToBridge::Kept(*id));
        }
    }

    /// Asks the sender for chunks that are wanted, if it is there.
    fn pull_chunks(&mut self, id: &TransferId) {
        if self.connection_of(&id.from).is_some()
            && let Some(range) = self.attachments.pull(id)
        {
            self.send_to_reader(&id.from, ToBridge::Pull(range));
        }
    }

    fn announce_chunks(&mut self, to: &PeerKey) {
        if let Some(connection) = self.connection_of(to) {
            self.out.push(Output::MailReady(connection));
        }
    }

    /// Returns whether a peer is connected whose bridge knows attachments.
    fn reads_attachments(&self, key: &PeerKey) -> bool {
        let Some(peer) = self.peers.get(key).filter(|peer| peer.is_online()) else { return false };
        peer.has_feature(READS_ATTACHMENTS)
    }

    /// Sends a frame about attachments to a peer that is there and knows them. Another bridge could not read it.
    fn send_to_reader(&mut self, key: &PeerKey, frame: ToBridge) {
        if self.reads_attachments(key)
            && let Some(connection) = self.connection_of(key)
        {
            self.send(connection, frame);
        }
    }
}
