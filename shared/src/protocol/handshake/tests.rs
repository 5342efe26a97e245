//! The handshake from both sides, what it refuses, and vectors: the standards' and our own frozen ones.

mod vectors;

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;
use crate::protocol::id::ConnectionId;
use crate::protocol::id::{Incarnation, SeatKey};
use crate::protocol::wire::Grant;

fn secret(byte: u8) -> Secret {
    Secret::filled(|bytes| bytes.fill(byte))
}

fn auth(byte: u8) -> Secret {
    GroupKeys::derive(&secret(byte)).auth
}

/// The ticket of a hub that wrote no time into its tickets.
fn timeless_ticket(alias: &str, key: &PeerKey) -> Ticket {
    Ticket(mac(secret(6).expose(), &[alias.as_bytes(), &key.0]))
}

/// A bridge: its identity and what it believes of the connection.
struct Bridge {
    identity: Secret,
    key: PeerKey,
    auth: Secret,
    pin: Pin,
}

impl Bridge {
    fn new(identity: u8, group: u8, pin: Pin) -> Self {
        let identity = secret(identity);
        Self { key: PeerKey(public_key(&identity)), identity, auth: auth(group), pin }
    }

    fn caller(&self) -> Caller<'_> {
        let want = Some(("calm-fox".to_owned(), Some(timeless_ticket("calm-fox", &self.key))));
        let Self { identity, key, auth, pin } = self;
        Caller {
            identity,
            key: *key,
            auth,
            pin: *pin,
            dial: Dial(1),
            want,
            is_unlisted: false,
            seat: None,
        }
    }

    fn answer(&self, challenge: &[u8]) -> (Hello, BridgeHandshake) {
        BridgeHandshake::answer(challenge, self.caller()).ok().unwrap()
    }
}

fn welcome_body() -> WelcomeBody {
    WelcomeBody {
        grant: Grant { alias: "calm-fox".to_owned(), ticket: Ticket([8; 32]) },
        connection: ConnectionId(7),
        resumed: false,
        session_timeout_ms: 1_800_000,
        sweep_interval_ms: 60_000,
        past_restart_grace: None,
        features: None,
        seat: None,
    }
}

/// What a hub of group 1 behind `pin` says to this hello, sent in answer to another of its challenges if `replayed`.
fn hub_says(bridge: &Bridge, pin: Pin, replayed: bool) -> Result<HelloBody, HandshakeError> {
    let hub = HubHandshake::start();
    let (hello, _) = bridge.answer(&hub.challenge());
    let hub = if replayed { HubHandshake::start() } else { hub };
    hub.verify(&auth(1), pin, &hello).map(|(body, _)| body)
}

/// What a hub of group 1 says to a hello that claims a seat, once `alter` has changed it.
fn hub_says_to_claim(alter: impl FnOnce(&mut Hello, &SeatKeys)) -> Result<SeatKey, HandshakeError> {
    let (hub, bridge) = (HubHandshake::start(), Bridge::new(4, 1, NO_PIN));
    let keys = SeatKeys::derive(&secret(9), "claude-code", "one");
    let claim = SeatClaim {
        key: keys.key(),
        incarnation: Incarnation(7),
        is_proven: None,
        place: None,
        moved_from: None,
    };
    let caller = Caller { seat: Some((claim, &keys)), ..bridge.caller() };
    let (mut hello, _) = BridgeHandshake::answer(&hub.challenge(), caller).ok().unwrap();
    alter(&mut hello, &keys);
    let (body, _) = hub.verify(&auth(1), NO_PIN, &hello)?;
    Ok(body.seat.unwrap().key)
}

#[test]
fn seat_is_claimed_by_its_owner_for_one_handshake_alone() {
    let keys = SeatKeys::derive(&secret(9), "claude-code", "one");
    assert_eq!(hub_says_to_claim(|_, _| {}), Ok(keys.key()));
    let unsigned = hub_says_to_claim(|hello, _| hello.seat_signature = None);
    assert_eq!(unsigned, Err(HandshakeError::Unproven));
    // A signature from another handshake, and one by another seat.
    let replayed = |hello: &mut Hello, keys: &SeatKeys| {
        hello.seat_signature = Some(keys.sign_hello(&[3; 32]));
    };
    assert_eq!(hub_says_to_claim(replayed), Err(HandshakeError::Unproven));
    let (hub, bridge) = (HubHandshake::start(), Bridge::new(4, 1, NO_PIN));
    let thief = SeatKeys::derive(&secret(8), "claude-code", "one");
    let claim = SeatClaim {
        key: keys.key(),
        incarnation: Incarnation(7),
        is_proven: Some(true),
        place: None,
        moved_from: None,
    };
    let caller = Caller { seat: Some((claim, &thief)), ..bridge.caller() };
    let (hello, _) = BridgeHandshake::answer(&hub.challenge(), caller).ok().unwrap();
    assert_eq!(hub.verify(&auth(1), NO_PIN, &hello).err(), Some(HandshakeError::Unproven));
}

/// A bridge and a hub that agree, up to the welcome.
fn agreed() -> (BridgeHandshake, Welcome) {
    let hub = HubHandshake::start();
    let bridge = Bridge::new(4, 1, [7; 32]);
    let (hello, waiting) = bridge.answer(&hub.challenge());
    let (_, verified) = hub.verify(&auth(1), [7; 32], &hello).ok().unwrap();
    (waiting, verified.welcome(&welcome_body()))
}

#[test]
fn both_sides_agree() {
    let bridge = Bridge::new(4, 1, NO_PIN);
    let body = hub_says(&bridge, NO_PIN, false).unwrap();
    assert_eq!((body.key, body.dial), (bridge.key, Dial(1)));
    assert_eq!(body.want.as_deref(), Some("calm-fox"));
    let shown = ticket_time(&secret(6), "calm-fox", &bridge.key, &body.ticket.unwrap());
    assert_eq!(shown, Some(GrantTime(0)));

    let (waiting, welcome) = agreed();
    assert_eq!(waiting.check(&welcome), Ok(welcome_body()));
}

#[test]
fn challenges_are_fresh() {
    assert_ne!(HubHandshake::start().challenge(), HubHandshake::start().challenge());
}

#[test]
fn hub_refuses_another_groups_secret() {
    let stranger = Bridge::new(4, 2, NO_PIN);
    assert_eq!(hub_says(&stranger, NO_PIN, false), Err(HandshakeError::Unproven));
}

#[test]
fn hub_refuses_another_pin() {
    // Someone in the middle shows the bridge a TLS key of its own, or no TLS at all.
    for pin in [NO_PIN, [9; 32]] {
        let bridge = Bridge::new(4, 1, pin);
        assert_eq!(hub_says(&bridge, [7; 32], false), Err(HandshakeError::Unproven));
    }
}

#[test]
fn hub_refuses_a_replayed_hello() {
    let bridge = Bridge::new(4, 1, NO_PIN);
    assert_eq!(hub_says(&bridge, NO_PIN, true), Err(HandshakeError::Unproven));
}

#[test]
fn hub_refuses_the_key_of_someone_else() {
    let mut thief = Bridge::new(4, 1, NO_PIN);
    thief.key = PeerKey(public_key(&secret(5)));
    assert_eq!(hub_says(&thief, NO_PIN, false), Err(HandshakeError::Unproven));
}

/// Public keys with which every agreement is zero (RFC 7748 §6.1): 0, 1 and p − 1.
fn low_order_keys() -> [[u8; 32]; 3] {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    [[0; 32], one, minus_one]
}

#[test]
fn both_sides_refuse_keys_of_low_order() {
    for low in low_order_keys() {
        assert!(agree(&secret(4), &low).is_none());

        let mut bridge = Bridge::new(4, 1, NO_PIN);
        bridge.key = PeerKey(low);
        assert_eq!(hub_says(&bridge, NO_PIN, false), Err(HandshakeError::Unproven));

        let challenge = Challenge { versions: vec![VERSION], nonce: [0; 32], hub_eph: low };
        let frame = encode(&ToBridge::Challenge(challenge));
        let refused = BridgeHandshake::answer(&frame, Bridge::new(4, 1, NO_PIN).caller());
        assert_eq!(refused.err(), Some(HandshakeError::Unproven));
    }
}

#[test]
fn hub_refuses_an_altered_hello() {
    let bridge = Bridge::new(4, 1, NO_PIN);
    let refused = |alter: &dyn Fn(&mut Hello)| {
        let hub = HubHandshake::start();
        let (mut hello, _) = bridge.answer(&hub.challenge());
        alter(&mut hello);
        hub.verify(&auth(1), NO_PIN, &hello).err()
    };
    assert_eq!(refused(&|_| ()), None);
    assert_eq!(refused(&|hello| hello.proof[31] ^= 1), Some(HandshakeError::Unproven));
    // The last byte of the body is of its nonce, the first one of its form.
    assert_eq!(
        refused(&|hello| *hello.body.last_mut().unwrap() ^= 1),
        Some(HandshakeError::Unproven)
    );
    assert_eq!(refused(&|hello| hello.body[0] ^= 1), Some(HandshakeError::Malformed));
    assert_eq!(refused(&|hello| hello.body.clear()), Some(HandshakeError::Malformed));
    let length = bridge.answer(&HubHandshake::start().challenge()).0.body.len();
    for at in 0..length {
        assert!(refused(&|hello| hello.body[at] ^= 1).is_some(), "byte {at}");
    }
}

#[test]
fn hub_refuses_another_version() {
    let hub = HubHandshake::start();
    let (mut hello, _) = Bridge::new(4, 1, NO_PIN).answer(&hub.challenge());
    let mut body: HelloBody = decode(&hello.body).unwrap();
    body.version = VERSION + 1;
    hello.body = encode(&body).to_vec();
    assert_eq!(
        hub.verify(&auth(1), NO_PIN, &hello).err(),
        Some(HandshakeError::NoCommonVersion(VERSION + 1))
    );
}

#[test]
fn bridge_refuses_a_challenge_it_cannot_answer() {
    let bridge = Bridge::new(4, 1, NO_PIN);
    let refused = |frame: &[u8]| BridgeHandshake::answer(frame, bridge.caller()).err();
    let versions = |versions| {
        encode(&ToBridge::Challenge(Challenge { versions, nonce: [0; 32], hub_eph: [9; 32] }))
    };
    assert_eq!(
        refused(&versions(vec![VERSION + 1])),
        Some(HandshakeError::NoCommonVersion(VERSION + 1))
    );
    assert_eq!(refused(&versions(vec![])), Some(HandshakeError::NoCommonVersion(0)));
    assert_eq!(refused(&versions(vec![VERSION + 1, VERSION])), None);
    assert_eq!(refused(&encode(&ToBridge::Repushing)), Some(HandshakeError::Malformed));
    assert_eq!(refused(b""), Some(HandshakeError::Malformed));
}

#[test]
fn bridge_refuses_a_hub_of_another_group() {
    // It took the port, or sits between: it has a challenge and a welcome of its own, but not the secret.
    let hub = HubHandshake::start();
    let (hello, waiting) = Bridge::new(4, 1, NO_PIN).answer(&hub.challenge());
    let dh = agree(&hub.eph, &public_key(&secret(4))).unwrap();
    let agreed = Agreed::new(&auth(2), &dh, NO_PIN, &hub.challenge, &hello.body);
    let forged = Verified(agreed).welcome(&welcome_body());
    assert_eq!(waiting.check(&forged), Err(HandshakeError::Unproven));
}

#[test]
fn bridge_refuses_an_altered_welcome() {
    let (waiting, welcome) = agreed();
    for at in 0..welcome.body.len() {
        let mut altered = welcome.clone();
        altered.body[at] ^= 1;
        assert_eq!(waiting.check(&altered), Err(HandshakeError::Unproven));
    }
    for at in 0..welcome.mac.len() {
        let mut altered = welcome.clone();
        altered.mac[at] ^= 1;
        assert_eq!(waiting.check(&altered), Err(HandshakeError::Unproven));
    }
    // That of another connection of the same two.
    assert_eq!(waiting.check(&agreed().1), Err(HandshakeError::Unproven));
}

#[test]
fn bridge_refuses_a_proven_welcome_without_content() {
    let (waiting, _) = agreed();
    let body = b"?".to_vec();
    let hash = Sha256::digest(&body).into();
    let mac = mac(waiting.0.k.expose(), &waiting.0.welcome_parts(&hash));
    assert_eq!(waiting.check(&Welcome { body, mac }), Err(HandshakeError::Malformed));
}

#[test]
fn tickets_are_for_one_alias_one_key_one_time_and_one_hub() {
    let (mine, other) = (PeerKey([1; 32]), PeerKey([2; 32]));
    let tickets = [
        (ticket(&secret(6), "calm-fox", &mine, GrantTime(9)), 9),
        (timeless_ticket("calm-fox", &mine), 0),
    ];
    for (granted, time) in tickets {
        let holds = |hub, alias, key| ticket_time(&secret(hub), alias, key, &granted);
        assert_eq!(holds(6, "calm-fox", &mine), Some(GrantTime(time)));
        assert_eq!(holds(6, "calm-fo", &mine), None);
        assert_eq!(holds(6, "calm-fox", &other), None);
        assert_eq!(holds(7, "calm-fox", &mine), None);
        for at in 0..32 {
            let mut altered = granted.clone();
            altered.0[at] ^= 1;
            assert_eq!(ticket_time(&secret(6), "calm-fox", &mine, &altered), None, "byte {at}");
        }
    }
}

#[test]
fn errors_are_single_sentences() {
    assert_eq!(
        HandshakeError::Unproven.to_string(),
        "the other side could not prove that it belongs to this group"
    );
}

#[test]
fn keys_of_a_group_have_their_frozen_values() {
    let keys = GroupKeys::derive(&secret(1));
    let tag = keys.repository_tag("github.com/acme/widgets");
    let frozen = [
        (
            keys.auth.expose().as_slice(),
            "1ba62bf6497bc9ede86ee4fbff8e5539707e4ce758f9ade5d468d36fd3afa491",
        ),
        (
            keys.psk.expose().as_slice(),
            "ec21348b69032261eb4f459849e14ea0db89ae2ec8be808b630d9dc298924fca",
        ),
        (
            keys.card.expose().as_slice(),
            "765ad53ed1cff89434d3427df873d601faf8390350c3970794d7763dcdce14c2",
        ),
        (keys.group.0.as_slice(), "2505436f59f3ad7e3aacbe0167b03428"),
        (
            keys.repository.expose().as_slice(),
            "504b12595a3d45717419357e0e7a4d70a8beb246cdbd7db45ce657c2e0befa0a",
        ),
        (tag.0.as_slice(), "9b30f88df60c12bb5ffa96bd8266cce9"),
    ];
    for (key, hex) in frozen {
        assert_eq!(HEXLOWER.encode(key), hex);
    }
}

#[test]
fn tickets_have_their_frozen_values() {
    let key = PeerKey([1; 32]);
    assert_eq!(
        HEXLOWER.encode(&ticket(&secret(6), "calm-fox", &key, GrantTime(1_700_000_000_000)).0),
        "0000018bcfe56800d4ffb53ec66ee26a9f522bc0bfd3411be508cbe4c1ab44d4"
    );
    assert_eq!(
        HEXLOWER.encode(&timeless_ticket("calm-fox", &key).0),
        "2623f7d3449eaa503cdf10b6bf919a7e9275e1e1f7b0f577798257a90ff392c8"
    );
}

/// A whole handshake in which all that is random is fixed: J 01, hub_eph 02, the hub's nonce 03, ik 04, the
/// bridge's nonce 05, the ticket's key 06, pin 07, each byte repeated.
#[test]
fn transcript_has_its_frozen_values() {
    let eph = secret(2);
    let challenge =
        Challenge { versions: vec![VERSION], nonce: [3; 32], hub_eph: public_key(&eph) };
    let hub = HubHandshake { eph, challenge: encode(&ToBridge::Challenge(challenge)) };
    let bridge = Bridge::new(4, 1, [7; 32]);
    let (hello, waiting) =
        BridgeHandshake::answer_with(&hub.challenge(), bridge.caller(), [5; 32]).ok().unwrap();
    assert_eq!(
        HEXLOWER.encode(&waiting.0.transcript),
        "d62f4a8270af05b90f9c2e6615083df95c58e02ebaf82ed59b5b783a9db1a808"
    );
    assert_eq!(
        HEXLOWER.encode(waiting.0.k.expose()),
        "2419d6b1a06728563f9d151672357b3110d13ca120336d3d80462061193d8b78"
    );
    assert_eq!(
        HEXLOWER.encode(&hello.proof),
        "cdeb831b16e65719f1fd7f8e487591e874b4e73b69eecf71b61766a6e377642b"
    );
    let (_, verified) = hub.verify(&auth(1), [7; 32], &hello).ok().unwrap();
    let welcome = verified.welcome(&welcome_body());
    assert_eq!(
        HEXLOWER.encode(&welcome.mac),
        "14769b17e2f925341c2e948c5888dceae42e60a71c30fc0317eae534403d8376"
    );
    assert_eq!(waiting.check(&welcome), Ok(welcome_body()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_frame_makes_either_side_panic(bytes: Vec<u8>, body: Vec<u8>, proof: [u8; 32]) {
        let _ = BridgeHandshake::answer(&bytes, Bridge::new(4, 1, NO_PIN).caller());
        let hello = Hello { body, proof, seat_signature: None };
        prop_assert!(HubHandshake::start().verify(&auth(1), NO_PIN, &hello).is_err());
    }
}
