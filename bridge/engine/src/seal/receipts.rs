//! Receipts and outlooks: what only the other half of a pair can have said of a message.

use std::sync::Arc;

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{derive, mac, mac_holds};
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Outlook, Receipt, ReceiptKind, SignedOutlook};
use junction_shared::secret::Secret;

/// Q alone: it makes and checks receipts and opens nothing, so it may outlive K.
#[derive(Clone)]
pub struct ReceiptKey(pub(super) Arc<Secret>);

/// A receipt that only the receiver of the message can make.
pub fn receipt(key: &ReceiptKey, to: PeerKey, id: MessageId, kind: ReceiptKind) -> Receipt {
    let mac = mac(key.0.expose(), &[&[kind as u8], &id.0]);
    Receipt { to, id, kind, mac, outlook: None, seat: None }
}

/// A receipt with an outlook or without, each authenticated by itself: a hub that drops the outlook leaves the receipt
/// valid.
pub fn receipt_with(
    outlook: Option<&Outlook>,
    key: &ReceiptKey,
    to: PeerKey,
    id: MessageId,
    kind: ReceiptKind,
) -> Receipt {
    let outlook = outlook.map(|outlook| {
        let body = encode(outlook).to_vec();
        let mac = mac(key.0.expose(), &[&[kind as u8], &id.0, &body]);
        SignedOutlook { body, mac }
    });
    Receipt { outlook, ..receipt(key, to, id, kind) }
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
