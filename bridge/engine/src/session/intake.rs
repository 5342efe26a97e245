//! Envelopes that the hub pushes, until they are opened: in the order that docs/protocol.md gives.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{Epoch, PeerKey};
use junction_shared::protocol::limits::INBOX_MESSAGES;
use junction_shared::protocol::wire::{Envelope, Header, Receipt};

use super::directory::Peer;
use crate::receive_keys::ReceiveKeys;
use crate::seal::{Broken, PairKeys, Plain, ReceiptKey, keys_from, open, stale_receipt};

/// Keys for opening that are kept; each can be derived again from an envelope.
const MAX_OPENING: usize = 256;

/// An envelope that was pushed, and when its message is dropped unread.
pub(super) struct PushedEnvelope {
    pub(super) envelope: Envelope,
    pub(super) deadline: Instant,
}

/// What is known of the sender of an envelope that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Currency {
    /// The newest card is not known: an older one may name another alias.
    Unknown,
    /// The newest card is known, and shows no seat.
    Current,
    /// The newest card is known, and shows a seat: an earlier process of the same session may have sent messages before.
    Seated,
}

/// What to do with an envelope that was pushed.
pub(super) enum IntakeStep {
    /// Nothing now: the hub will push it again.
    Drop,
    /// Look up its sender's card. The envelope waits.
    LookUp(PeerKey),
    /// Open it.
    Open(PushedEnvelope),
}

/// What came of opening an envelope.
pub(super) enum Opening {
    /// The message, and the key that makes its receipts.
    Opened(Header, Plain, ReceiptKey),
    /// The key that it was sealed to has died: this receipt says so to its sender.
    Stale(Receipt),
    /// The message is not what its sender sealed.
    Broken,
    /// The mailbox has no room for the message.
    NoRoom,
}

/// Envelopes by sender, whose card is being looked up.
#[derive(Default)]
struct HeldEnvelopes {
    senders: HashMap<PeerKey, VecDeque<PushedEnvelope>>,
    count: usize,
}

/// Envelopes from the hub's push to their opening.
#[derive(Default)]
pub(super) struct Intake {
    held: HeldEnvelopes,
    /// Whether pushes are dropped, unopened and unrecorded, until the inbox is pushed again from its start.
    is_dropping: bool,
    /// Whether the hub was asked to push it again.
    has_asked: bool,
    /// The senders of dropped envelopes.
    dropped_senders: HashSet<PeerKey>,
    opening_keys: HashMap<(PeerKey, Epoch, [u8; 32]), Arc<PairKeys>>,
}

impl HeldEnvelopes {
    fn hold(&mut self, pushed: PushedEnvelope) {
        self.count += 1;
        self.senders.entry(pushed.envelope.header.from).or_default().push_back(pushed);
    }

    fn release(&mut self, from: PeerKey) -> VecDeque<PushedEnvelope> {
        let held = self.senders.remove(&from).unwrap_or_default();
        self.count -= held.len();
        held
    }
}

impl Intake {
    /// The hub pushed an envelope. If its sender's newest card is not known, it waits for a look-up, and later ones of that
    /// sender wait behind it. So do those of a sender with a seat behind all that wait: any of those can be of an earlier
    /// process of the same session, and answers to look-ups come in their order.
    pub(super) fn pushed(&mut self, pushed: PushedEnvelope, currency: Currency) -> IntakeStep {
        let from = pushed.envelope.header.from;
        if self.is_dropping {
            if self.dropped_senders.len() < INBOX_MESSAGES {
                self.dropped_senders.insert(from);
            }
            return IntakeStep::Drop;
        }
        let waits_behind = match currency {
            Currency::Unknown => true,
            Currency::Current => self.held.senders.contains_key(&from),
            Currency::Seated => self.held.count > 0,
        };
        if !waits_behind {
            return IntakeStep::Open(pushed);
        }
        if self.held.count >= INBOX_MESSAGES {
            self.is_dropping = true;
            self.dropped_senders.insert(from);
            return IntakeStep::Drop;
        }
        self.held.hold(pushed);
        IntakeStep::LookUp(from)
    }

    /// Gives the envelopes of a sender whose card is known now, in their order.
    pub(super) fn release(&mut self, from: PeerKey) -> VecDeque<PushedEnvelope> {
        self.held.release(from)
    }

    /// Drops the envelopes of a sender that will have no card.
    pub(super) fn forget(&mut self, from: PeerKey) {
        self.held.release(from);
    }

    /// Opens an envelope of this sender, if the mailbox has room for its message. Without room everything that
    /// follows is dropped too, or a later message would overtake this one.
    pub(super) fn open(
        &mut self,
        envelope: Envelope,
        has_room: bool,
        sender: &Peer,
        group: &GroupKeys,
        receive_keys: &mut ReceiveKeys,
    ) -> Opening {
        if self.is_dropping || !has_room {
            self.is_dropping = true;
            return Opening::NoRoom;
        }
        let Envelope { header, sealed } = envelope;
        let cached = (header.from, header.epoch, header.enc);
        let keys = match self.opening_keys.get(&cached) {
            Some(keys) => Ok(Arc::clone(keys)),
            None => {
                let Some(secret) = receive_keys.use_secret(header.epoch) else {
                    return Opening::Stale(stale_receipt(&sender.psk, header.from, header.id));
                };
                keys_from(group, &sender.psk, secret, &header.enc, &header.from).map(Arc::new)
            }
        };
        let opened = keys.and_then(|keys| {
            self.cache(cached, &keys);
            open(&keys, &header, sealed).map(|plain| (plain, keys.receipt_key()))
        });
        match opened {
            Ok((plain, receipt_key)) => Opening::Opened(header, plain, receipt_key),
            Err(Broken) => Opening::Broken,
        }
    }

    fn cache(&mut self, cached: (PeerKey, Epoch, [u8; 32]), keys: &Arc<PairKeys>) {
        if self.opening_keys.len() >= MAX_OPENING && !self.opening_keys.contains_key(&cached) {
            self.opening_keys.clear();
        }
        self.opening_keys.insert(cached, Arc::clone(keys));
    }

    /// Whether the hub is to push the inbox again from its start, now that there is room or not.
    pub(super) fn wants_repush(&mut self, has_room: bool) -> bool {
        let wants = self.is_dropping && !self.has_asked && has_room && self.held.count == 0;
        self.has_asked |= wants;
        wants
    }

    /// The hub starts over: nothing is dropped any more.
    pub(super) fn repushing(&mut self) {
        self.held = HeldEnvelopes::default();
        self.dropped_senders.clear();
        (self.is_dropping, self.has_asked) = (false, false);
    }

    /// The senders of envelopes that were pushed and not opened.
    pub(super) fn unopened_senders(&self) -> impl Iterator<Item = PeerKey> {
        self.held.senders.keys().chain(&self.dropped_senders).copied()
    }

    /// The connection is over: the next one starts over.
    pub(super) fn disconnected(&mut self) {
        self.repushing();
    }

    /// Wipes the keys that open what was sealed to an epoch before this one.
    pub(super) fn forget_keys_before(&mut self, oldest: Epoch) {
        self.opening_keys.retain(|(_, epoch, _), _| *epoch >= oldest);
    }

    /// Wipes all keys for opening.
    pub(super) fn forget_keys(&mut self) {
        self.opening_keys.clear();
    }

    /// Whether pushes are dropped.
    #[cfg(test)]
    pub(super) fn is_dropping(&self) -> bool {
        self.is_dropping
    }

    /// How many keys for opening are kept.
    #[cfg(test)]
    pub(super) fn kept_keys(&self) -> usize {
        self.opening_keys.len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use junction_shared::protocol::id::{GroupId, MessageId, Seq};
    use junction_shared::protocol::wire::Kind;

    use super::*;

    fn pushed(from: u8, seq: u64) -> PushedEnvelope {
        let header = Header {
            group: GroupId([0; 16]),
            id: MessageId([0; 16]),
            from: PeerKey([from; 32]),
            to: PeerKey([0; 32]),
            epoch: Epoch(1),
            enc: [0; 32],
            seq: Seq(seq),
            sent_ms: 0,
            ttl_ms: 0,
            kind: Kind::Text,
        };
        let envelope = Envelope { header, sealed: Bytes::new() };
        PushedEnvelope { envelope, deadline: Instant::now() }
    }

    #[test]
    fn envelopes_of_a_sender_wait_behind_its_first_until_they_are_released_in_order() {
        let mut intake = Intake::default();
        assert!(
            matches!(intake.pushed(pushed(1, 1), Currency::Unknown), IntakeStep::LookUp(PeerKey(key)) if key == [1; 32])
        );
        assert!(matches!(intake.pushed(pushed(1, 2), Currency::Current), IntakeStep::LookUp(_)));
        assert!(matches!(intake.pushed(pushed(2, 1), Currency::Current), IntakeStep::Open(_)));
        let released = intake.release(PeerKey([1; 32]));
        let seqs: Vec<_> = released.iter().map(|pushed| pushed.envelope.header.seq.0).collect();
        assert_eq!(seqs, [1, 2]);
        assert!(matches!(intake.pushed(pushed(1, 3), Currency::Current), IntakeStep::Open(_)));
    }

    #[test]
    fn too_many_held_envelopes_are_dropped_and_asked_for_once_when_there_is_room() {
        let mut intake = Intake::default();
        let count = u64::try_from(INBOX_MESSAGES).unwrap();
        (0..count).for_each(|seq| _ = intake.pushed(pushed(1, seq), Currency::Unknown));
        assert!(!intake.wants_repush(true));
        assert!(matches!(intake.pushed(pushed(1, count), Currency::Unknown), IntakeStep::Drop));
        assert!(matches!(intake.pushed(pushed(2, 0), Currency::Current), IntakeStep::Drop));
        assert!(!intake.wants_repush(true), "what is held comes first");
        intake.forget(PeerKey([1; 32]));
        assert!(!intake.wants_repush(false));
        assert!(intake.wants_repush(true) && !intake.wants_repush(true));
        intake.repushing();
        assert!(matches!(intake.pushed(pushed(2, 0), Currency::Current), IntakeStep::Open(_)));
    }
}
