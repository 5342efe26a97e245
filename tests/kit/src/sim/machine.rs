//! A bridge as a pure machine: frames and the time go in, frames come out.

use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::handshake::{GroupKeys, NO_PIN};
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Context, HelloBody, ToBridge, ToHub, VERSION, WelcomeBody};
use junction_shared::secret::Secret;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};

use super::Page;
use junction_engine::error::Error;
use junction_engine::session::Session;
use junction_engine::{Command, ConnectionState, Draft, PageLimits, Snapshot, Submitted};

/// One session, from its first hello to its goodbye.
pub struct Machine(Session);

/// A message on its way into the outbox. Dropped before it was taken, it is never sent.
pub struct Sending(oneshot::Receiver<Result<Submitted, Error>>);

impl Sending {
    /// Whether the session took the message, once that is known: its id and its receiver, or nothing.
    pub fn taken(&mut self) -> Option<Option<(MessageId, PeerKey)>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer.ok().map(|sent| (sent.id, sent.receiver.key))),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Closed) => Some(None),
        }
    }
}

/// A look-up of a peer that may not have been answered yet.
pub struct Search(
    #[expect(dead_code, reason = "held: the session drops a look-up nobody waits for")] Answer,
);

type Answer = oneshot::Receiver<Result<PeerKey, Error>>;

impl Machine {
    /// A new identity in the group that the join secret makes.
    #[must_use]
    pub fn new(join_secret: &Secret, now: Instant) -> Self {
        let snapshot =
            watch::Sender::new(Snapshot::new("local".to_owned(), ConnectionState::Connected));
        let mut session = Session::new(snapshot, Context::default(), now);
        session.set_group(GroupKeys::derive(join_secret));
        Self(session)
    }

    /// The alias to ask for where none was granted yet.
    pub fn wish(&mut self, alias: Alias) {
        self.0.wish_for(alias);
    }

    /// What the next connection says of the session. Nothing only if it has no group.
    pub fn hello(&mut self) -> Option<HelloBody> {
        let caller = self.0.caller(NO_PIN)?;
        let (want, ticket) = caller.want.unzip();
        Some(HelloBody {
            version: VERSION,
            key: caller.key,
            dial: caller.dial,
            want,
            ticket: ticket.flatten(),
            nonce: [0; 32],
        })
    }

    /// The hub has welcomed the session on a new connection.
    pub fn welcomed(&mut self, welcome: WelcomeBody, now: Instant) {
        self.0.welcomed(welcome, now);
    }

    /// The connection is over.
    pub fn disconnected(&mut self) {
        self.0.disconnected();
    }

    /// The hub sent a frame.
    pub fn frame(&mut self, frame: ToBridge, now: Instant) {
        self.0.frame(frame, now);
    }

    /// The next frame for the hub, if there is one. A message counts as handed over by this call.
    pub fn next_frame(&mut self, now: Instant) -> Option<ToHub> {
        decode(&self.0.next_frame(now)?).ok()
    }

    /// Whether [`Machine::next_frame`] has one.
    pub fn has_frame(&mut self, now: Instant) -> bool {
        self.0.has_frame(now)
    }

    /// When [`Machine::on_time`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }

    /// Ends and drops what has outlived its time.
    pub fn on_time(&mut self, now: Instant) {
        self.0.on_time(now);
    }

    /// Looks up the peer that has this alias.
    pub fn find(&mut self, alias: Alias, now: Instant) -> Search {
        let (reply, answer) = oneshot::channel();
        self.0.command(Command::Lookup(alias, reply), now);
        Search(answer)
    }

    /// Sends a message to the peer that has this alias.
    pub fn send(
        &mut self,
        to: Alias,
        text: String,
        ttl: Option<Duration>,
        now: Instant,
    ) -> Sending {
        let draft = Draft { ttl, ..Draft::new(to, text) };
        let (reply, answer) = oneshot::channel();
        self.0.command(Command::Send(draft, reply), now);
        Sending(answer)
    }

    /// Reads what is there. Nothing while another page has not been settled.
    pub fn read(&mut self, limit: usize, now: Instant) -> Option<Page> {
        let (reply, mut answer) = oneshot::channel();
        self.0.command(
            Command::Read {
                limits: PageLimits { messages: limit, ..PageLimits::default() },
                wait: false,
                reply,
            },
            now,
        );
        answer.try_recv().ok()?.ok().map(Into::into)
    }

    /// Sees to pages that were written or dropped since.
    pub fn settle(&mut self, now: Instant) {
        self.0.settle_leases(now);
    }

    /// Leaves for good: the last frames for the hub.
    pub fn leave(&mut self, now: Instant) -> Vec<ToHub> {
        self.settle(now);
        let (last, _) = self.0.leave();
        last.iter().filter_map(|frame| decode(frame).ok()).collect()
    }
}
