//! Many clients at once: agents that talk, clients that only begin a session, and more sessions than the gateway runs agents
//! for. Those that take a minute or much of the machine run alone:
//! `cargo test --test it -- --ignored --nocapture --test-threads 1 gateway::crowd`

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use junction_testkit::{
    HttpAnswer, HttpClient, TestGateway, TestHome, TestHub, at, eventually, free_port, memory,
    raise_file_limit, within,
};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::Instant;

/// Clients that ask at a time.
const ASKING: usize = 32;
/// Agents that have an address each, and the memory in KiB that one may take.
const AGENTS: usize = 500;
const AGENT_MEMORY: u64 = 160;
/// Sessions that only begin. One of so many leaves its connection open.
const SILENT: usize = 10_000;
const LEFT_OPEN: usize = 4;
/// Connections that the gateway has at most, and other sockets.
const CONNECTIONS: usize = 2_048;
const OTHER_SOCKETS: usize = 32;
/// What the gateway may grow by with these, in KiB: that of the connections, and nothing for a session.
const SILENT_MEMORY: u64 = 40 * CONNECTIONS as u64;
/// Sessions that call one tool, and the agents of sessions that run at most: others have places of their own.
const CALLING: usize = 1_500;
const RUNNING: usize = 768;
/// After this time an agent that nobody has asked may end for another, and a little more.
const IDLE: Duration = Duration::from_secs(62);

/// The resident memory of the gateway in KiB.
fn resident(gateway: &TestGateway) -> u64 {
    memory(gateway.pid(), "VmRSS").expect("this system has /proc")
}

/// The sockets that the gateway has open.
fn sockets(gateway: &TestGateway) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", gateway.pid())).expect("it runs");
    let links = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// A gateway with its open address at a free port, and a client of that.
async fn open_gateway(home: &TestHome, hub: &TestHub) -> (TestGateway, HttpClient) {
    let port = free_port();
    let command = TestGateway::command(home, hub.port, &["--compat", &port.to_string()]);
    let mut gateway = TestGateway::of(command).await;
    gateway.line_with("every program of your user").await;
    (gateway, HttpClient::new(([127, 0, 0, 1], port).into(), "/mcp"))
}

/// Has each of these do this, several at a time.
async fn each<T>(count: usize, work: impl AsyncFn(usize) -> T) -> Vec<T> {
    iter(0..count).map(|number| work(number)).buffered(ASKING).collect().await
}

#[tokio::test]
async fn gateway_may_have_as_many_files_open_as_the_system_grants() {
    let home = TestHome::new();
    let usual = TestGateway::command(&home, 1, &[]);
    let usual = usual.as_std();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -Sn 256; exec \"$0\" \"$@\""])
        .arg(usual.get_program())
        .args(usual.get_args())
        .envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let gateway = TestGateway::of(command).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid()));
    let limits = limits.expect("this system has /proc");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut limits = line.expect("a line").split_whitespace();
    assert_eq!(limits.next(), limits.next(), "{line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the machine for itself"]
async fn messages_of_500_agents_are_read_once() {
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let gateway = TestGateway::start(&home, hub.port).await;
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(gateway.add(&home, &format!("agent-{number}")).await);
    }
    let before = resident(&gateway);
    let started = Instant::now();
    each(AGENTS, async |number| {
        let mut agent = agents[number].clone();
        agent.initialize("crowd").await;
        agent.call("register", json!({})).await;
    })
    .await;
    let joined = started.elapsed();
    each(AGENTS, async |number| {
        let to = format!("agent-{}", (number + 1) % AGENTS);
        let message = json!({ "target_alias": to, "message": format!("to {to}") });
        agents[number].call("send_message", message).await;
    })
    .await;
    let read = each(AGENTS, async |number| {
        agents[number].call("read_messages", json!({ "wait_seconds": 20 })).await["messages"].take()
    })
    .await;
    let took = started.elapsed();
    let after = resident(&gateway);
    for (number, messages) in read.iter().enumerate() {
        assert_eq!(messages.as_array().map(Vec::len), Some(1), "agent-{number}: {messages}");
        assert_eq!(messages[0]["message"], format!("to agent-{number}"));
    }
    let again = each(AGENTS, async |number| agents[number].read().await).await;
    assert_eq!(again.concat(), [""; 0], "a message was read twice");
    let one = after.saturating_sub(before) / AGENTS as u64;
    eprintln!(
        "{AGENTS} agents: {one} KiB each ({before} KiB before, {after} after); joined in {joined:.2?}, sent and read by {took:.2?}"
    );
    assert!(one <= AGENT_MEMORY, "an agent takes {one} KiB");
}

/// Begins a session and leaves its connection open, once the answer has come.
async fn begin_and_stay(client: &HttpClient) -> TcpStream {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "silent", "version": "1" },
    });
    let request = client.request("initialize", &params).to_string();
    let mut stream = client.send("POST", "", request.as_bytes()).await;
    let mut answer = Vec::new();
    while !HttpAnswer::parse(&answer).is_whole() {
        let read = within("an answer", stream.read_buf(&mut answer)).await.expect("bytes");
        assert_ne!(read, 0, "an answer is cut off: {:?}", HttpAnswer::parse(&answer));
    }
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the machine for itself"]
async fn clients_that_only_begin_a_session_leave_nothing_behind() {
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (gateway, client) = open_gateway(&home, &hub).await;
    client.clone().initialize("first").await;
    let before = resident(&gateway);
    let started = Instant::now();
    let open = each(SILENT, async |number| {
        if number % LEFT_OPEN == 0 {
            return Some(begin_and_stay(&client).await);
        }
        client.clone().initialize("silent").await;
        None
    })
    .await;
    let (after, has) = (resident(&gateway), sockets(&gateway));
    let grown = after.saturating_sub(before);
    eprintln!(
        "{SILENT} sessions that only begin: {before} KiB before, {after} after; {has} sockets of {} left open; {:.2?}",
        open.iter().flatten().count(),
        started.elapsed(),
    );
    assert!(has <= CONNECTIONS + OTHER_SOCKETS, "{has} sockets");
    assert!(grown <= SILENT_MEMORY, "it has grown by {grown} KiB");
    let mut late = client.clone();
    late.initialize("late").await;
    assert_eq!(late.call("register", json!({})).await["peerCount"], 0);
}

/// Calls a tool in a session. The answer, or `None` if too many agents run.
async fn register(client: &HttpClient) -> Option<Value> {
    let answer = client.post(&client.tool_call("register", &json!({}))).await;
    if answer.status == 503 {
        let words = "The gateway runs as many agents as it can. Try again in a minute.\n";
        assert_eq!(answer.body, words);
        return None;
    }
    let json = answer.json();
    assert_eq!(json["result"]["isError"], false, "{answer:?}");
    Some(json["result"]["structuredContent"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the machine for itself"]
async fn newcomers_wait_until_others_are_idle_and_those_come_back_with_their_mail() {
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (gateway, client) = open_gateway(&home, &hub).await;
    let before = resident(&gateway);
    let started = Instant::now();
    let sessions = each(CALLING, async |_| {
        let mut session = client.clone();
        session.initialize("calls-once").await;
        session
    })
    .await;
    let served = each(CALLING, async |number| register(&sessions[number]).await).await;
    let running = served.iter().flatten().count();
    let (after, took) = (resident(&gateway), started.elapsed());
    eprintln!(
        "{CALLING} sessions that call once: {running} served at first, after {took:.2?}; {before} KiB before, {after} after"
    );
    // Those that were served first may have been idle for a minute on a slow machine.
    assert!(running == RUNNING || took > IDLE, "{running} were served");
    let first = served.iter().position(Option::is_some).expect("one was served");
    let last = served.iter().rposition(Option::is_some).expect("one was served");
    let alias = served[first].as_ref().expect("an answer")["alias"].clone();
    let message = json!({ "target_alias": alias, "message": "before you rest" });
    sessions[last].call("send_message", message).await;
    at(Instant::now() + IDLE).await;
    let refused: Vec<_> = (0..CALLING).filter(|number| served[*number].is_none()).collect();
    let late = each(refused.len(), async |at| register(&sessions[refused[at]]).await).await;
    let now_served = late.iter().flatten().count();
    eprintln!("{now_served} of {} that were refused are served a minute later", refused.len());
    assert_eq!(now_served, refused.len());
    eventually("the others have ended", async || {
        (sockets(&gateway) <= RUNNING + OTHER_SOCKETS).then_some(())
    })
    .await;
    let back = register(&sessions[first]).await.expect("another is idle");
    assert_eq!(back["alias"], alias);
    assert_eq!(sessions[first].read().await, ["before you rest"]);
}
