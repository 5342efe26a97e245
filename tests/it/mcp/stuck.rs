//! Clients that do not read what their bridge writes: its log, its answers, or both.

use std::process::Stdio;
use std::time::{Duration, Instant};

use junction_shared::protocol::codec::encode;
use junction_shared::protocol::wire::ToBridge;
use junction_testkit::client::{Launch, McpClient};
use junction_testkit::{
    FrameProxy, TestBridge, TestHome, TestHub, bridge_binary, eventually, free_port, from_hub,
    health, is_gone, pass, signal, stuck_pipe, within,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// How a client ends a bridge.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Stdin,
    Signal(Signal),
}

const ENDS: [Ending; 3] =
    [Ending::Stdin, Ending::Signal(Signal::INT), Ending::Signal(Signal::TERM)];

/// The time that a bridge may take to end on a machine that is busy with other tests. It takes a tenth of that.
const END_TIME: Duration = Duration::from_secs(1);

/// A bridge whose stderr nobody reads and which has room for this many bytes; it logs all that it can.
fn unread(home: &TestHome, port: u16, room: usize) -> (McpClient, std::io::PipeReader) {
    let (reader, writer) = stuck_pipe(room);
    let launch = TestBridge::launch(home, port).env("JUNCTION_LOG", "trace").stderr(writer);
    (launch.start().expect("the bridge starts"), reader)
}

#[tokio::test]
async fn regression_bridge_whose_log_is_not_read_serves_and_ends() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let peer = TestBridge::join(&home, &hub, "peer").await;
    for (room, end) in [0, 1, 3000].into_iter().flat_map(|room| ENDS.map(|end| (room, end))) {
        let (client, _stderr) = unread(&home, hub.port, room);
        within("initialize", client.initialize("test-client")).await.expect("it is answered");
        let call = async |tool, arguments| {
            within(tool, client.call(tool, arguments)).await.expect("it is answered")
        };
        let registered = call("register", json!({})).await;
        let alias = registered["alias"].as_str().expect("an alias");
        // Far more is logged than the pipe and the queue of lines hold.
        for number in 0..40 {
            let text = format!("message {number}");
            let sent = json!({ "target_alias": "peer", "message": text });
            call("send_message", sent).await;
            assert_eq!(peer.read_one().await["message"], *text);
            peer.send(alias, &text).await;
            let read = call("read_messages", json!({ "wait_seconds": 20 })).await;
            assert_eq!(read["messages"][0]["message"], *text);
        }
        let started = Instant::now();
        match end {
            Ending::Stdin => client.close_stdin(),
            Ending::Signal(with) => signal(client.pid(), with),
        }
        let status = within("the bridge ends", client.wait()).await.expect("its status");
        eprintln!("stderr not read, {end:?}: gone after {:?}", started.elapsed());
        assert!(status.success() && started.elapsed() < END_TIME, "{end:?}: {status}");
    }
}

#[tokio::test]
async fn regression_bridge_without_a_hub_whose_log_is_not_read_serves_and_ends() {
    let home = TestHome::new();
    for end in ENDS {
        let (client, _stderr) = unread(&home, free_port(), 0);
        within("initialize", client.initialize("test-client")).await.expect("it is answered");
        for _ in 0..3 {
            within("a ping", client.request("ping", json!({}))).await.expect("it is answered");
            within("a call", client.call("list_peers", json!({}))).await.expect_err("no hub");
        }
        let started = Instant::now();
        match end {
            Ending::Stdin => client.close_stdin(),
            Ending::Signal(with) => signal(client.pid(), with),
        }
        assert!(within("the bridge ends", client.wait()).await.expect("its status").success());
        assert!(started.elapsed() < END_TIME, "{end:?}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn regression_words_of_a_failure_that_nobody_reads_hold_no_process() {
    let home = TestHome::new();
    for arguments in [&["--port", "x"][..], &["--log", "a=b=c"], &["hosts", "junction://x"]] {
        let (_reader, stderr) = stuck_pipe(0);
        let mut command = Command::new(bridge_binary());
        command.args(arguments).env("JUNCTION_CONFIG_DIR", home.config());
        let mut child = command.stdin(Stdio::null()).stderr(stderr).spawn().expect("it starts");
        let status = within("the bridge ends", child.wait()).await.expect("its status");
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}

/// A bridge of which nothing is read, with more requests on its stdin than it can answer.
struct Stuck {
    child: Child,
    _stderr: std::io::PipeReader,
    stdout: std::io::PipeReader,
}

impl Stuck {
    async fn start(home: &TestHome, port: u16) -> Self {
        let (stderr_end, stderr) = stuck_pipe(0);
        let (stdout_end, stdout) = stuck_pipe(0);
        let mut child = Command::new(bridge_binary())
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("JUNCTION_HUB", format!("127.0.0.1:{port}"))
            .env("JUNCTION_AUTOSTART", "false")
            .env("JUNCTION_LOG", "trace")
            .env("XDG_RUNTIME_DIR", home.runtime("all"))
            .env_remove("CLAUDE_CODE_MESSAGING_SOCKET")
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .expect("the bridge starts");
        // More than the bridge has in hand at once. It reads them at once and takes no more than it can answer.
        let requests: String = (0..1000)
            .map(|id| {
                json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list" }).to_string() + "\n"
            })
            .collect();
        let stdin = child.stdin.as_mut().expect("its stdin");
        within("the requests are written", stdin.write_all(requests.as_bytes()))
            .await
            .expect("it lives");
        eventually("it has read them", async || {
            let unread = rustix::io::ioctl_fionread(&*stdin).expect("a pipe");
            (unread == 0).then_some(())
        })
        .await;
        Self { child, _stderr: stderr_end, stdout: stdout_end }
    }

    async fn ended(&mut self) -> Duration {
        let started = Instant::now();
        let status = within("the bridge ends", self.child.wait()).await.expect("its status");
        assert!(status.success(), "{status}");
        started.elapsed()
    }
}

#[tokio::test]
async fn regression_bridge_ends_whose_answers_and_log_are_not_read() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for port in [hub.port, free_port()] {
        for end in ENDS {
            let mut stuck = Stuck::start(&home, port).await;
            match end {
                Ending::Stdin => drop(stuck.child.stdin.take()),
                Ending::Signal(with) => signal(stuck.child.id().expect("it runs"), with),
            }
            let took = stuck.ended().await;
            eprintln!("nothing read, {end:?}: gone after {took:?}");
            assert!(took < END_TIME, "{end:?}: {took:?}");
            drop(stuck.stdout);
        }
    }
}

#[tokio::test]
async fn regression_bridge_of_which_nothing_is_read_does_not_outlive_its_parent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_stderr_end, stderr) = stuck_pipe(0);
    let (_stdout_end, stdout) = stuck_pipe(0);
    let file = home.path().join("pid");
    let script = r#"exec 3<&0; "$0" <&3 3<&- & echo $! >"$1"; wait"#;
    let mut shell = Command::new("/bin/sh")
        .args(["-c", script, bridge_binary()])
        .arg(&file)
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_HUB", format!("127.0.0.1:{}", hub.port))
        .env("JUNCTION_AUTOSTART", "false")
        .env("JUNCTION_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .expect("a shell");
    let bridge: u32 = eventually("the shell names its child", async || {
        std::fs::read_to_string(&file).ok()?.trim().parse().ok()
    })
    .await;
    let peers = async || health(hub.port).await?["activePeers"].as_u64();
    eventually("it has joined", async || (peers().await? == 1).then_some(())).await;
    let _stdin = shell.stdin.take();
    shell.kill().await.expect("the shell is killed");
    let started = Instant::now();
    eventually("the bridge is gone", async || is_gone(bridge).then_some(())).await;
    eprintln!("parent killed, nothing read: gone after {:?}", started.elapsed());
    eventually("it has left", async || (peers().await? == 0).then_some(())).await;
}

/// The lines of a log with this word.
fn lines_with(log: &str, word: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
}

#[tokio::test]
async fn regression_hundreds_of_damaged_messages_are_a_few_lines_of_the_log() {
    const DAMAGED: usize = 600;
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let proxy = FrameProxy::start(hub.port, |heard| {
        let Some(ToBridge::Deliver(envelope, age)) = from_hub(heard) else { return pass(heard) };
        let mut damaged = envelope;
        damaged.sealed = vec![0xaa; damaged.sealed.len()].into();
        let damaged = encode(&ToBridge::Deliver(damaged, age));
        let mut frames = vec![damaged; DAMAGED];
        frames.extend(pass(heard));
        frames
    })
    .await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join_port(&home, proxy.port, "bob").await;
    alice.send("bob", "whole").await;
    assert_eq!(bob.read_one().await["message"], "whole");
    bob.client.close_stdin();
    bob.ended().await;
    let lines = lines_with(&bob.stderr(), "BrokenMessage");
    assert_eq!(lines.len(), 4, "once, at 10, at 100, and at the end: {lines:#?}");
    assert!(!lines[0].contains("times") && lines[1].ends_with("(10 times)"), "{lines:#?}");
    assert!(lines[3].ends_with("(600 times)"), "{lines:#?}");
}

#[tokio::test]
async fn log_is_as_long_as_its_filter_says() {
    let home = TestHome::new();
    for (filter, is_silent) in [("off", true), ("error", true), ("info", false)] {
        let launch: Launch = TestBridge::launch(&home, free_port()).env("JUNCTION_LOG", filter);
        let bridge = TestBridge::spawn(&home, launch);
        within("initialize", bridge.client.initialize("test-client"))
            .await
            .expect("it is answered");
        let _: Result<Value, _> = bridge.try_call("list_peers", json!({})).await;
        bridge.client.close_stdin();
        bridge.ended().await;
        assert_eq!(bridge.stderr().is_empty(), is_silent, "{filter}: {}", bridge.stderr());
    }
}
