//! `junction-bridge doctor`: one world for each thing that can be wrong, and what is said of it.

#[cfg(unix)]
mod clients;
#[cfg(unix)]
mod files;
mod hubs;
#[cfg(unix)]
mod overrides;
mod packages;
#[cfg(unix)]
mod sessions;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use junction_testkit::{TestBridge, TestHome, TestHub, free_port, health, processes_of};
use serde_json::{Value, json};

/// What the doctor said of a world.
struct Diagnosis {
    status: Option<i32>,
    findings: Vec<Value>,
}

/// The doctor of a home: the program that is installed there, or else that of the tests, with these settings alone.
fn doctor(home: &TestHome, settings: &[(&str, &str)]) -> Command {
    let installed = home.bin().join("junction-bridge");
    let program = if installed.exists() {
        installed
    } else {
        PathBuf::from(junction_testkit::bridge_binary())
    };
    let user = home.path().join("user");
    std::fs::create_dir_all(&user).expect("a directory");
    let mut command = Command::new(program);
    command
        .arg("doctor")
        .env_clear()
        .env("HOME", &user)
        .env("TMPDIR", &user)
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .env("JUNCTION_CONFIG_DIR", home.config())
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .current_dir(home.path());
    command
}

/// What the doctor says, as JSON. It must say nothing else.
fn diagnose(home: &TestHome, settings: &[(&str, &str)]) -> Diagnosis {
    let output = doctor(home, settings).arg("--json").output().expect("it runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.is_empty(), "{errors}");
    let findings = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let diagnosis = Diagnosis { status: output.status.code(), findings };
    for finding in &diagnosis.findings {
        let text = |field: &str| finding[field].as_str().map(str::to_owned);
        assert!(
            text("check").is_some() && text("says").is_some_and(|says| says.ends_with('.')),
            "{finding}"
        );
        // Whatever is not as it should be comes with what to do.
        assert_eq!(text("level").as_deref() != Some("ok"), text("fix").is_some(), "{finding}");
    }
    diagnosis
}

impl Diagnosis {
    /// The findings of this level, as lines.
    fn of(&self, level: &str) -> Vec<String> {
        let found = self.findings.iter().filter(|finding| finding["level"] == level);
        let text =
            |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
        found
            .map(|one| {
                format!("{}: {} {}", text(one, "check"), text(one, "says"), text(one, "fix"))
            })
            .collect()
    }

    /// Asserts that one finding of this level holds all of these words, and that the exit status fits the worst one.
    #[track_caller]
    fn assert(&self, level: &str, words: &[&str]) {
        let lines = self.of(level);
        let holds = |line: &&String| words.iter().all(|word| line.contains(word));
        assert!(
            lines.iter().any(|line| holds(&line)),
            "{level} {words:?} is not in {:#?}",
            self.findings
        );
        let expected = i32::from(!self.of("failure").is_empty());
        assert_eq!(self.status, Some(expected), "{:#?}", self.findings);
    }

    /// Asserts that nothing failed.
    #[track_caller]
    fn assert_healthy(&self) {
        assert_eq!(
            (self.of("failure"), self.status),
            (Vec::new(), Some(0)),
            "{:#?}",
            self.findings
        );
    }
}

#[tokio::test]
async fn healthy_world_is_told_line_by_line_and_nobody_sees_the_doctor() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let wait =
        alice.begin("wait_for_peer", json!({ "expected_role": "x", "timeout_seconds": 30 })).await;
    let diagnosis = diagnose(&home, &[]);
    diagnosis.assert_healthy();
    diagnosis.assert("ok", &["configuration: ", "yours alone"]);
    diagnosis.assert("ok", &["hub: ", &format!("127.0.0.1:{}", hub.port), "localhost, 2 sessions"]);
    diagnosis.assert("ok", &["message: ", "exchanged a message in"]);
    diagnosis.assert("ok", &["sessions: ", "alice", "bob", "one group"]);
    // As a client's child, it names the session that it runs in.
    diagnosis.assert("warning", &["this session: ", "alice", "no way to wake"]);
    assert_eq!(health(hub.port).await.expect("a hub")["activePeers"], 2);
    let listed = bob.call("list_peers", json!({})).await;
    assert_eq!((&listed["total"], &listed["peers"][0]["alias"]), (&json!(1), &json!("alice")));
    drop(wait);
}

#[tokio::test]
async fn findings_for_a_person_are_the_same_lines() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let _alice = TestBridge::join(&home, &hub, "alice").await;
    let json = diagnose(&home, &[]);
    let output = doctor(&home, &[]).output().expect("it runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    // Bridges of other tests come and go meanwhile.
    let checks = said.lines().filter(|line| !line.contains("cannot be asked"));
    let checks: Vec<_> = checks.filter_map(|line| line[6..].split_once(": ")).collect();
    let found =
        json.findings.iter().filter(|one| !one["says"].to_string().contains("cannot be asked"));
    let found: Vec<_> = found.filter_map(|finding| finding["check"].as_str()).collect();
    assert_eq!(checks.iter().map(|(check, _)| *check).collect::<Vec<_>>(), found, "{said}");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        said.lines().all(|line| line.starts_with("ok    ") || line.starts_with("warn  ")),
        "{said}"
    );
    assert!(!said.contains('\x1b'), "no colours in a pipe: {said}");
    let summary = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(summary.starts_with("No failures, and "), "{summary}");
}

#[tokio::test]
async fn doctor_whose_reader_leaves_is_silent() {
    let home = TestHome::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = doctor(&home, &[("JUNCTION_AUTOSTART", "false")]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("it runs");
    assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]));
}

#[tokio::test]
async fn without_a_hub_one_is_started_as_a_session_would_start_it() {
    let home = TestHome::installed();
    let port = free_port().to_string();
    let diagnosis = diagnose(&home, &[("JUNCTION_PORT", &port)]);
    diagnosis.assert_healthy();
    diagnosis.assert("ok", &["configuration: ", "not there yet"]);
    diagnosis.assert("ok", &["hub: ", "No hub runs now", "starts one"]);
    diagnosis.assert("ok", &["message: ", "exchanged a message in"]);
    let hubs = processes_of(home.path(), "junction-hub");
    assert_eq!(hubs.len(), 1);
    let command = std::fs::read_to_string(format!("/proc/{}/cmdline", hubs[0])).unwrap_or_default();
    assert!(!Path::new("/proc").exists() || command.contains("--autostarted"), "it ends by itself");
}
