//! Messages that a person wrote.

use super::*;

use junction_shared::protocol::wire::READS_ASKS;

fn by_person(to: &str, reply_to: Option<MessageId>) -> Draft {
    Draft { from_person: true, reply_to, ..draft(to, "by a person") }
}

/// The newest message that waits for this session, which reads all of them.
fn newest(stage: &mut Stage, name: &'static str) -> crate::Message {
    let newest = stage.read(name).messages.pop().unwrap();
    stage.end_lease(name);
    stage.read_for_good(name);
    newest
}

#[test]
fn message_of_a_person_is_marked_and_others_are_not() {
    let mut stage = Stage::new();
    stage.try_send("alice", by_person("bob", None)).unwrap();
    assert!(newest(&mut stage, "bob").from_person);
    stage.send("bob", "alice", "by an agent");
    assert!(!newest(&mut stage, "alice").from_person);
}

#[test]
fn message_of_a_person_begins_a_new_chain_even_as_an_answer() {
    let mut stage = Stage::new();
    let both = [("alice", "bob"), ("bob", "alice")];
    let mut last = None;
    for (from, to) in both.into_iter().cycle().take(16) {
        last = Some(stage.send(from, to, "and so on").id);
        stage.read_for_good(to);
    }
    assert!(!stage.try_send("alice", by_person("bob", last)).unwrap().past_limit);
    let marked = newest(&mut stage, "bob");
    assert_eq!((marked.hops.count, marked.past_limit), (1, false));
    // The agent's answer is the second message of that chain.
    let answer = Draft { reply_to: Some(marked.id), ..draft("alice", "an answer") };
    stage.try_send("bob", answer).unwrap();
    assert_eq!(newest(&mut stage, "alice").hops.count, 2);
}

#[test]
fn older_bridge_gets_the_message_of_a_person_unmarked() {
    for features in [None, Some(READS_ASKS)] {
        let mut stage = Stage::new();
        stage.name_features("bob", features);
        stage.enter("carol", "carol");
        stage.run();
        stage.try_send("carol", by_person("bob", None)).unwrap();
        assert!(!newest(&mut stage, "bob").from_person);
    }
}
