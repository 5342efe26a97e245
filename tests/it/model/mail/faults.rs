//! What can go wrong.

use super::super::mutants::Mutant;
use super::receiver::Phase;
use super::{Bits, MailFrame, MailModel, MailState, MailStep};

/// How often each fault may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Faults {
    /// The hub is killed: everything it holds and all that is on its way is lost.
    pub(in super::super) hub_kills: u8,
    /// The sender's connection breaks.
    pub(in super::super) sender_drops: u8,
    /// A connection of the receiver breaks.
    pub(in super::super) receiver_drops: u8,
    /// A process of the receiver is killed.
    pub(in super::super) receiver_kills: u8,
    /// A time passes too early: a message's, or the second that an unseated process has.
    pub(in super::super) timeouts: u8,
    /// The hub has no room for a message.
    pub(in super::super) no_room: u8,
    /// What a hub that lies can do: say that a session is gone, show an old card, repeat or make up a return word.
    pub(in super::super) lies: u8,
}

/// The faults that can happen now.
pub(super) fn misfortunes(model: &MailModel, state: &MailState, steps: &mut Vec<MailStep>) {
    let left = state.faults;
    if state.hub.is_up && left.hub_kills > 0 {
        steps.push(MailStep::KillHub);
    }
    if state.sender.is_connected && left.sender_drops > 0 {
        steps.push(MailStep::BreakSender);
    }
    for ik in 0..model.processes {
        let bridge = state.bridge(ik);
        if bridge.is_connected && left.receiver_drops > 0 {
            steps.push(MailStep::Break(ik));
        }
        let matters =
            bridge.phase == Phase::Seated || bridge.owes_word || !bridge.leased.is_empty();
        if bridge.is_alive() && matters && left.receiver_kills > 0 {
            steps.push(MailStep::Kill(ik));
        }
        if state.sender.is_connected && left.lies > 0 && bridge.phase != Phase::Absent {
            steps.extend([
                MailStep::LieGone(ik),
                MailStep::LieOldCard(ik),
                MailStep::LieForgedWord(ik),
            ]);
            if bridge.word.is_some() {
                steps.push(MailStep::LieOldWord(ik));
            }
        }
    }
}

/// A fault happens.
pub(super) fn strike(model: &MailModel, state: &mut MailState, step: MailStep) {
    let left = &mut state.faults;
    let sender = &mut state.sender.from_hub;
    match step {
        MailStep::KillHub => {
            left.hub_kills -= 1;
            state.kill_hub();
        }
        MailStep::BreakSender => {
            left.sender_drops -= 1;
            state.sender.disconnected();
        }
        MailStep::Break(ik) => {
            left.receiver_drops -= 1;
            state.break_bridge(ik);
        }
        MailStep::Kill(ik) => {
            left.receiver_kills -= 1;
            state.break_bridge(ik);
            state.bridge_mut(ik).killed();
        }
        MailStep::LieGone(ik) => sender.push(MailFrame::Gone(ik)),
        MailStep::LieOldCard(ik) => sender.push(MailFrame::Card(ik)),
        MailStep::LieOldWord(ik) => {
            let word = state.bridges[usize::from(ik)].word.unwrap_or_default();
            sender.push(MailFrame::Return(ik, word));
        }
        MailStep::LieForgedWord(ik) if model.is(Mutant::ReturnWithoutMac) => {
            sender.push(MailFrame::Return(ik, Bits::default()));
        }
        _ => {}
    }
    let is_lie = matches!(
        step,
        MailStep::LieGone(_)
            | MailStep::LieOldCard(_)
            | MailStep::LieOldWord(_)
            | MailStep::LieForgedWord(_)
    );
    state.faults.lies -= u8::from(is_lie);
}
