//! A real bridge, driven as an agent's client drives it.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::client::{CallError, Launch, McpClient, PendingCall};
use serde_json::{Value, json};

use crate::{TestHome, TestHub, bridge_binary, eventually, within};

/// The MCP version that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Up to 2025-11-25: the session is opened by `initialize`.
    Stateful,
    /// From 2026-07-28 on: there is no session, and `server/discover` says what the server is.
    Stateless,
}

/// A running bridge. Dropping it kills the process.
pub struct TestBridge {
    /// The MCP client that drives the bridge.
    pub client: McpClient,
    /// The bridge's alias, once registered.
    pub alias: String,
    stderr: PathBuf,
    kept: Mutex<Unclaimed>,
}

/// Messages and receipts that were read and not yet asked for by a test.
#[derive(Default)]
struct Unclaimed {
    messages: Vec<Value>,
    receipts: Vec<Value>,
}

impl TestBridge {
    /// How a bridge of this home is started for a port, without a hub of its own.
    pub fn launch(home: &TestHome, port: u16) -> Launch {
        Self::launch_program(bridge_binary(), home, port)
    }

    /// How this program is started as a bridge of this home.
    pub fn launch_program(program: impl AsRef<Path>, home: &TestHome, port: u16) -> Launch {
        Launch::new(program)
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("JUNCTION_HUB", format!("127.0.0.1:{port}"))
            .env("JUNCTION_AUTOSTART", "false")
            .env("JUNCTION_SEND_LIMIT", "off")
            .env("XDG_RUNTIME_DIR", home.runtime("all"))
            .env_remove("CLAUDE_CODE_MESSAGING_SOCKET")
            .env_remove("CLAUDE_CODE_MESSAGING_TOKEN")
            .env_remove("CODEX_HOME")
            // Whoever runs the tests may sit in a Claude Code that shows what it does.
            .env("CLAUDE_CONFIG_DIR", home.path().join("claude"))
            .env_remove("CLAUDE_PROJECT_DIR")
            .cwd(home.path())
    }

    /// A bridge under a client that has opened nothing yet.
    pub fn spawn(home: &TestHome, launch: Launch) -> Self {
        let (stderr, file) = home.log("bridge");
        let client = launch.stderr(file).start().expect("the bridge starts");
        Self { client, alias: String::new(), stderr, kept: Mutex::default() }
    }

    /// A bridge under a client that has opened its session.
    pub async fn open(home: &TestHome, launch: Launch, version: Version) -> Self {
        let bridge = Self::spawn(home, launch);
        match version {
            Version::Stateful => {
                within("initialize", bridge.client.initialize("test-client")).await
            }
            Version::Stateless => within("discover", bridge.client.discover("test-client")).await,
        }
        .expect("the bridge opens a session");
        bridge
    }

    /// A bridge on this hub, registered under this alias.
    pub async fn join(home: &TestHome, hub: &TestHub, alias: &str) -> Self {
        Self::join_port(home, hub.port, alias).await
    }

    /// A bridge on the hub at this port, registered under this alias.
    pub async fn join_port(home: &TestHome, port: u16, alias: &str) -> Self {
        let mut bridge = Self::open(home, Self::launch(home, port), Version::Stateful).await;
        bridge.register(alias).await;
        bridge
    }

    /// Registers under this alias, which must be granted.
    pub async fn register(&mut self, alias: &str) -> Value {
        let answer = self.call("register", json!({ "alias": alias })).await;
        assert_eq!(answer["alias"], alias);
        alias.clone_into(&mut self.alias);
        answer
    }

    /// A tool's structured result; the tool must not fail.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        match self.try_call(tool, arguments).await {
            Ok(value) => value,
            Err(error) => panic!("{tool} of {} failed: {error}", self.alias),
        }
    }

    /// A tool's result, whatever it is.
    pub async fn try_call(&self, tool: &str, arguments: Value) -> Result<Value, CallError> {
        within(tool, self.client.call(tool, arguments)).await
    }

    /// The text of a tool that must fail in-band: one sentence that says what is wrong and one that says
    /// what to do.
    pub async fn error(&self, tool: &str, arguments: Value) -> String {
        match self.try_call(tool, arguments).await {
            Err(CallError::Tool(text)) => {
                assert!(text.starts_with("Error: "), "{text}");
                text
            }
            other => panic!("{tool} should fail in-band, but gave {other:?}"),
        }
    }

    /// Begins a call and leaves it open.
    pub async fn begin(&self, tool: &str, arguments: Value) -> PendingCall<'_> {
        self.client.begin_call(tool, arguments).await.expect("the bridge takes calls")
    }

    /// Sends a message; the answer, with its `id` and `status`.
    pub async fn send(&self, to: &str, message: &str) -> Value {
        self.call("send_message", json!({ "target_alias": to, "message": message })).await
    }

    /// Reads what is there now.
    pub async fn read(&self) -> Value {
        self.call("read_messages", json!({})).await
    }

    /// Reads what is there and keeps it for [`Self::read_many`] and [`Self::receipt`]. While there is no hub, there may
    /// be nothing.
    async fn collect(&self, arguments: Value) {
        let Ok(answer) = self.try_call("read_messages", arguments).await else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.messages.extend(list(&answer, "messages"));
        kept.receipts.extend(list(&answer, "receipts"));
    }

    /// The next `count` messages in their order; it waits until they have come.
    pub async fn read_many(&self, count: usize) -> Vec<Value> {
        loop {
            let here = {
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.messages.len() >= count {
                    return kept.messages.drain(..count).collect();
                }
                kept.messages.len()
            };
            self.collect(json!({ "wait_seconds": 20 })).await;
            let now = self.kept.lock().unwrap_or_else(PoisonError::into_inner).messages.len();
            assert!(now > here, "only {here} of {count} messages came to {}", self.alias);
        }
    }

    /// The next message.
    pub async fn read_one(&self) -> Value {
        self.read_many(1).await.remove(0)
    }

    /// The receipt for the message with this id, once it comes.
    pub async fn receipt(&self, id: &Value) -> Value {
        eventually("the receipt comes", async || {
            self.collect(json!({})).await;
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.receipts.iter().find(|receipt| receipt["id"] == *id).cloned()
        })
        .await
    }

    /// Waits until `count` receipts have come, all of them `read`.
    pub async fn all_receipts_are_read(&self, count: usize) {
        eventually("every receipt comes", async || {
            self.collect(json!({})).await;
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for receipt in &kept.receipts {
                assert_eq!(receipt["status"], "read", "{receipt}");
            }
            assert!(kept.receipts.len() <= count, "a message has two receipts");
            (kept.receipts.len() == count).then_some(())
        })
        .await;
    }

    /// The last status of the message with this id, once that is `read`.
    pub async fn last_status(&self, id: &Value) -> String {
        eventually("the receipt says read", async || {
            self.collect(json!({})).await;
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let last = kept.receipts.iter().rev().find(|receipt| receipt["id"] == *id)?;
            (last["status"] == "read").then(|| "read".to_owned())
        })
        .await
    }

    /// Every status that receipts gave the message with this id so far, in order.
    pub fn statuses(&self, id: &Value) -> Vec<Value> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let receipts = kept.receipts.iter().filter(|receipt| receipt["id"] == *id);
        receipts.map(|receipt| receipt["status"].clone()).collect()
    }

    /// Reads once more. All messages that the test has not taken; at the end of a test there must be none.
    pub async fn leftovers(&self) -> Vec<Value> {
        self.collect(json!({})).await;
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).messages)
    }

    /// Waits until the bridge holds this many unread messages.
    pub async fn holds(&self, count: usize) {
        eventually(&format!("{count} messages wait for {}", self.alias), async || {
            let unread = self.call("register", json!({})).await["unread"].as_u64().unwrap_or(0);
            (unread == count as u64).then_some(())
        })
        .await;
    }

    /// Waits until the peer with this alias is listed with this presence.
    pub async fn sees(&self, alias: &str, presence: &str) -> Value {
        eventually(&format!("{alias} is {presence}"), async || {
            let answer = self.try_call("list_peers", json!({ "limit": 200 })).await.ok()?;
            let peers = list(&answer, "peers");
            peers.into_iter().find(|peer| peer["alias"] == alias && peer["presence"] == presence)
        })
        .await
    }

    /// The next line that answers no call; none once stdout is closed.
    pub async fn line(&self) -> Option<String> {
        within("a line of the bridge", self.client.next_line()).await
    }

    /// Writes a line as it is.
    pub async fn say(&self, line: impl Into<Vec<u8>>) {
        within("a write", self.client.send_line(line)).await.expect("the bridge reads");
    }

    /// Waits until a tool that needs the hub fails with a text that `is_it` accepts.
    pub async fn ends_up_with(&self, is_it: impl Fn(&str) -> bool) {
        eventually("its tools fail as they should", async || {
            let failed = self.try_call("list_peers", json!({})).await.err()?;
            is_it(&failed.to_string()).then_some(())
        })
        .await;
    }

    /// Waits until the bridge's answers count this many misbehaviours of its hub.
    pub async fn accuses_hub(&self, times: u64) {
        eventually(&format!("the hub is accused {times} times"), async || {
            let answer = self.call("register", json!({})).await;
            let accused = answer["hub_misbehaving"].as_u64().unwrap_or_default();
            assert!(accused <= times, "{accused} accusations of {times}: {}", self.stderr());
            (accused == times).then_some(())
        })
        .await;
    }

    /// Waits until the bridge is on its hub and lists no other peer.
    pub async fn sees_nobody(&self) {
        eventually("it is on its hub, alone", async || {
            let answer = self.try_call("list_peers", json!({})).await.ok()?;
            (answer["total"] == 0).then_some(())
        })
        .await;
    }

    /// All of the bridge's stderr so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// How the bridge ended, and how long that took from this call on.
    pub async fn ended(&self) -> (Option<ExitStatus>, Duration) {
        let started = std::time::Instant::now();
        let status = within("the bridge ends", self.client.wait()).await;
        (status, started.elapsed())
    }
}

/// The elements of a list in an answer; none if it has no such list.
pub fn list(answer: &Value, name: &str) -> Vec<Value> {
    answer[name].as_array().cloned().unwrap_or_default()
}

/// The texts of messages.
pub fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["message"].as_str().expect("a text")).collect()
}

/// Alice and bob, registered on this hub, alice first.
pub async fn pair(home: &TestHome, hub: &TestHub) -> (TestBridge, TestBridge) {
    (TestBridge::join(home, hub, "alice").await, TestBridge::join(home, hub, "bob").await)
}

/// The next message that the bridge wrote and no call was waiting for.
pub async fn next_json(bridge: &TestBridge) -> Value {
    let line = bridge.line().await.expect("the bridge lives");
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("stdout carries MCP alone: {line}"))
}

/// The answer to the request of this id among what the bridge writes.
pub async fn answer_to(bridge: &TestBridge, id: &Value) -> Value {
    loop {
        let message = next_json(bridge).await;
        if message["id"] == *id && message.get("method").is_none() {
            return message;
        }
    }
}

/// The line of a tool call under an id of any kind.
pub fn tool_call(id: &Value, tool: &str, arguments: &Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}
