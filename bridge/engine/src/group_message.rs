//! A message to a group: what is sent, and what became of it for each member.

use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use tokio::sync::watch;

use crate::error::Error;
use crate::group::{GroupAddress, GroupTag, WaitFor};
use crate::intent::Intent;
use crate::mailbox::PAGE_CHARS;
use crate::message::{Draft, Message, Sent, Submitted, WaitEnd};
use crate::notifications::NotifyWhen;
use crate::urgency::Urgency;

/// A message to send to a group.
pub struct GroupDraft {
    /// The receivers.
    pub to: GroupAddress,
    /// The text, at most [`junction_shared::protocol::limits::MAX_MESSAGE`] bytes.
    pub body: String,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// How long the message may wait unread; `None` for as long as the hub allows.
    pub ttl: Option<Duration>,
    /// How long to wait for replies.
    pub wait: Duration,
    /// Which replies to wait for.
    pub wait_for: WaitFor,
    /// How urgent the message is.
    pub urgency: Urgency,
    /// What the sender wants to be notified of, once for all members.
    pub notify_when: Option<NotifyWhen>,
    /// Whether a person wrote the message.
    pub from_person: bool,
    /// What the sender expects.
    pub intent: Intent,
    /// The send key: a second message with it to the same group is not sent.
    pub key: Option<String>,
}

impl GroupDraft {
    /// A message to this group, with no options.
    pub fn new(to: GroupAddress, body: String) -> Self {
        Self {
            to,
            body,
            reply_to: None,
            ttl: None,
            wait: Duration::ZERO,
            wait_for: WaitFor::default(),
            urgency: Urgency::default(),
            notify_when: None,
            from_person: false,
            intent: Intent::default(),
            key: None,
        }
    }

    /// The copy of the message for one member.
    pub(crate) fn to_member(&self, target: Alias, tag: GroupTag) -> Draft {
        Draft {
            reply_to: self.reply_to,
            ttl: self.ttl,
            wait: self.wait,
            urgency: self.urgency,
            notify_when: self.notify_when,
            from_person: self.from_person,
            intent: self.intent,
            group: Some(tag),
            ..Draft::new(target, self.body.clone())
        }
    }
}

/// What became of a message to a group by the time of the call's answer.
pub struct GroupSent {
    /// The id that the message has for all.
    pub id: MessageId,
    /// The members, in the order of their aliases or as the sender gave them, and what became of the message to each.
    pub members: Vec<GroupMember>,
    /// Whether an earlier call with this key had sent the message, and this one sent nothing.
    pub repeated: bool,
}

impl GroupSent {
    /// Keeps as many replies as fit on one page, at least one. The others wait unread.
    pub fn bound_replies(&mut self, shown_len: fn(&Message) -> usize) {
        let mut used = 0;
        for member in &mut self.members {
            let Ok(sent) = &mut member.sent else { continue };
            if let Some(WaitEnd::Reply(message, _)) = &sent.wait_end {
                let length = shown_len(message);
                if used > 0 && used + length > PAGE_CHARS {
                    // The reply's lease is dropped with it, so that a read gives the reply out.
                    sent.wait_end = None;
                } else {
                    used += length;
                }
            }
        }
    }
}

/// One member of a group, and what became of the message to it.
pub struct GroupMember {
    /// The alias.
    pub alias: Alias,
    /// What became of the message, or why it was not sent to this member.
    pub sent: Result<Sent, Error>,
}

/// A message to a group that is about to be sent.
pub struct GroupToBegin {
    /// The group.
    pub(crate) to: GroupAddress,
    /// The send key.
    pub(crate) key: Option<String>,
    /// Whether the call waits for replies.
    pub(crate) waits: bool,
    /// The members at this moment, or why they are not known.
    pub(crate) members: Result<Vec<Alias>, Error>,
}

impl GroupToBegin {
    /// A message to these members of a group.
    #[must_use]
    pub fn new(to: GroupAddress, members: Vec<Alias>) -> Self {
        Self { to, key: None, waits: false, members: Ok(members) }
    }
}

/// How a message to a group begins.
pub enum BegunGroup {
    /// The message can be submitted.
    Begun(GroupSubmission),
    /// The hub was restarted, and may not know all members yet: the message has to begin again at this moment.
    TooEarly(Instant),
    /// Another call is submitting the message with this send key: the message has to begin again when this has closed.
    InProgress(watch::Receiver<()>),
}

/// A message to a group, as far as it was submitted.
pub struct GroupSubmission {
    /// The id that the message has for all.
    pub id: MessageId,
    /// The members to which the message is still to be submitted.
    pub(crate) left: Vec<Alias>,
    /// What is known of the message, for each member to which an earlier call submitted it.
    pub(crate) sent: Vec<(Alias, Submitted)>,
    /// Whether an earlier call with this send key began the message.
    pub(crate) repeated: bool,
}
