//! How seats are claimed, and which cards may show them.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{ConnectionId, PeerKey, SeatKey};
use junction_shared::protocol::limits::MAX_MOVES;
use junction_shared::protocol::seat::{card_holds, move_holds};
use junction_shared::protocol::wire::{
    CardSeat, Grant, HelloBody, SeatAnswer, SeatClaim, SignedCard,
};

use super::deadlines::Deadline;
use super::peer::{PeerSession, PublishedCard, SeatHeir, Seating};
use super::seats::{ClaimVerdict, KeptAlias, SeatTenure};
use super::subscriptions::Subject;
use super::{Requester, State};

impl State {
    /// Returns the claim of a hello to a seat and what becomes of it, if the hub believes it. An unlisted session has no
    /// seat.
    pub(super) fn judge_claim<'a>(
        &self,
        hello: &'a HelloBody,
        now: Duration,
    ) -> Option<(&'a SeatClaim, ClaimVerdict)> {
        let claim = hello.seat.as_ref().filter(|_| hello.unlisted != Some(true))?;
        let wall_ms = self.tickets.clock(now).0;
        if !self.seats.believes(claim, wall_ms) {
            return None;
        }
        let verdict = self.seats.judge(claim, &hello.key, |key| self.is_present(key, now));
        if !self.peers.get(&hello.key).is_some_and(PeerSession::is_unseated) {
            return Some((claim, verdict));
        }
        // What this peer has not opened goes back to its senders: it must not begin again.
        (verdict != ClaimVerdict::New).then_some((claim, ClaimVerdict::Superseded))
    }

    /// Carries out what becomes of a claim, for a peer that has just connected. Returns what it is told.
    pub(super) fn seat(
        &mut self,
        key: &PeerKey,
        claimed: Option<(&SeatClaim, ClaimVerdict)>,
        now: Duration,
    ) -> Option<SeatAnswer> {
        let keeps_alias = claimed.is_some_and(|(claim, _)| self.comes_from_its_seat(key, claim));
        let record = claimed.and_then(|(claim, _)| self.seats.get(&claim.key));
        let superseded = record.map(|record| {
            let is_free = record.kept.is_some() || self.connection_of(&record.holder).is_none();
            let (number, card) = (record.incarnation, record.current_card());
            SeatAnswer::Superseded(number, card, is_free.then_some(true))
        });
        // An heir keeps the seat that it has until it gets the other.
        let goes_on = |(_, verdict)| matches!(verdict, ClaimVerdict::Heir | ClaimVerdict::Same);
        if !claimed.is_some_and(goes_on) {
            self.give_up_seat(key, now);
        }
        let (claim, verdict) = claimed?;
        match verdict {
            ClaimVerdict::Held => return Some(SeatAnswer::Held),
            ClaimVerdict::Superseded => return superseded,
            ClaimVerdict::Heir => self.become_heir(key, claim, keeps_alias, now),
            ClaimVerdict::New => {
                self.seats.add(claim.key, SeatTenure::new(claim, *key, now));
                self.set_seating(key, Seating::Holder(claim.key));
            }
            ClaimVerdict::Same => self.take_seat(key, claim),
            ClaimVerdict::Returns => {
                self.take_seat(key, claim);
                self.take_kept_alias(key, &claim.key, keeps_alias, now);
            }
        }
        Some(SeatAnswer::Granted(self.seats.get(&claim.key)?.last_card()))
    }

    /// Returns whether the session of a peer goes on under another seat than the one it has, by the word of that one.
    fn comes_from_its_seat(&self, key: &PeerKey, claim: &SeatClaim) -> bool {
        let Some(moved) = &claim.moved_from else { return false };
        let record = self.seats.get(&moved.from).filter(|record| record.kept.is_none());
        let is_its_own = record
            .is_some_and(|record| record.holder == *key && record.incarnation == moved.incarnation);
        is_its_own && self.group.is_none_or(|group| move_holds(moved, &group, &claim.key))
    }

    fn set_seating(&mut self, key: &PeerKey, seating: Seating) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.seating = seating;
        }
    }

    pub(super) fn take_seat(&mut self, key: &PeerKey, claim: &SeatClaim) {
        if let Some(record) = self.seats.get_mut(&claim.key) {
            record.pass_to(*key, claim);
        }
        self.set_seating(key, Seating::Holder(claim.key));
    }

    /// Gives the alias that was kept for a seat to its holder, unless the holder keeps its own.
    fn take_kept_alias(&mut self, key: &PeerKey, seat: &SeatKey, keeps_alias: bool, now: Duration) {
        let Some(kept) = self.seats.resume(seat, now) else { return };
        let KeptAlias { alias, mut claim, until, .. } = kept;
        self.deadlines.clear(until, Deadline::Seat(*seat));
        if keeps_alias {
            self.aliases.free(&alias);
            return;
        }
        self.tickets.settle(&alias, &mut claim, now);
        let granted = claim.granted;
        self.tickets.outdo(&alias, &mut claim, granted, now);
        self.give_alias(key, alias, claim);
    }

    /// Takes the cards of other peers out of view that still show this seat: they had it before.
    fn outdate_cards(&mut self, seat: &SeatKey, newcomer: &PeerKey) {
        for (key, peer) in self.peers.iter_mut().filter(|(key, _)| *key != newcomer) {
            let shown = peer.card.as_ref().and_then(|published| published.card.seat);
            if shown.is_none_or(|shown| shown.key != *seat) {
                continue;
            }
            if peer.valid_card().is_some() {
                self.listing.remove(&peer.alias);
            }
            peer.is_outdated = true;
            self.observation.touch(*key);
        }
    }

    fn become_heir(&mut self, key: &PeerKey, claim: &SeatClaim, keeps_alias: bool, now: Duration) {
        let Some(holder) = self.seats.get(&claim.key).map(|record| record.holder) else { return };
        let from = if keeps_alias { key } else { &holder };
        let Some(peer) = self.peers.get_mut(from) else { return };
        // Newer than the holder's ticket, which the heir outdoes once it has the seat.
        let mut newer = peer.claim;
        if !keeps_alias {
            self.tickets.outdo(&peer.alias, &mut newer, peer.claim.granted, now);
        }
        let heir = SeatHeir {
            claim: claim.clone(),
            keeps_alias,
            told: peer.alias.clone(),
            told_before: None,
            granted: newer.granted,
        };
        let connection = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut());
        if let Some(connection) = connection {
            connection.heir = Some(Box::new(heir));
        }
    }

    /// Makes a card the last of a seat. With the first card of its holder, the seat passes over for all who follow it:
    /// they follow the holder from then on.
    pub(super) fn publish_seat(
        &mut self,
        key: &PeerKey,
        seat: &SeatKey,
        published: &Arc<PublishedCard>,
        now: Duration,
    ) {
        let Some(record) = self.seats.get_mut(seat) else { return };
        let before = record.card.replace(published.clone());
        if before.is_some_and(|before| before.card.key == *key) {
            return;
        }
        self.outdate_cards(seat, key);
        let (of_seat, of_peer) = (Subject::Seat(*seat), Subject::Peer(*key));
        for subscriber in self.subscriptions.subscribers(&of_seat) {
            if self.connections.get(&subscriber) != Some(key) {
                self.subscriptions.add(subscriber, of_peer);
            }
        }
        for subscriber in self.subscriptions.subscribers(&of_peer) {
            if self.reads_seats(subscriber) {
                self.subscriptions.add(subscriber, of_seat);
            }
        }
        self.settle_heirs(seat, &published.signed, now);
    }

    /// Subscribes a connection to another peer, and to the seat of that one if the connection's bridge knows seats.
    pub(super) fn follow(&mut self, requester: Requester, key: &PeerKey) {
        if *key == requester.key {
            return;
        }
        self.subscriptions.add(requester.id, Subject::Peer(*key));
        let peer = self.peers.get(key);
        let seat = peer.and_then(|peer| peer.seat().or_else(|| peer.lost_seat()));
        let last = self.tombstones.card(key).and_then(|published| published.card.seat);
        if let Some(seat) = seat.or(last.map(|shown| shown.key))
            && self.reads_seats(requester.id)
        {
            self.subscriptions.add(requester.id, Subject::Seat(seat));
        }
    }

    /// Returns whether the bridge at the other end of a connection knows seats.
    pub(super) fn reads_seats(&self, connection: ConnectionId) -> bool {
        let key = self.connections.get(&connection);
        key.and_then(|key| self.peers.get(key)).is_some_and(PeerSession::reads_seats)
    }

    /// Returns what a peer is granted now: an heir the alias of its seat, any other its own.
    pub(super) fn current_grant(&self, key: &PeerKey) -> Option<Grant> {
        let peer = self.peers.get(key)?;
        let Some(heir) = peer.heir() else {
            return Some(self.grant(&peer.alias, key, &peer.claim));
        };
        let claim = peer.claim.at(heir.granted);
        Some(self.grant(&heir.told, key, &claim))
    }

    /// Checks that a card shows the seat of its peer, signed by it, or none if the peer has none, and few moves.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if it shows another, or its signature is wrong. A hub that does not know its group cannot
    /// check signatures.
    pub(super) fn check_seat(&self, key: &PeerKey, published: &PublishedCard) -> Result<(), Close> {
        let shown = published.card.seat;
        let moves = published.signed.moves.as_ref().map_or(0, Vec::len);
        let most = if shown.is_some() { MAX_MOVES } else { 0 };
        if shown != self.seat_to_show(key) || moves > most {
            return Err(Close::ProtocolError);
        }
        let (Some(seat), Some(group)) = (shown, self.group) else { return Ok(()) };
        let SignedCard { body, seat_signature, .. } = &published.signed;
        let holds =
            seat_signature.as_ref().is_some_and(|by| card_holds(&seat.key, &group, body, by));
        if holds { Ok(()) } else { Err(Close::ProtocolError) }
    }

    fn seat_to_show(&self, key: &PeerKey) -> Option<CardSeat> {
        let peer = self.peers.get(key)?;
        if let Some(SeatHeir { claim, .. }) = peer.heir() {
            return Some(CardSeat { key: claim.key, incarnation: claim.incarnation });
        }
        let seat = peer.seat()?;
        let incarnation = self.seats.get(&seat)?.incarnation;
        Some(CardSeat { key: seat, incarnation })
    }
}
