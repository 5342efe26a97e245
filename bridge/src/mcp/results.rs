//! The answers of the tools as JSON: one object each, whose optional fields are absent, never null.

use std::borrow::Cow;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::{Context, Hindrance, Reach, Standing, State};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::escape::{DisplayedText, escape};
use super::params::cursor_to;
use crate::timestamp::rfc3339;
use crate::wording::{hindrance_word, refusal_word};
use junction_engine::urgency::Urgency;
use junction_engine::{self as engine, Occasion, Status, WaitEnd};
use junction_engine::{Availability, label};

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
struct PeerJson {
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
            presence: presence(if peer.online { Standing::Online } else { Standing::Away }),
            reach: reach(peer.availability.reach),
            state: state_word(peer.availability.state),
            attended: peer.availability.is_unattended.then_some(false),
            context: peer.context.into(),
            fingerprint: peer.fingerprint,
        }
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peers: Vec<PeerJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    waited_seconds: f64,
}

impl PeerWaitJson {
    /// The outcome of a wait for peers. No peer means that the time was over.
    pub(crate) fn new(peers: Vec<engine::PeerInfo>, waited: Duration) -> Self {
        let found = !peers.is_empty();
        let peers = peers.into_iter().map(Into::into).collect();
        let reason = (!found).then_some("timeout");
        Self { found, peers, reason, waited_seconds: seconds(waited) }
    }
}

#[derive(Serialize)]
pub(crate) struct SentJson<'a> {
    id: String,
    to: String,
    status: String,
    peer: ReceiverJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_user: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<MessageJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_seconds: Option<f64>,
}

#[derive(Serialize)]
struct ReceiverJson {
    presence: &'static str,
    reach: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reach_why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wakes_in_seconds: Option<u32>,
}

/// The sentence for the sender of a message that is past the limit of its chain.
const WAKES_NOBODY: &str = "This exchange has run for long without a person, so this message wakes nobody: the peer reads \
                            it when somebody next prompts it. Tell your user in a sentence what the two of you are doing, and \
                            ask whether to go on.";
/// The sentence for the reader of a message that is past the limit of its chain.
const ASK_FIRST: &str = "This exchange has run for long without a person. Before you answer the messages marked past_limit, \
                         tell your user in a sentence what they are about, and ask whether to go on.";

impl<'a> SentJson<'a> {
    /// What became of a message for which its sender asked this urgency. `waited` is how long the sender waited for a
    /// reply, if it waited.
    pub(crate) fn new(sent: &'a engine::Sent, asked: Urgency, waited: Option<Duration>) -> Self {
        let Availability { reach: woken, unwoken, state, is_unattended } =
            sent.receiver.availability;
        let outlook = sent.outlook.unwrap_or_default();
        let chain = sent.past_limit.then_some(Hindrance::Chain);
        let wakes = sent.urgency > Urgency::Low;
        // A message past the limit does not end a call that waits. Which other way there is, is not known here.
        let unwaited = if unwoken == Reach::Push { Reach::Pull } else { unwoken };
        let (reply, ended_by) = match &sent.wait_end {
            Some(WaitEnd::Reply(message, _)) => (Some(message.into()), None),
            Some(WaitEnd::EndedBy(peer)) => (None, Some(peer.to_string())),
            None => (None, None),
        };
        Self {
            id: uuid(sent.id),
            to: sent.to.to_string(),
            status: status(sent.status),
            peer: ReceiverJson {
                presence: presence(sent.receiver.presence),
                reach: reach(if sent.past_limit {
                    unwaited
                } else if wakes {
                    woken
                } else {
                    unwoken
                }),
                state: state_word(state),
                attended: is_unattended.then_some(false),
                reach_why: chain.or(outlook.hindrance).map(hindrance_word),
                wakes_in_seconds: outlook.wakes_in.filter(|_| chain.is_none()),
            },
            urgency: (sent.urgency != asked).then(|| sent.urgency.word()),
            ask_user: sent.past_limit.then_some(WAKES_NOBODY),
            reply,
            ended_by,
            waited_seconds: waited.map(seconds),
        }
    }
}

#[derive(Serialize)]
struct MessageJson<'a> {
    id: String,
    from: String,
    message: Cow<'a, str>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    untrusted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    escaped: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    past_limit: bool,
}

impl<'a> From<&'a engine::Message> for MessageJson<'a> {
    fn from(message: &'a engine::Message) -> Self {
        let DisplayedText { text, is_escaped } = escape(&message.body);
        Self {
            id: uuid(message.id),
            from: message.from.to_string(),
            message: text,
            timestamp: rfc3339(message.sent_ms),
            reply_to: message.reply_to.map(uuid),
            untrusted: true,
            escaped: is_escaped,
            key_changed: message.key_changed.is_some(),
            fingerprint: message.key_changed.clone(),
            past_limit: message.past_limit,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct MailPageJson<'a> {
    messages: Vec<MessageJson<'a>>,
    receipts: Vec<ReceiptJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts_dropped: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notifications: Vec<NotificationJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_user: Option<&'static str>,
}

#[derive(Serialize)]
struct NotificationJson {
    id: String,
    to: String,
    event: String,
    at: String,
}

#[derive(Serialize)]
struct ReceiptJson {
    id: String,
    to: String,
    status: String,
    at: String,
}

impl<'a> MailPageJson<'a> {
    pub(crate) fn new(page: &'a engine::MailPage) -> Self {
        let receipt = |end: &engine::Outcome| ReceiptJson {
            id: uuid(end.id),
            to: end.to.to_string(),
            status: status(end.status),
            at: rfc3339(end.at_ms),
        };
        let notification = |news: &engine::Notification| NotificationJson {
            id: uuid(news.id),
            to: news.of.to_string(),
            event: event(news.occasion),
            at: rfc3339(news.at_ms),
        };
        let past_limit = page.messages.iter().any(|message| message.past_limit);
        Self {
            messages: page.messages.iter().map(Into::into).collect(),
            receipts: page.receipts.iter().map(receipt).collect(),
            receipts_dropped: (page.dropped > 0).then_some(page.dropped),
            notifications: page.notifications.iter().map(notification).collect(),
            ask_user: past_limit.then_some(ASK_FIRST),
        }
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

fn uuid(id: MessageId) -> String {
    Uuid::from_bytes(id.0).hyphenated().to_string()
}

/// A time in seconds, rounded to milliseconds.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn status(status: Status) -> String {
    match status {
        Status::Queued => "queued".to_owned(),
        Status::Accepted => "accepted".to_owned(),
        Status::Opened => "opened".to_owned(),
        Status::Read => "read".to_owned(),
        Status::Refused(refusal) => format!("refused({})", refusal_word(refusal)),
        Status::Expired => "expired".to_owned(),
        Status::Unconfirmed => "unconfirmed".to_owned(),
    }
}

fn event(occasion: Occasion) -> String {
    match occasion {
        Occasion::Ended(end) => status(end),
        Occasion::Idle => "idle".to_owned(),
        Occasion::Gone => "gone".to_owned(),
    }
}

fn presence(standing: Standing) -> &'static str {
    match standing {
        Standing::Online => "online",
        // The hub has just started and may not have seen the peer yet: all that is known is that the peer is away.
        Standing::Away | Standing::NotYet => "away",
        Standing::Gone => "gone",
    }
}

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Pull => "pull",
        Reach::NextTurn => "next-turn",
        Reach::Push => "push",
    }
}

/// The name of an agent's state.
fn state_word(state: Option<State>) -> &'static str {
    match state {
        Some(State::Idle) => "idle",
        Some(State::Busy) => "busy",
        Some(State::WaitingOnHuman) => "waiting-on-human",
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use junction_shared::protocol::id::PeerKey;
    use proptest::prelude::*;

    use junction_engine::Hops;

    use super::*;
    use crate::mcp::escape::presented_len;

    fn message(body: &str) -> engine::Message {
        engine::Message {
            id: MessageId([0xff; 16]),
            from: Alias::parse(&"x".repeat(32)).unwrap(),
            body: Arc::new(body.to_owned()),
            sent_ms: u64::MAX,
            reply_to: Some(MessageId([0xff; 16])),
            key_changed: Some("f".repeat(16)),
            sender: PeerKey([0; 32]),
            hops: Hops { chain: MessageId([0; 16]), count: 17 },
            past_limit: true,
            asks: false,
        }
    }

    proptest! {
        #[test]
        fn message_is_never_longer_than_presented_len(body: String) {
            let json = serde_json::to_string(&MessageJson::from(&message(&body))).unwrap();
            prop_assert!(json.chars().count() < presented_len(&body));
        }
    }

    #[test]
    fn waits_are_rounded_to_milliseconds() {
        assert_eq!(seconds(Duration::from_micros(1_234_567)), 1.235);
        assert_eq!(seconds(Duration::ZERO), 0.0);
    }
}
