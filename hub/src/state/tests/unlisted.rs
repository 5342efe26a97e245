//! Sessions that are in no list and no count, and end nobody's wait.

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::wire::{
    Answer, Card, Context, HelloBody, List, LookupTarget, Page, Question, Standing, ToBridge, ToHub,
};

use super::super::UnlistedSessions;
use super::world::{ConnectionEnd, TIMEOUT, World, card, envelope, granted, id, key, send, signed};

const UNLISTED: Option<bool> = Some(true);

/// Connects an unlisted client that publishes its card. Returns its alias as well.
fn hide(world: &mut World, client: u8) -> (ConnectionId, String) {
    let hello = world.hello(client, None, None);
    let welcome = world.greet(&HelloBody { unlisted: UNLISTED, ..hello }).unwrap();
    let alias = welcome.grant.alias;
    world.publish(welcome.connection, &card(client, 1, &alias, Some("critic")));
    (welcome.connection, alias)
}

fn page(world: &mut World, requester: ConnectionId, role: Option<&str>) -> Page {
    let list =
        List { role: role.map(str::to_owned), repo: None, limit: 50, cursor: None, state: None };
    match world.ask(requester, Question::List(list)) {
        Some(Answer::Page(page)) => page,
        other => panic!("no page in {other:?}"),
    }
}

fn look_up(world: &mut World, requester: ConnectionId, target: LookupTarget) -> Standing {
    match world.ask(requester, Question::Lookup(target)) {
        Some(Answer::Found(standing, _)) => standing,
        other => panic!("no standing in {other:?}"),
    }
}

#[test]
fn unlisted_session_is_in_no_list_and_no_count_and_ends_no_wait() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    for (number, role) in [(7, Some("critic")), (8, Some(" CRITIC"))] {
        world.say(ann, ToHub::Ask(number, Question::Watch(role.map(str::to_owned))));
    }
    world.disconnect(bob);
    world.say(ann, ToHub::Ask(9, Question::Watch(None)));
    let (hidden, _) = hide(&mut world, 3);
    assert_eq!(world.received(ann), [], "nothing tells of it");
    assert_eq!((world.state.connected(), world.state.known()), (1, 2));
    for role in [None, Some("critic")] {
        let seen = page(&mut world, ann, role);
        assert_eq!(seen.total, u32::from(role.is_none()));
        assert!(seen.peers.iter().all(|peer| peer.card == signed(&card(2, 1, "bob", None))));
    }
    // It sees all others, and counts them right.
    let seen = page(&mut world, hidden, None);
    assert_eq!((seen.total, seen.peers.len()), (2, 2));
    let waits = world.ask(hidden, Question::Watch(Some("critic".to_owned())));
    assert_eq!(waits, None, "not even for itself");
    // Another of its kind does not see it either.
    let (other, _) = hide(&mut world, 4);
    assert_eq!(page(&mut world, other, None).total, 2);
    // Nor does it come into view by coming back.
    world.disconnect(hidden);
    let again = world.hello(3, None, None);
    assert!(world.greet(&HelloBody { unlisted: UNLISTED, ..again }).unwrap().resumed);
    assert_eq!(world.received(ann), []);
    assert_eq!((world.state.connected(), world.state.known()), (1, 2));
}

#[test]
fn unlisted_sessions_find_and_write_to_each_other() {
    let mut world = World::past_grace();
    let ((one, first), (two, second)) = (hide(&mut world, 1), hide(&mut world, 2));
    assert_eq!(look_up(&mut world, one, LookupTarget::Alias(second)), Standing::Online);
    assert_eq!(world.hand(one, send(envelope(1, 2, 9, 64))), ToBridge::Accepted(id(9)));
    assert_eq!(world.pushed(two), [id(9)]);
    // The receiver looks the sender up by its key, and is told when it goes.
    assert_eq!(look_up(&mut world, two, LookupTarget::Key(key(1))), Standing::Online);
    world.say(one, ToHub::Leave);
    assert_eq!(world.received(two), [ToBridge::Peer(key(1), Standing::Gone, None)]);
    assert_eq!(look_up(&mut world, two, LookupTarget::Alias(first)), Standing::Gone);
}

#[test]
fn unlisted_session_takes_no_alias_that_others_may_want() {
    let mut world = World::in_grace();
    let ticket = Some(granted(1, "ann", 5));
    let hello = world.hello(1, Some("ann"), ticket);
    let welcome = world.greet(&HelloBody { unlisted: UNLISTED, ..hello }).unwrap();
    assert_ne!(welcome.grant.alias, "ann");
    let rename = Question::Rename(signed(&card(1, 1, "ann", None)));
    world.say(welcome.connection, ToHub::Ask(1, rename));
    assert_eq!(world.ended(welcome.connection), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    // What it was given is free once it has left, and goes to its owner before.
    let (hidden, alias) = hide(&mut world, 2);
    let owner = world.connect(3, Some(&alias), Some(granted(3, &alias, 5)));
    assert_eq!(owner.grant.alias, alias);
    assert!(matches!(world.received(hidden)[..], [ToBridge::Reassigned(_)]));
    world.say(hidden, ToHub::Leave);
    let (hidden, alias) = hide(&mut world, 4);
    world.say(hidden, ToHub::Leave);
    assert_eq!(world.connect(5, Some(&alias), None).grant.alias, alias);
}

#[test]
fn session_neither_comes_into_view_nor_leaves_it_under_one_alias() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    assert_eq!(look_up(&mut world, ann, LookupTarget::Key(key(2))), Standing::Online);
    let hello = world.hello(2, Some("bob"), None);
    let welcome = world.greet(&HelloBody { unlisted: UNLISTED, ..hello }).unwrap();
    assert!(!welcome.resumed && welcome.grant.alias != "bob");
    assert_eq!(world.ended(bob), Some(ConnectionEnd::Closed(Close::Superseded)));
    assert_eq!(world.received(ann), [ToBridge::Peer(key(2), Standing::Gone, None)]);
    assert_eq!(page(&mut world, ann, None).total, 0);
    let welcome = world.connect(2, Some("bob"), None);
    assert!(!welcome.resumed && welcome.grant.alias == "bob");
    assert_eq!(world.state.unlisted, UnlistedSessions::default());
}

#[test]
fn unlisted_sessions_leave_nothing_behind_and_keep_no_hub_alive() {
    let mut world = World::past_grace();
    let since = world.state.idle_since();
    let (hidden, alias) = hide(&mut world, 1);
    assert_eq!(world.state.idle_since(), since, "the hub is as idle as before");
    assert_eq!(world.state.unlisted, UnlistedSessions { known: 1, connected: 1 });
    world.publish(hidden, &Card { context: Context::default(), ..card(1, 2, &alias, None) });
    assert_eq!(world.state.listing.cards().count(), 0);
    world.disconnect(hidden);
    assert_eq!(world.state.unlisted, UnlistedSessions { known: 1, connected: 0 });
    world.pass(TIMEOUT * 2);
    assert_eq!(world.state.unlisted, UnlistedSessions::default());
    assert_eq!((world.state.peers.len(), world.state.aliases.len()), (0, 0));
    // Mail that waits is another matter.
    let ((one, _), _) = (hide(&mut world, 1), hide(&mut world, 2));
    world.hand(one, send(envelope(1, 2, 9, 64)));
    assert_eq!(world.state.idle_since(), None);
}
