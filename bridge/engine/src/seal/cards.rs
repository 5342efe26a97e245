//! Cards: authenticated by the group, and signed by the seat that they show.

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::crypto::{mac, mac_holds};
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::seat::{SeatKeys, card_holds, move_holds};
use junction_shared::protocol::wire::{Card, SeatMove, SignedCard};

use super::plain::Broken;

/// A card, authenticated by the group: HMAC(card key, body). One that shows a seat is signed by the seat, whose keys these
/// are.
pub fn sign_card(group: &GroupKeys, card: &Card, seat: Option<&SeatKeys>) -> SignedCard {
    let body = encode(card).to_vec();
    let mac = mac(group.card.expose(), &[&body]);
    let seat_signature = seat.map(|seat| seat.sign_card(&group.group, &body));
    SignedCard { body, mac, seat_signature, moved_from: None }
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

/// The seat that the session of a verified card had before, if that seat itself says so.
pub fn moved_from(group: &GroupKeys, signed: &SignedCard, card: &Card) -> Option<SeatMove> {
    let (moved, seat) = (signed.moved_from.as_ref()?, card.seat.as_ref()?);
    move_holds(moved, &group.group, &seat.key).then(|| moved.clone())
}
