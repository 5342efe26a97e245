//! The keys of a seat, and what is signed with them (Ed25519, RFC 8032).
//!
//! ```text
//! seed   HKDF(salt "", ikm seat secret, info "aj1 seat" ‖ client ‖ 0 ‖ session id, 32)      RFC 5869, SHA-256
//! hello  sign("aj1 seat hello" ‖ T)                     T: the transcript of the handshake
//! card   sign("aj1 seat card" ‖ group ‖ body of the card)
//! move   sign("aj1 seat move" ‖ group ‖ from ‖ incarnation of from, 8 bytes big-endian ‖ to), by from and by to
//! ```
//!
//! A program that has the secret of a configuration directory and the id of a session can be that session.

use ed25519_dalek::{Signature as EdSignature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::protocol::crypto::{STACK, derive, mac};
use crate::protocol::id::{GroupId, Incarnation, SeatKey, Signature};
use crate::protocol::wire::SeatMove;
use crate::secret::Secret;

const HELLO: &[u8] = b"aj1 seat hello";
const CARD: &[u8] = b"aj1 seat card";
const MOVE: &[u8] = b"aj1 seat move";

/// A seat that this machine holds: its keys.
pub struct SeatKeys {
    seed: Secret,
    key: SeatKey,
}

impl SeatKeys {
    /// The seat of one session of a client. `secret` is that of the configuration directory.
    #[must_use]
    pub fn derive(secret: &Secret, client: &str, session_id: &str) -> Self {
        let info = [b"aj1 seat", client.as_bytes(), b"\0", session_id.as_bytes()].concat();
        let seed = derive(&[], secret.expose(), &info);
        let key = SeatKey(SigningKey::from_bytes(seed.expose()).verifying_key().to_bytes());
        zeroize::zeroize_stack::<STACK>();
        Self { seed, key }
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> SeatKey {
        self.key
    }

    /// Signs the claim to the seat in a hello, by the transcript of its handshake.
    #[must_use]
    pub fn sign_hello(&self, transcript: &[u8; 32]) -> Signature {
        self.sign(&[HELLO, transcript])
    }

    /// Signs the body of a card.
    #[must_use]
    pub fn sign_card(&self, group: &GroupId, body: &[u8]) -> Signature {
        self.sign(&[CARD, &group.0, body])
    }

    /// Says that the session of this seat goes on under another. `incarnation` is the last of this one.
    #[must_use]
    pub fn move_to(&self, group: &GroupId, incarnation: Incarnation, to: &Self) -> SeatMove {
        let number = incarnation.0.to_be_bytes();
        let said = [MOVE, &group.0, &self.key.0, &number, &to.key.0];
        SeatMove {
            from: self.key,
            incarnation,
            signature: self.sign(&said),
            consent: to.sign(&said),
        }
    }

    /// What bridges of the seat have in common that run in the same place, such as one process of a client. Nobody else
    /// can tell the place from it.
    #[must_use]
    pub fn place(&self, place: &[u8]) -> [u8; 16] {
        let tag = mac(self.seed.expose(), &[b"aj1 seat place", place]);
        let mut short = [0; 16];
        short.copy_from_slice(&tag[..16]);
        short
    }

    fn sign(&self, parts: &[&[u8]]) -> Signature {
        let signature = SigningKey::from_bytes(self.seed.expose()).sign(&parts.concat());
        zeroize::zeroize_stack::<STACK>();
        Signature(signature.to_bytes())
    }
}

/// Whether the owner of the seat signed this transcript of a handshake.
#[must_use]
pub fn hello_holds(seat: &SeatKey, transcript: &[u8; 32], signature: &Signature) -> bool {
    holds(seat, &[HELLO, transcript], signature)
}

/// Whether the owner of the seat signed this body of a card.
#[must_use]
pub fn card_holds(seat: &SeatKey, group: &GroupId, body: &[u8], signature: &Signature) -> bool {
    holds(seat, &[CARD, &group.0, body], signature)
}

/// Whether the owners of both seats said that the session of the earlier one goes on under this one.
#[must_use]
pub fn move_holds(moved: &SeatMove, group: &GroupId, to: &SeatKey) -> bool {
    let number = moved.incarnation.0.to_be_bytes();
    let said = [MOVE, &group.0, &moved.from.0, &number, &to.0];
    holds(&moved.from, &said, &moved.signature) && holds(to, &said, &moved.consent)
}

/// The number from which the alias of a seat is drawn, so that the alias is the same at every hub where it is free.
#[must_use]
pub fn alias_seed(seat: &SeatKey) -> u64 {
    let digest = Sha256::new().chain_update(b"aj1 seat alias").chain_update(seat.0).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

fn holds(seat: &SeatKey, parts: &[&[u8]], signature: &Signature) -> bool {
    let signature = EdSignature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(&seat.0)
        .is_ok_and(|key| key.verify_strict(&parts.concat(), &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId([7; 16]);

    fn seat(client: &str, session: &str) -> SeatKeys {
        SeatKeys::derive(&Secret::filled(|secret| secret.fill(1)), client, session)
    }

    #[test]
    fn seat_is_of_one_secret_one_client_and_one_session() {
        let one = seat("claude-code", "a");
        assert_eq!(one.key(), seat("claude-code", "a").key());
        let other = SeatKeys::derive(&Secret::filled(|secret| secret.fill(2)), "claude-code", "a");
        let others =
            [seat("claude-code", "b"), seat("codex", "a"), seat("claude-cod", "e\0a"), other];
        assert!(others.iter().all(|other| other.key() != one.key()));
    }

    /// The values of docs/protocol.md.
    #[test]
    fn keys_and_signatures_are_frozen() {
        let (one, other) = (seat("claude-code", "one"), seat("claude-code", "two"));
        assert_eq!(
            one.key().to_string(),
            "9ca816de2a773d35ee8f132baac682aef844e29c97415efdaad8d82e1b9b30eb"
        );
        assert_eq!(
            other.key().to_string(),
            "3ce0507451bb08c0509abd875c0310290f0ab12092eb6b1c5fb917e0d49ada3a"
        );
        assert_eq!(
            one.sign_hello(&[3; 32]).to_string(),
            "6f54591e684ea92a2b0dc8cae3d6105acb0f77fb96a0fc53ba6ae8118d8e6f254c048502997f73ead241b7a36f16f6f0c739ea8516613cdcacdafcf0eb006906"
        );
        assert_eq!(
            one.sign_card(&GROUP, b"a card").to_string(),
            "f1d3b3e6968bee816ef65e5f97590483cba49471715633b769895eef483f872d39d5eaf86d7a409fe80a05a0e6af2749ad85b2e46d34eb94857b3dfd8945c303"
        );
        let moved = one.move_to(&GROUP, Incarnation(1_700_000_000_000), &other);
        assert_eq!(
            moved.signature.to_string(),
            "a87794de7c6f705ca337a4e3b5c092ffa59759211547b8643f625b5f7bdcef106fa04b0c13f6f4f79dc6546edb55203b45c2f5a0a0443c5060c2717216e9e50a"
        );
        assert_eq!(
            moved.consent.to_string(),
            "6853ac51de6cb9df1076c69138499aed70db86c241a7226e3a60cc9538c02289be3d882e8a3449de56120b4ff72104f0ed05ff7179085c00ee44c2359c459506"
        );
    }

    #[test]
    fn signature_holds_for_its_seat_its_purpose_and_its_text_alone() {
        let (one, other) = (seat("codex", "a"), seat("codex", "b"));
        let signature = one.sign_card(&GROUP, &[5; 32]);
        assert!(card_holds(&one.key(), &GROUP, &[5; 32], &signature));
        assert!(!card_holds(&other.key(), &GROUP, &[5; 32], &signature));
        assert!(!card_holds(&one.key(), &GroupId([8; 16]), &[5; 32], &signature));
        assert!(!card_holds(&one.key(), &GROUP, &[6; 32], &signature));
        assert!(!hello_holds(&one.key(), &[5; 32], &signature));
        assert!(hello_holds(&one.key(), &[5; 32], &one.sign_hello(&[5; 32])));
    }

    #[test]
    fn key_of_low_order_signs_nothing() {
        let mut weak = [0; 32];
        weak[0] = 1;
        assert!(!hello_holds(&SeatKey(weak), &[5; 32], &Signature([0; 64])));
    }

    #[test]
    fn move_holds_from_its_seat_and_incarnation_to_its_seat_by_the_word_of_both() {
        let (one, other) = (seat("codex", "a"), seat("codex", "b"));
        let moved = one.move_to(&GROUP, Incarnation(9), &other);
        assert!(move_holds(&moved, &GROUP, &other.key()));
        assert!(!move_holds(&moved, &GROUP, &one.key()));
        let later = SeatMove { incarnation: Incarnation(10), ..moved.clone() };
        assert!(!move_holds(&later, &GROUP, &other.key()));
        let alone = SeatMove { consent: moved.signature, ..moved.clone() };
        assert!(!move_holds(&alone, &GROUP, &other.key()));
        assert!(!move_holds(&SeatMove { from: other.key(), ..moved }, &GROUP, &other.key()));
    }

    #[test]
    fn place_is_the_same_for_one_seat_alone() {
        let one = seat("codex", "a");
        assert_eq!(one.place(b"pid 7"), seat("codex", "a").place(b"pid 7"));
        assert_ne!(one.place(b"pid 7"), one.place(b"pid 8"));
        assert_ne!(one.place(b"pid 7"), seat("codex", "b").place(b"pid 7"));
    }
}
