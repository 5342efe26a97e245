//! The hub's state: which peers are present, under which alias and card, and which mail waits for whom.
//!
//! A pure state machine without clock and I/O: `now` is the time since the hub started, randomness comes from
//! a seeded generator, and what is to be sent is returned. Until the hub is older than the session timeout it
//! is in its *restart grace*: it may have been restarted, and peers it does not know may still come back.
//!
//! Where a message is here: in the inbox of its receiver (`state/mail.rs`, `state/inbox.rs`), from the `Send` frame that
//! brought its envelope until a receipt, its expiry or the end of its receiver removes it. `hub/src/connection.rs` brings
//! the frames in and takes the mail out.

mod aliases;
mod attachment_store;
mod backpressure;
mod claims;
mod deadlines;
mod inbox;
mod kept_returns;
mod listing;
mod mail;
mod naming;
mod observation;
mod observing;
mod peer;
mod presence;
mod queries;
mod repositories;
mod returns;
mod seating;
mod seats;
mod store;
mod subscriptions;
mod succession;
mod tickets;
mod tombstones;
mod transfers;
mod waits;
mod watches;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{ConnectionId, GroupId, PeerKey};
use junction_shared::protocol::wire::{Answer, Question, ToBridge, ToHub, WelcomeBody};
use junction_shared::secret::Secret;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use aliases::Aliases;
use attachment_store::AttachmentStore;
use backpressure::Backpressure;
use deadlines::{Deadline, Deadlines};
use kept_returns::EarlyReturns;
use listing::Listing;
use observation::Observation;
pub use observation::{HubEvent, MessageStep, SeenMessage, SeenSession};
use peer::PeerSession;
use repositories::Repositories;
use seats::SeatRegister;
use store::Store;
use subscriptions::Subscriptions;
use tickets::Tickets;
use tombstones::Tombstones;
use watches::Watches;

/// What the caller of the state must do.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send this frame on that connection. Boxed because it will be queued, and most queues stay empty.
    Send(ConnectionId, Box<ToBridge>),
    /// There is mail to push on this connection.
    MailReady(ConnectionId),
    /// Close this connection for this reason.
    Close(ConnectionId, Close),
    /// Close this connection: its peer left.
    Left(ConnectionId),
}

/// The result of admitting a connection.
pub struct Connected {
    /// The id of the connection.
    pub connection: ConnectionId,
    /// What the hub grants the peer.
    pub welcome: WelcomeBody,
    /// What is to be sent to others.
    pub outputs: Vec<Output>,
}

/// How long sessions, messages and expired data last.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// How long a session lasts without a sign of life; also the longest life of a message.
    pub session_timeout: Duration,
    /// The longest time that anything stays past its end.
    pub sweep_interval: Duration,
}

/// What the state of a hub begins with.
pub struct StateOptions {
    /// How long sessions, messages and expired data last.
    pub timeouts: Timeouts,
    /// The key under which the hub issues tickets.
    pub ticket_key: Secret,
    /// The group that the hub serves, if its keys say so. Mail of other groups is refused.
    pub group: Option<GroupId>,
    /// The wall clock of the machine, in milliseconds since 1970. It orders tickets, and nothing expires by it.
    pub started_ms: u64,
    /// The seed that decides which aliases are generated.
    pub seed: u64,
}

/// How many sessions are unlisted: in no list and no count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UnlistedSessions {
    /// Unlisted sessions that have not ended.
    known: usize,
    /// Unlisted sessions that are connected.
    connected: usize,
}

/// The connection that a frame came from, and its peer.
#[derive(Clone, Copy)]
struct Requester {
    id: ConnectionId,
    key: PeerKey,
}

/// Everything a hub knows.
pub struct State {
    timeouts: Timeouts,
    group: Option<GroupId>,
    rng: SmallRng,
    peers: HashMap<PeerKey, PeerSession>,
    connections: HashMap<ConnectionId, PeerKey>,
    last_connection: ConnectionId,
    unlisted: UnlistedSessions,
    aliases: Aliases,
    seats: SeatRegister,
    tickets: Tickets,
    listing: Listing,
    subscriptions: Subscriptions,
    watches: Watches,
    store: Store,
    attachments: AttachmentStore,
    backpressure: Backpressure,
    repositories: Repositories,
    tombstones: Tombstones,
    early_returns: EarlyReturns,
    deadlines: Deadlines,
    observation: Observation,
    idle_since: Option<Duration>,
    out: Vec<Output>,
}

impl State {
    /// Creates the state of a hub that starts now.
    pub fn new(options: StateOptions) -> Self {
        let StateOptions { timeouts, ticket_key, group, started_ms, seed } = options;
        let mut deadlines = Deadlines::default();
        deadlines.set(timeouts.session_timeout, Deadline::RestartGrace);
        Self {
            timeouts,
            group,
            rng: SmallRng::seed_from_u64(seed),
            peers: HashMap::new(),
            connections: HashMap::new(),
            last_connection: ConnectionId::default(),
            unlisted: UnlistedSessions::default(),
            aliases: Aliases::default(),
            seats: SeatRegister::default(),
            tickets: Tickets::new(ticket_key, started_ms),
            listing: Listing::default(),
            subscriptions: Subscriptions::default(),
            watches: Watches::default(),
            store: Store::default(),
            attachments: AttachmentStore::default(),
            backpressure: Backpressure::default(),
            repositories: Repositories::default(),
            tombstones: Tombstones::default(),
            early_returns: EarlyReturns::default(),
            deadlines,
            observation: Observation::default(),
            idle_since: Some(Duration::ZERO),
            out: Vec::new(),
        }
    }

    /// Handles one frame of a connection. A frame of a connection that has ended does nothing: it was already
    /// on its way.
    pub fn frame(&mut self, id: ConnectionId, frame: ToHub, now: Duration) -> Vec<Output> {
        if let Some(&key) = self.connections.get(&id) {
            self.touch_peer(&key, now);
            if let Err(close) = self.handle(Requester { id, key }, frame, now) {
                self.disconnect(id, now);
                self.out.push(Output::Close(id, close));
            }
        }
        self.drain_outputs(now)
    }

    fn handle(&mut self, requester: Requester, frame: ToHub, now: Duration) -> Result<(), Close> {
        match frame {
            // Each connection sends one hello, and the handshake has taken it.
            ToHub::Hello(_) => return Err(Close::ProtocolError),
            ToHub::Card(signed) => self.card(requester, signed, now)?,
            ToHub::Ask(number, question) => self.ask(requester, number, question, now)?,
            ToHub::Unwatch(number) => self.watches.remove(requester.id, number),
            ToHub::Send(send) => self.hand_over(requester, send, now)?,
            ToHub::Receipt(receipt) => self.receipt(requester, receipt),
            ToHub::Repush => self.repush(requester),
            ToHub::Leave => self.leave(requester, now),
            ToHub::Vacate => self.vacate(requester, now),
            ToHub::Return(word) => self.take_back(requester, word, now),
            ToHub::Offer(offer) => self.offer(requester, &offer, now)?,
            ToHub::Withdraw(transfer) => self.withdraw(requester, &transfer),
            ToHub::Chunk(chunk) => self.chunk(requester, chunk)?,
            ToHub::Fetch(range) => self.fetch(requester, &range, now),
            ToHub::AttachmentReceipt(receipt) => self.attachment_receipt(requester, receipt),
            ToHub::Repositories(tags) => self.work_in(requester, tags)?,
            ToHub::Claims(claims) => self.relay_claims(requester, claims)?,
        }
        Ok(())
    }

    fn ask(
        &mut self,
        requester: Requester,
        number: u32,
        question: Question,
        now: Duration,
    ) -> Result<(), Close> {
        let is_shown = self.peers.get(&requester.key).is_some_and(|peer| peer.card.is_some());
        if !is_shown && !matches!(question, Question::Rename(_)) {
            // A peer that wants to see others must be visible itself.
            return Err(Close::ProtocolError);
        }
        let answer = match question {
            Question::Rename(signed) => Some(Answer::Named(self.rename(requester, signed, now)?)),
            Question::List(list) => Some(Answer::Page(self.page(requester, &list, now))),
            Question::Lookup(target) => Some(self.lookup(requester, &target, now)),
            Question::Watch(role) => self.watch(requester, number, role, now)?,
            Question::Await(awaited) => self.await_peer(requester, number, &awaited, now)?,
        };
        if let Some(answer) = answer {
            self.send(requester.id, ToBridge::Answer(number, answer));
        }
        Ok(())
    }

    /// Records a sign of life that is no protocol frame, such as a pong.
    pub fn touch(&mut self, id: ConnectionId, now: Duration) {
        if let Some(&key) = self.connections.get(&id) {
            self.touch_peer(&key, now);
        }
    }

    /// Removes everything that has expired.
    pub fn sweep(&mut self, now: Duration) -> Vec<Output> {
        while let Some(deadline) = self.deadlines.pop_due(now) {
            match deadline {
                Deadline::RestartGrace => self.end_restart_grace(),
                Deadline::Session(key) => self.session_due(key, now),
                Deadline::Unseated(key) => self.unseated_due(key, now),
                Deadline::Seat(seat) => self.forget_seat(&seat),
                Deadline::Envelope(to, offset) => {
                    self.discard(&to, offset, Some(MessageStep::Expired));
                }
                Deadline::Transfer(id) => self.transfer_due(&id),
            }
        }
        self.drain_outputs(now)
    }

    /// Returns the next deadline.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first()
    }

    /// Returns the number of connected sessions, without those that are unlisted.
    pub fn connected(&self) -> usize {
        self.connections.len() - self.unlisted.connected
    }

    /// Returns the number of sessions, connected or away, without those that are unlisted.
    pub fn known(&self) -> usize {
        self.peers.len() - self.unlisted.known
    }

    /// Returns the number of messages in all inboxes, and their bytes.
    pub fn stored(&self) -> (usize, usize) {
        self.store.totals()
    }

    /// Returns the bytes of attachments that the hub has room for.
    pub fn attachment_bytes(&self) -> usize {
        self.attachments.bytes()
    }

    /// Returns how many attachments are known.
    #[cfg(test)]
    fn transfers(&self) -> usize {
        self.attachments.len()
    }

    /// Returns since when the hub has had no connection but of unlisted sessions, and no mail.
    pub fn idle_since(&self) -> Option<Duration> {
        self.idle_since
    }

    fn in_restart_grace(&self, now: Duration) -> bool {
        now < self.timeouts.session_timeout
    }

    /// Returns the connection of a peer, if it is connected.
    fn connection_of(&self, key: &PeerKey) -> Option<ConnectionId> {
        Some(self.peers.get(key)?.connection.as_ref()?.id)
    }

    /// Returns whether a peer is connected, or was a moment ago.
    fn is_present(&self, key: &PeerKey, now: Duration) -> bool {
        self.peers.get(key).is_some_and(|peer| peer.is_present(now))
    }

    fn send(&mut self, to: ConnectionId, frame: ToBridge) {
        self.out.push(Output::Send(to, Box::new(frame)));
    }

    /// Returns what is to be sent at the end of a change.
    fn drain_outputs(&mut self, now: Duration) -> Vec<Output> {
        self.settle_watches(now);
        let idle = self.connected() == 0 && self.store.is_empty() && self.attachments.is_done();
        self.idle_since = if idle { self.idle_since.or(Some(now)) } else { None };
        std::mem::take(&mut self.out)
    }
}
