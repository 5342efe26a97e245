//! The group that a session belongs to.

use std::sync::Arc;

use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::id::GroupId;

use super::Session;

impl Session {
    /// The group that the session belongs to, once its secret could be read, and again when it has a new one.
    pub fn set_group(&mut self, group: GroupKeys) {
        let old = self.group_id().filter(|old| *old != group.group);
        if let Some(old) = old {
            // Whose an alias was stays known.
            self.peers.rename_group(old, group.group);
            // Nothing that was sealed or shown under the old one is worth anything any more.
            self.outbox.give_up_sealed();
            self.peers.forget_cards();
            self.opening.clear();
            self.snapshot.send_modify(|snapshot| snapshot.rejoined.clone_from(&self.alias));
            self.tell_ends();
        }
        self.peers.enter(group.group);
        self.group = Some(Arc::new(group));
    }

    /// The public id of that group.
    pub(crate) fn group_id(&self) -> Option<GroupId> {
        self.group.as_ref().map(|group| group.group)
    }

    /// Whether it is known.
    pub(crate) fn has_group(&self) -> bool {
        self.group.is_some()
    }
}
