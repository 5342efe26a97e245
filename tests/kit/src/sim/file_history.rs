//! The history of the attachments of a simulation: what was sent, what was saved, and which ends were told. Checks at each
//! step what docs/delivery.md promises of attachments.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use junction_engine::Status;
use junction_engine::attachment::{Attachment, Content, Source};
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{AttachmentKind, Chunk, Refusal};

/// What is attached, at its sender. A test can change it.
pub(super) struct SimContent(Mutex<Vec<u8>>);

impl Source for SimContent {
    fn open(&self) -> io::Result<Content> {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(Cursor::new(content.clone())))
    }
}

/// The content of an attachment when it was sent, and now.
pub(super) struct SimFile {
    sent: Vec<u8>,
    source: Arc<SimContent>,
    is_changed: bool,
}

impl SimFile {
    fn new(seed: usize, bytes: usize) -> Self {
        // Every chunk of every file is another one.
        let byte = |at: usize| seed.wrapping_mul(31) ^ at ^ (at >> 8) ^ (at >> 16);
        let sent: Vec<u8> = (0..bytes).map(|at| byte(at).to_le_bytes()[0]).collect();
        let source = Arc::new(SimContent(Mutex::new(sent.clone())));
        Self { sent, source, is_changed: false }
    }

    /// The attachment, for a message.
    pub(super) fn attachment(&self) -> Attachment {
        let source = Arc::clone(&self.source) as Arc<dyn Source>;
        Attachment { name: "sim".to_owned(), kind: AttachmentKind::File, source }
    }
}

/// An attachment that was sent.
struct SentFile {
    file: SimFile,
    /// The process that sent it.
    process: PeerKey,
    /// The number of its message in the history of messages.
    message: usize,
    /// The moment at which its message expires.
    ends: Duration,
    /// Whether it is in its place somewhere.
    is_placed: bool,
    /// Whether a process has put it in its place that ended before it could say so.
    is_placed_untold: bool,
    reported: Vec<Status>,
}

/// All attachments of a simulation.
#[derive(Default)]
pub struct FileHistory {
    made: usize,
    sent: HashMap<(MessageId, u8), SentFile>,
    /// What each chunk was sealed to.
    chunks: HashMap<(MessageId, u8, u32), u64>,
    saves: usize,
}

impl FileHistory {
    /// A file of so many bytes that differs from all others.
    pub(super) fn make(&mut self, bytes: usize) -> SimFile {
        self.made += 1;
        SimFile::new(self.made, bytes)
    }

    /// The message with these attachments was taken.
    pub(super) fn taken(
        &mut self,
        (id, message): (MessageId, usize),
        process: PeerKey,
        files: Vec<SimFile>,
        ends: Duration,
    ) {
        for (number, file) in (1..).zip(files) {
            let sent = SentFile {
                file,
                process,
                message,
                ends,
                is_placed: false,
                is_placed_untold: false,
                reported: Vec::new(),
            };
            self.sent.insert((id, number), sent);
        }
    }

    /// Somebody changes one of the files of a process at this place, or its length.
    pub(super) fn change(&mut self, process: PeerKey, nth: usize, at: usize, length: isize) {
        let mut of_process: Vec<_> =
            self.sent.iter_mut().filter(|(_, sent)| sent.process == process).collect();
        of_process.sort_by_key(|(id, _)| **id);
        let count = of_process.len().max(1);
        let Some((_, sent)) = of_process.into_iter().nth(nth % count) else { return };
        let mut content = sent.file.source.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = at % content.len().max(1);
        if let Some(byte) = content.get_mut(at) {
            *byte ^= 1;
        }
        let longer = content.len().saturating_add_signed(length);
        content.resize(longer, 0);
        sent.file.is_changed = true;
    }

    /// A chunk was handed to a socket.
    pub(super) fn sealed(&mut self, chunk: &Chunk) {
        let mut hasher = DefaultHasher::new();
        chunk.sealed.hash(&mut hasher);
        let is = hasher.finish();
        let place = (chunk.transfer.message, chunk.transfer.attachment, chunk.number);
        let was = *self.chunks.entry(place).or_insert(is);
        assert_eq!(was, is, "chunk {place:?} was sealed to two contents");
    }

    /// An attachment is in its place.
    pub(super) fn placed(&mut self, id: (MessageId, u8), bytes: &[u8], is_told: bool) {
        let sent = self.sent.get_mut(&id).expect("it was sent");
        assert!(sent.file.sent == bytes, "{id:?}: what is saved is what was sent");
        assert!(!sent.reported.contains(&Status::Expired), "{id:?} expired, and is saved");
        sent.is_placed = true;
        sent.is_placed_untold |= !is_told;
        self.saves += 1;
    }

    /// A process that has saved an attachment ends. What it said of that may be lost with it.
    pub(super) fn saver_ended(&mut self, id: (MessageId, u8)) {
        self.sent.get_mut(&id).expect("it was sent").is_placed_untold = true;
    }

    /// The number of its message.
    pub(super) fn message(&self, id: (MessageId, u8)) -> usize {
        self.sent[&id].message
    }

    /// A sender was told the end of an attachment. If the session that sent it has ended, the end may be that nobody knows.
    pub(super) fn ended(
        &mut self,
        id: (MessageId, u8),
        end: Status,
        is_orphan: bool,
        now: Duration,
    ) {
        let sent = self.sent.get_mut(&id).expect("it was sent");
        match end {
            Status::Saved => assert!(sent.is_placed, "{id:?} is told as saved, and was not"),
            Status::Expired => assert!(!sent.is_placed, "{id:?} expired, and was saved"),
            Status::Unconfirmed => assert!(
                now >= sent.ends || sent.is_placed_untold || is_orphan,
                "{id:?} is unconfirmed before its time is over"
            ),
            Status::Refused(Refusal::Changed) => {
                assert!(sent.file.is_changed, "{id:?} has not changed");
            }
            end => panic!("{end:?} is no end of an attachment"),
        }
        let was_changed = sent.reported == [Status::Refused(Refusal::Changed)];
        let corrects = was_changed && end == Status::Saved;
        assert!(sent.reported.is_empty() || corrects, "{id:?}: {:?}, then {end:?}", sent.reported);
        sent.reported.push(end);
    }

    /// Whether an attachment can still be saved: its content is what it was, and its time is not over. Gives the process
    /// that sent it, and the number of its message.
    pub(super) fn savable(&self, id: (MessageId, u8), now: Duration) -> Option<(PeerKey, usize)> {
        let sent = self.sent.get(&id)?;
        let is_savable = !sent.file.is_changed && now < sent.ends;
        is_savable.then_some((sent.process, sent.message))
    }

    /// The attachments whose end was not told, with their processes and messages.
    pub(super) fn untold(&self) -> impl Iterator<Item = ((MessageId, u8), PeerKey, usize)> {
        let untold = self.sent.iter().filter(|(_, sent)| sent.reported.is_empty());
        untold.map(|(id, sent)| (*id, sent.process, sent.message))
    }

    /// The attachments that are in their place and whose senders do not know, although the one that put them there lived on.
    pub(super) fn unknown_saves(&self) -> impl Iterator<Item = ((MessageId, u8), PeerKey)> {
        let is_unknown = |sent: &SentFile| {
            let is_told = sent.reported.last() == Some(&Status::Saved);
            let had_ended = sent.reported.contains(&Status::Unconfirmed);
            sent.is_placed && !sent.is_placed_untold && !is_told && !had_ended
        };
        let unknown = self.sent.iter().filter(move |(_, sent)| is_unknown(sent));
        unknown.map(|(id, sent)| (*id, sent.process))
    }

    /// The number of attachments sent, of saves, and of ends told.
    pub fn counts(&self) -> [usize; 3] {
        let told = self.sent.values().map(|sent| sent.reported.len()).sum();
        [self.sent.len(), self.saves, told]
    }
}
