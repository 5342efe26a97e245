//! What the hub remembers of peers whose session has ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;

use super::peer::{PeerSession, PublishedCard};
use super::watches::Condition;

/// The maximum number of leaves remembered during the restart grace: more than one burst of agents that are
/// closed. A peer that is forgotten counts as unknown until the grace is over.
const MAX_TOMBSTONES: usize = 4096;

/// What a peer was known by when it left.
pub(super) struct Departed {
    alias: Alias,
    role: Option<String>,
}

impl Departed {
    /// Creates the memory of a peer.
    pub(super) fn new(peer: &PeerSession) -> Self {
        let role = peer.card.as_ref().and_then(|published| published.card.context.role.clone());
        Self { alias: peer.alias.clone(), role }
    }
}

/// The peers that are gone and still matter.
#[derive(Default)]
pub(super) struct Tombstones {
    /// The last cards of senders that still have mail here: receivers need them to open it.
    cards: HashMap<PeerKey, Arc<PublishedCard>>,
    /// The peers that left during the restart grace, and what those were known by that could be listed.
    left: HashMap<PeerKey, Option<Departed>>,
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
        self.left.contains_key(key)
    }

    /// Returns whether a peer left during the restart grace that a watch is about.
    pub(super) fn any_left(&self, condition: &Condition) -> bool {
        let departed = self.left.values().flatten();
        departed.into_iter().any(|peer| condition.is_about(&peer.alias, peer.role.as_deref()))
    }

    /// Remembers that a peer left, and what it was known by if it could be listed.
    pub(super) fn add(&mut self, key: PeerKey, departed: Option<Departed>) {
        if self.left.insert(key, departed).is_some() {
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
        self.left = HashMap::new();
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
            tombstones.add(key(n), None);
        }
        assert!(!tombstones.has_left(&key(0)));
        assert!(tombstones.has_left(&key(1)) && tombstones.has_left(&key(MAX_TOMBSTONES)));
    }
}
