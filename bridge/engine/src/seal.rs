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
//! return   HMAC(HKDF(P, "returned"), body)
//! outlook  HMAC(Q, kind ‖ id ‖ body), beside the receipt; seat: HMAC(Q, "seat" ‖ kind ‖ id ‖ key), beside it, too
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
use junction_shared::protocol::crypto::{agree, derive};
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::{MessageId, PeerKey, ReceiveKey};
use junction_shared::protocol::wire::{Header, VERSION};
use junction_shared::secret::Secret;
use sha2::Sha256;
use zeroize::zeroize_stack;

mod cards;
mod chunks;
mod claims;
mod plain;
mod receipts;
mod returns;

pub use cards::{moves_of, sign_card, verify_card};
pub use chunks::{
    ChunkCipher, ChunkTag, attachment_receipt, attachment_receipt_holds, chunk_count, tag_of,
};
pub use claims::{ClaimsPath, open_claims, seal_claims};
pub use plain::{Broken, Plain, SealedManifest};
pub use receipts::{
    ReceiptDetails, ReceiptKey, outlook_of, receipt, receipt_holds, receipt_with, seat_of,
    stale_holds, stale_receipt,
};
pub use returns::{return_holds, return_of, return_word};

use plain::{PADDED, TAG, pad, unpad};

/// Binds every derivation to this protocol.
const INFO: &[u8] = b"agent-junction/1";
/// Stack wiped after a call: more than the deepest of them uses.
const STACK: usize = 32 * 1024;

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

/// The sealed form of a message under its header. That its sender waits, that a person wrote it, and which seat its
/// sender has, is said only to a bridge that reads it: `features` are those on the receiver's card.
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

#[cfg(test)]
pub(crate) mod tests;
