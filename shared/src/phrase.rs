//! Words that two people compare to know that their sessions see each other and nobody in between.

use sha2::{Digest, Sha256};

use crate::words::{ADJECTIVES, NOUNS};

/// Words of a phrase. Each stands for 8 bits, so that all of them stand for as many as a fingerprint has.
const WORDS: usize = 8;

/// The safety phrase of two fingerprints, the same in either order: the first 8 bytes of
/// SHA-256("aj1 verify" ‖ the lower one ‖ the higher one), adjective and noun in turn.
#[must_use]
pub fn safety_phrase(one: &str, other: &str) -> String {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let digest = Sha256::new().chain_update("aj1 verify").chain_update(low).chain_update(high);
    let digest = digest.finalize();
    let word = |(at, byte): (usize, &u8)| {
        let list = if at % 2 == 0 { &ADJECTIVES } else { &NOUNS };
        list[usize::from(*byte)]
    };
    digest.iter().take(WORDS).enumerate().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrase_is_the_same_either_way_and_has_its_frozen_form() {
        let (a, b) = ("0123456789abcdef", "fedcba9876543210");
        assert_eq!(safety_phrase(a, b), safety_phrase(b, a));
        assert_eq!(safety_phrase(a, b), "square breeze loyal rocket eastern temple modest reef");
    }

    #[test]
    fn any_other_fingerprint_makes_another_phrase() {
        let phrase = safety_phrase("0123456789abcdef", "fedcba9876543210");
        assert_eq!(phrase.split(' ').count(), WORDS);
        assert_ne!(phrase, safety_phrase("0123456789abcdee", "fedcba9876543210"));
        assert_ne!(phrase, safety_phrase("0123456789abcdef", "fedcba9876543211"));
    }
}
