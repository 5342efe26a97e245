//! Which connected sessions work in which repositories.

use std::collections::{BTreeSet, HashMap};

use junction_shared::protocol::id::{PeerKey, RepositoryTag};
use junction_shared::protocol::limits::MAX_REPOSITORY_PEERS;

/// The repositories of all connected sessions, indexed both ways.
#[derive(Default)]
pub(super) struct Repositories {
    sessions: HashMap<RepositoryTag, BTreeSet<PeerKey>>,
    tags: HashMap<PeerKey, BTreeSet<RepositoryTag>>,
}

/// What has changed in the repositories of a session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RepositoryChange {
    /// The repositories that the session has begun to work in.
    pub(super) joined: Vec<RepositoryTag>,
    /// The repositories that it has left.
    pub(super) left: Vec<RepositoryTag>,
}

impl Repositories {
    /// Sets the repositories of a session. Returns what has changed.
    pub(super) fn set(&mut self, key: PeerKey, tags: BTreeSet<RepositoryTag>) -> RepositoryChange {
        let before = self.tags.get(&key).cloned().unwrap_or_default();
        let joined: Vec<_> = tags.difference(&before).copied().collect();
        let left: Vec<_> = before.difference(&tags).copied().collect();
        for tag in &joined {
            self.sessions.entry(*tag).or_default().insert(key);
        }
        for tag in &left {
            if let Some(sessions) = self.sessions.get_mut(tag) {
                sessions.remove(&key);
                if sessions.is_empty() {
                    self.sessions.remove(tag);
                }
            }
        }
        if tags.is_empty() {
            self.tags.remove(&key);
        } else {
            self.tags.insert(key, tags);
        }
        RepositoryChange { joined, left }
    }

    /// Returns the other sessions in a repository, at most as many as one frame holds.
    pub(super) fn others(&self, tag: &RepositoryTag, key: &PeerKey) -> Vec<PeerKey> {
        let sessions = self.sessions.get(tag).into_iter().flatten();
        let others = sessions.filter(|other| *other != key).copied();
        others.take(MAX_REPOSITORY_PEERS).collect()
    }

    /// Returns whether a session works in a repository.
    pub(super) fn has(&self, key: &PeerKey, tag: &RepositoryTag) -> bool {
        self.tags.get(key).is_some_and(|tags| tags.contains(tag))
    }

    /// Returns how many sessions and repositories are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.tags.len(), self.sessions.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(n: usize) -> PeerKey {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        PeerKey(bytes)
    }

    fn tags(numbers: &[u8]) -> BTreeSet<RepositoryTag> {
        numbers.iter().map(|n| RepositoryTag([*n; 16])).collect()
    }

    #[test]
    fn answer_names_no_more_sessions_than_it_may() {
        let mut repositories = Repositories::default();
        for n in 0..=MAX_REPOSITORY_PEERS + 1 {
            repositories.set(key(n), tags(&[1]));
        }
        let others = repositories.others(&RepositoryTag([1; 16]), &key(0));
        assert_eq!(others.len(), MAX_REPOSITORY_PEERS);
        assert!(!others.contains(&key(0)));
    }

    proptest! {
        /// Both indexes agree with a plain table, and nothing is left of sessions that have gone.
        #[test]
        fn sets_are_those_that_were_named_last(
            steps in proptest::collection::vec((0usize..5, proptest::collection::vec(0u8..4, 0..4)), 0..40),
        ) {
            let mut repositories = Repositories::default();
            let mut table: BTreeMap<usize, BTreeSet<RepositoryTag>> = BTreeMap::new();
            for (who, numbers) in steps {
                let wanted = tags(&numbers);
                let before = table.insert(who, wanted.clone()).unwrap_or_default();
                let change = repositories.set(key(who), wanted.clone());
                prop_assert_eq!(change.joined, wanted.difference(&before).copied().collect::<Vec<_>>());
                prop_assert_eq!(change.left, before.difference(&wanted).copied().collect::<Vec<_>>());
                for tag in tags(&[0, 1, 2, 3]) {
                    let there = |who: &usize| table.get(who).is_some_and(|tags| tags.contains(&tag));
                    let expected: Vec<_> = (1..5).filter(there).map(key).collect();
                    prop_assert_eq!(repositories.others(&tag, &key(0)), expected);
                    prop_assert_eq!(repositories.has(&key(0), &tag), there(&0));
                }
            }
            for who in 0..5 {
                repositories.set(key(who), BTreeSet::new());
            }
            prop_assert_eq!(repositories.len(), (0, 0));
        }
    }
}
