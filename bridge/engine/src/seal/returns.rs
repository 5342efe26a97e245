//! The word that a receiver opens nothing more: what it has read of one sender, and what it sends back.

use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::crypto::{derive, mac, mac_holds};
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{Return, ReturnBody};
use junction_shared::secret::Secret;

/// The word to this sender, which only the two of the pair can make.
pub fn return_word(psk: &Secret, to: PeerKey, body: &ReturnBody) -> Return {
    let body = encode(body).to_vec();
    let mac = mac(return_key(psk).expose(), &[&body]);
    Return { to, body, mac }
}

/// Who says so, before it is known whether the word is authentic.
pub fn return_of(word: &Return) -> Option<ReturnBody> {
    decode(&word.body).ok().filter(|_| word.body.len() <= Return::MAX_BODY)
}

/// Whether the word is from the other half of the pair.
pub fn return_holds(psk: &Secret, word: &Return) -> bool {
    mac_holds(return_key(psk).expose(), &[&word.body], &word.mac)
}

fn return_key(psk: &Secret) -> Secret {
    derive(&[], psk.expose(), b"returned")
}
