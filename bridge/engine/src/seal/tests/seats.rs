//! What is signed by a seat, and what names one.

use junction_shared::protocol::crypto::public_key;
use junction_shared::protocol::id::{Incarnation, SeatKey};
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::{CardSeat, Return, ReturnBody, SeatMove, SignedCard};

use super::*;

const SEAT: SeatKey = SeatKey([6; 32]);

fn seat(session: &str) -> SeatKeys {
    SeatKeys::derive(&secret(&[9; 32]), "claude-code", session)
}

/// The card of this session's first process, signed by its seat.
fn seated(keys: &SeatKeys) -> (Card, SignedCard) {
    let card = Card {
        features: Some(READS_SEATS),
        seat: Some(CardSeat { key: keys.key(), incarnation: Incarnation(5) }),
        ..card()
    };
    let signed = sign_card(&group(), &card, Some(keys));
    (card, signed)
}

#[test]
fn card_shows_a_seat_only_with_its_signature() {
    let keys = seat("one");
    let (card, signed) = seated(&keys);
    assert_eq!(verify_card(&group(), &signed), Ok(card.clone()));
    // A hub that does not know seats drops the signature.
    let stripped = SignedCard { seat_signature: None, ..signed.clone() };
    assert_eq!(verify_card(&group(), &stripped), Ok(Card { seat: None, ..card.clone() }));
    // A member of the group without the seat's key.
    let forged = sign_card(&group(), &card, Some(&seat("two")));
    assert!(verify_card(&group(), &forged).is_err());
    // A signature of the same seat on another card.
    let other = Card { key: identity(2).key, ..card };
    let moved =
        SignedCard { seat_signature: signed.seat_signature, ..sign_card(&group(), &other, None) };
    assert!(verify_card(&group(), &moved).is_err());
}

#[test]
fn earlier_seats_move_only_by_their_own_word_and_to_seats_that_agree() {
    let [one, two, three] = ["one", "two", "three"].map(seat);
    let (_, signed) = seated(&three);
    let group = group();
    let moves = |moves: &[&SeatMove]| {
        let moves = Some(moves.iter().copied().cloned().collect());
        moves_of(&group, &SignedCard { moves, ..signed.clone() }, three.key())
    };
    let last = two.move_to(&group.group, Incarnation(4), &three);
    let first = one.move_to(&group.group, Incarnation(3), &two);
    assert_eq!(moves(&[&last, &first]), [last.clone(), first.clone()]);
    // Each goes on under the one before it in the list, the first under the seat of the card.
    assert_eq!(moves(&[&first, &last]), []);
    let without = SeatMove { signature: first.consent, ..first.clone() };
    assert_eq!(moves(&[&last, &without]), moves(&[&last]));
    let unwanted = SeatMove { consent: last.signature, ..last.clone() };
    assert_eq!(moves(&[&unwanted]), []);
    let stolen = SeatMove { from: one.key(), ..last.clone() };
    assert_eq!(moves(&[&stolen]), []);
    let mut seats: Vec<_> = (0..6).map(|number| seat(&number.to_string())).collect();
    seats.insert(0, three);
    let many: Vec<_> =
        seats.windows(2).map(|of| of[1].move_to(&group.group, Incarnation(1), &of[0])).collect();
    assert_eq!(many.len(), 6);
    let shown = SignedCard { moves: Some(many.clone()), ..signed.clone() };
    assert_eq!(moves_of(&group, &shown, seats[0].key()), many[..4]);
}

#[test]
fn seat_is_named_to_a_bridge_that_knows_seats_alone() {
    let pair = Pair::new();
    let keys = pair.keys();
    let header = pair.header(&keys);
    for follows in [None, Some(Hops { chain: MessageId([7; 16]), count: 9 })] {
        let plain = Plain { seat: Some(SEAT), follows, ..text("hello") };
        let sealed = seal(&keys, &header, &plain, READS_SEATS).unwrap();
        assert!(pair.open(&header, &sealed).is_ok_and(|opened| opened == plain));
        let sealed = seal(&keys, &header, &plain, READS_ASKS).unwrap();
        let plain = Plain { seat: None, ..plain };
        assert!(pair.open(&header, &sealed).is_ok_and(|opened| opened == plain));
    }
}

#[test]
fn longest_message_has_room_for_everything() {
    let pair = Pair::new();
    let keys = pair.keys();
    let plain = Plain {
        seat: Some(SEAT),
        follows: Some(Hops { chain: MessageId([7; 16]), count: 9 }),
        reply_to: Some(MessageId([8; 16])),
        ..text(&"x".repeat(MAX_MESSAGE))
    };
    assert!(seal(&keys, &pair.header(&keys), &plain, u32::MAX).is_ok());
}

#[test]
fn receiver_alone_names_its_seat_on_a_receipt() {
    let pair = Pair::new();
    let (key, other) = (pair.keys().receipt_key(), pair.keys().receipt_key());
    let (id, opened) = (MessageId([9; 16]), ReceiptKind::Opened);
    let details = ReceiptDetails { outlook: None, seat: Some(SEAT) };
    let good = receipt_with(details, &key, pair.alice.key, id, opened);
    assert!(receipt_holds(&key, &good));
    assert_eq!(seat_of(&key, &good), Some(SEAT));
    assert_eq!(seat_of(&other, &good), None);
    assert_eq!(seat_of(&key, &Receipt { id: MessageId([8; 16]), ..good.clone() }), None);
    assert_eq!(seat_of(&key, &Receipt { kind: ReceiptKind::Read, ..good.clone() }), None);
    let mut altered = good.clone();
    altered.seat.as_mut().unwrap().key = SeatKey([7; 32]);
    assert!(receipt_holds(&key, &altered) && seat_of(&key, &altered).is_none());
    assert_eq!(Receipt { seat: None, ..good }, receipt(&key, pair.alice.key, id, opened));
}

/// The values of docs/protocol.md: a message that was returned is sealed again under its id, with other keys.
#[test]
fn sealing_again_is_frozen() {
    let pair = Pair::new();
    let keys = pair.keys();
    let named = Plain { seat: Some(SEAT), ..text("hello") };
    let padded = pad(&named, u32::MAX).unwrap();
    assert_eq!(
        HEX.encode(&padded[..58]),
        "000000054000000000000000000000000000000000060606060606060606060606060606060606060606060606060606060606060668656c6c6f"
    );
    let body = ReturnBody { from: pair.bob.key, seat: SEAT, highest: Seq(42), read: 5, leased: 2 };
    let word = return_word(&pair.psk(), pair.alice.key, &body);
    assert_eq!(
        HEX.encode(&word.mac),
        "a4ecbead836dc0214152ade33e08fb76427cfebb4d41e526fa2ea7d86a883aac"
    );
    let details = ReceiptDetails { outlook: None, seat: Some(SEAT) };
    let id = MessageId([9; 16]);
    let key = ReceiptKey(Arc::new(secret(&[4; 32])));
    let opened = receipt_with(details, &key, pair.alice.key, id, ReceiptKind::Opened);
    assert_eq!(
        HEX.encode(&opened.seat.unwrap().mac),
        "470433c25a735ad180a54978191dd711f77fb1634a4771f2ae4201d51eeb9dc3"
    );
    // Two keys of one receiver never give one message the same bytes.
    let again =
        keys_to(&pair.group, &pair.psk(), &pair.alice, &ReceiveKey(public_key(&secret(&[8; 32]))));
    let (first, second) = (pair.header(&keys), pair.header(again.as_ref().ok().unwrap()));
    let sealed = seal(&keys, &first, &named, u32::MAX).unwrap();
    let sealed_again = seal(&again.ok().unwrap(), &second, &named, u32::MAX).unwrap();
    assert!(first.id == second.id && sealed != sealed_again);
}

#[test]
fn pair_alone_makes_a_return_word() {
    let pair = Pair::new();
    let body = ReturnBody { from: pair.bob.key, seat: SEAT, highest: Seq(42), read: 5, leased: 2 };
    let word = return_word(&pair.psk(), pair.alice.key, &body);
    assert!(return_holds(&pair.psk(), &word));
    assert_eq!(return_of(&word), Some(body));
    let others = pair_psk(&pair.group, &identity(5), &pair.bob.key).unwrap();
    assert!(!return_holds(&others, &word));
    let altered = return_word(&others, pair.alice.key, &ReturnBody { read: 4, ..body });
    assert!(!return_holds(&pair.psk(), &Return { body: altered.body, ..word.clone() }));
    let long = Return { body: vec![0; Return::MAX_BODY + 1], ..word };
    assert_eq!(return_of(&long), None);
}
