//! Queries about other peers.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{PeerKey, SeatKey};
use junction_shared::protocol::wire::{
    Answer, List, Listed, LookupTarget, Page, SignedCard, Standing,
};

use super::aliases::AliasOwner;
use super::inbox::millis;
use super::peer::PublishedCard;
use super::seats::SeatTenure;
use super::subscriptions::Subject;
use super::{Requester, State};

impl State {
    /// Returns the presence and the newest card of a peer, and subscribes the requester to its changes and to its seat.
    pub(super) fn lookup(
        &mut self,
        requester: Requester,
        target: &LookupTarget,
        now: Duration,
    ) -> Answer {
        let owner = match target {
            LookupTarget::Key(key) => Some(AliasOwner::Peer(*key)),
            LookupTarget::Alias(text) => self.named(requester, text),
            LookupTarget::Seat(seat) => Some(AliasOwner::Seat(*seat)),
        };
        let (standing, card) = match owner {
            Some(AliasOwner::Peer(key)) => {
                self.follow(requester, &key);
                self.standing(&key, now)
            }
            Some(AliasOwner::Seat(seat)) => self.lookup_seat(requester, &seat, now),
            // Without a key there is nothing to subscribe to: anyone may take an alias.
            None => (Standing::Gone, None),
        };
        Answer::Found(standing, card)
    }

    /// Returns the standing and the card of the peer that has a seat. Where nobody has it, or its holder has not shown a
    /// card yet, that is the last card of the seat.
    fn lookup_seat(
        &mut self,
        requester: Requester,
        seat: &SeatKey,
        now: Duration,
    ) -> (Standing, Option<SignedCard>) {
        let record = self.seats.get(seat);
        let holder = record.filter(|record| record.kept.is_none()).map(|record| record.holder);
        let last = record.and_then(SeatTenure::last_card);
        let is_known = record.is_some();
        if holder != Some(requester.key) && self.reads_seats(requester.id) {
            self.subscriptions.add(requester.id, Subject::Seat(*seat));
        }
        if let Some(holder) = holder {
            self.follow(requester, &holder);
            let found = self.standing(&holder, now);
            if last.is_none() || found.1.is_some() {
                return found;
            }
        }
        let may_come = self.in_restart_grace(now) && !is_known;
        (if may_come { Standing::NotYet } else { Standing::Gone }, last)
    }

    /// Returns the peer with exactly this alias, once its card is there, or the seat whose last card has this alias. Seats
    /// are for bridges that know them.
    fn named(&self, requester: Requester, text: &str) -> Option<AliasOwner> {
        let alias = Alias::parse(text).ok()?;
        let owner = self.aliases.owner(&alias)?;
        let seat = match owner {
            AliasOwner::Seat(seat) => seat,
            AliasOwner::Peer(key) => {
                let peer = self.peers.get(&key).filter(|peer| peer.alias == alias)?;
                if peer.valid_card().is_some() {
                    return Some(owner);
                }
                peer.seat()?
            }
        };
        let last = &self.seats.get(&seat)?.card.as_ref()?.card;
        let is_named = last.alias == alias.as_str() && self.reads_seats(requester.id);
        is_named.then_some(AliasOwner::Seat(seat))
    }

    fn standing(&self, key: &PeerKey, now: Duration) -> (Standing, Option<SignedCard>) {
        let signed = |published: &Arc<PublishedCard>| published.signed.clone();
        if let Some(peer) = self.peers.get(key) {
            return match peer.valid_card().map(signed) {
                Some(card) if peer.is_online() => (Standing::Online, Some(card)),
                Some(card) => (Standing::Away, Some(card)),
                // Others need the card to open what the peer sent.
                None if peer.is_unseated() => (Standing::Gone, peer.card.as_ref().map(signed)),
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

    /// Returns a peer as lists show it.
    pub(super) fn listed(&self, published: &PublishedCard, now: Duration) -> Option<Listed> {
        let peer = self.peers.get(&published.card.key)?;
        let SignedCard { body, mac, seat_signature, .. } = &published.signed;
        let (body, mac, seat_signature) = (body.clone(), *mac, *seat_signature);
        Some(Listed {
            // A page has no room for moves. A session that sends to the peer looks it up, and gets them.
            card: SignedCard { body, mac, seat_signature, moves: None },
            online: peer.is_online(),
            session_ms: millis(now.saturating_sub(peer.started)),
        })
    }
}
