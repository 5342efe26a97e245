//! Seats: who gets one, how it passes over, what is kept of it, and what goes back to senders.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::id::{ConnectionId, GroupId, Incarnation, PeerKey, SeatKey, Seq};
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::{
    Answer, Card, CardSeat, HelloBody, List, LookupTarget, Naming, Page, Question, READS_SEATS,
    ReceiptKind, Refusal, Return, ReturnBody, SeatAnswer, SeatClaim, SignedCard, Standing, Ticket,
    ToBridge, ToHub, WelcomeBody,
};
use junction_shared::secret::Secret;

use super::world::{ConnectionEnd, TIMEOUT, World, card, envelope, granted, id, key, send, signed};

const GROUP: GroupId = GroupId([0; 16]);
const STARTED: u64 = 1_700_000_000_000;
const SECOND: Duration = Duration::from_secs(1);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// One process of a session: its client, its seat and its incarnation.
#[derive(Clone, Copy)]
struct Process(u8, u8, u64);

fn keys(seat: u8) -> SeatKeys {
    SeatKeys::derive(&Secret::filled(|secret| secret.fill(seat)), "codex", "a")
}

fn seat(n: u8) -> SeatKey {
    keys(n).key()
}

/// Returns a card of a bridge that knows seats.
fn knowing(client: u8, epoch: u64, alias: &str) -> Card {
    Card { features: Some(READS_SEATS), ..card(client, epoch, alias, None) }
}

impl Process {
    /// A claim by which nothing but the incarnation counts.
    fn proof(self) -> SeatClaim {
        SeatClaim { is_proven: Some(true), ..self.wish(None) }
    }

    fn wish(self, place: Option<u8>) -> SeatClaim {
        SeatClaim {
            key: seat(self.1),
            incarnation: Incarnation(self.2),
            is_proven: None,
            place: place.map(|place| [place; 16]),
            moved_from: None,
        }
    }

    fn card(self, epoch: u64, alias: &str) -> SignedCard {
        let shown = CardSeat { key: seat(self.1), incarnation: Incarnation(self.2) };
        let card = Card { seat: Some(shown), ..knowing(self.0, epoch, alias) };
        let body = encode(&card).to_vec();
        let seat_signature = Some(keys(self.1).sign_card(&GROUP, &body));
        SignedCard { body, mac: [0; 32], seat_signature, moves: None }
    }

    fn greet(self, world: &mut World, want: Option<&str>) -> WelcomeBody {
        claim(world, self.0, want, self.proof())
    }

    /// Claims the seat and publishes a card.
    fn join(self, world: &mut World, want: Option<&str>) -> (ConnectionId, String) {
        let welcome = self.greet(world, want);
        world.say(welcome.connection, ToHub::Card(self.card(1, &welcome.grant.alias)));
        assert_eq!(world.ended(welcome.connection), None);
        (welcome.connection, welcome.grant.alias)
    }
}

fn claim(world: &mut World, client: u8, want: Option<&str>, claim: SeatClaim) -> WelcomeBody {
    let hello = world.hello(client, want, None);
    world.greet(&HelloBody { seat: Some(claim), ..hello }).unwrap()
}

/// A hub past its restart grace that knows its group.
fn hub() -> World {
    let mut world = World::started_at(STARTED, Some(GROUP));
    world.pass(TIMEOUT);
    world
}

/// Connects a peer without a seat whose bridge knows them.
fn join(world: &mut World, client: u8, alias: &str) -> ConnectionId {
    let connection = world.connect(client, Some(alias), None).connection;
    world.publish(connection, &knowing(client, 1, alias));
    connection
}

fn found(world: &mut World, by: ConnectionId, target: LookupTarget) -> (Standing, Option<u8>) {
    match world.ask(by, Question::Lookup(target)) {
        Some(Answer::Found(standing, card)) => (standing, card.map(|card| owner(&card))),
        other => panic!("no answer in {other:?}"),
    }
}

fn named(alias: &str) -> LookupTarget {
    LookupTarget::Alias(alias.to_owned())
}

/// Returns the client that made a card.
fn owner(signed: &SignedCard) -> u8 {
    let card: Card = decode(&signed.body).unwrap();
    card.key.0[0]
}

fn page(world: &mut World, by: ConnectionId) -> Page {
    let list = List { role: None, repo: None, limit: 50, cursor: None };
    match world.ask(by, Question::List(list)) {
        Some(Answer::Page(page)) => page,
        other => panic!("no page in {other:?}"),
    }
}

fn listed(world: &mut World, by: ConnectionId) -> Vec<u8> {
    page(world, by).peers.iter().map(|listed| owner(&listed.card)).collect()
}

fn word(to: u8, from: u8, highest: u64) -> Return {
    let body =
        ReturnBody { from: key(from), seat: seat(1), highest: Seq(highest), read: 0, leased: 0 };
    Return { to: key(to), body: encode(&body).to_vec(), mac: [0; 32] }
}

const FIRST: Process = Process(1, 1, 10);
const SECOND_ONE: Process = Process(2, 1, 11);

#[test]
fn new_seat_is_granted_with_the_wished_alias_or_one_of_its_own() {
    let mut world = hub();
    let welcome = FIRST.greet(&mut world, Some("ann"));
    assert_eq!(
        (welcome.grant.alias.as_str(), welcome.seat),
        ("ann", Some(SeatAnswer::Granted(None)))
    );
    let generated = Process(2, 2, 1).greet(&mut world, None).grant.alias;
    let taken = Process(3, 3, 1).greet(&mut world, Some("ann")).grant.alias;
    // The same at every hub.
    let mut other = World::in_grace();
    other.connect(9, Some("ann"), None);
    assert_eq!(Process(4, 2, 7).greet(&mut other, None).grant.alias, generated);
    assert_eq!(Process(5, 3, 7).greet(&mut other, Some("ann")).grant.alias, taken);
    assert_ne!(generated, taken);
}

#[test]
fn seat_that_was_left_is_kept_and_comes_back_with_its_alias_and_card() {
    let mut world = hub();
    let (ann, bob) = (FIRST.join(&mut world, Some("ann")).0, join(&mut world, 9, "bob"));
    found(&mut world, bob, named("ann"));
    world.say(ann, ToHub::Vacate);
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Left));
    assert_eq!(world.received(bob), [ToBridge::Peer(key(1), Standing::Gone, None)]);
    assert_eq!(listed(&mut world, bob), [0; 0]);
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Gone, Some(1)));
    assert_eq!(found(&mut world, bob, LookupTarget::Seat(seat(1))), (Standing::Gone, Some(1)));
    let gone = ToBridge::Refused(id(1), Refusal::Gone);
    assert_eq!(world.hand(bob, send(envelope(9, 1, 1, 300))), gone);
    // Nobody else gets the alias, whatever it shows.
    let taken = world.connect(3, Some("ann"), Some(granted(3, "ann", u64::MAX / 2))).grant.alias;
    assert_ne!(taken, "ann");
    let wish = Question::Rename(signed(&knowing(9, 2, "ann")));
    assert!(matches!(world.ask(bob, wish), Some(Answer::Named(Naming::Taken { .. }))));

    world.pass(TIMEOUT - SECOND * 5);
    world.state.touch(bob, world.now);
    world.received(bob);
    let welcome = SECOND_ONE.greet(&mut world, Some("other"));
    assert_eq!((welcome.grant.alias.as_str(), welcome.resumed), ("ann", false));
    let last = FIRST.card(1, "ann");
    assert_eq!(welcome.seat, Some(SeatAnswer::Granted(Some(last))));
    // Until its first card the seat is as it was left.
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Gone, Some(1)));
    let back = SECOND_ONE.card(1, "ann");
    world.say(welcome.connection, ToHub::Card(back.clone()));
    assert_eq!(world.received(bob), [ToBridge::Peer(key(2), Standing::Online, Some(back))]);
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(2)));
    let session_ms = page(&mut world, bob).peers[0].session_ms;
    assert_eq!(session_ms, 0, "the session counts anew");
}

#[test]
fn kept_seat_is_forgotten_with_time_and_whoever_leaves_keeps_nothing() {
    let mut world = hub();
    let ann = FIRST.join(&mut world, Some("ann")).0;
    world.say(ann, ToHub::Vacate);
    world.pass(TIMEOUT - SECOND);
    assert_eq!(world.state.aliases.len(), 1);
    world.pass(SECOND);
    assert_eq!((world.state.aliases.len(), world.state.seats.records().count()), (0, 0));
    assert_eq!(world.state.next_deadline(), None);
    // A lower incarnation is as good as any now.
    let (ann, _) = Process(3, 1, 5).join(&mut world, Some("ann"));
    world.say(ann, ToHub::Leave);
    assert_eq!((world.state.aliases.len(), world.state.seats.records().count()), (0, 0));
    assert_eq!(world.connect(4, Some("ann"), None).grant.alias, "ann");
}

#[test]
fn holder_that_is_away_too_long_keeps_nothing() {
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    world.disconnect(ann);
    world.pass(TIMEOUT);
    assert_eq!((world.state.aliases.len(), world.state.seats.records().count()), (0, 0));
}

/// Has this many seats kept, of sessions without a card that leave at once. Returns them.
fn keep_seats(world: &mut World, count: u16) -> Vec<SeatKey> {
    let keep = |n: u16| {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        let hello = world.hello(1, None, None);
        let claim = SeatClaim { key: SeatKey(bytes), ..FIRST.proof() };
        let connection =
            world.greet(&HelloBody { key: PeerKey(bytes), seat: Some(claim), ..hello }).unwrap();
        world.say(connection.connection, ToHub::Vacate);
        world.now += Duration::from_millis(1);
        SeatKey(bytes)
    };
    (0..count).map(keep).collect()
}

#[test]
fn of_too_many_kept_seats_the_first_is_forgotten() {
    let mut world = World::past_grace();
    let seats = keep_seats(&mut world, 1025);
    assert_eq!(world.state.seats.records().count(), 1024);
    assert!(world.state.seats.get(&seats[0]).is_none());
    assert_eq!((world.state.aliases.len(), world.state.deadlines.len()), (1024, 1024));
}

#[test]
fn regression_many_short_sessions_push_out_no_kept_seat_of_a_long_one() {
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    world.pass(SECOND);
    world.say(ann, ToHub::Vacate);
    keep_seats(&mut world, 1025);
    // The time before counts when its bridge has just been restarted.
    let (ann, alias) = SECOND_ONE.join(&mut world, None);
    assert_eq!(alias, "ann");
    world.say(ann, ToHub::Vacate);
    keep_seats(&mut world, 1025);
    assert_eq!(Process(3, 1, 12).join(&mut world, None).1, "ann");
}

#[test]
fn seat_passes_over_with_the_first_card_in_one_step() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    found(&mut world, bob, named("ann"));
    let welcome = SECOND_ONE.greet(&mut world, Some("ann"));
    assert_eq!(welcome.grant.alias, "ann");
    assert_eq!(welcome.seat, Some(SeatAnswer::Granted(Some(FIRST.card(1, "ann")))));
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(1)));
    assert_eq!((world.received(ann), world.received(bob)), (vec![], vec![]));

    let next = SECOND_ONE.card(1, "ann");
    world.say(welcome.connection, ToHub::Card(next.clone()));
    assert_eq!(world.received(ann), [ToBridge::Unseated(next.clone())]);
    assert_eq!(world.received(bob), [ToBridge::Peer(key(2), Standing::Online, Some(next))]);
    assert_eq!(listed(&mut world, bob), [2]);
    assert_eq!(page(&mut world, welcome.connection).total, 1);
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(2)));
    assert_eq!(found(&mut world, bob, LookupTarget::Seat(seat(1))), (Standing::Online, Some(2)));
    // Its card is there for what it sent.
    assert_eq!(found(&mut world, bob, LookupTarget::Key(key(1))), (Standing::Gone, Some(1)));

    world.pass(SECOND - Duration::from_millis(1));
    assert_eq!(world.ended(ann), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::SessionEnded)));
    assert_eq!(world.received(bob), [ToBridge::Peer(key(1), Standing::Gone, None)]);
    // Who followed the seat follows its new holder.
    world.say(welcome.connection, ToHub::Vacate);
    assert_eq!(world.received(bob), [ToBridge::Peer(key(2), Standing::Gone, None)]);
}

#[test]
fn former_holder_ends_with_its_leave_which_keeps_the_seat_for_the_next() {
    for leave in [ToHub::Leave, ToHub::Vacate] {
        let mut world = hub();
        let (ann, _) = FIRST.join(&mut world, Some("ann"));
        let (next, _) = SECOND_ONE.join(&mut world, None);
        world.say(ann, leave);
        assert_eq!(world.ended(ann), Some(ConnectionEnd::Left));
        world.pass(SECOND * 2);
        assert_eq!(world.ended(next), None);
        assert_eq!((world.state.aliases.len(), world.state.deadlines.len()), (1, 1));
        assert_eq!(world.state.seats.get(&seat(1)).unwrap().holder, key(2));
    }
}

#[test]
fn former_holder_finishes_what_it_has_begun() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    for n in 1..=3 {
        world.hand(bob, send(envelope(9, 1, n, 300)));
    }
    SECOND_ONE.join(&mut world, None);
    world.received(ann);
    world.received(bob);
    assert_eq!(world.pushed(ann), [id(1), id(2), id(3)]);
    world.receipt(ann, 9, 1, ReceiptKind::Read);
    assert!(matches!(world.received(bob)[..], [ToBridge::Receipt(_)]));
    world.say(ann, ToHub::Repush);
    assert_eq!(world.pushes(ann).len(), 3);
    // Its card and its wish for an alias come too late, and are not its fault.
    world.say(ann, ToHub::Card(FIRST.card(2, "ann")));
    let wish = Question::Rename(FIRST.card(3, "eve"));
    assert!(matches!(world.ask(ann, wish), Some(Answer::Named(Naming::Taken { .. }))));
    assert_eq!(listed(&mut world, bob), [2]);
    // What it sends would come behind messages of the one that has the seat now, and what it gets would not be opened.
    let gone = |n| ToBridge::Refused(id(n), Refusal::Gone);
    assert_eq!(world.hand(ann, send(envelope(1, 9, 7, 300))), gone(7));
    assert_eq!(world.hand(bob, send(envelope(9, 1, 8, 300))), gone(8));
    world.say(ann, ToHub::Return(word(9, 1, 1)));
    assert_eq!(world.received(bob), [ToBridge::Returned(word(9, 1, 1))]);
    assert_eq!(world.state.stored().0, 0);
    world.pass(SECOND);
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::SessionEnded)));
    assert_eq!(found(&mut world, bob, LookupTarget::Key(key(1))), (Standing::Gone, None));
}

#[test]
fn former_holder_that_dials_again_learns_who_has_the_seat() {
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    world.disconnect(ann);
    SECOND_ONE.join(&mut world, None);
    let superseded =
        Some(SeatAnswer::Superseded(Incarnation(11), Some(SECOND_ONE.card(1, "ann")), None));
    let again = FIRST.greet(&mut world, None);
    assert_eq!((again.seat, again.resumed), (superseded.clone(), true));
    // Not even with a higher incarnation: what it has not opened was returned.
    let again = Process(1, 1, 99).greet(&mut world, None);
    assert_eq!(again.seat, superseded);
    world.pass(SECOND);
    assert_eq!(world.ended(again.connection), Some(ConnectionEnd::Closed(Close::SessionEnded)));
    let again = FIRST.greet(&mut world, Some("ann"));
    assert_eq!((again.seat, again.resumed), (superseded, false));
    assert_ne!(again.grant.alias, "ann");
}

#[test]
fn former_holder_has_its_time_although_the_hub_slept() {
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    SECOND_ONE.join(&mut world, None);
    world.sleep(SECOND * 5);
    assert_eq!(world.ended(ann), None);
    world.pass(SECOND);
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::SessionEnded)));
}

#[test]
fn heir_that_dies_or_leaves_before_its_first_card_changes_nothing() {
    for ends in [World::disconnect, |world: &mut World, id| world.say(id, ToHub::Leave)] {
        let mut world = hub();
        let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
        let heir = SECOND_ONE.greet(&mut world, None).connection;
        ends(&mut world, heir);
        assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(1)));
        assert_eq!(listed(&mut world, bob), [1]);
        world.say(ann, ToHub::Card(FIRST.card(2, "ann")));
        assert_eq!((world.ended(ann), world.received(ann)), (None, vec![]));
        // It may come again.
        let again = SECOND_ONE.greet(&mut world, None);
        assert_eq!(again.grant.alias, "ann");
        world.say(again.connection, ToHub::Card(SECOND_ONE.card(1, "ann")));
        assert_eq!(listed(&mut world, bob), [2]);
    }
}

#[test]
fn regression_holder_that_dies_before_its_first_card_changes_nothing_for_an_older_one() {
    let mut world = World::started_at(STARTED, Some(GROUP));
    let newer = SECOND_ONE.greet(&mut world, None).connection;
    world.disconnect(newer);
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    let bob = join(&mut world, 9, "bob");
    assert_eq!(found(&mut world, bob, LookupTarget::Seat(seat(1))), (Standing::Online, Some(1)));
    // It may come again, and a break of its connection alone costs it nothing.
    for _ in 0..2 {
        let again = SECOND_ONE.greet(&mut world, None);
        assert_eq!(again.grant.alias, "ann");
        world.disconnect(again.connection);
    }
    SECOND_ONE.join(&mut world, None);
    assert!(matches!(world.received(ann)[..], [ToBridge::Unseated(_)]));
}

#[test]
fn heir_of_a_holder_that_dies_before_its_first_card_has_the_seat_and_its_alias() {
    let mut world = hub();
    let first = FIRST.greet(&mut world, Some("ann")).connection;
    let heir = SECOND_ONE.greet(&mut world, None);
    world.disconnect(first);
    world.say(heir.connection, ToHub::Card(SECOND_ONE.card(1, "ann")));
    let bob = join(&mut world, 9, "bob");
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(2)));
    let again = FIRST.greet(&mut world, None);
    assert!(matches!(again.seat, Some(SeatAnswer::Superseded(..))));
    assert_ne!(again.grant.alias, "ann");
}

#[test]
fn lower_incarnation_and_the_smaller_key_of_two_equal_ones_get_no_seat() {
    let mut world = hub();
    SECOND_ONE.join(&mut world, Some("ann"));
    let superseded =
        Some(SeatAnswer::Superseded(Incarnation(11), Some(SECOND_ONE.card(1, "ann")), None));
    for late in [Process(3, 1, 10), Process(1, 1, 11)] {
        let welcome = late.greet(&mut world, None);
        assert_eq!(welcome.seat, superseded);
        // It may go on without a seat, under its own alias.
        let alias = welcome.grant.alias;
        world.publish(welcome.connection, &knowing(late.0, 1, &alias));
        assert_eq!(world.ended(welcome.connection), None);
    }
    let larger = Process(4, 1, 11).greet(&mut world, None);
    assert!(matches!(larger.seat, Some(SeatAnswer::Granted(Some(_)))));
}

#[test]
fn wish_waits_for_a_living_holder_elsewhere_and_for_no_other() {
    let mut world = hub();
    let here = claim(&mut world, 1, Some("ann"), FIRST.wish(Some(1))).connection;
    world.say(here, ToHub::Card(FIRST.card(1, "ann")));
    for place in [None, Some(2)] {
        let held = claim(&mut world, 2, None, SECOND_ONE.wish(place));
        assert_eq!(held.seat, Some(SeatAnswer::Held));
        assert_ne!(held.grant.alias, "ann");
        world.say(held.connection, ToHub::Leave);
    }
    let near = claim(&mut world, 2, None, SECOND_ONE.wish(Some(1)));
    assert!(matches!(near.seat, Some(SeatAnswer::Granted(_))));
    world.disconnect(near.connection);
    world.disconnect(here);
    world.pass(SECOND);
    let away = claim(&mut world, 2, None, SECOND_ONE.wish(None));
    assert!(matches!(away.seat, Some(SeatAnswer::Granted(_))));
}

#[test]
fn regression_wish_takes_no_seat_whose_holder_dials_again() {
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    let wish = |world: &mut World| {
        let welcome = claim(world, 2, None, SECOND_ONE.wish(None));
        world.say(welcome.connection, ToHub::Leave);
        welcome.seat
    };
    world.disconnect(ann);
    world.pass(SECOND - Duration::from_millis(1));
    assert_eq!(wish(&mut world), Some(SeatAnswer::Held));
    let again = FIRST.greet(&mut world, None).connection;
    world.pass(SECOND);
    assert_eq!(wish(&mut world), Some(SeatAnswer::Held));
    // One that does not come back in time loses it, and one that has left in order has it no more.
    world.disconnect(again);
    world.pass(SECOND);
    assert!(matches!(wish(&mut world), Some(SeatAnswer::Granted(_))));
    let again = FIRST.greet(&mut world, None).connection;
    world.say(again, ToHub::Vacate);
    assert!(matches!(wish(&mut world), Some(SeatAnswer::Granted(_))));
}

#[test]
fn of_two_heirs_the_higher_has_the_seat_in_the_end_whichever_is_faster() {
    let third = Process(3, 1, 12);
    // The higher first: the lower is told.
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    let low = SECOND_ONE.greet(&mut world, None).connection;
    let high = third.greet(&mut world, None).connection;
    let card = third.card(1, "ann");
    world.say(high, ToHub::Card(card.clone()));
    for former in [ann, low] {
        assert_eq!(world.received(former), [ToBridge::Unseated(card.clone())]);
    }
    world.say(low, ToHub::Card(SECOND_ONE.card(1, "ann")));
    assert_eq!(world.ended(low), None, "its card was on the way");
    world.pass(SECOND);
    assert_eq!(world.ended(low), Some(ConnectionEnd::Closed(Close::SessionEnded)));
    assert_eq!(world.state.aliases.len(), 1);

    // The lower first: the higher still comes.
    let mut world = hub();
    FIRST.join(&mut world, Some("ann"));
    let low = SECOND_ONE.greet(&mut world, None).connection;
    let high = third.greet(&mut world, None).connection;
    world.say(low, ToHub::Card(SECOND_ONE.card(1, "ann")));
    assert_eq!(world.received(high), []);
    world.say(high, ToHub::Card(card.clone()));
    assert_eq!(world.received(low), [ToBridge::Unseated(card)]);
}

#[test]
fn heir_has_the_seat_when_its_holder_goes_first() {
    for leave in [ToHub::Leave, ToHub::Vacate] {
        let mut world = hub();
        let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
        let (low, high) = (SECOND_ONE, Process(3, 1, 12));
        let slow = low.greet(&mut world, None).connection;
        let heir = high.greet(&mut world, None);
        world.say(ann, leave);
        assert_ne!(world.connect(5, Some("ann"), None).grant.alias, "ann");
        world.say(slow, ToHub::Card(low.card(1, "ann")));
        assert_eq!(listed(&mut world, bob), [0; 0], "a lower incarnation is too late");
        world.say(heir.connection, ToHub::Card(high.card(1, "ann")));
        assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(3)));
        world.pass(SECOND);
        assert_eq!(world.ended(slow), Some(ConnectionEnd::Closed(Close::SessionEnded)));
        assert_eq!(world.ended(heir.connection), None);
    }
}

#[test]
fn card_must_show_the_granted_seat_signed_and_no_other() {
    let wrong_signature = |mut card: SignedCard| {
        card.seat_signature = Some(keys(2).sign_card(&GROUP, &card.body));
        card
    };
    let unsigned = |card: SignedCard| SignedCard { seat_signature: None, ..card };
    let bad = [
        signed(&knowing(1, 1, "ann")),
        Process(1, 1, 11).card(1, "ann"),
        Process(1, 2, 10).card(1, "ann"),
        wrong_signature(FIRST.card(1, "ann")),
        unsigned(FIRST.card(1, "ann")),
    ];
    let close = Some(ConnectionEnd::Closed(Close::ProtocolError));
    for card in &bad {
        for frame in [ToHub::Card(card.clone()), ToHub::Ask(1, Question::Rename(card.clone()))] {
            let mut world = hub();
            let ann = FIRST.greet(&mut world, Some("ann")).connection;
            world.say(ann, frame);
            assert_eq!(world.ended(ann), close);
        }
    }
    // Without a grant, none.
    let mut world = hub();
    let ann = world.connect(1, Some("ann"), None).connection;
    world.say(ann, ToHub::Card(FIRST.card(1, "ann")));
    assert_eq!(world.ended(ann), close);
    // A hub that does not know its group cannot tell a signature, but knows what it granted.
    for (card, ends) in
        [(unsigned(FIRST.card(1, "ann")), None), (Process(1, 2, 10).card(1, "ann"), close)]
    {
        let mut world = World::past_grace();
        let ann = FIRST.greet(&mut world, Some("ann")).connection;
        world.say(ann, ToHub::Card(card));
        assert_eq!(world.ended(ann), ends);
    }
}

#[test]
fn regression_card_that_is_not_newer_is_ignored_before_its_signature_is_checked() {
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    // That it would end the connection if it was checked shows that it is not.
    let unsigned = SignedCard { seat_signature: None, ..FIRST.card(1, "ann") };
    world.say(ann, ToHub::Card(unsigned));
    assert_eq!(world.ended(ann), None);
}

#[test]
fn incarnation_far_ahead_is_no_claim() {
    let mut world = hub();
    let now = STARTED + 600_000;
    assert_eq!(Process(1, 1, now + DAY_MS + 1).greet(&mut world, None).seat, None);
    Process(2, 1, now + DAY_MS).join(&mut world, None);
    assert!(Process(3, 1, now + 2 * DAY_MS).greet(&mut world, None).seat.is_some());
    let beyond = Process(4, 1, now + 2 * DAY_MS + 1).greet(&mut world, None);
    assert_eq!(beyond.seat, None);
    world.publish(beyond.connection, &knowing(4, 1, &beyond.grant.alias));
    assert_eq!(world.ended(beyond.connection), None);
}

#[test]
fn unlisted_session_has_no_seat() {
    let mut world = hub();
    let hello = world.hello(1, None, None);
    let hello = HelloBody { unlisted: Some(true), seat: Some(FIRST.proof()), ..hello };
    assert_eq!(world.greet(&hello).unwrap().seat, None);
    assert_eq!(world.state.seats.records().count(), 0);
}

#[test]
fn known_peer_takes_a_seat_under_its_alias() {
    let mut world = hub();
    let (ann, bob) = (join(&mut world, 1, "ann"), join(&mut world, 9, "bob"));
    found(&mut world, bob, named("ann"));
    let welcome = FIRST.greet(&mut world, Some("ann"));
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::Superseded)));
    assert_eq!((welcome.resumed, welcome.grant.alias.as_str()), (true, "ann"));
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(1)));
    world.say(welcome.connection, ToHub::Card(FIRST.card(2, "ann")));
    world.received(bob);
    // Who follows the peer follows the seat.
    let (_, alias) = SECOND_ONE.join(&mut world, None);
    assert_eq!(alias, "ann");
    assert!(matches!(world.received(bob)[..], [ToBridge::Peer(by, _, Some(_))] if by == key(2)));
}

#[test]
fn redial_of_the_holder_changes_nothing() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    world.disconnect(ann);
    let welcome = FIRST.greet(&mut world, None);
    assert_eq!((welcome.resumed, welcome.grant.alias.as_str()), (true, "ann"));
    assert_eq!(welcome.seat, Some(SeatAnswer::Granted(Some(FIRST.card(1, "ann")))));
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(1)));
    // Without the claim it goes on without the seat.
    let welcome = world.connect(1, None, None);
    assert_eq!((welcome.resumed, welcome.grant.alias.as_str()), (true, "ann"));
    assert_eq!(world.state.seats.records().count(), 0);
    world.publish(welcome.connection, &knowing(1, 2, "ann"));
    assert_eq!(world.ended(welcome.connection), None);
}

#[test]
fn card_that_shows_a_seat_of_the_past_makes_way_for_the_new_holder() {
    let mut world = hub();
    FIRST.join(&mut world, Some("ann"));
    world.connect(1, None, None);
    let bob = join(&mut world, 9, "bob");
    assert_eq!(listed(&mut world, bob), [1]);
    SECOND_ONE.join(&mut world, Some("eve"));
    assert_eq!(listed(&mut world, bob), [2]);
}

#[test]
fn session_that_moves_to_another_seat_keeps_its_alias() {
    let to = Process(1, 2, 20);
    let moves = |claim: SeatClaim| {
        let moved = keys(1).move_to(&GROUP, Incarnation(10), &keys(2));
        SeatClaim { moved_from: Some(moved), ..claim }
    };
    let mut world = hub();
    FIRST.join(&mut world, Some("ann"));
    let bob = join(&mut world, 9, "bob");
    let welcome = claim(&mut world, 1, None, moves(to.proof()));
    assert_eq!(
        (welcome.grant.alias.as_str(), welcome.seat),
        ("ann", Some(SeatAnswer::Granted(None)))
    );
    // Others find it all the time.
    assert_eq!(found(&mut world, bob, named("ann")), (Standing::Online, Some(1)));
    world.say(welcome.connection, ToHub::Card(to.card(2, "ann")));
    assert!(world.state.seats.get(&seat(1)).is_none());

    // Into a seat that was left: the alias that goes with it is free.
    let mut world = hub();
    let (old, _) = Process(3, 2, 15).join(&mut world, Some("eve"));
    world.say(old, ToHub::Vacate);
    FIRST.join(&mut world, Some("ann"));
    let welcome = claim(&mut world, 1, None, moves(to.proof()));
    assert_eq!(welcome.grant.alias, "ann");
    assert_eq!(world.state.aliases.len(), 1);

    // Into one that somebody has.
    let mut world = hub();
    let (old, _) = Process(3, 2, 15).join(&mut world, Some("eve"));
    FIRST.join(&mut world, Some("ann"));
    let welcome = claim(&mut world, 1, None, moves(to.proof()));
    assert_eq!(welcome.grant.alias, "ann");
    world.say(welcome.connection, ToHub::Card(to.card(2, "ann")));
    assert!(matches!(world.received(old)[..], [ToBridge::Unseated(_)]));
    world.pass(SECOND);
    assert_eq!((world.state.aliases.len(), world.state.seats.records().count()), (1, 1));

    // Without the word of the seat that it had, it takes the alias of the other.
    let mut world = hub();
    let (old, _) = Process(3, 2, 15).join(&mut world, Some("eve"));
    world.say(old, ToHub::Vacate);
    FIRST.join(&mut world, Some("ann"));
    let forged = keys(2).move_to(&GROUP, Incarnation(10), &keys(2));
    let forged = SeatClaim { moved_from: Some(forged), ..to.proof() };
    assert_eq!(claim(&mut world, 1, None, forged).grant.alias, "eve");
}

#[test]
fn two_sessions_exchange_their_seats() {
    let mut world = hub();
    let (one, two) = (Process(1, 1, 10), Process(2, 2, 10));
    one.join(&mut world, Some("ann"));
    two.join(&mut world, Some("bob"));
    let (one, two) = (Process(1, 2, 20), Process(2, 1, 20));
    let (first, second) = (one.greet(&mut world, None), two.greet(&mut world, None));
    assert_eq!((first.grant.alias.as_str(), second.grant.alias.as_str()), ("bob", "ann"));
    world.say(first.connection, ToHub::Card(one.card(2, "bob")));
    world.say(second.connection, ToHub::Card(two.card(2, "ann")));
    let eve = join(&mut world, 9, "eve");
    world.pass(SECOND * 2);
    assert_eq!((world.ended(first.connection), world.ended(second.connection)), (None, None));
    assert_eq!(found(&mut world, eve, named("ann")), (Standing::Online, Some(2)));
    assert_eq!(found(&mut world, eve, LookupTarget::Seat(seat(2))), (Standing::Online, Some(1)));
}

#[test]
fn heirs_follow_the_alias_of_the_seat() {
    let mut world = hub();
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    let heir = SECOND_ONE.greet(&mut world, None).connection;
    let wish = Question::Rename(FIRST.card(2, "eve"));
    assert!(matches!(world.ask(ann, wish), Some(Answer::Named(Naming::Granted(_)))));
    let told = world.received(heir);
    assert!(matches!(&told[..], [ToBridge::Reassigned(grant)] if grant.alias == "eve"));
    world.say(heir, ToHub::Card(SECOND_ONE.card(1, "ann")));
    assert_eq!((world.ended(heir), world.received(ann)), (None, vec![]), "its card was on the way");
    world.say(heir, ToHub::Card(SECOND_ONE.card(2, "eve")));
    assert!(matches!(world.received(ann)[..], [ToBridge::Unseated(_)]));
}

#[test]
fn first_card_of_an_heir_may_come_with_a_wish() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    let heir = SECOND_ONE.greet(&mut world, None).connection;
    let wish = |alias| Question::Rename(SECOND_ONE.card(1, alias));
    assert!(matches!(world.ask(heir, wish("bob")), Some(Answer::Named(Naming::Taken { .. }))));
    assert_eq!(world.received(ann), []);
    assert!(matches!(world.ask(heir, wish("eve")), Some(Answer::Named(Naming::Granted(_)))));
    assert!(matches!(world.received(ann)[..], [ToBridge::Unseated(_)]));
    assert_eq!(found(&mut world, bob, named("eve")), (Standing::Online, Some(2)));
    world.pass(SECOND);
    assert_eq!(world.state.aliases.len(), 2);
}

#[test]
fn restarted_hub_gives_the_seat_another_alias_where_a_ticket_has_taken_it() {
    let mut world = World::started_at(STARTED, Some(GROUP));
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    let heir = SECOND_ONE.greet(&mut world, None).connection;
    // The alias is another's by an older ticket, which the hub sees only now.
    world.connect(5, Some("ann"), Some(granted(5, "ann", 50)));
    for told in [ann, heir] {
        let received = world.received(told);
        let [ToBridge::Reassigned(grant)] = &received[..] else { panic!("{received:?}") };
        assert_ne!(grant.alias, "ann");
    }
    // A kept alias is not taken by a ticket, and its next bridge gets a newer one.
    world.say(ann, ToHub::Leave);
    let (last, alias) = Process(3, 1, 12).join(&mut world, None);
    world.say(last, ToHub::Vacate);
    let shown = granted(6, &alias, 70);
    assert_ne!(world.connect(6, Some(&alias), Some(shown)).grant.alias, alias);
    let next = Process(4, 1, 13).greet(&mut world, None).grant;
    assert_eq!(next.alias, alias);
    let Ticket(bytes) = next.ticket;
    assert!(u64::from_be_bytes(*bytes.first_chunk().unwrap()) > 70);
}

#[test]
fn returned_mail_is_removed_and_its_sender_told() {
    let mut world = hub();
    let ((ann, _), bob, eve) = (
        FIRST.join(&mut world, Some("ann")),
        join(&mut world, 9, "bob"),
        join(&mut world, 8, "eve"),
    );
    for n in 1..=2 {
        world.hand(bob, send(envelope(9, 1, n, 300)));
        world.hand(eve, send(envelope(8, 1, n, 300)));
    }
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    assert_eq!(world.received(bob), [ToBridge::Returned(word(9, 1, 0))]);
    assert_eq!(world.received(eve), []);
    assert_eq!(world.pushed(ann), [id(1), id(2)], "those of the other");
    // One that is too long or no word at all is ignored.
    let long = Return { body: vec![0; Return::MAX_BODY + 1], ..word(8, 1, 0) };
    for bad in [long, Return { body: vec![0xff], ..word(8, 1, 0) }] {
        world.say(ann, ToHub::Return(bad));
    }
    assert_eq!((world.received(eve), world.state.stored().0), (vec![], 2));
    assert_eq!(world.ended(ann), None);
}

#[test]
fn regression_word_about_an_earlier_key_removes_no_mail_to_the_present_one() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    world.hand(bob, send(envelope(9, 1, 1, 300)));
    world.say(ann, ToHub::Return(word(9, 7, 1)));
    assert_eq!(world.received(bob), [ToBridge::Returned(word(9, 7, 1))]);
    assert_eq!(world.pushed(ann), [id(1)]);
}

#[test]
fn returned_mail_makes_room() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    for n in 0..32 {
        world.hand(bob, send(envelope(9, 1, n, 300)));
    }
    let more =
        junction_shared::protocol::wire::Send { resend: true, ..send(envelope(9, 1, 40, 300)) };
    assert_eq!(world.hand(bob, more), ToBridge::Later(id(40)));
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    assert!(world.received(bob).contains(&ToBridge::Room(key(1))));
}

#[test]
fn words_wait_for_a_sender_that_is_away_the_newest_of_each_receiver() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    world.disconnect(bob);
    for highest in 1..=3 {
        world.say(ann, ToHub::Return(word(9, 1, highest)));
    }
    let bob = world.connect(9, None, None).connection;
    assert_eq!(world.received(bob), [ToBridge::Returned(word(9, 1, 3))]);
    world.disconnect(bob);
    for from in 10..80 {
        world.say(ann, ToHub::Return(word(9, from, 1)));
    }
    let bob = world.connect(9, None, None).connection;
    let kept = (16..80).map(|from| ToBridge::Returned(word(9, from, 1))).collect::<Vec<_>>();
    assert_eq!(world.received(bob), kept);
}

#[test]
fn regression_words_of_strangers_push_out_no_word_of_a_receiver() {
    let mut world = hub();
    let ((ann, _), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    world.hand(bob, send(envelope(9, 1, 1, 300)));
    world.disconnect(bob);
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    for client in 10..80 {
        let stranger = join(&mut world, client, &format!("peer-{client}"));
        // One about itself, and one about the receiver.
        world.say(stranger, ToHub::Return(word(9, client, 1)));
        world.say(stranger, ToHub::Return(word(9, 1, 1)));
    }
    world.say(ann, ToHub::Return(word(9, 2, 0)));
    let bob = world.connect(9, None, None).connection;
    let kept = world.received(bob);
    assert_eq!(kept.len(), 64);
    for true_word in [word(9, 1, 0), word(9, 2, 0)] {
        assert!(kept.contains(&ToBridge::Returned(true_word)));
    }
}

#[test]
fn regression_of_words_that_are_worth_the_same_the_oldest_is_dropped() {
    let mut world = hub();
    let bob = join(&mut world, 9, "bob");
    world.disconnect(bob);
    for client in 10..80 {
        let stranger = join(&mut world, client, &format!("peer-{client}"));
        world.say(stranger, ToHub::Return(word(9, client, 1)));
    }
    let bob = world.connect(9, None, None).connection;
    let kept = (16..80).map(|from| ToBridge::Returned(word(9, from, 1))).collect::<Vec<_>>();
    assert_eq!(world.received(bob), kept);
}

#[test]
fn bridge_that_knows_no_seats_is_sent_nothing_about_them() {
    let mut world = hub();
    let ((ann, _), old) = (FIRST.join(&mut world, Some("ann")), world.join(9, "bob"));
    assert_eq!(found(&mut world, old, named("ann")), (Standing::Online, Some(1)));
    world.hand(old, send(envelope(9, 1, 1, 300)));
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    assert_eq!(world.received(old), []);
    world.disconnect(old);
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    let welcome = world.connect(9, None, None);
    let old = welcome.connection;
    assert_eq!((welcome.seat, world.received(old)), (None, vec![]));
    found(&mut world, old, named("ann"));
    let (next, _) = SECOND_ONE.join(&mut world, None);
    assert_eq!(world.received(old), []);
    world.pass(SECOND);
    assert_eq!(world.received(old), [ToBridge::Peer(key(1), Standing::Gone, None)]);
    world.say(next, ToHub::Vacate);
    assert_eq!(found(&mut world, old, named("ann")), (Standing::Gone, None));
    Process(3, 1, 12).join(&mut world, None);
    assert_eq!(world.received(old), []);
}

#[test]
fn unknown_seat_is_not_yet_here_in_the_restart_grace_and_then_gone() {
    let mut world = World::started_at(STARTED, Some(GROUP));
    let bob = join(&mut world, 9, "bob");
    assert_eq!(found(&mut world, bob, LookupTarget::Seat(seat(1))), (Standing::NotYet, None));
    FIRST.join(&mut world, None);
    assert!(matches!(world.received(bob)[..], [ToBridge::Peer(by, _, Some(_))] if by == key(1)));
    world.pass(TIMEOUT);
    world.state.touch(bob, world.now);
    assert_eq!(found(&mut world, bob, LookupTarget::Seat(seat(2))), (Standing::Gone, None));
}
