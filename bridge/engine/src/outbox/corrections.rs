//! Messages that ended and whose end a late word of their receiver can still correct.

use std::collections::VecDeque;
use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey, Seq};

use super::lane::{Fate, ReadWord};
use crate::seal::ReceiptKey;

/// Messages kept.
const KEPT: usize = 256;

/// A message that ended `unconfirmed` or `refused`.
pub(super) struct Correctable {
    pub(super) id: MessageId,
    pub(super) to: Alias,
    /// Whether it was refused, as the hub says: then it is known not to be read, unless the receiver says otherwise.
    pub(super) is_refused: bool,
    /// What a late receipt is checked with.
    pub(super) key: ReceiptKey,
    /// The key that the message was sealed to, and its number there.
    pub(super) sealed_to: PeerKey,
    pub(super) seq: Seq,
    /// When no word can come any more.
    pub(super) dies: Instant,
}

/// The newest of them, oldest first.
#[derive(Default)]
pub(super) struct Corrections(VecDeque<Correctable>);

impl Corrections {
    /// Keeps a message; the oldest goes where there are too many.
    pub(super) fn keep(&mut self, ended: Correctable) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(ended);
    }

    /// The key to check a receipt with.
    pub(super) fn receipt_key(&self, id: MessageId) -> Option<ReceiptKey> {
        self.0.iter().find(|old| old.id == id).map(|old| old.key.clone())
    }

    /// The key that the message was sealed to.
    pub(super) fn sealed_to(&self, id: MessageId) -> Option<PeerKey> {
        self.0.iter().find(|old| old.id == id).map(|old| old.sealed_to)
    }

    /// Takes the message that an authentic receipt is for.
    pub(super) fn take(&mut self, id: MessageId) -> Option<Correctable> {
        let at = self.0.iter().position(|old| old.id == id)?;
        self.0.remove(at)
    }

    /// Takes the messages of which their receiver's word says whether it has read them, and what it says.
    pub(super) fn take_decided(
        &mut self,
        from: PeerKey,
        word: ReadWord,
    ) -> Vec<(Correctable, bool)> {
        let is_read = |old: &Correctable| {
            let fate = word.fate(old.seq).filter(|_| old.sealed_to == from)?;
            (fate != Fate::Leased).then_some(fate == Fate::Read)
        };
        let all = std::mem::take(&mut self.0);
        let (decided, others) =
            all.into_iter().partition::<VecDeque<_>, _>(|old| is_read(old).is_some());
        self.0 = others;
        decided.into_iter().filter_map(|old| is_read(&old).map(|read| (old, read))).collect()
    }

    /// Forgets what cannot be corrected any more.
    pub(super) fn expire(&mut self, now: Instant) {
        self.0.retain(|old| old.dies > now);
    }

    /// When [`Corrections::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|old| old.dies).min()
    }
}
