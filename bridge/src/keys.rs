//! A session's receive keys: one an epoch, the old ones until nothing sealed to them can arrive any more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::handshake::public_key;
use junction_shared::id::{Epoch, PeerKey, ReceiveKey};
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
    pub(crate) fn random() -> Self {
        let secret = Secret::random();
        let key = PeerKey(public_key(&secret));
        Self { secret, key }
    }
}

/// Receive keys by epoch.
pub(crate) struct ReceiveKeys {
    epoch: Epoch,
    current: Secret,
    since: Instant,
    /// Whether anything was opened by the newest.
    used: bool,
    old: VecDeque<Old>,
}

struct Old {
    epoch: Epoch,
    secret: Secret,
    dies: Instant,
}

impl ReceiveKeys {
    /// The key of the first epoch.
    pub(crate) fn new(now: Instant) -> Self {
        let old = VecDeque::new();
        Self { epoch: Epoch(1), current: Secret::random(), since: now, used: false, old }
    }

    /// The newest epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The public key of the newest epoch.
    pub(crate) fn public(&self) -> ReceiveKey {
        ReceiveKey(public_key(&self.current))
    }

    /// Begins a new epoch. The old key dies once nothing sealed to it can arrive any more.
    pub(crate) fn rotate(&mut self, now: Instant, longest_ttl: Duration) {
        let old = std::mem::replace(&mut self.current, Secret::random());
        let dies = now + longest_ttl + AFTERLIFE;
        self.old.push_back(Old { epoch: self.epoch, secret: old, dies });
        self.epoch = self.epoch.next();
        (self.since, self.used) = (now, false);
        if self.old.len() > MAX_OLD {
            self.old.pop_front();
        }
    }

    /// The secret key of an epoch, if it lives, for opening something.
    pub(crate) fn use_secret(&mut self, epoch: Epoch) -> Option<&Secret> {
        if epoch == self.epoch {
            self.used = true;
            return Some(&self.current);
        }
        self.old.iter().find(|old| old.epoch == epoch).map(|old| &old.secret)
    }

    /// When a new epoch is to begin, if the newest key has been used.
    pub(crate) fn rotates_at(&self) -> Option<Instant> {
        self.used.then_some(self.since + LIFE)
    }

    /// Wipes the keys whose time has come. Gives the lowest epoch that is left.
    pub(crate) fn bury(&mut self, now: Instant) -> Epoch {
        self.old.retain(|old| old.dies > now);
        self.old.front().map_or(self.epoch, |old| old.epoch)
    }

    /// When [`ReceiveKeys::bury`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.old.front().map(|old| old.dies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_lives_until_nothing_sealed_to_it_can_arrive() {
        let now = Instant::now();
        let mut keys = ReceiveKeys::new(now);
        let first = keys.public();
        keys.rotate(now, Duration::from_secs(100));
        assert_ne!(keys.public(), first);
        assert!(keys.use_secret(Epoch(1)).is_some());
        assert_eq!(keys.bury(now + Duration::from_secs(159)), Epoch(1));
        assert_eq!(keys.bury(now + Duration::from_secs(160)), Epoch(2));
        assert!(keys.use_secret(Epoch(1)).is_none());
        assert!(keys.use_secret(Epoch(2)).is_some());
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
