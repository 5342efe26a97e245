//! Which alias a peer gets, and the card that vouches for it.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::ticket_holds;
use junction_shared::protocol::id::{Epoch, PeerKey};
use junction_shared::protocol::wire::{HelloBody, Naming, SignedCard, Standing, ToBridge};

use super::peer::PublishedCard;
use super::{Requester, State};

impl State {
    /// Returns the alias for a new session, and whether it was claimed with a ticket.
    pub(super) fn choose_alias(&mut self, hello: &HelloBody, now: Duration) -> (Alias, bool) {
        let wish = hello.want.as_deref().and_then(|text| Alias::parse(text).ok());
        let Some(wish) = wish else { return (self.aliases.any(&mut self.rng), false) };
        let ticket = hello.ticket.as_ref();
        let by_ticket = ticket.is_some_and(|ticket| {
            ticket_holds(&self.ticket_key, wish.as_str(), &hello.key, ticket)
                && !self.released.has(&wish, &hello.key)
        });
        match self.aliases.owner(&wish) {
            None => (wish, by_ticket),
            Some(holder) if by_ticket && self.must_yield(&holder, now) => {
                // The alias changes hands first, so that its holder is not given it again.
                self.aliases.give(&wish, hello.key);
                self.reassign(holder);
                (wish, true)
            }
            Some(_) => (self.aliases.any(&mut self.rng), false),
        }
    }

    /// Returns whether the holder got the alias without a ticket during the restart grace, when its owner may
    /// not have reconnected yet.
    fn must_yield(&self, holder: &PeerKey, now: Duration) -> bool {
        self.in_restart_grace(now) && self.peers.get(holder).is_some_and(|peer| !peer.by_ticket)
    }

    /// Gives another alias to a peer whose alias went back to its earlier owner.
    fn reassign(&mut self, holder: PeerKey) {
        let alias = self.aliases.any(&mut self.rng);
        self.aliases.give(&alias, holder);
        let grant = self.grant(&alias, &holder);
        let Some(peer) = self.peers.get_mut(&holder) else { return };
        if peer.listed().is_some() {
            self.listing.remove(&peer.alias);
        }
        peer.former = Some(std::mem::replace(&mut peer.alias, alias));
        if let Some(connection) = self.connection_of(&holder) {
            self.send(connection, ToBridge::Reassigned(grant));
        }
    }

    /// Handles a request for an alias. If it is granted, the card that names it is published too.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the card is invalid or not newer than the last one.
    pub(super) fn rename(
        &mut self,
        requester: Requester,
        signed: SignedCard,
        now: Duration,
    ) -> Result<Naming, Close> {
        let published = PublishedCard::read(signed, &requester.key).ok_or(Close::ProtocolError)?;
        if !self.is_newer(&requester.key, published.card.epoch) {
            return Err(Close::ProtocolError);
        }
        let Ok(alias) = Alias::parse(&published.card.alias) else { return Ok(Naming::Bad) };
        if self.aliases.owner(&alias).is_some_and(|owner| owner != requester.key) {
            let free = self.aliases.like(&alias, &mut self.rng).to_string();
            return Ok(Naming::Taken { free });
        }
        let grant = self.grant(&alias, &requester.key);
        self.take_alias(&requester.key, alias);
        self.publish(&requester.key, published, now);
        Ok(Naming::Granted(grant))
    }

    /// Replaces a peer's alias by one that is free or already its own.
    fn take_alias(&mut self, key: &PeerKey, alias: Alias) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.alias == alias {
            return;
        }
        if peer.listed().is_some() {
            self.listing.remove(&peer.alias);
        }
        self.aliases.free(&peer.alias);
        self.released.add(&peer.alias, *key);
        self.aliases.give(&alias, *key);
        peer.former = Some(std::mem::replace(&mut peer.alias, alias));
        peer.by_ticket = false;
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
        self.listing.add(published.clone());
        self.notify_subscribers(key, Standing::Online, Some(&published.signed));
        self.answer_watches(key, now);
    }
}
