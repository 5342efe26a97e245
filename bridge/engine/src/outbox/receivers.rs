//! What the outbox makes of what receivers say, and of their keys: receipts, return words, newer keys of a seat.

use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Hindrance, Outlook, ReceiptKind};

use super::corrections::Correctable;
use super::lane::{Lane, LaneGate, ReadWord};
use super::{EndedMessage, Outbox};
use crate::Status;
use crate::seal::ReceiptKey;

/// How long what was sealed to an older key of a seat may wait for its end once a newer one is known. A bridge that is
/// alive has dialed its hub again by then.
pub(super) const OLDER_KEY_PATIENCE: Duration = Duration::from_secs(6);

impl Outbox {
    /// The receiver has a newer key. Messages go there once nothing that was sealed to the older one is without an end.
    pub(crate) fn succeeded(&mut self, origin: PeerKey, key: PeerKey, now: Instant) {
        let Some(lane) = self.lanes.get_mut(&origin) else { return };
        if lane.target == key || lane.next == Some(key) {
            return;
        }
        lane.has_seat = true;
        lane.next = Some(key);
        lane.gives_up_at = Some(now + OLDER_KEY_PATIENCE);
        self.switch(origin);
    }

    /// The receiver with this key has a seat for certain.
    pub(crate) fn seated(&mut self, key: PeerKey) {
        if let Some((_, lane)) = self.lane_to(key) {
            lane.has_seat = true;
        }
    }

    /// Whether messages wait that go to this key, or to the next one of its seat.
    pub(crate) fn has_waiting(&mut self, key: PeerKey) -> bool {
        self.lane_to(key).is_some_and(|(_, lane)| !lane.messages.is_empty())
    }

    /// Sends what waits to the newer key, if nothing holds it back any more.
    pub(super) fn switch(&mut self, origin: PeerKey) {
        let Some(lane) = self.lanes.get_mut(&origin) else { return };
        let (older, last) = (lane.target, lane.last_seq);
        if lane.switch() {
            self.past_sequences.insert(older, last);
            lane.last_seq = self.past_sequences.get(&lane.target).copied().unwrap_or_default();
            self.routes.remove(&older);
            self.routes.insert(lane.target, origin);
            self.new_targets.push(lane.target);
        }
    }

    /// Keys that lanes go to since the last call: their lanes are closed until they are opened.
    pub(crate) fn take_new_targets(&mut self) -> Vec<PeerKey> {
        std::mem::take(&mut self.new_targets)
    }

    /// The receiver with this key says what it has read, and that it opens nothing more. What it has not read is queued
    /// again if the receiver has a seat and the text is still here, and otherwise ends `expired`.
    pub(crate) fn returned(&mut self, from: PeerKey, word: ReadWord) {
        for (ended, read) in self.corrections.take_decided(from, word) {
            let Correctable { id, to, is_refused, .. } = ended;
            if is_refused && !read {
                continue;
            }
            let status = if read { Status::Read } else { Status::Expired };
            self.ended.push(EndedMessage { id, to, status, refusal: None });
        }
        let Some(origin) = self.routes.get(&from).copied() else { return };
        let Some(lane) = self.lanes.get_mut(&origin) else { return };
        for (id, status) in lane.returned(word) {
            self.end(id, status);
        }
        self.switch(origin);
    }

    /// Takes in an authentic receipt. A late one corrects `unconfirmed` and `refused`.
    pub(crate) fn receipt(&mut self, id: MessageId, kind: ReceiptKind) {
        let end = match kind {
            ReceiptKind::Opened => {
                if let Some(message) = self.message(id) {
                    message.opened();
                }
                return;
            }
            ReceiptKind::Read => Status::Read,
            ReceiptKind::Expired => Status::Expired,
            ReceiptKind::Stale => Status::Unconfirmed,
        };
        if self.receivers.contains_key(&id) {
            self.end(id, end);
        } else if end != Status::Unconfirmed
            && let Some(old) = self.corrections.take(id)
        {
            self.ended.push(EndedMessage { id, to: old.to, status: end, refusal: None });
        }
    }

    /// The receiver's bridge says when its agent will be told of a message. Returns the alias that the message was sent
    /// to, and why its agent is not woken, if that is news: once for each message, if the bridge had opened it before and
    /// the call that sent it has been answered.
    pub(crate) fn outlook(
        &mut self,
        id: MessageId,
        outlook: Outlook,
    ) -> Option<(Alias, Hindrance)> {
        let message = self.message(id)?;
        let is_late = message.is_opened() && message.outlook.is_closed();
        message.outlook.send_replace(Some(outlook));
        let why = outlook.hindrance.filter(|_| is_late)?;
        let is_first = !std::mem::replace(&mut message.is_hindrance_told, true);
        is_first.then(|| (message.alias.clone(), why))
    }

    /// The receiver is gone. A message that the hub has yet to answer on this connection waits for that answer, which
    /// says more. What was never handed over waits for the receiver's seat to come back, if it has one.
    pub(crate) fn gone(&mut self, to: PeerKey) {
        let Some((origin, lane)) = self.lane_to(to) else { return };
        let ends = lane.gone();
        lane.set_gate(LaneGate::Closed);
        for (id, status) in ends {
            self.end(id, status);
        }
        self.switch(origin);
    }

    /// Ends what was sealed to an older key of a seat that nobody has said anything of for too long.
    pub(super) fn give_up_older_keys(&mut self, now: Instant) {
        let is_late = |lane: &&Lane| lane.gives_up_at.is_some_and(|at| at <= now);
        let late = self.lanes.values().filter(is_late).flat_map(|lane| &lane.messages);
        let sealed = late.filter(|message| message.envelope.is_some()).map(|message| message.id);
        for id in sealed.collect::<Vec<_>>() {
            self.end(id, Status::Unconfirmed);
        }
    }

    /// The key to check a receipt with: of a message on its way, or of one that ended `unconfirmed`.
    pub(crate) fn receipt_key(&self, id: MessageId) -> Option<ReceiptKey> {
        let known = self.receivers.get(&id).and_then(|to| self.lanes.get(to));
        if let Some(message) =
            known.and_then(|lane| lane.messages.iter().find(|message| message.id == id))
        {
            return message.receipt_key.clone();
        }
        self.corrections.receipt_key(id)
    }

    /// The key that a message was sealed to.
    pub(crate) fn sealed_to(&self, id: MessageId) -> Option<PeerKey> {
        let known = self.receivers.get(&id).and_then(|origin| self.lanes.get(origin));
        let message = known.and_then(|lane| lane.messages.iter().find(|sent| sent.id == id));
        let envelope = message.and_then(|message| message.envelope.as_ref());
        envelope.map(|envelope| envelope.header.to).or_else(|| self.corrections.sealed_to(id))
    }

    /// Ends all sealed messages: nobody can open them any more.
    pub(crate) fn give_up_sealed(&mut self) {
        let all = self.lanes.values().flat_map(|lane| &lane.messages);
        let sealed: Vec<_> =
            all.filter(|message| message.envelope.is_some()).map(|message| message.id).collect();
        for id in sealed {
            self.end(id, Status::Unconfirmed);
        }
    }

    /// A connection began: words about what was sealed to older keys can come again.
    pub(crate) fn connected(&mut self, now: Instant) {
        for lane in self.lanes.values_mut().filter(|lane| lane.next.is_some()) {
            lane.gives_up_at = Some(now + OLDER_KEY_PATIENCE);
        }
    }
}
