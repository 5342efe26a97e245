//! Returned mail: a receiver's word to one sender that it opens nothing more. It ends what the sender has in the
//! receiver's inbox, and waits for a sender that is away.

use junction_shared::protocol::codec::decode;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{Return, ReturnBody, ToBridge};

use super::peer::KeptReturn;
use super::{Requester, State};

/// The maximum number of words kept for a sender that is away: more than the receivers it writes to in the time of one
/// session timeout. Beyond it the oldest is dropped, and the sender does not learn what was returned.
const MAX_RETURNED: usize = 64;

impl State {
    /// Forwards the word of a receiver to the sender of what it has not read, and removes those messages. Whether the
    /// word is true is for the sender to check. One that no bridge could have made is ignored.
    pub(super) fn take_back(&mut self, requester: Requester, word: Return) {
        if word.body.len() > Return::MAX_BODY {
            return;
        }
        let Ok(ReturnBody { from, .. }) = decode(&word.body) else { return };
        let sender = word.to;
        self.discard_from(&requester.key, sender);
        let Some(peer) = self.peers.get_mut(&sender) else { return };
        if peer.card.is_some() && !peer.reads_seats() {
            return;
        }
        // A word replaces an earlier one of the same receiver: it says more.
        peer.returned.retain(|kept| kept.by != requester.key || kept.from != from);
        peer.returned.push_back(KeptReturn { by: requester.key, from, word });
        if peer.returned.len() > MAX_RETURNED {
            peer.returned.pop_front();
        }
        self.deliver_returned(&sender);
    }

    /// Sends a peer the words that waited for it, once it is connected and its card says that it knows them.
    pub(super) fn deliver_returned(&mut self, key: &PeerKey) {
        let Some(connection) = self.connection_of(key) else { return };
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.card.is_some()) else { return };
        let knows = peer.reads_seats();
        for kept in std::mem::take(&mut peer.returned) {
            if knows {
                self.send(connection, ToBridge::Returned(kept.word));
            }
        }
    }
}
