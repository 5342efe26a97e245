//! Seats: processes of sessions that claim them, and what others see of them.

mod claims;
mod passing;
mod returns;

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::id::{ConnectionId, GroupId, Incarnation, PeerKey, SeatKey, Seq};
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::{
    Answer, Awaited, AwaitedEnd, Card, CardSeat, HelloBody, List, LookupTarget, Naming, Page,
    Question, READS_SEATS, ReceiptKind, Refusal, Return, ReturnBody, SeatAnswer, SeatClaim,
    SignedCard, Standing, Ticket, ToBridge, ToHub, WelcomeBody,
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
    let list = List { role: None, repo: None, limit: 50, cursor: None, state: None };
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
