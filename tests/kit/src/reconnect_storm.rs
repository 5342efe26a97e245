//! A reconnect storm: many bridges on one hub that is killed and comes back.

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{TcpProxy, TestBridge, TestHome, TestHub, at, eventually, health};

/// Bridges that start at once.
const AT_ONCE: usize = 20;
/// The window over which dials are counted.
const WINDOW: Duration = Duration::from_millis(100);

/// How all bridges came back to a hub that was away.
pub struct Recovery {
    bridges: usize,
    away: Duration,
    dials: usize,
    most_in_window: usize,
    /// How long it took from the moment that the hub served again.
    pub took: Duration,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bridges, away, dials, most_in_window, took } = self;
        write!(f, "{bridges} bridges, hub away for {away:.1?}: ")?;
        write!(f, "all back {took:.2?} after it served, {dials} dials since it died, ")?;
        write!(f, "at most {most_in_window} within {WINDOW:?}")
    }
}

/// Connects this many bridges to a hub, and kills the hub once for each of these outages.
pub async fn reconnect_storm(bridges: usize, outages: &[Duration]) -> Vec<Recovery> {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let proxy = TcpProxy::start(hub.port).await;
    let names: Vec<String> = (0..bridges).map(|number| format!("bridge-{number:03}")).collect();
    let mut running = Vec::new();
    for names in names.chunks(AT_ONCE) {
        let joining = names.iter().map(|name| TestBridge::join_port(&home, proxy.port, name));
        running.extend(join_all(joining).await);
    }
    let mut recoveries = Vec::new();
    for away in outages {
        let before = proxy.dials().len();
        hub.kill();
        at(Instant::now() + *away).await;
        hub.restart(&home).await;
        let served = Instant::now();
        eventually("all are back", async || {
            (health(hub.port).await?["activePeers"] == bridges).then_some(())
        })
        .await;
        let took = served.elapsed();
        let dials = proxy.dials().split_off(before);
        recoveries.push(Recovery {
            bridges,
            away: *away,
            dials: dials.len(),
            most_in_window: most_in_window(&dials),
            took,
        });
    }
    recoveries
}

/// The largest number of dials within one window.
fn most_in_window(dials: &[Instant]) -> usize {
    let from = |first: usize| {
        let end = dials[first] + WINDOW;
        dials[first..].iter().take_while(|dial| **dial < end).count()
    };
    (0..dials.len()).map(from).max().unwrap_or_default()
}
