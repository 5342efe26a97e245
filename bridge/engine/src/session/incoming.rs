//! What peers send: envelopes to open, in the order that docs/protocol.md gives, and receipts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::{INBOX_MESSAGES, MAX_SEALED};
use junction_shared::protocol::wire::{Envelope, Header, Receipt, ReceiptKind, ToHub};

use super::{MAX_OPENING, Session};
use crate::hops::Hops;
use crate::mailbox::{Arrival, Mail};
use crate::seal::{
    Broken, PairKeys, Plain, ReceiptKey, keys_from, open, receipt, receipt_holds, stale_holds,
    stale_receipt,
};

/// Envelopes whose sender's card is being looked up, and whether pushes are dropped until the inbox is
/// pushed again from its start.
#[derive(Default)]
pub(super) struct Held {
    senders: HashMap<PeerKey, VecDeque<(Envelope, Instant)>>,
    count: usize,
    dropping: bool,
    asked: bool,
}

impl Held {
    /// The hub starts over: nothing is dropped any more.
    pub(super) fn repushing(&mut self) {
        *self = Self::default();
    }

    /// A sender that will have no card.
    pub(super) fn forget(&mut self, from: PeerKey) {
        let held = self.senders.remove(&from).map_or(0, |held| held.len());
        self.count -= held;
    }

    #[cfg(test)]
    pub(super) fn is_dropping(&self) -> bool {
        self.dropping
    }

    fn holds(&self, from: &PeerKey) -> bool {
        self.senders.contains_key(from)
    }

    fn hold(&mut self, envelope: Envelope, deadline: Instant) {
        self.count += 1;
        self.senders.entry(envelope.header.from).or_default().push_back((envelope, deadline));
    }
}

impl Session {
    /// The hub pushed an envelope.
    pub(super) fn delivered(&mut self, envelope: Envelope, age_ms: u64, now: Instant) {
        let header = &envelope.header;
        let ours = self.group.as_ref().is_some_and(|group| group.group == header.group)
            && header.to == self.me.key
            && header.from != self.me.key
            && envelope.sealed.len() <= MAX_SEALED;
        if !ours {
            return self.misbehaves("it pushed an envelope that is not for this session");
        }
        if self.held.dropping {
            return;
        }
        let left = Duration::from_millis(header.ttl_ms.saturating_sub(age_ms));
        let deadline = now + left.min(self.session_timeout);
        let from = header.from;
        // A card whose changes are not pushed may be an old one: the sender's alias comes from the newest.
        let is_current = self.peers.get(&from).is_some_and(|peer| peer.subscribed);
        if self.held.holds(&from) || !is_current {
            if self.held.count >= INBOX_MESSAGES {
                self.held.dropping = true;
                return;
            }
            self.held.hold(envelope, deadline);
            self.subscribe(from);
        } else {
            self.open_envelope(envelope, deadline, now);
        }
    }

    /// A sender's card is there: its envelopes are opened in their order.
    pub(super) fn open_held(&mut self, from: PeerKey, now: Instant) {
        if self.peers.get(&from).is_none() {
            return;
        }
        let held = self.held.senders.remove(&from).unwrap_or_default();
        self.held.count -= held.len();
        for (envelope, deadline) in held {
            self.open_envelope(envelope, deadline, now);
        }
        self.ask_for_dropped();
    }

    fn open_envelope(&mut self, envelope: Envelope, deadline: Instant, now: Instant) {
        let Envelope { header, sealed } = envelope;
        if self.held.dropping || !self.delivery.mailbox.has_room(&header.from, sealed.len()) {
            // Unopened and unrecorded, and so is all that follows, or a later message would overtake it.
            self.held.dropping = true;
            return;
        }
        let opened = self
            .opening_keys(&header)
            .and_then(|keys| open(&keys, &header, sealed).map(|plain| (keys, plain)));
        match opened {
            Ok((keys, plain)) => self.record(&header, plain, keys.receipt_key(), deadline, now),
            Err(Broken) => tracing::warn!("{Broken}"),
        }
    }

    /// The keys that open an envelope. An epoch whose key has died is answered by a `stale` receipt.
    fn opening_keys(&mut self, header: &Header) -> Result<Arc<PairKeys>, Broken> {
        let cached = (header.from, header.epoch, header.enc);
        if let Some(keys) = self.opening.get(&cached) {
            return Ok(Arc::clone(keys));
        }
        let psk = Arc::clone(&self.peers.get(&header.from).ok_or(Broken)?.psk);
        let group = self.group.clone().ok_or(Broken)?;
        let Some(receive) = self.receive.use_secret(header.epoch) else {
            self.send_receipt(stale_receipt(&psk, header.from, header.id));
            return Err(Broken);
        };
        let keys = Arc::new(keys_from(&group, &psk, receive, &header.enc, &header.from)?);
        if self.opening.len() >= MAX_OPENING {
            self.opening.clear();
        }
        self.opening.insert(cached, Arc::clone(&keys));
        Ok(keys)
    }

    /// What to do with a message that was decrypted, by its place in the order.
    fn record(
        &mut self,
        header: &Header,
        plain: Plain,
        receipt_key: ReceiptKey,
        deadline: Instant,
        now: Instant,
    ) {
        let (id, from) = (header.id, header.from);
        let Some(alias) = self.peers.get(&from).map(|peer| peer.alias.clone()) else { return };
        let arrival = self.delivery.mailbox.arrive(from, header.seq, id);
        let kind = match arrival {
            Arrival::Dropped => return,
            Arrival::Read => ReceiptKind::Read,
            Arrival::New if deadline <= now => ReceiptKind::Expired,
            Arrival::New | Arrival::Waiting => ReceiptKind::Opened,
        };
        self.send_receipt(receipt(&receipt_key, from, id, kind));
        if arrival == Arrival::New && kind == ReceiptKind::Opened {
            let key_changed = self.peers.pin_sender(&alias, from);
            let said = plain.follows.unwrap_or(Hops::first(id));
            let place = self.delivery.chains.arrived(said, plain.reply_to);
            let mail = Mail {
                id,
                from,
                alias,
                seq: header.seq,
                body: Arc::new(plain.body),
                reply_to: plain.reply_to,
                place,
                urgency: self.heard.granted(from, plain.urgency, now),
                sent_ms: header.sent_ms,
                deadline,
                key_changed,
                receipt_key,
            };
            self.delivery.arrived(mail, now);
        }
    }

    /// Asks for what was dropped, once there is room for it.
    pub(super) fn ask_for_dropped(&mut self) {
        let room = self.delivery.mailbox.fits(MAX_SEALED) && self.held.count == 0;
        if self.held.dropping && !self.held.asked && room {
            self.held.asked = true;
            self.post(ToHub::Repush);
        }
    }

    /// A peer's word on a message of this session. Only its true receiver can have made it.
    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        let authentic = match receipt.kind {
            ReceiptKind::Stale => self.stale_is_authentic(receipt),
            _ => {
                self.outbox.receipt_key(receipt.id).is_some_and(|key| receipt_holds(&key, receipt))
            }
        };
        if authentic {
            self.outbox.receipt(receipt.id, receipt.kind);
        } else if self.outbox.receiver(receipt.id).is_some() {
            tracing::warn!("a receipt is not from the message's receiver; it changes nothing");
        }
    }

    fn stale_is_authentic(&self, receipt: &Receipt) -> bool {
        let receiver = self.outbox.receiver(receipt.id).and_then(|to| self.peers.get(&to));
        receiver.is_some_and(|peer| stale_holds(&peer.psk, receipt))
    }
}
