//! One receiver's messages, in their order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey, Seq};
use junction_shared::protocol::limits::SEQ_WINDOW;
use junction_shared::protocol::wire::{Envelope, Outlook, Refusal, Send};
use tokio::sync::{oneshot, watch};

use crate::seal::{Plain, ReceiptKey};
use crate::{Lease, Status};

/// What may be handed over on this connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LaneGate {
    /// Nothing: the receiver has not been looked up.
    #[default]
    Closed,
    /// What is sealed already: the hub does not know the receiver yet.
    SealedOnly,
    /// Nothing until the hub says that there is room.
    Paused,
    /// Everything.
    Open,
}

/// What a receiver has read of this session under one key, under which it opens nothing more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadWord {
    /// The highest number that it opened.
    pub(crate) highest: Seq,
    /// The messages that it has read: bit n stands for `highest - n`.
    pub(crate) read: u64,
    /// The messages that it may still read.
    pub(crate) leased: u64,
}

/// What a receiver's word says of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was read.
    Read,
    /// It may still be read, and another word follows.
    Leased,
    /// It was not read and never will be.
    Returned,
}

impl ReadWord {
    /// What the word says of the message of this number; nothing if it is too old to be in it.
    pub(super) fn fate(&self, seq: Seq) -> Option<Fate> {
        if seq > self.highest {
            return Some(Fate::Returned);
        }
        let back = self.highest.0.wrapping_sub(seq.0);
        let has = |bits: u64| bits & (1 << back) != 0;
        (back < SEQ_WINDOW).then(|| match (has(self.read), has(self.leased)) {
            (true, _) => Fate::Read,
            (false, true) => Fate::Leased,
            (false, false) => Fate::Returned,
        })
    }
}

/// The messages to one receiver that have no end yet.
pub(super) struct Lane {
    pub(super) messages: VecDeque<OutboxMessage>,
    /// The key that messages are sealed to. What is sealed was sealed to it.
    pub(super) target: PeerKey,
    /// The receiver's newer key, until nothing that is sealed to the older one is left.
    pub(super) next: Option<PeerKey>,
    /// When what is sealed to the older key ends, if nothing is heard of it.
    pub(super) gives_up_at: Option<Instant>,
    /// Whether the receiver opens nothing more under the key of this lane.
    pub(super) is_over: bool,
    /// Whether the receiver has a seat for certain.
    pub(super) has_seat: bool,
    pub(super) gate: LaneGate,
    /// The last sequence number taken; never reset.
    pub(super) last_seq: Seq,
    /// Whether the next hand-over is the lowest message without an end; its frame says so.
    restart: bool,
}

/// A message in the outbox.
pub(crate) struct OutboxMessage {
    pub(super) id: MessageId,
    pub(super) alias: Alias,
    /// The text, until it is sealed, or has ended where its receiver may return it.
    pub(super) plain: Option<Plain>,
    pub(super) bytes: usize,
    pub(super) envelope: Option<Envelope>,
    sealed_at: Instant,
    /// What the message's receipts are checked with, once it is sealed: keys that could open it are not kept.
    pub(super) receipt_key: Option<ReceiptKey>,
    pub(super) deadline: Instant,
    hand_over: HandOver,
    /// The call that tells of a refusal.
    pub(super) refusal: Option<oneshot::Sender<Lease>>,
    /// The call that tells when the receiver's agent will be woken.
    pub(super) outlook: watch::Sender<Option<Outlook>>,
    /// Whether the agent was told, after that call, why the receiver's agent is not woken.
    pub(super) is_hindrance_told: bool,
    status: watch::Sender<Status>,
}

/// What is known of the way of a message to the hub.
#[derive(Default)]
struct HandOver {
    /// How often the bytes that are sealed now were given to a socket.
    count: u32,
    /// Whether they were given to this connection's socket since the lane was last opened.
    is_handed: bool,
    /// Whether the hub has answered.
    is_answered: bool,
    /// Answers of the hub that are due on this connection, one for each time.
    answers_due: u32,
    /// Whether the receiver has returned the message under another key: a hub does not refuse it for want of room.
    was_returned: bool,
}

/// Where the call that sends a message waits for what it tells of it.
pub(crate) struct SendingCall {
    /// For the hold on a refusal.
    pub(crate) refusal: oneshot::Sender<Lease>,
    /// For the newest outlook that the receiver's bridge gives.
    pub(crate) outlook: watch::Sender<Option<Outlook>>,
}

impl Lane {
    /// No messages yet, to this key.
    pub(super) fn new(target: PeerKey) -> Self {
        Self {
            messages: VecDeque::new(),
            target,
            next: None,
            gives_up_at: None,
            is_over: false,
            has_seat: false,
            gate: LaneGate::default(),
            last_seq: Seq::default(),
            restart: false,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.bytes).sum()
    }

    /// The connection is over, and the hub may have lost what it held: a message that was not opened is `queued` again.
    pub(super) fn close(&mut self) {
        self.set_gate(LaneGate::Closed);
        self.gives_up_at = None;
        for message in &mut self.messages {
            let HandOver { is_answered, answers_due, .. } = &mut message.hand_over;
            (*is_answered, *answers_due) = (false, 0);
            message.status.send_if_modified(|status| {
                let lost = *status == Status::Accepted;
                if lost {
                    *status = Status::Queued;
                }
                lost
            });
        }
    }

    /// Opens or closes the lane. A lane that is opened again starts from its lowest message.
    pub(super) fn set_gate(&mut self, gate: LaneGate) {
        if gate == LaneGate::Open && self.gate == LaneGate::SealedOnly {
            // Nothing was lost in between: what was handed over stays so.
            self.gate = gate;
            return;
        }
        if self.gate != gate {
            self.gate = gate;
            self.restart = true;
            self.messages.iter_mut().for_each(|message| message.hand_over.is_handed = false);
        }
    }

    /// The place of the next message to seal or to hand over.
    pub(super) fn position(&self, now: Instant) -> Option<usize> {
        if matches!(self.gate, LaneGate::Closed | LaneGate::Paused) {
            return None;
        }
        let at = self
            .messages
            .iter()
            .position(|sent| !sent.hand_over.is_handed && now < sent.deadline)?;
        let message = &self.messages[at];
        if self.is_over {
            return None;
        }
        if message.envelope.is_some() {
            return Some(at);
        }
        if self.next.is_some() {
            return None;
        }
        let oldest =
            self.messages.iter().find_map(OutboxMessage::seq).unwrap_or(self.last_seq.next());
        let may_seal = self.gate == LaneGate::Open && within_window(oldest, self.last_seq.next());
        may_seal.then_some(at)
    }

    /// The number that the next message to be sealed takes.
    pub(super) fn next_seq(&self) -> Seq {
        self.last_seq.next()
    }

    /// Takes the sealed form of a message.
    pub(super) fn sealed(
        &mut self,
        envelope: Envelope,
        key: ReceiptKey,
        is_returnable: bool,
        now: Instant,
    ) {
        let id = envelope.header.id;
        self.last_seq = self.last_seq.max(envelope.header.seq);
        let Some(message) = self.messages.iter_mut().find(|message| message.id == id) else {
            return;
        };
        message.plain.take_if(|_| !is_returnable);
        message.envelope = Some(envelope);
        message.receipt_key = Some(key);
        message.sealed_at = now;
    }

    /// The frame that hands over a sealed message. The message counts as written from now on: a socket that fails may
    /// have taken the bytes.
    pub(super) fn hand_over(&mut self, at: usize, now: Instant) -> Option<Send> {
        let message = &mut self.messages[at];
        let envelope = message.envelope.clone()?;
        let age = now.saturating_duration_since(message.sealed_at);
        let send = Send {
            envelope,
            age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            resend: message.is_handed_over() || message.hand_over.was_returned,
            restart: std::mem::take(&mut self.restart),
        };
        message.hand_over.count += 1;
        message.hand_over.answers_due += 1;
        message.hand_over.is_handed = true;
        Some(send)
    }

    /// Goes to the receiver's newer key, if there is one and nothing is sealed to the older any more.
    pub(super) fn switch(&mut self) -> bool {
        if self.messages.iter().any(|message| message.envelope.is_some()) {
            return false;
        }
        let Some(next) = self.next.take() else { return false };
        self.target = next;
        (self.is_over, self.gives_up_at) = (false, None);
        self.gate = LaneGate::Closed;
        true
    }

    /// The receiver opens nothing more under the key of this lane. What it returns is queued again; gives the ends of what
    /// it has read, and of what cannot be queued.
    pub(super) fn returned(&mut self, word: ReadWord) -> Vec<(MessageId, Status)> {
        self.is_over = true;
        let mut ends = Vec::new();
        for message in &mut self.messages {
            match message.seq().and_then(|seq| word.fate(seq)) {
                Some(Fate::Read) => ends.push((message.id, Status::Read)),
                Some(Fate::Returned) if self.has_seat && message.plain.is_some() => {
                    message.unseal();
                }
                Some(Fate::Returned) => ends.push((message.id, Status::Expired)),
                Some(Fate::Leased) | None => {}
            }
        }
        ends
    }

    /// The receiver's session under the key of this lane has ended. Gives the ends of its messages; what was never handed
    /// over waits where the receiver has a seat. Of what an answer held when the receiver gave its word, only the receiver
    /// can say more.
    pub(super) fn gone(&mut self) -> Vec<(MessageId, Status)> {
        if self.is_over {
            return Vec::new();
        }
        if self.has_seat {
            let untouched = self.messages.iter_mut().filter(|message| !message.is_handed_over());
            untouched.for_each(OutboxMessage::unseal);
        }
        let may_wait = |message: &&OutboxMessage| self.has_seat && message.envelope.is_none();
        let ends = self.messages.iter().filter(|message| !may_wait(message));
        ends.filter_map(OutboxMessage::end_when_gone).collect()
    }

    pub(super) fn remove(&mut self, id: MessageId) -> Option<OutboxMessage> {
        let at = self.messages.iter().position(|message| message.id == id)?;
        self.messages.remove(at)
    }
}

impl OutboxMessage {
    /// A message that was not handed over yet, and a view of its status.
    pub(crate) fn new(
        id: MessageId,
        alias: Alias,
        plain: Plain,
        deadline: Instant,
        calls: SendingCall,
    ) -> (Self, watch::Receiver<Status>) {
        let (status, view) = watch::channel(Status::Queued);
        let message = Self {
            id,
            alias,
            bytes: plain.body.len(),
            plain: Some(plain),
            envelope: None,
            sealed_at: deadline,
            receipt_key: None,
            deadline,
            hand_over: HandOver::default(),
            refusal: Some(calls.refusal),
            outlook: calls.outlook,
            is_hindrance_told: false,
            status,
        };
        (message, view)
    }

    /// Takes the sealed form away: it was not read and never will be. The message is sealed again to another key, under the
    /// next number there. Without its text it stays as it is.
    fn unseal(&mut self) {
        if self.plain.is_none() || self.envelope.take().is_none() {
            return;
        }
        self.receipt_key = None;
        let HandOver { count, answers_due, was_returned, .. } = self.hand_over;
        let was_returned = was_returned || count > 0;
        self.hand_over = HandOver { answers_due, was_returned, ..HandOver::default() };
        self.status.send_replace(Status::Queued);
    }

    /// Whether the bytes that are sealed now were ever given to a socket.
    pub(super) fn is_handed_over(&self) -> bool {
        self.hand_over.count > 0
    }

    /// Whether they were given to one once.
    pub(super) fn is_handed_over_once(&self) -> bool {
        self.hand_over.count == 1
    }

    /// Counts an answer of the hub. False if it is for an earlier hand-over than the last, or if the message was returned
    /// since.
    pub(super) fn answered(&mut self) -> bool {
        self.hand_over.answers_due = self.hand_over.answers_due.saturating_sub(1);
        let is_last = self.hand_over.answers_due == 0 && self.is_handed_over();
        self.hand_over.is_answered |= is_last;
        is_last
    }

    /// Notes that the receiver has the message: the hub's answer says no more.
    pub(super) fn opened(&mut self) {
        self.hand_over.is_answered = true;
        self.progress(Status::Opened);
    }

    fn seq(&self) -> Option<Seq> {
        self.envelope.as_ref().map(|envelope| envelope.header.seq)
    }

    /// Whether the receiver has said that it opened the message.
    pub(super) fn is_opened(&self) -> bool {
        *self.status.borrow() == Status::Opened
    }

    /// Shows a better status; `accepted` never hides `opened`.
    pub(super) fn progress(&self, status: Status) {
        self.status.send_if_modified(|shown| {
            let better =
                *shown != status && !(*shown == Status::Opened && status == Status::Accepted);
            if better {
                *shown = status;
            }
            better
        });
    }

    /// The end of the message when its receiver is gone, unless the hub has yet to answer.
    pub(super) fn end_when_gone(&self) -> Option<(MessageId, Status)> {
        let HandOver { count, is_handed, is_answered, .. } = self.hand_over;
        let first_in_flight = is_handed && count == 1 && !is_answered;
        let status = match count {
            0 => Status::Refused(Refusal::Gone),
            _ => Status::Unconfirmed,
        };
        (!first_in_flight).then_some((self.id, status))
    }

    /// When the message ends if nothing more is heard of it.
    pub(super) fn ends_at(&self, grace: Duration) -> Instant {
        if !self.is_handed_over() { self.deadline } else { self.deadline + grace }
    }

    /// The status of a message that ends because its time is over.
    pub(super) fn status_when_over(&self) -> Status {
        if !self.is_handed_over() { Status::Expired } else { Status::Unconfirmed }
    }

    /// The status of a message that ends because the session leaves: if it was never handed over, it was provably not
    /// delivered.
    pub(super) fn status_when_left(&self) -> Status {
        if !self.is_handed_over() { Status::Refused(Refusal::Gone) } else { Status::Unconfirmed }
    }
}

/// Whether a sequence number may be taken while the message `oldest` has not ended.
fn within_window(oldest: Seq, seq: Seq) -> bool {
    seq.0 - oldest.0 < SEQ_WINDOW
}
