//! Senders that were told `Later`: from then on all their mail for that receiver waits, so that none
//! overtakes, until they start again with their lowest.

use std::collections::{BTreeMap, BTreeSet};

use junction_shared::protocol::id::PeerKey;

/// One receiver and one sender.
type Pair = (PeerKey, PeerKey);

/// What a pair waits for.
struct Wait {
    /// Room for this much.
    charge: usize,
    /// Whether the sender was told that there is room.
    notified: bool,
}

/// The pairs whose mail waits at the sender.
#[derive(Default)]
pub(super) struct Waiting {
    /// By receiver, then sender.
    pairs: BTreeMap<Pair, Wait>,
    /// The same pairs by sender, then receiver.
    by_sender: BTreeSet<Pair>,
    /// Those that wait for room in the hub as a whole, by receiver, then sender.
    starved: BTreeSet<Pair>,
}

impl Waiting {
    /// Whether mail of this pair waits.
    pub(super) fn contains(&self, to: PeerKey, from: PeerKey) -> bool {
        self.pairs.contains_key(&(to, from))
    }

    /// Has the pair wait for room for this charge: in the whole hub if `starved`, else in the inbox.
    pub(super) fn add(&mut self, to: PeerKey, from: PeerKey, charge: usize, starved: bool) {
        self.pairs.insert((to, from), Wait { charge, notified: false });
        self.by_sender.insert((from, to));
        if starved {
            self.starved.insert((to, from));
        }
    }

    /// The sender hears `Later` once more, and is to be told of room once more.
    pub(super) fn again(&mut self, to: PeerKey, from: PeerKey) {
        if let Some(wait) = self.pairs.get_mut(&(to, from)) {
            wait.notified = false;
        }
    }

    /// The pair waits no longer.
    pub(super) fn remove(&mut self, to: PeerKey, from: PeerKey) {
        if self.pairs.remove(&(to, from)).is_some() {
            self.by_sender.remove(&(from, to));
            self.starved.remove(&(to, from));
        }
    }

    /// Everyone for whose mail someone waits.
    pub(super) fn receivers(&self) -> impl Iterator<Item = PeerKey> {
        self.pairs.keys().map(|pair| pair.0)
    }

    /// Forgets all pairs that this peer is part of.
    pub(super) fn forget(&mut self, key: PeerKey) {
        let as_receiver: Vec<_> = self.pairs.range(all_of(key)).map(|(pair, _)| pair.1).collect();
        let as_sender: Vec<_> = self.by_sender.range(all_of(key)).map(|pair| pair.1).collect();
        for from in as_receiver {
            self.remove(key, from);
        }
        for to in as_sender {
            self.remove(to, key);
        }
    }

    /// Takes note of the senders to this receiver that are to be told of room, now that `fits` holds for
    /// receiver, sender and charge. Each is told once: if others are quicker, it is told `Later` again. One
    /// that needs more than the `room` of the whole hub waits for that from now on.
    pub(super) fn notify(
        &mut self,
        to: PeerKey,
        room: usize,
        fits: impl Fn(&PeerKey, &PeerKey, usize) -> bool,
    ) -> Vec<Pair> {
        let mut notified = Vec::new();
        for (pair, wait) in self.pairs.range_mut(all_of(to)).filter(|(_, wait)| !wait.notified) {
            if fits(&pair.0, &pair.1, wait.charge) {
                wait.notified = true;
                notified.push(*pair);
            } else if wait.charge > room {
                self.starved.insert(*pair);
            }
        }
        notified
    }

    /// The same for those that wait for the hub as a whole, which has `room` bytes. Whoever does not fit
    /// for another reason now waits for the inbox.
    pub(super) fn notify_starved(
        &mut self,
        mut room: usize,
        fits: impl Fn(&PeerKey, &PeerKey, usize) -> bool,
    ) -> Vec<Pair> {
        let mut notified = Vec::new();
        while let Some(pair) = self.starved.first().copied() {
            let Some(wait) = self.pairs.get_mut(&pair) else { break };
            if wait.charge > room {
                break;
            }
            self.starved.remove(&pair);
            if !wait.notified && fits(&pair.0, &pair.1, wait.charge) {
                wait.notified = true;
                room -= wait.charge;
                notified.push(pair);
            }
        }
        notified
    }

    /// How many pairs wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Receiver, sender and charge of those who wait to be notified.
    #[cfg(test)]
    pub(super) fn unnotified(&self) -> impl Iterator<Item = (PeerKey, PeerKey, usize)> {
        let unnotified = self.pairs.iter().filter(|(_, wait)| !wait.notified);
        unnotified.map(|(pair, wait)| (pair.0, pair.1, wait.charge))
    }
}

/// The range of pairs that begin with this key.
fn all_of(key: PeerKey) -> std::ops::RangeInclusive<Pair> {
    (key, PeerKey([0; 32]))..=(key, PeerKey([0xff; 32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PeerKey = PeerKey([1; 32]);
    const B: PeerKey = PeerKey([2; 32]);
    const C: PeerKey = PeerKey([3; 32]);

    #[test]
    fn a_sender_is_told_once() {
        let mut waiting = Waiting::default();
        waiting.add(A, B, 10, false);
        assert_eq!(waiting.notify(A, 99, |_, _, charge| charge <= 9), []);
        assert_eq!(waiting.notify(A, 99, |_, _, charge| charge <= 10), [(A, B)]);
        assert_eq!(waiting.notify(A, 99, |_, _, _| true), []);
        waiting.add(A, B, 10, false);
        assert_eq!(waiting.notify(A, 99, |_, _, _| true), [(A, B)]);
    }

    #[test]
    fn who_waits_for_the_whole_hub_is_told_when_any_inbox_shrinks() {
        let mut waiting = Waiting::default();
        waiting.add(A, B, 10, true);
        waiting.add(A, C, 10, false);
        assert_eq!(waiting.notify(C, 99, |_, _, _| true), []);
        assert_eq!(waiting.notify_starved(9, |_, _, _| true), []);
        assert_eq!(waiting.notify_starved(10, |_, _, _| true), [(A, B)]);
        assert_eq!(waiting.notify_starved(10, |_, _, _| true), []);
    }

    #[test]
    fn room_in_the_hub_is_promised_once() {
        let mut waiting = Waiting::default();
        waiting.add(A, B, 10, true);
        waiting.add(A, C, 10, true);
        assert_eq!(waiting.notify_starved(15, |_, _, _| true), [(A, B)]);
        assert_eq!(waiting.notify_starved(15, |_, _, _| true), [(A, C)]);
    }

    #[test]
    fn a_forgotten_peer_leaves_nothing_behind() {
        let mut waiting = Waiting::default();
        waiting.add(A, B, 10, true);
        waiting.add(B, C, 10, true);
        waiting.forget(B);
        assert!(waiting.pairs.is_empty());
        assert!(waiting.by_sender.is_empty() && waiting.starved.is_empty());
    }
}
