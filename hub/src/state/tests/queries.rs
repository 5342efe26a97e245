//! Lists, lookups and watches.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::id::{ConnectionId, PeerKey, ReceiveKey};
use junction_shared::protocol::limits::{MAX_FRAME, MAX_PAGE};
use junction_shared::protocol::wire::{
    Answer, Card, Context, List, Listed, LookupTarget, Page, Question, Standing, ToBridge, ToHub,
};

use super::world::{ConnectionEnd, World, card, signed};

fn list(world: &mut World, requester: ConnectionId, list: List) -> Page {
    match world.ask(requester, Question::List(list)) {
        Some(Answer::Page(page)) => page,
        other => panic!("no page in {other:?}"),
    }
}

fn all() -> List {
    List { role: None, repo: None, limit: 50, cursor: None, state: None }
}

fn aliases(page: &Page) -> Vec<String> {
    let alias = |listed: &Listed| {
        let card: Card = junction_shared::protocol::codec::decode(&listed.card.body).unwrap();
        card.alias
    };
    page.peers.iter().map(alias).collect()
}

#[test]
fn a_list_is_sorted_without_the_requester_and_includes_away_peers() {
    let mut world = World::past_grace();
    let (dan, _, bob) = (world.join(4, "dan"), world.join(1, "ann"), world.join(2, "bob"));
    world.connect(3, Some("unlisted"), None);
    world.disconnect(bob);
    world.now += Duration::from_secs(3);
    let page = list(&mut world, dan, all());
    assert_eq!(aliases(&page), ["ann", "bob"]);
    assert_eq!((page.total, page.next), (2, None));
    assert_eq!(page.peers.iter().map(|peer| peer.online).collect::<Vec<_>>(), [true, false]);
    assert_eq!(page.peers[0].session_ms, 3000);
}

#[test]
fn pages_follow_one_another() {
    let mut world = World::past_grace();
    let requester = world.join(1, "mmm");
    for client in 2..12 {
        world.join(client, &format!("peer-{client:02}"));
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = list(&mut world, requester, List { limit: 3, cursor, ..all() });
        assert_eq!(page.total, 10);
        seen.extend(aliases(&page));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (2..12).map(|client| format!("peer-{client:02}")).collect::<Vec<_>>());
}

#[test]
fn the_last_page_has_no_cursor_even_if_it_is_full() {
    let mut world = World::past_grace();
    let requester = world.join(1, "zzz");
    world.join(2, "ann");
    world.join(3, "bob");
    assert_eq!(list(&mut world, requester, List { limit: 2, ..all() }).next, None);
    assert_eq!(list(&mut world, requester, List { limit: 0, ..all() }).peers.len(), 1);
    let far = List { cursor: Some("~".to_owned()), ..all() };
    assert_eq!(list(&mut world, requester, far).peers, []);
}

#[test]
fn regression_filters_match_whole_texts_without_case_and_outer_blanks() {
    let mut world = World::past_grace();
    let requester = world.join_as(1, "asker", Some("critic"));
    world.join_as(2, "ann", Some("critic"));
    world.join_as(3, "bob", Some(" Critic"));
    world.join(4, "dan");
    world.join_as(5, "eve", Some("critics"));
    world.join_as(6, "fay", Some("Prüfer"));
    for role in ["critic", "CRITIC ", "Critic"] {
        let page = list(&mut world, requester, List { role: Some(role.to_owned()), ..all() });
        assert_eq!((aliases(&page), page.total), (vec!["ann".to_owned(), "bob".to_owned()], 2));
        watch(&mut world, requester, 1, Some(role));
        assert_eq!(seen(&mut world, requester), [(1, aliases(&page))]);
    }
    let testers = List { role: Some("PRÜFER".to_owned()), ..all() };
    assert_eq!(list(&mut world, requester, testers).total, 1);
    watch(&mut world, requester, 2, Some("Author"));
    world.join_as(7, "gus", Some("author "));
    assert_eq!(seen(&mut world, requester), [(2, vec!["gus".to_owned()])]);
    let elsewhere = List { repo: Some("elsewhere".to_owned()), ..all() };
    assert_eq!(list(&mut world, requester, elsewhere).total, 0);
}

#[test]
fn a_full_page_fits_a_frame() {
    let field = || Some("x".repeat(64));
    let context = Context {
        repo: field(),
        task: field(),
        role: field(),
        branch: field(),
        machine: field(),
        client: field(),
    };
    let mut world = World::past_grace();
    let requester = world.join(1, "asker");
    for n in 0..=MAX_PAGE {
        let mut bytes = [0xff; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        let mut hello = world.hello(0, None, None);
        hello.key = PeerKey(bytes);
        let welcome = world.greet(&hello).unwrap();
        let mut card = card(0, u64::MAX, &welcome.grant.alias, None);
        (card.key, card.receive_key) = (hello.key, ReceiveKey([0xff; 32]));
        card.context = context.clone();
        world.publish(welcome.connection, &card);
    }
    let page = list(&mut world, requester, List { limit: u16::MAX, ..all() });
    assert_eq!(page.peers.len(), usize::from(MAX_PAGE));
    let largest = page.peers.iter().map(|peer| peer.card.body.len()).max().unwrap();
    let spare = usize::from(MAX_PAGE) * (junction_shared::protocol::limits::MAX_CARD - largest);
    let frame = encode(&ToBridge::Answer(u32::MAX, Answer::Page(page)));
    assert!(frame.len() + spare < MAX_FRAME, "{} and {spare}", frame.len());
}

#[test]
fn a_lookup_by_alias_matches_exactly() {
    let mut world = World::past_grace();
    let (ann, _) = (world.join(1, "ann"), world.join(2, "worker-1"));
    let by = |alias: &str| Question::Lookup(LookupTarget::Alias(alias.to_owned()));
    for unknown in ["worker1", "nobody", "", "Worker-1"] {
        assert_eq!(world.ask(ann, by(unknown)), Some(Answer::Found(Standing::Gone, None)));
    }
    let found = Some(signed(&card(2, 1, "worker-1", None)));
    assert_eq!(world.ask(ann, by("worker-1")), Some(Answer::Found(Standing::Online, found)));
}

#[test]
fn a_lookup_of_oneself_does_not_subscribe() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    world.ask(ann, Question::Lookup(LookupTarget::Alias("ann".to_owned())));
    world.publish(ann, &card(1, 2, "ann", None));
    assert_eq!(world.received(ann), []);
}

fn watch(world: &mut World, connection: ConnectionId, number: u32, role: Option<&str>) {
    let role = role.map(str::to_owned);
    world.say(connection, ToHub::Ask(number, Question::Watch(role)));
}

fn seen(world: &mut World, connection: ConnectionId) -> Vec<(u32, Vec<String>)> {
    let seen = |frame| match frame {
        ToBridge::Answer(number, Answer::Seen(peers)) => {
            Some((number, aliases(&Page { peers, total: 0, next: None })))
        }
        _ => None,
    };
    world.received(connection).into_iter().filter_map(seen).collect()
}

#[test]
fn a_watch_is_answered_at_once_with_peers_that_are_online() {
    let mut world = World::past_grace();
    let ann = world.join_as(1, "ann", Some("critic"));
    let gone = world.join_as(2, "bob", Some("critic"));
    world.join_as(3, "dan", Some("critic"));
    world.disconnect(gone);
    watch(&mut world, ann, 7, Some("critic"));
    assert_eq!(seen(&mut world, ann), [(7, vec!["dan".to_owned()])]);
}

#[test]
fn a_watch_is_answered_once_by_a_join_a_change_or_a_return() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    let bob = world.join_as(2, "bob", Some("author"));
    watch(&mut world, ann, 1, Some("critic"));
    assert_eq!(seen(&mut world, ann), []);
    world.publish(bob, &card(2, 2, "bob", Some("critic")));
    assert_eq!(seen(&mut world, ann), [(1, vec!["bob".to_owned()])]);
    world.publish(bob, &card(2, 3, "bob", Some("critic")));
    assert_eq!(seen(&mut world, ann), []);
    world.disconnect(bob);
    watch(&mut world, ann, 2, None);
    assert_eq!(seen(&mut world, ann), []);
    world.connect(2, None, None);
    assert_eq!(seen(&mut world, ann), [(2, vec!["bob".to_owned()])]);
    watch(&mut world, ann, 3, Some("fixer"));
    world.join_as(3, "dan", Some("fixer"));
    assert_eq!(seen(&mut world, ann), [(3, vec!["dan".to_owned()])]);
}

#[test]
fn a_peer_does_not_answer_its_own_watch() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    watch(&mut world, ann, 1, None);
    world.publish(ann, &card(1, 2, "ann", None));
    assert_eq!(seen(&mut world, ann), []);
}

#[test]
fn an_ended_watch_is_not_answered() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    watch(&mut world, ann, 1, None);
    world.say(ann, ToHub::Unwatch(1));
    world.join(2, "bob");
    assert_eq!(seen(&mut world, ann), []);
}

#[test]
fn watches_beyond_the_bound_are_busy() {
    let mut world = World::past_grace();
    let ann = world.join(1, "ann");
    for number in 0..64 {
        watch(&mut world, ann, number, None);
    }
    assert_eq!(world.received(ann), []);
    watch(&mut world, ann, 64, None);
    assert_eq!(world.received(ann), [ToBridge::Answer(64, Answer::Busy)]);
}

#[test]
fn a_watch_with_a_number_in_use_or_an_impossible_role_ends_the_connection() {
    let mut world = World::past_grace();
    let (ann, bob) = (world.join(1, "ann"), world.connect(2, None, None).connection);
    world.disconnect(bob);
    watch(&mut world, ann, 1, Some("critic"));
    watch(&mut world, ann, 1, Some("critic"));
    assert_eq!(world.ended(ann), Some(ConnectionEnd::Closed(Close::ProtocolError)));
    let bob = world.connect(2, None, None).connection;
    watch(&mut world, bob, 1, Some(&"x".repeat(121)));
    assert_eq!(world.ended(bob), Some(ConnectionEnd::Closed(Close::ProtocolError)));
}
