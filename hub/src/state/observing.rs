//! What a hub tells those that look at it.
//!
//! Nothing of this is kept or computed while nobody looks. Sessions are compared with what was last told of them, so that
//! it is enough to know of whom something may have changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::ReceiptKind;

use super::inbox::StoredEnvelope;
use super::observation::{HubEvent, MessageStep, Observation, SeenMessage, SeenSession};
use super::peer::PeerSession;
use super::{Requester, State};

/// The bytes that sealing adds to the padded text of a message.
const TAG: usize = 16;

impl State {
    /// Begins to look, if nobody does yet. Returns the sessions that are there, in no order.
    pub fn observe(&mut self) -> Vec<SeenSession> {
        if !self.observation.is_on {
            let told = self.shown_sessions();
            self.observation = Observation { is_on: true, told, ..Observation::default() };
        }
        self.observation.told.values().cloned().collect()
    }

    /// The sessions that others see.
    pub fn shown_sessions(&self) -> BTreeMap<PeerKey, SeenSession> {
        self.peers.iter().filter_map(|(key, peer)| Some((*key, shown(peer)?))).collect()
    }

    /// Nobody looks any more.
    pub fn stop_observing(&mut self) {
        self.observation = Observation::default();
    }

    /// Takes what has changed since the last call; nothing while nobody looks.
    pub fn take_events(&mut self) -> Vec<HubEvent> {
        let mut events = Vec::new();
        for key in std::mem::take(&mut self.observation.touched) {
            let told = &mut self.observation.told;
            match (told.get(&key), self.peers.get(&key).and_then(shown)) {
                (Some(old), Some(new)) if old.is_same(&new) => {}
                (old, Some(new)) => {
                    let is_new = old.is_none();
                    told.insert(key, new.clone());
                    events.push(if is_new {
                        HubEvent::Joined(new)
                    } else {
                        HubEvent::Changed(new)
                    });
                }
                (Some(_), None) => {
                    told.remove(&key);
                    events.push(HubEvent::Left(key));
                }
                (None, None) => {}
            }
        }
        // Whoever a message is from or to has joined by now.
        events.extend(self.observation.messages.drain(..).map(HubEvent::Message));
        events
    }

    /// Notes what became of a message, if somebody looks, and sees both of its sessions.
    pub(super) fn observe_message(&mut self, stored: &StoredEnvelope, step: MessageStep) {
        if let Some(message) = self.shown_message(stored, step) {
            self.observation.messages.push(message);
        }
    }

    /// Notes a receipt for a message that the hub has. A receipt for any other says nothing that the hub knows to be so.
    pub(super) fn observe_receipt(
        &mut self,
        requester: Requester,
        (sender, id): (PeerKey, MessageId),
        kind: ReceiptKind,
    ) {
        if !self.observation.is_on {
            return;
        }
        let step = match kind {
            ReceiptKind::Opened => MessageStep::Opened,
            ReceiptKind::Read => MessageStep::Read,
            ReceiptKind::Expired => MessageStep::Expired,
            ReceiptKind::Stale => MessageStep::Dropped,
        };
        let stored = self.store.find(&requester.key, sender, id);
        let message = stored.and_then(|(_, stored)| self.shown_message(stored, step));
        self.observation.messages.extend(message);
    }

    fn shown_message(&self, stored: &StoredEnvelope, step: MessageStep) -> Option<SeenMessage> {
        if !self.observation.is_on {
            return None;
        }
        let header = &stored.envelope.header;
        let alias = |key: &PeerKey| {
            let peer = self.peers.get(key).filter(|peer| !peer.is_unlisted);
            let alias = peer.map(|peer| peer.alias.clone());
            alias.or_else(|| Alias::parse(&self.observation.told.get(key)?.card().alias).ok())
        };
        Some(SeenMessage {
            id: header.id,
            from: alias(&header.from)?,
            to: alias(&header.to)?,
            padded: stored.envelope.sealed.len().saturating_sub(TAG),
            step,
        })
    }
}

/// A session, if others see it.
fn shown(peer: &PeerSession) -> Option<SeenSession> {
    let published = peer.valid_card().filter(|_| !peer.is_unlisted)?;
    let (published, is_online) = (Arc::clone(published), peer.is_online());
    Some(SeenSession { published, is_online, started: peer.started })
}
