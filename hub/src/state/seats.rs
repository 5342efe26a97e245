//! The records of all seats: who has each, its incarnation, and what is kept of it while nobody has it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{Incarnation, PeerKey, SeatKey};
use junction_shared::protocol::wire::{SeatClaim, SignedCard};

use super::peer::PublishedCard;
use super::tickets::AliasClaim;

/// The maximum number of seats kept whose bridge has left: more than one burst of agents that are closed. Beyond it those
/// go that sessions have had for the shortest time, so that many short sessions push out no long one.
const MAX_KEPT: usize = 1024;
/// How far an incarnation may be ahead of the clock and of the last one, in milliseconds: a day, more than clocks of
/// machines that work together differ. A seat whose incarnation is far ahead could never be claimed again.
const MAX_AHEAD_MS: u64 = 24 * 60 * 60 * 1000;

/// What is kept of a seat while no session has it.
pub(super) struct KeptAlias {
    /// The alias.
    pub(super) alias: Alias,
    /// What the seat's claim to the alias rests on.
    pub(super) claim: AliasClaim,
    /// How long sessions have had the seat.
    pub(super) tenure: Duration,
    /// Until when it is kept.
    pub(super) until: Duration,
}

/// What the hub knows of a seat.
pub(super) struct SeatTenure {
    /// The peer that has the seat, or had it last.
    pub(super) holder: PeerKey,
    /// The holder's incarnation.
    pub(super) incarnation: Incarnation,
    /// When sessions began to have the seat, without the time for which it was kept.
    since: Duration,
    /// Where the holder runs.
    pub(super) place: Option<[u8; 16]>,
    /// The last card of the seat.
    pub(super) card: Option<Arc<PublishedCard>>,
    /// What is kept while the holder has left; absent while it has a session.
    pub(super) kept: Option<KeptAlias>,
}

/// What becomes of a claim to a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClaimVerdict {
    /// Nobody has the seat or had it: it is granted.
    New,
    /// The peer has the seat already.
    Same,
    /// The seat was kept: it is granted.
    Returns,
    /// Another peer has the seat, and the claim takes it with the first card.
    Heir,
    /// Another peer has the seat, and the claim is only a wish.
    Held,
    /// The seat has, or had, a higher incarnation.
    Superseded,
}

impl SeatTenure {
    /// The record of a seat that is granted for the first time.
    pub(super) fn new(claim: &SeatClaim, holder: PeerKey, now: Duration) -> Self {
        let SeatClaim { incarnation, place, .. } = *claim;
        Self { holder, incarnation, since: now, place, card: None, kept: None }
    }

    /// Judges a claim of this peer. `is_present` says whether the holder is connected, or was a moment ago.
    fn judge(&self, claim: &SeatClaim, key: &PeerKey, is_present: bool) -> ClaimVerdict {
        let is_higher = claim.incarnation > self.incarnation;
        if self.holder == *key && !is_higher && claim.incarnation != self.incarnation {
            return ClaimVerdict::Superseded;
        }
        if self.kept.is_some() {
            let is_granted = is_higher || self.holder == *key;
            return if is_granted { ClaimVerdict::Returns } else { ClaimVerdict::Superseded };
        }
        if self.holder == *key {
            return ClaimVerdict::Same;
        }
        let is_near = claim.place.is_some() && claim.place == self.place;
        if (claim.incarnation, *key) < (self.incarnation, self.holder) {
            ClaimVerdict::Superseded
        } else if claim.is_proven == Some(true) || is_near || !is_present {
            ClaimVerdict::Heir
        } else {
            ClaimVerdict::Held
        }
    }

    /// Makes a peer the holder.
    pub(super) fn pass_to(&mut self, holder: PeerKey, claim: &SeatClaim) {
        self.holder = holder;
        self.incarnation = claim.incarnation;
        self.place = claim.place;
    }

    /// Returns the last card of the seat.
    pub(super) fn last_card(&self) -> Option<SignedCard> {
        self.card.as_ref().map(|published| published.signed.clone())
    }

    /// Returns the last card if it is of the current incarnation.
    pub(super) fn current_card(&self) -> Option<SignedCard> {
        let shown = self.card.as_ref()?.card.seat?;
        if shown.incarnation == self.incarnation { self.last_card() } else { None }
    }
}

/// The records of all seats.
#[derive(Default)]
pub(super) struct SeatRegister {
    records: HashMap<SeatKey, SeatTenure>,
    /// The seats that are kept: first those that sessions have had for the shortest time, and of these the first to be
    /// forgotten.
    kept: BTreeSet<(Duration, Duration, SeatKey)>,
}

impl SeatRegister {
    /// Returns the record of a seat.
    pub(super) fn get(&self, seat: &SeatKey) -> Option<&SeatTenure> {
        self.records.get(seat)
    }

    /// Returns the record of a seat.
    pub(super) fn get_mut(&mut self, seat: &SeatKey) -> Option<&mut SeatTenure> {
        self.records.get_mut(seat)
    }

    /// Adds the record of a seat that has none.
    pub(super) fn add(&mut self, seat: SeatKey, record: SeatTenure) {
        self.records.insert(seat, record);
    }

    /// Judges a claim. `is_present` says whether a peer is connected, or was a moment ago.
    pub(super) fn judge(
        &self,
        claim: &SeatClaim,
        key: &PeerKey,
        is_present: impl Fn(&PeerKey) -> bool,
    ) -> ClaimVerdict {
        let record = self.records.get(&claim.key);
        record.map_or(ClaimVerdict::New, |record| {
            record.judge(claim, key, is_present(&record.holder))
        })
    }

    /// Returns whether the hub believes the incarnation of a claim, by its wall clock in milliseconds since 1970.
    pub(super) fn believes(&self, claim: &SeatClaim, wall_ms: u64) -> bool {
        let last = self.records.get(&claim.key).map_or(0, |record| record.incarnation.0);
        claim.incarnation.0 <= wall_ms.max(last).saturating_add(MAX_AHEAD_MS)
    }

    /// Keeps a seat whose holder has left, with its alias, for so long.
    pub(super) fn keep(
        &mut self,
        seat: SeatKey,
        (alias, claim): (Alias, AliasClaim),
        now: Duration,
        until: Duration,
    ) {
        if let Some(record) = self.records.get_mut(&seat) {
            let tenure = now.saturating_sub(record.since);
            self.kept.insert((tenure, until, seat));
            record.kept = Some(KeptAlias { alias, claim, tenure, until });
        }
    }

    /// Returns the seat to be forgotten because too many are kept.
    pub(super) fn surplus(&self) -> Option<SeatKey> {
        self.kept.first().filter(|_| self.kept.len() > MAX_KEPT).map(|(.., seat)| *seat)
    }

    /// Takes back what is kept of a seat.
    pub(super) fn resume(&mut self, seat: &SeatKey, now: Duration) -> Option<KeptAlias> {
        let record = self.records.get_mut(seat)?;
        let kept = record.kept.take()?;
        record.since = now.saturating_sub(kept.tenure);
        self.kept.remove(&(kept.tenure, kept.until, *seat));
        Some(kept)
    }

    /// Forgets a seat. Returns what was kept of it.
    pub(super) fn forget(&mut self, seat: &SeatKey) -> Option<KeptAlias> {
        let kept = self.records.remove(seat)?.kept?;
        self.kept.remove(&(kept.tenure, kept.until, *seat));
        Some(kept)
    }

    /// Returns all records.
    #[cfg(test)]
    pub(super) fn records(&self) -> impl Iterator<Item = (&SeatKey, &SeatTenure)> {
        self.records.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAT: SeatKey = SeatKey([9; 32]);

    fn key(n: u8) -> PeerKey {
        PeerKey([n; 32])
    }

    fn claim(incarnation: u64, is_proven: bool, place: Option<u8>) -> SeatClaim {
        SeatClaim {
            key: SEAT,
            incarnation: Incarnation(incarnation),
            is_proven: is_proven.then_some(true),
            place: place.map(|place| [place; 16]),
            moved_from: None,
        }
    }

    #[test]
    fn higher_incarnation_wins_and_of_equal_ones_the_larger_key() {
        let record = SeatTenure::new(&claim(7, false, None), key(5), Duration::ZERO);
        let judge = |incarnation, by| record.judge(&claim(incarnation, true, None), &key(by), true);
        assert_eq!(judge(8, 4), ClaimVerdict::Heir);
        assert_eq!(judge(6, 6), ClaimVerdict::Superseded);
        assert_eq!((judge(7, 6), judge(7, 4)), (ClaimVerdict::Heir, ClaimVerdict::Superseded));
        assert_eq!((judge(7, 5), judge(8, 5)), (ClaimVerdict::Same, ClaimVerdict::Same));
        assert_eq!(judge(6, 5), ClaimVerdict::Superseded);
    }

    #[test]
    fn wish_takes_a_seat_only_from_its_own_place_or_from_one_that_is_away() {
        let record = SeatTenure::new(&claim(7, false, Some(1)), key(5), Duration::ZERO);
        let judge = |place, is_present| record.judge(&claim(8, false, place), &key(1), is_present);
        assert_eq!(
            (judge(Some(1), true), judge(Some(2), false)),
            (ClaimVerdict::Heir, ClaimVerdict::Heir)
        );
        assert_eq!(
            (judge(Some(2), true), judge(None, true)),
            (ClaimVerdict::Held, ClaimVerdict::Held)
        );
        let nowhere = SeatTenure::new(&claim(7, false, None), key(5), Duration::ZERO);
        assert_eq!(nowhere.judge(&claim(8, false, None), &key(1), true), ClaimVerdict::Held);
    }

    #[test]
    fn incarnation_may_be_a_day_ahead_of_the_clock_or_of_the_last() {
        let mut seats = SeatRegister::default();
        let now = 1_700_000_000_000;
        let day = 24 * 60 * 60 * 1000;
        assert!(seats.believes(&claim(now + day, true, None), now));
        assert!(!seats.believes(&claim(now + day + 1, true, None), now));
        seats.add(SEAT, SeatTenure::new(&claim(now + day, true, None), key(1), Duration::ZERO));
        assert!(seats.believes(&claim(now + 2 * day, true, None), now));
        assert!(!seats.believes(&claim(now + 2 * day + 1, true, None), now));
    }
}
