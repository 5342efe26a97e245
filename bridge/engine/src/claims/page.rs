//! What a face is told of claims.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use junction_shared::protocol::alias::Alias;

/// The most conflicts that wait to be told. More are not looked for until those were.
const MAX_NEWS: usize = 64;

/// A claim that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimInfo {
    /// Who claims; `None` if it is this session.
    pub alias: Option<Alias>,
    /// The pattern, as it was claimed.
    pub path: String,
    /// What the claimant says of it.
    pub note: Option<String>,
    /// When it was claimed, by this machine's wall clock: milliseconds since 1970.
    pub since_ms: u64,
    /// When it ends unless it is renewed, by this machine's wall clock.
    pub expires_ms: u64,
}

/// A claim of another session that meets one of this session: some path is covered by both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimConflict {
    /// The name of the repository.
    pub repository: String,
    /// The pattern of the other session.
    pub path: String,
    /// The pattern of this session.
    pub yours: String,
    /// Who the other is.
    pub alias: Alias,
    /// What the other says of its claim.
    pub note: Option<String>,
    /// When the other claimed it, by this machine's wall clock.
    pub since_ms: u64,
    /// When the other's claim ends unless it is renewed, by this machine's wall clock.
    pub expires_ms: u64,
    /// Whether this session is the one that yields. The other finds the opposite.
    pub you_yield: bool,
}

/// What is known of the claims of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimsPage {
    /// Every claim, those of this session first.
    pub claims: Vec<ClaimInfo>,
    /// Where claims of others meet those of this session.
    pub conflicts: Vec<ClaimConflict>,
    /// How many more conflicts there are than these.
    pub more: usize,
    /// Whether every session of the repository was heard, so that nobody else claims anything.
    pub is_complete: bool,
    /// Whether the session is on a hub that relays claims, so that others hear of its own.
    pub is_relayed: bool,
}

/// What another session has to do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollisionKind {
    /// The other session claims the path.
    Claimed,
    /// The other session changed the path a moment ago.
    Touched,
}

/// Another session that has to do with a path that this one is about to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The path that was asked about.
    pub path: String,
    /// Who the other is.
    pub alias: Alias,
    /// What the other has to do with it.
    pub kind: CollisionKind,
    /// The pattern by which the other claims it, or the path that it changed.
    pub theirs: String,
    /// What the other says of its claim.
    pub note: Option<String>,
    /// When it was claimed or changed, by this machine's wall clock: milliseconds since 1970.
    pub at_ms: u64,
    /// When a claim ends unless it is renewed, by this machine's wall clock.
    pub expires_ms: Option<u64>,
    /// Whether this session claims the path as well, and the other's claim is the one that yields.
    pub you_hold: bool,
}

/// Conflicts that have arisen by claims of others since this session's own were made, until a face has taken them to report
/// them. All snapshots of an engine share one.
#[derive(Clone, Debug, Default)]
pub struct ClaimNews(Arc<Mutex<Vec<ClaimConflict>>>);

impl ClaimNews {
    /// Takes all: of all callers one gets them.
    #[must_use]
    pub fn take(&self) -> Vec<ClaimConflict> {
        std::mem::take(&mut *self.lock())
    }

    /// Gives back what was not reported after all.
    pub fn give_back(&self, conflicts: Vec<ClaimConflict>) {
        let mut news = self.lock();
        let newer = std::mem::replace(&mut *news, conflicts);
        news.extend(newer);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Adds conflicts that have just become known.
    pub(crate) fn add(&self, conflicts: Vec<ClaimConflict>) {
        self.lock().extend(conflicts);
    }

    /// How many more there may be.
    pub(crate) fn room(&self) -> usize {
        MAX_NEWS.saturating_sub(self.lock().len())
    }

    /// Drops what is true no more, or was told otherwise.
    pub(crate) fn retain(&self, stays: impl FnMut(&ClaimConflict) -> bool) {
        self.lock().retain(stays);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ClaimConflict>> {
        // A conflict is added and taken as a whole, so that a panic elsewhere leaves all whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(number: u64) -> ClaimConflict {
        ClaimConflict {
            repository: "one".to_owned(),
            path: "src".to_owned(),
            yours: "src/lib.rs".to_owned(),
            alias: Alias::parse("bob").unwrap(),
            note: None,
            since_ms: number,
            expires_ms: 0,
            you_yield: false,
        }
    }

    fn numbers(news: &ClaimNews) -> Vec<u64> {
        news.take().iter().map(|conflict| conflict.since_ms).collect()
    }

    #[test]
    fn news_are_taken_once_and_can_be_given_back() {
        let news = ClaimNews::default();
        news.add(vec![conflict(1)]);
        let taken = news.clone().take();
        assert!(news.is_empty());
        news.add(vec![conflict(2)]);
        news.give_back(taken);
        assert_eq!(numbers(&news), [1, 2]);
        assert!(numbers(&news).is_empty());
    }

    #[test]
    fn room_for_news_is_bounded_and_nothing_is_dropped() {
        let news = ClaimNews::default();
        news.add((0..60).map(conflict).collect());
        assert_eq!(news.room(), 4);
        let taken = news.take();
        assert_eq!(news.room(), 64);
        news.add((60..124).map(conflict).collect());
        news.give_back(taken);
        assert_eq!((news.room(), numbers(&news)), (0, (0..124).collect::<Vec<_>>()));
    }
}
