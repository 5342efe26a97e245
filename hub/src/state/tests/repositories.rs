//! Repositories: who is told of whom, and which claims are relayed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{ConnectionId, PeerKey, RepositoryTag};
use junction_shared::protocol::limits::{MAX_REPOSITORIES, MAX_SEALED};
use junction_shared::protocol::wire::{HelloBody, SealedClaims, ToBridge, ToHub};
use proptest::prelude::*;

use super::world::{ConnectionEnd, World, card, key};

const ONE: RepositoryTag = RepositoryTag([1; 16]);
const TWO: RepositoryTag = RepositoryTag([2; 16]);

/// Joins a client that works in these repositories, and returns what it is told of them.
fn join(world: &mut World, client: u8, tags: &[RepositoryTag]) -> (ConnectionId, Vec<ToBridge>) {
    let connection = world.join(client, &format!("client-{client}"));
    world.received(connection);
    (connection, work_in(world, connection, tags))
}

fn work_in(world: &mut World, connection: ConnectionId, tags: &[RepositoryTag]) -> Vec<ToBridge> {
    world.say(connection, ToHub::Repositories(tags.to_vec()));
    world.received(connection)
}

fn claims(peer: u8, repository: RepositoryTag, number: u64) -> SealedClaims {
    SealedClaims { peer: key(peer), repository, number, sealed: Bytes::from_static(b"sealed") }
}

fn same(tag: RepositoryTag, clients: &[u8]) -> ToBridge {
    ToBridge::SameRepository(tag, clients.iter().map(|client| key(*client)).collect())
}

#[test]
fn sessions_of_one_repository_are_told_of_each_other_and_of_nobody_else() {
    let mut world = World::in_grace();
    let (first, told) = join(&mut world, 1, &[ONE]);
    assert_eq!(told, [same(ONE, &[])]);
    let (second, told) = join(&mut world, 2, &[TWO, ONE, ONE]);
    assert_eq!(told, [same(ONE, &[1]), same(TWO, &[])]);
    assert_eq!(world.received(first), [ToBridge::RepositoryJoined(ONE, key(2))]);
    let (third, told) = join(&mut world, 3, &[]);
    assert!(told.is_empty());
    // The same set again tells nobody else anything.
    assert_eq!(work_in(&mut world, second, &[ONE, TWO]), [same(ONE, &[1]), same(TWO, &[])]);
    assert!(world.received(first).is_empty());
    assert_eq!(work_in(&mut world, second, &[TWO]), [same(TWO, &[])]);
    assert_eq!(world.received(first), [ToBridge::RepositoryLeft(ONE, key(2))]);
    assert!(world.received(third).is_empty());
}

#[test]
fn connection_that_ends_leaves_its_repositories() {
    let mut world = World::in_grace();
    let (first, _) = join(&mut world, 1, &[ONE]);
    for end in [ToHub::Leave, ToHub::Vacate] {
        let (second, _) = join(&mut world, 2, &[ONE]);
        world.received(first);
        world.say(second, end);
        assert_eq!(world.received(first), [ToBridge::RepositoryLeft(ONE, key(2))]);
    }
    let (second, _) = join(&mut world, 2, &[ONE]);
    world.received(first);
    world.disconnect(second);
    assert_eq!(world.received(first), [ToBridge::RepositoryLeft(ONE, key(2))]);
    world.disconnect(first);
    assert_eq!(world.state.repositories.len(), (0, 0));
}

#[test]
fn newer_connection_of_a_session_names_its_repositories_again() {
    let mut world = World::in_grace();
    let (first, _) = join(&mut world, 1, &[ONE]);
    let (second, _) = join(&mut world, 2, &[ONE]);
    world.received(first);
    let newer = world.connect(2, None, None).connection;
    assert_eq!(world.ended(second), Some(ConnectionEnd::Closed(Close::Superseded)));
    assert_eq!(work_in(&mut world, newer, &[ONE]), [same(ONE, &[1])]);
    let news = [ToBridge::RepositoryLeft(ONE, key(2)), ToBridge::RepositoryJoined(ONE, key(2))];
    assert_eq!(world.received(first), news);
}

#[test]
fn claims_pass_between_sessions_of_the_repository_only() {
    let mut world = World::in_grace();
    let (first, _) = join(&mut world, 1, &[ONE, TWO]);
    let (second, _) = join(&mut world, 2, &[ONE]);
    let (third, _) = join(&mut world, 3, &[]);
    for connection in [first, second, third] {
        world.received(connection);
    }
    world.say(first, ToHub::Claims(claims(2, ONE, 7)));
    assert_eq!(world.received(second), [ToBridge::Claims(claims(1, ONE, 7))]);
    // To one who is not there, in a repository that one of the two has not named, or to itself.
    for dropped in [claims(3, ONE, 8), claims(2, TWO, 9), claims(9, ONE, 10), claims(1, ONE, 11)] {
        world.say(first, ToHub::Claims(dropped));
    }
    world.say(third, ToHub::Claims(claims(1, ONE, 12)));
    world.disconnect(second);
    world.received(first);
    world.say(first, ToHub::Claims(claims(2, ONE, 13)));
    for connection in [first, second, third] {
        assert!(world.received(connection).is_empty());
    }
    // Nothing was kept for one who comes back.
    let (second, told) = join(&mut world, 2, &[ONE]);
    assert_eq!(told, [same(ONE, &[1])]);
    assert!(world.pushes(second).is_empty());
}

#[test]
fn what_breaks_the_rules_ends_the_connection() {
    let closed = Some(ConnectionEnd::Closed(Close::ProtocolError));
    let mut world = World::in_grace();
    let (connection, _) = join(&mut world, 1, &[ONE]);
    world.say(connection, ToHub::Repositories(vec![ONE; MAX_REPOSITORIES + 1]));
    assert_eq!(world.ended(connection), closed);
    let (connection, _) = join(&mut world, 2, &[ONE]);
    let sealed = vec![0; MAX_SEALED + 1].into();
    world.say(connection, ToHub::Claims(SealedClaims { sealed, ..claims(1, ONE, 1) }));
    assert_eq!(world.ended(connection), closed);
    let shy = world.connect(3, None, None).connection;
    world.say(shy, ToHub::Repositories(vec![ONE]));
    assert_eq!(world.ended(shy), closed);
}

#[test]
fn unlisted_session_takes_part() {
    let mut world = World::in_grace();
    let (first, _) = join(&mut world, 1, &[ONE]);
    let hello = HelloBody { unlisted: Some(true), ..world.hello(2, Some("onlooker"), None) };
    let welcome = world.greet(&hello).unwrap();
    world.publish(welcome.connection, &card(2, 1, &welcome.grant.alias, None));
    world.received(welcome.connection);
    assert_eq!(work_in(&mut world, welcome.connection, &[ONE]), [same(ONE, &[1])]);
    assert_eq!(world.received(first), [ToBridge::RepositoryJoined(ONE, key(2))]);
}

#[derive(Clone, Debug)]
enum RepositoryEvent {
    Join(u8),
    Drop(u8),
    Leave(u8),
    Name(u8, BTreeSet<u8>),
}

fn event() -> impl Strategy<Value = RepositoryEvent> {
    let client = || 1..5u8;
    prop_oneof![
        3 => client().prop_map(RepositoryEvent::Join),
        1 => client().prop_map(RepositoryEvent::Drop),
        1 => client().prop_map(RepositoryEvent::Leave),
        5 => (client(), proptest::collection::btree_set(1..4u8, 0..3))
            .prop_map(|(client, tags)| RepositoryEvent::Name(client, tags)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A session that follows the answers and the news knows at any time who else works in its repositories.
    #[test]
    fn who_follows_the_news_knows_all_others(
        events in proptest::collection::vec(event(), 1..60),
    ) {
        let mut world = World::in_grace();
        let mut here: BTreeMap<u8, (ConnectionId, BTreeSet<u8>)> = BTreeMap::new();
        let mut known: BTreeMap<(u8, u8), BTreeSet<PeerKey>> = BTreeMap::new();
        for event in events {
            match event {
                RepositoryEvent::Join(client) => {
                    let connection = world.join(client, &format!("client-{client}"));
                    known.retain(|(of, _), _| *of != client);
                    here.insert(client, (connection, BTreeSet::new()));
                }
                RepositoryEvent::Drop(client) => {
                    here.remove(&client).into_iter().for_each(|(id, _)| world.disconnect(id));
                }
                RepositoryEvent::Leave(client) => {
                    here.remove(&client).into_iter().for_each(|(id, _)| world.say(id, ToHub::Leave));
                }
                RepositoryEvent::Name(client, tags) => {
                    let Some((connection, named)) = here.get_mut(&client) else { continue };
                    let frame = tags.iter().map(|tag| RepositoryTag([*tag; 16])).collect();
                    world.say(*connection, ToHub::Repositories(frame));
                    known.retain(|(of, tag), _| *of != client || tags.contains(tag));
                    *named = tags;
                }
            }
            for (client, (connection, _)) in &here {
                for frame in world.received(*connection) {
                    match frame {
                        ToBridge::SameRepository(tag, keys) => {
                            known.insert((*client, tag.0[0]), keys.into_iter().collect());
                        }
                        ToBridge::RepositoryJoined(tag, key) => {
                            prop_assert!(known.get_mut(&(*client, tag.0[0])).unwrap().insert(key));
                        }
                        ToBridge::RepositoryLeft(tag, key) => {
                            prop_assert!(known.get_mut(&(*client, tag.0[0])).unwrap().remove(&key));
                        }
                        _ => {}
                    }
                }
            }
            for (client, (_, named)) in &here {
                for tag in named {
                    let there = here.iter().filter(|(other, (_, tags))| {
                        *other != client && tags.contains(tag)
                    });
                    let there: BTreeSet<_> = there.map(|(other, _)| key(*other)).collect();
                    prop_assert_eq!(&known[&(*client, *tag)], &there);
                }
            }
        }
    }
}
