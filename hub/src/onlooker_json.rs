//! Sessions and events as JSON, for those that look at the hub.

use std::time::Duration;

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Reach, State};
use serde_json::{Map, Value, json};

use crate::state::{HubEvent, MessageStep, SeenMessage, SeenSession};

/// The bytes of a key that name its session: enough to tell those of one hub apart.
const ID_BYTES: usize = 8;

/// The name of an event, and what it says.
pub(crate) fn event_json(event: &HubEvent, now: Duration) -> (&'static str, Value) {
    match event {
        HubEvent::Joined(session) => ("joined", session_json(session, now)),
        HubEvent::Changed(session) => ("changed", session_json(session, now)),
        HubEvent::Left(key) => ("left", json!({ "id": session_id(key) })),
        HubEvent::Message(message) => ("message", message_json(message)),
    }
}

/// A session. Whatever it says of itself is its own word; fields that it leaves out are left out here.
pub(crate) fn session_json(session: &SeenSession, now: Duration) -> Value {
    let card = session.card();
    let context = &card.context;
    let fields = [
        ("client", &context.client),
        ("machine", &context.machine),
        ("repo", &context.repo),
        ("branch", &context.branch),
        ("role", &context.role),
        ("task", &context.task),
    ];
    let fields = fields.into_iter().filter_map(|(name, text)| Some((name, text.clone()?.into())));
    let mut session: Map<String, Value> = [
        ("id", session_id(&card.key).into()),
        ("alias", card.alias.clone().into()),
        ("online", session.is_online.into()),
        ("state", state_word(card.state).into()),
        ("reach", reach_word(card.reach).into()),
        ("seconds", now.saturating_sub(session.started).as_secs().into()),
    ]
    .into_iter()
    .chain(fields)
    .map(|(name, value): (_, Value)| (name.to_owned(), value))
    .collect();
    if card.attended == Some(false) {
        session.insert("unattended".to_owned(), true.into());
    }
    Value::Object(session)
}

fn message_json(message: &SeenMessage) -> Value {
    let SeenMessage { id, from, to, padded, step } = message;
    json!({
        "id": message_id(id),
        "from": from.as_str(),
        "to": to.as_str(),
        "size": padded,
        "status": step_word(*step),
    })
}

/// The word for what a hub knows of a message.
fn step_word(step: MessageStep) -> &'static str {
    match step {
        MessageStep::Accepted => "accepted",
        MessageStep::Opened => "opened",
        MessageStep::Read => "read",
        MessageStep::Expired => "expired",
        MessageStep::Returned => "returned",
        MessageStep::Dropped => "dropped",
    }
}

fn state_word(state: Option<State>) -> &'static str {
    match state {
        Some(State::Idle) => "idle",
        Some(State::Busy) => "busy",
        Some(State::WaitingOnHuman) => "waiting-on-human",
        None => "unknown",
    }
}

fn reach_word(reach: Reach) -> &'static str {
    match reach {
        Reach::Pull => "pull",
        Reach::NextTurn => "next-turn",
        Reach::Push => "push",
    }
}

/// The id as senders and receivers know it: a UUID.
fn message_id(id: &MessageId) -> String {
    let digits = hex(&id.0);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

fn session_id(key: &PeerKey) -> String {
    hex(&key.0[..ID_BYTES])
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
