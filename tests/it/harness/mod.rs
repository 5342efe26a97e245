//! What every test stands on: real hubs, real bridges, a raw socket, a proxy that lies, and a way to wait
//! for a condition instead of for time.

#[cfg(unix)]
mod agent;
mod bridge;
mod cable;
mod door;
mod home;
mod hub;
#[cfg(target_os = "linux")]
mod network;
mod process;
mod proxy;
mod raw;
mod slow;

use std::fmt::Display;
use std::future::Future;
use std::io::Write as _;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

#[cfg(unix)]
pub(crate) use agent::{Agent, Inbox, TOKEN, hook, reaches, sleeper};
pub(crate) use bridge::{Era, TestBridge, answer_to, list, next_json, pair, texts, tool_call};
pub(crate) use cable::{Cable, Cut, Fault};
pub(crate) use door::{Door, Io};
pub(crate) use home::{BRIDGE, HUB, Home, free_port};
pub(crate) use hub::TestHub;
#[cfg(target_os = "linux")]
pub(crate) use network::Network;
pub(crate) use process::{is_gone, memory, processes_of, raise_file_limit, signal};
pub(crate) use proxy::{Heard, Proxy, from_bridge, from_hub, pass};
pub(crate) use raw::{RawPeer, RawSocket, health, http_at, look_up};
pub(crate) use slow::{SlowClient, large};

/// How long a test waits for something that must come: far longer than it takes, so that a loaded machine
/// fails nothing.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `check` gives something; panics with `what` if it never does.
pub(crate) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    settles(what, async || check().await.ok_or("nothing came of it")).await
}

/// Looks until `check` is content; panics with `what` and with what was wrong at last if it never is.
pub(crate) async fn settles<T, E: Display>(
    what: &str,
    mut check: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match within(what, check()).await {
            Ok(found) => return found,
            Err(wrong) => {
                assert!(Instant::now() < deadline, "it never came to this: {what}: {wrong}")
            }
        }
        sleep(LOOK).await;
    }
}

/// Says aloud that a test is skipped: past the harness, which swallows what a test that passes prints.
pub(crate) fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// Waits for a moment of a test's own timetable, at which it does something. What comes of that is not waited
/// for by time, but by [`eventually`].
pub(crate) async fn at(moment: Instant) {
    sleep_until(moment).await;
}

/// What the future gives; panics with `what` if it takes longer than anything here may.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("it took too long: {what}"),
    }
}
