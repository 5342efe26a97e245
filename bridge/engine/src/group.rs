//! Messages to several peers: how a group is addressed, and what each of its members is told of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::MAX_GROUP_NAME;

use crate::error::Error;
use crate::intent::Intent;
use crate::mailbox::PAGE_CHARS;
use crate::message::{Draft, Message, Sent, WaitEnd};
use crate::notifications::NotifyWhen;
use crate::urgency::Urgency;

/// Several peers, as a sender names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupAddress {
    /// All peers of this role.
    Role(String),
    /// All peers in this repository.
    Repo(String),
    /// All peers.
    Everyone,
    /// The peers with these aliases.
    Aliases(Vec<Alias>),
}

impl fmt::Display for GroupAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Repo(repo) => write!(f, "repo:{repo}"),
            Self::Everyone => f.write_str("*"),
            Self::Aliases(aliases) => {
                let names: Vec<_> = aliases.iter().map(Alias::as_str).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

impl GroupAddress {
    /// The name that the members see, within the bound of a sealed message. A list of many aliases ends with their number.
    pub(crate) fn sealed_name(&self) -> String {
        let whole = self.to_string();
        let Self::Aliases(aliases) = self else { return cut(whole) };
        if whole.len() <= MAX_GROUP_NAME {
            return whole;
        }
        /// The bytes of ` and 64 others`, and a few more.
        const REST: usize = 20;
        let mut name = String::new();
        for (at, alias) in aliases.iter().enumerate() {
            if name.len() + alias.as_str().len() + REST > MAX_GROUP_NAME {
                return format!("{name} and {} others", aliases.len() - at);
            }
            name.push_str(if at == 0 { "" } else { ", " });
            name.push_str(alias.as_str());
        }
        name
    }
}

/// Cuts a text at a character within the bound of a sealed message.
fn cut(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(MAX_GROUP_NAME));
    name
}

/// What each member of a group is told: the id that the message has for all, and the group's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTag {
    /// The id that the message has for its sender and all its receivers.
    pub id: MessageId,
    /// The group, as its sender names it.
    pub to: Arc<str>,
}

/// Which replies a call waits for that sends to a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitFor {
    /// One of each member.
    #[default]
    All,
    /// The first.
    Any,
}

impl WaitFor {
    /// The names of its values.
    pub const NAMES: [(&'static str, Self); 2] = [("all", Self::All), ("any", Self::Any)];
}

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
    /// The sender's own name for the message: a second one of this name to the same group is not sent.
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
                    // Its lease goes with it, so that a read gives it out.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn group_is_named_as_it_is_addressed() {
        let alias = |name: &str| Alias::parse(name).unwrap();
        let list = GroupAddress::Aliases(vec![alias("bob"), alias("eve")]);
        assert_eq!(GroupAddress::Role("reviewer".to_owned()).sealed_name(), "role:reviewer");
        assert_eq!(GroupAddress::Repo("shop".to_owned()).sealed_name(), "repo:shop");
        assert_eq!(GroupAddress::Everyone.sealed_name(), "*");
        assert_eq!(list.sealed_name(), "bob, eve");
    }

    proptest! {
        #[test]
        fn every_name_fits_into_a_sealed_message(
            role in "\\PC{0,150}",
            aliases in prop::collection::vec("[a-z]{3,32}", 1..64),
        ) {
            let count = aliases.len();
            let aliases = aliases.iter().map(|alias| Alias::parse(alias).unwrap()).collect();
            let name = GroupAddress::Aliases(aliases).sealed_name();
            prop_assert!(name.len() <= MAX_GROUP_NAME);
            let named = name.split(" and ").next().unwrap().split(", ").count();
            let rest = name.split(" and ").nth(1).map_or(0, |rest| {
                rest.split(' ').next().unwrap().parse::<usize>().unwrap()
            });
            prop_assert_eq!(named + rest, count);
            prop_assert!(GroupAddress::Role(role).sealed_name().len() <= MAX_GROUP_NAME);
        }
    }
}
