//! The claims that the sessions of one repository send each other. The hub keeps none: it relays them at once, or drops
//! them.

use std::collections::BTreeSet;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{PeerKey, RepositoryTag};
use junction_shared::protocol::limits::{MAX_REPOSITORIES, MAX_SEALED};
use junction_shared::protocol::wire::{SealedClaims, ToBridge};

use super::repositories::RepositoryChange;
use super::{Requester, State};

impl State {
    /// Sets the repositories that a session works in, and answers with the other sessions of each.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if there are too many, or the session has shown no card: who wants to see others must be
    /// visible itself.
    pub(super) fn work_in(
        &mut self,
        requester: Requester,
        tags: Vec<RepositoryTag>,
    ) -> Result<(), Close> {
        let is_shown = self.peers.get(&requester.key).is_some_and(|peer| peer.card.is_some());
        if tags.len() > MAX_REPOSITORIES || !is_shown {
            return Err(Close::ProtocolError);
        }
        let tags: BTreeSet<_> = tags.into_iter().collect();
        let change = self.repositories.set(requester.key, tags.clone());
        self.tell_repositories(&requester.key, &change);
        for tag in tags {
            let others = self.repositories.others(&tag, &requester.key);
            self.send(requester.id, ToBridge::SameRepository(tag, others));
        }
        Ok(())
    }

    /// Takes a session whose connection has ended out of its repositories.
    pub(super) fn leave_repositories(&mut self, key: &PeerKey) {
        let change = self.repositories.set(*key, BTreeSet::new());
        self.tell_repositories(key, &change);
    }

    /// Tells the other sessions of the repositories.
    fn tell_repositories(&mut self, key: &PeerKey, change: &RepositoryChange) {
        let joined = change.joined.iter().map(|tag| (*tag, true));
        let left = change.left.iter().map(|tag| (*tag, false));
        for (tag, is_here) in joined.chain(left) {
            for other in self.repositories.others(&tag, key) {
                let Some(connection) = self.connection_of(&other) else { continue };
                self.send(
                    connection,
                    if is_here {
                        ToBridge::RepositoryJoined(tag, *key)
                    } else {
                        ToBridge::RepositoryLeft(tag, *key)
                    },
                );
            }
        }
    }

    /// Relays a session's state in a repository to another session there. If one of the two does not work there, or is not
    /// connected, the state is dropped.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if it is larger than anything sealed may be.
    pub(super) fn relay_claims(
        &mut self,
        requester: Requester,
        claims: SealedClaims,
    ) -> Result<(), Close> {
        if claims.sealed.len() > MAX_SEALED {
            return Err(Close::ProtocolError);
        }
        let (from, to, tag) = (requester.key, claims.peer, &claims.repository);
        let is_between =
            from != to && self.repositories.has(&from, tag) && self.repositories.has(&to, tag);
        if let Some(connection) = self.connection_of(&to).filter(|_| is_between) {
            self.send(connection, ToBridge::Claims(SealedClaims { peer: from, ..claims }));
        }
        Ok(())
    }
}
