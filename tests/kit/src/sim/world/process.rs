//! A process of the simulation, and what its agent is about.

use std::time::Duration;

use junction_engine::MailPage;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};

use super::wire::Wire;
use crate::sim::attachment_work::AttachmentWork;
use crate::sim::file_history::SimFile;
use crate::sim::{Search, Sending, SessionMachine};

/// A simulated process that runs a session.
pub struct SimProcess {
    pub(super) machine: SessionMachine,
    /// The alias that the process asks for.
    pub alias: Alias,
    /// The key of the process.
    pub key: PeerKey,
    /// Who the session is to the history: its first process, where it has a seat.
    pub(super) identity: PeerKey,
    /// Who it was at first.
    pub(super) born: PeerKey,
    /// The seat that the session has, by its number.
    pub(super) seat: Option<usize>,
    /// Whether a hub has welcomed it under its key.
    pub(super) is_welcomed: bool,
    /// The sessions that the process served before.
    pub(super) past: Vec<PeerKey>,
    /// The connections, the newest last. Earlier ones may still carry frames to the hub.
    pub(super) wires: Vec<Wire>,
    /// The page of an answer that is being written, since when, and who reads it.
    pub(super) page: Option<(MailPage, Duration, PeerKey)>,
    pub(super) searches: Vec<Search>,
    /// Calls to `send_message` that have not been answered.
    pub(super) calls: Vec<SendCall>,
    /// What it does about attachments.
    pub(super) work: AttachmentWork,
    /// The moment at which a hub last heard of the process.
    pub(super) heard: Duration,
}

/// A call to `send_message`.
pub(super) struct SendCall {
    /// The number of the message.
    pub(super) number: usize,
    pub(super) ttl: Duration,
    pub(super) gives_up: Duration,
    pub(super) files: Vec<SimFile>,
    /// The id that the message has for all members of its group, and the alias of this one.
    pub(super) group: Option<(MessageId, Alias)>,
    pub(super) sending: Sending,
}

impl SimProcess {
    /// Whether the process has been this session.
    pub(super) fn was(&self, session: &PeerKey) -> bool {
        self.born == *session || self.past.contains(session)
    }
}
