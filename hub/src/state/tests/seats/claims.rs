//! Who gets a seat, which cards may show it, and what is kept of it.

use super::*;

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
    assert_eq!(session_ms, 0, "the session is counted from its start");
}

#[test]
fn kept_seat_is_forgotten_with_time_and_one_that_is_left_for_good_at_once() {
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
