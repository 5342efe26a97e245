//! An attachment that is being fetched, for the thread that saves it.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::attachment::AttachmentInfo;
use crate::command::{Command, DownloadCommand, DownloadStep};
use crate::downloads::{BegunDownload, DownloadId};
use crate::error::{AttachmentError, Error};
use crate::seal::ChunkCipher;
use crate::session::Session;

/// How many chunks are taken before the hub is asked for more.
const TAKEN_AT_ONCE: u32 = 4;

/// An attachment that is being fetched. All calls block: a thread of its own makes them. Dropped, it is given up.
pub struct IncomingAttachment {
    info: AttachmentInfo,
    sender: Alias,
    cipher: ChunkCipher,
    chunks: mpsc::Receiver<Bytes>,
    end: Arc<OnceLock<AttachmentError>>,
    position: u32,
    /// Boxed: its block holds bytes of the attachment, and a move would leave a copy behind.
    hash: Box<Sha256>,
    ends: EndGuard,
}

/// Tells the session how the download ended, whatever way it does.
struct EndGuard {
    id: DownloadId,
    commands: mpsc::Sender<Command>,
    is_saved: bool,
}

/// Why an attachment was not saved.
#[derive(Debug, PartialEq, Eq)]
pub enum SaveError<E> {
    /// The attachment could not be fetched, or its time is over.
    Fetch(AttachmentError),
    /// The attachment could not be put in its place.
    Place(E),
}

impl EndGuard {
    fn say(&self, step: DownloadStep) {
        // The engine may have ended, and the answer is of no use to anybody then.
        let _ = self.commands.blocking_send(Command::Download(DownloadCommand(step)));
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.say(DownloadStep::End(self.id, self.is_saved));
    }
}

impl IncomingAttachment {
    pub(crate) fn new(begun: BegunDownload, commands: mpsc::Sender<Command>) -> Self {
        let BegunDownload { id, info, sender, cipher, chunks, end } = begun;
        let ends = EndGuard { id, commands, is_saved: false };
        Self { info, sender, cipher, chunks, end, position: 0, hash: Box::new(Sha256::new()), ends }
    }

    /// Begins to fetch an attachment of a session that no engine drives, as in the proofs. What the saving thread says goes
    /// to `commands`, and from there to [`Session::command`].
    ///
    /// # Errors
    /// [`Error::Attachment`] if there is no such attachment, or its time is over.
    pub fn begin(
        session: &mut Session,
        (message, number): (MessageId, u8),
        commands: mpsc::Sender<Command>,
        now: Instant,
    ) -> Result<Self, Error> {
        let (reply, mut begun) = oneshot::channel();
        let begin = DownloadCommand(DownloadStep::Begin(message, number, reply));
        session.command(Command::Download(begin), now);
        let begun = begun.try_recv().map_err(|_| Error::Left)??;
        Ok(Self::new(begun, commands))
    }

    /// Whether [`IncomingAttachment::next_part`] answers without waiting.
    pub fn has_part(&self) -> bool {
        let is_whole = self.position == self.cipher.chunks();
        is_whole || !self.chunks.is_empty() || self.chunks.is_closed()
    }

    /// The attachment as its sender describes it.
    pub fn info(&self) -> &AttachmentInfo {
        &self.info
    }

    /// The alias of its sender.
    pub fn sender(&self) -> &Alias {
        &self.sender
    }

    /// The next part of the attachment; nothing at its end. Every part is what its sender sealed, and the end is given only
    /// if all of it has the hash that the message says.
    ///
    /// # Errors
    /// [`AttachmentError`] if it cannot be fetched, or is not what the message says.
    pub fn next_part(&mut self) -> Result<Option<Vec<u8>>, AttachmentError> {
        if self.position == self.cipher.chunks() {
            let is_same =
                self.info.sha256.is_none_or(|sha256| self.hash.finalize_reset()[..] == sha256);
            return if is_same { Ok(None) } else { Err(AttachmentError::Broken) };
        }
        let given_up = || self.end.get().copied().unwrap_or(AttachmentError::Unavailable);
        let sealed = self.chunks.blocking_recv().ok_or_else(given_up)?;
        let part = self.cipher.open(self.position, sealed.into());
        let part = part.map_err(|_| AttachmentError::Broken)?;
        self.position += 1;
        if self.position.is_multiple_of(TAKEN_AT_ONCE) {
            self.ends.say(DownloadStep::Taken(self.ends.id, TAKEN_AT_ONCE));
        }
        if self.info.sha256.is_some() {
            self.hash.update(&part);
        }
        Ok(Some(part))
    }

    /// Puts the attachment in its place, after its last part: `place` does it. The sender is told that it is saved if that
    /// succeeds.
    ///
    /// # Errors
    /// [`SaveError`] if its time is over, or what `place` fails with.
    pub fn save<T, E>(mut self, place: impl FnOnce() -> Result<T, E>) -> Result<T, SaveError<E>> {
        let (reply, may_save) = oneshot::channel();
        self.ends.say(DownloadStep::Commit(self.ends.id, reply));
        let may_save = may_save.blocking_recv().unwrap_or(Err(AttachmentError::Unavailable));
        may_save.map_err(SaveError::Fetch)?;
        let placed = place().map_err(SaveError::Place)?;
        self.ends.is_saved = true;
        Ok(placed)
    }
}
