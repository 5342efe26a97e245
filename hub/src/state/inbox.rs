//! One receiver's mail, in the order it came.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{
    INBOX_BYTES, INBOX_MESSAGES, MAX_MESSAGE, PAIR_BYTES, PAIR_MESSAGES,
};
use junction_shared::protocol::wire::Envelope;

/// Whole milliseconds, as the wire counts them.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A place in the order of arrival, counted over all inboxes of a hub and never used again: a cursor
/// stays right when an inbox is emptied and filled anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Offset(u64);

impl Offset {
    /// The place after this one.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An envelope that waits for its receiver.
pub(super) struct StoredEnvelope {
    /// The envelope.
    pub(super) envelope: Box<Envelope>,
    /// When it was accepted.
    pub(super) accepted: Duration,
    /// How old it was then, in milliseconds, by its sender's clock.
    pub(super) age_ms: u64,
    /// When it expires.
    pub(super) end: Duration,
}

impl StoredEnvelope {
    /// How old it is now, in milliseconds.
    pub(super) fn age_ms(&self, now: Duration) -> u64 {
        self.age_ms.saturating_add(millis(now.saturating_sub(self.accepted)))
    }

    /// The bytes it counts for.
    pub(super) fn charge(&self) -> usize {
        charge(self.envelope.sealed.len())
    }
}

/// What a sealed text has beside the message: the AES-GCM tag (16 bytes), and in the plaintext the
/// message's length (4), flags (1) and the id it replies to (16).
const SEAL_OVERHEAD: usize = 16 + 21;
/// The least an envelope counts for: about what the smallest costs, with its header and its places in
/// the maps. So small a charge times the bounds on numbers stays below every bound of one receiver; it
/// matters to the bound of the whole hub alone.
const MIN_CHARGE: usize = 1024;

/// The bytes that a sealed text of this length counts for: the longest message it can hold.
///
/// Bounds are in bytes of messages before padding, which a hub cannot see. Texts in the largest size are
/// charged for the largest message, so that a sender that keeps its own bounds is never over one here
/// because of padding: `PAIR_MESSAGES` of them are exactly `PAIR_BYTES`.
pub(super) fn charge(sealed: usize) -> usize {
    sealed.saturating_sub(SEAL_OVERHEAD).clamp(MIN_CHARGE, MAX_MESSAGE)
}

/// What one sender has in an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SenderShare {
    messages: usize,
    bytes: usize,
}

/// One receiver's envelopes. An empty one is not kept.
#[derive(Default)]
pub(super) struct Inbox {
    envelopes: BTreeMap<Offset, StoredEnvelope>,
    offsets: BTreeMap<(PeerKey, MessageId), Offset>,
    shares: BTreeMap<PeerKey, SenderShare>,
    bytes: usize,
}

impl Inbox {
    /// Where the envelope of this id from this sender lies.
    pub(super) fn offset_of(&self, from: PeerKey, id: MessageId) -> Option<Offset> {
        self.offsets.get(&(from, id)).copied()
    }

    /// The envelope at an offset.
    pub(super) fn at(&self, offset: Offset) -> Option<&StoredEnvelope> {
        self.envelopes.get(&offset)
    }

    /// The first envelope at this place or behind it.
    pub(super) fn from(&self, cursor: Offset) -> Option<(Offset, &StoredEnvelope)> {
        let range = (Bound::Included(cursor), Bound::Unbounded);
        self.envelopes.range(range).next().map(|(offset, stored)| (*offset, stored))
    }

    /// Whether there is room for one more from this sender, of this charge.
    pub(super) fn fits(&self, from: &PeerKey, charge: usize) -> bool {
        let share = self.shares.get(from).copied().unwrap_or_default();
        self.envelopes.len() < INBOX_MESSAGES
            && self.bytes + charge <= INBOX_BYTES
            && share.messages < PAIR_MESSAGES
            && share.bytes + charge <= PAIR_BYTES
    }

    /// Puts an envelope at the end; its place is behind all others.
    pub(super) fn push(&mut self, offset: Offset, stored: StoredEnvelope) {
        let header = &stored.envelope.header;
        let share = self.shares.entry(header.from).or_default();
        share.messages += 1;
        share.bytes += stored.charge();
        self.bytes += stored.charge();
        self.offsets.insert((header.from, header.id), offset);
        self.envelopes.insert(offset, stored);
    }

    /// Takes an envelope out.
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

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// All that is in it.
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
