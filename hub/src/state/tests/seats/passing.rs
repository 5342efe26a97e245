//! How a seat passes from one bridge of a session to the next.

use super::*;

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
fn regression_session_whose_bridge_died_before_its_first_card_has_the_name_that_it_was_given() {
    let mut world = World::started_at(STARTED, Some(GROUP));
    let first = FIRST.greet(&mut world, None);
    world.disconnect(first.connection);
    let second = SECOND_ONE.greet(&mut world, None);
    assert_eq!(second.grant.alias, first.grant.alias);
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
fn a_session_that_goes_on_in_another_process_is_not_gone_and_one_without_a_process_is() {
    let mut world = hub();
    let ((_, alias), bob) = (FIRST.join(&mut world, Some("ann")), join(&mut world, 9, "bob"));
    let gone = Awaited { alias: Some(alias.clone()), role: None, end: AwaitedEnd::Gone };
    world.say(bob, ToHub::Ask(1, Question::Await(gone)));
    let (second, same) = SECOND_ONE.join(&mut world, None);
    assert_eq!(same, alias);
    world.pass(2 * SECOND);
    let is_answer = |frame: &ToBridge| matches!(frame, ToBridge::Answer(1, _));
    assert!(!world.received(bob).iter().any(is_answer));
    // The alias is kept for the session, and nobody has it.
    world.say(second, ToHub::Vacate);
    let answer = ToBridge::Answer(1, Answer::Seen(Vec::new()));
    assert!(world.received(bob).contains(&answer));
}
