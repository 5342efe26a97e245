//! Files and values that people send and save.

use std::os::unix::fs::{PermissionsExt, symlink};

use junction_testkit::{TestHome, TestHub, TestWatch, finished, signal};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::desk::{at_desk, bridge_in, directory, mode, run_at_desk};

/// Bytes that no text has, and that repeat nowhere in a chunk.
fn binary(length: u32) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

#[tokio::test]
async fn what_a_person_sends_can_be_saved_after_the_command_has_ended() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = bridge_in(&home, &hub, "bob").await;
    let desk = directory(&home, "desk");
    let big = binary(3 << 20);
    std::fs::write(desk.join("big.bin"), &big).expect("written");
    std::fs::write(desk.join(".env"), "A=1\nR2_KEY='s3cr3t canary' # c\n").expect("written");
    std::fs::create_dir(home.path().join("out")).expect("a directory");
    std::fs::write(home.path().join("out/notes#1.txt"), "notes\n").expect("written");
    symlink(home.path().join("out/notes#1.txt"), desk.join("link")).expect("a link");
    // A person's word is enough for a secret, for what is outside of the directory, and for a link.
    let arguments = [
        "send",
        "bob",
        "--attach",
        "big.bin",
        "--attach",
        ".env#R2_KEY",
        "--attach",
        "../out/notes#1.txt",
        "--attach",
        "link",
    ];
    let sent = run_at_desk(&home, &hub, &arguments).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.stdout.starts_with("Sent to bob. "), "{sent:?}");
    assert!(
        sent.stderr
            .contains("bob can save big.bin (3.0 MiB), R2_KEY (13 bytes), notes#1.txt (6 bytes), "),
        "{sent:?}"
    );
    assert!(!sent.stderr.contains("canary"), "{sent:?}");
    let message = bob.read_one().await;
    assert_eq!((&message["message"], &message["from_person"]), (&json!(""), &json!(true)));
    let attachments = message["attachments"].as_array().expect("attachments");
    assert_eq!(attachments.len(), 4, "{message}");
    for (id, path, content) in [
        ("1", "copy.bin", &big[..]),
        ("2", "key", b"s3cr3t canary"),
        ("3", "notes.txt", b"notes\n"),
        ("4", "more.txt", b"notes\n"),
    ] {
        let save = json!({ "message_id": message["id"], "attachment_id": id, "path": path });
        bob.call("save_attachment", save).await;
        let saved = directory(&home, "bob").join(path);
        assert!(std::fs::read(&saved).expect("saved") == content, "{path}");
        assert_eq!(mode(&saved), 0o600);
    }
}

#[tokio::test]
async fn send_waits_for_the_answer_and_tells_what_is_saved_meanwhile() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = bridge_in(&home, &hub, "bob").await;
    std::fs::write(directory(&home, "desk").join("a.txt"), "a").expect("written");
    let arguments = ["send", "--json", "--wait", "30", "bob", "see", "--attach", "a.txt"];
    let asking = at_desk(&home, &hub, &arguments).spawn().expect("it starts");
    let message = bob.read_one().await;
    let save = json!({ "message_id": message["id"], "attachment_id": "1", "path": "b.txt" });
    bob.call("save_attachment", save).await;
    // Long enough for the receipt: it is told in the order in which things happen.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let answer = json!({ "target_alias": "kurt", "message": "yes", "reply_to": message["id"] });
    bob.call("send_message", answer).await;
    let asked = finished(asking).await;
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let answer: Value = serde_json::from_str(&asked.stdout).expect("JSON alone");
    assert_eq!(answer["reply"]["message"], "yes");
    assert_eq!(answer["attachments"][0]["name"], "a.txt");
    assert!(asked.stderr.contains("bob has saved a.txt (1 byte)."), "{asked:?}");
}

#[tokio::test]
async fn watch_sends_for_a_command_and_prints_when_it_is_saved() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = bridge_in(&home, &hub, "bob").await;
    let mut watch = TestWatch::start(&home, hub.port).await;
    std::fs::write(directory(&home, "desk").join(".env"), "KEY=v\n").expect("written");
    let arguments = ["send", "--json", "bob", "see", "--attach", ".env#KEY"];
    let sent = run_at_desk(&home, &hub, &arguments).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let answer: Value = serde_json::from_str(&sent.stdout).expect("JSON alone");
    assert_eq!(answer["attachments"][0]["kind"], "value", "{answer}");
    let message = bob.read_one().await;
    let save = json!({ "message_id": message["id"], "attachment_id": "1", "path": "key" });
    bob.call("save_attachment", save).await;
    let receipt = watch.event("receipt", |receipt| receipt.get("attachment").is_some()).await;
    assert_eq!((&receipt["attachment"], &receipt["status"]), (&json!("1"), &json!("saved")));
    assert_eq!(std::fs::read(directory(&home, "bob").join("key")).expect("saved"), b"v");
}

#[tokio::test]
async fn read_saves_what_comes_under_names_that_are_free() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = bridge_in(&home, &hub, "bob").await;
    let inbox = directory(&home, "inbox");
    std::fs::write(inbox.join("a.bin"), "mine").expect("written");
    let big = binary((3 << 20) + 17);
    std::fs::write(directory(&home, "bob").join("a.bin"), &big).expect("written");
    std::fs::write(directory(&home, "bob").join("conf.json"), "{\"db\":{\"key\":\"k\"}}")
        .expect("written");
    for (is_json, name, second) in [(false, "kurt", "a-2.bin"), (true, "kurt-2", "a-3.bin")] {
        let mut arguments = vec!["read", "--wait", "30", "--save", "../inbox"];
        if is_json {
            arguments.push("--json");
        }
        let reading = at_desk(&home, &hub, &arguments).spawn().expect("it starts");
        bob.sees(name, "online").await;
        let attachments = json!([{ "path": "a.bin" }, { "path": "conf.json", "key": "db.key" }]);
        let sent = json!({ "target_alias": name, "message": "see", "attachments": attachments });
        let sent = bob.call("send_message", sent).await;
        let read = finished(reading).await;
        assert_eq!(read.code, Some(0), "{read:?}");
        let path = inbox.join(second);
        assert!(std::fs::read(&path).expect("saved") == big, "{second}");
        if is_json {
            let message: Value = serde_json::from_str(&read.stdout).expect("JSON alone");
            assert_eq!(message["attachments"][0]["name"], "a.bin");
            assert_eq!(message["saved"][0]["path"], json!(path));
            assert_eq!(message["saved"][0]["sha256"], message["attachments"][0]["sha256"]);
            assert_eq!(message["saved"][1]["bytes"], 1);
        } else {
            assert!(read.stdout.contains("-- attached: file a.bin, 3.0 MiB, id 1\n"), "{read:?}");
            let line = format!("-- saved: a.bin from bob, 3.0 MiB, {}\n", path.display());
            assert!(read.stdout.contains(&line), "{read:?}");
            assert!(!read.stdout.contains("not saved"), "{read:?}");
        }
        assert!(read.stderr.lines().count() == 1, "no progress in a pipe: {read:?}");
        // The attachments first, in either order.
        let receipt = bob.receipt(&sent["id"]).await;
        assert!(["read", "saved"].contains(&receipt["status"].as_str().expect("a status")));
    }
    assert_eq!(std::fs::read(inbox.join("a.bin")).expect("it is there"), b"mine");
    let value = std::fs::read_dir(&inbox).expect("it is there").flatten();
    let values: Vec<_> = value
        .map(|entry| entry.path())
        .filter(|path| std::fs::read(path).expect("a file") == b"k")
        .collect();
    assert!(values.len() == 2 && values.iter().all(|path| mode(path) == 0o600), "{values:?}");
}

#[tokio::test]
async fn message_that_is_not_saved_lists_what_is_attached_and_how_to_save_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = bridge_in(&home, &hub, "bob").await;
    std::fs::write(directory(&home, "bob").join("a.txt"), "a").expect("written");
    let reading = at_desk(&home, &hub, &["read", "--wait", "30"]).spawn().expect("it starts");
    bob.sees("kurt", "online").await;
    let sent =
        json!({ "target_alias": "kurt", "message": "see", "attachments": [{ "path": "a.txt" }] });
    bob.call("send_message", sent).await;
    let read = finished(reading).await;
    assert_eq!(read.code, Some(0), "{read:?}");
    assert!(read.stdout.contains("-- attached: file a.txt, 1 byte, id 1\n"), "{read:?}");
    assert!(
        read.stdout.contains("-- not saved: run junction-bridge read or watch with --save DIR")
    );
}

#[tokio::test]
async fn watch_saves_and_a_peers_name_makes_no_dot_file() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let inbox = directory(&home, "inbox");
    let arguments = ["watch", "--json", "--save", inbox.to_str().expect("a path")];
    let mut watch = at_desk(&home, &hub, &arguments).spawn().expect("it starts");
    let mut lines = BufReader::new(watch.stdout.take().expect("a pipe")).lines();
    let desk = directory(&home, "desk");
    for name in [".bashrc", ".env", "id_rsa", "a.txt"] {
        std::fs::write(desk.join(name), "alias x=y").expect("written");
    }
    let bob = bridge_in(&home, &hub, "bob").await;
    bob.sees("kurt", "online").await;
    let arguments = [
        "send", "--as", "anna", "kurt", "--attach", ".bashrc", "--attach", ".env", "--attach",
        "id_rsa", "--attach", "a.txt",
    ];
    let sent = run_at_desk(&home, &hub, &arguments).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let message = loop {
        let line = junction_testkit::within("a line", lines.next_line()).await.expect("stdout");
        let event: Value = serde_json::from_str(&line.expect("it runs")).expect("JSON");
        if event["event"] == "message" {
            break event;
        }
    };
    let saved = message["saved"].as_array().expect("saved");
    for (at, name) in [(0, "bashrc"), (1, "env"), (2, "id_rsa"), (3, "a.txt")] {
        assert_eq!(saved[at]["path"], json!(inbox.join(name)), "{message}");
        assert_eq!(mode(&inbox.join(name)), 0o600);
    }
    assert!(!inbox.join(".bashrc").exists() && !inbox.join(".env").exists());
    signal(watch.id().expect("it runs"), rustix::process::Signal::INT);
    let status = junction_testkit::within("it ends", watch.wait()).await.expect("its status");
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn what_is_never_sent_and_what_is_wrong_is_said_and_nothing_is_sent() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = bridge_in(&home, &hub, "bob").await;
    let desk = directory(&home, "desk");
    std::fs::write(desk.join("a.txt"), "a").expect("written");
    std::fs::write(desk.join(".env"), "A=1\n").expect("written");
    std::fs::File::create(desk.join("large"))
        .and_then(|file| file.set_len((16 << 20) + 1))
        .expect("made");
    std::fs::create_dir(desk.join("folder")).expect("a directory");
    rustix::fs::mkfifoat(rustix::fs::CWD, desk.join("fifo"), rustix::fs::Mode::RUSR).expect("made");
    let key = home.config().join("hub.key");
    let nine = ["--attach", "a.txt"].repeat(9);
    for (named, code, said) in [
        (&["--attach", "missing"][..], 1, "There is no file"),
        (&["--attach", ".env#B"], 1, "no value under that key"),
        (&["--attach", "large"], 1, "larger than 16 MiB"),
        (&["--attach", "folder"], 1, "is a directory"),
        (&["--attach", "fifo"], 1, "is a named pipe"),
        (&["--attach", "/proc/self/environ"], 1, "never sent"),
        (&["--attach", "/dev/null"], 1, "never sent"),
        (&["--attach", key.to_str().expect("a path")], 1, "never sent"),
        (&["--attach", "a.txt", "--attach", "missing"], 1, "There is no file"),
        (&["--attach", ""], 2, "--attach names nothing"),
        (&nine, 2, "at most 8 attachments"),
    ] {
        let arguments = [&["send", "bob", "see"], named].concat();
        let run = run_at_desk(&home, &hub, &arguments).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{named:?}: {run:?}");
        assert!(run.stderr.contains(said) && !run.stderr.contains("Call "), "{said}: {run:?}");
    }
    directory(&home, "desk/.claude");
    for (arguments, code, said) in [
        (&["read", "--wait", "1", "--save", "missing"][..], 1, "There is no folder missing"),
        (&["watch", "--save", "a.txt"], 1, "There is no folder a.txt"),
        (&["watch", "--save", ".", "--exec", "cat"], 2, "cannot be used with"),
        // Before anybody can write to it.
        (&["read", "--wait", "1", "--save", ".claude"], 1, "Nothing was saved."),
        (&["watch", "--save", "/proc"], 1, "Nothing was saved."),
        (&["read", "--save", "missing"], 1, "There is no folder missing"),
    ] {
        let run = run_at_desk(&home, &hub, arguments).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{run:?}");
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    assert!(bob.leftovers().await.is_empty());
}

#[tokio::test]
async fn send_that_the_hub_has_no_room_for_waits_and_says_so_when_it_is_interrupted() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = bridge_in(&home, &hub, "bob").await;
    let desk = directory(&home, "desk");
    std::fs::File::create(desk.join("large"))
        .and_then(|file| file.set_len(16 << 20))
        .expect("made");
    std::fs::write(desk.join("small"), "x").expect("written");
    for name in ["anna", "ben"] {
        let arguments = ["send", "--as", name, "bob", "--attach", "large"];
        let sent = run_at_desk(&home, &hub, &arguments).await;
        assert_eq!(sent.code, Some(0), "{sent:?}");
    }
    let arguments = ["send", "bob", "see", "--attach", "small"];
    let mut waiting = at_desk(&home, &hub, &arguments).spawn().expect("it starts");
    let mut stderr = BufReader::new(waiting.stderr.take().expect("a pipe")).lines();
    let mut said = String::new();
    while !said.contains("Waiting until the hub has all of small (1 byte).") {
        let line = junction_testkit::within("a line", stderr.next_line()).await.expect("stderr");
        said.push_str(&line.expect("it runs"));
    }
    signal(waiting.id().expect("it runs"), rustix::process::Signal::INT);
    let mut rest = String::new();
    while let Some(line) = stderr.next_line().await.expect("stderr") {
        rest.push_str(&line);
    }
    assert!(rest.contains("bob may not be able to save that"), "{rest}");
    let status = junction_testkit::within("it ends", waiting.wait()).await.expect("its status");
    assert_eq!(status.code(), Some(1));
    let messages = bob.read_many(3).await;
    let small = messages.iter().find(|it| it["from"] == "kurt").expect("its message was sent");
    let save = json!({ "message_id": small["id"], "attachment_id": "1", "path": "small" });
    let error = bob.error("save_attachment", save).await;
    assert!(error.contains("no longer there"), "{error}");
}

#[tokio::test]
async fn older_watch_that_knows_no_attachments_is_asked_for_none() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let runtime = home.runtime("person").join("agent-junction");
    std::fs::create_dir(&runtime).expect("a directory");
    std::fs::set_permissions(&runtime, PermissionsExt::from_mode(0o700)).expect("its mode");
    let socket = runtime.join(format!("person-{}.sock", std::process::id()));
    let listener = tokio::net::UnixListener::bind(socket).expect("a socket");
    std::fs::write(directory(&home, "desk").join("a.txt"), "a").expect("written");
    let arguments = ["send", "bob", "see", "--attach", "a.txt"];
    let sending = at_desk(&home, &hub, &arguments).spawn().expect("it starts");
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a line");
            if line.is_empty() {
                continue;
            }
            let request: Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(request["ask"], "person", "{request}");
            let here = b"{\"say\":\"here\",\"alias\":\"kurt\",\"watches\":true}\n";
            stream.write_all(here).await.expect("it reads");
        }
    });
    let sent = finished(sending).await;
    assert!(sent.code == Some(1) && sent.stderr.contains("has an older version"), "{sent:?}");
    serving.abort();
    assert!(serving.await.is_err_and(|error| error.is_cancelled()));
}
