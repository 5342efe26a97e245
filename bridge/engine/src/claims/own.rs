//! What this session claims in a repository, and what it has changed there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use junction_shared::protocol::codec::encode;
use junction_shared::protocol::limits::{
    MAX_CLAIMS, MAX_CLAIMS_STATE, MAX_TOUCHED, MAX_TTL_SECONDS, TOUCHED,
};
use junction_shared::protocol::wire::{ClaimGroup, SharedClaims, TouchedPath};

use super::pattern::Pattern;
use super::request::{ClaimError, Release, check_note, check_path, shown_note};

/// The longest time of a claim.
pub(super) const LONGEST_CLAIM: Duration = Duration::from_secs(MAX_TTL_SECONDS);
/// What a touched path takes in the encoded state beside its text, at most.
const TOUCHED_BYTES: usize = 16;

/// A claim of this session.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OwnClaim {
    pub(super) pattern: Pattern,
    pub(super) note: Option<Arc<str>>,
    pub(super) counter: u64,
    pub(super) made: Instant,
    pub(super) ends: Instant,
}

/// What this session claims, by the pattern, and when it has changed which path last.
#[derive(Clone, Default)]
pub(super) struct OwnClaims {
    claims: BTreeMap<String, OwnClaim>,
    touched: BTreeMap<String, Instant>,
}

/// What is claimed at once.
pub(super) struct NewClaims<'a> {
    pub(super) paths: &'a [String],
    pub(super) note: Option<&'a str>,
    pub(super) ttl: Duration,
    /// The counter of the patterns that were not claimed before.
    pub(super) counter: u64,
}

impl OwnClaims {
    /// Claims patterns, all of them or none. One that is claimed already keeps its counter, and gets the time, and
    /// the note if there is one.
    ///
    /// # Errors
    /// Why nothing was claimed.
    pub(super) fn claim(&mut self, new: &NewClaims<'_>, now: Instant) -> Result<(), ClaimError> {
        new.paths.iter().try_for_each(|path| check_path(path))?;
        check_note(new.note)?;
        let note = new.note.map(|note| Arc::from(shown_note(note)));
        let mut claims = self.claims.clone();
        for path in new.paths {
            let ends = now + new.ttl.min(LONGEST_CLAIM);
            let claim = claims.entry(path.clone()).or_insert_with(|| OwnClaim {
                pattern: Pattern::new(path),
                note: None,
                counter: new.counter,
                made: now,
                ends,
            });
            claim.ends = ends;
            claim.note = note.clone().or(claim.note.take());
        }
        if claims.len() > MAX_CLAIMS {
            return Err(ClaimError::TooMany(MAX_CLAIMS));
        }
        let state = SharedClaims { claims: groups(&claims, now), ..SharedClaims::default() };
        if encode(&state).len() > MAX_CLAIMS_STATE {
            return Err(ClaimError::TooLarge(MAX_CLAIMS_STATE));
        }
        self.claims = claims;
        Ok(())
    }

    /// Releases claims. True if there were any.
    pub(super) fn release(&mut self, what: &Release) -> bool {
        let before = self.claims.len();
        match what {
            Release::All => self.claims.clear(),
            Release::Paths(paths) => paths.iter().for_each(|path| _ = self.claims.remove(path)),
        }
        self.claims.len() < before
    }

    /// Notes that these paths have been changed. True if one of them was not among those of the last minutes. Beyond the
    /// bound the oldest go.
    pub(super) fn touch(&mut self, paths: &[String], now: Instant) -> bool {
        let mut is_news = false;
        for path in paths.iter().filter(|path| check_path(path).is_ok()) {
            is_news |= self.touched.insert(path.clone(), now).is_none();
            if self.touched.len() > MAX_TOUCHED {
                let oldest = self.touched.iter().min_by_key(|(_, at)| **at);
                oldest.map(|(path, _)| path.clone()).map(|path| self.touched.remove(&path));
            }
        }
        is_news
    }

    /// Drops what has outlived its time. True if a claim has.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let before = self.claims.len();
        self.claims.retain(|_, claim| claim.ends > now);
        self.touched.retain(|_, at| *at + TOUCHED > now);
        self.claims.len() < before
    }

    /// The claims, in the order of their patterns.
    pub(super) fn claims(&self) -> impl Iterator<Item = &OwnClaim> {
        self.claims.values()
    }

    /// How many paths were changed a moment ago.
    pub(super) fn touched(&self) -> usize {
        self.touched.len()
    }

    /// Whether this pattern is claimed.
    pub(super) fn has(&self, path: &str) -> bool {
        self.claims.contains_key(path)
    }

    /// The state to send. Touched paths yield to claims, and older ones to newer ones.
    pub(super) fn state(&self, ignores_case: bool, now: Instant) -> SharedClaims {
        let claims = groups(&self.claims, now);
        let mut state = SharedClaims { ignores_case, claims, touched: Vec::new() };
        let mut newest: Vec<_> = self.touched.iter().collect();
        newest.sort_unstable_by_key(|(_, at)| std::cmp::Reverse(**at));
        let mut room = MAX_CLAIMS_STATE.saturating_sub(encode(&state).len() + TOUCHED_BYTES);
        for (path, at) in newest {
            let Some(left) = room.checked_sub(path.len() + TOUCHED_BYTES) else { break };
            room = left;
            let age_ms = millis(now.saturating_duration_since(*at));
            state.touched.push(TouchedPath { path: path.clone(), age_ms });
        }
        state
    }
}

/// The claims, those together that differ in their patterns alone.
fn groups(claims: &BTreeMap<String, OwnClaim>, now: Instant) -> Vec<ClaimGroup> {
    let mut groups: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (path, claim) in claims {
        let together = (claim.counter, claim.made, claim.ends, claim.note.as_deref());
        groups.entry(together).or_default().push(path.clone());
    }
    let group =
        |((counter, made, ends, note), paths): ((u64, Instant, Instant, Option<&str>), _)| {
            let age_ms = millis(now.saturating_duration_since(made));
            let left_ms = millis(ends.saturating_duration_since(now));
            ClaimGroup { note: note.map(str::to_owned), age_ms, left_ms, counter, paths }
        };
    groups.into_iter().map(group).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn paths(count: usize, length: usize) -> Vec<String> {
        (0..count).map(|n| format!("{n:0length$}")).collect()
    }

    fn claim(
        own: &mut OwnClaims,
        paths: &[String],
        counter: u64,
        now: Instant,
    ) -> Result<(), ClaimError> {
        own.claim(&NewClaims { paths, note: Some("why"), ttl: MINUTE, counter }, now)
    }

    #[test]
    fn claims_are_taken_all_or_none() {
        let (mut own, now) = (OwnClaims::default(), Instant::now());
        let bad = [paths(2, 3), vec!["../x".to_owned()]].concat();
        assert_eq!(claim(&mut own, &bad, 1, now), Err(ClaimError::BadPath));
        assert_eq!(claim(&mut own, &paths(513, 3), 1, now), Err(ClaimError::TooMany(512)));
        assert_eq!(claim(&mut own, &paths(512, 150), 1, now), Err(ClaimError::TooLarge(65_536)));
        assert_eq!(own.claims().count(), 0);
        assert_eq!(claim(&mut own, &paths(512, 100), 1, now), Ok(()));
        assert_eq!(claim(&mut own, &["x".to_owned()], 1, now), Err(ClaimError::TooMany(512)));
        assert!(encode(&own.state(false, now)).len() <= MAX_CLAIMS_STATE);
    }

    #[test]
    fn claim_that_is_renewed_keeps_its_counter_and_its_age() {
        let (mut own, now) = (OwnClaims::default(), Instant::now());
        claim(&mut own, &["a".to_owned()], 3, now).unwrap();
        let later = now + MINUTE / 2;
        claim(&mut own, &["a".to_owned(), "b".to_owned()], 9, later).unwrap();
        let state = own.state(false, later);
        let group = |at: usize| {
            (state.claims[at].counter, state.claims[at].age_ms, state.claims[at].left_ms)
        };
        assert_eq!((group(0), group(1)), ((3, 30_000, 60_000), (9, 0, 60_000)));
        assert!(!own.expire(later) && own.expire(later + MINUTE));
        assert_eq!(own.claims().count(), 0);
    }

    #[test]
    fn regression_claim_that_is_renewed_without_a_note_keeps_the_one_it_has() {
        let (mut own, now) = (OwnClaims::default(), Instant::now());
        for (note, kept) in [(Some("why"), "why"), (None, "why"), (Some("how"), "how")] {
            let paths = ["a".to_owned()];
            own.claim(&NewClaims { paths: &paths, note, ttl: MINUTE, counter: 1 }, now).unwrap();
            assert_eq!(own.state(false, now).claims[0].note.as_deref(), Some(kept));
        }
    }

    #[test]
    fn regression_control_character_is_named_as_what_is_wrong_with_a_path() {
        let mut own = OwnClaims::default();
        for (path, error) in [
            ("a\nb", ClaimError::ControlCharacter),
            ("a//b", ClaimError::BadPath),
            ("/a", ClaimError::BadPath),
        ] {
            assert_eq!(
                claim(&mut own, &[path.to_owned()], 1, Instant::now()),
                Err(error),
                "{path}"
            );
        }
    }

    #[test]
    fn claims_that_were_made_together_are_told_together() {
        let (mut own, now) = (OwnClaims::default(), Instant::now());
        claim(&mut own, &paths(20, 4), 1, now).unwrap();
        assert_eq!(own.state(true, now).claims.len(), 1);
        assert!(own.release(&Release::Paths(vec!["0003".to_owned(), "none".to_owned()])));
        assert!(!own.release(&Release::Paths(vec!["none".to_owned()])));
        assert_eq!(own.state(true, now).claims[0].paths.len(), 19);
        assert!(own.release(&Release::All) && own.state(true, now).claims.is_empty());
    }

    #[test]
    fn touched_paths_are_the_newest_and_yield_to_claims() {
        let (mut own, now) = (OwnClaims::default(), Instant::now());
        assert!(own.touch(&["old".to_owned()], now));
        assert!(!own.touch(&["old".to_owned(), "../no".to_owned()], now));
        let later = now + Duration::from_secs(1);
        assert!(own.touch(&paths(256, 200), later));
        let state = own.state(false, later);
        assert_eq!(state.touched.len(), 256);
        assert!(state.touched.iter().all(|touched| touched.path != "old"));
        claim(&mut own, &paths(500, 100), 1, later).unwrap();
        let state = own.state(false, later);
        assert!(state.touched.len() < 100 && encode(&state).len() <= MAX_CLAIMS_STATE);
        own.expire(later + TOUCHED);
        assert!(own.state(false, later + TOUCHED).touched.is_empty());
    }
}
