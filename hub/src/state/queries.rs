//! Queries about other peers.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::context_text::is_fit;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::MAX_PAGE;
use junction_shared::protocol::wire::{
    Answer, List, Listed, LookupTarget, Page, SignedCard, Standing, ToBridge,
};

use super::inbox::millis;
use super::listing::has;
use super::peer::PublishedCard;
use super::watches::WatchError;
use super::{Requester, State};

impl State {
    /// Returns the presence and the newest card of a peer, and subscribes the requester to its changes.
    pub(super) fn lookup(
        &mut self,
        requester: Requester,
        target: &LookupTarget,
        now: Duration,
    ) -> Answer {
        let key = match target {
            LookupTarget::Key(key) => Some(*key),
            LookupTarget::Alias(text) => self.named(text),
            LookupTarget::Seat(_) => None,
        };
        // Without a key there is nothing to subscribe to: anyone may take an alias.
        let Some(key) = key else { return Answer::Found(Standing::Gone, None) };
        if key != requester.key {
            self.subscriptions.add(requester.id, key);
        }
        let (standing, card) = self.standing(&key, now);
        Answer::Found(standing, card)
    }

    /// Returns the peer with exactly this alias, once its card is there.
    fn named(&self, text: &str) -> Option<PeerKey> {
        let alias = Alias::parse(text).ok()?;
        let key = self.aliases.owner(&alias)?;
        let peer = self.peers.get(&key)?;
        (peer.alias == alias && peer.valid_card().is_some()).then_some(key)
    }

    fn standing(&self, key: &PeerKey, now: Duration) -> (Standing, Option<SignedCard>) {
        let signed = |published: &Arc<PublishedCard>| published.signed.clone();
        if let Some(peer) = self.peers.get(key) {
            return match peer.valid_card().map(signed) {
                Some(card) if peer.is_online() => (Standing::Online, Some(card)),
                Some(card) => (Standing::Away, Some(card)),
                // The peer is connected, and its card is on the way.
                None => (Standing::NotYet, None),
            };
        }
        if let Some(card) = self.tombstones.card(key) {
            return (Standing::Gone, Some(signed(card)));
        }
        let may_come = self.in_restart_grace(now) && !self.tombstones.has_left(key);
        (if may_come { Standing::NotYet } else { Standing::Gone }, None)
    }

    /// Returns a page of peers.
    pub(super) fn page(&self, requester: Requester, list: &List, now: Duration) -> Page {
        let requester_is_listed = self
            .peers
            .get(&requester.key)
            .is_some_and(|peer| !peer.is_unlisted && peer.valid_card().is_some());
        let page = self.listing.page(list, &requester.key, requester_is_listed);
        Page {
            peers: page.cards.iter().filter_map(|card| self.listed(card, now)).collect(),
            total: u32::try_from(page.total).unwrap_or(u32::MAX),
            next: page.next,
        }
    }

    fn listed(&self, published: &PublishedCard, now: Duration) -> Option<Listed> {
        let peer = self.peers.get(&published.card.key)?;
        Some(Listed {
            card: published.signed.clone(),
            online: peer.is_online(),
            session_ms: millis(now.saturating_sub(peer.started)),
        })
    }

    /// Answers at once if a matching peer is online, else when one appears.
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
        if role.as_ref().is_some_and(|role| !is_fit(role)) {
            // No card has such a role, and the hub would have to store it.
            return Err(Close::ProtocolError);
        }
        match self.watches.admits(requester.id, number) {
            Err(WatchError::Duplicate) => return Err(Close::ProtocolError),
            Err(WatchError::TooMany) => return Ok(Some(Answer::Busy)),
            Ok(()) => {}
        }
        let seen = self.online(requester, &role, now);
        if seen.is_empty() {
            self.watches.add(requester.id, number, role);
            return Ok(None);
        }
        Ok(Some(Answer::Seen(seen)))
    }

    /// Returns other online peers of this role, at most a page.
    fn online(&self, requester: Requester, role: &Option<String>, now: Duration) -> Vec<Listed> {
        let is_match = |published: &&Arc<PublishedCard>| {
            published.card.key != requester.key && has(&published.card.context.role, role)
        };
        let listed = self.listing.cards().filter(is_match);
        let listed = listed.filter_map(|published| {
            self.peers.get(&published.card.key).map(|peer| (peer, published))
        });
        let online = listed.filter(|(peer, _)| peer.is_online()).take(usize::from(MAX_PAGE));
        online.filter_map(|(_, published)| self.listed(published, now)).collect()
    }

    /// Answers the watches that this peer matches, if it is online and may be listed.
    pub(super) fn answer_watches(&mut self, key: &PeerKey, now: Duration) {
        let Some(peer) = self.peers.get(key).filter(|peer| !peer.is_unlisted) else { return };
        let (Some(connection), Some(published)) = (&peer.connection, peer.valid_card()) else {
            return;
        };
        let answered = self.watches.answered_by(&published.card.context.role, connection.id);
        let Some(listed) = self.listed(&published.clone(), now) else { return };
        for (connection, number) in answered {
            self.send(connection, ToBridge::Answer(number, Answer::Seen(vec![listed.clone()])));
        }
    }
}
