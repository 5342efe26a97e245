//! Aliases: the names by which people and models address a peer.

use std::fmt;

use rand::RngExt;

use crate::protocol::words::{ADJECTIVES, NOUNS};

/// The minimum length of an alias, in characters.
pub const MIN_ALIAS: usize = 3;
/// The maximum length of an alias, in characters.
pub const MAX_ALIAS: usize = 32;

/// The name of a peer on one hub: 3 to 32 of `a`–`z`, `0`–`9` and `-`, not hyphens alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Alias(String);

/// A text is not an alias. The error never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "That cannot be an alias. Choose {MIN_ALIAS} to {MAX_ALIAS} of the characters a-z, 0-9 and hyphen, \
     with at least one letter or digit."
)]
pub struct BadAlias;

/// The folded form of an alias. Aliases that people could confuse have the same one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Folded(String);

impl Alias {
    /// Parses an alias.
    ///
    /// # Errors
    /// [`BadAlias`] if it has the wrong length, another character, or hyphens alone.
    pub fn parse(text: &str) -> Result<Self, BadAlias> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let sized = (MIN_ALIAS..=MAX_ALIAS).contains(&text.len());
        // A name of hyphens alone would fold to the empty text.
        if sized && text.bytes().all(allowed) && text.bytes().any(|b| b != b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadAlias)
        }
    }

    /// A random `adjective-noun`, one of 65,536 that all fold to different forms.
    #[must_use]
    pub fn generate(rng: &mut impl RngExt) -> Self {
        let adjective = ADJECTIVES[rng.random_range(..ADJECTIVES.len())];
        let noun = NOUNS[rng.random_range(..NOUNS.len())];
        Self(format!("{adjective}-{noun}"))
    }

    /// The alias with a number appended (`wish` → `wish-2`). The stem is cut if the result would be too long; `None` if
    /// no stem is left.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Option<Self> {
        let number = n.to_string();
        let room = MAX_ALIAS - number.len() - 1;
        let stem = &self.0[..self.0.len().min(room)];
        let stem = stem.trim_end_matches('-');
        if stem.is_empty() { None } else { Self::parse(&format!("{stem}-{number}")).ok() }
    }

    /// The folded form: no hyphens, `o` as `0`, `i` and `l` as `1`.
    #[must_use]
    pub fn fold(&self) -> Folded {
        Folded(fold(&self.0))
    }

    /// The alias as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fold(text: &str) -> String {
    let folded = |c| match c {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    };
    text.chars().filter(|c| *c != '-').map(folded).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    fn alias(text: &str) -> Alias {
        Alias::parse(text).unwrap()
    }

    #[test]
    fn parse_takes_what_the_grammar_says() {
        for good in ["abc", "a-b", "--a", "007", "worker-1", &"x".repeat(32)] {
            assert_eq!(alias(good).as_str(), good);
        }
        let bad = [
            "",
            "ab",
            "---",
            "Abc",
            "a b",
            "a_b",
            "../",
            "bär",
            "аbc",
            "abc\n",
            "a\0b",
            &"x".repeat(33),
        ];
        for bad in bad {
            assert_eq!(Alias::parse(bad), Err(BadAlias), "{bad:?}");
        }
    }

    #[test]
    fn refusal_says_what_to_choose() {
        assert_eq!(
            BadAlias.to_string(),
            "That cannot be an alias. Choose 3 to 32 of the characters a-z, 0-9 and hyphen, with at least \
             one letter or digit."
        );
    }

    #[test]
    fn look_alikes_fold_to_one_form() {
        for (one, other) in
            [("fool", "f001"), ("worker-1", "worker1"), ("billy", "b-111y"), ("a-b-c", "abc")]
        {
            assert_eq!(alias(one).fold(), alias(other).fold(), "{one} {other}");
        }
        assert_ne!(alias("worker-1").fold(), alias("worker-2").fold());
    }

    #[test]
    fn words_are_short_lower_case_and_distinct_when_folded() {
        let words = || ADJECTIVES.iter().chain(&NOUNS);
        for word in words() {
            assert!((3..=8).contains(&word.len()), "{word}");
            assert!(word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
        }
        assert_eq!(words().map(|word| fold(word)).collect::<HashSet<_>>().len(), 512);
    }

    #[test]
    fn every_pair_of_words_folds_to_its_own_form() {
        let pairs =
            ADJECTIVES.iter().flat_map(|a| NOUNS.iter().map(move |n| fold(&format!("{a}-{n}"))));
        assert_eq!(pairs.collect::<HashSet<_>>().len(), 65_536);
    }

    #[test]
    fn generated_aliases_are_aliases_and_differ() {
        let mut rng = SmallRng::seed_from_u64(1);
        let made: HashSet<_> = (0..100).map(|_| Alias::generate(&mut rng)).collect();
        assert!(made.len() > 90);
        for made in made {
            assert_eq!(Alias::parse(made.as_str()), Ok(made));
        }
    }

    #[test]
    fn numbers_go_behind_the_stem() {
        let numbered = |text: &str, n| alias(text).numbered(n).map(|a| a.to_string());
        assert_eq!(numbered("wish", 2).as_deref(), Some("wish-2"));
        assert_eq!(numbered("wish-", 2).as_deref(), Some("wish-2"));
        assert_eq!(numbered(&"x".repeat(32), 12), Some(format!("{}-12", "x".repeat(29))));
        assert_eq!(numbered(&format!("{}x", "-".repeat(31)), 2), None);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in any::<String>()) {
            if let Ok(alias) = Alias::parse(&text) {
                prop_assert_eq!(alias.as_str(), text);
            }
        }

        #[test]
        fn numbered_aliases_are_aliases(text in "[a-z0-9-]{2,31}[a-z0-9]", n: u32) {
            if let Some(numbered) = alias(&text).numbered(n) {
                prop_assert_eq!(Alias::parse(numbered.as_str()), Ok(numbered.clone()));
                let number = format!("-{n}");
                prop_assert!(numbered.as_str().ends_with(&number));
            }
        }
    }
}
