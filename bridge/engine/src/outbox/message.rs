//! One message in the outbox: its text, its sealed form, and how far it has come.

use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, Seq};
use junction_shared::protocol::wire::{Envelope, Outlook, Refusal, Send};
use tokio::sync::{oneshot, watch};

use crate::seal::{Plain, ReceiptKey};
use crate::{Lease, Status};

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

impl SendingCall {
    /// For a message that no call sends.
    pub(crate) fn nobodys() -> Self {
        Self { refusal: oneshot::channel().0, outlook: watch::channel(None).0 }
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

    /// The connection is over, and the hub may have lost what it held: a message that was not opened is `queued` again.
    pub(super) fn connection_lost(&mut self) {
        (self.hand_over.is_answered, self.hand_over.answers_due) = (false, 0);
        self.status.send_if_modified(|status| {
            let lost = *status == Status::Accepted;
            if lost {
                *status = Status::Queued;
            }
            lost
        });
    }

    /// The lane starts again from its lowest message.
    pub(super) fn hand_over_again(&mut self) {
        self.hand_over.is_handed = false;
    }

    /// Whether the message is to be handed over, or sealed for that.
    pub(super) fn is_to_hand_over(&self, now: Instant) -> bool {
        !self.hand_over.is_handed && now < self.deadline
    }

    /// Takes the sealed form.
    pub(super) fn sealed(
        &mut self,
        envelope: Envelope,
        key: ReceiptKey,
        is_returnable: bool,
        now: Instant,
    ) {
        self.plain.take_if(|_| !is_returnable);
        self.envelope = Some(envelope);
        self.receipt_key = Some(key);
        self.sealed_at = now;
    }

    /// The frame that hands over the sealed message. The message counts as written from now on: a socket that fails may
    /// have taken the bytes.
    pub(super) fn hand_over(&mut self, restart: &mut bool, now: Instant) -> Option<Send> {
        let envelope = self.envelope.clone()?;
        let age = now.saturating_duration_since(self.sealed_at);
        let send = Send {
            envelope,
            age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            resend: self.is_handed_over() || self.hand_over.was_returned,
            restart: std::mem::take(restart),
        };
        self.hand_over.count += 1;
        self.hand_over.answers_due += 1;
        self.hand_over.is_handed = true;
        Some(send)
    }

    /// Takes the sealed form away: it was not read and never will be. The message is sealed again to another key, under the
    /// next number there. Without its text it stays as it is.
    pub(super) fn unseal(&mut self) {
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

    pub(super) fn seq(&self) -> Option<Seq> {
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
