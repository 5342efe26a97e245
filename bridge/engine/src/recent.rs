//! A map that remembers its newest entries.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Entries remembered: far more than an agent answers in one turn.
const MAX_KEPT: usize = 1024;

/// Values by key; the oldest entry is forgotten first.
pub(crate) struct RecentMap<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for RecentMap<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, V: Copy> RecentMap<K, V> {
    /// The value of a key, if it is remembered.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.values.get(key).copied()
    }

    /// Remembers a value. A key that is there keeps its place.
    pub(crate) fn keep(&mut self, key: K, value: V) {
        if self.values.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MAX_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &K) {
        if self.values.remove(key).is_some() {
            self.order.retain(|kept| kept != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_removed_is_forgotten_and_can_be_kept_again() {
        let mut recent = RecentMap::default();
        recent.keep(1, "one");
        recent.keep(1, "uno");
        recent.remove(&1);
        recent.remove(&2);
        assert_eq!((recent.get(&1), recent.order.len()), (None, 0));
        recent.keep(1, "one");
        assert_eq!(recent.get(&1), Some("one"));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded(numbers in prop::collection::vec(any::<u16>(), 0..3000)) {
            let mut recent = RecentMap::default();
            for number in numbers {
                recent.keep(number, ());
                prop_assert!(recent.values.len() <= MAX_KEPT);
                prop_assert_eq!(recent.order.len(), recent.values.len());
            }
        }
    }
}
