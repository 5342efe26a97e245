//! Sessions of this machine that others cannot see.

use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use junction_shared::machine::config_dir::ConfigDir;
use junction_testkit::client::Launch;
use junction_testkit::{TestBridge, TestHome, TestHub, Version, eventually, free_port, skipped};
use serde_json::json;

use super::{Diagnosis, diagnose};

/// What is said of a world once every session in it has its socket.
async fn diagnosed(home: &TestHome, sockets: usize) -> Diagnosis {
    let dir = home.runtime("all").join("agent-junction");
    let count = || std::fs::read_dir(&dir).map_or(0, Iterator::count);
    eventually("all sockets are there", async || (count() == sockets).then_some(())).await;
    diagnose(home, &[])
}

#[tokio::test]
async fn session_with_another_configuration_directory_is_named_with_both_fixes() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let elsewhere = home.path().join("elsewhere");
    let launch = TestBridge::launch(&home, free_port()).env("JUNCTION_CONFIG_DIR", &elsewhere);
    let _other = TestBridge::open(&home, launch, Version::Stateful).await;
    let diagnosis = diagnosed(&home, 2).await;
    let elsewhere = elsewhere.to_str().expect("UTF-8");
    diagnosis.assert(
        "warning",
        &["sessions: ", "another configuration directory", elsewhere, "JUNCTION_CONFIG_DIR"],
    );
    diagnosis.assert("ok", &["sessions: ", &alice.alias, "one group"]);
}

#[tokio::test]
async fn session_on_another_hub_and_one_that_has_left_are_named() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let port = free_port();
    let launch = TestBridge::launch(&home, port);
    let _lost = TestBridge::open(&home, launch, Version::Stateful).await;
    let gone = TestBridge::join(&home, &hub, "gone").await;
    gone.call("disconnect", json!({})).await;
    let diagnosis = diagnosed(&home, 2).await;
    diagnosis.assert("warning", &["sessions: ", "another hub", &port.to_string(), "JUNCTION_HUB"]);
    diagnosis.assert("warning", &["sessions: ", "has left the junction", "register"]);
}

#[tokio::test]
async fn session_that_cannot_reach_its_hub_says_why() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let port = hub.port;
    drop(hub);
    let launch = TestBridge::launch(&home, port);
    let lost = TestBridge::open(&home, launch, Version::Stateful).await;
    lost.error("list_peers", json!({})).await;
    let port = port.to_string();
    let settings = [("JUNCTION_AUTOSTART", "false"), ("JUNCTION_PORT", port.as_str())];
    let diagnosis = diagnose(&home, &settings);
    diagnosis.assert("failure", &["this session: ", &format!("127.0.0.1:{port}")]);
    diagnosis.assert("warning", &["sessions: ", "is not connected"]);
}

#[tokio::test]
async fn session_in_another_network_namespace_is_named() {
    let home = TestHome::new();
    let _hub = TestHub::start(&home).await;
    let unshare = Path::new("/usr/bin/unshare");
    let works = std::process::Command::new(unshare).args(["--net", "true"]).output();
    if !works.is_ok_and(|ran| ran.status.success()) {
        return skipped("this user may not make a network namespace");
    }
    let launch = Launch::new(unshare)
        .arg("--net")
        .arg(junction_testkit::bridge_binary())
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_AUTOSTART", "false")
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .cwd(home.path());
    let _inside = TestBridge::open(&home, launch, Version::Stateful).await;
    let diagnosis = diagnosed(&home, 1).await;
    diagnosis.assert("warning", &["sessions: ", "network namespace", "--host"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn session_with_two_bridges_is_a_failure_until_one_is_left() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = TestHome::installed();
    let hub = TestHub::start(&home).await;
    // A client with one session: one bridge has its other end here, the other one waits for a word.
    let client = home.path().join("clients/claude");
    std::fs::create_dir(home.path().join("clients")).expect("a directory");
    let bridge = home.bin().join("junction-bridge").display().to_string();
    let script =
        format!("#!/bin/sh\nmkfifo words\n'{bridge}' <> words >/dev/null &\n'{bridge}'\nkill $!\n");
    std::fs::write(&client, script).expect("a script");
    std::fs::set_permissions(&client, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let launch = Launch::new(&client)
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_HUB", format!("127.0.0.1:{}", hub.port))
        .env("JUNCTION_AUTOSTART", "false")
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .env("CLAUDE_CONFIG_DIR", home.path().join("claude"))
        .cwd(home.path());
    let session = TestBridge::open(&home, launch, Version::Stateful).await;
    let diagnosis = diagnosed(&home, 2).await;
    let process = format!("its client is process {}", session.client.pid());
    diagnosis.assert("failure", &["sessions: One session has 2 bridges", &process, "doctor"]);
    let bridges = junction_testkit::processes_of(home.path(), "junction-bridge");
    assert_eq!(bridges.len(), 2);
    for bridge in &bridges {
        assert!(format!("{:?}", diagnosis.of("failure")).contains(&bridge.to_string()));
    }
    // One client each: two sessions.
    let _other = TestBridge::join(&home, &hub, "other").await;
    session.client.close_stdin();
    let diagnosis = diagnosed(&home, 1).await;
    assert!(!format!("{:?}", diagnosis.findings).contains("One session has"));
}

#[tokio::test]
async fn bridges_that_are_older_or_hang_are_named() {
    let home = TestHome::new();
    let _hub = TestHub::start(&home).await;
    let dir = home.runtime("all").join("agent-junction");
    ConfigDir::at(dir.clone()).open().expect("a private directory");
    let older = UnixListener::bind(dir.join("4000001.sock")).expect("a socket");
    let _hung = UnixListener::bind(dir.join("4000002.sock")).expect("a socket");
    drop(UnixListener::bind(dir.join("4000003.sock")).expect("a socket"));
    let older = std::thread::spawn(move || {
        // As a bridge that cannot read the request.
        let (mut stream, _) = older.accept().expect("a connection");
        let _ = stream.read(&mut [0; 512]);
    });
    let diagnosis = diagnose(&home, &[]);
    older.join().expect("it ends");
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["Process 4000001", "earlier version", "Restart its client"]);
    diagnosis.assert("warning", &["Process 4000002", "does not answer"]);
    assert!(!format!("{:?}", diagnosis.findings).contains("4000003"), "it was killed");
}
