//! What the hub remembers of peers whose session has ended.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use junction_shared::protocol::id::PeerKey;

use super::peer::PublishedCard;

/// The maximum number of leaves remembered during the restart grace: more than one burst of agents that are
/// closed. A peer that is forgotten counts as unknown until the grace is over.
const MAX_TOMBSTONES: usize = 4096;

/// The peers that are gone and still matter.
#[derive(Default)]
pub(super) struct Tombstones {
    /// The last cards of senders that still have mail here: receivers need them to open it.
    cards: HashMap<PeerKey, Arc<PublishedCard>>,
    /// The peers that left during the restart grace.
    left: HashSet<PeerKey>,
    /// The peers that left, oldest first. Some of them may have come back.
    order: VecDeque<PeerKey>,
}

impl Tombstones {
    /// Returns the last card of a peer that is gone and has mail here.
    pub(super) fn card(&self, key: &PeerKey) -> Option<&Arc<PublishedCard>> {
        self.cards.get(key)
    }

    /// Keeps the last card of a peer.
    pub(super) fn keep_card(&mut self, key: PeerKey, card: Arc<PublishedCard>) {
        self.cards.insert(key, card);
    }

    /// Forgets the last card of a peer.
    pub(super) fn forget_card(&mut self, key: &PeerKey) {
        self.cards.remove(key);
    }

    /// Returns whether this peer left during the restart grace.
    pub(super) fn has_left(&self, key: &PeerKey) -> bool {
        self.left.contains(key)
    }

    /// Remembers that a peer left.
    pub(super) fn add(&mut self, key: PeerKey) {
        if !self.left.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MAX_TOMBSTONES
            && let Some(oldest) = self.order.pop_front()
        {
            self.left.remove(&oldest);
        }
    }

    /// Forgets a peer that is back.
    pub(super) fn remove(&mut self, key: &PeerKey) {
        self.cards.remove(key);
        self.left.remove(key);
    }

    /// Returns whether nothing is remembered.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.cards.is_empty() && self.left.is_empty() && self.order.is_empty()
    }

    /// Forgets who left: after the restart grace, unknown means gone.
    pub(super) fn forget_goodbyes(&mut self) {
        self.left = HashSet::new();
        self.order = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_tombstones_are_forgotten() {
        let mut tombstones = Tombstones::default();
        let key = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            PeerKey(bytes)
        };
        for n in 0..=MAX_TOMBSTONES {
            tombstones.add(key(n));
        }
        assert!(!tombstones.has_left(&key(0)));
        assert!(tombstones.has_left(&key(1)) && tombstones.has_left(&key(MAX_TOMBSTONES)));
    }
}
