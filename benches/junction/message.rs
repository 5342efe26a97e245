//! One message from agent to agent through three real processes, beside a bare websocket echo.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use futures_util::{SinkExt, StreamExt};
use junction_testkit::{TestBridge, TestHome, TestHub, pair};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// The text of the message: 200 bytes.
const SIZE: usize = 200;
/// After so many messages the sender takes its receipts.
const RECEIPTS: usize = 64;

/// Both, and how many times the one takes as long as the other.
pub(crate) fn agent_to_agent(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("message");
    group.sample_size(50).measurement_time(Duration::from_secs(10));
    let mut echoes = Vec::new();
    let mut echo = runtime.block_on(Echo::start());
    group.bench_function("websocket echo, 200 B", |bencher| {
        bencher.iter_custom(|times| runtime.block_on(echo.run(times, &mut echoes)));
    });
    let mut messages = Vec::new();
    let mut agents = runtime.block_on(AgentPair::start());
    group.bench_function("agent to agent, 200 B", |bencher| {
        bencher.iter_custom(|times| runtime.block_on(agents.run(times, &mut messages)));
    });
    group.finish();
    if let (Some(echo), Some(message)) = (Quantiles::of(echoes), Quantiles::of(messages)) {
        let ratio = message.p50.as_secs_f64() / echo.p50.as_secs_f64();
        eprintln!(
            "websocket echo:  {echo}\nagent to agent:  {message}\nratio of medians: {ratio:.1}\n"
        );
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// What half and what 99 of 100 stay below.
struct Quantiles {
    p50: Duration,
    p99: Duration,
    count: usize,
}

impl Quantiles {
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 100).copied();
        Some(Self { p50: at(50)?, p99: at(99)?, count: times.len() })
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { p50, p99, count } = self;
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, of {count}")
    }
}

/// A websocket to a server that says back what it hears.
struct Echo(WebSocketStream<TcpStream>);

impl Echo {
    async fn start() -> Self {
        let (sender, port) = mpsc::sync_channel(1);
        // A thread of its own: on the client's one the two would take turns.
        std::thread::spawn(move || runtime().block_on(serve_echo(&sender)));
        let port = port.recv().expect("the server is up");
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it accepts");
        stream.set_nodelay(true).expect("a socket option");
        let url = format!("ws://127.0.0.1:{port}/");
        Self(client_async(url, stream).await.expect("it upgrades").0)
    }

    async fn run(&mut self, times: u64, each: &mut Vec<Duration>) -> Duration {
        let payload = Bytes::from(vec![7; SIZE]);
        let mut sum = Duration::ZERO;
        for _ in 0..times {
            let started = Instant::now();
            self.0.send(Message::Binary(payload.clone())).await.expect("sent");
            self.0.next().await.expect("an echo").expect("an echo");
            let took = started.elapsed();
            each.push(took);
            sum += took;
        }
        sum
    }
}

async fn serve_echo(port: &mpsc::SyncSender<u16>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    port.send(listener.local_addr().expect("an address").port()).expect("somebody waits");
    let (stream, _) = listener.accept().await.expect("a client");
    stream.set_nodelay(true).expect("a socket option");
    let mut socket = accept_async(stream).await.expect("an upgrade");
    while let Some(Ok(message)) = socket.next().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A hub and two bridges on it, each a process.
struct AgentPair {
    alice: TestBridge,
    bob: TestBridge,
    sent: usize,
    _hub: TestHub,
    _home: TestHome,
}

impl AgentPair {
    async fn start() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let (alice, bob) = pair(&home, &hub).await;
        Self { alice, bob, sent: 0, _hub: hub, _home: home }
    }

    async fn run(&mut self, times: u64, each: &mut Vec<Duration>) -> Duration {
        let mut sum = Duration::ZERO;
        for _ in 0..times {
            let took = self.one().await;
            each.push(took);
            sum += took;
            self.sent += 1;
            if self.sent.is_multiple_of(RECEIPTS) {
                self.alice.read().await;
            }
        }
        sum
    }

    /// From alice's call to the answer that brings the message to bob, who waits for it.
    async fn one(&mut self) -> Duration {
        let read = json!({ "wait_seconds": 30 });
        let reading = self.bob.client.begin_call("read_messages", read).await.expect("a read");
        // Lines are read in order: once this is answered, the read waits.
        self.bob.client.request("ping", json!({})).await.expect("a pong");
        let send = json!({ "target_alias": "bob", "message": "m".repeat(SIZE) });
        let started = Instant::now();
        let sending = self.alice.client.begin_call("send_message", send).await.expect("a send");
        let answer = reading.content().await.expect("an answer");
        let took = started.elapsed();
        sending.content().await.expect("a status");
        assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1));
        took
    }
}
