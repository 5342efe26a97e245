//! Attachments that are repeated for a later process of their receiver's session.

use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};

use super::Uploads;
use super::upload::MessageUploads;
use crate::seal::SealedManifest;

impl Uploads {
    /// A session came back under another key. Returns the messages whose attachments have to be repeated for it: those that
    /// it, or a process of it before, has read.
    pub(crate) fn to_repeat(
        &self,
        origin: &PeerKey,
        key: &PeerKey,
        is_in_outbox: impl Fn(MessageId) -> bool,
    ) -> Vec<MessageId> {
        let is_repeated = |id: &MessageId| self.repeats.values().any(|first| first == id);
        let waits = |(id, message): &(&MessageId, &MessageUploads)| {
            message.origin == *origin
                && message.receiver.is_some_and(|receiver| receiver != *key)
                && message.can_be_saved()
                && !is_in_outbox(**id)
                && !is_repeated(id)
        };
        self.messages.iter().filter(waits).map(|(id, _)| *id).collect()
    }

    /// What a message says that repeats the attachments of this one: its receiver, and when it expires.
    pub(crate) fn repetition(
        &mut self,
        id: MessageId,
        repeat: MessageId,
    ) -> Option<(Alias, SealedManifest, Instant)> {
        let message = self.messages.get(&id)?;
        self.repeats.insert(repeat, id);
        let manifest = SealedManifest { repeats: Some(id), ..message.manifest.clone() };
        Some((message.to.clone(), manifest, message.deadline))
    }

    /// The receivers that can save something, if only again, by the keys that they were last known to have.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = PeerKey> {
        let open = self.messages.values().filter(|message| message.can_be_saved());
        open.filter_map(|message| message.receiver)
    }

    /// The key that the receiver of a message with attachments is known by.
    pub(crate) fn origin(&self, id: MessageId) -> Option<PeerKey> {
        self.messages.get(&id).map(|message| message.origin)
    }

    /// Whether this message only repeats the attachments of another.
    pub(crate) fn is_repetition(&self, id: &MessageId) -> bool {
        self.repeats.contains_key(id)
    }
}
