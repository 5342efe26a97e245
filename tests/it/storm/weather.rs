//! What goes wrong while the crew talks.

use std::fmt;
use std::time::Duration;

use futures_util::future::join3;
use rustix::process::Signal;
use tokio::time::Instant;

use super::Timetable;
use super::dice::Dice;
use crate::harness::{Cable, Cut, Fault, Home, TestBridge, TestHub, at, signal};

/// How long a hub is paused in a long storm: longer than its own pings and its bridges' writes wait.
const PAUSE: Duration = Duration::from_secs(40);

/// How often what went wrong.
pub(super) struct Damage {
    hubs_killed: usize,
    cuts: usize,
    stalls: usize,
    dials: usize,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hubs_killed, cuts, stalls, dials } = self;
        write!(f, "{hubs_killed} hubs killed, {cuts} connections cut, {stalls} left hanging, ")?;
        write!(f, "{dials} dials")
    }
}

/// Lets it all go wrong, until the storm is over. The hub is up then, and stays so.
pub(super) async fn rage(
    home: &Home,
    hub: &mut TestHub,
    cables: &[Cable],
    victim: &TestBridge,
    times: &Timetable,
) -> Damage {
    let death = async {
        at(times.victim_dies).await;
        victim.client.kill();
    };
    let (hubs_killed, (cuts, stalls), ()) =
        join3(kill_hubs(home, hub, times), break_cables(cables, times), death).await;
    let dials = cables.iter().map(|cable| cable.dials().len()).sum();
    Damage { hubs_killed, cuts, stalls, dials }
}

/// Kills one hub after the other. In a long storm one is paused besides, under load.
async fn kill_hubs(home: &Home, hub: &mut TestHub, times: &Timetable) -> usize {
    let dice = Dice::new(times.seed, 1_000);
    let mut killed = 0;
    let mut pause = times.hub_pauses;
    loop {
        at(Instant::now() + dice.millis(200, 1_000)).await;
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
            if dice.once_in(3) {
                at(Instant::now() + dice.millis(0, 300)).await;
            }
            hub.restart(home).await;
        }
    }
}

/// Cuts connections at either end and leaves them hanging. How many, of each.
async fn break_cables(cables: &[Cable], times: &Timetable) -> (usize, usize) {
    let dice = Dice::new(times.seed, 2_000);
    let (mut cuts, mut stalls) = (0, 0);
    loop {
        at(Instant::now() + dice.millis(20, 200)).await;
        if times.over() {
            return (cuts, stalls);
        }
        let fault = if dice.once_in(3) {
            stalls += 1;
            Fault::Stall(dice.millis(20, 800))
        } else {
            cuts += 1;
            let hangs = if dice.once_in(2) { Duration::ZERO } else { dice.millis(10, 500) };
            Fault::Cut(Cut { bridge_first: dice.once_in(2), reset: dice.once_in(2), hangs })
        };
        // The victim's line too: its connections break before it does.
        cables[dice.below(cables.len())].suffer(fault);
    }
}
