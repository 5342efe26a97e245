//! A port that was set is never left. Where something else has it, the tools say what; where the hub of the
//! configuration directory is on another port, they name both, and no second hub is started.

use std::net::TcpListener;

use junction_testkit::client::Launch;
use junction_testkit::{
    STRANGERS, TestBridge, TestHome, TestHub, Version, eventually, free_port, health, list,
    processes_of,
};
use rustix::process::Signal;
use serde_json::json;

/// A bridge as an installation has it, with this setting.
fn installed(home: &TestHome, setting: (&str, String)) -> Launch {
    Launch::new(home.bin().join("junction-bridge"))
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env(setting.0, setting.1)
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path())
}

fn hubs(home: &TestHome) -> Vec<u32> {
    processes_of(home.path(), "junction-hub")
}

#[tokio::test]
async fn regression_stranger_on_a_port_that_was_set_is_named() {
    let us = format!("(process {})", std::process::id());
    for stranger in STRANGERS {
        let home = TestHome::installed();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let _serving = stranger.serve(listener);
        let launch = installed(&home, ("JUNCTION_PORT", port.to_string()));
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        let said = eventually(&format!("{stranger:?} is named"), async || {
            let said = bridge.error("list_peers", json!({})).await;
            said.contains("is in use by").then_some(said)
        })
        .await;
        for word in [&format!("127.0.0.1:{port}"), &us, "JUNCTION_PORT"] {
            assert!(said.contains(word), "{stranger:?}: {word} is not in: {said}");
        }
        assert!(!said.contains("few seconds"), "{stranger:?}: {said}");
        let local = list(&bridge.call("known_hosts", json!({})).await, "hosts").swap_remove(0);
        assert_eq!((&local["linked"], &local["reachable"]), (&json!(false), &json!(false)));
        assert_eq!(hubs(&home), Vec::<u32>::new(), "{stranger:?}");
    }
}

#[tokio::test]
async fn regression_hub_of_another_home_on_a_port_that_was_set_is_named() {
    let (home, other) = (TestHome::installed(), TestHome::new());
    let hub = TestHub::start(&other).await;
    let launch = installed(&home, ("JUNCTION_PORT", hub.port.to_string()));
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    bridge
        .ends_up_with(|said| {
            said.contains(&format!("junction-hub (process {})", hub.pid()))
                && said.contains("another group, user or configuration directory")
                && said.contains("JUNCTION_PORT")
                && !said.contains("by a link")
        })
        .await;
    let local = list(&bridge.call("known_hosts", json!({})).await, "hosts").swap_remove(0);
    assert_eq!((&local["linked"], &local["reachable"]), (&json!(false), &json!(false)));
    assert_eq!(hubs(&home), Vec::<u32>::new());
}

#[tokio::test]
async fn port_that_is_not_the_living_hubs_is_named_with_the_hubs_and_starts_no_second_one() {
    let home = TestHome::installed();
    let mut hub = TestHub::start(&home).await;
    let wrong = free_port();
    let settings = [
        ("JUNCTION_PORT", wrong.to_string()),
        ("JUNCTION_HUB", format!("127.0.0.1:{wrong}")),
        ("JUNCTION_HUB", format!("[::1]:{wrong}")),
    ];
    let mut bridges = Vec::new();
    for setting in settings {
        let launch = installed(&home, setting);
        let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        bridge
            .ends_up_with(|said| {
                said.contains(&format!(":{wrong}"))
                    && said.contains(&format!("127.0.0.1:{}", hub.port))
                    && said.contains("JUNCTION_PORT")
            })
            .await;
        bridges.push(bridge);
    }
    assert_eq!(hubs(&home), Vec::<u32>::new(), "no second hub is started");
    // Neither by hand: it is called by name.
    let second = TestHub::command(&home, wrong).output().expect("it runs");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    for word in
        [format!("127.0.0.1:{}", hub.port), wrong.to_string(), format!("kill {}", hub.pid())]
    {
        assert!(said.contains(&word), "{word} is not in: {said}");
    }
    // With the hub's own port, or with none, a session is on it at once.
    for setting in [("JUNCTION_PORT", hub.port.to_string()), ("JUNCTION_PORT", String::new())] {
        let launch = installed(&home, setting);
        let mut bridge = TestBridge::open(&home, launch, Version::Stateful).await;
        bridge.register("at-home").await;
        bridge.call("disconnect", json!({})).await;
    }
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 0);
    // Once that hub is gone, one is started on the port that was set.
    assert!(hub.stop(Signal::TERM).await.success());
    bridges.truncate(2);
    let mut first = bridges.swap_remove(0);
    eventually("a hub is started", async || first.try_call("list_peers", json!({})).await.ok())
        .await;
    first.register("stayer").await;
    assert_eq!(home.hub_address().map(|(_, port)| port), Some(wrong));
}

#[tokio::test]
async fn regression_second_start_of_a_hub_calls_the_first_by_name_and_changes_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let keys = std::fs::read(home.config().join("hub.key")).expect("keys");
    let free = free_port();
    for (port, arguments) in [
        (Some(hub.port), &[][..]),
        (None, &[]),
        (Some(0), &["--ephemeral"]),
        (Some(free), &["--host", "0.0.0.0"]),
        (Some(hub.port), &["--host", "0.0.0.0"]),
        (Some(free), &["--autostarted"]),
    ] {
        let mut command = TestHub::command_by(&[], &home, port);
        let ran = command.args(arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{arguments:?}: {said}");
        for word in ["The hub of this configuration directory", &hub.port.to_string()] {
            assert!(said.contains(word), "{arguments:?}: {word} is not in: {said}");
        }
        assert!(said.contains(&format!("kill {}", hub.pid())), "{arguments:?}: {said}");
        assert!(!said.contains("another program"), "{arguments:?}: {said}");
    }
    assert_eq!(std::fs::read(home.config().join("hub.key")).expect("keys"), keys);
    assert_eq!(health(hub.port).await.expect("the first one lives")["status"], "ok");
    assert_eq!(home.hub_address().map(|(_, port)| port), Some(hub.port));
}

#[tokio::test]
async fn hub_told_a_port_that_is_taken_names_who_has_it() {
    let home = TestHome::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let ran = TestHub::command(&home, port).output().expect("it runs");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    let us = format!("(process {})", std::process::id());
    for word in [&format!("127.0.0.1:{port}"), &us, "JUNCTION_PORT"] {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    assert!(!home.config().join("hub.key").exists(), "it made no keys");
}
