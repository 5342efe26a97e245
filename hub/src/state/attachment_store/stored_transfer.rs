//! One attachment on its way: which of its chunks are here, and which to ask its sender for.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use junction_shared::protocol::limits::{CHUNK, CHUNK_WINDOW};

/// One attachment on its way.
pub(super) struct StoredTransfer {
    pub(super) chunks: u32,
    /// The chunks that are here, by number.
    pub(super) kept: BTreeMap<u32, Bytes>,
    pub(super) has_room: bool,
    /// Whether its receiver has saved it. It stays for a second time while nobody else needs the room.
    pub(super) is_saved: bool,
    /// Whether its sender was told, on this connection, that all of it is here.
    pub(super) is_told: bool,
    /// The chunks that were asked of the sender and have not come.
    pub(super) pulled: Range<u32>,
    /// The chunks that the receiver wants and has not been sent.
    pub(super) fetched: Range<u32>,
    /// The place in the order of arrival.
    pub(super) arrival: u64,
    pub(super) expires_at: Duration,
}

impl StoredTransfer {
    pub(super) fn charge(&self) -> usize {
        self.chunks as usize * CHUNK
    }

    pub(super) fn is_fetched(&self) -> bool {
        !self.fetched.is_empty()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.kept.len() == self.chunks as usize
    }

    /// Returns whether all of it is here to stay.
    pub(super) fn is_kept_whole(&self) -> bool {
        self.has_room && self.is_complete()
    }

    /// Returns the first chunk that is missing in a range.
    fn missing(&self, mut range: Range<u32>) -> Option<u32> {
        range.find(|number| !self.kept.contains_key(number))
    }

    /// Returns the next chunk to have from the sender, and the end of the range in which it is wanted: what the receiver
    /// fetches comes first, then what it will fetch, then what it has passed over.
    fn next_wanted(&self) -> Option<(u32, u32)> {
        let all = self.chunks;
        let fetched = self.is_fetched().then(|| self.fetched.clone());
        let start = fetched.as_ref().map_or(0, |range| range.start);
        let end = if self.has_room { all } else { fetched.map_or(0, |range| range.end) };
        let found = self.missing(start..end).map(|next| (next, end));
        found.or_else(|| Some((self.missing(0..start).filter(|_| self.has_room)?, start)))
    }

    /// Asks for more, if there is something to ask for and enough has come of what was asked for before.
    pub(super) fn pull(&mut self) -> Option<Range<u32>> {
        let (next, end) = self.next_wanted()?;
        let until = end.min(next + CHUNK_WINDOW);
        let continues = !self.pulled.is_empty() && self.pulled.start == next;
        if !continues {
            self.pulled = next..until;
            return Some(next..until);
        }
        let more = self.pulled.end..until;
        // A question for each chunk would cost as much as the chunks.
        let is_due = self.pulled.end - next <= CHUNK_WINDOW / 2;
        if more.is_empty() || !is_due {
            return None;
        }
        self.pulled.end = until;
        Some(more)
    }
}
