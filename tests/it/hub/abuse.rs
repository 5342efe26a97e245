//! What a hub must survive from those who may or may not belong to it. Whatever it closes is that
//! connection alone.

use bytes::Bytes;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::crypto::{derive, mac};
use junction_shared::protocol::handshake::Pin;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{
    Answer, Hello, HelloBody, List, Question, ToBridge, ToHub, VERSION,
};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::with_and_without_tls;
use junction_testkit::{RawPeer, RawSocket, TestHome, TestHub, Transport, health, http_at};

/// A hub, its home, and a peer on it that must not notice anything.
struct Scene {
    home: TestHome,
    hub: TestHub,
    transport: Transport,
    witness: RawSocket,
    asked: u32,
}

with_and_without_tls! {
    requests_of_browsers_are_rejected
    a_missing_doubled_or_foreign_host_is_rejected
    bytes_that_are_no_http_are_dropped
    a_hello_without_proof_is_unauthorized
    low_order_keys_are_unauthorized
    the_hub_reports_that_no_version_is_supported
    frames_out_of_turn_end_the_connection
    damaged_frames_end_the_connection
    a_frame_over_the_limit_ends_the_connection
    silence_ends_after_the_hello_time
}

impl Scene {
    async fn new(transport: Transport) -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let (witness, _) =
            RawSocket::join_over(transport, hub.port, &RawPeer::new(&home), "witness").await;
        Self { home, hub, transport, witness, asked: 0 }
    }

    fn peer(&self) -> RawPeer {
        RawPeer::new(&self.home)
    }

    /// The whole answer to these bytes, up to its end.
    async fn http(&self, request: &[u8]) -> String {
        let address = ([127, 0, 0, 1], self.hub.port).into();
        http_at(self.transport, address, request).await
    }

    /// The hub still answers others, and only they are on it.
    async fn unharmed(&mut self) {
        self.asked += 1;
        let asked = self.asked;
        let list = List { role: None, repo: None, limit: 10, cursor: None, state: None };
        self.witness.send(&ToHub::Ask(asked, Question::List(list))).await;
        let answer = |frame| match frame {
            ToBridge::Answer(number, Answer::Page(page)) if number == asked => Some(page),
            _ => None,
        };
        self.witness.until("the witness is answered", answer).await;
        assert_eq!(health(self.hub.port).await.expect("health")["status"], "ok");
    }
}

fn request(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").into_bytes()
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no HTTP answer: {answer}"))
}

async fn requests_of_browsers_are_rejected(transport: Transport) {
    let scene = Scene::new(transport).await;
    let port = scene.hub.port;
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for origin in ["http://evil.example", "http://127.0.0.1", "null"] {
        for upgrade in [upgrade, "Connection: close\r\n"] {
            let head = format!("GET /link HTTP/1.1\r\n{host}Origin: {origin}\r\n{upgrade}\r\n");
            assert_eq!(status(&scene.http(head.as_bytes()).await), 403, "{origin} {upgrade}");
        }
    }
    for foreign in ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io"]
    {
        for path in ["/health", "/link", "/anything"] {
            let answer = scene.http(&request(path, &format!("Host: {foreign}\r\n"))).await;
            assert_eq!(status(&answer), 403, "{foreign}{path}");
        }
    }
    for good in ["localhost", "127.0.0.1", "[::1]", "[::1]:4200", "localhost:4200"] {
        let answer = scene.http(&request("/health", &format!("Host: {good}\r\n"))).await;
        assert_eq!(status(&answer), 200, "{good}");
        let head = answer.to_ascii_lowercase();
        assert!(!head.contains("access-control") && !head.contains("set-cookie"), "{answer}");
    }
}

async fn a_missing_doubled_or_foreign_host_is_rejected(transport: Transport) {
    let scene = Scene::new(transport).await;
    let doubled = "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n";
    let split = "Host: 127.0.0.1\r\nHost: evil.example\r\n";
    for (path, headers) in [
        ("/health", doubled),
        ("/health", split),
        ("http://evil.example/health", "Host: evil.example\r\n"),
        ("http://evil.example/health", "Host: 127.0.0.1\r\n"),
        ("/health", "Host: \r\n"),
        ("/health", ""),
    ] {
        let answer = scene.http(&request(path, headers)).await;
        assert!([400, 403].contains(&status(&answer)), "{path} {headers:?}: {answer}");
    }
}

async fn bytes_that_are_no_http_are_dropped(transport: Transport) {
    let mut scene = Scene::new(transport).await;
    for noise in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\0\0\0\0\r\n\r\n", b"SSH-2.0-x\r\n\r\n"] {
        let answer = scene.http(noise).await;
        assert!(answer.is_empty() || !answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    scene.unharmed().await;
}

/// What a socket is closed with after it said something in place of a hello.
async fn after(scene: &Scene, say: impl AsyncFnOnce(&mut RawSocket, Bytes)) -> Option<u16> {
    let mut socket = RawSocket::open_over(scene.transport, scene.hub.port).await;
    let challenge = socket.bytes().await.expect("a challenge");
    say(&mut socket, challenge).await;
    socket.close_code().await
}

async fn a_hello_without_proof_is_unauthorized(transport: Transport) {
    let mut scene = Scene::new(transport).await;
    let unauthorized = Some(Close::Unauthorized.code());
    let stranger = RawPeer::stranger();
    let (member, other) = (scene.peer(), scene.peer());
    let code = after(&scene, async |socket, challenge| {
        let (hello, _) = stranger.answer_on(socket.pin, &challenge, None).expect("a hello");
        socket.send(&ToHub::Hello(hello)).await;
    })
    .await;
    assert_eq!(code, unauthorized, "another group's proof");
    let code = after(&scene, async |socket, challenge| {
        let (mut hello, _) = member.answer_on(socket.pin, &challenge, None).expect("a hello");
        hello.proof[0] ^= 1;
        socket.send(&ToHub::Hello(hello)).await;
    })
    .await;
    assert_eq!(code, unauthorized, "a flipped bit");
    let first = RawSocket::open_over(scene.transport, scene.hub.port)
        .await
        .bytes()
        .await
        .expect("a challenge");
    let code = after(&scene, async |socket, _| {
        let (replayed, _) = member.answer_on(socket.pin, &first, None).expect("a hello");
        socket.send(&ToHub::Hello(replayed)).await;
    })
    .await;
    assert_eq!(code, unauthorized, "an answer to another challenge");
    let code = after(&scene, async |socket, _| {
        let hello = claim(&member, other.key, socket.pin);
        socket.send(&ToHub::Hello(hello)).await;
    })
    .await;
    assert_eq!(code, unauthorized, "someone else's key");
    scene.unharmed().await;
}

/// A hello of a member of the group that claims another's key.
fn claim(member: &RawPeer, key: PeerKey, pin: Pin) -> Hello {
    let body = HelloBody {
        version: VERSION,
        key,
        dial: junction_shared::protocol::id::Dial(1),
        want: None,
        ticket: None,
        nonce: [7; 32],
        unlisted: None,
        seat: None,
    };
    let body = encode(&body).to_vec();
    // It knows the group's secret but not the key's: the best it can do is a guess.
    let k = derive(member.group.auth.expose(), &[0; 32], b"aj1 hub");
    let proof = mac(k.expose(), &[b"hello", &pin, &[0; 32]]);
    Hello { body, proof, seat_signature: None }
}

async fn low_order_keys_are_unauthorized(transport: Transport) {
    let mut scene = Scene::new(transport).await;
    let member = scene.peer();
    let mut one = [0; 32];
    one[0] = 1;
    for key in [[0; 32], one] {
        let code = after(&scene, async |socket, _| {
            let hello = claim(&member, PeerKey(key), socket.pin);
            socket.send(&ToHub::Hello(hello)).await;
        })
        .await;
        assert_eq!(code, Some(Close::Unauthorized.code()));
    }
    scene.unharmed().await;
}

async fn the_hub_reports_that_no_version_is_supported(transport: Transport) {
    let scene = Scene::new(transport).await;
    let member = scene.peer();
    let code = after(&scene, async |socket, challenge| {
        let (mut hello, _) = member.answer_on(socket.pin, &challenge, None).expect("a hello");
        let mut body: HelloBody =
            junction_shared::protocol::codec::decode(&hello.body).expect("a body");
        body.version = VERSION + 1;
        hello.body = encode(&body).to_vec();
        socket.send(&ToHub::Hello(hello)).await;
    })
    .await;
    assert_eq!(code, Some(Close::NoCommonVersion.code()));
}

async fn frames_out_of_turn_end_the_connection(transport: Transport) {
    let mut scene = Scene::new(transport).await;
    let protocol_error = Some(Close::ProtocolError.code());
    let peer = scene.peer();
    let card = peer.card("too-early");
    let early = [ToHub::Card(card), ToHub::Repush, ToHub::Leave];
    for frame in early {
        let code = after(&scene, async |socket, _| socket.send(&frame).await).await;
        assert_eq!(code, protocol_error, "before hello: {frame:?}");
    }
    let (mut socket, _) =
        RawSocket::join_over(scene.transport, scene.hub.port, &scene.peer(), "twice").await;
    let (again, _) = peer.answer(&encode(&challenge_of_mine()), None).expect("a hello");
    socket.send(&ToHub::Hello(again)).await;
    assert_eq!(socket.close_code().await, protocol_error, "hello twice");
    scene.unharmed().await;
}

fn challenge_of_mine() -> ToBridge {
    let eph = junction_shared::secret::Secret::random();
    ToBridge::Challenge(junction_shared::protocol::wire::Challenge {
        versions: vec![VERSION],
        nonce: [1; 32],
        hub_eph: junction_shared::protocol::crypto::public_key(&eph),
    })
}

async fn damaged_frames_end_the_connection(transport: Transport) {
    let mut scene = Scene::new(transport).await;
    let deep = vec![0x81; 100_000];
    let mut trailing = encode(&ToHub::Repush).to_vec();
    trailing.push(0);
    let huge_claim = [0x82, 0x00, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff].to_vec();
    let unknown = [0x82, 0x18, 0x63, 0x80].to_vec();
    let binary = |bytes: Vec<u8>| Message::Binary(bytes.into());
    let bad_text = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    for message in [
        binary(Vec::new()),
        binary(b"\xff".to_vec()),
        binary(deep),
        binary(trailing),
        binary(huge_claim),
        binary(unknown),
        Message::Text("hello".into()),
        Message::Frame(bad_text),
    ] {
        let what = format!("{message:?}").chars().take(60).collect::<String>();
        let (mut socket, _) =
            RawSocket::join_over(scene.transport, scene.hub.port, &scene.peer(), "vandal").await;
        socket.send_message(message).await;
        let code = socket.close_code().await;
        assert!(code.is_none_or(|code| [4400, 1003, 1007].contains(&code)), "{what}: {code:?}");
        scene.unharmed().await;
    }
}

async fn a_frame_over_the_limit_ends_the_connection(transport: Transport) {
    let mut scene = Scene::new(transport).await;
    let (mut socket, _) =
        RawSocket::join_over(scene.transport, scene.hub.port, &scene.peer(), "whale").await;
    socket.send_bytes(vec![0; junction_shared::protocol::limits::MAX_FRAME + 1]).await;
    let code = socket.close_code().await;
    assert!(code.is_none_or(|code| [4400, 1009].contains(&code)), "{code:?}");
    let (mut socket, _) =
        RawSocket::join_over(scene.transport, scene.hub.port, &scene.peer(), "shredder").await;
    let piece = vec![0; 1024];
    let first = Frame::message(piece.clone(), OpCode::Data(Data::Binary), false);
    socket.send_message(Message::Frame(first)).await;
    for _ in 0..1024 {
        let more = Frame::message(piece.clone(), OpCode::Data(Data::Continue), false);
        socket.send_message(Message::Frame(more)).await;
    }
    let code = socket.close_code().await;
    assert!(code.is_none_or(|code| [4400, 1009].contains(&code)), "{code:?}");
    scene.unharmed().await;
}

async fn silence_ends_after_the_hello_time(transport: Transport) {
    let mut scene = Scene::new(transport).await;
    let mut socket = RawSocket::open_over(scene.transport, scene.hub.port).await;
    socket.bytes().await.expect("a challenge");
    assert_eq!(socket.close_code().await, Some(Close::HelloTimeout.code()));
    scene.unharmed().await;
}
