//! Files and values that go from bridge to bridge, and their keys.
//!
//! No bridge keeps what it sends: it is read from its file when the receiver wants it. So it is looked for where one must
//! hold it, with its receiver while a command has not taken all of it, and in an environment, which is the client's to
//! keep.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use junction_engine::seal::{SealedManifest, keys_from, open};
use junction_shared::protocol::crypto::mac;
use junction_shared::secret::Secret;
use junction_testkit::memory_scan::{Needle, ScannedProcess, are_found, are_gone};
use junction_testkit::{TestBridge, TestHome, TestHub, Version, eventually};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::{Value, json};

use super::keys::{pair_psk, secrets_of};
use super::stage::{bridge, holds, hub, may_look, nobody_holds};
use super::text::Text;
use super::wire_tap::WireTap;

/// Alice and bob in projects of their own.
struct AttachmentStage {
    home: TestHome,
    hub: TestHub,
    alice: TestBridge,
    bob: TestBridge,
    wire: Arc<Mutex<WireTap>>,
    /// How bob opens what alice seals to him.
    bobs: BobsKeys,
}

/// What opens the messages to bob.
struct BobsKeys {
    pair: Secret,
    receive: Secret,
}

/// Everything that a message with attachments leaves behind somewhere.
struct Traces {
    /// The file key, and the keys made of it.
    keys: Vec<Needle>,
    /// A piece of each sealed chunk that passed.
    chunks: Vec<Needle>,
}

impl AttachmentStage {
    /// Two bridges, of which alice has `canary` as the variable `CANARY` of her environment; none where this user may
    /// not look into them.
    async fn set(settings: &[(&str, &str)], canary: &Text) -> Option<Self> {
        let home = TestHome::new();
        let hub_process = TestHub::start_with(&home, settings).await;
        if !may_look(hub_process.pid()) {
            return None;
        }
        let (proxy, wire) = WireTap::tap(hub_process.port).await;
        home.allow(
            "env_keys = [\"CANARY\"]\n\n[attachments.commands]\n\
             wait = [\"sh\", \"-c\", \"cat gate >/dev/null; cat >taken\"]\n",
        );
        let join = async |alias: &str| {
            let project = home.path().join(alias);
            fs::create_dir(&project).expect("a folder");
            let launch = TestBridge::launch(&home, proxy.port).cwd(&project);
            let launch = if alias == "alice" { launch.env("CANARY", &canary.body) } else { launch };
            let mut bridge = TestBridge::open(&home, launch, Version::Stateful).await;
            bridge.register(alias).await;
            bridge
        };
        let (alice, bob) = (join("alice").await, join("bob").await);
        let sent = alice.send("bob", "first").await;
        bob.read_one().await;
        alice.receipt(&sent["id"]).await;
        let bobs = BobsKeys::uncover(&home, &wire, bridge("bob", &bob)).await;
        Some(Self { home, hub: hub_process, alice, bob, wire, bobs })
    }

    fn path(&self, whose: &str, name: &str) -> PathBuf {
        self.home.path().join(whose).join(name)
    }

    fn alice(&self) -> ScannedProcess {
        bridge("alice", &self.alice)
    }

    fn bob(&self) -> ScannedProcess {
        bridge("bob", &self.bob)
    }

    fn hub(&self) -> ScannedProcess {
        hub(&self.hub)
    }

    /// Sends bob these attachments, and has him read the message.
    async fn send(&self, attachments: Value) -> Value {
        let message = json!({ "target_alias": "bob", "message": "x", "attachments": attachments });
        let id = self.alice.call("send_message", message).await["id"].clone();
        assert_eq!(self.bob.read_one().await["id"], id);
        id
    }

    /// Has bob save an attachment.
    async fn save(&self, id: &Value, number: &str, path: &str) {
        let save = json!({ "message_id": id, "attachment_id": number, "path": path });
        self.bob.call("save_attachment", save).await;
    }

    /// Waits until the hub keeps no attachment. The last frames that passed lie in the buffers of its connections still,
    /// sealed.
    async fn hub_keeps_nothing(&self) {
        eventually("the hub keeps no attachment", async || {
            (self.hub.metric("junction_attachment_bytes").await == 0).then_some(())
        })
        .await;
    }

    /// What there is of the last message, which had so many attachments.
    fn traces(&self, attachments: u8) -> Traces {
        let wire = self.wire.lock().expect("the record");
        let envelope = wire.envelopes.last().expect("an envelope passed");
        let header = &envelope.header;
        let group = self.home.group();
        let (pair, receive) = (&self.bobs.pair, &self.bobs.receive);
        let keys = keys_from(&group, pair, receive, &header.enc, &header.from).expect("keys");
        let plain = open(&keys, header, envelope.sealed.clone()).expect("a message");
        let SealedManifest { key, .. } = plain.attachments.expect("it has attachments");
        let mut needles = Needle::key("the file key", key.expose());
        for number in 1..=attachments {
            // HKDF-Expand (RFC 5869 §2.3): the first block of it.
            let derived = mac(key.expose(), &[b"attachment", &[number], &[1]]);
            needles.extend(Needle::key(&format!("the key of attachment {number}"), &derived));
        }
        let chunks = wire.chunks.iter().enumerate().map(|(number, sealed)| {
            Needle::new(format!("sealed chunk {number}"), &sealed[sealed.len() / 2..][..64])
        });
        Traces { keys: needles, chunks: chunks.collect() }
    }
}

impl BobsKeys {
    async fn uncover(home: &TestHome, wire: &Mutex<WireTap>, bob: ScannedProcess) -> Self {
        let snapshot = bob.snapshot().await;
        let wire = wire.lock().expect("the record");
        let header = &wire.envelopes.first().expect("an envelope passed").header;
        let secrets = secrets_of(&snapshot, &wire.keys_of(header.to));
        let pair = pair_psk(&home.group(), &secrets[&header.to.0], header.to, header.from);
        let shown = wire.cards[&(header.to, header.epoch)];
        let receive = Secret::filled(|place| *place = *secrets[&shown].expose());
        Self { pair, receive }
    }
}

impl Traces {
    fn keys(&self) -> Vec<&Needle> {
        self.keys.iter().collect()
    }

    fn chunks(&self) -> Vec<&Needle> {
        self.chunks.iter().collect()
    }

    /// The file key as it is.
    fn file_key(&self) -> [&Needle; 1] {
        [&self.keys[0]]
    }
}

/// Sessions, and so messages, that last just long enough to be looked at.
const SHORT: [(&str, &str); 2] =
    [("JUNCTION_SESSION_TIMEOUT_MS", "8000"), ("JUNCTION_SWEEP_INTERVAL_MS", "2000")];
/// More than a chunk and a half.
const FILE: usize = 100_000;

#[tokio::test]
async fn what_is_attached_is_in_no_bridge_and_no_hub_but_while_it_is_saved() {
    let (file, value, canary) = (Text::of(FILE), Text::of(3_000), Text::of(900));
    let Some(stage) = AttachmentStage::set(&[], &canary).await else { return };
    fs::write(stage.path("alice", "notes.txt"), &file.body).expect("written");
    fs::write(stage.path("alice", "keys.conf"), format!("KEY={}\n", value.body)).expect("written");
    let everybody = [stage.alice(), stage.bob(), stage.hub()];
    let id = stage
        .send(json!([
            { "path": "notes.txt" },
            { "path": "keys.conf", "key": "KEY" },
            { "env": "CANARY" },
        ]))
        .await;
    nobody_holds(&everybody, &[&file, &value]).await;

    // The command does not take its input before the gate is opened.
    let gate = stage.path("bob", "gate");
    mkfifoat(CWD, &gate, Mode::RUSR | Mode::WUSR).expect("a FIFO");
    let command = json!({ "message_id": id, "attachment_id": "2", "command": "wait" });
    let given = stage.bob.begin("save_attachment", command).await;
    holds(stage.bob(), &[&value]).await;
    nobody_holds(&[stage.alice(), stage.hub()], &[&value]).await;
    tokio::task::spawn_blocking(move || fs::write(gate, "go")).await.expect("ended").expect("open");
    given.content().await.expect("the command takes it");
    assert_eq!(fs::read_to_string(stage.path("bob", "taken")).expect("a file"), value.body);

    stage.save(&id, "1", "notes.txt").await;
    assert_eq!(fs::read_to_string(stage.path("bob", "notes.txt")).expect("a file"), file.body);
    let put = json!({ "message_id": id, "attachment_id": "3", "path": ".env", "key": "CANARY" });
    stage.bob.call("save_attachment", put).await;
    let env = fs::read_to_string(stage.path("bob", ".env")).expect("a file");
    assert!(env.contains(&canary.body), "{env}");
    nobody_holds(&everybody, &[&file, &value]).await;
    nobody_holds(&[stage.bob(), stage.hub()], &[&canary]).await;
    let found = stage.alice().snapshot().await.find([&canary.whole]);
    let places: Vec<_> = found.iter().map(|(place, times)| (place.as_str(), *times)).collect();
    assert_eq!(places, [("a text of 900 bytes in [stack]", 1)], "the environment alone has it");
}

#[tokio::test]
async fn keys_of_attachments_are_in_the_two_bridges_and_gone_once_the_message_expires() {
    let canary = Text::of(900);
    let Some(stage) = AttachmentStage::set(&SHORT, &canary).await else { return };
    fs::write(stage.path("alice", "notes.txt"), Text::of(FILE).body).expect("written");
    fs::write(stage.path("alice", "left.txt"), Text::of(FILE).body).expect("written");
    let id = stage.send(json!([{ "path": "notes.txt" }, { "path": "left.txt" }])).await;
    stage.save(&id, "1", "notes.txt").await;
    let traces = stage.traces(2);
    assert_eq!(traces.chunks.len(), 4, "the hub has both attachments");
    are_found(stage.alice(), &traces.file_key()).await;
    are_found(stage.bob(), &traces.file_key()).await;
    are_found(stage.hub(), &traces.chunks()).await;
    are_gone(&[stage.hub()], &traces.keys()).await;

    are_gone(&[stage.alice(), stage.bob(), stage.hub()], &traces.keys()).await;
    stage.hub_keeps_nothing().await;
    let save = json!({ "message_id": id, "attachment_id": "1", "path": "again.txt" });
    stage.bob.error("save_attachment", save).await;
}

#[tokio::test]
async fn keys_of_attachments_are_gone_from_the_bridge_that_leaves() {
    let canary = Text::of(900);
    let Some(stage) = AttachmentStage::set(&[], &canary).await else { return };
    fs::write(stage.path("alice", "notes.txt"), Text::of(FILE).body).expect("written");
    let id = stage.send(json!([{ "path": "notes.txt" }, { "env": "CANARY" }])).await;
    stage.save(&id, "1", "notes.txt").await;
    let traces = stage.traces(2);
    are_found(stage.alice(), &traces.file_key()).await;
    are_found(stage.bob(), &traces.file_key()).await;
    are_found(stage.hub(), &traces.chunks()).await;

    stage.bob.call("disconnect", json!({})).await;
    are_gone(&[stage.bob(), stage.hub()], &traces.keys()).await;
    stage.hub_keeps_nothing().await;
    stage.alice.call("disconnect", json!({})).await;
    are_gone(&[stage.alice()], &traces.keys()).await;
}
