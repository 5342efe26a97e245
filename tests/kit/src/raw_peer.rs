//! A member of a group that makes its hellos, cards and envelopes as a test wants them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::crypto::{mac, public_key};
use junction_shared::protocol::handshake::{
    BridgeHandshake, Caller, GroupKeys, HandshakeError, NO_PIN, Pin,
};
use junction_shared::protocol::id::{Dial, Epoch, MessageId, PeerKey, ReceiveKey, Seq};
use junction_shared::protocol::wire::{
    Card, Context, Envelope, Header, Hello, Kind, Reach, Send, SignedCard, Ticket,
};
use junction_shared::secret::{Secret, random_bytes};

use crate::TestHome;

/// A member of a group that follows the protocol only as far as a test wants.
pub struct RawPeer {
    /// The secret half of the peer's identity key.
    pub identity: Secret,
    /// The peer's public identity key.
    pub key: PeerKey,
    /// The keys of the peer's group.
    pub group: GroupKeys,
    dial: AtomicU64,
    epoch: AtomicU64,
    is_unlisted: AtomicBool,
}

impl RawPeer {
    /// A member of the group of this home.
    pub fn new(home: &TestHome) -> Self {
        Self::of(home.group())
    }

    /// The only member of a group.
    pub fn stranger() -> Self {
        Self::of(GroupKeys::derive(&Secret::random()))
    }

    fn of(group: GroupKeys) -> Self {
        let identity = Secret::random();
        let key = PeerKey(public_key(&identity));
        let (dial, epoch) = (AtomicU64::new(1), AtomicU64::new(1));
        Self { identity, key, group, dial, epoch, is_unlisted: AtomicBool::new(false) }
    }

    /// From now on asks to be in nobody's list.
    pub fn hide(&self) {
        self.is_unlisted.store(true, Ordering::Relaxed);
    }

    /// The peer's side of a handshake on plain HTTP, for this challenge.
    pub fn answer(
        &self,
        challenge: &[u8],
        want: Option<(String, Option<Ticket>)>,
    ) -> Result<(Hello, BridgeHandshake), HandshakeError> {
        self.answer_on(NO_PIN, challenge, want)
    }

    /// The peer's side of a handshake on a connection with this pin, for this challenge.
    pub fn answer_on(
        &self,
        pin: Pin,
        challenge: &[u8],
        want: Option<(String, Option<Ticket>)>,
    ) -> Result<(Hello, BridgeHandshake), HandshakeError> {
        let caller = Caller {
            identity: &self.identity,
            key: self.key,
            auth: &self.group.auth,
            pin,
            dial: Dial(self.dial.fetch_add(1, Ordering::Relaxed)),
            want,
            is_unlisted: self.is_unlisted.load(Ordering::Relaxed),
            seat: None,
        };
        BridgeHandshake::answer(challenge, caller)
    }

    /// A valid card under this alias, of the next epoch.
    pub fn card(&self, alias: &str) -> SignedCard {
        self.sign(&Card {
            key: self.key,
            receive_key: ReceiveKey(public_key(&Secret::random())),
            epoch: Epoch(self.epoch.fetch_add(1, Ordering::Relaxed)),
            alias: alias.to_owned(),
            reach: Reach::Pull,
            context: Context::default(),
            state: None,
            unwoken: None,
            features: None,
            attended: None,
            seat: None,
        })
    }

    /// Any card, authenticated by the group.
    pub fn sign(&self, card: &Card) -> SignedCard {
        let body = encode(card).to_vec();
        let mac = mac(self.group.card.expose(), &[&body]);
        SignedCard { body, mac, seat_signature: None, moves: None }
    }

    /// A first hand-over of an envelope with these bytes in place of a sealed text.
    pub fn sending(&self, to: PeerKey, seq: u64, sealed: &[u8]) -> Send {
        let header = Header {
            group: self.group.group,
            id: MessageId(random_bytes()),
            from: self.key,
            to,
            epoch: Epoch(1),
            enc: random_bytes(),
            seq: Seq(seq),
            sent_ms: 1_700_000_000_000,
            ttl_ms: 60_000,
            kind: Kind::Text,
        };
        let envelope = Envelope { header, sealed: Bytes::copy_from_slice(sealed) };
        Send { envelope, age_ms: 0, resend: false, restart: false }
    }
}
