//! Hand-overs, pushes and receipts.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{ConnectionId, MessageId, PeerKey};
use junction_shared::protocol::limits::MAX_SEALED;
use junction_shared::protocol::wire::{
    Receipt, ReceiptKind, Refusal, Send, SignedOutlook, ToBridge,
};

use super::deadlines::Deadline;
use super::inbox::{Offset, StoredEnvelope, charge};
use super::observation::MessageStep;
use super::peer::PeerSession;
use super::{Output, Requester, State};

/// The outcome of a hand-over.
enum Verdict {
    Accepted,
    Refused(Refusal),
    Later,
}

impl State {
    /// Takes a hand-over or refuses it. Every hand-over gets exactly one answer.
    ///
    /// # Errors
    /// [`Close::ProtocolError`] if the sender has no card, is not the connection's peer, or sends too much.
    pub(super) fn hand_over(
        &mut self,
        requester: Requester,
        send: Send,
        now: Duration,
    ) -> Result<(), Close> {
        let header = &send.envelope.header;
        // Without a card nobody could open the message, and its receiver would wait for one.
        let has_card = self.peers.get(&requester.key).is_some_and(|peer| peer.card.is_some());
        if !has_card || header.from != requester.key || send.envelope.sealed.len() > MAX_SEALED {
            return Err(Close::ProtocolError);
        }
        let (id, to) = (header.id, header.to);
        let answer = match self.judge(requester, send, now) {
            Verdict::Accepted => ToBridge::Accepted(id),
            Verdict::Refused(refusal) => ToBridge::Refused(id, refusal),
            Verdict::Later => ToBridge::Later(id),
        };
        let waits = matches!(answer, ToBridge::Later(_));
        self.send(requester.id, answer);
        if waits {
            // Room may have come since the pair was deferred: then the sender is notified right after the
            // `Later`.
            self.notify_room(&to);
        }
        Ok(())
    }

    fn judge(&mut self, requester: Requester, send: Send, now: Duration) -> Verdict {
        let header = &send.envelope.header;
        let (to, from) = (header.to, header.from);
        if self.group.is_some_and(|group| group != header.group) {
            // A bridge could only take the envelope for a fault of its hub. The hub has no receivers of another group.
            return Verdict::Refused(Refusal::Gone);
        }
        if to == from {
            return Verdict::Refused(Refusal::ToSelf);
        }
        if send.restart {
            // Before the search: the sender's oldest message may already be here, with others deferred behind
            // it.
            self.backpressure.release(to, from);
        }
        // A sender is notified when the receiver goes.
        self.follow(requester, &to);
        if let Some((_, stored)) = self.store.find(&to, from, header.id) {
            let same = *stored.envelope == send.envelope;
            return if same { Verdict::Accepted } else { Verdict::Refused(Refusal::IdConflict) };
        }
        if self.peers.get(&from).is_some_and(PeerSession::is_unseated) {
            // The session that has the seat now may have sent to this receiver already, and would be overtaken.
            return Verdict::Refused(Refusal::Gone);
        }
        if !self.takes_mail(&to, now) {
            return Verdict::Refused(Refusal::Gone);
        }
        self.judge_room(send, now)
    }

    fn judge_room(&mut self, send: Send, now: Duration) -> Verdict {
        let header = &send.envelope.header;
        let (to, from) = (header.to, header.from);
        let charge = charge(send.envelope.sealed.len());
        if self.backpressure.is_deferred(to, from) {
            self.backpressure.renew(to, from);
            return Verdict::Later;
        }
        if self.store.has_room(&to, &from, charge) {
            self.keep(send, now);
            return Verdict::Accepted;
        }
        if !send.resend {
            return Verdict::Refused(Refusal::InboxFull);
        }
        // The hub may have had this message before, so it cannot be refused any more, and others must not
        // overtake it.
        self.backpressure.defer(to, from, charge, charge > self.store.room());
        Verdict::Later
    }

    /// Returns whether mail for this peer can still be read: the peer has a session, or may come back during
    /// the restart grace.
    pub(super) fn takes_mail(&self, to: &PeerKey, now: Duration) -> bool {
        match self.peers.get(to) {
            // It opens nothing more, once it knows.
            Some(peer) => !peer.is_unseated(),
            None => self.in_restart_grace(now) && !self.tombstones.has_left(to),
        }
    }

    fn keep(&mut self, send: Send, now: Duration) {
        let Send { envelope, age_ms, .. } = send;
        let (to, from) = (envelope.header.to, envelope.header.from);
        let ttl = Duration::from_millis(envelope.header.ttl_ms.saturating_sub(age_ms));
        let expires_at = now + ttl.min(self.timeouts.session_timeout);
        let stored =
            StoredEnvelope { envelope: Box::new(envelope), accepted_at: now, age_ms, expires_at };
        self.observe_message(&stored, MessageStep::Accepted);
        let offset = self.store.push(stored);
        if let Some(sender) = self.peers.get_mut(&from) {
            sender.returned.note_receiver(to);
        }
        self.deadlines.set(expires_at, Deadline::Envelope(to, offset));
        if let Some(connection) = self.connection_of(&to) {
            self.out.push(Output::MailReady(connection));
        }
    }

    /// Returns the next frame to push on a connection: mail in order of arrival, without gaps, and then attachments.
    pub fn next_push(&mut self, id: ConnectionId, now: Duration) -> Option<ToBridge> {
        let key = self.connections.get(&id)?;
        let connection = self.peers.get_mut(key)?.connection.as_mut()?;
        if connection.repushes > 0 {
            // The answer comes first: the mail after it starts at the beginning of the inbox.
            connection.repushes -= 1;
            return Some(ToBridge::Repushing);
        }
        let Some((offset, stored)) = self.store.from(key, connection.cursor) else {
            // Messages are never behind attachments.
            return self.next_chunk(id);
        };
        connection.cursor = offset.next();
        Some(ToBridge::Deliver((*stored.envelope).clone(), stored.age_ms(now)))
    }

    /// Restarts the push at the beginning of the inbox.
    pub(super) fn repush(&mut self, requester: Requester) {
        let connection =
            self.peers.get_mut(&requester.key).and_then(|peer| peer.connection.as_mut());
        if let Some(connection) = connection {
            connection.cursor = Offset::default();
            connection.repushes = connection.repushes.saturating_add(1);
            self.out.push(Output::MailReady(requester.id));
        }
    }

    /// Forwards a receipt to the sender of a message, and removes the message if the receipt is final. Only
    /// mail addressed to this connection's own key can be removed. An outlook that is too long is left out.
    pub(super) fn receipt(&mut self, requester: Requester, mut receipt: Receipt) {
        // What waits for a sender counts by frames, so none may be long.
        receipt.outlook.take_if(|outlook| outlook.body.len() > SignedOutlook::MAX_BODY);
        self.observe_receipt(requester, (receipt.to, receipt.id), receipt.kind);
        if is_end(receipt.kind) {
            self.forget_message(&requester.key, receipt.to, receipt.id);
        }
        if let Some(sender) = self.connection_of(&receipt.to) {
            self.send(sender, ToBridge::Receipt(receipt));
        }
    }

    fn forget_message(&mut self, to: &PeerKey, from: PeerKey, id: MessageId) {
        let Some((offset, stored)) = self.store.find(to, from, id) else { return };
        self.deadlines.clear(stored.expires_at, Deadline::Envelope(*to, offset));
        self.discard(to, offset, None);
    }

    /// Removes an envelope whose deadline is already cleared, and notes what became of it, unless that was noted.
    pub(super) fn discard(&mut self, to: &PeerKey, offset: Offset, step: Option<MessageStep>) {
        if let Some(stored) = self.store.take(to, offset) {
            if let Some(step) = step {
                self.observe_message(&stored, step);
            }
            self.drop_last_card(&stored.envelope.header.from);
            self.notify_room(to);
        }
    }

    /// Removes all mail of one sender to a peer.
    pub(super) fn discard_from(&mut self, to: &PeerKey, from: PeerKey) {
        for (offset, expires_at) in self.store.all_from(to, from) {
            self.deadlines.clear(expires_at, Deadline::Envelope(*to, offset));
            self.discard(to, offset, Some(MessageStep::Returned));
        }
    }

    /// Removes all mail for a peer.
    pub(super) fn discard_all(&mut self, to: &PeerKey) {
        for (offset, stored) in self.store.empty(to) {
            self.deadlines.clear(stored.expires_at, Deadline::Envelope(*to, offset));
            self.observe_message(&stored, MessageStep::Dropped);
            self.drop_last_card(&stored.envelope.header.from);
        }
        self.notify_room(to);
    }

    /// Drops the last card of a sender that is gone, once no mail from it is left.
    fn drop_last_card(&mut self, sender: &PeerKey) {
        if !self.store.has_mail_from(sender) {
            self.tombstones.forget_card(sender);
        }
    }

    fn notify_room(&mut self, to: &PeerKey) {
        let store = &self.store;
        let fits = |to: &PeerKey, from: &PeerKey, charge| store.has_room(to, from, charge);
        let mut notified = self.backpressure.notify(*to, store.room(), fits);
        notified.extend(self.backpressure.notify_hub_room(store.room(), fits));
        for (to, from) in notified {
            if let Some(sender) = self.connection_of(&from) {
                self.send(sender, ToBridge::Room(to));
            }
        }
    }
}

/// Returns whether this receipt is the end of its message.
fn is_end(kind: ReceiptKind) -> bool {
    match kind {
        ReceiptKind::Read | ReceiptKind::Expired | ReceiptKind::Stale => true,
        ReceiptKind::Opened => false,
    }
}
