//! The group that a session belongs to.

use std::sync::Arc;

use junction_shared::handshake::GroupKeys;

use super::Session;

impl Session {
    /// The group that the session belongs to, once its secret could be read, and again when it has a new one.
    pub(crate) fn set_group(&mut self, group: GroupKeys) {
        let has_new_secret = self.group.as_ref().is_some_and(|old| old.group != group.group);
        if has_new_secret {
            // Nothing that was sealed or shown under the old one is worth anything any more.
            self.outbox.give_up_sealed();
            self.peers.forget_cards();
            self.opening.clear();
            self.board.send_modify(|board| board.rejoined.clone_from(&self.alias));
            self.tell_ends();
        }
        self.group = Some(Arc::new(group));
    }

    /// Whether it is known.
    pub(crate) fn has_group(&self) -> bool {
        self.group.is_some()
    }
}
