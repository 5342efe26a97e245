//! Memory, as the kernel counts it.

use std::time::Instant;

use serde_json::json;

use crate::quantiles;
use junction_testkit::{
    RawPeer, RawSocket, TestBridge, TestHome, TestHub, eventually, health, raise_file_limit,
};

/// Bridges that run when the memory of one is read.
const COMPANIES: [usize; 4] = [1, 2, 10, 20];
/// Peers on the hub when its memory is read.
const CROWDS: [usize; 3] = [0, 500, 5_000];
/// Listings that are timed.
const LISTINGS: usize = 200;

/// A figure of /proc/PID/smaps_rollup in MiB: `Rss`, or `Pss`, which counts what is shared in parts.
pub(crate) fn mebibytes(pid: u32, figure: &str) -> f64 {
    let path = format!("/proc/{pid}/smaps_rollup");
    let rollup = std::fs::read_to_string(path).expect("root may read it");
    let line = rollup.lines().find(|line| line.starts_with(figure)).expect("the figure");
    let kibibytes: f64 =
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kibibytes / 1024.0
}

/// One bridge alone, and one of several, which share what they do not write to.
pub(crate) async fn of_a_bridge() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut bridges = Vec::new();
    for size in COMPANIES {
        for number in bridges.len()..size {
            bridges.push(TestBridge::join(&home, &hub, &format!("bridge-{number}")).await);
        }
        let pid = bridges[0].client.pid();
        let (rss, pss) = (mebibytes(pid, "Rss:"), mebibytes(pid, "Pss:"));
        println!("bridge, idle, one of {size}: RSS {rss:.1} MiB, PSS {pss:.1} MiB");
    }
}

/// A hub under a growing crowd, and how long a listing takes then.
pub(crate) async fn of_a_hub() {
    let home = TestHome::new();
    raise_file_limit();
    let hub = TestHub::start(&home).await;
    let mut crowd = Vec::new();
    for size in CROWDS {
        while crowd.len() < size {
            let peer = RawPeer::new(&home);
            let alias = format!("peer-{:05}", crowd.len());
            crowd.push(RawSocket::join(hub.port, &peer, &alias).await);
        }
        eventually("all are listed", async || {
            (health(hub.port).await?["activePeers"] == size).then_some(())
        })
        .await;
        println!("hub, {size} peers: PSS {:.1} MiB", mebibytes(hub.pid(), "Pss:"));
    }
    let bridge = TestBridge::join(&home, &hub, "asker").await;
    for limit in [50, 200] {
        let mut times = Vec::new();
        for _ in 0..LISTINGS {
            let started = Instant::now();
            let page = bridge.call("list_peers", json!({ "limit": limit })).await;
            times.push(started.elapsed());
            assert_eq!(page["total"], CROWDS[2]);
        }
        let size = CROWDS[2];
        println!("list_peers, {limit} of {size} peers: {}", quantiles(&mut times));
    }
}
