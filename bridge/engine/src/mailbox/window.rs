//! Which sequence numbers of one sender have come, and which of their messages were read.

use junction_shared::protocol::id::Seq;
use junction_shared::protocol::limits::SEQ_WINDOW;

/// The sequence numbers of one sender. What is far behind the highest is not known any more.
#[derive(Default)]
pub(super) struct Window {
    /// The highest number that has come.
    pub(super) highest: Seq,
    /// Which messages were read: bit n stands for `highest - n`.
    pub(super) read: u64,
}

impl Window {
    /// The bit that stands for a number; none if it is too far behind.
    pub(super) fn bit(&self, seq: Seq) -> u64 {
        let back = self.highest.0.wrapping_sub(seq.0);
        if back < SEQ_WINDOW { 1 << back } else { 0 }
    }

    /// Whether the message of this number was read.
    pub(super) fn was_read(&self, seq: Seq) -> bool {
        self.read & self.bit(seq) != 0
    }

    /// A higher number has come than any before.
    pub(super) fn advance(&mut self, seq: Seq) {
        let by = seq.0 - self.highest.0;
        self.read = if by < SEQ_WINDOW { self.read << by } else { 0 };
        self.highest = seq;
    }

    /// The message of this number was read.
    pub(super) fn mark_read(&mut self, seq: Seq) {
        self.read |= self.bit(seq);
    }
}
