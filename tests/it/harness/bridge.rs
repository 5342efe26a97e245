//! A real bridge, driven as an agent's client drives it.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use junction_testkit::client::{Call, CallError, Client, Launch};
use serde_json::{Value, json};

use super::home::{BRIDGE, Home};
use super::{TestHub, eventually, within};

/// The two ways a client opens a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// `initialize`, up to 2025-11-25.
    Initialize,
    /// `server/discover`, from 2026-07-28 on.
    Stateless,
}

/// A running bridge; dropped, it is killed.
pub(crate) struct TestBridge {
    /// The client's end.
    pub(crate) client: Client,
    /// Its alias, once registered.
    pub(crate) alias: String,
    stderr: PathBuf,
    kept: Mutex<Kept>,
}

/// What was read and not yet asked for.
#[derive(Default)]
struct Kept {
    messages: Vec<Value>,
    receipts: Vec<Value>,
}

impl TestBridge {
    /// How a bridge of this home is started for a port, without a hub of its own.
    pub(crate) fn launch(home: &Home, port: u16) -> Launch {
        Launch::new(BRIDGE)
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("JUNCTION_HUB", format!("127.0.0.1:{port}"))
            .env("JUNCTION_AUTOSTART", "false")
            .env("JUNCTION_SEND_LIMIT", "off")
            .env("XDG_RUNTIME_DIR", home.runtime("all"))
            .env_remove("CLAUDE_CODE_MESSAGING_SOCKET")
            .env_remove("CLAUDE_CODE_MESSAGING_TOKEN")
            .env_remove("CODEX_HOME")
            .env_remove("CLAUDE_PROJECT_DIR")
            .cwd(home.path())
    }

    /// A bridge under a client that has opened nothing yet.
    pub(crate) fn spawn(home: &Home, launch: Launch) -> Self {
        let (stderr, file) = home.log("bridge");
        let client = launch.stderr(file).start().expect("the bridge starts");
        Self { client, alias: String::new(), stderr, kept: Mutex::default() }
    }

    /// A bridge under a client that has opened its session.
    pub(crate) async fn open(home: &Home, launch: Launch, era: Era) -> Self {
        let bridge = Self::spawn(home, launch);
        match era {
            Era::Initialize => within("initialize", bridge.client.initialize("test-client")).await,
            Era::Stateless => within("discover", bridge.client.discover("test-client")).await,
        }
        .expect("the bridge opens a session");
        bridge
    }

    /// A bridge on this hub, registered under this alias.
    pub(crate) async fn join(home: &Home, hub: &TestHub, alias: &str) -> Self {
        Self::join_port(home, hub.port, alias).await
    }

    /// A bridge on the hub at this port, registered under this alias.
    pub(crate) async fn join_port(home: &Home, port: u16, alias: &str) -> Self {
        let mut bridge = Self::open(home, Self::launch(home, port), Era::Initialize).await;
        bridge.register(alias).await;
        bridge
    }

    /// Registers under this alias, which must be granted.
    pub(crate) async fn register(&mut self, alias: &str) -> Value {
        let answer = self.call("register", json!({ "alias": alias })).await;
        assert_eq!(answer["alias"], alias);
        alias.clone_into(&mut self.alias);
        answer
    }

    /// A tool's structured result; the tool must not fail.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        match self.try_call(tool, arguments).await {
            Ok(value) => value,
            Err(error) => panic!("{tool} of {} failed: {error}", self.alias),
        }
    }

    /// A tool's result, whatever it is.
    pub(crate) async fn try_call(&self, tool: &str, arguments: Value) -> Result<Value, CallError> {
        within(tool, self.client.call(tool, arguments)).await
    }

    /// The text of a tool that must fail in-band: one sentence that says what is wrong and one that says
    /// what to do.
    pub(crate) async fn error(&self, tool: &str, arguments: Value) -> String {
        match self.try_call(tool, arguments).await {
            Err(CallError::Tool(text)) => {
                assert!(text.starts_with("Error: "), "{text}");
                text
            }
            other => panic!("{tool} should fail in-band, but gave {other:?}"),
        }
    }

    /// Begins a call and leaves it open.
    pub(crate) async fn begin(&self, tool: &str, arguments: Value) -> Call<'_> {
        self.client.begin_call(tool, arguments).await.expect("the bridge takes calls")
    }

    /// Sends a message; the answer, with its `id` and `status`.
    pub(crate) async fn send(&self, to: &str, message: &str) -> Value {
        self.call("send_message", json!({ "target_alias": to, "message": message })).await
    }

    /// Reads what is there now.
    pub(crate) async fn read(&self) -> Value {
        self.call("read_messages", json!({})).await
    }

    /// Reads what is there and puts it aside for [`Self::read_many`] and [`Self::receipt`].
    async fn collect(&self, arguments: Value) {
        let answer = self.call("read_messages", arguments).await;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.messages.extend(list(&answer, "messages"));
        kept.receipts.extend(list(&answer, "receipts"));
    }

    /// The next `count` messages in their order; it waits until they have come.
    pub(crate) async fn read_many(&self, count: usize) -> Vec<Value> {
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
    pub(crate) async fn read_one(&self) -> Value {
        self.read_many(1).await.remove(0)
    }

    /// The end of the message with this id, once it is told.
    pub(crate) async fn receipt(&self, id: &Value) -> Value {
        eventually("the receipt comes", async || {
            self.collect(json!({})).await;
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.receipts.iter().find(|receipt| receipt["id"] == *id).cloned()
        })
        .await
    }

    /// Waits until `count` ends were told, all of them that the message was read.
    pub(crate) async fn all_told_read(&self, count: usize) {
        eventually("every end is told", async || {
            self.collect(json!({})).await;
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for receipt in &kept.receipts {
                assert_eq!(receipt["status"], "read", "{receipt}");
            }
            assert!(kept.receipts.len() <= count, "an end is told twice");
            (kept.receipts.len() == count).then_some(())
        })
        .await;
    }

    /// The status told last of the message with this id, once one of `read` was told.
    pub(crate) async fn last_word(&self, id: &Value) -> String {
        eventually("it is told as read", async || {
            self.collect(json!({})).await;
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let last = kept.receipts.iter().rev().find(|receipt| receipt["id"] == *id)?;
            (last["status"] == "read").then(|| "read".to_owned())
        })
        .await
    }

    /// All that was told so far of the message with this id, in order.
    pub(crate) fn words(&self, id: &Value) -> Vec<Value> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let told = kept.receipts.iter().filter(|receipt| receipt["id"] == *id);
        told.map(|receipt| receipt["status"].clone()).collect()
    }

    /// Reads once more and gives whatever nobody has taken yet: all that is left must be nothing.
    pub(crate) async fn leftovers(&self) -> Vec<Value> {
        self.collect(json!({})).await;
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).messages)
    }

    /// Waits until so many messages wait unread.
    pub(crate) async fn holds(&self, count: usize) {
        eventually(&format!("{count} messages wait for {}", self.alias), async || {
            let unread = self.call("register", json!({})).await["unread"].as_u64().unwrap_or(0);
            (unread == count as u64).then_some(())
        })
        .await;
    }

    /// Waits until the peer with this alias is listed with this presence.
    pub(crate) async fn sees(&self, alias: &str, presence: &str) -> Value {
        eventually(&format!("{alias} is {presence}"), async || {
            let answer = self.try_call("list_peers", json!({ "limit": 200 })).await.ok()?;
            let peers = list(&answer, "peers");
            peers.into_iter().find(|peer| peer["alias"] == alias && peer["presence"] == presence)
        })
        .await
    }

    /// The next line that answers no call; none once stdout is closed.
    pub(crate) async fn line(&self) -> Option<String> {
        within("a line of the bridge", self.client.next_line()).await
    }

    /// Writes a line as it is.
    pub(crate) async fn say(&self, line: impl Into<Vec<u8>>) {
        within("a write", self.client.send_line(line)).await.expect("the bridge reads");
    }

    /// Waits until a tool that needs the hub fails with such a text.
    pub(crate) async fn ends_up_with(&self, is_it: impl Fn(&str) -> bool) {
        eventually("its tools fail as they should", async || {
            let failed = self.try_call("list_peers", json!({})).await.err()?;
            is_it(&failed.to_string()).then_some(())
        })
        .await;
    }

    /// Waits until its answers say that its hub misbehaved this often.
    pub(crate) async fn accuses_hub(&self, times: u64) {
        eventually(&format!("the hub is accused {times} times"), async || {
            let answer = self.call("register", json!({})).await;
            let accused = answer["hub_misbehaving"].as_u64().unwrap_or_default();
            assert!(accused <= times, "{accused} accusations of {times}: {}", self.stderr());
            (accused == times).then_some(())
        })
        .await;
    }

    /// Waits until it is on its hub, where nobody else is.
    pub(crate) async fn sees_nobody(&self) {
        eventually("it is on its hub, alone", async || {
            let answer = self.try_call("list_peers", json!({})).await.ok()?;
            (answer["total"] == 0).then_some(())
        })
        .await;
    }

    /// What it wrote to stderr.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// How it ended, and how long that took from now on.
    pub(crate) async fn ended(&self) -> (Option<ExitStatus>, Duration) {
        let started = std::time::Instant::now();
        let status = within("the bridge ends", self.client.wait()).await;
        (status, started.elapsed())
    }
}

/// The elements of a list in an answer; none if it has no such list.
pub(crate) fn list(answer: &Value, name: &str) -> Vec<Value> {
    answer[name].as_array().cloned().unwrap_or_default()
}

/// The texts of messages.
pub(crate) fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["message"].as_str().expect("a text")).collect()
}

/// Alice and bob, registered on this hub, alice first.
pub(crate) async fn pair(home: &Home, hub: &TestHub) -> (TestBridge, TestBridge) {
    (TestBridge::join(home, hub, "alice").await, TestBridge::join(home, hub, "bob").await)
}

/// The next message that the bridge wrote and no call was waiting for.
pub(crate) async fn next_json(bridge: &TestBridge) -> Value {
    let line = bridge.line().await.expect("the bridge lives");
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("stdout carries MCP alone: {line}"))
}

/// The answer to the request of this id among what the bridge writes.
pub(crate) async fn answer_to(bridge: &TestBridge, id: &Value) -> Value {
    loop {
        let message = next_json(bridge).await;
        if message["id"] == *id && message.get("method").is_none() {
            return message;
        }
    }
}

/// The line of a tool call under an id of any kind.
pub(crate) fn tool_call(id: &Value, tool: &str, arguments: &Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}
