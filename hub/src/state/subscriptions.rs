//! Which connections are notified of changes to which peers.

use std::collections::{BTreeSet, HashMap, VecDeque};

use junction_shared::protocol::id::{ConnectionId, PeerKey};
use junction_shared::protocol::limits::MAX_SUBSCRIPTIONS;

/// The subscriptions of all connections, indexed both ways.
#[derive(Default)]
pub(super) struct Subscriptions {
    subscribers: HashMap<PeerKey, BTreeSet<ConnectionId>>,
    /// The peers a connection is subscribed to, oldest subscription first.
    subjects: HashMap<ConnectionId, VecDeque<PeerKey>>,
}

impl Subscriptions {
    /// Subscribes a connection to a peer. Beyond the bound, the connection's oldest subscription ends.
    pub(super) fn add(&mut self, subscriber: ConnectionId, subject: PeerKey) {
        if !self.subscribers.entry(subject).or_default().insert(subscriber) {
            return;
        }
        let subjects = self.subjects.entry(subscriber).or_default();
        subjects.push_back(subject);
        let oldest = if subjects.len() > MAX_SUBSCRIPTIONS { subjects.pop_front() } else { None };
        if let Some(oldest) = oldest {
            self.remove_subscriber(&oldest, subscriber);
        }
    }

    /// Ends all subscriptions of a connection.
    pub(super) fn forget(&mut self, subscriber: ConnectionId) {
        for subject in self.subjects.remove(&subscriber).unwrap_or_default() {
            self.remove_subscriber(&subject, subscriber);
        }
    }

    /// Returns the connections subscribed to a peer.
    pub(super) fn subscribers(&self, subject: &PeerKey) -> Vec<ConnectionId> {
        self.subscribers.get(subject).into_iter().flatten().copied().collect()
    }

    /// Returns every peer with a subscriber, in the order of the keys.
    pub(super) fn subjects(&self) -> BTreeSet<PeerKey> {
        self.subscribers.keys().copied().collect()
    }

    fn remove_subscriber(&mut self, subject: &PeerKey, subscriber: ConnectionId) {
        if let Some(subscribers) = self.subscribers.get_mut(subject) {
            subscribers.remove(&subscriber);
            if subscribers.is_empty() {
                self.subscribers.remove(subject);
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
            // A repeated subscription counts once.
            subscriptions.add(ConnectionId(1), key(n));
        }
        assert_eq!(subscriptions.subscribers(&key(0)), []);
        assert_eq!(subscriptions.subscribers(&key(1)), [ConnectionId(1)]);
        assert_eq!(subscriptions.subscribers(&key(MAX_SUBSCRIPTIONS)), [ConnectionId(1)]);
    }

    #[test]
    fn a_forgotten_connection_leaves_nothing_behind() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(ConnectionId(1), key(1));
        subscriptions.add(ConnectionId(2), key(1));
        subscriptions.forget(ConnectionId(1));
        assert_eq!(subscriptions.subscribers(&key(1)), [ConnectionId(2)]);
        subscriptions.forget(ConnectionId(2));
        assert!(subscriptions.subscribers.is_empty() && subscriptions.subjects.is_empty());
    }
}
