//! The order of what a seat sends: one process of the sender after another, or two at once, to one receiver. A process
//! that was killed may have written more than its hub has taken yet.

use super::check::{Fifo, Model};
use super::mutants::Mutant;

/// The number of a message: 0 and 1 are sent by the first process, 2 by the second.
type TextNumber = u8;
/// The number of a process of the sender.
type AuthorNumber = usize;

const MESSAGES: [TextNumber; 3] = [0, 1, 2];

fn author(id: TextNumber) -> AuthorNumber {
    usize::from(id / 2)
}

/// What a sender's connection carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum AuthorFrame {
    #[default]
    Card,
    Message(TextNumber),
}

/// What has become of a process of the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Life {
    #[default]
    Absent,
    /// The process has the seat, as far as it knows.
    Seated,
    /// The process knows that it lost the seat, or was killed.
    Over,
}

/// A process of the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Author {
    life: Life,
    is_connected: bool,
    to_hub: Fifo<AuthorFrame>,
}

/// One configuration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SuccessionModel {
    /// How often the hub is killed.
    pub(super) hub_kills: u8,
    /// The rule that is broken.
    pub(super) mutant: Option<Mutant>,
}

/// A state of the whole system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SuccessionState {
    authors: [Author; 2],
    /// Messages that the agents have sent, those that the hub has taken, and those that the receiver has opened.
    is_submitted: [bool; 3],
    is_taken: [bool; 3],
    opened: Fifo<TextNumber>,
    /// The process that has the seat.
    holder: Option<AuthorNumber>,
    /// What the hub has pushed to the receiver.
    pushed: Fifo<TextNumber>,
    /// What waits at the receiver for its sender's card, and the senders whose cards it has looked up.
    held: Fifo<TextNumber>,
    is_looked_up: [bool; 2],
    hub_kills: u8,
    broken: Option<&'static str>,
}

/// One step, or a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuccessionStep {
    Start,
    Connects(AuthorNumber),
    Submit(TextNumber),
    HubTakesFrom(AuthorNumber),
    HubTellsUnseated(AuthorNumber),
    ReceiverTakes,
    LookedUp(AuthorNumber),
    Kill(AuthorNumber),
    KillHub,
}

impl SuccessionModel {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// The hub takes nothing from a process whose seat has passed on, whatever it wrote before.
    fn hub_takes(&self, state: &mut SuccessionState, ik: AuthorNumber, frame: AuthorFrame) {
        match frame {
            AuthorFrame::Card => state.holder = state.holder.max(Some(ik)),
            AuthorFrame::Message(id) => {
                let is_former = state.holder != Some(ik) && !self.is(Mutant::FormerSenderHandsOver);
                if !is_former && !state.is_taken[usize::from(id)] {
                    state.is_taken[usize::from(id)] = true;
                    state.pushed.push(id);
                }
            }
        }
    }

    /// While anything waits for a look-up, all that follows waits behind it: what is held may be of the same seat.
    fn receives(&self, state: &mut SuccessionState, id: TextNumber) {
        let waits_for = |held: &TextNumber| {
            !self.is(Mutant::SenderRestartOvertakes) || author(*held) == author(id)
        };
        if !state.is_looked_up[author(id)] || state.held.all().iter().any(waits_for) {
            state.held.push(id);
        } else {
            self.opens(state, id);
        }
    }

    /// Nothing of an older process is opened after something of a newer one.
    fn opens(&self, state: &mut SuccessionState, id: TextNumber) {
        let opened = state.opened.all();
        let is_older = opened.iter().any(|other| author(*other) > author(id));
        if is_older && !self.is(Mutant::OlderSenderAfterNewer) {
            if state.hub_kills == self.hub_kills {
                state.broken = Some("a message of a former process is lost without a fault");
            }
        } else if !opened.contains(&id) {
            state.opened.push(id);
        }
    }

    fn kill_hub(state: &mut SuccessionState) {
        state.hub_kills -= 1;
        let (authors, opened) = (state.authors, state.opened);
        let (is_submitted, hub_kills) = (state.is_submitted, state.hub_kills);
        *state = SuccessionState {
            authors,
            opened,
            is_submitted,
            hub_kills,
            ..SuccessionState::default()
        };
        for author in &mut state.authors {
            (author.is_connected, author.to_hub) = (false, Fifo::default());
        }
    }
}

impl SuccessionState {
    /// A connection begins with the card. All that was not opened is handed over again.
    fn connects(&mut self, ik: AuthorNumber) {
        let author_of = &mut self.authors[ik];
        author_of.is_connected = true;
        author_of.to_hub.push(AuthorFrame::Card);
        for id in MESSAGES {
            let is_open = self.is_submitted[usize::from(id)] && !self.opened.all().contains(&id);
            if author(id) == ik && is_open {
                author_of.to_hub.push(AuthorFrame::Message(id));
            }
        }
    }
}

impl Model for SuccessionModel {
    type State = SuccessionState;
    type Step = SuccessionStep;

    fn initial(&self) -> SuccessionState {
        let mut state = SuccessionState { hub_kills: self.hub_kills, ..SuccessionState::default() };
        state.authors[0].life = Life::Seated;
        state
    }

    fn enabled(&self, state: &SuccessionState) -> Vec<SuccessionStep> {
        let mut steps = Vec::new();
        if state.authors[1].life == Life::Absent {
            steps.push(SuccessionStep::Start);
        }
        for (ik, author) in state.authors.iter().enumerate() {
            let is_seated = author.life == Life::Seated;
            let candidates = [
                (is_seated && !author.is_connected, SuccessionStep::Connects(ik)),
                (!author.to_hub.is_empty(), SuccessionStep::HubTakesFrom(ik)),
                (is_seated && state.holder > Some(ik), SuccessionStep::HubTellsUnseated(ik)),
                (is_seated && ik == 0, SuccessionStep::Kill(ik)),
                (!state.is_looked_up[ik], SuccessionStep::LookedUp(ik)),
            ];
            steps.extend(candidates.iter().filter(|(may, _)| *may).map(|(_, step)| *step));
        }
        let in_turn =
            |id: TextNumber| id.is_multiple_of(2) || state.is_submitted[usize::from(id - 1)];
        for id in MESSAGES {
            let is_new = !state.is_submitted[usize::from(id)] && in_turn(id);
            // What the first agent sends after the second has begun has no order with what that sends.
            let has_order = author(id) == 1 || !state.is_submitted[2];
            if is_new && has_order && state.authors[author(id)].life == Life::Seated {
                steps.push(SuccessionStep::Submit(id));
            }
        }
        if !state.pushed.is_empty() {
            steps.push(SuccessionStep::ReceiverTakes);
        }
        if state.hub_kills > 0 {
            steps.push(SuccessionStep::KillHub);
        }
        steps
    }

    fn apply(&self, state: &mut SuccessionState, step: SuccessionStep) {
        match step {
            SuccessionStep::Start => state.authors[1].life = Life::Seated,
            SuccessionStep::Connects(ik) => state.connects(ik),
            SuccessionStep::Submit(id) => {
                state.is_submitted[usize::from(id)] = true;
                let author = &mut state.authors[author(id)];
                if author.is_connected {
                    author.to_hub.push(AuthorFrame::Message(id));
                }
            }
            SuccessionStep::HubTakesFrom(ik) => {
                if let Some(frame) = state.authors[ik].to_hub.pop() {
                    self.hub_takes(state, ik, frame);
                }
            }
            SuccessionStep::HubTellsUnseated(ik) | SuccessionStep::Kill(ik) => {
                state.authors[ik].life = Life::Over;
            }
            SuccessionStep::ReceiverTakes => {
                if let Some(id) = state.pushed.pop() {
                    self.receives(state, id);
                }
            }
            SuccessionStep::LookedUp(ik) => {
                state.is_looked_up[ik] = true;
                for id in std::mem::take(&mut state.held).all() {
                    self.receives(state, *id);
                }
            }
            SuccessionStep::KillHub => Self::kill_hub(state),
        }
    }

    fn broken(&self, state: &SuccessionState) -> Option<&'static str> {
        let has_order = state.opened.all().is_sorted();
        state
            .broken
            .or((!has_order).then_some("messages are read in another order than they were sent in"))
    }

    fn is_settled(&self, state: &SuccessionState) -> bool {
        let has_ended = |id: &TextNumber| {
            let is_dead = state.authors[author(*id)].life != Life::Seated
                && !state.is_taken[usize::from(*id)];
            is_dead || !state.is_submitted[usize::from(*id)] || state.opened.all().contains(id)
        };
        let is_lost = |id: &TextNumber| state.hub_kills < self.hub_kills && author(*id) == 0;
        MESSAGES.iter().all(|id| has_ended(id) || is_lost(id))
    }

    fn is_certain(&self, _: &SuccessionState, step: SuccessionStep) -> bool {
        !matches!(step, SuccessionStep::Start | SuccessionStep::Kill(_) | SuccessionStep::KillHub)
    }
}
