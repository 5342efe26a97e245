//! A person's commands, run as processes with pipes.

use std::ffi::OsStr;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::{TestHome, bridge_binary, signal, within};

/// Variables by which a command knows that an agent's client runs it. The tests themselves may run in one.
const SIGNS: [&str; 7] = [
    "CLAUDECODE",
    "CLAUDE_CODE_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_CI",
    "GEMINI_CLI",
    "OPENCODE",
    "JUNCTION_WATCH",
];

/// How a person's command ended, and what it printed.
#[derive(Debug)]
pub struct PersonRun {
    /// The exit status; none if a signal ended the process.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// A command of the person `kurt` of this home, on the hub at this port.
pub fn person(home: &TestHome, port: u16, arguments: &[&str]) -> Command {
    let mut command = person_by(bridge_binary(), home, arguments);
    command.env("JUNCTION_HUB", format!("127.0.0.1:{port}")).env("JUNCTION_AUTOSTART", "false");
    command
}

/// A command of the person `kurt` of an installed home, on the hub of this machine, which is started if there is none.
pub fn installed_person(home: &TestHome, arguments: &[&str]) -> Command {
    let mut command = person_by(home.bin().join("junction-bridge"), home, arguments);
    for name in ["JUNCTION_HUB", "JUNCTION_PORT", "JUNCTION_AUTOSTART"] {
        command.env_remove(name);
    }
    command
}

fn person_by(program: impl AsRef<OsStr>, home: &TestHome, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for sign in SIGNS {
        command.env_remove(sign);
    }
    command
        .args(arguments)
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_SEND_LIMIT", "off")
        .env("XDG_RUNTIME_DIR", home.runtime("person"))
        .env("USER", "kurt")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a command of the person `kurt` to its end.
pub async fn run_person(home: &TestHome, port: u16, arguments: &[&str]) -> PersonRun {
    finished(person(home, port, arguments).spawn().expect("it starts")).await
}

/// The end of a person's command.
pub async fn finished(child: Child) -> PersonRun {
    let output = within("the command ends", child.wait_with_output()).await.expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    PersonRun {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A `watch --json` that runs.
pub struct TestWatch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl TestWatch {
    /// A watch of the person `kurt` that has joined.
    pub async fn start(home: &TestHome, port: u16) -> Self {
        let mut child = person(home, port, &["watch", "--json"]).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut watch = Self { child, lines };
        watch.event("joined", |_| true).await;
        // The socket may be made a moment after the session has joined.
        let socket = home.runtime("person").join("agent-junction");
        let socket = socket.join(format!("person-{}.sock", watch.child.id().expect("it runs")));
        crate::eventually("its socket is there", async || socket.exists().then_some(())).await;
        watch
    }

    /// The next event of this kind that `is_it` accepts. Others before it are dropped.
    pub async fn event(&mut self, kind: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = within(kind, self.lines.next_line()).await.expect("its stdout");
            let line = line.expect("watch runs");
            let event: Value = serde_json::from_str(&line).expect("JSON alone");
            if event["event"] == kind && is_it(&event) {
                return event;
            }
        }
    }

    /// Ends the watch by Ctrl-C. Its exit status, and all of stderr.
    pub async fn interrupt(mut self) -> (Option<i32>, String) {
        signal(self.child.id().expect("it runs"), rustix::process::Signal::INT);
        let status = within("watch ends", self.child.wait()).await.expect("its status");
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).await.expect("its stderr");
        }
        (status.code(), stderr)
    }
}
