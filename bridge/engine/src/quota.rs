//! A limit on how often something happens in a stretch of time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A sliding window: in any stretch of time `per`, at most `most` are taken.
#[derive(Clone, Debug)]
pub struct Quota {
    most: usize,
    per: Duration,
    taken: VecDeque<Instant>,
}

impl Quota {
    /// A quota of `most` in any stretch of `per`. `usize::MAX` is no limit.
    pub fn new(most: usize, per: Duration) -> Self {
        Self { most, per, taken: VecDeque::new() }
    }

    /// When one more may be taken; `None` for at once. A quota of zero is always one window away.
    pub fn full_until(&self, now: Instant) -> Option<Instant> {
        let within = self.taken.iter().filter(|taken| now < **taken + self.per);
        if within.count() < self.most {
            return None;
        }
        // The next one fits when this one leaves the window.
        let leaves = self.taken.len().checked_sub(self.most).and_then(|at| self.taken.get(at));
        Some(leaves.copied().unwrap_or(now) + self.per)
    }

    /// Takes one, even if there was no room.
    pub fn take(&mut self, now: Instant) {
        if self.most == usize::MAX {
            return;
        }
        self.taken.retain(|taken| now < *taken + self.per);
        if self.taken.len() == self.most.max(1) {
            self.taken.pop_front();
        }
        self.taken.push_back(now);
    }

    /// Gives back the one that was taken last.
    pub fn give_back(&mut self) {
        self.taken.pop_back();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PER: Duration = Duration::from_secs(60);

    #[test]
    fn room_comes_back_as_the_oldest_leaves() {
        let (mut quota, start) = (Quota::new(2, PER), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        quota.take(at(0));
        assert_eq!(quota.full_until(at(10)), None);
        quota.take(at(10));
        assert_eq!(quota.full_until(at(20)), Some(at(60)));
        assert_eq!(quota.full_until(at(60)), None);
        quota.take(at(60));
        assert_eq!(quota.full_until(at(61)), Some(at(70)));
    }

    #[test]
    fn a_quota_of_zero_never_has_room() {
        let (mut quota, now) = (Quota::new(0, PER), Instant::now());
        assert_eq!(quota.full_until(now), Some(now + PER));
        quota.take(now);
        assert_eq!(quota.full_until(now), Some(now + PER));
    }

    #[test]
    fn without_a_limit_there_is_always_room_and_nothing_is_kept() {
        let (mut quota, now) = (Quota::new(usize::MAX, PER), Instant::now());
        quota.take(now);
        assert!(quota.full_until(now).is_none() && quota.taken.is_empty());
    }

    proptest! {
        #[test]
        fn no_window_holds_more(most in 1_usize..6, pauses in prop::collection::vec(0_u64..40, 0..60)) {
            let (mut quota, mut now) = (Quota::new(most, PER), Instant::now());
            let mut taken = Vec::new();
            for pause in pauses {
                now += Duration::from_secs(pause);
                match quota.full_until(now) {
                    None => {
                        quota.take(now);
                        taken.push(now);
                    }
                    Some(until) => {
                        prop_assert!(until > now && until <= now + PER);
                        prop_assert_eq!(quota.full_until(until), None);
                    }
                }
                let within = taken.iter().filter(|at| now < **at + PER).count();
                prop_assert!(within <= most && quota.taken.len() <= most);
            }
        }
    }
}
