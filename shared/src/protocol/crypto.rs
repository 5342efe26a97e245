//! The cryptography that hub and bridge share: one short function for each call.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::secret::Secret;

/// Bytes of stack wiped after a computation with secrets: more than the deepest of them uses.
pub(crate) const STACK: usize = 16 * 1024;

/// HKDF-SHA256 (RFC 5869) of `ikm` under `salt` with `info`, 32 bytes.
#[must_use]
pub fn derive(salt: &[u8], ikm: &[u8], info: &[u8]) -> Secret {
    Secret::filled(|okm| expand(Some(salt), ikm, info, okm))
}

pub(crate) fn expand(salt: Option<&[u8]>, ikm: &[u8], info: &[u8], okm: &mut [u8]) {
    let expanded = Hkdf::<Sha256>::new(salt, ikm).expand(info, okm);
    // HKDF-SHA256 gives up to 8,160 bytes; the callers ask for 32 at most.
    debug_assert!(expanded.is_ok());
    zeroize::zeroize_stack::<STACK>();
}

/// The public X25519 key of a secret one (RFC 7748).
#[must_use]
pub fn public_key(secret: &Secret) -> [u8; 32] {
    let public = PublicKey::from(&StaticSecret::from(*secret.expose())).to_bytes();
    zeroize::zeroize_stack::<STACK>();
    public
}

/// X25519(secret, public) (RFC 7748), or `None` if the public key is of low order.
#[must_use]
pub fn agree(secret: &Secret, public: &[u8; 32]) -> Option<Secret> {
    let shared = StaticSecret::from(*secret.expose()).diffie_hellman(&PublicKey::from(*public));
    let agreed = shared
        .was_contributory()
        .then(|| Secret::filled(|bytes| bytes.copy_from_slice(shared.as_bytes())));
    drop(shared);
    zeroize::zeroize_stack::<STACK>();
    agreed
}

/// SHA-256 (FIPS 180-4) of public bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// HMAC-SHA256 (RFC 2104) over the concatenation of `parts`.
#[must_use]
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let tag = keyed(key, parts).finalize().into_bytes().into();
    zeroize::zeroize_stack::<STACK>();
    tag
}

/// Verifies in constant time that `tag` is the [`mac`] of the parts.
#[must_use]
pub fn mac_holds(key: &[u8; 32], parts: &[&[u8]], tag: &[u8; 32]) -> bool {
    let holds = keyed(key, parts).verify_slice(tag).is_ok();
    zeroize::zeroize_stack::<STACK>();
    holds
}

/// Verifies in constant time that `tag` is the beginning of the [`mac`] of the parts.
#[must_use]
pub(crate) fn mac_holds_in_part(key: &[u8; 32], parts: &[&[u8]], tag: &[u8]) -> bool {
    let holds = keyed(key, parts).verify_truncated_left(tag).is_ok();
    zeroize::zeroize_stack::<STACK>();
    holds
}

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}
