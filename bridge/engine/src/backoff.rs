//! The pauses between dials: exponential backoff with full jitter.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// The longest first pause, doubled each time.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause of all.
const LONGEST: Duration = Duration::from_secs(5);

/// The pauses between dials. Bridges that lost their hub at one moment dial it again at different ones.
pub(crate) struct Backoff {
    limit: Duration,
    rng: SmallRng,
}

impl Backoff {
    /// A backoff at its first pause. Pauses follow from the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { limit: FIRST, rng: SmallRng::seed_from_u64(seed) }
    }

    /// A random part of the longest pause allowed now, which doubles for the next call.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let pause = self.limit.mul_f64(self.rng.random());
        self.limit = (self.limit * 2).min(LONGEST);
        pause
    }

    /// Begins again with the first pause.
    pub(crate) fn reset(&mut self) {
        self.limit = FIRST;
    }
}
