//! A rate limit that allows bursts.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket, stored as the moment at which it will be full again, so that it needs no timer: the
/// generic cell rate algorithm (ITU-T I.371) in its virtual scheduling form.
#[derive(Clone, Debug)]
pub(crate) struct TokenBucket {
    /// How long it takes to refill one token.
    refill_time: Duration,
    /// How long it takes to refill all tokens.
    burst_time: Duration,
    full_at: Instant,
}

impl TokenBucket {
    /// Creates a full bucket of `burst` tokens that refills at `rate` tokens per second.
    pub(crate) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        let refill_time = Duration::from_secs(1) / rate;
        Self { refill_time, burst_time: refill_time * burst, full_at: now }
    }

    /// Takes tokens, going into debt if necessary. Returns how long it takes to pay off the debt.
    pub(crate) fn take(&mut self, tokens: u32, now: Instant) -> Duration {
        self.full_at = self.full_at.max(now) + self.refill_time * tokens;
        (self.full_at - now).saturating_sub(self.burst_time)
    }

    /// Takes one token if there is one. Returns whether there was.
    pub(crate) fn try_take(&mut self, now: Instant) -> bool {
        let is_there = !self.is_empty(now);
        if is_there {
            self.take(1, now);
        }
        is_there
    }

    /// Returns whether less than one token is left.
    pub(crate) fn is_empty(&self, now: Instant) -> bool {
        self.full_at.saturating_duration_since(now) + self.refill_time > self.burst_time
    }

    /// Returns whether at least half of the tokens are there.
    pub(crate) fn is_half_full(&self, now: Instant) -> bool {
        self.full_at.saturating_duration_since(now) * 2 <= self.burst_time
    }

    /// Returns whether all tokens are there.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_free_and_what_follows_waits() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(10, 5, now);
        for _ in 0..5 {
            assert_eq!(bucket.take(1, now), Duration::ZERO);
        }
        assert!(bucket.is_empty(now) && !bucket.try_take(now));
        assert_eq!(bucket.take(1, now), Duration::from_millis(100));
        assert_eq!(bucket.take(3, now), Duration::from_millis(400));
        let later = now + Duration::from_millis(900);
        assert!(bucket.is_full(later) && !bucket.is_empty(later));
        assert_eq!(bucket.take(5, later), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_more_than_burst_plus_rate_pass(
            rate in 1_u32..1000,
            burst in 1_u32..1000,
            steps in proptest::collection::vec(0_u64..50, 1..200),
        ) {
            let begun = Instant::now();
            let mut bucket = TokenBucket::new(rate, burst, begun);
            let (mut now, mut passed) = (begun, 0_u32);
            for step in steps {
                now += Duration::from_millis(step);
                passed += u32::from(bucket.try_take(now));
                let due = f64::from(burst) + (now - begun).as_secs_f64() * f64::from(rate);
                prop_assert!(f64::from(passed) <= due + 0.001, "{passed} of {due}");
            }
        }
    }
}
