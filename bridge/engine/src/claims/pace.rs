//! When the other sessions of a repository are to be told of what has changed: claims at once, as long as there are few, and
//! touched paths after a pause.

use std::time::{Duration, Instant};

/// The shortest time between two states because of touched paths, and in the long run of any two.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// How many states may go out at once because of claims. One comes back with each pause.
const BURST: usize = 8;
/// How many frames these states may be together, for all the sessions that get them, unless that is fewer than one state: of
/// the largest ones, the hub takes four times as many at once from a connection, and as many again in a second.
const MAX_BURST_FRAMES: usize = 256;

/// The pace of one repository.
#[derive(Default)]
pub(super) struct Pace {
    /// When all others are to be told of what has changed.
    due: Option<Instant>,
    /// When they were told last.
    told_at: Option<Instant>,
    /// When as many states may go out at once as at the beginning.
    full_at: Option<Instant>,
    /// Whether claims were made or released of which they were not told.
    owes_claims: bool,
}

impl Pace {
    /// Claims were made or released, which so many other sessions are to know at once, or as soon as there is room.
    pub(super) fn claims_changed(&mut self, others: usize, now: Instant) {
        let burst = (MAX_BURST_FRAMES / others.max(1)).clamp(1, BURST);
        let used = u32::try_from(burst - 1).unwrap_or_default() * PAUSE;
        let is_room = |full_at: Instant| full_at.checked_sub(used).unwrap_or(now);
        let room = self.full_at.map_or(now, is_room);
        let pause = self.told_at.map_or(now, |told| told + PAUSE);
        self.owes_claims = true;
        self.sooner(now.max(room.min(pause)));
    }

    /// Paths were touched, of which the others are to know this long after they were told last.
    pub(super) fn touched(&mut self, pause: Duration, now: Instant) {
        self.sooner(self.told_at.map_or(now, |told| now.max(told + pause)));
    }

    fn sooner(&mut self, due: Instant) {
        self.due = Some(self.due.map_or(due, |sooner| sooner.min(due)));
    }

    /// When the others are to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether claims were made or released of which the others are still to be told.
    pub(super) fn owes_claims(&self) -> bool {
        self.owes_claims
    }

    /// Whether it is time to tell the others. If so, they count as told of all that has changed.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        let begins = self.due.is_some_and(|due| due <= now);
        if begins {
            (self.due, self.told_at, self.owes_claims) = (None, Some(now), false);
            self.full_at = Some(self.full_at.map_or(now, |full_at| full_at.max(now)) + PAUSE);
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many states go out in this time if claims are made all the time.
    fn states(others: usize, seconds: u32) -> usize {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let moment = |n| start + SECOND / 20 * n;
        let told = (0..seconds * 20).filter(|n| {
            pace.claims_changed(others, moment(*n));
            pace.begins(moment(*n))
        });
        told.count()
    }

    #[test]
    fn some_claims_go_out_at_once_and_then_one_state_a_second() {
        assert_eq!((states(3, 1), states(3, 10), states(3, 100)), (8, 17, 107));
        assert_eq!(states(32, 1), 8);
        assert_eq!((states(64, 1), states(64, 10)), (4, 13));
        assert_eq!((states(1024, 1), states(1024, 10)), (1, 10), "as many as the hub takes");
    }

    #[test]
    fn touched_paths_wait_for_the_pause_and_go_with_a_claim() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.touched(SECOND, now);
        assert!(pace.begins(now) && pace.due().is_none(), "the first at once");
        pace.touched(60 * SECOND, now);
        assert!(!pace.begins(now + SECOND) && !pace.owes_claims());
        pace.touched(SECOND, now);
        assert_eq!(pace.due(), Some(now + SECOND));
        pace.claims_changed(1, now);
        assert!(pace.owes_claims() && pace.begins(now));
        assert!(!pace.owes_claims() && pace.due().is_none());
    }
}
