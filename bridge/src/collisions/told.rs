//! Which collisions the agent has been told of. A pure machine.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_engine::{Collision, CollisionKind};

/// How long nothing is said again of a session and a path.
const QUIET: Duration = Duration::from_secs(10 * 60);
/// The most that is remembered; of more, the oldest is forgotten and may be told again.
const MAX_TOLD: usize = 512;

/// What an agent was told: that this session has claimed this pattern, or changed this path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToldCollision {
    repository: String,
    path: String,
    /// What the session has claimed or changed. A claim of many paths is told once, and not for each of them.
    theirs: String,
    alias: String,
    is_claim: bool,
}

impl ToldCollision {
    pub(super) fn of(repository: &str, collision: &Collision) -> Self {
        Self {
            repository: repository.to_owned(),
            path: collision.path.clone(),
            theirs: collision.theirs.clone(),
            alias: collision.alias.to_string(),
            is_claim: collision.kind == CollisionKind::Claimed,
        }
    }

    /// Whether this says as much as another: who was told of a claim need not be told of the changes that follow from it.
    fn covers(&self, other: &Self) -> bool {
        let is_same = self.is_claim == other.is_claim && self.theirs == other.theirs;
        let follows = self.is_claim && !other.is_claim && self.path == other.path;
        (is_same || follows) && self.alias == other.alias && self.repository == other.repository
    }
}

/// What the agent was told, the oldest first.
#[derive(Default)]
pub(super) struct ToldCollisions(VecDeque<(ToldCollision, Instant)>);

impl ToldCollisions {
    /// The collisions of which the agent was not told in the last ten minutes. From now on it was.
    pub(super) fn new_of(
        &mut self,
        repository: &str,
        collisions: Vec<Collision>,
        now: Instant,
    ) -> Vec<Collision> {
        self.0.retain(|(_, at)| now < *at + QUIET);
        let mut new = Vec::new();
        for collision in collisions {
            let told = ToldCollision::of(repository, &collision);
            if self.0.iter().any(|(before, _)| before.covers(&told)) {
                continue;
            }
            if self.0.len() == MAX_TOLD {
                self.0.pop_front();
            }
            self.0.push_back((told, now));
            new.push(collision);
        }
        new
    }

    /// Takes back what the agent was not told after all.
    pub(super) fn forget(&mut self, lost: &[ToldCollision]) {
        self.0.retain(|(told, _)| !lost.contains(told));
    }
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::alias::Alias;

    use super::*;

    fn collision(path: &str, alias: &str, kind: CollisionKind) -> Collision {
        Collision {
            path: path.to_owned(),
            alias: Alias::parse(alias).unwrap(),
            kind,
            theirs: path.to_owned(),
            note: None,
            at_ms: 0,
            you_hold: false,
        }
    }

    #[test]
    fn each_collision_is_told_once_in_ten_minutes() {
        let mut told = ToldCollisions::default();
        let start = Instant::now();
        let mut told_at = |path: &str, alias: &str, seconds: u64| {
            let all = vec![collision(path, alias, CollisionKind::Claimed)];
            !told.new_of("r", all, start + Duration::from_secs(seconds)).is_empty()
        };
        assert!(told_at("a", "bob", 0));
        assert!(!told_at("a", "bob", 599));
        assert!(told_at("b", "bob", 1) && told_at("a", "eve", 1));
        assert!(told_at("a", "bob", 600));
    }

    #[test]
    fn claim_is_told_after_a_change_and_not_the_other_way_round() {
        use CollisionKind::{Claimed, Touched};
        let mut told = ToldCollisions::default();
        let now = Instant::now();
        for (kind, count) in [(Touched, 1), (Touched, 0), (Claimed, 1), (Touched, 0)] {
            assert_eq!(told.new_of("r", vec![collision("a", "bob", kind)], now).len(), count);
        }
    }

    #[test]
    fn what_was_not_told_is_told_again() {
        let mut told = ToldCollisions::default();
        let now = Instant::now();
        let all = vec![collision("a", "bob", CollisionKind::Touched)];
        assert_eq!(told.new_of("r", all.clone(), now), all);
        told.forget(&[ToldCollision::of("r", &all[0])]);
        assert_eq!(told.new_of("r", all.clone(), now), all);
        assert_eq!(told.new_of("other", all.clone(), now), all);
    }

    #[test]
    fn memory_is_bounded() {
        let mut told = ToldCollisions::default();
        let now = Instant::now();
        for number in 0..2 * MAX_TOLD {
            let all = vec![collision(&number.to_string(), "bob", CollisionKind::Claimed)];
            assert_eq!(told.new_of("r", all, now).len(), 1);
        }
        assert_eq!(told.0.len(), MAX_TOLD);
    }
}
