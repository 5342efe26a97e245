//! Who has a seat: the hub's record, and what a peer believes. `B0` and `B1` are processes of one session, and `B2`
//! resumes it after `B1` has moved to another id. The thief is a member without the seat's key; a hub that lies shows
//! every card that was ever made, and cards that the thief makes.

use super::check::Model;
use super::mutants::Mutant;

/// A process, in the order of their `ik`.
type ClaimantNumber = usize;
const B0: ClaimantNumber = 0;
const B1: ClaimantNumber = 1;
const B2: ClaimantNumber = 2;
const THIEF: ClaimantNumber = 3;

/// A seat, each with its own key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SeatName {
    /// The session's seat.
    First,
    /// The one that `B1` moves to.
    Second,
    /// The thief's own.
    Thiefs,
}

/// A card. Every member can make one for any `ik`; only a seat's key signs for the seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ShownCard {
    ik: ClaimantNumber,
    seat: SeatName,
    is_signed: bool,
    /// The seat that it moves from, and whether that seat's key signed the move.
    moved: Option<(SeatName, bool)>,
}

/// Whom the peer takes for its contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Contact {
    Nobody,
    Process(ClaimantNumber),
    Seat(SeatName),
}

/// One configuration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClaimsModel {
    /// Whether `B0` and `B1` have the same incarnation.
    pub(super) is_equal: bool,
    /// Whether the hub knows its group, so that it can check a card's seat.
    pub(super) checks_cards: bool,
    /// Whether the hub that the peer is on lies about cards.
    pub(super) lies: bool,
    /// How often the hub is killed.
    pub(super) hub_kills: u8,
    /// The rule that is broken.
    pub(super) mutant: Option<Mutant>,
}

/// The record of the seat at the hub, and the processes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct ClaimsHub {
    /// Processes that were granted the seat, and have published no card yet.
    heirs: [bool; 4],
    /// Processes with the seat's alias and a valid card.
    seated: [bool; 4],
    kills: u8,
}

/// What a peer of the session believes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ClaimsPeer {
    /// Who has said under its own `ik`, in a sealed message, that it has the first seat.
    named: [bool; 4],
    /// The process of the first seat with the highest incarnation that was shown.
    newest: Option<ClaimantNumber>,
    /// The contact by its first alias, and by that of the session that was resumed.
    contact: Contact,
    resumed: Contact,
}

/// A state of the whole system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ClaimsState {
    is_alive: [bool; 4],
    has_lost: [bool; 4],
    /// Who has ever published a card of the first seat.
    has_card: [bool; 4],
    has_moved: bool,
    hub: ClaimsHub,
    peer: ClaimsPeer,
    broken: Option<&'static str>,
}

/// One step, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClaimsStep {
    Start(ClaimantNumber),
    Hello(ClaimantNumber),
    Publish(ClaimantNumber),
    Kill(ClaimantNumber),
    KillHub,
    Move,
    Show(ShownCard),
    Name(ClaimantNumber),
    NameResumed,
    Mail,
    MailResumed,
}

impl ClaimsModel {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Incarnation, then `ik`: no two processes are equal.
    fn rank(&self, ik: ClaimantNumber) -> (usize, ClaimantNumber) {
        (if self.is_equal && ik == B1 { B0 } else { ik }, ik)
    }

    /// Whether the hub lets this process have the seat that another has.
    fn outranks(&self, ik: ClaimantNumber, holder: ClaimantNumber) -> bool {
        self.rank(ik) > self.rank(holder) || self.is(Mutant::LowerIncarnationTakesOver)
    }

    fn may_claim(&self, state: &ClaimsState, ik: ClaimantNumber) -> bool {
        let is_idle = !state.hub.heirs[ik] && !state.hub.seated[ik];
        let is_signed = ik != THIEF || self.is(Mutant::UnsignedHello);
        state.is_alive[ik] && !state.has_lost[ik] && is_idle && is_signed
    }

    /// Whether another holder, by a higher rank, leaves nothing for this process.
    fn is_superseded(&self, state: &ClaimsState, ik: ClaimantNumber) -> bool {
        let both_hold = self.is_equal && self.is(Mutant::EqualIncarnationsBothHold);
        (0..4).any(|other| state.hub.seated[other] && !self.outranks(ik, other)) && !both_hold
    }

    fn claims(&self, state: &mut ClaimsState, ik: ClaimantNumber) {
        if self.is_superseded(state, ik) {
            state.has_lost[ik] = true;
        } else if self.is(Mutant::SeatPassesAtHello) {
            self.passes(state, ik);
        } else {
            state.hub.heirs[ik] = true;
        }
    }

    /// The seat passes with the first card, in one step: the former holder has no valid card from then on.
    fn passes(&self, state: &mut ClaimsState, ik: ClaimantNumber) {
        for other in (0..4).filter(|other| *other != ik) {
            let is_equal = self.is(Mutant::EqualIncarnationsBothHold) && self.is_equal;
            if state.hub.seated[other] && self.rank(other) > self.rank(ik) {
                state.broken = Some("a process lost its seat to an older one");
            }
            if state.hub.seated[other] && !is_equal {
                state.hub.seated[other] = false;
                state.has_lost[other] = true;
            }
        }
        state.hub.seated[ik] = true;
    }

    /// Another heir may have been faster.
    fn publishes(&self, state: &mut ClaimsState, ik: ClaimantNumber) {
        state.hub.heirs[ik] = false;
        if ik == THIEF && self.checks_cards {
            return;
        }
        if self.is_superseded(state, ik) {
            state.has_lost[ik] = true;
            return;
        }
        state.has_card[ik] = ik != THIEF;
        self.passes(state, ik);
    }

    /// Cards that may be shown: those of the holders, and by a hub that lies all others.
    fn cards(&self, state: &ClaimsState) -> Vec<ShownCard> {
        let card = |ik, seat| ShownCard { ik, seat, is_signed: true, moved: None };
        let mut cards = Vec::new();
        for ik in [B0, B1, B2] {
            if state.hub.seated[ik] || self.lies && state.has_card[ik] {
                cards.push(card(ik, SeatName::First));
            }
        }
        let moved =
            ShownCard { moved: Some((SeatName::First, true)), ..card(B1, SeatName::Second) };
        if state.has_moved {
            cards.push(moved);
        }
        if self.lies {
            let unsigned = ShownCard { is_signed: false, ..card(THIEF, SeatName::First) };
            let forged = ShownCard {
                moved: Some((SeatName::First, false)),
                ..card(THIEF, SeatName::Thiefs)
            };
            let others = [B0, B1, THIEF].map(|ik| card(ik, SeatName::Thiefs));
            cards.extend(others.into_iter().chain([unsigned, forged]));
        }
        cards
    }

    /// A card says who is the newest of a seat. It moves a contact only from a seat that its key signed away.
    fn sees(&self, state: &mut ClaimsState, card: ShownCard) {
        if !card.is_signed && !self.is(Mutant::UnsignedCard) {
            return;
        }
        let ClaimsState { peer, broken, .. } = state;
        if let Some((SeatName::First, is_signed)) = card.moved
            && (is_signed || self.is(Mutant::UnsignedMove))
        {
            // An old move says nothing about a session that was resumed since.
            let is_now =
                peer.newest == Some(card.ik) || !is_signed || self.is(Mutant::OldMoveCounts);
            let was_seat = |contact: Contact| contact == Contact::Seat(SeatName::First);
            if is_now && was_seat(peer.resumed) {
                peer.resumed = Contact::Seat(card.seat);
            } else if is_now && was_seat(peer.contact) {
                peer.contact = Contact::Seat(card.seat);
            }
        }
        if card.seat == SeatName::First {
            let is_newer = peer.newest.is_none_or(|newest| self.rank(card.ik) > self.rank(newest));
            if is_newer || self.is(Mutant::LowerIncarnationHolds) {
                peer.newest = Some(card.ik);
            }
            let is_named = peer.named[card.ik] && !self.is(Mutant::PinStaysOnTheKey);
            if is_named && peer.contact == Contact::Process(card.ik) {
                peer.contact = Contact::Seat(SeatName::First);
            }
            let is_stranger =
                peer.contact == Contact::Process(B0) && peer.named[B0] && peer.newest != Some(B0);
            if is_stranger && card.ik == B1 {
                *broken = Some("a session that came back is taken for a stranger");
            }
        }
        if self.is(Mutant::PinMovedByACard) && peer.contact == Contact::Process(card.ik) {
            peer.contact = Contact::Seat(card.seat);
        }
    }

    /// A sealed message comes with its sender's card, and names the sender's seat.
    fn names(&self, state: &mut ClaimsState, ik: ClaimantNumber) {
        state.peer.named[ik] = true;
        self.sees(state, ShownCard { ik, seat: SeatName::First, is_signed: true, moved: None });
    }

    /// The process that mail to this contact is sealed to.
    fn receiver(state: &ClaimsState, contact: Contact) -> Option<ClaimantNumber> {
        match contact {
            Contact::Nobody => None,
            Contact::Process(ik) => Some(ik),
            Contact::Seat(SeatName::First) => state.peer.newest,
            Contact::Seat(SeatName::Second) => Some(B1),
            Contact::Seat(SeatName::Thiefs) => Some(THIEF),
        }
    }
}

impl Model for ClaimsModel {
    type State = ClaimsState;
    type Step = ClaimsStep;

    fn initial(&self) -> ClaimsState {
        let peer = ClaimsPeer {
            named: [false; 4],
            newest: None,
            contact: Contact::Process(B0),
            resumed: Contact::Nobody,
        };
        ClaimsState {
            is_alive: [true, false, false, true],
            has_lost: [false; 4],
            has_card: [false; 4],
            has_moved: false,
            hub: ClaimsHub { kills: self.hub_kills, ..ClaimsHub::default() },
            peer,
            broken: None,
        }
    }

    fn enabled(&self, state: &ClaimsState) -> Vec<ClaimsStep> {
        let ClaimsState { is_alive, hub, peer, .. } = state;
        let mut steps = Vec::new();
        let is_first_seat = |ik: ClaimantNumber| is_alive[ik] && hub.seated[ik];
        for ik in [B0, B1, B2, THIEF] {
            let may_start = ik == B1 || ik == B2 && state.has_moved;
            let candidates = [
                (
                    may_start && !is_alive[ik] && !state.has_card[ik] && !state.has_lost[ik],
                    ClaimsStep::Start(ik),
                ),
                (self.may_claim(state, ik), ClaimsStep::Hello(ik)),
                (hub.heirs[ik], ClaimsStep::Publish(ik)),
                (is_alive[ik] && ik < B2, ClaimsStep::Kill(ik)),
                (is_first_seat(ik) && ik < B2 && !peer.named[ik], ClaimsStep::Name(ik)),
            ];
            steps.extend(candidates.iter().filter(|(may, _)| *may).map(|(_, step)| *step));
        }
        let may_resume = peer.resumed == Contact::Nobody && is_first_seat(B2);
        let others = [
            (hub.kills > 0, ClaimsStep::KillHub),
            (is_first_seat(B1) && !state.has_moved, ClaimsStep::Move),
            (may_resume, ClaimsStep::NameResumed),
            (true, ClaimsStep::Mail),
            (true, ClaimsStep::MailResumed),
        ];
        steps.extend(others.iter().filter(|(may, _)| *may).map(|(_, step)| *step));
        steps.extend(self.cards(state).into_iter().map(ClaimsStep::Show));
        steps
    }

    fn apply(&self, state: &mut ClaimsState, step: ClaimsStep) {
        match step {
            ClaimsStep::Start(ik) => state.is_alive[ik] = true,
            ClaimsStep::Hello(ik) => self.claims(state, ik),
            ClaimsStep::Publish(ik) => self.publishes(state, ik),
            ClaimsStep::Kill(ik) => {
                state.is_alive[ik] = false;
                state.hub.heirs[ik] = false;
            }
            ClaimsStep::KillHub => {
                state.hub = ClaimsHub { kills: state.hub.kills - 1, ..ClaimsHub::default() }
            }
            ClaimsStep::Move => {
                state.has_moved = true;
                state.hub.seated[B1] = false;
                state.has_lost[B1] = true;
            }
            ClaimsStep::Show(card) => self.sees(state, card),
            ClaimsStep::Name(ik) => self.names(state, ik),
            ClaimsStep::NameResumed => {
                self.names(state, B2);
                state.peer.resumed = Contact::Seat(SeatName::First);
            }
            ClaimsStep::Mail | ClaimsStep::MailResumed => {
                let is_first = step == ClaimsStep::Mail;
                let contact = if is_first { state.peer.contact } else { state.peer.resumed };
                let receiver = Self::receiver(state, contact);
                if receiver == Some(THIEF) {
                    state.broken = Some("mail goes to a thief");
                }
                if receiver == Some(B1) && !is_first {
                    state.broken = Some("mail goes to the session that has moved on");
                }
            }
        }
    }

    fn broken(&self, state: &ClaimsState) -> Option<&'static str> {
        let ClaimsState { hub, has_card, has_lost, is_alive, .. } = state;
        if hub.seated[THIEF] {
            return Some("a thief has the alias");
        }
        if hub.seated.iter().filter(|seated| **seated).count() > 1 {
            return Some("two processes have one seat");
        }
        let has_heir = [B1, B2].iter().any(|ik| has_card[*ik] || is_alive[*ik]);
        if has_lost[B0] && is_alive[B0] && !has_heir {
            return Some("a process lost its seat to one that died before it had a card");
        }
        state.broken
    }

    /// The living process of the highest rank has the seat, and the peer's contact is that process.
    fn is_settled(&self, state: &ClaimsState) -> bool {
        let living =
            [B2, B1, B0].into_iter().find(|ik| state.is_alive[*ik] && !state.has_lost[*ik]);
        let Some(ik) = living else { return true };
        let is_newest = state.peer.newest == Some(ik);
        let is_outranked =
            state.peer.newest.is_some_and(|newest| self.rank(newest) > self.rank(ik));
        state.hub.seated[ik] && (is_newest || is_outranked)
    }

    fn is_certain(&self, _: &ClaimsState, step: ClaimsStep) -> bool {
        !matches!(
            step,
            ClaimsStep::Start(_) | ClaimsStep::Kill(_) | ClaimsStep::KillHub | ClaimsStep::Move
        )
    }
}
