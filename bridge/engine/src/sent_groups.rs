//! The messages that this session has sent to groups: which envelopes each became, and how many of them were read. A pure
//! machine.

use std::collections::{HashMap, VecDeque};

use junction_shared::protocol::id::MessageId;

use crate::outcome::{GroupSum, Status};

/// Groups kept; the oldest is forgotten first, and the ends of its messages are told under their own ids.
const MAX_KEPT: usize = 256;

/// The messages to groups by the ids on the wire.
#[derive(Default)]
pub(crate) struct SentGroups {
    groups: HashMap<MessageId, GroupSum>,
    order: VecDeque<(MessageId, Vec<MessageId>)>,
    /// The id that the message has for all, and whether this envelope of it was read.
    members: HashMap<MessageId, (MessageId, bool)>,
}

impl SentGroups {
    /// One envelope of a message to a group was submitted.
    pub(crate) fn add(&mut self, group: MessageId, wire_id: MessageId) {
        if !self.groups.contains_key(&group) {
            if self.order.len() == MAX_KEPT
                && let Some((oldest, members)) = self.order.pop_front()
            {
                self.groups.remove(&oldest);
                members.iter().for_each(|member| _ = self.members.remove(member));
            }
            self.groups.insert(group, GroupSum { of: 0, read: 0 });
            self.order.push_back((group, Vec::new()));
        }
        let Some(sum) = self.groups.get_mut(&group) else { return };
        sum.of += 1;
        self.members.insert(wire_id, (group, false));
        let mut newest = self.order.iter_mut().rev();
        if let Some((_, members)) = newest.find(|(id, _)| *id == group) {
            members.push(wire_id);
        }
    }

    /// An envelope ended with this status, or its status was corrected to this one. Returns the id that its message is shown
    /// under.
    pub(crate) fn ended(&mut self, wire_id: MessageId, status: Status) -> MessageId {
        let Some((group, was_read)) = self.members.get_mut(&wire_id) else { return wire_id };
        if status == Status::Read && !std::mem::replace(was_read, true) {
            self.groups.entry(*group).and_modify(|sum| sum.read += 1);
        }
        *group
    }

    /// The id that the message of an envelope is shown under.
    pub(crate) fn shown_id(&self, wire_id: MessageId) -> MessageId {
        self.members.get(&wire_id).map_or(wire_id, |(group, _)| *group)
    }

    /// How many members have read a message, if it went to a group.
    pub(crate) fn sum(&self, id: MessageId) -> Option<GroupSum> {
        self.groups.get(&id).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: usize) -> MessageId {
        MessageId(u128::try_from(number).unwrap().to_be_bytes())
    }

    #[test]
    fn each_member_that_has_read_counts_once() {
        let mut groups = SentGroups::default();
        (1..=3).for_each(|member| groups.add(id(100), id(member)));
        assert_eq!(groups.ended(id(1), Status::Unconfirmed), id(100));
        assert_eq!(groups.ended(id(1), Status::Read), id(100));
        assert_eq!(groups.ended(id(1), Status::Read), id(100));
        assert_eq!(groups.ended(id(2), Status::Expired), id(100));
        assert_eq!(groups.sum(id(100)), Some(GroupSum { of: 3, read: 1 }));
        assert_eq!(groups.ended(id(9), Status::Read), id(9), "a message to one peer");
        assert_eq!(groups.sum(id(9)), None);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded(groups in 0usize..600, members in 1usize..5) {
            let mut sent = SentGroups::default();
            for group in 0..groups {
                for member in 0..members {
                    sent.add(id(1_000_000 + group), id(group * members + member));
                }
            }
            prop_assert_eq!(sent.groups.len(), groups.min(MAX_KEPT));
            prop_assert_eq!(sent.members.len(), groups.min(MAX_KEPT) * members);
        }
    }
}
