//! How much news of conflicts there may be of each other session: one that claims again and again would fill every answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use junction_shared::protocol::id::PeerKey;

/// News of one session in this time.
const MAX_NEWS_OF_ONE: usize = 8;
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// Sessions of which news is counted; of more, the lowest keys go.
const MAX_COUNTED: usize = 2048;

/// When the first news of each session in its present window was told, and how much since.
#[derive(Default)]
pub(super) struct NewsQuotas(BTreeMap<PeerKey, (Instant, usize)>);

impl NewsQuotas {
    /// How much was told of a session.
    pub(super) fn used(&self, key: &PeerKey) -> usize {
        self.0.get(key).map_or(0, |(_, count)| *count)
    }

    /// Until when nothing more is told of a session, if that is so.
    pub(super) fn full_until(&self, key: &PeerKey) -> Option<Instant> {
        let full = self.0.get(key).filter(|(_, count)| *count >= MAX_NEWS_OF_ONE);
        full.map(|(since, _)| *since + WINDOW)
    }

    /// Something is told of a session.
    pub(super) fn add(&mut self, key: PeerKey, now: Instant) {
        self.0.entry(key).or_insert((now, 0)).1 += 1;
        if self.0.len() > MAX_COUNTED {
            self.0.pop_first();
        }
    }

    /// Forgets windows that are over.
    pub(super) fn expire(&mut self, now: Instant) {
        self.0.retain(|_, (since, _)| *since + WINDOW > now);
    }
}
