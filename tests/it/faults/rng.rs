//! Random numbers that a seed repeats.

use std::cell::RefCell;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// A random number generator that the parts of one task share.
pub(super) struct SeededRng(RefCell<SmallRng>);

impl SeededRng {
    /// The generator of this task in the run of this seed.
    pub(super) fn new(seed: u64, task: usize) -> Self {
        let run: u64 = SmallRng::seed_from_u64(seed).random();
        let task = run ^ u64::try_from(task).expect("a small number");
        Self(RefCell::new(SmallRng::seed_from_u64(task)))
    }

    /// A seed for a generator in the code under test.
    pub(super) fn seed(&self) -> u64 {
        self.0.borrow_mut().random()
    }

    /// A number from 0 to `end`, exclusive.
    pub(super) fn below(&self, end: usize) -> usize {
        self.0.borrow_mut().random_range(..end)
    }

    /// True with a probability of 1 in `times`.
    pub(super) fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A time from `least` to `most` milliseconds, exclusive.
    pub(super) fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.0.borrow_mut().random_range(least..most))
    }
}
