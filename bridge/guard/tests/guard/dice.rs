//! Random characters from a seed: the same ones in every run.

/// A generator of numbers, <https://doi.org/10.18637/jss.v008.i14> (xorshift), good enough to draw characters with.
pub(crate) struct Dice(u64);

impl Dice {
    /// The generator that starts with `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
    }

    /// `length` characters of `set`.
    pub(crate) fn draw(&mut self, set: &str, length: usize) -> String {
        let set: Vec<char> = set.chars().collect();
        (0..length).map(|_| set[self.below(set.len())]).collect()
    }
}
