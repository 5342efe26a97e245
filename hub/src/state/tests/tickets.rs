//! Old tickets in the hands of peers that once had an alias: the one who had it last keeps it, whatever the order in
//! which they come back to a hub that was restarted.

use std::collections::BTreeMap;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::crypto::mac;
use junction_shared::protocol::id::{ConnectionId, GroupId};
use junction_shared::protocol::wire::{
    Answer, Grant, Naming, Question, Refusal, Ticket, ToBridge, ToHub,
};
use proptest::prelude::*;

use super::world::{TIMEOUT, World, card, envelope, granted, key, send, signed, ticket_key};

/// How each of them spells the one alias that all of this is about.
const SPELLINGS: [&str; 4] = ["worker-1", "worker-l", "w0rker-1", "work-er1"];
/// Peers that had the alias before.
const THIEVES: u8 = 4;
/// The peer that had it last.
const VICTIM: u8 = 40;
const DAY: u64 = 24 * 60 * 60 * 1000;

fn spelling(client: u8) -> &'static str {
    SPELLINGS[usize::from(client) % SPELLINGS.len()]
}

fn is_it(alias: &str) -> bool {
    Alias::parse(alias).unwrap().fold() == Alias::parse(SPELLINGS[0]).unwrap().fold()
}

/// Several runs of a hub, and what its peers keep from one to the next.
struct Story {
    world: World,
    started_ms: u64,
    /// The latest start of all runs.
    latest_ms: u64,
    online: BTreeMap<u8, ConnectionId>,
    /// The alias that each of those online was last told.
    aliases: BTreeMap<u8, String>,
    /// All tickets for the alias that each peer was ever given, oldest first.
    tickets: BTreeMap<u8, Vec<Ticket>>,
    epoch: u64,
}

impl Story {
    fn new() -> Self {
        let started_ms = 1_700_000_000_000;
        Self {
            world: World::started_at(started_ms, None),
            started_ms,
            latest_ms: started_ms,
            online: BTreeMap::new(),
            aliases: BTreeMap::new(),
            tickets: BTreeMap::new(),
            epoch: 0,
        }
    }

    fn restart(&mut self, started_ms: u64) {
        self.started_ms = started_ms;
        self.latest_ms = self.latest_ms.max(started_ms);
        self.world = World::started_at(started_ms, None);
        (self.online, self.aliases) = (BTreeMap::new(), BTreeMap::new());
    }

    fn take(&mut self, client: u8, grant: Grant) {
        if grant.alias == spelling(client) {
            self.tickets.entry(client).or_default().push(grant.ticket);
        }
        self.aliases.insert(client, grant.alias);
    }

    /// Everybody takes in what the hub said.
    fn listen(&mut self) {
        for (client, connection) in self.online.clone() {
            for frame in self.world.received(connection) {
                if let ToBridge::Reassigned(grant) = frame {
                    self.take(client, grant);
                }
            }
        }
    }

    fn come(&mut self, client: u8, ticket: Option<Ticket>) {
        let welcome = self.world.connect(client, Some(spelling(client)), ticket);
        self.online.insert(client, welcome.connection);
        self.take(client, welcome.grant);
        self.listen();
    }

    fn rename(&mut self, client: u8, alias: &str) {
        self.listen();
        self.epoch += 1;
        let wish = Question::Rename(signed(&card(client, self.epoch, alias, None)));
        match self.world.ask(self.online[&client], wish) {
            Some(Answer::Named(Naming::Granted(grant))) => self.take(client, grant),
            other => panic!("{other:?}"),
        }
    }

    fn leave(&mut self, client: u8) {
        if let Some(connection) = self.online.remove(&client) {
            self.world.say(connection, ToHub::Leave);
            self.aliases.remove(&client);
        }
    }

    /// Time passes, and everybody who is there shows that they are.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds.div_ceil(100) {
            self.world.pass(Duration::from_secs(100));
            let now = self.world.now;
            self.online.values().for_each(|connection| self.world.state.touch(*connection, now));
        }
        self.listen();
    }

    fn holders(&self) -> Vec<u8> {
        let has = |(client, alias): (&u8, &String)| is_it(alias).then_some(*client);
        self.aliases.iter().filter_map(has).collect()
    }

    /// One peer has the alias for a while: by joining or by a wish.
    fn begin_tenure(&mut self, client: u8, by_wish: bool) {
        if by_wish {
            let welcome = self.world.connect(client, None, None);
            self.online.insert(client, welcome.connection);
            self.take(client, welcome.grant);
            self.rename(client, spelling(client));
        } else {
            self.come(client, None);
        }
        assert_eq!(self.holders(), [client]);
    }
}

/// One who had the alias has it again, for a while, on the first hub.
#[derive(Clone, Debug)]
struct Tenure {
    thief: u8,
    by_wish: bool,
    leaves: bool,
    then_pass: u64,
}

/// What happens on a restarted hub before or after the victim comes back.
#[derive(Clone, Debug)]
enum Visit {
    /// A thief shows one of its tickets and stays, or goes.
    Thief { thief: u8, pick: usize, leaves: bool },
    /// Somebody without a ticket asks for the alias.
    Squatter { number: u8, leaves: bool },
}

#[derive(Clone, Debug)]
struct Run {
    visits: Vec<Visit>,
    /// Before which of them the victim comes.
    victim_at: usize,
    /// Whether the hub's clock is behind that of the run before.
    is_behind: bool,
    /// Whether the victim comes after the restart grace.
    is_late: bool,
}

fn tenure() -> impl Strategy<Value = Tenure> {
    let parts = (0..THIEVES, any::<bool>(), any::<bool>(), 0..400_u64);
    parts.prop_map(|(thief, by_wish, leaves, then_pass)| Tenure {
        thief,
        by_wish,
        leaves,
        then_pass,
    })
}

fn run() -> impl Strategy<Value = Run> {
    let visit = prop_oneof![
        3 => (0..THIEVES, 0..8_usize, any::<bool>())
            .prop_map(|(thief, pick, leaves)| Visit::Thief { thief, pick, leaves }),
        1 => (0..3_u8, any::<bool>())
            .prop_map(|(number, leaves)| Visit::Squatter { number, leaves }),
    ];
    let parts = (prop::collection::vec(visit, 0..8), 0..9_usize, any::<bool>(), any::<bool>());
    parts.prop_map(|(visits, victim_at, is_behind, is_late)| Run {
        visits,
        victim_at,
        is_behind: is_behind && !is_late,
        is_late,
    })
}

impl Story {
    fn first_run(&mut self, tenures: &[Tenure], by_wish: bool) {
        for tenure in tenures {
            self.leave(tenure.thief);
            self.begin_tenure(tenure.thief, tenure.by_wish);
            self.pass(tenure.then_pass);
            match tenure.leaves {
                true => self.leave(tenure.thief),
                false => self.rename(tenure.thief, &format!("other-{}", tenure.thief)),
            }
        }
        self.begin_tenure(VICTIM, by_wish);
    }

    fn later_run(&mut self, run: &Run) {
        let latest = self.latest_ms;
        self.restart(if run.is_behind { latest - 3 * DAY } else { latest + DAY });
        let mut visits = run.visits.iter();
        // Sessions that began on a hub that is past its grace, and have no ticket from before, are nobody's thieves.
        let is_welcome = |visit: &&Visit| !run.is_late || matches!(visit, Visit::Thief { .. });
        let mut is_first = [true; THIEVES as usize];
        for visit in visits.by_ref().take(run.victim_at).filter(is_welcome) {
            let is_again = match visit {
                Visit::Thief { thief, .. } => {
                    !std::mem::replace(&mut is_first[usize::from(*thief)], false)
                }
                Visit::Squatter { .. } => false,
            };
            if !(run.is_late && is_again) {
                self.visit(visit);
            }
        }
        if run.is_late {
            self.pass(TIMEOUT.as_secs() + 100);
        }
        let mine = self.tickets[&VICTIM].last().cloned();
        self.come(VICTIM, mine);
        assert_eq!(self.holders(), [VICTIM], "everybody else is told");
        for visit in visits {
            self.visit(visit);
            assert_eq!(self.holders(), [VICTIM]);
        }
    }

    fn visit(&mut self, visit: &Visit) {
        let (client, ticket, leaves) = match visit {
            Visit::Thief { thief, pick, leaves } => {
                let Some(tickets) = self.tickets.get(thief) else { return };
                (*thief, Some(tickets[pick % tickets.len()].clone()), leaves)
            }
            Visit::Squatter { number, leaves } => (20 + number, None, leaves),
        };
        if self.online.contains_key(&client) {
            self.leave(client);
        }
        self.come(client, ticket);
        if *leaves {
            self.leave(client);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 512,
        ..ProptestConfig::default()
    })]

    #[test]
    fn regression_the_last_owner_gets_the_alias_back_in_every_order(
        tenures in prop::collection::vec(tenure(), 0..5),
        by_wish: bool,
        runs in prop::collection::vec(run(), 1..4),
    ) {
        let mut story = Story::new();
        story.first_run(&tenures, by_wish);
        for run in &runs {
            story.later_run(run);
        }
    }
}

/// A hub on which a thief had the alias and let it go, and the victim has it: the tickets of both, oldest first. The hub
/// is past its restart grace, or in it.
fn two_tickets(past_grace: bool) -> (Ticket, Ticket) {
    let mut story = Story::new();
    if past_grace {
        story.pass(TIMEOUT.as_secs() + 100);
    }
    story.begin_tenure(0, false);
    story.leave(0);
    story.begin_tenure(VICTIM, false);
    (story.tickets[&0][0].clone(), story.tickets[&VICTIM][0].clone())
}

#[test]
fn regression_an_old_ticket_takes_nothing_from_a_newer_owner() {
    for (was_grown, is_grown, thief_first) in [
        (false, false, true),
        (true, false, true),
        (true, true, true),
        (true, true, false),
        (true, false, false),
    ] {
        let (old, newer) = two_tickets(was_grown);
        let mut story = Story::new();
        story.restart(story.started_ms + DAY);
        if is_grown {
            story.pass(TIMEOUT.as_secs() + 100);
        }
        let mut order = [(0, old), (VICTIM, newer)];
        if !thief_first {
            order.reverse();
        }
        for (client, ticket) in order {
            story.come(client, Some(ticket));
        }
        assert_eq!(story.holders(), [VICTIM], "{was_grown} {is_grown} {thief_first}");
    }
}

#[test]
fn a_ticket_without_a_time_is_the_oldest_and_still_better_than_none() {
    let timeless =
        |client| Ticket(mac(ticket_key().expose(), &[spelling(client).as_bytes(), &key(client).0]));
    let mut story = Story::new();
    story.come(1, None);
    story.come(2, Some(timeless(2)));
    assert_eq!(story.holders(), [2]);
    story.come(3, Some(timeless(3)));
    assert_eq!(story.holders(), [2], "the first of two that are equal");
    story.come(0, Some(granted(0, spelling(0), 7)));
    assert_eq!(story.holders(), [0]);
}

#[test]
fn a_holder_gets_a_newer_ticket_when_one_from_the_future_is_shown() {
    let mut story = Story::new();
    story.pass(TIMEOUT.as_secs() + 100);
    story.begin_tenure(VICTIM, false);
    // From a hub whose clock was ahead.
    let ahead = granted(0, spelling(0), story.started_ms + 365 * DAY);
    story.come(0, Some(ahead.clone()));
    assert_eq!(story.holders(), [VICTIM]);
    let newest = story.tickets[&VICTIM].last().cloned();
    story.restart(story.started_ms + DAY);
    story.come(0, Some(ahead));
    story.come(VICTIM, newest);
    assert_eq!(story.holders(), [VICTIM]);
}

#[test]
fn a_session_that_outlives_the_restart_grace_gets_a_ticket_with_a_time() {
    let mut story = Story::new();
    story.begin_tenure(VICTIM, false);
    story.pass(TIMEOUT.as_secs() + 100);
    let connection = story.online[&VICTIM];
    story.world.disconnect(connection);
    story.come(VICTIM, None);
    let tickets = &story.tickets[&VICTIM];
    assert_ne!(tickets[0], tickets[1]);
    assert_eq!(encode(&tickets[1])[2..10], (story.started_ms + 700_000).to_be_bytes());
}

#[test]
fn regression_mail_of_another_group_is_refused() {
    let group = GroupId([3; 16]);
    for (serves, expected) in [
        (Some(group), Some(Refusal::Gone)),
        (Some(GroupId([0; 16])), None),
        // Keys of an earlier version do not say.
        (None, None),
    ] {
        let mut world = World::started_at(0, serves);
        let (ann, bob) = (world.join(1, "ann"), world.join(2, "bob"));
        // Envelopes of these tests are of a group of zeros.
        let answer = world.hand(ann, send(envelope(1, 2, 1, 300)));
        let refused = match answer {
            ToBridge::Refused(_, refusal) => Some(refusal),
            _ => None,
        };
        assert_eq!(refused, expected);
        assert_eq!(world.pushed(bob).len(), usize::from(expected.is_none()));
    }
}
