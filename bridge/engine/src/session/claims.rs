//! The session and claims: what its agent claims and touches, what the others do, and the frames between them. The claims of
//! a repository are a pure machine; here they get keys, aliases and the clock.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{PeerKey, RepositoryTag};
use junction_shared::protocol::wire::{SealedClaims, ToBridge};

use super::Session;
use super::claim_desk::ClaimDesk;
use super::misbehaviour::PeerFault;
use crate::claims::{ClaimBook, ClaimsPage, ClaimsView, Repository};
use crate::clock::wall_ms;
use crate::command::ClaimCommand;
use crate::error::Error;
use crate::seal::{ClaimsPath, open_claims};

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
            ClaimCommand::Look(repository, reply) => {
                let tag = self.tag_of(&repository);
                let page = self.look_at_claims(now, |book, view| {
                    book.page_without_conflicts(&repository, tag, view)
                });
                let _ = reply.send(Ok(page));
            }
            ClaimCommand::Repositories(reply) => {
                let _ = reply.send(self.claims.book.repositories());
            }
            ClaimCommand::GivenUp(reply) => _ = reply.send(self.claims.book.take_given_up(now)),
            ClaimCommand::Claimants(repository, paths, reply) => {
                let found = self
                    .look_at_claims(now, |book, view| book.claimants(&repository, &paths, view));
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
            ClaimCommand::Project(repository) => {
                let tag = self.tag_of(&repository);
                self.claims.book.set_project(&repository, tag);
            }
            ClaimCommand::Hear(repository, reply) => {
                let tag = self.tag_of(&repository);
                self.claims.book.work_in(&repository, tag);
                self.claims.listeners.add(repository.name, reply);
                self.tell_listeners(now);
            }
            ClaimCommand::HandOver(repository, reply) => {
                self.claims.speakers.add(repository.name, reply);
                self.claims.tell_speakers();
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
        self.snapshot.borrow().team.claim_news.retain(|news| news.repository != repository.name);
        page
    }

    // ---- the others

    /// Takes in a frame about the sessions of a repository.
    pub(super) fn claims_frame(&mut self, frame: ToBridge, now: Instant) {
        match frame {
            ToBridge::SameRepository(tag, keys) => {
                self.claims.book.same_repository(&tag, &keys);
                // A session that claims something and is not there may be gone.
                let here = keys.into_iter().collect::<HashSet<_>>();
                for key in self.claims.book.with_content() {
                    if !here.contains(&key) {
                        self.follow_claimant(key);
                    }
                }
            }
            ToBridge::RepositoryJoined(tag, key) => self.claims.book.joined(&tag, key),
            ToBridge::RepositoryLeft(tag, key) if self.claims.book.left(&tag, &key) => {
                self.follow_claimant(key);
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
        let psk = ClaimDesk::psk(&from, &self.directory, group, me);
        let opened = psk.and_then(|psk| open_claims(&psk, &path, number, sealed).ok());
        let Some(state) = opened else { return PeerFault::BrokenClaims.log() };
        if self.claims.book.hear((repository, number), from, &state, now) {
            self.follow_claimant(from);
        }
        self.tell_conflicts(now);
    }

    /// A hub has welcomed the session.
    pub(super) fn claims_connected(&mut self, relays_claims: bool, now: Instant) {
        self.claims.connected(relays_claims);
        self.tell_listeners(now);
    }

    /// Tells those who wait for it that all others of a repository were heard, or were told, or that none can be.
    pub(super) fn tell_listeners(&mut self, now: Instant) {
        self.claims.tell_speakers();
        if self.claims.listeners.is_empty() {
            return;
        }
        let hears_nobody = self.claims.relays == Some(false);
        let mut listeners = std::mem::take(&mut self.claims.listeners);
        self.look_at_claims(now, |book, view| {
            listeners.tell(|name| match book.is_complete(name, view) {
                true => Some(true),
                false => hears_nobody.then_some(false),
            });
        });
        self.claims.listeners = listeners;
    }

    /// Follows a session that claims something: its card has its alias, and the hub says when it is gone.
    fn follow_claimant(&mut self, key: PeerKey) {
        if self.directory.get(&key).is_none_or(|peer| !peer.subscribed) {
            self.subscribe(key);
        }
    }

    /// Notes conflicts that have arisen, for the agent to be told, and drops those that are over.
    pub(super) fn tell_conflicts(&mut self, now: Instant) {
        let kept = self.snapshot.borrow().team.claim_news.clone();
        if !kept.is_empty() {
            self.look_at_claims(now, |book, view| kept.retain(|news| book.stands(news, view)));
        }
        kept.add(self.look_at_claims(now, |book, view| book.news(view, kept.room())));
    }

    /// Looks for conflicts that could not be looked for before, if it is time to.
    pub(super) fn tell_due_conflicts(&mut self, now: Instant) {
        if self.claims.book.news_due().is_some_and(|due| due <= now) {
            self.tell_conflicts(now);
        }
    }
}
