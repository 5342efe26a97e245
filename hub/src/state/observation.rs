//! What a hub shows of itself to a person who looks: which sessions are there, and which messages go from whom to whom.
//! Never what a message says, which no hub can read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::Card;

use super::peer::PublishedCard;

/// A session, as a hub shows it.
#[derive(Clone)]
pub struct SeenSession {
    pub(super) published: Arc<PublishedCard>,
    /// Whether it is connected.
    pub is_online: bool,
    /// When it began, as the time since the hub started.
    pub started: Duration,
}

impl SeenSession {
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
    /// The time of the message is over.
    Expired,
    /// The message went back to its sender, who seals it to the receiver's next bridge.
    Returned,
    /// The message was dropped: its receiver is gone, or cannot open it.
    Dropped,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMessage {
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

/// A change, for programs that look.
#[derive(Clone)]
pub enum HubEvent {
    /// A session is there that was not.
    Joined(SeenSession),
    /// A session says something else of itself, or was cut off, or is back.
    Changed(SeenSession),
    /// A session has ended.
    Left(PeerKey),
    /// More is known of a message.
    Message(SeenMessage),
}

/// What was told of sessions, and what is still to be told.
#[derive(Default)]
pub(super) struct Observation {
    pub(super) is_on: bool,
    pub(super) told: BTreeMap<PeerKey, SeenSession>,
    pub(super) touched: BTreeSet<PeerKey>,
    pub(super) messages: Vec<SeenMessage>,
}

impl Observation {
    /// Notes that something of a session may have changed.
    pub(super) fn touch(&mut self, key: PeerKey) {
        if self.is_on {
            self.touched.insert(key);
        }
    }
}
