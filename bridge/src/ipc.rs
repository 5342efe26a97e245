//! The door by which hooks and commands of the same user reach a running bridge: a socket of its own in the user's
//! runtime directory, named after its process.
//!
//! ```text
//! hook    → {"ask":"hook","event":"Stop",…}            ← {"say":"hook","block":"Agent Junction notice 3: …"}
//! sleeper → {"ask":"sleep",…}                          ← {"say":"wake","notice":"…"}, once there is a reason to
//! verify  → {"ask":"verify","alias":"calm-otter"}      ← {"say":"pair","alias":…,"own":…,"other":…}
//! ```
//!
//! One line each way, JSON. A hook says one byte more once it has passed the answer on, for what was not passed on has
//! not been told; then the connection is over.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

mod directory;
mod discover;
#[cfg(not(unix))]
mod elsewhere;
mod server;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
use elsewhere as platform;
#[cfg(unix)]
use unix as platform;

pub(crate) use discover::{Sure, all, of_this_session};
pub(crate) use platform::Door;
pub(crate) use server::open;

/// The longest line either way: an event's name, an alias, a notice.
const MAX_LINE: usize = 4096;

/// What is asked of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub(crate) enum Request {
    /// What the agent is to be told at this event.
    Hook {
        /// The event, as the bridge knows it.
        event: Event,
        /// Whether the bridge is known to be of the hook's session.
        sure: Sure,
    },
    /// Tell when the agent is to be woken.
    Sleep {
        /// The event that it begins to sleep at.
        event: Event,
        /// As of a hook.
        sure: Sure,
    },
    /// The two fingerprints by which people know that nobody stands between this session and a peer's.
    Verify {
        /// The peer's alias.
        alias: String,
    },
}

/// What a bridge answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "lowercase")]
pub(crate) enum Response {
    /// What the agent is to be told, if anything.
    Hook(Told),
    /// The agent is to be woken, by this.
    Wake {
        /// The line that tells why.
        notice: String,
    },
    /// The two fingerprints.
    Pair {
        /// The session's alias.
        alias: String,
        /// Its fingerprint.
        own: String,
        /// The peer's fingerprint.
        other: String,
    },
    /// The bridge knows nothing of it: it is of another session, or does not know the peer.
    Nothing,
}

/// What an agent is told at an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Something to know besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<String>,
    /// Why it is not to stop yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<String>,
}

/// An event of a session, less all that it says of the agent's work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// What has happened.
    pub(crate) kind: EventKind,
    /// The session, by its client's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// Whether it is of a helper that the agent has started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) helper: bool,
}

/// What has happened in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    /// The session began, or its context did anew.
    Began,
    /// The session's context was made shorter, in a turn or between two.
    Compacted,
    /// A turn began that a person wrote the prompt of.
    Prompted,
    /// A turn began that nobody wrote the prompt of.
    Woken,
    /// A tool was used, and what it gave is about to be shown.
    Used,
    /// The agent goes on with its turn.
    Busy,
    /// The agent asks its user something.
    Asks,
    /// The turn is about to end.
    Stops,
    /// The turn is about to end, as it was before it was made to go on.
    StopsAgain,
    /// The turn has failed: its model could not be asked.
    Failed,
    /// The turn has ended.
    Idle,
    /// The session is over.
    Ended,
    /// Something that says nothing of any of this.
    #[default]
    Other,
}

impl EventKind {
    /// Whether it says anything of what the agent does.
    pub(crate) fn tells_of_turn(self) -> bool {
        !matches!(self, Self::Compacted | Self::Other)
    }
}

/// The answer of a bridge, and the way to say that it was passed on.
pub(crate) struct Answered {
    pub(crate) response: Response,
    stream: platform::Stream,
}

impl Answered {
    /// The answer was passed on to whom it is for.
    pub(crate) async fn passed_on(mut self) {
        // A bridge that is gone by now has nobody to tell anything more.
        let _ = self.stream.write_all(b"\n").await;
    }
}

/// Asks a bridge at the other end of its socket, and gives its answer.
///
/// # Errors
/// If it cannot be reached, or says nothing that could be understood.
pub(crate) async fn ask(socket: &Path, request: &Request) -> io::Result<Answered> {
    let mut stream = BufReader::new(Door::call(socket).await?);
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await?;
    let mut answer = String::new();
    let mut limited = stream.take(MAX_LINE as u64);
    limited.read_line(&mut answer).await?;
    let response = serde_json::from_str(&answer)?;
    Ok(Answered { response, stream: limited.into_inner().into_inner() })
}
