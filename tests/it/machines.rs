//! Delivery as a whole, between pure machines: any order of frames on any connection, any fault at any moment.
//! What must hold is in `history.rs`.

mod attachments;

use std::time::Duration;

use junction_engine::Status;
use junction_testkit::sim::{SWEEP, SimWorld, TIMEOUT};
use proptest::prelude::*;

/// One thing that happens. Numbers of processes are taken modulo how many there are.
#[derive(Clone, Copy, Debug)]
enum Event {
    Send {
        who: usize,
        to: usize,
        count: usize,
        size: usize,
        ttl: Option<Duration>,
    },
    /// One message to all others.
    SendAll {
        who: usize,
        size: usize,
        ttl: Option<Duration>,
    },
    Read {
        who: usize,
        limit: usize,
    },
    Finish {
        who: usize,
        written: bool,
    },
    Write {
        who: usize,
        count: usize,
    },
    Arrive {
        who: usize,
        count: usize,
    },
    Push {
        who: usize,
        count: usize,
    },
    Deliver {
        who: usize,
        count: usize,
    },
    /// All that can move for one process does.
    Flow(usize),
    /// All that can move does; nobody reads.
    FlowAll,
    Lose(usize),
    Forget(usize),
    Connect {
        who: usize,
        welcome_lost: bool,
    },
    KillHub,
    StartHub,
    Replace {
        who: usize,
        goodbye: bool,
    },
    /// The bridge of a session with a seat is another.
    Restart {
        who: usize,
        in_order: bool,
    },
    /// A session with a seat has two bridges.
    Rival(usize),
    /// The bridge of a session with a seat goes on with another session.
    Swap(usize),
    Pass(Duration),
    Calm,
}

/// How a crowd behaves.
#[derive(Clone, Copy)]
struct Crowd {
    peers: usize,
    /// Messages sent at once.
    burst: usize,
    /// How many of the peers have seats.
    seats: usize,
}

impl Crowd {
    /// Some crowds are spared the faults after which everything is sent again, because those would hide a loss.
    fn events(self) -> impl Strategy<Value = Vec<Event>> {
        let events = prop::collection::vec(self.event(), 1..150);
        let spared = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        (spared, events).prop_map(
            move |((hub_dies, they_die, in_order, alone, stays), mut events)| {
                events.retain(|event| match event {
                    Event::KillHub => hub_dies,
                    // Another takes the place of a peer, where it is not the same one with its seat.
                    Event::Replace { .. } => they_die && self.seats == 0,
                    Event::Restart { in_order: orderly, .. } => {
                        self.seats > 0 && (*orderly || !in_order)
                    }
                    Event::Rival(_) => self.seats > 0 && !alone,
                    Event::Swap(_) => self.seats > 0 && !stays,
                    _ => true,
                });
                events
            },
        )
    }

    fn event(self) -> impl Strategy<Value = Event> {
        let who = move || 0..self.peers;
        let some = || 1..12_usize;
        let send = (who(), who(), 1..=self.burst, size(), ttl());
        prop_oneof![
            8 => send.prop_map(|(who, to, count, size, ttl)| Event::Send { who, to, count, size, ttl }),
            2 => (who(), size(), ttl()).prop_map(|(who, size, ttl)| Event::SendAll { who, size, ttl }),
            6 => (who(), 1..20_usize).prop_map(|(who, limit)| Event::Read { who, limit }),
            6 => (who(), prop::bool::weighted(0.8)).prop_map(|(who, written)| Event::Finish { who, written }),
            5 => (who(), some()).prop_map(|(who, count)| Event::Write { who, count }),
            5 => (who(), some()).prop_map(|(who, count)| Event::Arrive { who, count }),
            5 => (who(), some()).prop_map(|(who, count)| Event::Push { who, count }),
            5 => (who(), some()).prop_map(|(who, count)| Event::Deliver { who, count }),
            8 => who().prop_map(Event::Flow),
            4 => Just(Event::FlowAll),
            3 => who().prop_map(Event::Lose),
            2 => who().prop_map(Event::Forget),
            6 => (who(), prop::bool::weighted(0.1))
                .prop_map(|(who, welcome_lost)| Event::Connect { who, welcome_lost }),
            2 => Just(Event::KillHub),
            3 => Just(Event::StartHub),
            1 => (who(), any::<bool>()).prop_map(|(who, goodbye)| Event::Replace { who, goodbye }),
            3 => (who(), any::<bool>()).prop_map(|(who, in_order)| Event::Restart { who, in_order }),
            1 => who().prop_map(Event::Rival),
            2 => who().prop_map(Event::Swap),
            2 => time().prop_map(Event::Pass),
            2 => Just(Event::Calm),
        ]
    }
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => Just(20), 1 => Just(3_000), 1 => Just(60_000)]
}

fn ttl() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![3 => Just(None), 1 => (10..120_u64).prop_map(|s| Some(Duration::from_secs(s)))]
}

fn time() -> impl Strategy<Value = Duration> {
    let seconds = prop_oneof![4 => 1..30_u64, 2 => 30..200_u64, 1 => 200..700_u64];
    seconds.prop_map(Duration::from_secs)
}

fn apply(world: &mut SimWorld, event: Event) {
    match event {
        Event::Send { who, to, count, size, ttl } if who != to => {
            (0..count).for_each(|_| world.send(who, to, size, ttl));
        }
        Event::Send { .. } => {}
        Event::SendAll { who, size, ttl } => world.send_all(who, size, ttl),
        Event::Read { who, limit } => world.read(who, limit),
        Event::Finish { who, written } => _ = world.finish(who, written),
        Event::Write { who, count } => (0..count).for_each(|_| _ = world.write(who)),
        Event::Arrive { who, count } => (0..count).for_each(|_| _ = world.arrive(who)),
        Event::Push { who, count } => (0..count).for_each(|_| _ = world.push(who)),
        Event::Deliver { who, count } => (0..count).for_each(|_| _ = world.deliver(who)),
        Event::Flow(who) => _ = world.flow(who),
        Event::FlowAll => while world.flow_all() {},
        Event::Lose(who) => world.lose(who),
        Event::Forget(who) => world.forget(who),
        Event::Connect { who, welcome_lost } => _ = world.connect(who, welcome_lost),
        Event::KillHub => world.kill_hub(),
        Event::StartHub => world.start_hub(),
        Event::Replace { who, goodbye } => world.replace(who, goodbye),
        Event::Restart { who, in_order } => world.restart(who, in_order),
        Event::Rival(who) => world.rival(who),
        Event::Swap(who) => world.swap(who),
        Event::Pass(time) => world.pass(time),
        Event::Calm => world.calm(),
    }
}

/// With no further fault everything comes to its end: at once between the living, and once their sessions
/// have ended for the dead. Then nothing is left that could still change.
fn come_to_an_end(world: &mut SimWorld) {
    world.calm();
    // What was sealed to a bridge that died without a word is given up a moment after the next one is known.
    world.pass(SEAT_PATIENCE);
    world.calm();
    world.history.all_ended_between_the_living(world.now);
    // Sooner than the messages' own time: the hub tells who is gone.
    world.pass(TIMEOUT + Duration::from_millis(1));
    world.calm();
    world.history.all_have_ended();
    let counts = world.history.counts();
    world.pass(TIMEOUT + SWEEP);
    world.calm();
    assert_eq!(world.history.counts(), counts, "an end was not the end");
}

fn run(crowd: Crowd, events: Vec<Event>) {
    let mut world = SimWorld::with_seats(crowd.peers, crowd.seats);
    events.into_iter().for_each(|event| apply(&mut world, event));
    come_to_an_end(&mut world);
}

/// Longer than a sender waits for a word about what an earlier bridge of a seat had.
const SEAT_PATIENCE: Duration = Duration::from_secs(8);
const FEW: Crowd = Crowd { peers: 3, burst: 6, seats: 0 };
/// Sessions whose bridges restart, and one without a seat.
const SEATED: Crowd = Crowd { peers: 3, burst: 6, seats: 2 };
/// A crowd that fills a receiver's inbox and mailbox.
const MANY: Crowd = Crowd { peers: 11, burst: 32, seats: 0 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn delivery_keeps_its_promises(events in FEW.events()) {
        run(FEW, events);
    }

    #[test]
    fn delivery_to_seats_keeps_its_promises(events in SEATED.events()) {
        run(SEATED, events);
    }

    #[test]
    fn delivery_keeps_its_promises_at_its_limits(events in MANY.events()) {
        run(MANY, events);
    }
}

/// A hub may refuse a message that it accepted before, if it withholds the news that the receiver is gone. The
/// receiver may have read the message all the same.
#[test]
fn refusal_of_a_message_that_was_handed_over_twice_leaves_it_unconfirmed() {
    let (alice, bob) = (0, 1);
    let mut world = SimWorld::new(2);
    world.send(alice, bob, 20, None);
    while world.write(alice) || world.arrive(alice) {}
    // Alice loses her connection before she hears what becomes of the message.
    world.lose(alice);
    world.forget(alice);
    while world.push(bob) || world.deliver(bob) {}
    world.read(bob, 1);
    assert!(world.finish(bob, true), "Bob reads the message");
    while world.write(bob) || world.arrive(bob) {}
    assert!(world.connect(alice, false));
    while world.write(alice) || world.arrive(alice) {}
    // The answer to the look-up lets Alice write the message again. It has not arrived when Bob leaves.
    while world.deliver(alice) {}
    while world.write(alice) {}
    world.replace(bob, true);
    world.withhold_news(alice);
    while world.arrive(alice) || world.deliver(alice) {}
    world.read(alice, 1);
    assert_eq!(world.page_ends(alice), [Status::Unconfirmed]);
    come_to_an_end(&mut world);
}

/// A bridge that is cut off goes on with another session. A sender that begins before the hub has noticed addresses that
/// bridge, which never heard of it and so cannot give it its word.
#[test]
fn regression_message_to_a_bridge_that_has_gone_on_unnoticed_may_be_unconfirmed() {
    let (alice, bob) = (0, 1);
    let bob_again = SEATED.peers;
    let gone_on =
        [Event::Lose(bob), Event::Swap(bob), Event::Restart { who: alice, in_order: true }];
    let send = Event::Send { who: alice, to: bob_again, count: 1, size: 20, ttl: None };
    run(SEATED, gone_on.into_iter().chain([send]).collect());
}

/// A hub is new, and a sender has looked a session up in vain that has come back under another key. What it sends then is
/// the first that waits for that session.
#[test]
fn regression_message_to_a_session_that_was_looked_up_in_vain_follows_it_to_its_next_key() {
    let send = |who, to| Event::Send { who, to, count: 1, size: 20, ttl: None };
    run(
        SEATED,
        vec![
            Event::Swap(0),
            Event::Pass(Duration::from_secs(114)),
            Event::Calm,
            Event::SendAll { who: 1, size: 20, ttl: None },
            Event::FlowAll,
            Event::Pass(Duration::from_secs(66)),
            Event::Connect { who: 0, welcome_lost: false },
            Event::Restart { who: 1, in_order: false },
            Event::KillHub,
            send(0, 1),
        ],
    );
}

/// A hub is killed that had accepted a message, and the receiver's bridge goes on with another session before there is a hub
/// again. The sender has not heard from the receiver, so it cannot follow it, and the message ends by the clock.
#[test]
fn regression_message_to_a_bridge_that_went_on_while_no_hub_ran_ends_by_the_clock() {
    run(
        SEATED,
        vec![
            Event::Restart { who: 1, in_order: false },
            Event::Send { who: 1, to: 0, count: 1, size: 20, ttl: None },
            Event::Connect { who: 1, welcome_lost: false },
            Event::Flow(1),
            Event::KillHub,
            Event::Swap(0),
        ],
    );
}

/// A receiver's bridge goes on with another session while a sender is away for so long that its own session ends on the hub. The
/// word about its message is gone then.
#[test]
fn regression_message_of_a_sender_that_missed_the_word_about_it_may_be_unconfirmed() {
    run(
        SEATED,
        vec![
            Event::Restart { who: 0, in_order: false },
            Event::Send { who: 0, to: 1, count: 1, size: 20, ttl: None },
            Event::Calm,
            Event::Forget(0),
            Event::Pass(Duration::from_secs(200)),
            Event::SendAll { who: 0, size: 20, ttl: None },
            Event::Swap(1),
            Event::Write { who: 0, count: 2 },
            Event::Pass(Duration::from_secs(431)),
        ],
    );
}
