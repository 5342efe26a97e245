//! The session and claims: what its agent claims and touches, what the others do, and the frames between them. The claims of
//! a repository are a pure machine; here they get keys, aliases and the clock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{PeerKey, RepositoryTag};
use junction_shared::protocol::wire::{SealedClaims, ToBridge, ToHub};
use junction_shared::secret::Secret;

use super::Session;
use super::directory::Directory;
use super::misbehaviour::PeerFault;
use crate::claims::{ClaimBook, ClaimsFrame, ClaimsPage, ClaimsView, Repository};
use crate::clock::wall_ms;
use crate::command::ClaimCommand;
use crate::error::Error;
use crate::seal::{ClaimsPath, Identity, open_claims, pair_psk, seal_claims};

/// Keys of pairs that are kept for peers whose cards are not known; beyond it they are made again.
const MAX_KEYS: usize = 1024;

/// The claims of this session and of those beside it, and the keys for the states between them.
#[derive(Default)]
pub(super) struct ClaimDesk {
    book: ClaimBook,
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

    /// When [`Session::on_time`] has something to do for claims.
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
    fn psk(
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

impl Session {
    // ---- the agent

    /// Carries out what is asked of claims, and notes what is said for them.
    pub(super) fn claim_command(&mut self, command: ClaimCommand, now: Instant) {
        match command {
            ClaimCommand::Claim(request, reply) => {
                let tag = self.tag_of(&request.repository);
                let claimed = self.claims.book.claim(&request, tag, now).map_err(Error::Claim);
                let page = claimed.map(|()| self.claims_page(&request.repository, now));
                let _ = reply.send(page);
            }
            ClaimCommand::Release(repository, what, reply) => {
                self.claims.book.release(&repository, &what, now);
                let _ = reply.send(Ok(self.claims_page(&repository, now)));
            }
            ClaimCommand::List(repository, reply) => {
                let _ = reply.send(Ok(self.claims_page(&repository, now)));
            }
            ClaimCommand::Collisions(repository, paths, reply) => {
                let found = self
                    .look_at_claims(now, |book, view| book.collisions(&repository, &paths, view));
                let _ = reply.send(found);
            }
            ClaimCommand::Touched(repository, paths) => {
                let tag = self.tag_of(&repository);
                self.claims.book.touch(&repository, tag, &paths, now);
            }
            ClaimCommand::WorkIn(repository) => {
                let tag = self.tag_of(&repository);
                self.claims.book.work_in(&repository, tag);
            }
        }
    }

    /// What the hub of the present group calls a repository. Before there is a group, nobody is told.
    fn tag_of(&self, repository: &Repository) -> RepositoryTag {
        let tag = |(group, _): (&Arc<GroupKeys>, _)| group.repository_tag(&repository.name);
        self.membership.keys().map_or(RepositoryTag([0; 16]), tag)
    }

    /// Lets the claims be looked at, with the aliases that are known now.
    fn look_at_claims<T>(
        &mut self,
        now: Instant,
        look: impl FnOnce(&mut ClaimBook, &ClaimsView<'_>) -> T,
    ) -> T {
        let directory = &self.directory;
        let alias_of = |key: &PeerKey| directory.get(key).map(|peer| peer.alias.clone());
        let me = self.membership.key();
        let view = ClaimsView { me, now, wall_ms: wall_ms(), alias_of: &alias_of };
        look(&mut self.claims.book, &view)
    }

    /// All that is known of a repository. Its conflicts are told with that, and are no news any more.
    fn claims_page(&mut self, repository: &Repository, now: Instant) -> ClaimsPage {
        let tag = self.tag_of(repository);
        let page = self.look_at_claims(now, |book, view| book.page(repository, tag, view));
        self.snapshot.borrow().claim_news.retain(|news| news.repository != repository.name);
        page
    }

    // ---- the others

    /// Takes in a frame about the sessions of a repository.
    pub(super) fn claims_frame(&mut self, frame: ToBridge, now: Instant) {
        match frame {
            ToBridge::SameRepository(tag, keys) => {
                self.claims.book.same_repository(&tag, &keys);
                // Whoever claims something and is not there may be gone.
                let here = keys.into_iter().collect::<HashSet<_>>();
                for key in self.claims.book.with_content() {
                    if !here.contains(&key) {
                        self.follow_claimant(key);
                    }
                }
            }
            ToBridge::RepositoryJoined(tag, key) => self.claims.book.joined(&tag, key),
            ToBridge::RepositoryLeft(tag, key) => {
                if self.claims.book.left(&tag, &key) {
                    self.follow_claimant(key);
                }
            }
            ToBridge::Claims(claims) => self.claims_heard(claims, now),
            _ => {}
        }
    }

    fn claims_heard(&mut self, claims: SealedClaims, now: Instant) {
        let SealedClaims { peer: from, repository, number, sealed } = claims;
        let Some((group, me)) = self.membership.keys() else { return };
        if !self.claims.book.is_newer(&repository, &from, number) {
            return;
        }
        let path = ClaimsPath { group: group.group, from, to: me.key, repository };
        let psk = self.claims.psk(&from, &self.directory, group, me);
        let opened = psk.and_then(|psk| open_claims(&psk, &path, number, sealed).ok());
        let Some(state) = opened else { return PeerFault::BrokenClaims.log() };
        if self.claims.book.hear((repository, number), from, &state, now) {
            self.follow_claimant(from);
        }
        self.tell_conflicts(now);
    }

    /// Follows a session that claims something: its card has its alias, and the hub says when it is gone.
    fn follow_claimant(&mut self, key: PeerKey) {
        if self.directory.get(&key).is_none_or(|peer| !peer.subscribed) {
            self.subscribe(key);
        }
    }

    /// Notes conflicts that have arisen, for the agent to be told, and drops those that are over.
    pub(super) fn tell_conflicts(&mut self, now: Instant) {
        let news = self.look_at_claims(now, |book, view| book.news(view));
        let kept = self.snapshot.borrow().claim_news.clone();
        if !kept.is_empty() {
            self.look_at_claims(now, |book, view| kept.retain(|news| book.stands(news, view)));
        }
        if !news.is_empty() {
            kept.add(news);
        }
    }
}
