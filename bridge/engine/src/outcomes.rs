//! The ends of messages that this session sent, until a read has told them.

use std::collections::VecDeque;

use junction_shared::protocol::id::MessageId;

use crate::outcome::{Outcome, Status};
use crate::sent_groups::SentGroups;

/// Ends on one page.
const PAGE_ENDS: usize = 100;
/// Ends that wait for a read; beyond it the oldest `read` goes, and is counted.
const MAX_ENDS: usize = 2048;

/// The ends that no read has told yet.
#[derive(Default)]
pub(crate) struct Outcomes {
    waiting: VecDeque<Outcome>,
    /// Ends that had no room, and are only counted.
    dropped: usize,
    /// The messages that went to groups.
    pub(crate) groups: SentGroups,
}

/// The ends on a page, and how many more had no room.
#[derive(Clone, Default)]
pub(crate) struct PageOutcomes {
    pub(crate) ends: Vec<Outcome>,
    pub(crate) dropped: usize,
}

impl Outcomes {
    /// A message of this session came to its end, under its id on the wire.
    pub(crate) fn add(&mut self, end: Outcome) {
        let id = match end.attachment {
            None => self.groups.ended(end.id, end.status),
            Some(_) => self.groups.shown_id(end.id),
        };
        self.put(Outcome { id, ..end });
    }

    /// Takes in an end that was added before.
    pub(crate) fn put(&mut self, end: Outcome) {
        self.waiting.push_back(end);
        if self.waiting.len() > MAX_ENDS {
            // A message that was read is missed least. That something was dropped is told.
            let good = self.waiting.iter().position(|end| end.status == Status::Read);
            self.waiting.remove(good.unwrap_or(0));
            self.dropped += 1;
        }
    }

    /// The ends for one page. Those of messages to groups say how many members have read by now.
    pub(crate) fn take_page(&mut self) -> PageOutcomes {
        let count = self.waiting.len().min(PAGE_ENDS);
        let mut ends: Vec<_> = self.waiting.drain(..count).collect();
        for end in ends.iter_mut().filter(|end| end.attachment.is_none()) {
            end.group = self.groups.sum(end.id);
        }
        PageOutcomes { ends, dropped: std::mem::take(&mut self.dropped) }
    }

    /// The page was never written: its ends come first again.
    pub(crate) fn give_back(&mut self, page: PageOutcomes) {
        self.dropped += page.dropped;
        page.ends.into_iter().rev().for_each(|end| self.waiting.push_front(end));
    }

    /// Takes all ends, as the session moves.
    pub(crate) fn take_all(&mut self) -> Vec<Outcome> {
        self.waiting.drain(..).collect()
    }

    /// The id that a message of this session is shown under.
    pub(crate) fn shown_id(&self, wire_id: MessageId) -> MessageId {
        self.groups.shown_id(wire_id)
    }
}
