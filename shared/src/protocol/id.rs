//! Newtypes for keys, ids and counters.

use std::fmt;

use data_encoding::HEXLOWER;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

/// Declares a fixed-size public byte string: ordered, hashable, printed as lower-case hex.
macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; $len]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }
    };
}

byte_id! {
    /// A bridge's public identity key `ik` (X25519). It names a session on the wire: envelopes are
    /// addressed to it, never to an alias.
    PeerKey, 32
}

byte_id! {
    /// A public receive key `rk` (X25519): the key a card offers for sealing to its owner.
    ReceiveKey, 32
}

byte_id! {
    /// The id of one message: a UUID of version 7 in its 16-byte form, unique for all time.
    MessageId, 16
}

byte_id! {
    /// The public id of a group. Two bridges have the same one if they hold the same join secret.
    GroupId, 16
}

byte_id! {
    /// The public key of a seat (Ed25519): what a session is to others across restarts of its bridge.
    SeatKey, 32
}

byte_id! {
    /// An Ed25519 signature (RFC 8032).
    Signature, 64
}

byte_id! {
    /// What a repository is to a hub: the first 16 bytes of HMAC(repository key of the group, name of the repository). Two
    /// sessions in clones of one repository have the same, and the hub learns no name.
    RepositoryTag, 16
}

/// The first 16 hex digits of SHA-256("aj1 fp" ‖ key).
fn fingerprint(key: &[u8; 32]) -> String {
    let digest = Sha256::new().chain_update(b"aj1 fp").chain_update(key).finalize();
    HEXLOWER.encode(&digest[..8])
}

impl PeerKey {
    /// The fingerprint by which people recognise a peer: the first 16 hex digits of SHA-256("aj1 fp" ‖ ik). A
    /// fingerprint is not a credential.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.0)
    }
}

impl SeatKey {
    /// The fingerprint by which people recognise a session that has a seat: the first 16 hex digits of SHA-256("aj1 fp"
    /// ‖ seat key). A fingerprint is not a credential.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.0)
    }
}

/// Declares a counter: ordered, copied, printed as its number.
macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $name {
            /// The number after this one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
    };
}

counter! {
    /// The number of a peer's card: every change of the card is a new epoch with a new receive key.
    Epoch
}

counter! {
    /// The place of a message in the order from one sender to one receiver, counted from 1.
    Seq
}

counter! {
    /// The number a hub gives to a connection.
    ConnectionId
}

counter! {
    /// The number of times a bridge's process has dialled. Among connections of one key the highest wins.
    Dial
}

counter! {
    /// The number of one bridge process of a seat: of two, the higher has the seat. Milliseconds since 1970, or one more
    /// than the last that was seen.
    Incarnation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_is_sixteen_hex_digits_of_the_key() {
        assert_eq!(PeerKey([0; 32]).fingerprint().len(), 16);
        assert_ne!(PeerKey([0; 32]).fingerprint(), PeerKey([1; 32]).fingerprint());
    }

    #[test]
    fn ids_print_as_hex() {
        assert_eq!(MessageId([0xab; 16]).to_string(), "ab".repeat(16));
    }
}
