//! Sessions and a hub as pure state machines, and a network between them that a test controls: every frame moves, and
//! every fault happens, when the test says so.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use junction_engine::Status;
use junction_engine::attachment::PreparedAttachments;
use junction_hub::{Output, State, StateOptions, Timeouts};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{
    CHUNK_WINDOW, HUB_ATTACHMENT_BYTES, RECEIVER_ATTACHMENT_BYTES,
};
use junction_shared::protocol::wire::ToBridge;
use junction_shared::secret::Secret;

mod process;
mod seats;
mod wire;

use super::attachment_work::{AttachmentWork, KnownAttachment};
use super::file_history::SimFile;
use super::{FileHistory, History, SessionMachine};
use process::{SendCall, SimProcess};

/// The session timeout, and the longest life of a message.
pub const TIMEOUT: Duration = Duration::from_secs(600);
/// The hub's sweep interval: how long past its time a message may wait for its end.
pub const SWEEP: Duration = Duration::from_secs(10);
/// The hub's ping interval.
const PING: Duration = Duration::from_secs(30);
/// The time a call to `send_message` waits for a lookup, as in the engine's handle.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running hub, and when it started.
struct SimHub {
    state: State,
    started: Duration,
}

/// A hub and sessions, a clock, and everything that happened.
pub struct SimWorld {
    start: Instant,
    /// The time since the simulation began.
    pub now: Duration,
    hub: Option<SimHub>,
    /// The processes, by number.
    pub processes: Vec<SimProcess>,
    secret: Secret,
    /// Who each key is to the history.
    identities: HashMap<PeerKey, PeerKey>,
    /// The number of the last incarnation of any seat, and how many processes went on with another session.
    incarnation: u64,
    swaps: usize,
    /// Seats of which a process has ended.
    restarted: HashSet<usize>,
    /// The messages of all processes.
    pub history: History<PeerKey>,
    /// What was attached to them.
    pub files: FileHistory,
    /// The ids on the wire of messages to groups, by the ids that they are shown under and the aliases of their receivers.
    group_ids: HashMap<(MessageId, Alias), MessageId>,
}

/// The alias of the process with this number.
fn alias(who: usize) -> Alias {
    Alias::parse(&format!("peer-{who}")).expect("an alias")
}

/// Who a session is to the history: its seat, or the key of its process.
fn identity(key: PeerKey, seat: Option<usize>) -> PeerKey {
    seat.map_or(key, |seat| PeerKey([u8::try_from(seat).unwrap_or(255); 32]))
}

impl SimWorld {
    /// A world of this many sessions that have all found each other on a hub.
    pub fn new(peers: usize) -> Self {
        Self::with_seats(peers, 0)
    }

    /// As [`SimWorld::new`], where the first of these sessions have seats.
    pub fn with_seats(peers: usize, seats: usize) -> Self {
        let mut world = Self {
            start: Instant::now(),
            now: Duration::ZERO,
            hub: None,
            processes: Vec::new(),
            secret: Secret::filled(|key| key.fill(3)),
            identities: HashMap::new(),
            incarnation: 0,
            swaps: 0,
            restarted: HashSet::new(),
            history: History::default(),
            files: FileHistory::default(),
            group_ids: HashMap::new(),
        };
        for who in 0..peers {
            let process = world.spawn(who, who < seats, Vec::new());
            world.processes.push(process);
        }
        world.calm();
        for who in 0..peers {
            (0..peers).filter(|to| *to != who).for_each(|to| world.find(who, to));
        }
        world.calm();
        world.processes.iter_mut().for_each(|process| process.searches.clear());
        if seats > 0 {
            // A seat is certain once its session has sent something.
            for who in 0..peers {
                (0..peers).filter(|to| *to != who).for_each(|to| world.send(who, to, 20, None));
            }
            world.calm();
        }
        world
    }

    fn instant(&self) -> Instant {
        self.start + self.now
    }

    /// A process with this number: that of its seat, if it has one. Its agent knows these attachments from before.
    fn spawn(&mut self, who: usize, has_seat: bool, known: Vec<KnownAttachment>) -> SimProcess {
        let mut machine = SessionMachine::new(&self.secret, self.instant());
        let alias = alias(who);
        machine.wish(alias.clone());
        let key = machine.hello().expect("it has a group").key;
        let seat = has_seat.then_some(who);
        if let Some(seat) = seat {
            self.incarnation += 1;
            machine.claim(self.client_session(seat));
        }
        let identity = identity(key, seat);
        self.identities.insert(key, identity);
        self.history.started(identity);
        SimProcess {
            machine,
            alias,
            key,
            identity,
            born: identity,
            seat,
            is_welcomed: false,
            past: Vec::new(),
            wires: Vec::new(),
            page: None,
            searches: Vec::new(),
            calls: Vec::new(),
            work: AttachmentWork::new(known),
            heard: self.now,
        }
    }

    // ---- the hub

    /// Starts a hub where none runs.
    pub fn start_hub(&mut self) {
        if self.hub.is_none() {
            let timeouts = Timeouts { session_timeout: TIMEOUT, sweep_interval: SWEEP };
            let ticket_key = Secret::filled(|key| key.fill(9));
            let (group, started_ms) = (None, 0);
            let options = StateOptions { timeouts, ticket_key, group, started_ms, seed: 7 };
            let state = State::new(options);
            self.hub = Some(SimHub { state, started: self.now });
        }
    }

    /// Kills the hub: its state is gone. Frames that it wrote before may still arrive.
    pub fn kill_hub(&mut self) {
        self.hub = None;
        // Words of sessions that ended may have been lost with it.
        for seat in &self.restarted {
            let identity = PeerKey([u8::try_from(*seat).unwrap_or(255); 32]);
            self.history.shaken(identity);
        }
        for wire in self.processes.iter_mut().flat_map(|process| &mut process.wires) {
            wire.hub_open = false;
            wire.up.clear();
        }
    }

    fn ask_hub(&mut self, ask: impl FnOnce(&mut State, Duration) -> Vec<Output>) {
        let Some(hub) = &mut self.hub else { return };
        let outputs = ask(&mut hub.state, self.now - hub.started);
        let most = HUB_ATTACHMENT_BYTES.min(self.processes.len() * RECEIVER_ATTACHMENT_BYTES);
        assert!(hub.state.attachment_bytes() <= most, "the hub keeps more than it may");
        self.apply(outputs);
    }

    /// Does what the hub's state asks for.
    fn apply(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            let wires = self.processes.iter_mut().flat_map(|process| &mut process.wires);
            let mut open = wires.filter(|wire| wire.hub_open);
            match output {
                Output::Send(to, frame) => {
                    if let Some(wire) = open.find(|wire| wire.connection == to) {
                        if let ToBridge::Pull(range) = &*frame {
                            let asked = range.until - range.next;
                            assert!(asked <= CHUNK_WINDOW, "the hub asks for {asked} chunks");
                        }
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

    // ---- agents

    /// The agent looks for a peer by its alias.
    fn find(&mut self, who: usize, to: usize) {
        let (now, alias) = (self.instant(), self.processes[to].alias.clone());
        let process = &mut self.processes[who];
        process.searches.push(process.machine.find(alias, now));
    }

    /// The agent sends, to the peer that has the alias when the message is taken.
    pub fn send(&mut self, who: usize, to: usize, size: usize, ttl: Option<Duration>) {
        self.send_files(who, to, size, &[], ttl);
    }

    /// As [`SimWorld::send`], with attachments of these sizes.
    pub fn send_files(
        &mut self,
        who: usize,
        to: usize,
        size: usize,
        attached: &[usize],
        ttl: Option<Duration>,
    ) {
        let files: Vec<_> = attached.iter().map(|bytes| self.files.make(*bytes)).collect();
        let prepared = (!files.is_empty()).then(|| {
            PreparedAttachments::read(files.iter().map(SimFile::attachment).collect())
                .unwrap_or_else(|error| panic!("{error:?}"))
        });
        let (now, alias, key) =
            (self.instant(), self.processes[to].alias.clone(), self.processes[to].identity);
        let process = &mut self.processes[who];
        let life = ttl.unwrap_or(TIMEOUT).min(TIMEOUT);
        let (number, text) = self.history.submit(process.identity, key, size, self.now + life);
        self.history.sent_by(number, process.key);
        let sending = process.machine.send(alias, text, prepared, ttl, now);
        let gives_up = self.now + PATIENCE;
        process.calls.push(SendCall { number, ttl: life, gives_up, files, group: None, sending });
        self.hear_answers(who);
    }

    /// Records which messages were taken, and which were not in time: those are never sent.
    fn hear_answers(&mut self, who: usize) {
        let (now, history, identities) = (self.now, &mut self.history, &self.identities);
        let (key, files) = (self.processes[who].key, &mut self.files);
        let group_ids = &mut self.group_ids;
        self.processes[who].calls.retain_mut(|call| match call.sending.taken() {
            Some(Some((id, addressee))) => {
                group_ids.extend(call.group.take().map(|copy| (copy, id)));
                let to = identities.get(&addressee).copied().unwrap_or(addressee);
                history.readdress(call.number, addressee, to, now + call.ttl);
                history.submitted(call.number, Some(id));
                let attached = std::mem::take(&mut call.files);
                files.taken((id, call.number), key, attached, now + call.ttl);
                false
            }
            Some(None) => {
                history.submitted(call.number, None);
                false
            }
            None if now >= call.gives_up => {
                history.submitted(call.number, None);
                false
            }
            None => true,
        });
    }

    /// The agent reads. The answer is being written from now on.
    pub fn read(&mut self, who: usize, limit: usize) {
        let now = self.instant();
        let process = &mut self.processes[who];
        if process.page.is_none() {
            let by = process.identity;
            process.page = process.machine.read(limit, now).map(|page| (page, self.now, by));
        }
    }

    /// The ends on the page whose answer is on its way.
    pub fn page_ends(&self, who: usize) -> Vec<Status> {
        let page = self.processes[who].page.iter();
        page.flat_map(|(page, ..)| page.receipts.iter().map(|end| end.status)).collect()
    }

    /// The answer was written, or never left. Whether it held anything.
    pub fn finish(&mut self, who: usize, written: bool) -> bool {
        let Some((mut page, since, by)) = self.processes[who].page.take() else { return false };
        for message in &mut page.messages {
            message.id = self.wire_id(message.id, &alias(who));
        }
        for end in &mut page.receipts {
            end.id = self.wire_id(end.id, &end.to);
        }
        let process = &mut self.processes[who];
        let held = !page.messages.is_empty() || !page.receipts.is_empty();
        if written {
            for message in &page.messages {
                self.history.read(by, message, since);
                self.history.met(process.key, message.id);
                process.work.read(message);
            }
            for end in &page.receipts {
                // A process that has lost its seat is told of what it sent before.
                let by = self.history.sender(end.id).filter(|from| process.was(from)).unwrap_or(by);
                if let Some(number) = end.attachment {
                    let attachment = (end.id, number);
                    assert_eq!(self.history.sender(end.id), Some(by), "the sender is told");
                    let is_orphan = self.history.is_untellable(self.files.message(attachment));
                    self.files.ended(attachment, end.status, is_orphan, self.now);
                    continue;
                }
                self.history.ended(by, end.id, end.status, self.now);
                if end.status == Status::Read {
                    self.history.met(process.key, end.id);
                }
            }
            page.lease.ack();
        } else {
            drop(page);
        }
        process.machine.drain_leases(self.start + self.now);
        held
    }

    /// Time passes. Deadlines are handled when they come; pings keep connections alive that both sides take for open.
    pub fn pass(&mut self, time: Duration) {
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
                    self.history.unheard(process.identity);
                }
            }
            (0..self.processes.len()).for_each(|who| self.hear_answers(who));
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        let machines = self.processes.iter().filter_map(|process| process.machine.deadline());
        let machines = machines.map(|at| at.saturating_duration_since(self.start));
        let hub = self.hub.as_ref();
        machines.chain(hub.and_then(|hub| Some(hub.started + hub.state.next_deadline()?))).min()
    }

    /// Everything that can move without time or a fault moves, until nothing is left to: hub and sessions find
    /// each other, frames arrive, agents read and save all there is.
    pub fn calm(&mut self) {
        self.start_hub();
        self.processes.iter_mut().for_each(|process| process.work.try_again());
        let mut moved = true;
        while moved {
            moved = self.flow_all();
            for who in 0..self.processes.len() {
                moved |= self.connect(who, false);
                // A page from before may be empty, with mail behind it.
                moved |= self.finish(who, true);
                self.read(who, usize::MAX);
                moved |= self.finish(who, true);
                moved |= self.save_all(who);
            }
        }
    }
}
