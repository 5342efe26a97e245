//! The storm: ten bridges talk while everything around them fails. The hub is killed every 0.2 to 1 s,
//! connections are cut at either end or left hanging, and one bridge is killed for good. Afterwards what was
//! read has to be what was sent, in its order, none of it twice; every message has one end, and it is true.
//!
//! `JUNCTION_STORM_SECONDS` says how long it lasts, 15 s if nothing does. From 120 s on a hub is also paused
//! for 40 s, half-way. `JUNCTION_STORM_SEED` repeats what chance chose; the seed of a run and what came of it
//! are printed, whether or not it fails.

mod dice;
mod ledger;
mod weather;

use std::io::Write as _;
use std::time::Duration;

use futures_util::future::{join_all, join3};
use junction_testkit::client::CallError;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::{Cable, DEADLINE, Home, TestBridge, TestHub, at};
use dice::Dice;
use ledger::{Ledger, Text};

/// Bridges.
const CREW: usize = 10;
/// The one that is killed for good.
const VICTIM: usize = 0;
/// Sends of one bridge that are under way at once.
const HANDS: usize = 4;
/// The longest life of a message to the victim, in seconds: nobody waits longer for the end of one.
const VICTIM_TTL: u64 = 10;

/// When what happens.
struct Timetable {
    seed: u64,
    ends: Instant,
    victim_dies: Instant,
    /// From here on nobody writes to the victim: what was written must come to its end.
    victim_is_let_go: Instant,
    hub_pauses: Option<Instant>,
}

impl Timetable {
    fn new(seconds: u64, seed: u64) -> Self {
        let now = Instant::now();
        let storm = Duration::from_secs(seconds);
        Self {
            seed,
            ends: now + storm,
            victim_dies: now + storm / 3,
            victim_is_let_go: now + storm / 2,
            hub_pauses: (seconds >= 120).then_some(now + storm / 2),
        }
    }

    fn over(&self) -> bool {
        Instant::now() >= self.ends
    }
}

/// The bridges, and what they say and see.
struct Crew {
    bridges: Vec<TestBridge>,
    ledger: Ledger,
    times: Timetable,
}

#[tokio::test]
async fn in_a_storm_nothing_is_lost_nothing_is_doubled_nothing_is_claimed() {
    let seconds = number_in("JUNCTION_STORM_SECONDS").unwrap_or(15);
    let seed = number_in("JUNCTION_STORM_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    print(&format!("{seconds} s, JUNCTION_STORM_SEED={seed}"));
    let home = Home::new();
    let mut hub = TestHub::start_with(&home, &[("JUNCTION_SWEEP_INTERVAL_MS", "500")]).await;
    let cables = join_all((0..CREW).map(|_| Cable::lay(hub.port))).await;
    let joining = cables.iter().enumerate();
    let joining =
        joining.map(async |(at, cable)| TestBridge::join_port(&home, cable.port, &alias(at)).await);
    let bridges = join_all(joining).await;
    let crew = Crew { bridges, ledger: Ledger::new(), times: Timetable::new(seconds, seed) };
    crew.meet().await;
    let started = Instant::now();
    let weather = weather::rage(&home, &mut hub, &cables, &crew.bridges[VICTIM], &crew.times);
    let (damage, _, _) = join3(
        weather,
        join_all((0..CREW * HANDS).map(|hand| crew.write(hand))),
        join_all((0..CREW).map(|reader| crew.read(reader))),
    )
    .await;
    print(&format!("{damage}; all ended after {:.1} s", started.elapsed().as_secs_f64()));
    if let Some(missing) = crew.ledger.missing() {
        panic!("not all has come to its end:\n{missing}");
    }
    print(&crew.ledger.check().to_string());
}

impl Crew {
    /// Everyone writes to everyone once: from now on all know each other.
    async fn meet(&self) {
        for from in 0..CREW {
            for to in (0..CREW).filter(|to| *to != from) {
                self.send(from, to, 0).await.expect("the weather is fine");
            }
        }
    }

    /// One of a bridge's hands: it sends to whomever it likes until the storm is over.
    async fn write(&self, hand: usize) {
        let (from, dice) = (hand % CREW, Dice::new(self.times.seed, hand));
        while !self.times.over() {
            let to = (from + 1 + dice.below(CREW - 1)) % CREW;
            if to == VICTIM && Instant::now() >= self.times.victim_is_let_go {
                continue;
            }
            if dice.once_in(60) {
                self.run_errand(from, &dice).await;
            }
            let size = match dice.below(20) {
                0 => 20_000 + dice.below(45_000),
                _ => dice.below(400),
            };
            let pause = match self.send(from, to, size).await {
                Ok(()) => dice.millis(0, 80),
                // It is not taken, and never read. Room comes when somebody reads.
                Err(CallError::Tool(text)) => {
                    let known = ["still unread", "inbox_full", "Nothing was sent"];
                    assert!(known.iter().any(|word| text.contains(word)), "{from} to {to}: {text}");
                    dice.millis(50, 150)
                }
                Err(CallError::Ended) if from == VICTIM => return,
                Err(error) => panic!("{from} to {to}: {error}"),
            };
            at(Instant::now() + pause).await;
        }
    }

    async fn send(&self, from: usize, to: usize, size: usize) -> Result<(), CallError> {
        let text = Text { from, to, number: self.ledger.number(), size };
        let mut arguments = json!({ "target_alias": alias(to), "message": text.write() });
        if to == VICTIM {
            arguments["ttl_seconds"] = json!(VICTIM_TTL);
        }
        let answer = self.bridges[from].try_call("send_message", arguments).await?;
        self.ledger.sent(&answer, text);
        Ok(())
    }

    /// Something else that an agent does. A new task is a new card with a new key, which mail on its way was not
    /// sealed to.
    async fn run_errand(&self, of: usize, dice: &Dice) {
        let task = format!("task {}", dice.below(1_000));
        let errand = match dice.below(3) {
            0 => self.bridges[of].try_call("list_peers", json!({ "limit": 5 })).await,
            _ => self.bridges[of].try_call("register", json!({ "task": task })).await,
        };
        match errand {
            // The hub may be away for as long as such a call waits.
            Ok(_) | Err(CallError::Tool(_)) => {}
            Err(error) => assert_eq!((of, error), (VICTIM, CallError::Ended)),
        }
    }

    /// Reads until the storm is over and all has come to its end, or nothing more comes.
    async fn read(&self, reader: usize) {
        let dice = Dice::new(self.times.seed, 3_000 + reader);
        let patience = self.times.ends + DEADLINE;
        let mut is_over = false;
        while !is_over {
            // Looked at before: so that there is one more read after the last end.
            is_over =
                self.times.over() && (self.ledger.missing().is_none() || Instant::now() > patience);
            if !self.read_once(reader, &dice).await {
                return;
            }
            if !self.times.over() && dice.once_in(40) {
                // Its agent is busy with something else, and the mail piles up.
                at(Instant::now() + dice.millis(500, 3_000)).await;
            }
        }
    }

    /// One read, which its client may think better of. False if the bridge has ended.
    async fn read_once(&self, reader: usize, dice: &Dice) -> bool {
        let client = &self.bridges[reader].client;
        let waits = json!({ "wait_seconds": usize::from(!self.times.over()) });
        let Ok(call) = client.begin_call("read_messages", waits).await else { return false };
        let id = call.id();
        let patience = if dice.once_in(5) { dice.millis(0, 200) } else { DEADLINE };
        let answer = tokio::select! {
            biased;
            answer = call.content() => Some(answer),
            () = at(Instant::now() + patience) => None,
        };
        // Answers that were on their way when their calls were cancelled came before this one.
        while let Some(line) = client.try_next_line() {
            let stray: Value = serde_json::from_str(&line).expect("stdout carries MCP alone");
            self.ledger.note(reader, &stray["result"]["structuredContent"]);
        }
        match answer {
            Some(Ok(answer)) => self.ledger.note(reader, &answer),
            Some(Err(CallError::Ended)) => {
                assert_eq!(reader, VICTIM, "a bridge has ended that was to live");
                return false;
            }
            Some(Err(error)) => panic!("{reader} reads: {error}"),
            None => {
                let cancelled = json!({ "requestId": id });
                return client.notify("notifications/cancelled", cancelled).await.is_ok();
            }
        }
        true
    }
}

fn alias(at: usize) -> String {
    format!("sailor-{at}")
}

fn number_in(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is to be a whole number, not {text}")))
}

/// Prints past the test runner, which keeps to itself what a test that passes says.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "storm: {line}");
}
