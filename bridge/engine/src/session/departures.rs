//! Peers that left, until it is known that they do not come straight back: a bridge that restarts is gone for a moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::protocol::id::PeerKey;

/// How long a peer with a seat may be gone before anybody is told.
const PATIENCE: Duration = Duration::from_secs(2);
/// Departures kept; the oldest count as final.
const MAX_KEPT: usize = 1024;

/// The peers with a seat that left a moment ago, by the key that they are known by, oldest first.
#[derive(Default)]
pub(super) struct Departures(VecDeque<(PeerKey, Instant)>);

impl Departures {
    /// A peer left now. Gives a peer whose departure is final because there are too many.
    pub(super) fn left(&mut self, peer: PeerKey, now: Instant) -> Option<PeerKey> {
        self.returned(&peer);
        self.0.push_back((peer, now + PATIENCE));
        let oldest = if self.0.len() > MAX_KEPT { self.0.pop_front() } else { None };
        oldest.map(|(peer, _)| peer)
    }

    /// A peer is back.
    pub(super) fn returned(&mut self, peer: &PeerKey) {
        self.0.retain(|(left, _)| left != peer);
    }

    /// Takes the peers that have not come back in time.
    pub(super) fn take_final(&mut self, now: Instant) -> Vec<PeerKey> {
        let count = self.0.partition_point(|(_, at)| *at <= now);
        self.0.drain(..count).map(|(peer, _)| peer).collect()
    }

    /// When [`Departures::take_final`] gives the next one.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PeerKey = PeerKey([1; 32]);
    const TWO: PeerKey = PeerKey([2; 32]);

    #[test]
    fn departure_is_final_after_two_seconds_unless_the_peer_is_back() {
        let (mut departures, now) = (Departures::default(), Instant::now());
        departures.left(ONE, now);
        departures.left(TWO, now);
        departures.returned(&ONE);
        assert_eq!(departures.deadline(), Some(now + PATIENCE));
        assert!(departures.take_final(now).is_empty());
        assert_eq!(departures.take_final(now + PATIENCE), [TWO]);
        assert_eq!(departures.deadline(), None);
    }

    #[test]
    fn with_too_many_departures_the_oldest_is_final() {
        let (mut departures, now) = (Departures::default(), Instant::now());
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            PeerKey(key)
        };
        let early = (0..MAX_KEPT).find_map(|number| departures.left(key(number), now));
        assert_eq!(early, None);
        assert_eq!(departures.left(key(MAX_KEPT), now), Some(key(0)));
    }
}
