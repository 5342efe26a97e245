//! Random claims, cards, leaves and times, and what must hold of seats after each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use junction_shared::protocol::codec::encode;
use junction_shared::protocol::id::{ConnectionId, Incarnation, SeatKey};
use junction_shared::protocol::wire::{
    Card, CardSeat, HelloBody, LookupTarget, Question, READS_SEATS, Return, ReturnBody, SeatAnswer,
    SeatClaim, SeatMove, ToBridge, ToHub,
};
use proptest::prelude::*;

use super::super::aliases::AliasOwner;
use super::super::peer::{PeerSession, Seating};
use super::world::{ConnectionEnd, TIMEOUT, World, card, envelope, key, send, signed};

const CLIENTS: u8 = 5;
const SEATS: u8 = 3;

#[derive(Clone, Debug)]
enum SeatEvent {
    Connect { client: u8, claim: Option<Box<SeatClaim>>, want: Option<&'static str> },
    Publish(u8),
    Rename(u8, &'static str),
    Drop(u8),
    Leave(u8),
    Vacate(u8),
    Follow(u8, u8),
    Send(u8, u8, u8),
    Return(u8, u8),
    Pass(Duration),
}

fn seat(n: u8) -> SeatKey {
    SeatKey([n; 32])
}

fn claim() -> impl Strategy<Value = Box<SeatClaim>> {
    let moved = prop::option::weighted(0.3, (0..SEATS, 1..6u64));
    let place = prop::option::of(0..2u8);
    (0..SEATS, 1..6u64, any::<bool>(), place, moved).prop_map(|(n, number, proof, place, moved)| {
        Box::new(SeatClaim {
            key: seat(n),
            incarnation: Incarnation(number),
            is_proven: proof.then_some(true),
            place: place.map(|place| [place; 16]),
            moved_from: moved.map(|(from, number)| SeatMove {
                from: seat(from),
                incarnation: Incarnation(number),
                signature: junction_shared::protocol::id::Signature([0; 64]),
                consent: junction_shared::protocol::id::Signature([0; 64]),
            }),
        })
    })
}

fn alias() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("worker-1"), Just("w0rker-l"), Just("critic")]
}

fn seat_event() -> impl Strategy<Value = SeatEvent> {
    let client = || 0..CLIENTS;
    let claims = (client(), prop::option::weighted(0.9, claim()), prop::option::of(alias()));
    let times = prop_oneof![Just(10u64), Just(1000), 1000..400_000u64];
    prop_oneof![
        6 => claims.prop_map(|(client, claim, want)| SeatEvent::Connect { client, claim, want }),
        6 => client().prop_map(SeatEvent::Publish),
        1 => (client(), alias()).prop_map(|(client, alias)| SeatEvent::Rename(client, alias)),
        1 => client().prop_map(SeatEvent::Drop),
        1 => client().prop_map(SeatEvent::Leave),
        2 => client().prop_map(SeatEvent::Vacate),
        2 => (client(), 0..CLIENTS).prop_map(|(client, of)| SeatEvent::Follow(client, of)),
        2 => (client(), client(), 0..9u8).prop_map(|(from, to, n)| SeatEvent::Send(from, to, n)),
        1 => (client(), client()).prop_map(|(from, to)| SeatEvent::Return(from, to)),
        2 => times.prop_map(|ms| SeatEvent::Pass(Duration::from_millis(ms))),
    ]
}

/// What a bridge knows of itself.
struct BridgeView {
    connection: ConnectionId,
    alias: String,
    seat: Option<CardSeat>,
}

struct SeatWorld {
    world: World,
    bridges: BTreeMap<u8, BridgeView>,
    epoch: u64,
}

impl SeatWorld {
    fn apply(&mut self, event: SeatEvent) {
        match event {
            SeatEvent::Connect { client, claim, want } => self.connect(client, claim, want),
            SeatEvent::Publish(client) => self.publish(client),
            SeatEvent::Rename(client, alias) => {
                let Some(card) = self.card(client, Some(alias)) else { return };
                self.say(client, ToHub::Ask(1, Question::Rename(signed(&card))));
            }
            SeatEvent::Drop(client) => {
                if let Some(bridge) = self.bridges.remove(&client) {
                    self.world.disconnect(bridge.connection);
                }
            }
            SeatEvent::Leave(client) => self.say(client, ToHub::Leave),
            SeatEvent::Vacate(client) => self.say(client, ToHub::Vacate),
            SeatEvent::Follow(client, of) => {
                self.publish(client);
                for target in [LookupTarget::Key(key(of)), LookupTarget::Seat(seat(of % SEATS))] {
                    self.say(client, ToHub::Ask(1, Question::Lookup(target)));
                }
            }
            SeatEvent::Send(from, to, n) => {
                self.publish(from);
                self.say(from, ToHub::Send(send(envelope(from, to, n, 300))));
            }
            SeatEvent::Return(from, to) => {
                let body = ReturnBody {
                    from: key(from),
                    seat: seat(0),
                    highest: junction_shared::protocol::id::Seq(1),
                    read: 0,
                    leased: 0,
                };
                let word = Return { to: key(to), body: encode(&body).to_vec(), mac: [0; 32] };
                self.say(from, ToHub::Return(word));
            }
            SeatEvent::Pass(time) => self.world.pass(time),
        }
        self.hear();
    }

    fn connect(&mut self, client: u8, claim: Option<Box<SeatClaim>>, want: Option<&str>) {
        let hello = self.world.hello(client, want, None);
        let hello = HelloBody { seat: claim.as_deref().cloned(), ..hello };
        let welcome = self.world.greet(&hello).unwrap();
        assert!(claim.is_some() == welcome.seat.is_some() || self.is_unseated(client));
        let shown = claim.filter(|_| matches!(welcome.seat, Some(SeatAnswer::Granted(_))));
        let seat = shown.map(|claim| CardSeat { key: claim.key, incarnation: claim.incarnation });
        let alias = welcome.grant.alias;
        self.bridges.insert(client, BridgeView { connection: welcome.connection, alias, seat });
    }

    fn is_unseated(&self, client: u8) -> bool {
        self.world.state.peers.get(&key(client)).is_some_and(PeerSession::is_unseated)
    }

    /// Returns the bridge's next card.
    fn card(&mut self, client: u8, alias: Option<&str>) -> Option<Card> {
        self.epoch += 1;
        let bridge = self.bridges.get(&client)?;
        let card = card(client, self.epoch, alias.unwrap_or(&bridge.alias), None);
        Some(Card { seat: bridge.seat, features: Some(READS_SEATS), ..card })
    }

    fn publish(&mut self, client: u8) {
        if let Some(card) = self.card(client, None) {
            self.say(client, ToHub::Card(signed(&card)));
        }
    }

    fn say(&mut self, client: u8, frame: ToHub) {
        let Some(bridge) = self.bridges.get(&client) else { return };
        let needs_card = matches!(frame, ToHub::Send(_) | ToHub::Ask(_, Question::Lookup(_)));
        let has_card =
            self.world.state.peers.get(&key(client)).is_some_and(|peer| peer.card.is_some());
        if has_card || !needs_card {
            self.world.say(bridge.connection, frame);
        }
        self.hear();
    }

    /// Takes in what bridges are told. An honest one is never cut off.
    fn hear(&mut self) {
        let mut ended = Vec::new();
        for (client, bridge) in &mut self.bridges {
            for frame in self.world.received(bridge.connection) {
                match frame {
                    ToBridge::Reassigned(grant) => bridge.alias = grant.alias,
                    ToBridge::Answer(
                        _,
                        junction_shared::protocol::wire::Answer::Named(
                            junction_shared::protocol::wire::Naming::Granted(grant),
                        ),
                    ) => bridge.alias = grant.alias,
                    _ => {}
                }
            }
            let end = self.world.ended(bridge.connection);
            let close = junction_shared::protocol::close::Close::ProtocolError;
            assert_ne!(end, Some(ConnectionEnd::Closed(close)), "client {client}");
            ended.extend(end.map(|_| *client));
        }
        for client in ended {
            self.bridges.remove(&client);
        }
    }

    fn check(&self) {
        let state = &self.world.state;
        // Each peer owns its alias, and each kept seat; there are no other owners.
        for (key, peer) in &state.peers {
            assert_eq!(state.aliases.owner(&peer.alias), Some(AliasOwner::Peer(*key)));
        }
        let kept =
            state.seats.records().filter_map(|(seat, record)| Some((seat, record.kept.as_ref()?)));
        let kept: Vec<_> = kept.collect();
        for (seat, kept) in &kept {
            assert_eq!(state.aliases.owner(&kept.alias), Some(AliasOwner::Seat(**seat)));
        }
        assert_eq!(state.aliases.len(), state.peers.len() + kept.len());
        // A seat has one holder, which knows it, or is kept.
        for (seat, record) in state.seats.records().filter(|(_, record)| record.kept.is_none()) {
            assert_eq!(state.peers[&record.holder].seat(), Some(*seat));
        }
        let holders = state.peers.values().filter_map(PeerSession::seat);
        let holders: Vec<_> = holders.collect();
        assert_eq!(holders.len() + kept.len(), state.seats.records().count());
        assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), holders.len());
        // No two listed cards show one seat, and what is listed is what is valid.
        let shown: Vec<_> =
            state.listing.cards().filter_map(|card| Some(card.card.seat?.key)).collect();
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len());
        let valid = state.peers.values().filter_map(|peer| peer.valid_card());
        let valid: BTreeSet<_> = valid.map(|card| (&card.card.alias, card.card.epoch)).collect();
        let listed = state.listing.cards().map(|card| (&card.card.alias, card.card.epoch));
        assert_eq!(listed.collect::<BTreeSet<_>>(), valid);
        // An heir waits for somebody living who is not itself.
        for (key, peer) in &state.peers {
            let Some(heir) = peer.heir() else { continue };
            let record = state.seats.get(&heir.claim.key).unwrap();
            assert!(record.kept.is_none() && record.holder != *key && !peer.is_unseated());
            let of = if heir.keeps_alias { key } else { &record.holder };
            assert_eq!(heir.told, state.peers[of].alias);
        }
        // One deadline for each session, message, kept seat and unseated peer, and one for the restart grace.
        let unseated =
            state.peers.values().filter(|peer| matches!(peer.seating, Seating::Unseated { .. }));
        let in_grace = usize::from(self.world.now < TIMEOUT);
        let all = state.peers.len() + kept.len() + unseated.count() + state.stored().0 + in_grace;
        assert_eq!(state.deadlines.len(), all);
    }

    fn end_all(mut self) {
        for client in 0..CLIENTS {
            self.apply(SeatEvent::Drop(client));
        }
        self.world.pass(TIMEOUT * 3);
        self.check();
        let state = &self.world.state;
        assert!(state.peers.is_empty() && state.store.is_empty() && state.tombstones.is_empty());
        assert_eq!((state.aliases.len(), state.seats.records().count()), (0, 0));
        assert_eq!((state.next_deadline(), state.subscriptions.len()), (None, 0));
        assert!(state.idle_since().is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_alias_has_one_peer_and_one_seat_one_holder(
        events in prop::collection::vec(seat_event(), 1..120),
    ) {
        let world = World::in_grace();
        let mut seats = SeatWorld { world, bridges: BTreeMap::new(), epoch: 0 };
        for event in events {
            seats.apply(event);
            seats.check();
        }
        seats.end_all();
    }
}
