//! One session: a peer, its card and, while it is connected, its connection.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::id::{ConnectionId, Dial, PeerKey};
use junction_shared::protocol::limits::{MAX_CARD, MAX_CONTEXT_FIELD};
use junction_shared::protocol::wire::{Card, Context, SignedCard};

use super::inbox::Offset;

/// A peer whose session has not ended.
pub(super) struct PeerSession {
    /// Its alias.
    pub(super) alias: Alias,
    /// Whether it showed a ticket for the alias, so that nobody else's ticket takes it away.
    pub(super) by_ticket: bool,
    /// The alias before this one, until a card for this one comes: cards for the old one may still be on
    /// their way, and are no fault of their sender.
    pub(super) former: Option<Alias>,
    /// Its newest card.
    pub(super) card: Option<Arc<PublishedCard>>,
    /// When its session began.
    pub(super) started: Duration,
    /// Its last sign of life.
    pub(super) last_seen: Duration,
    /// Whether it was given more time, since the hub itself did not run when its session was to end.
    pub(super) is_extended: bool,
    /// The deadline that is set for it: never later than the true one, moved when it comes.
    pub(super) deadline: Duration,
    /// Its connection.
    pub(super) connection: Option<PeerConnection>,
}

/// The connection of a peer.
pub(super) struct PeerConnection {
    /// Its number.
    pub(super) id: ConnectionId,
    /// Which of the process's dials it came from.
    pub(super) dial: Dial,
    /// From where in the inbox the next push comes.
    pub(super) cursor: Offset,
    /// Requests to push anew that have not been answered.
    pub(super) repushes: u32,
}

impl PeerSession {
    /// Its card, if the peer is to be found by it: an alias is shown only when a card vouches for it.
    pub(super) fn listed(&self) -> Option<&Arc<PublishedCard>> {
        self.card.as_ref().filter(|published| published.card.alias == self.alias.as_str())
    }

    /// Whether it is connected.
    pub(super) fn is_online(&self) -> bool {
        self.connection.is_some()
    }
}

/// A card that was accepted from its owner. Whether a member of the group made it, only bridges can tell.
pub(super) struct PublishedCard {
    /// As sent.
    pub(super) signed: SignedCard,
    /// What it says.
    pub(super) card: Card,
}

impl PublishedCard {
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
