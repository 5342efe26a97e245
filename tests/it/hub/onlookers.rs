//! Who may look at what goes on at a hub, and what such a program is told.

use futures_util::future::join_all;
use junction_shared::protocol::onlooker::OnlookerNonce;
use junction_shared::protocol::wire::{Card, Context, List, Question, ToBridge, ToHub};
use junction_testkit::{
    RawPeer, RawSocket, TestBridge, TestHome, TestHub, Transport, eventually, http_at, memory,
    within,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpSocket, TcpStream};

/// A request, with these further headers.
fn request(path: &str, port: u16, headers: &str) -> String {
    format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n")
}

async fn answer(hub: &TestHub, request: &str) -> String {
    http_at(Transport::Plain, ([127, 0, 0, 1], hub.port).into(), request.as_bytes()).await
}

/// The header with the token for this hub.
async fn authorization(home: &TestHome, hub: &TestHub) -> String {
    let refused = answer(hub, &request("/status", hub.port, "")).await;
    assert!(refused.starts_with("HTTP/1.0 401"), "{refused}");
    let challenge = refused.lines().find(|line| line.starts_with("www-authenticate:"));
    let start = OnlookerNonce::in_challenge(challenge.expect("a challenge")).expect("a start");
    format!("Authorization: Bearer {}\r\n", start.token(&home.group().auth, hub.port))
}

/// What a hub tells one that looks.
struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    async fn of(home: &TestHome, hub: &TestHub) -> Self {
        let headers = authorization(home, hub).await;
        let mut stream = TcpStream::connect(("127.0.0.1", hub.port)).await.expect("it answers");
        let request = request("/events", hub.port, &headers);
        stream.write_all(request.as_bytes()).await.expect("it reads");
        Self(BufReader::new(stream).lines())
    }

    /// The next event, by its name; none if the hub ended the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        while let Some(line) = within("an event", self.0.next_line()).await.expect("it is read") {
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).expect("JSON")));
            }
        }
        None
    }

    /// The next event of this name.
    async fn named(&mut self, wanted: &str) -> Value {
        loop {
            let (name, body) = self.next().await.expect("the hub goes on");
            if name == wanted {
                return body;
            }
        }
    }
}

#[tokio::test]
async fn only_who_proves_to_be_of_the_group_may_look() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let _alice = TestBridge::join(&home, &hub, "alice").await;
    let good = authorization(&home, &hub).await;
    let other = TestHome::new();
    let other_hub = TestHub::start(&other).await;
    let start = OnlookerNonce([0; 16]).token(&home.group().auth, hub.port);
    for path in ["/status", "/events"] {
        for (headers, status) in [
            (String::new(), "401"),
            ("Authorization: Bearer\r\n".to_owned(), "401"),
            (format!("Authorization: Bearer {start}\r\n"), "401"),
            (authorization(&other, &other_hub).await, "401"),
            (format!("{good}Origin: http://127.0.0.1:{}\r\n", hub.port), "403"),
        ] {
            let said = answer(&hub, &request(path, hub.port, &headers)).await;
            assert!(said.starts_with(&format!("HTTP/1.0 {status}")), "{headers}: {said}");
            assert!(!said.contains("alice"), "{said}");
        }
        let foreign = format!("GET {path} HTTP/1.0\r\nHost: evil.example\r\n{good}\r\n");
        assert!(answer(&hub, &foreign).await.starts_with("HTTP/1.0 403"));
    }
    let said = answer(&hub, &request("/status", hub.port, &good)).await;
    let (_, body) = said.split_once("\r\n\r\n").expect("a body");
    let status: Value = serde_json::from_str(body).expect("JSON");
    let session = &status["sessions"][0];
    assert_eq!(
        (&session["alias"], &session["online"]),
        (&json!("alice"), &json!(true)),
        "{status}"
    );
    assert!(!said.contains("access-control"), "no other page may read it: {said}");
}

#[tokio::test]
async fn one_that_looks_is_told_who_is_there_and_how_far_messages_are() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mut events = Events::of(&home, &hub).await;
    let snapshot = events.named("snapshot").await;
    assert_eq!(snapshot["sessions"].as_array().map(Vec::len), Some(1), "{snapshot}");
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let joined = events.named("joined").await;
    assert!(joined["id"] != snapshot["sessions"][0]["id"]);
    bob.call("register", json!({ "alias": "bob", "role": "reviewer" })).await;
    loop {
        let changed = events.named("changed").await;
        if changed["role"] == "reviewer" {
            assert_eq!((&changed["alias"], &changed["id"]), (&json!("bob"), &joined["id"]));
            break;
        }
    }
    let sent = alice.send("bob", "a word that nobody else reads").await;
    bob.read_one().await;
    for status in ["accepted", "opened", "read"] {
        let message = events.named("message").await;
        assert_eq!(
            message,
            json!({
                "id": sent["id"],
                "from": "alice", "to": "bob", "size": 256, "status": status,
            })
        );
    }
    bob.client.close_stdin();
    bob.ended().await;
    assert_eq!(events.named("left").await["id"], joined["id"]);
}

#[tokio::test]
async fn session_that_only_looks_at_others_is_not_told() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut events = Events::of(&home, &hub).await;
    assert_eq!(events.named("snapshot").await, json!({ "sessions": [] }));
    let unlisted = RawPeer::new(&home);
    unlisted.hide();
    let _hidden = RawSocket::join(hub.port, &unlisted, "hidden").await;
    let _alice = TestBridge::join(&home, &hub, "alice").await;
    // Under a generated alias at first.
    let joined = events.named("joined").await;
    let changed = events.named("changed").await;
    assert_eq!((&changed["alias"], &changed["id"]), (&json!("alice"), &joined["id"]));
}

/// How many may look at once.
const PLACES: usize = 16;
/// Cards that a peer publishes at once: at the pace of an answer for each time, no more than it may.
const CARDS: usize = 20;

/// A peer whose cards are as long as cards may be.
struct Talker {
    peer: RawPeer,
    socket: RawSocket,
    asked: u32,
}

impl Talker {
    async fn join(home: &TestHome, hub: &TestHub, alias: &str) -> Self {
        let peer = RawPeer::new(home);
        let (socket, _) = RawSocket::join(hub.port, &peer, alias).await;
        Self { peer, socket, asked: 0 }
    }

    /// Publishes some cards, and waits until the hub has them.
    async fn talk(&mut self, alias: &str) {
        for _ in 0..CARDS {
            let text = || Some("x".repeat(120));
            let (repo, task, role, branch) = (text(), text(), text(), text());
            let (client, machine) = (text(), text());
            let context = Context { repo, task, role, branch, machine, client };
            let card = Card { context, ..self.peer.unsigned_card(alias, None) };
            self.socket.send(&ToHub::Card(self.peer.sign(&card))).await;
        }
        self.asked += 1;
        let asked = self.asked;
        let list = List { role: None, repo: None, limit: 1, cursor: None, state: None };
        self.socket.send(&ToHub::Ask(asked, Question::List(list))).await;
        let answered = |frame| matches!(frame, ToBridge::Answer(n, _) if n == asked).then_some(());
        self.socket.until("the hub has the cards", answered).await;
    }
}

#[tokio::test]
async fn reader_that_does_not_read_is_dropped_and_nothing_is_kept_for_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let headers = authorization(&home, &hub).await;
    let slow = TcpSocket::new_v4().expect("a socket");
    slow.set_recv_buffer_size(4096).expect("a small buffer");
    let mut slow = slow.connect(([127, 0, 0, 1], hub.port).into()).await.expect("it answers");
    slow.write_all(request("/events", hub.port, &headers).as_bytes()).await.expect("it reads");
    let onlookers = async || hub.metric("junction_onlookers ").await;
    eventually("it looks", async || (onlookers().await == 1).then_some(())).await;
    let mut talkers = Vec::new();
    for number in 0..8 {
        talkers.push(Talker::join(&home, &hub, &format!("talker-{number}")).await);
    }
    let before = memory(hub.pid(), "VmRSS").unwrap_or_default();
    let mut told = 0;
    eventually("it is dropped", async || {
        let all = talkers.iter_mut().enumerate();
        join_all(all.map(async |(at, talker)| talker.talk(&format!("talker-{at}")).await)).await;
        told += talkers.len() * CARDS;
        (onlookers().await == 0).then_some(())
    })
    .await;
    // 2 MiB of events wait for it at most, and as much for its socket.
    let after = memory(hub.pid(), "VmRSS").unwrap_or_default();
    assert!(after.saturating_sub(before) < 32 * 1024, "{before} KiB, then {after} KiB");
    // Its connection is over, though it has read nothing: all places are free.
    let mut others = Vec::new();
    for _ in 0..PLACES {
        let mut events = Events::of(&home, &hub).await;
        let snapshot = events.named("snapshot").await;
        assert_eq!(snapshot["sessions"].as_array().map(Vec::len), Some(talkers.len()));
        others.push(events);
    }
    // What the system had taken still comes, and then the end.
    let mut rest = Vec::new();
    let _ = within("the connection ends", slow.read_to_end(&mut rest)).await;
    let events = String::from_utf8_lossy(&rest).matches("event: changed").count();
    assert!(events < told, "{events} of {told} came");
}

#[tokio::test]
async fn as_many_may_look_as_have_a_place() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut looking = Vec::new();
    for _ in 0..PLACES {
        let mut events = Events::of(&home, &hub).await;
        events.named("snapshot").await;
        looking.push(events);
    }
    let headers = authorization(&home, &hub).await;
    let refused = answer(&hub, &request("/events", hub.port, &headers)).await;
    assert!(refused.starts_with("HTTP/1.0 503"), "{refused}");
    looking.pop();
    eventually("a place is free", async || {
        let mut events = Events::of(&home, &hub).await;
        events.next().await.filter(|(name, _)| name == "snapshot")
    })
    .await;
}

#[tokio::test]
async fn hub_that_stops_ends_the_streams_of_those_that_look() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let mut events = Events::of(&home, &hub).await;
    events.named("snapshot").await;
    hub.stop(rustix::process::Signal::TERM).await;
    assert_eq!(events.next().await, None);
}
