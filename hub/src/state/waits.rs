//! Questions that wait for a peer to be online, idle or gone.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::context_text::is_fit;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::MAX_PAGE;
use junction_shared::protocol::wire::{
    Answer, Awaited, AwaitedEnd, Listed, State as AgentState, ToBridge,
};

use super::aliases::AliasOwner;
use super::peer::{PeerSession, PublishedCard};
use super::watches::{Condition, Suspect, WatchError};
use super::{Requester, State};

impl State {
    /// Answers a question for peers of this role, or of any: at once if one is online, else when one appears.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the number is in use or no card can have this role.
    pub(super) fn watch(
        &mut self,
        requester: Requester,
        number: u32,
        role: Option<String>,
        now: Duration,
    ) -> Result<Option<Answer>, Close> {
        self.await_peer(
            requester,
            number,
            &Awaited { alias: None, role, end: AwaitedEnd::Online },
            now,
        )
    }

    /// Answers a question for the end of a wait: at once if the wait is over already, else when it is.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the number is in use, if no card can have this alias or role, or if the end of
    /// whatever peers there are is awaited.
    pub(super) fn await_peer(
        &mut self,
        requester: Requester,
        number: u32,
        awaited: &Awaited,
        now: Duration,
    ) -> Result<Option<Answer>, Close> {
        let condition = condition(awaited).ok_or(Close::ProtocolError)?;
        match self.watches.admits(requester.id, number) {
            Err(WatchError::Duplicate) => return Err(Close::ProtocolError),
            Err(WatchError::TooMany) => return Ok(Some(Answer::Busy)),
            Ok(()) => {}
        }
        let seen = match condition.end() {
            AwaitedEnd::Gone => self.is_known_gone(requester, &condition, now).then(Vec::new),
            AwaitedEnd::Online | AwaitedEnd::Idle => {
                Some(self.online(requester, &condition, now)).filter(|seen| !seen.is_empty())
            }
        };
        if seen.is_none() {
            self.watches.add(requester.id, number, condition);
        }
        Ok(seen.map(Answer::Seen))
    }

    /// Returns other peers that are online and answer a watch, at most a page.
    fn online(&self, requester: Requester, condition: &Condition, now: Duration) -> Vec<Listed> {
        let is_idle = |published: &PublishedCard| {
            condition.end() == AwaitedEnd::Online || published.card.state == Some(AgentState::Idle)
        };
        let is_match = |published: &&Arc<PublishedCard>| {
            let key = &published.card.key;
            let peer = self.peers.get(key).filter(|peer| *key != requester.key && peer.is_online());
            peer.is_some_and(|peer| is_about(condition, peer)) && is_idle(published)
        };
        let cards: Box<dyn Iterator<Item = _>> = match condition.alias() {
            Some(alias) => Box::new(self.listing.card(alias).into_iter()),
            None => Box::new(self.listing.cards()),
        };
        let found = cards.filter(is_match).take(usize::from(MAX_PAGE));
        found.filter_map(|published| self.listed(published, now)).collect()
    }

    /// Answers the watches that this peer matches, if it is online and may be listed.
    pub(super) fn answer_watches(&mut self, key: &PeerKey, now: Duration) {
        let Some(peer) = self.peers.get(key).filter(|peer| !peer.is_unlisted) else { return };
        let (Some(connection), Some(published)) = (&peer.connection, peer.valid_card()) else {
            return;
        };
        let is_idle = published.card.state == Some(AgentState::Idle);
        let role = published.card.context.role.as_deref();
        let answered = self.watches.answered_by(&peer.alias, role, is_idle, connection.id);
        if answered.is_empty() {
            return;
        }
        let Some(listed) = self.listed(&published.clone(), now) else { return };
        for (connection, number) in answered {
            self.send(connection, ToBridge::Answer(number, Answer::Seen(vec![listed.clone()])));
        }
    }

    /// Notes that a peer has ended, or has another alias or role than this: watches for its end may be answered.
    pub(super) fn suspect(&mut self, key: &PeerKey, alias: &Alias, card: Option<&PublishedCard>) {
        let role = card.and_then(|published| published.card.context.role.as_deref());
        self.watches.suspect(*key, alias, role);
    }

    /// Notes that a peer of this alias has another card than this, and may have another role. If the card was for another
    /// alias, nobody has seen the two together: within the restart grace, that says nothing.
    pub(super) fn suspect_last(
        &mut self,
        key: &PeerKey,
        alias: &Alias,
        last: Option<&PublishedCard>,
        now: Duration,
    ) {
        let shown = last.and_then(|last| Alias::parse(&last.card.alias).ok());
        let shown = shown.filter(|_| self.in_restart_grace(now));
        self.suspect(key, shown.as_ref().unwrap_or(alias), last);
    }

    /// Answers the watches that a change has decided, once the change is complete.
    pub(super) fn settle_watches(&mut self, now: Duration) {
        for key in self.watches.take_shown() {
            self.answer_watches(&key, now);
        }
        for Suspect { condition, former } in self.watches.take_suspects() {
            let waiting = self.watches.waiting(&condition);
            if waiting.is_empty() {
                continue;
            }
            let there = self.there(&condition);
            for (connection, number) in waiting {
                let Some(&own) = self.connections.get(&connection) else { continue };
                // A session does not end its own wait.
                let is_known = former != Some(own) || !self.in_restart_grace(now);
                if is_known && are_gone(&condition, &there, own) {
                    self.watches.remove(connection, number);
                    self.send(connection, ToBridge::Answer(number, Answer::Seen(Vec::new())));
                }
            }
        }
    }

    /// Returns whether it is certain that none of the other peers matches a watch. Within the restart grace that is certain
    /// only if one has left.
    fn is_known_gone(&self, requester: Requester, condition: &Condition, now: Duration) -> bool {
        let is_known = !self.in_restart_grace(now) || self.tombstones.any_left(condition);
        is_known && are_gone(condition, &self.there(condition), requester.key)
    }

    /// Returns the peers that a watch is about, connected or away, but of many only two.
    fn there(&self, condition: &Condition) -> Vec<PeerKey> {
        if let Some(alias) = condition.alias() {
            let Some(AliasOwner::Peer(key)) = self.aliases.owner(alias) else { return Vec::new() };
            let is_there = self.peers.get(&key).is_some_and(|peer| is_about(condition, peer));
            return is_there.then_some(key).into_iter().collect();
        }
        let there = self.peers.iter().filter(|(_, peer)| is_about(condition, peer));
        there.map(|(key, _)| *key).take(2).collect()
    }
}

/// Returns what a question is for; `None` if it is for nothing that can be.
fn condition(awaited: &Awaited) -> Option<Condition> {
    let Awaited { alias, role, end } = awaited;
    let alias = alias.as_deref().map(Alias::parse).transpose().ok()?;
    // No card has an unfit role, and the hub would have to store it.
    let is_fit = role.as_deref().is_none_or(is_fit);
    let is_of_any = alias.is_none() && role.is_none();
    (is_fit && !(is_of_any && *end == AwaitedEnd::Gone))
        .then(|| Condition::new(*end, alias, role.as_deref()))
}

/// Returns whether a watch is about a peer that is there. One whose card for a new alias is on its way has the role of its
/// last card.
fn is_about(condition: &Condition, peer: &PeerSession) -> bool {
    let role = peer.card.as_ref().and_then(|published| published.card.context.role.as_deref());
    !peer.is_unlisted && !peer.is_unseated() && condition.is_about(&peer.alias, role)
}

/// Returns whether none of the peers that are there counts for the one that waits. It counts for itself only by its alias.
fn are_gone(condition: &Condition, there: &[PeerKey], own: PeerKey) -> bool {
    there.iter().all(|key| condition.alias().is_none() && *key == own)
}
