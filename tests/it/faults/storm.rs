//! Chaos test: ten bridges talk while faults are injected. The hub is killed every 0.2 to 1 s, connections are cut at
//! either end or stalled, and one bridge is killed for good. Three are those of sessions: they are ended in every way and
//! started again. Afterwards the messages read must be the messages sent, in order, each once; every message has one end,
//! and that end is true. A session stays who it is to all others.
//!
//! `JUNCTION_STORM_SECONDS` sets the duration, 15 s by default. From 120 s on a hub is also paused for 40 s, half-way.
//! `JUNCTION_STORM_SEED` repeats the random choices. Each run prints its seed and a summary.

mod call_log;
mod injection;
mod sessions;

use std::cell::RefCell;
use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{join_all, join4};
use junction_testkit::client::CallError;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::rng::SeededRng;
use call_log::{CallLog, TestMessage};
use injection::inject_faults;
use junction_testkit::{DEADLINE, TcpProxy, TestBridge, TestHome, TestHub, at};
use sessions::{are_both_sessions, is_session, member};

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

/// A bridge, and how many its session had before.
struct BridgeProcess {
    bridge: TestBridge,
    number: usize,
}

/// The bridges, the log of their calls, and the schedule.
struct Storm {
    bridges: Vec<RefCell<Rc<BridgeProcess>>>,
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
    let ports: Vec<_> = proxies.iter().map(|proxy| proxy.port).collect();
    let joining = ports.iter().enumerate().map(|(at, port)| member(&home, *port, at));
    let (names, bridges): (Vec<_>, Vec<_>) = join_all(joining).await.into_iter().unzip();
    let of_first = |bridge| RefCell::new(Rc::new(BridgeProcess { bridge, number: 0 }));
    let bridges = bridges.into_iter().map(of_first).collect();
    let mut storm =
        Storm { bridges, log: CallLog::new(names), times: Schedule::new(seconds, seed) };
    storm.meet().await;
    storm.times = Schedule::new(seconds, seed);
    let started = Instant::now();
    let victim = storm.process(VICTIM);
    let (faults, restarts, _, _) = join4(
        inject_faults(&home, &mut hub, &proxies, &victim.bridge, &storm.times),
        storm.restart_sessions(&home, &ports),
        join_all((0..BRIDGES * SENDERS).map(|sender| storm.write(sender))),
        join_all((0..BRIDGES).map(|reader| storm.read(reader))),
    )
    .await;
    let took = started.elapsed().as_secs_f64();
    print(&format!("{faults}, {restarts} bridges started again; all ended after {took:.1} s"));
    if let Some(missing) = storm.log.missing() {
        panic!("not all has come to its end:\n{missing}");
    }
    print(&storm.log.check().to_string());
}

impl Storm {
    /// The bridge of this number, or of the session of this number, now.
    fn process(&self, at: usize) -> Rc<BridgeProcess> {
        Rc::clone(&self.bridges[at].borrow())
    }

    /// Every bridge writes to every other once and reads, so that all know each other for certain.
    async fn meet(&self) {
        for from in 0..BRIDGES {
            for to in (0..BRIDGES).filter(|to| *to != from && !are_both_sessions(from, *to)) {
                self.send(from, to, 0).await.expect("no fault is injected yet");
            }
        }
        let rng = SeededRng::new(self.times.seed, 5_000);
        while self.log.missing().is_some() {
            join_all((0..BRIDGES).map(|reader| self.read_once(reader, &rng))).await;
        }
    }

    /// One of a bridge's senders: writes to random peers until the storm is over.
    async fn write(&self, sender: usize) {
        let (from, rng) = (sender % BRIDGES, SeededRng::new(self.times.seed, sender));
        while !self.times.over() {
            let to = (from + 1 + rng.below(BRIDGES - 1)) % BRIDGES;
            let is_left_alone = to == VICTIM && Instant::now() >= self.times.victim_is_left_alone;
            if is_left_alone || are_both_sessions(from, to) {
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
                    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
                    let is_refused = says(&["still unread", "inbox_full", "Nothing was sent"]);
                    // It was never handed over, because the session ended before.
                    let is_gone = ["No peer has that alias", "has left", "refused(gone)"];
                    let is_absent = is_session(to) && says(&is_gone);
                    // The bridge was ended during the call, or was just started and knows nobody.
                    let is_new = is_session(from)
                        && says(&[
                            "was not delivered",
                            "in a few seconds",
                            "No peer has that alias",
                            "has left",
                        ]);
                    let is_known = is_refused || is_absent || is_new;
                    assert!(is_known, "{from} to {to}: {text}");
                    rng.millis(50, 150)
                }
                Err(CallError::Ended) if from == VICTIM => return,
                Err(CallError::Ended) if is_session(from) => rng.millis(20, 80),
                Err(error) => panic!("{from} to {to}: {error}"),
            };
            at(Instant::now() + pause).await;
        }
    }

    async fn send(&self, from: usize, to: usize, size: usize) -> Result<(), CallError> {
        let text = TestMessage { from, to, number: self.log.number(), size };
        let mut arguments = json!({ "target_alias": self.log.name(to), "message": text.write() });
        if to == VICTIM {
            arguments["ttl_seconds"] = json!(VICTIM_TTL);
        }
        let process = self.process(from);
        let answer = process.bridge.try_call("send_message", arguments).await?;
        self.log.sent(&answer, text, process.number);
        Ok(())
    }

    /// Calls another tool. A new task makes a new card with a new key, to which messages on their way are not sealed.
    async fn call_another_tool(&self, of: usize, rng: &SeededRng) {
        let task = format!("task {}", rng.below(1_000));
        let bridge = &self.process(of).bridge;
        let called = match rng.below(3) {
            0 => bridge.try_call("list_peers", json!({ "limit": 5 })).await,
            _ => bridge.try_call("register", json!({ "task": task })).await,
        };
        match called {
            // The hub may be away for as long as such a call waits.
            Ok(_) | Err(CallError::Tool(_)) => {}
            Err(error) => assert!(error == CallError::Ended && may_end(of), "{of}: {error}"),
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

    /// One read, which its client may cancel. False if the bridge has ended for good.
    async fn read_once(&self, reader: usize, rng: &SeededRng) -> bool {
        let process = self.process(reader);
        let client = &process.bridge.client;
        let waits = json!({ "wait_seconds": usize::from(!self.times.over()) });
        let Ok(call) = client.begin_call("read_messages", waits).await else {
            at(Instant::now() + rng.millis(20, 80)).await;
            return is_session(reader);
        };
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
                assert!(may_end(reader), "a bridge ended that nobody ended: {reader}");
                return is_session(reader);
            }
            // The hub is away, and nothing waits to be read.
            Some(Err(CallError::Tool(_))) => {}
            Some(Err(error)) => panic!("{reader} reads: {error}"),
            None => {
                let cancelled = json!({ "requestId": id });
                let is_told = client.notify("notifications/cancelled", cancelled).await.is_ok();
                return is_told || is_session(reader);
            }
        }
        true
    }
}

/// Whether somebody ends this bridge.
fn may_end(bridge: usize) -> bool {
    bridge == VICTIM || is_session(bridge)
}

fn number_in(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a whole number, not {text}")))
}

/// Prints past the test runner, which swallows what a passing test prints.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "storm: {line}");
}
