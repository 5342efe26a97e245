//! What every face can read of an engine at any moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::SESSION_TIMEOUT;

use crate::claims::ClaimNews;
use crate::hubs::selection::AwayReason;
use crate::open_requests::OpenRequestSign;

/// Whether a session is connected to its hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Not connected; the engine keeps trying.
    Away(AwayReason),
    /// Welcomed by the hub.
    Connected,
    /// Left by `disconnect`; the engine does not dial.
    Left,
    /// Left by the word of the agent's user; the engine does not dial.
    Removed,
}

/// An unread message that may wake the agent, or all notifications that may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waker {
    /// The number of the arrival, as [`Snapshot::arrivals`] counts.
    pub arrival: u64,
    /// The message's sender; `None` for notifications.
    pub sender: Option<PeerKey>,
    /// Whether the message is the first answer to one that this session sent to its sender.
    pub is_answer: bool,
    /// Whether the message is to wake the agent at once.
    pub is_urgent: bool,
}

/// The messages that wait unread, without those that are leased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadMail {
    /// How many messages wait.
    pub count: usize,
    /// Up to five of their senders.
    pub from: Vec<Alias>,
    /// What may wake the agent, in the order of arrival: messages, and the waiting notifications as one.
    pub wakers: Vec<Waker>,
    /// How many are questions whose senders wait for the answer.
    pub asks: usize,
    /// How many end a chain so long that a person should be asked.
    pub past_limit: usize,
}

/// An alias that there is news of, until a face has taken it to report it. All snapshots of an engine share one.
#[derive(Clone, Debug, Default)]
pub struct AliasNews(Arc<Mutex<UntoldAlias>>);

/// An alias that is to be reported, and when what it tells of happened last, if that is known.
#[derive(Debug, Default)]
struct UntoldAlias {
    alias: Option<Alias>,
    happened: Option<Instant>,
}

impl AliasNews {
    /// Takes the alias: of all callers one gets it.
    #[must_use]
    pub fn take(&self) -> Option<Alias> {
        self.lock().alias.take()
    }

    /// Gives back an alias that was not reported after all, unless there is a newer one.
    pub fn give_back(&self, alias: Alias) {
        self.lock().alias.get_or_insert(alias);
    }

    /// Sets the alias, or forgets it.
    pub fn set(&self, alias: Option<Alias>) {
        self.lock().alias = alias;
    }

    /// Sets the alias, and notes that what it tells of happened now. That is known after the alias was taken, too.
    pub(crate) fn happens(&self, alias: Option<Alias>, now: Instant) {
        *self.lock() = UntoldAlias { alias, happened: Some(now) };
    }

    /// When what the alias tells of happened last, if it was noted.
    pub(crate) fn happened(&self) -> Option<Instant> {
        self.lock().happened
    }

    fn lock(&self) -> MutexGuard<'_, UntoldAlias> {
        // An alias is replaced as a whole, so that a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of an engine, written by its task and read by anyone.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whether the session is connected.
    pub state: ConnectionState,
    /// The messages that wait unread.
    pub unread: UnreadMail,
    /// How many notifications wait that the agent asked for.
    pub notifications: usize,
    /// How often the agent was handed messages or notifications.
    pub reads: u64,
    /// How many messages and notifications have come that may wake the agent.
    pub arrivals: u64,
    /// The session's alias, once it has one.
    pub alias: Option<Alias>,
    /// The fingerprint of the session's key.
    pub fingerprint: String,
    /// The name of the hub in use, as `JUNCTION_HUB` or `register{host}` named it.
    pub hub: String,
    /// The longest life of a message, as the hub said.
    pub session_timeout: Duration,
    /// How often the hub did what only a dishonest hub does.
    pub misbehaviour: u32,
    /// The alias of a session that the hub had ended, because it heard nothing of it, and that has joined again. Set
    /// until a read has told it.
    pub rejoined: Option<Alias>,
    /// The alias that the hub gave the session in place of another.
    pub renamed: AliasNews,
    /// The alias under which the session came back, with its task and role, after its bridge had ended.
    pub came_back: AliasNews,
    /// The alias that another bridge of the same session of the client has now.
    pub unseated: AliasNews,
    /// What others of the agent's team wait for, and are in its way with.
    pub team: TeamNews,
}

/// What others of an agent's team wait for, and are in its way with.
#[derive(Clone, Debug, Default)]
pub struct TeamNews {
    /// The requests that the agent was shown and has not answered, oldest first.
    pub open_requests: Vec<OpenRequestSign>,
    /// Conflicts of claims that the agent has not been told of.
    pub claim_news: ClaimNews,
}

impl Snapshot {
    /// The snapshot of an engine that is to use the hub of this name.
    pub fn new(hub: String, state: ConnectionState) -> Self {
        Self {
            state,
            unread: UnreadMail::default(),
            notifications: 0,
            reads: 0,
            arrivals: 0,
            alias: None,
            fingerprint: String::new(),
            hub,
            session_timeout: SESSION_TIMEOUT,
            misbehaviour: 0,
            rejoined: None,
            renamed: AliasNews::default(),
            came_back: AliasNews::default(),
            unseated: AliasNews::default(),
            team: TeamNews::default(),
        }
    }
}
