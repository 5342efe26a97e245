//! MCP over HTTP: what a client of the gateway waits for, on connections that it keeps, and the memory of an agent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join;
use junction_testkit::{
    HttpAnswer, HttpClient, TestGateway, TestHome, TestHub, free_port, raise_file_limit, within,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::memory::mebibytes;
use crate::quantiles;

/// Requests of a kind that are timed, after so many that are not.
const REQUESTS: usize = 2_000;
const WARMING: usize = 200;
/// Messages that are timed, and the bytes of each.
const MESSAGES: usize = 2_000;
const SIZE: usize = 200;
/// Bytes that a client reads at once.
const BUFFER: usize = 16 * 1024;
/// Agents whose memory is read.
const AGENTS: usize = 500;

/// A client that keeps its connection.
struct KeptConnection {
    client: HttpClient,
    stream: TcpStream,
}

impl KeptConnection {
    async fn open(client: HttpClient) -> Self {
        let stream = TcpStream::connect(client.address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        Self { client, stream }
    }

    /// The answer to a message.
    async fn ask(&mut self, message: &Value) -> HttpAnswer {
        let request = self.client.bytes("POST", "", message.to_string().as_bytes());
        self.stream.write_all(&request).await.expect("it listens");
        let mut bytes = Vec::with_capacity(BUFFER);
        loop {
            let read = within("an answer", self.stream.read_buf(&mut bytes)).await;
            assert_ne!(read.expect("bytes"), 0, "the connection ends");
            if !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                continue;
            }
            let answer = HttpAnswer::parse(&bytes);
            assert!(answer.status < 300, "{answer:?}");
            assert!(!answer.head.contains("transfer-encoding"), "JSON is wanted here: {answer:?}");
            if answer.is_whole() {
                return answer;
            }
        }
    }

    /// What a tool answers.
    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let call = self.client.tool_call(tool, &arguments);
        let mut answer = self.ask(&call).await.json();
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["structuredContent"].take()
    }

    /// How long each of these requests takes.
    async fn times(&mut self, method: &str, params: &Value) -> Vec<Duration> {
        let mut times = Vec::new();
        for number in 0..WARMING + REQUESTS {
            let request = self.client.request(method, params);
            let started = Instant::now();
            self.ask(&request).await;
            if number >= WARMING {
                times.push(started.elapsed());
            }
        }
        times
    }
}

/// Runs all of it.
pub(crate) async fn run() {
    requests_and_messages().await;
    memory_of_agents().await;
}

async fn requests_and_messages() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let port = free_port().to_string();
    let command = TestGateway::command(&home, hub.port, &["--compat", &port]);
    let mut gateway = TestGateway::of(command).await;
    gateway.line_with("every program of your user").await;
    let address = ([127, 0, 0, 1], port.parse().expect("a port")).into();
    let mut open = KeptConnection::open(HttpClient::new(address, "/mcp")).await;
    let opening = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "bench", "version": "1" },
    });
    println!("http, initialize: {}", quantiles(&mut open.times("initialize", &opening).await));
    println!(
        "http, session until tools/list: {}",
        quantiles(&mut sessions(address, &opening).await)
    );
    let mut reader = KeptConnection::open(gateway.add(&home, "reader").await).await;
    reader.call("register", json!({})).await;
    let list = json!({});
    println!("http, tools/list: {}", quantiles(&mut reader.times("tools/list", &list).await));
    let mut sender = KeptConnection::open(gateway.add(&home, "sender").await).await;
    sender.call("register", json!({})).await;
    let (mut calls, mut arrivals) = (Vec::new(), Vec::new());
    for number in 0..WARMING + MESSAGES {
        let (call, arrival) = message(&mut sender, &mut reader).await;
        if number >= WARMING {
            calls.push(call);
            arrivals.push(arrival);
        }
    }
    println!("http, send of {SIZE} B, answered: {}", quantiles(&mut calls));
    println!("http, send until a waiting reader has it: {}", quantiles(&mut arrivals));
    let mut reads = Vec::new();
    for _ in 0..MESSAGES {
        sender
            .call("send_message", json!({ "target_alias": "reader", "message": "m".repeat(SIZE) }))
            .await;
        let started = Instant::now();
        let read = reader.call("read_messages", json!({})).await;
        reads.push(started.elapsed());
        assert_eq!(read["messages"].as_array().map(Vec::len), Some(1), "{read}");
    }
    println!("http, read of {SIZE} B: {}", quantiles(&mut reads));
    let mut empty = Vec::new();
    for _ in 0..REQUESTS {
        let started = Instant::now();
        reader.call("read_messages", json!({})).await;
        empty.push(started.elapsed());
    }
    println!("http, read of nothing: {}", quantiles(&mut empty));
}

/// How long each of some new clients takes from its connection to the answer to `tools/list`, in a session of its own.
async fn sessions(address: SocketAddr, opening: &Value) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        let started = Instant::now();
        let mut connection = KeptConnection::open(HttpClient::new(address, "/mcp")).await;
        let opened = connection.ask(&connection.client.request("initialize", opening)).await;
        connection.client.session = opened.header("mcp-session-id").map(str::to_owned);
        connection.ask(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        connection.ask(&connection.client.request("tools/list", &json!({}))).await;
        times.push(started.elapsed());
    }
    times
}

/// Sends a message to a reader that waits. How long the sender's call takes, and how long until the reader has the message.
async fn message(sender: &mut KeptConnection, reader: &mut KeptConnection) -> (Duration, Duration) {
    let wait = reader.client.tool_call("read_messages", &json!({ "wait_seconds": 20 }));
    let request = reader.client.bytes("POST", "", wait.to_string().as_bytes());
    reader.stream.write_all(&request).await.expect("it listens");
    // The reader waits in the gateway once a request after it, on another connection, is answered.
    sender.call("list_peers", json!({})).await;
    let text = "m".repeat(SIZE);
    let started = Instant::now();
    let sending = async {
        sender.call("send_message", json!({ "target_alias": "reader", "message": text })).await;
        started.elapsed()
    };
    let reading = async {
        let mut answer = Vec::new();
        while !HttpAnswer::parse(&answer).is_whole() {
            let read = within("a message", reader.stream.read_buf(&mut answer)).await;
            assert_ne!(read.expect("bytes"), 0, "the connection ends");
        }
        let took = started.elapsed();
        let answer = HttpAnswer::parse(&answer).json();
        let messages = &answer["result"]["structuredContent"]["messages"];
        assert_eq!(messages.as_array().map(Vec::len), Some(1), "{answer}");
        took
    };
    join(sending, reading).await
}

async fn memory_of_agents() {
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let gateway = TestGateway::start(&home, hub.port).await;
    let mut kept = Vec::new();
    for number in 0..AGENTS {
        let client = gateway.add(&home, &format!("agent-{number}")).await;
        kept.push(KeptConnection::open(client).await);
    }
    let before = mebibytes(gateway.pid(), "Pss:");
    for agent in &mut kept {
        agent.call("register", json!({})).await;
    }
    let after = mebibytes(gateway.pid(), "Pss:");
    let each = (after - before) * 1024.0 / AGENTS as f64;
    println!(
        "http, {AGENTS} agents: gateway PSS {after:.1} MiB, {before:.1} before, {each:.0} KiB each; hub PSS {:.1} MiB",
        mebibytes(hub.pid(), "Pss:")
    );
}
