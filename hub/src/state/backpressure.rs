//! Backpressure on senders. After a `Later`, all mail from that sender to that receiver is deferred, so that
//! no message overtakes another, until the sender restarts with its oldest one.

use std::collections::{BTreeMap, BTreeSet};

use junction_shared::protocol::id::PeerKey;

/// A pair of peers; the order of the two depends on the map.
type PeerPair = (PeerKey, PeerKey);

/// The state of a deferred pair.
struct Deferred {
    /// The room that the deferred message needs.
    charge: usize,
    /// Whether the sender was notified that there is room.
    notified: bool,
}

/// The pairs of sender and receiver whose mail is deferred.
#[derive(Default)]
pub(super) struct Backpressure {
    /// All deferred pairs, by receiver, then sender.
    pairs: BTreeMap<PeerPair, Deferred>,
    /// All deferred pairs, by sender, then receiver.
    by_sender: BTreeSet<PeerPair>,
    /// Pairs that wait for room in the hub as a whole, by receiver, then sender.
    hub_full: BTreeSet<PeerPair>,
}

impl Backpressure {
    /// Returns whether mail of this pair is deferred.
    pub(super) fn is_deferred(&self, to: PeerKey, from: PeerKey) -> bool {
        self.pairs.contains_key(&(to, from))
    }

    /// Defers a pair until there is room for this charge: in the whole hub if `hub_full`, else in the inbox.
    pub(super) fn defer(&mut self, to: PeerKey, from: PeerKey, charge: usize, hub_full: bool) {
        self.pairs.insert((to, from), Deferred { charge, notified: false });
        self.by_sender.insert((from, to));
        if hub_full {
            self.hub_full.insert((to, from));
        }
    }

    /// Notes that the sender got another `Later`, and must be notified of room again.
    pub(super) fn renew(&mut self, to: PeerKey, from: PeerKey) {
        if let Some(deferred) = self.pairs.get_mut(&(to, from)) {
            deferred.notified = false;
        }
    }

    /// Ends the deferral of a pair.
    pub(super) fn release(&mut self, to: PeerKey, from: PeerKey) {
        if self.pairs.remove(&(to, from)).is_some() {
            self.by_sender.remove(&(from, to));
            self.hub_full.remove(&(to, from));
        }
    }

    /// Returns the receivers that deferred mail is for.
    pub(super) fn receivers(&self) -> impl Iterator<Item = PeerKey> {
        self.pairs.keys().map(|pair| pair.0)
    }

    /// Forgets all pairs that include this peer.
    pub(super) fn forget(&mut self, key: PeerKey) {
        let as_receiver: Vec<_> = self.pairs.range(all_of(key)).map(|(pair, _)| pair.1).collect();
        let as_sender: Vec<_> = self.by_sender.range(all_of(key)).map(|pair| pair.1).collect();
        for from in as_receiver {
            self.release(key, from);
        }
        for to in as_sender {
            self.release(to, key);
        }
    }

    /// Returns the pairs with this receiver whose senders are to be notified of room. `fits` tells whether
    /// there is room for a receiver, sender and charge. Each sender is notified once; if others are faster,
    /// it gets another `Later`. A pair that needs more than the hub's `room` waits for the whole hub from now
    /// on.
    pub(super) fn notify(
        &mut self,
        to: PeerKey,
        room: usize,
        fits: impl Fn(&PeerKey, &PeerKey, usize) -> bool,
    ) -> Vec<PeerPair> {
        let mut notified = Vec::new();
        for (pair, deferred) in
            self.pairs.range_mut(all_of(to)).filter(|(_, deferred)| !deferred.notified)
        {
            if fits(&pair.0, &pair.1, deferred.charge) {
                deferred.notified = true;
                notified.push(*pair);
            } else if deferred.charge > room {
                self.hub_full.insert(*pair);
            }
        }
        notified
    }

    /// Returns the pairs whose senders are to be notified because the whole hub has `room` bytes again. A
    /// pair that does not fit for another reason waits for the inbox from now on.
    pub(super) fn notify_hub_room(
        &mut self,
        mut room: usize,
        fits: impl Fn(&PeerKey, &PeerKey, usize) -> bool,
    ) -> Vec<PeerPair> {
        let mut notified = Vec::new();
        while let Some(pair) = self.hub_full.first().copied() {
            let Some(deferred) = self.pairs.get_mut(&pair) else { break };
            if deferred.charge > room {
                break;
            }
            self.hub_full.remove(&pair);
            if !deferred.notified && fits(&pair.0, &pair.1, deferred.charge) {
                deferred.notified = true;
                room -= deferred.charge;
                notified.push(pair);
            }
        }
        notified
    }

    /// Returns the number of deferred pairs.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Returns receiver, sender and charge of pairs that have not been notified.
    #[cfg(test)]
    pub(super) fn unnotified(&self) -> impl Iterator<Item = (PeerKey, PeerKey, usize)> {
        let unnotified = self.pairs.iter().filter(|(_, deferred)| !deferred.notified);
        unnotified.map(|(pair, deferred)| (pair.0, pair.1, deferred.charge))
    }
}

/// Returns the range of pairs that begin with this key.
fn all_of(key: PeerKey) -> std::ops::RangeInclusive<PeerPair> {
    (key, PeerKey([0; 32]))..=(key, PeerKey([0xff; 32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PeerKey = PeerKey([1; 32]);
    const B: PeerKey = PeerKey([2; 32]);
    const C: PeerKey = PeerKey([3; 32]);

    #[test]
    fn a_sender_is_notified_once() {
        let mut backpressure = Backpressure::default();
        backpressure.defer(A, B, 10, false);
        assert_eq!(backpressure.notify(A, 99, |_, _, charge| charge <= 9), []);
        assert_eq!(backpressure.notify(A, 99, |_, _, charge| charge <= 10), [(A, B)]);
        assert_eq!(backpressure.notify(A, 99, |_, _, _| true), []);
        backpressure.defer(A, B, 10, false);
        assert_eq!(backpressure.notify(A, 99, |_, _, _| true), [(A, B)]);
    }

    #[test]
    fn a_pair_that_waits_for_the_whole_hub_is_notified_when_any_inbox_shrinks() {
        let mut backpressure = Backpressure::default();
        backpressure.defer(A, B, 10, true);
        backpressure.defer(A, C, 10, false);
        assert_eq!(backpressure.notify(C, 99, |_, _, _| true), []);
        assert_eq!(backpressure.notify_hub_room(9, |_, _, _| true), []);
        assert_eq!(backpressure.notify_hub_room(10, |_, _, _| true), [(A, B)]);
        assert_eq!(backpressure.notify_hub_room(10, |_, _, _| true), []);
    }

    #[test]
    fn room_in_the_hub_is_promised_once() {
        let mut backpressure = Backpressure::default();
        backpressure.defer(A, B, 10, true);
        backpressure.defer(A, C, 10, true);
        assert_eq!(backpressure.notify_hub_room(15, |_, _, _| true), [(A, B)]);
        assert_eq!(backpressure.notify_hub_room(15, |_, _, _| true), [(A, C)]);
    }

    #[test]
    fn a_forgotten_peer_leaves_nothing_behind() {
        let mut backpressure = Backpressure::default();
        backpressure.defer(A, B, 10, true);
        backpressure.defer(B, C, 10, true);
        backpressure.forget(B);
        assert!(backpressure.pairs.is_empty());
        assert!(backpressure.by_sender.is_empty() && backpressure.hub_full.is_empty());
    }
}
