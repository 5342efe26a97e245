//! Messages whose senders wait for the answer.

use super::*;

use junction_shared::protocol::alias::Alias;

/// A message whose sender waits for the answer.
fn question(to: &str) -> Draft {
    Draft { wait: Duration::from_secs(9), ..draft(to, "question") }
}

/// The peer whose message ended this wait without an answer.
fn ended_by(asked: &mut Submitted) -> Option<String> {
    match asked.wait_end.try_recv() {
        Ok(WaitEnd::EndedBy(peer)) => Some(peer.to_string()),
        Ok(WaitEnd::Reply(..) | WaitEnd::Gone) => panic!("a reply, or nobody to give one"),
        Err(_) => None,
    }
}

#[test]
fn regression_two_that_ask_each_other_stop_waiting() {
    let mut stage = Stage::new();
    let mut alice = stage.try_send("alice", question("bob")).unwrap();
    let mut bob = stage.try_send("bob", question("alice")).unwrap();
    // Alice asked first: her question was unread before Bob asked.
    assert_eq!(ended_by(&mut bob).as_deref(), Some("alice"));
    assert_eq!(ended_by(&mut alice).as_deref(), Some("bob"));
}

#[test]
fn regression_a_ring_of_any_size_stops_waiting() {
    const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
    for size in 3..=NAMES.len() {
        let mut stage = Stage::new();
        for name in &NAMES[2..size] {
            stage.enter(name, name);
        }
        stage.run();
        let ring = |at: usize| NAMES[at % size];
        let mut asked: Vec<_> =
            (0..size).map(|at| stage.try_send(ring(at), question(ring(at + 1))).unwrap()).collect();
        for (at, asked) in asked.iter_mut().enumerate() {
            assert_eq!(ended_by(asked).as_deref(), Some(ring(at + size - 1)), "{at} of {size}");
        }
    }
}

#[test]
fn regression_any_later_message_of_the_asked_peer_ends_the_wait() {
    let mut stage = Stage::new();
    stage.send("bob", "alice", "before the question");
    let mut asked = stage.try_send("alice", question("bob")).unwrap();
    assert_eq!(ended_by(&mut asked), None);
    stage.send("bob", "alice", "an answer that does not say so");
    assert_eq!(ended_by(&mut asked).as_deref(), Some("bob"));
    assert_eq!(
        stage.read_for_good("alice"),
        ["before the question", "an answer that does not say so"]
    );
}

#[test]
fn remark_of_another_peer_ends_no_wait() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    stage.run();
    let mut asked = stage.try_send("alice", question("bob")).unwrap();
    stage.send("carol", "alice", "a remark");
    assert_eq!(ended_by(&mut asked), None);
    stage.try_send("carol", question("alice")).unwrap();
    assert_eq!(ended_by(&mut asked).as_deref(), Some("carol"));
}

#[test]
fn answer_to_one_question_ends_no_wait_for_another() {
    let mut stage = Stage::new();
    let mut first = stage.try_send("alice", question("bob")).unwrap();
    let mut second = stage.try_send("alice", question("bob")).unwrap();
    stage.try_send("bob", Draft { reply_to: Some(first.id), ..draft("alice", "yes") }).unwrap();
    assert!(matches!(first.wait_end.try_recv(), Ok(WaitEnd::Reply(..))));
    assert_eq!(ended_by(&mut second), None);
}

#[test]
fn peer_whose_question_ended_a_wait_is_asked_again_once_it_was_read() {
    let mut stage = Stage::new();
    stage.try_send("bob", question("alice")).unwrap();
    let mut asked = stage.try_send("alice", question("bob")).unwrap();
    assert_eq!(ended_by(&mut asked).as_deref(), Some("bob"));
    let refused = stage.try_send("alice", question("bob")).map(drop);
    assert_eq!(refused, Err(Error::UnreadQuestion(Alias::parse("bob").unwrap())));
    // What waits for nothing goes out as ever.
    stage.send("alice", "bob", "a remark");
    assert_eq!(stage.read_for_good("alice"), ["question"]);
    stage.try_send("alice", question("bob")).unwrap();
    assert_eq!(stage.read_for_good("bob"), ["question", "a remark", "question"]);
}

#[test]
fn question_that_is_read_ends_no_later_wait() {
    let mut stage = Stage::new();
    stage.try_send("bob", question("alice")).unwrap();
    stage.read_for_good("alice");
    let mut asked = stage.try_send("alice", question("bob")).unwrap();
    assert_eq!(ended_by(&mut asked), None);
}

#[test]
fn message_that_ends_a_wait_counts_in_its_chain_as_read() {
    let mut stage = Stage::new();
    let mut hops = Vec::new();
    for _ in 0..4 {
        let mut asked = stage.try_send("alice", question("bob")).unwrap();
        stage.send("bob", "alice", "not now");
        assert_eq!(ended_by(&mut asked).as_deref(), Some("bob"));
        hops.push(stage.read("bob").messages.last().map(|message| message.hops.count));
        stage.end_lease("bob");
        stage.read_for_good("bob");
    }
    assert_eq!(hops, [Some(1), Some(2), Some(3), Some(4)]);
}

#[test]
fn question_to_an_older_bridge_does_not_say_that_its_sender_waits() {
    let mut stage = Stage::new();
    stage.name_features("bob", None);
    stage.enter("carol", "carol");
    stage.run();
    stage.try_send("carol", question("bob")).unwrap();
    assert!(stage.session("bob").delivery.mailbox.oldest_question().is_none());
    assert_eq!(stage.read_for_good("bob"), ["question"]);
}

/// So many messages go back and forth without a person. The first is Alice's.
fn exchange(stage: &mut Stage, messages: usize) {
    let both = [("alice", "bob"), ("bob", "alice")];
    for (from, to) in both.into_iter().cycle().take(messages) {
        stage.send(from, to, "and so on");
        stage.read_for_good(to);
    }
}

#[test]
fn regression_message_past_the_limit_of_its_chain_is_no_question() {
    let mut stage = Stage::new();
    exchange(&mut stage, 16);
    let mut asked = stage.try_send("alice", question("bob")).unwrap();
    assert!(asked.past_limit);
    assert!(stage.session("bob").delivery.mailbox.oldest_question().is_none());
    stage.send("bob", "alice", "a remark");
    assert_eq!(ended_by(&mut asked), None);
}

#[test]
fn regression_answer_past_the_limit_of_its_chain_ends_the_wait_for_it() {
    let mut stage = Stage::new();
    exchange(&mut stage, 15);
    let mut asked = stage.try_send("bob", question("alice")).unwrap();
    assert!(!asked.past_limit);
    stage.read_for_good("alice");
    stage.now += Duration::from_secs(5);
    let answer = Draft { reply_to: Some(asked.id), ..draft("bob", "past the limit") };
    assert!(stage.try_send("alice", answer).unwrap().past_limit);
    assert!(matches!(asked.wait_end.try_recv(), Ok(WaitEnd::Reply(..))));
}

#[test]
fn regression_face_is_not_asked_about_a_message_that_ended_a_wait() {
    let mut stage = Stage::new();
    let mut asked = stage.try_send("alice", question("bob")).unwrap();
    let news = stage.send("bob", "alice", "an answer that does not say so");
    assert!(!stage.session("alice").delivery.mailbox.is_news(news.id));
    assert_eq!(ended_by(&mut asked).as_deref(), Some("bob"));
    let other = stage.send("bob", "alice", "more");
    assert!(stage.session("alice").delivery.mailbox.is_news(other.id));
}
