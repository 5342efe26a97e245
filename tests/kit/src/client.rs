//! A small MCP client over the stdio of a server that it starts, as an agent's command-line tool is. It sets no time
//! limits: callers do.

mod pipes;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::future::poll_fn;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};

use pipes::{Pending, held, read_lines, watch_over, write_lines};

/// The queue of lines to the server. Adding one to a full queue waits.
const LINES_OUT: usize = 64;
/// The queue of lines from the server that answer no call. When the queue is full the client stops reading, as a
/// client that hangs does.
const STRAYS: usize = 64;

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

/// A server to start. It inherits the environment without every `JUNCTION_*`, so that no settings leak in. Its stderr
/// is discarded unless [`Launch::stderr`] says otherwise.
pub struct Launch(Command);

impl Launch {
    /// The server in this program file.
    #[must_use]
    pub fn new(program: impl AsRef<Path>) -> Self {
        let mut command = Command::new(program.as_ref());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        Self(command)
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Without an environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.0.env_remove(name);
        self
    }

    /// With an empty environment, except for what is added after this.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.0.env_clear();
        self
    }

    /// In this working directory.
    #[must_use]
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// With its stderr connected to this.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.0.stderr(stderr);
        self
    }

    /// Starts the server. It must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(mut self) -> std::io::Result<McpClient> {
        let mut child = self.0.spawn()?;
        let (Some(stdin), Some(stdout), Some(pid)) =
            (child.stdin.take(), child.stdout.take(), child.id())
        else {
            return Err(std::io::Error::other("the server started without its pipes"));
        };
        let (input, lines) = mpsc::channel(LINES_OUT);
        let (stray, strays) = mpsc::channel(STRAYS);
        let (kill, killed) = mpsc::channel(1);
        let (status, exit) = watch::channel(None);
        let pending = Arc::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(write_lines(stdin, lines));
        tokio::spawn(read_lines(stdout, Arc::clone(&pending), stray));
        tokio::spawn(watch_over(child, killed, status));
        Ok(McpClient {
            pid,
            pending,
            input: Mutex::new(Some(input)),
            strays: Mutex::new(strays),
            exit,
            kill,
            next_id: AtomicU64::new(1),
            stateless: Mutex::new(None),
        })
    }
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
