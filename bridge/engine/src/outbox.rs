//! The outbox: messages that this session sends, from their submission to their end. A pure machine: no clock, no
//! cipher, no I/O. The session asks for the `next` step and passes on what the hub and the peers said.
//!
//! ```text
//! submit → queued ─ seal ─ hand over → accepted → opened → read
//!              │                │ refused (first hand-over only)     any end without a receipt:
//!              └ expired        └ expired (authentic receipt)        unconfirmed
//! ```
//!
//! A receiver that opens nothing more under its key returns what it has not read: such a message is queued again, and
//! sealed to the next key of the receiver's seat. Nothing is sealed to a newer key before everything that was sealed to the
//! older one has ended or was returned, so that the order holds.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey, Seq};
use junction_shared::protocol::limits::{OUTBOX_BYTES, OUTBOX_MESSAGES, PAIR_BYTES, PAIR_MESSAGES};
use junction_shared::protocol::wire::{Envelope, Refusal, Send};
use tokio::sync::oneshot;

use crate::seal::{Plain, ReceiptKey};
use crate::{Lease, Status};

mod corrections;
mod lane;
mod message;
mod receivers;

use corrections::{Correctable, Corrections};
use lane::{Lane, LaneGate};

pub(crate) use lane::ReadWord;
pub(crate) use message::{OutboxMessage, SendingCall};

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutboxFull {
    /// There are as many messages to this peer as may be.
    Peer,
    /// There are as many messages in the outbox as may be.
    Outbox,
}

/// The end of a message.
pub(crate) struct EndedMessage {
    pub(crate) id: MessageId,
    pub(crate) to: Alias,
    pub(crate) status: Status,
    /// The call that is to tell of a refusal itself.
    pub(crate) refusal: Option<oneshot::Sender<Lease>>,
}

/// What to do next for the hub.
pub(crate) enum OutboxStep<'a> {
    /// Seal this message and give it back by [`Outbox::sealed`].
    Seal(Unsealed<'a>),
    /// Hand over these bytes.
    HandOver(Send),
}

/// A message that needs sealing, and its sequence number.
pub(crate) struct Unsealed<'a> {
    pub(crate) id: MessageId,
    pub(crate) to: PeerKey,
    pub(crate) seq: Seq,
    pub(crate) plain: &'a Plain,
    /// What is left of its time to live.
    pub(crate) ttl: Duration,
}

/// Messages by receiver, until their end is known.
#[derive(Default)]
pub(crate) struct Outbox {
    /// Lanes by the key that their receiver is known by. None is ever removed: it keeps its sequence number for the life of
    /// the process.
    lanes: HashMap<PeerKey, Lane>,
    /// The lane of every key that messages go to now.
    routes: HashMap<PeerKey, PeerKey>,
    /// The last sequence numbers of keys that messages go to no more.
    past_sequences: HashMap<PeerKey, Seq>,
    /// Lanes that may have something to hand over, in turn.
    active: VecDeque<PeerKey>,
    receivers: HashMap<MessageId, PeerKey>,
    bytes: usize,
    corrections: Corrections,
    ended: Vec<EndedMessage>,
    /// Keys that lanes go to since the last call of [`Outbox::take_new_targets`].
    new_targets: Vec<PeerKey>,
    times: OutboxTimes,
}

/// How long the outbox waits past the time of a message.
#[derive(Clone, Copy, Default)]
pub(crate) struct OutboxTimes {
    /// How long a sealed message waits for a receipt: the hub's sweep interval.
    pub(crate) grace: Duration,
    /// How long a message that ended `unconfirmed` can be corrected: as long as its receiver may still read it.
    pub(crate) correctable: Duration,
}

/// Where a message goes.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    /// The key that the receiver is known by.
    pub(crate) origin: PeerKey,
    /// The receiver's newest key.
    pub(crate) key: PeerKey,
    /// Whether the receiver has a seat for certain: then messages that were not read wait for its return.
    pub(crate) has_seat: bool,
}

impl From<PeerKey> for Destination {
    /// A receiver without a seat.
    fn from(key: PeerKey) -> Self {
        Self { origin: key, key, has_seat: false }
    }
}

impl Outbox {
    /// Takes a message for this receiver.
    ///
    /// # Errors
    /// [`OutboxFull`] if a bound would be passed; nothing is kept then.
    pub(crate) fn submit(
        &mut self,
        to: Destination,
        message: OutboxMessage,
    ) -> Result<(), OutboxFull> {
        let bytes = message.bytes;
        if self.receivers.len() >= OUTBOX_MESSAGES || self.bytes + bytes > OUTBOX_BYTES {
            return Err(OutboxFull::Outbox);
        }
        // One key has one lane, and one count of sequence numbers, whatever is known of its seat.
        let origin = self.routes.get(&to.key).copied().unwrap_or(to.origin);
        let lane = self.lanes.entry(origin).or_insert_with(|| Lane::new(to.key));
        if lane.messages.len() >= PAIR_MESSAGES || lane.bytes() + bytes > PAIR_BYTES {
            return Err(OutboxFull::Peer);
        }
        lane.has_seat |= to.has_seat;
        self.routes.insert(lane.target, origin);
        self.receivers.insert(message.id, origin);
        lane.messages.push_back(message);
        self.bytes += bytes;
        self.activate(origin);
        Ok(())
    }

    /// Removes a message that was submitted and never handed over, without an end.
    pub(crate) fn withdraw(&mut self, id: MessageId) {
        let Some(to) = self.receivers.remove(&id) else { return };
        if let Some(message) = self.lanes.get_mut(&to).and_then(|lane| lane.remove(id)) {
            self.bytes -= message.bytes;
        }
    }

    /// Sets how long to wait past the time of a message.
    pub(crate) fn set_times(&mut self, times: OutboxTimes) {
        self.times = times;
    }

    /// A connection ended: nothing is handed over until each receiver has been looked up again.
    pub(crate) fn close_all(&mut self) {
        self.active.clear();
        for lane in self.lanes.values_mut() {
            lane.close();
        }
    }

    /// Keys of receivers with messages that wait for a look-up on this connection.
    pub(crate) fn awaiting_lookup(&self) -> Vec<PeerKey> {
        let waits = |lane: &&Lane| lane.gate == LaneGate::Closed && !lane.messages.is_empty();
        self.lanes.values().filter(waits).map(|lane| lane.target).collect()
    }

    /// The receiver's newest card is known on this connection.
    pub(crate) fn open(&mut self, to: PeerKey) {
        self.set_gate(to, LaneGate::Open);
    }

    /// The hub does not know the receiver yet: sealed messages may wait in the receiver's inbox.
    pub(crate) fn open_for_sealed(&mut self, to: PeerKey) {
        self.set_gate(to, LaneGate::SealedOnly);
    }

    /// Only [`Outbox::room`] opens what the hub holds back.
    fn set_gate(&mut self, to: PeerKey, gate: LaneGate) {
        let Some((origin, lane)) = self.lane_to(to) else { return };
        if lane.gate != LaneGate::Paused {
            lane.set_gate(gate);
            self.activate(origin);
        }
    }

    /// The lane whose messages go to this key.
    fn lane_to(&mut self, key: PeerKey) -> Option<(PeerKey, &mut Lane)> {
        let origin = self.routes.get(&key).copied()?;
        Some((origin, self.lanes.get_mut(&origin)?))
    }

    /// The next thing to do for the hub, if there is one. Receivers take turns.
    pub(crate) fn next(&mut self, now: Instant) -> Option<OutboxStep<'_>> {
        let origin = self.turn(now)?;
        self.active.rotate_left(1);
        let lane = self.lanes.get_mut(&origin)?;
        let to = lane.target;
        let at = lane.position(now)?;
        if lane.messages[at].envelope.is_some() {
            return lane.hand_over(at, now).map(OutboxStep::HandOver);
        }
        let seq = lane.next_seq();
        let message = &lane.messages[at];
        let ttl = message.deadline.saturating_duration_since(now);
        let plain = message.plain.as_ref()?;
        Some(OutboxStep::Seal(Unsealed { id: message.id, to, seq, plain, ttl }))
    }

    /// Whether [`Outbox::next`] has a step.
    pub(crate) fn has_next(&mut self, now: Instant) -> bool {
        self.turn(now).is_some()
    }

    /// The first lane in turn that has a step; lanes without one leave the round.
    fn turn(&mut self, now: Instant) -> Option<PeerKey> {
        while let Some(to) = self.active.front() {
            if self.lanes.get(to).is_some_and(|lane| lane.position(now).is_some()) {
                return Some(*to);
            }
            self.active.pop_front();
        }
        None
    }

    /// Takes the sealed form of a message; from now on the same bytes go out on every try. The text is wiped, unless the
    /// receiver may return it.
    pub(crate) fn sealed(
        &mut self,
        envelope: Envelope,
        key: ReceiptKey,
        is_returnable: bool,
        now: Instant,
    ) {
        if let Some((_, lane)) = self.lane_to(envelope.header.to) {
            lane.sealed(envelope, key, is_returnable, now);
        }
    }

    /// A message that cannot be sealed to its receiver at all.
    pub(crate) fn unsealable(&mut self, id: MessageId, why: Refusal) {
        self.end(id, Status::Refused(why));
    }

    /// The hub keeps the message.
    pub(crate) fn accepted(&mut self, id: MessageId) {
        if let Some(message) = self.message(id)
            && message.answered()
        {
            message.progress(Status::Accepted);
        }
    }

    /// The hub refused the message. That is its end only if its bytes were never written before.
    pub(crate) fn refused(&mut self, id: MessageId, reason: Refusal) {
        // The receiver's receipt counts, not what the hub says.
        // What an answer of the receiver holds, its own word ends.
        let is_over = self.receivers.get(&id).and_then(|origin| self.lanes.get(origin));
        let is_over = is_over.is_some_and(|lane| lane.is_over);
        let Some(message) = self.message(id) else { return };
        if !message.answered() || message.is_opened() || is_over {
            return;
        }
        let first = message.is_handed_over_once();
        self.end(id, if first { Status::Refused(reason) } else { Status::Unconfirmed });
    }

    /// The hub has no room now: this message and all after it wait.
    pub(crate) fn later(&mut self, id: MessageId) {
        if !self.message(id).is_some_and(OutboxMessage::answered) {
            return;
        }
        if let Some(lane) = self.receivers.get(&id).and_then(|origin| self.lanes.get_mut(origin)) {
            lane.set_gate(LaneGate::Paused);
        }
    }

    /// The hub has room again for this receiver: from the lowest message without an end.
    pub(crate) fn room(&mut self, to: PeerKey) {
        let Some((origin, lane)) = self.lane_to(to) else { return };
        if lane.gate == LaneGate::Paused {
            lane.set_gate(LaneGate::Open);
            self.activate(origin);
        }
    }

    /// Whether a message has not ended.
    pub(crate) fn has(&self, id: MessageId) -> bool {
        self.receivers.contains_key(&id)
    }

    /// Ends messages that have outlived their time. One that was never handed over was provably never read; of another
    /// one nobody can say, once the time for a receipt has passed too.
    pub(crate) fn expire(&mut self, now: Instant) {
        let grace = self.times.grace;
        self.corrections.expire(now);
        self.give_up_older_keys(now);
        let ends: Vec<_> = (self.lanes.values())
            .flat_map(|lane| &lane.messages)
            .filter(|message| message.ends_at(grace) <= now)
            .map(|message| (message.id, message.status_when_over()))
            .collect();
        for (id, status) in ends {
            self.end(id, status);
        }
    }

    /// When [`Outbox::expire`] has something to do, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let messages = self.lanes.values().flat_map(|lane| &lane.messages);
        let ends = messages.map(|message| message.ends_at(self.times.grace));
        let given_up = self.lanes.values().filter_map(|lane| lane.gives_up_at);
        ends.chain(given_up).chain(self.corrections.deadline()).min()
    }

    /// Ends since the last call.
    pub(crate) fn take_ended(&mut self) -> Vec<EndedMessage> {
        std::mem::take(&mut self.ended)
    }

    /// Whether every message has come to its end.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.receivers.is_empty()
    }

    /// Whether a message that was handed over still waits for a receipt.
    pub(crate) fn has_in_flight(&self) -> bool {
        self.lanes.values().flat_map(|lane| &lane.messages).any(OutboxMessage::is_handed_over)
    }

    /// Messages without an end, as the session leaves.
    pub(crate) fn abandon(&mut self) -> Vec<(MessageId, Alias, Status)> {
        let all = self.lanes.values().flat_map(|lane| &lane.messages);
        let left: Vec<_> = all
            .map(|message| (message.id, message.alias.clone(), message.status_when_left()))
            .collect();
        for (id, _, status) in &left {
            self.end(*id, *status);
        }
        left
    }

    fn message(&mut self, id: MessageId) -> Option<&mut OutboxMessage> {
        let to = self.receivers.get(&id)?;
        self.lanes.get_mut(to)?.messages.iter_mut().find(|message| message.id == id)
    }

    fn end(&mut self, id: MessageId, status: Status) {
        let Some(to) = self.receivers.remove(&id) else { return };
        let Some(lane) = self.lanes.get_mut(&to) else { return };
        let Some(message) = lane.remove(id) else { return };
        self.bytes -= message.bytes;
        message.progress(status);
        // A refusal is only what the hub says, so a receipt can correct it too.
        let is_correctable = matches!(status, Status::Unconfirmed | Status::Refused(_));
        if let (Some(key), Some(envelope), true) =
            (&message.receipt_key, &message.envelope, is_correctable)
        {
            let (sealed_to, seq) = (envelope.header.to, envelope.header.seq);
            let (to, key) = (message.alias.clone(), key.clone());
            let dies = message.deadline + self.times.correctable;
            let is_refused = status != Status::Unconfirmed;
            let ended = Correctable { id, to, is_refused, key, sealed_to, seq, dies };
            self.corrections.keep(ended);
        }
        let refusal = message.refusal.filter(|_| matches!(status, Status::Refused(_)));
        self.ended.push(EndedMessage { id, to: message.alias, status, refusal });
        self.switch(to);
        // The end may have opened the window of sequence numbers, or left a new lowest message.
        self.activate(to);
    }

    fn activate(&mut self, to: PeerKey) {
        if !self.active.contains(&to) {
            self.active.push_back(to);
        }
    }
}

#[cfg(test)]
mod tests;
