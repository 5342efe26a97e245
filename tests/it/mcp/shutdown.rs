//! How a bridge ends: whatever it is in the middle of, it says goodbye and leaves nothing running. The times
//! it takes are printed; docs/benchmarks.md has the budget.

use junction_testkit::client::Launch;
use junction_testkit::{
    TestBridge, TestHome, TestHub, Version, bridge_binary, eventually, free_port, health, is_gone,
    signal,
};
use rustix::process::Signal;
use serde_json::json;

/// How a client ends a bridge.
#[derive(Clone, Copy, Debug)]
enum End {
    Stdin,
    Signal(Signal),
}

impl End {
    const ALL: [Self; 3] = [Self::Stdin, Self::Signal(Signal::INT), Self::Signal(Signal::TERM)];

    fn put_to(self, bridge: &TestBridge) {
        match self {
            Self::Stdin => bridge.client.close_stdin(),
            Self::Signal(with) => signal(bridge.client.pid(), with),
        }
    }
}

#[tokio::test]
async fn a_bridge_with_waiting_calls_leaves_its_hub_and_ends() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let witness = TestBridge::join(&home, &hub, "witness").await;
    for end in End::ALL {
        let bridge = TestBridge::join(&home, &hub, "leaver").await;
        let _waits = [
            bridge.begin("read_messages", json!({ "wait_seconds": 540 })).await,
            bridge
                .begin("wait_for_peer", json!({ "timeout_seconds": 540, "expected_role": "x" }))
                .await,
            bridge
                .begin(
                    "send_message",
                    json!({ "target_alias": "witness", "message": "?", "wait_seconds": 540 }),
                )
                .await,
        ];
        witness.read_one().await;
        end.put_to(&bridge);
        let (status, took) = bridge.ended().await;
        eprintln!("{end:?}: gone after {took:?}");
        assert!(status.is_some_and(|status| status.success()), "{end:?}: {status:?}");
        eventually("the hub knows that it left", async || {
            (health(hub.port).await?["activePeers"] == 1).then_some(())
        })
        .await;
        assert_eq!(witness.call("list_peers", json!({})).await["total"], 0, "it left for good");
    }
}

#[tokio::test]
async fn a_bridge_without_a_hub_ends_when_stdin_closes() {
    let home = TestHome::new();
    for end in End::ALL {
        let launch = TestBridge::launch(&home, free_port());
        let bridge = TestBridge::open(&home, launch, Version::Stateless).await;
        let _wait = bridge.begin("read_messages", json!({ "wait_seconds": 540 })).await;
        bridge.call("known_hosts", json!({})).await;
        end.put_to(&bridge);
        let (status, took) = bridge.ended().await;
        eprintln!("{end:?}, no hub: gone after {took:?}");
        assert!(status.is_some_and(|status| status.success()), "{end:?}: {status:?}");
    }
}

#[tokio::test]
async fn a_bridge_ends_when_stdin_closes_before_any_request() {
    let home = TestHome::new();
    for end in End::ALL {
        let bridge = TestBridge::spawn(&home, TestBridge::launch(&home, free_port()));
        if matches!(end, End::Signal(_)) {
            // A signal can come before its handler: an answer shows that the bridge has begun.
            bridge.say(r#"{"jsonrpc":"2.0","id":"x","method":"server/discover"}"#).await;
            bridge.line().await;
        }
        end.put_to(&bridge);
        let (status, _) = bridge.ended().await;
        assert!(status.is_some_and(|status| status.success()), "{end:?}: {status:?}");
    }
}

#[tokio::test]
async fn a_bridge_does_not_outlive_its_parent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (log, file) = home.log("shell");
    // The shell gives its child its own stdin, which stays open when the shell dies.
    let script = r#"exec 3<&0; "$0" <&3 3<&- & echo "pid $!" >&2; wait"#;
    let shell = Launch::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .arg(bridge_binary())
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_HUB", format!("127.0.0.1:{}", hub.port))
        .env("JUNCTION_AUTOSTART", "false")
        .stderr(file)
        .start()
        .expect("a shell");
    shell.initialize("test-client").await.expect("the bridge answers through the shell");
    shell.call("register", json!({ "alias": "orphan" })).await.expect("it joins");
    let bridge: u32 = eventually("the shell names its child", async || {
        let said = std::fs::read_to_string(&log).ok()?;
        said.split_once("pid ")?.1.lines().next()?.parse().ok()
    })
    .await;
    assert!(!is_gone(bridge));
    let started = std::time::Instant::now();
    shell.kill();
    eventually("the bridge is gone", async || is_gone(bridge).then_some(())).await;
    eprintln!("parent killed: gone after {:?}", started.elapsed());
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 0);
}

#[tokio::test]
async fn a_bridge_stays_as_long_as_stdin_is_open() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bridge = TestBridge::join(&home, &hub, "stayer").await;
    let other = TestBridge::join(&home, &hub, "other").await;
    other.call("disconnect", json!({})).await;
    drop(other);
    bridge.call("disconnect", json!({})).await;
    assert!(!is_gone(bridge.client.pid()));
    assert_eq!(bridge.call("register", json!({})).await["peerCount"], 0);
}
