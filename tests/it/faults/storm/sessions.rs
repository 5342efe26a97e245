//! Sessions whose bridges end while the storm goes on, and are started again.

use std::ops::Range;
use std::rc::Rc;

use futures_util::future::join_all;
use junction_testkit::{
    BridgeEnding, TestBridge, TestHome, TestSession, at, bridge_binary, eventually,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{BRIDGES, BridgeProcess, Storm};
use crate::faults::rng::SeededRng;

/// The bridges that are started again.
const SESSIONS: Range<usize> = 7..BRIDGES;
/// How their bridges end.
const ENDINGS: [BridgeEnding; 4] = [
    BridgeEnding::Interrupt,
    BridgeEnding::Terminate,
    BridgeEnding::EndOfInput,
    BridgeEnding::Kill,
];

/// Whether the bridge of this number is that of a session, and is started again.
pub(super) fn is_session(at: usize) -> bool {
    SESSIONS.contains(&at)
}

/// Whether both are. They write nothing to each other: one that was just started does not know the other for certain, and is
/// right to refuse it when it is started again.
pub(super) fn are_both_sessions(one: usize, other: usize) -> bool {
    is_session(one) && is_session(other)
}

/// The first bridge of this number, and its alias: that of a session is drawn from its seat.
pub(super) async fn member(home: &TestHome, port: u16, at: usize) -> (String, TestBridge) {
    if is_session(at) {
        let bridge = session(home, port, at).start(home).await;
        let registered = bridge.call("register", json!({})).await;
        return (registered["alias"].as_str().expect("an alias").to_owned(), bridge);
    }
    let name = format!("bridge-{at}");
    let bridge = TestBridge::join_port(home, port, &name).await;
    (name, bridge)
}

fn session(home: &TestHome, port: u16, at: usize) -> TestSession {
    let id = format!("session-{at}");
    TestSession { port, program: bridge_binary().into(), runtime: home.runtime(&id), id }
}

impl Storm {
    /// Ends the bridges of sessions and starts them again until the storm is over; how often.
    pub(super) async fn restart_sessions(&self, home: &TestHome, ports: &[u16]) -> usize {
        join_all(SESSIONS.map(|at| self.restart(at, home, ports[at]))).await.into_iter().sum()
    }

    async fn restart(&self, of: usize, home: &TestHome, port: u16) -> usize {
        let rng = SeededRng::new(self.times.seed, 4_000 + of);
        for number in 1.. {
            at(Instant::now() + rng.millis(200, 3_000)).await;
            if self.times.over() {
                return number - 1;
            }
            let older = self.process(of);
            ENDINGS[rng.below(ENDINGS.len())].of(&older.bridge).await;
            // Answers to calls that were cancelled.
            while let Some(line) = older.bridge.client.next_line().await {
                // A bridge that is killed may leave half a line.
                let stray: Value = serde_json::from_str(&line).unwrap_or_default();
                self.log.note(of, &stray["result"]["structuredContent"]);
            }
            if rng.once_in(3) {
                at(Instant::now() + rng.millis(0, 1_000)).await;
            }
            let bridge = session(home, port, of).start(home).await;
            self.log.restarted(of);
            let newer = Rc::new(BridgeProcess { bridge, number });
            self.bridges[of].replace(Rc::clone(&newer));
            let registered = eventually("the session is back", async || {
                newer.bridge.try_call("register", json!({})).await.ok()
            })
            .await;
            assert_eq!(registered["alias"], self.log.name(of), "restart {number} of {of}");
        }
        unreachable!("the storm ends")
    }
}
