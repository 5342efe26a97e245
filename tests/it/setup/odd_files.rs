//! `setup` and files that are not plainly there: links, read-only and broken ones, and what a killed run has left.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::home::{CODEX, FILES, SetupHome};

/// A user who owns nothing.
const NOBODY: u32 = 65534;

/// Whether setup and `--remove` both refuse, say why, and change nothing.
fn is_refused(home: &SetupHome, client: &str, why: &str) {
    let found = home.tree();
    for args in [&[client][..], &["--remove", client]] {
        let output = home.run(args);
        let said = String::from_utf8(output.stderr).expect("errors are UTF-8");
        let is_whole = args.len() == 2 && output.status.success();
        assert!(is_whole || said.contains(why), "{args:?} {why}: {said}");
        assert_eq!(home.tree(), found, "{args:?} {why}");
    }
}

#[test]
fn odd_files_of_every_client_are_followed_or_refused_and_left_as_they_are() {
    for (client, file, rich) in FILES {
        let broken = if client == "codex" { "\n\na = [1\n" } else { "\n\n{ \"a\": 1" };
        for (text, mode, why) in [(rich, 0o444, "is read-only"), (broken, 0o644, "Line 3 of")] {
            let home = SetupHome::new();
            home.write(file, text);
            fs::set_permissions(home.path(file), fs::Permissions::from_mode(mode)).unwrap();
            is_refused(&home, client, why);
        }
        let home = SetupHome::new();
        fs::create_dir_all(home.path(file)).unwrap();
        is_refused(&home, client, "is a folder");
        let home = SetupHome::new();
        fs::create_dir_all(home.path(file).parent().unwrap()).unwrap();
        symlink(home.path(file), home.path(file)).unwrap();
        is_refused(&home, client, "lead in a circle");
        // A link to a file, to one that is missing, and to one whose folder is, too.
        for (target, text) in [("dots/a", Some(rich)), ("dots/b", None), ("missing/c/d", None)] {
            let home = SetupHome::new();
            home.write("dots/x", "");
            if let Some(text) = text {
                home.write(target, text);
            }
            fs::create_dir_all(home.path(file).parent().unwrap()).unwrap();
            symlink(home.path(target), home.path(file)).unwrap();
            let found = home.files();
            home.done(&[client]);
            assert!(home.read(target).contains("junction"), "{file}");
            assert_eq!(home.files()[&home.path(file)], found[&home.path(file)]);
            home.done(&["--remove", client]);
            assert_eq!(home.files(), found, "{file} {target}");
        }
    }
}

#[test]
fn regression_empty_file_that_has_nothing_of_ours_stays() {
    for (client, file, _) in FILES {
        for text in ["", "\n"] {
            let home = SetupHome::new();
            home.write(file, text);
            let found = home.tree();
            home.done(&["--remove", client]);
            assert_eq!(home.tree(), found, "{file}");
        }
    }
}

#[test]
fn regression_what_a_killed_run_has_left_misleads_no_later_one() {
    for (client, file, rich) in FILES {
        let backup = format!("{file}.before-junction");
        let name = file.rsplit('/').next().unwrap();
        let left = file.replace(name, &format!(".{name}.junction-999999999"));
        // Killed with the back-up made and the file not replaced; then its person went on.
        let killed = || {
            let home = SetupHome::new();
            home.write(file, &rich.replace("dark", "light"));
            let found = home.files();
            home.write(&backup, rich.trim_end());
            home.write(&left, "half");
            (home, found)
        };
        let (home, found) = killed();
        home.done(&["--remove", client]);
        assert_eq!(home.files(), found, "{file}");
        let (home, found) = killed();
        home.done(&[client]);
        assert!(!home.path(&left).exists());
        home.done(&["--remove", client]);
        assert_eq!(home.files(), found, "{file}");
        // The back-up of a file that is gone since is no longer what was before.
        let home = SetupHome::new();
        home.write(&backup, rich);
        home.done(&[client]);
        home.done(&["--remove", client]);
        assert!(home.files().is_empty(), "{:?}", home.files());
    }
}

#[test]
fn regression_null_is_as_good_as_nothing_and_comes_back() {
    for (client, file, text) in [
        ("claude", ".claude.json", "{\"mcpServers\": null, \"theme\": \"dark\"}"),
        (
            "claude",
            ".claude.json",
            "{\n  \"mcpServers\": {\n    \"junction\": null\n  },\n  \"theme\": \"dark\"\n}\n",
        ),
        (
            "claude",
            ".claude/settings.json",
            "{\"permissions\": null, \"hooks\": null, \"theme\": \"dark\"}",
        ),
        (
            "claude",
            ".claude/settings.json",
            "{\"permissions\": {\"allow\": null}, \"hooks\": {\"Stop\": null}, \"theme\": \"dark\"}",
        ),
        ("gemini", ".gemini/settings.json", "{\n\t\"hooks\": null,\n\t\"theme\": \"dark\"\n}"),
        (
            "opencode",
            ".config/opencode/opencode.json",
            "{\"permission\": {\"junction_*\": null}, \"theme\": \"dark\"}",
        ),
        (
            "opencode",
            ".config/opencode/opencode.json",
            "{\"permission\": null, \"mcp\": null, \"theme\": \"dark\"}",
        ),
    ] {
        let home = SetupHome::new();
        home.write(file, text);
        home.done(&[client]);
        let made = home.read(file);
        assert!(made.contains("junction") && !made.contains("null,  "), "{made}");
        home.json(file);
        assert!(!home.done(&[client]).contains("changed"), "{made}");
        home.write(file, &made.replace("dark", "light"));
        home.done(&["--remove", client]);
        assert_eq!(home.read(file), text.replace("dark", "light"), "{made}");
    }
}

#[test]
fn regression_server_is_set_where_only_the_hooks_cannot_be() {
    for (client, file, text, servers, why) in [
        (
            "claude",
            ".claude/settings.json",
            "{\"hooks\": {\"Stop\": {}}}",
            ".claude.json",
            "Stop is not an array",
        ),
        (
            "gemini",
            ".gemini/settings.json",
            "{\"hooks\": []}",
            ".gemini/settings.json",
            "hooks is not an object",
        ),
        ("codex", ".codex/config.toml", "[hooks]\nStop = 3\n", ".codex/config.toml", "Line 2 of"),
        ("codex", ".codex/hooks.json", "{\"hooks\": {", ".codex/config.toml", "Line 1 of"),
    ] {
        let home = SetupHome::new();
        home.write(file, text);
        let found = home.files();
        let said = String::from_utf8(home.run(&["--print", client]).stdout).unwrap();
        assert!(said.contains("without the hooks: Line"), "{said}");
        let said = home.refused(&[client]);
        assert!(said.contains("its hooks are not set. Line") && said.contains(why), "{said}");
        assert!(home.read(servers).contains("junction-bridge"), "{client}");
        assert!(!home.read(servers).contains(" hook"), "{client}");
        home.run(&["--remove", client]);
        assert_eq!(home.files(), found, "{client}");
    }
}

#[test]
fn regression_hooks_and_rule_of_an_earlier_run_are_named() {
    for (client, kept) in [
        ("claude", "hooks and the rule"),
        ("codex", "hooks and the rule"),
        ("opencode", "the plugin and the rule"),
        ("agy", ""),
    ] {
        let home = SetupHome::new();
        assert!(!home.done(&["--no-hooks", "--no-allow", client]).contains("from before"));
        assert!(!home.done(&[client]).contains("from before"));
        let said = home.done(&["--no-hooks", "--no-allow", client]);
        assert_eq!(said.contains(&format!("has {kept} from before")), !kept.is_empty(), "{said}");
        assert_eq!(said.contains(&format!("setup --remove {client}")), !kept.is_empty(), "{said}");
        let kept = kept.trim_end_matches(" and the rule");
        let said = home.done(&["--no-hooks", client]);
        assert_eq!(said.contains(&format!("has {kept} from before")), !kept.is_empty(), "{said}");
        home.done(&["--remove", client]);
        assert!(!home.done(&["--no-hooks", "--no-allow", client]).contains("from before"));
    }
}

#[test]
fn regression_marks_of_trust_go_with_our_hooks_and_others_stay() {
    let mark = |path: &str, position: &str| {
        format!("\n[hooks.state.\"{path}:{position}\"]\ntrusted_hash = \"sha256:00\"\n")
    };
    let json =
        "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"say\"}]}]}}";
    let config_only = CODEX.split("[[").next().unwrap();
    for (config, hooks) in
        [(CODEX, None), (config_only, Some(json)), ("[hooks.state]\n", None), ("", None)]
    {
        let home = SetupHome::new();
        let (toml_file, json_file) = (".codex/config.toml", ".codex/hooks.json");
        home.write(toml_file, config);
        hooks.iter().for_each(|text| home.write(json_file, text));
        let found = home.files();
        home.done(&["codex"]);
        let path = home.path(if hooks.is_some() { json_file } else { toml_file });
        let path = path.to_str().unwrap();
        let has_other = config == CODEX || hooks.is_some();
        let ours = mark(path, if has_other { "stop:1:0" } else { "stop:0:0" });
        let ours = ours + &mark(path, "session_start:0:0") + &mark(path, "user_prompt_submit:0:0");
        let made = home.read(toml_file);
        home.write(toml_file, &format!("{made}{ours}"));
        home.done(&["--remove", "codex"]);
        assert_eq!(home.files(), found, "{made}");
        // Marks of others stay: at other positions, of other files, and those that were there before.
        let others = mark("/x/hooks.json", "stop:1:0")
            + &mark(path, "stop:7:0")
            + &mark(path, "pre_compact:0:0");
        let before = format!("{config}{}", mark(path, "post_tool_use:0:0"));
        home.write(toml_file, &before);
        home.done(&["codex"]);
        home.write(toml_file, &format!("{}{others}{ours}", home.read(toml_file)));
        home.done(&["--remove", "codex"]);
        assert_eq!(home.read(toml_file), format!("{before}{others}"));
    }
}

#[test]
fn regression_every_place_of_an_earlier_run_is_looked_at() {
    let server = "{\"mcp\": {\"junction\": {\"command\": [\"junction-bridge\"]}}}";
    for (client, later, text) in [
        ("agy", ".gemini/config/x", ""),
        ("claude", ".claude/.config.json", "{\"theme\": \"dark\"}"),
        ("codex", ".codex/hooks.json", "{\"hooks\": {\"Stop\": []}}"),
        ("opencode", ".config/opencode/opencode.jsonc", server),
    ] {
        let home = SetupHome::new();
        home.done(&[client]);
        home.write(later, text);
        assert!(home.done(&["--remove"]).contains(&format!("setup --remove {client}")));
        home.done(&["--remove", client]);
        let left: Vec<_> = home.files().into_keys().collect();
        assert_eq!(left, [home.path(later)], "{client}");
    }
    // Codex's hooks went to a file of their own, which has no others now.
    let home = SetupHome::new();
    home.write(".codex/hooks.json", "{\"hooks\": {\"Stop\": []}}");
    home.done(&["codex"]);
    home.write(".codex/config.toml", "[hooks]\n");
    home.done(&["codex"]);
    home.done(&["--remove", "codex"]);
    assert!(!home.read(".codex/hooks.json").contains("hook_event"));
    assert_eq!(home.read(".codex/config.toml"), "[hooks]\n");
}

#[test]
fn regression_entries_that_setup_has_not_made_stay() {
    let claude = "{\"mcpServers\": {\"junction\": {\"type\": \"stdio\", \"command\": \"BRIDGE\", \"env\": {\"JUNCTION_HUB\": \"attic\"}}}}";
    let codex = "[mcp_servers.junction]\ncommand = \"BRIDGE\"\nenv_vars = [\"JUNCTION_HUB\"]\ndefault_tools_approval_mode = \"approve\"\n";
    for (client, file, text) in
        [("claude", ".claude.json", claude), ("codex", ".codex/config.toml", codex)]
    {
        for runs_before in [&["--remove"][..], &["--no-hooks", "--no-allow"]] {
            let home = SetupHome::new();
            home.write(file, &text.replace("BRIDGE", home.bridge().to_str().unwrap()));
            let found = home.read(file);
            home.done(&[runs_before, &[client]].concat());
            assert_eq!(home.read(file), found);
            let said = home.done(&["--remove", client]);
            assert!(said.contains("not from setup, so it stays"), "{said}");
            assert_eq!(home.read(file), found);
        }
    }
}

#[test]
fn regression_names_that_stand_twice_are_refused_by_remove_as_by_setup() {
    let home = SetupHome::new();
    home.write(".claude.json", "{\"a\": 1}");
    home.done(&["claude"]);
    let made = home.read(".claude.json");
    let twice = made.replacen('{', "{\"mcpServers\": {\"x\": {\"command\": \"x\"}},", 1);
    home.write(".claude.json", &twice);
    let said = home.refused(&["--remove", "claude"]);
    assert!(said.contains("mcpServers") && said.contains("second"), "{said}");
    assert_eq!(home.read(".claude.json"), twice);
}

#[test]
fn regression_client_with_a_folder_that_cannot_be_written_is_left_whole() {
    let home = SetupHome::new();
    home.write(".claude.json", "{\"theme\": \"dark\"}\n");
    home.write(".claude/settings.json", "{\"theme\": \"dark\"}\n");
    fs::set_permissions(home.path(".claude"), fs::Permissions::from_mode(0o555)).unwrap();
    let mut setup = home.command(&["claude"]);
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere.
        let root = home.path("").parent().expect("a folder").to_owned();
        let chown = Command::new("chown").arg("-R").arg(NOBODY.to_string()).arg(root).status();
        assert!(chown.expect("it runs").success());
        setup.uid(NOBODY).gid(NOBODY);
    }
    let found = home.files();
    let output = setup.output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("errors are UTF-8");
    assert!(!output.status.success() && said.contains("cannot be written"), "{said}");
    assert_eq!(home.files(), found);
    fs::set_permissions(home.path(".claude"), fs::Permissions::from_mode(0o755)).unwrap();
}
