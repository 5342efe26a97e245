//! Who is told of changes to which peer.

use std::collections::{BTreeSet, HashMap, VecDeque};

use junction_shared::protocol::id::{ConnectionId, PeerKey};
use junction_shared::protocol::limits::MAX_SUBSCRIPTIONS;

/// The subscriptions of all connections, both ways round.
#[derive(Default)]
pub(super) struct Subscriptions {
    readers: HashMap<PeerKey, BTreeSet<ConnectionId>>,
    /// Oldest first.
    subjects: HashMap<ConnectionId, VecDeque<PeerKey>>,
}

impl Subscriptions {
    /// Tells this connection of changes to that peer from now on. Beyond its bound the connection's
    /// oldest subscription ends.
    pub(super) fn add(&mut self, reader: ConnectionId, subject: PeerKey) {
        if !self.readers.entry(subject).or_default().insert(reader) {
            return;
        }
        let subjects = self.subjects.entry(reader).or_default();
        subjects.push_back(subject);
        let oldest = if subjects.len() > MAX_SUBSCRIPTIONS { subjects.pop_front() } else { None };
        if let Some(oldest) = oldest {
            self.remove_reader(&oldest, reader);
        }
    }

    /// Ends all subscriptions of a connection.
    pub(super) fn forget(&mut self, reader: ConnectionId) {
        for subject in self.subjects.remove(&reader).unwrap_or_default() {
            self.remove_reader(&subject, reader);
        }
    }

    /// Who is told of changes to this peer.
    pub(super) fn readers(&self, subject: &PeerKey) -> Vec<ConnectionId> {
        self.readers.get(subject).into_iter().flatten().copied().collect()
    }

    /// Every peer that anyone is told of, in the order of the keys.
    pub(super) fn subjects(&self) -> BTreeSet<PeerKey> {
        self.readers.keys().copied().collect()
    }

    fn remove_reader(&mut self, subject: &PeerKey, reader: ConnectionId) {
        if let Some(readers) = self.readers.get_mut(subject) {
            readers.remove(&reader);
            if readers.is_empty() {
                self.readers.remove(subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> PeerKey {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        PeerKey(bytes)
    }

    #[test]
    fn beyond_the_bound_the_oldest_subscription_ends() {
        let mut subscriptions = Subscriptions::default();
        for n in 0..=MAX_SUBSCRIPTIONS {
            subscriptions.add(ConnectionId(1), key(n));
            // A subscription made twice counts once.
            subscriptions.add(ConnectionId(1), key(n));
        }
        assert_eq!(subscriptions.readers(&key(0)), []);
        assert_eq!(subscriptions.readers(&key(1)), [ConnectionId(1)]);
        assert_eq!(subscriptions.readers(&key(MAX_SUBSCRIPTIONS)), [ConnectionId(1)]);
    }

    #[test]
    fn a_forgotten_connection_leaves_nothing_behind() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(ConnectionId(1), key(1));
        subscriptions.add(ConnectionId(2), key(1));
        subscriptions.forget(ConnectionId(1));
        assert_eq!(subscriptions.readers(&key(1)), [ConnectionId(2)]);
        subscriptions.forget(ConnectionId(2));
        assert!(subscriptions.readers.is_empty() && subscriptions.subjects.is_empty());
    }
}
