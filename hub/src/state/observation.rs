//! What a hub shows of itself to a person who looks: which sessions are there, and which messages go from whom to whom.
//! Never what a message says, which no hub can read.
//!
//! Nothing of this is kept or computed while nobody looks. Sessions are compared with what was last told of them at the end
//! of each change, so that a change which nobody thought of is told as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Card, ReceiptKind};

use super::inbox::StoredEnvelope;
use super::peer::{PeerSession, PublishedCard};
use super::{Requester, State};

/// The bytes that sealing adds to the padded text of a message.
const TAG: usize = 16;

/// A session, as a hub shows it.
#[derive(Clone)]
pub struct ShownSession {
    published: Arc<PublishedCard>,
    /// Whether it is connected.
    pub is_online: bool,
    /// When it began, as the time since the hub started.
    pub started: Duration,
}

impl ShownSession {
    /// What the session says of itself.
    pub fn card(&self) -> &Card {
        &self.published.card
    }

    /// Whether this says the same as another.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.published, &other.published)
            && (self.is_online, self.started) == (other.is_online, other.started)
    }
}

/// What a hub knows of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStep {
    /// The hub has it.
    Accepted,
    /// The receiver's bridge has opened it.
    Opened,
    /// The receiver's client has read it.
    Read,
    /// Its time is over.
    Expired,
    /// It went back to its sender, who seals it to the receiver's next bridge.
    Returned,
    /// It was dropped: its receiver is gone, or cannot open it.
    Dropped,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownMessage {
    /// The id of its envelope.
    pub id: MessageId,
    /// The alias of its sender.
    pub from: Alias,
    /// The alias of its receiver.
    pub to: Alias,
    /// The bytes of its text as it is padded: one of five sizes.
    pub padded: usize,
    /// What is known of it now.
    pub step: MessageStep,
}

/// Something that has changed, for whoever looks.
#[derive(Clone)]
pub enum HubEvent {
    /// A session is there that was not.
    Joined(ShownSession),
    /// A session says something else of itself, or was cut off, or is back.
    Changed(ShownSession),
    /// A session has ended.
    Left(PeerKey),
    /// More is known of a message.
    Message(ShownMessage),
}

/// What was told of sessions, and what is still to be told.
#[derive(Default)]
pub(super) struct Observation {
    is_on: bool,
    told: BTreeMap<PeerKey, ShownSession>,
    touched: BTreeSet<PeerKey>,
    messages: Vec<ShownMessage>,
}

impl Observation {
    /// Notes that something of a session may have changed.
    pub(super) fn touch(&mut self, key: PeerKey) {
        if self.is_on {
            self.touched.insert(key);
        }
    }
}

impl State {
    /// Begins to look, if nobody does yet. Returns the sessions that are there, in no order.
    pub fn observe(&mut self) -> Vec<ShownSession> {
        if !self.observation.is_on {
            let told = self.shown_sessions();
            self.observation = Observation { is_on: true, told, ..Observation::default() };
        }
        self.observation.told.values().cloned().collect()
    }

    /// The sessions that others see.
    pub(super) fn shown_sessions(&self) -> BTreeMap<PeerKey, ShownSession> {
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

    fn shown_message(&self, stored: &StoredEnvelope, step: MessageStep) -> Option<ShownMessage> {
        if !self.observation.is_on {
            return None;
        }
        let header = &stored.envelope.header;
        let alias = |key: &PeerKey| {
            let peer = self.peers.get(key).filter(|peer| !peer.is_unlisted);
            let alias = peer.map(|peer| peer.alias.clone());
            alias.or_else(|| Alias::parse(&self.observation.told.get(key)?.card().alias).ok())
        };
        Some(ShownMessage {
            id: header.id,
            from: alias(&header.from)?,
            to: alias(&header.to)?,
            padded: stored.envelope.sealed.len().saturating_sub(TAG),
            step,
        })
    }
}

/// A session, if others see it.
fn shown(peer: &PeerSession) -> Option<ShownSession> {
    let published = peer.valid_card().filter(|_| !peer.is_unlisted)?;
    let (published, is_online) = (Arc::clone(published), peer.is_online());
    Some(ShownSession { published, is_online, started: peer.started })
}
