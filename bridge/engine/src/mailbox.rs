//! The mailbox: opened messages that wait for the agent, and the numbers of those that were read. A pure machine.
//!
//! A message is given out under a lease: acknowledged, it counts as read; given back, it waits again in its place.
//! For each sender the highest sequence number and 64 read-bits are kept for the life of the process: they tell a
//! message that comes again from a new one.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use junction_shared::protocol::id::{MessageId, PeerKey, Seq};
use junction_shared::protocol::limits::{INBOX_BYTES, INBOX_MESSAGES};

use crate::lease::LeaseId;
use crate::seal::ReceiptKey;
use crate::urgency::Urgency;
use crate::{Message, PageLimits, UnreadMail, UnreadMessage, Waker};

mod window;

use window::Window;

/// Characters on one page of messages: as many as every client shows its model without cutting.
pub(crate) const PAGE_CHARS: usize = 40_000;
/// Senders whose windows are kept; mail of further ones is not opened.
const MAX_SENDERS: usize = 65_536;
/// Aliases named in a notice of unread mail.
const NAMED: usize = 5;

/// Where an opened message stands in its sender's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The message is seen for the first time; its number is recorded now.
    New,
    /// The message waits here already.
    Waiting,
    /// The message was read.
    Read,
    /// The message comes behind a later one, which no honest hub does, or was dropped before.
    Dropped,
}

/// A message in the mailbox, and what its receipts are made with.
pub(crate) struct MailboxMessage {
    pub(crate) message: Message,
    /// The message's id on the wire, which its receipts have.
    pub(crate) wire_id: MessageId,
    pub(crate) seq: Seq,
    /// How urgent the message counts here.
    pub(crate) urgency: Urgency,
    /// Whether the message has ended a wait of this session.
    pub(crate) has_ended_wait: bool,
    /// Whether the message is the first answer to one that this session sent to its sender.
    pub(crate) is_answer: bool,
    /// The number of the arrival, among those that may wake the agent.
    pub(crate) arrival: u64,
    /// When the message is dropped unread.
    pub(crate) deadline: Instant,
    pub(crate) receipt_key: ReceiptKey,
    /// The hold that an answer has on the message.
    pub(crate) lease: Option<LeaseId>,
    /// The earlier key of this process that the message was sent to, if it was. Its numbers are those of that key, and if
    /// its answer never leaves, it goes back to its sender.
    past_key: Option<PeerKey>,
}

/// A message to an earlier key of this process whose answer has ended.
pub(crate) struct PastMessage {
    pub(crate) key: PeerKey,
    pub(crate) sender: PeerKey,
    pub(crate) seq: Seq,
}

/// A receipt to make for a message.
pub(crate) struct ReceiptDue {
    pub(crate) id: MessageId,
    pub(crate) to: PeerKey,
    pub(crate) receipt_key: ReceiptKey,
}

/// Messages that wait, by the order of their arrival.
#[derive(Default)]
pub(crate) struct Mailbox {
    messages: VecDeque<MailboxMessage>,
    windows: HashMap<PeerKey, Window>,
    bytes: usize,
    leases: u64,
}

impl MailboxMessage {
    /// A message that has just been opened.
    pub(crate) fn new(
        message: Message,
        (wire_id, seq): (MessageId, Seq),
        urgency: Urgency,
        deadline: Instant,
        receipt_key: ReceiptKey,
    ) -> Self {
        Self {
            message,
            wire_id,
            seq,
            urgency,
            has_ended_wait: false,
            is_answer: false,
            arrival: 0,
            deadline,
            receipt_key,
            lease: None,
            past_key: None,
        }
    }

    /// Whether the message may wake the agent, or end what the agent waits for.
    pub(crate) fn may_disturb(&self) -> bool {
        !self.message.past_limit
    }

    /// Whether the message may wake the agent.
    pub(crate) fn wakes(&self) -> bool {
        self.may_disturb() && self.urgency > Urgency::Low
    }

    fn waker(&self) -> Waker {
        Waker {
            arrival: self.arrival,
            sender: Some(self.message.peer),
            is_answer: self.is_answer,
            is_urgent: self.urgency == Urgency::High,
        }
    }

    fn receipt_due(&self) -> ReceiptDue {
        let (id, to) = (self.wire_id, self.message.sender);
        ReceiptDue { id, to, receipt_key: self.receipt_key.clone() }
    }
}

impl Mailbox {
    /// Whether a message of that many bytes may be opened now.
    pub(crate) fn has_room(&self, from: &PeerKey, bytes: usize) -> bool {
        self.fits(bytes) && (self.windows.contains_key(from) || self.windows.len() < MAX_SENDERS)
    }

    /// Whether one more message of that many bytes fits.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.messages.len() < INBOX_MESSAGES && self.bytes + bytes <= INBOX_BYTES
    }

    /// Where a decrypted message stands. The number of a new message is recorded by this call alone.
    pub(crate) fn arrive(&mut self, from: PeerKey, seq: Seq, id: MessageId) -> Arrival {
        let window = self.windows.entry(from).or_default();
        if seq > window.highest {
            window.advance(seq);
            return Arrival::New;
        }
        if self.messages.iter().any(|m| m.wire_id == id && m.message.sender == from) {
            return Arrival::Waiting;
        }
        if window.was_read(seq) { Arrival::Read } else { Arrival::Dropped }
    }

    /// Notes that a message was read as it came.
    pub(crate) fn mark_read(&mut self, from: PeerKey, seq: Seq) {
        self.windows.entry(from).or_default().mark_read(seq);
    }

    /// Whether a message waits that is shown under this id.
    pub(crate) fn shows(&self, id: MessageId) -> bool {
        self.messages.iter().any(|message| message.message.id == id)
    }

    /// Puts a new message last.
    pub(crate) fn put(&mut self, message: MailboxMessage) {
        self.bytes += message.message.body.len();
        self.messages.push_back(message);
    }

    /// The messages that wait unread, without those that are leased.
    pub(crate) fn unread(&self) -> UnreadMail {
        let mut unread = UnreadMail::default();
        for waiting in self.waiting() {
            unread.count += 1;
            unread.wakers.extend(waiting.wakes().then(|| waiting.waker()));
            unread.asks += usize::from(waiting.message.expects.asks);
            unread.past_limit += usize::from(waiting.message.past_limit);
            let from = &waiting.message.from;
            if unread.from.len() < NAMED && !unread.from.contains(from) {
                unread.from.push(from.clone());
            }
        }
        unread
    }

    /// What is known of each message that waits unread, those included that an answer holds.
    pub(crate) fn unread_messages(&self) -> Vec<UnreadMessage> {
        self.messages.iter().map(|waiting| UnreadMessage::of(&waiting.message)).collect()
    }

    /// Notes that an unread message ends a wait; the message.
    pub(crate) fn ends_wait(&mut self, id: MessageId) -> Option<&Message> {
        let found = self.messages.iter_mut().find(|message| message.message.id == id)?;
        found.has_ended_wait = true;
        Some(&found.message)
    }

    /// The oldest unread message of this peer that answers this one.
    pub(crate) fn unread_answer(&self, to: MessageId, from: PeerKey) -> Option<MessageId> {
        let mut waiting = self.waiting().map(|waiting| &waiting.message);
        let answer = waiting.find(|message| message.peer == from && message.reply_to == Some(to));
        answer.map(|message| message.id)
    }

    /// The oldest unread message whose sender waits for the answer.
    pub(crate) fn oldest_question(&self) -> Option<&Message> {
        self.waiting().find(|message| message.message.expects.asks).map(|message| &message.message)
    }

    /// Whether a question of this peer is unread that has ended a wait.
    pub(crate) fn has_unread_question(&self, from: &PeerKey) -> bool {
        self.waiting().any(|waiting| {
            let message = &waiting.message;
            waiting.has_ended_wait && message.expects.asks && message.peer == *from
        })
    }

    /// The newest messages that wait unread, may wake the agent, and have ended no wait.
    pub(crate) fn newest_wakers(&self, most: usize) -> impl Iterator<Item = &MailboxMessage> {
        let newest = self.messages.iter().rev().filter(|message| message.lease.is_none());
        newest.filter(|message| message.wakes() && !message.has_ended_wait).take(most)
    }

    /// Whether any message waits unread.
    pub(crate) fn has_unread(&self) -> bool {
        self.waiting().next().is_some()
    }

    /// Whether this message waits unread, and has ended no wait: then the agent does not know of it.
    pub(crate) fn is_news(&self, id: MessageId) -> bool {
        self.waiting().any(|waiting| waiting.message.id == id && !waiting.has_ended_wait)
    }

    /// Whether anything waits that ends a wait for messages.
    pub(crate) fn has_awaited(&self) -> bool {
        self.waiting().any(MailboxMessage::may_disturb)
    }

    fn waiting(&self) -> impl Iterator<Item = &MailboxMessage> {
        self.messages.iter().filter(|message| message.lease.is_none())
    }

    /// Leases the next page: messages in the order of their arrival, at least one if there is any, as many as fit by
    /// their number and size. With `only`, none but these.
    pub(crate) fn lease_page(
        &mut self,
        limits: PageLimits,
        only: Option<&[MessageId]>,
    ) -> (LeaseId, Vec<Message>) {
        let lease = self.new_lease();
        let mut used = 0;
        let mut page = Vec::new();
        let may_be_held = |waiting: &&mut MailboxMessage| {
            let is_wanted = only.is_none_or(|ids| ids.contains(&waiting.message.id));
            waiting.lease.is_none() && is_wanted
        };
        for next in self.messages.iter_mut().filter(may_be_held).take(limits.messages) {
            used += (limits.shown_len)(&next.message);
            if used > PAGE_CHARS && !page.is_empty() {
                break;
            }
            next.lease = Some(lease);
            page.push(next.message.clone());
        }
        (lease, page)
    }

    /// Leases one message out of its turn: the answer that a call waits for.
    pub(crate) fn lease_one(&mut self, id: MessageId) -> Option<(LeaseId, Message)> {
        let lease = self.new_lease();
        let is_it = |m: &&mut MailboxMessage| m.message.id == id && m.lease.is_none();
        let found = self.messages.iter_mut().find(is_it)?;
        found.lease = Some(lease);
        Some((lease, found.message.clone()))
    }

    /// A new lease.
    pub(crate) fn new_lease(&mut self) -> LeaseId {
        self.leases += 1;
        LeaseId(self.leases)
    }

    /// The answer was written: its messages are read, and their receipts are due.
    pub(crate) fn ack(&mut self, lease: LeaseId) -> Vec<ReceiptDue> {
        self.remove(|message| message.lease == Some(lease), true)
    }

    /// The answer never left: its messages wait again, in their order.
    pub(crate) fn give_back(&mut self, lease: LeaseId) {
        self.drop_past(lease);
        for message in self.messages.iter_mut().filter(|message| message.lease == Some(lease)) {
            message.lease = None;
        }
    }

    /// Drops what has outlived its time unread. Leased messages stay: their answer may be on its way.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<ReceiptDue> {
        self.remove(|message| message.lease.is_none() && message.deadline <= now, false)
    }

    /// Drops all mail that waits unread. Leased messages stay.
    pub(crate) fn drop_unread(&mut self) -> Vec<ReceiptDue> {
        self.remove(|message| message.lease.is_none(), false)
    }

    /// Keeps the leased messages alone, for a session under another key than this one.
    pub(crate) fn retire(&mut self, key: PeerKey) {
        self.drop_unread();
        self.windows.clear();
        for message in &mut self.messages {
            message.past_key.get_or_insert(key);
        }
    }

    /// The messages to an earlier key of this process that an answer holds.
    pub(crate) fn past_messages(&self, lease: LeaseId) -> Vec<PastMessage> {
        let held = self.messages.iter().filter(|held| held.lease == Some(lease));
        let past = held.filter_map(|held| {
            let (sender, seq) = (held.message.sender, held.seq);
            Some(PastMessage { key: held.past_key?, sender, seq })
        });
        past.collect()
    }

    /// Drops what went back to its senders when an answer never left.
    fn drop_past(&mut self, lease: LeaseId) {
        self.remove(|message| message.past_key.is_some() && message.lease == Some(lease), false);
    }

    /// The senders that anything was opened of under this key, those whose mail waits first.
    pub(crate) fn senders(&self) -> impl Iterator<Item = PeerKey> {
        let present = self.messages.iter().filter(|message| message.past_key.is_none());
        let waiting = present.map(|message| message.message.sender);
        waiting.chain(self.windows.keys().copied())
    }

    /// The highest number that was opened of a sender under this key, which messages were read, and which are leased: bit
    /// n stands for `highest - n`.
    pub(crate) fn read_of(&self, from: &PeerKey) -> (Seq, u64, u64) {
        let Some(window) = self.windows.get(from) else { return (Seq::default(), 0, 0) };
        let is_leased = |message: &&MailboxMessage| {
            message.message.sender == *from && message.lease.is_some() && message.past_key.is_none()
        };
        let leased = self.messages.iter().filter(is_leased);
        let leased = leased.fold(0, |bits, message| bits | window.bit(message.seq));
        (window.highest, window.read, leased)
    }

    /// When [`Mailbox::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting().map(|message| message.deadline).min()
    }

    fn remove(&mut self, which: impl Fn(&MailboxMessage) -> bool, read: bool) -> Vec<ReceiptDue> {
        let mut due = Vec::new();
        let (windows, bytes) = (&mut self.windows, &mut self.bytes);
        self.messages.retain(|message| {
            let goes = which(message);
            if goes {
                *bytes -= message.message.body.len();
                due.push(message.receipt_due());
                let counts = read && message.past_key.is_none();
                if let (true, Some(window)) = (counts, windows.get_mut(&message.message.sender)) {
                    window.mark_read(message.seq);
                }
            }
            !goes
        });
        due
    }
}

#[cfg(test)]
mod tests;
