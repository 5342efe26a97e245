//! `setup` beside plugins that are not as the client's files say, and clients that do not do as they say.

use std::fs;

use serde_json::json;

use super::home::{CLAUDE, CODEX, SetupHome};
use super::plugins::{
    CLAUDE_CODE, CODEX_CLI, CONFIG, SERVERS, SETTINGS, extension_of_gemini, home_with, unpacked,
};

/// Leaves what Claude Code leaves of a plugin in a clone at this path.
fn installed_from(home: &SetupHome, clone: &std::path::Path) {
    let source = json!({ "source": "directory", "path": clone });
    let known = json!({ "agent-junction": { "source": source } });
    home.write(".claude/plugins/known_marketplaces.json", &known.to_string());
    let plugins = json!({ "junction@agent-junction": [{ "version": "0.1.0" }] });
    let plugins = json!({ "plugins": plugins });
    home.write(".claude/plugins/installed_plugins.json", &plugins.to_string());
}

/// Has the plugin switched on, or off, in a settings file.
fn enable(home: &SetupHome, path: &std::path::Path, is_enabled: bool) {
    let text = fs::read_to_string(path).unwrap_or_else(|_| "{}".to_owned());
    let mut settings: serde_json::Value = serde_json::from_str(&text).expect("settings");
    settings["enabledPlugins"] = json!({ "junction@agent-junction": is_enabled });
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, settings.to_string()).expect("settings");
    installed_from(home, &home.path("clone"));
    home.write("clone/plugin/claude/.claude-plugin/plugin.json", r#"{"version": "0.1.0"}"#);
}

#[test]
fn regression_plugin_that_cannot_be_loaded_takes_no_settings_out() {
    let home = home_with("claude", CLAUDE_CODE);
    home.done(&["claude"]);
    enable(&home, &home.path(SETTINGS), true);
    fs::rename(home.path("clone"), home.path("moved")).unwrap();
    let (servers, settings) = (home.read(SERVERS), home.read(SETTINGS));
    let said = home.done(&["claude"]);
    assert!(said.contains("cannot load the junction's plugin"), "{said}");
    assert!(said.contains("claude plugin uninstall"), "{said}");
    assert!(!said.contains("Everything is as it should be"), "{said}");
    assert_eq!((home.read(SERVERS), home.read(SETTINGS)), (servers, settings));
    assert!(home.path(".claude/skills/use-junction/SKILL.md").exists());
    let why = home.refused(&["--plugin", "claude"]);
    assert!(why.contains("cannot load the junction's plugin"), "{why}");
    // Setup's own is there again.
    let home = home_with("claude", CLAUDE_CODE);
    home.done(&["--plugin", "claude"]);
    fs::remove_dir_all(unpacked(&home, "claude")).unwrap();
    let said = home.done(&["claude"]);
    assert!(said.contains("put the junction's plugin into"), "{said}");
    assert!(unpacked(&home, "claude").is_dir() && !home.path(SERVERS).exists());
}

#[test]
fn regression_second_bridge_of_a_project_is_told_with_what_removes_it() {
    let home = home_with("claude", CLAUDE_CODE);
    home.done(&["claude"]);
    for (name, scope) in [("settings.json", "project"), ("settings.local.json", "local")] {
        enable(&home, &home.0.path().join(".claude").join(name), true);
        let said = home.done(&["claude"]);
        let fix = format!("claude plugin uninstall --scope {scope} junction@agent-junction");
        assert!(said.contains("twice in this project") && said.contains(&fix), "{said}");
        assert!(said.contains("Nothing was changed"), "{said}");
    }
    // A server that was added for one project, and those that a project shares.
    let home = home_with("claude", CLAUDE_CODE);
    home.done(&["--plugin", "claude"]);
    let here = home.0.path().canonicalize().unwrap();
    let server = json!({ "mcpServers": { "junction": { "command": "junction-bridge" } } });
    home.write(SERVERS, &json!({ "projects": { here.to_str().unwrap(): server } }).to_string());
    let said = home.done(&["claude"]);
    assert!(said.contains("claude mcp remove --scope local junction"), "{said}");
    assert!(!said.contains("Everything is as it should be"), "{said}");
}

#[test]
fn regression_project_gets_nothing_beside_a_package_of_the_user() {
    for (client, does, file, kind) in [
        ("claude", CLAUDE_CODE, ".mcp.json", "plugin junction@agent-junction"),
        ("codex", CODEX_CLI, ".codex/config.toml", "plugin junction@agent-junction"),
        ("gemini", "", ".gemini/settings.json", "extension"),
    ] {
        let home = home_with(client, does);
        let file = home.0.path().join(file);
        let install = || match client {
            "gemini" => extension_of_gemini(&home),
            _ => drop(home.done(&["--plugin", client])),
        };
        install();
        let told =
            format!("in this project from its {kind}, so the project's settings have nothing");
        let said = home.done(&["--project", client]);
        assert!(said.contains(&told) && said.contains("Everything is as"), "{said}");
        assert!(!file.exists(), "{said}");
        // What setup has put there goes, and what others have put there is theirs.
        match client {
            "gemini" => fs::remove_dir_all(home.path(".gemini/extensions")).unwrap(),
            _ => drop(home.done(&["--remove", client])),
        }
        home.done(&["--project", client]);
        let text = fs::read_to_string(&file).unwrap();
        install();
        let said = home.done(&["--project", client]);
        assert!(said.contains(&told) && !file.exists(), "{said}");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
        let said = home.done(&["--project", client]);
        let fix = format!("setup --remove --project {client}, or run {client} ");
        assert!(said.contains("twice in this project") && said.contains(&fix), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn regression_plugin_of_setup_with_another_directory_is_setups() {
    for (client, does, flags) in [
        ("claude", CLAUDE_CODE, &["--plugin", "claude"][..]),
        ("codex", CODEX_CLI, &["--plugin", "codex"]),
        ("opencode", "", &["opencode"]),
    ] {
        let home = home_with(client, does);
        let elsewhere = home.path("elsewhere");
        let mut setup = home.command(flags);
        let output = setup.env("JUNCTION_CONFIG_DIR", &elsewhere).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let folder = elsewhere.join("packages").join(client);
        assert!(folder.is_dir());
        let found = home.files();
        let said = home.done(&[client]);
        assert!(said.contains("Everything is as it should be"), "{said}");
        assert!(!said.contains("not installed by setup"), "{said}");
        let ran = home.path("ran");
        let of = |files: &std::collections::BTreeMap<_, _>| {
            files.keys().filter(|path| **path != ran).cloned().collect::<Vec<std::path::PathBuf>>()
        };
        assert_eq!(of(&home.files()), of(&found), "nothing is there twice");
        let said = home.done(&["--remove", client]);
        assert!(!said.contains("so it stays") && !folder.exists(), "{said}");
        // A clone is a person's, wherever it lies.
        home.run(flags);
        let own = unpacked(&home, client);
        let clone = elsewhere.join("packages").join(client);
        fs::create_dir_all(clone.parent().unwrap()).unwrap();
        fs::rename(&own, &clone).unwrap();
        fs::write(clone.join("README.md"), "").unwrap();
        for file in [
            ".claude/plugins/known_marketplaces.json",
            ".codex/config.toml",
            ".config/opencode/opencode.json",
        ] {
            if home.path(file).exists() {
                let text = home.read(file);
                home.write(file, &text.replace(own.to_str().unwrap(), clone.to_str().unwrap()));
            }
        }
        let said = home.done(&["--remove", client]);
        assert!(said.contains("so it stays. To take it out") && clone.is_dir(), "{said}");
    }
}

#[test]
fn regression_plugin_of_opencode_is_seen_as_a_copy_and_with_options() {
    const FILE: &str = ".config/opencode/opencode.json";
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/plugin/opencode/junction.js");
    for (copy, list) in [
        (Some("plugins/junction.js"), json!([])),
        (Some("plugin/any.js"), json!(["other"])),
        (None, json!([["junction-opencode", { "a": 1 }]])),
    ] {
        let home = SetupHome::new();
        home.done(&["opencode"]);
        let own = home.json(FILE)["plugin"][0].clone();
        let mut listed = vec![own];
        listed.extend(list.as_array().unwrap().clone());
        let mut settings = home.json(FILE);
        settings["plugin"] = json!(listed);
        home.write(FILE, &settings.to_string());
        if let Some(copy) = copy {
            let copy = home.path(".config/opencode").join(copy);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(program, copy).unwrap();
        }
        let said = home.done(&["opencode"]);
        assert!(said.contains("its plugin was not installed by setup, and stays"), "{said}");
        assert_eq!(home.json(FILE).get("plugin").unwrap_or(&json!([])), &list);
        let said = home.done(&["--remove", "opencode"]);
        let removal = copy.unwrap_or("delete \"junction-opencode\" under plugin in");
        assert!(said.contains(removal), "{said}");
    }
    // Setup's own, which a person has given options.
    let home = SetupHome::new();
    home.done(&["opencode"]);
    let mut settings = home.json(FILE);
    settings["plugin"] = json!([[settings["plugin"][0], { "a": 1 }]]);
    home.write(FILE, &settings.to_string());
    assert!(home.done(&["opencode"]).contains("Everything is as it should be"));
    assert_eq!(home.json(FILE), settings);
    home.done(&["--remove", "opencode"]);
    assert!(!home.path(FILE).exists());
}

#[test]
fn regression_trust_in_hooks_of_the_plugin_goes_with_it() {
    let mark = |key: &str| format!("\n[hooks.state.\"{key}\"]\ntrusted_hash = \"sha256:00\"\n");
    let theirs = mark("/x/hooks.json:stop:0:0") + &mark("junction@other:hooks/hooks.json:stop:0:0");
    let own = ["session_start", "stop"]
        .map(|event| mark(&format!("junction@agent-junction:hooks/hooks.json:{event}:0:0")));
    for (before, is_gone) in [(CODEX, false), (CODEX, true), ("", false)] {
        let home = home_with("codex", CODEX_CLI);
        home.write(CONFIG, before);
        home.done(&["--plugin", "codex"]);
        home.write(CONFIG, &(home.read(CONFIG) + &own[0] + &theirs + &own[1]));
        if is_gone {
            for words in ["remove junction@agent-junction", "marketplace remove agent-junction"] {
                let mut codex = std::process::Command::new(home.bridge().with_file_name("codex"));
                codex.arg("plugin").args(words.split(' ')).env("HOME", home.path(""));
                assert!(codex.status().unwrap().success());
            }
            fs::remove_dir_all(unpacked(&home, "codex")).unwrap();
            let said = home.done(&["--remove"]);
            assert!(said.contains("setup --remove codex"), "{said}");
        }
        let said = home.done(&["--remove", "codex"]);
        assert!(said.contains("took your trust in the plugin's hooks out"), "{said}");
        assert_eq!(home.read(CONFIG).trim_start(), format!("{before}{theirs}").trim_start());
    }
    // It stays with a plugin that stays.
    let home = SetupHome::new();
    let text = format!("[plugins.\"junction@agent-junction\"]\nenabled = true\n{}", own[0]);
    home.write(CONFIG, &text);
    home.done(&["--remove", "codex"]);
    assert_eq!(home.read(CONFIG), text);
}

#[test]
fn regression_file_that_is_written_before_and_after_the_client_is_told_once() {
    for (client, does, file) in
        [("claude", CLAUDE_CODE, SETTINGS), ("codex", CODEX_CLI, ".codex/config.toml")]
    {
        let home = home_with(client, does);
        home.write(file, if client == "claude" { CLAUDE } else { CODEX });
        home.done(&[client]);
        let said = home.done(&["--plugin", client]);
        let path = home.path(file);
        let told = said.lines().filter(|line| line.contains(path.to_str().unwrap())).count();
        assert_eq!(told, 1, "{said}");
    }
}

#[test]
fn regression_client_that_only_says_that_it_succeeded_is_not_believed() {
    let home = home_with("claude", "exit 0");
    home.done(&["claude"]);
    let (servers, settings) = (home.read(SERVERS), home.read(SETTINGS));
    let why = home.refused(&["--plugin", "claude"]);
    assert!(why.contains("does not have the plugin"), "{why}");
    assert_eq!((home.read(SERVERS), home.read(SETTINGS)), (servers, settings));
    assert!(!unpacked(&home, "claude").exists());
    home.done(&["--remove", "claude"]);
    enable(&home, &home.path(SETTINGS), true);
    fs::create_dir_all(unpacked(&home, "claude").parent().unwrap()).unwrap();
    fs::rename(home.path("clone"), unpacked(&home, "claude")).unwrap();
    installed_from(&home, &unpacked(&home, "claude"));
    let why = home.refused(&["--remove", "claude"]);
    assert!(why.contains("still has the plugin"), "{why}");
    assert!(unpacked(&home, "claude").exists());
}

#[test]
fn regression_rule_of_a_plugin_that_a_person_took_out_goes() {
    for settings in [None, Some(CLAUDE)] {
        let home = home_with("claude", CLAUDE_CODE);
        if let Some(settings) = settings {
            home.write(SETTINGS, settings);
        }
        home.done(&["--plugin", "claude"]);
        for words in ["uninstall junction@agent-junction", "marketplace remove agent-junction"] {
            let mut claude = std::process::Command::new(home.bridge().with_file_name("claude"));
            claude.arg("plugin").args(words.split(' ')).env("HOME", home.path(""));
            assert!(claude.status().unwrap().success());
        }
        if settings.is_none() {
            fs::write(home.path(SETTINGS), home.read(SETTINGS).replace("\"x\": 1", "")).unwrap();
        }
        home.done(&["claude"]);
        let said = home.done(&["--remove", "claude"]);
        assert_eq!(fs::read_to_string(home.path(SETTINGS)).ok().as_deref(), settings, "{said}");
    }
}

#[test]
fn regression_removal_that_waits_for_the_client_restores_to_the_byte() {
    let home = home_with("claude", CLAUDE_CODE);
    home.write(SETTINGS, CLAUDE);
    home.done(&["claude"]);
    home.done(&["--plugin", "claude"]);
    let program = home.bridge().with_file_name("claude");
    fs::rename(&program, program.with_file_name("away")).unwrap();
    let settings = home.read(SETTINGS);
    home.refused(&["--remove", "claude"]);
    assert_eq!(home.read(SETTINGS), settings);
    // What it says instead is not what has just failed.
    let why = home.refused(&["claude"]);
    assert!(why.contains("claude is not on PATH") && !why.contains("or run"), "{why}");
    fs::rename(program.with_file_name("away"), &program).unwrap();
    home.done(&["--remove", "claude"]);
    assert_eq!(home.read(SETTINGS), CLAUDE);
}

#[test]
fn regression_second_copy_of_a_plugin_is_taken_out_where_it_is_setups() {
    const OPENCODE: &str = ".config/opencode/opencode.json";
    for theirs in ["./theirs", "theirs/package.json"] {
        let home = SetupHome::new();
        let manifest = r#"{"name": "junction-opencode"}"#;
        home.write(".config/opencode/theirs/package.json", manifest);
        home.done(&["opencode"]);
        let mut settings = home.json(OPENCODE);
        settings["plugin"].as_array_mut().unwrap().push(json!(theirs));
        home.write(OPENCODE, &settings.to_string());
        home.done(&["opencode"]);
        assert_eq!(home.json(OPENCODE)["plugin"], json!([theirs]));
        home.write(OPENCODE, &settings.to_string());
        home.done(&["--remove", "opencode"]);
        assert_eq!(home.json(OPENCODE), json!({ "plugin": [theirs] }));
        assert!(!unpacked(&home, "opencode").exists());
    }
}

#[test]
fn regression_what_a_flag_does_not_leave_out_is_told() {
    let home = home_with("claude", CLAUDE_CODE);
    home.done(&["claude"]);
    let said = home.done(&["--no-skills", "claude"]);
    assert!(said.contains("has skills from before, and keeps them"), "{said}");
    let said = home.done(&["--no-allow", "claude"]);
    assert!(said.contains("has the rule from before, and keeps it"), "{said}");
    let said = home.done(&["--no-skills", "opencode"]);
    assert!(said.contains("opencode has skills from the plugin"), "{said}");
    home.done(&["--plugin", "claude"]);
    let said = home.done(&["--no-hooks", "claude"]);
    assert!(said.contains("has hooks from the plugin"), "{said}");
    assert!(!home.path(".claude/skills").exists(), "the plugin brings them");
}
