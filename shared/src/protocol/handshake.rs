//! The handshake of AJ1 and the keys of a group.
//!
//! ```text
//! J            the join secret, 32 random bytes
//! PRK          HKDF-Extract(salt "agent-junction/1", J)                      RFC 5869, SHA-256
//! auth         HKDF-Expand(PRK, "hub-auth", 32)      hub and bridges
//! psk, card, repository
//!              … "e2e-psk", "card-mac", "repository-tag"      bridges only
//! group        … "group-id", 16                      public
//!
//! k            HKDF(salt auth, ikm X25519(ik, hub_eph), info "aj1 hub", 32)
//! T            SHA-256(challenge frame ‖ hello body), bytes as sent
//! pin          SPKI hash of this connection's TLS; 32 zero bytes on plain loopback
//! proof        HMAC(k, "hello" ‖ pin ‖ T)            RFC 2104, SHA-256
//! welcome mac  HMAC(k, "welcome" ‖ pin ‖ T ‖ SHA-256(welcome body))
//! ```

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::protocol::codec::{decode, encode};
use crate::protocol::crypto::{
    agree, derive, expand, mac, mac_holds, mac_holds_in_part, public_key,
};
use crate::protocol::id::{Dial, GroupId, PeerKey, RepositoryTag};
use crate::protocol::seat::{SeatKeys, hello_holds};
use crate::protocol::wire::{
    Challenge, Hello, HelloBody, SeatClaim, Ticket, ToBridge, VERSION, Welcome, WelcomeBody,
};
use crate::secret::{Secret, random_bytes};

/// SHA-256 of the TLS key of a hub; all zeros on plain loopback.
pub type Pin = [u8; 32];

/// The pin of a connection without TLS.
pub const NO_PIN: Pin = [0; 32];

/// The fingerprint by which people compare hub keys: the first 16 hexadecimal digits of the pin.
#[must_use]
pub fn fingerprint(pin: &Pin) -> String {
    HEXLOWER.encode(&pin[..8])
}

/// The keys that a bridge derives from the join secret.
pub struct GroupKeys {
    /// Proves membership to a hub, and is the only one of these keys that a hub holds.
    pub auth: Secret,
    /// The salt of the pairwise pre-shared keys.
    pub psk: Secret,
    /// The key that authenticates cards.
    pub card: Secret,
    /// The key of the tags by which a hub knows repositories.
    pub repository: Secret,
    /// The group's public id.
    pub group: GroupId,
}

impl GroupKeys {
    /// The keys of the group that `join_secret` makes.
    #[must_use]
    pub fn derive(join_secret: &Secret) -> Self {
        let mut group = [0; 16];
        expand(Some(b"agent-junction/1"), join_secret.expose(), b"group-id", &mut group);
        let key = |info: &[u8]| derive(b"agent-junction/1", join_secret.expose(), info);
        Self {
            auth: key(b"hub-auth"),
            psk: key(b"e2e-psk"),
            card: key(b"card-mac"),
            repository: key(b"repository-tag"),
            group: GroupId(group),
        }
    }

    /// What the hub of this group calls the repository of this name.
    #[must_use]
    pub fn repository_tag(&self, name: &str) -> RepositoryTag {
        let mut tag = [0; 16];
        tag.copy_from_slice(&mac(self.repository.expose(), &[name.as_bytes()])[..16]);
        RepositoryTag(tag)
    }
}

/// Why a handshake failed. The error reveals no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The frames are not those of a handshake.
    #[error("the other side does not speak this protocol")]
    Malformed,
    /// The two sides have no protocol version in common. This is the newest of the other side; 0 if it speaks none.
    #[error("the two sides have no protocol version in common")]
    NoCommonVersion(u16),
    /// The other side does not hold the group's secret or does not own its key.
    #[error("the other side could not prove that it belongs to this group")]
    Unproven,
}

/// The order of a hub's grants: of two tickets for one alias, the one with the greater time is the newer. Hubs use
/// milliseconds since 1970 where they can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantTime(pub u64);

impl GrantTime {
    /// The time after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The bytes of a ticket that hold its time.
const TICKET_TIME: usize = 8;
/// The bytes of a ticket that authenticate it.
const TICKET_TAG: usize = 24;

/// The ticket of an alias for the owner of a key: the time of the grant as 8 bytes, big-endian, and the first 24 bytes of
/// HMAC(ticket key, alias ‖ ik ‖ time).
#[must_use]
pub fn ticket(ticket_key: &Secret, alias: &str, key: &PeerKey, granted: GrantTime) -> Ticket {
    let time = granted.0.to_be_bytes();
    let tag = mac(ticket_key.expose(), &[alias.as_bytes(), &key.0, &time]);
    let mut bytes = [0; 32];
    bytes[..TICKET_TIME].copy_from_slice(&time);
    bytes[TICKET_TIME..].copy_from_slice(&tag[..TICKET_TAG]);
    Ticket(bytes)
}

/// The time at which a ticket was granted for this alias and key; nothing if it was not. Tickets of hubs that wrote no time
/// into them, HMAC(ticket key, alias ‖ ik), are the oldest.
#[must_use]
pub fn ticket_time(
    ticket_key: &Secret,
    alias: &str,
    key: &PeerKey,
    ticket: &Ticket,
) -> Option<GrantTime> {
    let (time, tag) = ticket.0.split_first_chunk::<TICKET_TIME>()?;
    let parts: [&[u8]; 3] = [alias.as_bytes(), &key.0, time];
    if mac_holds_in_part(ticket_key.expose(), &parts, tag) {
        return Some(GrantTime(u64::from_be_bytes(*time)));
    }
    mac_holds(ticket_key.expose(), &parts[..2], &ticket.0).then(GrantTime::default)
}

/// The transcript and key that both sides share once the hello has arrived.
struct Agreed {
    k: Secret,
    pin: Pin,
    transcript: [u8; 32],
}

impl Agreed {
    fn new(auth: &Secret, dh: &Secret, pin: Pin, challenge: &[u8], hello_body: &[u8]) -> Self {
        let transcript =
            Sha256::new().chain_update(challenge).chain_update(hello_body).finalize().into();
        Self { k: derive(auth.expose(), dh.expose(), b"aj1 hub"), pin, transcript }
    }

    fn welcome_parts<'a>(&'a self, body_hash: &'a [u8; 32]) -> [&'a [u8]; 4] {
        [b"welcome", &self.pin, &self.transcript, body_hash]
    }
}

/// The hub's side of a handshake, from its challenge to its welcome.
pub struct HubHandshake {
    eph: Secret,
    challenge: Bytes,
}

impl HubHandshake {
    /// Starts a handshake with a fresh challenge.
    #[must_use]
    pub fn start() -> Self {
        let eph = Secret::random();
        let challenge =
            Challenge { versions: vec![VERSION], nonce: random_bytes(), hub_eph: public_key(&eph) };
        Self { challenge: encode(&ToBridge::Challenge(challenge)), eph }
    }

    /// The challenge as a frame.
    #[must_use]
    pub fn challenge(&self) -> Bytes {
        self.challenge.clone()
    }

    /// Verifies a hello. Returns its body and the state that proves the welcome.
    ///
    /// # Errors
    /// [`HandshakeError`] if the caller speaks no common version, does not hold the group's secret, does not own its key
    /// or the seat that it claims, or answers another challenge.
    pub fn verify(
        self,
        auth: &Secret,
        pin: Pin,
        hello: &Hello,
    ) -> Result<(HelloBody, Verified), HandshakeError> {
        let body: HelloBody = decode(&hello.body).map_err(|_| HandshakeError::Malformed)?;
        if body.version != VERSION {
            return Err(HandshakeError::NoCommonVersion(body.version));
        }
        let dh = agree(&self.eph, &body.key.0).ok_or(HandshakeError::Unproven)?;
        let agreed = Agreed::new(auth, &dh, pin, &self.challenge, &hello.body);
        let parts: [&[u8]; 3] = [b"hello", &agreed.pin, &agreed.transcript];
        if !mac_holds(agreed.k.expose(), &parts, &hello.proof) {
            return Err(HandshakeError::Unproven);
        }
        let owns = |claim: &SeatClaim| {
            let signature = hello.seat_signature.as_ref();
            signature.is_some_and(|signed| hello_holds(&claim.key, &agreed.transcript, signed))
        };
        if !body.seat.as_ref().is_none_or(owns) {
            return Err(HandshakeError::Unproven);
        }
        Ok((body, Verified(agreed)))
    }
}

/// A bridge whose hello was verified.
pub struct Verified(Agreed);

impl Verified {
    /// The welcome with the hub's proof.
    #[must_use]
    pub fn welcome(&self, body: &WelcomeBody) -> Welcome {
        let body = encode(body).to_vec();
        let hash = Sha256::digest(&body).into();
        let mac = mac(self.0.k.expose(), &self.0.welcome_parts(&hash));
        Welcome { body, mac }
    }
}

/// The bridge's input to a handshake.
pub struct Caller<'a> {
    /// The secret identity key.
    pub identity: &'a Secret,
    /// The public identity key.
    pub key: PeerKey,
    /// The group's proof of membership.
    pub auth: &'a Secret,
    /// The pin of this connection, from its own socket.
    pub pin: Pin,
    /// The number of times this process has dialled.
    pub dial: Dial,
    /// The requested alias and the ticket granted with it, if any.
    pub want: Option<(String, Option<Ticket>)>,
    /// Whether the session is to be in nobody's list.
    pub is_unlisted: bool,
    /// The seat to claim, and its keys.
    pub seat: Option<(SeatClaim, &'a SeatKeys)>,
}

/// The bridge's side of a handshake, from the challenge to the welcome.
pub struct BridgeHandshake(Agreed);

impl BridgeHandshake {
    /// Answers the first frame of a connection with a hello.
    ///
    /// # Errors
    /// [`HandshakeError`] if the frame is no challenge or offers no version spoken here.
    pub fn answer(frame: &[u8], caller: Caller<'_>) -> Result<(Hello, Self), HandshakeError> {
        Self::answer_with(frame, caller, random_bytes())
    }

    fn answer_with(
        frame: &[u8],
        caller: Caller<'_>,
        nonce: [u8; 32],
    ) -> Result<(Hello, Self), HandshakeError> {
        let Ok(ToBridge::Challenge(challenge)) = decode(frame) else {
            return Err(HandshakeError::Malformed);
        };
        if !challenge.versions.contains(&VERSION) {
            let newest = challenge.versions.iter().max().copied();
            return Err(HandshakeError::NoCommonVersion(newest.unwrap_or_default()));
        }
        let (want, ticket) = caller.want.map_or((None, None), |(alias, t)| (Some(alias), t));
        let (seat, seat_keys) = caller.seat.unzip();
        let body = encode(&HelloBody {
            version: VERSION,
            key: caller.key,
            dial: caller.dial,
            want,
            ticket,
            nonce,
            unlisted: caller.is_unlisted.then_some(true),
            seat,
        })
        .to_vec();
        let dh = agree(caller.identity, &challenge.hub_eph).ok_or(HandshakeError::Unproven)?;
        let agreed = Agreed::new(caller.auth, &dh, caller.pin, frame, &body);
        let parts: [&[u8]; 3] = [b"hello", &agreed.pin, &agreed.transcript];
        let proof = mac(agreed.k.expose(), &parts);
        let seat_signature = seat_keys.map(|keys| keys.sign_hello(&agreed.transcript));
        Ok((Hello { body, proof, seat_signature }, Self(agreed)))
    }

    /// Verifies the hub's welcome.
    ///
    /// # Errors
    /// [`HandshakeError`] if the hub could not prove that it holds the group's secret.
    pub fn check(&self, welcome: &Welcome) -> Result<WelcomeBody, HandshakeError> {
        let hash = Sha256::digest(&welcome.body).into();
        if !mac_holds(self.0.k.expose(), &self.0.welcome_parts(&hash), &welcome.mac) {
            return Err(HandshakeError::Unproven);
        }
        decode(&welcome.body).map_err(|_| HandshakeError::Malformed)
    }
}

#[cfg(test)]
mod tests;
