//! `watch --all`: what goes on at a hub, seen from outside.

use std::process::Stdio;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::set_link;
use junction_shared::machine::identity::{ensure, new_group};
use junction_testkit::{
    PersonRun, TestBridge, TestHome, TestHub, finished, free_port, person, signal, within,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

/// A `watch --all` that runs.
struct Flow {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Flow {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    /// The next line.
    async fn next(&mut self) -> String {
        within("a line", self.lines.next_line()).await.expect("its stdout").expect("it runs")
    }

    /// Waits for this line. Others before it are dropped.
    async fn line(&mut self, wanted: &str) {
        while self.next().await != wanted {}
    }

    /// The next event of this name that `is_it` accepts. Others before it are dropped.
    async fn event(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event: Value = serde_json::from_str(&self.next().await).expect("JSON alone");
            if event["event"] == name && is_it(&event) {
                return event;
            }
        }
    }

    /// Ends it by Ctrl-C. Its exit status, and all of stderr.
    async fn interrupt(mut self) -> (Option<i32>, String) {
        signal(self.child.id().expect("it runs"), rustix::process::Signal::INT);
        let status = within("it ends", self.child.wait()).await.expect("its status");
        let mut stderr = String::new();
        let pipe = self.child.stderr.as_mut().expect("a pipe");
        pipe.read_to_string(&mut stderr).await.expect("its stderr");
        (status.code(), stderr)
    }
}

/// `watch --all` of the hub of this home, wherever it serves.
fn watch_all(home: &TestHome, arguments: &[&str]) -> Command {
    let arguments: Vec<&str> = ["watch", "--all"].iter().chain(arguments).copied().collect();
    let mut command = person(home, 1, &arguments);
    command.env_remove("JUNCTION_HUB");
    command
}

/// How `watch --all` ends that cannot show anything.
async fn refused(mut command: Command) -> PersonRun {
    let run = finished(command.spawn().expect("it starts")).await;
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    run
}

#[tokio::test]
async fn person_sees_who_comes_and_goes_and_how_far_messages_are_and_is_not_seen() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mut flow = Flow::start(watch_all(&home, &[]));
    let port = hub.port;
    flow.line(&format!("-- what goes on at the hub at 127.0.0.1:{port}, until Ctrl-C")).await;
    assert!(flow.next().await.starts_with("-- alice is here ("));
    let bob = TestBridge::join(&home, &hub, "bob").await;
    bob.call("register", json!({ "role": "reviewer" })).await;
    flow.line("-- bob has the role reviewer").await;
    alice.send("bob", "what nobody else reads").await;
    flow.line("alice → bob  up to 256 bytes  accepted").await;
    bob.read_one().await;
    flow.line("alice → bob  up to 256 bytes  opened").await;
    flow.line("alice → bob  up to 256 bytes  read").await;
    let seen = alice.call("list_peers", json!({})).await;
    assert_eq!(seen["total"], 1, "nobody but bob: {seen}");
    bob.client.close_stdin();
    bob.ended().await;
    flow.line("-- bob has left").await;
    assert_eq!(flow.interrupt().await, (Some(0), String::new()));
}

#[tokio::test]
async fn json_has_an_object_a_line_and_a_hub_that_comes_back_is_watched_again() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let mut flow = Flow::start(watch_all(&home, &["--json"]));
    let snapshot = flow.event("snapshot", |_| true).await;
    assert_eq!(snapshot["sessions"].as_array().map(Vec::len), Some(2), "{snapshot}");
    let is_word =
        |event: &Value, word: &str| event["text"].as_str().is_some_and(|it| it.contains(word));
    hub.kill();
    flow.event("hub", |event| is_word(event, "is away")).await;
    hub.restart(&home).await;
    flow.event("hub", |event| is_word(event, "is back")).await;
    alice.sees("bob", "online").await;
    let sent = alice.send("bob", "hello again").await;
    bob.read_one().await;
    for status in ["accepted", "opened", "read"] {
        let message = flow.event("message", |_| true).await;
        let expected = json!({
            "event": "message", "id": sent["id"], "from": "alice", "to": "bob", "size": 256, "status": status,
        });
        assert_eq!(message, expected);
    }
    hub.stop(rustix::process::Signal::TERM).await;
    flow.event("hub", |event| is_word(event, "is away")).await;
    assert_eq!(flow.interrupt().await, (Some(0), String::new()));
}

#[tokio::test]
async fn reader_that_goes_ends_the_command_in_silence() {
    let home = TestHome::new();
    let _hub = TestHub::start(&home).await;
    let mut flow = Flow::start(watch_all(&home, &["--json"]));
    flow.event("snapshot", |_| true).await;
    let Flow { child, lines } = flow;
    drop(lines);
    let run = finished(child).await;
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
}

#[tokio::test]
async fn hub_that_shows_nothing_is_told_with_what_to_do() {
    let home = TestHome::new();
    let run = refused(watch_all(&home, &[])).await;
    assert!(run.stderr.contains("No hub is running on this machine."), "{run:?}");
    // What answers at a port that was set, but has no such page: an older hub.
    let dir = ConfigDir::at(home.config());
    ensure(&dir, 1).expect("keys");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a port").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let run = refused(person(&home, port, &["watch", "--all"])).await;
    assert!(run.stderr.contains("is older than this program"), "{run:?}");
    // Nothing answers there.
    let run = refused(person(&home, free_port(), &["watch", "--all"])).await;
    assert!(run.stderr.contains("does not answer"), "{run:?}");
    // A hub of another directory.
    let other = TestHome::new();
    let hub = TestHub::start(&other).await;
    let run = refused(person(&home, hub.port, &["watch", "--all"])).await;
    assert!(run.stderr.contains("is not the hub of this configuration directory"), "{run:?}");
    // A hub of another machine.
    set_link(&dir, "attic", &new_group("10.0.0.1", 4200).0).expect("a link");
    let mut command = watch_all(&home, &[]);
    command.env("JUNCTION_HUB", "attic");
    let run = refused(command).await;
    assert!(run.stderr.contains("The hub attic is on another machine"), "{run:?}");
    assert!(run.stderr.contains("watch --all on that machine"), "{run:?}");
}

#[tokio::test]
async fn agents_shell_is_refused_and_options_of_those_that_take_part_are_too() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut command = person(&home, hub.port, &["watch", "--all"]);
    command.env("CLAUDECODE", "1");
    let run = refused(command).await;
    assert!(run.stderr.contains("Call the tool list_peers"), "{run:?}");
    for option in [["--exec", "true"], ["--save", "."], ["--as", "carol"]] {
        let mut command = watch_all(&home, &option);
        command.stdout(Stdio::null());
        let run = finished(command.spawn().expect("it starts")).await;
        assert_eq!(run.code, Some(2), "{run:?}");
    }
}
