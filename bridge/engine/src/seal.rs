//! Sealing and opening: every call of a cipher, one short function each.
//!
//! ```text
//! P        HKDF(salt psk, ikm X25519(ik_A, ik_B), "pair" ‖ min(ik) ‖ max(ik), 32)
//! enc, ctx SetupAuthPSKS(rk_B, info "agent-junction/1", P, psk_id = group, ik_A)     RFC 9180 §5.1.4
//!          DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM
//! K, Q     ctx.Export("message", 32), ctx.Export("receipt", 32)                      RFC 9180 §5.3
//! key      HKDF-Expand(K, "m" ‖ id, 32)                                              RFC 5869
//! sealed   AES-256-GCM(key, nonce 0, aad = header, padded plaintext)                 NIST SP 800-38D
//! receipt  HMAC(Q, kind ‖ id), a stale one under HKDF(P, "stale")                    RFC 2104
//! outlook  HMAC(Q, kind ‖ id ‖ body), beside the receipt
//! ```
//!
//! P keeps a stolen receive key from passing for a member of the pair; one key a message means there is no
//! nonce to manage.

use std::sync::Arc;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use bytes::Bytes;
use hkdf::Hkdf;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{GroupKeys, agree, derive, mac, mac_holds};
use junction_shared::protocol::id::{MessageId, PeerKey, ReceiveKey};
use junction_shared::protocol::limits::MAX_MESSAGE;
use junction_shared::protocol::wire::{
    Card, Header, READS_ASKS, READS_FROM_PERSON, SignedCard, VERSION,
};
use junction_shared::secret::Secret;
use sha2::Sha256;
use zeroize::zeroize_stack;

use crate::hops::Hops;
use crate::urgency::Urgency;

mod receipts;

pub use receipts::{
    ReceiptKey, outlook_of, receipt, receipt_holds, receipt_with, stale_holds, stale_receipt,
};

/// Binds every derivation to this protocol.
const INFO: &[u8] = b"agent-junction/1";
/// AES-GCM's tag.
const TAG: usize = 16;
/// Body length, flags and the id answered, before all else.
const PREFIX: usize = 4 + 1 + 16;
/// The chain's id and the number of hops, before the body of a message that is not the first of a chain.
const CHAIN: usize = 16 + 1;
/// The flags of a message: it answers another, it is not the first of its chain, it wakes nobody, it wakes at once, its
/// sender waits, a person wrote it.
const ANSWERS: u8 = 1;
const FOLLOWS: u8 = 2;
const LOW: u8 = 4;
const HIGH: u8 = 8;
const ASKS: u8 = 16;
const FROM_PERSON: u8 = 32;
/// What a plaintext is padded to: its size tells an observer one of five classes, no more.
const PADDED: [usize; 5] = [256, 1024, 4096, 16 * 1024, 66 * 1024];
/// Stack wiped after a call: more than the deepest of them uses.
const STACK: usize = 32 * 1024;

/// A message or card could not be sealed or opened. There is one error for all causes: who altered an envelope learns
/// nothing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// The owner of an identity key, in memory only.
pub struct Identity {
    /// The secret key.
    pub secret: Secret,
    /// The public key.
    pub key: PeerKey,
}

/// What one sender, one receiver and one epoch of the receiver share.
pub struct PairKeys {
    /// The encapsulated key that lets the receiver derive the rest.
    pub enc: [u8; 32],
    message: Secret,
    receipt: ReceiptKey,
}

impl PairKeys {
    /// Q of these keys.
    pub fn receipt_key(&self) -> ReceiptKey {
        self.receipt.clone()
    }
}

/// What is inside an envelope.
#[derive(Default, PartialEq, Eq)]
pub struct Plain {
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// The message's chain and how long it is; `None` for the first message of a chain.
    pub follows: Option<Hops>,
    /// The urgency that the sender gave the message.
    pub urgency: Urgency,
    /// Whether the sender waits for the answer.
    pub asks: bool,
    /// Whether a person wrote the message, as its sender says.
    pub from_person: bool,
    /// The text.
    pub body: String,
}

/// P, the pre-shared key of a pair; nothing if the other's key is of low order.
pub fn pair_psk(group: &GroupKeys, me: &Identity, other: &PeerKey) -> Option<Secret> {
    let dh = agree(&me.secret, &other.0)?;
    let (low, high) = if me.key < *other { (&me.key, other) } else { (other, &me.key) };
    let info = [b"pair".as_slice(), &low.0, &high.0].concat();
    Some(derive(group.psk.expose(), dh.expose(), &info))
}

/// SetupAuthPSKS: keys for sealing to a receive key.
///
/// # Errors
/// [`Broken`] if the receive key is of low order.
pub fn keys_to(
    group: &GroupKeys,
    psk: &Secret,
    me: &Identity,
    to: &ReceiveKey,
) -> Result<PairKeys, Broken> {
    let mode = sender_mode(psk.expose(), &group.group.0, me)?;
    let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&to.0).map_err(|_| Broken)?;
    let (enc, context) =
        hpke::setup_sender::<AesGcm256, HkdfSha256, X25519HkdfSha256>(&mode, &to, INFO)
            .map_err(|_| Broken)?;
    let keys = export(enc.to_bytes().into(), |label, out| context.export(label, out));
    drop(context);
    zeroize_stack::<STACK>();
    keys
}

/// SetupAuthPSKR: keys for opening what that sender sealed to this receive key.
///
/// # Errors
/// [`Broken`] if a key is of low order.
pub fn keys_from(
    group: &GroupKeys,
    psk: &Secret,
    receive: &Secret,
    enc: &[u8; 32],
    from: &PeerKey,
) -> Result<PairKeys, Broken> {
    let mode = receiver_mode(psk.expose(), &group.group.0, from)?;
    let context = receiver_context(&mode, receive, enc, INFO)?;
    let keys = export(*enc, |label, out| context.export(label, out));
    drop(context);
    zeroize_stack::<STACK>();
    keys
}

fn sender_mode<'a>(
    psk: &'a [u8],
    psk_id: &'a [u8],
    me: &Identity,
) -> Result<OpModeS<'a, X25519HkdfSha256>, Broken> {
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(me.secret.expose());
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&me.key.0);
    let pair = (secret.map_err(|_| Broken)?, public.map_err(|_| Broken)?);
    Ok(OpModeS::AuthPsk(pair, PskBundle::new(psk, psk_id).map_err(|_| Broken)?))
}

fn receiver_mode<'a>(
    psk: &'a [u8],
    psk_id: &'a [u8],
    from: &PeerKey,
) -> Result<OpModeR<'a, X25519HkdfSha256>, Broken> {
    let from = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&from.0).map_err(|_| Broken)?;
    Ok(OpModeR::AuthPsk(from, PskBundle::new(psk, psk_id).map_err(|_| Broken)?))
}

type ReceiverContext = hpke::aead::AeadCtxR<AesGcm256, HkdfSha256, X25519HkdfSha256>;

fn receiver_context(
    mode: &OpModeR<'_, X25519HkdfSha256>,
    receive: &Secret,
    enc: &[u8; 32],
    info: &[u8],
) -> Result<ReceiverContext, Broken> {
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(receive.expose());
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).map_err(|_| Broken)?;
    let secret = secret.map_err(|_| Broken)?;
    hpke::setup_receiver(mode, &secret, &enc, info).map_err(|_| Broken)
}

fn export<E>(
    enc: [u8; 32],
    from: impl Fn(&[u8], &mut [u8]) -> Result<(), E>,
) -> Result<PairKeys, Broken> {
    let key = |label: &[u8]| Secret::try_filled(|out| from(label, out)).map_err(|_| Broken);
    let receipt = ReceiptKey(Arc::new(key(b"receipt")?));
    Ok(PairKeys { enc, message: key(b"message")?, receipt })
}

/// The sealed form of a message under its header. That its sender waits, and that a person wrote it, is said only to a
/// bridge that reads it: `features` are those on the receiver's card.
///
/// # Errors
/// [`Broken`] if the text is larger than a message may be.
pub fn seal(
    keys: &PairKeys,
    header: &Header,
    plain: &Plain,
    features: u32,
) -> Result<Bytes, Broken> {
    let mut buffer = pad(plain, features)?;
    let padded = buffer.len() - TAG;
    let (text, tag) = buffer.split_at_mut(padded);
    let sealed_tag = cipher(keys, &header.id)
        .encrypt_inout_detached(&Default::default(), &associated(header), text.into())
        .map_err(|_| Broken)?;
    tag.copy_from_slice(&sealed_tag);
    zeroize_stack::<STACK>();
    Ok(Bytes::from(buffer))
}

/// The message in a sealed text, if every bit of the text and of its header is what the sender sealed. The text is
/// opened in place where nobody else holds its buffer.
///
/// # Errors
/// [`Broken`] if not.
pub fn open(keys: &PairKeys, header: &Header, sealed: Bytes) -> Result<Plain, Broken> {
    let mut buffer = Vec::from(sealed);
    let length = buffer.len().checked_sub(TAG).filter(|length| PADDED.contains(length));
    let (text, tag) = buffer.split_at_mut(length.ok_or(Broken)?);
    let tag = &*tag;
    let opened = cipher(keys, &header.id).decrypt_inout_detached(
        &Default::default(),
        &associated(header),
        text.into(),
        tag.try_into().map_err(|_| Broken)?,
    );
    zeroize_stack::<STACK>();
    opened.map_err(|_| Broken)?;
    let padded = buffer.len() - TAG;
    buffer.truncate(padded);
    unpad(buffer)
}

/// The cipher of one message: its key is used once, so a zero nonce repeats nothing.
fn cipher(keys: &PairKeys, id: &MessageId) -> Aes256Gcm {
    let key = Secret::filled(|key| {
        #[expect(
            clippy::expect_used,
            reason = "a key of 32 bytes is a valid PRK, 32 bytes a valid length"
        )]
        Hkdf::<Sha256>::from_prk(keys.message.expose())
            .and_then(|hkdf| {
                hkdf.expand_multi_info(&[b"m", &id.0], key).map_err(|_| hkdf::InvalidPrkLength)
            })
            .expect("32 bytes in, 32 bytes out");
    });
    Aes256Gcm::new(key.expose().into())
}

/// Every field of the header, in a fixed layout, big-endian.
fn associated(header: &Header) -> Vec<u8> {
    let mut aad = Vec::with_capacity(163);
    aad.extend_from_slice(&VERSION.to_be_bytes());
    aad.extend_from_slice(&header.group.0);
    aad.extend_from_slice(&header.id.0);
    aad.extend_from_slice(&header.enc);
    aad.extend_from_slice(&header.seq.0.to_be_bytes());
    aad.extend_from_slice(&header.from.0);
    aad.extend_from_slice(&header.to.0);
    aad.extend_from_slice(&header.epoch.0.to_be_bytes());
    aad.extend_from_slice(&header.sent_ms.to_be_bytes());
    aad.extend_from_slice(&header.ttl_ms.to_be_bytes());
    aad.push(header.kind as u8);
    aad
}

/// The plaintext, padded, with room for the tag behind it.
fn pad(plain: &Plain, features: u32) -> Result<Vec<u8>, Broken> {
    let body = plain.body.as_bytes();
    if body.len() > MAX_MESSAGE {
        return Err(Broken);
    }
    let needed = PREFIX + plain.follows.map_or(0, |_| CHAIN) + body.len();
    let padded = PADDED.into_iter().find(|size| *size >= needed).ok_or(Broken)?;
    // Room for the tag too: the cipher works in place.
    let mut buffer = Vec::with_capacity(padded + TAG);
    let length = u32::try_from(body.len()).map_err(|_| Broken)?;
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.push(flags(plain, features));
    buffer.extend_from_slice(&plain.reply_to.map_or([0; 16], |id| id.0));
    if let Some(Hops { chain, count }) = plain.follows {
        buffer.extend_from_slice(&chain.0);
        buffer.push(count);
    }
    buffer.extend_from_slice(body);
    buffer.resize(padded + TAG, 0);
    Ok(buffer)
}

fn flags(plain: &Plain, features: u32) -> u8 {
    let when = |is: bool, flag: u8| if is { flag } else { 0 };
    when(plain.reply_to.is_some(), ANSWERS)
        | when(plain.follows.is_some(), FOLLOWS)
        | when(plain.urgency == Urgency::Low, LOW)
        | when(plain.urgency == Urgency::High, HIGH)
        | when(plain.asks && features & READS_ASKS != 0, ASKS)
        | when(plain.from_person && features & READS_FROM_PERSON != 0, FROM_PERSON)
}

fn unpad(mut buffer: Vec<u8>) -> Result<Plain, Broken> {
    let (prefix, rest) = buffer.split_at_checked(PREFIX).ok_or(Broken)?;
    let length = u32::from_be_bytes(prefix[..4].try_into().map_err(|_| Broken)?);
    let length = usize::try_from(length).map_err(|_| Broken)?;
    let (flags, id) = (prefix[4], id(&prefix[5..])?);
    let reply_to = (flags & ANSWERS != 0).then_some(id);
    let urgency = match flags & (LOW | HIGH) {
        0 => Urgency::Normal,
        LOW => Urgency::Low,
        HIGH => Urgency::High,
        _ => return Err(Broken),
    };
    if flags & !(ANSWERS | FOLLOWS | LOW | HIGH | ASKS | FROM_PERSON) != 0
        || (reply_to.is_none() && id.0 != [0; 16])
    {
        return Err(Broken);
    }
    let (follows, before) = if flags & FOLLOWS == 0 {
        (None, PREFIX)
    } else {
        let (chain, _) = rest.split_at_checked(CHAIN).ok_or(Broken)?;
        (Some(follows(chain)?), PREFIX + CHAIN)
    };
    let (body, padding) = buffer[before..].split_at_checked(length).ok_or(Broken)?;
    if length > MAX_MESSAGE || padding.iter().any(|byte| *byte != 0) {
        return Err(Broken);
    }
    // A buffer that is mostly padding is not worth keeping while the message waits.
    let body = if length < padding.len() {
        body.to_vec()
    } else {
        buffer.truncate(before + length);
        buffer.drain(..before);
        buffer
    };
    let body = String::from_utf8(body).map_err(|_| Broken)?;
    let (asks, from_person) = (flags & ASKS != 0, flags & FROM_PERSON != 0);
    Ok(Plain { reply_to, follows, urgency, asks, from_person, body })
}

fn id(bytes: &[u8]) -> Result<MessageId, Broken> {
    bytes.try_into().map(MessageId).map_err(|_| Broken)
}

/// The hops of a message that is not the first of its chain.
fn follows(bytes: &[u8]) -> Result<Hops, Broken> {
    let (chain, count) = (id(&bytes[..16])?, bytes[16]);
    if count > 1 { Ok(Hops { chain, count }) } else { Err(Broken) }
}

/// A card, authenticated by the group: HMAC(card key, body).
pub fn sign_card(group: &GroupKeys, card: &Card) -> SignedCard {
    let body = encode(card).to_vec();
    let mac = mac(group.card.expose(), &[&body]);
    SignedCard { body, mac, seat_signature: None, moved_from: None }
}

/// The card in a signed card, if a member of the group made it.
///
/// # Errors
/// [`Broken`] if no member made it, or if it is no card.
pub fn verify_card(group: &GroupKeys, signed: &SignedCard) -> Result<Card, Broken> {
    if !mac_holds(group.card.expose(), &[&signed.body], &signed.mac) {
        return Err(Broken);
    }
    decode(&signed.body).map_err(|_| Broken)
}

#[cfg(test)]
mod tests;
