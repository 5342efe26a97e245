//! A hub's state with a clock that tests control, and the frames its clients received.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::{GrantTime, ticket};
use junction_shared::protocol::id::{
    ConnectionId, Dial, Epoch, GroupId, MessageId, PeerKey, ReceiveKey, Seq,
};
use junction_shared::protocol::wire::{
    Answer, Card, Context, Envelope, Grant, Header, HelloBody, Kind, Question, Reach, Receipt,
    ReceiptKind, Send, SignedCard, Ticket, ToBridge, ToHub, WelcomeBody,
};
use junction_shared::secret::Secret;

use super::super::{HubEvent, Output, SeenSession, State, StateOptions, Timeouts};

pub(super) const TIMEOUT: Duration = Duration::from_secs(600);
pub(super) const SWEEP: Duration = Duration::from_secs(10);

/// How a connection ended, from the peer's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    Left,
    Closed(Close),
}

pub(super) struct World {
    pub(super) state: State,
    pub(super) now: Duration,
    frames: BTreeMap<ConnectionId, Vec<ToBridge>>,
    ended: BTreeMap<ConnectionId, ConnectionEnd>,
    dials: u64,
    /// The sessions, by what one who looks was told.
    observed: BTreeMap<PeerKey, SeenSession>,
}

/// Returns the key of a client.
pub(super) fn key(client: u8) -> PeerKey {
    PeerKey([client; 32])
}

/// Returns a message id.
pub(super) fn id(n: u8) -> MessageId {
    MessageId([n; 16])
}

/// Returns a ticket that this hub granted at this time.
pub(super) fn granted(client: u8, alias: &str, at: u64) -> Ticket {
    ticket(&ticket_key(), alias, &key(client), GrantTime(at))
}

pub(super) fn ticket_key() -> Secret {
    Secret::filled(|bytes| bytes.fill(7))
}

pub(super) fn signed(card: &Card) -> SignedCard {
    SignedCard { body: encode(card).to_vec(), mac: [0; 32], seat_signature: None, moves: None }
}

pub(super) fn card(client: u8, epoch: u64, alias: &str, role: Option<&str>) -> Card {
    let role = role.map(str::to_owned);
    Card {
        key: key(client),
        receive_key: ReceiveKey([client; 32]),
        epoch: Epoch(epoch),
        alias: alias.to_owned(),
        reach: Reach::Pull,
        context: Context { role, ..Context::default() },
        state: None,
        unwoken: None,
        features: None,
        attended: None,
        seat: None,
    }
}

pub(super) fn envelope(from: u8, to: u8, n: u8, size: usize) -> Envelope {
    let header = Header {
        group: GroupId([0; 16]),
        id: id(n),
        from: key(from),
        to: key(to),
        epoch: Epoch(1),
        enc: [0; 32],
        seq: Seq(1),
        sent_ms: 0,
        ttl_ms: 60_000,
        kind: Kind::Text,
    };
    Envelope { header, sealed: Bytes::from(vec![n; size]) }
}

/// Returns a first hand-over of an envelope.
pub(super) fn send(envelope: Envelope) -> Send {
    Send { envelope, age_ms: 0, resend: false, restart: false }
}

impl World {
    /// Creates a hub that has just started.
    pub(super) fn in_grace() -> Self {
        Self::started_at(1_700_000_000_000, None)
    }

    /// Creates a hub of this group that starts at this time of the wall clock.
    pub(super) fn started_at(started_ms: u64, group: Option<GroupId>) -> Self {
        let timeouts = Timeouts { session_timeout: TIMEOUT, sweep_interval: SWEEP };
        let mut world = Self {
            state: State::new(StateOptions {
                timeouts,
                ticket_key: ticket_key(),
                group,
                started_ms,
                seed: 1,
            }),
            now: Duration::ZERO,
            frames: BTreeMap::new(),
            ended: BTreeMap::new(),
            dials: 0,
            observed: BTreeMap::new(),
        };
        world.state.observe();
        world
    }

    /// Creates a hub that is older than the session timeout.
    pub(super) fn past_grace() -> Self {
        let mut world = Self::in_grace();
        world.pass(TIMEOUT);
        world
    }

    /// Lets time pass, and sweeps at every deadline on the way.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.state.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let outputs = self.state.sweep(self.now);
            self.take(outputs);
        }
        self.sleep(end - self.now);
    }

    /// Lets time pass while the hub is not running.
    pub(super) fn sleep(&mut self, time: Duration) {
        self.now += time;
        let outputs = self.state.sweep(self.now);
        self.take(outputs);
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(to, frame) => self.frames.entry(to).or_default().push(*frame),
                Output::MailReady(_) => {}
                Output::Close(id, close) => _ = self.ended.insert(id, ConnectionEnd::Closed(close)),
                Output::Left(id) => _ = self.ended.insert(id, ConnectionEnd::Left),
            }
        }
        self.look();
    }

    /// Takes what one who looks is told, and checks that it shows every session as it is.
    fn look(&mut self) {
        for event in self.state.take_events() {
            match event {
                HubEvent::Joined(session) => {
                    assert!(self.observed.insert(session.card().key, session).is_none());
                }
                HubEvent::Changed(session) => {
                    assert!(self.observed.insert(session.card().key, session).is_some());
                }
                HubEvent::Left(key) => assert!(self.observed.remove(&key).is_some()),
                HubEvent::Message(_) => {}
            }
        }
        let shown = self.state.shown_sessions();
        assert!(shown.keys().eq(self.observed.keys()), "nobody is missing, and nobody too many");
        assert!(shown.values().zip(self.observed.values()).all(|(is, told)| is.is_same(told)));
    }

    /// Returns a hello with the next dial.
    pub(super) fn hello(
        &mut self,
        client: u8,
        want: Option<&str>,
        ticket: Option<Ticket>,
    ) -> HelloBody {
        self.dials += 1;
        HelloBody {
            version: 1,
            key: key(client),
            dial: Dial(self.dials),
            want: want.map(str::to_owned),
            ticket,
            nonce: [0; 32],
            unlisted: None,
            seat: None,
        }
    }

    pub(super) fn greet(&mut self, hello: &HelloBody) -> Result<WelcomeBody, Close> {
        let connected = self.state.connect(hello, self.now)?;
        self.take(connected.outputs);
        Ok(connected.welcome)
    }

    /// Connects a client that requests an alias and sends no card.
    pub(super) fn connect(
        &mut self,
        client: u8,
        want: Option<&str>,
        ticket: Option<Ticket>,
    ) -> WelcomeBody {
        let hello = self.hello(client, want, ticket);
        self.greet(&hello).unwrap()
    }

    /// Connects a client and publishes its first card.
    pub(super) fn join(&mut self, client: u8, want: &str) -> ConnectionId {
        self.join_as(client, want, None)
    }

    /// Connects a client and publishes a first card with a role.
    pub(super) fn join_as(&mut self, client: u8, want: &str, role: Option<&str>) -> ConnectionId {
        let welcome = self.connect(client, Some(want), None);
        let Grant { alias, .. } = welcome.grant;
        self.publish(welcome.connection, &card(client, 1, &alias, role));
        welcome.connection
    }

    pub(super) fn publish(&mut self, connection: ConnectionId, card: &Card) {
        self.say(connection, ToHub::Card(signed(card)));
    }

    pub(super) fn say(&mut self, connection: ConnectionId, frame: ToHub) {
        let outputs = self.state.frame(connection, frame, self.now);
        self.take(outputs);
    }

    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        let outputs = self.state.disconnected(connection, self.now);
        self.take(outputs);
    }

    /// Asks, and returns the answer if it came at once.
    pub(super) fn ask(&mut self, connection: ConnectionId, question: Question) -> Option<Answer> {
        self.received(connection);
        self.say(connection, ToHub::Ask(1, question));
        match self.received(connection).pop() {
            Some(ToBridge::Answer(1, answer)) => Some(answer),
            _ => None,
        }
    }

    /// Hands a message over, and returns the answer.
    pub(super) fn hand(&mut self, connection: ConnectionId, send: Send) -> ToBridge {
        self.received(connection);
        self.say(connection, ToHub::Send(send));
        let mut frames = self.received(connection);
        let answer = frames.remove(0);
        let news = |frame: &ToBridge| matches!(frame, ToBridge::Room(_));
        assert!(frames.iter().all(news), "one answer to each hand-over");
        self.frames.insert(connection, frames);
        answer
    }

    pub(super) fn receipt(&mut self, connection: ConnectionId, to: u8, n: u8, kind: ReceiptKind) {
        let receipt =
            Receipt { to: key(to), id: id(n), kind, mac: [0; 32], outlook: None, seat: None };
        self.say(connection, ToHub::Receipt(receipt));
    }

    /// Returns the frames that a connection received since the last call.
    pub(super) fn received(&mut self, connection: ConnectionId) -> Vec<ToBridge> {
        self.frames.remove(&connection).unwrap_or_default()
    }

    /// Returns everything that can be pushed on a connection now.
    pub(super) fn pushes(&mut self, connection: ConnectionId) -> Vec<ToBridge> {
        std::iter::from_fn(|| self.state.next_push(connection, self.now)).collect()
    }

    /// Returns the ids of the messages that can be pushed on a connection now.
    pub(super) fn pushed(&mut self, connection: ConnectionId) -> Vec<MessageId> {
        let delivered = |frame| match frame {
            ToBridge::Deliver(envelope, _) => Some(envelope.header.id),
            _ => None,
        };
        self.pushes(connection).into_iter().filter_map(delivered).collect()
    }

    pub(super) fn ended(&self, connection: ConnectionId) -> Option<ConnectionEnd> {
        self.ended.get(&connection).copied()
    }
}
