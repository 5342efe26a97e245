//! A session's receive keys. Old keys are kept until nothing that was sealed to them can arrive any more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::protocol::crypto::public_key;
use junction_shared::protocol::id::{Epoch, PeerKey, ReceiveKey};
use junction_shared::protocol::limits::MAX_TTL_SECONDS;
use junction_shared::secret::Secret;

use crate::seal::Identity;

/// How long past the longest life of a message an old key stays: a message that was sealed just before the next key was
/// published may arrive that late.
pub(crate) const AFTERLIFE: Duration = Duration::from_secs(60);
/// How long a key that was used stays the newest. Messages sealed to a key can be opened until the key dies.
const LIFE: Duration = Duration::from_secs(120);
/// Old keys kept at most. The oldest goes first, and messages sealed to it end `unconfirmed`.
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
    /// Whether the newest key has opened anything.
    used: bool,
    old: VecDeque<Old>,
}

struct Old {
    /// The epochs of the key, from the first to the last.
    first: Epoch,
    last: Epoch,
    secret: Secret,
    /// Whether the hub is known to have the card with the next key.
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

    /// Begins a new epoch with a new key; its card is to be published. `timeout` is the session timeout.
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

    /// Begins a new epoch of the same key, for a card that differs in the agent's availability alone: that changes too
    /// often for a key each time.
    pub(crate) fn advance(&mut self) {
        self.epoch = self.epoch.next();
    }

    /// A hub has welcomed the session. A card that was written on the last connection may not have arrived.
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

    /// The secret key of an epoch, for opening a message; nothing once the key has died.
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

/// When a key dies if the card with the next key may never have reached the hub. The hub hands out the old card for as
/// long as it counts the session as alive, and a message sealed to it then lives as long once more.
fn dies_unfollowed(now: Instant, timeout: Duration) -> Instant {
    now + timeout + longest_life(timeout) + AFTERLIFE
}

/// The longest life of a message under this session timeout.
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
        // An older card that comes late does not prove that the newer one arrived.
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
        // A message that was sealed to the old key uses the old key.
        assert!(keys.use_secret(Epoch(1)).is_some());
        assert_eq!(keys.rotates_at(), None);
    }
}
