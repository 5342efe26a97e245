//! A client of the server, and the other end of its engine.
#![expect(clippy::needless_pass_by_value, reason = "a call reads best with its arguments in place")]

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::attachments::AttachmentAccess;
use crate::collisions::EditWatch;
use crate::mcp::server::McpServer;
use crate::mcp::tools::Tools;
use crate::testing::snapshot;
use crate::wake::Wake;
use junction_engine::Hops;
use junction_engine::hubs::known::KnownHosts;
use junction_engine::{Command, Engine, Lease, MailPage, Message, Snapshot};

/// Far longer than anything here takes: what is not there by then does not come.
const DEADLINE: Duration = Duration::from_secs(10);

/// The two kinds of MCP versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum McpVersion {
    /// Up to 2025-11-25: a session that begins with `initialize`.
    Stateful,
    /// From 2026-07-28 on: each request says which client it is from.
    Stateless,
}

pub(super) const MCP_VERSIONS: [McpVersion; 2] = [McpVersion::Stateful, McpVersion::Stateless];

/// A client, and both ends of what it talks through.
pub(super) struct PipeClient {
    version: McpVersion,
    to: Option<PipeWriter>,
    from: mpsc::Receiver<String>,
    next_id: i64,
    /// The session as the process holds it.
    pub(super) server: McpServer,
    /// What the tools ask of the engine.
    commands: mpsc::Receiver<Command>,
    /// What the engine shows.
    pub(super) snapshot: watch::Sender<Snapshot>,
    _config: TempDir,
}

/// Waits for something that must come.
pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("it comes in time")
}

impl PipeClient {
    /// A client that has opened nothing.
    pub(super) fn silent(version: McpVersion) -> Self {
        Self::with_output(version, |output| output)
    }

    /// A client that has opened nothing, whose output the server writes through something else.
    pub(super) fn with_output<W: Write + Send + 'static>(
        version: McpVersion,
        through: impl FnOnce(PipeWriter) -> W,
    ) -> Self {
        let (input, to) = pipe().unwrap();
        let (from, output) = pipe().unwrap();
        let (engine, commands, snapshot) = Engine::new(snapshot());
        let config = TempDir::new().unwrap();
        let dir = ConfigDir::at(config.path().join("config"));
        let wake = Wake::still(engine.clone());
        let attachments = AttachmentAccess::new(dir.clone());
        let edits = EditWatch::new(engine.clone(), attachments.clone());
        let tools = Tools::new(engine, wake, KnownHosts::new(dir, None), attachments, edits);
        let server = McpServer::start(tools, input, through(output)).unwrap();
        let from = lines(from);
        Self {
            version,
            to: Some(to),
            from,
            next_id: 0,
            server,
            commands,
            snapshot,
            _config: config,
        }
    }

    /// A client that has opened its session.
    pub(super) async fn open(version: McpVersion) -> Self {
        let mut agent = Self::silent(version);
        agent.opening().await;
        agent
    }

    /// Opens the session as this client's version of MCP does.
    pub(super) async fn opening(&mut self) -> Value {
        match self.version {
            McpVersion::Stateful => {
                let opened = self.request("initialize", initialize("2025-11-25", json!({}))).await;
                self.notify("notifications/initialized", json!({}));
                opened
            }
            McpVersion::Stateless => self.request("server/discover", json!({})).await,
        }
    }

    /// Writes one line.
    pub(super) fn line(&mut self, line: impl AsRef<[u8]>) {
        let to = self.to.as_mut().expect("the input is open");
        to.write_all(line.as_ref()).unwrap();
        to.write_all(b"\n").unwrap();
    }

    /// A second handle to write lines with.
    pub(super) fn split_input(&self) -> PipeWriter {
        self.to.as_ref().expect("the input is open").try_clone().unwrap()
    }

    /// Ends the input.
    pub(super) fn hang_up(&mut self) {
        self.to = None;
    }

    /// Sends a request of this id.
    pub(super) fn send(&mut self, id: &Value, method: &str, mut params: Value) {
        if self.version == McpVersion::Stateless {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test-client", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
            });
        }
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.line(request.to_string());
    }

    pub(super) fn notify(&mut self, method: &str, params: Value) {
        self.line(json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string());
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.fresh_id();
        self.send(&id, method, params);
        let answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn fresh_id(&mut self) -> Value {
        self.next_id += 1;
        json!(self.next_id)
    }

    /// Begins a call of a tool; its id.
    pub(super) fn begin(&mut self, tool: &str, arguments: Value) -> Value {
        let id = self.fresh_id();
        self.begin_as(&id, tool, arguments);
        id
    }

    /// Begins a call of a tool under this id.
    pub(super) fn begin_as(&mut self, id: &Value, tool: &str, arguments: Value) {
        self.send(id, "tools/call", json!({ "name": tool, "arguments": arguments }));
    }

    /// Cancels a call.
    pub(super) fn cancel(&mut self, id: &Value) {
        self.notify("notifications/cancelled", json!({ "requestId": id, "reason": "none" }));
    }

    /// The next message of the server.
    pub(super) async fn next(&mut self) -> Value {
        let line = within(self.from.recv()).await.expect("the output is open");
        serde_json::from_str(&line).expect("every line is JSON")
    }

    /// The result of a call that did not fail, as the next message.
    pub(super) async fn result(&mut self, id: &Value) -> Value {
        let answer = self.next().await;
        assert_eq!(answer["id"], *id, "{answer}");
        let result = &answer["result"];
        assert_eq!(result["isError"], false, "{answer}");
        let structured = &result["structuredContent"];
        assert_eq!(result["content"][0]["text"], structured.to_string());
        assert!(!structured.to_string().contains("null"), "{structured}");
        structured.clone()
    }

    /// The text of a call that failed, as the next message.
    pub(super) async fn failure(&mut self, id: &Value) -> String {
        let answer = self.next().await;
        assert_eq!(answer["id"], *id, "{answer}");
        let result = &answer["result"];
        assert_eq!(result["isError"], true, "{answer}");
        assert!(result.get("structuredContent").is_none());
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The next command to the engine that is not an observation.
    pub(super) async fn command(&mut self) -> Command {
        loop {
            match within(self.commands.recv()).await.expect("the tools live") {
                Command::SetContext(_) | Command::BeginTurn | Command::MaybeBeginTurn => {}
                command => return command,
            }
        }
    }

    /// The next observation. The repository is told beside it, by a task of its own.
    pub(super) async fn observation(&mut self) -> junction_shared::protocol::wire::Context {
        loop {
            match within(self.commands.recv()).await {
                Some(Command::SetContext(context)) => return context,
                Some(Command::Claim(_)) => {}
                _ => panic!("something else was asked of the engine"),
            }
        }
    }

    /// The server still answers, and has nothing else to say.
    pub(super) async fn assert_alive(&mut self) {
        let answer = self.request("tools/list", json!({})).await;
        assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(9), "{answer}");
    }

    /// The answers to `count` requests, by their ids in the order in which they came.
    pub(super) async fn answers(&mut self, count: usize) -> Vec<Value> {
        let mut answers = Vec::new();
        while answers.len() < count {
            answers.push(self.next().await);
        }
        answers
    }
}

/// The lines that come out of a pipe.
fn lines(pipe: PipeReader) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            if sender.blocking_send(line.unwrap()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The parameters of `initialize`.
pub(super) fn initialize(version: &str, capabilities: Value) -> Value {
    json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "clientInfo": { "name": "test-client", "version": "1" },
    })
}

/// A message from bob.
pub(super) fn message(body: &str) -> Message {
    Message {
        attachments: [].into(),
        id: MessageId([7; 16]),
        from: Alias::parse("bob").unwrap(),
        body: Arc::new(body.to_owned()),
        sent_ms: 0,
        reply_to: None,
        key_changed: None,
        sender: PeerKey([1; 32]),
        peer: PeerKey([1; 32]),
        restarted: false,
        past_limit: false,
        hops: Hops::first(MessageId([7; 16])),
        expects: junction_engine::Expectation::default(),
        group: None,
        from_person: false,
    }
}

/// A page with one message, and what tells the end of its lease.
pub(super) fn page(body: &str) -> (MailPage, tokio::sync::oneshot::Receiver<()>) {
    let (lease, end) = Lease::new();
    (
        MailPage {
            open_requests: Vec::new(),
            messages: vec![message(body)],
            receipts: Vec::new(),
            notifications: Vec::new(),
            dropped: 0,
            lease,
        },
        end,
    )
}

/// What stops and starts the flow of what is written through it.
#[derive(Clone, Default)]
pub(super) struct Valve(Arc<(Mutex<Flow>, Condvar)>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Flow {
    #[default]
    Open,
    Closed,
    Broken,
}

impl Valve {
    pub(super) fn set(&self, flow: Flow) {
        *self.0.0.lock().unwrap() = flow;
        self.0.1.notify_all();
    }

    pub(super) fn on<W: Write>(&self, output: W) -> Valved<W> {
        Valved { valve: self.clone(), output }
    }
}

/// An output behind a valve.
pub(super) struct Valved<W> {
    valve: Valve,
    output: W,
}

impl<W: Write> Write for Valved<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let (flow, changed) = &*self.valve.0;
        let flow = changed.wait_while(flow.lock().unwrap(), |flow| *flow == Flow::Closed).unwrap();
        if *flow == Flow::Broken {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.output.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}
