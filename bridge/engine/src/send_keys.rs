//! The send keys that an agent gives its messages, so that a call that is repeated does not send its message again. A pure
//! machine.

use std::collections::{HashMap, VecDeque};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use tokio::sync::watch;

use crate::outcome::Status;

/// Send keys kept; the oldest is forgotten first.
const MAX_KEPT: usize = 1024;

/// A message that was sent with a send key.
pub(crate) struct KeyedMessage {
    /// The id that the message is shown under.
    pub(crate) id: MessageId,
    /// The receivers of the message.
    pub(crate) members: Vec<KeyedMember>,
    /// The members of a group to which the message could not be submitted.
    left: Vec<Alias>,
    /// Closes when the message has been submitted to all of its group.
    submission: Option<watch::Sender<()>>,
}

/// A receiver of a message that was sent with a send key.
#[derive(Clone)]
pub(crate) struct KeyedMember {
    pub(crate) alias: Alias,
    pub(crate) key: PeerKey,
    /// What is known of the message, as that changes.
    pub(crate) status: watch::Receiver<Status>,
}

/// An address and the send key of a message to it.
type AddressAndKey = (String, String);

/// The messages that were sent with send keys.
#[derive(Default)]
pub(crate) struct SendKeys {
    messages: HashMap<AddressAndKey, KeyedMessage>,
    order: VecDeque<AddressAndKey>,
}

impl SendKeys {
    /// The message that was sent to this address with this send key.
    pub(crate) fn get(&self, address: &str, send_key: &str) -> Option<&KeyedMessage> {
        self.messages.get(&(address.to_owned(), send_key.to_owned()))
    }

    /// A message was sent to this address of one receiver.
    pub(crate) fn sent(
        &mut self,
        address: &str,
        send_key: &str,
        id: MessageId,
        member: KeyedMember,
    ) {
        let message =
            KeyedMessage { id, members: vec![member], left: Vec::new(), submission: None };
        self.keep(address, send_key, message);
    }

    /// A message is about to be submitted to the group at this address.
    pub(crate) fn group_begins(&mut self, address: &str, send_key: &str, id: MessageId) {
        let submission = Some(watch::channel(()).0);
        let message = KeyedMessage { id, members: Vec::new(), left: Vec::new(), submission };
        self.keep(address, send_key, message);
    }

    fn keep(&mut self, address: &str, send_key: &str, message: KeyedMessage) {
        if self.order.len() == MAX_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.messages.remove(&oldest);
        }
        let key = (address.to_owned(), send_key.to_owned());
        self.order.push_back(key.clone());
        self.messages.insert(key, message);
    }

    /// A message to a group is sent to one more receiver. Nothing is kept of a message without a send key.
    pub(crate) fn sent_to(&mut self, id: MessageId, member: KeyedMember) {
        if let Some(message) = self.with_id(id) {
            message.members.push(member);
        }
    }

    /// Takes the members of a group to which a message is to be submitted once more.
    pub(crate) fn begin_again(&mut self, id: MessageId) -> Vec<Alias> {
        let Some(message) = self.with_id(id).filter(|message| !message.left.is_empty()) else {
            return Vec::new();
        };
        message.submission = Some(watch::channel(()).0);
        std::mem::take(&mut message.left)
    }

    /// A message was submitted to its group, but for these members. If nobody was sent it, its send key is forgotten.
    pub(crate) fn group_submitted(&mut self, id: MessageId, left: Vec<Alias>) {
        let Some(message) = self.with_id(id) else { return };
        (message.left, message.submission) = (left, None);
        if message.members.is_empty() {
            self.messages.retain(|_, message| message.id != id);
            self.order.retain(|key| self.messages.contains_key(key));
        }
    }

    fn with_id(&mut self, id: MessageId) -> Option<&mut KeyedMessage> {
        self.messages.values_mut().find(|message| message.id == id)
    }
}

impl KeyedMessage {
    /// Closes when the call that is submitting the message to its group has done so; `None` if no call is.
    pub(crate) fn submission(&self) -> Option<watch::Receiver<()>> {
        self.submission.as_ref().map(watch::Sender::subscribe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MessageId {
        MessageId(u128::try_from(number).unwrap().to_be_bytes())
    }

    fn member(name: &str) -> KeyedMember {
        KeyedMember {
            alias: Alias::parse(name).unwrap(),
            key: PeerKey([1; 32]),
            status: watch::channel(Status::Queued).1,
        }
    }

    fn names(keys: &SendKeys) -> Vec<&str> {
        let message = keys.get("role:worker", "build");
        let members = message.into_iter().flat_map(|message| &message.members);
        members.map(|member| member.alias.as_str()).collect()
    }

    #[test]
    fn send_key_counts_for_its_address_and_the_oldest_is_forgotten() {
        let mut keys = SendKeys::default();
        keys.sent("bob", "build", id(1), member("bob"));
        keys.sent("eve", "build", id(2), member("eve"));
        let found = |keys: &SendKeys, to| keys.get(to, "build").map(|message| message.id);
        assert_eq!((found(&keys, "bob"), found(&keys, "eve")), (Some(id(1)), Some(id(2))));
        assert_eq!(found(&keys, "rob"), None);
        for at in 0..MAX_KEPT - 1 {
            keys.sent("bob", &at.to_string(), id(at), member("bob"));
        }
        assert_eq!((found(&keys, "bob"), found(&keys, "eve")), (None, Some(id(2))));
        assert_eq!((keys.messages.len(), keys.order.len()), (MAX_KEPT, MAX_KEPT));
    }

    #[test]
    fn message_to_a_group_goes_again_only_to_those_that_it_was_not_sent_to() {
        let mut keys = SendKeys::default();
        keys.group_begins("role:worker", "build", id(1));
        let submission = keys.get("role:worker", "build").unwrap().submission().unwrap();
        keys.sent_to(id(1), member("bob"));
        keys.sent_to(id(2), member("rob"));
        assert!(submission.has_changed().is_ok(), "it goes on");
        let eve = Alias::parse("eve").unwrap();
        keys.group_submitted(id(1), vec![eve.clone()]);
        assert!(submission.has_changed().is_err(), "it has ended");
        assert_eq!(names(&keys), ["bob"]);
        assert_eq!(keys.begin_again(id(1)), [eve]);
        assert!(keys.get("role:worker", "build").unwrap().submission().is_some());
        keys.sent_to(id(1), member("eve"));
        keys.group_submitted(id(1), Vec::new());
        assert_eq!(names(&keys), ["bob", "eve"]);
        assert!(keys.begin_again(id(1)).is_empty());
        assert!(keys.get("role:worker", "build").unwrap().submission().is_none());
    }

    #[test]
    fn message_that_nobody_in_the_group_was_sent_has_not_used_its_send_key() {
        let mut keys = SendKeys::default();
        keys.group_begins("role:worker", "build", id(1));
        keys.group_submitted(id(1), vec![Alias::parse("eve").unwrap()]);
        assert!(keys.get("role:worker", "build").is_none());
        assert!(keys.order.is_empty());
    }
}
