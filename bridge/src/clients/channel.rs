//! A way by which a waiting message gets to the agent.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use junction_shared::protocol::wire::Reach;
use serde::{Deserialize, Serialize};

/// A way by which an agent is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakingWay {
    /// The junction's plugin in the client.
    Plugin,
    /// The inbox of a Claude Code session, which is a Unix socket.
    #[cfg_attr(not(unix), allow(dead_code))]
    Inbox,
    /// The queue of a Codex session.
    Queue,
    /// A hook whose end wakes the agent.
    RewakeHook,
    /// A call that waits for messages, and ends with the first.
    WaitingCall,
}

/// One way by which a waiting message gets to the agent.
pub(crate) trait Channel: Send + Sync {
    /// How a message gets to the agent by this channel; `None` while the channel cannot be used.
    fn reach(&self) -> Option<Reach>;

    /// Which way of waking the agent the channel is, if it is one.
    fn way(&self) -> Option<WakingWay> {
        None
    }

    /// Whether the channel wakes the agent, which the hourly budget counts.
    fn wakes(&self) -> bool {
        false
    }

    /// Whether the channel cannot be used only for a moment.
    fn is_expected(&self) -> bool {
        false
    }

    /// Whether the channel may be tried for a person who asks, though messages may not use it now.
    fn can_be_tried(&self) -> bool {
        self.reach().is_some()
    }

    /// Whether the client holds a notice back until the agent's turn has ended.
    fn waits_for_turn_end(&self) -> bool {
        false
    }

    /// Whether the client tells what became of a notice.
    fn tells_outcome(&self) -> bool {
        false
    }

    /// Gives the agent a notice. False if that failed.
    fn wake<'a>(&'a self, _notice: &'a str) -> BoxFuture<'a, bool> {
        ready(false).boxed()
    }

    /// How often the channel should be polled, if it can come and go without an event that says so.
    fn poll_interval(&self) -> Option<Duration> {
        None
    }

    /// Whether the channel has found that nobody can see the session.
    fn is_unattended(&self) -> bool {
        false
    }

    /// Checks whether the channel can be used, without waking anybody.
    fn poll(&self) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }

    /// Takes note of the client's name in MCP. True if the channel should be polled now.
    fn client_named(&self, _mcp_name: &str) -> bool {
        false
    }

    /// Takes note of the thread that a tool call belongs to. True if that may change the channel's reach.
    fn call_from(&self, _origin: &CallOrigin) -> bool {
        false
    }
}

/// What became of a notice, by the client's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WakeOutcome {
    /// A turn began with it.
    Woken,
    /// The client or something in it refused it.
    Dropped,
}

/// The thread and turn of the client that a tool call belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallOrigin {
    /// The thread's id.
    pub(crate) thread: String,
    /// The turn's id.
    pub(crate) turn: Option<String>,
    /// Whether a person began the turn.
    pub(crate) by_person: bool,
    /// Whether the thread goes on after this turn.
    pub(crate) is_lasting: bool,
    /// The session that the thread belongs to.
    pub(crate) session: CallSession,
}

/// The session that a tool call comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallSession {
    /// The client does not say.
    Untold,
    /// The session with this id, itself.
    Own(String),
    /// A subagent of a session.
    Subagents,
}
