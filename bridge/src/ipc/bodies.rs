//! What requests and responses carry that have more to say than a word.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::description::SessionDescription;
use super::discover::SessionMatch;

/// An agent that a gateway runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpAgent {
    /// What the gateway knows the agent by. No client can show it in place of a secret.
    pub(crate) id: String,
    /// The name that the agent was added by, if it has an address of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Where the agent's session is, and how the agent is reached.
    pub(crate) session: SessionDescription,
}

/// A repository that a session works in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownRepository {
    /// The name of the repository.
    pub(crate) name: String,
    /// Whether paths that differ in case alone are one file there.
    pub(crate) ignores_case: bool,
}

/// What a command asks of claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimsQuestion {
    /// The name of the repository.
    pub(crate) repository: String,
    /// Whether paths that differ in case alone are one file there.
    pub(crate) ignores_case: bool,
    /// Files of which to say whether others claim them.
    pub(crate) files: Vec<String>,
    /// The session's id, where the client tells it.
    pub(crate) session: Option<String>,
    /// How sure the caller is that the bridge belongs to its session.
    #[serde(rename = "sure")]
    pub(crate) session_match: SessionMatch,
}

/// Claims as a command shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShownClaims {
    /// The claims, each as the tool `claim` shows it.
    pub(crate) claims: Vec<Value>,
    /// Who claims a file of those that were asked about, a sentence each.
    pub(crate) held: Vec<String>,
    /// How many claims are left out because the answer would be too long.
    #[serde(default)]
    pub(crate) more: usize,
    /// Whether every session of the repository was heard.
    #[serde(default)]
    pub(crate) is_complete: bool,
}

/// A message that a command sends through a running session. Each field is as its flag or argument gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SendRequest {
    pub(crate) to: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    #[serde(default)]
    pub(crate) wait_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) urgency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) intent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wait_for: Option<String>,
    /// Whether a person writes the message. A bridge ignores it: its session is an agent's.
    #[serde(default)]
    pub(crate) from_person: bool,
    /// What the message is to carry. The process that sends it reads the files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<AttachmentRequest>,
}

/// A file that a message is to carry, or one value out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttachmentRequest {
    /// The absolute path of the file.
    pub(crate) path: String,
    /// The name of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// A session, and how much waits for its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InboxCounts {
    /// The session's alias, once it has one.
    pub(crate) alias: Option<String>,
    /// Whether the session is connected to its hub.
    pub(crate) is_connected: bool,
    /// How many messages are unread.
    pub(crate) unread: usize,
    /// How many of them are questions whose senders wait.
    pub(crate) asks: usize,
    /// How many of them are held until a person is asked.
    pub(crate) held: usize,
}
