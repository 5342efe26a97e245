//! Sessions and a hub as pure machines, and between them a network that a test is in command of: every frame
//! moves when the test says so, and every fault happens where it says so.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_hub::{Output, State, Timeouts};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{ConnectionId, PeerKey};
use junction_shared::protocol::wire::{ToBridge, ToHub};
use junction_shared::secret::Secret;
use junction_testkit::sim::{Machine, Page, Search, Sending};

use crate::ledger::Ledger;

/// A session without a sign of life ends after this; no message lives longer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(600);
/// How long past its time a message may wait for its end.
pub(super) const SWEEP: Duration = Duration::from_secs(10);
/// A hub pings at least this often.
const PING: Duration = Duration::from_secs(30);
/// A call to `send_message` waits for a look-up for this long, as in the handle that tools use.
const PATIENCE: Duration = Duration::from_secs(2);
/// A connection that carries nothing for this long, though there is something, is given up by both sides.
const STUCK: Duration = Duration::from_secs(60);

/// One side of a connection may know of its end before the other does.
#[derive(Default)]
struct Wire {
    connection: ConnectionId,
    up: VecDeque<ToHub>,
    down: VecDeque<ToBridge>,
    hub_open: bool,
    bridge_open: bool,
    /// For how long frames have waited on it.
    stuck: Duration,
}

/// A process that runs a session.
pub(super) struct Process {
    machine: Machine,
    pub(super) alias: Alias,
    pub(super) key: PeerKey,
    /// The last is the newest; earlier ones may still carry frames to the hub.
    wires: Vec<Wire>,
    /// A page whose answer is on its way, and since when.
    page: Option<(Page, Duration)>,
    searches: Vec<Search>,
    /// Calls to `send_message` that have not been answered.
    calls: Vec<Call>,
    /// When a hub last heard of it.
    heard: Duration,
}

/// A call to `send_message`.
struct Call {
    /// The number of the message.
    number: usize,
    ttl: Duration,
    gives_up: Duration,
    sending: Sending,
}

/// A running hub.
struct Hub {
    state: State,
    started: Duration,
}

pub(super) struct World {
    start: Instant,
    pub(super) now: Duration,
    hub: Option<Hub>,
    pub(super) processes: Vec<Process>,
    secret: Secret,
    pub(super) ledger: Ledger<PeerKey>,
}

/// The alias of the process with this number.
fn alias(who: usize) -> Alias {
    Alias::parse(&format!("peer-{who}")).expect("an alias")
}

impl World {
    /// This many sessions that have all found each other on a hub.
    pub(super) fn new(peers: usize) -> Self {
        let mut world = Self {
            start: Instant::now(),
            now: Duration::ZERO,
            hub: None,
            processes: Vec::new(),
            secret: Secret::filled(|key| key.fill(3)),
            ledger: Ledger::default(),
        };
        for who in 0..peers {
            let process = world.spawn(who);
            world.processes.push(process);
        }
        world.calm();
        for who in 0..peers {
            (0..peers).filter(|to| *to != who).for_each(|to| world.find(who, to));
        }
        world.calm();
        world.processes.iter_mut().for_each(|process| process.searches.clear());
        world
    }

    fn instant(&self) -> Instant {
        self.start + self.now
    }

    fn spawn(&mut self, who: usize) -> Process {
        let mut machine = Machine::new(&self.secret, self.instant());
        let alias = alias(who);
        machine.wish(alias.clone());
        let key = machine.hello().expect("it has a group").key;
        self.ledger.born(key);
        Process {
            machine,
            alias,
            key,
            wires: Vec::new(),
            page: None,
            searches: Vec::new(),
            calls: Vec::new(),
            heard: self.now,
        }
    }

    // ---- the hub

    pub(super) fn start_hub(&mut self) {
        if self.hub.is_none() {
            let timeouts = Timeouts { session_timeout: TIMEOUT, sweep_interval: SWEEP };
            let ticket_key = Secret::filled(|key| key.fill(9));
            let state = State::new(timeouts, ticket_key, 7);
            self.hub = Some(Hub { state, started: self.now });
        }
    }

    /// The hub and all it knew is gone. What it wrote before may still arrive.
    pub(super) fn kill_hub(&mut self) {
        self.hub = None;
        for wire in self.processes.iter_mut().flat_map(|process| &mut process.wires) {
            wire.hub_open = false;
            wire.up.clear();
        }
    }

    fn ask_hub(&mut self, ask: impl FnOnce(&mut State, Duration) -> Vec<Output>) {
        let Some(hub) = &mut self.hub else { return };
        for output in ask(&mut hub.state, self.now - hub.started) {
            let wires = self.processes.iter_mut().flat_map(|process| &mut process.wires);
            let mut open = wires.filter(|wire| wire.hub_open);
            match output {
                Output::Send(to, frame) => {
                    if let Some(wire) = open.find(|wire| wire.connection == to) {
                        wire.down.push_back(*frame);
                    }
                }
                Output::Close(id, _) | Output::Left(id) => {
                    if let Some(wire) = open.find(|wire| wire.connection == id) {
                        wire.hub_open = false;
                        wire.up.clear();
                    }
                }
                Output::MailReady(_) => {}
            }
        }
    }

    // ---- connections

    /// The session dials. Its welcome may be lost on the way.
    pub(super) fn connect(&mut self, who: usize, welcome_lost: bool) -> bool {
        let now = self.instant();
        let process = &mut self.processes[who];
        if self.hub.is_none() || process.wires.last().is_some_and(|wire| wire.bridge_open) {
            return false;
        }
        let hello = process.machine.hello().expect("it has a group");
        let mut welcomed = None;
        self.ask_hub(|state, now| match state.connect(&hello, now) {
            Ok(connected) => {
                welcomed = Some((connected.connection, connected.welcome));
                connected.outputs
            }
            Err(_) => Vec::new(),
        });
        let Some((connection, welcome)) = welcomed else { return false };
        let process = &mut self.processes[who];
        process.heard = self.now;
        let bridge_open = !welcome_lost;
        let wire = Wire { connection, hub_open: true, bridge_open, ..Wire::default() };
        process.wires.retain(|wire| wire.hub_open);
        process.wires.push(wire);
        if bridge_open {
            process.machine.welcomed(welcome, now);
        }
        true
    }

    /// The bridge sees its connection end. What it had written may still arrive.
    pub(super) fn lose(&mut self, who: usize) {
        let process = &mut self.processes[who];
        if let Some(wire) = process.wires.last_mut().filter(|wire| wire.bridge_open) {
            wire.bridge_open = false;
            wire.down.clear();
            process.machine.disconnected();
        }
    }

    /// The hub sees a connection end: the oldest that it takes for open.
    pub(super) fn forget(&mut self, who: usize) {
        let open = self.processes[who].wires.iter_mut().find(|wire| wire.hub_open);
        let Some(wire) = open else { return };
        wire.hub_open = false;
        wire.up.clear();
        let id = wire.connection;
        self.ask_hub(|state, now| state.disconnected(id, now));
    }

    // ---- frames, each step of them: whether anything moved

    /// The bridge writes a frame.
    pub(super) fn write(&mut self, who: usize) -> bool {
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

    /// A frame arrives at the hub, by whichever of its connections has one.
    pub(super) fn arrive(&mut self, who: usize) -> bool {
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
    pub(super) fn push(&mut self, who: usize) -> bool {
        let Some(hub) = &mut self.hub else { return false };
        let Some(wire) = self.processes[who].wires.last_mut().filter(|wire| wire.hub_open) else {
            return false;
        };
        let pushed = hub.state.next_push(wire.connection, self.now - hub.started);
        let moved = pushed.is_some();
        wire.down.extend(pushed);
        moved
    }

    /// A frame arrives at the bridge; the end of the connection does, once all frames have.
    pub(super) fn deliver(&mut self, who: usize) -> bool {
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
        self.hear_answers(who);
        true
    }

    // ---- agents

    /// The agent looks for a peer by its alias.
    fn find(&mut self, who: usize, to: usize) {
        let (now, alias) = (self.instant(), self.processes[to].alias.clone());
        let process = &mut self.processes[who];
        process.searches.push(process.machine.find(alias, now));
    }

    /// The agent sends, to the peer that has the alias when the message is taken.
    pub(super) fn send(&mut self, who: usize, to: usize, size: usize, ttl: Option<Duration>) {
        let (now, alias, key) =
            (self.instant(), self.processes[to].alias.clone(), self.processes[to].key);
        let process = &mut self.processes[who];
        let life = ttl.unwrap_or(TIMEOUT).min(TIMEOUT);
        let (number, text) = self.ledger.submit(process.key, key, size, self.now + life);
        let sending = process.machine.send(alias, text, ttl, now);
        let gives_up = self.now + PATIENCE;
        process.calls.push(Call { number, ttl: life, gives_up, sending });
        self.hear_answers(who);
    }

    /// Notes which messages were taken, and which were not in time: those are never sent.
    fn hear_answers(&mut self, who: usize) {
        let (now, ledger) = (self.now, &mut self.ledger);
        self.processes[who].calls.retain_mut(|call| match call.sending.taken() {
            Some(Some((id, to))) => {
                ledger.readdress(call.number, to, now + call.ttl);
                ledger.submitted(call.number, Some(id));
                false
            }
            Some(None) => {
                ledger.submitted(call.number, None);
                false
            }
            None if now >= call.gives_up => {
                ledger.submitted(call.number, None);
                false
            }
            None => true,
        });
    }

    /// The agent reads; its answer is on its way from now on.
    pub(super) fn read(&mut self, who: usize, limit: usize) {
        let now = self.instant();
        let process = &mut self.processes[who];
        if process.page.is_none() {
            process.page = process.machine.read(limit, now).map(|page| (page, self.now));
        }
    }

    /// The answer was written, or never left. Gives whether it held anything.
    pub(super) fn finish(&mut self, who: usize, written: bool) -> bool {
        let process = &mut self.processes[who];
        let Some((page, since)) = process.page.take() else { return false };
        let held = !page.messages.is_empty() || !page.ends.is_empty();
        if written {
            for message in &page.messages {
                self.ledger.read(process.key, message, since);
            }
            for (id, end) in &page.ends {
                self.ledger.ended(process.key, *id, *end, self.now);
            }
            page.written();
        } else {
            drop(page);
        }
        process.machine.settle(self.start + self.now);
        held
    }

    // ---- lives

    /// The process ends, by a goodbye or not, and another one comes in its place under the same alias.
    pub(super) fn replace(&mut self, who: usize, goodbye: bool) {
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
        self.ledger.died(self.processes[who].key);
        while self.processes[who].wires.iter().any(|wire| wire.hub_open) {
            self.forget(who);
        }
        self.processes[who] = self.spawn(who);
    }

    /// Time passes. What comes due is seen to when it does; connections that both sides take for open are
    /// kept alive by pings.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let step =
                self.next_deadline().map_or(PING, |at| at.saturating_sub(self.now).min(PING));
            let step = step.max(Duration::from_millis(1)).min(end - self.now);
            self.now += step;
            self.wait_on_wires(step);
            self.ping();
            self.ask_hub(State::sweep);
            let now = self.instant();
            for process in &mut self.processes {
                process.machine.on_time(now);
                if self.now >= process.heard + TIMEOUT {
                    self.ledger.lonely(process.key);
                }
            }
            (0..self.processes.len()).for_each(|who| self.hear_answers(who));
        }
    }

    /// Frames lie where they are for this long.
    fn wait_on_wires(&mut self, time: Duration) {
        let now = self.instant();
        for who in 0..self.processes.len() {
            let process = &mut self.processes[who];
            let has_frame = process.machine.has_frame(now);
            if process.wires.iter().any(Wire::carries_mail) {
                self.ledger.stalled(process.key, time);
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

    fn ping(&mut self) {
        let Some(hub) = &mut self.hub else { return };
        for process in &mut self.processes {
            for wire in process.wires.iter().filter(|wire| wire.hub_open && wire.bridge_open) {
                hub.state.touch(wire.connection, self.now - hub.started);
                process.heard = self.now;
            }
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        let machines = self.processes.iter().filter_map(|process| process.machine.deadline());
        let machines = machines.map(|at| at.saturating_duration_since(self.start));
        let hub = self.hub.as_ref();
        machines.chain(hub.and_then(|hub| Some(hub.started + hub.state.next_deadline()?))).min()
    }

    // ---- the end of all faults

    /// Frames of one process move for as long as any does.
    pub(super) fn flow(&mut self, who: usize) -> bool {
        let mut moved = false;
        while self.write(who) || self.arrive(who) || self.push(who) || self.deliver(who) {
            moved = true;
        }
        moved
    }

    /// The same for everyone, once.
    pub(super) fn flow_all(&mut self) -> bool {
        let mut moved = false;
        for who in 0..self.processes.len() {
            moved |= self.flow(who);
        }
        moved
    }

    /// Everything that can move without time or a fault moves, until nothing is left to: hub and sessions find
    /// each other, frames arrive, agents read all there is.
    pub(super) fn calm(&mut self) {
        self.start_hub();
        let mut moved = true;
        while moved {
            moved = self.flow_all();
            for who in 0..self.processes.len() {
                moved |= self.connect(who, false);
                // A page from before may be empty, with mail behind it.
                moved |= self.finish(who, true);
                self.read(who, usize::MAX);
                moved |= self.finish(who, true);
            }
        }
    }
}

impl Wire {
    /// Whether frames wait on it.
    fn is_stalled(&self) -> bool {
        !self.up.is_empty() || !self.down.is_empty()
    }

    /// Whether messages are among them: their time on the way is counted by nobody.
    fn carries_mail(&self) -> bool {
        self.up.iter().any(|frame| matches!(frame, ToHub::Send(_)))
            || self.down.iter().any(|frame| matches!(frame, ToBridge::Deliver(..)))
    }
}
