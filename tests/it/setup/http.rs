//! `setup --http`: clients that ask the gateway in place of starting a bridge.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::Value;

use super::home::{CLAUDE, CODEX, FILES, SetupHome, clothes};

/// The text of the file in which a client has its server.
fn server_file(client: &str) -> &'static str {
    let file = |(of, file, _): &(&str, &'static str, &str)| {
        (*of == client && !file.contains(".claude/")).then_some(*file)
    };
    FILES.iter().find_map(file).expect("a client")
}

/// The address of a client's agent.
fn address(home: &SetupHome, client: &str) -> String {
    let mut command = home.command(&[]);
    let program = command.get_program().to_owned();
    command = std::process::Command::new(program);
    let path = format!("{}:/usr/bin:/bin", home.bridge().parent().expect("a folder").display());
    command.args(["gateway", "add", client]).env_clear().env("HOME", home.path(""));
    let output = command.env("PATH", path).stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

const CLIENTS: [&str; 5] = ["claude", "codex", "gemini", "opencode", "agy"];

#[test]
fn each_client_gets_the_address_in_its_own_form_and_no_hooks() {
    let home = SetupHome::new();
    let said = home.done(&[&["--http"][..], &CLIENTS].concat());
    assert!(said.contains("All sessions of Codex are one agent now, codex"), "{said}");
    let of = |client: &str| address(&home, client);
    let servers = |file: &str, name: &str| home.json(file)[name]["junction"].clone();
    let claude = servers(".claude.json", "mcpServers");
    assert_eq!(claude, serde_json::json!({ "type": "http", "url": of("claude") }));
    let gemini = servers(".gemini/settings.json", "mcpServers");
    assert_eq!(gemini, serde_json::json!({ "httpUrl": of("gemini"), "trust": true }));
    let opencode = servers(".config/opencode/opencode.json", "mcp");
    assert_eq!(opencode, serde_json::json!({ "type": "remote", "url": of("opencode") }));
    let agy = servers(".gemini/antigravity-cli/mcp_config.json", "mcpServers");
    assert_eq!(agy, serde_json::json!({ "serverUrl": of("agy") }));
    let codex = format!(
        "[mcp_servers.junction]\nurl = \"{}\"\ndefault_tools_approval_mode = \"approve\"\n",
        of("codex")
    );
    assert_eq!(home.read(".codex/config.toml"), codex);
    for client in CLIENTS {
        let path = home.path(server_file(client));
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    let rule = home.json(".claude/settings.json");
    assert_eq!(rule["permissions"]["allow"][0], "mcp__junction");
    assert_eq!((rule.get("hooks"), gemini.get("hooks")), (None, None));
    assert!(!home.path(".config/junction/packages").exists());
    let before = home.tree();
    let again = home.done(&[&["--http"][..], &CLIENTS].concat());
    assert!(again.ends_with("Everything is as it should be.\n"), "{again}");
    assert_eq!(home.tree(), before);
}

#[test]
fn address_takes_the_place_of_the_bridge_and_the_other_way_round() {
    for (client, file, rich) in FILES {
        for text in clothes(rich).iter().map(String::as_str) {
            let home = SetupHome::new();
            home.write(file, text);
            let found = home.files();
            home.done(&[client]);
            let bridge = home.read(file);
            home.done(&["--http", client]);
            let http = home.read(file);
            assert!(!http.contains("junction-bridge"), "{file}: {http}");
            assert!(!http.contains("env_vars") && !http.contains("hook_event"), "{file}: {http}");
            let left = home.done(&[client]);
            assert!(left.contains(&format!("gateway remove {client}")), "{left}");
            assert!(!home.read(file).contains("/mcp/"), "{file}");
            let sorted = |text: &str| {
                let mut lines: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
                lines.sort_unstable();
                lines
            };
            assert_eq!(sorted(&home.read(file)), sorted(&bridge), "{file}");
            home.done(&["--http", client]);
            home.done(&["--remove", client]);
            let mut rest = home.files();
            rest.retain(|path, _| {
                path.starts_with(home.path(".config/junction")) || found.contains_key(path)
            });
            rest.retain(|path, _| found.contains_key(path));
            assert_eq!(rest, found, "{file}: {text}");
        }
    }
}

#[test]
fn entry_of_the_persons_own_comes_back_as_it_was() {
    let home = SetupHome::new();
    let old = r#"{"theme": "dark", "mcpServers": {"junction": {"command": "/old/junction-bridge", "args": ["--hub", "x"], "timeout": 5}}}"#;
    home.write(".claude.json", old);
    home.write(
        ".codex/config.toml",
        "theme = \"dark\"\n[mcp_servers.junction]\ncommand = \"/old/junction-bridge\"\nargs = [\"--hub\", \"x\"]\nx = 1\n",
    );
    home.done(&["--http", "claude", "codex"]);
    let server = home.json(".claude.json")["mcpServers"]["junction"].clone();
    assert_eq!((server.get("command"), server.get("args")), (None, None), "{server}");
    assert_eq!(server["timeout"], 5);
    let codex = home.read(".codex/config.toml");
    assert!(!codex.contains("args") && codex.contains("x = 1\n"), "{codex}");
    for file in [".claude.json", ".codex/config.toml"] {
        home.write(file, &home.read(file).replace("dark", "light"));
    }
    home.done(&["--remove", "claude", "codex"]);
    let now: Value = home.json(".claude.json");
    let mut wanted: Value = serde_json::from_str(old).expect("JSON");
    wanted["theme"] = "light".into();
    assert_eq!(now, wanted);
    let codex = home.read(".codex/config.toml");
    for line in [
        "theme = \"light\"",
        "command = \"/old/junction-bridge\"",
        "args = [\"--hub\", \"x\"]",
        "x = 1",
    ] {
        assert!(codex.lines().any(|found| found == line), "{line}: {codex}");
    }
    assert!(!codex.contains("url") && !codex.contains("approve"), "{codex}");
}

#[test]
fn settings_that_others_share_get_no_address() {
    let home = SetupHome::new();
    let why = home.refused(&["--http", "--project", "claude"]);
    assert!(
        why.contains("a project's settings are shared with others. Leave out --project"),
        "{why}"
    );
    assert!(home.files().is_empty());
}

#[test]
fn file_that_others_can_read_is_told_of_and_other_servers_stay() {
    let home = SetupHome::new();
    home.write(".claude.json", CLAUDE);
    fs::set_permissions(home.path(".claude.json"), fs::Permissions::from_mode(0o644)).unwrap();
    let output = home.run(&["--http", "claude"]);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.contains("other users may read it. Run chmod 600"), "{said}");
    assert!(said.contains("No gateway is running."), "{said}");
    let of_others =
        r#"{"mcpServers": {"junction": {"type": "http", "url": "http://127.0.0.1:4200/mcp"}}}"#;
    home.write(".gemini/settings.json", of_others);
    let why = home.refused(&["--http", "gemini"]);
    assert!(why.contains("has another server under the name junction"), "{why}");
    assert_eq!(home.read(".gemini/settings.json"), of_others);
}

#[test]
fn print_adds_no_agent_and_writes_nothing() {
    let home = SetupHome::new();
    home.write(".codex/config.toml", CODEX);
    let before = home.tree();
    let said = home.done(&["--print", "--http", "codex"]);
    assert!(said.contains("url = \"http://127.0.0.1:4201/mcp/"), "{said}");
    assert!(said.contains("default_tools_approval_mode = \"approve\""), "{said}");
    assert_eq!(home.tree(), before);
    let address = address(&home, "codex");
    assert!(home.done(&["--print", "--http", "codex"]).contains(&address));
}
