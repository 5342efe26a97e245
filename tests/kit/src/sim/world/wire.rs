//! The connections of a simulated world, and each step of a frame on one of them.

use std::collections::VecDeque;
use std::time::Duration;

use junction_hub::Connected;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::wire::{ToBridge, ToHub};

use super::SimWorld;

/// A connection with frames that do not move for this long is given up by both sides.
const STUCK: Duration = Duration::from_secs(60);

/// A connection. One side may notice its end before the other does.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) connection: ConnectionId,
    pub(super) up: VecDeque<ToHub>,
    pub(super) down: VecDeque<ToBridge>,
    pub(super) hub_open: bool,
    pub(super) bridge_open: bool,
    /// How long frames have waited on the connection.
    stuck: Duration,
}

impl Wire {
    /// Whether frames wait on the connection.
    fn is_stalled(&self) -> bool {
        !self.up.is_empty() || !self.down.is_empty()
    }

    /// Whether messages wait on the connection, where no state machine counts their time.
    fn carries_mail(&self) -> bool {
        self.up.iter().any(|frame| matches!(frame, ToHub::Send(_)))
            || self.down.iter().any(|frame| matches!(frame, ToBridge::Deliver(..)))
    }
}

impl SimWorld {
    /// The session dials. The welcome may be lost.
    pub fn connect(&mut self, who: usize, welcome_lost: bool) -> bool {
        let now = self.instant();
        let process = &mut self.processes[who];
        if self.hub.is_none() || process.wires.last().is_some_and(|wire| wire.bridge_open) {
            return false;
        }
        let hello = process.machine.hello().expect("it has a group");
        let mut connected = None;
        self.ask_hub(|state, now| {
            connected = state.connect(&hello, now).ok();
            Vec::new()
        });
        let Some(Connected { connection, welcome, outputs }) = connected else { return false };
        let process = &mut self.processes[who];
        process.heard = self.now;
        let bridge_open = !welcome_lost;
        let wire = Wire { connection, hub_open: true, bridge_open, ..Wire::default() };
        process.wires.retain(|wire| wire.hub_open);
        process.wires.push(wire);
        self.apply(outputs);
        let process = &mut self.processes[who];
        if bridge_open && process.machine.accepts(&welcome, now) {
            process.machine.welcomed(&welcome, now);
            process.is_welcomed = true;
            self.give_up_lost_seat(who);
        } else if bridge_open {
            self.lose(who);
        }
        true
    }

    /// The bridge sees its connection end. Frames that it wrote may still arrive.
    pub fn lose(&mut self, who: usize) {
        let process = &mut self.processes[who];
        if let Some(wire) = process.wires.last_mut().filter(|wire| wire.bridge_open) {
            wire.bridge_open = false;
            wire.down.clear();
            process.machine.disconnected();
        }
    }

    /// The hub sees the oldest connection end that it takes for open.
    pub fn forget(&mut self, who: usize) {
        let open = self.processes[who].wires.iter_mut().find(|wire| wire.hub_open);
        let Some(wire) = open else { return };
        wire.hub_open = false;
        wire.up.clear();
        let id = wire.connection;
        self.ask_hub(|state, now| state.disconnected(id, now));
    }

    // ---- each step of a frame: whether anything moved

    /// The bridge writes a frame.
    pub fn write(&mut self, who: usize) -> bool {
        let now = self.instant();
        let process = &mut self.processes[who];
        let Some(wire) = process.wires.last_mut().filter(|wire| wire.bridge_open) else {
            return false;
        };
        let Some(frame) = process.machine.next_frame(now) else { return false };
        if wire.hub_open {
            wire.up.push_back(frame);
        }
        true
    }

    /// A frame arrives at the hub, on any of the session's connections.
    pub fn arrive(&mut self, who: usize) -> bool {
        let process = &mut self.processes[who];
        let wire = process.wires.iter_mut().find(|wire| wire.hub_open && !wire.up.is_empty());
        let Some((id, frame)) = wire.and_then(|wire| Some((wire.connection, wire.up.pop_front()?)))
        else {
            return false;
        };
        process.heard = self.now;
        self.ask_hub(|state, now| state.frame(id, frame, now));
        true
    }

    /// The hub writes the next push.
    pub fn push(&mut self, who: usize) -> bool {
        let Some(hub) = &mut self.hub else { return false };
        let Some(wire) = self.processes[who].wires.last_mut().filter(|wire| wire.hub_open) else {
            return false;
        };
        let pushed = hub.state.next_push(wire.connection, self.now - hub.started);
        let moved = pushed.is_some();
        wire.down.extend(pushed);
        moved
    }

    /// A frame arrives at the bridge or, after the last one, the end of the connection.
    pub fn deliver(&mut self, who: usize) -> bool {
        let now = self.instant();
        let process = &mut self.processes[who];
        let Some(wire) = process.wires.last_mut().filter(|wire| wire.bridge_open) else {
            return false;
        };
        match wire.down.pop_front() {
            Some(frame) => process.machine.frame(frame, now),
            None if !wire.hub_open => self.lose(who),
            None => return false,
        }
        self.give_up_lost_seat(who);
        self.hear_answers(who);
        true
    }

    /// The hub withholds its news of other peers that are on their way to this one.
    pub fn withhold_news(&mut self, who: usize) {
        for wire in &mut self.processes[who].wires {
            wire.down.retain(|frame| !matches!(frame, ToBridge::Peer(..)));
        }
    }

    /// Moves the frames of one process until none moves.
    pub fn flow(&mut self, who: usize) -> bool {
        let mut moved = false;
        while self.write(who) || self.arrive(who) || self.push(who) || self.deliver(who) {
            moved = true;
        }
        moved
    }

    /// Moves the frames of each process once until none of its own moves.
    pub fn flow_all(&mut self) -> bool {
        let mut moved = false;
        for who in 0..self.processes.len() {
            moved |= self.flow(who);
        }
        moved
    }

    /// Frames wait where they are for this long.
    pub(super) fn wait_on_wires(&mut self, time: Duration) {
        let now = self.instant();
        for who in 0..self.processes.len() {
            let process = &mut self.processes[who];
            let has_frame = process.machine.has_frame(now);
            if process.wires.iter().any(Wire::carries_mail) {
                self.history.stalled(process.identity, time);
            }
            for wire in &mut process.wires {
                let waits = wire.is_stalled() || (wire.bridge_open && has_frame);
                wire.stuck = if waits { wire.stuck + time } else { Duration::ZERO };
            }
            while self.processes[who].wires.iter().any(|wire| wire.hub_open && wire.stuck >= STUCK)
            {
                self.forget(who);
            }
            if self.processes[who].wires.last().is_some_and(|wire| wire.stuck >= STUCK) {
                self.lose(who);
            }
        }
    }

    pub(super) fn ping(&mut self) {
        let Some(hub) = &mut self.hub else { return };
        for process in &mut self.processes {
            for wire in process.wires.iter().filter(|wire| wire.hub_open && wire.bridge_open) {
                hub.state.touch(wire.connection, self.now - hub.started);
                process.heard = self.now;
            }
        }
    }
}
