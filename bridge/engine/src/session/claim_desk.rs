//! What a session keeps for claims, and the frames that it seals of them when there is nothing else to write.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{SealedClaims, ToHub};
use junction_shared::secret::Secret;

use super::directory::Directory;
use crate::claims::{ClaimBook, ClaimsFrame};
use crate::seal::{ClaimsPath, Identity, pair_psk, seal_claims};

/// Keys of pairs that are kept for peers whose cards are not known; beyond it they are made again.
const MAX_KEYS: usize = 1024;

/// The claims of this session and of those beside it, and the keys for the states between them.
#[derive(Default)]
pub(super) struct ClaimDesk {
    /// The repositories that the session works in.
    pub(super) book: ClaimBook,
    /// P of pairs whose other half has shown no card yet.
    keys: HashMap<PeerKey, Arc<Secret>>,
}

impl ClaimDesk {
    /// The desk of a session that takes the place of this one: it works in the same repositories and claims nothing.
    pub(super) fn successor(&self) -> Self {
        Self { book: self.book.successor(), keys: HashMap::new() }
    }

    /// A hub has welcomed the session.
    pub(super) fn connected(&mut self, relays_claims: bool) {
        if relays_claims {
            self.book.connected();
        }
    }

    /// The connection is over.
    pub(super) fn disconnected(&mut self) {
        self.book.disconnected();
    }

    /// The session enters another group than before.
    pub(super) fn enter(&mut self, group: &GroupKeys) {
        self.keys.clear();
        self.book.regroup(|name| group.repository_tag(name));
    }

    /// A peer is gone.
    pub(super) fn gone(&mut self, key: &PeerKey) {
        self.keys.remove(key);
        self.book.gone(key);
    }

    /// When the session has something to do for claims.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.book.deadline()
    }

    /// Begins to tell others what is due.
    pub(super) fn on_time(&mut self, now: Instant) {
        self.book.on_time(now);
    }

    /// Whether [`ClaimDesk::next_frame`] may have one.
    pub(super) fn has_frame(&mut self) -> bool {
        self.book.has_frame()
    }

    /// The next frame to write, sealed now: nothing waits that a newer state would replace.
    pub(super) fn next_frame(
        &mut self,
        directory: &Directory,
        (group, me): (&GroupKeys, &Identity),
        now: Instant,
    ) -> Option<Bytes> {
        loop {
            let (repository, to, number, state) = match self.book.next_frame(now)? {
                ClaimsFrame::Repositories(tags) => return Some(encode(&ToHub::Repositories(tags))),
                ClaimsFrame::State { tag, to, number, state } => (tag, to, number, state),
            };
            let path = ClaimsPath { group: group.group, from: me.key, to, repository };
            // A key of low order is nobody's.
            let Some(psk) = self.psk(&to, directory, group, me) else { continue };
            if let Ok(sealed) = seal_claims(&psk, &path, number, &state) {
                let claims = SealedClaims { peer: to, repository, number, sealed };
                return Some(encode(&ToHub::Claims(claims)));
            }
        }
    }

    /// P of the pair with a peer.
    pub(super) fn psk(
        &mut self,
        other: &PeerKey,
        directory: &Directory,
        group: &GroupKeys,
        me: &Identity,
    ) -> Option<Arc<Secret>> {
        if let Some(peer) = directory.get(other) {
            self.keys.remove(other);
            return Some(Arc::clone(&peer.psk));
        }
        if let Some(psk) = self.keys.get(other) {
            return Some(Arc::clone(psk));
        }
        let psk = Arc::new(pair_psk(group, me, other)?);
        if self.keys.len() >= MAX_KEYS {
            self.keys.clear();
        }
        self.keys.insert(*other, Arc::clone(&psk));
        Some(psk)
    }
}
