//! `junction-bridge stop`: the hub ends whatever started it, and stays away until an agent or a person wants it back.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use junction_testkit::client::Launch;
use junction_testkit::{
    TestBridge, TestHome, TestHub, Version, bridge_binary, eventually, free_port, is_gone, list,
    processes_of, signal, skipped, within,
};
use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

/// A bridge as an installation has it: its hub beside it, on this port, started when none answers.
fn installed(home: &TestHome, port: u16) -> Launch {
    Launch::new(home.bin().join("junction-bridge"))
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_PORT", port.to_string())
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path())
}

async fn open(home: &TestHome, port: u16) -> TestBridge {
    TestBridge::open(home, installed(home, port), Version::Stateful).await
}

async fn join(home: &TestHome, port: u16, alias: &str) -> TestBridge {
    let mut bridge = open(home, port).await;
    bridge.register(alias).await;
    bridge
}

fn hubs(home: &TestHome) -> Vec<u32> {
    processes_of(home.path(), "junction-hub")
}

/// Runs `stop` without a terminal; the exit status, stdout and stderr.
async fn stop(home: &TestHome) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(bridge_binary());
    command.arg("stop").env("JUNCTION_CONFIG_DIR", home.config()).stdin(Stdio::null());
    command.env_remove("JUNCTION_PORT").env_remove("JUNCTION_HUB").kill_on_drop(true);
    let Output { status, stdout, stderr } =
        within("stop ends", command.output()).await.expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// Runs `stop`, which has to succeed; what it says.
async fn stopped(home: &TestHome) -> String {
    let (status, stdout, stderr) = stop(home).await;
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    stdout
}

/// Waits until a bridge says that the hub was stopped. Its dial has failed by then, and has started no hub.
async fn knows_of_stop(bridge: &TestBridge) -> String {
    eventually("the bridge says that the hub was stopped", async || {
        let offline = bridge.call("known_hosts", json!({})).await;
        let offline = offline["offline"].as_str()?.to_owned();
        offline.contains("stopped by its user").then_some(offline)
    })
    .await
}

#[tokio::test]
async fn stopped_hub_comes_back_with_the_next_tool_call_and_nothing_is_lost() {
    let home = TestHome::installed();
    let port = free_port();
    let (alice, bob) = (join(&home, port, "alice").await, join(&home, port, "bob").await);
    let waits = json!({ "expected_role": "reviewer", "timeout_seconds": 60 });
    let waits = bob.begin("wait_for_peer", waits).await;
    let sent = alice.send("bob", "read me later").await;
    eventually("it has come", async || {
        (bob.call("known_hosts", json!({})).await["unread"] == 1).then_some(())
    })
    .await;
    let hub = hubs(&home)[0];
    let said = stopped(&home).await;
    assert!(is_gone(hub), "it has ended when stop has");
    assert!(said.contains(&hub.to_string()) && said.contains(&port.to_string()), "{said}");
    assert!(said.contains("2 sessions were cut off: alice, bob."), "{said}");
    // Neither the sessions that were there, with a call that waits, nor one that starts now bring it back.
    let carol = open(&home, port).await;
    for bridge in [&alice, &bob, &carol] {
        let offline = knows_of_stop(bridge).await;
        assert!(offline.contains("Your next call"), "{offline}");
    }
    assert_eq!(hubs(&home), Vec::<u32>::new());
    // What a bridge has is read without a hub, and nothing is said to be read before it is.
    assert_eq!(bob.read_one().await["message"], "read me later");
    assert_eq!(alice.statuses(&sent["id"]), Vec::<serde_json::Value>::new());
    // A call that needs the hub starts it, and all others find it by themselves.
    alice.sees("bob", "online").await;
    eventually("there is one hub", async || (hubs(&home).len() == 1).then_some(())).await;
    assert_eq!(alice.receipt(&sent["id"]).await["status"], "read");
    carol.call("register", json!({ "alias": "carol", "role": "reviewer" })).await;
    let seen = within("the wait ends", waits.content()).await.expect("an answer");
    assert_eq!(list(&seen, "peers")[0]["alias"], "carol");
}

#[tokio::test]
async fn read_that_waits_brings_a_stopped_hub_back_at_once() {
    let home = TestHome::installed();
    let port = free_port();
    let (alice, bob) = (join(&home, port, "alice").await, join(&home, port, "bob").await);
    stopped(&home).await;
    knows_of_stop(&bob).await;
    let read = bob.begin("read_messages", json!({ "wait_seconds": 60 })).await;
    eventually("the hub is back", async || (hubs(&home).len() == 1).then_some(())).await;
    eventually("it takes a message", async || {
        let message = json!({ "target_alias": "bob", "message": "you waited" });
        alice.try_call("send_message", message).await.ok()
    })
    .await;
    let page = within("the message comes", read.content()).await.expect("an answer");
    assert_eq!(list(&page, "messages")[0]["message"], "you waited");
}

#[tokio::test]
async fn twenty_sessions_bring_no_hub_back_and_one_call_brings_one_for_all() {
    let home = TestHome::installed();
    let port = free_port();
    let bridges = join_all((0..20).map(|_| open(&home, port))).await;
    eventually("all are on one hub", async || {
        let page = bridges[0].try_call("list_peers", json!({})).await.ok()?;
        (page["total"] == 19).then_some(())
    })
    .await;
    assert!(stopped(&home).await.contains("20 sessions were cut off"));
    join_all(bridges.iter().map(knows_of_stop)).await;
    assert_eq!(hubs(&home), Vec::<u32>::new());
    eventually("all are back", async || {
        let page = bridges[7].try_call("list_peers", json!({})).await.ok()?;
        (page["total"] == 19).then_some(())
    })
    .await;
    // Those that found the lock taken end at once.
    eventually("there is one hub", async || (hubs(&home).len() == 1).then_some(())).await;
}

#[tokio::test]
async fn regression_persons_watch_lets_a_stopped_hub_rest() {
    let home = TestHome::installed();
    let port = free_port();
    let alice = join(&home, port, "alice").await;
    let mut watch = tokio::process::Command::new(home.bin().join("junction-bridge"));
    watch.arg("watch").env("JUNCTION_CONFIG_DIR", home.config()).env("USER", "kurt");
    watch.env("JUNCTION_PORT", port.to_string()).env("XDG_RUNTIME_DIR", home.runtime("person"));
    watch.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut watch = watch.spawn().expect("it starts");
    alice.sees("kurt", "online").await;
    stopped(&home).await;
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let said = within("watch says that the hub was stopped", async {
        loop {
            let line = lines.next_line().await.expect("readable").expect("a line");
            if line.contains("the hub is away") {
                return line;
            }
        }
    });
    let said = said.await;
    assert!(said.contains("The hub was stopped.") && !said.contains("Your next call"), "{said}");
    // Twice as long as the pause between two looks at the peers.
    let back = timeout(Duration::from_secs(4), async {
        eventually("a hub", async || hubs(&home).first().copied()).await
    });
    assert!(back.await.is_err(), "the watch has started a hub");
}

#[tokio::test]
async fn bridge_that_backs_off_starts_no_hub_that_was_stopped() {
    let home = TestHome::installed();
    let port = free_port();
    let bridge = join(&home, port, "alice").await;
    // Its hub is gone, and for now there is no program to start another.
    let (program, aside) = (home.bin().join("junction-hub"), home.path().join("aside"));
    std::fs::rename(&program, &aside).expect("the hub's program is moved");
    for hub in processes_of(home.path(), "junction-hub") {
        signal(hub, Signal::KILL);
    }
    eventually("it cannot start a hub", async || {
        let offline = bridge.call("known_hosts", json!({})).await;
        offline["offline"].as_str()?.contains("none could be started").then_some(())
    })
    .await;
    assert!(stopped(&home).await.starts_with("No hub is running on this machine."));
    std::fs::rename(&aside, &program).expect("it is back");
    knows_of_stop(&bridge).await;
    assert_eq!(hubs(&home), Vec::<u32>::new());
    bridge.call("list_peers", json!({})).await;
    assert_eq!(hubs(&home).len(), 1);
}

#[tokio::test]
async fn hub_that_starts_while_it_is_stopped_does_not_stay() {
    let home = TestHome::installed();
    drop(TestHub::start(&home).await);
    for _ in 0..5 {
        let port = free_port();
        // The bridge has answered nothing yet, and dials while `stop` runs.
        let bridge = TestBridge::spawn(&home, installed(&home, port));
        stopped(&home).await;
        within("initialize", bridge.client.initialize("test-client")).await.expect("a session");
        knows_of_stop(&bridge).await;
        eventually("no hub is left", async || hubs(&home).is_empty().then_some(())).await;
        bridge.call("list_peers", json!({})).await;
        stopped(&home).await;
    }
}

#[tokio::test]
async fn hub_that_was_started_by_hand_is_stopped_and_started_by_hand() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let bridge = TestBridge::join(&home, &hub, "alice").await;
    let said = stopped(&home).await;
    assert!(said.contains("1 session was cut off: alice."), "{said}");
    assert!(hub.stderr().contains("stopped by junction-bridge stop"), "{}", hub.stderr());
    // This bridge starts no hubs, and says what does.
    assert!(knows_of_stop(&bridge).await.contains("start junction-hub"));
    let why = bridge.error("list_peers", json!({})).await;
    assert!(why.contains("stopped by its user"), "{why}");
    assert_eq!(stopped(&home).await.lines().count(), 1, "stopped once more");
    hub.restart(&home).await;
    eventually("the session is back", async || bridge.try_call("list_peers", json!({})).await.ok())
        .await;
}

#[tokio::test]
async fn stop_without_a_hub_says_so_and_makes_nothing() {
    let home = TestHome::new();
    assert!(stopped(&home).await.starts_with("No hub is running on this machine."));
    assert!(!home.config().exists());
}

#[tokio::test]
async fn hub_that_hangs_is_told_with_the_way_to_end_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    signal(hub.pid(), Signal::STOP);
    let (status, stdout, stderr) = stop(&home).await;
    assert_eq!((status, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains(&format!("kill -9 {}", hub.pid())), "{stderr}");
    // Once it goes on, it has not forgotten.
    signal(hub.pid(), Signal::CONT);
    eventually("it ends", async || is_gone(hub.pid()).then_some(())).await;
}

#[tokio::test]
async fn hub_of_an_earlier_version_is_ended_by_a_signal() {
    if !Path::new("/usr/bin/perl").exists() {
        return skipped("there is no perl(1) to hold a lock");
    }
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let entries = std::fs::read_dir(home.config()).expect("the directory");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let lock = paths.find(|path| path.to_string_lossy().contains("hub.lock")).expect("its lock");
    drop(hub);
    // It holds the lock, and looks at no file.
    let script = "umask 077; open F, '>', $ARGV[0]; flock F, 2; $| = 1; print 'held'; sleep 600";
    let mut old = Command::new("/usr/bin/perl");
    let old = old.args(["-e", script]).arg(&lock).stdout(Stdio::piped());
    let mut old = old.spawn().expect("it starts");
    let mut held = [0; 4];
    old.stdout.take().expect("a pipe").read_exact(&mut held).expect("it holds the lock");
    let (status, stdout, stderr) = stop(&home).await;
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.contains(&old.id().to_string()), "{stdout}");
    assert!(!old.wait().expect("it ends").success());
}

#[tokio::test]
async fn stop_on_a_terminal_asks_first() {
    if !Path::new("/usr/bin/script").exists() {
        return skipped("there is no script(1) to make a terminal");
    }
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let _alice = TestBridge::join(&home, &hub, "alice").await;
    let answered = async |answer: &str, line: &str| {
        let mut command = tokio::process::Command::new("/bin/sh");
        command
            .args([
                "-c",
                "printf '%s\\n' \"$1\" | script --quiet --return --command \"$2\" /dev/null",
                "sh",
            ])
            .args([answer, line])
            .env("BRIDGE", bridge_binary())
            .env("SHELL", "/bin/sh")
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env_remove("JUNCTION_PORT")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = within("it ends", command.output()).await.expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for no in ["n", "", "stop"] {
        let (status, said) = answered(no, "\"$BRIDGE\" stop").await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("1 session is cut off: alice. Stop it? [y/N]"), "{said}");
        assert!(said.contains("Nothing was stopped") && !is_gone(hub.pid()), "{said}");
    }
    let (status, said) = answered("y", "\"$BRIDGE\" stop").await;
    assert_eq!(status, Some(0), "{said}");
    eventually("it has ended", async || is_gone(hub.pid()).then_some(())).await;
    let again = TestHub::start(&home).await;
    let (status, said) = answered("n", "\"$BRIDGE\" stop --yes").await;
    assert!(status == Some(0) && !said.contains("[y/N]"), "{said}");
    eventually("it has ended", async || is_gone(again.pid()).then_some(())).await;
}
