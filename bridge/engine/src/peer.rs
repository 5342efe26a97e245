//! Other peers, as a face sees them.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{Context, Reach, Standing, State};

/// Which page of which peers.
#[derive(Clone, Debug, Default)]
pub struct PeerQuery {
    /// Only this role.
    pub role: Option<String>,
    /// Only this repository.
    pub repo: Option<String>,
    /// Peers on the page, at most.
    pub limit: u16,
    /// The cursor of the page, as the page before it gave it.
    pub cursor: Option<String>,
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
