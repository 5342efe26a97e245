//! What a session makes of pushed envelopes, of receipts, and of mail that comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::MAX_SEALED;
use junction_shared::protocol::wire::{
    Envelope, Header, Receipt, ReceiptKind, Return, ReturnBody, ToHub,
};

use super::Session;
use super::intake::{Currency, IntakeStep, Opening, PushedEnvelope};
use super::misbehaviour::{Misbehaviour, PeerFault};
use crate::Message;
use crate::attachment::infos_of;
use crate::hops::Hops;
use crate::mailbox::{Arrival, MailboxMessage};
use crate::message::MessageSender;
use crate::outbox::ReadWord;
use crate::seal::{
    Plain, ReceiptDetails, ReceiptKey, outlook_of, pair_psk, receipt_holds, receipt_with,
    return_holds, return_of, seat_of, stale_holds,
};

impl Session {
    /// The hub pushed an envelope.
    pub(super) fn delivered(&mut self, envelope: Envelope, age_ms: u64, now: Instant) {
        let (header, me) = (&envelope.header, self.membership.key());
        let is_for_us = header.to == me && header.from != me && envelope.sealed.len() <= MAX_SEALED;
        if !is_for_us {
            return self.misbehaves(Misbehaviour::OtherReceiver);
        }
        if self.group_id() != Some(header.group) {
            return PeerFault::OtherGroup.log();
        }
        let left = Duration::from_millis(header.ttl_ms.saturating_sub(age_ms));
        let deadline = now + left.min(self.session_timeout);
        // A card whose changes are not pushed may be an old one: the sender's alias comes from the newest.
        let sender = self.directory.get(&header.from);
        let currency = match sender.filter(|peer| peer.subscribed) {
            None => Currency::Unknown,
            Some(peer) if peer.card.seat.is_some() => Currency::Seated,
            Some(_) => Currency::Current,
        };
        match self.intake.pushed(PushedEnvelope { envelope, deadline }, currency) {
            IntakeStep::Drop => {}
            IntakeStep::LookUp(from) => self.subscribe(from),
            IntakeStep::Open(pushed) => self.open_envelope(pushed, now),
        }
    }

    /// Opens the envelopes of a sender whose card is known, in their order.
    pub(super) fn open_held(&mut self, from: PeerKey, now: Instant) {
        if self.directory.get(&from).is_some() {
            for pushed in self.intake.release(from) {
                self.open_envelope(pushed, now);
            }
            self.ask_for_dropped();
        }
    }

    fn open_envelope(&mut self, pushed: PushedEnvelope, now: Instant) {
        let PushedEnvelope { envelope, deadline } = pushed;
        let from = envelope.header.from;
        let (Some((group, _)), Some(sender)) = (self.membership.keys(), self.directory.get(&from))
        else {
            return;
        };
        let has_room = self.delivery.mailbox.has_room(&from, envelope.sealed.len());
        let receive_keys = &mut self.card.receive_keys;
        match self.intake.open(envelope, has_room, sender, group, receive_keys) {
            Opening::Opened(header, mut plain, key) => {
                let alias = sender.alias.clone();
                let sealed = plain.attachments.take();
                if sealed.as_ref().is_some_and(|sealed| infos_of(&sealed.manifest).is_none()) {
                    return PeerFault::BrokenMessage.log();
                }
                if let Some(sealed) = sealed {
                    if let Some(first) = sealed.repeats {
                        let named = (sealed, alias);
                        return self.repetition(&header, first, named, &key, deadline, now);
                    }
                    plain.attachments = Some(sealed);
                }
                self.record(&header, plain, &key, alias, deadline, now);
            }
            Opening::Stale(receipt) => self.outgoing.post(ToHub::Receipt(receipt)),
            Opening::Broken => PeerFault::BrokenMessage.log(),
            Opening::NoRoom => {}
        }
    }

    /// What to do with a message that was decrypted, by its hops in the order.
    fn record(
        &mut self,
        header: &Header,
        plain: Plain,
        receipt_key: &ReceiptKey,
        alias: Alias,
        deadline: Instant,
        now: Instant,
    ) {
        let (id, from) = (header.id, header.from);
        let arrival = self.delivery.mailbox.arrive(from, header.seq, id);
        let is_new = arrival == Arrival::New;
        let names_seat = plain.seat.is_some_and(|seat| is_new && self.seat_named(from, seat));
        let heard = if names_seat { self.directory.heard(from) } else { Some(false) };
        let kind = match arrival {
            Arrival::Dropped => return,
            Arrival::Read => ReceiptKind::Read,
            // In its place among the messages of its session it cannot be read any more.
            Arrival::New if heard.is_none() || deadline <= now => ReceiptKind::Expired,
            Arrival::New | Arrival::Waiting => ReceiptKind::Opened,
        };
        let mut outlook = None;
        if arrival == Arrival::New && kind == ReceiptKind::Opened {
            let sender = self.identify(from, alias, names_seat, heard == Some(true));
            let peer = sender.peer;
            let claimed = plain.follows.unwrap_or(Hops::first(id));
            // A person's answer begins a new chain, whatever it answers.
            let answered = plain.reply_to.filter(|_| !plain.from_person);
            let hops = self.delivery.chains.received(claimed, answered);
            let urgency = self.quotas.high_received.granted(peer, plain.urgency, now);
            let past_limit = self.delivery.chains.is_past_limit(hops);
            if let Some(sealed) = plain.attachments.clone() {
                self.receive_attachments(id, (from, sender.alias.clone()), sealed, deadline);
            }
            let message = Message::opened(header, plain, sender, hops, past_limit);
            let key = receipt_key.clone();
            let arrived = MailboxMessage::new(message, header.seq, urgency, deadline, key);
            // Before the receipt, which says what the face expects of a message that no call was waiting for.
            let asked = self.delivery.arrived(arrived, now).zip(self.forecast.as_ref());
            outlook = asked
                .and_then(|(arrived, forecast)| forecast.outlook(arrived, &self.snapshot.borrow()));
        }
        let is_opened = kind == ReceiptKind::Opened;
        let seat =
            self.membership.seat().filter(|_| is_opened && self.directory.reads_seats(&from));
        let details = ReceiptDetails { outlook, seat };
        let receipt = receipt_with(details, receipt_key, from, id, kind);
        self.outgoing.post(ToHub::Receipt(receipt));
    }

    /// Has the inbox pushed from its start, once there is room for what was dropped.
    pub(super) fn ask_for_dropped(&mut self) {
        if self.intake.wants_repush(self.delivery.mailbox.fits(MAX_SEALED)) {
            self.outgoing.post(ToHub::Repush);
        }
    }

    /// A peer's receipt for a message of this session. Only its true receiver can have made it.
    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        let outbox = &mut self.outgoing.outbox;
        let is_authentic = match receipt.kind {
            ReceiptKind::Stale => {
                let receiver = outbox.sealed_to(receipt.id);
                let receiver = receiver.and_then(|to| self.directory.get(&to));
                receiver.is_some_and(|peer| stale_holds(&peer.psk, receipt))
            }
            _ => outbox.receipt_key(receipt.id).is_some_and(|key| {
                let late = outlook_of(&key, receipt).and_then(|it| outbox.outlook(receipt.id, it));
                if let Some((to, why)) = late {
                    self.delivery.hindered(receipt.id, to, why);
                }
                receipt_holds(&key, receipt)
            }),
        };
        if is_authentic {
            self.message_arrived(receipt.id);
            let outbox = &self.outgoing.outbox;
            let named = outbox.receipt_key(receipt.id).and_then(|key| seat_of(&key, receipt));
            if let Some((to, seat)) = outbox.sealed_to(receipt.id).zip(named) {
                self.seat_named(to, seat);
            }
            self.outgoing.outbox.receipt(receipt.id, receipt.kind);
        } else if self.outgoing.outbox.has(receipt.id) {
            PeerFault::ForgedReceipt.log();
        }
    }

    /// What is known here of a message's sender.
    fn identify(
        &mut self,
        from: PeerKey,
        alias: Alias,
        names_seat: bool,
        restarted: bool,
    ) -> MessageSender {
        let is_other = self.directory.pin_sender(&alias, from, names_seat);
        let key_changed = is_other.then(|| self.directory.shown(&from).id().fingerprint());
        MessageSender { alias, key_changed, peer: self.directory.origin(&from), restarted }
    }

    /// A receiver opens nothing more under its key, and says what it has read. Only the true receiver can have said so.
    pub(super) fn returned(&mut self, word: &Return) {
        let Some((group, me)) = self.membership.keys() else { return };
        let Some(body) = return_of(word).filter(|body| word.to == me.key && body.from != me.key)
        else {
            return;
        };
        let known = self.directory.get(&body.from).map(|peer| Arc::clone(&peer.psk));
        let psk = known.or_else(|| pair_psk(group, me, &body.from).map(Arc::new));
        if !psk.is_some_and(|psk| return_holds(&psk, word)) {
            return PeerFault::ForgedReturn.log();
        }
        self.seat_named(body.from, body.seat);
        let ReturnBody { highest, read, leased, .. } = body;
        self.outgoing.outbox.returned(body.from, ReadWord { highest, read, leased });
        if self.outgoing.has_waiting(body.from) {
            self.subscribe_seat(body.seat);
        }
    }
}
