//! What is promised.

use super::receiver::Phase;
use super::sender::SentStatus;
use super::{MailModel, MailNumber, MailState};

/// The promise that this state breaks.
pub(super) fn broken_promise(model: &MailModel, state: &MailState) -> Option<&'static str> {
    if state.broken.is_some() {
        return state.broken;
    }
    let handed_out = state.handed_out.all();
    let is_in_time = |id: &&MailNumber| !state.sender.message(**id).was_given_up;
    let has_order = handed_out.iter().filter(is_in_time).is_sorted();
    if (1..handed_out.len()).any(|at| handed_out[..at].contains(&handed_out[at])) {
        return Some("a message is handed out twice");
    }
    if model.hubs_with_seats == (true, true) && !has_order {
        return Some("messages are read in another order than they were sent in");
    }
    (0..model.messages).find_map(|id| broken_status(model, state, id))
}

/// What a status says must be so, and stay so.
fn broken_status(model: &MailModel, state: &MailState, id: MailNumber) -> Option<&'static str> {
    let sent = state.sender.message(id);
    let is_read = state.read.has(id);
    let is_out = state.handed_out.all().contains(&id);
    let broken = match sent.status {
        SentStatus::Read if !is_read => "`read` of a message that was not read",
        SentStatus::Expired if is_read || is_out => "`expired` of a message that was read",
        SentStatus::Refused if is_read || is_out => "`refused` of a message that was read",
        SentStatus::Refused if sent.kept_for.has(sent.to) => {
            "`refused` of a message that a hub had taken"
        }
        SentStatus::Queued if is_out => "a message is `queued` that an agent has",
        SentStatus::Unconfirmed if !is_excused(model, state, id) => {
            "a message is lost without a fault of its receiver"
        }
        _ => return None,
    };
    Some(broken)
}

/// Whether it may be unknown what became of a message: not while its receiver has the seat, and not if that ended in
/// order with a connection, unless the receipt of its reading was lost, or it was leased.
fn is_excused(model: &MailModel, state: &MailState, id: MailNumber) -> bool {
    let ik = state.sender.message(id).to;
    let (bridge, left) = (state.bridge(ik), state.faults);
    let had_time = model.faults.timeouts == left.timeouts && model.faults.lies == left.lies;
    let is_newest = (ik + 1..model.processes).all(|ik| state.bridge(ik).phase == Phase::Absent);
    let is_seated = bridge.phase == Phase::Seated && is_newest && had_time;
    let knows_seats = model.hubs_with_seats == (true, true);
    // The sender's connection may break, and with it the receipt of a reading is lost, but no return word.
    let mut faults = left;
    if !state.read.has(id) {
        faults.sender_drops = model.faults.sender_drops;
    }
    let ended_in_order = model.faults == faults && knows_seats && bridge.leased.is_empty();
    !is_seated && !ended_in_order
}
