//! `junction-bridge setup`, run as a person runs it: what it puts into the settings of each client, and takes out again.

mod home;
mod http;
mod odd_files;
mod plugin_faults;
mod plugins;
mod removal;
mod skills;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use home::{CLAUDE, CODEX, FILES, OPENCODE, SetupHome, clothes};
use junction_testkit::skipped;
use serde_json::{Value, json};

#[test]
fn settings_are_byte_for_byte_as_found_after_remove() {
    for (client, file, rich) in FILES {
        let empty = if client == "codex" { ["", "\n", "# c"] } else { ["", "{}", "{\n}\n"] };
        for text in clothes(rich).iter().map(String::as_str).chain(empty) {
            let home = SetupHome::new();
            home.write(file, text);
            fs::set_permissions(home.path(file), fs::Permissions::from_mode(0o640)).unwrap();
            let found = home.files();
            home.done(&[client]);
            let made = home.tree();
            assert_ne!(home.read(file), text, "{file}");
            let backup = format!("{file}.before-junction");
            assert_eq!(made[&home.path(&backup)], found[&home.path(file)], "{file}");
            assert!(!home.done(&[client]).contains("changed"), "{file}");
            assert_eq!(home.tree(), made, "{file}: {text}");
            home.done(&["--remove", client]);
            assert_eq!(home.files(), found, "{file}: {text}");
        }
    }
}

#[test]
fn later_edits_are_kept_by_remove_and_nothing_else_changes() {
    for (client, file, rich) in FILES {
        for text in clothes(rich) {
            let home = SetupHome::new();
            home.write(file, &text);
            home.done(&[client]);
            home.write(file, &home.read(file).replace("dark", "light"));
            let said = home.done(&["--remove", client]);
            assert!(said.contains("kept all other changes"), "{said}");
            assert_eq!(home.read(file), text.replace("dark", "light"), "{file}");
            assert!(!home.path(&format!("{file}.before-junction")).exists());
        }
    }
}

#[test]
fn files_that_setup_made_go() {
    for flags in [&[][..], &["--no-hooks"], &["--no-allow"], &["--no-hooks", "--no-allow"]] {
        let home = SetupHome::new();
        // A folder that is left empty may have been there before.
        fs::create_dir_all(home.path(".config")).unwrap();
        let all = ["claude", "codex", "gemini", "opencode", "agy"];
        let said = home.done(&[flags, &all].concat());
        assert!(said.contains("made") && said.contains("Find the other session"), "{said}");
        assert!(
            home.done(&["--remove"]).contains("setup --remove claude codex gemini opencode agy")
        );
        home.done(&[&["--remove"][..], &all].concat());
        assert!(home.files().is_empty() && home.path(".config").exists(), "{flags:?}");
        assert!(home.done(&["--remove"]).contains("Nothing of the junction"));
    }
}

#[test]
fn claude_gets_server_rule_and_hooks_and_those_that_were_there_stay() {
    let home = SetupHome::new();
    home.write(".claude.json", CLAUDE);
    home.write(".claude/settings.json", CLAUDE);
    home.done(&["claude"]);
    let servers = home.json(".claude.json")["mcpServers"].clone();
    let own = home.bridge();
    assert_eq!(servers["junction"], json!({ "type": "stdio", "command": own }));
    assert_eq!(servers["other"]["command"], "other");
    let settings = home.json(".claude/settings.json");
    assert_eq!(settings["permissions"]["allow"], json!(["Bash(ls)", "mcp__junction"]));
    assert_eq!(settings["hooks"]["Stop"][0]["hooks"][0]["command"], "say done");
    let hook = settings["hooks"]["Stop"][1]["hooks"][0]["command"].as_str().unwrap().to_owned();
    assert_eq!(settings["hooks"]["SessionStart"][0]["hooks"][0]["command"], json!(hook));
    // Outside of a session it has nothing to say; and nothing either once the program is gone. The tests' own process
    // stands for a client, whose hooks would find the bridges of other tests: so none can be seen from here.
    for _ in 0..2 {
        let mut command = Command::new("sh");
        command.args(["-c", &hook]).stdin(Stdio::null()).env("XDG_RUNTIME_DIR", home.path(""));
        let output = command.output().unwrap();
        let Output { status, stdout, stderr } = &output;
        assert!(status.success() && stdout.is_empty() && stderr.is_empty(), "{hook}: {output:?}");
        let _ = fs::remove_file(&own);
    }
}

#[test]
fn entries_of_an_older_place_are_updated_and_come_back() {
    let home = SetupHome::new();
    let old = r#"{"mcpServers": {"junction": {"command": "/old/junction-bridge", "args": ["--hub", "attic"]}}}"#;
    let hooks = r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "junction-bridge hook"}]}]}}"#;
    home.write(".claude.json", old);
    home.write(".claude/settings.json", hooks);
    home.write(
        ".codex/config.toml",
        "[mcp_servers.junction]\ncommand = \"/old/junction-bridge\" # c\nx = 1\n",
    );
    let found = home.tree();
    home.done(&["claude", "codex"]);
    let server = home.json(".claude.json")["mcpServers"]["junction"].clone();
    assert_eq!(server["command"], json!(home.bridge()));
    assert_eq!(server["args"], json!(["--hub", "attic"]));
    let stop = home.json(".claude/settings.json")["hooks"]["Stop"].clone();
    assert_eq!(stop.as_array().unwrap().len(), 1);
    assert!(stop[0]["hooks"][0]["command"].as_str().unwrap().ends_with("' hook"));
    let codex = home.read(".codex/config.toml");
    assert!(codex.contains("junction-bridge\" # c\n") && !codex.contains("/old/"), "{codex}");
    let output = home.run(&["--remove", "claude", "codex"]);
    assert_eq!(home.tree(), found, "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("had the junction before setup"));
    // What a person has written is theirs to take out.
    home.done(&["--remove", "claude", "codex"]);
    assert_eq!(home.tree(), found);
}

#[test]
fn back_up_is_of_the_state_before_the_last_setup_that_found_nothing() {
    let home = SetupHome::new();
    home.write(".claude.json", CLAUDE);
    home.done(&["claude"]);
    let second = CLAUDE.replace("dark", "light");
    home.write(".claude.json", &second);
    home.done(&["claude"]);
    home.done(&["--remove", "claude"]);
    assert_eq!(home.read(".claude.json"), second);
}

#[test]
fn what_cannot_be_edited_is_named_and_left_alone() {
    let huge = "[".repeat(1000);
    for (file, text, wanted) in [
        (".claude.json", "{\n  \"a\": 1,\n", "Line 3 of"),
        (".claude.json", "[]", "the file is not an object"),
        (".claude.json", "// c\n{}", "Line 1 of"),
        (".claude.json", &huge, "nesting is too deep"),
        (".claude.json", "{\n\"mcpServers\": []}", "Line 2 of"),
        (".claude.json", "{\"mcpServers\": {}, \"mcpServers\": {}}", "for the second time"),
        (".claude.json", "{\"mcpServers\": {\"junction\": {\"url\": \"x\"}}}", "another server"),
        (
            ".claude/settings.json",
            "{\"permissions\": {\"allow\": \"x\"}}",
            "permissions.allow is not an array",
        ),
    ] {
        let home = SetupHome::new();
        home.write(file, text);
        let found = home.tree();
        let why = home.refused(&["claude"]);
        assert!(why.contains(wanted), "{text}: {why}");
        assert_eq!(home.tree(), found, "{text}");
        // One client's trouble is not another's.
        home.refused(&["claude", "gemini"]);
        assert!(home.path(".gemini/settings.json").exists());
    }
    for (text, wanted) in [
        ("a = [1\n", "Line 1 of"),
        ("\nmcp_servers = 3\n", "Line 2 of"),
        ("[mcp_servers.junction]\ncommand = \"x\"\n", "another server"),
    ] {
        let home = SetupHome::new();
        home.write(".codex/config.toml", text);
        let why = home.refused(&["codex"]);
        assert!(why.contains(wanted), "{text}: {why}");
        assert_eq!(home.read(".codex/config.toml"), text);
    }
}

#[test]
fn links_are_followed_and_read_only_files_are_left_alone() {
    let home = SetupHome::new();
    home.write("dots/settings.json", CLAUDE);
    home.write(".claude/x", "");
    symlink("../dots/settings.json", home.path(".claude/settings.json")).unwrap();
    symlink("../dots/missing.toml", home.path(".claude/../dangling")).unwrap();
    let found = home.tree();
    home.done(&["claude"]);
    assert!(home.read("dots/settings.json").contains("mcp__junction"));
    assert_eq!(
        home.tree()[&home.path(".claude/settings.json")],
        found[&home.path(".claude/settings.json")]
    );
    home.done(&["--remove", "claude"]);
    assert_eq!(home.tree(), found);
    fs::set_permissions(home.path("dots/settings.json"), fs::Permissions::from_mode(0o444))
        .unwrap();
    let found = home.tree();
    assert!(home.refused(&["claude"]).contains("is read-only"));
    assert_eq!(home.tree(), found);
}

#[test]
fn codex_hooks_join_those_in_a_file_of_their_own() {
    let home = SetupHome::new();
    home.write(".codex/hooks.json", "{\"hooks\": {\"Stop\": []}}");
    home.write(".codex/config.toml", CODEX.split("[[").next().unwrap());
    let found = home.tree();
    let said = home.done(&["codex"]);
    assert!(said.contains("Trust all"), "{said}");
    assert!(!home.read(".codex/config.toml").contains("hook_event"));
    assert_eq!(
        home.json(".codex/hooks.json")["hooks"]["Stop"][0]["hooks"][0]["tool"],
        "hook_event"
    );
    home.done(&["--remove", "codex"]);
    assert_eq!(home.tree(), found);
}

#[test]
fn settings_of_five_megabytes_are_edited() {
    let home = SetupHome::new();
    let history: Vec<Value> =
        (0..50_000).map(|n| json!({ "display": format!("prompt {n} \"é\""), "p": {} })).collect();
    let value = json!({ "projects": { "/src": { "history": history } }, "theme": "dark" });
    for text in [value.to_string(), format!("{value:#}")] {
        home.write(".claude.json", &text);
        home.done(&["claude"]);
        let mut now = home.json(".claude.json");
        assert!(now.as_object_mut().unwrap().remove("mcpServers").is_some());
        assert_eq!(now, value);
        home.done(&["--remove", "claude"]);
        assert_eq!(home.read(".claude.json"), text);
    }
}

#[test]
fn print_shows_what_belongs_where_and_writes_nothing() {
    let home = SetupHome::new();
    home.write(".claude.json", "{");
    let found = home.tree();
    let said = home.done(&["--print", "claude", "codex"]);
    for wanted in [
        "would be left as it is: Line 1 of",
        "would be made",
        "mcp__junction",
        "[mcp_servers.junction]",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    home.done(&["--print"]);
    home.done(&["--print", "--remove", "codex"]);
    assert_eq!(home.tree(), found);
    // Without a name and a terminal, it says how to choose.
    fs::create_dir(home.path(".codex")).unwrap();
    let said = home.done(&[]);
    assert!(said.contains("Codex: ") && said.contains("junction-bridge setup codex"), "{said}");
    let unknown = home.run(&["emacs"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        String::from_utf8(unknown.stderr).unwrap().contains("claude, codex, gemini, opencode, agy")
    );
}

#[test]
fn project_gets_shared_files_with_the_bare_name() {
    let home = SetupHome::new();
    let project = home.path("src/x");
    fs::create_dir_all(&project).unwrap();
    let run =
        |args: &[&str], folder: &Path| home.command(args).current_dir(folder).output().unwrap();
    let all = ["--project", "claude", "codex", "gemini", "opencode", "agy"];
    assert!(run(&all, &project).status.success());
    let server = home.json("src/x/.mcp.json")["mcpServers"]["junction"].clone();
    assert_eq!(server, json!({ "type": "stdio", "command": "junction-bridge" }));
    for file in [
        ".mcp.json",
        ".codex/config.toml",
        ".gemini/settings.json",
        "opencode.json",
        ".agents/mcp_config.json",
    ] {
        let path = project.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(home.bridge().to_str().unwrap()), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }
    assert!(run(&[&["--remove"], &all[..]].concat(), &project).status.success());
    assert!(home.files().is_empty());
    assert_eq!(run(&all, &home.path("")).status.code(), Some(1), "the home is no project");
}

#[test]
fn person_at_a_terminal_is_asked_once() {
    let home = SetupHome::new();
    if !Path::new("/usr/bin/script").exists() {
        return skipped("there is no script(1) to make a terminal");
    }
    fs::create_dir(home.path(".gemini")).unwrap();
    for (answer, is_set) in [("n\n", false), ("\n", true)] {
        let mut command = Command::new("/usr/bin/script");
        command.args(["--quiet", "--return", "--command", "\"$BRIDGE\" setup", "/dev/null"]);
        command.env("BRIDGE", home.bridge());
        command.env("HOME", home.path("")).env("SHELL", "/bin/sh").env("PATH", "/usr/bin:/bin");
        command.current_dir(home.0.path()).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("Set up all of them? [Y/n]"), "{said}");
        assert_eq!(home.path(".gemini/settings.json").exists(), is_set, "{said}");
    }
}

#[test]
fn opencode_gets_the_plugin_and_gives_it_back() {
    let home = SetupHome::new();
    let (settings, file) = (".config/opencode/opencode.json", "plugin/opencode/junction.js");
    home.write(settings, OPENCODE);
    let found = home.files();
    let said = home.done(&["--print", "opencode"]);
    assert!(said.contains("would get the junction's plugin"), "{said}");
    assert_eq!(home.files(), found);
    home.done(&["opencode"]);
    let folder = home.path(".config/agent-junction/packages/opencode");
    let script = fs::read_to_string(folder.join(file)).unwrap();
    assert!(script.contains(&format!("const BRIDGE = {:?};", home.bridge())), "{script}");
    for skill in ["use-junction", "inject-junction"] {
        assert!(folder.join("plugin/opencode/skills").join(skill).join("SKILL.md").exists());
    }
    let text = home.read(settings);
    let item = format!("\"plugin\": [\n        {:?}\n    ]", folder.join("plugin/opencode"));
    assert!(text.contains(&item), "{text}");
    // A plugin of another version is replaced, with all that it has more.
    fs::write(folder.join("plugin/opencode/old.js"), "").unwrap();
    fs::write(folder.join(file), "").unwrap();
    assert!(home.done(&["opencode"]).contains("put the junction's plugin into"));
    assert!(!folder.join("plugin/opencode/old.js").exists());
    assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), script);
    assert!(home.done(&["opencode"]).contains("Everything is as it should be"));
    assert!(home.done(&["--remove", "opencode"]).contains("deleted"));
    assert_eq!(home.files(), found);
    assert!(!folder.parent().unwrap().exists());
}

#[test]
fn opencode_has_no_plugin_without_hooks_nor_one_beside_a_persons_own() {
    let home = SetupHome::new();
    let settings = ".config/opencode/opencode.jsonc";
    home.done(&["--no-hooks", "opencode"]);
    assert!(home.json(".config/opencode/opencode.json").get("plugin").is_none());
    assert!(!home.path(".config/agent-junction/packages").exists());
    home.done(&["--remove", "opencode"]);

    let own = home.path("clone");
    home.write("clone/package.json", "{\"name\": \"junction-opencode\"}");
    let text = format!("{{\"plugin\": [{own:?}]}}\n");
    home.write(settings, &text);
    home.done(&["opencode"]);
    assert_eq!(home.json(settings)["plugin"], json!([own]));
    assert!(!home.path(".config/agent-junction/packages").exists());
    home.done(&["--remove", "opencode"]);
    assert_eq!(home.read(settings), text);
    // Nor where its list cannot be added to: the rest is set.
    home.write(settings, "{\"plugin\": \"x\"}");
    assert!(home.refused(&["opencode"]).contains("its plugin is not set"));
    assert!(!home.path(".config/agent-junction/packages").exists());
    assert_eq!(home.json(settings)["mcp"]["junction"]["type"], "local");
}
