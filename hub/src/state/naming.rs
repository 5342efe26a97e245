//! Which alias a peer gets, and the card that vouches for it.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::GrantTime;
use junction_shared::protocol::id::{Epoch, PeerKey};
use junction_shared::protocol::wire::{Grant, HelloBody, Naming, SignedCard, Standing, ToBridge};

use super::peer::PublishedCard;
use super::tickets::AliasClaim;
use super::{Requester, State};

impl State {
    /// Returns the alias for a new session, and its claim to it. An unlisted session gets none that it wishes: nobody
    /// could see who has it.
    pub(super) fn choose_alias(&mut self, hello: &HelloBody, now: Duration) -> (Alias, AliasClaim) {
        let wish = hello.want.as_deref().filter(|_| hello.unlisted != Some(true));
        let wish = wish.and_then(|text| Alias::parse(text).ok());
        let granted = wish.and_then(|wish| self.grant_wish(hello, wish, now));
        granted.unwrap_or_else(|| self.any_alias(now))
    }

    /// Returns the wished alias if it is free, or if its holder has to yield it to the ticket in the hello.
    fn grant_wish(
        &mut self,
        hello: &HelloBody,
        wish: Alias,
        now: Duration,
    ) -> Option<(Alias, AliasClaim)> {
        let shown = self.tickets.shown(hello, &wish);
        let claimed = shown.filter(|time| self.tickets.counts(&hello.key, *time));
        if let Some(holder) = self.aliases.owner(&wish) {
            let claim = self.peers.get(&holder)?.claim;
            if !claimed.is_some_and(|time| self.tickets.yields(&claim, time)) {
                self.affirm(holder, shown?, now);
                return None;
            }
            // The alias changes hands first, so that its holder is not given it again.
            self.aliases.give(&wish, hello.key);
            self.reassign(holder, now);
        }
        let claim = self.tickets.claim(&wish, claimed, now);
        Some((wish, claim))
    }

    /// Returns a free generated alias.
    fn any_alias(&mut self, now: Duration) -> (Alias, AliasClaim) {
        let alias = self.aliases.any(&mut self.rng);
        let claim = self.tickets.claim(&alias, None, now);
        (alias, claim)
    }

    /// Gives the holder of an alias a newer ticket, if another peer has shown one that is as new as the holder's.
    fn affirm(&mut self, holder: PeerKey, shown: GrantTime, now: Duration) {
        let Some(peer) = self.peers.get_mut(&holder) else { return };
        if self.tickets.outdo(&peer.alias, &mut peer.claim, shown, now) {
            let (alias, claim) = (peer.alias.clone(), peer.claim);
            let grant = self.grant(&alias, &holder, &claim);
            self.notify_grant(&holder, grant);
        }
    }

    /// Gives another alias to a peer whose alias went back to its earlier owner.
    fn reassign(&mut self, holder: PeerKey, now: Duration) {
        let (alias, claim) = self.any_alias(now);
        self.aliases.give(&alias, holder);
        let grant = self.grant(&alias, &holder, &claim);
        let Some(peer) = self.peers.get_mut(&holder) else { return };
        if peer.valid_card().is_some() {
            self.listing.remove(&peer.alias);
        }
        peer.former = Some(std::mem::replace(&mut peer.alias, alias));
        peer.claim = claim;
        self.notify_grant(&holder, grant);
    }

    fn notify_grant(&mut self, holder: &PeerKey, grant: Grant) {
        if let Some(connection) = self.connection_of(holder) {
            self.send(connection, ToBridge::Reassigned(grant));
        }
    }

    /// Handles a request for an alias. If it is granted, the card that names it is published too.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the card is invalid or not newer than the last one, or if the session is unlisted.
    pub(super) fn rename(
        &mut self,
        requester: Requester,
        signed: SignedCard,
        now: Duration,
    ) -> Result<Naming, Close> {
        let published = PublishedCard::read(signed, &requester.key).ok_or(Close::ProtocolError)?;
        let is_unlisted = self.peers.get(&requester.key).is_some_and(|peer| peer.is_unlisted);
        if is_unlisted || !self.is_newer(&requester.key, published.card.epoch) {
            return Err(Close::ProtocolError);
        }
        let Ok(alias) = Alias::parse(&published.card.alias) else { return Ok(Naming::Bad) };
        if self.aliases.owner(&alias).is_some_and(|owner| owner != requester.key) {
            let free = self.aliases.like(&alias, &mut self.rng).to_string();
            return Ok(Naming::Taken { free });
        }
        let Some(claim) = self.take_alias(&requester.key, &alias, now) else {
            return Ok(Naming::Bad);
        };
        let grant = self.grant(&alias, &requester.key, &claim);
        self.publish(&requester.key, published, now);
        Ok(Naming::Granted(grant))
    }

    /// Replaces a peer's alias by one that is free or already its own. Returns the peer's claim to it.
    fn take_alias(&mut self, key: &PeerKey, alias: &Alias, now: Duration) -> Option<AliasClaim> {
        let peer = self.peers.get_mut(key)?;
        if peer.alias == *alias {
            return Some(peer.claim);
        }
        if peer.valid_card().is_some() {
            self.listing.remove(&peer.alias);
        }
        self.aliases.free(&peer.alias);
        self.aliases.give(alias, *key);
        peer.former = Some(std::mem::replace(&mut peer.alias, alias.clone()));
        peer.claim = self.tickets.claim(alias, None, now);
        Some(peer.claim)
    }

    /// Handles a new card. A card that is not newer is ignored, and so is one for the peer's previous alias:
    /// it was on its way when the alias changed.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the card is invalid or names another alias.
    pub(super) fn card(
        &mut self,
        requester: Requester,
        signed: SignedCard,
        now: Duration,
    ) -> Result<(), Close> {
        let published = PublishedCard::read(signed, &requester.key).ok_or(Close::ProtocolError)?;
        let Some(peer) = self.peers.get_mut(&requester.key) else { return Ok(()) };
        let alias = published.card.alias.as_str();
        if alias != peer.alias.as_str() {
            let overtaken = peer.former.as_ref().is_some_and(|former| former.as_str() == alias);
            return if overtaken { Ok(()) } else { Err(Close::ProtocolError) };
        }
        peer.former = None;
        if self.is_newer(&requester.key, published.card.epoch) {
            self.publish(&requester.key, published, now);
        }
        Ok(())
    }

    fn is_newer(&self, key: &PeerKey, epoch: Epoch) -> bool {
        let current = self.peers.get(key).and_then(|peer| peer.card.as_ref());
        current.is_none_or(|published| epoch > published.card.epoch)
    }

    /// Makes a card the peer's newest, and notifies subscribers and watches.
    fn publish(&mut self, key: &PeerKey, published: PublishedCard, now: Duration) {
        let published = Arc::new(published);
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.card = Some(published.clone());
        if !peer.is_unlisted {
            self.listing.add(published.clone());
        }
        self.notify_subscribers(key, Standing::Online, Some(&published.signed));
        self.answer_watches(key, now);
    }
}
