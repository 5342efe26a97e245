//! The pauses between dials: exponential backoff with full jitter.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// The longest first pause, doubled each time.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause of all.
const LONGEST: Duration = Duration::from_secs(5);

/// How long a connection has to last for the pauses to begin again. A hub that welcomes a bridge and hangs up is dialed no
/// more often than one that is not there.
const LASTING: Duration = LONGEST;

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

    /// Notes that a connection has ended which lasted this long.
    pub(crate) fn disconnected(&mut self, lasted: Duration) {
        if lasted >= LASTING {
            self.reset();
        }
    }

    /// Begins again with the first pause.
    pub(crate) fn reset(&mut self) {
        self.limit = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_begin_again_after_a_connection_that_lasted_longer_than_any_of_them() {
        let mut backoff = Backoff::new(1);
        (0..20).for_each(|_| _ = backoff.next_pause());
        backoff.disconnected(LONGEST - Duration::from_millis(1));
        assert_eq!(backoff.limit, LONGEST);
        backoff.disconnected(LONGEST);
        assert_eq!(backoff.limit, FIRST);
    }
}
