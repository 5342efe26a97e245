//! A small MCP client over the stdio of a server that it starts, as an agent's command-line tool is. It sets no time
//! limits: callers do.

mod launch;
mod pipes;

use std::future::poll_fn;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

use pipes::{Pending, held};

pub use launch::Launch;

/// The MCP version of [`McpClient::initialize`].
const INITIALIZE_VERSION: &str = "2025-11-25";
/// The MCP version of [`McpClient::discover`]: no handshake, every request names its client.
const STATELESS_VERSION: &str = "2026-07-28";

/// The reason why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The tool failed and said so in its answer (`isError`): the text the model sees.
    #[error("{0}")]
    Tool(String),
    /// The server refused the request itself.
    #[error("The server refused the request with code {code}: {message}")]
    Refused {
        /// The JSON-RPC error code.
        code: i64,
        /// The server's words.
        message: String,
    },
    /// The server ended before it answered.
    #[error("The server ended before it answered. Its stderr says why.")]
    Ended,
}

/// A running server and the client's end of its stdio. Dropping it kills the server.
pub struct McpClient {
    pid: u32,
    pending: Arc<Pending>,
    input: Mutex<Option<mpsc::Sender<Vec<u8>>>>,
    strays: Mutex<mpsc::Receiver<String>>,
    exit: watch::Receiver<Option<ExitStatus>>,
    kill: mpsc::Sender<()>,
    next_id: AtomicU64,
    /// The `_meta` of every request of a stateless client.
    stateless: Mutex<Option<Value>>,
}

/// A request that has been written. Dropping it ignores the answer.
pub struct PendingCall<'a> {
    client: &'a McpClient,
    id: u64,
    answer: oneshot::Receiver<Vec<u8>>,
}

impl McpClient {
    /// The server's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Opens the session as clients up to 2025-11-25 do, under this client name; the server's answer.
    ///
    /// # Errors
    /// [`CallError`] if the server refuses or ends.
    pub async fn initialize(&self, client: &str) -> Result<Value, CallError> {
        let params = json!({
            "protocolVersion": INITIALIZE_VERSION,
            "capabilities": {},
            "clientInfo": { "name": client, "version": "1" },
        });
        let answer = self.request("initialize", params).await?;
        self.notify("notifications/initialized", json!({})).await?;
        Ok(answer)
    }

    /// Asks the server for its capabilities, as stateless clients (2026-07-28) do, and stays stateless: every later
    /// request carries version and client.
    ///
    /// # Errors
    /// [`CallError`] if the server refuses or ends.
    pub async fn discover(&self, client: &str) -> Result<Value, CallError> {
        *held(&self.stateless) = Some(json!({
            "io.modelcontextprotocol/protocolVersion": STATELESS_VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": client, "version": "1" },
        }));
        self.request("server/discover", json!({})).await
    }

    /// The result of a tool as a model sees it: the structured content.
    ///
    /// # Errors
    /// [`CallError::Tool`] with the text if the tool failed, another if the call itself did.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Value, CallError> {
        self.begin_call(tool, arguments).await?.content().await
    }

    /// Begins a tool call and returns once it is queued for the server.
    ///
    /// # Errors
    /// [`CallError::Ended`] if the server is gone.
    pub async fn begin_call(
        &self,
        tool: &str,
        arguments: Value,
    ) -> Result<PendingCall<'_>, CallError> {
        self.begin("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// The result of a request.
    ///
    /// # Errors
    /// [`CallError`] if the server refuses or ends.
    pub async fn request(&self, method: &str, params: Value) -> Result<Value, CallError> {
        self.begin(method, params).await?.result().await
    }

    /// Begins a request and returns once it is queued for the server.
    ///
    /// # Errors
    /// [`CallError::Ended`] if the server is gone.
    pub async fn begin(
        &self,
        method: &str,
        mut params: Value,
    ) -> Result<PendingCall<'_>, CallError> {
        if let (Some(meta), Some(params)) = (held(&self.stateless).clone(), params.as_object_mut())
        {
            params.insert("_meta".to_owned(), meta);
        }
        self.begin_written(method, &params.to_string()).await
    }

    /// Begins a request whose parameters are JSON text already, and returns once it is queued for the server.
    ///
    /// # Errors
    /// [`CallError::Ended`] if the server is gone.
    pub async fn begin_written(
        &self,
        method: &str,
        params: &str,
    ) -> Result<PendingCall<'_>, CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        // Known before it is written: the answer may come before this task runs again.
        held(&self.pending).as_mut().ok_or(CallError::Ended)?.insert(id, sender);
        let call = PendingCall { client: self, id, answer };
        let mut line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":"#);
        line.reserve_exact(params.len() + 2);
        line.extend([params, "}"]);
        self.send_line(line).await?;
        Ok(call)
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// [`CallError::Ended`] if the server is gone.
    pub async fn notify(&self, method: &str, params: Value) -> Result<(), CallError> {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await
    }

    /// Writes one line as it is. The server's answer comes from [`McpClient::next_line`].
    ///
    /// # Errors
    /// [`CallError::Ended`] if the server is gone or its stdin was closed.
    pub async fn send_line(&self, line: impl Into<Vec<u8>>) -> Result<(), CallError> {
        let mut line = line.into();
        line.push(b'\n');
        let input = held(&self.input).clone().ok_or(CallError::Ended)?;
        input.send(line).await.map_err(|_| CallError::Ended)
    }

    async fn send(&self, message: &Value) -> Result<(), CallError> {
        self.send_line(message.to_string()).await
    }

    /// The next line of the server that answers no call of this client; none once the server closed its stdout. One
    /// caller at a time.
    pub async fn next_line(&self) -> Option<String> {
        poll_fn(|context| held(&self.strays).poll_recv(context)).await
    }

    /// The next line of [`McpClient::next_line`] if it has arrived already.
    #[must_use]
    pub fn try_next_line(&self) -> Option<String> {
        held(&self.strays).try_recv().ok()
    }

    /// Closes the server's stdin once everything that was sent has been written.
    pub fn close_stdin(&self) {
        held(&self.input).take();
    }

    /// Kills the server at once (SIGKILL).
    pub fn kill(&self) {
        // A full queue means that it is being killed already.
        let _ = self.kill.try_send(());
    }

    /// The exit status of the server once it has ended; none if the system does not tell.
    pub async fn wait(&self) -> Option<ExitStatus> {
        let mut exit = self.exit.clone();
        exit.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }
}

impl PendingCall<'_> {
    /// The id under which the server knows the request.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The result of the request.
    ///
    /// # Errors
    /// [`CallError`] if the server refuses or ends.
    pub async fn result(mut self) -> Result<Value, CallError> {
        parsed(&self.line().await?)
    }

    /// The structured content of a tool's result.
    ///
    /// # Errors
    /// [`CallError::Tool`] with the text if the tool failed, another if the call itself did.
    pub async fn content(mut self) -> Result<Value, CallError> {
        let line = self.line().await?;
        // The text of a success is skipped: it repeats the structure, and may be large.
        let result: ToolResult = parsed(&line)?;
        if result.is_error != Some(true) {
            return Ok(result.structured_content);
        }
        let result: Value = parsed(&line)?;
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        Err(CallError::Tool(text.to_owned()))
    }

    async fn line(&mut self) -> Result<Vec<u8>, CallError> {
        (&mut self.answer).await.map_err(|_| CallError::Ended)
    }

    /// Cancels the request.
    ///
    /// # Errors
    /// [`CallError::Ended`] if the server is gone.
    pub async fn cancel(self) -> Result<(), CallError> {
        let params = json!({ "requestId": self.id, "reason": "not wanted any more" });
        self.client.notify("notifications/cancelled", params).await
    }
}

/// A JSON-RPC response, with one of the two.
#[derive(Deserialize)]
struct JsonRpcResponse<T> {
    result: Option<T>,
    error: Option<JsonRpcError>,
}

#[derive(Deserialize)]
struct JsonRpcError {
    code: i64,
    message: String,
}

/// A tool's result without its text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult {
    #[serde(default)]
    structured_content: Value,
    is_error: Option<bool>,
}

/// The result in an answer's line.
fn parsed<T: DeserializeOwned>(line: &[u8]) -> Result<T, CallError> {
    match serde_json::from_slice(line) {
        Ok(JsonRpcResponse { result: Some(result), error: None }) => Ok(result),
        Ok(JsonRpcResponse { error: Some(error), .. }) => {
            Err(CallError::Refused { code: error.code, message: error.message })
        }
        _ => Err(CallError::Refused { code: 0, message: "What came is no answer.".to_owned() }),
    }
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if let Some(pending) = held(&self.client.pending).as_mut() {
            pending.remove(&self.id);
        }
    }
}
