//! Where attachments come from and go to: values, disks that are full, and calls that are cancelled.

use super::*;
use junction_testkit::skipped;

#[tokio::test]
async fn value_of_a_dotenv_file_goes_into_another_and_past_every_answer() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    home.allow("env_keys = [\"R2_KEY\"]\n");
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    write(&home, "alice", ".env", b"A=1\nR2_KEY=canary-5b1f\nB=2\n");
    let attachments = json!([{ "path": ".env", "key": "R2_KEY" }]);
    let sent = alice.call("send_message", message("bob", &attachments)).await;
    let read = bob.read_one().await;
    assert_eq!(read["attachments"][0]["kind"], "value");
    assert_eq!(read["attachments"][0].get("sha256"), None);
    let mut into = place(&sent["id"], 1, "local.conf");
    into["key"] = json!("KEY");
    let saved = bob.call("save_attachment", into).await;
    let local = file(&home, "bob", "local.conf").expect("a file");
    assert_eq!(String::from_utf8_lossy(&local).trim(), "KEY=canary-5b1f");
    for answer in [&sent, &read, &saved] {
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    // Another key of the same file, and the file itself, stay here.
    for named in [json!({ "path": ".env", "key": "A" }), json!({ "path": ".env" })] {
        let text = alice.error("send_message", message("bob", &json!([named]))).await;
        assert!(text.contains("junction-bridge allow"), "{text}");
    }
}

#[tokio::test]
async fn save_that_is_cancelled_leaves_nothing() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (gate, passed, allowed) = chunk_gate(hub.port, 20).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, gate.port, "bob").await);
    let some = content(8, 3 << 20);
    write(&home, "alice", "some.bin", &some);
    let id = send(&alice, "bob", json!([{ "path": "some.bin" }])).await;
    bob.read_one().await;
    let saving = bob.begin("save_attachment", place(&id, 1, "some.bin")).await;
    reaches(&passed, 21).await;
    saving.cancel().await.expect("the bridge lives");
    eventually("the temporary file is gone", async || names(&home, "bob").is_empty().then_some(()))
        .await;
    allowed.store(u32::MAX, Ordering::SeqCst);
    bob.call("save_attachment", place(&id, 1, "some.bin")).await;
    assert!(file(&home, "bob", "some.bin") == Some(some));
}

/// A file system of this many MiB on a folder, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, mebibytes: usize) -> Option<Self> {
        let mut mount = std::process::Command::new("mount");
        let size = format!("size={mebibytes}m");
        mount.args(["-t", "tmpfs", "-o", &size, "none"]).arg(&at);
        let mounted = mount.stderr(std::process::Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What fails here leaves a mount that ends with the machine.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn full_disk_leaves_nothing_and_the_save_can_be_tried_again() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Some(_disk) = SmallDisk::mount(project(&home, "bob"), 4) else {
        return skipped("nobody but root can mount a small disk");
    };
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    let some = content(9, 3 << 20);
    write(&home, "alice", "some.bin", &some);
    write(&home, "bob", "others.bin", &content(10, 2 << 20));
    let id = send(&alice, "bob", json!([{ "path": "some.bin" }])).await;
    bob.read_one().await;
    let text = bob.error("save_attachment", place(&id, 1, "some.bin")).await;
    assert!(text.contains("disk"), "{text}");
    assert_eq!(names(&home, "bob"), ["others.bin"]);
    std::fs::remove_file(project(&home, "bob").join("others.bin")).expect("it is there");
    bob.call("save_attachment", place(&id, 1, "some.bin")).await;
    assert!(file(&home, "bob", "some.bin") == Some(some));
}
