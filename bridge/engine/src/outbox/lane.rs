//! One receiver's messages, in their order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, Seq};
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

/// The messages to one receiver that have no end yet.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) messages: VecDeque<OutboxMessage>,
    pub(super) gate: LaneGate,
    /// The last sequence number taken; never reset.
    last_seq: Seq,
    /// Whether the next hand-over is the lowest message without an end; its frame says so.
    restart: bool,
}

/// A message in the outbox.
pub(crate) struct OutboxMessage {
    pub(super) id: MessageId,
    pub(super) alias: Alias,
    /// The text, until it is sealed.
    pub(super) plain: Option<Plain>,
    pub(super) bytes: usize,
    pub(super) envelope: Option<Envelope>,
    sealed_at: Instant,
    /// What the message's receipts are checked with, once it is sealed: keys that could open it are not kept.
    pub(super) receipt_key: Option<ReceiptKey>,
    pub(super) deadline: Instant,
    /// How often the message's bytes were given to a socket.
    pub(super) hand_overs: u32,
    /// Whether the bytes were given to this connection's socket since the lane was last opened.
    handed: bool,
    /// Whether the hub has answered the hand-over.
    pub(super) answered: bool,
    /// The call that tells of a refusal.
    pub(super) refusal: Option<oneshot::Sender<Lease>>,
    /// The call that tells when the receiver's agent will be woken.
    pub(super) outlook: watch::Sender<Option<Outlook>>,
    /// Whether the agent was told, after that call, why the receiver's agent is not woken.
    pub(super) is_hindrance_told: bool,
    status: watch::Sender<Status>,
}

/// Where the call that sends a message waits for what it tells of it.
pub(crate) struct SendingCall {
    /// For the hold on a refusal.
    pub(crate) refusal: oneshot::Sender<Lease>,
    /// For the newest outlook that the receiver's bridge gives.
    pub(crate) outlook: watch::Sender<Option<Outlook>>,
}

impl Lane {
    pub(super) fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.bytes).sum()
    }

    /// The connection is over, and the hub may have lost what it held: a message that was not opened is `queued` again.
    pub(super) fn close(&mut self) {
        self.set_gate(LaneGate::Closed);
        for message in &mut self.messages {
            message.answered = false;
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
            self.messages.iter_mut().for_each(|message| message.handed = false);
        }
    }

    /// The place of the next message to seal or to hand over.
    pub(super) fn position(&self, now: Instant) -> Option<usize> {
        if matches!(self.gate, LaneGate::Closed | LaneGate::Paused) {
            return None;
        }
        let at =
            self.messages.iter().position(|message| !message.handed && now < message.deadline)?;
        let message = &self.messages[at];
        if message.envelope.is_some() {
            return Some(at);
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

    pub(super) fn sealed(&mut self, envelope: Envelope, key: ReceiptKey, now: Instant) {
        let id = envelope.header.id;
        self.last_seq = self.last_seq.max(envelope.header.seq);
        let Some(message) = self.messages.iter_mut().find(|message| message.id == id) else {
            return;
        };
        message.plain = None;
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
            resend: message.hand_overs > 0,
            restart: std::mem::take(&mut self.restart),
        };
        message.hand_overs += 1;
        message.handed = true;
        Some(send)
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
            hand_overs: 0,
            handed: false,
            answered: false,
            refusal: Some(calls.refusal),
            outlook: calls.outlook,
            is_hindrance_told: false,
            status,
        };
        (message, view)
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
        let first_in_flight = self.handed && self.hand_overs == 1 && !self.answered;
        let status = match self.hand_overs {
            0 => Status::Refused(Refusal::Gone),
            _ => Status::Unconfirmed,
        };
        (!first_in_flight).then_some((self.id, status))
    }

    /// When the message ends if nothing more is heard of it.
    pub(super) fn ends_at(&self, grace: Duration) -> Instant {
        if self.hand_overs == 0 { self.deadline } else { self.deadline + grace }
    }

    /// The status of a message that ends because its time is over.
    pub(super) fn status_when_over(&self) -> Status {
        if self.hand_overs == 0 { Status::Expired } else { Status::Unconfirmed }
    }

    /// The status of a message that ends because the session leaves: if it was never handed over, it was provably not
    /// delivered.
    pub(super) fn status_when_left(&self) -> Status {
        if self.hand_overs == 0 { Status::Refused(Refusal::Gone) } else { Status::Unconfirmed }
    }
}

/// Whether a sequence number may be taken while the message `oldest` has not ended.
fn within_window(oldest: Seq, seq: Seq) -> bool {
    seq.0 - oldest.0 < SEQ_WINDOW
}
