//! The names that an agent gives its messages, so that a call that is made again does not send its message again. A pure
//! machine.

use std::collections::{HashMap, VecDeque};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use tokio::sync::watch;

use crate::outcome::Status;

/// Names kept; the oldest is forgotten first.
const MAX_KEPT: usize = 1024;

/// A message that was sent under a name.
#[derive(Clone)]
pub(crate) struct NamedMessage {
    /// The id that the message is shown under.
    pub(crate) id: MessageId,
    /// The receivers of the message.
    pub(crate) members: Vec<NamedMember>,
}

/// One receiver of a message that was sent under a name.
#[derive(Clone)]
pub(crate) struct NamedMember {
    pub(crate) alias: Alias,
    pub(crate) key: PeerKey,
    /// What is known of the message, as that changes.
    pub(crate) status: watch::Receiver<Status>,
}

/// An address and the name of a message to it.
type AddressAndName = (String, String);

/// The messages that were sent under names.
#[derive(Default)]
pub(crate) struct SendKeys {
    messages: HashMap<AddressAndName, NamedMessage>,
    order: VecDeque<AddressAndName>,
}

impl SendKeys {
    /// The message that was sent to this address under this name.
    pub(crate) fn get(&self, address: &str, name: &str) -> Option<&NamedMessage> {
        self.messages.get(&(address.to_owned(), name.to_owned()))
    }

    /// A message is sent to this address under this name. A receiver is added to those that it has.
    pub(crate) fn sent(
        &mut self,
        address: &str,
        name: &str,
        id: MessageId,
        member: Option<NamedMember>,
    ) {
        let key = (address.to_owned(), name.to_owned());
        if !self.messages.contains_key(&key) {
            if self.order.len() == MAX_KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.messages.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        let message = self.messages.entry(key);
        let message = message.or_insert_with(|| NamedMessage { id, members: Vec::new() });
        message.members.extend(member);
    }

    /// A message to a group, which may have been sent under a name, is sent to one more receiver.
    pub(crate) fn sent_to(&mut self, id: MessageId, member: NamedMember) {
        let is_it = |message: &&mut NamedMessage| message.id == id;
        if let Some(message) = self.messages.values_mut().find(is_it) {
            message.members.push(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MessageId {
        MessageId(u128::try_from(number).unwrap().to_be_bytes())
    }

    #[test]
    fn name_counts_for_its_address_and_the_oldest_is_forgotten() {
        let mut keys = SendKeys::default();
        keys.sent("bob", "build", id(1), None);
        keys.sent("eve", "build", id(2), None);
        let found = |keys: &SendKeys, to| keys.get(to, "build").map(|message| message.id);
        assert_eq!((found(&keys, "bob"), found(&keys, "eve")), (Some(id(1)), Some(id(2))));
        assert_eq!(found(&keys, "rob"), None);
        (0..MAX_KEPT - 1).for_each(|at| keys.sent("bob", &at.to_string(), id(at), None));
        assert_eq!((found(&keys, "bob"), found(&keys, "eve")), (None, Some(id(2))));
        assert_eq!((keys.messages.len(), keys.order.len()), (MAX_KEPT, MAX_KEPT));
    }

    #[test]
    fn receivers_of_a_message_to_a_group_are_added_as_it_is_sent_to_them() {
        let mut keys = SendKeys::default();
        let member = |name| NamedMember {
            alias: Alias::parse(name).unwrap(),
            key: PeerKey([1; 32]),
            status: watch::channel(Status::Queued).1,
        };
        keys.sent("role:worker", "build", id(1), None);
        keys.sent_to(id(1), member("bob"));
        keys.sent_to(id(1), member("eve"));
        keys.sent_to(id(2), member("rob"));
        let names = keys.get("role:worker", "build").unwrap().members.iter();
        assert_eq!(names.map(|member| member.alias.as_str()).collect::<Vec<_>>(), ["bob", "eve"]);
    }
}
