//! A peer's card as the hub sees it: read once, forwarded as it came.

use junction_shared::protocol::codec::decode;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::{MAX_CARD, MAX_CONTEXT_FIELD};
use junction_shared::protocol::wire::{Card, Context, SignedCard};

/// A card that was accepted from its owner. Whether a member of the group made it, only bridges can tell.
pub(super) struct Published {
    /// As sent.
    pub(super) signed: SignedCard,
    /// What it says.
    pub(super) card: Card,
}

impl Published {
    /// Reads a card that came from the owner of this key; nothing if it is none, or another's, or says
    /// more than a card may.
    pub(super) fn read(signed: SignedCard, key: &PeerKey) -> Option<Self> {
        if signed.body.len() > MAX_CARD {
            return None;
        }
        let card: Card = decode(&signed.body).ok()?;
        (card.key == *key && is_fit(&card.context)).then_some(Self { signed, card })
    }
}

/// Whether every field is short printable ASCII.
fn is_fit(context: &Context) -> bool {
    let Context { repo, task, role, branch, machine, client } = context;
    let fits = |text: &String| {
        text.len() <= MAX_CONTEXT_FIELD && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    [repo, task, role, branch, machine, client].into_iter().flatten().all(fits)
}
