//! Aliases that their owners let go during the restart grace. Their tickets are still true, and must not take them
//! back from whoever has them now.

use std::collections::HashSet;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;

/// Remembered at most. Beyond it no ticket counts any more: nobody gets back what they lost to a restart, and nobody
/// takes what is another's.
const MAX_RELEASED: usize = 65_536;

/// Who let which alias go; nothing after the restart grace, when tickets count no more.
pub(super) struct Released(Option<HashSet<(Alias, PeerKey)>>);

impl Default for Released {
    fn default() -> Self {
        Self(Some(HashSet::new()))
    }
}

impl Released {
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
