//! The connections of a simulated world, and each step of a frame on one of them.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::time::Duration;

use junction_hub::{Connected, Output};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::{ToBridge, ToHub};

use super::process::SendCall;
use super::{PATIENCE, SimWorld, TIMEOUT};

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
    /// Sends to all others at once, as to a group: each gets an envelope of its own, and all the same id.
    pub fn send_all(&mut self, who: usize, size: usize, ttl: Option<Duration>) {
        let now = self.instant();
        let group = self.processes[who].machine.begin_group(now);
        let life = ttl.unwrap_or(TIMEOUT).min(TIMEOUT);
        let mut named = HashSet::from([self.processes[who].alias.clone()]);
        for to in 0..self.processes.len() {
            let (alias, key) = (self.processes[to].alias.clone(), self.processes[to].identity);
            // Two bridges of one seat have one alias, and a process may have been another session before.
            if !named.insert(alias.clone()) || self.processes[who].was(&key) {
                continue;
            }
            let process = &mut self.processes[who];
            let (number, text) = self.history.submit(process.identity, key, size, self.now + life);
            self.history.sent_by(number, process.key);
            let sending = process.machine.send_copy(alias.clone(), text, group, ttl, now);
            let gives_up = self.now + PATIENCE;
            let (files, group) = (Vec::new(), Some((group, alias)));
            process.calls.push(SendCall { number, ttl: life, gives_up, files, group, sending });
            self.hear_answers(who);
        }
    }

    /// The id on the wire of the message that this receiver's alias has under the id of its group.
    pub(super) fn wire_id(&self, shown: MessageId, receiver: &Alias) -> MessageId {
        let copy = self.group_ids.get(&(shown, receiver.clone()));
        copy.copied().unwrap_or(shown)
    }

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
        let frame = process.machine.next_frame(now);
        let Some(frame) = frame.or_else(|| process.machine.next_chunk()) else { return false };
        if let ToHub::Chunk(chunk) = &frame {
            self.files.sealed(chunk);
        }
        if wire.hub_open {
            wire.up.push_back(frame);
        }
        true
    }

    /// A frame arrives at the hub, on any of the session's connections.
    pub fn arrive(&mut self, who: usize) -> bool {
        let process = &mut self.processes[who];
        let wire = process.wires.iter_mut().find(|wire| wire.hub_open && !wire.up.is_empty());
        let Some(wire) = wire else { return false };
        let Some((id, frame)) = wire.up.pop_front().map(|frame| (wire.connection, frame)) else {
            return false;
        };
        process.heard = self.now;
        let is_innocent = matches!(frame, ToHub::Offer(_) | ToHub::Chunk(_) | ToHub::Withdraw(_));
        self.ask_hub(|state, now| {
            let outputs = state.frame(id, frame, now);
            let is_closed = outputs.iter().any(|it| matches!(it, Output::Close(..)));
            assert!(!(is_innocent && is_closed), "a bridge that gives what it has is closed");
            outputs
        });
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
        while self.write(who)
            || self.arrive(who)
            || self.push(who)
            || self.deliver(who)
            || self.seal(who)
            || self.hand_in(who, 0)
        {
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

    // ---- attachments: whether anything moved

    /// A thread of the process reads and seals chunks.
    pub fn seal(&mut self, who: usize) -> bool {
        let process = &mut self.processes[who];
        process.work.seal(&mut process.machine)
    }

    /// The session learns what one of those threads has sealed.
    pub fn hand_in(&mut self, who: usize, nth: usize) -> bool {
        let (now, process) = (self.instant(), &mut self.processes[who]);
        process.work.hand_in(&mut process.machine, nth, now)
    }

    /// A file that this process has sent changes.
    pub fn change(&mut self, who: usize, nth: usize, at: usize, length: isize) {
        self.files.change(self.processes[who].key, nth, at, length);
    }

    /// The agent begins to save an attachment.
    pub fn save(&mut self, who: usize, nth: usize) {
        let (now, process) = (self.instant(), &mut self.processes[who]);
        process.work.begin(&mut process.machine, nth, now);
    }

    /// A saving thread takes what has come, up to so many parts.
    pub fn take(&mut self, who: usize, nth: usize, count: usize) {
        let (now, process) = (self.instant(), &mut self.processes[who]);
        process.work.take(&mut process.machine, nth, count, now);
    }

    /// A saving thread that has everything puts it in its place, or fails to.
    pub fn place(&mut self, who: usize, nth: usize, succeeds: bool) {
        let (now, process) = (self.instant(), &mut self.processes[who]);
        process.work.place(&mut process.machine, &mut self.files, (nth, succeeds), now);
    }

    /// The agent gives up saving an attachment.
    pub fn cancel(&mut self, who: usize, nth: usize) {
        let (now, process) = (self.instant(), &mut self.processes[who]);
        process.work.cancel(&mut process.machine, nth, now);
    }

    /// The agent wants no more of what it knows of.
    pub fn forget_attachments(&mut self, who: usize) {
        self.processes[who].work.known.clear();
    }

    /// How many calls to save an attachment failed.
    pub fn failed_saves(&self) -> usize {
        self.processes.iter().map(|process| process.work.failed).sum()
    }

    /// The agent saves all that it can.
    pub(super) fn save_all(&mut self, who: usize) -> bool {
        let (now, process) = (self.instant(), &mut self.processes[who]);
        process.work.save_all(&mut process.machine, &mut self.files, now)
    }

    /// Checks, where nothing is wrong, that everything is saved that can be, and that its sender knows.
    pub fn all_can_be_saved(&self) {
        for process in &self.processes {
            for known in process.work.known.iter().filter(|known| !known.is_saved) {
                let Some((sender, message)) = self.files.savable(known.id, self.now) else {
                    continue;
                };
                let is_there = self.processes.iter().any(|process| process.key == sender);
                let is_its_own = self.history.receiver(message) == process.identity;
                let is_followed = self.history.is_followed(message);
                assert!(!(is_there && is_its_own && is_followed), "{known:?} cannot be saved");
            }
        }
        for (id, sender) in self.files.unknown_saves() {
            let is_there = self.processes.iter().any(|process| process.key == sender);
            assert!(!is_there, "{id:?} is saved, and its sender does not know");
        }
    }

    /// Checks that every attachment has come to its end, that its sender knows, and that no call waits for one.
    pub fn all_attachments_have_ended(&self) {
        let open = self.files.untold().find(|(_, sender, message)| {
            let is_there = self.processes.iter().any(|process| process.key == *sender);
            is_there && !self.history.is_untellable(*message)
        });
        assert_eq!(open, None, "that attachment never ends");
        let is_saving = self.processes.iter().any(|process| process.work.is_saving());
        assert!(!is_saving, "a call to save an attachment never ends");
    }
}
