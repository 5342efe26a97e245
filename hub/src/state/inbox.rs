//! The mail of one receiver, in order of arrival.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{
    INBOX_BYTES, INBOX_MESSAGES, MAX_MESSAGE, PAIR_BYTES, PAIR_MESSAGES,
};
use junction_shared::protocol::wire::Envelope;

/// Converts a duration to whole milliseconds, the unit of the wire.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A position in the order of arrival, counted over all inboxes of a hub and never reused, so that a cursor
/// stays valid when an inbox is emptied and filled again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offset(u64);

impl Offset {
    /// Returns the offset after this one.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An envelope that waits for its receiver.
pub(super) struct StoredEnvelope {
    /// The envelope as it was handed over.
    pub(super) envelope: Box<Envelope>,
    /// When the hub accepted the envelope.
    pub(super) accepted_at: Duration,
    /// The age of the message at that time in milliseconds, by the sender's clock.
    pub(super) age_ms: u64,
    /// When the envelope expires.
    pub(super) expires_at: Duration,
}

impl StoredEnvelope {
    /// Returns the age of the message now, in milliseconds.
    pub(super) fn age_ms(&self, now: Duration) -> u64 {
        self.age_ms.saturating_add(millis(now.saturating_sub(self.accepted_at)))
    }

    /// Returns the bytes that the envelope counts for.
    pub(super) fn charge(&self) -> usize {
        charge(self.envelope.sealed.len())
    }
}

/// The bytes that sealing adds to a message: the AES-GCM tag (16), and in the plaintext the length (4),
/// the flags (1) and the id of the message it replies to (16).
const SEAL_OVERHEAD: usize = 16 + 21;
/// The minimum charge of an envelope: about what the smallest one costs with its header and its map entries.
/// This charge times the bounds on numbers stays below every byte bound of a receiver, so it matters only for
/// the bound of the whole hub.
const MIN_CHARGE: usize = 1024;

/// Returns the bytes that a sealed text of this length counts for: the longest message it can hold.
///
/// Bounds are in bytes of messages before padding, which a hub cannot see. A text of the largest size is
/// charged as the largest message, so that padding alone never puts a sender over a bound that it keeps
/// itself: `PAIR_MESSAGES` of them are exactly `PAIR_BYTES`.
pub(super) fn charge(sealed: usize) -> usize {
    sealed.saturating_sub(SEAL_OVERHEAD).clamp(MIN_CHARGE, MAX_MESSAGE)
}

/// What one sender has in an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SenderShare {
    messages: usize,
    bytes: usize,
}

/// The envelopes of one receiver. The store keeps no empty inbox.
#[derive(Default)]
pub(super) struct Inbox {
    envelopes: BTreeMap<Offset, StoredEnvelope>,
    offsets: BTreeMap<(PeerKey, MessageId), Offset>,
    shares: BTreeMap<PeerKey, SenderShare>,
    bytes: usize,
}

impl Inbox {
    /// Returns the offset of the envelope with this id from this sender.
    pub(super) fn offset_of(&self, from: PeerKey, id: MessageId) -> Option<Offset> {
        self.offsets.get(&(from, id)).copied()
    }

    /// Returns the envelope at an offset.
    pub(super) fn at(&self, offset: Offset) -> Option<&StoredEnvelope> {
        self.envelopes.get(&offset)
    }

    /// Returns the first envelope at or after an offset.
    pub(super) fn from(&self, cursor: Offset) -> Option<(Offset, &StoredEnvelope)> {
        let range = (Bound::Included(cursor), Bound::Unbounded);
        self.envelopes.range(range).next().map(|(offset, stored)| (*offset, stored))
    }

    /// Returns the offsets of all envelopes from a sender, and when they expire.
    pub(super) fn all_from(&self, from: PeerKey) -> impl Iterator<Item = (Offset, Duration)> {
        let ids = (from, MessageId([0; 16]))..=(from, MessageId([0xff; 16]));
        let offsets = self.offsets.range(ids).map(|(_, offset)| *offset);
        offsets.filter_map(|offset| Some((offset, self.at(offset)?.expires_at)))
    }

    /// Returns whether there is room for one more envelope of this charge from this sender.
    pub(super) fn fits(&self, from: &PeerKey, charge: usize) -> bool {
        let share = self.shares.get(from).copied().unwrap_or_default();
        self.envelopes.len() < INBOX_MESSAGES
            && self.bytes + charge <= INBOX_BYTES
            && share.messages < PAIR_MESSAGES
            && share.bytes + charge <= PAIR_BYTES
    }

    /// Appends an envelope. Its offset must be greater than all others.
    pub(super) fn push(&mut self, offset: Offset, stored: StoredEnvelope) {
        let header = &stored.envelope.header;
        let share = self.shares.entry(header.from).or_default();
        share.messages += 1;
        share.bytes += stored.charge();
        self.bytes += stored.charge();
        self.offsets.insert((header.from, header.id), offset);
        self.envelopes.insert(offset, stored);
    }

    /// Removes an envelope.
    pub(super) fn take(&mut self, offset: Offset) -> Option<StoredEnvelope> {
        let stored = self.envelopes.remove(&offset)?;
        let header = &stored.envelope.header;
        self.offsets.remove(&(header.from, header.id));
        self.bytes -= stored.charge();
        if let Some(share) = self.shares.get_mut(&header.from) {
            share.messages -= 1;
            share.bytes -= stored.charge();
            if share.messages == 0 {
                self.shares.remove(&header.from);
            }
        }
        Some(stored)
    }

    /// Returns whether the inbox is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// Returns all envelopes.
    pub(super) fn into_envelopes(self) -> impl Iterator<Item = (Offset, StoredEnvelope)> {
        self.envelopes.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use junction_shared::protocol::limits::MAX_SEALED;

    #[test]
    fn padding_alone_never_fills_a_share() {
        assert_eq!(PAIR_MESSAGES * charge(MAX_SEALED), PAIR_BYTES);
        assert!(INBOX_MESSAGES * charge(16 * 1024 + 16) < INBOX_BYTES);
    }

    #[test]
    fn an_envelope_counts_for_the_longest_message_it_can_hold() {
        assert_eq!(charge(0), MIN_CHARGE);
        assert_eq!(charge(256 + 16), MIN_CHARGE);
        assert_eq!(charge(4096 + 16), 4096 - 21);
        assert_eq!(charge(MAX_SEALED), MAX_MESSAGE);
    }
}
