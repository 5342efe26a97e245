//! An MCP client that reads its bridge's answers when a test wants, and no sooner. Until then half an answer waits in
//! the pipe.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::session::{CLAUDE_CODE, SESSION_ID, TestSession};
use crate::{TestHome, TestHub, Version, bridge_binary, eventually, within};

/// A text so long that no pipe holds the answer with it: an answer has the text twice, and a pipe and the client
/// together hold less than 80 KiB.
pub fn large(first: &str) -> String {
    format!("{first}{}", ".".repeat(60_000))
}

/// Half of what a pipe holds.
const HALF_A_PIPE: u64 = 32 * 1024;

/// A bridge and its slow client. Dropping it kills the bridge.
pub struct SlowClient {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    meta: Value,
    stderr: PathBuf,
}

impl SlowClient {
    /// A bridge on this hub, registered under this alias.
    pub async fn join(home: &TestHome, hub: &TestHub, alias: &str, version: Version) -> Self {
        let mut client = Self::spawn(home, hub, alias, None);
        client.open(version, "slow-client").await;
        client.ask(&json!("join"), "register", json!({ "alias": alias })).await;
        assert_eq!(client.answer().await["result"]["structuredContent"]["alias"], alias);
        client
    }

    /// A bridge of this session, with a hook's proof that it is.
    pub async fn resume(home: &TestHome, hub: &TestHub, session: &TestSession) -> Self {
        let mut client = Self::spawn(home, hub, &session.id, Some(session));
        client.open(Version::Stateful, CLAUDE_CODE).await;
        session.began(client.pid(), "resume", &session.id).await;
        client
    }

    fn spawn(home: &TestHome, hub: &TestHub, name: &str, session: Option<&TestSession>) -> Self {
        let (stderr, file) = home.log(name);
        let mut command = Command::new(bridge_binary());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        command
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("JUNCTION_HUB", format!("127.0.0.1:{}", hub.port))
            .env("JUNCTION_AUTOSTART", "false")
            .env("JUNCTION_SEND_LIMIT", "off")
            .env_remove("CLAUDE_PROJECT_DIR")
            .envs(session.map(|session| ("XDG_RUNTIME_DIR", session.runtime.as_os_str())))
            .envs(session.map(|session| (SESSION_ID, &session.id)))
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the bridge starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Self { child, stdin, stdout, meta: json!({}), stderr }
    }

    async fn open(&mut self, version: Version, name: &str) {
        let info = json!({ "name": name, "version": "1" });
        if version == Version::Stateless {
            self.meta = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": info,
            });
            return;
        }
        let params =
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
        self.request(&json!("open"), "initialize", params).await;
        self.answer().await;
        self.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    }

    /// The bridge's process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("nobody has waited for it")
    }

    /// Calls a tool without reading the answer.
    pub async fn ask(&mut self, id: &Value, tool: &str, arguments: Value) {
        self.request(id, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    }

    /// Sends a request without reading the answer.
    pub async fn request(&mut self, id: &Value, method: &str, mut params: Value) {
        params["_meta"] = self.meta.clone();
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
    }

    /// Cancels a request.
    pub async fn cancel(&mut self, id: &Value) {
        let params = json!({ "requestId": id, "_meta": self.meta });
        let method = "notifications/cancelled";
        self.say(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    async fn say(&mut self, message: &Value) {
        self.write(&format!("{message}\n")).await;
    }

    /// Writes a line or a part of one.
    pub async fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        within("a write", stdin.write_all(text.as_bytes())).await.expect("the bridge reads");
    }

    /// Waits until the bridge has begun to write an answer. Reads no more of it than a buffer holds.
    pub async fn begun(&mut self) {
        let stdout = self.stdout.as_mut().expect("stdout is open");
        let begun = within("an answer begins", stdout.fill_buf()).await.expect("bytes");
        assert!(!begun.is_empty() && !begun.contains(&b'\n'), "half an answer");
    }

    /// Waits until unread answers leave so little room in the pipe that one of half its size can no longer be written
    /// whole.
    pub async fn stuck(&mut self) {
        let stdout = self.stdout.as_ref().expect("stdout is open").get_ref();
        eventually("more than half a pipe is full", async || {
            let waiting = rustix::io::ioctl_fionread(stdout).expect("a pipe");
            (waiting > HALF_A_PIPE).then_some(())
        })
        .await;
    }

    /// The next answer, whole.
    pub async fn answer(&mut self) -> Value {
        let stdout = self.stdout.as_mut().expect("stdout is open");
        let mut line = String::new();
        within("an answer", stdout.read_line(&mut line)).await.expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("stdout carries MCP alone: {line}"))
    }

    /// Closes stdout. The client can still write.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Closes stdin, as a client does at its end, and waits for the bridge's end.
    pub async fn close_stdin(&mut self) {
        self.stdin = None;
        within("the bridge ends", self.child.wait()).await.expect("it has ended");
    }

    /// Kills the bridge at once (SIGKILL).
    pub async fn kill(&mut self) {
        within("the bridge is killed", self.child.kill()).await.expect("it is dead");
    }

    /// All of the bridge's stderr so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }
}
