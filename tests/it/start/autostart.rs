//! From nothing to a junction: what stands before a hub is there, and how a hub comes to be.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use futures_util::future::join_all;
use junction_testkit::client::Launch;
use junction_testkit::{
    DEADLINE, TestBridge, TestHome, TestHub, Version, eventually, free_port, health, is_gone, list,
    processes_of, signal,
};
use rustix::process::Signal;
use serde_json::json;

/// A bridge as an installation has it: its hub beside it, on this port, started when none answers.
fn installed(home: &TestHome, port: u16) -> Launch {
    Launch::new(home.bin().join("junction-bridge"))
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_PORT", port.to_string())
        .cwd(home.path())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
}

#[tokio::test]
async fn tools_are_listed_before_any_hub_is_reached() {
    let home = TestHome::new();
    for version in [Version::Stateful, Version::Stateless] {
        let launch = TestBridge::launch(&home, free_port());
        let bridge = TestBridge::open(&home, launch, version).await;
        let answer = bridge.client.request("tools/list", json!({})).await.expect("a list");
        let names: Vec<_> =
            list(&answer, "tools").iter().map(|tool| tool["name"].to_string()).collect();
        assert_eq!(names.len(), 9, "{names:?}");
    }
}

#[tokio::test]
async fn proxy_of_the_environment_is_not_asked_for_a_hub() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut launch = TestBridge::launch(&home, hub.port)
        .env("JUNCTION_KNOWN_HOSTS", format!("attic=127.0.0.1:{}", hub.port));
    for variable in
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    {
        launch = launch.env(variable, format!("http://127.0.0.1:{}", free_port()));
    }
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    let hosts = list(&bridge.call("known_hosts", json!({})).await, "hosts");
    assert_eq!(hosts[1]["reachable"], true, "{hosts:?}");
}

#[tokio::test]
async fn tools_without_a_hub_report_the_problem_and_the_next_step() {
    let home = TestHome::new();
    let launch = TestBridge::launch(&home, free_port());
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    for (tool, arguments) in [
        ("register", json!({ "alias": "lonely" })),
        ("list_peers", json!({})),
        ("wait_for_peer", json!({ "timeout_seconds": 1 })),
        ("send_message", json!({ "target_alias": "nobody", "message": "hello" })),
        ("read_messages", json!({})),
        ("read_messages", json!({ "wait_seconds": 1 })),
    ] {
        let text = bridge.error(tool, arguments).await;
        assert!(text.matches(['.', ';']).count() >= 2, "{tool}: two sentences: {text}");
    }
    let hosts = bridge.call("known_hosts", json!({})).await;
    assert!(hosts["hosts"].is_array());
    let offline = hosts["offline"].as_str().expect("why, and what to do");
    assert!(offline.matches(['.', ';']).count() >= 2, "{offline}");
}

#[tokio::test]
async fn a_bridge_joins_when_its_hub_comes_up_later() {
    let home = TestHome::new();
    let port = free_port();
    let early = TestBridge::open(&home, TestBridge::launch(&home, port), Version::Stateful).await;
    early.error("list_peers", json!({})).await;
    let hub = TestHub::start_on(&home, port).await;
    let late = TestBridge::join(&home, &hub, "latecomer").await;
    let peers = eventually("the early bridge has joined", async || {
        let peers = list(&late.call("list_peers", json!({})).await, "peers");
        (!peers.is_empty()).then_some(peers)
    })
    .await;
    assert_eq!(peers.len(), 1);
}

#[tokio::test]
async fn health_counts_those_connected() {
    let home = TestHome::new();
    let hub = TestHub::start_on_any_port(&home).await;
    let before = health(hub.port).await.expect("health");
    assert_eq!(before["status"], "ok");
    assert_eq!(before["mode"], "localhost");
    assert_eq!(before["activePeers"], 0);
    assert_eq!(before["version"], env!("CARGO_PKG_VERSION"));
    assert!(before["uptime"].is_u64());
    let _alice = TestBridge::join(&home, &hub, "alice").await;
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_first_bridge_makes_a_private_config_dir_and_starts_a_hub() {
    let home = TestHome::installed();
    let port = free_port();
    let mut bridge = TestBridge::open(&home, installed(&home, port), Version::Stateful).await;
    bridge.register("first").await;
    assert_eq!(mode(&home.config()), 0o700);
    let files: Vec<_> = std::fs::read_dir(home.config())
        .expect("the config dir")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(files.iter().any(|file| file.ends_with("hub.key")), "{files:?}");
    assert!(files.iter().any(|file| file.ends_with("hosts.toml")), "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    assert_eq!(processes_of(home.path(), "junction-hub").len(), 1);
    assert_eq!(health(port).await.expect("health")["activePeers"], 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ten_bridges_starting_at_once_end_with_one_hub() {
    let home = TestHome::installed();
    let port = free_port();
    let starts = (0..10).map(async |number| {
        let mut bridge = TestBridge::open(&home, installed(&home, port), Version::Stateful).await;
        bridge.register(&format!("starter-{number}")).await;
        bridge
    });
    let bridges = join_all(starts).await;
    eventually("all ten are on one hub", async || {
        let health = health(port).await?;
        (health["activePeers"] == 10).then_some(())
    })
    .await;
    eventually("the hubs that came too late have ended", async || {
        (processes_of(home.path(), "junction-hub").len() == 1).then_some(())
    })
    .await;
    let peers = bridges[0].call("list_peers", json!({ "limit": 200 })).await;
    assert_eq!(peers["total"], 9);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hub_that_died_is_started_again() {
    let home = TestHome::installed();
    let port = free_port();
    let mut bridge = TestBridge::open(&home, installed(&home, port), Version::Stateful).await;
    bridge.register("stayer").await;
    let first = processes_of(home.path(), "junction-hub")[0];
    signal(first, Signal::KILL);
    let second = eventually("another hub runs", async || {
        processes_of(home.path(), "junction-hub").into_iter().find(|pid| *pid != first)
    })
    .await;
    assert_ne!(first, second);
    eventually("the session is back", async || bridge.try_call("list_peers", json!({})).await.ok())
        .await;
    let same = bridge.call("register", json!({})).await;
    assert_eq!(same["alias"], "stayer");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_autostarted_hub_inherits_nothing_and_survives_its_bridge() {
    let home = TestHome::installed();
    let port = free_port();
    let launch = installed(&home, port).env("SOME_API_KEY", "canary-of-the-environment");
    let mut bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    bridge.register("parent").await;
    let hub = processes_of(home.path(), "junction-hub")[0];
    let environment = std::fs::read(format!("/proc/{hub}/environ"));
    let directory = std::fs::read_link(format!("/proc/{hub}/cwd"));
    bridge.client.close_stdin();
    // The end of its stdout comes only if nobody else, such as the hub, holds the pipe.
    assert_eq!(bridge.line().await, None);
    bridge.ended().await;
    assert!(!is_gone(hub), "the hub outlives the bridge that started it");
    assert_eq!(health(port).await.expect("health")["activePeers"], 0);
    match (environment, directory) {
        (Ok(environment), Ok(directory)) => {
            let environment = String::from_utf8_lossy(&environment).into_owned();
            assert!(!environment.contains("canary"), "{environment}");
            for entry in environment.split('\0').filter(|entry| !entry.is_empty()) {
                let name = entry.split('=').next().expect("a name");
                let known = name == "HOME" || name == "PATH" || name.starts_with("JUNCTION_");
                assert!(known, "{name} is inherited");
            }
            assert_eq!(directory, Path::new("/"));
        }
        _ => eprintln!("skipped: this user may not look into a process that is not dumpable"),
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn autostart_off_starts_nothing() {
    let home = TestHome::installed();
    let launch = installed(&home, free_port()).env("JUNCTION_AUTOSTART", "false");
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    bridge.error("list_peers", json!({})).await;
    assert_eq!(processes_of(home.path(), "junction-hub"), Vec::<u32>::new());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_unexpanded_variable_counts_as_unset() {
    let home = TestHome::installed();
    let launch = installed(&home, free_port())
        .env("JUNCTION_HUB", "${JUNCTION_HUB}")
        .env("JUNCTION_AUTOSTART", "${SOMETHING:-}");
    let mut bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    bridge.register("templated").await;
}

#[tokio::test]
async fn a_taken_port_ends_the_second_hub_with_one_line() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let other = TestHome::new();
    for home in [&home, &other] {
        let second = TestHub::command(home, hub.port).output().expect("it runs");
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(said.contains("127.0.0.1") && said.contains(&hub.port.to_string()), "{said}");
    }
    assert_eq!(health(hub.port).await.expect("the first one lives")["status"], "ok");
}

#[tokio::test]
async fn a_hub_stops_cleanly_on_a_signal() {
    for with in [Signal::INT, Signal::TERM] {
        let home = TestHome::new();
        let mut hub = TestHub::start(&home).await;
        let _bridge = TestBridge::join(&home, &hub, "witness").await;
        let status = hub.stop(with).await;
        assert!(status.success(), "{status}: {}", hub.stderr());
    }
}

#[tokio::test]
async fn a_config_dir_open_to_others_is_refused_with_the_fix() {
    let open_ancestor = |config: &Path| set_mode(config.parent().expect("a parent"), 0o777);
    type SpoilConfig = fn(&Path);
    // What is spoilt, how the error says to fix it, and whether the hub and the bridge have to see it.
    let cases: [(SpoilConfig, &str, bool, bool); 5] = [
        (|config| set_mode(config, 0o755), "chmod 700", true, true),
        (|config| set_mode(&config.join("hosts.toml"), 0o644), "chmod 600", false, true),
        (|config| set_mode(&config.join("hub.key"), 0o640), "chmod 600", true, false),
        (symlinked, "symbolic link", true, true),
        (open_ancestor, "chmod o-w", true, true),
    ];
    for (spoil, fix, hub_sees, bridge_sees) in cases {
        let home = TestHome::new();
        drop(TestHub::start(&home).await);
        spoil(&home.config());
        if hub_sees {
            let ran = TestHub::command(&home, 0).output().expect("it runs");
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(!ran.status.success() && said.contains(fix), "{fix}: {said}");
        }
        if bridge_sees {
            let launch = TestBridge::launch(&home, free_port());
            let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
            let text = bridge.error("register", json!({ "alias": "careful" })).await;
            assert!(text.contains(fix), "{fix}: {text}");
        }
    }
}

#[tokio::test]
async fn a_config_dir_of_another_user_is_refused_with_the_fix() {
    let home = TestHome::new();
    drop(TestHub::start(&home).await);
    let nobody = Some(65_534);
    if std::os::unix::fs::chown(home.config(), nobody, nobody).is_err() {
        eprintln!("skipped: this user may not give a directory to another one");
        return;
    }
    let ran = TestHub::command(&home, 0).output().expect("it runs");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success() && said.contains("chown"), "{said}");
    let launch = TestBridge::launch(&home, free_port());
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    let text = bridge.error("register", json!({ "alias": "careful" })).await;
    assert!(text.contains("chown"), "{text}");
}

#[tokio::test]
async fn a_hub_refuses_settings_it_cannot_follow_with_one_line() {
    let home = TestHome::new();
    for (name, value) in [
        ("JUNCTION_PORT", "66000"),
        ("JUNCTION_PORT", "the usual"),
        ("JUNCTION_HOST", "example.org"),
        ("JUNCTION_SESSION_TIMEOUT_MS", "0"),
        ("JUNCTION_SWEEP_INTERVAL_MS", "-5"),
    ] {
        let ran = TestHub::command(&home, 0).env(name, value).output().expect("it runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{name}={value}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{name}={value}: {said}");
        assert!(said.contains(name), "{name}={value}: {said}");
    }
}

fn symlinked(config: &Path) {
    let real = config.with_file_name("real");
    std::fs::rename(config, &real).expect("moved");
    symlink(&real, config).expect("linked");
}

#[tokio::test]
async fn the_demo_prints_its_story_and_leaves_nothing_behind() {
    let home = TestHome::new();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a directory");
    let mut demo = tokio::process::Command::new(junction_testkit::bridge_binary());
    demo.arg("demo").env("TMPDIR", &temporary).kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE * 3, demo.output()).await;
    let output = output.expect("the demo ends").expect("the demo runs");
    let story = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{story}\n{errors}");
    for word in ["alice", "bob", "read", "killed", "queued"] {
        assert!(story.contains(word), "{word} is not in: {story}");
    }
    let left = std::fs::read_dir(&temporary).expect("the directory").count();
    assert_eq!(left, 0, "the temporary home is removed");
}

/// What is run right after the demo, such as `doctor`, must not find its bridges.
#[tokio::test]
async fn regression_the_demo_ends_after_its_bridges() {
    let home = TestHome::installed();
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a directory");
    let mut demo = tokio::process::Command::new(home.bin().join("junction-bridge"));
    demo.arg("demo").env("TMPDIR", &temporary).kill_on_drop(true);
    // A pipe would be held open by the bridges, and waiting for its end would wait for theirs.
    demo.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let status = tokio::time::timeout(DEADLINE * 3, demo.status()).await;
    assert!(status.expect("the demo ends").expect("the demo runs").success());
    assert_eq!(processes_of(home.path(), "junction-bridge"), Vec::<u32>::new());
}
