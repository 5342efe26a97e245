//! Mail as JSON: what became of a message that was sent, and what a page of mail holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::HEXLOWER;
use junction_shared::protocol::wire::{AttachmentKind, Hindrance, Reach, Standing, State};
use serde::Serialize;

use super::words::{event, presence, reach, seconds, state_word, status, uuid};
use crate::escape::{DisplayedText, escape, presented_len};
use crate::timestamp::rfc3339;
use crate::wording::hindrance_word;
use junction_engine::attachment::AttachmentInfo;
use junction_engine::intent::Intent;
use junction_engine::urgency::Urgency;
use junction_engine::{self as engine, Availability, WaitEnd};

#[derive(Serialize)]
pub(crate) struct SentJson<'a> {
    id: String,
    to: String,
    status: String,
    peer: ReceiverJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_user: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<MessageJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_seconds: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct ReceiverJson {
    presence: &'static str,
    pub(super) reach: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reach_why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wakes_in_seconds: Option<u32>,
}

/// The most characters of an attachment in an answer, but for its name.
const ATTACHMENT_FIELDS: usize = 160;
/// The word for why a message that wakes nobody by its sender's wish wakes nobody.
const LOW_URGENCY: &str = "low-urgency";
/// The sentence for the sender of a message that is past the limit of its chain.
pub(super) const WAKES_NOBODY: &str = "This exchange has run for long without a person, so this message wakes nobody: the peer reads \
                            it when somebody next prompts it. Tell your user in a sentence what the two of you are doing, and \
                            ask whether to go on.";
/// The sentence for the reader of a message that is past the limit of its chain.
const ASK_FIRST: &str = "This exchange has run for long without a person. Before you answer the messages marked past_limit, \
                         tell your user in a sentence what they are about, and ask whether to go on.";

impl<'a> SentJson<'a> {
    /// What became of a message for which its sender asked this urgency and intent. `waited` is how long the sender waited
    /// for a reply, if it waited.
    pub(crate) fn new(
        sent: &'a engine::Sent,
        (urgency, intent): (Urgency, Intent),
        waited: Option<Duration>,
    ) -> Self {
        let (reply, ended_by) = match &sent.wait_end {
            Some(WaitEnd::Reply(message, _)) => (Some(message.as_ref().into()), None),
            Some(WaitEnd::EndedBy(peer)) => (None, Some(peer.to_string())),
            Some(WaitEnd::Gone) | None => (None, None),
        };
        Self {
            id: uuid(sent.id),
            to: sent.to.to_string(),
            status: status(sent.status),
            peer: ReceiverJson::of(sent),
            urgency: lowered(sent, urgency),
            intent: unknown_intent(sent, intent),
            repeated: sent.repeated,
            ask_user: sent.past_limit.then_some(WAKES_NOBODY),
            reply,
            ended_by,
            gone: matches!(sent.wait_end, Some(WaitEnd::Gone)),
            waited_seconds: waited.map(seconds),
        }
    }
}

/// The urgency that a message was given, if its sender asked for another.
pub(super) fn lowered(sent: &engine::Sent, asked: Urgency) -> Option<&'static str> {
    (sent.urgency != asked && !sent.repeated).then(|| sent.urgency.word())
}

/// What the receiver's bridge takes a message for, if it does not know what the sender says of it.
pub(super) fn unknown_intent(sent: &engine::Sent, asked: Intent) -> Option<&'static str> {
    (sent.intent != asked && !sent.repeated).then(|| sent.intent.word())
}

impl ReceiverJson {
    /// How a message gets to its receiver.
    pub(super) fn of(sent: &engine::Sent) -> Self {
        let Availability { reach: woken, unwoken, state, is_unattended } =
            sent.receiver.availability;
        let outlook = sent.outlook.unwrap_or_default();
        let chain = sent.past_limit.then_some(Hindrance::Chain);
        let why = chain.or(outlook.hindrance).map(hindrance_word);
        let wakes = sent.urgency > Urgency::Low;
        let is_told_in_turn = unwoken == Reach::NextTurn && state == Some(State::Busy);
        let may_be_told = sent.receiver.presence != Standing::Online || is_told_in_turn;
        let is_low = !wakes && unwoken != Reach::Push && !may_be_told;
        // A message past the limit does not end a call that waits. Which other way there is, is not known here.
        let unwaited = if unwoken == Reach::Push { Reach::Pull } else { unwoken };
        Self {
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
            reach_why: why.or(is_low.then_some(LOW_URGENCY)),
            wakes_in_seconds: outlook.wakes_in.filter(|_| chain.is_none()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct MessageJson<'a> {
    id: String,
    from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<&'static str>,
    message: Cow<'a, str>,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    untrusted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    from_person: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    escaped: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    key_changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    restarted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    past_limit: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentJson>,
}

/// An attachment, as its sender describes it.
#[derive(Serialize)]
pub(crate) struct AttachmentJson {
    id: String,
    name: String,
    kind: &'static str,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl From<&AttachmentInfo> for AttachmentJson {
    fn from(info: &AttachmentInfo) -> Self {
        Self {
            id: info.number.to_string(),
            // A name is one line, whatever its sender made of it.
            name: one_line(&info.name),
            kind: kind_word(info.kind),
            bytes: info.bytes,
            sha256: info.sha256.map(|hash| HEXLOWER.encode(&hash)),
        }
    }
}

/// A peer's text on one line, as it is displayed.
pub(super) fn one_line(text: &str) -> String {
    escape(text).text.replace('\n', "\\n").replace('\t', "\\t")
}

/// The most characters that a message takes in an answer.
pub(crate) fn shown_len(message: &engine::Message) -> usize {
    let attachments =
        message.attachments.iter().map(|info| ATTACHMENT_FIELDS + presented_len(&info.name));
    presented_len(&message.body) + attachments.sum::<usize>()
}

/// What a message that was sent has attached.
#[derive(Serialize)]
pub(crate) struct AttachedJson {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentJson>,
}

impl AttachedJson {
    /// The answer for these attachments.
    pub(crate) fn new(attached: &[AttachmentInfo]) -> Self {
        Self { attachments: attached.iter().map(Into::into).collect() }
    }
}

/// The word for what an attachment is.
pub(crate) fn kind_word(kind: AttachmentKind) -> &'static str {
    match kind {
        AttachmentKind::File => "file",
        AttachmentKind::Value => "value",
    }
}

impl<'a> From<&'a engine::Message> for MessageJson<'a> {
    fn from(message: &'a engine::Message) -> Self {
        let DisplayedText { text, is_escaped } = escape(&message.body);
        Self {
            id: uuid(message.id),
            from: message.from.to_string(),
            to: message.group.as_deref().map(one_line),
            intent: Some(message.expects.intent)
                .filter(|it| *it != Intent::Inform)
                .map(Intent::word),
            message: text,
            timestamp: rfc3339(message.sent_ms),
            reply_to: message.reply_to.map(uuid),
            untrusted: true,
            from_person: message.from_person,
            escaped: is_escaped,
            key_changed: message.key_changed.is_some(),
            fingerprint: message.key_changed.clone(),
            restarted: message.restarted,
            past_limit: message.past_limit,
            attachments: message.attachments.iter().map(Into::into).collect(),
        }
    }
}

impl MessageJson<'_> {
    /// The group that the message was sent to, as it is displayed.
    pub(crate) fn group(&self) -> Option<&str> {
        self.to.as_deref()
    }

    /// The text, as it is displayed.
    pub(crate) fn text(&self) -> &str {
        &self.message
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    open_requests: Vec<OpenRequestJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_user: Option<&'static str>,
}

#[derive(Serialize)]
struct NotificationJson {
    id: String,
    to: String,
    event: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    events: BTreeMap<String, usize>,
    at: String,
}

#[derive(Serialize)]
pub(crate) struct ReceiptJson {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<String>,
    to: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reach_why: Option<&'static str>,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<usize>,
}

/// A request that waits for an answer.
#[derive(Serialize)]
struct OpenRequestJson {
    id: String,
    from: String,
    since: String,
    text: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
}

/// The most characters of a request's text.
const REQUEST_CHARS: usize = 80;

impl From<&engine::OpenRequest> for OpenRequestJson {
    fn from(request: &engine::OpenRequest) -> Self {
        Self {
            id: uuid(request.id),
            from: request.from.to_string(),
            since: rfc3339(request.since_ms),
            text: one_line(&request.text).chars().take(REQUEST_CHARS).collect(),
            repeated: request.is_repeated,
        }
    }
}

impl From<&engine::Outcome> for ReceiptJson {
    fn from(end: &engine::Outcome) -> Self {
        Self {
            id: uuid(end.id),
            attachment: end.attachment.map(|number| number.to_string()),
            to: end.to.to_string(),
            status: status(end.status),
            reach_why: end.hindrance.map(hindrance_word),
            at: rfc3339(end.at_ms),
            of: end.group.map(|sum| sum.of),
            read: end.group.map(|sum| sum.read),
        }
    }
}

impl ReceiptJson {
    /// How many of how many members of a group have read the message, if it went to one.
    pub(crate) fn sum(&self) -> Option<(usize, usize)> {
        self.read.zip(self.of)
    }

    /// The word for how the message ended.
    pub(crate) fn status(&self) -> &str {
        &self.status
    }

    /// The word for why the receiver's agent is not woken for the message, if that is what is new.
    pub(crate) fn reach_why(&self) -> Option<&'static str> {
        self.reach_why
    }
}

impl<'a> MailPageJson<'a> {
    pub(crate) fn new(page: &'a engine::MailPage) -> Self {
        let notification = |news: &engine::Notification| NotificationJson {
            id: uuid(news.id),
            to: news.of.to_string(),
            event: event(news.occasion),
            events: news.counts.iter().map(|(it, count)| (event(*it), *count)).collect(),
            at: rfc3339(news.at_ms),
        };
        let past_limit = page.messages.iter().any(|message| message.past_limit);
        Self {
            messages: page.messages.iter().map(Into::into).collect(),
            receipts: page.receipts.iter().map(Into::into).collect(),
            receipts_dropped: (page.dropped > 0).then_some(page.dropped),
            notifications: page.notifications.iter().map(notification).collect(),
            open_requests: page.open_requests.iter().map(Into::into).collect(),
            ask_user: past_limit.then_some(ASK_FIRST),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use junction_shared::protocol::alias::Alias;
    use junction_shared::protocol::id::{MessageId, PeerKey};
    use proptest::prelude::*;

    use junction_engine::Hops;

    use super::*;

    fn message(body: &str) -> engine::Message {
        engine::Message {
            id: MessageId([0xff; 16]),
            from: Alias::parse(&"x".repeat(32)).unwrap(),
            body: Arc::new(body.to_owned()),
            sent_ms: u64::MAX,
            reply_to: Some(MessageId([0xff; 16])),
            key_changed: Some("f".repeat(16)),
            sender: PeerKey([0; 32]),
            peer: PeerKey([1; 32]),
            restarted: false,
            hops: Hops { chain: MessageId([0; 16]), count: 17 },
            past_limit: true,
            expects: engine::Expectation::default(),
            group: None,
            from_person: true,
            attachments: [AttachmentInfo {
                number: 8,
                name: body.chars().take(30).collect(),
                kind: AttachmentKind::Value,
                bytes: 16 << 20,
                sha256: Some([0xff; 32]),
            }]
            .into(),
        }
    }

    proptest! {
        #[test]
        fn message_is_never_longer_than_presented_len(body: String) {
            let json = serde_json::to_string(&MessageJson::from(&message(&body))).unwrap();
            prop_assert!(json.chars().count() < shown_len(&message(&body)));
        }
    }
}
