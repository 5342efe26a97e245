//! Clients that are not set up, or whose settings are not as they should be.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use junction_testkit::{TestHome, TestHub, bridge_binary};

use super::{Diagnosis, diagnose};

/// A home with a hub, in which clients are looked for.
struct World {
    home: TestHome,
    _hub: TestHub,
}

impl World {
    async fn new() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        std::fs::create_dir_all(home.path().join("user")).expect("a directory");
        Self { home, _hub: hub }
    }

    /// A world with this client set up.
    async fn with(arguments: &[&str]) -> Self {
        let world = Self::new().await;
        let mut setup = Command::new(bridge_binary());
        setup.arg("setup").args(arguments).env_clear().env("HOME", world.home.path().join("user"));
        let output = setup.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        world
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("user").join(name)
    }

    fn diagnose(&self) -> Diagnosis {
        diagnose(&self.home, &[])
    }

    /// Puts another program into Claude Code's settings.
    fn replace_program(&self, other: &str) {
        let file = self.file(".claude.json");
        let text = std::fs::read_to_string(&file).expect("settings");
        let replaced = text.replace(bridge_binary(), other);
        assert_ne!(text, replaced);
        std::fs::write(file, replaced).expect("written");
    }
}

#[tokio::test]
async fn no_client_and_one_that_is_not_set_up_are_warnings() {
    let world = World::new().await;
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["clients: No client is found"]);
    std::fs::create_dir(world.file(".claude")).expect("a directory");
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["clients: Claude Code is not set up", "setup claude"]);
}

#[tokio::test]
async fn clients_that_are_set_up_say_how_they_are_woken() {
    let world = World::with(&["claude", "gemini", "opencode"]).await;
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    for name in ["Claude Code", "Gemini CLI", "opencode"] {
        diagnosis.assert("ok", &["clients: ", name, bridge_binary(), "wakes"]);
    }
}

#[tokio::test]
async fn path_that_is_gone_is_a_failure() {
    let world = World::with(&["claude"]).await;
    world.replace_program("/gone/junction-bridge");
    let words = ["clients: Claude Code", "/gone/junction-bridge", "not there", "setup claude"];
    world.diagnose().assert("failure", &words);
}

#[tokio::test]
async fn bridge_of_another_version_in_the_settings_is_a_warning() {
    let world = World::with(&["claude"]).await;
    let other = world.file("junction-bridge");
    std::fs::write(&other, "#!/bin/sh\necho junction-bridge 0.0.9\n").expect("a script");
    std::fs::set_permissions(&other, Permissions::from_mode(0o700)).expect("a mode");
    world.replace_program(other.to_str().expect("UTF-8"));
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis
        .assert("warning", &["clients: Claude Code", "version 0.0.9", env!("CARGO_PKG_VERSION")]);
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_a_failure_of_that_client_alone() {
    let world = World::with(&["claude", "gemini"]).await;
    std::fs::write(world.file(".claude.json"), "{\n  \"geheim\"").expect("written");
    let diagnosis = world.diagnose();
    diagnosis.assert("failure", &["clients: Claude Code", ".claude.json"]);
    diagnosis.assert("ok", &["clients: Gemini CLI"]);
    assert!(!format!("{:?}", diagnosis.findings).contains("geheim"));
}

#[tokio::test]
async fn another_server_of_our_name_is_a_failure() {
    let world = World::new().await;
    let other = r#"{ "mcpServers": { "junction": { "command": "/usr/bin/other" } } }"#;
    std::fs::write(world.file(".claude.json"), other).expect("written");
    world.diagnose().assert("failure", &["clients: Claude Code", "another server", "Rename"]);
}

#[tokio::test]
async fn missing_hooks_and_rule_are_warnings() {
    let world = World::with(&["claude", "--no-hooks", "--no-allow"]).await;
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["clients: Claude Code has not all hooks", "setup claude"]);
    diagnosis.assert("warning", &["clients: Claude Code asks you", "setup claude"]);
}

#[tokio::test]
async fn hooks_that_codex_does_not_trust_yet_are_a_warning() {
    let world = World::with(&["codex"]).await;
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["clients: Codex has hooks that it does not run"]);
}
