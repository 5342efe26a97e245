//! Attachments as a whole, between pure machines: any order of frames and threads, any fault at any moment. What must hold
//! is in `file_history.rs`, beside what must hold of the messages that they belong to.

use std::time::Duration;

use junction_testkit::sim::{SWEEP, SimWorld, TIMEOUT};
use proptest::prelude::*;

use super::{Crowd, Event, SEAT_PATIENCE, apply};

/// One thing that happens to attachments, or to anything else. Numbers are taken modulo how many there are.
#[derive(Clone, Debug)]
enum FileEvent {
    Other(Event),
    Send { who: usize, to: usize, sizes: Vec<usize>, ttl: Option<Duration> },
    Change { who: usize, nth: usize, at: usize, length: isize },
    Seal { who: usize, count: usize },
    HandIn { who: usize, nth: usize },
    Save { who: usize, nth: usize },
    Take { who: usize, nth: usize, count: usize },
    Place { who: usize, nth: usize, succeeds: bool },
    Cancel { who: usize, nth: usize },
}

const CHUNK: usize = 65_536;

/// A crowd that sends files.
#[derive(Clone, Copy)]
struct Senders {
    crowd: Crowd,
    /// The chunks of a larger file.
    chunks: usize,
    /// How much happens.
    events: usize,
}

impl Senders {
    /// Some runs are spared the faults after which everything is sent again, because those would hide a loss.
    fn events(self) -> impl Strategy<Value = Vec<FileEvent>> {
        let events = prop::collection::vec(self.event(), 1..self.events);
        let spared = (any::<bool>(), any::<bool>(), any::<bool>());
        (spared, events).prop_map(move |((hub_dies, changes, alone), mut events)| {
            events.retain(|event| match event {
                FileEvent::Other(Event::KillHub) => hub_dies,
                FileEvent::Other(Event::Replace { .. }) => self.crowd.seats == 0,
                FileEvent::Other(Event::Restart { .. }) => self.crowd.seats > 0,
                FileEvent::Other(Event::Rival(_) | Event::Swap(_)) => {
                    self.crowd.seats > 0 && !alone
                }
                FileEvent::Change { .. } => changes,
                _ => true,
            });
            events
        })
    }

    fn event(self) -> impl Strategy<Value = FileEvent> {
        let peers = self.crowd.peers;
        let who = move || 0..peers;
        let nth = || 0..8_usize;
        let sizes = prop::collection::vec(size(self.chunks), 1..4);
        let send = (who(), who(), sizes, super::ttl());
        let change = (who(), nth(), any::<usize>(), -2..3_isize);
        prop_oneof![
            10 => self.crowd.event().prop_map(FileEvent::Other),
            2 => send.prop_map(|(who, to, sizes, ttl)| FileEvent::Send { who, to, sizes, ttl }),
            1 => change.prop_map(|(who, nth, at, length)| {
                FileEvent::Change { who, nth, at, length: length.clamp(-1, 1) }
            }),
            2 => (who(), 1..6_usize).prop_map(|(who, count)| FileEvent::Seal { who, count }),
            2 => (who(), nth()).prop_map(|(who, nth)| FileEvent::HandIn { who, nth }),
            3 => (who(), nth()).prop_map(|(who, nth)| FileEvent::Save { who, nth }),
            3 => (who(), nth(), 1..20_usize)
                .prop_map(|(who, nth, count)| FileEvent::Take { who, nth, count }),
            2 => (who(), nth(), prop::bool::weighted(0.8))
                .prop_map(|(who, nth, succeeds)| FileEvent::Place { who, nth, succeeds }),
            1 => (who(), nth()).prop_map(|(who, nth)| FileEvent::Cancel { who, nth }),
        ]
    }
}

fn size(chunks: usize) -> impl Strategy<Value = usize> {
    prop_oneof![
        2 => 0..300_usize,
        2 => Just(CHUNK),
        2 => Just(2 * CHUNK + 1),
        2 => Just(chunks * CHUNK - 7),
    ]
}

fn happen(world: &mut SimWorld, event: FileEvent) {
    match event {
        FileEvent::Other(event) => apply(world, event),
        FileEvent::Send { who, to, sizes, ttl } if who != to => {
            world.send_files(who, to, 20, &sizes, ttl);
        }
        FileEvent::Send { .. } => {}
        FileEvent::Change { who, nth, at, length } => world.change(who, nth, at, length),
        FileEvent::Seal { who, count } => (0..count).for_each(|_| _ = world.seal(who)),
        FileEvent::HandIn { who, nth } => _ = world.hand_in(who, nth),
        FileEvent::Save { who, nth } => world.save(who, nth),
        FileEvent::Take { who, nth, count } => world.take(who, nth, count),
        FileEvent::Place { who, nth, succeeds } => world.place(who, nth, succeeds),
        FileEvent::Cancel { who, nth } => world.cancel(who, nth),
    }
}

/// With no further fault everything that can be saved is, and everything comes to its end. Then nothing is left that could
/// still change.
fn come_to_an_end(world: &mut SimWorld) {
    world.calm();
    world.pass(SEAT_PATIENCE);
    world.calm();
    world.all_can_be_saved();
    world.history.all_ended_between_the_living(world.now);
    // What receivers say of what has expired comes before senders give it up.
    for time in [TIMEOUT, SWEEP + Duration::from_millis(1)] {
        world.pass(time);
        world.calm();
    }
    world.history.all_have_ended();
    world.all_attachments_have_ended();
    let counts = (world.history.counts(), world.files.counts());
    world.pass(TIMEOUT + SWEEP);
    world.calm();
    let after = (world.history.counts(), world.files.counts());
    assert_eq!(after, counts, "an end was not the end");
}

fn run(senders: Senders, events: Vec<FileEvent>) {
    let mut world = SimWorld::with_seats(senders.crowd.peers, senders.crowd.seats);
    events.into_iter().for_each(|event| happen(&mut world, event));
    come_to_an_end(&mut world);
}

const FEW: Senders =
    Senders { crowd: Crowd { peers: 3, burst: 3, seats: 0 }, chunks: 20, events: 120 };
const SEATED: Senders =
    Senders { crowd: Crowd { peers: 3, burst: 3, seats: 2 }, chunks: 20, events: 120 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attachments_keep_their_promises(events in FEW.events()) {
        run(FEW, events);
    }

    #[test]
    fn attachments_to_seats_keep_their_promises(events in SEATED.events()) {
        run(SEATED, events);
    }
}

/// All frames move, and this process reads.
fn read(world: &mut SimWorld, who: usize) {
    while world.flow_all() {}
    world.read(who, usize::MAX);
    assert!(world.finish(who, true), "there is something to read");
}

#[test]
fn regression_thread_of_an_earlier_session_says_nothing_of_a_later_one() {
    let (bob, ann) = (0, 1);
    let mut world = SimWorld::with_seats(2, 1);
    world.send_files(ann, bob, 20, &[100], None);
    read(&mut world, bob);
    world.save(bob, 0);
    while world.flow_all() {}
    world.take(bob, 0, 2);
    // The attachment of the earlier session is about to be put in its place.
    world.swap(bob);
    (0..3).for_each(|who| _ = world.connect(who, false));
    while world.flow_all() {}
    world.send_files(ann, bob, 20, &[100], None);
    read(&mut world, bob);
    world.save(bob, 0);
    world.place(bob, 0, true);
    while world.flow_all() {}
    read(&mut world, ann);
    come_to_an_end(&mut world);
}

#[test]
fn regression_attachment_is_repeated_where_the_receipt_for_its_message_was_lost() {
    let (bob, ann) = (0, 1);
    let mut world = SimWorld::with_seats(2, 1);
    world.send_files(ann, bob, 20, &[100], None);
    read(&mut world, bob);
    // Killed after its answer was written.
    world.restart(bob, false);
    come_to_an_end(&mut world);
}

#[test]
fn regression_sender_that_was_away_when_its_receiver_came_back_repeats_attachments() {
    let (bob, ann) = (0, 1);
    let mut world = SimWorld::with_seats(2, 1);
    world.send_files(ann, bob, 20, &[100], None);
    read(&mut world, bob);
    while world.flow_all() {}
    world.lose(ann);
    world.forget(ann);
    world.restart(bob, true);
    while world.connect(bob, false) || world.flow_all() {}
    come_to_an_end(&mut world);
}

#[test]
fn regression_attachment_may_have_been_saved_by_a_process_that_was_killed() {
    let (bob, ann) = (0, 1);
    for killed in [false, true] {
        let mut world = SimWorld::with_seats(2, 1);
        world.send_files(ann, bob, 20, &[100], None);
        read(&mut world, bob);
        world.save(bob, 0);
        while world.flow_all() {}
        world.take(bob, 0, 2);
        if !killed {
            world.place(bob, 0, true);
        }
        // What it says is lost with it. Nobody saves once more.
        world.restart(bob, false);
        world.forget_attachments(bob);
        come_to_an_end(&mut world);
    }
}

#[test]
fn attachment_does_not_expire_while_it_is_put_in_its_place() {
    let (bob, ann) = (0, 1);
    let mut world = SimWorld::new(2);
    world.send_files(ann, bob, 20, &[100], Some(SWEEP));
    read(&mut world, bob);
    world.save(bob, 0);
    while world.flow_all() {}
    world.take(bob, 0, 2);
    world.pass(SWEEP + Duration::from_secs(1));
    world.calm();
    // In the calm it was put there, after its time.
    assert_eq!(world.files.counts(), [1, 1, 1]);
    come_to_an_end(&mut world);
}

#[test]
fn attachment_that_cannot_be_put_in_its_place_is_not_told_as_saved() {
    let (bob, ann) = (0, 1);
    let mut world = SimWorld::new(2);
    world.send_files(ann, bob, 20, &[100], None);
    read(&mut world, bob);
    world.save(bob, 0);
    while world.flow_all() {}
    world.take(bob, 0, 2);
    world.place(bob, 0, false);
    // That the message was read is all that there is to tell.
    read(&mut world, ann);
    assert_eq!(world.files.counts(), [1, 0, 0]);
    come_to_an_end(&mut world);
    assert_eq!(world.files.counts(), [1, 1, 1]);
}

#[test]
fn receipt_that_was_lost_with_its_connection_is_said_on_the_next() {
    let (bob, ann) = (0, 1);
    let mut world = SimWorld::new(2);
    world.send_files(ann, bob, 20, &[100], None);
    read(&mut world, bob);
    world.save(bob, 0);
    while world.flow_all() {}
    world.take(bob, 0, 2);
    world.place(bob, 0, true);
    world.lose(bob);
    world.forget(bob);
    world.calm();
    assert_eq!(world.files.counts(), [1, 1, 1]);
    come_to_an_end(&mut world);
}

#[test]
fn regression_content_that_changes_after_it_was_saved() {
    let (bob, ann) = (0, 1);
    let mut world = SimWorld::with_seats(2, 0);
    world.send_files(ann, bob, 20, &[100], None);
    read(&mut world, bob);
    world.save(bob, 0);
    while world.flow_all() {}
    world.take(bob, 0, 2);
    world.change(ann, 0, 0, 0);
    world.kill_hub();
    world.start_hub();
    world.lose(ann);
    world.connect(ann, false);
    while world.flow_all() {}
    read(&mut world, ann);
    world.place(bob, 0, true);
    come_to_an_end(&mut world);
}

/// One thing that happens while the hub is killed and comes back, and nothing else fails.
fn restart_event() -> impl Strategy<Value = FileEvent> {
    let who = || 0..3_usize;
    let some = || 1..12_usize;
    prop_oneof![
        5 => (who(), some())
            .prop_map(|(who, count)| FileEvent::Other(Event::Write { who, count })),
        5 => (who(), some())
            .prop_map(|(who, count)| FileEvent::Other(Event::Arrive { who, count })),
        5 => (who(), some())
            .prop_map(|(who, count)| FileEvent::Other(Event::Push { who, count })),
        5 => (who(), some())
            .prop_map(|(who, count)| FileEvent::Other(Event::Deliver { who, count })),
        3 => who().prop_map(|who| FileEvent::Other(Event::Flow(who))),
        5 => who().prop_map(|who| {
            FileEvent::Other(Event::Connect { who, welcome_lost: false })
        }),
        1 => Just(FileEvent::Other(Event::KillHub)),
        2 => Just(FileEvent::Other(Event::StartHub)),
        3 => (who(), 1..6_usize).prop_map(|(who, count)| FileEvent::Seal { who, count }),
        3 => (who(), 0..4_usize).prop_map(|(who, nth)| FileEvent::HandIn { who, nth }),
        3 => (who(), 0..8_usize).prop_map(|(who, nth)| FileEvent::Save { who, nth }),
        3 => (who(), 0..8_usize, 1..20_usize)
            .prop_map(|(who, nth, count)| FileEvent::Take { who, nth, count }),
        3 => (who(), 0..8_usize)
            .prop_map(|(who, nth)| FileEvent::Place { who, nth, succeeds: true }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_save_fails_because_the_hub_was_killed(
        events in prop::collection::vec(restart_event(), 1..150)
    ) {
        let mut world = SimWorld::new(3);
        world.send_files(1, 0, 20, &[9 * CHUNK, 1, 3 * CHUNK, 1], None);
        world.send_files(2, 0, 20, &[2 * CHUNK], None);
        world.send_files(0, 2, 20, &[12 * CHUNK], None);
        read(&mut world, 0);
        read(&mut world, 2);
        events.into_iter().for_each(|event| happen(&mut world, event));
        come_to_an_end(&mut world);
        prop_assert_eq!(world.failed_saves(), 0);
    }
}
