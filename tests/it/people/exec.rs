//! `watch --exec`: what the command gets, and when its message counts as read.

use std::time::Duration;

use junction_testkit::{
    TestBridge, TestHome, TestHub, bridge_binary, eventually, finished, person, run_person, signal,
    within,
};
use rustix::process::Signal;
use serde_json::json;

#[tokio::test]
async fn command_gets_the_text_on_stdin_and_the_rest_in_its_environment() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let line = "cat; echo \" $JUNCTION_FROM $JUNCTION_ID [$JUNCTION_REPLY_TO]\"; env >>env";
    let watch = person(&home, hub.port, &["watch", "--exec", line]).spawn().expect("it starts");
    let pid = watch.id().expect("it runs");
    bob.sees("kurt", "online").await;
    let mut expected = String::new();
    for text in ["one", "$(two) `three` \"four\""] {
        let sent = bob.send("kurt", text).await;
        assert_eq!(bob.receipt(&sent["id"]).await["status"], "read");
        expected.push_str(&format!("{text} bob {} []\n", sent["id"].as_str().expect("an id")));
    }
    signal(pid, Signal::INT);
    let run = finished(watch).await;
    assert_eq!((run.code, run.stdout), (Some(0), expected), "{}", run.stderr);
    let environment = std::fs::read_to_string(home.path().join("env")).expect("it was written");
    assert!(environment.contains("JUNCTION_FROM=bob") && !environment.contains("(two)"));
}

#[tokio::test]
async fn message_whose_command_fails_twice_stays_unread_and_ends_the_watch() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for (line, name) in [("echo tried; exit 7", "kurt"), ("echo tried; kill -9 $$", "kurt-2")] {
        let watch = person(&home, hub.port, &["watch", "--exec", line]).spawn().expect("it starts");
        bob.sees(name, "online").await;
        let sent = bob.send(name, "hello").await;
        let run = finished(watch).await;
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), "tried\ntried\n"), "{run:?}");
        assert!(run.stderr.contains("failed twice"), "{run:?}");
        assert_ne!(bob.receipt(&sent["id"]).await["status"], "read");
    }
}

#[tokio::test]
async fn command_that_fails_once_gets_its_message_again() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let line = "test -e failed || { touch failed; exit 1; }; cat";
    let watch = person(&home, hub.port, &["watch", "--exec", line]).spawn().expect("it starts");
    let pid = watch.id().expect("it runs");
    bob.sees("kurt", "online").await;
    let sent = bob.send("kurt", "hello").await;
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "read");
    signal(pid, Signal::TERM);
    assert_eq!(finished(watch).await.stdout, "hello");
}

#[tokio::test]
async fn command_that_never_ends_or_reads_nothing_holds_up_no_end() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for (number, end) in [Signal::INT, Signal::TERM, Signal::HUP].into_iter().enumerate() {
        let name = format!("kurt-{number}x");
        let line = "echo $$ >pid; sleep 1000 & wait";
        let watch = person(&home, hub.port, &["watch", "--as", &name, "--exec", line]).spawn();
        let watch = watch.expect("it starts");
        let pid = watch.id().expect("it runs");
        bob.sees(&name, "online").await;
        let sent = bob.send(&name, &"x".repeat(65_000)).await;
        let shell = eventually("the command runs", async || {
            let text = std::fs::read_to_string(home.path().join("pid")).ok()?;
            text.trim().parse::<u32>().ok()
        })
        .await;
        signal(pid, end);
        let run = within("watch ends", finished(watch)).await;
        assert_eq!(run.code, Some(0), "{end:?}: {run:?}");
        eventually("the command has ended", async || {
            junction_testkit::is_gone(shell).then_some(())
        })
        .await;
        assert_ne!(bob.receipt(&sent["id"]).await["status"], "read");
        std::fs::remove_file(home.path().join("pid")).expect("it was written");
    }
}

#[tokio::test]
async fn what_the_command_sends_is_a_programs_and_stays_in_the_chain() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let line = format!(
        "\"{}\" send --reply-to $JUNCTION_ID $JUNCTION_FROM \"got it\" >&2",
        bridge_binary()
    );
    let watch = person(&home, hub.port, &["watch", "--exec", &line]).spawn().expect("it starts");
    let pid = watch.id().expect("it runs");
    bob.sees("kurt", "online").await;
    let sent = bob.send("kurt", "hello").await;
    let answer = bob.read_one().await;
    assert_eq!((&answer["from"], &answer["reply_to"]), (&json!("kurt"), &sent["id"]));
    assert_eq!(answer.get("from_person"), None, "{answer}");
    assert_eq!(bob.receipt(&sent["id"]).await["status"], "read");
    signal(pid, Signal::INT);
    let run =
        tokio::time::timeout(Duration::from_secs(30), finished(watch)).await.expect("it ends");
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[tokio::test]
async fn regression_person_does_not_speak_as_the_program_of_a_watch() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let arguments = ["watch", "--as", "build-bot", "--exec", "cat"];
    let _watch = person(&home, hub.port, &arguments).spawn().expect("it starts");
    bob.sees("build-bot", "online").await;
    let sent = run_person(&home, hub.port, &["send", "bob", "by me"]).await;
    assert!(sent.code == Some(0) && sent.stderr.contains("No answer can reach you"), "{sent:?}");
    let message = bob.read_one().await;
    assert_eq!((&message["from"], &message["from_person"]), (&json!("kurt"), &json!(true)));
    let arguments = ["send", "--as", "build-bot", "bob", "by the bot"];
    assert_eq!(run_person(&home, hub.port, &arguments).await.code, Some(0));
    let message = bob.read_one().await;
    assert_eq!((&message["from"], message.get("from_person")), (&json!("build-bot"), None));
}
