//! What happens to a session as time passes: its receive keys, and its end at a hub that heard nothing.

use super::*;

use junction_shared::protocol::wire::Refusal;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl Stage {
    /// Time passes for everyone.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        for session in self.sessions.values_mut() {
            session.on_time(now);
        }
        self.run();
    }

    /// The connection of this session ends, and the hub welcomes it on another, as one it does not know.
    fn come_back(&mut self, name: &'static str) {
        self.session(name).disconnected();
        self.welcome(name, name);
        self.run();
    }

    /// Reads ends, and counts the answer as written.
    fn ends_for_good(&mut self, name: &'static str) -> Vec<(MessageId, Status)> {
        let page = self.read(name);
        page.lease.ack();
        self.end_lease(name);
        page.receipts.iter().map(|end| (end.id, end.status)).collect()
    }

    fn rejoined(&self, name: &str) -> Option<String> {
        self.sessions[name].snapshot.borrow().rejoined.as_ref().map(ToString::to_string)
    }
}

#[test]
fn regression_timeouts_that_no_hub_can_be_set_to_are_not_believed() {
    let mut stage = Stage::new();
    let now = stage.now;
    for (said, taken) in [
        (0, SECOND),
        (1, SECOND),
        (1_000, SECOND),
        (6_000, 6 * SECOND),
        (u64::MAX, 365 * 24 * 60 * MINUTE),
    ] {
        let welcome = WelcomeBody {
            grant: Grant { alias: "bob".to_owned(), ticket: Ticket([0; 32]) },
            connection: ConnectionId(1),
            resumed: true,
            session_timeout_ms: said,
            sweep_interval_ms: said,
            past_restart_grace: None,
            features: None,
            seat: None,
        };
        stage.session("bob").disconnected();
        stage.session("bob").welcomed(&welcome, now);
        assert_eq!(stage.session("bob").snapshot.borrow().session_timeout, taken);
        stage.run();
        stage.send("alice", "bob", "still there");
        assert_eq!(stage.read_for_good("bob"), ["still there"]);
    }
}

#[test]
fn a_receive_key_that_was_used_is_replaced_after_two_minutes() {
    let mut stage = Stage::new();
    stage.pass(10 * MINUTE);
    assert_eq!(
        stage.session("bob").card.receive_keys.epoch(),
        Epoch(1),
        "nothing was sealed to it"
    );
    stage.send("alice", "bob", "first");
    let now = stage.now;
    assert!(stage.session("bob").deadline().is_some_and(|at| at < now), "it is old already");
    stage.pass(SECOND);
    assert_eq!(stage.session("bob").card.receive_keys.epoch(), Epoch(2));
    stage.send("alice", "bob", "second");
    let bob = stage.key("bob");
    let epochs: Vec<_> = stage.inboxes[&bob].iter().map(|mail| mail.header.epoch).collect();
    assert_eq!(epochs, [Epoch(1), Epoch(2)]);
    stage.pass(2 * MINUTE - 2 * SECOND);
    assert_eq!(stage.session("bob").card.receive_keys.epoch(), Epoch(2));
    stage.pass(2 * SECOND);
    assert_eq!(stage.session("bob").card.receive_keys.epoch(), Epoch(3));
    assert_eq!(stage.read_for_good("bob"), ["first", "second"]);
}

#[test]
fn a_key_is_not_replaced_where_no_hub_could_be_told() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "first");
    stage.session("bob").disconnected();
    stage.now += 10 * MINUTE;
    let now = stage.now;
    stage.session("bob").on_time(now);
    assert_eq!(stage.session("bob").card.receive_keys.epoch(), Epoch(1));
    assert!(stage.session("bob").deadline().is_none_or(|at| at > now), "no time to wake up for");
    stage.welcome("bob", "bob");
    stage.run();
    assert_eq!(
        stage.session("bob").card.receive_keys.epoch(),
        Epoch(2),
        "its next card has a new one"
    );
}

#[test]
fn what_was_sealed_to_a_dead_key_is_stale_and_its_sender_is_told_at_once() {
    let mut stage = Stage::new();
    stage.tamper = |frames| frames.retain(|frame| !matches!(frame, ToBridge::Deliver(..)));
    stage.send("alice", "bob", "withheld");
    let bob = stage.key("bob");
    let withheld = stage.inboxes[&bob][0].clone();
    stage.tamper = |_| {};
    let change = Change { role: Some("worker".to_owned()), ..Change::default() };
    stage.ask("bob", |reply| Command::Apply(change, reply)).unwrap();
    // Past the longest life of a message, and what may be late.
    stage.now += SESSION_TIMEOUT + AFTERLIFE;
    let now = stage.now;
    stage.session("bob").on_time(now);
    stage.session("bob").frame(ToBridge::Deliver(withheld, 0), now);
    stage.run();
    let ends = stage.read("alice").receipts;
    assert_eq!(ends.iter().map(|end| end.status).collect::<Vec<_>>(), [Status::Unconfirmed]);
    assert!(stage.read_for_good("bob").is_empty());
}

#[test]
fn nothing_that_opens_a_message_outlives_the_key_it_was_sealed_to() {
    let mut stage = Stage::new();
    stage.send("alice", "bob", "hello");
    stage.read_for_good("bob");
    assert_eq!(stage.session("bob").intake.kept_keys(), 1);
    stage.pass(2 * MINUTE);
    let bob = stage.key("bob");
    assert!(!stage.session("alice").directory.keeps_sealing_keys(&bob), "the new card wiped them");
    stage.pass(SESSION_TIMEOUT + AFTERLIFE);
    assert_eq!(stage.session("bob").intake.kept_keys(), 0);
}

#[test]
fn regression_what_is_given_back_after_its_time_is_not_read() {
    let mut stage = Stage::new();
    let brief = Draft { ttl: Some(10 * SECOND), ..draft("bob", "brief") };
    stage.try_send("alice", brief).unwrap();
    let page = stage.read("bob");
    stage.now += 11 * SECOND;
    drop(page);
    stage.end_lease("bob");
    assert!(stage.read_for_good("bob").is_empty());
    let ends = stage.ends_for_good("alice");
    assert_eq!(ends.iter().map(|end| end.1).collect::<Vec<_>>(), [Status::Expired]);
}

#[test]
fn a_session_that_ended_at_the_hub_says_so_until_a_read_was_written() {
    let mut stage = Stage::new();
    stage.past_restart_grace = true;
    stage.come_back("bob");
    assert_eq!(stage.rejoined("bob").as_deref(), Some("bob"));
    drop(stage.read("bob"));
    stage.end_lease("bob");
    assert_eq!(stage.rejoined("bob").as_deref(), Some("bob"), "that answer never left");
    stage.read_for_good("bob");
    assert_eq!(stage.rejoined("bob"), None);
}

#[test]
fn a_hub_that_was_restarted_ends_no_session() {
    let mut stage = Stage::new();
    stage.come_back("bob");
    assert_eq!(stage.rejoined("bob"), None);
}

#[test]
fn a_session_that_ended_reads_what_it_had_opened_and_corrects_its_sender() {
    let mut stage = Stage::new();
    stage.past_restart_grace = true;
    let sent = stage.send("alice", "bob", "opened before the lid was closed");
    let (bob, now) = (stage.key("bob"), stage.now);
    stage.session("bob").disconnected();
    stage.session("alice").frame(ToBridge::Peer(bob, Standing::Gone, None), now);
    assert_eq!(stage.ends_for_good("alice"), [(sent.id, Status::Unconfirmed)]);
    stage.come_back("bob");
    assert_eq!(stage.read_for_good("bob"), ["opened before the lid was closed"]);
    assert_eq!(stage.ends_for_good("alice"), [(sent.id, Status::Read)]);
    let again = stage.send("alice", "bob", "hello again");
    assert_eq!(*again.status.borrow(), Status::Opened);
}

#[test]
fn regression_what_is_read_while_the_hub_is_away_corrects_its_sender_after_its_time() {
    let mut stage = Stage::new();
    stage.forgets = true;
    let brief = Draft { ttl: Some(10 * SECOND), ..draft("bob", "brief") };
    let sent = stage.try_send("alice", brief).unwrap();
    stage.session("bob").disconnected();
    stage.inboxes.clear();
    assert_eq!(stage.read_for_good("bob"), ["brief"]);
    stage.pass(2 * MINUTE);
    assert_eq!(stage.ends_for_good("alice"), [(sent.id, Status::Unconfirmed)]);
    stage.welcome("bob", "bob");
    stage.run();
    assert_eq!(stage.ends_for_good("alice"), [(sent.id, Status::Read)]);
}

/// Has the hub refuse what is sent.
fn refuse(frames: &mut Vec<ToBridge>) {
    frames.retain(|frame| !matches!(frame, ToBridge::Deliver(..)));
    for frame in frames {
        if let ToBridge::Accepted(id) = frame {
            *frame = ToBridge::Refused(*id, Refusal::InboxFull);
        }
    }
}

#[test]
fn regression_a_refusal_is_told_by_its_call_or_among_the_receipts_never_by_both_or_none() {
    let mut stage = Stage::new();
    stage.tamper = refuse;
    let mut told = stage.send("alice", "bob", "its call tells");
    let mut lost = stage.send("alice", "bob", "its answer never leaves");
    let gone = stage.send("alice", "bob", "its call is gone").id;
    let refused = Status::Refused(Refusal::InboxFull);
    assert_eq!(*told.status.borrow(), refused);
    assert_eq!(stage.ends_for_good("alice"), [], "the calls are there");
    told.refusal.try_recv().unwrap().ack();
    stage.end_lease("alice");
    drop(lost.refusal.try_recv().unwrap());
    stage.end_lease("alice");
    stage.end_lease("alice");
    let mut ends = stage.ends_for_good("alice");
    ends.sort_by_key(|end| end.0);
    assert_eq!(ends, [(lost.id, refused), (gone, refused)]);
}

#[test]
fn ends_that_nobody_asks_for_are_counted_once_there_are_too_many() {
    let mut stage = Stage::new();
    let end = |n: u64, status| Outcome {
        attachment: None,
        id: MessageId(u128::from(n).to_be_bytes()),
        to: Alias::parse("bob").unwrap(),
        status,
        hindrance: None,
        group: None,
        at_ms: 0,
    };
    let session = stage.session("alice");
    session.delivery.ended(end(0, Status::Unconfirmed));
    (1..2_058).for_each(|n| session.delivery.ended(end(n, Status::Read)));
    drop(stage.read("alice"));
    stage.end_lease("alice");
    let page = stage.read("alice");
    assert_eq!((page.dropped, page.receipts[0].status), (10, Status::Unconfirmed));
    page.lease.ack();
    stage.end_lease("alice");
    assert_eq!(stage.read("alice").dropped, 0);
}

#[test]
fn a_new_secret_of_the_group_ends_what_was_sealed_and_keeps_what_was_not_read() {
    let mut stage = Stage::new();
    let fingerprints =
        ["alice", "bob"].map(|name| stage.session(name).membership.key().fingerprint());
    stage.send("alice", "bob", "sealed under the old one");
    stage.session("bob").disconnected();
    stage.session("alice").disconnected();
    let queued = stage.send("alice", "bob", "queued").id;
    for name in ["alice", "bob"] {
        let group = GroupKeys::derive(&Secret::filled(|key| key.fill(77)));
        stage.session(name).set_group(group);
        assert_eq!(stage.rejoined(name).as_deref(), Some(name));
    }
    // The hub of the new secret is a new one.
    stage.inboxes.clear();
    stage.cards.clear();
    for name in ["bob", "alice"] {
        stage.welcome(name, name);
        stage.run();
    }
    let ends: Vec<_> = stage.ends_for_good("alice").into_iter().map(|(_, status)| status).collect();
    assert_eq!(ends, [Status::Unconfirmed], "nobody knows of what was sealed");
    assert_eq!(stage.read_for_good("bob"), ["sealed under the old one", "queued"]);
    stage.run();
    let ends = stage.ends_for_good("alice");
    assert!(ends.contains(&(queued, Status::Read)), "{ends:?}");
    assert!(ends.iter().all(|(_, status)| *status == Status::Read), "the other was read after all");
    let after = ["alice", "bob"].map(|name| stage.session(name).membership.key().fingerprint());
    assert_eq!(fingerprints, after, "they are who they were");
}
