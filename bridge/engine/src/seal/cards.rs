//! Cards: authenticated by the group, and signed by the seat that they show.

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::crypto::{mac, mac_holds};
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::SeatKey;
use junction_shared::protocol::limits::MAX_MOVES;
use junction_shared::protocol::seat::{SeatKeys, card_holds, move_holds};
use junction_shared::protocol::wire::{Card, SeatMove, SignedCard};

use super::plain::Broken;

/// A card, authenticated by the group: HMAC(card key, body). One that shows a seat is signed by the seat, whose keys these
/// are.
pub fn sign_card(group: &GroupKeys, card: &Card, seat: Option<&SeatKeys>) -> SignedCard {
    let body = encode(card).to_vec();
    let mac = mac(group.card.expose(), &[&body]);
    let seat_signature = seat.map(|seat| seat.sign_card(&group.group, &body));
    SignedCard { body, mac, seat_signature, moves: None }
}

/// The card in a signed card, if a member of the group made it. It shows a seat only if the seat has signed it.
///
/// # Errors
/// [`Broken`] if no member made it, if it is no card, or if the signature of its seat does not hold.
pub fn verify_card(group: &GroupKeys, signed: &SignedCard) -> Result<Card, Broken> {
    if !mac_holds(group.card.expose(), &[&signed.body], &signed.mac) {
        return Err(Broken);
    }
    let mut card: Card = decode(&signed.body).map_err(|_| Broken)?;
    match (&card.seat, &signed.seat_signature) {
        (Some(seat), Some(signature)) => {
            let holds = card_holds(&seat.key, &group.group, &signed.body, signature);
            holds.then_some(card).ok_or(Broken)
        }
        // A hub that does not know seats has dropped the signature.
        _ => {
            card.seat = None;
            Ok(card)
        }
    }
}

/// The moves of the session with this seat, whose card it is: the last first, as far as the seats themselves say so.
pub fn moves_of(group: &GroupKeys, signed: &SignedCard, seat: SeatKey) -> Vec<SeatMove> {
    let mut to = seat;
    let moves = signed.moves.iter().flatten().take(MAX_MOVES);
    let holds = moves.take_while(|moved| {
        move_holds(moved, &group.group, &std::mem::replace(&mut to, moved.from))
    });
    holds.cloned().collect()
}
