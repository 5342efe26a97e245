//! Sessions with seats in a simulated world: their bridges end, begin and stand beside each other.

use junction_engine::{SeatBasis, SeatToClaim};
use junction_shared::protocol::id::Incarnation;
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::secret::Secret;

use super::{SimProcess, SimWorld};

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
        self.processes[who] = self.spawn(seat);
    }

    /// A second bridge of a session with a seat begins, while the first one is alive.
    pub fn rival(&mut self, who: usize) {
        let Some(seat) = self.processes[who].seat else { return };
        self.restarted.insert(seat);
        self.history.shaken(self.processes[who].identity);
        let newer = self.spawn(seat);
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
        self.history.sender_ended(process.key);
        let last = process.machine.lose_seat(&self.secret, now);
        if let Some(wire) = process.wires.last_mut().filter(|wire| wire.bridge_open) {
            wire.bridge_open = false;
            wire.down.clear();
            if wire.hub_open {
                wire.up.extend(last);
            }
        }
        process.key = process.machine.hello().expect("it has a group").key;
        process.identity = process.key;
        self.identities.insert(process.key, process.key);
        self.history.started(process.key);
        true
    }
}
