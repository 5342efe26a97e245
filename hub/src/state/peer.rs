//! One session: a peer and, while it is connected, its connection.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{ConnectionId, Dial};

use super::card::Published;
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
    pub(super) card: Option<Arc<Published>>,
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
    pub(super) fn listed(&self) -> Option<&Arc<Published>> {
        self.card.as_ref().filter(|published| published.card.alias == self.alias.as_str())
    }

    /// Whether it is connected.
    pub(super) fn is_online(&self) -> bool {
        self.connection.is_some()
    }
}
