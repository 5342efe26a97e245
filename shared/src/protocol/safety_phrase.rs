//! Safety phrases: words that two people compare to rule out a man in the middle between their sessions.

use sha2::{Digest, Sha256};

use crate::protocol::words::{ADJECTIVES, NOUNS};

/// Words of a phrase. Each encodes 8 bits, so the phrase encodes as many bits as a fingerprint.
const WORDS: usize = 8;

/// Iterations of the digest. A man in the middle shows each session a key of its own and searches for a pair of keys
/// that makes both phrases equal: with 64 bits that takes about 2^32 pairs, each with all of these iterations. For a
/// person the iterations take a fraction of a second.
const STEPS: u32 = 1 << 20;

/// The safety phrase of two fingerprints, the same in either order: the first 8 bytes of D(2^20), adjective and
/// noun in turn, where D(0) = SHA-256("aj1 verify" ‖ the lower one ‖ the higher one) and
/// D(n + 1) = SHA-256(D(n) ‖ the lower one ‖ the higher one).
#[must_use]
pub fn safety_phrase(one: &str, other: &str) -> String {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let step = |before: &[u8]| {
        Sha256::new().chain_update(before).chain_update(low).chain_update(high).finalize()
    };
    let digest = (0..STEPS).fold(step(b"aj1 verify"), |digest, _| step(&digest));
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
        assert_eq!(safety_phrase(a, b), "smooth kettle joyful robin wide linden sweet fox");
    }

    #[test]
    fn any_other_fingerprint_makes_another_phrase() {
        let phrase = safety_phrase("0123456789abcdef", "fedcba9876543210");
        assert_eq!(phrase.split(' ').count(), WORDS);
        assert_ne!(phrase, safety_phrase("0123456789abcdee", "fedcba9876543210"));
        assert_ne!(phrase, safety_phrase("0123456789abcdef", "fedcba9876543211"));
    }
}
