//! What a client that asks for progress is told of a save.

use junction_testkit::{TestHome, TestHub, next_json, within};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::json;

use super::{join, project, send, write};

#[tokio::test]
async fn client_is_told_how_many_bytes_have_come() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    // The command does not take its input before the gate is opened.
    home.allow("[attachments.commands]\nwait = [\"sh\", \"-c\", \"cat gate >/dev/null; cat\"]\n");
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    write(&home, "alice", "keys.txt", &[b'x'; 50_000]);
    let id = send(&alice, "bob", json!([{ "path": "keys.txt" }])).await;
    bob.read_one().await;
    let gate = project(&home, "bob").join("gate");
    mkfifoat(CWD, &gate, Mode::RUSR | Mode::WUSR).expect("a FIFO");
    let arguments = json!({ "message_id": id, "attachment_id": "1", "command": "wait" });
    let params = json!({
        "name": "save_attachment", "arguments": arguments, "_meta": { "progressToken": "t" },
    });
    let call = bob.client.begin("tools/call", params).await.expect("it reads");
    let told = loop {
        let told = next_json(&bob).await;
        if told["method"] == "notifications/progress" {
            break told;
        }
    };
    assert_eq!(told["params"]["progressToken"], "t");
    assert_eq!(told["params"]["total"], 50_000.0);
    assert_eq!(told["params"]["progress"], 50_000.0);
    tokio::task::spawn_blocking(move || std::fs::write(gate, "go"))
        .await
        .expect("ended")
        .expect("open");
    within("the save", call.content()).await.expect("it is saved");
}
