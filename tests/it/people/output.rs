//! Colours and questions on a terminal, and none in a pipe.

use std::path::Path;
use std::process::{Command, Output};

use junction_testkit::{TestBridge, TestHome, TestHub, bridge_binary, person, skipped};

/// Runs a command line of a shell on a terminal of its own; nothing where `script` is missing.
fn on_a_terminal(home: &TestHome, hub: &TestHub, line: &str) -> Option<Output> {
    if !Path::new("/usr/bin/script").exists() {
        skipped("there is no script(1) to make a terminal");
        return None;
    }
    let mut command = Command::new("/usr/bin/script");
    for (name, value) in person(home, hub.port, &[]).as_std().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["--quiet", "--return", "--command", line, "/dev/null"])
        .env("BRIDGE", bridge_binary())
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .current_dir(home.path());
    Some(command.output().expect("it runs"))
}

#[tokio::test]
async fn colours_are_shown_on_a_terminal_that_has_them() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    for (line, has_colours) in [
        ("\"$BRIDGE\" hosts", true),
        ("\"$BRIDGE\" hosts | cat", false),
        ("NO_COLOR=1 \"$BRIDGE\" hosts", false),
        ("TERM=dumb \"$BRIDGE\" hosts", false),
        ("\"$BRIDGE\" hosts --json", false),
    ] {
        let Some(output) = on_a_terminal(&home, &hub, line) else { return };
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success() && said.contains("local"), "{line}: {said}");
        assert_eq!(said.contains('\u{1b}'), has_colours, "{line}: {said}");
    }
}

#[tokio::test]
async fn send_without_a_text_on_a_terminal_says_how() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let Some(output) = on_a_terminal(&home, &hub, "\"$BRIDGE\" send bob") else { return };
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("There is nothing to send."), "{said}");
}

#[tokio::test]
async fn closed_pipe_ends_a_command_in_silence() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let mut child = person(&home, hub.port, &["hosts"]).spawn().expect("it starts");
    drop(child.stdout.take());
    let run = junction_testkit::finished(child).await;
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
}

#[tokio::test]
async fn progress_of_an_attachment_is_shown_on_a_terminal_and_gone_at_the_end() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let _bob = TestBridge::join(&home, &hub, "bob").await;
    let large = std::fs::File::create(home.path().join("large")).expect("made");
    large.set_len(16 << 20).expect("sized");
    let line = "\"$BRIDGE\" send bob --attach large";
    let Some(output) = on_a_terminal(&home, &hub, line) else { return };
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\r  large: "), "{text:?}");
    let last = text.trim_end().rsplit(['\r', '\n']).next().unwrap_or_default();
    assert!(last.starts_with("bob can save large (16.0 MiB) for "), "{text:?}");
}
