//! Which alias a peer gets, and the card that vouches for it.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::GrantTime;
use junction_shared::protocol::id::{Epoch, PeerKey, SeatKey};
use junction_shared::protocol::seat::alias_seed;
use junction_shared::protocol::wire::{Grant, HelloBody, Naming, SignedCard, Standing, ToBridge};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::aliases::AliasOwner;
use super::peer::{PeerSession, PublishedCard, SeatHeir};
use super::tickets::AliasClaim;
use super::{Requester, State};

impl State {
    /// Returns the alias for a new session, and its claim to it. An unlisted session gets none that it wishes: nobody
    /// could see who has it. One that is generated for a new seat is drawn from its key, and so the same at every hub.
    pub(super) fn choose_alias(
        &mut self,
        hello: &HelloBody,
        seat: Option<&SeatKey>,
        now: Duration,
    ) -> (Alias, AliasClaim) {
        let wish = hello.want.as_deref().filter(|_| hello.unlisted != Some(true));
        let wish = wish.and_then(|text| Alias::parse(text).ok());
        let granted = wish.and_then(|wish| self.grant_wish(hello, wish, now));
        granted.unwrap_or_else(|| match seat {
            Some(seat) => self.alias_of_seat(seat, now),
            None => self.any_alias(now),
        })
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
        if let Some(AliasOwner::Seat(seat)) = self.aliases.owner(&wish) {
            self.affirm_kept(&seat, shown?, now);
            return None;
        }
        if let Some(AliasOwner::Peer(holder)) = self.aliases.owner(&wish) {
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

    /// Returns the alias that is generated for a seat.
    fn alias_of_seat(&mut self, seat: &SeatKey, now: Duration) -> (Alias, AliasClaim) {
        let alias = self.aliases.any(&mut SmallRng::seed_from_u64(alias_seed(seat)));
        let claim = self.tickets.claim(&alias, None, now);
        (alias, claim)
    }

    /// Returns a free generated alias.
    pub(super) fn any_alias(&mut self, now: Duration) -> (Alias, AliasClaim) {
        let alias = self.aliases.any(&mut self.rng);
        let claim = self.tickets.claim(&alias, None, now);
        (alias, claim)
    }

    /// Gives the holder of an alias a newer ticket, if another peer has shown one that is as new as the holder's.
    fn affirm(&mut self, holder: PeerKey, shown: GrantTime, now: Duration) {
        let Some(peer) = self.peers.get_mut(&holder) else { return };
        if self.tickets.outdo(&peer.alias, &mut peer.claim, shown, now) {
            self.notify_own_grant(&holder);
        }
    }

    /// Makes the ticket that a seat's next bridge will get newer, if another peer has shown one that is as new.
    fn affirm_kept(&mut self, seat: &SeatKey, shown: GrantTime, now: Duration) {
        let kept = self.seats.get_mut(seat).and_then(|record| record.kept.as_mut());
        if let Some(kept) = kept {
            self.tickets.withstand(&kept.alias, &mut kept.claim, shown, now);
        }
    }

    /// Gives another alias to a peer whose alias went back to its earlier owner.
    fn reassign(&mut self, holder: PeerKey, now: Duration) {
        let (alias, claim) = self.any_alias(now);
        self.give_alias(&holder, alias, claim);
        self.notify_own_grant(&holder);
        if let Some(seat) = self.peers.get(&holder).and_then(PeerSession::seat) {
            self.tell_heirs(&seat);
        }
    }

    /// Tells a peer its own alias and ticket. An heir that will have the alias of its seat does not know of its own.
    pub(super) fn notify_own_grant(&mut self, key: &PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let heir = peer.connection.as_mut().and_then(|connection| connection.heir.as_mut());
        if let Some(heir) = heir {
            if !heir.keeps_alias {
                return;
            }
            heir.tell(&peer.alias, peer.claim.granted);
        }
        if let Some(grant) = self.current_grant(key) {
            self.notify_grant(key, grant);
        }
    }

    /// Gives a peer an alias in place of its own.
    pub(super) fn give_alias(&mut self, key: &PeerKey, alias: Alias, claim: AliasClaim) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.valid_card().is_some() {
            self.listing.remove(&peer.alias);
        }
        // The alias may have changed hands already.
        if self.aliases.owner(&peer.alias) == Some(AliasOwner::Peer(*key)) {
            self.aliases.free(&peer.alias);
        }
        self.aliases.give(&alias, *key);
        self.observation.touch(*key);
        let before = std::mem::replace(&mut peer.alias, alias);
        peer.former = Some(before.clone());
        peer.claim = claim;
        let last = peer.card.clone();
        if let Some(card) = peer.valid_card().filter(|_| !peer.is_unlisted) {
            // A card from when the peer had this alias before.
            self.listing.add(card.clone());
            self.watches.shown(*key);
        }
        self.suspect(key, &before, last.as_deref());
    }

    pub(super) fn notify_grant(&mut self, holder: &PeerKey, grant: Grant) {
        if let Some(connection) = self.connection_of(holder) {
            self.send(connection, ToBridge::Reassigned(grant));
        }
    }

    /// Handles a request for an alias. If it is granted, the card that names it is published too.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the card is invalid or not newer than the last one, or if the session is unlisted.
    /// A peer that lost its seat gets no alias.
    pub(super) fn rename(
        &mut self,
        requester: Requester,
        signed: SignedCard,
        now: Duration,
    ) -> Result<Naming, Close> {
        let published = PublishedCard::read(signed, &requester.key).ok_or(Close::ProtocolError)?;
        let Some(peer) = self.peers.get(&requester.key) else { return Ok(Naming::Bad) };
        let (is_unlisted, is_unseated) = (peer.is_unlisted, peer.is_unseated());
        if is_unlisted || !self.is_newer(&requester.key, published.card.epoch) {
            return Err(Close::ProtocolError);
        }
        if !is_unseated {
            self.check_seat(&requester.key, &published)?;
        }
        let Ok(alias) = Alias::parse(&published.card.alias) else { return Ok(Naming::Bad) };
        if is_unseated || !self.may_take(&requester.key, &alias) {
            let free = self.aliases.like(&alias, &mut self.rng).to_string();
            return Ok(Naming::Taken { free });
        }
        if !self.pass_over(&requester.key, &published.signed, now) {
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

    /// Returns whether an alias is free for a peer, or its own, or that of the seat that it is about to get.
    fn may_take(&self, key: &PeerKey, alias: &Alias) -> bool {
        let heir = self.peers.get(key).and_then(|peer| peer.heir());
        let seat = heir.filter(|heir| !heir.keeps_alias).map(|heir| &heir.claim.key);
        let holder = seat.and_then(|seat| self.seats.get(seat)).map(|record| record.holder);
        match self.aliases.owner(alias) {
            None => true,
            Some(AliasOwner::Peer(owner)) => owner == *key || Some(owner) == holder,
            Some(AliasOwner::Seat(_)) => false,
        }
    }

    /// Replaces a peer's alias by one that is free or already its own. Returns the peer's claim to it.
    fn take_alias(&mut self, key: &PeerKey, alias: &Alias, now: Duration) -> Option<AliasClaim> {
        let peer = self.peers.get(key)?;
        let seat = peer.seat();
        if peer.alias == *alias {
            return Some(peer.claim);
        }
        if let Some(AliasOwner::Peer(owner)) = self.aliases.owner(alias)
            && owner != *key
        {
            // The peer had this alias before it got that of its seat, and the former holder has it now.
            self.reassign(owner, now);
        }
        let claim = self.tickets.claim(alias, None, now);
        self.give_alias(key, alias.clone(), claim);
        if let Some(seat) = seat {
            self.tell_heirs(&seat);
        }
        Some(claim)
    }

    /// Handles a new card. A card that is not newer is ignored, and so is one for the peer's previous alias:
    /// it was on its way when the alias changed.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the card is invalid or names another alias, or if it is newer and shows a wrong seat.
    pub(super) fn card(
        &mut self,
        requester: Requester,
        signed: SignedCard,
        now: Duration,
    ) -> Result<(), Close> {
        let published = PublishedCard::read(signed, &requester.key).ok_or(Close::ProtocolError)?;
        let Some(peer) = self.peers.get(&requester.key) else { return Ok(()) };
        if peer.is_unseated() {
            // The card was on its way.
            return Ok(());
        }
        let alias = published.card.alias.as_str();
        let (own, former) = match peer.heir() {
            Some(SeatHeir { told, told_before, .. }) => (told, told_before),
            None => (&peer.alias, &peer.former),
        };
        if alias != own.as_str() {
            let overtaken = former.as_ref().is_some_and(|former| former.as_str() == alias);
            return if overtaken { Ok(()) } else { Err(Close::ProtocolError) };
        }
        if let Some(peer) = self.peers.get_mut(&requester.key) {
            peer.former = None;
        }
        // Before the signature of the seat is checked, which takes long.
        if !self.is_newer(&requester.key, published.card.epoch) {
            return Ok(());
        }
        self.check_seat(&requester.key, &published)?;
        if self.pass_over(&requester.key, &published.signed, now) {
            self.publish(&requester.key, published, now);
        }
        Ok(())
    }

    fn is_newer(&self, key: &PeerKey, epoch: Epoch) -> bool {
        let current = self.peers.get(key).and_then(|peer| peer.card.as_ref());
        current.is_none_or(|published| epoch > published.card.epoch)
    }

    /// Makes a card the peer's newest, and notifies subscribers and watches. The first card of the holder of a seat is
    /// the end of other claims to it.
    fn publish(&mut self, key: &PeerKey, published: PublishedCard, now: Duration) {
        let published = Arc::new(published);
        let Some(peer) = self.peers.get_mut(key) else { return };
        self.observation.touch(*key);
        let last = peer.card.replace(published.clone());
        let is_first = last.is_none();
        peer.is_outdated = false;
        let (seat, alias) = (peer.seat(), peer.alias.clone());
        if !peer.is_unlisted {
            self.listing.add(published.clone());
        }
        self.suspect_last(key, &alias, last.as_deref(), now);
        if let Some(seat) = seat {
            self.publish_seat(key, &seat, &published, now);
        }
        self.notify_subscribers(key, Standing::Online, Some(&published.signed));
        self.answer_watches(key, now);
        if is_first {
            self.deliver_returned(key);
        }
    }
}
