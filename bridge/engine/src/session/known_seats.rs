//! The seats of other sessions: which of them are certain, which key has each now, and which keys were one session.
//!
//! A card shows a seat by the seat's signature: the seat vouches for the key. That alone is no proof that the key's owner
//! has the seat, because any member can show anybody's key on a card of its own seat. A seat is *certain* for a key once
//! the key's owner has named it as well, in a message, a receipt or a return word. Only then is a later key of the seat the
//! same session.

use std::collections::HashMap;

use junction_shared::protocol::id::{Incarnation, PeerKey, SeatKey};
use junction_shared::protocol::wire::{CardSeat, SeatMove};

/// Seats and keys of seats kept; further ones stay without a certain seat.
const MAX_SEATS: usize = 65_536;
/// How far an incarnation may be ahead of this machine's clock and of the last that was seen, in milliseconds: a day.
pub(super) const AHEAD: u64 = 24 * 60 * 60 * 1000;

/// A seat that is certain for at least one key.
struct SeatRecord {
    /// The first key that was known to have the seat. What is kept of the peer is kept by it.
    origin: PeerKey,
    /// The newest key that the seat has vouched for, and the number of its process.
    holder: PeerKey,
    incarnation: Incarnation,
    /// The newest process of the seat of which a message was opened, and its key.
    heard: (Incarnation, PeerKey),
}

impl SeatRecord {
    /// Whether a card of this key is older than the newest.
    fn is_before(&self, key: PeerKey, incarnation: Incarnation) -> bool {
        (incarnation, key) < (self.incarnation, self.holder)
    }
}

/// The seats of other sessions.
#[derive(Default)]
pub(super) struct KnownSeats {
    seats: HashMap<SeatKey, SeatRecord>,
    /// The certain seat of each key.
    certain: HashMap<PeerKey, SeatKey>,
    /// The certain seat that has vouched for each key: enough to send to it.
    vouched: HashMap<PeerKey, SeatKey>,
}

/// A session that has come back under another key.
pub(super) struct Successor {
    /// The key that the peer is known by.
    pub(super) origin: PeerKey,
    /// The newest key.
    pub(super) key: PeerKey,
}

/// Whether an incarnation can be believed: it is not far ahead of both the clock, in milliseconds since 1970, and the last
/// one that was seen.
fn is_believable(incarnation: Incarnation, last: Option<Incarnation>, now_ms: u64) -> bool {
    let last = last.unwrap_or_default().0;
    incarnation.0 <= now_ms.max(last).saturating_add(AHEAD)
}

impl KnownSeats {
    /// The seat on a card if it counts: its incarnation can be believed, and no newer one is known.
    pub(super) fn current(
        &self,
        key: PeerKey,
        seat: Option<CardSeat>,
        now_ms: u64,
    ) -> Option<SeatKey> {
        let seat = seat?;
        let record = self.seats.get(&seat.key);
        let last = record.map(|record| record.incarnation);
        let is_over = record.is_some_and(|record| record.is_before(key, seat.incarnation));
        (!is_over && is_believable(seat.incarnation, last, now_ms)).then_some(seat.key)
    }

    /// The seat of a key whose card shows this one, or none: a hub may know no seats, or may not believe
    /// its incarnation, and then it is the one that is certain for the key, if no newer key has it.
    pub(super) fn shown(
        &self,
        key: PeerKey,
        seat: Option<CardSeat>,
        now_ms: u64,
    ) -> Option<SeatKey> {
        let certain = || self.of(&key).filter(|certain| self.holder(certain) == Some(key));
        if seat.is_some() { self.current(key, seat, now_ms) } else { certain() }
    }

    /// Whether a seat is certain for any key.
    pub(super) fn has(&self, seat: &SeatKey) -> bool {
        self.seats.contains_key(seat)
    }

    /// A card vouches for a key. If the seat is certain and had an older key, gives the key that the peer is known by.
    pub(super) fn vouched(&mut self, key: PeerKey, seat: CardSeat, now_ms: u64) -> Option<PeerKey> {
        self.current(key, Some(seat), now_ms)?;
        let record = self.seats.get_mut(&seat.key)?;
        if self.vouched.len() < MAX_SEATS {
            self.vouched.insert(key, seat.key);
        }
        let is_newer = record.holder != key;
        (record.holder, record.incarnation) = (key, seat.incarnation);
        is_newer.then_some(record.origin)
    }

    /// The session of one seat goes on under another, as the earlier seat says. True if that is news.
    pub(super) fn moved(&mut self, moved: &SeatMove, to: SeatKey) -> bool {
        let is_last = |record: &SeatRecord| record.incarnation <= moved.incarnation;
        if !self.seats.get(&moved.from).is_some_and(is_last) {
            return false;
        }
        let Some(record) = self.seats.remove(&moved.from) else { return false };
        let keys = self.certain.values_mut().chain(self.vouched.values_mut());
        keys.filter(|seat| **seat == moved.from).for_each(|seat| *seat = to);
        // The incarnations of the other seat have nothing to do with those of this one.
        let incarnation = Incarnation::default();
        let heard = (incarnation, record.heard.1);
        let record = SeatRecord { incarnation, heard, ..record };
        self.seats.entry(to).or_insert(record);
        true
    }

    /// The owner of a key has named the seat on its card. Says whether that is news; nothing if it cannot be believed, or not
    /// be kept.
    pub(super) fn named(&mut self, key: PeerKey, seat: CardSeat, now_ms: u64) -> Option<bool> {
        if self.certain.get(&key) == Some(&seat.key) {
            return Some(false);
        }
        let last = self.seats.get(&seat.key).map(|record| record.incarnation);
        let has_room = self.certain.len() < MAX_SEATS && self.seats.len() < MAX_SEATS;
        if !has_room || !is_believable(seat.incarnation, last, now_ms) {
            return None;
        }
        self.certain.insert(key, seat.key);
        let incarnation = seat.incarnation;
        let record = self.seats.entry(seat.key);
        let heard = (Incarnation::default(), key);
        let first = SeatRecord { origin: key, holder: key, incarnation, heard };
        let record = record.or_insert(first);
        if !record.is_before(key, incarnation) {
            (record.holder, record.incarnation) = (key, incarnation);
        }
        Some(true)
    }

    /// A message of this key was opened, which names the seat. Says whether it is the first one since the session came
    /// back; nothing if one of a later process of the seat was opened before: then it comes too late to be read in its
    /// place.
    pub(super) fn heard(&mut self, key: PeerKey, seat: CardSeat) -> Option<bool> {
        let Some(record) = self.seats.get_mut(&seat.key) else { return Some(false) };
        let before = record.heard;
        if (seat.incarnation, key) < before {
            return None;
        }
        record.heard = (seat.incarnation, key);
        Some(before != record.heard && record.origin != key)
    }

    /// The certain seat of a key.
    pub(super) fn of(&self, key: &PeerKey) -> Option<SeatKey> {
        self.certain.get(key).copied()
    }

    /// The key that this peer is known by: the first one of its seat, or this one.
    pub(super) fn origin(&self, key: &PeerKey) -> PeerKey {
        let record = self.certain.get(key).and_then(|seat| self.seats.get(seat));
        record.map_or(*key, |record| record.origin)
    }

    /// The seat of a key that messages are sent to: certain, or vouched for by a seat that is.
    pub(super) fn of_receiver(&self, key: &PeerKey) -> Option<SeatKey> {
        self.of(key).or_else(|| self.vouched.get(key).copied())
    }

    /// As [`KnownSeats::origin`], of a key that messages are sent to.
    pub(super) fn origin_of_receiver(&self, key: &PeerKey) -> PeerKey {
        let record = self.of_receiver(key).and_then(|seat| self.seats.get(&seat));
        record.map_or(*key, |record| record.origin)
    }

    /// The newest key of a peer's seat.
    pub(super) fn holder(&self, seat: &SeatKey) -> Option<PeerKey> {
        self.seats.get(seat).map(|record| record.holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PeerKey = PeerKey([1; 32]);
    const TWO: PeerKey = PeerKey([2; 32]);
    const SEAT: SeatKey = SeatKey([7; 32]);
    const NOW: u64 = 1_700_000_000_000;

    fn at(incarnation: u64) -> CardSeat {
        CardSeat { key: SEAT, incarnation: Incarnation(incarnation) }
    }

    #[test]
    fn later_key_of_a_certain_seat_is_the_same_peer() {
        let mut seats = KnownSeats::default();
        assert_eq!(seats.named(ONE, at(NOW), NOW), Some(true));
        assert_eq!(seats.named(ONE, at(NOW), NOW), Some(false));
        assert_eq!(seats.vouched(TWO, at(NOW + 1), NOW), Some(ONE));
        assert_eq!(seats.vouched(TWO, at(NOW + 1), NOW), None);
        assert_eq!((seats.origin(&TWO), seats.origin_of_receiver(&TWO)), (TWO, ONE));
        assert_eq!(seats.named(TWO, at(NOW + 1), NOW), Some(true));
        assert_eq!(seats.origin(&TWO), ONE);
    }

    #[test]
    fn key_whose_card_shows_no_seat_any_more_keeps_the_one_that_is_certain_until_a_newer_key_has_it()
     {
        let mut seats = KnownSeats::default();
        assert_eq!(seats.shown(ONE, None, NOW), None);
        seats.named(ONE, at(NOW), NOW);
        assert_eq!(seats.shown(ONE, None, NOW), Some(SEAT));
        seats.vouched(TWO, at(NOW + 1), NOW);
        assert_eq!((seats.shown(ONE, None, NOW), seats.shown(TWO, None, NOW)), (None, None));
    }

    #[test]
    fn card_alone_makes_no_seat_certain() {
        let mut seats = KnownSeats::default();
        assert_eq!(seats.vouched(ONE, at(NOW), NOW), None);
        assert_eq!(seats.vouched(TWO, at(NOW + 1), NOW), None);
        assert_eq!((seats.of(&ONE), seats.origin_of_receiver(&TWO)), (None, TWO));
    }

    #[test]
    fn first_message_of_a_session_that_came_back_is_marked_and_an_older_one_comes_too_late() {
        let mut seats = KnownSeats::default();
        seats.named(ONE, at(NOW), NOW);
        assert_eq!(
            (seats.heard(ONE, at(NOW)), seats.heard(ONE, at(NOW))),
            (Some(false), Some(false))
        );
        // A receipt may have named the seat before.
        seats.named(TWO, at(NOW + 1), NOW);
        assert_eq!(
            (seats.heard(TWO, at(NOW + 1)), seats.heard(TWO, at(NOW + 1))),
            (Some(true), Some(false))
        );
        assert_eq!(seats.heard(ONE, at(NOW)), None);
    }

    #[test]
    fn lower_incarnation_and_of_equal_ones_the_smaller_key_has_no_seat() {
        let mut seats = KnownSeats::default();
        seats.named(ONE, at(NOW), NOW);
        assert_eq!(seats.current(TWO, Some(at(NOW - 1)), NOW), None);
        assert_eq!(seats.current(TWO, Some(at(NOW)), NOW), Some(SEAT));
        assert_eq!(seats.vouched(TWO, at(NOW), NOW), Some(ONE));
        assert_eq!(seats.current(ONE, Some(at(NOW)), NOW), None);
        assert_eq!(seats.vouched(ONE, at(NOW), NOW), None);
    }

    #[test]
    fn incarnation_far_ahead_of_clock_and_last_is_not_believed() {
        let mut seats = KnownSeats::default();
        assert_eq!(seats.current(ONE, Some(at(NOW + AHEAD + 1)), NOW), None);
        assert_eq!(seats.current(ONE, Some(at(NOW + AHEAD)), NOW), Some(SEAT));
        // A clock that was ahead has been set back: the last that was seen counts.
        seats.named(ONE, at(NOW), NOW);
        assert_eq!(seats.current(TWO, Some(at(NOW + 1)), 0), Some(SEAT));
        assert_eq!(seats.current(TWO, Some(at(NOW + AHEAD + 1)), 0), None);
    }

    #[test]
    fn session_that_moves_to_another_seat_stays_the_same_peer() {
        use junction_shared::protocol::id::Signature;
        let (mut seats, other) = (KnownSeats::default(), SeatKey([8; 32]));
        seats.named(ONE, at(NOW), NOW);
        let moved = |incarnation| SeatMove {
            from: SEAT,
            incarnation: Incarnation(incarnation),
            signature: Signature([0; 64]),
            consent: Signature([0; 64]),
        };
        assert!(!seats.moved(&moved(NOW - 1), other), "the seat has had a later process");
        assert!(seats.moved(&moved(NOW), other) && !seats.moved(&moved(NOW), other));
        assert_eq!((seats.of(&ONE), seats.origin(&ONE)), (Some(other), ONE));
        // A session that takes the old seat afterwards is another one.
        assert_eq!(seats.named(TWO, at(NOW + 1), NOW), Some(true));
        assert_eq!(seats.origin(&TWO), TWO);
    }
}
