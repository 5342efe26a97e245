//! Random numbers that a seed repeats.

use std::cell::Cell;
use std::time::Duration;

/// A random number generator (SplitMix64: small, and good enough for choices).
pub(super) struct SeededRng(Cell<u64>);

impl SeededRng {
    /// The generator of this task in the run of this seed.
    pub(super) fn new(seed: u64, task: usize) -> Self {
        let rng = Self(Cell::new(seed));
        let task = rng.next() ^ u64::try_from(task).expect("a small number");
        Self(Cell::new(task))
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, exclusive.
    pub(super) fn below(&self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a small number");
        usize::try_from(self.next() % end).expect("less than a small number")
    }

    /// True with a probability of 1 in `times`.
    pub(super) fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A time from `least` to `most` milliseconds, exclusive.
    pub(super) fn millis(&self, least: usize, most: usize) -> Duration {
        let millis = least + self.below(most - least);
        Duration::from_millis(u64::try_from(millis).expect("a small number"))
    }
}
