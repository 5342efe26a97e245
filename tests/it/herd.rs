//! Many bridges on one hub that dies: all of them come back, and not all at the same moment. Times and dials
//! are printed. `JUNCTION_HERD` says how many bridges, 60 if nothing does; a bench runs it with 500.

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::harness::{Cable, Home, TestBridge, TestHub, at, eventually, health};

/// Bridges that start at once.
const AT_ONCE: usize = 20;
/// Dials are counted over this time.
const MOMENT: Duration = Duration::from_millis(100);

/// How a herd came back.
pub(crate) struct Return {
    count: usize,
    away: Duration,
    took: Duration,
    dials: usize,
    most: usize,
}

impl fmt::Display for Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, away, took, dials, most } = self;
        write!(
            f,
            "{count} bridges, hub away for {away:.1?}: all back {took:.2?} after it served, "
        )?;
        write!(f, "{dials} dials since it died, at most {most} within {MOMENT:?}")
    }
}

/// Has that many bridges join a hub, and kills it for as long as each of these times.
pub(crate) async fn stampede(count: usize, aways: &[Duration]) -> Vec<Return> {
    let home = Home::new();
    let mut hub = TestHub::start(&home).await;
    let cable = Cable::lay(hub.port).await;
    let names: Vec<String> = (0..count).map(|number| format!("gnu-{number:03}")).collect();
    let mut bridges = Vec::new();
    for names in names.chunks(AT_ONCE) {
        let joining = names.iter().map(|name| TestBridge::join_port(&home, cable.port, name));
        bridges.extend(join_all(joining).await);
    }
    let mut returns = Vec::new();
    for away in aways {
        let before = cable.dials().len();
        hub.kill();
        at(Instant::now() + *away).await;
        hub.restart(&home).await;
        let served = Instant::now();
        eventually("all are back", async || {
            (health(hub.port).await?["activePeers"] == count).then_some(())
        })
        .await;
        let took = served.elapsed();
        let dials = cable.dials().split_off(before);
        let most = (0..dials.len()).map(|first| {
            let moment = dials[first..].iter().take_while(|dial| **dial < dials[first] + MOMENT);
            moment.count()
        });
        let most = most.max().unwrap_or_default();
        returns.push(Return { count, away: *away, took, dials: dials.len(), most });
    }
    returns
}

#[tokio::test]
async fn a_herd_of_bridges_comes_back_to_a_hub_that_was_killed() {
    let count = match std::env::var("JUNCTION_HERD") {
        Ok(count) => {
            crate::harness::raise_file_limit();
            count.parse().expect("JUNCTION_HERD is a whole number")
        }
        // What the usual limit of open files bears.
        Err(_) => 60,
    };
    for came_back in stampede(count, &[Duration::ZERO, Duration::from_secs(1)]).await {
        eprintln!("{came_back}");
        // No pause between two dials is longer than five seconds.
        assert!(came_back.took < Duration::from_secs(10), "{came_back}");
    }
}
