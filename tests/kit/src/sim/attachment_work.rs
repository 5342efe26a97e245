//! What a simulated process does about attachments: the threads that seal them, and those that save them.

use std::sync::mpsc as threads;
use std::thread::JoinHandle;
use std::time::Instant;

use junction_engine::session::{SealJob, SealedChunks};
use junction_engine::{Command, IncomingAttachment, Message, SaveError};
use junction_shared::protocol::id::MessageId;
use tokio::sync::mpsc;

use super::SessionMachine;
use super::file_history::FileHistory;

/// How often a save is tried again while nothing is wrong.
const TRIES: usize = 3;
/// Commands of saving threads that wait for their session.
const COMMANDS: usize = 256;

/// An attachment that the agent of a process has read of.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownAttachment {
    pub(super) id: (MessageId, u8),
    pub(super) is_saved: bool,
    tries: usize,
}

/// A call that saves an attachment.
struct SavingCall {
    id: (MessageId, u8),
    bytes: Vec<u8>,
    stage: SavingStage,
}

enum SavingStage {
    Fetching(Box<IncomingAttachment>),
    /// All of the attachment is here, and its thread waits for the word to put it in its place, which may fail.
    Placing(threads::SyncSender<bool>, JoinHandle<Result<(), SaveError<()>>>),
}

impl SavingCall {
    /// Puts the attachment in its place, if its thread is about to do so and that succeeds. Whether it is there.
    fn place(self, files: &mut FileHistory, succeeds: bool, is_told: bool) -> bool {
        let SavingStage::Placing(word, thread) = self.stage else { return false };
        if succeeds {
            files.placed(self.id, &self.bytes, is_told);
        }
        let _ = word.send(succeeds);
        let done = thread.join().expect("a saving thread does not panic");
        assert_eq!(done.is_ok(), succeeds);
        succeeds
    }
}

/// The attachments of a process.
pub(super) struct AttachmentWork {
    says: mpsc::Sender<Command>,
    said: mpsc::Receiver<Command>,
    sealed: Vec<SealedChunks>,
    calls: Vec<SavingCall>,
    pub(super) known: Vec<KnownAttachment>,
    /// Calls that ended without an attachment.
    pub(super) failed: usize,
}

impl AttachmentWork {
    pub(super) fn new(known: Vec<KnownAttachment>) -> Self {
        let (says, said) = mpsc::channel(COMMANDS);
        Self { says, said, sealed: Vec::new(), calls: Vec::new(), known, failed: 0 }
    }

    /// The agent has read a message.
    pub(super) fn read(&mut self, message: &Message) {
        let ids = message.attachments.iter().map(|info| (message.id, info.number));
        self.known.extend(ids.map(|id| KnownAttachment { id, is_saved: false, tries: 0 }));
    }

    /// A thread reads and seals, and is done.
    pub(super) fn seal(&mut self, machine: &mut SessionMachine) -> bool {
        let job = machine.next_seal_job();
        let moved = job.is_some();
        self.sealed.extend(job.map(SealJob::run));
        moved
    }

    /// The session learns what came of one of the threads that are done.
    pub(super) fn hand_in(
        &mut self,
        machine: &mut SessionMachine,
        nth: usize,
        now: Instant,
    ) -> bool {
        if self.sealed.is_empty() {
            return false;
        }
        let sealed = self.sealed.remove(nth % self.sealed.len());
        machine.chunks_sealed(sealed, now);
        true
    }

    /// The agent begins to save one of the attachments that it knows.
    pub(super) fn begin(&mut self, machine: &mut SessionMachine, nth: usize, now: Instant) -> bool {
        let count = self.known.len().max(1);
        let Some(known) = self.known.get(nth % count) else { return false };
        let Some(incoming) = machine.fetch(known.id, self.says.clone(), now) else { return false };
        let stage = SavingStage::Fetching(Box::new(incoming));
        self.calls.push(SavingCall { id: known.id, bytes: Vec::new(), stage });
        true
    }

    /// A saving thread takes so many parts that are here; after the last one it is about to put the attachment in its place.
    pub(super) fn take(
        &mut self,
        machine: &mut SessionMachine,
        nth: usize,
        count: usize,
        now: Instant,
    ) -> bool {
        let mut moved = false;
        for _ in 0..count {
            let at = nth % self.calls.len().max(1);
            let Some(call) = self.calls.get_mut(at) else { break };
            let SavingStage::Fetching(incoming) = &mut call.stage else { break };
            if !incoming.has_part() {
                break;
            }
            moved = true;
            match incoming.next_part() {
                Ok(Some(part)) => call.bytes.extend(part),
                Ok(None) => self.commit(machine, at, now),
                Err(_) => {
                    self.failed += 1;
                    self.calls.remove(at);
                }
            }
            self.hear(machine, now);
        }
        moved
    }

    /// The agent gives up a call.
    pub(super) fn cancel(&mut self, machine: &mut SessionMachine, nth: usize, now: Instant) {
        let at = nth % self.calls.len().max(1);
        if self.calls.get(at).is_some_and(|call| matches!(call.stage, SavingStage::Fetching(_))) {
            self.calls.remove(at);
            self.hear(machine, now);
        }
    }

    fn commit(&mut self, machine: &mut SessionMachine, at: usize, now: Instant) {
        let SavingCall { id, bytes, stage } = self.calls.remove(at);
        let SavingStage::Fetching(incoming) = stage else { return };
        let (may_place, places) = threads::sync_channel(1);
        let (word, waits) = threads::sync_channel(1);
        let thread = std::thread::spawn(move || {
            incoming.save(|| {
                let _ = may_place.send(());
                if waits.recv() == Ok(true) { Ok(()) } else { Err(()) }
            })
        });
        // All that it said before was heard: it asks now.
        let asked = self.said.blocking_recv().expect("it asks before it saves");
        machine.command(asked, now);
        if places.recv().is_ok() {
            self.calls.push(SavingCall { id, bytes, stage: SavingStage::Placing(word, thread) });
        }
    }

    /// A saving thread puts its attachment in its place, or cannot.
    pub(super) fn place(
        &mut self,
        machine: &mut SessionMachine,
        files: &mut FileHistory,
        (nth, succeeds): (usize, bool),
        now: Instant,
    ) -> bool {
        let placing: Vec<_> = (0..self.calls.len())
            .filter(|at| matches!(self.calls[*at].stage, SavingStage::Placing(..)))
            .collect();
        let Some(at) = placing.get(nth % placing.len().max(1)) else { return false };
        let call = self.calls.remove(*at);
        let id = call.id;
        if call.place(files, succeeds, true) {
            let saved = self.known.iter_mut().filter(|known| known.id == id);
            saved.for_each(|known| known.is_saved = true);
        }
        self.hear(machine, now);
        true
    }

    /// Saves what can be saved now, as an agent does that tries again. Whether anything moved.
    pub(super) fn save_all(
        &mut self,
        machine: &mut SessionMachine,
        files: &mut FileHistory,
        now: Instant,
    ) -> bool {
        let mut moved = false;
        for nth in 0..self.known.len() {
            let KnownAttachment { id, is_saved, tries } = self.known[nth];
            let is_open = self.calls.iter().any(|call| call.id == id);
            if !is_saved && !is_open && tries < TRIES && self.begin(machine, nth, now) {
                self.known[nth].tries += 1;
                moved = true;
            }
        }
        let mut nth = 0;
        while nth < self.calls.len() {
            let (open, took) = (self.calls.len(), self.take(machine, nth, usize::MAX, now));
            moved |= took;
            if self.calls.len() == open {
                nth += 1;
            }
        }
        while self.place(machine, files, (0, true), now) {
            moved = true;
        }
        moved
    }

    /// Nothing is wrong from now on: what failed before can be tried again.
    pub(super) fn try_again(&mut self) {
        self.known.iter_mut().for_each(|known| known.tries = 0);
    }

    /// Whether a call is open.
    pub(super) fn is_saving(&self) -> bool {
        !self.calls.is_empty()
    }

    /// The process ends. What is about to be put in its place gets there, or not.
    pub(super) fn end(&mut self, files: &mut FileHistory, gets_there: bool) {
        for call in self.calls.drain(..) {
            call.place(files, gets_there, false);
        }
        let saved = self.known.iter().filter(|known| known.is_saved);
        saved.for_each(|known| files.saver_ended(known.id));
    }

    /// The session hears what its saving threads say.
    fn hear(&mut self, machine: &mut SessionMachine, now: Instant) {
        while let Ok(said) = self.said.try_recv() {
            machine.command(said, now);
        }
    }
}
