//! A client that takes its bridge's answers when a test wants, and no sooner: what stands in the pipe until then
//! is half an answer.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::home::{BRIDGE, Home};
use super::{Era, TestHub, within};

/// A text whose answer no pipe takes whole: an answer has it twice, and a pipe and the client together hold
/// less than 80 KiB.
pub(crate) fn large(first: &str) -> String {
    format!("{first}{}", ".".repeat(60_000))
}

/// A bridge and its slow client; dropped, the bridge is killed.
pub(crate) struct SlowClient {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    meta: Value,
    stderr: PathBuf,
}

impl SlowClient {
    /// A bridge on this hub, registered under this alias.
    pub(crate) async fn join(home: &Home, hub: &TestHub, alias: &str, era: Era) -> Self {
        let (stderr, file) = home.log(alias);
        let mut command = Command::new(BRIDGE);
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
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the bridge starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        let mut client = Self { child, stdin, stdout, meta: json!({}), stderr };
        client.open(era).await;
        client.ask(&json!("join"), "register", json!({ "alias": alias })).await;
        assert_eq!(client.answer().await["result"]["structuredContent"]["alias"], alias);
        client
    }

    async fn open(&mut self, era: Era) {
        let info = json!({ "name": "slow-client", "version": "1" });
        if era == Era::Stateless {
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
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("nobody has waited for it")
    }

    /// Calls a tool and takes no answer.
    pub(crate) async fn ask(&mut self, id: &Value, tool: &str, arguments: Value) {
        self.request(id, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    }

    /// Requests something and takes no answer.
    pub(crate) async fn request(&mut self, id: &Value, method: &str, mut params: Value) {
        params["_meta"] = self.meta.clone();
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
    }

    /// Wants no answer to this request any more.
    pub(crate) async fn cancel(&mut self, id: &Value) {
        let params = json!({ "requestId": id, "_meta": self.meta });
        let method = "notifications/cancelled";
        self.say(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    async fn say(&mut self, message: &Value) {
        self.write(&format!("{message}\n")).await;
    }

    /// Writes this as it is, a whole line or a part of one.
    pub(crate) async fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        within("a write", stdin.write_all(text.as_bytes())).await.expect("the bridge reads");
    }

    /// Waits until the bridge has begun to write an answer. No more of it is taken than a buffer holds.
    pub(crate) async fn begun(&mut self) {
        let stdout = self.stdout.as_mut().expect("stdout is open");
        let begun = within("an answer begins", stdout.fill_buf()).await.expect("bytes");
        assert!(!begun.is_empty() && !begun.contains(&b'\n'), "half an answer");
    }

    /// The next answer, whole.
    pub(crate) async fn answer(&mut self) -> Value {
        let stdout = self.stdout.as_mut().expect("stdout is open");
        let mut line = String::new();
        within("an answer", stdout.read_line(&mut line)).await.expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("stdout carries MCP alone: {line}"))
    }

    /// Takes nothing more, though it may still ask.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Ends the session as a client does that ends.
    pub(crate) async fn close_stdin(&mut self) {
        self.stdin = None;
        within("the bridge ends", self.child.wait()).await.expect("it has ended");
    }

    /// Kills the bridge at once (SIGKILL).
    pub(crate) async fn kill(&mut self) {
        within("the bridge is killed", self.child.kill()).await.expect("it is dead");
    }

    /// What it wrote to stderr.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }
}
