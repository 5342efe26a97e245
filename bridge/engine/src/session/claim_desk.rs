//! What a session keeps for claims, and the frames that it seals of them when there is nothing else to write.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{SealedClaims, ToHub};
use junction_shared::secret::Secret;

use super::directory::Directory;
use crate::claims::{ClaimBook, ClaimListeners, ClaimsFrame};
use crate::seal::{ClaimsPath, Identity, pair_psk, seal_claims};

/// The claims of this session and of those beside it.
#[derive(Default)]
pub(super) struct ClaimDesk {
    /// The repositories that the session works in.
    pub(super) book: ClaimBook,
    /// Who waits until all others of a repository were heard.
    pub(super) listeners: ClaimListeners,
    /// Who waits until all others of a repository were handed this session's claims.
    pub(super) speakers: ClaimListeners,
    /// Whether the hub of this connection relays claims; `None` without a connection.
    pub(super) relays: Option<bool>,
}

impl ClaimDesk {
    /// The desk of a session that takes the place of this one: it works in the same repositories and claims nothing.
    pub(super) fn successor(&self) -> Self {
        Self { book: self.book.successor(), ..Self::default() }
    }

    /// A hub has welcomed the session.
    pub(super) fn connected(&mut self, relays_claims: bool) {
        self.relays = Some(relays_claims);
        if relays_claims {
            self.book.connected();
        }
    }

    /// The connection is over.
    pub(super) fn disconnected(&mut self) {
        self.relays = None;
        self.book.disconnected();
        self.tell_speakers();
    }

    /// The session enters another group than before.
    pub(super) fn enter(&mut self, group: &GroupKeys) {
        self.book.regroup(|name| group.repository_tag(name));
    }

    /// A peer is gone.
    pub(super) fn gone(&mut self, key: &PeerKey) {
        self.book.gone(key);
    }

    /// Tells those who wait for it that all others of a repository were handed this session's claims, or that none can be.
    pub(super) fn tell_speakers(&mut self) {
        if self.speakers.is_empty() {
            return;
        }
        let tells_nobody = self.relays != Some(true);
        let book = &mut self.book;
        self.speakers.tell(|name| match book.is_told(name) {
            true => Some(true),
            false => tells_nobody.then_some(false),
        });
    }

    /// When the session has something to do for claims.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.book.deadline()
    }

    /// Begins to tell others what is due.
    pub(super) fn on_time(&mut self, now: Instant) {
        self.book.on_time(now);
        self.tell_speakers();
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
            let Some(psk) = Self::psk(&to, directory, group, me) else { continue };
            if let Ok(sealed) = seal_claims(&psk, &path, number, &state) {
                let claims = SealedClaims { peer: to, repository, number, sealed };
                self.tell_speakers();
                return Some(encode(&ToHub::Claims(claims)));
            }
        }
    }

    /// P of the pair with a peer. One whose card is not known is made for the moment: no key has a second place.
    pub(super) fn psk(
        other: &PeerKey,
        directory: &Directory,
        group: &GroupKeys,
        me: &Identity,
    ) -> Option<Arc<Secret>> {
        let known = directory.get(other).map(|peer| Arc::clone(&peer.psk));
        known.or_else(|| pair_psk(group, me, other).map(Arc::new))
    }
}
