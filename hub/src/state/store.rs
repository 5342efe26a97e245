//! All mail a hub keeps.

use std::collections::HashMap;

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::HUB_BYTES;

use super::inbox::{Inbox, Offset, StoredEnvelope};

/// The inboxes that have anything in them, by receiver.
#[derive(Default)]
pub(super) struct Store {
    inboxes: HashMap<PeerKey, Inbox>,
    /// How many envelopes of each sender lie in all of them.
    per_sender: HashMap<PeerKey, usize>,
    bytes: usize,
    last: Offset,
}

impl Store {
    /// Where the envelope lies that this sender gave this id.
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

    /// The receiver's first envelope at this place or behind it.
    pub(super) fn from(&self, to: &PeerKey, cursor: Offset) -> Option<(Offset, &StoredEnvelope)> {
        self.inboxes.get(to)?.from(cursor)
    }

    /// Whether there is room for one more envelope of this charge.
    pub(super) fn fits(&self, to: &PeerKey, from: &PeerKey, charge: usize) -> bool {
        charge <= self.room() && self.inboxes.get(to).is_none_or(|inbox| inbox.fits(from, charge))
    }

    /// How many envelopes there are, and their bytes.
    pub(super) fn holds(&self) -> (usize, usize) {
        (self.per_sender.values().sum(), self.bytes)
    }

    /// The bytes for which the hub as a whole has room.
    pub(super) fn room(&self) -> usize {
        HUB_BYTES.saturating_sub(self.bytes)
    }

    /// Puts an envelope at the end of its receiver's inbox. Returns its offset.
    pub(super) fn push(&mut self, stored: StoredEnvelope) -> Offset {
        let header = &stored.envelope.header;
        let (to, from) = (header.to, header.from);
        self.last = self.last.next();
        self.bytes += stored.charge();
        *self.per_sender.entry(from).or_default() += 1;
        self.inboxes.entry(to).or_default().push(self.last, stored);
        self.last
    }

    /// Takes an envelope out.
    pub(super) fn take(&mut self, to: &PeerKey, offset: Offset) -> Option<StoredEnvelope> {
        let inbox = self.inboxes.get_mut(to)?;
        let stored = inbox.take(offset)?;
        if inbox.is_empty() {
            self.inboxes.remove(to);
        }
        self.count_out(&stored);
        Some(stored)
    }

    /// Takes out all of a receiver's mail.
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

    /// Whether any mail of this sender is here.
    pub(super) fn has_mail_from(&self, sender: &PeerKey) -> bool {
        self.per_sender.contains_key(sender)
    }

    /// Everyone for whom there is mail.
    pub(super) fn receivers(&self) -> impl Iterator<Item = PeerKey> {
        self.inboxes.keys().copied()
    }

    /// Whether there is no mail at all.
    pub(super) fn is_empty(&self) -> bool {
        self.inboxes.is_empty()
    }

    /// The bytes all mail counts for.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
