//! Random sequences of events by several clients, checked against a model that is too simple to be wrong: one
//! list of mail in order of arrival, searched from end to end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{ConnectionId, PeerKey};
use junction_shared::protocol::limits::{
    INBOX_BYTES, INBOX_MESSAGES, MAX_SEALED, PAIR_BYTES, PAIR_MESSAGES,
};
use junction_shared::protocol::wire::{
    LookupTarget, Question, ReceiptKind, Refusal, Send, ToBridge, ToHub,
};
use proptest::prelude::*;

use super::super::aliases::AliasOwner;
use super::super::inbox::charge;
use super::world::{TIMEOUT, World, card, envelope, id, key, send, signed};

/// The number of clients. One more number stands for a peer that never connects.
const CLIENTS: u8 = 4;

#[derive(Clone, Debug)]
enum ModelEvent {
    Connect(u8),
    Drop(u8),
    Leave(u8),
    Rename(u8, &'static str),
    Lookup(u8, u8),
    Send { from: u8, to: u8, ids: std::ops::Range<u8>, size: usize, resend: bool, restart: bool },
    Push(u8),
    Receipt { by: u8, from: u8, n: u8, kind: ReceiptKind },
    ReadAll(u8),
    Repush(u8),
    Pass(Duration),
}

fn event() -> impl Strategy<Value = ModelEvent> {
    let client = || 0..CLIENTS;
    let sends = (client(), 0..=CLIENTS, 0..60u8, 1..20u8, size(), any::<bool>(), any::<bool>());
    let receipts = (client(), client(), 0..80u8, kind());
    prop_oneof![
        4 => client().prop_map(ModelEvent::Connect),
        1 => client().prop_map(ModelEvent::Drop),
        1 => client().prop_map(ModelEvent::Leave),
        1 => (client(), alias()).prop_map(|(client, alias)| ModelEvent::Rename(client, alias)),
        1 => (client(), 0..=CLIENTS).prop_map(|(client, of)| ModelEvent::Lookup(client, of)),
        8 => sends.prop_map(|(from, to, first, count, size, resend, restart)| {
            ModelEvent::Send { from, to, ids: first..first + count, size, resend, restart }
        }),
        6 => client().prop_map(ModelEvent::Push),
        4 => receipts.prop_map(|(by, from, n, kind)| ModelEvent::Receipt { by, from, n, kind }),
        1 => client().prop_map(ModelEvent::ReadAll),
        1 => client().prop_map(ModelEvent::Repush),
        2 => (0..TIMEOUT.as_secs() / 2).prop_map(|s| ModelEvent::Pass(Duration::from_secs(s))),
    ]
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![Just(272), Just(4096 + 16), Just(MAX_SEALED)]
}

fn kind() -> impl Strategy<Value = ReceiptKind> {
    use ReceiptKind::{Expired, Opened, Read, Stale};
    prop_oneof![Just(Opened), Just(Read), Just(Expired), Just(Stale)]
}

fn alias() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("worker-1"),
        Just("worker1"),
        Just("w0rker-l"),
        Just("worker-2"),
        Just("critic")
    ]
}

/// One message of the model.
struct StoredMessage {
    arrival: usize,
    send: Send,
    end: Duration,
}

impl StoredMessage {
    fn is(&self, to: u8, from: u8, n: u8) -> bool {
        let header = &self.send.envelope.header;
        header.to == key(to) && header.from == key(from) && header.id == id(n)
    }

    fn charge(&self) -> usize {
        charge(self.send.envelope.sealed.len())
    }
}

#[derive(Default)]
struct ModelSession {
    connection: Option<ConnectionId>,
    last_seen: Duration,
    /// Until when the session is extended, if it is.
    extended_until: Option<Duration>,
    /// The next push is taken from here.
    cursor: usize,
    epoch: u64,
}

struct Model {
    world: World,
    sessions: BTreeMap<u8, ModelSession>,
    left: BTreeSet<u8>,
    mail: Vec<StoredMessage>,
    deferred: BTreeSet<(u8, u8)>,
    arrivals: usize,
}

impl Model {
    fn new() -> Self {
        Self {
            world: World::in_grace(),
            sessions: BTreeMap::new(),
            left: BTreeSet::new(),
            mail: Vec::new(),
            deferred: BTreeSet::new(),
            arrivals: 0,
        }
    }

    /// Returns the connection of a client. Using it is a sign of life.
    fn uses(&mut self, client: u8) -> Option<ConnectionId> {
        let session = self.sessions.get_mut(&client)?;
        let connection = session.connection?;
        session.last_seen = self.world.now;
        session.extended_until = None;
        Some(connection)
    }

    fn apply(&mut self, event: ModelEvent) {
        match event {
            ModelEvent::Connect(client) => self.connect(client),
            ModelEvent::Drop(client) => self.disconnect(client),
            ModelEvent::Leave(client) => self.leave(client),
            ModelEvent::Rename(client, alias) => self.rename(client, alias),
            ModelEvent::Lookup(client, of) => {
                if let Some(connection) = self.uses(client) {
                    let target = LookupTarget::Key(key(of));
                    self.world.say(connection, ToHub::Ask(1, Question::Lookup(target)));
                }
            }
            ModelEvent::Send { from, to, ids, size, resend, restart } => {
                for n in ids {
                    let send = Send { resend, restart, ..send(envelope(from, to, n, size)) };
                    self.send(from, to, n, send);
                }
            }
            ModelEvent::Push(client) => self.push(client),
            ModelEvent::Receipt { by, from, n, kind } => self.receipt(by, from, n, kind),
            ModelEvent::ReadAll(client) => {
                for (from, n) in (0..CLIENTS).flat_map(|from| (0..80).map(move |n| (from, n))) {
                    self.receipt(client, from, n, ReceiptKind::Read);
                }
            }
            ModelEvent::Repush(client) => self.repush(client),
            ModelEvent::Pass(time) => self.pass(time),
        }
    }

    fn connect(&mut self, client: u8) {
        let welcome = self.world.connect(client, None, None);
        assert_eq!(welcome.resumed, self.sessions.contains_key(&client));
        let session = self.sessions.entry(client).or_default();
        session.epoch += 1;
        session.connection = Some(welcome.connection);
        session.last_seen = self.world.now;
        session.extended_until = None;
        session.cursor = 0;
        let card = card(client, session.epoch, &welcome.grant.alias, None);
        self.world.publish(welcome.connection, &card);
        self.left.remove(&client);
    }

    fn disconnect(&mut self, client: u8) {
        let session = self.sessions.get_mut(&client);
        if let Some(connection) = session.and_then(|session| session.connection.take()) {
            self.world.disconnect(connection);
        }
    }

    fn leave(&mut self, client: u8) {
        let Some(connection) = self.uses(client) else { return };
        self.world.say(connection, ToHub::Leave);
        if self.world.now < TIMEOUT {
            self.left.insert(client);
        }
        self.end(client);
    }

    fn end(&mut self, client: u8) {
        self.sessions.remove(&client);
        self.mail.retain(|stored| stored.send.envelope.header.to != key(client));
        self.deferred.retain(|(to, from)| *to != client && *from != client);
    }

    fn rename(&mut self, client: u8, alias: &str) {
        let Some(connection) = self.uses(client) else { return };
        let Some(session) = self.sessions.get_mut(&client) else { return };
        session.epoch += 1;
        let wish = signed(&card(client, session.epoch, alias, None));
        self.world.say(connection, ToHub::Ask(1, Question::Rename(wish)));
    }

    fn send(&mut self, from: u8, to: u8, n: u8, send: Send) {
        let Some(connection) = self.uses(from) else { return };
        let expected = self.judge(from, to, n, &send);
        assert_eq!(self.world.hand(connection, send), expected);
    }

    fn judge(&mut self, from: u8, to: u8, n: u8, send: &Send) -> ToBridge {
        if from == to {
            return ToBridge::Refused(id(n), Refusal::ToSelf);
        }
        if send.restart {
            self.deferred.remove(&(to, from));
        }
        if let Some(stored) = self.mail.iter().find(|stored| stored.is(to, from, n)) {
            let same = stored.send.envelope == send.envelope;
            return if same {
                ToBridge::Accepted(id(n))
            } else {
                ToBridge::Refused(id(n), Refusal::IdConflict)
            };
        }
        let in_grace = self.world.now < TIMEOUT;
        if !self.sessions.contains_key(&to) && (!in_grace || self.left.contains(&to)) {
            return ToBridge::Refused(id(n), Refusal::Gone);
        }
        if self.deferred.contains(&(to, from)) {
            return ToBridge::Later(id(n));
        }
        let more = charge(send.envelope.sealed.len());
        let (inbox, inbox_bytes) = self.usage(|stored| stored.send.envelope.header.to == key(to));
        let (pair, pair_bytes) = self.usage(|stored| {
            let header = &stored.send.envelope.header;
            header.to == key(to) && header.from == key(from)
        });
        let full = inbox == INBOX_MESSAGES
            || pair == PAIR_MESSAGES
            || inbox_bytes + more > INBOX_BYTES
            || pair_bytes + more > PAIR_BYTES;
        if full && send.resend {
            self.deferred.insert((to, from));
            return ToBridge::Later(id(n));
        }
        if full {
            return ToBridge::Refused(id(n), Refusal::InboxFull);
        }
        self.arrivals += 1;
        let end = self.world.now + Duration::from_millis(send.envelope.header.ttl_ms);
        self.mail.push(StoredMessage { arrival: self.arrivals, send: send.clone(), end });
        ToBridge::Accepted(id(n))
    }

    /// Returns the number of messages that match, and their charge.
    fn usage(&self, which: impl Fn(&StoredMessage) -> bool) -> (usize, usize) {
        let charges = self.mail.iter().filter(|stored| which(stored)).map(StoredMessage::charge);
        charges.fold((0, 0), |(count, bytes), charge| (count + 1, bytes + charge))
    }

    fn push(&mut self, client: u8) {
        let Some(session) = self.sessions.get_mut(&client) else { return };
        let Some(connection) = session.connection else { return };
        let pushed = self.world.state.next_push(connection, self.world.now);
        let mine = |stored: &&StoredMessage| {
            stored.send.envelope.header.to == key(client) && stored.arrival >= session.cursor
        };
        let Some(stored) = self.mail.iter().find(mine) else { return assert_eq!(pushed, None) };
        session.cursor = stored.arrival + 1;
        let Some(ToBridge::Deliver(envelope, _)) = pushed else { panic!("{pushed:?}") };
        assert_eq!(envelope, stored.send.envelope);
    }

    fn receipt(&mut self, by: u8, from: u8, n: u8, kind: ReceiptKind) {
        let Some(connection) = self.uses(by) else { return };
        self.world.receipt(connection, from, n, kind);
        if kind != ReceiptKind::Opened {
            self.mail.retain(|stored| !stored.is(by, from, n));
        }
    }

    fn repush(&mut self, client: u8) {
        let Some(connection) = self.uses(client) else { return };
        self.world.say(connection, ToHub::Repush);
        let answer = self.world.state.next_push(connection, self.world.now);
        assert_eq!(answer, Some(ToBridge::Repushing));
        if let Some(session) = self.sessions.get_mut(&client) {
            session.cursor = 0;
        }
    }

    fn pass(&mut self, time: Duration) {
        self.world.pass(time);
        let now = self.world.now;
        self.mail.retain(|stored| stored.end > now);
        for session in self.sessions.values_mut().filter(|session| session.connection.is_some()) {
            if session.last_seen + TIMEOUT <= now && session.extended_until.is_none() {
                session.extended_until = Some(session.last_seen + TIMEOUT + TIMEOUT / 3);
            }
        }
        let over = |(client, session): (&u8, &ModelSession)| {
            (session.extended_until.unwrap_or(session.last_seen + TIMEOUT) <= now)
                .then_some(*client)
        };
        for client in self.sessions.iter().filter_map(over).collect::<Vec<_>>() {
            self.end(client);
        }
        if now >= TIMEOUT {
            self.left.clear();
            let known: BTreeMap<_, _> =
                self.sessions.keys().map(|client| (key(*client), client)).collect();
            self.mail.retain(|stored| known.contains_key(&stored.send.envelope.header.to));
            self.deferred.retain(|(to, _)| known.contains_key(&key(*to)));
        }
    }

    fn check(&self) {
        let state = &self.world.state;
        assert_eq!(state.store.bytes(), self.usage(|_| true).1);
        assert_eq!(state.backpressure.len(), self.deferred.len());
        for (to, from, charge) in state.backpressure.unnotified() {
            assert!(!state.store.has_room(&to, &from, charge), "room, and nobody told {from}");
        }
        let online = self.sessions.values().filter(|session| session.connection.is_some()).count();
        assert_eq!(state.connected(), online);
        assert_eq!(state.peers.len(), self.sessions.len());
        if let Some(next) = state.next_deadline() {
            assert!(next > self.world.now, "something stayed past its end");
        }
        // One deadline for each session and message, and one for the restart grace: none is left over.
        let in_grace = usize::from(self.world.now < TIMEOUT);
        assert_eq!(state.deadlines.len(), self.sessions.len() + self.mail.len() + in_grace);
        for client in 0..CLIENTS {
            assert_eq!(state.tombstones.has_left(&key(client)), self.left.contains(&client));
        }
        self.check_aliases();
    }

    fn check_aliases(&self) {
        let peers = &self.world.state.peers;
        let owner = |alias: &Alias| self.world.state.aliases.owner(alias);
        // Each peer owns its alias, so no two have similar ones.
        let owned = |(key, alias): (&PeerKey, &Alias)| owner(alias) == Some(AliasOwner::Peer(*key));
        assert!(peers.iter().all(|(key, peer)| owned((key, &peer.alias))));
        assert_eq!(self.world.state.aliases.len(), peers.len());
        let listed = peers.values().filter(|peer| peer.valid_card().is_some()).count();
        assert_eq!(self.world.state.listing.cards().count(), listed);
    }

    /// Ends every session and checks that nothing is left.
    fn end_all(mut self) {
        for client in 0..CLIENTS {
            self.disconnect(client);
        }
        self.pass(TIMEOUT * 2);
        self.check();
        let state = &self.world.state;
        assert!(state.peers.is_empty() && state.store.is_empty() && state.tombstones.is_empty());
        assert_eq!((state.store.bytes(), state.next_deadline()), (0, None));
        assert_eq!(state.subscriptions.subjects(), BTreeSet::new());
        assert!(state.idle_since().is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_state_agrees_with_the_model(events in prop::collection::vec(event(), 1..120)) {
        let mut model = Model::new();
        for event in events {
            model.apply(event);
            model.check();
        }
        model.end_all();
    }
}
