//! What another session claims in a repository, and what it has changed there, as it said last.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use junction_shared::protocol::limits::{MAX_CLAIMS, MAX_TOUCHED, TOUCHED};
use junction_shared::protocol::wire::SharedClaims;

use super::own::LONGEST_CLAIM;
use super::pattern::Pattern;
use super::request::{check_note, check_path, shown_note};

/// The oldest age of a claim that is believed: more is shown as this.
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A claim of another session.
pub(super) struct HeardClaim {
    pub(super) pattern: Pattern,
    pub(super) note: Option<String>,
    pub(super) counter: u64,
    pub(super) made: Instant,
    pub(super) ends: Instant,
    /// Whether it was compared with all claims of this session, and the agent knows of a conflict, if there is one.
    pub(super) is_checked: bool,
    /// Whether the agent was told of a conflict with it.
    pub(super) is_told: bool,
}

/// A path that another session has changed.
pub(super) struct HeardTouch {
    pub(super) pattern: Pattern,
    pub(super) at: Instant,
}

/// The newest state of another session.
#[derive(Default)]
pub(super) struct HeardState {
    pub(super) ignores_case: bool,
    pub(super) claims: Vec<HeardClaim>,
    pub(super) touched: Vec<HeardTouch>,
}

impl HeardState {
    /// The content of a state that came now; nothing if it breaks a limit.
    pub(super) fn read(state: &SharedClaims, now: Instant) -> Option<Self> {
        let count: usize = state.claims.iter().map(|group| group.paths.len()).sum();
        if count > MAX_CLAIMS || state.touched.len() > MAX_TOUCHED {
            return None;
        }
        let mut claims = Vec::with_capacity(count);
        for group in &state.claims {
            check_note(group.note.as_deref()).ok()?;
            let (made, ends) = (
                before(now, group.age_ms),
                now + Duration::from_millis(group.left_ms).min(LONGEST_CLAIM),
            );
            for path in &group.paths {
                check_path(path).ok()?;
                let pattern = Pattern::new(path);
                let (note, counter) = (group.note.as_deref().map(shown_note), group.counter);
                let (is_checked, is_told) = (false, false);
                claims.push(HeardClaim { pattern, note, counter, made, ends, is_checked, is_told });
            }
        }
        let touched = state.touched.iter().map(|touched| {
            check_path(&touched.path).ok()?;
            let at = before(now, touched.age_ms);
            Some(HeardTouch { pattern: Pattern::literal(&touched.path), at })
        });
        let touched = touched.collect::<Option<_>>()?;
        let mut heard = Self { ignores_case: state.ignores_case, claims, touched };
        heard.expire(now);
        Some(heard)
    }

    /// Takes over what is known of the claims that were there before.
    pub(super) fn follow(&mut self, before: &Self) {
        let id = |claim: &HeardClaim| (claim.counter, claim.pattern.path().to_owned());
        let checked = before.claims.iter().filter(|claim| claim.is_checked);
        let checked: BTreeMap<_, _> = checked.map(|claim| (id(claim), claim.is_told)).collect();
        for claim in &mut self.claims {
            if let Some(is_told) = checked.get(&id(claim)) {
                claim.is_told = *is_told;
                claim.is_checked = *is_told || before.ignores_case == self.ignores_case;
            }
        }
    }

    /// How much there is.
    pub(super) fn size(&self) -> usize {
        self.claims.len() + self.touched.len()
    }

    /// Whether a claim is still to be compared.
    pub(super) fn has_unchecked(&self) -> bool {
        self.claims.iter().any(|claim| !claim.is_checked)
    }

    /// Drops what has outlived its time.
    pub(super) fn expire(&mut self, now: Instant) {
        self.claims.retain(|claim| claim.ends > now);
        self.touched.retain(|touched| touched.at + TOUCHED > now);
    }

    /// Whether nothing is claimed and nothing was changed.
    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty() && self.touched.is_empty()
    }
}

/// The time so many milliseconds ago.
fn before(now: Instant, age_ms: u64) -> Instant {
    now.checked_sub(Duration::from_millis(age_ms).min(OLDEST)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::wire::{ClaimGroup, TouchedPath};

    use super::*;

    fn group(paths: usize) -> ClaimGroup {
        let paths = (0..paths).map(|n| n.to_string()).collect();
        ClaimGroup { note: Some("a\nb".to_owned()), age_ms: 1, left_ms: 1_000, counter: 1, paths }
    }

    fn state(groups: Vec<ClaimGroup>) -> SharedClaims {
        SharedClaims { claims: groups, ..SharedClaims::default() }
    }

    fn touched(path: &str, age_ms: u64) -> TouchedPath {
        TouchedPath { path: path.to_owned(), age_ms }
    }

    #[test]
    fn state_that_breaks_a_limit_is_no_state() {
        let now = Instant::now();
        assert!(HeardState::read(&state(vec![group(512)]), now).is_some());
        let long = |note: usize| Some("x".repeat(note));
        for bad in [
            state(vec![group(256), group(257)]),
            state(vec![ClaimGroup { paths: vec!["../x".to_owned()], ..group(0) }]),
            state(vec![ClaimGroup { note: long(121), ..group(1) }]),
            SharedClaims { touched: vec![touched("x", 0); 257], ..SharedClaims::default() },
            SharedClaims { touched: vec![touched("/x", 0)], ..SharedClaims::default() },
        ] {
            assert!(HeardState::read(&bad, now).is_none());
        }
    }

    #[test]
    fn regression_only_claims_that_are_new_are_compared_again() {
        let now = Instant::now();
        let read = |said: &SharedClaims| HeardState::read(said, now).unwrap();
        let mut before = read(&state(vec![group(3)]));
        before.claims[0].is_checked = true;
        (before.claims[1].is_checked, before.claims[1].is_told) = (true, true);
        let marks = |said: &SharedClaims| {
            let mut next = read(said);
            next.follow(&before);
            next.claims.iter().map(|claim| (claim.is_checked, claim.is_told)).collect::<Vec<_>>()
        };
        let (known, told, new) = ((true, false), (true, true), (false, false));
        let touched = SharedClaims { touched: vec![touched("a", 0)], ..state(vec![group(4)]) };
        assert_eq!(marks(&touched), [known, told, new, new]);
        let again = state(vec![ClaimGroup { counter: 2, ..group(2) }]);
        assert_eq!(marks(&again), [new, new], "another claim of the same paths");
        let ignores_case = SharedClaims { ignores_case: true, ..state(vec![group(2)]) };
        assert_eq!(marks(&ignores_case), [new, told]);
    }

    #[test]
    fn times_are_bounded_and_what_has_ended_is_left_out() {
        let now = Instant::now();
        let far = ClaimGroup { age_ms: u64::MAX, left_ms: u64::MAX, ..group(1) };
        let ended = ClaimGroup { left_ms: 0, ..group(1) };
        let said = SharedClaims {
            touched: vec![touched("a", 0), touched("b", u64::MAX)],
            ..state(vec![far, ended])
        };
        let mut heard = HeardState::read(&said, now).unwrap();
        assert_eq!((heard.claims.len(), heard.touched.len()), (1, 1));
        assert_eq!(heard.claims[0].ends, now + LONGEST_CLAIM);
        assert_eq!(heard.claims[0].note.as_deref(), Some("a b"));
        heard.expire(now + LONGEST_CLAIM);
        assert!(heard.is_empty());
    }
}
