//! Waits for other sessions, and lists by what their agents do, with hubs of either version.

use junction_shared::protocol::wire::{
    ATTACHMENTS, AwaitedEnd, LONG_CONTEXTS, SEATS, StateFilter, UNLISTED,
};
use tokio::sync::oneshot;

use super::*;
use crate::{PeerQuery, PeerWait, PeerWaitEnd};

/// What a hub understands that knows nothing of teams.
const OLDER: Option<u32> = Some(LONG_CONTEXTS | UNLISTED | SEATS | ATTACHMENTS);

type PendingWait = oneshot::Receiver<Result<PeerWaitEnd, Error>>;

fn of_bob(end: AwaitedEnd) -> PeerWait {
    PeerWait { alias: Some(Alias::parse("bob").unwrap()), role: None, end }
}

impl Stage {
    /// Begins to wait, and carries no frame.
    fn wait(&mut self, wait: PeerWait) -> PendingWait {
        let (reply, answer) = oneshot::channel();
        let now = self.now;
        self.session("alice").command(Command::Watch(wait, reply), now);
        answer
    }

    /// The questions that Alice has for the hub, which does not get them.
    fn questions(&mut self) -> Vec<(u32, Question)> {
        let now = self.now;
        let mut questions = Vec::new();
        while let Some(frame) = self.session("alice").next_frame(now) {
            if let Ok(ToHub::Ask(number, question)) = decode(&frame) {
                questions.push((number, question));
            }
        }
        questions.retain(|(_, question)| !matches!(question, Question::Lookup(_)));
        questions
    }

    fn answer_alice(&mut self, number: u32, seen: Vec<Listed>) {
        let now = self.now;
        let answer = ToBridge::Answer(number, Answer::Seen(seen));
        self.session("alice").frame(answer, now);
    }

    fn reconnect(&mut self, features: Option<u32>) {
        self.session("alice").disconnected();
        self.features = features;
        self.welcome("alice", "alice");
    }

    fn bob_listed(&self) -> Listed {
        let card = self.cards[&self.key("bob")].clone();
        Listed { card, online: true, session_ms: 0 }
    }
}

#[test]
fn a_wait_is_put_again_on_each_connection_and_answered_once() {
    let mut stage = Stage::new();
    let mut answer = stage.wait(of_bob(AwaitedEnd::Idle));
    let questions = stage.questions();
    let [(number, Question::Await(awaited))] = &questions[..] else { panic!("{questions:?}") };
    assert_eq!((awaited.alias.as_deref(), awaited.end), (Some("bob"), AwaitedEnd::Idle));
    stage.reconnect(Some(HUB_FEATURES));
    assert_eq!(stage.questions(), questions);
    let bob = stage.bob_listed();
    stage.answer_alice(*number, vec![bob.clone()]);
    let Ok(Ok(PeerWaitEnd::Seen(peers))) = answer.try_recv() else { panic!("no answer") };
    assert_eq!(peers[0].alias.as_str(), "bob");
    stage.answer_alice(*number, vec![bob]);
    assert_eq!(stage.sessions["alice"].snapshot.borrow().misbehaviour, 0, "it came too late");
}

#[test]
fn the_end_of_a_session_has_no_peers() {
    let mut stage = Stage::new();
    let mut answer = stage.wait(of_bob(AwaitedEnd::Gone));
    stage.run();
    assert_eq!(answer.try_recv(), Ok(Ok(PeerWaitEnd::Gone)));
    let mut answer = stage.wait(of_bob(AwaitedEnd::Gone));
    let number = stage.questions()[0].0;
    let bob = stage.bob_listed();
    stage.answer_alice(number, vec![bob]);
    assert!(answer.try_recv().is_err());
    assert_eq!(stage.sessions["alice"].snapshot.borrow().misbehaviour, 1);
}

#[test]
fn older_hub_is_asked_for_nothing_that_it_does_not_know() {
    let mut stage = Stage::new();
    stage.reconnect(OLDER);
    stage.questions();
    for end in [AwaitedEnd::Online, AwaitedEnd::Idle, AwaitedEnd::Gone] {
        assert_eq!(stage.wait(of_bob(end)).try_recv(), Ok(Err(Error::OlderHub)));
    }
    let query = PeerQuery { state: Some(StateFilter::Idle), limit: 1, ..PeerQuery::default() };
    let listed = stage.ask("alice", |reply| Command::List(query, reply));
    assert_eq!(listed.err(), Some(Error::OlderHub));
    let role = Some("critic".to_owned());
    let mut answer = stage.wait(PeerWait { role: role.clone(), ..PeerWait::default() });
    let questions = stage.questions();
    assert!(matches!(&questions[..], [(_, Question::Watch(asked))] if *asked == role));
    assert!(answer.try_recv().is_err(), "it waits as before");
}

#[test]
fn a_wait_ends_with_an_error_once_the_hub_is_an_older_one() {
    let mut stage = Stage::new();
    let mut answer = stage.wait(of_bob(AwaitedEnd::Idle));
    let mut plain = stage.wait(PeerWait::default());
    assert_eq!(stage.questions().len(), 2);
    stage.reconnect(OLDER);
    assert_eq!(answer.try_recv(), Ok(Err(Error::OlderHub)));
    assert!(plain.try_recv().is_err());
    assert!(matches!(stage.questions()[..], [(_, Question::Watch(None))]));
}

#[test]
fn a_session_cannot_wait_for_itself() {
    let mut stage = Stage::new();
    let alias = Alias::parse("alice").ok();
    for end in [AwaitedEnd::Online, AwaitedEnd::Gone] {
        let wait = PeerWait { alias: alias.clone(), role: None, end };
        assert_eq!(stage.wait(wait).try_recv(), Ok(Err(Error::ToSelf)));
    }
}

#[test]
fn a_wait_that_was_given_up_is_ended_at_the_hub() {
    let mut stage = Stage::new();
    drop(stage.wait(of_bob(AwaitedEnd::Gone)));
    let number = stage.questions()[0].0;
    let frames = stage.session("alice").requests.drop_abandoned();
    assert_eq!(frames, [ToHub::Unwatch(number)]);
}
