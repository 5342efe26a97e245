//! What is true of every frame: its golden form, its round trip, and that nothing damaged does harm.

mod golden;
mod strategies;
mod tree;

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use self::tree::Tree;
use super::*;
use crate::protocol::close;
use crate::protocol::codec::{CodecError, decode, encode};
use crate::protocol::context_text::{CONTEXT_NAME, CONTEXT_TEXT, TextLimit};
use crate::protocol::id::Epoch;
use crate::protocol::limits::{MAX_CARD, MAX_FRAME, MAX_PAGE, MAX_SEALED, MAX_SEALED_CHUNK};

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
const BEGIN: &str = "<!-- golden frames: written by cargo test -->\n";
const END: &str = "<!-- end -->";

#[test]
fn golden_values_have_their_frozen_bytes() {
    let wrong: Vec<_> = golden::all()
        .iter()
        .filter(|golden| golden.hex() != HEXLOWER.encode(&golden.bytes))
        .map(|golden| format!("{}: {}", golden.name, golden.short()))
        .collect();
    assert!(wrong.is_empty(), "other bytes than frozen:\n{}", wrong.join("\n"));
}

#[test]
fn golden_values_read_back() {
    for golden in golden::all() {
        assert_eq!((golden.reread)(&golden.bytes), Some(golden.bytes.clone()), "{}", golden.name);
    }
}

/// Which variant a frame is, that of its question or answer in the last two digits. A new variant does not
/// compile until it has its number here, and then fails until it has its golden value.
fn to_hub_number(frame: &ToHub) -> u16 {
    match frame {
        ToHub::Hello(..) => 0,
        ToHub::Card(..) => 100,
        ToHub::Ask(_, Question::Rename(..)) => 200,
        ToHub::Ask(_, Question::List(..)) => 201,
        ToHub::Ask(_, Question::Lookup(..)) => 202,
        ToHub::Ask(_, Question::Watch(..)) => 203,
        ToHub::Unwatch(..) => 300,
        ToHub::Send(..) => 400,
        ToHub::Receipt(..) => 500,
        ToHub::Repush => 600,
        ToHub::Leave => 700,
        ToHub::Return(..) => 800,
        ToHub::Vacate => 900,
        ToHub::Offer(..) => 1000,
        ToHub::Withdraw(..) => 1100,
        ToHub::Chunk(..) => 1200,
        ToHub::Fetch(..) => 1300,
        ToHub::AttachmentReceipt(..) => 1400,
        ToHub::Repositories(..) => 1500,
        ToHub::Claims(..) => 1600,
    }
}

const TO_HUB: [u16; 20] = [
    0, 100, 200, 201, 202, 203, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1400,
    1500, 1600,
];

/// As [`to_hub_number`].
fn to_bridge_number(frame: &ToBridge) -> u16 {
    match frame {
        ToBridge::Challenge(..) => 0,
        ToBridge::Welcome(..) => 100,
        ToBridge::Answer(_, Answer::Named(Naming::Granted(..))) => 200,
        ToBridge::Answer(_, Answer::Named(Naming::Taken { .. })) => 210,
        ToBridge::Answer(_, Answer::Named(Naming::Bad)) => 220,
        ToBridge::Answer(_, Answer::Page(..)) => 201,
        ToBridge::Answer(_, Answer::Found(..)) => 202,
        ToBridge::Answer(_, Answer::Seen(..)) => 203,
        ToBridge::Answer(_, Answer::Busy) => 204,
        ToBridge::Reassigned(..) => 300,
        ToBridge::Peer(..) => 400,
        ToBridge::Accepted(..) => 500,
        ToBridge::Refused(..) => 600,
        ToBridge::Later(..) => 700,
        ToBridge::Room(..) => 800,
        ToBridge::Deliver(..) => 900,
        ToBridge::Receipt(..) => 1000,
        ToBridge::Repushing => 1100,
        ToBridge::Returned(..) => 1200,
        ToBridge::Unseated(..) => 1300,
        ToBridge::Offered(..) => 1400,
        ToBridge::Pull(..) => 1500,
        ToBridge::Chunk(..) => 1600,
        ToBridge::Unavailable(..) => 1700,
        ToBridge::AttachmentReceipt(..) => 1800,
        ToBridge::Kept(..) => 1900,
        ToBridge::SameRepository(..) => 2000,
        ToBridge::RepositoryJoined(..) => 2100,
        ToBridge::RepositoryLeft(..) => 2200,
        ToBridge::Claims(..) => 2300,
    }
}

const TO_BRIDGE: [u16; 30] = [
    0, 100, 200, 201, 202, 203, 204, 210, 220, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200,
    1300, 1400, 1500, 1600, 1700, 1800, 1900, 2000, 2100, 2200, 2300,
];

/// The golden values of one type.
fn golden_of<T: for<'b> Decode<'b, ()>>() -> Vec<T> {
    let of_type = |golden: &golden::Golden| golden.of == std::any::type_name::<T>();
    let goldens = golden::all().into_iter().filter(of_type);
    goldens.map(|golden| decode(&golden.bytes).unwrap()).collect()
}

#[test]
fn every_variant_has_a_golden_value() {
    let numbers: BTreeSet<_> = golden_of().iter().map(to_hub_number).collect();
    assert_eq!(numbers, BTreeSet::from(TO_HUB));
    let numbers: BTreeSet<_> = golden_of().iter().map(to_bridge_number).collect();
    assert_eq!(numbers, BTreeSet::from(TO_BRIDGE));
}

#[test]
fn signed_numbers_are_those_on_the_wire() {
    // What is bound to a sealed text or a receipt is the number in the frame.
    assert_eq!([Kind::Text as u8], *encode(&Kind::Text));
    for kind in [AttachmentEnd::Saved, AttachmentEnd::Expired] {
        assert_eq!([kind as u8], *encode(&kind));
    }
    for kind in [ReceiptKind::Opened, ReceiptKind::Read, ReceiptKind::Expired, ReceiptKind::Stale] {
        assert_eq!([kind as u8], *encode(&kind));
    }
}

fn round_trips<T>(value: &T) -> Result<(), TestCaseError>
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + std::fmt::Debug,
{
    let read = decode::<T>(&encode(value));
    prop_assert_eq!(read.as_ref(), Ok(value));
    Ok(())
}

proptest! {
    #[test]
    fn what_goes_to_the_hub_round_trips(frame in strategies::to_hub()) {
        round_trips(&frame)?;
    }

    #[test]
    fn what_goes_to_a_bridge_round_trips(frame in strategies::to_bridge()) {
        round_trips(&frame)?;
    }

    #[test]
    fn bodies_round_trip(
        hello in strategies::hello_body(),
        welcome in strategies::welcome_body(),
        card in strategies::card(),
        claims in strategies::claims_state(),
    ) {
        round_trips(&hello)?;
        round_trips(&welcome)?;
        round_trips(&card)?;
        round_trips(&claims)?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, variant in 0u8..24) {
        for golden in golden::all() {
            (golden.reread)(&bytes);
            (golden.reread)(&[&[0x82, variant, 0x83], bytes.as_slice()].concat());
        }
    }
}

#[test]
fn damaged_bytes_do_no_harm() {
    for golden in golden::all() {
        for at in 0..golden.bytes.len() {
            assert_eq!((golden.reread)(&golden.bytes[..at]), None, "{} cut", golden.name);
            for bit in 0..8 {
                let mut bytes = golden.bytes.to_vec();
                bytes[at] ^= 1 << bit;
                // It may be another value; it must be read or refused, without a panic.
                (golden.reread)(&bytes);
            }
        }
    }
}

#[test]
fn bytes_behind_a_frame_are_refused() {
    for golden in golden::all() {
        assert_eq!((golden.reread)(&[&golden.bytes, [0xf6].as_slice()].concat()), None);
    }
}

/// The bytes with a field added behind those that `list` finds and all that may yet be added there.
fn with_new_field(bytes: &[u8], list: impl Fn(&mut Tree) -> &mut Vec<Tree>) -> Vec<u8> {
    let mut tree = Tree::of(bytes);
    let fields = list(&mut tree);
    // Absent fields at the end may have been left out: nulls stand for them.
    fields.resize(12, Tree::Atom(vec![0xf6]));
    fields.push(Tree::of(&[0x82, 0x63, b'n', b'e', b'w', 0x01]));
    tree.bytes()
}

/// That a structure with a field from the future reads as it does without.
fn tolerates<T>(value: &T)
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + std::fmt::Debug,
{
    let bytes = with_new_field(&encode(value), Tree::items);
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
}

#[test]
fn new_fields_of_variants_are_tolerated() {
    for golden in golden::all() {
        if golden.name.starts_with("body") {
            continue;
        }
        let bytes = with_new_field(&golden.bytes, |tree| tree.items()[1].items());
        assert_eq!((golden.reread)(&bytes), Some(golden.bytes), "{}", golden.name);
    }
}

#[test]
fn new_fields_of_structures_are_tolerated() {
    let body = || vec![1];
    let grant = Grant { alias: "calm-fox".to_owned(), ticket: Ticket([2; 32]) };
    let card = SignedCard { body: body(), mac: [3; 32], seat_signature: None, moves: None };
    let listed = Listed { card: card.clone(), online: false, session_ms: 4 };
    tolerates(&golden::challenge());
    tolerates(&Hello { body: body(), proof: [5; 32], seat_signature: None });
    tolerates(&Welcome { body: body(), mac: [6; 32] });
    tolerates(&golden::hello_body(None, None));
    tolerates(&golden::welcome_body());
    tolerates(&grant);
    tolerates(&golden::card(golden::context()));
    tolerates(&Context::default());
    tolerates(&golden::context());
    tolerates(&List { role: None, repo: None, limit: 1, cursor: None });
    tolerates(&Page { peers: vec![listed.clone()], total: 1, next: None });
    tolerates(&listed);
    tolerates(&card);
    tolerates(&golden::envelope());
    tolerates(&golden::envelope().header);
    tolerates(&Send { envelope: golden::envelope(), age_ms: 7, resend: true, restart: false });
    tolerates(&golden::receipt(ReceiptKind::Read));
    tolerates(&Receipt {
        outlook: Some(golden::outlook()),
        ..golden::receipt(ReceiptKind::Opened)
    });
    tolerates(&golden::claim());
    tolerates(&golden::moved());
    tolerates(&golden::seated());
    tolerates(&golden::returned());
    tolerates(&golden::return_body());
    tolerates(&golden::details());
    tolerates(&golden::manifest());
    tolerates(&golden::manifest().attachments[0]);
    tolerates(&golden::offer());
    tolerates(&golden::range());
    tolerates(&golden::chunk());
    tolerates(&golden::chunk().transfer);
    tolerates(&golden::attachment_receipt(AttachmentEnd::Saved));
    tolerates(&golden::outlook());
    tolerates(&Outlook { wakes_in: Some(1), hindrance: Some(Hindrance::Denied) });
}

/// A receipt as hubs and bridges know it that know no outlook.
#[derive(Debug, PartialEq, Eq, Encode, Decode)]
struct PlainReceipt {
    #[n(0)]
    to: PeerKey,
    #[n(1)]
    id: MessageId,
    #[n(2)]
    kind: ReceiptKind,
    #[cbor(n(3), with = "minicbor::bytes")]
    mac: [u8; 32],
}

#[test]
fn regression_old_hub_leaves_a_plain_receipt_of_one_with_an_outlook() {
    let plain = golden::receipt(ReceiptKind::Opened);
    let full = Receipt { outlook: Some(golden::outlook()), ..plain.clone() };
    let forwarded = encode(&decode::<PlainReceipt>(&encode(&full)).unwrap());
    assert_eq!(decode::<Receipt>(&forwarded).unwrap(), plain);
    assert_eq!(forwarded, encode(&plain));
}

#[test]
fn unknown_variants_are_refused() {
    for golden in golden::all() {
        let mut tree = Tree::of(&golden.bytes);
        if golden.name.starts_with("body") {
            continue;
        }
        tree.items()[0] = Tree::Atom(vec![0x18, 0xff]);
        assert_eq!((golden.reread)(&tree.bytes()), None, "{}", golden.name);
    }
    let unknown = [0x82, 0x17, 0x80];
    assert!(decode::<Question>(&unknown).is_err());
    assert!(decode::<Answer>(&unknown).is_err());
    assert!(decode::<Naming>(&unknown).is_err());
    assert!(decode::<LookupTarget>(&unknown).is_err());
    let number = [0x17];
    assert!(decode::<Reach>(&number).is_err());
    assert!(decode::<State>(&number).is_err());
    assert!(decode::<Standing>(&number).is_err());
    assert!(decode::<Kind>(&number).is_err());
    assert!(decode::<Refusal>(&number).is_err());
    assert!(decode::<ReceiptKind>(&number).is_err());
    assert!(decode::<AttachmentEnd>(&number).is_err());
    assert!(decode::<AttachmentKind>(&number).is_err());
    assert!(decode::<Hindrance>(&number).is_err());
}

#[test]
fn size_is_checked_before_anything_is_read() {
    // A valid frame with too much behind it is too large, not malformed.
    let mut bytes = encode(&ToHub::Leave).to_vec();
    bytes.resize(MAX_FRAME, 0);
    assert_eq!(decode::<ToHub>(&bytes), Err(CodecError::Malformed));
    bytes.push(0);
    assert_eq!(decode::<ToHub>(&bytes), Err(CodecError::TooLarge));
}

#[test]
fn deep_nesting_does_not_reach_the_end_of_the_stack() {
    // Arrays, open arrays, maps and tags, each as a whole frame and as a field from the future.
    for opening in [&[0x81][..], &[0x9f], &[0x82, 0x9f], &[0xa1, 0x00], &[0xc0]] {
        let deep = opening.repeat(MAX_FRAME / opening.len() - 8);
        for golden in golden::all() {
            assert_eq!((golden.reread)(&deep), None, "{}", golden.name);
        }
        // Repush, with the nesting in its list of fields.
        let field = [&[0x82, 0x06, 0x81], deep.as_slice()].concat();
        assert!(decode::<ToHub>(&field).is_err());
        let whole = [field.as_slice(), &[0x00]].concat();
        let _ = decode::<ToHub>(&whole);
    }
}

#[test]
fn claimed_lengths_reserve_no_memory() {
    // An array and a byte string of 2^62 items in a few bytes.
    for claim in [&[0x9b][..], &[0x5b], &[0x7b], &[0xbb]] {
        let bytes = [&[0x82, 0x00, 0x81, 0x83], claim, &[0x40, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert!(decode::<ToBridge>(&bytes).is_err());
        assert!(decode::<ToHub>(&bytes).is_err());
    }
}

#[test]
fn largest_contents_fit_into_a_frame() {
    let mut envelope = golden::envelope();
    envelope.sealed = vec![0; MAX_SEALED].into();
    assert!(encode(&ToBridge::Deliver(envelope, u64::MAX)).len() <= MAX_FRAME);

    let mut chunk = golden::chunk();
    chunk.sealed = vec![0; MAX_SEALED_CHUNK].into();
    assert!(encode(&ToBridge::Chunk(chunk)).len() <= MAX_FRAME);

    let card = SignedCard {
        body: vec![0; MAX_CARD],
        mac: [0; 32],
        seat_signature: Some(golden::seated().seat_signature.expect("a signature")),
        moves: None,
    };
    let listed = Listed { card, online: true, session_ms: u64::MAX };
    let peers = vec![listed; usize::from(MAX_PAGE)];
    let page = Page { peers, total: u32::MAX, next: Some("x".repeat(32)) };
    assert!(encode(&ToBridge::Answer(u32::MAX, Answer::Page(page))).len() <= MAX_FRAME);
}

#[test]
fn fullest_card_is_no_larger_than_a_card_may_be() {
    let most = |limit: TextLimit| Some("x".repeat(limit.bytes));
    let context = Context {
        repo: most(CONTEXT_TEXT),
        task: most(CONTEXT_TEXT),
        role: most(CONTEXT_TEXT),
        branch: most(CONTEXT_TEXT),
        machine: most(CONTEXT_NAME),
        client: most(CONTEXT_NAME),
    };
    let fullest = Card {
        alias: "x".repeat(crate::protocol::alias::MAX_ALIAS),
        epoch: Epoch(u64::MAX),
        ..golden::card(context)
    };
    assert!(encode(&fullest).len() <= MAX_CARD);
}

/// The golden values as a table in Markdown.
fn golden_table() -> String {
    let rows = golden::all()
        .into_iter()
        .map(|golden| format!("| {} | `{}` |\n", golden.name, HEXLOWER.encode(&golden.bytes)));
    format!("\n| value | bytes |\n|---|---|\n{}\n", rows.collect::<String>())
}

#[test]
fn protocol_doc_shows_the_golden_frames() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    let (before, rest) = doc.split_once(BEGIN).expect("docs/protocol.md has its first marker");
    let (shown, after) = rest.split_once(END).expect("docs/protocol.md has its second marker");
    let table = golden_table();
    if std::env::var_os("JUNCTION_UPDATE_DOCS").is_some_and(|update| update == "1") {
        std::fs::write(DOC, [before, BEGIN, &table, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(shown, table, "run cargo test with JUNCTION_UPDATE_DOCS=1 to rewrite the table");
}

#[test]
fn protocol_doc_names_every_close_code() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    for close in close::ALL {
        let row = format!("| {} | `{close}` |", close.code());
        assert!(doc.contains(&row), "docs/protocol.md lacks {row}");
    }
}
