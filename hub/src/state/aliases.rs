//! Which peer owns which alias. Aliases that people could confuse count as the same.

use std::collections::HashMap;

use junction_shared::protocol::alias::{Alias, Folded};
use junction_shared::protocol::id::{PeerKey, SeatKey};
use rand::RngExt;

/// Generated aliases to try before a number is appended: with half of all 65,536 taken, one in 65,536
/// searches gets that far.
const ATTEMPTS: usize = 16;
/// The numbers tried behind a requested alias that is taken.
const NUMBERS: std::ops::RangeInclusive<u32> = 2..=99;

/// Who has an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AliasOwner {
    /// A peer whose session has not ended.
    Peer(PeerKey),
    /// A seat whose bridge has left, until its session comes back.
    Seat(SeatKey),
}

/// The owners of all aliases, by the folded form in which similar aliases are equal.
#[derive(Default)]
pub(super) struct Aliases(HashMap<Folded, AliasOwner>);

impl Aliases {
    /// Returns the owner of this alias or of one too similar.
    pub(super) fn owner(&self, alias: &Alias) -> Option<AliasOwner> {
        self.0.get(&alias.fold()).copied()
    }

    /// Assigns the alias to a peer, even if another owns it.
    pub(super) fn give(&mut self, alias: &Alias, key: PeerKey) {
        self.0.insert(alias.fold(), AliasOwner::Peer(key));
    }

    /// Keeps the alias for a seat, even if another owns it.
    pub(super) fn keep(&mut self, alias: &Alias, seat: SeatKey) {
        self.0.insert(alias.fold(), AliasOwner::Seat(seat));
    }

    /// Releases an alias.
    pub(super) fn free(&mut self, alias: &Alias) {
        self.0.remove(&alias.fold());
    }

    /// Returns a free alias close to one that is taken.
    pub(super) fn like(&self, wish: &Alias, rng: &mut impl RngExt) -> Alias {
        let numbered = NUMBERS.filter_map(|n| wish.numbered(n)).find(|alias| self.is_free(alias));
        numbered.unwrap_or_else(|| self.any(rng))
    }

    /// Returns a free generated alias.
    pub(super) fn any(&self, rng: &mut impl RngExt) -> Alias {
        let generated =
            (0..ATTEMPTS).map(|_| Alias::generate(rng)).find(|alias| self.is_free(alias));
        generated.unwrap_or_else(|| self.any_numbered(rng))
    }

    /// Returns a free generated alias with a random number. There are more of these than a hub can have
    /// peers.
    fn any_numbered(&self, rng: &mut impl RngExt) -> Alias {
        loop {
            let number = rng.random_range(2..=u32::MAX);
            let alias = Alias::generate(rng).numbered(number);
            if let Some(alias) = alias.filter(|alias| self.is_free(alias)) {
                return alias;
            }
        }
    }

    /// Returns the number of taken aliases.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn is_free(&self, alias: &Alias) -> bool {
        !self.0.contains_key(&alias.fold())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn a_taken_alias_gets_the_first_free_number() {
        let mut aliases = Aliases::default();
        let wish = Alias::parse("worker").unwrap();
        for taken in ["worker", "worker-2", "w-orker-3"] {
            aliases.give(&Alias::parse(taken).unwrap(), PeerKey([1; 32]));
        }
        assert_eq!(aliases.like(&wish, &mut SmallRng::seed_from_u64(1)).as_str(), "worker-4");
    }

    #[test]
    fn an_alias_whose_numbers_are_all_taken_gets_a_generated_one() {
        let mut aliases = Aliases::default();
        let wish = Alias::parse("worker").unwrap();
        for number in NUMBERS {
            aliases.give(&wish.numbered(number).unwrap(), PeerKey([1; 32]));
        }
        let alias = aliases.like(&wish, &mut SmallRng::seed_from_u64(1));
        assert_eq!(aliases.owner(&alias), None);
    }

    #[test]
    fn numbered_aliases_never_run_out() {
        let mut aliases = Aliases::default();
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..100 {
            let alias = aliases.any_numbered(&mut rng);
            assert_eq!(aliases.owner(&alias), None);
            aliases.give(&alias, PeerKey([1; 32]));
        }
    }
}
