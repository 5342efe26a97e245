//! The delivery of messages to a seat: one sender, one hub, and the receiver's processes, one after the other or two at
//! once. Messages have numbers in the order in which they are sent; a process of the receiver is named by its number,
//! which stands for its `ik` and its incarnation.

mod faults;
mod hub;
mod promises;
mod receiver;
mod sender;

use super::check::{Fifo, Model};
use super::mutants::Mutant;
pub(super) use faults::Faults;
use faults::{misfortunes, strike};
use hub::MailHub;
use promises::broken_promise;
use receiver::{MailBridge, Phase, receiver_step};
use sender::{MailSender, OutgoingMail, SentStatus};

/// The number of a message.
type MailNumber = u8;
/// The number of a process of the receiver.
type ProcessNumber = u8;

/// A set of messages, or of processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Bits(u8);

impl Bits {
    fn has(self, one: u8) -> bool {
        self.0 & (1 << one) != 0
    }

    fn add(&mut self, one: u8) {
        self.0 |= 1 << one;
    }

    fn remove(&mut self, one: u8) {
        self.0 &= !(1 << one);
    }

    fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn each(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |one| self.has(*one))
    }
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum MailFrame {
    #[default]
    Nothing,
    /// A sealed message. `resend`: it was handed over before. `restart`: it is the lane's lowest.
    Send {
        id: MailNumber,
        to: ProcessNumber,
        resend: bool,
        restart: bool,
    },
    /// The hub's answers to it. They name the message alone.
    Accepted(MailNumber),
    Refused(MailNumber),
    Later(MailNumber),
    /// There is room again.
    Room,
    /// A message for the receiver.
    Deliver(MailNumber),
    /// What became of it, authentic for this sealing alone.
    Opened(MailNumber, ProcessNumber),
    Read(MailNumber, ProcessNumber),
    Expired(MailNumber, ProcessNumber),
    /// A card of the seat, from its process to the hub, and from there to the sender.
    Card(ProcessNumber),
    /// The hub has said what it knows of the receiver.
    LookedUp,
    /// The process has no seat any more.
    Unseated,
    /// The return word: what the process has read, or has leased. It opens nothing more.
    Return(ProcessNumber, Bits),
    /// The process leaves in order.
    Leave,
    /// The session of a process has ended.
    Gone(ProcessNumber),
}

/// One configuration of the model.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MailModel {
    /// Messages.
    pub(super) messages: u8,
    /// Processes of the receiver.
    pub(super) processes: u8,
    /// Whether the hub knows seats, at first and after it was killed.
    pub(super) hubs_with_seats: (bool, bool),
    /// The faults.
    pub(super) faults: Faults,
    /// The rule that is broken.
    pub(super) mutant: Option<Mutant>,
}

/// A state of the whole system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MailState {
    sender: MailSender,
    hub: MailHub,
    bridges: [MailBridge; 3],
    /// What the receiver's agents were handed, in order. What was given back is not in it.
    handed_out: Fifo<MailNumber, 6>,
    /// What they have read.
    read: Bits,
    faults: Faults,
    /// A promise that a step has broken.
    broken: Option<&'static str>,
}

/// One step of one party, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MailStep {
    Submit(MailNumber),
    SenderTakes,
    SenderConnects,
    HubTakesFromSender,
    HubHasNoRoom,
    HubHasRoom,
    HubTakesFrom(ProcessNumber),
    HubEndsUnseated(ProcessNumber),
    HubEndsSession(ProcessNumber),
    Start(ProcessNumber),
    Connects(ProcessNumber),
    Takes(ProcessNumber),
    Lease(ProcessNumber),
    Written(ProcessNumber),
    GivenBack(ProcessNumber),
    DropUnread(ProcessNumber),
    Stop(ProcessNumber),
    Expire(MailNumber),
    GiveUp(MailNumber),
    HubStarts,
    KillHub,
    Kill(ProcessNumber),
    BreakSender,
    Break(ProcessNumber),
    LieGone(ProcessNumber),
    LieOldCard(ProcessNumber),
    LieOldWord(ProcessNumber),
    LieForgedWord(ProcessNumber),
}

impl MailModel {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Drops what nothing depends on any more, so that states that differ in nothing else are one.
    fn forget(&self, state: &mut MailState) {
        state.sender.messages.iter_mut().for_each(OutgoingMail::forget);
        state.bridges.iter_mut().for_each(|bridge| bridge.forget(self));
    }

    /// Whether the process could still say something about the messages that were sealed to it.
    fn may_be_heard(&self, state: &MailState, ik: ProcessNumber) -> bool {
        let bridge = state.bridge(ik);
        let is_there = match bridge.phase {
            Phase::Seated => true,
            Phase::Unseated => bridge.owes_word || !bridge.leased.is_empty(),
            Phase::Absent | Phase::Left | Phase::Killed => false,
        };
        let on_its_way = |frame: &MailFrame| matches!(frame, MailFrame::Return(of, _) | MailFrame::Gone(of) if *of == ik);
        is_there
            || !bridge.to_hub.is_empty()
            || state.hub.words[usize::from(ik)].is_some() && !state.sender.is_connected
            || state.sender.from_hub.all().iter().any(on_its_way)
    }

    fn application(&self, state: &MailState, steps: &mut Vec<MailStep>) {
        let next = state.sender.messages.iter().position(|sent| sent.status == SentStatus::New);
        if let Some(id) = next.and_then(|id| u8::try_from(id).ok()).filter(|id| *id < self.messages)
        {
            steps.push(MailStep::Submit(id));
        }
        for ik in 0..self.processes {
            let bridge = state.bridge(ik);
            if bridge.may_lease(self) {
                steps.push(MailStep::Lease(ik));
            }
            if bridge.is_alive() && !bridge.leased.is_empty() {
                steps.extend([MailStep::Written(ik), MailStep::GivenBack(ik)]);
            }
            let is_next = bridge.phase == Phase::Absent
                && (ik == 0 || state.bridge(ik - 1).phase != Phase::Absent);
            if is_next {
                steps.push(MailStep::Start(ik));
            }
            if bridge.phase == Phase::Seated && ik + 1 < self.processes {
                steps.push(MailStep::Stop(ik));
            }
            if bridge.phase == Phase::Seated
                && state.faults.timeouts > 0
                && !bridge.unread.is_empty()
            {
                steps.push(MailStep::DropUnread(ik));
            }
        }
    }

    fn network(&self, state: &MailState, steps: &mut Vec<MailStep>) {
        let MailState { sender, hub, .. } = state;
        if !sender.from_hub.is_empty() && sender.to_hub.has_room() {
            steps.push(MailStep::SenderTakes);
        }
        if hub.is_up && !sender.is_connected {
            steps.push(MailStep::SenderConnects);
        }
        let hub_works = hub.is_up && sender.from_hub.has_room();
        let pushes = (0..self.processes).all(|ik| state.bridge(ik).from_hub.has_room());
        if hub_works
            && pushes
            && let Some(frame) = sender.to_hub.all().first()
        {
            steps.push(MailStep::HubTakesFromSender);
            if state.faults.no_room > 0 && matches!(frame, MailFrame::Send { .. }) {
                steps.push(MailStep::HubHasNoRoom);
            }
        }
        if hub.owes_room && sender.is_connected && hub_works {
            steps.push(MailStep::HubHasRoom);
        }
        if !hub.is_up {
            steps.push(MailStep::HubStarts);
        }
        for ik in 0..self.processes {
            let bridge = state.bridge(ik);
            if hub_works && pushes && !bridge.to_hub.is_empty() {
                steps.push(MailStep::HubTakesFrom(ik));
            }
            if bridge.is_alive() && !bridge.from_hub.is_empty() && bridge.to_hub.has_room() {
                steps.push(MailStep::Takes(ik));
            }
            if hub.is_up && bridge.wants_connection() {
                steps.push(MailStep::Connects(ik));
            }
            if self.hub_may_end_unseated(state, ik) {
                steps.push(MailStep::HubEndsUnseated(ik));
            }
            if self.hub_may_end_session(state, ik) {
                steps.push(MailStep::HubEndsSession(ik));
            }
        }
    }

    fn time(&self, state: &MailState, steps: &mut Vec<MailStep>) {
        let is_late = state.faults.timeouts > 0 || state.faults.lies < self.faults.lies;
        for id in 0..self.messages {
            let sent = state.sender.message(id);
            match sent.status {
                SentStatus::Queued if is_late || !self.has_heir(state) => {
                    steps.push(MailStep::Expire(id));
                }
                SentStatus::Sealed if is_late || self.is_given_up(state, id) => {
                    steps.push(MailStep::GiveUp(id));
                }
                _ => {}
            }
        }
    }

    /// Whether a process of the seat can get what is queued.
    fn has_heir(&self, state: &MailState) -> bool {
        let newest = state.sender.newest;
        let last = if state.hub.knows_seats { self.processes } else { newest + 1 };
        (newest..last).any(|ik| state.bridge(ik).phase == Phase::Seated)
    }

    /// Six seconds after a newer card, or after a return word, what no process will speak of is given up. So is what
    /// its receiver has dropped, once its time is over.
    fn is_given_up(&self, state: &MailState, id: MailNumber) -> bool {
        let ik = state.sender.message(id).to;
        let is_old = state.sender.newest > ik || state.sender.over.has(ik);
        is_old && !self.may_be_heard(state, ik) || state.bridge(ik).dropped.has(id)
    }
}

impl MailState {
    fn bridge(&self, ik: ProcessNumber) -> &MailBridge {
        &self.bridges[usize::from(ik)]
    }

    fn bridge_mut(&mut self, ik: ProcessNumber) -> &mut MailBridge {
        &mut self.bridges[usize::from(ik)]
    }

    fn spend_time(&mut self) {
        self.faults.timeouts = self.faults.timeouts.saturating_sub(1);
    }

    /// The connection of a process is over, with all that was on its way.
    fn break_bridge(&mut self, ik: ProcessNumber) {
        self.hub.online.remove(ik);
        self.bridge_mut(ik).disconnected();
    }

    fn kill_hub(&mut self) {
        self.hub = MailHub::new(self.hub.knows_seats);
        self.hub.is_up = false;
        self.sender.disconnected();
        self.bridges.iter_mut().for_each(MailBridge::disconnected);
    }
}

impl Model for MailModel {
    type State = MailState;
    type Step = MailStep;

    fn initial(&self) -> MailState {
        MailState {
            sender: MailSender::connected(),
            hub: MailHub::with_first_process(self.hubs_with_seats.0),
            bridges: [MailBridge::seated(), MailBridge::default(), MailBridge::default()],
            handed_out: Fifo::default(),
            read: Bits::default(),
            faults: self.faults,
            broken: None,
        }
    }

    fn enabled(&self, state: &MailState) -> Vec<MailStep> {
        let mut steps = Vec::new();
        self.application(state, &mut steps);
        self.network(state, &mut steps);
        self.time(state, &mut steps);
        misfortunes(self, state, &mut steps);
        steps
    }

    fn apply(&self, state: &mut MailState, step: MailStep) {
        match step {
            MailStep::Submit(_)
            | MailStep::SenderTakes
            | MailStep::SenderConnects
            | MailStep::Expire(_)
            | MailStep::GiveUp(_) => {
                self.sender_step(state, step);
            }
            MailStep::HubTakesFromSender
            | MailStep::HubHasNoRoom
            | MailStep::HubHasRoom
            | MailStep::HubTakesFrom(_)
            | MailStep::HubEndsUnseated(_)
            | MailStep::HubEndsSession(_)
            | MailStep::HubStarts => self.hub_step(state, step),
            MailStep::Start(_)
            | MailStep::Connects(_)
            | MailStep::Takes(_)
            | MailStep::Lease(_)
            | MailStep::Written(_)
            | MailStep::GivenBack(_)
            | MailStep::DropUnread(_)
            | MailStep::Stop(_) => receiver_step(self, state, step),
            _ => strike(self, state, step),
        }
        self.forget(state);
    }

    fn broken(&self, state: &MailState) -> Option<&'static str> {
        broken_promise(self, state)
    }

    fn is_settled(&self, state: &MailState) -> bool {
        (0..self.messages).all(|id| state.sender.message(id).status.is_final())
    }

    fn is_certain(&self, state: &MailState, step: MailStep) -> bool {
        match step {
            // Against a hub that lies only time helps.
            MailStep::Expire(_) => !self.has_heir(state) || state.faults.lies < self.faults.lies,
            MailStep::GiveUp(id) => {
                self.is_given_up(state, id) || state.faults.lies < self.faults.lies
            }
            MailStep::HubEndsUnseated(ik) => !state.hub.online.has(ik),
            MailStep::Start(_) | MailStep::Stop(_) | MailStep::DropUnread(_) => false,
            MailStep::HubHasNoRoom => false,
            MailStep::KillHub | MailStep::Kill(_) | MailStep::BreakSender | MailStep::Break(_) => {
                false
            }
            MailStep::LieGone(_)
            | MailStep::LieOldCard(_)
            | MailStep::LieOldWord(_)
            | MailStep::LieForgedWord(_) => false,
            _ => true,
        }
    }
}
