//! The states of claims that sessions of one repository seal for each other.
//!
//! ```text
//! key      HKDF("", P, "claims" ‖ group ‖ from ‖ to ‖ tag, 32)                       RFC 5869
//! sealed   AES-256-GCM(key, nonce 0 (4 bytes) ‖ number, aad, padded plaintext)       NIST SP 800-38D
//! aad      "aj1 claims" ‖ version ‖ group ‖ from ‖ to ‖ tag ‖ number
//! ```
//!
//! No receive key takes part, so that a state can be sealed for a session whose card is not known. The numbers of one sender
//! only rise while its process has this identity, so that no nonce comes twice under one key.

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use bytes::Bytes;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::crypto::derive;
use junction_shared::protocol::id::{GroupId, PeerKey, RepositoryTag};
use junction_shared::protocol::limits::MAX_CLAIMS_STATE;
use junction_shared::protocol::wire::{SharedClaims, VERSION};
use junction_shared::secret::Secret;
use zeroize::zeroize_stack;

use super::plain::{Broken, PADDED, TAG};

/// Stack wiped after a call: more than the deepest of them uses.
const STACK: usize = 16 * 1024;
/// The length of the state, before it.
const LENGTH: usize = 4;

/// From whom to whom states go, and about what.
#[derive(Clone, Copy)]
pub struct ClaimsPath {
    /// The group of the two.
    pub group: GroupId,
    /// The sender.
    pub from: PeerKey,
    /// The receiver.
    pub to: PeerKey,
    /// The repository.
    pub repository: RepositoryTag,
}

impl ClaimsPath {
    fn bytes(&self, before: &[u8]) -> Vec<u8> {
        let Self { group, from, to, repository } = self;
        [before, &group.0, &from.0, &to.0, &repository.0].concat()
    }

    fn cipher(&self, psk: &Secret) -> Aes256Gcm {
        let key = derive(&[], psk.expose(), &self.bytes(b"claims"));
        Aes256Gcm::new(key.expose().into())
    }

    fn associated(&self, number: u64) -> Vec<u8> {
        let before = [b"aj1 claims".as_slice(), &VERSION.to_be_bytes()].concat();
        [self.bytes(&before).as_slice(), &number.to_be_bytes()].concat()
    }
}

/// The nonce of the state of this number.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

/// A state, sealed under P of the pair. The caller never uses a number twice for one receiver.
///
/// # Errors
/// [`Broken`] if the state is larger than it may be.
pub fn seal_claims(
    psk: &Secret,
    path: &ClaimsPath,
    number: u64,
    state: &SharedClaims,
) -> Result<Bytes, Broken> {
    let state = encode(state);
    if state.len() > MAX_CLAIMS_STATE {
        return Err(Broken);
    }
    let needed = LENGTH + state.len();
    let padded = PADDED.into_iter().find(|size| *size >= needed).ok_or(Broken)?;
    let mut buffer = Vec::with_capacity(padded + TAG);
    buffer.extend_from_slice(&u32::try_from(state.len()).map_err(|_| Broken)?.to_be_bytes());
    buffer.extend_from_slice(&state);
    buffer.resize(padded, 0);
    let sealed = path.cipher(psk).encrypt_inout_detached(
        &nonce(number).into(),
        &path.associated(number),
        buffer.as_mut_slice().into(),
    );
    zeroize_stack::<STACK>();
    buffer.extend_from_slice(&sealed.map_err(|_| Broken)?);
    Ok(Bytes::from(buffer))
}

/// The state in a sealed text, if its sender sealed it for this receiver, repository and number.
///
/// # Errors
/// [`Broken`] if not.
pub fn open_claims(
    psk: &Secret,
    path: &ClaimsPath,
    number: u64,
    sealed: Bytes,
) -> Result<SharedClaims, Broken> {
    let mut buffer = Vec::from(sealed);
    let length = buffer.len().checked_sub(TAG).filter(|length| PADDED.contains(length));
    let (text, tag) = buffer.split_at_mut(length.ok_or(Broken)?);
    let opened = path.cipher(psk).decrypt_inout_detached(
        &nonce(number).into(),
        &path.associated(number),
        (&mut *text).into(),
        (&*tag).try_into().map_err(|_| Broken)?,
    );
    zeroize_stack::<STACK>();
    opened.map_err(|_| Broken)?;
    let (length, rest) = text.split_first_chunk::<LENGTH>().ok_or(Broken)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Broken)?;
    let (state, padding) = rest.split_at_checked(length).ok_or(Broken)?;
    if length > MAX_CLAIMS_STATE || padding.iter().any(|byte| *byte != 0) {
        return Err(Broken);
    }
    decode(state).map_err(|_| Broken)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use junction_shared::protocol::wire::ClaimGroup;
    use sha2::{Digest, Sha256};

    use super::*;

    fn psk(seed: u8) -> Secret {
        Secret::filled(|key| key.fill(seed))
    }

    fn path() -> ClaimsPath {
        ClaimsPath {
            group: GroupId([1; 16]),
            from: PeerKey([2; 32]),
            to: PeerKey([3; 32]),
            repository: RepositoryTag([4; 16]),
        }
    }

    fn state(paths: usize) -> SharedClaims {
        let paths = (0..paths).map(|n| format!("src/{n:0100}")).collect();
        let note = Some("moves the login".to_owned());
        let group = ClaimGroup { note, age_ms: 1, left_ms: 2, counter: 3, paths };
        SharedClaims { claims: vec![group], ..SharedClaims::default() }
    }

    #[test]
    fn what_is_sealed_opens_and_its_length_tells_one_of_five_classes() {
        for (paths, length) in
            [(0, 256), (1, 256), (5, 1024), (30, 4096), (100, 16_384), (500, 67_584)]
        {
            let sealed = seal_claims(&psk(5), &path(), 6, &state(paths)).unwrap();
            assert_eq!(sealed.len(), length + TAG);
            assert_eq!(open_claims(&psk(5), &path(), 6, sealed), Ok(state(paths)));
        }
        assert!(seal_claims(&psk(5), &path(), 6, &state(1000)).is_err());
    }

    #[test]
    fn another_key_direction_group_repository_or_number_opens_nothing() {
        let sealed = seal_claims(&psk(5), &path(), 6, &state(1)).unwrap();
        let open = |key, path: ClaimsPath, number| {
            open_claims(&psk(key), &path, number, sealed.clone()).is_ok()
        };
        assert!(open(5, path(), 6));
        assert!(!open(7, path(), 6) && !open(5, path(), 7));
        let ClaimsPath { from, to, .. } = path();
        assert!(!open(5, ClaimsPath { from: to, to: from, ..path() }, 6), "to where it came from");
        assert!(!open(5, ClaimsPath { to: PeerKey([9; 32]), ..path() }, 6));
        assert!(!open(5, ClaimsPath { group: GroupId([9; 16]), ..path() }, 6));
        assert!(!open(5, ClaimsPath { repository: RepositoryTag([9; 16]), ..path() }, 6));
    }

    #[test]
    fn altered_bytes_open_nothing() {
        let sealed = seal_claims(&psk(5), &path(), 6, &state(1)).unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.to_vec();
            altered[at] ^= 1;
            assert_eq!(open_claims(&psk(5), &path(), 6, altered.into()), Err(Broken));
            assert_eq!(open_claims(&psk(5), &path(), 6, sealed.slice(..at)), Err(Broken));
        }
    }

    #[test]
    fn sealed_state_has_its_frozen_bytes() {
        let sealed = seal_claims(&psk(5), &path(), 6, &state(1)).unwrap();
        assert_eq!(HEXLOWER.encode(&sealed[..16]), "71b4a2c97265c59c35e96d2141de226b");
        assert_eq!(
            HEXLOWER.encode(&Sha256::digest(&sealed)),
            "fd721e80facf76e50fa80239a8773d3e4fe9df90f0f0bb84fd0405330b1b20d4"
        );
    }
}
