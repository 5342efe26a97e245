//! One session: a peer, its card and, while it is connected, its connection.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::context_text::is_fit;
use junction_shared::protocol::handshake::GrantTime;
use junction_shared::protocol::id::{ConnectionId, Dial, PeerKey, SeatKey};
use junction_shared::protocol::limits::MAX_CARD;
use junction_shared::protocol::wire::{Card, Context, READS_SEATS, SeatClaim, SignedCard};

use super::inbox::Offset;
use super::kept_returns::KeptReturns;
use super::tickets::AliasClaim;

/// How long a peer without a connection counts as present: a bridge dials again at once. Less than the time for which a
/// bridge repeats its wish for a seat, so that it gets the seat of one that was killed.
const MAX_BREAK: Duration = Duration::from_secs(1);

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
    /// Whether the newest card shows a seat that another peer has been granted since. It counts no more.
    pub(super) is_outdated: bool,
    /// Whether the session has a seat.
    pub(super) seating: Seating,
    /// What receivers have returned to the session.
    pub(super) returned: KeptReturns,
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
    /// When the last connection was lost, if one was.
    pub(super) lost_at: Option<Duration>,
}

/// Whether a session has a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Seating {
    /// The session has no seat.
    #[default]
    Seatless,
    /// The session has this seat.
    Holder(SeatKey),
    /// Another bridge has the session's seat. This one may finish what it has begun, until then.
    Unseated {
        /// When the session ends.
        until: Duration,
        /// Whether it was extended because the hub itself was not running when it was to end.
        is_extended: bool,
    },
}

/// A claim to a seat that somebody living has. It takes the seat with the first card of its connection.
pub(super) struct SeatHeir {
    /// The claim.
    pub(super) claim: SeatClaim,
    /// Whether the session comes from another seat, and goes on under its own alias.
    pub(super) keeps_alias: bool,
    /// The alias that the peer was told, which is that of the seat.
    pub(super) told: Alias,
    /// The alias that the peer was told before: a card for it may still be on its way.
    pub(super) told_before: Option<Alias>,
    /// The time in the ticket that the peer was given.
    pub(super) granted: GrantTime,
}

impl SeatHeir {
    /// Notes what the peer is told of its alias.
    pub(super) fn tell(&mut self, alias: &Alias, granted: GrantTime) {
        if self.told != *alias {
            self.told_before = Some(std::mem::replace(&mut self.told, alias.clone()));
        }
        self.granted = granted;
    }
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
    /// Chunks of attachments in a row that nobody asked for.
    pub(super) stray_chunks: u32,
    /// The claim to a seat that another peer still has.
    pub(super) heir: Option<Box<SeatHeir>>,
}

impl PeerSession {
    /// Returns the card if it names the peer's alias: an alias is shown only when a card vouches for it. A peer that lost
    /// its seat has no valid card.
    pub(super) fn valid_card(&self) -> Option<&Arc<PublishedCard>> {
        let is_valid = !self.is_outdated && !self.is_unseated();
        let card = self.card.as_ref().filter(|_| is_valid);
        card.filter(|published| published.card.alias == self.alias.as_str())
    }

    /// Returns the seat that the session has.
    pub(super) fn seat(&self) -> Option<SeatKey> {
        match self.seating {
            Seating::Holder(seat) => Some(seat),
            Seating::Seatless | Seating::Unseated { .. } => None,
        }
    }

    /// Returns the seat that the session had, if it lost it.
    pub(super) fn lost_seat(&self) -> Option<SeatKey> {
        let card = self.card.as_ref().filter(|_| self.is_unseated())?;
        card.card.seat.map(|shown| shown.key)
    }

    /// Returns whether another bridge has the session's seat.
    pub(super) fn is_unseated(&self) -> bool {
        matches!(self.seating, Seating::Unseated { .. })
    }

    /// Returns the claim of the connection to a seat that another peer still has.
    pub(super) fn heir(&self) -> Option<&SeatHeir> {
        self.connection.as_ref()?.heir.as_deref()
    }

    /// Returns whether the peer's bridge knows seats. Nothing that is about seats is sent to others.
    pub(super) fn reads_seats(&self) -> bool {
        self.has_feature(READS_SEATS)
    }

    /// Returns whether the peer's newest card names a feature of its bridge.
    pub(super) fn has_feature(&self, feature: u32) -> bool {
        let features = self.card.as_ref().and_then(|published| published.card.features);
        features.unwrap_or_default() & feature != 0
    }

    /// Returns whether the peer is connected.
    pub(super) fn is_online(&self) -> bool {
        self.connection.is_some()
    }

    /// Returns whether the peer is connected, or lost its connection so short a time ago that it is about to dial again.
    pub(super) fn is_present(&self, now: Duration) -> bool {
        self.is_online() || self.lost_at.is_some_and(|at| now < at + MAX_BREAK)
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
