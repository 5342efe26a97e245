//! What the engine answers, as JSON: one object each, whose optional fields are absent, never null. Tools and commands
//! for people share these forms.

use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::Context;
use serde::Serialize;
use serde_json::{Map, Value};

mod claims;
mod group;
mod mail;
mod saved;
pub(crate) mod words;

pub(crate) use claims::{ClaimsJson, ConflictJson};
pub(crate) use group::GroupSentJson;
pub(crate) use mail::{AttachedJson, MailPageJson, MessageJson, ReceiptJson, SentJson, shown_len};
pub(crate) use saved::SavedJson;
pub(crate) use words::{presence_word, state_word};
use words::{reach, seconds, uuid};

use crate::timestamp::rfc3339;
use junction_engine as engine;
use junction_engine::label;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationJson {
    alias: String,
    fingerprint: String,
    hub: String,
    peer_count: u32,
    context: ContextJson,
}

impl From<engine::Registration> for RegistrationJson {
    fn from(registered: engine::Registration) -> Self {
        Self {
            alias: registered.alias.to_string(),
            fingerprint: registered.fingerprint,
            hub: registered.hub,
            peer_count: registered.peer_count,
            context: registered.context.into(),
        }
    }
}

/// A context for display. A peer wrote it, so each field is cut down to a label again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

impl From<Context> for ContextJson {
    fn from(context: Context) -> Self {
        let field = |text: Option<String>| text.as_deref().and_then(label);
        Self {
            repo: field(context.repo),
            task: field(context.task),
            role: field(context.role),
            branch: field(context.branch),
            machine: field(context.machine),
            client: field(context.client),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeerJson {
    alias: String,
    connected_at: String,
    presence: &'static str,
    reach: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attended: Option<bool>,
    context: ContextJson,
    fingerprint: String,
}

impl From<engine::PeerInfo> for PeerJson {
    fn from(peer: engine::PeerInfo) -> Self {
        Self {
            alias: peer.alias.to_string(),
            connected_at: rfc3339(peer.connected_ms),
            presence: presence_word(peer.online),
            reach: reach(peer.availability.reach),
            state: state_word(peer.availability.state),
            attended: peer.availability.is_unattended.then_some(false),
            context: peer.context.into(),
            fingerprint: peer.fingerprint,
        }
    }
}

impl PeerJson {
    /// The peer as a JSON object.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(object(&self))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeerPageJson {
    peers: Vec<PeerJson>,
    total: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<engine::PeerPage> for PeerPageJson {
    fn from(page: engine::PeerPage) -> Self {
        let peers = page.peers.into_iter().map(Into::into).collect();
        Self { peers, total: page.total, next_cursor: page.next.as_deref().map(cursor_to) }
    }
}

#[derive(Serialize)]
pub(crate) struct PeerWaitJson {
    found: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peers: Vec<PeerJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    waited_seconds: f64,
}

impl PeerWaitJson {
    /// The outcome of a wait for peers. No peer means that the time was over, unless it was their end that was awaited.
    pub(crate) fn new(end: engine::PeerWaitEnd, waited: Duration) -> Self {
        let is_gone = end == engine::PeerWaitEnd::Gone;
        let peers: Vec<_> = match end {
            engine::PeerWaitEnd::Seen(peers) => peers.into_iter().map(Into::into).collect(),
            engine::PeerWaitEnd::Gone | engine::PeerWaitEnd::TimedOut => Vec::new(),
        };
        let found = is_gone || !peers.is_empty();
        let (gone, reason) = (is_gone.then_some(true), (!found).then_some("timeout"));
        Self { found, gone, peers, reason, waited_seconds: seconds(waited) }
    }
}

#[derive(Serialize)]
pub(crate) struct DepartureJson {
    disconnected: bool,
    unconfirmed: Vec<UnconfirmedJson>,
}

#[derive(Serialize)]
struct UnconfirmedJson {
    id: String,
    to: String,
}

impl From<engine::Departure> for DepartureJson {
    fn from(departure: engine::Departure) -> Self {
        let one =
            |(id, to): (MessageId, Alias)| UnconfirmedJson { id: uuid(id), to: to.to_string() };
        let unconfirmed = departure.unconfirmed.into_iter().map(one).collect();
        Self { disconnected: departure.disconnected, unconfirmed }
    }
}

/// An answer as a JSON object.
pub(crate) fn object(answer: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(answer) {
        Ok(Value::Object(object)) => object,
        // Every answer is a struct whose fields have names.
        _ => Map::new(),
    }
}

/// The cursor for the page behind this place. It ends with a checksum, so that a text that no answer gave is told from
/// one that an answer gave: a hub takes any text for a place.
pub(crate) fn cursor_to(place: &str) -> String {
    format!("{place}.{:08x}", checksum(place))
}

/// The place of a cursor that an earlier answer gave.
pub(crate) fn place_of(cursor: &str) -> Option<&str> {
    let (place, _) = cursor.rsplit_once('.')?;
    (cursor_to(place) == cursor).then_some(place)
}

/// FNV-1a (draft-eastlake-fnv), 32 bits.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_known_by_its_checksum() {
        for place in ["bob", "", "a.b", "~"] {
            assert_eq!(place_of(&cursor_to(place)), Some(place));
        }
        for other in
            ["bob", "", "null", "0", "bob.", "bob.0000", &cursor_to("bob").replace('b', "c")]
        {
            assert_eq!(place_of(other), None, "{other}");
        }
    }
}
