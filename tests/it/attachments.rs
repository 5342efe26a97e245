//! Attachments between real bridges over a real hub, by the tools that agents have.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use junction_shared::protocol::wire::ToBridge;
use junction_testkit::client::{CallError, Launch};
use junction_testkit::{
    BridgeEnding, FrameProxy, TestBridge, TestHome, TestHub, TestSession, Version, eventually,
    from_hub, list, pass, within,
};
use serde_json::{Value, json};

mod consent;
mod crowd;
mod ends;
mod guard;
mod page;
mod places;
#[cfg(target_os = "linux")]
mod progress;
mod restarts;

/// The largest attachment.
const LARGEST: usize = 16 << 20;

/// Bytes that no other call of the test has.
fn content(seed: usize, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at ^ (at >> 8) ^ (at >> 16) ^ seed).to_le_bytes()[0]).collect()
}

/// The project directory of the bridge with this alias.
fn project(home: &TestHome, alias: &str) -> PathBuf {
    let directory = home.path().join("projects").join(alias);
    std::fs::create_dir_all(&directory).expect("a project directory");
    directory
}

/// How a bridge is started in its project directory.
fn launch(home: &TestHome, port: u16, alias: &str) -> Launch {
    TestBridge::launch(home, port).cwd(project(home, alias))
}

/// A bridge in a project directory of its own.
async fn join(home: &TestHome, port: u16, alias: &str) -> TestBridge {
    let launch = launch(home, port, alias);
    let mut bridge = TestBridge::open(home, launch, Version::Stateful).await;
    bridge.register(alias).await;
    bridge
}

/// A file in the project of a bridge.
fn write(home: &TestHome, alias: &str, name: &str, content: &[u8]) {
    std::fs::write(project(home, alias).join(name), content).expect("a file");
}

/// The content of a file in the project of a bridge; nothing if there is none.
fn file(home: &TestHome, alias: &str, name: &str) -> Option<Vec<u8>> {
    std::fs::read(project(home, alias).join(name)).ok()
}

/// The names of everything in the project of a bridge.
fn names(home: &TestHome, alias: &str) -> Vec<String> {
    let entries = std::fs::read_dir(project(home, alias)).expect("a project directory");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries.map(|it| name(it).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A message with these attachments.
fn message(to: &str, attachments: &Value) -> Value {
    json!({ "target_alias": to, "message": "see the attachments", "attachments": attachments })
}

/// Sends a message with these attachments. Gives its id.
async fn send(from: &TestBridge, to: &str, attachments: Value) -> Value {
    from.call("send_message", message(to, &attachments)).await["id"].clone()
}

/// The arguments that save an attachment as this file.
fn place(id: &Value, number: usize, path: &str) -> Value {
    json!({ "message_id": id, "attachment_id": number.to_string(), "path": path })
}

/// What a sender was told.
#[derive(Default)]
struct Receipts(Vec<Value>);

impl Receipts {
    /// The ends of this attachment that the sender was told, once there is one.
    async fn of(&mut self, sender: &TestBridge, id: &Value, number: usize) -> Vec<Value> {
        let number = json!(number.to_string());
        eventually("the end of the attachment is told", async || {
            let answer = sender.try_call("read_messages", json!({})).await.ok()?;
            self.0.extend(list(&answer, "receipts"));
            let ends = self.0.iter().filter(|it| it["id"] == *id && it["attachment"] == number);
            let ends: Vec<_> = ends.map(|end| end["status"].clone()).collect();
            (!ends.is_empty()).then_some(ends)
        })
        .await
    }
}

/// A proxy that lets so many chunks to bridges pass, and no more until it is told.
async fn chunk_gate(hub: u16, most: u32) -> (FrameProxy, Arc<AtomicU32>, Arc<AtomicU32>) {
    let (passed, allowed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(most)));
    let (count, limit) = (Arc::clone(&passed), Arc::clone(&allowed));
    let proxy = FrameProxy::start(hub, move |frame| {
        if matches!(from_hub(frame), Some(ToBridge::Chunk(_)))
            && count.fetch_add(1, Ordering::SeqCst) >= limit.load(Ordering::SeqCst)
        {
            return Vec::new();
        }
        pass(frame)
    })
    .await;
    (proxy, passed, allowed)
}

/// Waits until this many chunks have come to a gate.
async fn reaches(passed: &AtomicU32, count: u32) {
    eventually("half of the chunks have come", async || {
        (passed.load(Ordering::SeqCst) >= count).then_some(())
    })
    .await;
}
