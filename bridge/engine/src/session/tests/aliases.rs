//! The alias and the context that a session asks for.

use super::*;

#[test]
fn an_alias_that_is_taken_changes_nothing() {
    let mut stage = Stage::new();
    let alias = Some(Alias::parse("taken").unwrap());
    let change = Change { alias, task: Some("rob".to_owned()), ..Change::default() };
    let denied = stage.ask("bob", |reply| Command::Apply(change, reply)).unwrap_err();
    assert_eq!(denied, Error::AliasTaken(Alias::parse("taken-2").unwrap()));
    let registered = stage.session("bob").registered().unwrap();
    assert_eq!((registered.alias.as_str(), registered.context.task), ("bob", None));
    stage.send("alice", "bob", "still there");
    assert_eq!(stage.read_for_good("bob"), ["still there"], "the standing card has the newest key");
}

#[test]
fn an_empty_text_clears_a_field_and_nothing_changes_nothing() {
    let mut stage = Stage::new();
    let now = stage.now;
    let seen = Context { repo: Some("junction".to_owned()), ..Context::default() };
    stage.session("bob").command(Command::SetContext(seen), now);
    let nothing = stage.ask("bob", |reply| Command::Apply(Change::default(), reply)).unwrap();
    assert_eq!(nothing.context.repo.as_deref(), Some("junction"));
    let change = Change { repo: Some(String::new()), ..Change::default() };
    let cleared = stage.ask("bob", |reply| Command::Apply(change, reply)).unwrap();
    assert_eq!(cleared.context.repo, None);
}

#[test]
fn what_is_seen_while_an_alias_is_asked_for_reaches_the_card_that_follows() {
    let mut stage = Stage::new();
    let now = stage.now;
    let (reply, mut answer) = oneshot::channel();
    let change = Change { alias: Some(Alias::parse("robert").unwrap()), ..Change::default() };
    stage.session("bob").command(Command::Apply(change, reply), now);
    let seen = Context { client: Some("claude-code".to_owned()), ..Context::default() };
    stage.session("bob").command(Command::SetContext(seen), now);
    stage.run();
    assert_eq!(answer.try_recv().unwrap().unwrap().alias.as_str(), "robert");
    let card: Card = decode(&stage.cards[&stage.key("bob")].body).unwrap();
    assert_eq!(
        (card.alias.as_str(), card.context.client.as_deref()),
        ("robert", Some("claude-code"))
    );
    assert_eq!(card.epoch, stage.session("bob").card.receive_keys.epoch());
}

#[test]
fn an_alias_is_ours_even_if_the_call_that_wished_for_it_is_gone() {
    let mut stage = Stage::new();
    let now = stage.now;
    let (reply, answer) = oneshot::channel();
    let change = Change { alias: Some(Alias::parse("robert").unwrap()), ..Change::default() };
    stage.session("bob").command(Command::Apply(change, reply), now);
    drop(answer);
    let query = crate::PeerQuery::default();
    let (reply, _answer) = oneshot::channel();
    stage.session("bob").command(Command::List(query, reply), now);
    stage.run();
    assert_eq!(stage.session("bob").registered().unwrap().alias.as_str(), "robert");
}

#[test]
fn regression_a_wish_lost_with_the_hub_is_not_called_a_departure() {
    let mut stage = Stage::new();
    let now = stage.now;
    let (reply, mut answer) = oneshot::channel();
    let change = Change { alias: Some(Alias::parse("robert").unwrap()), ..Change::default() };
    stage.session("bob").command(Command::Apply(change, reply), now);
    stage.session("bob").disconnected();
    stage.welcome("bob", "bob");
    stage.run();
    assert!(matches!(answer.try_recv().unwrap(), Err(Error::HubAway(_))));
}

#[test]
fn regression_two_changes_at_once_lose_neither() {
    let mut stage = Stage::new();
    let now = stage.now;
    let (reply, _named) = oneshot::channel();
    let alias = Change { alias: Some(Alias::parse("robert").unwrap()), ..Change::default() };
    stage.session("bob").command(Command::Apply(alias, reply), now);
    let task = Change { task: Some("parser".to_owned()), ..Change::default() };
    stage.ask("bob", |reply| Command::Apply(task, reply)).unwrap();
    let registered = stage.session("bob").registered().unwrap();
    assert_eq!(
        (registered.alias.as_str(), registered.context.task.as_deref()),
        ("robert", Some("parser"))
    );
    let card: Card = decode(&stage.cards[&stage.key("bob")].body).unwrap();
    assert_eq!((card.alias.as_str(), card.context.task.as_deref()), ("robert", Some("parser")));
}
