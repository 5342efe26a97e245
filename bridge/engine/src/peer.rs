//! Other peers, as a face sees them.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{AwaitedEnd, Context, Reach, Standing, State, StateFilter};

/// Which page of which peers.
#[derive(Clone, Debug, Default)]
pub struct PeerQuery {
    /// Only this role.
    pub role: Option<String>,
    /// Only this repository.
    pub repo: Option<String>,
    /// Only agents that do this.
    pub state: Option<StateFilter>,
    /// Peers on the page, at most.
    pub limit: u16,
    /// The cursor of the page, as the page before it gave it.
    pub cursor: Option<String>,
}

/// What a call waits for. Without an alias and a role it is any other peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerWait {
    /// Only the peer that has this alias.
    pub alias: Option<Alias>,
    /// Only peers of this role.
    pub role: Option<String>,
    /// What of them ends the wait. The end of peers can be awaited of an alias or a role only.
    pub end: AwaitedEnd,
}

impl PeerWait {
    /// Whether every hub knows how to wait for this.
    pub(crate) fn is_plain(&self) -> bool {
        self.alias.is_none() && self.end == AwaitedEnd::Online
    }
}

/// How a wait for peers ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerWaitEnd {
    /// The peers that are as they were awaited.
    Seen(Vec<PeerInfo>),
    /// No such peer is there any more.
    Gone,
    /// The time was over.
    TimedOut,
}

/// An agent's availability, as its card says it: what the agent does, and how a message gets to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// How a message gets to the agent.
    pub reach: Reach,
    /// How a message gets to the agent that is to wake nobody.
    pub unwoken: Reach,
    /// What the agent does, if that is known.
    pub state: Option<State>,
    /// Whether the session goes on although nobody can see it.
    pub is_unattended: bool,
}

/// A peer as an agent sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The peer's alias.
    pub alias: Alias,
    /// The fingerprint of the peer's key.
    pub fingerprint: String,
    /// When the peer's session began, in milliseconds since 1970.
    pub connected_ms: u64,
    /// Whether the peer is connected now.
    pub online: bool,
    /// What the peer's agent does, and how a message gets to it.
    pub availability: Availability,
    /// What the peer works on.
    pub context: Context,
}

/// A page of peers.
pub struct PeerPage {
    /// The peers, in the order of their aliases.
    pub peers: Vec<PeerInfo>,
    /// How many peers match, on all pages.
    pub total: u32,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// The peer that a message goes to.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    /// The peer's key.
    pub key: PeerKey,
    /// Whether the peer is connected, as far as is known.
    pub presence: Standing,
    /// What the peer's agent does, and how a message gets to it.
    pub availability: Availability,
}
