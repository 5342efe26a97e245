//! The mailbox: opened messages that wait for the agent, and what was read of each sender. A pure machine.
//!
//! A message is given out under a lease: settled, it counts as read; given back, it waits again in its place.
//! Of each sender the highest sequence number and 64 read-bits are kept for the life of the process; they tell
//! a message that comes again from a new one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::wiped::Wiped;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey, Seq};
use junction_shared::protocol::limits::{INBOX_BYTES, INBOX_MESSAGES, SEQ_WINDOW};

use crate::hops::Hops;
use crate::seal::ReceiptKey;
use crate::urgency::Urgency;
use crate::{Message, PageLimits, Unread};

/// Characters on one page of messages: what every client shows its model whole.
pub(crate) const PAGE_CHARS: usize = 40_000;
/// Senders whose windows are kept; mail of further ones is not opened.
const MAX_SENDERS: usize = 65_536;
/// Aliases named in a notice of unread mail.
const NAMED: usize = 5;

/// A hold on messages that an answer contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeaseId(u64);

/// What a message that arrived and was opened is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Seen for the first time; its number is recorded now.
    New,
    /// It waits here already.
    Waiting,
    /// It was read.
    Read,
    /// It comes behind a later one, which no honest hub does, or was dropped before.
    Dropped,
}

/// An opened message, and what its receipts are made with.
pub(crate) struct Mail {
    pub(crate) id: MessageId,
    pub(crate) from: PeerKey,
    pub(crate) alias: Alias,
    pub(crate) seq: Seq,
    pub(crate) body: Arc<Wiped<String>>,
    pub(crate) reply_to: Option<MessageId>,
    /// Its place in a chain.
    pub(crate) place: Hops,
    /// How urgent it counts here.
    pub(crate) urgency: Urgency,
    pub(crate) sent_ms: u64,
    /// When it is dropped unread.
    pub(crate) deadline: Instant,
    /// Set if the alias belonged to another key before.
    pub(crate) key_changed: bool,
    pub(crate) receipt_key: ReceiptKey,
}

/// A message and the hold on it.
struct Slot {
    mail: Mail,
    lease: Option<LeaseId>,
}

/// A receipt to make for a message.
pub(crate) struct Due {
    pub(crate) id: MessageId,
    pub(crate) to: PeerKey,
    pub(crate) receipt_key: ReceiptKey,
}

/// Messages that wait, by the order of their arrival.
#[derive(Default)]
pub(crate) struct Mailbox {
    slots: VecDeque<Slot>,
    windows: HashMap<PeerKey, Window>,
    bytes: usize,
    leases: u64,
}

/// What is known of one sender's numbers: bit n of `read` stands for `highest - n`.
#[derive(Default)]
struct Window {
    highest: Seq,
    read: u64,
}

impl Window {
    fn was_read(&self, seq: Seq) -> bool {
        let back = self.highest.0.wrapping_sub(seq.0);
        back < SEQ_WINDOW && self.read & (1 << back) != 0
    }

    fn advance(&mut self, seq: Seq) {
        let by = seq.0 - self.highest.0;
        self.read = if by < SEQ_WINDOW { self.read << by } else { 0 };
        self.highest = seq;
    }

    fn mark_read(&mut self, seq: Seq) {
        let back = self.highest.0.wrapping_sub(seq.0);
        if back < SEQ_WINDOW {
            self.read |= 1 << back;
        }
    }
}

impl Mail {
    /// Whether it may wake the agent, or end what it waits for.
    pub(crate) fn may_disturb(&self) -> bool {
        !self.place.is_past_limit()
    }

    /// Whether it may wake the agent.
    pub(crate) fn wakes(&self) -> bool {
        self.may_disturb() && self.urgency > Urgency::Low
    }

    fn due(&self) -> Due {
        Due { id: self.id, to: self.from, receipt_key: self.receipt_key.clone() }
    }

    fn show(&self) -> Message {
        Message {
            id: self.id,
            from: self.alias.clone(),
            body: Arc::clone(&self.body),
            sent_ms: self.sent_ms,
            reply_to: self.reply_to,
            key_changed: self.key_changed.then(|| self.from.fingerprint()),
            sender: self.from,
            place: self.place,
        }
    }
}

impl Mailbox {
    /// Whether a message of that many bytes may be opened now.
    pub(crate) fn has_room(&self, from: &PeerKey, bytes: usize) -> bool {
        self.fits(bytes) && (self.windows.contains_key(from) || self.windows.len() < MAX_SENDERS)
    }

    /// Whether one more message of that many bytes fits.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.slots.len() < INBOX_MESSAGES && self.bytes + bytes <= INBOX_BYTES
    }

    /// What a decrypted message is. A new one is recorded by this call, and by nothing before it.
    pub(crate) fn arrive(&mut self, from: PeerKey, seq: Seq, id: MessageId) -> Arrival {
        let window = self.windows.entry(from).or_default();
        if seq > window.highest {
            window.advance(seq);
            return Arrival::New;
        }
        if self.slots.iter().any(|slot| slot.mail.id == id && slot.mail.from == from) {
            return Arrival::Waiting;
        }
        if window.was_read(seq) { Arrival::Read } else { Arrival::Dropped }
    }

    /// Puts a new message last.
    pub(crate) fn put(&mut self, mail: Mail) {
        self.bytes += mail.body.len();
        self.slots.push_back(Slot { mail, lease: None });
    }

    /// What waits unread, besides what is leased.
    pub(crate) fn unread(&self) -> Unread {
        let mut unread = Unread::default();
        for mail in self.waiting() {
            unread.count += 1;
            unread.waking += usize::from(mail.wakes());
            unread.urgent |= mail.wakes() && mail.urgency == Urgency::High;
            unread.past_limit |= mail.place.is_past_limit();
            if unread.from.len() < NAMED && !unread.from.contains(&mail.alias) {
                unread.from.push(mail.alias.clone());
            }
        }
        unread
    }

    /// Whether anything waits that ends a wait for messages.
    pub(crate) fn has_awaited(&self) -> bool {
        self.waiting().any(Mail::may_disturb)
    }

    fn waiting(&self) -> impl Iterator<Item = &Mail> {
        self.slots.iter().filter(|slot| slot.lease.is_none()).map(|slot| &slot.mail)
    }

    /// Leases the next page: messages in the order of their arrival, at least one if there is any, as many as
    /// fit by `size` and `limit`.
    pub(crate) fn lease_page(&mut self, limits: PageLimits) -> (LeaseId, Vec<Message>) {
        let lease = self.new_lease();
        let mut used = 0;
        let mut page = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| slot.lease.is_none()).take(limits.messages)
        {
            used += (limits.shown_len)(&slot.mail.body);
            if used > PAGE_CHARS && !page.is_empty() {
                break;
            }
            slot.lease = Some(lease);
            page.push(slot.mail.show());
        }
        (lease, page)
    }

    /// Leases one message out of its turn: the answer that a call waits for.
    pub(crate) fn lease_one(&mut self, id: MessageId) -> Option<(LeaseId, Message)> {
        let lease = self.new_lease();
        let slot = self.slots.iter_mut().find(|slot| slot.mail.id == id && slot.lease.is_none())?;
        slot.lease = Some(lease);
        Some((lease, slot.mail.show()))
    }

    /// A hold that no other is.
    pub(crate) fn new_lease(&mut self) -> LeaseId {
        self.leases += 1;
        LeaseId(self.leases)
    }

    /// The answer was written: its messages are read. Their receipts are due.
    pub(crate) fn settle(&mut self, lease: LeaseId) -> Vec<Due> {
        self.remove(|slot| slot.lease == Some(lease), true)
    }

    /// The answer never left: its messages wait again, in their places.
    pub(crate) fn give_back(&mut self, lease: LeaseId) {
        for slot in self.slots.iter_mut().filter(|slot| slot.lease == Some(lease)) {
            slot.lease = None;
        }
    }

    /// Drops what has outlived its time unread. Leased mail stays: its answer may be on its way.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Due> {
        self.remove(|slot| slot.lease.is_none() && slot.mail.deadline <= now, false)
    }

    /// When [`Mailbox::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.slots.iter().filter(|slot| slot.lease.is_none()).map(|slot| slot.mail.deadline).min()
    }

    fn remove(&mut self, which: impl Fn(&Slot) -> bool, read: bool) -> Vec<Due> {
        let mut due = Vec::new();
        let (windows, bytes) = (&mut self.windows, &mut self.bytes);
        self.slots.retain(|slot| {
            let (goes, mail) = (which(slot), &slot.mail);
            if goes {
                *bytes -= mail.body.len();
                due.push(mail.due());
                if let (true, Some(window)) = (read, windows.get_mut(&mail.from)) {
                    window.mark_read(mail.seq);
                }
            }
            !goes
        });
        due
    }
}

#[cfg(test)]
mod tests;
