//! Attachments of members that lie, and through hubs that do: nothing is saved but what was sent, nobody is told what is
//! not so, and others hardly notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use junction_engine::seal::{ChunkCipher, Plain, SealedManifest};
use junction_shared::protocol::close::Close;
use junction_shared::protocol::codec::encode;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::{
    AttachmentEnd, AttachmentKind, AttachmentReceipt, Card, Chunk, ChunkRange, Manifest,
    ManifestEntry, Offer, READS_ATTACHMENTS, ToBridge, ToHub, TransferId,
};
use junction_shared::secret::{Secret, random_bytes};
use junction_testkit::client::CallError;
use junction_testkit::{
    FrameProxy, RawPeer, RawSocket, TestBridge, TestHome, TestHub, Version, eventually, from_hub,
    list, memory, pass, settles,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const CHUNK: usize = 65_536;

/// A member that follows the protocol only as far as a test wants, and the bridge that it is after.
struct Rogue {
    home: TestHome,
    hub: TestHub,
    bob: TestBridge,
    peer: RawPeer,
    socket: RawSocket,
    card: Card,
    seq: u64,
}

impl Rogue {
    async fn new() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let bob = join(&home, hub.port, "bob").await;
        let peer = RawPeer::new(&home);
        let want = Some(("mallory".to_owned(), None));
        let (mut socket, _) = RawSocket::welcomed(hub.port, &peer, want).await;
        let features = Some(READS_ATTACHMENTS);
        let own = Card { features, ..peer.unsigned_card("mallory", None) };
        socket.send(&ToHub::Card(peer.sign(&own))).await;
        let card = socket.card_of("bob").await;
        Self { home, hub, bob, peer, socket, card, seq: 0 }
    }

    /// Sends a message with this manifest. Gives its id and its file key.
    async fn send(&mut self, attachments: Vec<ManifestEntry>) -> (MessageId, SealedManifest) {
        let manifest = encode(&Manifest { attachments }).to_vec().into();
        let sealed = SealedManifest { manifest, key: Arc::new(Secret::random()), repeats: None };
        let attachments = Some(sealed.clone());
        let plain = Plain { attachments, body: "from mallory".to_owned(), ..Plain::default() };
        self.seq += 1;
        let send = self.peer.message(&self.card, self.seq, &plain);
        let id = send.envelope.header.id;
        self.socket.send(&ToHub::Send(send)).await;
        (id, sealed)
    }

    fn transfer(&self, message: MessageId) -> TransferId {
        TransferId { from: self.peer.key, to: self.card.key, message, attachment: 1 }
    }

    async fn offer(&mut self, message: MessageId, chunks: u32) {
        let transfer = self.transfer(message);
        let offer = Offer { transfer, chunks, ttl_ms: 60_000 };
        self.socket.send(&ToHub::Offer(offer)).await;
    }

    /// The next range that the hub asks for.
    async fn pulled(&mut self) -> ChunkRange {
        let pull = |frame| if let ToBridge::Pull(range) = frame { Some(range) } else { None };
        self.socket.until("a question for chunks", pull).await
    }

    async fn give(&mut self, message: MessageId, number: u32, sealed: Vec<u8>) {
        let chunk = Chunk { transfer: self.transfer(message), number, sealed: sealed.into() };
        self.socket.send(&ToHub::Chunk(chunk)).await;
    }
}

/// A bridge in a project directory of its own.
async fn join(home: &TestHome, port: u16, alias: &str) -> TestBridge {
    let directory = home.path().join("projects").join(alias);
    std::fs::create_dir_all(&directory).expect("a directory");
    let launch = TestBridge::launch(home, port).cwd(directory);
    let mut bridge = TestBridge::open(home, launch, Version::Stateful).await;
    bridge.register(alias).await;
    bridge
}

/// What is in the project of a bridge.
fn names(home: &TestHome, alias: &str) -> Vec<String> {
    let directory = home.path().join("projects").join(alias);
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn file(name: &str, bytes: usize) -> ManifestEntry {
    let (kind, sha256) = (AttachmentKind::File, Some([0; 32]));
    ManifestEntry { name: name.to_owned(), kind, bytes: bytes as u64, sha256 }
}

fn value(name: &str, bytes: usize) -> ManifestEntry {
    ManifestEntry { kind: AttachmentKind::Value, sha256: None, ..file(name, bytes) }
}

fn place(id: &Value, path: &str) -> Value {
    json!({ "message_id": id, "attachment_id": "1", "path": path })
}

#[tokio::test]
async fn manifests_that_break_a_limit_are_shown_to_nobody_and_the_bridge_lives() {
    let mut rogue = Rogue::new().await;
    for broken in [
        vec![file("x", 1); 9],
        vec![file(&"x".repeat(10_000), 1)],
        vec![file("x", 1 << 62), file("y", 1)],
        vec![ManifestEntry { bytes: 1 << 63, ..file("x", 1) }],
        vec![value("x", CHUNK + 1)],
        vec![],
    ] {
        rogue.send(broken).await;
    }
    rogue.send(vec![value("fine", 1)]).await;
    let read = rogue.bob.read_one().await;
    assert_eq!(read["attachments"][0]["name"], "fine", "{read}");
    assert_eq!(rogue.bob.leftovers().await, Vec::<Value>::new());
}

#[tokio::test]
async fn regression_name_of_an_attachment_leads_nowhere_and_hides_nothing() {
    let mut rogue = Rogue::new().await;
    for name in
        ["../../x", "/etc/x", "a\u{202e}txt.exe", "a\u{0}b\n\u{1b}[31m", ".git/hooks/x", ".."]
    {
        let (id, sealed) = rogue.send(vec![value(name, 3)]).await;
        let read = rogue.bob.read_one().await;
        let shown = read["attachments"][0]["name"].as_str().expect("a name");
        assert!(!shown.contains(['\u{202e}', '\u{0}', '\n', '\u{1b}']), "{shown:?}");
        rogue.offer(id, 1).await;
        rogue.pulled().await;
        let cipher = ChunkCipher::new(&sealed.key, &sealed.manifest, 1, 3);
        rogue.give(id, 0, cipher.seal(0, b"abc".to_vec(), None).expect("a chunk")).await;
        let saved = rogue.bob.try_call("save_attachment", place(&read["id"], ".")).await;
        if let Ok(saved) = saved {
            let path = saved["path"].as_str().expect("a path");
            assert!(
                path.starts_with(&*rogue.home.path().join("projects/bob").to_string_lossy()),
                "{path}"
            );
        }
    }
    assert!(
        !rogue.home.path().join("x").exists() && !rogue.home.path().join("projects/x").exists()
    );
    assert!(names(&rogue.home, "bob").iter().all(|name| name != ".git"));
}

#[tokio::test]
async fn message_that_has_the_id_of_anothers_takes_nothing_of_it() {
    let mut rogue = Rogue::new().await;
    let alice = join(&rogue.home, rogue.hub.port, "alice").await;
    std::fs::write(rogue.home.path().join("projects/alice/a.txt"), "of alice").expect("a file");
    let attached =
        json!({ "target_alias": "bob", "message": "m", "attachments": [{ "path": "a.txt" }] });
    let sent = alice.call("send_message", attached).await;
    let read = rogue.bob.read_one().await;
    let id: [u8; 16] = uuid(read["id"].as_str().expect("an id"));
    let manifest = encode(&Manifest { attachments: vec![value("a.txt", 3)] }).to_vec().into();
    let sealed = SealedManifest { manifest, key: Arc::new(Secret::random()), repeats: None };
    let plain = Plain { attachments: Some(sealed), body: "mine".to_owned(), ..Plain::default() };
    let mut send = rogue.peer.message(&rogue.card, 1, &plain);
    send.envelope.header.id = MessageId(id);
    rogue.socket.send(&ToHub::Send(send)).await;
    rogue.offer(MessageId(id), 1).await;
    rogue.bob.call("save_attachment", place(&sent["id"], "a.txt")).await;
    let saved = std::fs::read(rogue.home.path().join("projects/bob/a.txt")).expect("a file");
    assert_eq!(saved, b"of alice");
}

/// The bytes of an id as agents see it.
fn uuid(text: &str) -> [u8; 16] {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16);
    std::array::from_fn(|at| byte(&digits[2 * at..2 * at + 2]).expect("a byte"))
}

#[tokio::test]
async fn chunks_that_were_not_asked_for_end_the_connection_of_who_gives_them() {
    let mut rogue = Rogue::new().await;
    let (id, _) = rogue.send(vec![file("x", 20 * CHUNK)]).await;
    for number in 0..100 {
        rogue.give(id, number, vec![0; 64]).await;
    }
    assert_eq!(rogue.socket.close_code().await, Some(Close::ProtocolError.code()));
    assert_eq!(rogue.bob.read_one().await["attachments"][0]["name"], "x");
}

#[tokio::test]
async fn attachment_that_is_offered_and_never_given_stalls_one_call_alone() {
    let mut rogue = Rogue::new().await;
    let alice = join(&rogue.home, rogue.hub.port, "alice").await;
    // One that is never given, and one with fewer chunks than the message says.
    let (never, _) = rogue.send(vec![file("x", 20 * CHUNK)]).await;
    let (fewer, _) = rogue.send(vec![file("y", 20 * CHUNK)]).await;
    let read = rogue.bob.read_many(2).await;
    rogue.offer(never, 20).await;
    rogue.offer(fewer, 1).await;
    let stalled = |message: &Value| {
        let call = rogue.bob.client.call("save_attachment", place(&message["id"], "x.bin"));
        tokio::time::timeout(Duration::from_secs(60), call)
    };
    let calls = async { tokio::join!(stalled(&read[0]), stalled(&read[1])) };
    let chat = async {
        for _ in 0..20 {
            alice.send("bob", "hello").await;
            eventually("bob answers", async || {
                (!list(&rogue.bob.read().await, "messages").is_empty()).then_some(())
            })
            .await;
        }
    };
    let (calls, ()) = tokio::join!(calls, chat);
    for call in [calls.0, calls.1] {
        let call = call.expect("it ends");
        assert!(matches!(&call, Err(CallError::Tool(text)) if text.contains("30 s")), "{call:?}");
    }
    assert_eq!(names(&rogue.home, "bob"), Vec::<String>::new());
}

/// How a hub falsifies chunks.
const FALSIFIED: [&str; 6] = ["cut", "extended", "flipped", "moved", "foreign", "doubled"];

/// The frame with which a hub replaces the fourth chunk.
fn falsified(how: &str, chunk: &Chunk) -> Vec<Chunk> {
    let mut bytes = chunk.sealed.to_vec();
    let with = |sealed: Vec<u8>| vec![Chunk { sealed: Bytes::from(sealed), ..chunk.clone() }];
    match how {
        "cut" => with(bytes[..bytes.len() - 1].to_vec()),
        "extended" => with([&bytes[..], &[0]].concat()),
        "flipped" => {
            bytes[7] ^= 1;
            with(bytes)
        }
        // The fifth takes the place of the fourth.
        "moved" => vec![Chunk { number: chunk.number + 1, ..chunk.clone() }],
        "foreign" => with(vec![9; bytes.len()]),
        _ => vec![chunk.clone(), chunk.clone()],
    }
}

#[tokio::test]
async fn falsified_chunks_are_never_saved() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mode = Arc::new(AtomicU8::new(0));
    let how = Arc::clone(&mode);
    let proxy = FrameProxy::start(hub.port, move |frame| match from_hub(frame) {
        Some(ToBridge::Chunk(chunk)) => {
            if chunk.number != 3 {
                return pass(frame);
            }
            // Once for each save.
            let at = usize::from(how.swap(u8::MAX, Ordering::SeqCst));
            let Some(how) = FALSIFIED.get(at) else { return pass(frame) };
            falsified(how, &chunk).into_iter().map(|it| encode(&ToBridge::Chunk(it))).collect()
        }
        _ => pass(frame),
    })
    .await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, proxy.port, "bob").await);
    let content: Vec<u8> = (0..20 * CHUNK).map(|at| (at >> 4).to_le_bytes()[0]).collect();
    std::fs::write(home.path().join("projects/alice/a.bin"), &content).expect("a file");
    let attached =
        json!({ "target_alias": "bob", "message": "m", "attachments": [{ "path": "a.bin" }] });
    let id = alice.call("send_message", attached).await["id"].clone();
    bob.read_one().await;
    for (number, how) in (0..).zip(FALSIFIED) {
        mode.store(number, Ordering::SeqCst);
        let saved = bob.try_call("save_attachment", place(&id, &format!("{how}.bin"))).await;
        let is_repeated = matches!(how, "doubled" | "moved");
        match saved {
            // What is doubled, or comes in place of another, is passed over, and asked for again.
            Ok(_) => assert!(is_repeated, "{how}"),
            Err(error) => {
                assert!(error.to_string().contains("not what the message says"), "{how}: {error}");
            }
        }
        let left = names(&home, "bob");
        assert!(
            left.iter().all(|name| ["doubled.bin", "moved.bin"].contains(&name.as_str())),
            "{how}: {left:?}"
        );
    }
    bob.call("save_attachment", place(&id, "a.bin")).await;
    assert!(std::fs::read(home.path().join("projects/bob/a.bin")).expect("a file") == content);
}

#[tokio::test]
async fn forged_receipts_of_attachments_tell_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    // The only true receipt is kept, and said of the other attachment.
    let count = Arc::new(AtomicU32::new(0));
    let replayed = Arc::clone(&count);
    let proxy = FrameProxy::start(hub.port, move |frame| match from_hub(frame) {
        Some(ToBridge::AttachmentReceipt(receipt)) => {
            replayed.fetch_add(1, Ordering::SeqCst);
            let transfer = TransferId { attachment: 2, ..receipt.transfer };
            let forged = [
                AttachmentReceipt { transfer, ..receipt.clone() },
                AttachmentReceipt { kind: AttachmentEnd::Expired, ..receipt.clone() },
                AttachmentReceipt { mac: [0; 32], ..receipt },
            ];
            forged.into_iter().map(|it| encode(&ToBridge::AttachmentReceipt(it))).collect()
        }
        _ => pass(frame),
    })
    .await;
    let (alice, bob) = (join(&home, proxy.port, "alice").await, join(&home, hub.port, "bob").await);
    std::fs::write(home.path().join("projects/alice/a.txt"), "a").expect("a file");
    let attachments = json!([{ "path": "a.txt" }, { "path": "a.txt" }]);
    let sent = json!({ "target_alias": "bob", "message": "m", "attachments": attachments });
    let id = alice.call("send_message", sent).await["id"].clone();
    bob.read_one().await;
    bob.call("save_attachment", place(&id, "a.txt")).await;
    let mallory = RawPeer::new(&home);
    let (mut socket, _) = RawSocket::join(hub.port, &mallory, "mallory").await;
    let [from, to] = [socket.card_of("alice").await.key, socket.card_of("bob").await.key];
    for to in [to, mallory.key] {
        let message = MessageId(uuid(id.as_str().expect("an id")));
        let transfer = TransferId { from, to, message, attachment: 2 };
        let receipt =
            AttachmentReceipt { transfer, kind: AttachmentEnd::Saved, mac: random_bytes() };
        socket.send(&ToHub::AttachmentReceipt(receipt)).await;
    }
    eventually("receipts came", async || (count.load(Ordering::SeqCst) > 0).then_some(())).await;
    let told = eventually("the message's own receipt comes", async || {
        let receipts = list(&alice.read().await, "receipts");
        (!receipts.is_empty()).then_some(receipts)
    })
    .await;
    assert!(told.iter().all(|it| it.get("attachment").is_none()), "{told:?}");
    assert_eq!(list(&alice.read().await, "receipts"), Vec::<Value>::new());
}

#[tokio::test]
async fn flood_of_offers_and_questions_slows_nobody_and_takes_no_memory() {
    let mut rogue = Rogue::new().await;
    let alice = join(&rogue.home, rogue.hub.port, "alice").await;
    let before = memory(rogue.hub.pid(), "VmRSS").unwrap_or_default();
    let mut times = Vec::new();
    let bob = &rogue.bob;
    let (peer, card) = (rogue.peer.key, rogue.card.key);
    let socket = &mut rogue.socket;
    let flood = async {
        for number in 0..60_000_u32 {
            let message = MessageId(random_bytes());
            let transfer = TransferId { from: peer, to: card, message, attachment: 1 };
            let back = TransferId { from: card, to: peer, ..transfer };
            let frame = match number % 3 {
                0 => ToHub::Offer(Offer { transfer, chunks: 256, ttl_ms: 600_000 }),
                1 => ToHub::Fetch(ChunkRange { transfer: back, next: 0, until: 8 }),
                _ => ToHub::Withdraw(transfer),
            };
            if !socket.feed_message(Message::Binary(encode(&frame))).await {
                break;
            }
        }
    };
    let chat = async {
        for _ in 0..200 {
            let began = Instant::now();
            alice.send("bob", "hello").await;
            eventually("it is read", async || {
                (!list(&bob.read().await, "messages").is_empty()).then_some(())
            })
            .await;
            times.push(began.elapsed());
        }
    };
    tokio::join!(flood, chat);
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(250), "{p99:?}");
    settles("the hub has no more memory than before", async || {
        let (was, is) = (before, memory(rogue.hub.pid(), "VmRSS").unwrap_or_default());
        if is < was + 16 * 1024 { Ok(()) } else { Err(format!("{was} -> {is}")) }
    })
    .await;
}
