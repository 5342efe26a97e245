//! What a bridge says of its session to the other programs of its user. Nothing of it is a secret, or a peer's.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::local_hub::place;
use serde::{Deserialize, Serialize};

use crate::results::words::{reach, way_word};
use crate::wake::Wake;
use crate::wake::trial::{TrialOutcome, WakeTrial};
use crate::wording::{Audience, Wording as _, hindrance_word};
use junction_engine::{ConnectionState, Engine};

/// The longest path and the longest sentence that is told, in bytes: together they fit into a line.
const MAX_TEXT: usize = 600;

/// Where a session is, and how its agent is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionDescription {
    /// The version of the bridge.
    pub(crate) version: String,
    /// The configuration directory, which holds the group.
    pub(crate) directory: String,
    /// The machine and network namespace, by a name.
    pub(crate) place: String,
    /// The hub in use, by its name.
    pub(crate) hub: String,
    /// The session's alias, once it has one.
    pub(crate) alias: Option<String>,
    /// Whether the session is connected to its hub.
    pub(crate) connection: SessionConnection,
    /// Why it is not, in a sentence for its user.
    pub(crate) why: Option<String>,
    /// The agent's client, once it has introduced itself.
    pub(crate) client: Option<String>,
    /// How a message gets to the agent, in the word of the tools.
    pub(crate) reach: String,
    /// Why a message would not wake the agent, in the word of the tools.
    pub(crate) hindrance: Option<String>,
    /// The way by which a message would wake the agent, in a word.
    pub(crate) way: Option<String>,
    /// For how many milliseconds the agent's user still pauses its wakes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held_ms: Option<u64>,
    /// Whether the user had the session leave.
    #[serde(default)]
    pub(crate) is_removed: bool,
}

/// What came of a wake that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrialReport {
    /// The way that took the notice, in a word.
    pub(crate) way: Option<String>,
    pub(crate) outcome: TrialOutcome,
    /// How long that took, or when the trial may be repeated, in milliseconds.
    pub(crate) after: Option<u64>,
    /// Why nothing can wake the agent, in the word of the tools.
    pub(crate) hindrance: Option<String>,
    /// The way that a message would go after a notice that was refused.
    pub(crate) next: Option<String>,
}

impl From<WakeTrial> for TrialReport {
    fn from(trial: WakeTrial) -> Self {
        let word = |way| way_word(way).to_owned();
        Self {
            way: trial.way.map(word),
            outcome: trial.outcome,
            after: trial.after.map(milliseconds),
            hindrance: trial.hindrance.map(|why| hindrance_word(why).to_owned()),
            next: trial.next.map(word),
        }
    }
}

/// Whether a session is connected to its hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionConnection {
    /// The hub has welcomed the session.
    Connected,
    /// The session tries to reach its hub.
    Away,
    /// The session was ended by `disconnect`, or by the agent's user.
    Left,
}

impl SessionDescription {
    /// The session of this engine, whose group is in this directory.
    pub(crate) fn of(engine: &Engine, wake: &Wake, dir: &ConfigDir) -> Self {
        let snapshot = engine.snapshot();
        let (connection, why) = match &snapshot.state {
            ConnectionState::Connected => (SessionConnection::Connected, None),
            ConnectionState::Left | ConnectionState::Removed => (SessionConnection::Left, None),
            ConnectionState::Away(why) => {
                (SessionConnection::Away, Some(why.words_for(Audience::Person)))
            }
        };
        let agent = wake.inspect();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            directory: shortened(&dir.path().to_string_lossy()),
            place: place().to_owned(),
            hub: shortened(&snapshot.hub),
            alias: snapshot.alias.map(|alias| alias.to_string()),
            connection,
            why: why.as_deref().map(shortened),
            client: agent.client,
            reach: reach(agent.reach).to_owned(),
            hindrance: agent.hindrance.map(|why| hindrance_word(why).to_owned()),
            way: agent.way.map(|way| way_word(way).to_owned()),
            held_ms: agent.held_for.map(milliseconds),
            is_removed: snapshot.state == ConnectionState::Removed,
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The beginning of a text that is too long for a line.
pub(crate) fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_texts_are_cut_at_a_character() {
        assert_eq!(shortened("/home/é"), "/home/é");
        assert_eq!(shortened(&"é".repeat(MAX_TEXT)).len(), MAX_TEXT);
        assert_eq!(shortened(&format!("x{}", "é".repeat(MAX_TEXT))).len(), MAX_TEXT - 1);
    }

    #[test]
    fn description_of_an_earlier_version_knows_no_hold() {
        let earlier = serde_json::json!({
            "version": "0", "directory": "/", "place": "here", "hub": "local", "alias": null, "connection": "left",
            "why": null, "client": null, "reach": "pull", "hindrance": null, "way": null,
        });
        let read: SessionDescription = serde_json::from_value(earlier).unwrap();
        assert_eq!((read.held_ms, read.is_removed), (None, false));
    }
}
