//! What a hub must survive by number: connections without end, sessions without end, frames without end. It stays
//! there for the others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::wire::{Answer, List, Question, ToBridge, ToHub};
use junction_testkit::{
    RawPeer, RawSocket, TestHome, TestHub, Transport, at, eventually, health, raise_file_limit,
    within,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Answers that a witness times.
const ANSWERS: u32 = 200;
/// The longest that nine in ten of them may take. The slowest of all depend on what else the machine does.
const P90: Duration = Duration::from_millis(50);

fn list(number: u32) -> ToHub {
    let list = List { role: None, repo: None, limit: 10, cursor: None, state: None };
    ToHub::Ask(number, Question::List(list))
}

/// How long a peer waits for the answers to its questions, one after another, longest first.
async fn times(witness: &mut RawSocket) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..ANSWERS {
        let asked = Instant::now();
        witness.send(&list(number)).await;
        let answered = |frame| match frame {
            ToBridge::Answer(n, Answer::Page(_)) if n == number => Some(()),
            _ => None,
        };
        witness.until("the witness is answered", answered).await;
        times.push(asked.elapsed());
    }
    times.sort_unstable_by(|a, b| b.cmp(a));
    times
}

/// Sends as fast as it can until the hub ends the connection: what it was closed with, and what was sent.
async fn flood(mut socket: RawSocket, message: Message) -> (Option<u16>, u64) {
    let mut sent = 0;
    while socket.feed_message(message.clone()).await {
        sent += 1;
    }
    (socket.close_code().await, sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_ends_its_own_connection_alone() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (mut witness, _) = RawSocket::join(hub.port, &RawPeer::new(&home), "witness").await;
    let peer = RawPeer::new(&home);
    let to_nobody = peer.sending(RawPeer::new(&home).key, 1, &[7; 272]);
    let tiny = junction_shared::protocol::codec::encode(&ToHub::Send(to_nobody));
    for message in [Message::Binary(tiny), Message::Ping(bytes::Bytes::new())] {
        let (socket, _) = RawSocket::join(hub.port, &peer, "flooder").await;
        let begun = Instant::now();
        let flooding = tokio::spawn(flood(socket, message));
        let times = times(&mut witness).await;
        let (p99, p90) = (times[times.len() / 100], times[times.len() / 10]);
        assert!(p90 < P90, "{p90:?} while others are flooded");
        let (code, sent) = within("the flood ends", flooding).await.expect("it does not panic");
        assert!(code.is_none_or(|code| code == Close::SlowDown.code()), "{code:?}");
        let per_second = sent as f64 / begun.elapsed().as_secs_f64();
        eprintln!("flooded with {sent} messages, {per_second:.0} a second; p99 of others {p99:?}");
    }
    assert_eq!(hub.metric("junction_closed_total{reason=\"slow_down\"}").await, 2);
}

/// Time of the processor that a process has used; nothing where the system has no /proc.
fn processor_time(pid: u32) -> Option<Duration> {
    /// What the kernel counts in, on every system that has /proc.
    const TICKS_A_SECOND: u64 = 100;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_A_SECOND))
}

#[tokio::test]
async fn ten_thousand_connections_keep_nobody_out_and_cost_no_processor_time_once_open() {
    const CONNECTIONS: u64 = 10_000;
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start_limited(&home, 1024).await;
    let address = SocketAddr::from(([127, 0, 0, 1], hub.port));
    let mut dials: FuturesUnordered<_> =
        (0..CONNECTIONS).map(|_| TcpStream::connect(address)).collect();
    let mut held = Vec::new();
    let mut asked = 0;
    while let Some(dialled) = within("the next connection", dials.next()).await {
        held.extend(dialled);
        if held.len().is_multiple_of(2_500) {
            // On a busy machine this test may be silent for so long itself that the hub gives its slot away.
            let health = eventually("health", async || health(hub.port).await).await;
            assert_eq!(health["status"], "ok");
            asked += 1;
        }
    }
    assert_eq!((held.len() as u64, asked), (CONNECTIONS, 4));
    let (_, body) = RawSocket::join(hub.port, &RawPeer::new(&home), "still-welcome").await;
    assert_eq!(body.grant.alias, "still-welcome");
    // All have been dealt with: nothing is left to do, and nothing is done.
    eventually("the last of them is gone", async || {
        (hub.metric("junction_connections_total").await >= CONNECTIONS).then_some(())
    })
    .await;
    let before = processor_time(hub.pid());
    at(tokio::time::Instant::now() + Duration::from_secs(1)).await;
    if let (Some(before), Some(after)) = (before, processor_time(hub.pid())) {
        assert!(after - before < Duration::from_millis(200), "it spins: {:?}", after - before);
    }
    drop(held);
}

#[tokio::test]
async fn sessions_are_bounded_by_descriptors_and_health_still_answers() {
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start_limited(&home, 400).await;
    let address = SocketAddr::from(([127, 0, 0, 1], hub.port));
    let mut sessions = Vec::new();
    // Half of the descriptors, where so few are left beside those for visitors.
    for _ in 0..200 {
        let socket = RawSocket::open(hub.port).await;
        sessions.push(socket.handshake(&RawPeer::new(&home), None).await.expect("a welcome"));
    }
    assert!(
        RawSocket::open_at(Transport::Plain, address).await.is_none(),
        "one more than it bears"
    );
    let told = health(hub.port).await.expect("health");
    assert_eq!(told["activePeers"], 200);
    // A place that becomes free is another's.
    drop(sessions.pop());
    eventually("there is a place again", async || {
        RawSocket::open_at(Transport::Plain, address).await.map(drop)
    })
    .await;
}
