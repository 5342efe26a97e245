//! The page in a real browser with thousands of sessions and a storm of messages: nothing holds up its main thread.

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use junction_shared::protocol::wire::{Card, Context, ToHub};
use junction_testkit::{RawPeer, RawSocket, TestHome, TestHub, TestPage, raise_file_limit, within};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Chromium, and the machine for itself: .ci/run runs it alone"]
async fn no_task_holds_the_page_up_with_5000_sessions_and_500_messages_a_second() {
    raise_file_limit();
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let joining = iter(0..SESSIONS).map(|number| session(&home, hub.port, number));
    let mut sessions: Vec<_> = joining.buffered(64).collect().await;
    let page = TestPage::start(&home, hub.port).await;
    let mut browser = Command::new("node")
        .args(["tests/page/crowd.mjs", &page.link])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed");
    let mut said = BufReader::new(browser.stdout.take().expect("a pipe")).lines();
    let ready = within("the page shows all", said.next_line()).await.expect("its output");
    assert_eq!(ready.as_deref(), Some("ready"));
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
    browser.stdin.take().expect("a pipe").shutdown().await.expect("it listens");
    let found = within("the page is measured", said.next_line()).await.expect("its output");
    let found = found.expect("figures");
    eprintln!("{found}");
    let status = within("the browser ends", browser.wait()).await.expect("its status");
    assert!(status.success(), "{found}");
}
