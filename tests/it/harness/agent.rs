//! A bridge whose client has hooks, and perhaps an inbox: what the bridge needs to reach an agent that does not ask.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use junction_testkit::client::Launch;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};

use super::home::{BRIDGE, Home};
use super::{DEADLINE, TestBridge, TestHub, eventually, within};

/// What a hook did.
pub(crate) struct Hooked {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// A registered bridge with a runtime directory of its own, so that hooks run here are of its session alone.
pub(crate) struct Agent {
    pub(crate) bridge: TestBridge,
    pub(crate) runtime: PathBuf,
}

impl Agent {
    /// How its bridge is started.
    pub(crate) fn launch(home: &Home, hub: &TestHub, alias: &str) -> Launch {
        TestBridge::launch(home, hub.port).env("XDG_RUNTIME_DIR", home.runtime(alias))
    }

    /// One with nothing but hooks.
    pub(crate) async fn join(home: &Home, hub: &TestHub, alias: &str) -> Self {
        Self::start(home, Self::launch(home, hub, alias), alias).await
    }

    /// One that is started like this.
    pub(crate) async fn start(home: &Home, launch: Launch, alias: &str) -> Self {
        Self::start_as(home, launch, alias, "test-client").await
    }

    /// One whose client calls itself this.
    pub(crate) async fn start_as(home: &Home, launch: Launch, alias: &str, client: &str) -> Self {
        let mut bridge = TestBridge::spawn(home, launch);
        within("initialize", bridge.client.initialize(client)).await.expect("a session");
        bridge.register(alias).await;
        let agent = Self { bridge, runtime: home.runtime(alias) };
        eventually("its socket is there", async || agent.socket().exists().then_some(())).await;
        agent
    }

    /// The socket by which hooks find the bridge.
    pub(crate) fn socket(&self) -> PathBuf {
        self.runtime.join("agent-junction").join(format!("{}.sock", self.bridge.client.pid()))
    }

    /// Runs a hook of this session.
    pub(crate) async fn hook(&self, event: &Value) -> Hooked {
        hook(&self.runtime, event).await
    }

    /// What a hook of this session says, as JSON; null if nothing.
    pub(crate) async fn told(&self, event: &Value) -> Value {
        let hooked = self.hook(event).await;
        assert!(hooked.status.success() && hooked.stderr.is_empty(), "{}", hooked.stderr);
        if hooked.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&hooked.stdout).expect("a hook says JSON alone")
    }

    /// Starts a hook of this session that sleeps.
    pub(crate) async fn sleeper(&self, event: &Value) -> Child {
        sleeper(&self.runtime, event).await
    }
}

/// Starts a hook that sleeps, of whichever session has its sockets in this runtime directory.
pub(crate) async fn sleeper(runtime: &Path, event: &Value) -> Child {
    start(runtime, &["hook", "--rewake"], event).await
}

/// Runs a hook of whichever session has its sockets in this runtime directory.
pub(crate) async fn hook(runtime: &Path, event: &Value) -> Hooked {
    let started = Instant::now();
    let child = start(runtime, &["hook"], event).await;
    let output = within("the hook ends", child.wait_with_output()).await.expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Hooked {
        status: output.status,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        took: started.elapsed(),
    }
}

async fn start(runtime: &Path, arguments: &[&str], event: &Value) -> Child {
    let mut child = Command::new(BRIDGE)
        .args(arguments)
        .env("XDG_RUNTIME_DIR", runtime)
        .env_remove("CLAUDE_CODE_ENTRYPOINT")
        // Other tests run beside this one: what a hook says is asked here, not how soon.
        .env("JUNCTION_HOOK_TIMEOUT_MS", DEADLINE.as_millis().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the hook starts");
    let mut stdin = child.stdin.take().expect("its stdin");
    stdin.write_all(event.to_string().as_bytes()).await.expect("it reads");
    child
}

/// The inbox of a session, as Claude Code keeps one for the servers that it starts: this process is their parent.
pub(crate) struct Inbox {
    listener: UnixListener,
    pub(crate) path: PathBuf,
}

/// The word that lets a server in.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

impl Inbox {
    pub(crate) fn open(home: &Home, name: &str) -> Self {
        let path = home.path().join(name);
        let listener = UnixListener::bind(&path).expect("a socket");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("its mode");
        Self { listener, path }
    }

    /// The launch of a server that is told of this inbox.
    pub(crate) fn tell(&self, launch: Launch) -> Launch {
        launch
            .env("CLAUDE_CODE_MESSAGING_SOCKET", &self.path)
            .env("CLAUDE_CODE_MESSAGING_TOKEN", TOKEN)
    }

    /// What comes next, of those connections that say anything: the text that the agent would be shown.
    pub(crate) async fn next(&self) -> String {
        loop {
            let (stream, _) = within("somebody writes to the inbox", self.listener.accept())
                .await
                .expect("a connection");
            let mut lines = BufReader::new(stream).lines();
            let Some(first) = line(&mut lines).await else { continue };
            assert_eq!(first, serde_json::json!({ "type": "auth", "token": TOKEN }));
            let prompt = line(&mut lines).await.expect("a second line");
            let content = prompt["message"]["content"].as_str().expect("a text").to_owned();
            let message = serde_json::json!({ "role": "user", "content": content });
            assert_eq!(prompt, serde_json::json!({ "type": "user", "message": message }));
            assert!(line(&mut lines).await.is_none());
            return content;
        }
    }
}

async fn line(lines: &mut Lines<BufReader<UnixStream>>) -> Option<Value> {
    let line = within("a line", lines.next_line()).await.expect("it is read")?;
    Some(serde_json::from_str(&line).expect("a line is JSON"))
}

/// Waits until a peer sees another with this reach.
pub(crate) async fn reaches(peer: &TestBridge, alias: &str, reach: &str) -> Value {
    eventually(&format!("{alias} is reached by {reach}"), async || {
        let seen = peer.sees(alias, "online").await;
        (seen["reach"] == reach).then_some(seen)
    })
    .await
}
