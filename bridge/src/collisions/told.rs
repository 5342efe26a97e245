//! Which collisions the agent has been told of. A pure machine.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_engine::{Collision, CollisionKind};
use junction_shared::protocol::alias::Alias;

/// How long nothing is said again of what a session has claimed or changed, unless that is newer.
const QUIET: Duration = Duration::from_secs(10 * 60);
/// The most that is remembered; of more, the oldest is forgotten and may be told again.
const MAX_TOLD: usize = 512;
/// Times of one claim or change that are no further apart are one: they are taken from messages that may have waited.
const SAME_MS: u64 = 2_000;

/// A file that is about to be edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EditedFile {
    pub(super) repository: String,
    pub(super) path: String,
}

/// What an agent was told: that this session has claimed this pattern, or changed this path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToldCollision {
    pub(super) file: EditedFile,
    pub(super) alias: Alias,
    kind: CollisionKind,
    /// What the session has claimed or changed. A claim of many paths is told once, and not for each of them.
    theirs: String,
    note: Option<String>,
    /// When it was claimed or changed.
    at_ms: u64,
}

impl ToldCollision {
    fn of(repository: &str, collision: &Collision) -> Self {
        Self {
            file: EditedFile { repository: repository.to_owned(), path: collision.path.clone() },
            alias: collision.alias.clone(),
            kind: collision.kind,
            theirs: collision.theirs.clone(),
            note: collision.note.clone(),
            at_ms: collision.at_ms,
        }
    }

    /// Whether this is of the same claim, or of changes of the same path.
    fn is_of_same(&self, other: &Self) -> bool {
        (self.kind, &self.theirs, &self.alias, &self.file.repository)
            == (other.kind, &other.theirs, &other.alias, &other.file.repository)
    }

    /// Whether this says nothing that is not in another: it is no later, and its words are the same.
    fn is_in(&self, other: &Self) -> bool {
        self.note == other.note && self.at_ms <= other.at_ms + SAME_MS
    }
}

/// What the agent was told, the oldest first.
#[derive(Default)]
pub(super) struct ToldCollisions(VecDeque<(ToldCollision, Instant)>);

impl ToldCollisions {
    /// Notes that the agent is told of these collisions now. Returns what is new of them: what it was not told of in the last
    /// ten minutes, and claims and changes that were made since. Beside a claim, the change of the same file says no more.
    pub(super) fn take_new(
        &mut self,
        repository: &str,
        collisions: Vec<Collision>,
        now: Instant,
    ) -> Vec<(Collision, ToldCollision)> {
        self.0.retain(|(_, at)| now < *at + QUIET);
        let mut new: Vec<(Collision, ToldCollision)> = Vec::new();
        for collision in collisions {
            let told = ToldCollision::of(repository, &collision);
            let before = self.0.iter().position(|(before, _)| before.is_of_same(&told));
            if before.is_some_and(|at| told.is_in(&self.0[at].0)) {
                continue;
            }
            before.map(|at| self.0.remove(at));
            if self.0.len() == MAX_TOLD {
                self.0.pop_front();
            }
            self.0.push_back((told.clone(), now));
            let is_claimed = |(other, _): &(Collision, ToldCollision)| {
                other.kind == CollisionKind::Claimed
                    && (&other.alias, &other.path) == (&collision.alias, &collision.path)
            };
            if collision.kind == CollisionKind::Claimed || !new.iter().any(is_claimed) {
                new.push((collision, told));
            }
        }
        new
    }

    /// Notes that the agent changes these files now. It was told of the others' changes before, so that those are no news.
    pub(super) fn edited(&mut self, repository: &str, paths: &[String], wall_ms: u64) {
        let is_edited = |told: &ToldCollision| {
            told.kind == CollisionKind::Touched
                && told.file.repository == repository
                && paths.contains(&told.theirs)
        };
        for (told, _) in self.0.iter_mut().filter(|(told, _)| is_edited(told)) {
            told.at_ms = told.at_ms.max(wall_ms);
        }
    }

    /// Takes back what the agent was not told after all.
    pub(super) fn forget(&mut self, lost: &[ToldCollision]) {
        self.0.retain(|(told, _)| !lost.contains(told));
    }
}

#[cfg(test)]
mod tests {
    use CollisionKind::{Claimed, Touched};

    use super::*;

    fn collision(path: &str, alias: &str, kind: CollisionKind, seconds: u64) -> Collision {
        Collision {
            path: path.to_owned(),
            alias: Alias::parse(alias).unwrap(),
            kind,
            theirs: path.to_owned(),
            note: None,
            at_ms: seconds * 1000,
            expires_ms: None,
            you_hold: false,
        }
    }

    /// How many of these are new.
    fn new_of(told: &mut ToldCollisions, collisions: &[Collision], now: Instant) -> usize {
        told.take_new("r", collisions.to_vec(), now).len()
    }

    #[test]
    fn each_collision_is_told_once_in_ten_minutes() {
        let mut told = ToldCollisions::default();
        let start = Instant::now();
        let mut told_at = |path: &str, alias: &str, seconds: u64| {
            let all = [collision(path, alias, Claimed, 0)];
            new_of(&mut told, &all, start + Duration::from_secs(seconds)) == 1
        };
        assert!(told_at("a", "bob", 0));
        assert!(!told_at("a", "bob", 599));
        assert!(told_at("b", "bob", 1) && told_at("a", "eve", 1));
        assert!(told_at("a", "bob", 600));
    }

    #[test]
    fn regression_what_is_newer_than_what_was_told_is_told() {
        let (mut told, now) = (ToldCollisions::default(), Instant::now());
        for (seconds, count) in [(10, 1), (10, 0), (12, 0), (13, 1), (10, 0), (13, 0), (40, 1)] {
            for kind in [Touched, Claimed] {
                let all = [collision("a", "bob", kind, seconds)];
                assert_eq!(new_of(&mut told, &all, now), count, "{kind:?} {seconds}");
            }
        }
        let noted = Collision {
            note: Some("do not touch".to_owned()),
            ..collision("a", "bob", Claimed, 40)
        };
        for count in [1, 0] {
            assert_eq!(new_of(&mut told, std::slice::from_ref(&noted), now), count);
        }
    }

    #[test]
    fn regression_change_before_the_agents_own_last_one_is_not_told_again_and_a_later_one_is() {
        let (mut told, now) = (ToldCollisions::default(), Instant::now());
        let changed = |seconds| [collision("a", "bob", Touched, seconds)];
        assert_eq!(new_of(&mut told, &changed(10), now), 1);
        told.edited("r", &["a".to_owned()], 30_000);
        told.edited("r", &["b".to_owned()], 90_000);
        told.edited("other", &["a".to_owned()], 90_000);
        assert_eq!(new_of(&mut told, &changed(20), now), 0);
        assert_eq!(new_of(&mut told, &changed(40), now), 1);
        let claimed = [collision("a", "bob", Claimed, 20)];
        assert_eq!(new_of(&mut told, &claimed, now), 1);
        told.edited("r", &["a".to_owned()], 50_000);
        assert_eq!(new_of(&mut told, &[collision("a", "bob", Claimed, 45)], now), 1);
    }

    #[test]
    fn change_is_not_told_beside_the_claim_that_it_follows_from_but_later_ones_are() {
        let (mut told, now) = (ToldCollisions::default(), Instant::now());
        let both =
            |seconds| [collision("a", "bob", Claimed, 0), collision("a", "bob", Touched, seconds)];
        let new = told.take_new("r", both(5).to_vec(), now);
        assert!(new.len() == 1 && new[0].0.kind == Claimed);
        assert_eq!(new_of(&mut told, &both(5), now), 0);
        let new = told.take_new("r", both(60).to_vec(), now);
        assert!(new.len() == 1 && new[0].0.kind == Touched);
    }

    #[test]
    fn what_was_not_told_is_told_again() {
        let (mut told, now) = (ToldCollisions::default(), Instant::now());
        let all = [collision("a", "bob", Touched, 0)];
        let lost = told.take_new("r", all.to_vec(), now).remove(0).1;
        told.forget(&[lost]);
        assert_eq!(new_of(&mut told, &all, now), 1);
        assert_eq!(told.take_new("other", all.to_vec(), now).len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut told, now) = (ToldCollisions::default(), Instant::now());
        for number in 0..2 * MAX_TOLD {
            let all = [collision(&number.to_string(), "bob", Claimed, 0)];
            assert_eq!(new_of(&mut told, &all, now), 1);
        }
        assert_eq!(told.0.len(), MAX_TOLD);
    }
}
