//! Receipts and outlooks: what only the other half of a pair can have said of a message.

use std::sync::Arc;

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::crypto::{derive, mac, mac_holds};
use junction_shared::protocol::id::{MessageId, PeerKey, SeatKey};
use junction_shared::protocol::wire::{Outlook, Receipt, ReceiptKind, SignedOutlook, SignedSeat};
use junction_shared::secret::Secret;

/// Q alone: it makes and checks receipts and opens nothing, so it may outlive K.
#[derive(Clone)]
pub struct ReceiptKey(pub(super) Arc<Secret>);

/// A receipt that only the receiver of the message can make.
pub fn receipt(key: &ReceiptKey, to: PeerKey, id: MessageId, kind: ReceiptKind) -> Receipt {
    let mac = mac(key.0.expose(), &[&[kind as u8], &id.0]);
    Receipt { to, id, kind, mac, outlook: None, seat: None }
}

/// What a receipt says beside its kind, each authenticated by itself: a hub that drops one leaves the receipt valid.
#[derive(Clone, Copy, Default)]
pub struct ReceiptDetails {
    /// When the receiver's agent will be woken, or why not.
    pub outlook: Option<Outlook>,
    /// The receiver's seat.
    pub seat: Option<SeatKey>,
}

/// A receipt with these details.
pub fn receipt_with(
    details: ReceiptDetails,
    key: &ReceiptKey,
    to: PeerKey,
    id: MessageId,
    kind: ReceiptKind,
) -> Receipt {
    let outlook = details.outlook.map(|outlook| {
        let body = encode(&outlook).to_vec();
        let mac = mac(key.0.expose(), &[&[kind as u8], &id.0, &body]);
        SignedOutlook { body, mac }
    });
    let seat = details.seat.map(|seat| {
        let mac = mac(key.0.expose(), &[b"seat", &[kind as u8], &id.0, &seat.0]);
        SignedSeat { key: seat, mac }
    });
    Receipt { outlook, seat, ..receipt(key, to, id, kind) }
}

/// The seat on a receipt, if the receiver of the message named it.
pub fn seat_of(key: &ReceiptKey, receipt: &Receipt) -> Option<SeatKey> {
    let SignedSeat { key: seat, mac } = receipt.seat.as_ref()?;
    let parts: [&[u8]; 4] = [b"seat", &[receipt.kind as u8], &receipt.id.0, &seat.0];
    mac_holds(key.0.expose(), &parts, mac).then_some(*seat)
}

/// The outlook on a receipt, if it is from the receiver of the message.
pub fn outlook_of(key: &ReceiptKey, receipt: &Receipt) -> Option<Outlook> {
    let SignedOutlook { body, mac } = receipt.outlook.as_ref()?;
    let parts: [&[u8]; 3] = [&[receipt.kind as u8], &receipt.id.0, body];
    let is_authentic = mac_holds(key.0.expose(), &parts, mac);
    decode(body).ok().filter(|_| is_authentic)
}

/// Whether a receipt is from the receiver of the message.
pub fn receipt_holds(key: &ReceiptKey, receipt: &Receipt) -> bool {
    let parts: [&[u8]; 2] = [&[receipt.kind as u8], &receipt.id.0];
    mac_holds(key.0.expose(), &parts, &receipt.mac)
}

/// The receipt of a receiver that no longer has the key that the message was sealed to.
pub fn stale_receipt(psk: &Secret, to: PeerKey, id: MessageId) -> Receipt {
    let key = stale_key(psk);
    let mac = mac(key.expose(), &[&[ReceiptKind::Stale as u8], &id.0]);
    Receipt { to, id, kind: ReceiptKind::Stale, mac, outlook: None, seat: None }
}

/// Whether a stale receipt is from the other half of the pair.
pub fn stale_holds(psk: &Secret, receipt: &Receipt) -> bool {
    let parts: [&[u8]; 2] = [&[ReceiptKind::Stale as u8], &receipt.id.0];
    mac_holds(stale_key(psk).expose(), &parts, &receipt.mac)
}

fn stale_key(psk: &Secret) -> Secret {
    derive(&[], psk.expose(), b"stale")
}
