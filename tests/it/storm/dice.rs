//! Chance that can be had again: the same seed, the same throws.

use std::cell::Cell;
use std::time::Duration;

/// One player's dice (SplitMix64: small, and good enough to choose by).
pub(super) struct Dice(Cell<u64>);

impl Dice {
    /// The dice of this player in the game of this seed.
    pub(super) fn new(seed: u64, player: usize) -> Self {
        let dice = Self(Cell::new(seed));
        let player = dice.next() ^ u64::try_from(player).expect("a small number");
        Self(Cell::new(player))
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to but without `end`.
    pub(super) fn below(&self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a small number");
        usize::try_from(self.next() % end).expect("less than a small number")
    }

    /// True once in `times` throws.
    pub(super) fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A time from `least` up to `most` milliseconds.
    pub(super) fn millis(&self, least: usize, most: usize) -> Duration {
        let millis = least + self.below(most - least);
        Duration::from_millis(u64::try_from(millis).expect("a small number"))
    }
}
