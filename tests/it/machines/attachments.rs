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
    world.pass(TIMEOUT + SWEEP + Duration::from_millis(1));
    world.calm();
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
