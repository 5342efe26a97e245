//! A message, from the draft to the page that its receiver reads.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Header, Outlook, Reach, Standing};
use tokio::sync::{oneshot, watch};

use crate::attachment::{AttachmentInfo, PreparedAttachments, infos_of};
use crate::group::GroupTag;
use crate::hops::Hops;
use crate::intent::Intent;
use crate::lease::Lease;
use crate::notifications::{Notification, NotifyWhen};
use crate::open_requests::OpenRequest;
use crate::outcome::{Outcome, Status};
use crate::peer::Receiver;
use crate::seal::Plain;
use crate::urgency::Urgency;

/// A message to send.
pub struct Draft {
    /// The receiver.
    pub target: Alias,
    /// The text, at most [`junction_shared::protocol::limits::MAX_MESSAGE`] bytes.
    pub body: String,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// How long the message may wait unread; `None` for as long as the hub allows.
    pub ttl: Option<Duration>,
    /// The fingerprint that the receiver must have.
    pub fingerprint: Option<String>,
    /// How long to wait for an answer to the message.
    pub wait: Duration,
    /// How urgent the message is.
    pub urgency: Urgency,
    /// What the sender wants to be notified of.
    pub notify_when: Option<NotifyWhen>,
    /// Whether a person wrote the message: it begins a new chain, and is marked.
    pub from_person: bool,
    /// The attachments, if there are any.
    pub attachments: Option<PreparedAttachments>,
    /// What the sender expects.
    pub intent: Intent,
    /// The sender's own name for the message: a second one of this name to the same address is not sent.
    pub key: Option<String>,
    /// The group that this is one member's copy for. [`crate::Engine::send_to_group`] sets it.
    pub group: Option<GroupTag>,
}

impl Draft {
    /// A message to this peer, with no options.
    pub fn new(target: Alias, body: String) -> Self {
        Self {
            target,
            body,
            reply_to: None,
            ttl: None,
            fingerprint: None,
            wait: Duration::ZERO,
            urgency: Urgency::Normal,
            notify_when: None,
            from_person: false,
            attachments: None,
            intent: Intent::Inform,
            key: None,
            group: None,
        }
    }
}

/// A message taken into the outbox.
pub struct Submitted {
    /// The id that the message was given.
    pub id: MessageId,
    /// The peer that the message goes to.
    pub receiver: Receiver,
    /// How urgent the message counts.
    pub urgency: Urgency,
    /// Whether the message's chain is so long that it wakes nobody.
    pub past_limit: bool,
    /// What is known of the message, as that changes.
    pub status: watch::Receiver<Status>,
    /// What ended the wait for an answer, if the draft waits for one.
    pub wait_end: oneshot::Receiver<WaitEnd>,
    /// The newest outlook that the receiver's bridge gives, from the opening of the message on.
    pub outlook: watch::Receiver<Option<Outlook>>,
    /// The hold on the message's refusal: the call tells of it, unless the hold is given back.
    pub refusal: oneshot::Receiver<Lease>,
    /// Whether an earlier draft with this key was the message, and this one is not sent.
    pub repeated: bool,
    /// What the receiver's bridge makes of the sender's intent: an older one knows none.
    pub intent: Intent,
}

impl Submitted {
    /// Whether the receiver's bridge may say when its agent will be told: it is connected, its agent is not known to
    /// wait for messages, and the message is to wake it.
    pub(crate) fn awaits_outlook(&self) -> bool {
        self.receiver.presence == Standing::Online
            && self.receiver.availability.unwoken != Reach::Push
            && self.urgency > Urgency::Low
    }
}

/// What became of a message by the time of the call's answer.
pub struct Sent {
    /// The message's id.
    pub id: MessageId,
    /// The alias that the message was sent to.
    pub to: Alias,
    /// The peer that the message goes to.
    pub receiver: Receiver,
    /// What is known of the message.
    pub status: Status,
    /// How urgent the message counts.
    pub urgency: Urgency,
    /// Whether the message's chain is so long that it wakes nobody.
    pub past_limit: bool,
    /// What ended the wait for an answer, if anything came in time.
    pub wait_end: Option<WaitEnd>,
    /// When the receiver's agent will be woken, or why it will not be, as far as its bridge has said so.
    pub outlook: Option<Outlook>,
    /// The hold on the message's refusal, if it was refused. A call that tells of the refusal acknowledges it.
    pub refusal: Option<Lease>,
    /// How long the call waited for an answer.
    pub waited: Duration,
    /// Whether an earlier call with this key had sent the message, and this one sent nothing.
    pub repeated: bool,
    /// What the receiver's bridge makes of the sender's intent: an older one knows none.
    pub intent: Intent,
}

/// What ended a wait for the answer to a message.
pub enum WaitEnd {
    /// The answer, and the hold on it.
    Reply(Box<Message>, Lease),
    /// A message of this peer, which waits unread: a later one of the peer that was asked, or a question whose own
    /// sender waits.
    EndedBy(Alias),
    /// Nothing: the peer that was asked is gone.
    Gone,
}

/// What the sender of a message expects of its receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Whether the sender waits for the answer.
    pub asks: bool,
    /// What the sender says that it expects.
    pub intent: Intent,
}

/// An opened message.
#[derive(Clone)]
pub struct Message {
    /// The message's id, for `reply_to`. A message to a group has the same for all its receivers.
    pub id: MessageId,
    /// The alias that belongs to the sender's key.
    pub from: Alias,
    /// The text, unescaped.
    pub body: Arc<String>,
    /// When the message was sealed, by the sender's wall clock: milliseconds since 1970.
    pub sent_ms: u64,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// The sender's fingerprint, if the alias belonged to another key before.
    pub key_changed: Option<String>,
    /// The sender's key.
    pub sender: PeerKey,
    /// The key that the sender's session is known by here: its first one, where it came back under others.
    pub peer: PeerKey,
    /// Whether the message is the first one since the sender's session came back under another key.
    pub restarted: bool,
    /// The chain that the message is part of, and how long it is.
    pub hops: Hops,
    /// What the sender expects.
    pub expects: Expectation,
    /// The group that the message was sent to, as its sender names it.
    pub group: Option<Arc<str>>,
    /// Whether a person wrote the message, as its sender says.
    pub from_person: bool,
    /// Whether the chain is too long to go on without a person.
    pub past_limit: bool,
    /// The attachments, which can be saved until the message would have expired.
    pub attachments: Arc<[AttachmentInfo]>,
}

impl Message {
    /// The message in an envelope, under the id that it is shown with. The alias is the one that belongs to the sender's key.
    pub(crate) fn opened(
        id: MessageId,
        header: &Header,
        plain: Plain,
        from: MessageSender,
        hops: Hops,
        past_limit: bool,
    ) -> Self {
        let manifest = plain.attachments.as_ref();
        let attachments = manifest.and_then(|sealed| infos_of(&sealed.manifest));
        Self {
            id,
            from: from.alias,
            body: Arc::new(plain.body),
            sent_ms: header.sent_ms,
            reply_to: plain.reply_to,
            key_changed: from.key_changed,
            sender: header.from,
            peer: from.peer,
            restarted: from.restarted,
            hops,
            expects: Expectation { asks: plain.asks, intent: plain.intent },
            group: plain.group.map(|group| group.to),
            from_person: plain.from_person,
            past_limit,
            attachments: attachments.unwrap_or_default().into(),
        }
    }
}

/// What is known of a message that waits unread, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadMessage {
    /// The message's id, as in [`Message::id`].
    pub id: MessageId,
    /// The alias that belongs to the sender's key.
    pub from: Alias,
    /// When the message was sealed, by the sender's wall clock: milliseconds since 1970.
    pub sent_ms: u64,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// What the sender says that it expects.
    pub intent: Intent,
}

impl UnreadMessage {
    /// What is known of a message before it is read.
    pub(crate) fn of(message: &Message) -> Self {
        Self {
            id: message.id,
            from: message.from.clone(),
            sent_ms: message.sent_ms,
            reply_to: message.reply_to,
            intent: message.expects.intent,
        }
    }
}

/// What is known here of a message's sender.
pub(crate) struct MessageSender {
    /// The alias that belongs to the sender.
    pub(crate) alias: Alias,
    /// The sender's fingerprint, if the alias belonged to somebody else before.
    pub(crate) key_changed: Option<String>,
    /// The key that the sender's session is known by.
    pub(crate) peer: PeerKey,
    /// Whether the session has come back since its last message.
    pub(crate) restarted: bool,
}

/// What bounds one page of messages.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Messages on the page, at most.
    pub messages: usize,
    /// The length of a message, in characters, as the face shows it.
    pub shown_len: fn(&Message) -> usize,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self { messages: usize::MAX, shown_len: |message| message.body.len() }
    }
}

/// One answer to `read_messages`.
pub struct MailPage {
    /// Messages, in the order of their arrival.
    pub messages: Vec<Message>,
    /// Ends of messages that this session sent.
    pub receipts: Vec<Outcome>,
    /// Notifications that the agent asked for.
    pub notifications: Vec<Notification>,
    /// How many more ends there were that had no room.
    pub dropped: usize,
    /// The requests that the agent was shown and has not answered, those of this page included.
    pub open_requests: Vec<OpenRequest>,
    /// The hold on all of it.
    pub lease: Lease,
}

impl MailPage {
    /// Whether the page tells nothing.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.receipts.is_empty()
            && self.notifications.is_empty()
            && self.dropped == 0
    }
}
