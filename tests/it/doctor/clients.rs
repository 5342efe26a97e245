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
        world.setup(arguments);
        world
    }

    /// Runs `setup`, in the directory in which the doctor is run; what it says.
    fn setup(&self, arguments: &[&str]) -> String {
        let mut setup = Command::new(bridge_binary());
        setup.arg("setup").args(arguments).env_clear().env("HOME", self.file(""));
        let output = setup.current_dir(self.home.path()).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
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
async fn regression_programs_that_cannot_be_run_or_trusted_are_named_and_not_run() {
    for (mode, level, words) in
        [(0o600, "failure", "not executable"), (0o702, "warning", "other users can change")]
    {
        let world = World::with(&["claude"]).await;
        let (other, mark) = (world.file("junction-bridge"), world.file("was-run"));
        let script = format!("#!/bin/sh\ntouch '{}'\necho junction-bridge 0.0.9\n", mark.display());
        std::fs::write(&other, script).expect("a script");
        std::fs::set_permissions(&other, Permissions::from_mode(mode)).expect("a mode");
        world.replace_program(other.to_str().expect("UTF-8"));
        world.diagnose().assert(level, &["clients: Claude Code", words]);
        assert!(!mark.exists(), "{words}");
    }
}

#[tokio::test]
async fn regression_hooks_of_a_program_that_is_gone_are_a_warning() {
    let world = World::with(&["claude", "gemini"]).await;
    for file in [".claude/settings.json", ".gemini/settings.json"] {
        let text = std::fs::read_to_string(world.file(file)).expect("settings");
        let hooks = text.replace(&format!("'{}'", bridge_binary()), "'/gone/junction-bridge'");
        assert_ne!(text, hooks);
        std::fs::write(world.file(file), hooks).expect("written");
    }
    for name in ["Claude Code", "Gemini CLI"] {
        let words = ["clients: ", name, "hooks that call /gone/junction-bridge", "Run "];
        world.diagnose().assert("warning", &words);
    }
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
    diagnosis.assert("warning", &["clients: Claude Code is missing hooks", "setup claude"]);
    diagnosis.assert("warning", &["clients: Claude Code asks you", "setup claude"]);
}

#[tokio::test]
async fn hooks_that_codex_does_not_trust_yet_are_a_warning() {
    let world = World::with(&["codex"]).await;
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["clients: Codex has hooks that it does not run"]);
}

/// A client, the file of its settings, what is changed in it, and what the doctor says of that.
type Overridden =
    (&'static str, &'static str, fn(&str) -> String, &'static str, &'static [&'static str]);

/// Settings of a person's that put the bridge, its hooks or its rule out of force.
const OVERRIDDEN: [Overridden; 17] = [
    (
        "claude",
        ".claude/settings.json",
        |text| first(text, "\"disableAllHooks\": true"),
        "warning",
        &["runs no hooks"],
    ),
    (
        "claude",
        ".claude/settings.json",
        |text| allowed(text, "deny", "mcp__junction"),
        "failure",
        &["refuses", "deny"],
    ),
    (
        "claude",
        ".claude/settings.json",
        |text| allowed(text, "deny", "mcp__junction__send_message"),
        "failure",
        &["refuses", "mcp__junction__send_message"],
    ),
    (
        "claude",
        ".claude/settings.json",
        |text| allowed(text, "ask", "mcp__junction"),
        "warning",
        &["asks you before", "ask"],
    ),
    (
        "claude",
        "../.claude/settings.local.json",
        |_| "{\"disableAllHooks\": true}".to_owned(),
        "warning",
        &["runs no hooks", "settings.local.json"],
    ),
    (
        "claude",
        ".claude.json",
        |text| of_project(text, "\"disabledMcpServers\": [\"junction\"]"),
        "failure",
        &["does not start the bridge in", "/mcp"],
    ),
    (
        "claude",
        ".claude.json",
        |text| {
            of_project(
                text,
                "\"mcpServers\": {\"junction\": {\"command\": \"/gone/junction-bridge\"}}",
            )
        },
        "failure",
        &["starts /gone/junction-bridge in", "claude mcp remove"],
    ),
    (
        "codex",
        ".codex/config.toml",
        |text| {
            text.replace("[mcp_servers.junction]\n", "[mcp_servers.junction]\nenabled = false\n")
        },
        "failure",
        &["does not start the bridge", "enabled = false"],
    ),
    (
        "codex",
        ".codex/config.toml",
        |text| {
            text.replace(
                "[mcp_servers.junction]\n",
                "[mcp_servers.junction]\nenabled_tools = [\"list_peers\"]\n",
            )
        },
        "failure",
        &["keeps tools", "enabled_tools"],
    ),
    (
        "codex",
        ".codex/config.toml",
        |text| format!("features.hooks = false\n{text}"),
        "warning",
        &["runs no hooks", "features.hooks"],
    ),
    (
        "codex",
        ".codex/config.toml",
        |text| text.replace("\"JUNCTION_CONFIG_DIR\", ", ""),
        "warning",
        &["does not pass JUNCTION_CONFIG_DIR on", "env_vars"],
    ),
    (
        "gemini",
        ".gemini/settings.json",
        |text| first(text, "\"mcp\": {\"excluded\": [\"junction\"]}"),
        "failure",
        &["does not start the bridge", "mcp.excluded"],
    ),
    (
        "gemini",
        ".gemini/settings.json",
        |text| first(text, "\"mcp\": {\"allowed\": [\"other\"]}"),
        "failure",
        &["does not start the bridge", "mcp.allowed"],
    ),
    (
        "gemini",
        ".gemini/mcp-server-enablement.json",
        |_| "{\"junction\": {\"enabled\": false}}".to_owned(),
        "failure",
        &["gemini mcp enable junction"],
    ),
    (
        "gemini",
        ".gemini/settings.json",
        |text| first(text, "\"hooksConfig\": {\"disabled\": [\"junction\"]}"),
        "warning",
        &["runs no hooks", "hooksConfig.disabled"],
    ),
    (
        "opencode",
        ".config/opencode/opencode.json",
        |text| text.replace("\"type\": \"local\"", "\"type\": \"local\", \"enabled\": false"),
        "failure",
        &["does not start the bridge", "enabled"],
    ),
    (
        "opencode",
        ".config/opencode/opencode.json",
        |text| {
            text.replace("\"junction_*\": \"allow\"", "\"junction_*\": \"allow\", \"*\": \"ask\"")
        },
        "warning",
        &["asks you before", "last entry"],
    ),
];

/// The settings with another field.
fn first(text: &str, field: &str) -> String {
    text.replacen('{', &format!("{{{field},"), 1)
}

/// Claude Code's settings with a rule in another list.
fn allowed(text: &str, list: &str, rule: &str) -> String {
    text.replacen("\"allow\"", &format!("\"{list}\": [\"{rule}\"], \"allow\""), 1)
}

/// Claude Code's settings with a field for the directory HERE.
fn of_project(text: &str, field: &str) -> String {
    first(text, &format!("\"projects\": {{\"HERE\": {{{field}}}}}"))
}

#[tokio::test]
async fn regression_settings_that_put_the_bridge_out_of_force_are_named() {
    let world = World::with(&["claude", "codex", "gemini", "opencode"]).await;
    let here = world.home.path().canonicalize().expect("a path");
    world.diagnose().assert_healthy();
    for (client, name, edit, level, words) in OVERRIDDEN {
        let file = world.file(name);
        let before = std::fs::read_to_string(&file).ok();
        let changed = edit(before.as_deref().unwrap_or_default());
        assert_ne!(before.as_ref(), Some(&changed), "{client} {words:?}");
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        std::fs::write(&file, changed.replace("HERE", here.to_str().expect("UTF-8")))
            .expect("written");
        let diagnosis = world.diagnose();
        diagnosis.assert(level, &[&["clients: "], words].concat());
        assert!(!diagnosis.of(level).is_empty());
        // Setup cannot mend what a person has chosen, and so says the same.
        let again = world.setup(&[client]);
        assert!(
            words.iter().all(|word| again.contains(word)) || words.contains(&"env_vars"),
            "{client} {words:?}: {again}"
        );
        match before {
            Some(before) => std::fs::write(&file, before).expect("written"),
            None => std::fs::remove_file(&file).expect("removed"),
        }
    }
}

#[tokio::test]
async fn regression_opencode_that_asks_for_everything_is_told_what_to_write() {
    let world = World::new().await;
    let file = world.file(".config/opencode/opencode.json");
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
    std::fs::write(&file, "{ \"permission\": \"ask\" }\n").expect("written");
    let rule = r#"{"*": "ask", "junction_*": "allow"}"#;
    assert!(world.setup(&["opencode"]).contains(rule));
    world.diagnose().assert("warning", &["clients: opencode asks you before", rule]);
}

#[tokio::test]
async fn regression_project_that_is_set_up_is_checked() {
    let world = World::new().await;
    std::fs::create_dir(world.file(".claude")).expect("a directory");
    world.setup(&["--project", "claude"]);
    let words = ["clients: Claude Code in this project", "junction-bridge"];
    // The bare name is looked for on the path.
    world.diagnose().assert("failure", &words);
    let path = std::path::Path::new(bridge_binary()).parent().expect("a directory");
    let diagnosis = diagnose(&world.home, &[("PATH", path.to_str().expect("UTF-8"))]);
    diagnosis.assert("ok", &words);
    assert!(!format!("{:?}", diagnosis.findings).contains("not set up"));
}
