//! How a program on the hub's own machine proves that it may look at what goes on there: by a token that is derived from the
//! group's `auth`, and holds for one start of one hub.
//!
//! A hub says the random number of its start to anyone on its machine who asks without a token. Web pages and other users do
//! not have `auth`, and a token that another program got out of somebody is worth nothing at the real hub's port.

use data_encoding::HEXLOWER;

use crate::protocol::crypto::{mac, mac_holds};
use crate::secret::Secret;

/// The name under which the number of the start stands in the `WWW-Authenticate` header of a refusal.
pub const NONCE: &str = "nonce";

/// The random number that a hub makes as it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlookerNonce(pub [u8; 16]);

impl OnlookerNonce {
    /// The start that a `WWW-Authenticate` header names; `None` if it names none.
    #[must_use]
    pub fn in_challenge(header: &str) -> Option<Self> {
        let (_, rest) = header.split_once(&format!("{NONCE}=\""))?;
        let (text, _) = rest.split_once('"')?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The `WWW-Authenticate` header that names this start.
    #[must_use]
    pub fn challenge(self) -> String {
        format!("Bearer realm=\"agent-junction\", {NONCE}=\"{}\"", HEXLOWER.encode(&self.0))
    }

    /// The token for the hub of this start at this port, in hexadecimal digits.
    #[must_use]
    pub fn token(self, auth: &Secret, port: u16) -> String {
        HEXLOWER.encode(&mac(auth.expose(), &self.parts(&port.to_be_bytes())))
    }

    /// Whether this is the token, compared in constant time.
    #[must_use]
    pub fn admits(self, auth: &Secret, port: u16, token: &str) -> bool {
        let bytes = HEXLOWER.decode(token.as_bytes()).ok();
        let tag: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let port = port.to_be_bytes();
        tag.is_some_and(|tag| mac_holds(auth.expose(), &self.parts(&port), &tag))
    }

    fn parts<'a>(&'a self, port: &'a [u8; 2]) -> [&'a [u8]; 3] {
        [b"aj1 onlooker", &self.0, port]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(byte: u8) -> Secret {
        Secret::filled(|bytes| bytes.fill(byte))
    }

    #[test]
    fn token_holds_for_one_start_of_one_hub() {
        let start = OnlookerNonce([7; 16]);
        let token = start.token(&auth(1), 4200);
        assert!(start.admits(&auth(1), 4200, &token));
        for (other, port, by) in [(8, 4200, 1), (7, 4201, 1), (7, 4200, 2)] {
            assert!(!OnlookerNonce([other; 16]).admits(&auth(by), port, &token));
        }
        for wrong in ["", "00", &token[1..], &token.to_uppercase(), &format!("{token}0")] {
            assert!(!start.admits(&auth(1), 4200, wrong), "{wrong}");
        }
    }

    #[test]
    fn start_is_read_from_the_header_that_names_it() {
        let start = OnlookerNonce([0xab; 16]);
        assert_eq!(OnlookerNonce::in_challenge(&start.challenge()), Some(start));
        for other in ["", "Bearer", "Bearer nonce=\"", "Bearer nonce=\"ab\"", "Bearer nonce=\"zz\""]
        {
            assert_eq!(OnlookerNonce::in_challenge(other), None);
        }
    }
}
