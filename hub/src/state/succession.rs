//! How a seat passes from one bridge of a session to the next, and how a bridge that lost its seat ends.
//!
//! A seat that somebody living has passes over with the first card of the next, not with its claim: an heir that dies
//! before changes nothing. Until then the heir has an alias of its own, which nobody sees.

use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::GrantTime;
use junction_shared::protocol::id::{PeerKey, SeatKey};
use junction_shared::protocol::wire::{SignedCard, ToBridge};

use super::deadlines::Deadline;
use super::peer::{PeerSession, SeatHeir, Seating};
use super::presence::SLEPT;
use super::seats::{ClaimVerdict, KeptAlias};
use super::tickets::AliasClaim;
use super::{Output, State};

/// How long a peer that lost its seat may go on: time to say what it has read.
const UNSEATED: Duration = Duration::from_secs(1);

impl State {
    /// Passes the seat over to an heir whose first card is there. Returns whether the heir has it now: another one may
    /// have been faster.
    pub(super) fn pass_over(&mut self, key: &PeerKey, card: &SignedCard, now: Duration) -> bool {
        let Some(heir) = self.take_heir(key) else { return true };
        let seat = heir.claim.key;
        let is_heir = self.seats.judge(&heir.claim, key, |_| false) == ClaimVerdict::Heir;
        let Some(former) = self.seats.get(&seat).map(|record| record.holder).filter(|_| is_heir)
        else {
            // The one that has it now has a higher incarnation, and will show its card.
            self.give_up_seat(key, now);
            self.unseat(key, None, now);
            return false;
        };
        let before = self.drop_seat(key);
        if self.peers.get(&former).is_some_and(|peer| peer.heir().is_some()) {
            // Its session goes on under another seat.
            self.drop_seat(&former);
        } else {
            self.unseat(&former, Some(card), now);
        }
        self.take_seat(key, &heir.claim);
        if !heir.keeps_alias {
            self.exchange_aliases(key, &former, heir.granted, now);
        }
        if let Some(before) = before {
            self.pass_on(before, None, now);
        }
        true
    }

    fn take_heir(&mut self, key: &PeerKey) -> Option<Box<SeatHeir>> {
        self.peers.get_mut(key)?.connection.as_mut()?.heir.take()
    }

    /// Gives the alias of a seat to its new holder, and that one's own alias, which nobody sees, to the former.
    fn exchange_aliases(
        &mut self,
        key: &PeerKey,
        former: &PeerKey,
        granted: GrantTime,
        now: Duration,
    ) {
        let of = |key| self.peers.get(key).map(|peer| (peer.alias.clone(), peer.claim));
        let (Some((own, own_claim)), Some((alias, last))) = (of(key), of(former)) else { return };
        let mut claim = last.at(granted);
        let is_outdone = self.tickets.outdo(&alias, &mut claim, last.granted, now);
        self.give_alias(key, alias, claim);
        self.give_alias(former, own, own_claim);
        if self.peers.get(former).is_some_and(|peer| peer.heir().is_some()) {
            // It was to keep its alias in another seat, and was too slow.
            self.notify_own_grant(former);
        }
        if is_outdone && let Some(grant) = self.current_grant(key) {
            self.notify_grant(key, grant);
        }
    }

    /// Takes a peer out of view that lost its seat, and ends it soon. It is told by the card of who has the seat.
    fn unseat(&mut self, key: &PeerKey, card: Option<&SignedCard>, now: Duration) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        if peer.valid_card().is_some() {
            self.listing.remove(&peer.alias);
        }
        self.observation.touch(*key);
        let (alias, last) = (peer.alias.clone(), peer.card.clone());
        let until = now + UNSEATED;
        peer.seating = Seating::Unseated { until, is_extended: false };
        self.deadlines.set(until, Deadline::Unseated(*key));
        self.suspect(key, &alias, last.as_deref());
        if let Some((connection, card)) = self.connection_of(key).zip(card) {
            self.send(connection, ToBridge::Unseated(card.clone()));
        }
    }

    /// Tells the heirs of a seat whose holder has shown its first card: who has no claim any more that it lost the seat,
    /// all others which alias the seat has.
    pub(super) fn settle_heirs(&mut self, seat: &SeatKey, card: &SignedCard, now: Duration) {
        for key in self.heirs(seat) {
            let Some(heir) = self.peers.get(&key).and_then(|peer| peer.heir()) else { continue };
            let is_present = |holder: &PeerKey| self.is_present(holder, now);
            if self.seats.judge(&heir.claim, &key, is_present) == ClaimVerdict::Heir {
                continue;
            }
            self.take_heir(&key);
            self.give_up_seat(&key, now);
            self.unseat(&key, Some(card), now);
        }
        self.tell_heirs(seat);
    }

    /// Tells the heirs of a seat which alias it has, where they were told another.
    pub(super) fn tell_heirs(&mut self, seat: &SeatKey) {
        let Some(record) = self.seats.get(seat) else { return };
        let Some(alias) = self.peers.get(&record.holder).map(|peer| peer.alias.clone()) else {
            return;
        };
        for key in self.heirs(seat) {
            let connection = self.peers.get_mut(&key).and_then(|peer| peer.connection.as_mut());
            let heir = connection.and_then(|connection| connection.heir.as_mut());
            let Some(heir) = heir.filter(|heir| !heir.keeps_alias && heir.told != alias) else {
                continue;
            };
            heir.told_before = Some(std::mem::replace(&mut heir.told, alias.clone()));
            if let Some(grant) = self.current_grant(&key) {
                self.notify_grant(&key, grant);
            }
        }
    }

    /// Returns the peers that are to have a seat, the first in line last.
    fn heirs(&self, seat: &SeatKey) -> Vec<PeerKey> {
        let incarnation = |(key, peer): (&PeerKey, &PeerSession)| {
            let heir = peer.heir().filter(|heir| heir.claim.key == *seat)?;
            Some((heir.claim.incarnation, *key))
        };
        let mut heirs: Vec<_> = self.peers.iter().filter_map(incarnation).collect();
        heirs.sort_unstable();
        heirs.into_iter().map(|(_, key)| key).collect()
    }

    /// Ends what a peer whose session has ended has to do with seats. An heir, or the seat itself if it is to be kept, has
    /// the alias from now on.
    pub(super) fn end_seating(
        &mut self,
        key: &PeerKey,
        peer: &PeerSession,
        keeps_seat: bool,
        now: Duration,
    ) {
        match peer.seating {
            Seating::Seatless => {}
            Seating::Unseated { until, .. } => {
                self.deadlines.clear(until, Deadline::Unseated(*key));
            }
            Seating::Holder(seat) => {
                let left = (peer.alias.clone(), peer.claim);
                if keeps_seat || !self.heirs(&seat).is_empty() {
                    self.pass_on(seat, Some(left), now);
                } else {
                    self.forget_seat(&seat);
                }
            }
        }
    }

    /// Ends a peer's hold on its seat. The peer keeps its alias.
    pub(super) fn give_up_seat(&mut self, key: &PeerKey, now: Duration) {
        if let Some(seat) = self.drop_seat(key) {
            self.pass_on(seat, None, now);
        }
    }

    fn drop_seat(&mut self, key: &PeerKey) -> Option<SeatKey> {
        let peer = self.peers.get_mut(key)?;
        let seat = peer.seat()?;
        peer.seating = Seating::Seatless;
        Some(seat)
    }

    /// Gives a seat that nobody has any more to the first of its heirs, with the alias that goes with it. Without an heir
    /// the seat is kept if it has such an alias, else forgotten.
    pub(super) fn pass_on(
        &mut self,
        seat: SeatKey,
        left: Option<(Alias, AliasClaim)>,
        now: Duration,
    ) {
        // An heir may leave another seat behind, which has heirs of its own.
        let mut open = Some((seat, left));
        while let Some((seat, left)) = open.take() {
            let Some(heir) = self.heirs(&seat).pop() else {
                self.keep_seat(seat, left, now);
                return;
            };
            let before = self.succeed(&heir, left, now);
            self.tell_heirs(&seat);
            open = before.map(|seat| (seat, None));
        }
    }

    /// Makes an heir the holder of its seat, which nobody has. Returns the seat that it had before.
    fn succeed(
        &mut self,
        key: &PeerKey,
        left: Option<(Alias, AliasClaim)>,
        now: Duration,
    ) -> Option<SeatKey> {
        let heir = self.take_heir(key)?;
        let before = self.drop_seat(key);
        self.take_seat(key, &heir.claim);
        if let Some((alias, last)) = left.filter(|_| !heir.keeps_alias) {
            let mut claim = last.at(heir.granted);
            self.tickets.outdo(&alias, &mut claim, last.granted, now);
            self.give_alias(key, alias, claim);
        }
        let Some(peer) = self.peers.get_mut(key) else { return before };
        let is_told = peer.alias == heir.told && peer.claim.granted == heir.granted;
        peer.former = if peer.alias == heir.told { heir.told_before } else { Some(heir.told) };
        if !is_told && let Some(grant) = self.current_grant(key) {
            self.notify_grant(key, grant);
        }
        before
    }

    fn keep_seat(&mut self, seat: SeatKey, left: Option<(Alias, AliasClaim)>, now: Duration) {
        let Some(left) = left else {
            self.forget_seat(&seat);
            return;
        };
        self.aliases.keep(&left.0, seat);
        let until = now + self.timeouts.session_timeout;
        self.deadlines.set(until, Deadline::Seat(seat));
        self.seats.keep(seat, left, now, until);
        if let Some(surplus) = self.seats.surplus() {
            self.forget_seat(&surplus);
        }
    }

    /// Forgets a seat, and what is kept of it.
    pub(super) fn forget_seat(&mut self, seat: &SeatKey) {
        if let Some(KeptAlias { alias, until, .. }) = self.seats.forget(seat) {
            self.deadlines.clear(until, Deadline::Seat(*seat));
            self.aliases.free(&alias);
        }
    }

    /// Handles the deadline of a peer that lost its seat.
    pub(super) fn unseated_due(&mut self, key: PeerKey, now: Duration) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Seating::Unseated { until, is_extended } = &mut peer.seating else { return };
        if now.saturating_sub(*until) > SLEPT && !*is_extended {
            // The hub was not running, and could not hear what the peer said.
            (*until, *is_extended) = (now + UNSEATED, true);
            self.deadlines.set(*until, Deadline::Unseated(key));
            return;
        }
        let connection = self.connection_of(&key);
        self.end(&key, now);
        self.out.extend(connection.map(|id| Output::Close(id, Close::SessionEnded)));
    }
}
