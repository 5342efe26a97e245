//! What a hub tells: its events with the names and fields of `/events`. Words and fields of a later hub are let pass.

use std::fmt;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::registration::label;

/// Sessions of a snapshot that are kept: twice as many as a hub connects.
const MAX_SESSIONS: usize = 32_768;
/// The longest id of a session. A hub's have 16 characters.
const MAX_ID: usize = 64;

/// Something that a hub tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// The sessions that are there now. Everything told of sessions before is over.
    Snapshot(Vec<FeedSession>),
    /// A session is there that was not.
    Joined(FeedSession),
    /// A session says something else of itself, has another alias, was cut off, or is back.
    Changed(FeedSession),
    /// A session has ended.
    Left(FeedId),
    /// More is known of a message.
    Message(FeedMessage),
}

/// The id of a session. A session keeps its id while its alias may change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FeedId(String);

/// A session on a hub. Its texts are its own words, as labels: one line each, without hidden characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeedSession {
    /// The session's id.
    pub id: FeedId,
    /// The name by which others reach the session.
    #[serde(serialize_with = "as_str")]
    pub alias: Alias,
    /// Whether the session is connected.
    pub online: bool,
    /// What its agent does.
    pub state: FeedState,
    /// Whether a message wakes its agent.
    pub reach: FeedReach,
    /// Seconds since the session began.
    pub seconds: u64,
    /// The agent's program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The repository's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What the agent is there for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What the agent works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Whether nobody watches over the agent's session.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unattended: bool,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedState {
    /// The agent waits for a prompt or a message.
    Idle,
    /// The agent is in a turn.
    Busy,
    /// The agent waits for its user.
    WaitingOnHuman,
    /// The session does not tell, or its word is of a later version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether a message wakes an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedReach {
    /// The agent must ask for messages.
    Pull,
    /// The agent learns of a message in its next turn.
    NextTurn,
    /// A message wakes the agent.
    Push,
    /// The word is of a later version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeedMessage {
    /// The message's id: sender and receiver know the message by the same one.
    #[serde(serialize_with = "as_uuid")]
    pub id: MessageId,
    /// The alias of the sender.
    #[serde(serialize_with = "as_str")]
    pub from: Alias,
    /// The alias of the receiver.
    #[serde(serialize_with = "as_str")]
    pub to: Alias,
    /// The bytes of the message after padding, 256 to 67,584: what is sealed has at most as many.
    pub size: u64,
    /// What is known of the message.
    pub status: FeedStatus,
}

/// What a hub knows of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedStatus {
    /// The hub has the message.
    Accepted,
    /// The receiver's bridge has opened the message.
    Opened,
    /// The receiver's client has read the message.
    Read,
    /// The time of the message is over.
    Expired,
    /// The message went back to its sender, who seals it to the receiver's next bridge.
    Returned,
    /// The message was dropped: its receiver is gone, or cannot open it.
    Dropped,
    /// The word is of a later version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// An event whose data is not what its name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl FeedEvent {
    /// The event's name, as in `/events`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Snapshot(_) => "snapshot",
            Self::Joined(_) => "joined",
            Self::Changed(_) => "changed",
            Self::Left(_) => "left",
            Self::Message(_) => "message",
        }
    }

    /// Reads an event. `None` if its name, or the form of a name or an id in it, is of a later version.
    pub(super) fn parse(name: &[u8], data: &[u8]) -> Result<Option<Self>, Malformed> {
        Ok(match name {
            b"snapshot" => Some(Self::Snapshot(read::<SnapshotBody>(data)?.sessions.0)),
            b"joined" => read::<SessionBody>(data)?.try_into().ok().map(Self::Joined),
            b"changed" => read::<SessionBody>(data)?.try_into().ok().map(Self::Changed),
            b"left" => FeedId::parse(read::<LeftBody>(data)?.id).map(Self::Left),
            b"message" => read::<MessageBody>(data)?.try_into().ok().map(Self::Message),
            _ => None,
        })
    }
}

impl FeedStatus {
    /// The status as the hub writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Opened => "opened",
            Self::Read => "read",
            Self::Expired => "expired",
            Self::Returned => "returned",
            Self::Dropped => "dropped",
            Self::Unknown => "unknown",
        }
    }
}

impl FeedId {
    /// An id of 1 to 64 ASCII letters and digits.
    #[must_use]
    pub fn parse(text: String) -> Option<Self> {
        let is_id =
            (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        is_id.then_some(Self(text))
    }

    /// The id as the hub writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name or an id that has another form than this version knows.
struct OtherForm;

#[derive(Deserialize)]
struct SnapshotBody {
    sessions: SessionList,
}

#[derive(Deserialize)]
struct LeftBody {
    id: String,
}

/// A session as it came.
#[derive(Deserialize)]
struct SessionBody {
    id: String,
    alias: String,
    online: bool,
    #[serde(default)]
    state: FeedState,
    #[serde(default)]
    reach: FeedReach,
    #[serde(default)]
    seconds: u64,
    client: Option<String>,
    machine: Option<String>,
    repo: Option<String>,
    branch: Option<String>,
    role: Option<String>,
    task: Option<String>,
    #[serde(default)]
    unattended: bool,
}

impl TryFrom<SessionBody> for FeedSession {
    type Error = OtherForm;

    fn try_from(body: SessionBody) -> Result<Self, OtherForm> {
        let text = |text: Option<String>| text.as_deref().and_then(label);
        Ok(Self {
            id: FeedId::parse(body.id).ok_or(OtherForm)?,
            alias: Alias::parse(&body.alias).map_err(|_| OtherForm)?,
            online: body.online,
            state: body.state,
            reach: body.reach,
            seconds: body.seconds,
            client: text(body.client),
            machine: text(body.machine),
            repo: text(body.repo),
            branch: text(body.branch),
            role: text(body.role),
            task: text(body.task),
            unattended: body.unattended,
        })
    }
}

/// A message as it came.
#[derive(Deserialize)]
struct MessageBody {
    id: String,
    from: String,
    to: String,
    size: u64,
    status: FeedStatus,
}

impl TryFrom<MessageBody> for FeedMessage {
    type Error = OtherForm;

    fn try_from(body: MessageBody) -> Result<Self, OtherForm> {
        let MessageBody { id, from, to, size, status } = body;
        let id = MessageId(Uuid::parse_str(&id).map_err(|_| OtherForm)?.into_bytes());
        let alias = |alias: String| Alias::parse(&alias).map_err(|_| OtherForm);
        Ok(Self { id, from: alias(from)?, to: alias(to)?, size, status })
    }
}

/// At most [`MAX_SESSIONS`] sessions; those of another form are left out.
struct SessionList(Vec<FeedSession>);

impl<'de> Deserialize<'de> for SessionList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sessions;

        impl<'de> Visitor<'de> for Sessions {
            type Value = SessionList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sessions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<SessionList, A::Error> {
                let mut sessions = Vec::new();
                while sessions.len() < MAX_SESSIONS {
                    let Some(body) = list.next_element::<SessionBody>()? else {
                        return Ok(SessionList(sessions));
                    };
                    sessions.extend(FeedSession::try_from(body).ok());
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(SessionList(sessions))
            }
        }

        deserializer.deserialize_seq(Sessions)
    }
}

fn read<T: DeserializeOwned>(data: &[u8]) -> Result<T, Malformed> {
    serde_json::from_slice(data).map_err(|_| Malformed)
}

fn as_str<S: Serializer>(alias: &Alias, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(alias.as_str())
}

fn as_uuid<S: Serializer>(id: &MessageId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Uuid::from_bytes(id.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parse(name: &str, data: &Value) -> Result<Option<FeedEvent>, Malformed> {
        FeedEvent::parse(name.as_bytes(), data.to_string().as_bytes())
    }

    fn session() -> Value {
        json!({
            "id": "00ff00ff00ff00ff", "alias": "alice", "online": true, "state": "waiting-on-human", "reach": "next-turn",
            "seconds": 7, "client": "claude-code", "repo": "shop", "unattended": true,
        })
    }

    #[test]
    fn session_is_written_as_it_was_read() {
        let Ok(Some(FeedEvent::Joined(read))) = parse("joined", &session()) else { panic!() };
        assert_eq!((read.state, read.reach), (FeedState::WaitingOnHuman, FeedReach::NextTurn));
        assert_eq!(serde_json::to_value(&read).unwrap(), session());
        let snapshot = json!({ "sessions": [session(), session()] });
        assert_eq!(parse("snapshot", &snapshot), Ok(Some(FeedEvent::Snapshot(vec![read; 2]))));
    }

    #[test]
    fn words_and_fields_of_a_later_hub_are_let_pass() {
        let mut later = session();
        for (name, value) in
            [("state", json!("asleep")), ("reach", json!("by-post")), ("mood", json!([1]))]
        {
            later[name] = value;
        }
        let Ok(Some(FeedEvent::Changed(read))) = parse("changed", &later) else { panic!() };
        assert_eq!((read.state, read.reach), (FeedState::Unknown, FeedReach::Unknown));
        assert_eq!(parse("weather", &json!({ "is": "fine" })), Ok(None));
        // Names of another form are left out, and nothing else with them.
        let mut other = session();
        other["alias"] = json!("an alias with blanks");
        assert_eq!(parse("joined", &other), Ok(None));
        let Ok(Some(FeedEvent::Snapshot(read))) =
            parse("snapshot", &json!({ "sessions": [other, session()] }))
        else {
            panic!()
        };
        assert_eq!(read.len(), 1);
        assert_eq!(parse("left", &json!({ "id": "../1" })), Ok(None));
    }

    #[test]
    fn message_is_known_by_the_id_of_its_sender() {
        let id = "0123456789abcdef0123456789abcdef";
        let told =
            json!({ "id": id, "from": "alice", "to": "bob", "size": 256, "status": "opened" });
        let Ok(Some(FeedEvent::Message(message))) = parse("message", &told) else { panic!() };
        assert_eq!((message.size, message.status), (256, FeedStatus::Opened));
        let written = serde_json::to_value(&message).unwrap();
        assert_eq!(written["id"], "01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(parse("message", &written), Ok(Some(FeedEvent::Message(message))));
        let mut later = told.clone();
        later["status"] = json!("forwarded");
        let Ok(Some(FeedEvent::Message(message))) = parse("message", &later) else { panic!() };
        assert_eq!(message.status, FeedStatus::Unknown);
    }

    #[test]
    fn words_of_statuses_are_those_of_the_hub() {
        for status in [
            FeedStatus::Accepted,
            FeedStatus::Opened,
            FeedStatus::Read,
            FeedStatus::Expired,
            FeedStatus::Returned,
            FeedStatus::Dropped,
            FeedStatus::Unknown,
        ] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
    }

    #[test]
    fn texts_are_labels_and_a_snapshot_is_bounded() {
        let mut session = session();
        session["task"] = json!(format!("a\n\u{1b}[31m\u{202e}{}", "x".repeat(5000)));
        session["client"] = json!("\u{200b}");
        let Ok(Some(FeedEvent::Joined(read))) = parse("joined", &session) else { panic!() };
        assert_eq!(read.client, None);
        let task = read.task.unwrap();
        assert!(task.len() <= 150 && task.ends_with('x'), "{task}");
        assert!(!task.contains(['\n', '\u{1b}', '\u{202e}']), "{task}");
        let many = vec![session; MAX_SESSIONS + 2];
        let Ok(Some(FeedEvent::Snapshot(read))) = parse("snapshot", &json!({ "sessions": many }))
        else {
            panic!()
        };
        assert_eq!(read.len(), MAX_SESSIONS);
    }

    proptest! {
        #[test]
        fn any_data_is_read_or_refused(data: Vec<u8>, text: String) {
            for name in ["snapshot", "joined", "changed", "left", "message"] {
                prop_assert!(FeedEvent::parse(name.as_bytes(), &data).is_err());
                let told = json!({
                    "id": text, "alias": text, "from": text, "to": text, "online": true, "state": text, "task": text,
                    "size": 1, "status": text, "sessions": [{ "id": text, "alias": text, "online": false }],
                });
                prop_assert!(parse(name, &told).is_ok());
            }
        }
    }
}
