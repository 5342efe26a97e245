//! The faults that are injected while the bridges talk.

use std::fmt;
use std::time::Duration;

use futures_util::future::join3;
use rustix::process::Signal;
use tokio::time::Instant;

use super::Schedule;
use crate::faults::rng::SeededRng;
use junction_testkit::{ConnectionFault, Cut, TcpProxy, TestBridge, TestHome, TestHub, at, signal};

/// How long a hub is paused in a long storm: longer than the timeouts of its pings and of its bridges' writes.
const PAUSE: Duration = Duration::from_secs(40);

/// The number of faults of each kind.
pub(super) struct FaultCounts {
    hubs_killed: usize,
    cuts: usize,
    stalls: usize,
    dials: usize,
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hubs_killed, cuts, stalls, dials } = self;
        write!(f, "{hubs_killed} hubs killed, {cuts} connections cut, {stalls} left hanging, ")?;
        write!(f, "{dials} dials")
    }
}

/// Injects faults until the storm is over. Then the hub is up, and stays up.
pub(super) async fn inject_faults(
    home: &TestHome,
    hub: &mut TestHub,
    proxies: &[TcpProxy],
    victim: &TestBridge,
    times: &Schedule,
) -> FaultCounts {
    let death = async {
        at(times.victim_dies).await;
        victim.client.kill();
    };
    let (hubs_killed, (cuts, stalls), ()) =
        join3(kill_hubs(home, hub, times), break_connections(proxies, times), death).await;
    let dials = proxies.iter().map(|proxy| proxy.dials().len()).sum();
    FaultCounts { hubs_killed, cuts, stalls, dials }
}

/// Kills and restarts the hub. In a long storm the hub is also paused once, under load.
async fn kill_hubs(home: &TestHome, hub: &mut TestHub, times: &Schedule) -> usize {
    let rng = SeededRng::new(times.seed, 1_000);
    let mut killed = 0;
    let mut pause = times.hub_pauses;
    loop {
        at(Instant::now() + rng.millis(200, 1_000)).await;
        if times.over() {
            return killed;
        }
        if pause.take_if(|moment| *moment < Instant::now()).is_some() {
            signal(hub.pid(), Signal::STOP);
            at(Instant::now() + PAUSE).await;
            signal(hub.pid(), Signal::CONT);
        } else {
            hub.kill();
            killed += 1;
            if rng.once_in(3) {
                at(Instant::now() + rng.millis(0, 300)).await;
            }
            hub.restart(home).await;
        }
    }
}

/// Cuts and stalls connections; the number of cuts and of stalls.
async fn break_connections(proxies: &[TcpProxy], times: &Schedule) -> (usize, usize) {
    let rng = SeededRng::new(times.seed, 2_000);
    let (mut cuts, mut stalls) = (0, 0);
    loop {
        at(Instant::now() + rng.millis(20, 200)).await;
        if times.over() {
            return (cuts, stalls);
        }
        let fault = if rng.once_in(3) {
            stalls += 1;
            ConnectionFault::Stall(rng.millis(20, 800))
        } else {
            cuts += 1;
            let hangs = if rng.once_in(2) { Duration::ZERO } else { rng.millis(10, 500) };
            ConnectionFault::Cut(Cut { bridge_first: rng.once_in(2), reset: rng.once_in(2), hangs })
        };
        // The victim's connections break, too, until it dies.
        proxies[rng.below(proxies.len())].inject(fault);
    }
}
