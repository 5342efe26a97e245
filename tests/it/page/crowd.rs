//! The page in a real browser with thousands of sessions and storms of messages: nothing holds up its main thread, and nothing
//! grows.

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use junction_shared::protocol::wire::{Card, Context, Receipt, ReceiptKind, ToBridge, ToHub};
use junction_testkit::{
    RawPeer, RawSocket, TestHome, TestHub, TestPage, memory, raise_file_limit, within,
};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{MissedTickBehavior, interval};

const SESSIONS: usize = 5_000;
/// Messages that are sent at once, and how often.
const MESSAGES: usize = 10;
const EVERY: Duration = Duration::from_millis(20);
/// For how long.
const STORM: usize = 20_000 / 20;

/// A session with something to show.
async fn session(home: &TestHome, port: u16, number: usize) -> (RawPeer, RawSocket) {
    let peer = RawPeer::new(home);
    let alias = format!("session-{number}");
    let (mut socket, body) = RawSocket::welcomed(port, &peer, Some((alias, None))).await;
    let context = Context {
        repo: Some(format!("shop-{}", number % 40)),
        branch: Some("main".to_owned()),
        machine: Some(format!("machine-{}", number % 9)),
        client: Some("Claude Code".to_owned()),
        role: Some(["lead", "reviewer", "tester"][number % 3].to_owned()),
        task: Some("Moves the checkout to the new payment interface".to_owned()),
    };
    let card = Card { context, ..peer.unsigned_card(&body.grant.alias, None) };
    socket.send(&ToHub::Card(peer.sign(&card))).await;
    (peer, socket)
}

/// A script that uses the page in a browser.
struct BrowserScript {
    child: Child,
    input: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl BrowserScript {
    /// Opens this link. The page has shown all that there is then.
    async fn start(script: &str, link: &str) -> Self {
        let mut child = Command::new("node")
            .args([&format!("tests/page/{script}"), link])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        let input = child.stdin.take().expect("a pipe");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let ready = within("the page shows all", said.next_line()).await.expect("its output");
        assert_eq!(ready.as_deref(), Some("ready"));
        Self { child, input, said }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium, and the machine for itself: .ci/run runs it alone"]
async fn no_task_holds_the_page_up_with_5000_sessions_and_500_messages_a_second() {
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let joining = iter(0..SESSIONS).map(|number| session(&home, hub.port, number));
    let mut sessions: Vec<_> = joining.buffered(64).collect().await;
    let page = TestPage::start(&home, hub.port).await;
    let mut browser = BrowserScript::start("crowd.mjs", &page.link).await;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for tick in 0..STORM {
        ticks.tick().await;
        for number in 0..MESSAGES {
            let at = (tick * MESSAGES + number) % SESSIONS;
            let to = sessions[(at + 1) % SESSIONS].0.key;
            let (peer, socket) = &mut sessions[at];
            let seq = u64::try_from(tick * MESSAGES / SESSIONS + 1).expect("a number");
            socket.send(&ToHub::Send(peer.sending(to, seq, &[7; 272]))).await;
        }
    }
    drop(browser.input);
    let found = within("the page is measured", browser.said.next_line()).await;
    let found = found.expect("its output").expect("figures");
    eprintln!("{found}");
    let status = within("the browser ends", browser.child.wait()).await.expect("its status");
    assert!(status.success(), "{found}");
}

/// Messages before the first look, and until the last: of each the page is told three times.
const WARMING: usize = 10_000;
const ENDURED: usize = WARMING + 70_000;
/// Messages that are sent at once.
const AT_ONCE: usize = 20;

/// Sends messages from one session to another that reads them at once, until so many were sent in all.
async fn pass(between: &mut [(RawPeer, RawSocket); 2], sent: &mut usize, until: usize) {
    let [(from, sender), (to, receiver)] = between;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while *sent < until {
        ticks.tick().await;
        for _ in 0..AT_ONCE {
            *sent += 1;
            let seq = u64::try_from(*sent).expect("a number");
            sender.send(&ToHub::Send(from.sending(to.key, seq, &[7; 272]))).await;
        }
        for _ in 0..AT_ONCE {
            let delivered = |frame| match frame {
                ToBridge::Deliver(envelope, _) => Some(envelope.header.id),
                _ => None,
            };
            let id = receiver.until("a message", delivered).await;
            for kind in [ReceiptKind::Opened, ReceiptKind::Read] {
                let (to, mac) = (from.key, [0; 32]);
                let receipt = Receipt { to, id, kind, mac, outlook: None, seat: None };
                receiver.send(&ToHub::Receipt(receipt)).await;
            }
        }
        let mut read = 0;
        while read < AT_ONCE {
            let is_read = |frame| match frame {
                ToBridge::Receipt(receipt) => Some(receipt.kind == ReceiptKind::Read),
                _ => None,
            };
            read += usize::from(sender.until("a receipt", is_read).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium, and the machine for itself: .ci/run runs it alone"]
async fn memory_of_page_and_server_stays_flat_over_200_000_events() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut between = [session(&home, hub.port, 0).await, session(&home, hub.port, 1).await];
    let page = TestPage::start(&home, hub.port).await;
    let mut browser = BrowserScript::start("endurance.mjs", &page.link).await;
    let mut sent = 0;
    let mut figures = Vec::new();
    for until in [WARMING, ENDURED] {
        pass(&mut between, &mut sent, until).await;
        let line = format!("{until}\n");
        browser.input.write_all(line.as_bytes()).await.expect("it listens");
        let told = within("the page is measured", browser.said.next_line()).await;
        let told: Value =
            serde_json::from_str(&told.expect("its output").expect("figures")).expect("an object");
        let served = memory(page.pid(), "VmRSS").expect("this system has /proc");
        eprintln!("after {until} messages: {told}, its server has {served} KiB");
        figures.push((told["heap"].as_u64().expect("bytes") >> 10, told["nodes"].clone(), served));
    }
    let [(heap, nodes, served), (last_heap, last_nodes, last_served)] = &figures[..] else {
        panic!("{figures:?}")
    };
    assert!(*last_heap <= heap + 1024, "the page's scripts: {figures:?}");
    assert!(*last_served <= served + 2048, "the server: {figures:?}");
    assert!(last_nodes.as_u64() <= nodes.as_u64().map(|nodes| nodes + 500), "{figures:?}");
    drop(browser.input);
    let status = within("the browser ends", browser.child.wait()).await.expect("its status");
    assert!(status.success());
}
