//! Which edits were held back, so that each goes through when it is made again, and no session holds back many. One that a
//! person is asked about goes through once it was made. A pure machine.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;

use super::told::{EditedFile, ToldCollision};

/// How long all edits of a file go through after one was held back.
const PASS: Duration = Duration::from_secs(10 * 60);
/// How many edits one session may hold back in how long. Beyond that the agent is told, and the edit goes on.
const MAX_HOLDS: (usize, Duration) = (8, Duration::from_secs(60));
/// The most files that are remembered. An edit is not held back if it could not be told from others when it is made again.
const MAX_FILES: usize = 512;

/// An edit that was held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeldEdit {
    at: Instant,
    files: Vec<EditedFile>,
    /// The sessions because of which it was.
    peers: Vec<Alias>,
    /// Whether the files go through from now on. If a person is asked, only the edit itself shows that it was allowed.
    passes: bool,
}

/// The edits of the last ten minutes that were held back, the oldest first.
#[derive(Default)]
pub(super) struct HeldEdits(VecDeque<HeldEdit>);

impl HeldEdits {
    /// Holds an edit of these files back, if some of what is new to the agent is of a file that does not go through, and of a
    /// session that may hold back more. From now on all of these files go through, or, if a person is asked, once they were
    /// edited.
    pub(super) fn hold(
        &mut self,
        files: &[EditedFile],
        new: &[ToldCollision],
        asks: bool,
        now: Instant,
    ) -> Option<HeldEdit> {
        self.0.retain(|held| now < held.at + PASS);
        // Nobody allowed the edit when it was asked about before.
        self.0.retain(|held| held.passes || !held.files.iter().any(|file| files.contains(file)));
        let known: usize = self.0.iter().map(|held| held.files.len()).sum();
        let holding = new.iter().filter(|new| !self.passes(&new.file));
        let holding = holding.filter(|new| self.has_hold_left(&new.alias, now));
        let peers: Vec<_> = holding.map(|new| new.alias.clone()).collect();
        if peers.is_empty() || known + files.len() > MAX_FILES {
            return None;
        }
        let held = HeldEdit { at: now, files: files.to_vec(), peers, passes: !asks };
        self.0.push_back(held.clone());
        Some(held)
    }

    /// Notes that these files of a repository were edited: the person who was asked has allowed it.
    pub(super) fn edited(&mut self, repository: &str, paths: &[String]) {
        let is_edited =
            |file: &EditedFile| file.repository == repository && paths.contains(&file.path);
        for held in self.0.iter_mut().filter(|held| held.files.iter().any(is_edited)) {
            held.passes = true;
        }
    }

    /// Takes back that an edit was held back, because it was not.
    pub(super) fn forget(&mut self, lost: &HeldEdit) {
        self.0.retain(|held| held != lost);
    }

    fn passes(&self, file: &EditedFile) -> bool {
        self.0.iter().any(|held| held.passes && held.files.contains(file))
    }

    fn has_hold_left(&self, peer: &Alias, now: Instant) -> bool {
        let (most, time) = MAX_HOLDS;
        let recent = self.0.iter().filter(|held| held.passes && now < held.at + time);
        recent.filter(|held| held.peers.contains(peer)).count() < most
    }
}

#[cfg(test)]
mod tests {
    use junction_engine::{Collision, CollisionKind};
    use proptest::prelude::*;

    use super::super::told::ToldCollisions;
    use super::*;

    /// An agent whose edits are looked at, at simulated times.
    struct Edits {
        told: ToldCollisions,
        held: HeldEdits,
        start: Instant,
    }

    /// A change of a file by another session.
    fn collision(path: &str) -> Collision {
        Collision {
            path: path.to_owned(),
            alias: Alias::parse("bob").unwrap(),
            kind: CollisionKind::Touched,
            theirs: path.to_owned(),
            note: None,
            at_ms: 0,
            expires_ms: None,
            you_hold: false,
        }
    }

    /// What became of an edit.
    #[derive(Debug, PartialEq, Eq)]
    enum Outcome {
        Held,
        Told,
        Silent,
    }
    use Outcome::{Held, Silent, Told};

    impl Edits {
        fn new() -> Self {
            Self {
                told: ToldCollisions::default(),
                held: HeldEdits::default(),
                start: Instant::now(),
            }
        }

        /// Edits files at a time, while sessions claim all of them by these patterns.
        fn edit(&mut self, ms: u64, paths: &[&str], claims: &[(&str, &str)]) -> Outcome {
            let now = self.start + Duration::from_millis(ms);
            let collisions = paths.iter().flat_map(|path| {
                claims.iter().map(|(alias, theirs)| Collision {
                    path: (*path).to_owned(),
                    alias: Alias::parse(alias).unwrap(),
                    kind: CollisionKind::Claimed,
                    theirs: (*theirs).to_owned(),
                    note: None,
                    at_ms: 0,
                    expires_ms: None,
                    you_hold: false,
                })
            });
            let new = self.told.take_new("r", collisions.collect(), now);
            let new: Vec<_> = new.into_iter().map(|(_, told)| told).collect();
            let file =
                |path: &&str| EditedFile { repository: "r".to_owned(), path: (*path).to_owned() };
            let files: Vec<_> = paths.iter().map(file).collect();
            match self.held.hold(&files, &new, false, now) {
                Some(_) => Held,
                None if new.is_empty() => Silent,
                None => Told,
            }
        }
    }

    #[test]
    fn regression_edit_that_was_held_back_goes_through_whatever_is_claimed_meanwhile() {
        let mut edits = Edits::new();
        assert_eq!(edits.edit(0, &["a", "b"], &[("eve", "**")]), Held);
        // A new claim of the same session, and one of another, each second.
        for second in 1..600 {
            let pattern = format!("**/{second}");
            let claims = [("eve", pattern.as_str()), ("bob", pattern.as_str())];
            assert_eq!(edits.edit(second * 1_000, &["a"], &claims), Told);
            assert_eq!(edits.edit(second * 1_000, &["b", "a"], &claims), Silent);
        }
        assert_eq!(edits.edit(600_000, &["a"], &[("eve", "**")]), Held);
    }

    #[test]
    fn regression_one_session_holds_back_eight_edits_a_minute_and_does_not_use_up_anothers() {
        let mut edits = Edits::new();
        for number in 0..20 {
            let (file, outcome) = (number.to_string(), if number < 8 { Held } else { Told });
            assert_eq!(edits.edit(number * 1_000, &[&file], &[("eve", &file)]), outcome);
        }
        assert_eq!(edits.edit(30_000, &["x"], &[("eve", "x1"), ("bob", "x2")]), Held);
        assert_eq!(edits.edit(60_000, &["y"], &[("eve", "y")]), Held, "the first is over");
    }

    #[test]
    fn edit_that_could_not_be_remembered_is_not_held_back() {
        let mut edits = Edits::new();
        let files: Vec<_> = (0..MAX_FILES).map(|number| number.to_string()).collect();
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        assert_eq!(edits.edit(0, &files, &[("eve", "*")]), Held);
        assert_eq!(edits.edit(1, &["x"], &[("bob", "*")]), Told);
        assert_eq!(edits.edit(2, &["0"], &[("bob", "0")]), Told);
    }

    #[test]
    fn what_was_not_held_back_after_all_is_held_back_the_next_time() {
        let (mut held, now) = (HeldEdits::default(), Instant::now());
        let new = ToldCollisions::default().take_new("r", vec![collision("a")], now).remove(0).1;
        let (files, new) = ([new.file.clone()], [new]);
        let lost = held.hold(&files, &new, false, now).unwrap();
        assert_eq!(held.hold(&files, &new, false, now), None);
        held.forget(&lost);
        assert!(held.hold(&files, &new, false, now).is_some());
    }

    #[test]
    fn regression_edit_that_a_person_has_not_allowed_is_asked_about_each_time() {
        let (mut held, now) = (HeldEdits::default(), Instant::now());
        let new = ToldCollisions::default().take_new("r", vec![collision("a")], now).remove(0).1;
        let (files, new) = ([new.file.clone()], [new]);
        for _ in 0..20 {
            assert!(held.hold(&files, &new, true, now).is_some());
        }
        held.edited("other", &["a".to_owned()]);
        assert!(held.hold(&files, &new, true, now).is_some());
        held.edited("r", &["a".to_owned()]);
        assert_eq!(held.hold(&files, &new, true, now), None);
    }

    proptest! {
        /// Whatever two sessions claim and when, an edit that was held back is not held back again in ten minutes, and no
        /// session holds back more than eight edits in a minute.
        #[test]
        fn held_edits_go_through_and_are_few(
            steps in prop::collection::vec((0_u64..30_000, 0_usize..12, 0_usize..3, 0_usize..40), 1..120),
        ) {
            let names: Vec<_> = (0..40).map(|number| number.to_string()).collect();
            let (mut edits, mut ms) = (Edits::new(), 0);
            let mut held: Vec<(u64, usize, usize)> = Vec::new();
            for (later, file, who, pattern) in steps {
                ms += later;
                let (alias, path) = (["eve", "bob", "joe"][who], names[file].as_str());
                if edits.edit(ms, &[path], &[(alias, &names[pattern])]) != Held {
                    continue;
                }
                prop_assert!(held.iter().all(|(at, before, _)| *before != file || ms >= at + 600_000));
                held.push((ms, file, who));
                let recent = held.iter().filter(|(at, _, by)| *by == who && ms < at + 60_000);
                prop_assert!(recent.count() <= 8);
            }
        }
    }
}
