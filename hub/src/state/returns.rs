//! Returned mail: a receiver's word to one sender that it opens nothing more. It ends what the sender has in the
//! receiver's inbox. The sender is told on every connection: a word stays true, and may be lost with a connection.

use std::time::Duration;

use junction_shared::protocol::codec::decode;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{Return, ReturnBody, ToBridge};

use super::kept_returns::KeptReturn;
use super::{Requester, State};

impl State {
    /// Forwards the word of a receiver to the sender of what it has not read, and removes those messages. A word about an
    /// earlier key of the receiver's process removes nothing: what is in the inbox is sealed to the present one. Whether
    /// the word is true is for the sender to check. One that no bridge could have made is ignored.
    pub(super) fn take_back(&mut self, requester: Requester, word: Return, now: Duration) {
        if word.body.len() > Return::MAX_BODY {
            return;
        }
        let Ok(ReturnBody { from, .. }) = decode(&word.body) else { return };
        let sender = word.to;
        if from == requester.key {
            self.discard_from(&from, sender);
        }
        let kept = KeptReturn { by: requester.key, from, word: word.clone() };
        let Some(peer) = self.peers.get_mut(&sender) else {
            if self.in_restart_grace(now) {
                self.early_returns.keep(kept);
            }
            return;
        };
        if peer.card.is_some() && !peer.reads_seats() {
            return;
        }
        peer.returned.keep(kept);
        if peer.card.is_some()
            && let Some(connection) = self.connection_of(&sender)
        {
            self.send(connection, ToBridge::Returned(word));
        }
    }

    /// Sends a peer all words that are kept for it, once it is connected and its card says that it knows them.
    pub(super) fn deliver_returned(&mut self, key: &PeerKey) {
        let Some(connection) = self.connection_of(key) else { return };
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.card.is_some()) else { return };
        if !peer.reads_seats() {
            peer.returned.clear();
            return;
        }
        for word in peer.returned.words() {
            self.send(connection, ToBridge::Returned(word));
        }
    }
}
