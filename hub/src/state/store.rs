//! All mail a hub keeps.

use std::collections::HashMap;
use std::time::Duration;

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::HUB_BYTES;

use super::inbox::{Inbox, Offset, StoredEnvelope};

/// The inboxes that are not empty, by receiver.
#[derive(Default)]
pub(super) struct Store {
    inboxes: HashMap<PeerKey, Inbox>,
    /// The number of envelopes of each sender in all inboxes.
    per_sender: HashMap<PeerKey, usize>,
    bytes: usize,
    last: Offset,
}

impl Store {
    /// Returns the envelope with this id from this sender, and its offset.
    pub(super) fn find(
        &self,
        to: &PeerKey,
        from: PeerKey,
        id: MessageId,
    ) -> Option<(Offset, &StoredEnvelope)> {
        let inbox = self.inboxes.get(to)?;
        let offset = inbox.offset_of(from, id)?;
        Some((offset, inbox.at(offset)?))
    }

    /// Returns the receiver's first envelope at or after an offset.
    pub(super) fn from(&self, to: &PeerKey, cursor: Offset) -> Option<(Offset, &StoredEnvelope)> {
        self.inboxes.get(to)?.from(cursor)
    }

    /// Returns the offsets of all mail from a sender to a receiver, and when it expires.
    pub(super) fn all_from(&self, to: &PeerKey, from: PeerKey) -> Vec<(Offset, Duration)> {
        let inbox = self.inboxes.get(to);
        inbox.map(|inbox| inbox.all_from(from).collect()).unwrap_or_default()
    }

    /// Returns whether there is room for one more envelope of this charge.
    pub(super) fn has_room(&self, to: &PeerKey, from: &PeerKey, charge: usize) -> bool {
        charge <= self.room() && self.inboxes.get(to).is_none_or(|inbox| inbox.fits(from, charge))
    }

    /// Returns the number of envelopes and their bytes.
    pub(super) fn totals(&self) -> (usize, usize) {
        (self.per_sender.values().sum(), self.bytes)
    }

    /// Returns the bytes that the hub as a whole has room for.
    pub(super) fn room(&self) -> usize {
        HUB_BYTES.saturating_sub(self.bytes)
    }

    /// Appends an envelope to its receiver's inbox. Returns its offset.
    pub(super) fn push(&mut self, stored: StoredEnvelope) -> Offset {
        let header = &stored.envelope.header;
        let (to, from) = (header.to, header.from);
        self.last = self.last.next();
        self.bytes += stored.charge();
        *self.per_sender.entry(from).or_default() += 1;
        self.inboxes.entry(to).or_default().push(self.last, stored);
        self.last
    }

    /// Removes an envelope.
    pub(super) fn take(&mut self, to: &PeerKey, offset: Offset) -> Option<StoredEnvelope> {
        let inbox = self.inboxes.get_mut(to)?;
        let stored = inbox.take(offset)?;
        if inbox.is_empty() {
            self.inboxes.remove(to);
        }
        self.count_out(&stored);
        Some(stored)
    }

    /// Removes all mail of a receiver.
    pub(super) fn empty(&mut self, to: &PeerKey) -> Vec<(Offset, StoredEnvelope)> {
        let inbox = self.inboxes.remove(to).unwrap_or_default();
        let taken: Vec<_> = inbox.into_envelopes().collect();
        for (_, stored) in &taken {
            self.count_out(stored);
        }
        taken
    }

    fn count_out(&mut self, stored: &StoredEnvelope) {
        let from = stored.envelope.header.from;
        self.bytes -= stored.charge();
        if let Some(count) = self.per_sender.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                self.per_sender.remove(&from);
            }
        }
    }

    /// Returns whether there is mail from this sender.
    pub(super) fn has_mail_from(&self, sender: &PeerKey) -> bool {
        self.per_sender.contains_key(sender)
    }

    /// Returns the receivers that have mail.
    pub(super) fn receivers(&self) -> impl Iterator<Item = PeerKey> {
        self.inboxes.keys().copied()
    }

    /// Returns whether there is no mail.
    pub(super) fn is_empty(&self) -> bool {
        self.inboxes.is_empty()
    }

    /// Returns the bytes that all mail counts for.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
