//! How a session names itself, and how it leaves.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::Context;

/// What a session changes about itself. A field that is `None` stays; an empty text clears it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The alias that the session wants.
    pub alias: Option<Alias>,
    /// The repository that the session works in.
    pub repo: Option<String>,
    /// The session's task.
    pub task: Option<String>,
    /// The session's role.
    pub role: Option<String>,
    /// The known host that the session moves to.
    pub host: Option<String>,
}

/// A session as it is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The session's alias.
    pub alias: Alias,
    /// The fingerprint of the session's key.
    pub fingerprint: String,
    /// The name of the session's hub.
    pub hub: String,
    /// How many other peers are on that hub.
    pub peer_count: u32,
    /// The session's context.
    pub context: Context,
}

/// What `disconnect` left behind.
#[derive(Default)]
pub struct Departure {
    /// Whether there was a session to end.
    pub disconnected: bool,
    /// Messages of which nobody can say whether they were read.
    pub unconfirmed: Vec<(MessageId, Alias)>,
}
