//! One receiver's messages, in their order.

use std::collections::VecDeque;
use std::time::Instant;

use junction_shared::protocol::id::{MessageId, PeerKey, Seq};
use junction_shared::protocol::limits::SEQ_WINDOW;
use junction_shared::protocol::wire::{Envelope, Send};

use super::message::OutboxMessage;
use crate::Status;
use crate::seal::ReceiptKey;

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
    /// The message was read.
    Read,
    /// The message may still be read, and another word follows.
    Leased,
    /// The message was not read and never will be.
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
        self.messages.iter_mut().for_each(OutboxMessage::connection_lost);
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
            self.messages.iter_mut().for_each(OutboxMessage::hand_over_again);
        }
    }

    /// The place of the next message to seal or to hand over.
    pub(super) fn position(&self, now: Instant) -> Option<usize> {
        if matches!(self.gate, LaneGate::Closed | LaneGate::Paused) {
            return None;
        }
        let at = self.messages.iter().position(|sent| sent.is_to_hand_over(now))?;
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
        if let Some(message) = self.messages.iter_mut().find(|message| message.id == id) {
            message.sealed(envelope, key, is_returnable, now);
        }
    }

    /// The frame that hands over a sealed message.
    pub(super) fn hand_over(&mut self, at: usize, now: Instant) -> Option<Send> {
        self.messages[at].hand_over(&mut self.restart, now)
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

/// Whether a sequence number may be taken while the message `oldest` has not ended.
fn within_window(oldest: Seq, seq: Seq) -> bool {
    seq.0 - oldest.0 < SEQ_WINDOW
}
