//! Waits for a session, for an idle one, and for the end of one.

use std::collections::BTreeMap;
use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::decode;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::wire::{
    Answer, Awaited, AwaitedEnd, Card, List, Question, State as AgentState, StateFilter, ToBridge,
    ToHub,
};
use proptest::prelude::*;

use super::super::peer::PeerSession;
use super::world::{ConnectionEnd, TIMEOUT, World, card, key, signed};

fn awaited(alias: Option<&str>, role: Option<&str>, end: AwaitedEnd) -> Awaited {
    Awaited { alias: alias.map(str::to_owned), role: role.map(str::to_owned), end }
}

fn wait(world: &mut World, by: ConnectionId, number: u32, awaited: Awaited) {
    world.say(by, ToHub::Ask(number, Question::Await(awaited)));
}

/// Waits for the session that has this alias.
fn of(alias: &str, end: AwaitedEnd) -> Awaited {
    awaited(Some(alias), None, end)
}

/// Returns the answers that came, each with the aliases that it names.
fn answers(world: &mut World, connection: ConnectionId) -> Vec<(u32, Vec<String>)> {
    let alias = |body: &[u8]| decode::<Card>(body).unwrap().alias;
    let answer = |frame| match frame {
        ToBridge::Answer(number, Answer::Seen(seen)) => {
            Some((number, seen.iter().map(|peer| alias(&peer.card.body)).collect()))
        }
        _ => None,
    };
    world.received(connection).into_iter().filter_map(answer).collect()
}

fn seen(number: u32, aliases: &[&str]) -> Vec<(u32, Vec<String>)> {
    vec![(number, aliases.iter().map(|alias| (*alias).to_owned()).collect())]
}

/// Shows a card with this state of the agent.
fn show(world: &mut World, by: ConnectionId, epoch: u64, card: Card, state: Option<AgentState>) {
    let card = Card { epoch: junction_shared::protocol::id::Epoch(epoch), state, ..card };
    world.publish(by, &card);
}

#[test]
fn a_list_of_a_state_has_the_right_total_and_pages() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    let states = [None, Some(AgentState::Idle), Some(AgentState::Busy), Some(AgentState::Idle)];
    for (client, state) in (2..).zip(states) {
        let name = format!("peer-{client}");
        let connection = world.join(client, &name);
        show(&mut world, connection, 2, card(client, 2, &name, None), state);
    }
    let mut list = |state, limit, cursor| {
        let list = List { role: None, repo: None, limit, cursor, state: Some(state) };
        let Some(Answer::Page(page)) = world.ask(ann, Question::List(list)) else { panic!() };
        let alias = |body: &[u8]| decode::<Card>(body).unwrap().alias;
        let aliases: Vec<_> = page.peers.iter().map(|peer| alias(&peer.card.body)).collect();
        (aliases.join(" "), page.total, page.next)
    };
    let next = Some("peer-3".to_owned());
    assert_eq!(list(StateFilter::Idle, 1, None), ("peer-3".to_owned(), 2, next.clone()));
    assert_eq!(list(StateFilter::Idle, 1, next), ("peer-5".to_owned(), 2, None));
    assert_eq!(list(StateFilter::Unknown, 9, None), ("peer-2".to_owned(), 1, None));
    assert_eq!(list(StateFilter::Busy, 9, None), ("peer-4".to_owned(), 1, None));
    assert_eq!(list(StateFilter::WaitingOnHuman, 9, None), (String::new(), 0, None));
}

#[test]
fn a_wait_for_an_alias_ends_with_that_session_and_no_other() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    wait(&mut world, ann, 1, of("bob", AwaitedEnd::Online));
    world.join(3, "dan");
    assert_eq!(answers(&mut world, ann), []);
    let bob = world.join(2, "bob");
    assert_eq!(answers(&mut world, ann), seen(1, &["bob"]));
    wait(&mut world, ann, 2, of("bob", AwaitedEnd::Online));
    assert_eq!(answers(&mut world, ann), seen(2, &["bob"]), "it is there");
    world.disconnect(bob);
    wait(&mut world, ann, 3, of("bob", AwaitedEnd::Online));
    assert_eq!(answers(&mut world, ann), [], "it is away");
    world.connect(2, None, None);
    assert_eq!(answers(&mut world, ann), seen(3, &["bob"]));
}

#[test]
fn a_wait_for_an_idle_session_ends_when_its_card_says_so() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    let critic = || card(2, 1, "bob", Some("critic"));
    show(&mut world, bob, 2, critic(), Some(AgentState::Busy));
    let waits = [
        of("bob", AwaitedEnd::Idle),
        awaited(None, Some("Critic"), AwaitedEnd::Idle),
        awaited(None, None, AwaitedEnd::Idle),
        awaited(Some("bob"), Some("critic"), AwaitedEnd::Idle),
        awaited(Some("bob"), Some("author"), AwaitedEnd::Idle),
    ];
    for (number, awaited) in (1..).zip(waits.clone()) {
        wait(&mut world, ann, number, awaited);
    }
    show(&mut world, bob, 3, critic(), Some(AgentState::WaitingOnHuman));
    assert_eq!(answers(&mut world, ann), []);
    show(&mut world, bob, 4, critic(), Some(AgentState::Idle));
    let numbers = |answers: Vec<(u32, Vec<String>)>| {
        answers.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(answers(&mut world, ann)), [1, 2, 3, 4]);
    for (number, awaited) in (11..).zip(waits) {
        wait(&mut world, ann, number, awaited);
    }
    assert_eq!(numbers(answers(&mut world, ann)), [11, 12, 13, 14], "at once");
}

#[test]
fn a_session_that_is_away_is_not_idle_until_it_is_back() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    show(&mut world, bob, 2, card(2, 2, "bob", None), Some(AgentState::Idle));
    world.disconnect(bob);
    wait(&mut world, ann, 1, of("bob", AwaitedEnd::Idle));
    assert_eq!(answers(&mut world, ann), []);
    world.connect(2, None, None);
    assert_eq!(answers(&mut world, ann), seen(1, &["bob"]));
}

#[test]
fn a_wait_for_the_end_of_a_session_does_not_end_while_it_is_away() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join_as(2, "bob", Some("critic")));
    wait(&mut world, ann, 1, of("bob", AwaitedEnd::Gone));
    wait(&mut world, ann, 2, awaited(None, Some("critic"), AwaitedEnd::Gone));
    world.disconnect(bob);
    world.pass(TIMEOUT / 2);
    world.state.touch(ann, world.now);
    assert_eq!(answers(&mut world, ann), []);
    world.pass(TIMEOUT / 2);
    assert_eq!(answers(&mut world, ann).len(), 2, "its session has ended");
    wait(&mut world, ann, 3, of("bob", AwaitedEnd::Gone));
    wait(&mut world, ann, 4, of("never-seen", AwaitedEnd::Gone));
    assert_eq!(answers(&mut world, ann), [(3, vec![]), (4, vec![])], "nobody has these");
}

#[test]
fn a_wait_for_the_end_of_a_role_is_for_the_last_other_session_of_it() {
    let mut world = World::past_grace();
    let ann = world.join_as(1, "ann", Some("critic"));
    let bob = world.join_as(2, "bob", Some("critic"));
    let dan = world.join_as(3, "dan", Some("Critic "));
    let critics = || awaited(None, Some("critic"), AwaitedEnd::Gone);
    wait(&mut world, ann, 1, critics());
    wait(&mut world, dan, 1, critics());
    world.say(bob, ToHub::Leave);
    assert_eq!(answers(&mut world, ann), []);
    world.publish(dan, &card(3, 2, "dan", Some("author")));
    assert_eq!(answers(&mut world, ann), seen(1, &[]), "another role is not this one");
    assert_eq!(answers(&mut world, dan), [], "ann is there");
    world.say(ann, ToHub::Leave);
    assert_eq!(answers(&mut world, dan), seen(1, &[]));
}

#[test]
fn a_session_is_there_while_its_card_is_on_the_way() {
    let mut world = World::past_grace();
    let (ann, _) = (world.join(1, "ann"), world.connect(2, Some("bob"), None));
    wait(&mut world, ann, 1, of("bob", AwaitedEnd::Gone));
    wait(&mut world, ann, 2, of("bob", AwaitedEnd::Online));
    assert_eq!(answers(&mut world, ann), []);
    world.pass(TIMEOUT / 2);
    world.state.touch(ann, world.now);
    world.pass(TIMEOUT);
    assert_eq!(answers(&mut world, ann), seen(1, &[]), "it never came");
}

#[test]
fn another_alias_is_the_end_of_the_one_before() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    wait(&mut world, ann, 1, of("bob", AwaitedEnd::Gone));
    wait(&mut world, ann, 2, of("bobby", AwaitedEnd::Online));
    world.say(bob, ToHub::Ask(1, Question::Rename(signed(&card(2, 2, "bobby", None)))));
    let mut came = answers(&mut world, ann);
    came.sort();
    assert_eq!(came, [(1, vec![]), (2, vec!["bobby".to_owned()])]);
}

#[test]
fn within_the_restart_grace_nobody_is_gone_who_was_not_seen_to_leave() {
    let mut world = World::in_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join_as(2, "bob", Some("critic")));
    wait(&mut world, ann, 1, of("dan", AwaitedEnd::Gone));
    wait(&mut world, ann, 2, awaited(None, Some("author"), AwaitedEnd::Gone));
    wait(&mut world, ann, 3, of("bob", AwaitedEnd::Gone));
    wait(&mut world, ann, 4, awaited(None, Some("critic"), AwaitedEnd::Gone));
    assert_eq!(answers(&mut world, ann), []);
    world.say(bob, ToHub::Leave);
    assert_eq!(answers(&mut world, ann).len(), 2);
    wait(&mut world, ann, 5, of("bob", AwaitedEnd::Gone));
    wait(&mut world, ann, 6, awaited(None, Some("CRITIC"), AwaitedEnd::Gone));
    assert_eq!(answers(&mut world, ann), [(5, vec![]), (6, vec![])]);
    world.state.touch(ann, world.now);
    world.pass(TIMEOUT);
    let mut ended = answers(&mut world, ann);
    ended.sort();
    assert_eq!(ended, [(1, vec![]), (2, vec![])], "the grace is over");
}

#[test]
fn a_session_does_not_wait_for_itself() {
    let mut world = World::past_grace();
    let ann = world.join_as(1, "ann", Some("critic"));
    wait(&mut world, ann, 1, of("ann", AwaitedEnd::Online));
    wait(&mut world, ann, 2, awaited(None, Some("critic"), AwaitedEnd::Idle));
    wait(&mut world, ann, 3, of("ann", AwaitedEnd::Gone));
    show(&mut world, ann, 2, card(1, 2, "ann", Some("critic")), Some(AgentState::Idle));
    assert_eq!(answers(&mut world, ann), []);
    wait(&mut world, ann, 4, awaited(None, Some("critic"), AwaitedEnd::Gone));
    assert_eq!(answers(&mut world, ann), seen(4, &[]), "no other session has the role");
}

#[test]
fn waits_share_their_bound_with_watches_and_end_like_them() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    wait(&mut world, ann, 0, of("bob", AwaitedEnd::Online));
    world.say(ann, ToHub::Unwatch(0));
    world.join(2, "bob");
    assert_eq!(answers(&mut world, ann), []);
    for number in 0..64 {
        wait(&mut world, ann, number, of("dan", AwaitedEnd::Idle));
    }
    world.say(ann, ToHub::Ask(64, Question::Watch(None)));
    wait(&mut world, ann, 65, of("dan", AwaitedEnd::Online));
    let busy = |number| ToBridge::Answer(number, Answer::Busy);
    assert_eq!(world.received(ann), [busy(64), busy(65)]);
}

#[test]
fn impossible_waits_end_the_connection() {
    for impossible in [
        awaited(None, None, AwaitedEnd::Gone),
        of("no alias", AwaitedEnd::Online),
        awaited(None, Some(&"x".repeat(121)), AwaitedEnd::Idle),
    ] {
        let mut world = World::past_grace();
        let ann = world.join(1, "ann");
        wait(&mut world, ann, 1, impossible);
        assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    }
}

#[test]
fn an_unlisted_session_is_never_seen_and_never_gone() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    let mut hello = world.hello(2, None, None);
    hello.unlisted = Some(true);
    let hidden = world.greet(&hello).unwrap();
    let alias = hidden.grant.alias;
    world.publish(hidden.connection, &card(2, 1, &alias, Some("critic")));
    wait(&mut world, ann, 1, of(&alias, AwaitedEnd::Online));
    wait(&mut world, ann, 2, awaited(None, Some("critic"), AwaitedEnd::Online));
    wait(&mut world, ann, 3, of(&alias, AwaitedEnd::Gone));
    assert_eq!(answers(&mut world, ann), seen(3, &[]), "nobody is there");
}

// ---- any sequence of events

const CLIENTS: u8 = 4;
const ALIASES: [&str; 4] = ["ann", "bob", "calm-fox", "dan"];
const ROLES: [&str; 2] = ["critic", "author"];

#[derive(Clone, Debug)]
enum WaitEvent {
    Join(u8),
    Drop(u8),
    Leave(u8),
    Rename(u8, &'static str),
    Show(u8, Option<&'static str>, Option<AgentState>),
    Wait(u8, Awaited),
    Unwatch(u8, u32),
    Pass(Duration),
}

fn event() -> impl Strategy<Value = WaitEvent> {
    let client = || 0..CLIENTS;
    let alias = || prop::sample::select(&ALIASES);
    let role = || prop::option::of(prop::sample::select(&ROLES));
    let state = prop::option::of(prop::sample::select(vec![
        AgentState::Idle,
        AgentState::Busy,
        AgentState::WaitingOnHuman,
    ]));
    let end = prop::sample::select(vec![AwaitedEnd::Online, AwaitedEnd::Idle, AwaitedEnd::Gone]);
    let waits = (prop::option::of(alias()), role(), end)
        .prop_filter("the end of anybody", |(alias, role, end)| {
            *end != AwaitedEnd::Gone || alias.is_some() || role.is_some()
        })
        .prop_map(|(alias, role, end)| awaited(alias, role, end));
    prop_oneof![
        6 => client().prop_map(WaitEvent::Join),
        2 => client().prop_map(WaitEvent::Drop),
        2 => client().prop_map(WaitEvent::Leave),
        2 => (client(), alias()).prop_map(|(client, alias)| WaitEvent::Rename(client, alias)),
        6 => (client(), role(), state).prop_map(|(by, role, state)| WaitEvent::Show(by, role, state)),
        6 => (client(), waits).prop_map(|(client, awaited)| WaitEvent::Wait(client, awaited)),
        1 => (client(), 0..60u32).prop_map(|(client, number)| WaitEvent::Unwatch(client, number)),
        1 => (1..TIMEOUT.as_secs() / 2).prop_map(|s| WaitEvent::Pass(Duration::from_secs(s))),
    ]
}

/// The sessions as the test knows them, and the waits without an answer.
struct WaitModel {
    world: World,
    /// The connections and the number of the last card.
    clients: BTreeMap<u8, (ConnectionId, u64)>,
    open: BTreeMap<(ConnectionId, u32), (u8, Awaited)>,
    /// The aliases and roles of sessions that ended or changed.
    past: Vec<(String, Option<String>)>,
    asked: u32,
}

/// A session as others see it.
#[derive(Clone, Debug)]
struct Shown {
    client: u8,
    alias: String,
    role: Option<String>,
    is_listed: bool,
    is_online: bool,
    is_idle: bool,
}

impl WaitModel {
    fn new() -> Self {
        let (world, clients, open) = (World::in_grace(), BTreeMap::new(), BTreeMap::new());
        Self { world, clients, open, past: Vec::new(), asked: 0 }
    }

    /// Returns what the hub's records say of every session.
    fn shown(&self) -> Vec<Shown> {
        let peers = (0..CLIENTS).filter_map(|n| Some((n, self.world.state.peers.get(&key(n))?)));
        let shown = |(n, peer): (u8, &PeerSession)| {
            let card = peer.card.as_ref().map(|published| &published.card);
            let state = card.and_then(|card| card.state);
            Shown {
                client: n,
                alias: peer.alias.to_string(),
                role: card.and_then(|card| card.context.role.clone()),
                is_listed: peer.valid_card().is_some(),
                is_online: peer.is_online(),
                is_idle: state == Some(AgentState::Idle),
            }
        };
        peers.map(shown).collect()
    }

    fn apply(&mut self, event: WaitEvent) {
        let before = self.shown();
        let live = |model: &Self, n: u8| {
            let connection = model.clients.get(&n).map(|(connection, _)| *connection);
            connection.filter(|id| model.world.state.connections.contains_key(id))
        };
        match event {
            WaitEvent::Join(n) => {
                if let Some(connection) = live(self, n) {
                    self.world.disconnect(connection);
                }
                let wish = ALIASES[usize::from(n)];
                let welcome = self.world.connect(n, Some(wish), None);
                let epoch = self.clients.get(&n).map_or(1, |(_, epoch)| epoch + 1);
                self.clients.insert(n, (welcome.connection, epoch));
                self.check(&before);
                let card = card(n, epoch, &welcome.grant.alias, None);
                self.world.publish(welcome.connection, &card);
            }
            WaitEvent::Drop(n) => {
                if let Some(connection) = live(self, n) {
                    self.world.disconnect(connection);
                }
            }
            WaitEvent::Leave(n) => {
                if let Some(connection) = live(self, n) {
                    self.world.say(connection, ToHub::Leave);
                }
            }
            WaitEvent::Rename(n, alias) => {
                if let Some(connection) = live(self, n) {
                    let card = signed(&card(n, self.next_epoch(n), alias, None));
                    self.world.say(connection, ToHub::Ask(u32::MAX, Question::Rename(card)));
                }
            }
            WaitEvent::Show(n, role, state) => {
                if let Some(connection) = live(self, n) {
                    let alias = self.world.state.peers[&key(n)].alias.to_string();
                    let epoch = self.next_epoch(n);
                    show(&mut self.world, connection, epoch, card(n, epoch, &alias, role), state);
                }
            }
            WaitEvent::Wait(n, awaited) => {
                if let Some(connection) = live(self, n) {
                    self.asked += 1;
                    self.open.insert((connection, self.asked), (n, awaited.clone()));
                    wait(&mut self.world, connection, self.asked, awaited);
                }
            }
            WaitEvent::Unwatch(n, number) => {
                if let Some(connection) = live(self, n) {
                    self.world.say(connection, ToHub::Unwatch(number));
                    self.open.remove(&(connection, number));
                }
            }
            WaitEvent::Pass(time) => self.world.pass(time),
        }
        self.check(&before);
    }

    fn next_epoch(&mut self, n: u8) -> u64 {
        let (_, epoch) = self.clients.get_mut(&n).expect("the client has joined");
        *epoch += 1;
        *epoch
    }

    /// Checks that each answer is the first and true, and that no wait is open whose answer is known.
    fn check(&mut self, before: &[Shown]) {
        let shown = &self.shown()[..];
        let is_same = |one: &Shown, other: &Shown| {
            (one.client, &one.alias, &one.role) == (other.client, &other.alias, &other.role)
        };
        let ended = before.iter().filter(|one| !shown.iter().any(|other| is_same(one, other)));
        self.past.extend(ended.map(|one| (one.alias.clone(), one.role.clone())));
        for (connection, _) in self.clients.clone().into_values() {
            for (number, aliases) in answers(&mut self.world, connection) {
                let wait = self.open.remove(&(connection, number));
                let (by, awaited) = wait.expect("a wait is answered once, while it is open");
                assert!(self.is_true(by, &awaited, shown), "{awaited:?}: {shown:?}");
                assert_eq!(aliases.is_empty(), awaited.end == AwaitedEnd::Gone);
                let matches = |alias: &String| {
                    shown.iter().any(|one| one.alias == *alias && is_seen(by, &awaited, one))
                };
                assert!(aliases.iter().all(matches), "{aliases:?} for {awaited:?}");
            }
        }
        let state = &self.world.state;
        self.open.retain(|(connection, _), _| state.connections.contains_key(connection));
        assert_eq!(state.watches.len(), self.open.len());
        for (by, awaited) in self.open.values() {
            let must_wait = awaited.end == AwaitedEnd::Gone && self.world.now < TIMEOUT;
            assert!(must_wait || !self.is_true(*by, awaited, shown), "{awaited:?}: {shown:?}");
        }
    }

    fn is_true(&self, by: u8, awaited: &Awaited, shown: &[Shown]) -> bool {
        if awaited.end != AwaitedEnd::Gone {
            return shown.iter().any(|one| is_seen(by, awaited, one));
        }
        let is_own = |one: &Shown| one.client == by && awaited.alias.is_none();
        let is_match =
            |alias: &str, role: &Option<String>| is_about(awaited, alias, role.as_deref());
        let is_there = shown.iter().any(|one| is_match(&one.alias, &one.role) && !is_own(one));
        let was_seen = self.past.iter().any(|(alias, role)| is_match(alias, role));
        !is_there && (self.world.now >= TIMEOUT || was_seen)
    }
}

fn is_about(awaited: &Awaited, alias: &str, role: Option<&str>) -> bool {
    awaited.alias.as_deref().is_none_or(|wanted| wanted == alias)
        && awaited.role.as_deref().is_none_or(|wanted| role == Some(wanted))
}

fn is_seen(by: u8, awaited: &Awaited, one: &Shown) -> bool {
    let is_so = one.is_online && (one.is_idle || awaited.end == AwaitedEnd::Online);
    let is_about = is_about(awaited, &one.alias, one.role.as_deref());
    one.client != by && one.is_listed && is_so && is_about
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wait_is_answered_once_and_truly_as_soon_as_it_can_be(events in prop::collection::vec(event(), 1..100)) {
        let mut model = WaitModel::new();
        for event in events {
            model.apply(event);
        }
    }
}
