//! Clients that are not set up, or whose settings are not as they should be.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use junction_testkit::{TestHome, TestHub, bridge_binary};
use serde_json::{Value, json};

use super::{Diagnosis, diagnose};

/// A home with a hub, in which clients are looked for.
pub(super) struct World {
    pub(super) home: TestHome,
    _hub: TestHub,
}

impl World {
    pub(super) async fn new() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        std::fs::create_dir_all(home.path().join("user")).expect("a directory");
        Self { home, _hub: hub }
    }

    /// A world with this client set up.
    pub(super) async fn with(arguments: &[&str]) -> Self {
        let world = Self::new().await;
        world.setup(arguments);
        world
    }

    /// Runs `setup`, in the directory in which the doctor is run; what it says.
    pub(super) fn setup(&self, arguments: &[&str]) -> String {
        let mut setup = Command::new(bridge_binary());
        setup.arg("setup").args(arguments).env_clear().env("HOME", self.file(""));
        setup.env("JUNCTION_CONFIG_DIR", self.home.config());
        let output = setup.current_dir(self.home.path()).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("user").join(name)
    }

    pub(super) fn diagnose(&self) -> Diagnosis {
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
async fn plugin_that_is_missing_or_not_as_the_program_has_it_is_a_warning() {
    let world = World::with(&["opencode"]).await;
    world.diagnose().assert("ok", &["clients: opencode", "with the junction's plugin", "wakes"]);
    let script = world.home.config().join("packages/opencode/plugin/opencode/junction.js");
    std::fs::write(&script, "").expect("written");
    let words = ["clients: opencode loads the junction's plugin", "setup opencode"];
    world.diagnose().assert("warning", &words);
    world.setup(&["--remove", "opencode"]);
    world.setup(&["--no-hooks", "opencode"]);
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("warning", &["clients: opencode is missing the junction's plugin"]);
}

/// Leaves what Claude Code leaves once it has installed the plugin, from somewhere else than setup unpacks it to.
fn plugin_of_claude(world: &World, version: &str, is_enabled: bool) {
    let write = |name: &str, value: Value| {
        let file = world.file(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, value.to_string()).expect("written");
    };
    let plugin = json!([{ "version": version }]);
    let plugins = json!({ "plugins": { "junction@agent-junction": plugin } });
    write(".claude/plugins/installed_plugins.json", plugins);
    let allow = json!({ "allow": ["mcp__plugin_junction_junction"] });
    let enabled = json!({ "junction@agent-junction": is_enabled });
    write(".claude/settings.json", json!({ "permissions": allow, "enabledPlugins": enabled }));
}

#[tokio::test]
async fn plugin_of_claude_counts_as_set_up_and_is_checked() {
    let world = World::new().await;
    let own = env!("CARGO_PKG_VERSION");
    plugin_of_claude(&world, own, true);
    let diagnosis = world.diagnose();
    diagnosis.assert_healthy();
    diagnosis.assert("ok", &["clients: Claude Code has the junction by its plugin", "mod"]);
    plugin_of_claude(&world, "0.0.1", true);
    world
        .diagnose()
        .assert("warning", &["clients: Claude Code has version 0.0.1", own, "plugin update"]);
    std::fs::write(
        world.file(".claude/settings.json"),
        "{\"enabledPlugins\": {\"junction@agent-junction\": true}}",
    )
    .expect("written");
    world.diagnose().assert("warning", &["clients: Claude Code asks you", "setup claude"]);
    plugin_of_claude(&world, own, false);
    world
        .diagnose()
        .assert("warning", &["clients: Claude Code", "switched it off", "setup claude --plugin"]);
}

#[tokio::test]
async fn server_beside_a_plugin_is_a_failure_that_setup_resolves() {
    let world = World::with(&["claude"]).await;
    let servers = world.file(".claude.json");
    world.setup(&["--project", "claude"]);
    plugin_of_claude(&world, env!("CARGO_PKG_VERSION"), true);
    let words = ["clients: Claude Code has the junction twice", "claude.json", "setup claude"];
    world.diagnose().assert("failure", &words);
    world.setup(&["claude"]);
    assert!(!servers.exists(), "setup had made it");
    // In this project alone.
    let words =
        ["clients: Claude Code has the junction twice in this project", "--remove --project"];
    world.diagnose().assert("failure", &words);
    world.setup(&["--project", "claude"]);
    world.diagnose().assert_healthy();
}

/// Has the plugin switched on, or off, in a settings file of the project in which the doctor is run.
fn plugin_in_project(world: &World, is_enabled: bool) {
    let folder = world.home.path().join(".claude");
    std::fs::create_dir_all(&folder).expect("a directory");
    let settings = json!({ "enabledPlugins": { "junction@agent-junction": is_enabled } });
    std::fs::write(folder.join("settings.json"), settings.to_string()).expect("written");
}

#[tokio::test]
async fn regression_plugin_that_cannot_be_loaded_is_a_failure() {
    for arguments in [&["claude"][..], &[]] {
        let world = World::new().await;
        if !arguments.is_empty() {
            world.setup(arguments);
        }
        plugin_of_claude(&world, env!("CARGO_PKG_VERSION"), true);
        let source = json!({ "source": "directory", "path": "/gone/clone" });
        let known = json!({ "agent-junction": { "source": source } });
        let file = world.file(".claude/plugins/known_marketplaces.json");
        std::fs::write(file, known.to_string()).expect("written");
        let diagnosis = world.diagnose();
        let words = ["clients: Claude Code cannot load", "/gone/clone", "claude plugin uninstall"];
        diagnosis.assert("failure", &words);
        assert!(!format!("{:?}", diagnosis.findings).contains("switched it off"));
    }
}

#[tokio::test]
async fn regression_plugin_of_a_project_beside_settings_is_a_failure() {
    let world = World::with(&["claude"]).await;
    let settings = std::fs::read(world.file(".claude/settings.json")).expect("settings");
    plugin_of_claude(&world, env!("CARGO_PKG_VERSION"), false);
    std::fs::write(world.file(".claude/settings.json"), settings).expect("written");
    world.diagnose().assert_healthy();
    plugin_in_project(&world, true);
    let words = ["clients: Claude Code has the junction twice", "--scope project junction@"];
    world.diagnose().assert("failure", &words);
    world.setup(&["--remove", "claude"]);
    let words = ["clients: Claude Code has the junction by its plugin in this project"];
    world.diagnose().assert("ok", &words);
}

#[tokio::test]
async fn regression_plugin_that_a_project_switches_off_is_a_failure_there() {
    let world = World::new().await;
    plugin_of_claude(&world, env!("CARGO_PKG_VERSION"), true);
    plugin_in_project(&world, false);
    let words = ["clients: Claude Code has no junction in this project", "enabledPlugins"];
    world.diagnose().assert("failure", &words);
}

#[tokio::test]
async fn regression_server_added_for_a_project_beside_a_plugin_is_a_failure() {
    let world = World::new().await;
    plugin_of_claude(&world, env!("CARGO_PKG_VERSION"), true);
    let here = world.home.path().canonicalize().expect("a path");
    let server = json!({ "mcpServers": { "junction": { "command": "junction-bridge" } } });
    let servers = json!({ "projects": { here.to_str().expect("UTF-8"): server } });
    std::fs::write(world.file(".claude.json"), servers.to_string()).expect("written");
    let words = ["clients: Claude Code has the junction twice", "claude mcp remove --scope local"];
    world.diagnose().assert("failure", &words);
}

#[tokio::test]
async fn regression_plugin_of_opencode_that_is_there_twice_is_a_failure() {
    let world = World::with(&["opencode"]).await;
    world.diagnose().assert_healthy();
    let write = |name: &str, text: &str| {
        let file = world.file(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, text).expect("written");
    };
    let settings = std::fs::read_to_string(world.file(".config/opencode/opencode.json"));
    let settings = settings.expect("settings").replace("\"plugin\": [", "\"plugin\": [\"./own\",");
    write(".config/opencode/opencode.json", &settings);
    write(".config/opencode/own/package.json", "{\"name\": \"junction-opencode\"}");
    let words = ["clients: opencode loads two copies", "setup opencode"];
    world.diagnose().assert("failure", &words);
    world.setup(&["opencode"]);
    world.diagnose().assert_healthy();
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

#[tokio::test]
async fn regression_entry_that_runs_no_server_is_another_server() {
    for (client, name, from, to) in [
        ("claude", ".claude.json", "\"type\": \"stdio\"", "\"args\": [\"watch\"]"),
        ("claude", ".claude.json", "\"type\": \"stdio\"", "\"type\": \"http\""),
        (
            "codex",
            ".codex/config.toml",
            "[mcp_servers.junction]\n",
            "[mcp_servers.junction]\nargs = [\"watch\"]\n",
        ),
    ] {
        let world = World::with(&[client]).await;
        let file = world.file(name);
        let text = std::fs::read_to_string(&file).expect("settings");
        let changed = text.replace(from, to);
        assert_ne!(text, changed);
        std::fs::write(&file, changed).expect("written");
        world.diagnose().assert("failure", &["clients: ", "another server", "Rename"]);
    }
}
