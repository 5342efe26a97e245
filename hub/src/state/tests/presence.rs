//! How sessions begin, disconnect, resume and end.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::{ConnectionId, Dial};
use junction_shared::protocol::wire::{Answer, LookupTarget, Question, Standing, ToBridge, ToHub};

use super::world::{ConnectionEnd, SWEEP, TIMEOUT, World, card, envelope, key, send, signed};

const SECOND: Duration = Duration::from_secs(1);

fn find(world: &mut World, requester: ConnectionId, client: u8) -> Standing {
    match world.ask(requester, Question::Lookup(LookupTarget::Key(key(client)))) {
        Some(Answer::Found(standing, _)) => standing,
        other => panic!("no standing in {other:?}"),
    }
}

#[test]
fn a_peer_is_listed_only_once_its_card_is_there() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    let welcome = world.connect(2, Some("bob"), None);
    assert_eq!(find(&mut world, ann, 2), Standing::NotYet);
    world.publish(welcome.connection, &card(2, 1, "bob", None));
    let bob = signed(&card(2, 1, "bob", None));
    assert_eq!(world.received(ann), [ToBridge::Peer(key(2), Standing::Online, Some(bob))]);
}

#[test]
fn a_reconnect_resumes_the_session_under_its_alias() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    world.disconnect(ann);
    let welcome = world.connect(1, Some("other"), None);
    assert!(welcome.resumed);
    assert_eq!(welcome.grant.alias, "ann");
}

#[test]
fn subscribers_are_notified_of_away_and_back() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    assert_eq!(find(&mut world, bob, 1), Standing::Online);
    world.disconnect(ann);
    assert_eq!(world.received(bob), [ToBridge::Peer(key(1), Standing::Away, None)]);
    assert_eq!(find(&mut world, bob, 1), Standing::Away);
    world.connect(1, None, None);
    assert_eq!(world.received(bob), [ToBridge::Peer(key(1), Standing::Online, None)]);
}

#[test]
fn the_higher_dial_wins() {
    let mut world = World::past_grace();
    let first = world.hello(1, None, None);
    let second = world.hello(1, None, None);
    let old = world.greet(&first).unwrap().connection;
    world.greet(&second).unwrap();
    assert_eq!(world.ended(old), Some(ConnectionEnd::Closed(Close::Superseded)));
    assert_eq!(world.greet(&first).unwrap_err(), Close::Superseded);
    assert_eq!(world.greet(&second).unwrap_err(), Close::Superseded);
    assert_eq!(world.state.connected(), 1);
}

#[test]
fn a_lower_dial_is_welcome_without_a_connection() {
    let mut world = World::past_grace();
    let mut hello = world.hello(1, None, None);
    hello.dial = Dial(9);
    let old = world.greet(&hello).unwrap().connection;
    world.disconnect(old);
    hello.dial = Dial(3);
    assert!(world.greet(&hello).unwrap().resumed);
}

#[test]
fn late_goodbye_keeps_the_new_socket() {
    let mut world = World::past_grace();
    let old = world.join(1, "ann");
    let new = world.connect(1, None, None).connection;
    world.disconnect(old);
    world.say(old, ToHub::Leave);
    assert_eq!(world.state.connected(), 1);
    let bob = world.join(2, "bob");
    assert_eq!(find(&mut world, bob, 1), Standing::Online);
    assert_eq!(world.ended(new), None);
}

#[test]
fn a_leave_releases_the_alias_at_once_and_notifies_subscribers() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    find(&mut world, bob, 1);
    world.say(ann, ToHub::Leave);
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Left));
    assert_eq!(world.received(bob), [ToBridge::Peer(key(1), Standing::Gone, None)]);
    assert_eq!(world.connect(3, Some("ann"), None).grant.alias, "ann");
}

#[test]
fn an_away_peer_is_gone_when_its_session_ends() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    find(&mut world, bob, 1);
    world.pass(SECOND);
    world.state.touch(ann, world.now);
    world.disconnect(ann);
    world.received(bob);
    world.pass(TIMEOUT - SECOND * 2);
    world.state.touch(bob, world.now);
    world.pass(SECOND);
    assert_eq!(world.received(bob), []);
    world.pass(SECOND);
    assert_eq!(world.received(bob), [ToBridge::Peer(key(1), Standing::Gone, None)]);
    assert_eq!(find(&mut world, bob, 1), Standing::Gone);
}

#[test]
fn a_silent_connection_ends_with_its_session() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    // Unanswered pings end the connection earlier, if the hub is running to send them.
    world.pass(TIMEOUT);
    assert_eq!(world.ended(ann), None);
    world.pass(TIMEOUT / 3);
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::SessionEnded)));
    assert_eq!(world.state.connected(), 0);
    assert!(!world.connect(1, None, None).resumed);
}

#[test]
fn regression_a_suspended_hub_extends_sessions_by_one_ping() {
    // Whether the deadline passed long before the hub woke up or just then.
    for slept in [TIMEOUT, TIMEOUT + Duration::from_millis(10), TIMEOUT * 3] {
        let mut world = World::past_grace();
        let (alice, bob) = (world.join(1, "alice"), world.join(2, "bob"));
        world.sleep(slept);
        world.pass(TIMEOUT / 3 - SECOND);
        assert_eq!((world.ended(alice), world.ended(bob)), (None, None));
        world.say(bob, ToHub::Unwatch(1));
        world.pass(SECOND);
        assert_eq!(world.ended(alice), Some(ConnectionEnd::Closed(Close::SessionEnded)));
        assert_eq!(world.ended(bob), None);
    }
}

#[test]
fn the_welcome_says_when_the_restart_grace_is_over() {
    let mut world = World::in_grace();
    assert_eq!(world.connect(1, None, None).past_restart_grace, None);
    world.pass(TIMEOUT);
    assert_eq!(world.connect(2, None, None).past_restart_grace, Some(true));
}

#[test]
fn any_frame_is_a_sign_of_life() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    for _ in 0..10 {
        world.pass(TIMEOUT - SECOND);
        world.say(ann, ToHub::Repush);
    }
    assert_eq!(world.ended(ann), None);
}

#[test]
fn deadlines_are_moved_not_collected() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    for _ in 0..100 {
        world.pass(SECOND);
        world.state.touch(ann, world.now);
        assert!(world.state.next_deadline().unwrap() <= world.now + TIMEOUT);
    }
    world.say(ann, ToHub::Leave);
    assert_eq!(world.state.next_deadline(), None);
}

#[test]
fn an_unknown_peer_is_not_yet_here_and_after_the_restart_grace_gone() {
    let mut world = World::in_grace();
    let ann = world.join(1, "ann");
    assert_eq!(find(&mut world, ann, 9), Standing::NotYet);
    world.pass(TIMEOUT - SWEEP);
    world.state.touch(ann, world.now);
    world.pass(SWEEP);
    assert_eq!(world.received(ann), [ToBridge::Peer(key(9), Standing::Gone, None)]);
    assert_eq!(find(&mut world, ann, 9), Standing::Gone);
}

#[test]
fn a_leave_is_remembered_during_the_restart_grace() {
    let mut world = World::in_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.say(bob, ToHub::Leave);
    assert_eq!(find(&mut world, ann, 2), Standing::Gone);
    world.connect(2, None, None);
    assert_eq!(find(&mut world, ann, 2), Standing::NotYet);
}

#[test]
fn the_card_of_a_peer_that_left_stays_as_long_as_its_mail() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    world.say(ann, ToHub::Leave);
    let of_ann = Question::Lookup(LookupTarget::Key(key(1)));
    let last = signed(&card(1, 1, "ann", None));
    assert_eq!(world.ask(bob, of_ann.clone()), Some(Answer::Found(Standing::Gone, Some(last))));
    assert_eq!(world.pushed(bob).len(), 1);
    world.receipt(bob, 1, 1, junction_shared::protocol::wire::ReceiptKind::Read);
    assert_eq!(world.ask(bob, of_ann), Some(Answer::Found(Standing::Gone, None)));
}

#[test]
fn a_peer_that_returns_after_its_end_starts_over_and_subscribers_see_it() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    find(&mut world, bob, 1);
    world.say(ann, ToHub::Leave);
    world.received(bob);
    world.join(1, "ann");
    let back = signed(&card(1, 1, "ann", None));
    assert_eq!(world.received(bob), [ToBridge::Peer(key(1), Standing::Online, Some(back))]);
}

#[test]
fn a_hub_is_idle_without_connections_and_mail() {
    let mut world = World::in_grace();
    assert_eq!(world.state.idle_since(), Some(Duration::ZERO));
    let ann = world.join(1, "ann");
    assert_eq!(world.state.idle_since(), None);
    world.hand(ann, send(envelope(1, 2, 1, 300)));
    world.disconnect(ann);
    assert_eq!(world.state.idle_since(), None);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.state.idle_since(), Some(world.now));
    let idle = world.now;
    world.pass(SECOND);
    assert_eq!(world.state.idle_since(), Some(idle));
}

#[test]
fn a_second_hello_ends_the_connection() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    let hello = junction_shared::protocol::wire::Hello {
        body: Vec::new(),
        proof: [0; 32],
        seat_signature: None,
    };
    world.say(ann, ToHub::Hello(hello));
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    let bob = world.join(2, "bob");
    assert_eq!(find(&mut world, bob, 1), Standing::Away);
}
