//! Sessions that nobody sees, beside real bridges, and the commands that use them.

use std::process::{Output, Stdio};

use junction_shared::protocol::wire::{
    Answer, List, Page, Question, ToBridge, ToHub, UNLISTED, WelcomeBody,
};
use junction_testkit::{
    RawPeer, RawSocket, TestBridge, TestHome, TestHub, Transport, bridge_binary, eventually,
    free_port, health, list, signal, within,
};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A session that asks to be unlisted, over this transport, with its card published.
async fn hide(home: &TestHome, hub: &TestHub, transport: Transport) -> (RawSocket, WelcomeBody) {
    let peer = RawPeer::new(home);
    peer.hide();
    RawSocket::join_over(transport, hub.port, &peer, "hidden").await
}

/// A session's view of the hub, which the hub gives once it has the session's card.
async fn page(socket: &mut RawSocket) -> Page {
    let all = List { role: None, repo: None, limit: 50, cursor: None, state: None };
    socket.send(&ToHub::Ask(1, Question::List(all))).await;
    let page = |frame| match frame {
        ToBridge::Answer(1, Answer::Page(page)) => Some(page),
        _ => None,
    };
    socket.until("a page", page).await
}

#[tokio::test]
async fn unlisted_session_is_seen_by_no_bridge_in_no_way() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let waits = alice.begin("wait_for_peer", json!({ "timeout_seconds": 60 })).await;
    let (mut hidden, welcome) = hide(&home, &hub, Transport::Plain).await;
    assert!(welcome.has(UNLISTED) && welcome.grant.alias != "hidden");
    assert_eq!(page(&mut hidden).await.total, 1);
    assert!(alice.call("list_peers", json!({})).await["total"] == 0);
    assert_eq!(alice.call("register", json!({})).await["peerCount"], 0);
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 1);
    hidden.send(&ToHub::Leave).await;
    let _ = hidden.close_code().await;
    // The wait goes on through all of it, until there is somebody to see.
    let _bob = TestBridge::join(&home, &hub, "bob").await;
    let answer = within("bob is seen", waits.content()).await.expect("an answer");
    let seen = list(&answer, "peers");
    assert!(seen.len() == 1 && seen[0]["alias"] != welcome.grant.alias.as_str(), "{answer}");
}

#[tokio::test]
async fn session_that_comes_through_tls_is_visible_whatever_it_asks_for() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let (_seen, welcome) = hide(&home, &hub, Transport::Tls).await;
    assert!(!welcome.has(UNLISTED));
    assert_eq!(welcome.grant.alias, "hidden");
    eventually("it is listed", async || {
        (alice.call("list_peers", json!({})).await["total"] == 1).then_some(())
    })
    .await;
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 2);
}

/// Runs a command of a person; its exit status, stdout and stderr.
async fn run(home: &TestHome, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(bridge_binary());
    command.args(arguments).env("JUNCTION_CONFIG_DIR", home.config()).stdin(Stdio::null());
    command.env_remove("JUNCTION_PORT").env_remove("JUNCTION_HUB").kill_on_drop(true);
    let Output { status, stdout, stderr } =
        within("the command ends", command.output()).await.expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// What a command says on stdout, which has to succeed and to say nothing else.
async fn said(home: &TestHome, arguments: &[&str]) -> String {
    let (status, stdout, stderr) = run(home, arguments).await;
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A peer without the start of its session, of which each listing knows no more than the age.
fn timeless(peer: &Value) -> Value {
    let mut peer = peer.clone();
    peer["connectedAt"].take();
    peer
}

#[tokio::test]
async fn status_and_peers_show_everybody_and_are_seen_by_nobody() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let card = json!({ "role": "critic", "repo": "junction", "task": "read \u{202e}it\n all" });
    bob.call("register", card).await;
    let waits = json!({ "expected_role": "author", "timeout_seconds": 60 });
    let waits = alice.begin("wait_for_peer", waits).await;
    let listed = alice.call("list_peers", json!({})).await;

    let status = said(&home, &["status"]).await;
    let lines: Vec<_> = status.lines().collect();
    let place = format!("Hub at 127.0.0.1:{} (process {})", hub.port, hub.pid());
    assert!(lines[0].starts_with(&place), "{status}");
    assert!(lines[0].contains("for this machine only, 2 sessions connected, up "), "{status}");
    assert!(lines.len() == 3 && lines[1].starts_with("alice"), "{status}");
    for word in ["bob", "critic", "junction", "test-client", "online", "pull", "read it"] {
        assert!(lines[2].contains(word), "{word}: {status}");
    }
    let lines = json_lines(&said(&home, &["status", "--json"]).await);
    assert_eq!((&lines[0]["running"], &lines[0]["reachable"]), (&json!(true), &json!(true)));
    assert_eq!(lines[0]["address"], format!("127.0.0.1:{}", hub.port));
    assert_eq!((&lines[0]["process"], &lines[0]["activePeers"]), (&json!(hub.pid()), &json!(2)));
    assert_eq!(lines.len(), 3);

    // As the tool shows them, but for whom the tool leaves out.
    let port = hub.port.to_string();
    let peers = json_lines(&said(&home, &["peers", "--json"]).await);
    assert_eq!(timeless(&peers[1]), timeless(&list(&listed, "peers")[0]));
    let at = format!("127.0.0.1:{port}");
    for filter in [&["--role", "CRITIC"], &["--repo", "junction"]] {
        let found = said(&home, &[&["peers", "--hub", &at][..], filter].concat()).await;
        assert!(found.starts_with("bob ") && found.lines().count() == 1, "{found}");
    }
    for bridge in [&alice, &bob] {
        bridge.call("list_peers", json!({})).await;
    }
    // Both have just called a tool, and so are in a turn.
    let busy = said(&home, &["peers", "--state", "BUSY"]).await;
    assert_eq!(busy.lines().count(), 2, "{busy}");
    let (status, idle, _) = run(&home, &["peers", "--state", "idle"]).await;
    assert_eq!((status, idle.as_str()), (Some(0), ""));
    let (status, stdout, stderr) = run(&home, &["peers", "--role", "nobody"]).await;
    assert_eq!((status, stdout.as_str()), (Some(0), ""));
    assert!(!stderr.is_empty(), "it says that there is nobody");

    let again = alice.call("list_peers", json!({})).await;
    assert_eq!((&again["total"], list(&again, "peers").len()), (&json!(1), 1));
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 2);
    bob.call("register", json!({ "role": "author" })).await;
    let seen = within("the wait ends", waits.content()).await.expect("an answer");
    assert_eq!(list(&seen, "peers")[0]["alias"], "bob");
}

#[tokio::test]
async fn all_pages_are_shown() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut sockets = Vec::new();
    for number in 0..230 {
        let alias = format!("peer-{number:03}");
        sockets.push(RawSocket::join(hub.port, &RawPeer::new(&home), &alias).await);
    }
    eventually("all are listed, each once and in order", async || {
        let shown = said(&home, &["peers"]).await;
        let aliases: Vec<_> = shown.lines().filter_map(|line| line.split(' ').next()).collect();
        (aliases.len() == 230 && aliases.is_sorted()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_a_hub_nothing_is_started_or_made() {
    let home = TestHome::installed();
    assert!(said(&home, &["status"]).await.starts_with("No hub is running on this machine."));
    let lines = json_lines(&said(&home, &["status", "--json"]).await);
    assert_eq!(lines, [json!({ "running": false, "stopped": false, "reachable": false })]);
    let (status, stdout, stderr) = run(&home, &["peers"]).await;
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("Error: No hub is running on this machine."), "{stderr}");
    let at = format!("127.0.0.1:{}", free_port());
    assert_eq!(run(&home, &["peers", "--hub", "attic"]).await.0, Some(1));
    assert!(!home.config().exists());
    assert_eq!(run(&home, &["peers", "--hub", &at]).await.0, Some(1));
    assert!(junction_testkit::processes_of(home.path(), "junction-hub").is_empty());
}

#[tokio::test]
async fn hub_that_hangs_is_told_by_status_in_time() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    signal(hub.pid(), Signal::STOP);
    let (status, stdout, stderr) = run(&home, &["status"]).await;
    signal(hub.pid(), Signal::CONT);
    assert_eq!(status, Some(1));
    assert!(stdout.contains(&hub.pid().to_string()), "{stdout}");
    assert!(
        stderr.contains("does not answer") && stderr.contains("junction-bridge stop"),
        "{stderr}"
    );
}
