//! The sender's bridge: an outbox with one lane for the seat.

use super::super::check::Fifo;
use super::super::mutants::Mutant;
use super::hub::hub_welcomes_sender;
use super::{Bits, MailFrame, MailModel, MailNumber, MailState, MailStep, ProcessNumber};

/// What a sender knows of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum SentStatus {
    #[default]
    New,
    /// Not sealed, or returned.
    Queued,
    /// Sealed, without an end.
    Sealed,
    Read,
    Expired,
    Refused,
    Unconfirmed,
}

impl SentStatus {
    pub(super) fn is_final(self) -> bool {
        !matches!(self, Self::New | Self::Queued | Self::Sealed)
    }
}

/// A message in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct OutgoingMail {
    pub(super) status: SentStatus,
    /// The process that it was sealed to last.
    pub(super) to: ProcessNumber,
    /// All processes that it was sealed to.
    sealed_to: Bits,
    /// Whether it was handed over since the lane was opened.
    is_handed: bool,
    /// How often this sealing was handed over; 2 stands for more.
    hand_overs: u8,
    /// Whether an older sealing was handed over and returned.
    was_returned: bool,
    /// Whether the hub has answered the last hand-over.
    is_answered: bool,
    /// Answers of the hub that are due on this connection, one for each hand-over.
    answers_due: u8,
    /// The processes for which a hub has taken it.
    pub(super) kept_for: Bits,
    /// Whether it was reported as `unconfirmed`, and not sealed again since.
    pub(super) was_given_up: bool,
}

/// The state of the sender's bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct MailSender {
    pub(super) messages: [OutgoingMail; 3],
    pub(super) is_connected: bool,
    pub(super) to_hub: Fifo<MailFrame>,
    pub(super) from_hub: Fifo<MailFrame>,
    /// The newest process of the seat that is known. The first is known from the start.
    pub(super) newest: ProcessNumber,
    /// Processes that have given their return word.
    pub(super) over: Bits,
    /// Whether the hub has said on this connection what it knows of the receiver.
    is_looked_up: bool,
    /// Whether the hub has shown the newest process on this connection.
    may_seal: bool,
    /// Whether the hub has no room.
    is_paused: bool,
    /// Whether the next hand-over is the lowest.
    restarts: bool,
}

impl OutgoingMail {
    /// Nothing corrects these ends.
    pub(super) fn forget(&mut self) {
        if matches!(self.status, SentStatus::Read | SentStatus::Expired) {
            let (status, was_given_up) = (self.status, self.was_given_up);
            *self = Self { status, was_given_up, ..Self::default() };
        }
        self.was_given_up |= self.status == SentStatus::Unconfirmed;
    }

    /// Counts an answer of the hub. False if it is for an earlier hand-over than the last, or if the message was returned
    /// since.
    fn answered(&mut self, is_any_taken: bool) -> bool {
        self.answers_due = self.answers_due.saturating_sub(1);
        let is_last = (self.answers_due == 0 || is_any_taken) && self.hand_overs > 0;
        self.is_answered |= is_last;
        is_last
    }

    /// The message was not read and never will be: it waits for the next process.
    fn unseal(&mut self) {
        self.status = SentStatus::Queued;
        self.was_returned |= self.hand_overs > 0;
        (self.hand_overs, self.is_handed, self.is_answered) = (0, false, false);
    }
}

impl MailSender {
    /// A sender that has seen the card of the seat.
    pub(super) fn connected() -> Self {
        Self {
            is_connected: true,
            is_looked_up: true,
            may_seal: true,
            restarts: true,
            ..Self::default()
        }
    }

    pub(super) fn message(&self, id: MailNumber) -> &OutgoingMail {
        &self.messages[usize::from(id)]
    }

    /// Hands a sealed message over.
    fn write(&mut self, id: MailNumber) {
        let restart = std::mem::take(&mut self.restarts);
        let sent = &mut self.messages[usize::from(id)];
        let (to, resend) = (sent.to, sent.hand_overs > 0 || sent.was_returned);
        sent.hand_overs = (sent.hand_overs + 1).min(2);
        sent.is_handed = true;
        sent.answers_due += 1;
        self.to_hub.push(MailFrame::Send { id, to, resend, restart });
    }

    /// The connection is over, with all that was on its way.
    pub(super) fn disconnected(&mut self) {
        self.is_connected = false;
        (self.to_hub, self.from_hub) = (Fifo::default(), Fifo::default());
        (self.is_looked_up, self.may_seal, self.is_paused) = (false, false, false);
        for sent in &mut self.messages {
            (sent.is_handed, sent.is_answered, sent.answers_due) = (false, false, 0);
        }
    }
}

impl MailModel {
    pub(super) fn sender_step(&self, state: &mut MailState, step: MailStep) {
        match step {
            MailStep::Submit(id) => {
                state.sender.messages[usize::from(id)].status = SentStatus::Queued;
            }
            MailStep::SenderConnects => {
                (state.sender.is_connected, state.sender.restarts) = (true, true);
                if self.is(Mutant::NoResend) {
                    state.sender.messages.iter_mut().for_each(|sent| sent.is_handed = true);
                }
                hub_welcomes_sender(self, state);
            }
            MailStep::SenderTakes => {
                if let Some(frame) = state.sender.from_hub.pop() {
                    self.sender_takes(state, frame);
                }
            }
            MailStep::Expire(id) => {
                if self.has_heir(state) {
                    state.spend_time();
                }
                state.sender.messages[usize::from(id)].status = SentStatus::Expired;
            }
            MailStep::GiveUp(id) => {
                if !self.is_given_up(state, id) {
                    state.spend_time();
                }
                state.sender.messages[usize::from(id)].status = SentStatus::Unconfirmed;
            }
            _ => {}
        }
        self.hand_over(state);
    }

    fn sender_takes(&self, state: &mut MailState, frame: MailFrame) {
        let MailState { sender, hub, .. } = state;
        let is_any_taken = self.is(Mutant::AnswerOfTheOlderSealing);
        match frame {
            MailFrame::Accepted(id) => {
                let sent = &mut sender.messages[usize::from(id)];
                if sent.answered(is_any_taken) && self.is(Mutant::DoneOnAccept) {
                    sent.status = SentStatus::Read;
                }
            }
            MailFrame::Refused(id) => {
                let is_kept = self.has_given_word(sender, sender.message(id).to);
                let sent = &mut sender.messages[usize::from(id)];
                if sent.answered(is_any_taken) {
                    refused(sent, is_kept);
                }
            }
            MailFrame::Later(id) => {
                sender.is_paused |= sender.messages[usize::from(id)].answered(is_any_taken);
            }
            MailFrame::Room => {
                (sender.is_paused, sender.restarts) = (false, true);
                sender.messages.iter_mut().for_each(|sent| sent.is_handed = false);
            }
            MailFrame::Opened(id, ik) if self.is(Mutant::DoneOnOpen) => {
                self.receipt(sender, id, ik, SentStatus::Read);
            }
            MailFrame::Read(id, ik) => self.receipt(sender, id, ik, SentStatus::Read),
            MailFrame::Expired(id, ik) => self.receipt(sender, id, ik, SentStatus::Expired),
            MailFrame::LookedUp => sender.is_looked_up = true,
            MailFrame::Card(ik)
                if ik >= sender.newest || self.is(Mutant::LowerIncarnationHolds) =>
            {
                (sender.newest, sender.may_seal) = (ik, true);
            }
            MailFrame::Return(ik, kept) => self.returned(sender, ik, kept),
            MailFrame::Gone(ik) => self.gone(sender, ik, hub.knows_seats),
            _ => {}
        }
    }

    /// A receipt is authentic for one sealing. A late one corrects what was given up.
    fn receipt(&self, sender: &mut MailSender, id: MailNumber, ik: ProcessNumber, end: SentStatus) {
        let sent = &mut sender.messages[usize::from(id)];
        let is_open = !sent.status.is_final()
            || matches!(sent.status, SentStatus::Unconfirmed | SentStatus::Refused);
        if is_open && (sent.to == ik || self.is(Mutant::ReceiptOfTheOlderSealing)) {
            sent.status = end;
        }
    }

    /// All that was sealed to this process and that its word does not keep was never read and never will be.
    fn returned(&self, sender: &mut MailSender, ik: ProcessNumber, kept: Bits) {
        sender.over.add(ik);
        let is_returned =
            |(id, sent): &(MailNumber, &mut OutgoingMail)| sent.to == ik && !kept.has(*id);
        for (_, sent) in (0..).zip(&mut sender.messages).filter(is_returned) {
            match sent.status {
                SentStatus::Sealed => sent.unseal(),
                SentStatus::Unconfirmed if self.is(Mutant::LateReturnResealedAfterUnconfirmed) => {
                    sent.unseal();
                }
                // Later ones may have been read since: the message comes too late for its order.
                SentStatus::Unconfirmed => sent.status = SentStatus::Expired,
                _ => {}
            }
        }
    }

    /// The session of this process has ended. What it had may have been read, unless its word says otherwise.
    fn gone(&self, sender: &mut MailSender, ik: ProcessNumber, knows_seats: bool) {
        sender.may_seal &= ik != sender.newest;
        let has_given_word = self.has_given_word(sender, ik);
        let newest = sender.newest;
        for sent in &mut sender.messages {
            match sent.status {
                SentStatus::Sealed if sent.to == ik && !has_given_word => {
                    let is_in_flight = sent.is_handed && sent.hand_overs == 1 && !sent.is_answered;
                    if self.is(Mutant::SealedAgainWithoutReturn) && !is_in_flight {
                        sent.unseal();
                    } else if !is_in_flight {
                        sent.status = SentStatus::Unconfirmed;
                    }
                }
                // Without seats nobody comes back. What was returned was taken by a hub, so it waits for its time.
                SentStatus::Queued if ik == newest && !knows_seats && !sent.was_returned => {
                    sent.status = SentStatus::Refused;
                }
                _ => {}
            }
        }
    }

    /// Whether a process has said what it keeps: then nothing but its own words, and time, ends that.
    fn has_given_word(&self, sender: &MailSender, ik: ProcessNumber) -> bool {
        sender.over.has(ik) && !self.is(Mutant::GoneEndsWhatAWordKeeps)
    }

    /// Hands over all that may be handed over now: first what is sealed, in its order, then what is queued.
    fn hand_over(&self, state: &mut MailState) {
        let MailState { sender, broken, .. } = state;
        if !sender.is_looked_up || sender.is_paused {
            return;
        }
        for id in 0..self.messages {
            let sent = sender.message(id);
            let is_over = self.has_given_word(sender, sent.to);
            if sent.status == SentStatus::Sealed && !sent.is_handed && !is_over {
                sender.write(id);
            }
        }
        for id in self.queued(sender) {
            if !self.may_seal(sender) {
                return;
            }
            let newest = sender.newest;
            let sent = &mut sender.messages[usize::from(id)];
            if sent.sealed_to.has(newest) {
                *broken = Some("a message is sealed twice under one ik");
            }
            (sent.status, sent.to, sent.was_given_up) = (SentStatus::Sealed, newest, false);
            sent.sealed_to.add(newest);
            if self.is(Mutant::ReturnedRefusedWhenFull) {
                sent.was_returned = false;
            }
            sender.write(id);
        }
    }

    /// What is queued: in the order in which it was submitted, so what was returned comes first.
    fn queued(&self, sender: &MailSender) -> Vec<MailNumber> {
        let is_queued = |id: &MailNumber| sender.message(*id).status == SentStatus::Queued;
        let mut queued: Vec<MailNumber> = (0..self.messages).filter(is_queued).collect();
        if self.is(Mutant::QueuedBeforeReturned) {
            queued.sort_by_key(|id| sender.message(*id).was_returned);
        }
        queued
    }

    /// Whether a queued message may be sealed to the newest process: that has not returned anything, and everything that
    /// was sealed to older ones has its end.
    fn may_seal(&self, sender: &MailSender) -> bool {
        let newest = sender.newest;
        let is_older = |sent: &OutgoingMail| sent.status == SentStatus::Sealed && sent.to < newest;
        let waits = sender.messages.iter().any(is_older) && !self.is(Mutant::NoWaitForOlderLane);
        let is_over = sender.over.has(newest) && !self.is(Mutant::SealedAgainUnderTheSameIk);
        sender.may_seal && !waits && !is_over
    }
}

/// A refusal is an end only of what was handed over once, and of nothing that a return word keeps. What was returned
/// meanwhile waits for the next process.
fn refused(sent: &mut OutgoingMail, is_kept: bool) {
    if sent.status == SentStatus::Sealed && !is_kept {
        let is_first = sent.hand_overs == 1;
        sent.status = if is_first { SentStatus::Refused } else { SentStatus::Unconfirmed };
    }
}
