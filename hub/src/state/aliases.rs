//! Which alias is whose. Aliases that people could take for one another count as one.

use std::collections::{HashMap, HashSet};

use junction_shared::protocol::alias::{Alias, Folded};
use junction_shared::protocol::id::PeerKey;
use rand::RngExt;

/// Generated aliases that are tried before a number is added: with half of all 65,536 taken, one in
/// 65,536 searches gets that far.
const TRIES: usize = 16;
/// Numbers that are tried behind an alias someone wished for.
const NUMBERS: std::ops::RangeInclusive<u32> = 2..=99;

/// The owners of all aliases, by the form under which similar ones are equal.
#[derive(Default)]
pub(super) struct Aliases(HashMap<Folded, PeerKey>);

impl Aliases {
    /// Who has this alias, or one too similar.
    pub(super) fn owner(&self, alias: &Alias) -> Option<PeerKey> {
        self.0.get(&alias.fold()).copied()
    }

    /// Gives the alias to a peer, whoever had it.
    pub(super) fn give(&mut self, alias: &Alias, key: PeerKey) {
        self.0.insert(alias.fold(), key);
    }

    /// Frees an alias.
    pub(super) fn free(&mut self, alias: &Alias) {
        self.0.remove(&alias.fold());
    }

    /// A free alias close to a wish that is taken.
    pub(super) fn like(&self, wish: &Alias, rng: &mut impl RngExt) -> Alias {
        let numbered = NUMBERS.filter_map(|n| wish.numbered(n)).find(|alias| self.is_free(alias));
        numbered.unwrap_or_else(|| self.any(rng))
    }

    /// A free alias.
    pub(super) fn any(&self, rng: &mut impl RngExt) -> Alias {
        let generated = (0..TRIES).map(|_| Alias::generate(rng)).find(|alias| self.is_free(alias));
        generated.unwrap_or_else(|| self.any_numbered(rng))
    }

    /// A free alias with a random number: there are more of these than a hub can have peers.
    fn any_numbered(&self, rng: &mut impl RngExt) -> Alias {
        loop {
            let number = rng.random_range(2..=u32::MAX);
            let alias = Alias::generate(rng).numbered(number);
            if let Some(alias) = alias.filter(|alias| self.is_free(alias)) {
                return alias;
            }
        }
    }

    /// How many are taken.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn is_free(&self, alias: &Alias) -> bool {
        !self.0.contains_key(&alias.fold())
    }
}

/// Remembered at most. Beyond it no ticket counts any more: nobody gets back what they lost to a restart, and nobody
/// takes what is another's.
const MAX_RELEASED: usize = 65_536;

/// Aliases that their owners let go during the restart grace. Their tickets are still true, and must not take them
/// back from whoever has them now. Nothing after the restart grace, when tickets count no more.
pub(super) struct ReleasedAliases(Option<HashSet<(Alias, PeerKey)>>);

impl Default for ReleasedAliases {
    fn default() -> Self {
        Self(Some(HashSet::new()))
    }
}

impl ReleasedAliases {
    /// A peer has let an alias go.
    pub(super) fn add(&mut self, alias: &Alias, key: PeerKey) {
        if let Some(released) = self.0.as_mut().filter(|released| released.len() < MAX_RELEASED) {
            released.insert((alias.clone(), key));
        }
    }

    /// Whether it has.
    pub(super) fn has(&self, alias: &Alias, key: &PeerKey) -> bool {
        let was = |released: &HashSet<_>| {
            released.len() >= MAX_RELEASED || released.contains(&(alias.clone(), *key))
        };
        self.0.as_ref().is_some_and(was)
    }

    /// The restart grace is over.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn a_taken_wish_gets_the_first_free_number() {
        let mut aliases = Aliases::default();
        let wish = Alias::parse("worker").unwrap();
        for taken in ["worker", "worker-2", "w-orker-3"] {
            aliases.give(&Alias::parse(taken).unwrap(), PeerKey([1; 32]));
        }
        assert_eq!(aliases.like(&wish, &mut SmallRng::seed_from_u64(1)).as_str(), "worker-4");
    }

    #[test]
    fn a_wish_whose_numbers_are_all_taken_gets_some_alias() {
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
