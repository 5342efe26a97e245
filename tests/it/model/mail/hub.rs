//! The hub: one inbox for each process of the receiver, and the record of its seat.

use super::super::check::Fifo;
use super::super::mutants::Mutant;
use super::receiver::Phase;
use super::{Bits, MailFrame, MailModel, MailNumber, MailState, MailStep, ProcessNumber};

/// The state of the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct MailHub {
    pub(super) is_up: bool,
    pub(super) knows_seats: bool,
    /// The process that has the seat, or had it last.
    holder: Option<ProcessNumber>,
    /// Processes with a session.
    here: Bits,
    /// Processes whose session has ended. All others may still come.
    ended: Bits,
    /// Processes with a connection.
    pub(super) online: Bits,
    inbox: [Fifo<MailNumber, 4>; 3],
    /// The newest return word of each process. A sender that connects gets it again: it may have been lost.
    pub(super) words: [Option<Bits>; 3],
    /// Processes for which everything is `Later` until the sender starts over.
    paused: Bits,
    /// Whether the sender has yet to hear that there is room again.
    pub(super) owes_room: bool,
}

impl MailHub {
    /// A hub that has just started.
    pub(super) fn new(knows_seats: bool) -> Self {
        Self { is_up: true, knows_seats, ..Self::default() }
    }

    /// A hub that the receiver's first process has joined.
    pub(super) fn with_first_process(knows_seats: bool) -> Self {
        let first = Bits(1);
        Self { holder: Some(0), here: first, online: first, ..Self::new(knows_seats) }
    }
}

impl MailModel {
    pub(super) fn hub_step(&self, state: &mut MailState, step: MailStep) {
        match step {
            MailStep::HubTakesFromSender | MailStep::HubHasNoRoom => {
                let is_full = step == MailStep::HubHasNoRoom;
                state.faults.no_room -= u8::from(is_full);
                if let Some(MailFrame::Send { id, to, resend, restart }) = state.sender.to_hub.pop()
                {
                    let is_paused = state.hub.paused.has(to) && !restart;
                    let is_refused = is_full && !resend && !is_paused;
                    let is_later = is_paused || is_full && resend;
                    self.hub_takes_message(state, (id, to), is_refused, is_later);
                }
            }
            MailStep::HubHasRoom => {
                state.hub.owes_room = false;
                state.tell_sender(MailFrame::Room);
            }
            MailStep::HubTakesFrom(ik) => {
                if let Some(frame) = state.bridge_mut(ik).to_hub.pop() {
                    self.hub_takes(state, ik, frame);
                }
            }
            MailStep::HubEndsUnseated(ik) => {
                if state.hub.online.has(ik) {
                    state.spend_time();
                }
                state.break_bridge(ik);
                state.end_session(ik);
            }
            MailStep::HubEndsSession(ik) => state.end_session(ik),
            MailStep::HubStarts => {
                state.hub.is_up = true;
                state.hub.knows_seats = self.hubs_with_seats.1;
            }
            _ => {}
        }
    }

    /// An unseated process has a second to leave.
    pub(super) fn hub_may_end_unseated(&self, state: &MailState, ik: ProcessNumber) -> bool {
        let is_unseated =
            state.hub.here.has(ik) && state.hub.holder.is_some_and(|holder| holder > ik);
        is_unseated && (!state.hub.online.has(ik) || state.faults.timeouts > 0)
    }

    /// The session of a process that can never connect again ends in time, also if the hub has never seen it.
    pub(super) fn hub_may_end_session(&self, state: &MailState, ik: ProcessNumber) -> bool {
        let MailState { hub, .. } = state;
        let bridge = state.bridge(ik);
        let is_coming =
            bridge.phase == Phase::Seated || bridge.to_hub.all().contains(&MailFrame::Card(ik));
        let is_lost = bridge.phase != Phase::Absent && !is_coming;
        hub.is_up
            && is_lost
            && !hub.online.has(ik)
            && !hub.ended.has(ik)
            && !self.is(Mutant::NoGone)
    }

    fn hub_takes_message(
        &self,
        state: &mut MailState,
        (id, to): (MailNumber, ProcessNumber),
        is_refused: bool,
        is_later: bool,
    ) {
        let at = usize::from(to);
        let is_repeat = state.hub.inbox[at].all().contains(&id);
        let is_gone = state.hub.ended.has(to);
        if is_gone || is_refused && !is_repeat {
            if !is_gone && !state.sender.message(id).kept_for.is_empty() {
                state.broken = Some("a message that a hub had taken is refused for want of room");
            }
            return state.tell_sender(MailFrame::Refused(id));
        }
        if is_later {
            state.hub.paused.add(to);
            state.hub.owes_room = true;
            return state.tell_sender(MailFrame::Later(id));
        }
        state.hub.paused.remove(to);
        state.sender.messages[usize::from(id)].kept_for.add(to);
        if !is_repeat {
            let is_pushed = state.hub.online.has(to);
            if !(is_pushed && self.is(Mutant::DropOnPush)) {
                state.hub.inbox[at].push(id);
            }
            if is_pushed {
                state.bridge_mut(to).from_hub.push(MailFrame::Deliver(id));
            }
        }
        state.tell_sender(MailFrame::Accepted(id));
    }

    fn hub_takes(&self, state: &mut MailState, ik: ProcessNumber, frame: MailFrame) {
        let inbox = &mut state.hub.inbox[usize::from(ik)];
        match frame {
            MailFrame::Card(_) => return state.hub_takes_card(ik),
            MailFrame::Read(id, _) | MailFrame::Expired(id, _) => inbox.remove(id),
            MailFrame::Opened(id, _) if self.is(Mutant::DeleteOnOpen) => inbox.remove(id),
            MailFrame::Return(_, kept) => {
                *inbox = Fifo::default();
                if !state.sender.is_connected || !self.is(Mutant::WordSaidOnce) {
                    state.hub.words[usize::from(ik)] = Some(kept);
                }
            }
            MailFrame::Leave => {
                state.hub.online.remove(ik);
                state.bridge_mut(ik).left();
                return state.end_session(ik);
            }
            _ => {}
        }
        state.tell_sender(frame);
    }
}

impl MailState {
    fn tell_sender(&mut self, frame: MailFrame) {
        if self.sender.is_connected {
            self.sender.from_hub.push(frame);
        }
    }

    fn end_session(&mut self, ik: ProcessNumber) {
        self.hub.here.remove(ik);
        self.hub.ended.add(ik);
        self.hub.inbox[usize::from(ik)] = Fifo::default();
        self.tell_sender(MailFrame::Gone(ik));
    }

    /// With its card a process takes the seat over, if its incarnation is the highest; the former one is told.
    fn hub_takes_card(&mut self, ik: ProcessNumber) {
        let former = self.hub.holder.filter(|former| *former != ik && self.hub.knows_seats);
        if former.is_some_and(|former| former > ik) {
            return self.bridge_mut(ik).from_hub.push(MailFrame::Unseated);
        }
        if let Some(former) = former.filter(|former| self.hub.online.has(*former)) {
            self.bridge_mut(former).from_hub.push(MailFrame::Unseated);
        }
        self.hub.holder = Some(ik);
        self.hub.here.add(ik);
        self.hub.online.add(ik);
        for id in self.hub.inbox[usize::from(ik)].all().to_vec() {
            self.bridge_mut(ik).from_hub.push(MailFrame::Deliver(id));
        }
        if self.hub.knows_seats || self.sender.newest == ik {
            self.tell_sender(MailFrame::Card(ik));
        }
    }
}

/// A sender that connects gets the words that it may have missed, then the card of the seat.
pub(super) fn hub_welcomes_sender(model: &MailModel, state: &mut MailState) {
    for (ik, word) in (0..).zip(state.hub.words) {
        if let Some(kept) = word {
            state.tell_sender(MailFrame::Return(ik, kept));
        }
    }
    if model.is(Mutant::WordSaidOnce) {
        state.hub.words = Default::default();
    }
    let shown = if state.hub.knows_seats { state.hub.holder } else { Some(state.sender.newest) };
    if let Some(ik) = shown.filter(|ik| state.hub.here.has(*ik)) {
        state.tell_sender(MailFrame::Card(ik));
    }
    state.tell_sender(MailFrame::LookedUp);
}
