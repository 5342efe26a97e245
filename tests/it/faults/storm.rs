//! Chaos test: ten bridges talk while faults are injected. The hub is killed every 0.2 to 1 s, connections are cut at
//! either end or stalled, and one bridge is killed for good. Afterwards the messages read must be the messages sent,
//! in order, each once; every message has one end, and that end is true.
//!
//! `JUNCTION_STORM_SECONDS` sets the duration, 15 s by default. From 120 s on a hub is also paused for 40 s, half-way.
//! `JUNCTION_STORM_SEED` repeats the random choices. Each run prints its seed and a summary.

mod call_log;
mod injection;

use std::io::Write as _;
use std::time::Duration;

use futures_util::future::{join_all, join3};
use junction_testkit::client::CallError;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::rng::SeededRng;
use call_log::{CallLog, TestMessage};
use injection::inject_faults;
use junction_testkit::{DEADLINE, TcpProxy, TestBridge, TestHome, TestHub, at};

/// The number of bridges.
const BRIDGES: usize = 10;
/// The bridge that is killed for good.
const VICTIM: usize = 0;
/// Tasks of one bridge that send at the same time.
const SENDERS: usize = 4;
/// The longest life of a message to the victim, in seconds, so that no test waits longer for its end.
const VICTIM_TTL: u64 = 10;

/// The moments at which things happen.
struct Schedule {
    seed: u64,
    ends: Instant,
    victim_dies: Instant,
    /// The moment from which nobody writes to the victim, so that all messages to it come to their end.
    victim_is_left_alone: Instant,
    hub_pauses: Option<Instant>,
}

impl Schedule {
    fn new(seconds: u64, seed: u64) -> Self {
        let now = Instant::now();
        let storm = Duration::from_secs(seconds);
        Self {
            seed,
            ends: now + storm,
            victim_dies: now + storm / 3,
            victim_is_left_alone: now + storm / 2,
            hub_pauses: (seconds >= 120).then_some(now + storm / 2),
        }
    }

    fn over(&self) -> bool {
        Instant::now() >= self.ends
    }
}

/// The bridges, the log of their calls, and the schedule.
struct Storm {
    bridges: Vec<TestBridge>,
    log: CallLog,
    times: Schedule,
}

#[tokio::test]
async fn no_message_is_lost_duplicated_or_falsely_reported_under_faults() {
    let seconds = number_in("JUNCTION_STORM_SECONDS").unwrap_or(15);
    let seed = number_in("JUNCTION_STORM_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    print(&format!("{seconds} s, JUNCTION_STORM_SEED={seed}"));
    let home = TestHome::new();
    let mut hub = TestHub::start_with(&home, &[("JUNCTION_SWEEP_INTERVAL_MS", "500")]).await;
    let proxies = join_all((0..BRIDGES).map(|_| TcpProxy::start(hub.port))).await;
    let joining = proxies.iter().enumerate();
    let joining =
        joining.map(async |(at, proxy)| TestBridge::join_port(&home, proxy.port, &alias(at)).await);
    let bridges = join_all(joining).await;
    let storm = Storm { bridges, log: CallLog::new(), times: Schedule::new(seconds, seed) };
    storm.meet().await;
    let started = Instant::now();
    let (faults, _, _) = join3(
        inject_faults(&home, &mut hub, &proxies, &storm.bridges[VICTIM], &storm.times),
        join_all((0..BRIDGES * SENDERS).map(|sender| storm.write(sender))),
        join_all((0..BRIDGES).map(|reader| storm.read(reader))),
    )
    .await;
    print(&format!("{faults}; all ended after {:.1} s", started.elapsed().as_secs_f64()));
    if let Some(missing) = storm.log.missing() {
        panic!("not all has come to its end:\n{missing}");
    }
    print(&storm.log.check().to_string());
}

impl Storm {
    /// Every bridge writes to every other once, so that all know each other.
    async fn meet(&self) {
        for from in 0..BRIDGES {
            for to in (0..BRIDGES).filter(|to| *to != from) {
                self.send(from, to, 0).await.expect("no fault is injected yet");
            }
        }
    }

    /// One of a bridge's senders: writes to random peers until the storm is over.
    async fn write(&self, sender: usize) {
        let (from, rng) = (sender % BRIDGES, SeededRng::new(self.times.seed, sender));
        while !self.times.over() {
            let to = (from + 1 + rng.below(BRIDGES - 1)) % BRIDGES;
            if to == VICTIM && Instant::now() >= self.times.victim_is_left_alone {
                continue;
            }
            if rng.once_in(60) {
                self.call_another_tool(from, &rng).await;
            }
            let size = match rng.below(20) {
                0 => 20_000 + rng.below(45_000),
                _ => rng.below(400),
            };
            let pause = match self.send(from, to, size).await {
                Ok(()) => rng.millis(0, 80),
                // The message is not taken, and never read. A read makes room.
                Err(CallError::Tool(text)) => {
                    let known = ["still unread", "inbox_full", "Nothing was sent"];
                    assert!(known.iter().any(|word| text.contains(word)), "{from} to {to}: {text}");
                    rng.millis(50, 150)
                }
                Err(CallError::Ended) if from == VICTIM => return,
                Err(error) => panic!("{from} to {to}: {error}"),
            };
            at(Instant::now() + pause).await;
        }
    }

    async fn send(&self, from: usize, to: usize, size: usize) -> Result<(), CallError> {
        let text = TestMessage { from, to, number: self.log.number(), size };
        let mut arguments = json!({ "target_alias": alias(to), "message": text.write() });
        if to == VICTIM {
            arguments["ttl_seconds"] = json!(VICTIM_TTL);
        }
        let answer = self.bridges[from].try_call("send_message", arguments).await?;
        self.log.sent(&answer, text);
        Ok(())
    }

    /// Calls another tool. A new task makes a new card with a new key, to which messages on their way are not sealed.
    async fn call_another_tool(&self, of: usize, rng: &SeededRng) {
        let task = format!("task {}", rng.below(1_000));
        let called = match rng.below(3) {
            0 => self.bridges[of].try_call("list_peers", json!({ "limit": 5 })).await,
            _ => self.bridges[of].try_call("register", json!({ "task": task })).await,
        };
        match called {
            // The hub may be away for as long as such a call waits.
            Ok(_) | Err(CallError::Tool(_)) => {}
            Err(error) => assert_eq!((of, error), (VICTIM, CallError::Ended)),
        }
    }

    /// Reads until the storm is over and all has come to its end, or nothing more comes.
    async fn read(&self, reader: usize) {
        let rng = SeededRng::new(self.times.seed, 3_000 + reader);
        let patience = self.times.ends + DEADLINE;
        let mut is_over = false;
        while !is_over {
            // Checked before the read, so that one more read follows the last end.
            is_over =
                self.times.over() && (self.log.missing().is_none() || Instant::now() > patience);
            if !self.read_once(reader, &rng).await {
                return;
            }
            if !self.times.over() && rng.once_in(40) {
                // The agent is busy with something else, and messages pile up.
                at(Instant::now() + rng.millis(500, 3_000)).await;
            }
        }
    }

    /// One read, which its client may cancel. False if the bridge has ended.
    async fn read_once(&self, reader: usize, rng: &SeededRng) -> bool {
        let client = &self.bridges[reader].client;
        let waits = json!({ "wait_seconds": usize::from(!self.times.over()) });
        let Ok(call) = client.begin_call("read_messages", waits).await else { return false };
        let id = call.id();
        let patience = if rng.once_in(5) { rng.millis(0, 200) } else { DEADLINE };
        let answer = tokio::select! {
            biased;
            answer = call.content() => Some(answer),
            () = at(Instant::now() + patience) => None,
        };
        // Answers that were on their way when their calls were cancelled came before this one.
        while let Some(line) = client.try_next_line() {
            let stray: Value = serde_json::from_str(&line).expect("stdout carries MCP alone");
            self.log.note(reader, &stray["result"]["structuredContent"]);
        }
        match answer {
            Some(Ok(answer)) => self.log.note(reader, &answer),
            Some(Err(CallError::Ended)) => {
                assert_eq!(reader, VICTIM, "a bridge ended that nobody killed");
                return false;
            }
            // The hub is away, and nothing waits to be read.
            Some(Err(CallError::Tool(_))) => {}
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
    format!("bridge-{at}")
}

fn number_in(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a whole number, not {text}")))
}

/// Prints past the test runner, which swallows what a passing test prints.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "storm: {line}");
}
