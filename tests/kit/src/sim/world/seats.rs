//! The lives of processes in a simulated world: bridges end and begin, and those of a session with a seat stand beside each
//! other.

use junction_engine::{SeatBasis, SeatToClaim};
use junction_shared::protocol::id::Incarnation;
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::secret::Secret;

use junction_shared::protocol::wire::ToHub;

use super::{SimProcess, SimWorld, alias, identity};

/// The number of the first seat that a process goes on to.
const FIRST_SWAPPED: usize = 100;

impl SimWorld {
    pub(super) fn client_session(&self, seat: usize) -> SeatToClaim {
        let secret = Secret::filled(|secret| secret.fill(5));
        SeatToClaim {
            keys: SeatKeys::derive(&secret, "sim", &seat.to_string()),
            incarnation: Incarnation(self.incarnation),
            place: None,
            basis: SeatBasis::Proven,
        }
    }

    /// The process ends, with or without a goodbye, and another takes its place and alias.
    pub fn replace(&mut self, who: usize, goodbye: bool) {
        if goodbye {
            self.finish(who, true);
            let last = self.processes[who].machine.leave(self.start + self.now);
            if let Some(wire) = self.processes[who].wires.last_mut()
                && wire.bridge_open
                && wire.hub_open
            {
                wire.up.extend(last);
            }
            while self.arrive(who) {}
        }
        self.end_saving(who, goodbye);
        self.history.died(self.processes[who].identity);
        while self.processes[who].wires.iter().any(|wire| wire.hub_open) {
            self.forget(who);
        }
        self.processes[who] = self.spawn(who, false, Vec::new());
    }

    /// The bridge of a session with a seat ends, in order or not, and another takes its place.
    pub fn restart(&mut self, who: usize, in_order: bool) {
        let Some(seat) = self.processes[who].seat else { return };
        self.history.sender_ended(self.processes[who].key);
        self.restarted.insert(seat);
        let is_heard =
            self.processes[who].wires.last().is_some_and(|wire| wire.bridge_open && wire.hub_open);
        if in_order {
            self.finish(who, true);
            let last = self.processes[who].machine.leave(self.start + self.now);
            if let Some(wire) = self.processes[who].wires.last_mut().filter(|_| is_heard) {
                wire.up.extend(last);
            }
            while self.arrive(who) {}
        }
        self.history.gave_word(self.processes[who].key, self.processes[who].identity);
        if !in_order || !is_heard {
            self.history.shaken(self.processes[who].identity);
        }
        while self.processes[who].wires.iter().any(|wire| wire.hub_open) {
            self.forget(who);
        }
        self.lose_past_words(who);
        self.end_saving(who, in_order);
        let known = self.processes[who].work.known.clone();
        self.processes[who] = self.spawn(seat, true, known);
    }

    /// The client of a session with a seat goes on with another session in the same process, and opens the first one in
    /// another. An answer may be on its way.
    pub fn swap(&mut self, who: usize) {
        let Some(seat) = self.processes[who].seat.filter(|_| self.processes[who].is_welcomed)
        else {
            return;
        };
        let Ok(next) = u8::try_from(FIRST_SWAPPED + self.swaps) else { return };
        self.swaps += 1;
        self.restarted.insert(seat);
        let (now, next) = (self.instant(), usize::from(next));
        self.incarnation += 1;
        let session = self.client_session(next);
        let process = &mut self.processes[who];
        self.history.gave_word(process.key, process.identity);
        if !process.wires.iter().any(|wire| wire.hub_open) {
            self.history.ended_unseen(process.key);
        }
        let last = process.machine.change_session(session, &self.secret, now);
        process.machine.wish(alias(next));
        self.begin_again(who, last, Some(next));
        let known = std::mem::take(&mut self.processes[who].work.known);
        let first = self.spawn(seat, true, known);
        self.processes.push(first);
    }

    /// The saving threads of a process end with it. What one that is killed was about to put in its place may be there.
    fn end_saving(&mut self, who: usize, in_order: bool) {
        let gets_there = !in_order && self.incarnation.is_multiple_of(2);
        self.processes[who].work.end(&mut self.files, gets_there);
    }

    /// A process has gone on under another key, with this seat or none. Its last frames are those of the old one.
    fn begin_again(&mut self, who: usize, last: Vec<ToHub>, seat: Option<usize>) {
        let process = &mut self.processes[who];
        self.history.sender_ended(process.key);
        process.past.push(process.identity);
        if let Some(wire) = process.wires.last_mut().filter(|wire| wire.bridge_open) {
            wire.bridge_open = false;
            wire.down.clear();
            if wire.hub_open {
                wire.up.extend(last);
            }
        }
        process.key = process.machine.hello().expect("it has a group").key;
        process.identity = identity(process.key, seat);
        (process.seat, process.is_welcomed) = (seat, false);
        if let Some(seat) = seat {
            process.alias = alias(seat);
        }
        self.identities.insert(process.key, process.identity);
        self.history.started(process.identity);
    }

    /// A process ends that repeated words about the mail of sessions which it served before.
    fn lose_past_words(&mut self, who: usize) {
        for session in self.processes[who].past.clone() {
            self.history.shaken(session);
        }
    }

    /// A second bridge of a session with a seat begins, while the first one is alive.
    pub fn rival(&mut self, who: usize) {
        // One that never had the seat is somebody else beside one that has.
        let Some(seat) = self.processes[who].seat.filter(|_| self.processes[who].is_welcomed)
        else {
            return;
        };
        self.restarted.insert(seat);
        self.history.shaken(self.processes[who].identity);
        let known = self.processes[who].work.known.clone();
        let newer = self.spawn(seat, true, known);
        let older = std::mem::replace(&mut self.processes[who], newer);
        self.processes.push(SimProcess { seat: None, ..older });
    }

    /// A process that has lost its seat goes on under another key, as somebody else.
    pub(super) fn give_up_lost_seat(&mut self, who: usize) -> bool {
        let now = self.instant();
        let process = &mut self.processes[who];
        if !process.machine.has_lost_seat() {
            return false;
        }
        let last = process.machine.lose_seat(&self.secret, now);
        self.begin_again(who, last, None);
        true
    }
}
