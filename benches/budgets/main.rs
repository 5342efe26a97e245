//! What a user feels: how fast a bridge answers after its start, how much memory bridge and hub need, how
//! many messages pass in a second. `docs/benchmarks.md` says how to run this and what came of it.
//!
//! Named parts run alone: `cargo bench --bench budgets -- start programs memory hub-memory load files http reconnect
//! teams`, and of the load `load-small`, `load-large`, `load-many` or `load-nats`.

#![expect(clippy::print_stdout, reason = "it prints what it measures")]

mod files;
mod http;
mod load;
mod memory;
mod nats;
mod processor;
mod teams;

use std::time::{Duration, Instant};

use junction_testkit::{
    TestAgent, TestBridge, TestHome, TestHub, raise_file_limit, reconnect_storm, status_line,
    within,
};
use serde_json::json;

/// Starts that are timed.
const STARTS: usize = 200;
/// The loads: the name of each, bridges, and bytes of a message.
const LOADS: [(&str, usize, usize); 3] =
    [("load-small", 50, 200), ("load-large", 50, 64 * 1024), ("load-many", 500, 200)];
/// How long a hub with many bridges is dead, each time.
const OUTAGES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(20)];

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wish| wish == part);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        if wanted("start") {
            start().await;
        }
        if wanted("programs") {
            programs().await;
        }
        if wanted("memory") {
            memory::of_a_bridge().await;
        }
        if wanted("hub-memory") {
            memory::of_a_hub().await;
        }
        for (part, peers, size) in LOADS {
            if wanted("load") || wanted(part) {
                raise_file_limit();
                load::run(peers, size).await;
            }
        }
        if wanted("load") || wanted("load-nats") {
            for size in [200, 64 * 1024] {
                nats::run(50, size).await;
            }
        }
        if wanted("files") {
            files::run().await;
        }
        if wanted("http") {
            http::run().await;
        }
        if wanted("teams") {
            teams::run().await;
        }
        if wanted("reconnect") {
            raise_file_limit();
            for recovery in reconnect_storm(500, &OUTAGES).await {
                println!("reconnect storm, {recovery}");
            }
        }
    });
}

/// From the start of the process to the answer to `tools/list`, as a client that does not wait in between.
async fn start() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let client = TestBridge::launch(&home, hub.port).start().expect("a bridge");
        let opening = async {
            let params = json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "bench", "version": "1" },
            });
            let opened = client.begin("initialize", params).await?;
            client.notify("notifications/initialized", json!({})).await?;
            let listed = client.begin("tools/list", json!({})).await?;
            listed.result().await?;
            opened.result().await
        };
        within("a start", opening).await.expect("a list");
        times.push(started.elapsed());
        client.close_stdin();
        within("an end", client.wait()).await;
    }
    println!("bridge, start to tools/list: {}", quantiles(&mut times));
}

/// From the start to the end of the programs that a client runs beside its session.
async fn programs() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestAgent::join(&home, &hub, "alice").await;
    let (mut hooks, mut lines) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let event = json!({ "hook_event_name": "PostToolUse", "session_id": "s" });
        hooks.push(alice.hook(&event).await.took);
        let started = Instant::now();
        assert_eq!(status_line(&alice.runtime, &json!({ "session_id": "s" })).await, "alice\n");
        lines.push(started.elapsed());
    }
    println!("hook, start to end: {}", quantiles(&mut hooks));
    println!("status-line, start to end: {}", quantiles(&mut lines));
}

/// What half and what 99 of 100 stay below.
fn quantiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    format!("p50 {:.2?}, p99 {:.2?}, of {}", at(50), at(99), times.len())
}
