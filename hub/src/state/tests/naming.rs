//! Which aliases are granted, and which cards are accepted.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::ticket_time;
use junction_shared::protocol::id::{ConnectionId, Epoch};
use junction_shared::protocol::wire::{
    Answer, Card, Context, List, LookupTarget, Naming, Question, Standing, ToBridge, ToHub,
};

use super::world::{ConnectionEnd, TIMEOUT, World, card, granted, key, signed, ticket_key};

fn rename(world: &mut World, connection: ConnectionId, card: &Card) -> Naming {
    match world.ask(connection, Question::Rename(signed(card))) {
        Some(Answer::Named(naming)) => naming,
        other => panic!("no naming in {other:?}"),
    }
}

fn find(world: &mut World, requester: ConnectionId, alias: &str) -> Option<Card> {
    match world.ask(requester, Question::Lookup(LookupTarget::Alias(alias.to_owned()))) {
        Some(Answer::Found(_, card)) => {
            card.map(|card| junction_shared::protocol::codec::decode(&card.body).unwrap())
        }
        other => panic!("no answer in {other:?}"),
    }
}

#[test]
fn a_free_alias_is_granted_with_a_ticket() {
    let mut world = World::in_grace();
    let grant = world.connect(1, Some("ann"), None).grant;
    assert_eq!(grant.alias, "ann");
    assert!(ticket_time(&ticket_key(), "ann", &key(1), &grant.ticket).is_some());
}

#[test]
fn a_missing_invalid_or_taken_alias_gets_a_generated_one() {
    let mut world = World::in_grace();
    world.connect(1, Some("ann-1"), None);
    let wishes =
        [None, Some(""), Some(".."), Some("Ann"), Some("ännchen"), Some("ann-1"), Some("annl")];
    for (client, wish) in (2..).zip(wishes) {
        let alias = world.connect(client, wish, None).grant.alias;
        assert!(alias.contains('-') && Some(alias.as_str()) != wish, "{alias}");
    }
}

#[test]
fn a_ticket_takes_the_alias_back_in_the_restart_grace() {
    let mut world = World::in_grace();
    let squatter = world.join(1, "ann");
    let owner = granted(2, "ann", 5);
    let welcome = world.connect(2, Some("ann"), Some(owner));
    assert_eq!(welcome.grant.alias, "ann");
    let received = world.received(squatter);
    let [ToBridge::Reassigned(grant)] = received.as_slice() else { panic!("{received:?}") };
    assert_ne!(grant.alias, "ann");
    assert!(ticket_time(&ticket_key(), &grant.alias, &key(1), &grant.ticket).is_some());
}

#[test]
fn a_reassigned_peer_is_unlisted_until_its_next_card() {
    let mut world = World::in_grace();
    let (squatter, bob) = (world.join(1, "ann"), world.join(3, "bob"));
    world.connect(2, Some("ann"), Some(granted(2, "ann", 5)));
    let received = world.received(squatter);
    let [ToBridge::Reassigned(grant)] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(find(&mut world, bob, "ann"), None);
    assert_eq!(find(&mut world, bob, &grant.alias), None);
    let lookup = Question::Lookup(LookupTarget::Key(key(1)));
    assert_eq!(world.ask(bob, lookup), Some(Answer::Found(Standing::NotYet, None)));
    // A card for the alias it just lost was on its way.
    world.publish(squatter, &card(1, 2, "ann", None));
    assert_eq!(world.ended(squatter), None);
    world.publish(squatter, &card(1, 3, &grant.alias, None));
    assert_eq!(find(&mut world, bob, &grant.alias).map(|card| card.epoch), Some(Epoch(3)));
    // From here on such a card is a protocol error.
    world.publish(squatter, &card(1, 4, "ann", None));
    assert_eq!(world.ended(squatter), Some(ConnectionEnd::Closed(Close::ProtocolError)));
}

#[test]
fn an_alias_held_by_ticket_does_not_yield() {
    let mut world = World::in_grace();
    world.connect(1, Some("ann"), Some(granted(1, "ann", 5)));
    let welcome = world.connect(2, Some("ann"), Some(granted(2, "ann", 5)));
    assert_ne!(welcome.grant.alias, "ann");
}

#[test]
fn after_the_restart_grace_no_alias_is_taken_away() {
    let mut world = World::past_grace();
    world.connect(1, Some("ann"), None);
    let welcome = world.connect(2, Some("ann"), Some(granted(2, "ann", 5)));
    assert_ne!(welcome.grant.alias, "ann");
}

#[test]
fn a_ticket_of_another_peer_is_invalid() {
    let mut world = World::in_grace();
    world.connect(1, Some("ann"), None);
    let stolen = granted(3, "ann", 5);
    assert_ne!(world.connect(2, Some("ann"), Some(stolen)).grant.alias, "ann");
}

#[test]
fn an_away_holder_learns_its_new_alias_when_it_returns() {
    let mut world = World::in_grace();
    let squatter = world.join(1, "ann");
    world.disconnect(squatter);
    world.connect(2, Some("ann"), Some(granted(2, "ann", 5)));
    let welcome = world.connect(1, Some("ann"), None);
    assert!(welcome.resumed);
    assert_ne!(welcome.grant.alias, "ann");
}

#[test]
fn a_rename_frees_the_old_alias_and_publishes_at_once() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    find(&mut world, bob, "ann");
    let wished = card(1, 2, "anna", None);
    let Naming::Granted(grant) = rename(&mut world, ann, &wished) else { panic!("not granted") };
    assert!(ticket_time(&ticket_key(), "anna", &key(1), &grant.ticket).is_some());
    assert_eq!(
        world.received(bob),
        [ToBridge::Peer(key(1), Standing::Online, Some(signed(&wished)))]
    );
    assert_eq!(find(&mut world, bob, "ann"), None);
    assert_eq!(find(&mut world, bob, "anna"), Some(wished));
    assert_eq!(world.connect(3, Some("ann"), None).grant.alias, "ann");
}

#[test]
fn a_taken_alias_is_refused_with_a_free_one() {
    let mut world = World::past_grace();
    let (ann, _) = (world.join(1, "ann"), world.join(2, "worker-1"));
    for similar in ["worker-1", "worker1", "w0rker-l", "work-er-i"] {
        let naming = rename(&mut world, ann, &card(1, 2, similar, None));
        let Naming::Taken { free } = naming else { panic!("{naming:?}") };
        assert_ne!(free, similar);
        assert!(matches!(
            rename(&mut world, ann, &card(1, 2, similar, None)),
            Naming::Taken { .. }
        ));
    }
    assert!(find(&mut world, ann, "ann").is_some());
    assert!(matches!(rename(&mut world, ann, &card(1, 2, "worker-2", None)), Naming::Granted(_)));
}

#[test]
fn a_bad_alias_is_refused_and_nothing_is_published() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    for bad in ["", "..", "an", "Anna", "ännchen", "---", &"a".repeat(33)] {
        assert_eq!(rename(&mut world, ann, &card(1, 2, bad, None)), Naming::Bad);
    }
    assert_eq!(find(&mut world, ann, "ann").map(|card| card.epoch), Some(Epoch(1)));
}

#[test]
fn a_peer_may_respell_its_own_alias() {
    let mut world = World::past_grace();
    let ann = world.join(1, "worker1");
    assert!(matches!(rename(&mut world, ann, &card(1, 2, "worker-1", None)), Naming::Granted(_)));
    assert_eq!(find(&mut world, ann, "worker1"), None);
    assert!(find(&mut world, ann, "worker-1").is_some());
}

#[test]
fn a_rename_may_be_the_first_card() {
    let mut world = World::past_grace();
    let ann = world.connect(1, None, None).connection;
    assert!(matches!(rename(&mut world, ann, &card(1, 1, "ann", None)), Naming::Granted(_)));
    assert!(find(&mut world, ann, "ann").is_some());
}

#[test]
fn a_rename_with_an_old_epoch_ends_the_connection() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    world.say(ann, ToHub::Ask(1, Question::Rename(signed(&card(1, 1, "anna", None)))));
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
}

#[test]
fn old_epochs_are_ignored() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
    find(&mut world, bob, "ann");
    world.publish(ann, &card(1, 5, "ann", None));
    world.received(bob);
    for epoch in [5, 4, 0] {
        world.publish(ann, &card(1, epoch, "ann", Some("critic")));
    }
    assert_eq!(world.received(bob), []);
    assert_eq!(world.ended(ann), None);
}

#[test]
fn a_card_of_another_peer_ends_the_connection() {
    let context = |role: String| Context { role: Some(role), ..Context::default() };
    let good = card(1, 2, "ann", None);
    let wrong = [
        card(2, 2, "ann", None),
        card(1, 2, "bob", None),
        Card { context: context("x".repeat(121)), ..good.clone() },
        Card { context: context("a\u{7}b".to_owned()), ..good.clone() },
        Card { context: context("a\u{202e}b".to_owned()), ..good.clone() },
        Card { context: context("ä".repeat(76)), ..good },
    ];
    for wrong in wrong {
        let mut world = World::past_grace();
        let ann = world.join(1, "ann");
        world.publish(ann, &wrong);
        assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    }
}

#[test]
fn regression_a_card_with_texts_of_any_script_is_listed() {
    for role in ["größer – später".to_owned(), "日".repeat(50), "x".repeat(120), "👩‍💻".to_owned()]
    {
        let mut world = World::past_grace();
        let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
        world.publish(ann, &card(1, 2, "ann", Some(&role)));
        assert_eq!(world.ended(ann), None, "{role}");
        let all = List { role: Some(role), repo: None, limit: 9, cursor: None, state: None };
        let Some(Answer::Page(page)) = world.ask(bob, Question::List(all)) else {
            panic!("a page")
        };
        assert_eq!(page.total, 1);
    }
}

#[test]
fn a_card_that_is_too_long_or_malformed_ends_the_connection() {
    for body in [vec![0; 1025], vec![0xff; 10], Vec::new()] {
        let mut world = World::past_grace();
        let ann = world.join(1, "ann");
        world.say(
            ann,
            ToHub::Card(junction_shared::protocol::wire::SignedCard {
                body,
                mac: [0; 32],
                seat_signature: None,
                moves: None,
            }),
        );
        assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    }
}

#[test]
fn in_the_restart_grace_a_rename_yields_to_a_ticket() {
    let mut world = World::in_grace();
    let squatter = world.connect(1, Some("own"), Some(granted(1, "own", 5))).connection;
    assert!(matches!(rename(&mut world, squatter, &card(1, 1, "ann", None)), Naming::Granted(_)));
    world.pass(TIMEOUT - Duration::from_secs(1));
    let welcome = world.connect(2, Some("ann"), Some(granted(2, "ann", 5)));
    assert_eq!(welcome.grant.alias, "ann");
}
