//! A member of a group that makes its hellos, cards and envelopes as a test wants them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use junction_engine::seal::{
    Identity, Plain, ReceiptDetails, keys_from, keys_to, pair_psk, receipt_with, return_word, seal,
};
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::crypto::{mac, public_key};
use junction_shared::protocol::handshake::{
    BridgeHandshake, Caller, GroupKeys, HandshakeError, NO_PIN, Pin,
};
use junction_shared::protocol::id::{Dial, Epoch, MessageId, PeerKey, ReceiveKey, SeatKey, Seq};
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::{
    Card, CardSeat, Context, Envelope, Header, Hello, Kind, READS_ATTACHMENTS, READS_SEATS, Reach,
    Receipt, ReceiptKind, Return, ReturnBody, SeatClaim, Send, SignedCard, Ticket,
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
    /// The secret half of the receive key on the peer's cards.
    receive: Secret,
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
        let (receive, is_unlisted) = (Secret::random(), AtomicBool::new(false));
        Self { identity, key, group, receive, dial, epoch, is_unlisted }
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
        BridgeHandshake::answer(challenge, self.caller(pin, want, None))
    }

    /// The peer's side of a handshake on plain HTTP that wants this alias and claims a seat, signed by any keys.
    pub fn claim(
        &self,
        challenge: &[u8],
        want: &str,
        claim: SeatClaim,
        keys: &SeatKeys,
    ) -> (Hello, BridgeHandshake) {
        let caller = self.caller(NO_PIN, Some((want.to_owned(), None)), Some((claim, keys)));
        BridgeHandshake::answer(challenge, caller).expect("a challenge")
    }

    fn caller<'a>(
        &'a self,
        pin: Pin,
        want: Option<(String, Option<Ticket>)>,
        seat: Option<(SeatClaim, &'a SeatKeys)>,
    ) -> Caller<'a> {
        Caller {
            identity: &self.identity,
            key: self.key,
            auth: &self.group.auth,
            pin,
            dial: Dial(self.dial.fetch_add(1, Ordering::Relaxed)),
            want,
            is_unlisted: self.is_unlisted.load(Ordering::Relaxed),
            seat,
        }
    }

    /// A valid card under this alias, of the next epoch.
    pub fn card(&self, alias: &str) -> SignedCard {
        self.sign(&self.unsigned_card(alias, None))
    }

    /// The card that [`Self::card`] signs, but of a bridge that knows seats and shows this one.
    pub fn unsigned_card(&self, alias: &str, seat: Option<CardSeat>) -> Card {
        Card {
            key: self.key,
            receive_key: ReceiveKey(public_key(&self.receive)),
            epoch: Epoch(self.epoch.fetch_add(1, Ordering::Relaxed)),
            alias: alias.to_owned(),
            reach: Reach::Pull,
            context: Context::default(),
            state: None,
            unwoken: None,
            features: seat.map(|_| READS_SEATS),
            attended: None,
            seat,
        }
    }

    /// Any card, authenticated by the group.
    pub fn sign(&self, card: &Card) -> SignedCard {
        let body = encode(card).to_vec();
        let mac = mac(self.group.card.expose(), &[&body]);
        SignedCard { body, mac, seat_signature: None, moves: None }
    }

    /// Any card, authenticated by the group and signed by the keys of any seat.
    pub fn sign_seated(&self, card: &Card, keys: &SeatKeys) -> SignedCard {
        let signed = self.sign(card);
        let seat_signature = Some(keys.sign_card(&self.group.group, &signed.body));
        SignedCard { seat_signature, ..signed }
    }

    /// A message to the owner of this card, sealed as it should be.
    pub fn message(&self, to: &Card, seq: u64, plain: &Plain) -> Send {
        let (me, psk) = self.pair(&to.key);
        let keys = keys_to(&self.group, &psk, &me, &to.receive_key).expect("a receive key");
        let mut send = self.sending(to.key, seq, &[]);
        (send.envelope.header.epoch, send.envelope.header.enc) = (to.epoch, keys.enc);
        let features = READS_SEATS | READS_ATTACHMENTS;
        let sealed = seal(&keys, &send.envelope.header, plain, features);
        send.envelope.sealed = sealed.expect("a short text");
        send
    }

    /// The receipt for a message to this peer, authentic but for the seat that it names.
    pub fn receipt(&self, envelope: &Envelope, kind: ReceiptKind, seat: SeatKey) -> Receipt {
        let Header { from, id, enc, .. } = &envelope.header;
        let (_, psk) = self.pair(from);
        let keys = keys_from(&self.group, &psk, &self.receive, enc, from).expect("its keys");
        let details = ReceiptDetails { outlook: None, seat: Some(seat) };
        receipt_with(details, &keys.receipt_key(), *from, *id, kind)
    }

    /// A return word to another peer under the key that this peer shares with it, whatever it says.
    pub fn return_word(&self, to: PeerKey, body: &ReturnBody) -> Return {
        let (_, psk) = self.pair(&to);
        return_word(&psk, to, body)
    }

    /// This peer, and P for it and another.
    fn pair(&self, other: &PeerKey) -> (Identity, Secret) {
        let secret = Secret::filled(|secret| secret.copy_from_slice(self.identity.expose()));
        let me = Identity { secret, key: self.key };
        let psk = pair_psk(&self.group, &me, other).expect("no key of low order");
        (me, psk)
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
