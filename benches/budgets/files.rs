//! Attachments: how fast one goes from bridge to bridge, and what others notice of it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use junction_testkit::{TestBridge, TestHome, TestHub, Version, list};

/// The largest attachment, in MiB.
const MEBIBYTES: usize = 16;
/// Transfers that are timed.
const ROUNDS: usize = 10;
/// Bridges that chat.
const CHATTING: usize = 50;
/// How long they chat, with and without transfers.
const LASTS: Duration = Duration::from_secs(10);
/// The pause of a bridge between two messages.
const PAUSE: Duration = Duration::from_millis(100);

/// Measures both.
pub(crate) async fn run() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    throughput(&home, &alice, &bob).await;
    let names: Vec<_> = (0..CHATTING).map(|number| format!("chat-{number}")).collect();
    let others = join_all(names.iter().map(|name| join(&home, hub.port, name))).await;
    let alone = chat(&others, &names).await;
    let (mut transfers, until) = (0, Instant::now() + LASTS);
    let both = async {
        while Instant::now() < until {
            tokio::join!(transfer(&alice, &bob), transfer(&bob, &alice));
            transfers += 2;
        }
    };
    let ((), beside) = tokio::join!(both, chat(&others, &names));
    for (name, times) in [("alone", alone), ("beside transfers", beside)] {
        let [p50, p99] = [50, 99].map(|part| times[times.len() * part / 100]);
        println!(
            "{CHATTING} bridges chat {name}: p50 {p50:.2?}, p99 {p99:.2?}, {} messages",
            times.len()
        );
    }
    println!("  transfers of {MEBIBYTES} MiB meanwhile: {transfers}");
}

/// A bridge in a project directory of its own, with a large file.
async fn join(home: &TestHome, port: u16, alias: &str) -> TestBridge {
    let directory = home.path().join("projects").join(alias);
    std::fs::create_dir_all(&directory).expect("a directory");
    let is_sender = matches!(alias, "alice" | "bob");
    let content: Vec<u8> =
        (0..MEBIBYTES << 20).map(|at| (at ^ (at >> 9)).to_le_bytes()[0]).collect();
    if is_sender {
        std::fs::write(directory.join("large.bin"), content).expect("a file");
    }
    let launch = TestBridge::launch(home, port).cwd(directory);
    let mut bridge = TestBridge::open(home, launch, Version::Stateful).await;
    bridge.register(alias).await;
    bridge
}

async fn send(from: &TestBridge, to: &str) -> Value {
    let attachments = json!([{ "path": "large.bin" }]);
    let sent = json!({ "target_alias": to, "message": "m", "attachments": attachments });
    from.call("send_message", sent).await["id"].clone()
}

async fn save(to: &TestBridge, id: &Value) {
    let place = json!({
        "message_id": id, "attachment_id": "1", "path": "saved.bin", "overwrite": true,
    });
    to.call("save_attachment", place).await;
}

/// Sends a file and saves it. Gives the time of all of it, and of the save alone.
async fn transfer(from: &TestBridge, to: &TestBridge) -> [Duration; 2] {
    let began = Instant::now();
    let id = send(from, &to.alias).await;
    loop {
        let read = to.call("read_messages", json!({ "wait_seconds": 5 })).await;
        if list(&read, "messages").iter().any(|message| message["id"] == id) {
            break;
        }
    }
    let saving = Instant::now();
    save(to, &id).await;
    [began.elapsed(), saving.elapsed()]
}

async fn throughput(home: &TestHome, alice: &TestBridge, bob: &TestBridge) {
    let (mut all, mut saves) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let [whole, saving] = transfer(alice, bob).await;
        all.push(whole);
        saves.push(saving);
    }
    let saved = std::fs::read(home.path().join("projects/bob/saved.bin")).expect("a file");
    assert_eq!(saved.len(), MEBIBYTES << 20);
    for (name, mut times) in
        [("send_message to the end of save_attachment", all), ("save_attachment alone", saves)]
    {
        times.sort();
        let rate = |time: Duration| MEBIBYTES as f64 / time.as_secs_f64();
        let (median, worst) = (times[ROUNDS / 2], times[ROUNDS - 1]);
        println!(
            "{MEBIBYTES} MiB, {name}: median {median:.0?} ({:.0} MiB/s), worst {worst:.0?} ({:.0} MiB/s)",
            rate(median),
            rate(worst),
        );
    }
}

/// Each bridge sends to the next one and waits until that one has read it. Gives the sorted times.
async fn chat(bridges: &[TestBridge], names: &[String]) -> Vec<Duration> {
    let until = Instant::now() + LASTS;
    let talks = bridges.iter().enumerate().map(async |(at, bridge)| {
        let next = (at + 1) % bridges.len();
        let mut times = Vec::new();
        while Instant::now() < until {
            let began = Instant::now();
            let (_, read) = tokio::join!(
                bridge.send(&names[next], "hello"),
                bridges[next].call("read_messages", json!({ "wait_seconds": 5 })),
            );
            if !list(&read, "messages").is_empty() {
                times.push(began.elapsed());
            }
            tokio::time::sleep(PAUSE).await;
        }
        times
    });
    let mut times: Vec<_> = join_all(talks).await.into_iter().flatten().collect();
    times.sort();
    times
}
