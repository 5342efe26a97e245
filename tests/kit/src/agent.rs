//! A bridge whose client has hooks, and perhaps a messaging socket: the ways by which the bridge reaches an agent
//! that does not ask.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::client::Launch;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};

use crate::{DEADLINE, TestBridge, TestHome, TestHub, bridge_binary, eventually, within};

/// How a run of `junction-bridge hook` ended.
pub struct HookRun {
    /// The exit status.
    pub status: ExitStatus,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
    /// The time from its start to its end.
    pub took: Duration,
}

/// A registered bridge with a runtime directory of its own, so that hooks run there find its session alone.
pub struct TestAgent {
    /// The bridge.
    pub bridge: TestBridge,
    /// The runtime directory.
    pub runtime: PathBuf,
}

impl TestAgent {
    /// The launch of an agent's bridge.
    pub fn launch(home: &TestHome, hub: &TestHub, alias: &str) -> Launch {
        TestBridge::launch(home, hub.port).env("XDG_RUNTIME_DIR", home.runtime(alias))
    }

    /// An agent with nothing but hooks.
    pub async fn join(home: &TestHome, hub: &TestHub, alias: &str) -> Self {
        Self::start(home, Self::launch(home, hub, alias), alias).await
    }

    /// An agent whose bridge is started by this launch.
    pub async fn start(home: &TestHome, launch: Launch, alias: &str) -> Self {
        Self::start_as(home, launch, alias, "test-client").await
    }

    /// An agent whose client has this name.
    pub async fn start_as(home: &TestHome, launch: Launch, alias: &str, client: &str) -> Self {
        let mut bridge = TestBridge::spawn(home, launch);
        within("initialize", bridge.client.initialize(client)).await.expect("a session");
        bridge.register(alias).await;
        let agent = Self { bridge, runtime: home.runtime(alias) };
        eventually("its socket is there", async || agent.socket().exists().then_some(())).await;
        agent
    }

    /// The socket by which hooks find the bridge.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("agent-junction").join(format!("{}.sock", self.bridge.client.pid()))
    }

    /// The bridge's response to a line on its socket, as a program of its user sends one; `None` if the bridge closes the
    /// connection without a word.
    pub async fn ask(&self, request: &Value) -> Option<Value> {
        let stream = UnixStream::connect(self.socket()).await.expect("the bridge listens");
        let mut stream = BufReader::new(stream);
        stream.write_all(format!("{request}\n").as_bytes()).await.expect("it reads");
        line(&mut stream.lines()).await
    }

    /// Runs a hook of this agent's session.
    pub async fn hook(&self, event: &Value) -> HookRun {
        hook(&self.runtime, event).await
    }

    /// The output of a hook of this agent's session, as JSON; null if the hook is silent.
    pub async fn hook_json(&self, event: &Value) -> Value {
        let hooked = self.hook(event).await;
        assert!(hooked.status.success() && hooked.stderr.is_empty(), "{}", hooked.stderr);
        if hooked.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&hooked.stdout).expect("a hook says JSON alone")
    }

    /// Starts the wait of a plugin in this agent's session, which may tell what became of the notice before.
    pub async fn plugin_wait(&self, outcome: &[&str]) -> Child {
        plugin_wait(&self.runtime, outcome).await
    }

    /// Starts a rewake hook of this agent's session that waits only while no plugin does.
    pub async fn reserve_hook(&self, event: &Value) -> Child {
        start(&self.runtime, &["hook", "--rewake", "--reserve"], event).await
    }

    /// Starts a rewake hook of this agent's session.
    pub async fn rewake_hook(&self, event: &Value) -> Child {
        rewake_hook(&self.runtime, event).await
    }
}

/// What a client would show of the session whose sockets are in this runtime directory, in its status line.
pub async fn status_line(runtime: &Path, input: &Value) -> String {
    let child = start(runtime, &["status-line"], input).await;
    let output =
        within("the status line ends", child.wait_with_output()).await.expect("its output");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Starts a rewake hook, for the session whose sockets are in this runtime directory.
pub async fn rewake_hook(runtime: &Path, event: &Value) -> Child {
    start(runtime, &["hook", "--rewake"], event).await
}

/// Starts the wait of a plugin, for the session whose sockets are in this runtime directory.
pub async fn plugin_wait(runtime: &Path, outcome: &[&str]) -> Child {
    start(runtime, &[&["hook", "--wait"], outcome].concat(), &Value::Null).await
}

/// Runs a hook, for the session whose sockets are in this runtime directory.
pub async fn hook(runtime: &Path, event: &Value) -> HookRun {
    let started = Instant::now();
    let child = start(runtime, &["hook"], event).await;
    let output = within("the hook ends", child.wait_with_output()).await.expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    HookRun {
        status: output.status,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        took: started.elapsed(),
    }
}

async fn start(runtime: &Path, arguments: &[&str], event: &Value) -> Child {
    let mut child = Command::new(bridge_binary())
        .args(arguments)
        .env("XDG_RUNTIME_DIR", runtime)
        .env_remove("CLAUDE_CODE_ENTRYPOINT")
        // Other tests run at the same time. These tests check what a hook says, not how fast.
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

/// The messaging socket of a session, as Claude Code has one for the servers that it starts. This process is their
/// parent.
pub struct MessagingSocket {
    listener: UnixListener,
    /// The path of the socket.
    pub path: PathBuf,
}

/// The token by which a server authenticates to the messaging socket.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

impl MessagingSocket {
    /// A messaging socket of this name, on which nobody has called yet.
    pub fn open(home: &TestHome, name: &str) -> Self {
        let path = home.path().join(name);
        let listener = UnixListener::bind(&path).expect("a socket");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("its mode");
        Self { listener, path }
    }

    /// The launch of a server with this socket and its token in the environment.
    pub fn tell(&self, launch: Launch) -> Launch {
        launch
            .env("CLAUDE_CODE_MESSAGING_SOCKET", &self.path)
            .env("CLAUDE_CODE_MESSAGING_TOKEN", TOKEN)
    }

    /// The next text that the agent would be shown. Connections that write nothing are passed over.
    pub async fn next(&self) -> String {
        loop {
            let (stream, _) =
                within("a server writes to the messaging socket", self.listener.accept())
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

/// Waits until `peer` sees the peer with this alias at this reach; how `peer` sees it.
pub async fn reaches(peer: &TestBridge, alias: &str, reach: &str) -> Value {
    eventually(&format!("{alias} is reached by {reach}"), async || {
        let seen = peer.sees(alias, "online").await;
        (seen["reach"] == reach).then_some(seen)
    })
    .await
}
