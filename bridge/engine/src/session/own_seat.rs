//! The seat of this session: whether it is claimed, and what became of the claim.

use std::sync::Arc;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{Incarnation, PeerKey, SeatKey};
use junction_shared::protocol::limits::MAX_MOVES;
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::{
    Card, CardSeat, SEATS, SeatAnswer, SeatClaim, SeatMove, SignedCard, WelcomeBody,
};

use super::known_seats::AHEAD;
use crate::clock::wall_ms;
use crate::seal::{moves_of, verify_card};

/// How long a wish for a seat waits for a living holder to leave: less than a call waits for the hub.
const WISH_PATIENCE: Duration = Duration::from_millis(1500);
/// The pause between two such wishes.
const WISH_PAUSE: Duration = Duration::from_millis(100);
/// How often a claim is made again because a higher incarnation was seen. The first time is enough with an honest hub.
const MAX_OUTDONE: u32 = 3;

/// How a bridge knows which session of its client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatBasis {
    /// The environment says so, which may be that of another session.
    Wished,
    /// The client itself says so.
    Proven,
    /// The client says so, and that the session goes on under another id than before.
    Continued,
}

/// The seat of a session of the client, to be claimed.
pub struct SeatToClaim {
    /// The keys of the seat.
    pub keys: SeatKeys,
    /// The number of this process among those of the seat: milliseconds since 1970, and higher than any that this machine
    /// has used before.
    pub incarnation: Incarnation,
    /// What bridges of one client process have in common, as [`SeatKeys::place`] makes it.
    pub place: Option<[u8; 16]>,
    /// How the bridge knows the session.
    pub basis: SeatBasis,
}

/// What a claim changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimStep {
    /// Nothing.
    Nothing,
    /// The hub is to be told, by a new hello.
    Redial,
    /// Another session takes the place of this one.
    Replace,
}

/// What the hub's answer to a claim means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatVerdict {
    /// The session joins, with the seat or without.
    Join,
    /// The claim is to be made again, after this pause.
    DialAgain(Duration),
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// For good: its seat is over, too.
    ForGood,
    /// The bridge ends, and the session may come back.
    ForNow,
    /// Another bridge has its seat.
    Unseated,
}

/// A seat that this session claims or has.
struct Claimed {
    keys: Arc<SeatKeys>,
    incarnation: Incarnation,
    is_proven: bool,
    place: Option<[u8; 16]>,
    /// The seats that this process had before, the last first, and their last incarnations.
    before: Vec<(Arc<SeatKeys>, Incarnation)>,
    /// The moves of the processes before this one.
    inherited: Vec<SeatMove>,
    /// Whether the hub of the last welcome has granted it.
    is_granted: bool,
    /// Whether any hub has.
    was_granted: bool,
    outdone: u32,
}

/// The seat of this session.
#[derive(Default)]
pub(super) struct OwnSeat {
    claimed: Option<Claimed>,
    /// Since when a wish waits for its holder to leave.
    held_since: Option<Instant>,
    /// Whether another bridge has the seat now, and the alias that it has.
    is_lost: bool,
    lost_alias: Option<Alias>,
    /// Whether this process claims no seat any more.
    is_over: bool,
    /// Whether the hub knows seats.
    is_supported: bool,
}

impl Claimed {
    fn new(session: SeatToClaim) -> Self {
        Self {
            keys: Arc::new(session.keys),
            incarnation: session.incarnation,
            is_proven: session.basis != SeatBasis::Wished,
            place: session.place,
            before: Vec::new(),
            inherited: Vec::new(),
            is_granted: false,
            was_granted: false,
            outdone: 0,
        }
    }

    /// Whether others know the session by this seat, or by one that it had before.
    fn has_been_shown(&self) -> bool {
        self.was_granted || !self.before.is_empty()
    }

    /// The seat of a session that goes on from another one.
    fn after(self, earlier: Option<Self>) -> Self {
        let Some(Self { keys, incarnation, was_granted, mut before, inherited, .. }) = earlier
        else {
            return self;
        };
        if was_granted {
            before.insert(0, (keys, incarnation));
            before.truncate(MAX_MOVES);
        }
        Self { before, inherited, ..self }
    }

    /// The moves on the last card of the seat, unless this process has moved itself since.
    fn moves_on(&self, last: &SignedCard, group: &GroupKeys) -> Vec<SeatMove> {
        let is_of_seat = |card: Card| card.seat.is_some_and(|seat| seat.key == self.keys.key());
        let is_ours = self.before.is_empty() && verify_card(group, last).is_ok_and(is_of_seat);
        if is_ours { moves_of(group, last, self.keys.key()) } else { Vec::new() }
    }

    /// The moves that led here, the last first.
    fn moves(&self, group: &GroupKeys) -> impl Iterator<Item = SeatMove> {
        let seats = std::iter::once(&self.keys).chain(self.before.iter().map(|(keys, _)| keys));
        let moves = self.before.iter().zip(seats).map(|((from, incarnation), to)| {
            // By each of the two seats.
            from.move_to(&group.group, *incarnation, to)
        });
        moves.chain(self.inherited.iter().cloned())
    }
}

impl OwnSeat {
    /// The client's session is known, or another one than before.
    pub(super) fn claim(&mut self, session: &mut Option<SeatToClaim>) -> ClaimStep {
        if self.is_over {
            return ClaimStep::Nothing;
        }
        let Some(basis) = session.as_ref().map(|session| session.basis) else {
            return ClaimStep::Nothing;
        };
        let is_same = |claimed: &Claimed| {
            session.as_ref().is_some_and(|session| session.keys.key() == claimed.keys.key())
        };
        match &mut self.claimed {
            Some(claimed) if is_same(claimed) => {
                let is_news = basis != SeatBasis::Wished && !claimed.is_proven;
                claimed.is_proven |= is_news;
                let step = if is_news && !claimed.is_granted {
                    ClaimStep::Redial
                } else {
                    ClaimStep::Nothing
                };
                return step;
            }
            Some(_) if basis == SeatBasis::Wished => return ClaimStep::Nothing,
            Some(claimed) if claimed.has_been_shown() && basis == SeatBasis::Proven => {
                return ClaimStep::Replace;
            }
            _ => {}
        }
        let Some(session) = session.take() else { return ClaimStep::Nothing };
        let earlier = self.claimed.take();
        self.claimed = Some(Claimed::new(session).after(earlier));
        self.held_since = None;
        ClaimStep::Redial
    }

    /// Notes whether the hub knows seats.
    pub(super) fn set_supported(&mut self, is_supported: bool) {
        self.is_supported = is_supported;
    }

    /// Whether the hub knows seats.
    pub(super) fn is_supported(&self) -> bool {
        self.is_supported
    }

    /// The seat of the session that takes the place of this one.
    pub(super) fn successor(session: Option<SeatToClaim>) -> Self {
        let is_over = session.is_none();
        Self { claimed: session.map(Claimed::new), is_over, ..Self::default() }
    }

    /// The claim for a hello in this group, and the keys that sign it.
    pub(super) fn wire_claim(&self, group: &GroupKeys) -> Option<(SeatClaim, &SeatKeys)> {
        let claimed = self.claimed.as_ref().filter(|_| !self.is_lost)?;
        let claim = SeatClaim {
            key: claimed.keys.key(),
            incarnation: claimed.incarnation,
            is_proven: claimed.is_proven.then_some(true),
            place: claimed.place,
            moved_from: claimed.moves(group).next().filter(|_| !claimed.before.is_empty()),
        };
        Some((claim, &claimed.keys))
    }

    /// How the session came to its seat from those that it had before, the last first.
    pub(super) fn moves(&self, group: &GroupKeys) -> Vec<SeatMove> {
        let moves = self.claimed.iter().flat_map(|claimed| claimed.moves(group));
        moves.take(MAX_MOVES).collect()
    }

    /// What the hub's answer to the claim means.
    pub(super) fn judge(
        &mut self,
        welcome: &WelcomeBody,
        group: &GroupKeys,
        me: PeerKey,
        now: Instant,
    ) -> SeatVerdict {
        let Some(claimed) = &mut self.claimed else { return SeatVerdict::Join };
        claimed.is_granted = false;
        match welcome.seat.as_ref().filter(|_| welcome.has(SEATS)) {
            None => {}
            Some(SeatAnswer::Granted(last)) => {
                (claimed.is_granted, claimed.was_granted) = (true, true);
                self.held_since = None;
                let moves = last.as_ref().map(|last| claimed.moves_on(last, group));
                if let Some(moves) = moves.filter(|moves| !moves.is_empty()) {
                    claimed.inherited = moves;
                }
            }
            Some(SeatAnswer::Held) => {
                if self.waits_for_holder(now) {
                    return SeatVerdict::DialAgain(WISH_PAUSE);
                }
                // Somebody else is this session, unless the client says otherwise later.
                (self.claimed, self.held_since) = (None, None);
            }
            Some(SeatAnswer::Superseded(last, card, is_free)) => {
                if claimed.was_granted {
                    match card {
                        Some(card) => self.lost_to(card, group, me),
                        // A newer process may have it, and may end before it shows a card.
                        None if self.waits_for_holder(now) => {
                            return SeatVerdict::DialAgain(WISH_PAUSE);
                        }
                        None => self.held_since = None,
                    }
                } else if *is_free != Some(true) {
                    // A later process of the session has it.
                    self.claimed = None;
                } else if claimed.outdone < MAX_OUTDONE && last.0 <= wall_ms().saturating_add(AHEAD)
                {
                    // This machine's clock was ahead when the last process of the session began.
                    claimed.outdone += 1;
                    claimed.incarnation = claimed.incarnation.max(last.next());
                    return SeatVerdict::DialAgain(Duration::ZERO);
                }
            }
        }
        SeatVerdict::Join
    }

    /// Whether a claim waits a moment longer for the holder of the seat.
    fn waits_for_holder(&mut self, now: Instant) -> bool {
        let since = *self.held_since.get_or_insert(now);
        now.saturating_duration_since(since) < WISH_PATIENCE
    }

    /// The seat's last card, if the hub granted the seat with it and the seat itself has signed it.
    pub(super) fn last_card(&self, welcome: &WelcomeBody, group: &GroupKeys) -> Option<Card> {
        let seat = self.granted()?.key;
        let Some(SeatAnswer::Granted(Some(signed))) = &welcome.seat else { return None };
        let card = verify_card(group, signed).ok()?;
        card.seat.is_some_and(|shown| shown.key == seat).then_some(card)
    }

    /// The hub says that another bridge has the seat. True if the seat itself says so.
    pub(super) fn unseated(&mut self, card: &SignedCard, group: &GroupKeys, me: PeerKey) -> bool {
        self.lost_to(card, group, me);
        self.is_lost
    }

    /// Notes that the owner of this card has the seat, if it is a newer one of this seat.
    fn lost_to(&mut self, card: &SignedCard, group: &GroupKeys, me: PeerKey) {
        let (Some(claimed), Ok(card)) = (&self.claimed, verify_card(group, card)) else { return };
        let is_newer = card.seat.is_some_and(|seat| {
            seat.key == claimed.keys.key()
                && (seat.incarnation, card.key) > (claimed.incarnation, me)
        });
        if is_newer {
            (self.is_lost, self.lost_alias) = (true, Alias::parse(&card.alias).ok());
        }
    }

    /// The alias that the other bridge has with the seat.
    pub(super) fn lost_alias(&self) -> Option<&Alias> {
        self.lost_alias.as_ref()
    }

    /// Whether another bridge has the seat now.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// The seat as a card shows it, if the hub has granted it.
    pub(super) fn granted(&self) -> Option<CardSeat> {
        let claimed =
            self.claimed.as_ref().filter(|claimed| claimed.is_granted && !self.is_lost)?;
        Some(CardSeat { key: claimed.keys.key(), incarnation: claimed.incarnation })
    }

    /// The keys that sign what shows the seat.
    pub(super) fn keys(&self) -> Option<&SeatKeys> {
        self.granted()?;
        self.claimed.as_ref().map(|claimed| &*claimed.keys)
    }

    /// The seat under which this session has shown itself, also if another bridge has it now.
    pub(super) fn shown(&self) -> Option<SeatKey> {
        let claimed = self.claimed.as_ref().filter(|claimed| claimed.was_granted)?;
        Some(claimed.keys.key())
    }
}
