//! The receiver's bridges: a mailbox each, leases, receipts, and the return word.

use super::super::check::Fifo;
use super::super::mutants::Mutant;
use super::{Bits, MailFrame, MailModel, MailNumber, MailState, MailStep, ProcessNumber};

/// What has become of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    #[default]
    Absent,
    /// The process has the seat, as far as it knows.
    Seated,
    /// The process lost the seat, and goes on under another `ik`.
    Unseated,
    /// The process has ended in order.
    Left,
    Killed,
}

/// A process of the receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct MailBridge {
    pub(super) phase: Phase,
    pub(super) is_connected: bool,
    pub(super) to_hub: Fifo<MailFrame>,
    pub(super) from_hub: Fifo<MailFrame>,
    /// All that was ever opened.
    opened: Bits,
    /// What waits for the agent.
    pub(super) unread: Fifo<MailNumber, 4>,
    /// What was handed to the agent, in an answer that is not written yet.
    pub(super) leased: Bits,
    read: Bits,
    /// What was dropped unread at the end of its time.
    pub(super) dropped: Bits,
    /// The last return word that went out.
    pub(super) word: Option<Bits>,
    /// Whether an unseated process has something to say that it has not written to a connection.
    pub(super) owes_word: bool,
}

impl MailBridge {
    /// The process that is there at the start.
    pub(super) fn seated() -> Self {
        Self { phase: Phase::Seated, is_connected: true, ..Self::default() }
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Seated | Phase::Unseated)
    }

    pub(super) fn wants_connection(&self) -> bool {
        !self.is_connected
            && (self.phase == Phase::Seated || self.phase == Phase::Unseated && self.owes_word)
    }

    /// A page is out at a time. A process without a seat hands out nothing.
    pub(super) fn may_lease(&self, model: &MailModel) -> bool {
        let reads_on = model.is(Mutant::UnseatedReadsOn) || model.is(Mutant::ReadAfterReturn);
        let may_read = self.phase == Phase::Seated || self.phase == Phase::Unseated && reads_on;
        may_read && self.leased.is_empty() && !self.unread.is_empty()
    }

    /// The hub has taken its leave.
    pub(super) fn left(&mut self) {
        self.is_connected = false;
        (self.to_hub, self.from_hub) = (Fifo::default(), Fifo::default());
    }

    /// The connection is over, with all that was on its way. What it carried will be said again.
    pub(super) fn disconnected(&mut self) {
        self.left();
        self.owes_word = self.phase == Phase::Unseated;
    }

    pub(super) fn killed(&mut self) {
        (self.phase, self.owes_word) = (Phase::Killed, false);
    }

    /// A process that has ended knows nothing, and one without the seat opens nothing.
    pub(super) fn forget(&mut self, model: &MailModel) {
        self.word = self.word.filter(|_| model.faults.lies > 0);
        let is_deaf = self.phase != Phase::Seated && !model.is(Mutant::ReadAfterReturn);
        if is_deaf {
            self.from_hub = Fifo::default();
        }
        if is_deaf && !model.is(Mutant::UnseatedReadsOn) {
            (self.unread, self.opened) = (Fifo::default(), Bits::default());
        }
        if !self.is_alive() {
            let Self { phase, is_connected, to_hub, leased, word, .. } = *self;
            *self = Self { phase, is_connected, to_hub, leased, word, ..Self::default() };
        }
    }

    /// Whether a frame would still be taken: nothing is, behind a leave.
    fn may_post(&self) -> bool {
        self.is_connected && !self.to_hub.all().contains(&MailFrame::Leave)
    }

    /// Says something now, or on the next connection.
    fn post(&mut self, frame: MailFrame) {
        if self.may_post() {
            self.to_hub.push(frame);
        } else {
            self.owes_word = self.phase == Phase::Unseated;
        }
    }

    /// A connection begins with the card; an unseated process is somebody else there. Final receipts are repeated, and
    /// so is the return word.
    fn connects(&mut self, model: &MailModel, ik: ProcessNumber, knows_seats: bool) {
        (self.is_connected, self.owes_word) = (true, false);
        if self.phase == Phase::Seated {
            self.post(MailFrame::Card(ik));
        }
        // Receipts that are said again would hide the mutant.
        let read = if model.is(Mutant::DeleteOnOpen) { Bits::default() } else { self.read };
        read.each().for_each(|id| self.to_hub.push(MailFrame::Read(id, ik)));
        self.dropped.each().for_each(|id| self.to_hub.push(MailFrame::Expired(id, ik)));
        if self.phase == Phase::Unseated && knows_seats {
            self.give_word(model, ik);
        }
    }

    /// The hub pushes a message. What is known already is receipted again and opened no more.
    fn delivered(&mut self, model: &MailModel, ik: ProcessNumber, id: MailNumber) {
        if self.phase == Phase::Unseated && !model.is(Mutant::ReadAfterReturn) {
            return;
        }
        let is_known = self.opened.has(id) && !model.is(Mutant::NoDedupe);
        if is_known && self.dropped.has(id) {
            return;
        }
        if is_known && self.read.has(id) {
            if !model.is(Mutant::NoRereceipt) {
                self.post(MailFrame::Read(id, ik));
            }
            return;
        }
        if !is_known {
            self.opened.add(id);
            self.unread.push(id);
        }
        // Nothing depends on `opened` but what a sender is shown, and two mutants.
        if model.is(Mutant::DoneOnOpen) || model.is(Mutant::DeleteOnOpen) {
            self.post(MailFrame::Opened(id, ik));
        }
    }

    /// The process ends in order, or loses its seat: it opens and hands out nothing more, gives its word, and leaves.
    fn ends(&mut self, model: &MailModel, ik: ProcessNumber, knows_seats: bool, phase: Phase) {
        self.phase = phase;
        if !model.is(Mutant::UnseatedReadsOn) && !model.is(Mutant::ReadAfterReturn) {
            self.unread = Fifo::default();
        }
        if !self.is_connected {
            return;
        }
        if knows_seats && !model.is(Mutant::NoReturnAtExit) {
            self.give_word(model, ik);
        }
        self.to_hub.push(MailFrame::Leave);
    }

    /// What was read or is leased is kept. Everything else is returned, for ever.
    fn give_word(&mut self, model: &MailModel, ik: ProcessNumber) {
        let mut kept = Bits::default();
        if !model.is(Mutant::ReturnAfterRead) {
            kept = kept.and(self.read);
        }
        if !model.is(Mutant::LeasedCountsAsReturned) {
            kept = kept.and(self.leased);
        }
        self.word = Some(kept);
        self.to_hub.push(MailFrame::Return(ik, kept));
    }
}

/// A step of one of the receiver's processes or of its agent.
pub(super) fn receiver_step(model: &MailModel, state: &mut MailState, step: MailStep) {
    let knows_seats = state.hub.knows_seats;
    match step {
        MailStep::Start(ik) => state.bridge_mut(ik).phase = Phase::Seated,
        MailStep::Connects(ik) => state.bridge_mut(ik).connects(model, ik, knows_seats),
        MailStep::Takes(ik) => {
            let bridge = state.bridge_mut(ik);
            match bridge.from_hub.pop() {
                Some(MailFrame::Deliver(id)) => bridge.delivered(model, ik, id),
                Some(MailFrame::Unseated) => bridge.ends(model, ik, knows_seats, Phase::Unseated),
                _ => {}
            }
        }
        MailStep::Lease(ik) => {
            let bridge = state.bridge_mut(ik);
            let page = std::mem::take(&mut bridge.unread);
            page.all().iter().for_each(|id| bridge.leased.add(*id));
            page.all().iter().for_each(|id| state.handed_out.push(*id));
        }
        MailStep::Written(ik) => {
            let bridge = &mut state.bridges[usize::from(ik)];
            for id in std::mem::take(&mut bridge.leased).each() {
                bridge.read.add(id);
                state.read.add(id);
                bridge.post(MailFrame::Read(id, ik));
            }
        }
        MailStep::GivenBack(ik) => given_back(model, state, ik),
        MailStep::DropUnread(ik) => {
            state.spend_time();
            let bridge = state.bridge_mut(ik);
            for id in std::mem::take(&mut bridge.unread).all() {
                bridge.dropped.add(*id);
                bridge.post(MailFrame::Expired(*id, ik));
            }
        }
        MailStep::Stop(ik) => state.bridge_mut(ik).ends(model, ik, knows_seats, Phase::Left),
        _ => {}
    }
}

/// The answer never left. What it held is unread again; without the seat it is returned now.
fn given_back(model: &MailModel, state: &mut MailState, ik: ProcessNumber) {
    let knows_seats = state.hub.knows_seats;
    let bridge = &mut state.bridges[usize::from(ik)];
    let leased = std::mem::take(&mut bridge.leased);
    leased.each().for_each(|id| state.handed_out.remove(id));
    if bridge.phase == Phase::Seated {
        let later = std::mem::take(&mut bridge.unread);
        leased.each().chain(later.all().iter().copied()).for_each(|id| bridge.unread.push(id));
    } else if !bridge.may_post() {
        bridge.owes_word = true;
    } else if knows_seats {
        bridge.give_word(model, ik);
    }
}
