//! Groups, requests and named messages.

use super::*;

use junction_shared::protocol::limits::OPEN_REQUESTS;
use junction_shared::protocol::wire::READS_TEAMS;

use crate::group::{GroupAddress, GroupTag};
use crate::group_message::{BegunGroup, GroupSubmission, GroupToBegin};
use crate::intent::Intent;
use crate::{NotifyWhen, Occasion};

/// A request for bob.
fn request(text: &str) -> Draft {
    Draft { intent: Intent::Request, ..draft("bob", text) }
}

impl Stage {
    /// The beginnings of the requests that this session has open.
    fn open(&mut self, name: &'static str) -> Vec<String> {
        let page = self.read(name);
        page.lease.ack();
        self.end_lease(name);
        page.open_requests.into_iter().map(|request| request.text).collect()
    }

    /// Begins a message to these workers.
    fn begin_group(
        &mut self,
        from: &'static str,
        key: Option<&str>,
        members: &[&str],
    ) -> Result<BegunGroup, Error> {
        let members = members.iter().map(|name| Alias::parse(name).unwrap()).collect();
        let to = GroupAddress::Role("worker".to_owned());
        let begin = GroupToBegin {
            key: key.map(str::to_owned),
            waits: true,
            ..GroupToBegin::new(to, members)
        };
        self.ask(from, |reply| Command::BeginGroup(begin, reply))
    }

    /// Begins a message to these workers that nothing stands in the way of.
    fn begun(
        &mut self,
        from: &'static str,
        key: Option<&str>,
        members: &[&str],
    ) -> GroupSubmission {
        match self.begin_group(from, key, members) {
            Ok(BegunGroup::Begun(submission)) => submission,
            _ => panic!("it has not begun"),
        }
    }

    /// The message to a group was submitted, but for these members.
    fn group_submitted(&mut self, from: &'static str, id: MessageId, left: &[&str]) {
        let left = left.iter().map(|name| Alias::parse(name).unwrap()).collect();
        let now = self.now;
        self.session(from).command(Command::GroupSubmitted(id, left), now);
    }

    /// Sends to these peers as one group. The id for all, and what was submitted.
    fn send_to_all(
        &mut self,
        from: &'static str,
        members: &[&str],
        draft_of: &Draft,
    ) -> (MessageId, Vec<Submitted>) {
        let id = self.begun(from, None, members).id;
        let mut sent = Vec::new();
        for member in members {
            let tag = GroupTag { id, to: "role:worker".into() };
            let copy = Draft {
                group: Some(tag),
                wait: draft_of.wait,
                intent: draft_of.intent,
                notify_when: draft_of.notify_when,
                ..draft(member, &draft_of.body)
            };
            sent.push(self.try_send(from, copy).unwrap());
        }
        self.group_submitted(from, id, &[]);
        (id, sent)
    }
}

#[test]
fn request_is_open_from_its_reading_until_it_is_answered() {
    let mut stage = Stage::new();
    let asked = stage.try_send("alice", request("review it")).unwrap();
    stage.send("alice", "bob", "by the way");
    assert!(stage.session("bob").snapshot.borrow().team.open_requests.is_empty(), "it is unread");
    let page = stage.read("bob");
    assert_eq!(page.open_requests[0].id, asked.id);
    assert_eq!(page.messages[0].expects.intent, Intent::Request);
    page.lease.ack();
    stage.end_lease("bob");
    assert_eq!(stage.session("bob").snapshot.borrow().team.open_requests.len(), 1);
    let question = Draft {
        intent: Intent::Request,
        reply_to: Some(asked.id),
        ..draft("alice", "which branch?")
    };
    stage.try_send("bob", question).unwrap();
    assert_eq!(stage.open("bob"), ["review it"], "a question in return answers nothing");
    stage.try_send("bob", Draft { reply_to: Some(asked.id), ..draft("alice", "done") }).unwrap();
    assert!(stage.open("bob").is_empty());
    assert!(stage.session("bob").snapshot.borrow().team.open_requests.is_empty());
}

#[test]
fn request_whose_answer_never_left_the_client_is_not_open() {
    let mut stage = Stage::new();
    stage.try_send("alice", request("review it")).unwrap();
    drop(stage.read("bob"));
    stage.end_lease("bob");
    assert!(stage.session("bob").snapshot.borrow().team.open_requests.is_empty());
    assert_eq!(stage.open("bob"), ["review it"]);
}

#[test]
fn answer_that_provably_does_not_arrive_leaves_the_request_open() {
    let mut stage = Stage::new();
    let asked = stage.try_send("alice", request("review it")).unwrap();
    stage.read_for_good("bob");
    let now = stage.now;
    stage.session("bob").disconnected();
    let ttl = Some(Duration::from_secs(10));
    let answer = Draft { reply_to: Some(asked.id), ttl, ..draft("alice", "yes") };
    let (reply, mut sent) = oneshot::channel();
    stage.session("bob").command(Command::Send(answer, reply), now);
    assert!(sent.try_recv().unwrap().is_ok());
    assert!(stage.open("bob").is_empty());
    stage.now += Duration::from_secs(11);
    let now = stage.now;
    stage.session("bob").on_time(now);
    assert_eq!(stage.open("bob"), ["review it"]);
}

#[test]
fn who_asked_to_be_told_learns_whether_a_request_is_done_or_only_answered() {
    for (intent, occasion) in [(Intent::Done, Occasion::Done), (Intent::Inform, Occasion::Answered)]
    {
        let mut stage = Stage::new();
        let told = Draft { notify_when: Some(NotifyWhen::Done), ..request("build it") };
        let asked = stage.try_send("alice", told).unwrap();
        stage.read_for_good("bob");
        let question = Draft { reply_to: Some(asked.id), ..request("which branch?") };
        let question = Draft { target: Alias::parse("alice").unwrap(), ..question };
        stage.try_send("bob", question).unwrap();
        assert!(stage.read("alice").notifications.is_empty(), "a question in return");
        stage.end_lease("alice");
        let answer = Draft { reply_to: Some(asked.id), intent, ..draft("alice", "main") };
        stage.try_send("bob", answer).unwrap();
        let page = stage.read("alice");
        let told: Vec<_> = page.notifications.iter().map(|it| (it.id, it.occasion)).collect();
        assert_eq!(told, [(asked.id, occasion)]);
        assert_eq!(page.messages.last().unwrap().expects.intent, intent);
    }
}

#[test]
fn done_of_another_peer_than_the_one_that_was_asked_tells_nothing() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    stage.run();
    let told = Draft { notify_when: Some(NotifyWhen::Done), ..request("build it") };
    let asked = stage.try_send("alice", told).unwrap();
    let done = Draft { reply_to: Some(asked.id), intent: Intent::Done, ..draft("alice", "built") };
    stage.try_send("carol", done).unwrap();
    assert!(stage.read("alice").notifications.is_empty());
}

#[test]
fn older_bridge_gets_a_plain_message_and_promises_no_done() {
    let mut stage = Stage::new();
    stage.name_features("bob", Some(!READS_TEAMS));
    stage.enter("carol", "carol");
    stage.run();
    let told = Draft { notify_when: Some(NotifyWhen::Done), ..request("build it") };
    let refused = stage.try_send("carol", told).map(|sent| sent.id);
    assert_eq!(refused, Err(Error::KnowsNoRequests(Alias::parse("bob").unwrap())));
    let sent = stage.try_send("carol", request("build it")).unwrap();
    assert_eq!(sent.intent, Intent::Inform);
    let page = stage.read("bob");
    assert_eq!(page.messages[0].expects.intent, Intent::Inform);
    assert!(page.open_requests.is_empty());
}

#[test]
fn oldest_of_too_many_requests_is_dropped_and_its_sender_is_told() {
    let mut stage = Stage::new();
    let mut first = None;
    for number in 0..=OPEN_REQUESTS {
        let asked = stage.try_send("alice", request(&number.to_string())).unwrap();
        first.get_or_insert(asked.id);
        stage.read_for_good("bob");
    }
    stage.run();
    assert_eq!(stage.open("bob").len(), OPEN_REQUESTS);
    let page = stage.read("alice");
    let told: Vec<_> = page.notifications.iter().map(|it| (it.id, it.occasion)).collect();
    assert_eq!(told, [(first.unwrap(), Occasion::Dropped)]);
    assert!(page.messages.is_empty(), "the word is no message");
    page.lease.ack();
    stage.end_lease("alice");
    let ends = stage.read("bob").receipts;
    assert!(ends.is_empty(), "bob's agent wrote nothing: {ends:?}");
}

#[test]
fn members_of_a_group_share_its_id_and_are_summed_up() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    stage.run();
    let (id, sent) = stage.send_to_all("alice", &["bob", "carol"], &draft("bob", "all hands"));
    assert!(sent.iter().all(|sent| sent.id != id), "each envelope has an id of its own");
    for name in ["bob", "carol"] {
        let page = stage.read(name);
        let message = &page.messages[0];
        assert_eq!((message.id, message.group.as_deref()), (id, Some("role:worker")));
        match name {
            "bob" => page.lease.ack(),
            _ => drop(page),
        }
        stage.end_lease(name);
    }
    let page = stage.read("alice");
    let told: Vec<_> = page.receipts.iter().map(|it| (it.id, it.to.as_str(), it.group)).collect();
    let sum = crate::GroupSum { of: 2, read: 1 };
    assert_eq!(told, [(id, "bob", Some(sum))]);
    drop(page);
    stage.end_lease("alice");
    stage.read_for_good("carol");
    let sum = crate::GroupSum { of: 2, read: 2 };
    assert!(stage.read("alice").receipts.iter().all(|end| end.group == Some(sum)));
}

#[test]
fn replies_to_a_group_reach_the_wait_for_each_member_and_no_other() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    stage.run();
    let asks = Draft { wait: Duration::from_secs(9), ..draft("bob", "ready?") };
    let (id, mut sent) = stage.send_to_all("alice", &["bob", "carol"], &asks);
    let answer = |text| Draft { reply_to: Some(id), ..draft("alice", text) };
    stage.try_send("carol", answer("yes")).unwrap();
    assert!(sent[0].wait_end.try_recv().is_err());
    match sent[1].wait_end.try_recv() {
        Ok(WaitEnd::Reply(reply, _)) => assert_eq!(reply.body.as_str(), "yes"),
        _ => panic!("carol's reply"),
    }
    stage.try_send("bob", answer("no")).unwrap();
    assert!(matches!(sent[0].wait_end.try_recv(), Ok(WaitEnd::Reply(..))));
}

#[test]
fn member_with_an_older_bridge_answers_by_the_id_of_its_own_envelope() {
    let mut stage = Stage::new();
    stage.name_features("bob", Some(!READS_TEAMS));
    stage.enter("carol", "carol");
    stage.run();
    let asks = Draft { wait: Duration::from_secs(9), ..draft("bob", "ready?") };
    let (_, mut sent) = stage.send_to_all("carol", &["bob"], &asks);
    let shown = stage.read("bob").messages[0].id;
    assert_eq!(shown, sent[0].id);
    stage.end_lease("bob");
    stage.try_send("bob", Draft { reply_to: Some(shown), ..draft("carol", "yes") }).unwrap();
    assert!(matches!(sent[0].wait_end.try_recv(), Ok(WaitEnd::Reply(..))));
}

#[test]
fn id_that_another_message_has_already_is_no_groups() {
    let mut stage = Stage::new();
    stage.enter("carol", "carol");
    stage.run();
    let taken = stage.send("carol", "bob", "mine").id;
    let tag = GroupTag { id: taken, to: "role:worker".into() };
    let liar = Draft { group: Some(tag), ..draft("bob", "theirs") };
    let sent = stage.try_send("alice", liar).unwrap();
    let page = stage.read("bob");
    let ids: Vec<_> = page.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [taken, sent.id]);
}

impl Stage {
    /// Limits what alice may send, as that is limited unless a person sets it otherwise.
    fn limited(mut self) -> Self {
        let session = self.sessions.remove("alice").unwrap();
        let limit = SendLimit { messages: 30, receivers: 5 };
        self.sessions.insert("alice", session.limit(Some(limit), ChainLimit::default()));
        self
    }
}

#[test]
fn seventh_group_within_a_minute_waits() {
    let mut stage = Stage::new().limited();
    for _ in 0..6 {
        stage.send_to_all("alice", &["bob"], &draft("bob", "hello"));
    }
    let seventh = stage.begin_group("alice", None, &["bob"]);
    assert!(matches!(seventh, Err(Error::GroupLimit { seconds: 60 })));
    assert!(stage.try_send("alice", draft("bob", "one peer")).is_ok());
}

#[test]
fn message_with_the_key_of_an_earlier_one_is_that_one() {
    let mut stage = Stage::new();
    let named = || Draft { key: Some("build".to_owned()), ..draft("bob", "build it") };
    let first = stage.try_send("alice", named()).unwrap();
    let again = stage.try_send("alice", named()).unwrap();
    assert_eq!((first.repeated, again.repeated, again.id), (false, true, first.id));
    assert_eq!(stage.read_for_good("bob"), ["build it"]);
    assert_eq!(*again.status.borrow(), Status::Read, "its status is the first one's");
    let other = Draft { key: Some("test".to_owned()), ..draft("bob", "test it") };
    assert!(!stage.try_send("alice", other).unwrap().repeated);
}

#[test]
fn of_two_calls_with_one_key_that_wait_for_a_lookup_one_sends() {
    let mut stage = Stage::new();
    let named = || Draft { key: Some("build".to_owned()), ..draft("bob", "build it") };
    let mut calls = [stage.begin_send("alice", named()), stage.begin_send("alice", named())];
    stage.run();
    let [first, again] = calls.each_mut().map(|call| call.try_recv().unwrap().unwrap());
    assert_eq!((first.repeated, again.repeated, again.id), (false, true, first.id));
    assert_eq!(stage.read_for_good("bob"), ["build it"]);
}

#[test]
fn message_that_was_not_sent_has_used_no_key() {
    let mut stage = Stage::new();
    let named = |to| Draft { key: Some("build".to_owned()), ..draft(to, "build it") };
    assert!(stage.try_send("alice", named("carol")).is_err());
    stage.enter("carol", "carol");
    stage.run();
    assert!(!stage.try_send("alice", named("carol")).unwrap().repeated);
}

/// A copy for bob of a message to workers.
fn copy_for_bob(id: MessageId) -> Draft {
    let tag = GroupTag { id, to: "role:worker".into() };
    Draft { group: Some(tag), ..draft("bob", "build it") }
}

#[test]
fn group_with_the_key_of_an_earlier_one_is_that_one() {
    let mut stage = Stage::new();
    let id = stage.begun("alice", Some("build"), &["bob"]).id;
    let sent = stage.try_send("alice", copy_for_bob(id)).unwrap();
    stage.group_submitted("alice", id, &[]);
    let again = stage.begun("alice", Some("build"), &["bob", "eve"]);
    let members: Vec<_> = again.sent.iter().map(|(alias, _)| alias.as_str()).collect();
    assert_eq!((again.id, members, again.repeated), (id, vec!["bob"], true));
    assert!(again.left.is_empty(), "who joined since is sent nothing");
    assert_eq!(*again.sent[0].1.status.borrow(), *sent.status.borrow());
}

#[test]
fn regression_group_with_a_key_goes_to_the_members_that_it_was_not_sent_to() {
    let mut stage = Stage::new();
    let id = stage.begun("alice", Some("build"), &["bob", "eve"]).id;
    stage.try_send("alice", copy_for_bob(id)).unwrap();
    stage.group_submitted("alice", id, &["eve"]);
    let again = stage.begun("alice", Some("build"), &["bob", "eve"]);
    let left: Vec<_> = again.left.iter().map(Alias::as_str).collect();
    assert_eq!((again.id, left, again.sent.len()), (id, vec!["eve"], 1));
    stage.group_submitted("alice", id, &["eve"]);
    assert_eq!(stage.begun("alice", Some("build"), &[]).left.len(), 1);
}

#[test]
fn regression_group_that_nobody_was_sent_has_used_neither_its_key_nor_the_limit() {
    let mut stage = Stage::new().limited();
    for _ in 0..20 {
        let begun = stage.begun("alice", Some("build"), &["eve"]);
        assert!(!begun.repeated);
        stage.group_submitted("alice", begun.id, &["eve"]);
    }
}

#[test]
fn regression_group_that_another_call_is_sending_is_waited_for() {
    let mut stage = Stage::new();
    let id = stage.begun("alice", Some("build"), &["bob"]).id;
    let Ok(BegunGroup::InProgress(submission)) =
        stage.begin_group("alice", Some("build"), &["bob"])
    else {
        panic!("both are sent")
    };
    stage.try_send("alice", copy_for_bob(id)).unwrap();
    assert!(submission.has_changed().is_ok());
    stage.group_submitted("alice", id, &[]);
    assert!(submission.has_changed().is_err());
    assert!(stage.begun("alice", Some("build"), &["bob"]).repeated);
}

#[test]
fn regression_call_that_is_made_again_gets_the_answer_that_the_first_waited_for() {
    let mut stage = Stage::new();
    let named = || Draft {
        key: Some("build".to_owned()),
        wait: Duration::from_secs(60),
        ..draft("bob", "build it")
    };
    let first = stage.try_send("alice", named()).unwrap();
    let mut while_waiting = stage.try_send("alice", named()).unwrap();
    let ended = while_waiting.wait_end.try_recv().err();
    assert_eq!(ended, Some(oneshot::error::TryRecvError::Closed), "the first call waits");
    let id = first.id;
    drop(first);
    let mut again = stage.try_send("alice", named()).unwrap();
    assert!(again.repeated);
    let answer = |text| Draft { reply_to: Some(id), ..draft("alice", text) };
    stage.read_for_good("bob");
    stage.try_send("bob", answer("yes")).unwrap();
    assert!(matches!(again.wait_end.try_recv(), Ok(WaitEnd::Reply(..))));
    // An answer that came while nobody waited, too.
    stage.end_lease("alice");
    let mut late = stage.try_send("alice", named()).unwrap();
    assert!(matches!(late.wait_end.try_recv(), Ok(WaitEnd::Reply(..))));
}

#[test]
fn regression_wait_for_an_answer_ends_with_the_session_that_is_to_give_it() {
    let mut stage = Stage::new();
    let wait = Duration::from_secs(60);
    let mut asked = stage.try_send("alice", Draft { wait, ..request("build it") }).unwrap();
    stage.read_for_good("bob");
    assert!(asked.wait_end.try_recv().is_err());
    let (bob, now) = (stage.key("bob"), stage.now);
    stage.session("alice").frame(ToBridge::Peer(bob, Standing::Gone, None), now);
    assert!(matches!(asked.wait_end.try_recv(), Ok(WaitEnd::Gone)));
}

#[test]
fn regression_group_waits_until_a_hub_that_was_restarted_knows_its_members() {
    let mut stage = Stage::new();
    stage.welcome("alice", "alice");
    let Ok(BegunGroup::TooEarly(until)) = stage.begin_group("alice", None, &[]) else {
        panic!("it has begun")
    };
    stage.now = until;
    stage.begun("alice", None, &["bob"]);
}
