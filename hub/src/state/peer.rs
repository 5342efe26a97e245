//! One session: a peer, its card and, while it is connected, its connection.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::context_text::is_fit;
use junction_shared::protocol::id::{ConnectionId, Dial, PeerKey};
use junction_shared::protocol::limits::MAX_CARD;
use junction_shared::protocol::wire::{Card, Context, SignedCard};

use super::inbox::Offset;
use super::tickets::AliasClaim;

/// A peer whose session has not ended.
pub(super) struct PeerSession {
    /// The alias of the session.
    pub(super) alias: Alias,
    /// What the session's claim to the alias rests on.
    pub(super) claim: AliasClaim,
    /// The previous alias, until a card names the new one: cards for the old one may still be on their way,
    /// and are not the sender's fault.
    pub(super) former: Option<Alias>,
    /// Whether the peer is in no list and no count, and answers no watch.
    pub(super) is_unlisted: bool,
    /// The newest card.
    pub(super) card: Option<Arc<PublishedCard>>,
    /// When the session began.
    pub(super) started: Duration,
    /// The last sign of life.
    pub(super) last_seen: Duration,
    /// Whether the session was extended because the hub itself was not running when it was to end.
    pub(super) is_extended: bool,
    /// The deadline that is set for the session: never later than the real one, and moved when it is due.
    pub(super) deadline: Duration,
    /// The connection, while there is one.
    pub(super) connection: Option<PeerConnection>,
}

/// The connection of a peer.
pub(super) struct PeerConnection {
    /// The id of the connection.
    pub(super) id: ConnectionId,
    /// Which of the process's dials the connection came from.
    pub(super) dial: Dial,
    /// The offset in the inbox from which the next push is taken.
    pub(super) cursor: Offset,
    /// Requests to restart the push that have not been answered.
    pub(super) repushes: u32,
}

impl PeerSession {
    /// Returns the card if it names the peer's alias: an alias is shown only when a card vouches for it.
    pub(super) fn valid_card(&self) -> Option<&Arc<PublishedCard>> {
        self.card.as_ref().filter(|published| published.card.alias == self.alias.as_str())
    }

    /// Returns whether the peer is connected.
    pub(super) fn is_online(&self) -> bool {
        self.connection.is_some()
    }
}

/// A card that was accepted from its owner. Only bridges can tell whether a member of the group made it.
pub(super) struct PublishedCard {
    /// The card as sent.
    pub(super) signed: SignedCard,
    /// The decoded card.
    pub(super) card: Card,
}

impl PublishedCard {
    /// Decodes a card from the owner of this key. Returns `None` if it is malformed, names another key or
    /// exceeds the limits of a card.
    pub(super) fn read(signed: SignedCard, key: &PeerKey) -> Option<Self> {
        if signed.body.len() > MAX_CARD {
            return None;
        }
        let card: Card = decode(&signed.body).ok()?;
        (card.key == *key && all_fit(&card.context)).then_some(Self { signed, card })
    }
}

/// Returns whether every field is a short text without control characters.
fn all_fit(context: &Context) -> bool {
    let Context { repo, task, role, branch, machine, client } = context;
    let mut fields = [repo, task, role, branch, machine, client].into_iter().flatten();
    fields.all(|text| is_fit(text))
}
