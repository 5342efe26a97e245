//! Sessions against a hub that fits on a page, honest or not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use junction_shared::protocol::codec::decode;
use junction_shared::protocol::handshake::NO_PIN;
use junction_shared::protocol::id::{ConnectionId, Epoch, MessageId, RepositoryTag};
use junction_shared::protocol::limits::SESSION_TIMEOUT;
use junction_shared::protocol::wire::{
    Answer, Card, Envelope, Grant, HUB_FEATURES, Listed, LookupTarget, Naming, Page, Question,
    Receipt, ReceiptKind, SealedClaims, SignedCard, Standing, Ticket, ToBridge,
};
use junction_shared::secret::Secret;

use tokio::sync::oneshot;

use super::*;
use crate::error::Error;
use crate::{
    Change, Command, ConnectionState, Draft, MailPage, PageLimits, Status, Submitted, WaitEnd,
};

mod aliases;
mod asks;
mod dishonest;
mod life;
mod outlooks;
mod persons;
mod pins;

/// Two sessions of one group and what a hub keeps for them.
struct Stage {
    now: Instant,
    sessions: HashMap<&'static str, Session>,
    keys: HashMap<PeerKey, &'static str>,
    cards: HashMap<PeerKey, SignedCard>,
    inboxes: HashMap<PeerKey, Vec<Envelope>>,
    repositories: HashMap<PeerKey, Vec<RepositoryTag>>,
    /// Whether what was read leaves the inbox, as it does in an honest hub.
    forgets: bool,
    /// Whether the hub says that it is older than the session timeout.
    past_restart_grace: bool,
    /// The features that the hub names.
    features: Option<u32>,
    /// What a dishonest hub does to the frames it sends.
    tamper: fn(&mut Vec<ToBridge>),
}

type PendingSend = oneshot::Receiver<Result<Submitted, Error>>;

fn snapshot() -> watch::Sender<Snapshot> {
    watch::Sender::new(Snapshot::new("local".to_owned(), ConnectionState::Connected))
}

impl Stage {
    /// Alice and Bob, both welcomed.
    fn new() -> Self {
        let mut stage = Self {
            now: Instant::now(),
            sessions: HashMap::new(),
            keys: HashMap::new(),
            cards: HashMap::new(),
            inboxes: HashMap::new(),
            repositories: HashMap::new(),
            forgets: false,
            past_restart_grace: false,
            features: Some(HUB_FEATURES),
            tamper: |_| {},
        };
        for name in ["alice", "bob"] {
            stage.enter(name, name);
        }
        stage.run();
        stage
    }

    fn enter(&mut self, name: &'static str, alias: &str) {
        let mut session = Session::new(snapshot(), Context::default(), self.now);
        session.set_group(GroupKeys::derive(&Secret::filled(|key| key.fill(7))));
        assert!(session.caller(NO_PIN).is_some());
        self.keys.insert(session.membership.key(), name);
        self.sessions.insert(name, session);
        self.welcome(name, alias);
    }

    fn welcome(&mut self, name: &'static str, alias: &str) {
        let grant = Grant { alias: alias.to_owned(), ticket: Ticket([0; 32]) };
        let welcome = WelcomeBody {
            grant,
            connection: ConnectionId(1),
            resumed: false,
            session_timeout_ms: 1_800_000,
            sweep_interval_ms: 60_000,
            past_restart_grace: self.past_restart_grace.then_some(true),
            features: self.features,
            seat: None,
        };
        let now = self.now;
        self.session(name).welcomed(&welcome, now);
    }

    fn session(&mut self, name: &str) -> &mut Session {
        self.sessions.get_mut(name).unwrap()
    }

    fn key(&self, name: &str) -> PeerKey {
        self.sessions[name].membership.key()
    }

    /// Carries frames until nobody has any.
    fn run(&mut self) {
        let names: Vec<_> = self.sessions.keys().copied().collect();
        while names.iter().any(|name| self.turn(name)) {}
    }

    fn turn(&mut self, name: &'static str) -> bool {
        let now = self.now;
        let Some(frame) = self.session(name).next_frame(now) else { return false };
        let from = self.key(name);
        for (to, mut frames) in self.hub(from, decode(&frame).unwrap()) {
            (self.tamper)(&mut frames);
            let Some(name) = self.keys.get(&to).copied() else { continue };
            for frame in frames {
                self.session(name).frame(frame, now);
            }
        }
        true
    }

    /// The hub that fits on a page.
    fn hub(&mut self, from: PeerKey, frame: ToHub) -> Vec<(PeerKey, Vec<ToBridge>)> {
        match frame {
            ToHub::Card(card) => {
                self.cards.insert(from, card.clone());
                let news =
                    |to| (to, vec![ToBridge::Peer(from, Standing::Online, Some(card.clone()))]);
                self.keys.keys().map(|key| news(*key)).collect()
            }
            ToHub::Ask(req, question) => {
                let answer = self.answer(from, question);
                vec![(from, vec![ToBridge::Answer(req, answer)])]
            }
            ToHub::Send(send) => {
                let (to, id) = (send.envelope.header.to, send.envelope.header.id);
                self.inboxes.entry(to).or_default().push(send.envelope.clone());
                let pushed = vec![ToBridge::Deliver(send.envelope, send.age_ms)];
                vec![(from, vec![ToBridge::Accepted(id)]), (to, pushed)]
            }
            ToHub::Receipt(receipt) => {
                if receipt.kind == ReceiptKind::Read && self.forgets {
                    self.inboxes
                        .entry(from)
                        .or_default()
                        .retain(|mail| mail.header.id != receipt.id);
                }
                vec![(receipt.to, vec![ToBridge::Receipt(receipt)])]
            }
            ToHub::Repush => {
                let inbox = self.inboxes.entry(from).or_default().iter().cloned();
                let pushed = inbox.map(|envelope| ToBridge::Deliver(envelope, 0));
                vec![(from, std::iter::once(ToBridge::Repushing).chain(pushed).collect())]
            }
            ToHub::Hello(_)
            | ToHub::Unwatch(_)
            | ToHub::Leave
            | ToHub::Vacate
            | ToHub::Offer(_)
            | ToHub::Withdraw(_)
            | ToHub::Chunk(_)
            | ToHub::Fetch(_)
            | ToHub::AttachmentReceipt(_) => Vec::new(),
            ToHub::Repositories(tags) => self.work_in(from, tags),
            ToHub::Claims(claims) => {
                let to = claims.peer;
                vec![(to, vec![ToBridge::Claims(SealedClaims { peer: from, ..claims })])]
            }
            ToHub::Return(word) => vec![(word.to, vec![ToBridge::Returned(word)])],
        }
    }

    /// Tells sessions of each other that work in one repository.
    fn work_in(
        &mut self,
        from: PeerKey,
        tags: Vec<RepositoryTag>,
    ) -> Vec<(PeerKey, Vec<ToBridge>)> {
        let mut frames = Vec::new();
        for tag in &tags {
            let there = |(key, named): (&PeerKey, &Vec<_>)| {
                (*key != from && named.contains(tag)).then_some(*key)
            };
            let others: Vec<_> = self.repositories.iter().filter_map(there).collect();
            let joined = |other: &PeerKey| (*other, vec![ToBridge::RepositoryJoined(*tag, from)]);
            frames.extend(others.iter().map(joined));
            frames.push((from, vec![ToBridge::SameRepository(*tag, others)]));
        }
        self.repositories.insert(from, tags);
        frames
    }

    fn answer(&mut self, from: PeerKey, question: Question) -> Answer {
        let named = |alias: &str| {
            let name = self
                .sessions
                .iter()
                .find(|(_, s)| s.membership.alias().is_some_and(|a| a.as_str() == alias));
            name.map(|(name, _)| self.key(name))
        };
        match question {
            Question::Rename(card) => {
                let body: Card = decode(&card.body).unwrap();
                if body.alias == "taken" {
                    return Answer::Named(Naming::Taken { free: "taken-2".to_owned() });
                }
                self.cards.insert(from, card);
                Answer::Named(Naming::Granted(Grant { alias: body.alias, ticket: Ticket([0; 32]) }))
            }
            Question::Lookup(target) => {
                let key = match target {
                    LookupTarget::Alias(alias) => named(&alias),
                    LookupTarget::Key(key) => Some(key),
                    LookupTarget::Seat(_) => None,
                };
                let card = key.and_then(|key| self.cards.get(&key).cloned());
                Answer::Found(if card.is_some() { Standing::Online } else { Standing::Gone }, card)
            }
            Question::List(_) => Answer::Page(Page { peers: Vec::new(), total: 0, next: None }),
            Question::Watch(_) => Answer::Busy,
        }
    }

    /// Asks a session something and carries frames until it has answered.
    fn ask<T>(
        &mut self,
        name: &'static str,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (reply, mut answer) = oneshot::channel();
        let now = self.now;
        self.session(name).command(command(reply), now);
        self.run();
        answer.try_recv().expect("the session has answered")
    }

    fn try_send(&mut self, from: &'static str, draft: Draft) -> Result<Submitted, Error> {
        self.ask(from, |reply| Command::Send(draft, reply))
    }

    fn send(&mut self, from: &'static str, to: &str, body: &str) -> Submitted {
        self.try_send(from, draft(to, body)).unwrap()
    }

    /// Sends without carrying any frame.
    fn begin_send(&mut self, from: &'static str, draft: Draft) -> PendingSend {
        let (reply, answer) = oneshot::channel();
        let now = self.now;
        self.session(from).command(Command::Send(draft, reply), now);
        answer
    }

    /// Has the hub show a card of this session that names these features.
    fn name_features(&mut self, name: &'static str, features: Option<u32>) {
        let key = self.key(name);
        let card: Card = decode(&self.cards[&key].body).unwrap();
        let (group, _) = self.session(name).membership.keys().unwrap();
        let signed = crate::seal::sign_card(group, &Card { features, ..card }, None);
        self.cards.insert(key, signed);
    }

    fn read(&mut self, name: &'static str) -> MailPage {
        self.ask(name, |reply| Command::Read { limits: PageLimits::default(), wait: false, reply })
            .unwrap()
    }

    /// Reads, and counts the answer as written.
    fn read_for_good(&mut self, name: &'static str) -> Vec<String> {
        let page = self.read(name);
        let bodies = page.messages.iter().map(|message| message.body.to_string()).collect();
        page.lease.ack();
        self.end_lease(name);
        bodies
    }

    fn end_lease(&mut self, name: &'static str) {
        let now = self.now;
        let session = self.session(name);
        session.drain_leases(now);
        self.run();
    }

    fn misbehaviour(&self, name: &str) -> u32 {
        self.sessions[name].snapshot.borrow().misbehaviour
    }
}

fn draft(to: &str, body: &str) -> Draft {
    Draft::new(Alias::parse(to).unwrap(), body.to_owned())
}

#[test]
fn a_message_goes_from_queued_to_read() {
    let mut stage = Stage::new();
    let sent = stage.send("alice", "bob", "hello");
    assert_eq!(*sent.status.borrow(), Status::Opened);
    assert_eq!(stage.session("bob").snapshot.borrow().unread.count, 1);
    assert_eq!(stage.read_for_good("bob"), ["hello"]);
    assert_eq!(*sent.status.borrow(), Status::Read);
    let ends = stage.read("alice").receipts;
    assert_eq!(
        ends.iter().map(|end| (end.id, end.status)).collect::<Vec<_>>(),
        [(sent.id, Status::Read)]
    );
}

#[test]
fn an_answer_that_never_left_gives_messages_and_receipts_back() {
    let mut stage = Stage::new();
    let sent = stage.send("alice", "bob", "hello");
    drop(stage.read("bob"));
    stage.end_lease("bob");
    assert_eq!(*sent.status.borrow(), Status::Opened);
    assert_eq!(stage.read_for_good("bob"), ["hello"]);
    drop(stage.read("alice"));
    stage.end_lease("alice");
    assert_eq!(stage.read("alice").receipts.len(), 1);
}

#[test]
fn a_second_read_waits_for_the_first_answer() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "one");
    let first = stage.read("bob");
    stage.send("alice", "bob", "two");
    let (reply, mut second) = oneshot::channel();
    let now = stage.now;
    stage
        .session("bob")
        .command(Command::Read { limits: PageLimits::default(), wait: false, reply }, now);
    assert!(second.try_recv().is_err());
    drop(first);
    stage.end_lease("bob");
    let page = second.try_recv().unwrap().unwrap();
    let bodies: Vec<_> = page.messages.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["one", "two"]);
}

#[test]
fn a_reply_goes_to_the_call_that_waits_for_it_alone() {
    let mut stage = Stage::new();
    let question = Draft { wait: Duration::from_secs(9), ..draft("bob", "question") };
    let mut asked = stage.try_send("alice", question).unwrap();
    stage.enter("carol", "carol");
    stage.run();
    stage.send("carol", "alice", "something else");
    let answer = Draft { reply_to: Some(asked.id), ..draft("alice", "answer") };
    let answered = stage.try_send("bob", answer).unwrap();
    let WaitEnd::Reply(message, lease) = asked.wait_end.try_recv().unwrap() else {
        panic!("no reply")
    };
    assert_eq!((message.body.as_str(), message.reply_to), ("answer", Some(asked.id)));
    lease.ack();
    stage.end_lease("alice");
    assert_eq!(*answered.status.borrow(), Status::Read);
    assert_eq!(stage.read_for_good("alice"), ["something else"]);
}

#[test]
fn a_reply_whose_call_has_gone_waits_for_a_reader() {
    let mut stage = Stage::new();
    let question = Draft { wait: Duration::from_secs(9), ..draft("bob", "question") };
    let asked = stage.try_send("alice", question).unwrap();
    let id = asked.id;
    drop(asked);
    let answer = Draft { reply_to: Some(id), ..draft("alice", "answer") };
    stage.try_send("bob", answer).unwrap();
    assert_eq!(stage.read_for_good("alice"), ["answer"]);
}

#[test]
fn messages_that_wait_for_a_look_up_keep_their_order() {
    let mut stage = Stage::new();
    let mut waiting: Vec<_> =
        ["one", "two"].map(|body| stage.begin_send("alice", draft("bob", body))).into();
    assert!(waiting.iter_mut().all(|sent| sent.try_recv().is_err()), "Bob has to be looked up");
    // The first answer is enough for both, and the card is known from then on.
    let key = stage.key("bob");
    while stage.session("alice").directory.get(&key).is_none() {
        assert!(stage.turn("alice"));
    }
    waiting.push(stage.begin_send("alice", draft("bob", "three")));
    stage.run();
    assert!(waiting.into_iter().all(|mut sent| sent.try_recv().unwrap().is_ok()));
    assert_eq!(stage.read_for_good("bob"), ["one", "two", "three"]);
}

#[test]
fn message_to_a_known_card_does_not_overtake_those_that_wait_while_the_hub_is_away() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "one");
    stage.session("alice").disconnected();
    stage.welcome("alice", "alice");
    // Of the new connection nothing is known yet.
    let mut second = stage.begin_send("alice", draft("bob", "two"));
    assert!(second.try_recv().is_err());
    stage.session("alice").disconnected();
    let mut third = stage.begin_send("alice", draft("bob", "three"));
    for sent in [&mut second, &mut third] {
        assert_eq!(*sent.try_recv().unwrap().unwrap().status.borrow(), Status::Queued);
    }
    stage.welcome("alice", "alice");
    stage.run();
    assert_eq!(stage.read_for_good("bob"), ["one", "two", "three"]);
}

#[test]
fn message_whose_caller_gave_up_before_the_look_up_ended_is_not_sent() {
    let mut stage = Stage::new();
    drop(stage.begin_send("alice", draft("bob", "given up")));
    stage.send("alice", "bob", "meant");
    assert_eq!(stage.read_for_good("bob"), ["meant"]);
}

#[test]
fn message_to_an_unknown_alias_is_an_error() {
    let mut stage = Stage::new();
    for _ in 0..2 {
        let error = stage.try_send("alice", draft("nobody", "hello")).err();
        assert_eq!(error, Some(Error::UnknownAlias(Alias::parse("nobody").unwrap())));
    }
    let own = stage.try_send("alice", draft("alice", "hello")).err();
    assert_eq!(own, Some(Error::ToSelf));
}

#[test]
fn a_change_of_card_keeps_mail_on_its_way_readable() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "before");
    let change = Change { role: Some("worker".to_owned()), ..Change::default() };
    let registered = stage.ask("bob", |reply| Command::Apply(change, reply)).unwrap();
    assert_eq!(registered.context.role.as_deref(), Some("worker"));
    let epoch = stage.session("bob").card.receive_keys.epoch();
    assert_eq!(epoch, Epoch(2));
    stage.send("alice", "bob", "after");
    let (now, old) = (stage.now, stage.inboxes[&stage.key("bob")][0].clone());
    stage.session("bob").frame(ToBridge::Deliver(old, 0), now);
    assert_eq!(stage.read_for_good("bob"), ["before", "after"]);
    assert_eq!(stage.misbehaviour("bob"), 0);
}

#[test]
fn an_epoch_whose_key_has_died_is_answered_by_stale_and_ends_unconfirmed() {
    let mut stage = Stage::new();
    let sent = stage.send("alice", "bob", "hello");
    stage.read_for_good("bob");
    let mut envelope = stage.inboxes[&stage.key("bob")][0].clone();
    let second = stage.send("alice", "bob", "second");
    envelope.header.id = second.id;
    envelope.header.epoch = Epoch(99);
    let now = stage.now;
    stage.session("bob").frame(ToBridge::Deliver(envelope, 0), now);
    stage.run();
    assert_eq!(*second.status.borrow(), Status::Unconfirmed);
    assert_eq!(*sent.status.borrow(), Status::Read);
}

#[test]
fn mail_waits_for_its_senders_card_and_later_mail_behind_it() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "one");
    stage.send("alice", "bob", "two");
    let (bob, now) = (stage.key("bob"), stage.now);
    let inbox = stage.inboxes[&bob].clone();
    // A session that has never heard of Alice and whose hub is still in its restart grace and may not know her.
    stage.session("bob").directory = Directory::default();
    stage.session("bob").delivery = Delivery::new(snapshot());
    for envelope in inbox {
        stage.session("bob").frame(ToBridge::Deliver(envelope, 0), now);
    }
    assert!(stage.session("bob").delivery.mailbox.unread().count == 0);
    stage.run();
    assert_eq!(stage.read_for_good("bob"), ["one", "two"]);
}

#[test]
fn unread_mail_expires_by_the_receivers_clock_and_the_sender_is_told() {
    let mut stage = Stage::new();
    let short = Draft { ttl: Some(Duration::from_secs(10)), ..draft("bob", "soon gone") };
    let sent = stage.try_send("alice", short).unwrap();
    stage.now += Duration::from_secs(11);
    let now = stage.now;
    assert!(stage.session("bob").deadline().is_some_and(|deadline| deadline <= now));
    stage.session("bob").on_time(now);
    stage.run();
    assert_eq!(*sent.status.borrow(), Status::Expired);
    assert!(stage.read_for_good("bob").is_empty());
}

#[test]
fn what_was_queued_while_the_hub_was_away_goes_out_on_the_next_connection() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "first");
    stage.session("alice").disconnected();
    let sent = stage.send("alice", "bob", "queued");
    assert_eq!(*sent.status.borrow(), Status::Queued);
    stage.welcome("alice", "alice");
    stage.run();
    assert_eq!(*sent.status.borrow(), Status::Opened);
    assert_eq!(stage.read_for_good("bob"), ["first", "queued"]);
}

#[test]
fn a_full_mailbox_drops_unrecorded_and_asks_again_once_there_is_room() {
    let mut stage = Stage::new();
    stage.forgets = true;
    let big = "x".repeat(60_000);
    let (mut sent, mut senders) = (0, 0);
    // Four senders' shares of 2 MiB fill the 8 MiB; a fifth finds no room.
    for name in ["s1-a", "s2-b", "s3-c", "s4-d", "s5-e"] {
        stage.enter(name, name);
        stage.run();
        senders += 1;
        for _ in 0..31 {
            stage.send(name, "bob", &big);
            sent += 1;
        }
    }
    assert_eq!(senders, 5);
    assert!(stage.session("bob").intake.is_dropping());
    let mut read = 0;
    for _ in 0..1000 {
        let page = stage.read_for_good("bob").len();
        if page == 0 {
            break;
        }
        read += page;
    }
    assert_eq!(read, sent);
    assert!(!stage.session("bob").intake.is_dropping());
}

#[test]
fn regression_a_full_mailbox_that_expires_asks_for_what_it_dropped() {
    let mut stage = Stage::new();
    let big = "x".repeat(60_000);
    for name in ["s1-a", "s2-b", "s3-c", "s4-d", "s5-e"] {
        stage.enter(name, name);
        stage.run();
        for _ in 0..31 {
            stage.send(name, "bob", &big);
        }
    }
    assert!(stage.session("bob").intake.is_dropping());
    stage.now += SESSION_TIMEOUT;
    let (now, bob) = (stage.now, stage.key("bob"));
    // What expired has left the hub too; one message that was dropped has not.
    let last = stage.inboxes[&bob].last().cloned().unwrap();
    stage.inboxes.insert(bob, vec![last]);
    stage.session("bob").on_time(now);
    stage.run();
    assert!(!stage.session("bob").intake.is_dropping());
    assert_eq!(stage.read_for_good("bob").len(), 1);
}

#[test]
fn regression_presence_is_not_known_while_the_hub_is_away() {
    let mut stage = Stage::new();
    assert_eq!(stage.send("alice", "bob", "one").receiver.presence, Standing::Online);
    stage.session("alice").disconnected();
    assert_ne!(stage.send("alice", "bob", "two").receiver.presence, Standing::Online);
}
