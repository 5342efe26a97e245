//! Which connections are notified of changes to which peers and seats.

use std::collections::{BTreeSet, HashMap, VecDeque};

use junction_shared::protocol::id::{ConnectionId, PeerKey, SeatKey};
use junction_shared::protocol::limits::MAX_SUBSCRIPTIONS;

/// What a connection can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// A peer: its presence and its cards.
    Peer(PeerKey),
    /// A seat: the first card of the session that has it next.
    Seat(SeatKey),
}

/// The subscriptions of all connections, indexed both ways.
#[derive(Default)]
pub(super) struct Subscriptions {
    subscribers: HashMap<Subject, BTreeSet<ConnectionId>>,
    /// What a connection is subscribed to, oldest subscription first.
    subjects: HashMap<ConnectionId, VecDeque<Subject>>,
}

impl Subscriptions {
    /// Subscribes a connection to a peer or a seat. Beyond the bound, the connection's oldest subscription ends.
    pub(super) fn add(&mut self, subscriber: ConnectionId, subject: Subject) {
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

    /// Returns the connections subscribed to a peer or a seat.
    pub(super) fn subscribers(&self, subject: &Subject) -> Vec<ConnectionId> {
        self.subscribers.get(subject).into_iter().flatten().copied().collect()
    }

    /// Returns every peer with a subscriber, in the order of the keys.
    pub(super) fn subjects(&self) -> BTreeSet<PeerKey> {
        let peer = |subject: &Subject| match subject {
            Subject::Peer(key) => Some(*key),
            Subject::Seat(_) => None,
        };
        self.subscribers.keys().filter_map(peer).collect()
    }

    /// Returns the number of subjects with a subscriber.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.subscribers.len()
    }

    fn remove_subscriber(&mut self, subject: &Subject, subscriber: ConnectionId) {
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

    fn peer(n: usize) -> Subject {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        Subject::Peer(PeerKey(bytes))
    }

    #[test]
    fn beyond_the_bound_the_oldest_subscription_ends() {
        let mut subscriptions = Subscriptions::default();
        for n in 0..=MAX_SUBSCRIPTIONS {
            subscriptions.add(ConnectionId(1), peer(n));
            // A repeated subscription counts once.
            subscriptions.add(ConnectionId(1), peer(n));
        }
        assert_eq!(subscriptions.subscribers(&peer(0)), []);
        assert_eq!(subscriptions.subscribers(&peer(1)), [ConnectionId(1)]);
        assert_eq!(subscriptions.subscribers(&peer(MAX_SUBSCRIPTIONS)), [ConnectionId(1)]);
    }

    #[test]
    fn a_forgotten_connection_leaves_nothing_behind() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(ConnectionId(1), peer(1));
        subscriptions.add(ConnectionId(2), peer(1));
        subscriptions.forget(ConnectionId(1));
        assert_eq!(subscriptions.subscribers(&peer(1)), [ConnectionId(2)]);
        subscriptions.forget(ConnectionId(2));
        assert!(subscriptions.subscribers.is_empty() && subscriptions.subjects.is_empty());
    }
}
