//! What happens to messages that their sender asked to be told of.

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::Card;

use super::Session;
use crate::{Notification, Status};

impl Session {
    /// Tells whoever asked that a message has come to this end.
    pub(super) fn notify_of_end(&mut self, id: MessageId, status: Status) {
        let news = self.watched.ended(id, status);
        self.notify(news);
    }

    /// Tells whoever asked what a newer card of a peer says.
    pub(super) fn notify_of_card(&mut self, before: Option<&Card>, key: PeerKey) {
        let after = self.peers.get(&key).map(|peer| &peer.card);
        if let (Some(before), Some(after)) = (before, after)
            && before.epoch < after.epoch
        {
            let news = self.watched.changed(key, before.state, after.state);
            self.notify(news);
        }
    }

    /// Tells whoever asked that a peer is gone.
    pub(super) fn notify_of_departure(&mut self, key: PeerKey) {
        let news = self.watched.gone(key);
        self.notify(news);
    }

    fn notify(&mut self, news: Vec<Notification>) {
        if !news.is_empty() {
            self.delivery.happened(news);
        }
    }
}
