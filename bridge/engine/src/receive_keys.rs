//! A session's receive keys: one an epoch, the old ones until nothing sealed to them can arrive any more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::protocol::handshake::public_key;
use junction_shared::protocol::id::{Epoch, PeerKey, ReceiveKey};
use junction_shared::protocol::limits::MAX_TTL_SECONDS;
use junction_shared::secret::Secret;

use crate::seal::Identity;

/// How long past the longest life of a message an old key stays: what was sealed just before its successor
/// was published may arrive that late.
pub(crate) const AFTERLIFE: Duration = Duration::from_secs(60);
/// How long a key that was used stays the newest: what is sealed to one key can be opened until it dies.
const LIFE: Duration = Duration::from_secs(120);
/// Old keys kept at most; the oldest goes first, and what was sealed to it ends `unconfirmed`.
const MAX_OLD: usize = 256;

impl Identity {
    /// A new identity.
    pub fn random() -> Self {
        let secret = Secret::random();
        let key = PeerKey(public_key(&secret));
        Self { secret, key }
    }
}

/// Receive keys by epoch.
pub(crate) struct ReceiveKeys {
    /// The epochs that the newest key has had so far, from the first to the newest.
    first: Epoch,
    epoch: Epoch,
    current: Secret,
    since: Instant,
    /// Whether anything was opened by the newest.
    used: bool,
    old: VecDeque<Old>,
}

struct Old {
    /// Its epochs, from the first to the last.
    first: Epoch,
    last: Epoch,
    secret: Secret,
    /// Whether the hub is known to have its successor's card.
    is_followed: bool,
    dies: Instant,
}

impl ReceiveKeys {
    /// The key of the first epoch.
    pub(crate) fn new(now: Instant) -> Self {
        let old = VecDeque::new();
        let (first, epoch) = (Epoch(1), Epoch(1));
        Self { first, epoch, current: Secret::random(), since: now, used: false, old }
    }

    /// The newest epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The public key of the newest epoch.
    pub(crate) fn public(&self) -> ReceiveKey {
        ReceiveKey(public_key(&self.current))
    }

    /// Begins a new epoch, whose card is to be published. A session without a sign of life ends after `timeout`.
    pub(crate) fn rotate(&mut self, now: Instant, timeout: Duration) {
        let secret = std::mem::replace(&mut self.current, Secret::random());
        let dies = dies_unfollowed(now, timeout);
        let (first, last) = (self.first, self.epoch);
        self.old.push_back(Old { first, last, secret, is_followed: false, dies });
        self.epoch = self.epoch.next();
        self.first = self.epoch;
        (self.since, self.used) = (now, false);
        if self.old.len() > MAX_OLD {
            self.old.pop_front();
        }
    }

    /// Begins a new epoch of the same key: its card says something new of the agent's availability, which changes too
    /// often for a key each.
    pub(crate) fn advance(&mut self) {
        self.epoch = self.epoch.next();
    }

    /// A hub has let the session in. A card that was written on the last connection may not have arrived there.
    pub(crate) fn welcomed(&mut self, now: Instant, timeout: Duration) {
        for old in self.old.iter_mut().filter(|old| !old.is_followed) {
            old.dies = dies_unfollowed(now, timeout);
        }
    }

    /// The hub has the card of this epoch: earlier keys die once nothing sealed to them can arrive any more.
    pub(crate) fn published(&mut self, epoch: Epoch, now: Instant, timeout: Duration) {
        let followed = |old: &&mut Old| old.last < epoch && !old.is_followed;
        for old in self.old.iter_mut().filter(followed) {
            (old.is_followed, old.dies) = (true, now + longest_life(timeout) + AFTERLIFE);
        }
    }

    /// The secret key of an epoch, if it lives, for opening something.
    pub(crate) fn use_secret(&mut self, epoch: Epoch) -> Option<&Secret> {
        if (self.first..=self.epoch).contains(&epoch) {
            self.used = true;
            return Some(&self.current);
        }
        let is_its = |old: &&Old| (old.first..=old.last).contains(&epoch);
        self.old.iter().find(is_its).map(|old| &old.secret)
    }

    /// When a new epoch is to begin, if the newest key has been used.
    pub(crate) fn rotates_at(&self) -> Option<Instant> {
        self.used.then_some(self.since + LIFE)
    }

    /// Wipes the keys whose time has come. Gives the lowest epoch that is left.
    pub(crate) fn bury(&mut self, now: Instant) -> Epoch {
        self.old.retain(|old| old.dies > now);
        self.old.front().map_or(self.first, |old| old.first)
    }

    /// When [`ReceiveKeys::bury`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.old.iter().map(|old| old.dies).min()
    }
}

/// When a key dies whose successor's card may never have reached the hub: the hub hands out the old card for as
/// long as it takes the session for alive, and what is sealed to it then lives as long once more.
fn dies_unfollowed(now: Instant, timeout: Duration) -> Instant {
    now + timeout + longest_life(timeout) + AFTERLIFE
}

/// How long a message can live where sessions last that long.
pub(crate) fn longest_life(timeout: Duration) -> Duration {
    timeout.min(Duration::from_secs(MAX_TTL_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(100);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_old_key_lives_until_nothing_sealed_to_it_can_arrive() {
        let now = Instant::now();
        let mut keys = ReceiveKeys::new(now);
        let first = keys.public();
        keys.rotate(now, TIMEOUT);
        assert_ne!(keys.public(), first);
        assert!(keys.use_secret(Epoch(1)).is_some());
        keys.published(Epoch(2), now, TIMEOUT);
        let dies = now + TIMEOUT + AFTERLIFE;
        assert_eq!(keys.bury(dies - SECOND), Epoch(1));
        assert_eq!(keys.bury(dies), Epoch(2));
        assert!(keys.use_secret(Epoch(1)).is_none());
        assert!(keys.use_secret(Epoch(2)).is_some());
    }

    #[test]
    fn regression_a_key_whose_successor_may_be_unknown_lives_on() {
        let now = Instant::now();
        let mut keys = ReceiveKeys::new(now);
        keys.rotate(now, TIMEOUT);
        // Its card was lost with the connection, and the next one is on its way.
        keys.welcomed(now + TIMEOUT, TIMEOUT);
        let dies = now + 3 * TIMEOUT + AFTERLIFE;
        assert_eq!(keys.bury(dies - SECOND), Epoch(1));
        // An older card that comes late says nothing of the newer one.
        keys.published(Epoch(1), now, TIMEOUT);
        assert_eq!(keys.bury(dies - SECOND), Epoch(1));
        assert_eq!(keys.bury(dies), Epoch(2));
    }

    #[test]
    fn a_key_may_have_many_epochs_and_dies_after_the_last() {
        let now = Instant::now();
        let mut keys = ReceiveKeys::new(now);
        let first = keys.public();
        keys.advance();
        keys.advance();
        assert_eq!((keys.epoch(), keys.public()), (Epoch(3), first));
        assert!(keys.use_secret(Epoch(1)).is_some());
        assert_eq!(keys.rotates_at(), Some(now + LIFE));
        keys.rotate(now, TIMEOUT);
        // The hub may still hand out the third.
        keys.published(Epoch(3), now, TIMEOUT);
        assert_eq!(keys.bury(now + 2 * TIMEOUT + AFTERLIFE - SECOND), Epoch(1));
        keys.published(Epoch(4), now, TIMEOUT);
        assert!(keys.use_secret(Epoch(2)).is_some());
        assert_eq!(keys.bury(now + TIMEOUT + AFTERLIFE), Epoch(4));
        assert!((1..=3).all(|epoch| keys.use_secret(Epoch(epoch)).is_none()));
    }

    #[test]
    fn only_a_key_that_was_used_grows_old() {
        let now = Instant::now();
        let mut keys = ReceiveKeys::new(now);
        assert_eq!(keys.rotates_at(), None);
        assert!(keys.use_secret(Epoch(1)).is_some());
        assert_eq!(keys.rotates_at(), Some(now + LIFE));
        keys.rotate(now + LIFE, LIFE);
        assert_eq!(keys.rotates_at(), None);
        // What was sealed to the old one uses the old one.
        assert!(keys.use_secret(Epoch(1)).is_some());
        assert_eq!(keys.rotates_at(), None);
    }
}
