//! What goes back to senders, and which words about it are kept.

use super::*;

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
fn regression_words_wait_for_a_sender_that_a_restarted_hub_has_not_seen_yet() {
    let mut world = World::started_at(STARTED, Some(GROUP));
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    world.say(ann, ToHub::Vacate);
    let bob = join(&mut world, 9, "bob");
    assert_eq!(world.received(bob), [ToBridge::Returned(word(9, 1, 0))]);

    let mut world = World::started_at(STARTED, Some(GROUP));
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    world.pass(TIMEOUT);
    let bob = join(&mut world, 9, "bob");
    assert_eq!(world.received(bob), [], "who has not come back in time is gone");
}

#[test]
fn early_words_of_a_member_that_gives_many_push_out_no_others() {
    let mut world = World::started_at(STARTED, Some(GROUP));
    let (ann, _) = FIRST.join(&mut world, Some("ann"));
    world.say(ann, ToHub::Return(word(9, 1, 0)));
    let mallory = join(&mut world, 7, "mallory");
    for highest in 0..5000 {
        world.say(mallory, ToHub::Return(word(200, 7, highest)));
    }
    let bob = join(&mut world, 9, "bob");
    assert_eq!(world.received(bob), [ToBridge::Returned(word(9, 1, 0))]);
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
