//! Which key an alias belongs to, and what is told when that changes.

use super::*;

#[test]
fn another_key_under_a_known_alias_is_shown_and_sending_needs_its_fingerprint() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "to the first bob");
    let (first, now) = (stage.key("bob"), stage.now);
    let old = stage.sessions.remove("bob").unwrap();
    stage.cards.remove(&first);
    stage.session("alice").frame(ToBridge::Peer(first, Standing::Gone, None), now);
    drop(old);
    stage.enter("bob", "bob");
    stage.run();
    let second = stage.key("bob").fingerprint();
    let error = stage.try_send("alice", draft("bob", "to whom?")).err().unwrap();
    let Error::KeyChanged { known, offered, .. } = &error else { panic!("{error:?}") };
    assert_eq!((known, offered), (&first.fingerprint(), &second));
    stage.send("bob", "alice", "I am bob");
    let page = stage.read("alice");
    assert_eq!(page.messages[0].key_changed.as_ref(), Some(&second));
    let to = |fingerprint: &str| Draft {
        fingerprint: Some(fingerprint.to_owned()),
        ..draft("bob", "to the second bob")
    };
    let wrong = stage.try_send("alice", to("0123456789abcdef")).err().unwrap();
    assert!(matches!(wrong, Error::OtherFingerprint { .. }));
    assert!(stage.try_send("alice", to(&second)).is_ok());
    stage.send("alice", "bob", "accepted once, it is known");
}

#[test]
fn regression_another_key_under_a_look_alike_of_a_known_alias_is_shown() {
    for (known, similar) in
        [("worker-1", "worker-l"), ("w0rker", "worker"), ("billy", "b1l-ly"), ("solo", "s-o-l-o")]
    {
        let mut stage = Stage::new();
        stage.enter("first", known);
        stage.run();
        // One direction is enough for either.
        stage.send("first", "alice", "I am the first");
        stage.read_for_good("alice");
        let (first, now) = (stage.key("first"), stage.now);
        stage.sessions.remove("first");
        stage.cards.remove(&first);
        stage.keys.remove(&first);
        stage.session("alice").frame(ToBridge::Peer(first, Standing::Gone, None), now);
        stage.enter("second", similar);
        stage.run();
        let second = stage.key("second").fingerprint();
        stage.send("second", "alice", "I am the same");
        let page = stage.read("alice");
        assert_eq!(page.messages[0].from.as_str(), similar);
        assert_eq!(page.messages[0].key_changed.as_ref(), Some(&second), "{known} {similar}");
        let error = stage.try_send("alice", draft(similar, "to whom?")).err();
        let expected = Error::KeyChanged {
            alias: Alias::parse(similar).unwrap(),
            known_as: Alias::parse(known).unwrap(),
            known: first.fingerprint(),
            offered: second.clone(),
        };
        assert_eq!(error, Some(expected));
        let accepted = Draft { fingerprint: Some(second), ..draft(similar, "to the second") };
        assert!(stage.try_send("alice", accepted).is_ok());
    }
}

#[test]
fn a_peer_that_respells_its_alias_keeps_its_key() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    stage.run();
    stage.send("alice", "carol", "one");
    let change = Change { alias: Some(Alias::parse("car-0l").unwrap()), ..Change::default() };
    stage.ask("carol", |reply| Command::Apply(change, reply)).unwrap();
    assert!(stage.try_send("alice", draft("car-0l", "two")).is_ok());
}

#[test]
fn alias_that_the_hub_gave_in_place_of_another_is_reported_once() {
    let mut stage = Stage::new();
    let now = stage.now;
    let renamed = |stage: &Stage| {
        let taken = stage.sessions["bob"].snapshot.borrow().renamed.take();
        taken.map(|alias| alias.to_string())
    };
    assert_eq!(renamed(&stage), None, "the first alias");
    let change = Change { alias: Some(Alias::parse("robert").unwrap()), ..Change::default() };
    stage.ask("bob", |reply| Command::Apply(change, reply)).unwrap();
    assert_eq!(renamed(&stage), None, "its own wish");
    let grant = |alias: &str| Grant { alias: alias.to_owned(), ticket: Ticket([0; 32]) };
    stage.session("bob").frame(ToBridge::Reassigned(grant("robert")), now);
    assert_eq!(renamed(&stage), None, "the same alias, with another ticket");
    stage.session("bob").frame(ToBridge::Reassigned(grant("calm-fox")), now);
    assert_eq!(renamed(&stage).as_deref(), Some("calm-fox"));
    assert_eq!(renamed(&stage), None);
    stage.session("bob").disconnected();
    stage.welcome("bob", "calm-fox");
    assert_eq!(renamed(&stage), None);
    stage.session("bob").disconnected();
    stage.welcome("bob", "brave-owl");
    assert_eq!(renamed(&stage).as_deref(), Some("brave-owl"));
}
