//! `setup` with clients that install the junction's plugin by their own commands. Programs stand in for the clients, and
//! leave what the real ones leave.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::home::{CLAUDE, CODEX, SetupHome};

pub(super) const SERVERS: &str = ".claude.json";
pub(super) const SETTINGS: &str = ".claude/settings.json";
pub(super) const CONFIG: &str = ".codex/config.toml";
const RULE: &str = "mcp__plugin_junction_junction";

/// Notes its arguments, and fails where they hold the words in a file.
const NOTES: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/ran"
case "$*" in
  *"$(cat "$HOME/refuses" 2>/dev/null || echo nothing)"*) echo "a line" >&2; echo "✘ Not today" >&2; exit 1;;
esac
"#;
/// Claude Code rewrites its settings in an order of its own.
pub(super) const CLAUDE_CODE: &str = r#"
folder="$HOME/.claude"; plugins="$folder/plugins"; settings="$folder/settings.json"
mkdir -p "$plugins"
[ -e "$settings" ] || echo '{"x": 1}' > "$settings"
enabled='"enabledPlugins": {"junction@agent-junction": true},'
case "$*" in
  "plugin marketplace add "*)
    printf '{"agent-junction": {"source": {"source": "directory", "path": "%s"}}}' "$4" > "$plugins/known_marketplaces.json"
    sed -i '1s/{/{"extraKnownMarketplaces": {},/' "$settings";;
  "plugin install junction@agent-junction")
    grep -q enabledPlugins "$settings" || sed -i "1s/{/{$enabled/" "$settings"
    printf '{"plugins": {"junction@agent-junction": [{"version": "0.1.0"}]}}' > "$plugins/installed_plugins.json";;
  "plugin update junction@agent-junction") [ -e "$plugins/installed_plugins.json" ];;
  "plugin uninstall junction@agent-junction")
    rm "$plugins/installed_plugins.json" || exit 1
    sed -i "s/$enabled/\"enabledPlugins\": {},/" "$settings";;
  "plugin marketplace remove agent-junction") rm "$plugins/known_marketplaces.json";;
  *) exit 1;;
esac
"#;
pub(super) const CODEX_CLI: &str = r#"
config="$HOME/.codex/config.toml"; copy="$HOME/.codex/plugins/cache/agent-junction/junction"
mkdir -p "$HOME/.codex"
case "$*" in
  "plugin marketplace add "*)
    grep -q '^.marketplaces' "$config" 2>/dev/null ||
      printf '[marketplaces.agent-junction]\nsource_type = "local"\nsource = "%s"\n' "$4" >> "$config";;
  "plugin add junction@agent-junction")
    mkdir -p "$copy/0.1.0/hooks"; echo '{}' > "$copy/0.1.0/hooks/hooks.json"
    grep -q '^.plugins' "$config" || printf '[plugins."junction@agent-junction"]\nenabled = true\n' >> "$config";;
  "plugin remove junction@agent-junction") rm -r "$copy"; sed -i '/^.plugins/,+1d' "$config";;
  "plugin marketplace remove agent-junction") sed -i '/^.marketplaces/,+2d' "$config";;
  *) exit 1;;
esac
"#;

/// A home with a client on the search path.
pub(super) fn home_with(program: &str, does: &str) -> SetupHome {
    let home = SetupHome::new();
    let path = home.bridge().with_file_name(program);
    fs::write(&path, format!("{NOTES}{does}")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    home
}

/// What the client was told since this was asked last.
fn ran(home: &SetupHome) -> Vec<String> {
    let ran = fs::read_to_string(home.path("ran")).unwrap_or_default();
    let _ = fs::remove_file(home.path("ran"));
    ran.lines().map(str::to_owned).collect()
}

/// Where the plugin of a client is unpacked.
pub(super) fn unpacked(home: &SetupHome, client: &str) -> std::path::PathBuf {
    home.path(".config/agent-junction/packages").join(client)
}

#[test]
fn claude_installs_the_plugin_and_setup_only_the_rule() {
    for settings in [CLAUDE, "{}", "{\n\t\"a\": [1.50]}"] {
        let home = home_with("claude", CLAUDE_CODE);
        home.write(SERVERS, CLAUDE);
        home.write(SETTINGS, settings);
        let folder = unpacked(&home, "claude");
        let said = home.done(&["--plugin", "claude"]);
        let add = format!("plugin marketplace add {}", folder.display());
        let commands = [
            add.as_str(),
            "plugin install junction@agent-junction",
            "plugin update junction@agent-junction",
        ];
        assert_eq!(ran(&home), commands, "{said}");
        assert!(said.contains("installed its plugin junction@agent-junction"), "{said}");
        assert_eq!(home.read(SERVERS), CLAUDE);
        let now = home.json(SETTINGS);
        let allowed = now["permissions"]["allow"].as_array().unwrap();
        assert_eq!(allowed.last(), Some(&json!(RULE)));
        assert!(!home.read(SETTINGS).contains("junction-bridge"));
        let server = fs::read_to_string(folder.join("plugin/claude/.mcp.json")).unwrap();
        assert!(server.contains(home.bridge().to_str().unwrap()), "{server}");
        // Without the flag, what is there stays the way.
        let said = home.done(&["claude"]);
        assert!(said.contains("Everything is as it should be"), "{said}");
        assert_eq!((ran(&home), home.json(SETTINGS)), (commands.map(str::to_owned).into(), now));
        let said = home.done(&["--remove", "claude"]);
        assert_eq!(
            ran(&home),
            [
                "plugin uninstall junction@agent-junction",
                "plugin marketplace remove agent-junction"
            ]
        );
        assert!(said.contains("uninstalled its plugin"), "{said}");
        assert_eq!((home.read(SERVERS).as_str(), home.read(SETTINGS).as_str()), (CLAUDE, settings));
        assert!(!folder.exists() && !home.path(".claude/settings.json.before-junction").exists());
        assert!(home.done(&["--remove", "claude"]).contains("has nothing of the junction"));
        assert_eq!(ran(&home), [""; 0]);
    }
}

#[test]
fn settings_that_setup_made_go_with_the_plugin() {
    let home = home_with("claude", CLAUDE_CODE);
    home.done(&["--plugin", "claude"]);
    assert!(!home.path(SERVERS).exists());
    fs::write(home.path(SETTINGS), home.read(SETTINGS).replace("\"x\": 1", "")).unwrap();
    home.done(&["--remove", "claude"]);
    assert!(!home.path(SETTINGS).exists());
}

#[test]
fn plugin_takes_the_place_of_settings() {
    let home = home_with("claude", CLAUDE_CODE);
    home.write(SERVERS, CLAUDE);
    home.write(SETTINGS, CLAUDE);
    home.done(&["claude"]);
    assert_eq!(ran(&home), [""; 0]);
    assert!(home.path(".claude/skills/use-junction/SKILL.md").exists());
    home.done(&["--plugin", "claude"]);
    assert!(!home.path(".claude/skills").exists(), "the plugin brings them");
    assert_eq!(home.read(SERVERS), CLAUDE);
    let allowed = home.json(SETTINGS)["permissions"]["allow"].clone();
    assert_eq!(allowed, json!(["Bash(ls)", RULE]));
    assert_eq!(home.json(SETTINGS)["hooks"]["Stop"].as_array().unwrap().len(), 1);
    home.done(&["--remove", "claude"]);
    assert_eq!((home.read(SERVERS).as_str(), home.read(SETTINGS).as_str()), (CLAUDE, CLAUDE));
    // Settings serve again, and another plugin does not come back.
    home.done(&["claude"]);
    assert_eq!(home.json(SERVERS)["mcpServers"]["junction"]["command"], json!(home.bridge()));
}

#[test]
fn plugin_of_a_person_stays_and_what_stands_beside_it_goes() {
    let home = home_with("claude", CLAUDE_CODE);
    let servers = r#"{"mcpServers": {"junction": {"command": "junction-bridge"}}, "a": 1}"#;
    let settings = r#"{"enabledPlugins": {"junction@agent-junction": true}}"#;
    home.write(SERVERS, servers);
    home.write(SETTINGS, settings);
    home.write(
        ".claude/plugins/installed_plugins.json",
        r#"{"plugins": {"junction@agent-junction": [{"version": "0.1.0"}]}}"#,
    );
    let found = home.files();
    let said = home.done(&["--print", "claude"]);
    assert!(said.contains("would lose what the plugin brings"), "{said}");
    let said = home.done(&["claude"]);
    assert!(said.contains("not installed by setup, and stays"), "{said}");
    assert!(said.contains("what the plugin brings"), "{said}");
    assert_eq!(home.json(SERVERS), json!({ "a": 1 }));
    assert_eq!(home.json(SETTINGS)["permissions"]["allow"], json!([RULE]));
    assert!(home.done(&["--plugin", "claude"]).contains("Everything is as it should be"));
    let said = home.done(&["--remove", "claude"]);
    assert!(said.contains("it stays. To take it out, run claude plugin uninstall"), "{said}");
    assert_eq!((home.files(), ran(&home)), (found, Vec::new()));
}

#[test]
fn client_that_fails_leaves_everything_as_it_was() {
    for (before, refuses) in
        [(false, "marketplace add"), (false, "install"), (false, "update"), (true, "install")]
    {
        let home = home_with("claude", CLAUDE_CODE);
        home.write(SERVERS, CLAUDE);
        home.write(SETTINGS, CLAUDE);
        if before {
            home.done(&["claude"]);
        }
        let (servers, settings) = (home.read(SERVERS), home.json(SETTINGS));
        home.write("refuses", refuses);
        let why = home.refused(&["--plugin", "claude"]);
        assert!(
            why.contains(&format!("{refuses} ")) && why.contains("failed: Not today."),
            "{why}"
        );
        assert!(why.contains("or run junction-bridge setup claude"), "{why}");
        assert_eq!(home.read(SERVERS), servers);
        let mut now = home.json(SETTINGS);
        if before {
            // Of a file that had the junction, the client's own traces stay.
            let fields = now.as_object_mut().unwrap();
            fields.retain(|name, _| {
                !["enabledPlugins", "extraKnownMarketplaces"].contains(&name.as_str())
            });
        } else {
            assert_eq!(home.read(SETTINGS), CLAUDE, "{refuses}");
        }
        assert_eq!(now, settings, "{refuses}");
        assert!(!unpacked(&home, "claude").exists());
        assert!(!home.path(".claude/plugins/known_marketplaces.json").exists());
    }
}

#[test]
fn plugin_without_its_client_is_told() {
    let home = SetupHome::new();
    let found = home.files();
    let why = home.refused(&["--plugin", "claude"]);
    assert!(why.contains("claude is not on PATH"), "{why}");
    assert_eq!(home.files(), found);
    // Its program is gone since.
    let home = home_with("claude", CLAUDE_CODE);
    home.done(&["--plugin", "claude"]);
    let program = home.bridge().with_file_name("claude");
    fs::rename(&program, program.with_file_name("away")).unwrap();
    let why = home.refused(&["--remove", "claude"]);
    assert!(why.contains("is left, and so is all else. claude is not on PATH"), "{why}");
    assert!(why.contains("claude plugin uninstall junction@agent-junction"), "{why}");
    assert!(unpacked(&home, "claude").exists(), "it would be broken without its files");
    fs::rename(program.with_file_name("away"), &program).unwrap();
    home.done(&["--remove", "claude"]);
    assert!(!unpacked(&home, "claude").exists());
}

#[test]
fn codex_installs_the_plugin_and_settings_go() {
    let home = home_with("codex", CODEX_CLI);
    home.write(CONFIG, CODEX);
    home.done(&["codex"]);
    let said = home.done(&["--plugin", "codex"]);
    assert!(said.contains("Trust all"), "{said}");
    let text = home.read(CONFIG);
    assert!(!text.contains("junction-bridge") && !text.contains("hook_event"), "{text}");
    let folder = unpacked(&home, "codex");
    let commands = [
        format!("plugin marketplace add {}", folder.display()),
        "plugin add junction@agent-junction".to_owned(),
    ];
    assert_eq!(ran(&home), commands);
    assert!(home.done(&["codex"]).contains("Everything is as it should be"));
    assert_eq!((ran(&home), home.read(CONFIG)), (commands.to_vec(), text));
    home.done(&["--remove", "codex"]);
    assert_eq!(home.read(CONFIG), CODEX);
    assert!(!folder.exists());
}

#[test]
fn only_clients_with_plugins_take_the_flag() {
    let home = home_with("claude", CLAUDE_CODE);
    let found = home.files();
    for client in ["gemini", "opencode", "agy"] {
        let why = home.refused(&["--plugin", "claude", client]);
        assert!(why.contains(&format!("run junction-bridge setup {client}")), "{why}");
    }
    for flag in ["--project", "--remove", "--no-hooks"] {
        assert_eq!(home.run(&["--plugin", flag, "claude"]).status.code(), Some(2), "{flag}");
    }
    let said = home.done(&["--print", "--plugin", "claude"]);
    for wanted in
        ["would get the junction's plugin", "would run claude plugin marketplace add", RULE]
    {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let said = home.done(&["--plugin"]);
    assert!(said.contains("setup --plugin claude") && !said.contains("opencode"), "{said}");
    assert_eq!(home.files(), found);
}

/// What Gemini CLI leaves once it has installed the extension.
pub(super) fn extension_of_gemini(home: &SetupHome) {
    let manifest = json!({ "name": "junction", "version": env!("CARGO_PKG_VERSION"),
        "mcpServers": { "junction": { "command": "junction-bridge" } } });
    home.write(".gemini/extensions/junction/gemini-extension.json", &manifest.to_string());
    let rule = home.path("").join("*");
    let enablement = json!({ "junction": { "overrides": [rule] } });
    home.write(".gemini/extensions/extension-enablement.json", &enablement.to_string());
}

#[test]
fn regression_extension_of_gemini_stays_the_only_one() {
    const FILE: &str = ".gemini/settings.json";
    for (before, by_setup) in [(Some(CLAUDE), true), (Some("{}"), false), (None, true)] {
        let home = SetupHome::new();
        if let Some(text) = before {
            home.write(FILE, text);
        }
        if by_setup {
            home.done(&["gemini"]);
            assert!(home.path(".gemini/skills/use-junction/SKILL.md").exists());
        }
        extension_of_gemini(&home);
        let said = home.done(&["gemini"]);
        for wanted in [
            "its extension was not installed by setup, and stays",
            "gemini extensions uninstall junction",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
        assert!(!home.path(".gemini/skills").exists(), "the extension brings them");
        let now = home.path(FILE).exists().then(|| home.read(FILE));
        assert_eq!(now.as_deref(), before);
        let said = home.done(&["gemini"]);
        assert!(said.contains("Everything is as it should be"), "{said}");
        // Without the extension, settings serve again.
        fs::remove_dir_all(home.path(".gemini/extensions/junction")).unwrap();
        home.done(&["gemini"]);
        assert_eq!(home.json(FILE)["mcpServers"]["junction"]["trust"], json!(true));
        assert!(home.path(".gemini/skills/use-junction/SKILL.md").exists());
    }
}

#[test]
fn regression_removal_names_packages_that_clients_have_installed() {
    let home = SetupHome::new();
    let none = "Nothing of the junction is in your own settings of any client.";
    assert_eq!(home.done(&["--remove"]).trim_end(), none);
    home.write(SETTINGS, r#"{"enabledPlugins": {"junction@agent-junction": true}}"#);
    home.write(
        ".claude/plugins/installed_plugins.json",
        r#"{"plugins": {"junction@agent-junction": [{"version": "0.1.0"}]}}"#,
    );
    home.write(CONFIG, "[plugins.\"junction@agent-junction\"]\nenabled = true\n");
    extension_of_gemini(&home);
    let folder = home.path("clone/plugin/opencode");
    home.write("clone/plugin/opencode/package.json", r#"{"name": "junction-opencode"}"#);
    let list = json!({ "plugin": [folder] }).to_string();
    home.write(".config/opencode/opencode.jsonc", &list);
    let found = home.files();
    let lines = [
        "claude plugin uninstall junction@agent-junction and claude plugin marketplace remove agent-junction".to_owned(),
        "codex plugin remove junction@agent-junction and codex plugin marketplace remove agent-junction".to_owned(),
        "gemini extensions uninstall junction".to_owned(),
        format!("delete {folder:?} under plugin in {}", home.path(".config/opencode/opencode.jsonc").display()),
    ];
    let said = home.done(&["--remove"]);
    assert!(said.starts_with(none), "{said}");
    for line in &lines {
        assert!(said.contains(line), "{line}: {said}");
    }
    for (client, line) in ["claude", "codex", "gemini", "opencode"].into_iter().zip(&lines) {
        let said = home.done(&["--remove", client]);
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(home.files(), found);
    // Also where something of another client is setup's.
    home.done(&["agy"]);
    let said = home.done(&["--remove"]);
    assert!(said.contains("Antigravity") && lines.iter().all(|line| said.contains(line)), "{said}");
}

#[test]
fn regression_opencode_is_told_what_wakes_it_and_what_it_fetches() {
    let home = SetupHome::new();
    let said = home.done(&["opencode"]);
    assert!(said.contains("can be woken once it has been prompted"), "{said}");
    assert!(said.contains("fetches a package of its own"), "{said}");
    home.done(&["--remove", "opencode"]);
    fs::create_dir_all(home.path(".config/opencode/node_modules/@opencode-ai/plugin")).unwrap();
    assert!(!home.done(&["opencode"]).contains("fetches"));
    home.done(&["--remove", "opencode"]);
    assert!(!home.done(&["--no-hooks", "opencode"]).contains("woken"));
}
