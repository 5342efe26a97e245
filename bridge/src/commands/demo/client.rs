//! A minimal MCP client for the demo: it starts a bridge and makes one call at a time over its stdio.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The MCP version that the client speaks.
const VERSION: &str = "2025-11-25";

/// A running bridge and the client's end of its stdio. Dropped, it kills the bridge.
pub(super) struct DemoClient {
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    calls: u64,
    bridge: Child,
}

impl DemoClient {
    /// Starts the bridge in this program file with these settings, and opens a session with it.
    pub(super) async fn start(program: &Path, settings: &[(&str, &Path)]) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        command.envs(settings.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut bridge =
            command.kill_on_drop(true).spawn().context("The bridge cannot be started.")?;
        let (Some(stdin), Some(stdout)) = (bridge.stdin.take(), bridge.stdout.take()) else {
            bail!("The bridge was started without its pipes.");
        };
        let lines = BufReader::new(stdout).lines();
        let mut client = Self { stdin, lines, calls: 0, bridge };
        let params = json!({
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": { "name": "junction-demo", "version": "1" },
        });
        client.request("initialize", params).await?;
        client.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await?;
        Ok(client)
    }

    /// The structured content of a tool's result; a tool that fails is an error with its text.
    pub(super) async fn call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        let params = json!({ "name": tool, "arguments": arguments });
        let mut result = self.request("tools/call", params).await?;
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        ensure!(result["isError"] != true, "{text}");
        Ok(result["structuredContent"].take())
    }

    /// Kills the bridge and waits until it has ended, so that nothing finds it running after the demo.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.bridge.kill().await?)
    }

    /// The result of a request. What the bridge says in between is passed over.
    async fn request(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.calls += 1;
        let id = self.calls;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await?;
        while let Some(line) = self.lines.next_line().await? {
            let mut answer: Value = serde_json::from_str(&line)?;
            if answer["id"] == id {
                ensure!(answer.get("error").is_none(), "The bridge refused {method}.");
                return Ok(answer["result"].take());
            }
        }
        bail!("The bridge ended before it answered. Its stderr says why.")
    }

    async fn write(&mut self, message: &Value) -> anyhow::Result<()> {
        let line = format!("{message}\n");
        self.stdin.write_all(line.as_bytes()).await.context("The bridge has ended.")
    }
}
