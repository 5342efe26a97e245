//! A gateway as a process, and clients that ask it over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::{TestHome, eventually, person, run_person, signal, within};

/// What a client says that it takes.
pub const ACCEPT: &str = "Accept: application/json, text/event-stream\r\n";
/// What the gateway prints before the address that it serves.
const SERVES: &str = "Serving MCP at ";

/// A gateway that runs.
pub struct TestGateway {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// The address that is printed.
    pub address: SocketAddr,
}

/// A client of one address of a gateway, which makes a connection for each request.
#[derive(Clone)]
pub struct HttpClient {
    /// Where the gateway serves.
    pub address: SocketAddr,
    /// The path of the address.
    pub path: String,
    /// The id of its session, if it was given one.
    pub session: Option<String>,
    /// The version of MCP in its header, if it sends one.
    pub version: Option<&'static str>,
    next: Arc<AtomicU64>,
}

/// An answer to a request.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The header lines, in lower case up to the colon.
    pub head: String,
    /// The body, of which chunks are put together.
    pub body: String,
}

impl TestGateway {
    /// How a gateway of this home is started, whose agents join the hub at this port. It serves at a free port.
    pub fn command(home: &TestHome, hub: u16, arguments: &[&str]) -> Command {
        let all = [&["gateway", "--listen", "127.0.0.1:0"], arguments].concat();
        person(home, hub, &all)
    }

    /// A gateway of this home, whose agents join the hub at this port.
    pub async fn start(home: &TestHome, hub: u16) -> Self {
        Self::of(Self::command(home, hub, &[])).await
    }

    /// The gateway that this command serves.
    pub async fn of(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut gateway = Self { child, lines, address: ([127, 0, 0, 1], 0).into() };
        let served = gateway.line_with(SERVES).await;
        let address = served.strip_prefix("http://").and_then(|rest| rest.split_once('/'));
        gateway.address = address.expect("an address").0.parse().expect("an address");
        gateway
    }

    /// What follows these words in a line that it prints.
    pub async fn line_with(&mut self, words: &str) -> String {
        loop {
            let line = within("a line", self.lines.next_line()).await.expect("its stderr");
            let line = line.unwrap_or_else(|| panic!("a line with {words:?}"));
            if let Some((_, rest)) = line.split_once(words) {
                return rest.trim_end_matches('.').to_owned();
            }
        }
    }

    /// A client of an agent of this name, which is added.
    pub async fn add(&self, home: &TestHome, name: &str) -> HttpClient {
        let run = run_person(home, 1, &["gateway", "add", name]).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        let path = run.stdout.trim().rsplit_once("/mcp/").expect("a path").1;
        HttpClient::new(self.address, &format!("/mcp/{path}"))
    }

    /// The process that serves.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Kills the gateway.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it is killed");
    }

    /// Waits until the gateway ends by itself; its exit status, and what it has said since it serves.
    pub async fn ended(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        while let Some(line) = within("the end", self.lines.next_line()).await.expect("its stderr")
        {
            said.push_str(&line);
        }
        let status = within("the gateway ends", self.child.wait()).await.expect("its status");
        (status.code(), said)
    }

    /// Ends the gateway by Ctrl-C; its exit status.
    pub async fn interrupt(mut self) -> Option<i32> {
        signal(self.pid(), rustix::process::Signal::INT);
        within("the gateway ends", self.child.wait()).await.expect("its status").code()
    }
}

impl HttpClient {
    /// A client of this path, which sends no version.
    pub fn new(address: SocketAddr, path: &str) -> Self {
        let (session, version, next) = (None, None, Arc::default());
        Self { address, path: path.to_owned(), session, version, next }
    }

    /// This client, asking another gateway.
    pub fn at(&self, gateway: &TestGateway) -> Self {
        Self { address: gateway.address, ..self.clone() }
    }

    /// Opens a session of a stateful version, and names it from now on.
    pub async fn initialize(&mut self, client: &str) -> Value {
        let version = "2025-11-25";
        let params = json!({
            "protocolVersion": version, "capabilities": {},
            "clientInfo": { "name": client, "version": "1" },
        });
        let answer = self.post(&self.request("initialize", &params)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.session = answer.header("mcp-session-id").map(str::to_owned);
        self.version = Some(version);
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(self.post(&initialized).await.status, 202);
        answer.json()["result"].clone()
    }

    /// A request with an id of its own.
    pub fn request(&self, method: &str, params: &Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// A call of a tool, as a request.
    pub fn tool_call(&self, tool: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// The answer of a tool.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.post(&self.tool_call(tool, &arguments)).await;
        let json = answer.json();
        let result = &json["result"];
        assert_eq!(result["isError"], false, "{tool}: {answer:?}");
        let structured = result["structuredContent"].clone();
        let text = result["content"][0]["text"].as_str().expect("a text");
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), structured);
        structured
    }

    /// Waits until the first peer that is listed is so.
    pub async fn sees_peer(&self, field: &str, value: &str) {
        eventually(&format!("{field} is {value}"), async || {
            let peers = self.call("list_peers", json!({})).await;
            (peers["peers"][0][field] == value).then_some(())
        })
        .await;
    }

    /// Waits until it is told what became of a message that it sent.
    pub async fn outcome(&self, id: &Value) -> Value {
        eventually("the end of a message", async || {
            let read = self.call("read_messages", json!({})).await;
            let receipts = read["receipts"].as_array().expect("receipts").iter();
            let mut ends = receipts.filter(|receipt| receipt["id"] == *id);
            ends.next().map(|receipt| receipt["status"].clone())
        })
        .await
    }

    /// What a tool answers as an error.
    pub async fn error(&self, tool: &str, arguments: Value) -> String {
        let json = self.post(&self.tool_call(tool, &arguments)).await.json();
        assert_eq!(json["result"]["isError"], true, "{json}");
        json["result"]["content"][0]["text"].as_str().expect("a text").to_owned()
    }

    /// The texts of the messages that wait.
    pub async fn read(&self) -> Vec<String> {
        let answer = self.call("read_messages", json!({})).await;
        let messages = answer["messages"].as_array().expect("messages");
        let text = |message: &Value| message["message"].as_str().expect("a text").to_owned();
        messages.iter().map(text).collect()
    }

    /// The answer to a message that is posted.
    pub async fn post(&self, message: &Value) -> HttpAnswer {
        self.ask("POST", "", message.to_string().as_bytes()).await
    }

    /// The answer to a request with these further header lines.
    pub async fn ask(&self, method: &str, headers: &str, body: &[u8]) -> HttpAnswer {
        let headers = format!("Connection: close\r\n{headers}");
        let mut stream = self.send(method, &headers, body).await;
        let mut answer = Vec::new();
        within("an answer", stream.read_to_end(&mut answer)).await.expect("all of it");
        HttpAnswer::parse(&answer)
    }

    /// A connection on which a request was sent.
    pub async fn send(&self, method: &str, headers: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let request = self.bytes(method, headers, body);
        // A gateway that refuses a request may not take all of it.
        let _ = stream.write_all(&request).await;
        stream
    }

    /// The bytes of a request.
    pub fn bytes(&self, method: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let mut head = format!("{method} {} HTTP/1.1\r\n{headers}", self.path);
        let mut add = |name: &str, value: String| {
            if !headers.to_ascii_lowercase().contains(&format!("{name}:")) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        };
        add("host", self.address.to_string());
        add("content-type", "application/json".to_owned());
        add("accept", ACCEPT.trim_start_matches("Accept: ").trim_end().to_owned());
        add("content-length", body.len().to_string());
        self.session.iter().for_each(|session| add("mcp-session-id", session.clone()));
        self.version.iter().for_each(|version| add("mcp-protocol-version", (*version).to_owned()));
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }
}

impl HttpAnswer {
    /// An answer of these bytes, which may be cut off.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, rest) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let lower = |line: &str| match line.split_once(':') {
            Some((name, value)) => format!("{}:{value}\n", name.to_ascii_lowercase()),
            None => format!("{line}\n"),
        };
        let head: String = head.lines().map(lower).collect();
        let is_chunked = head.contains("transfer-encoding: chunked");
        let body = if is_chunked { dechunked(rest) } else { rest.to_owned() };
        Self { status: status.unwrap_or_default(), head, body }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}:")))?;
        Some(line.trim())
    }

    /// The body as JSON, or the last message of a stream.
    pub fn json(&self) -> Value {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let text = events.next_back().unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }

    /// Whether a client that has received this much has a whole message: in a stream, an empty line ends one.
    pub fn is_whole(&self) -> bool {
        match self.header("content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => self.body.len() >= length,
            None => self.body.contains("\"result\"") && self.body.ends_with("\n\n"),
        }
    }
}

/// The content of chunks, of which the last may be cut off.
fn dechunked(mut rest: &str) -> String {
    let mut content = String::new();
    while let Some((length, chunk)) = rest.split_once("\r\n") {
        let Ok(length) = usize::from_str_radix(length, 16) else { break };
        if length == 0 {
            break;
        }
        let taken = length.min(chunk.len());
        content.push_str(&chunk[..taken]);
        rest = chunk.get(taken + 2..).unwrap_or_default();
    }
    content
}
