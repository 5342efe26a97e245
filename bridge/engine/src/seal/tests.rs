//! Vectors of the standards, frozen vectors of our own, and one fault a case.

use data_encoding::HEXLOWER_PERMISSIVE as HEX;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::crypto::mac;
use junction_shared::protocol::id::{Epoch, GroupId, SeatKey, Seq};
use junction_shared::protocol::limits::{
    MAX_ATTACHMENT, MAX_ATTACHMENT_NAME, MAX_ATTACHMENTS, MAX_GROUP_NAME, MAX_MESSAGE,
};
use junction_shared::protocol::wire::{
    AttachmentKind, Card, Context, Hindrance, Kind, Manifest, ManifestEntry, Outlook, READS_ASKS,
    READS_ATTACHMENTS, READS_SEATS, READS_TEAMS, Reach, Receipt, ReceiptKind, SignedOutlook,
};
use serde_json::Value;

use super::plain::{FOLLOWS, HIGH, LOW, PREFIX};
use super::*;
use crate::group::GroupTag;
use crate::hops::Hops;
use crate::intent::Intent;
use crate::urgency::Urgency;

mod seats;

/// A vector file from the folder that `JUNCTION_TEST_VECTORS` names; without it the test is skipped aloud.
fn vectors(file: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("JUNCTION_TEST_VECTORS") else {
        eprintln!("skipped: JUNCTION_TEST_VECTORS names no folder with {file}");
        return None;
    };
    let path = std::path::Path::new(&folder).join(file);
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

fn hex(value: &Value) -> Vec<u8> {
    HEX.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::filled(|secret| secret.copy_from_slice(bytes))
}

fn identity(seed: u8) -> Identity {
    let secret = secret(&[seed; 32]);
    let key = PeerKey(junction_shared::protocol::crypto::public_key(&secret));
    Identity { secret, key }
}

fn group() -> GroupKeys {
    GroupKeys::derive(&secret(&[7; 32]))
}

#[test]
fn rfc_9180_auth_psk_vectors_hold() {
    let Some(file) = vectors("hpke-x25519-aes256gcm.json") else { return };
    let cases = file["vectors"].as_array().unwrap();
    let mut checked = 0;
    for case in cases.iter().filter(|case| case["mode"] == 3) {
        let from = PeerKey(hex(&case["pkSm"]).try_into().unwrap());
        let (psk, psk_id) = (hex(&case["psk"]), hex(&case["psk_id"]));
        let mode = receiver_mode(&psk, &psk_id, &from).unwrap();
        let enc = hex(&case["enc"]).try_into().unwrap();
        let receive = secret(&hex(&case["skRm"]));
        let context = receiver_context(&mode, &receive, &enc, &hex(&case["info"])).unwrap();
        for export in case["exports"].as_array().unwrap() {
            let mut out = vec![0; usize::try_from(export["L"].as_u64().unwrap()).unwrap()];
            context.export(&hex(&export["exporter_context"]), &mut out).unwrap();
            assert_eq!(out, hex(&export["exported_value"]));
            checked += 1;
        }
    }
    assert!(checked > 0);
}

/// Gives the bytes it holds, for the key pair that a vector fixes.
struct Fixed(Vec<u8>);

impl hpke::rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("key generation fills bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("key generation fills bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.copy_from_slice(&self.0);
        Ok(())
    }
}

impl hpke::rand_core::TryCryptoRng for Fixed {}

#[test]
fn rfc_9180_auth_psk_vectors_hold_for_the_sender() {
    let Some(file) = vectors("hpke-x25519-aes256gcm.json") else { return };
    let cases = file["vectors"].as_array().unwrap();
    for case in cases.iter().filter(|case| case["mode"] == 3) {
        let key = PeerKey(hex(&case["pkSm"]).try_into().unwrap());
        let me = Identity { secret: secret(&hex(&case["skSm"])), key };
        let (psk, psk_id) = (hex(&case["psk"]), hex(&case["psk_id"]));
        let mode = sender_mode(&psk, &psk_id, &me).unwrap();
        let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&hex(&case["pkRm"])).unwrap();
        let (enc, context) =
            hpke::setup_sender_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
                &mode,
                &to,
                &hex(&case["info"]),
                &mut Fixed(hex(&case["ikmE"])),
            )
            .unwrap();
        assert_eq!(enc.to_bytes().to_vec(), hex(&case["enc"]));
        let export = &case["exports"][0];
        let mut out = [0; 32];
        context.export(&hex(&export["exporter_context"]), &mut out).unwrap();
        assert_eq!(out.to_vec(), hex(&export["exported_value"]));
    }
}

#[test]
fn wycheproof_aes_gcm_vectors_hold() {
    let Some(file) = vectors("wycheproof-aes256gcm.json") else { return };
    for case in file["tests"].as_array().unwrap() {
        let key: [u8; 32] = hex(&case["key"]).try_into().unwrap();
        let nonce: [u8; 12] = hex(&case["iv"]).try_into().unwrap();
        let tag: [u8; 16] = hex(&case["tag"]).try_into().unwrap();
        let mut text = hex(&case["ct"]);
        let opened = Aes256Gcm::new(&key.into()).decrypt_inout_detached(
            &nonce.into(),
            &hex(&case["aad"]),
            text.as_mut_slice().into(),
            &tag.into(),
        );
        assert_eq!(opened.is_ok(), case["result"] == "valid", "case {}", case["tcId"]);
        if opened.is_ok() {
            assert_eq!(text, hex(&case["msg"]));
        }
    }
}

/// A pair with fixed keys; the encapsulated key is fresh with every set-up.
struct Pair {
    group: GroupKeys,
    alice: Identity,
    bob: Identity,
    receive: Secret,
}

impl Pair {
    fn new() -> Self {
        Self { group: group(), alice: identity(1), bob: identity(2), receive: secret(&[3; 32]) }
    }

    fn psk(&self) -> Secret {
        pair_psk(&self.group, &self.alice, &self.bob.key).unwrap()
    }

    fn keys(&self) -> PairKeys {
        let to = ReceiveKey(junction_shared::protocol::crypto::public_key(&self.receive));
        keys_to(&self.group, &self.psk(), &self.alice, &to).unwrap()
    }

    fn header(&self, keys: &PairKeys) -> Header {
        Header {
            group: self.group.group,
            id: MessageId([9; 16]),
            from: self.alice.key,
            to: self.bob.key,
            epoch: Epoch(4),
            enc: keys.enc,
            seq: Seq(5),
            sent_ms: 6,
            ttl_ms: 7,
            kind: Kind::Text,
        }
    }

    fn open(&self, header: &Header, sealed: &[u8]) -> Result<Plain, Broken> {
        let psk = pair_psk(&self.group, &self.bob, &header.from).ok_or(Broken)?;
        let keys = keys_from(&self.group, &psk, &self.receive, &header.enc, &header.from)?;
        open(&keys, header, Bytes::copy_from_slice(sealed))
    }
}

/// Whether a message fits into the largest sealed text.
pub(crate) fn fits(plain: &Plain) -> bool {
    pad(plain, u32::MAX).is_ok()
}

fn manifest() -> SealedManifest {
    let manifest = b"manifest".as_slice().into();
    SealedManifest { manifest, key: Arc::new(secret(&[5; 32])), repeats: None }
}

#[test]
fn attachments_are_sealed_for_bridges_that_read_them_and_for_no_others() {
    let pair = Pair::new();
    let keys = pair.keys();
    let header = pair.header(&keys);
    for repeats in [None, Some(MessageId([6; 16]))] {
        let attachments = Some(SealedManifest { repeats, ..manifest() });
        let seat = Some(SeatKey([1; 32]));
        let plain = Plain { attachments, seat, ..text("hello") };
        let sealed = seal(&keys, &header, &plain, u32::MAX).unwrap();
        assert!(pair.open(&header, &sealed).is_ok_and(|opened| opened == plain));
        assert!(seal(&keys, &header, &plain, !READS_ATTACHMENTS).is_err());
    }
}

#[test]
fn details_that_are_cut_or_no_details_are_refused() {
    let plain = Plain { attachments: Some(manifest()), ..text("") };
    let padded = pad(&plain, u32::MAX).unwrap();
    assert!(unpad(padded[..256].to_vec()).is_ok_and(|read| read == plain));
    for (at, value) in [(PREFIX, 1), (PREFIX + 1, 0), (PREFIX + 1, 255), (PREFIX + 2, 0xff)] {
        let mut damaged = padded[..256].to_vec();
        damaged[at] = value;
        assert!(unpad(damaged).is_err(), "byte {at}");
    }
}

#[test]
fn later_fields_of_the_details_are_passed_over() {
    let plain = Plain { attachments: Some(manifest()), ..text("hi") };
    let padded = pad(&plain, u32::MAX).unwrap();
    // One field more, in an array of three: an absent `repeats`, and a number.
    let length = usize::from(padded[PREFIX + 1]);
    let mut longer = padded[..PREFIX].to_vec();
    longer.extend_from_slice(&[0, u8::try_from(length).unwrap() + 2, 0x83]);
    longer.extend_from_slice(&padded[PREFIX + 3..PREFIX + 2 + length]);
    longer.extend_from_slice(&[0xf6, 7]);
    longer.extend_from_slice(&padded[PREFIX + 2 + length..]);
    longer.truncate(256);
    assert!(unpad(longer).is_ok_and(|read| read == plain));
}

fn text(body: &str) -> Plain {
    Plain { body: body.to_owned(), ..Plain::default() }
}

#[test]
fn what_is_sealed_opens() {
    let pair = Pair::new();
    let keys = pair.keys();
    let header = pair.header(&keys);
    for body in ["", "hello", "żółć 🦀", &"x".repeat(MAX_MESSAGE)] {
        let links = [None, Some(Hops { chain: MessageId([7; 16]), count: 9 })];
        let answers = [None, Some(MessageId([8; 16]))];
        for ((reply_to, follows), (_, urgency)) in
            answers.into_iter().zip(links).flat_map(|two| Urgency::NAMES.map(|name| (two, name)))
        {
            for (asks, from_person) in [(false, false), (true, false), (false, true), (true, true)]
            {
                let body = body.to_owned();
                let seat = None;
                let attachments = None;
                let plain = Plain {
                    reply_to,
                    follows,
                    urgency,
                    asks,
                    from_person,
                    seat,
                    attachments,
                    body,
                    ..Plain::default()
                };
                let sealed = seal(&keys, &header, &plain, u32::MAX).unwrap();
                assert!(pair.open(&header, &sealed).is_ok_and(|opened| opened == plain));
                let sealed = seal(&keys, &header, &plain, READS_ASKS).unwrap();
                let plain = Plain { from_person: false, ..plain };
                assert!(pair.open(&header, &sealed).is_ok_and(|opened| opened == plain));
                let sealed = seal(&keys, &header, &plain, 0).unwrap();
                let plain = Plain { asks: false, ..plain };
                assert!(pair.open(&header, &sealed).is_ok_and(|opened| opened == plain));
            }
        }
    }
}

#[test]
fn what_a_message_says_of_teams_is_opened_as_it_was_sealed_and_an_older_bridge_gets_none_of_it() {
    let pair = Pair::new();
    let keys = pair.keys();
    let header = pair.header(&keys);
    let group = GroupTag { id: MessageId([6; 16]), to: "role:reviewer".into() };
    let repeated = RepeatedRequest { id: MessageId([5; 16]), age_ms: 60_000 };
    let bare = text("x");
    let cases = [
        Plain { intent: Intent::Request, ..text("x") },
        Plain { intent: Intent::Done, ..text("x") },
        Plain { group: Some(group.clone()), ..text("x") },
        Plain { intent: Intent::Request, group: Some(group.clone()), ..text("x") },
        Plain { intent: Intent::Request, repeated: Some(repeated), ..text("x") },
        Plain { intent: Intent::Request, attachments: Some(manifest()), ..text("x") },
    ];
    for plain in cases {
        let sealed = seal(&keys, &header, &plain, u32::MAX).unwrap();
        assert!(pair.open(&header, &sealed).is_ok_and(|opened| opened == plain));
        let older = !READS_TEAMS;
        let opened = pair.open(&header, &seal(&keys, &header, &plain, older).unwrap());
        let without = Plain { attachments: plain.attachments.clone(), ..text("x") };
        assert!(opened.is_ok_and(|opened| opened == without));
    }
    let longest = "x".repeat(MAX_GROUP_NAME);
    let fits = Plain { group: Some(GroupTag { to: longest.into(), ..group.clone() }), ..bare };
    assert!(pair.open(&header, &seal(&keys, &header, &fits, u32::MAX).unwrap()).is_ok());
    let longer = "x".repeat(MAX_GROUP_NAME + 1);
    let other = Plain { group: Some(GroupTag { to: longer.into(), ..group }), ..text("") };
    assert!(pair.open(&header, &seal(&keys, &header, &other, u32::MAX).unwrap()).is_err());
}

#[test]
fn the_largest_message_to_a_group_has_room_for_the_most_attachments() {
    let to = "x".repeat(MAX_GROUP_NAME).into();
    let group = Some(GroupTag { id: MessageId([6; 16]), to });
    let hops = Some(Hops { chain: MessageId([7; 16]), count: 9 });
    let seat = Some(SeatKey([9; 32]));
    let entry = ManifestEntry {
        name: "n".repeat(MAX_ATTACHMENT_NAME),
        kind: AttachmentKind::File,
        bytes: MAX_ATTACHMENT,
        sha256: Some([1; 32]),
    };
    let manifest_of_all = Manifest { attachments: vec![entry; MAX_ATTACHMENTS] };
    let encoded = encode(&manifest_of_all).to_vec().into();
    let attachments =
        Some(SealedManifest { manifest: encoded, repeats: Some(MessageId([8; 16])), ..manifest() });
    let plain = Plain {
        follows: hops,
        seat,
        attachments,
        intent: Intent::Request,
        group,
        ..text(&"x".repeat(MAX_MESSAGE))
    };
    assert!(pad(&plain, u32::MAX).is_ok());
}

#[test]
fn flags_that_mean_nothing_are_refused() {
    let hops = Hops { chain: MessageId([7; 16]), count: 2 };
    let plain = Plain { follows: Some(hops), ..text("hello") };
    let padded = || pad(&plain, u32::MAX).unwrap()[..256].to_vec();
    assert!(unpad(padded()).is_ok_and(|read| read == plain));
    // Both urgencies, a flag that there is not, an id that nothing is answered with, and a chain that has no second.
    for (at, value) in [(4, FOLLOWS | LOW | HIGH), (4, FOLLOWS | 128), (5, 1), (PREFIX + 16, 1)] {
        let mut damaged = padded();
        damaged[at] = value;
        assert!(unpad(damaged).is_err(), "byte {at}");
    }
}

#[test]
fn a_message_has_one_of_five_sizes() {
    let pair = Pair::new();
    let keys = pair.keys();
    for (body, size) in
        [(0, 256), (235, 256), (236, 1024), (4075, 4096), (4076, 16384), (65536, 67584)]
    {
        let sealed = seal(&keys, &pair.header(&keys), &text(&"x".repeat(body)), u32::MAX).unwrap();
        assert_eq!(sealed.len(), size + TAG);
    }
    assert!(
        seal(&keys, &pair.header(&keys), &text(&"x".repeat(MAX_MESSAGE + 1)), u32::MAX).is_err()
    );
}

type Fault = fn(&mut Header);

#[test]
fn any_altered_field_of_the_header_is_noticed() {
    let pair = Pair::new();
    let keys = pair.keys();
    let header = pair.header(&keys);
    let sealed = seal(&keys, &header, &text("hello"), u32::MAX).unwrap();
    let faults: [(&str, Fault); 9] = [
        ("group", |h| h.group = GroupId([0; 16])),
        ("id", |h| h.id = MessageId([0; 16])),
        ("from", |h| h.from = identity(4).key),
        ("to", |h| h.to = identity(4).key),
        ("swapped", |h| std::mem::swap(&mut h.from, &mut h.to)),
        ("epoch", |h| h.epoch = Epoch(5)),
        ("seq", |h| h.seq = Seq(6)),
        ("sent_ms", |h| h.sent_ms += 1),
        ("ttl_ms", |h| h.ttl_ms += 1),
    ];
    for (name, fault) in faults {
        let mut altered = header.clone();
        fault(&mut altered);
        assert!(pair.open(&altered, &sealed).is_err(), "{name}");
    }
    for at in 0..32 {
        let mut altered = header.clone();
        altered.enc[at] ^= 1;
        assert!(pair.open(&altered, &sealed).is_err(), "enc byte {at}");
    }
}

#[test]
fn any_flipped_bit_of_the_sealed_text_is_noticed() {
    let pair = Pair::new();
    let keys = pair.keys();
    let header = pair.header(&keys);
    let sealed = seal(&keys, &header, &text("hello"), u32::MAX).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&keys, &header, altered.into()).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(open(&keys, &header, sealed.slice(..length)).is_err(), "cut to {length}");
    }
}

#[test]
fn neither_another_member_nor_another_group_opens_or_forges() {
    let pair = Pair::new();
    let keys = pair.keys();
    let header = pair.header(&keys);
    let sealed = seal(&keys, &header, &text("hello"), u32::MAX).unwrap();
    let other_receiver = Pair { receive: secret(&[4; 32]), ..Pair::new() };
    assert!(other_receiver.open(&header, &sealed).is_err());
    let other_member = Pair { bob: identity(4), ..Pair::new() };
    assert!(other_member.open(&header, &sealed).is_err());
    let other_group = Pair { group: GroupKeys::derive(&secret(&[8; 32])), ..Pair::new() };
    assert!(other_group.open(&header, &sealed).is_err());
}

#[test]
fn a_thief_of_the_receive_key_cannot_speak_as_another_member() {
    let pair = Pair::new();
    // Mallory holds the group secret and Bob's receive key, but not Alice's identity.
    let mallory = identity(5);
    let psk = pair_psk(&pair.group, &mallory, &pair.bob.key).unwrap();
    let to = ReceiveKey(junction_shared::protocol::crypto::public_key(&pair.receive));
    let forged_identity = Identity { secret: secret(&[5; 32]), key: pair.alice.key };
    let keys = keys_to(&pair.group, &psk, &forged_identity, &to).unwrap();
    let header = pair.header(&keys);
    let sealed = seal(&keys, &header, &text("from alice"), u32::MAX).unwrap();
    assert!(pair.open(&header, &sealed).is_err());
}

#[test]
fn keys_of_low_order_are_refused_before_use() {
    let pair = Pair::new();
    // The low-order points of Curve25519 in their canonical and twisted forms (RFC 7748 §6.1, Wycheproof).
    let low_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in low_order {
        let point: [u8; 32] = HEX.decode(point.as_bytes()).unwrap().try_into().unwrap();
        assert!(pair_psk(&pair.group, &pair.alice, &PeerKey(point)).is_none(), "identity");
        let psk = pair.psk();
        assert!(
            keys_to(&pair.group, &psk, &pair.alice, &ReceiveKey(point)).is_err(),
            "receive key"
        );
        let opened = keys_from(&pair.group, &psk, &pair.receive, &point, &pair.alice.key);
        assert!(opened.is_err(), "encapsulated key");
    }
}

#[test]
fn padding_that_is_not_zero_is_refused() {
    let mut buffer = pad(&text("hello"), u32::MAX).unwrap();
    buffer.truncate(buffer.len() - TAG);
    assert!(unpad(buffer.clone()).is_ok());
    *buffer.last_mut().unwrap() = 1;
    assert!(unpad(buffer).is_err());
}

#[test]
fn a_receipt_is_made_by_the_receiver_alone() {
    let pair = Pair::new();
    let (keys, other) = (pair.keys(), pair.keys());
    let id = MessageId([9; 16]);
    let good = receipt(&keys.receipt_key(), pair.alice.key, id, ReceiptKind::Read);
    assert!(receipt_holds(&keys.receipt_key(), &good));
    assert!(!receipt_holds(&other.receipt_key(), &good));
    assert!(!receipt_holds(
        &keys.receipt_key(),
        &Receipt { kind: ReceiptKind::Opened, ..good.clone() }
    ));
    assert!(!receipt_holds(&keys.receipt_key(), &Receipt { id: MessageId([8; 16]), ..good }));
    let psk = pair.psk();
    let stale = stale_receipt(&psk, pair.alice.key, id);
    assert!(stale_holds(&psk, &stale));
    let others = pair_psk(&pair.group, &identity(5), &pair.bob.key).unwrap();
    assert!(!stale_holds(&others, &stale));
}

#[test]
fn an_outlook_is_made_by_the_receiver_alone_and_for_one_receipt() {
    let pair = Pair::new();
    let (key, other) = (pair.keys().receipt_key(), pair.keys().receipt_key());
    let (id, opened) = (MessageId([9; 16]), ReceiptKind::Opened);
    let outlook = Outlook { wakes_in: Some(60), hindrance: Some(Hindrance::Budget) };
    let details = ReceiptDetails { outlook: Some(outlook), seat: None };
    let good = receipt_with(details, &key, pair.alice.key, id, opened);
    assert!(receipt_holds(&key, &good));
    assert_eq!(outlook_of(&key, &good), Some(outlook));
    // Without it, the receipt is the plain one.
    let plain = receipt(&key, pair.alice.key, id, opened);
    assert_eq!(Receipt { outlook: None, ..good.clone() }, plain);
    assert_eq!(outlook_of(&key, &plain), None);
    assert_eq!(outlook_of(&other, &good), None);
    assert_eq!(outlook_of(&key, &Receipt { id: MessageId([8; 16]), ..good.clone() }), None);
    assert_eq!(outlook_of(&key, &Receipt { kind: ReceiptKind::Read, ..good.clone() }), None);
    let mut altered = good.clone();
    altered.outlook.as_mut().unwrap().body[2] ^= 1;
    assert!(receipt_holds(&key, &altered));
    assert_eq!(outlook_of(&key, &altered), None);
    // A later version's number is no reason to doubt the receipt.
    let body = vec![0x82, 0xf6, 0x17];
    let parts: [&[u8]; 3] = [&[opened as u8], &id.0, &body];
    let mac = mac(key.0.expose(), &parts);
    let newer = Receipt { outlook: Some(SignedOutlook { body, mac }), ..plain.clone() };
    assert!(outlook_of(&key, &newer).is_none() && receipt_holds(&key, &newer));
    // The mac of a receipt is not that of an outlook.
    let body = Vec::new();
    let forged = SignedOutlook { body, mac: plain.mac };
    assert_eq!(outlook_of(&key, &Receipt { outlook: Some(forged), ..plain }), None);
}

/// The card of a peer without a seat.
fn card() -> Card {
    Card {
        key: identity(1).key,
        receive_key: ReceiveKey([2; 32]),
        epoch: Epoch(3),
        alias: "calm-otter".to_owned(),
        reach: Reach::Pull,
        context: Context::default(),
        state: None,
        unwoken: None,
        features: None,
        attended: None,
        seat: None,
    }
}

#[test]
fn a_card_is_made_by_a_member_alone() {
    let (group, other) = (group(), GroupKeys::derive(&secret(&[8; 32])));
    let card = card();
    let signed = sign_card(&group, &card, None);
    assert_eq!(verify_card(&group, &signed), Ok(card));
    assert!(verify_card(&other, &signed).is_err());
    let mut altered = signed.clone();
    altered.body[40] ^= 1;
    assert!(verify_card(&group, &altered).is_err());
}

#[test]
fn the_pair_key_is_the_same_on_both_sides() {
    let pair = Pair::new();
    let other_side = pair_psk(&pair.group, &pair.bob, &pair.alice.key).unwrap();
    assert_eq!(pair.psk().expose(), other_side.expose());
}

/// Frozen, and once computed by an independent implementation of the standards: a change of any of these bytes
/// is a new version of the protocol.
#[test]
fn frozen_vectors_of_aj1() {
    let pair = Pair::new();
    assert_eq!(
        HEX.encode(pair.psk().expose()),
        "2c6b38a285ccd81cf3abad51107cd79fc4b951d39cfbd09ded654e82900de00c"
    );
    let keys = PairKeys {
        enc: [10; 32],
        message: secret(&[11; 32]),
        receipt: ReceiptKey(Arc::new(secret(&[12; 32]))),
    };
    let header = pair.header(&keys);
    assert_eq!(
        HEX.encode(&associated(&header)),
        "00014926755a3e1667cde553171fb353c153090909090909090909090909090909090a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0000000000000005a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d5900000000000000040000000000000006000000000000000701"
    );
    let plain = Plain { reply_to: Some(MessageId([13; 16])), ..text("frozen") };
    let sealed = seal(&keys, &header, &plain, u32::MAX).unwrap();
    assert_eq!(
        HEX.encode(&sealed[..32]),
        "bf65066de7e3691df0c82d77d9ab1a721ca16b662f574cf8ec7fb6c7564fc019"
    );
    assert_eq!(HEX.encode(&sealed[sealed.len() - TAG..]), "8847c345f8839f43c8cc5aca1ee0edc5");
    let enc =
        HEX.decode(b"57240788cd9e741ac8ab02f687ae4d0674c2f689b2708d76b279e2cecceb1711").unwrap();
    let derived = keys_from(
        &pair.group,
        &pair.psk(),
        &pair.receive,
        &enc.try_into().unwrap(),
        &pair.alice.key,
    )
    .unwrap();
    assert_eq!(
        HEX.encode(derived.message.expose()),
        "b4c23fdcfbffa5d37dd94af326194a2ad7b47f99658b25675a4d1774c79e6bcb"
    );
    assert_eq!(
        HEX.encode(derived.receipt.0.expose()),
        "f6d47269629666e0c49bebdd94db8ab5da16f7af6b229fc38285bc83cfd1e467"
    );
    let read = receipt(&keys.receipt_key(), pair.alice.key, MessageId([9; 16]), ReceiptKind::Read);
    assert_eq!(
        HEX.encode(&read.mac),
        "f1f2f42dddcc4e7523e0512fa67955acc716a2e21c9fcbdd9cd4630f0dbaf47b"
    );
    let outlook = Outlook { wakes_in: Some(60), hindrance: None };
    let (key, id) = (keys.receipt_key(), MessageId([9; 16]));
    let details = ReceiptDetails { outlook: Some(outlook), seat: None };
    let opened = receipt_with(details, &key, pair.alice.key, id, ReceiptKind::Opened);
    let signed = opened.outlook.unwrap();
    assert_eq!(HEX.encode(&signed.body), "81183c");
    assert_eq!(
        HEX.encode(&signed.mac),
        "8dfa6030ecbf16781e531d665496b9edf6c2a308768990606a1e29c657a51699"
    );
    let stale = stale_receipt(&pair.psk(), pair.alice.key, MessageId([9; 16]));
    assert_eq!(
        HEX.encode(&stale.mac),
        "fad04baa58216dc80083c71cbc58cf6bd423ce4e6eba79c3117e983ba46e38f2"
    );
}
