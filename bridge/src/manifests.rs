//! The packages in `plugin/`: their manifests from one table, and the copies of the skills.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::clients::{
    CLAUDE_EDITING_HOOK, CLAUDE_HOOKS, CODEX_ENVIRONMENT, CODEX_HOOKS, GEMINI_HOOKS,
};
use crate::docs::assert_package_files;
use crate::packages::{CLAUDE, CODEX, MARKETPLACE, OPENCODE, PLUGIN_ID, Package, SKILLS, Skill};
use crate::setup::{PATCH_MATCHER, hook_command, reserve_command};

const NAME: &str = "junction";
const OWNER: &str = "Agent Junction";
const BRIDGE: &str = "junction-bridge";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const DESCRIPTION: &str =
    "Lets this session and other coding agents find and message each other, end to end encrypted";
const ABOUT: &str =
    "Agent Junction: messages between coding agents in different terminals, folders and machines";
const SCHEMAS: &str = "https://agent-plugins.org/schemas/1.0.0";

/// The packages that bring the skills.
const WITH_SKILLS: [&str; 5] = ["claude", "codex", "gemini", "opencode", "portable"];

/// How long a rewake hook may wait, in seconds: a night.
const LONGEST_SLEEP: u32 = 36_000;
fn identity() -> Value {
    json!({
        "name": NAME,
        "version": VERSION,
        "description": DESCRIPTION,
        "author": { "name": OWNER },
        "license": env!("CARGO_PKG_LICENSE"),
    })
}

fn merged(mut value: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    value
}

fn hooks(events: &[&str]) -> Value {
    let hook = json!([{ "hooks": [{ "type": "command", "command": hook_command(BRIDGE) }] }]);
    let events = events.iter().map(|event| ((*event).to_owned(), hook.clone()));
    json!({ "hooks": Value::Object(events.collect()) })
}

/// Adds a hook that runs before these tools alone.
fn before_tools(mut hooks: Value, (event, tools): (&str, &str)) -> Value {
    let ours = json!([{ "type": "command", "command": hook_command(BRIDGE) }]);
    hooks["hooks"][event] = json!([{ "matcher": tools, "hooks": ours }]);
    hooks
}

/// The hooks of Claude Code's plugin, with the one that wakes the session where mods are forbidden.
fn claude_hooks() -> Value {
    let mut hooks = before_tools(hooks(&CLAUDE_HOOKS), CLAUDE_EDITING_HOOK);
    let reserve = json!({
        "type": "command", "command": reserve_command(BRIDGE), "asyncRewake": true, "timeout": LONGEST_SLEEP,
    });
    for event in ["SessionStart", "Stop"] {
        let ours = hooks["hooks"][event][0]["hooks"].as_array_mut().unwrap();
        ours.push(reserve.clone());
    }
    merged(json!({ "modules": ["./register.js"] }), hooks)
}

fn gemini() -> Value {
    json!({
        "name": NAME,
        "version": VERSION,
        "description": DESCRIPTION,
        "mcpServers": { NAME: { "command": BRIDGE } },
        "settings": [{
            "name": "Hub",
            "description": "The name of a known hub to join. Leave it empty for the one on this machine.",
            "envVar": "JUNCTION_HUB",
            "sensitive": false,
        }],
    })
}

fn opencode() -> Value {
    json!({
        "name": "junction-opencode",
        "version": VERSION,
        "description": DESCRIPTION,
        "type": "module",
        "main": "junction.js",
        "exports": { ".": "./junction.js", "./server": "./junction.js" },
        "files": ["junction.js", "skills"],
    })
}

/// The manifests, by their paths in the repository.
fn manifests() -> Vec<(&'static str, Value)> {
    let claude_marketplace = json!({
        "name": MARKETPLACE,
        "description": ABOUT,
        "owner": { "name": OWNER },
        "plugins": [{ "name": NAME, "source": "./plugin/claude", "description": DESCRIPTION }],
    });
    let codex_marketplace = json!({
        "name": MARKETPLACE,
        "interface": { "displayName": OWNER },
        "plugins": [{
            "name": NAME,
            "source": { "source": "local", "path": "./plugin/codex" },
            "policy": { "installation": "AVAILABLE", "authentication": "ON_INSTALL" },
            "category": "Productivity",
        }],
    });
    let codex_parts = json!({ "skills": "./skills/", "mcpServers": "./.mcp.json", "hooks": "./hooks/hooks.json" });
    let codex_hooks = hooks(&CODEX_HOOKS.map(|(event, _)| event));
    let codex_hooks = before_tools(codex_hooks, ("PreToolUse", PATCH_MATCHER));
    let codex_server = json!({ "command": BRIDGE, "env_vars": CODEX_ENVIRONMENT });
    let stdio = json!({ "type": "stdio", "command": BRIDGE });
    let servers = |server: &Value| json!({ "mcpServers": { NAME: server } });
    let schema = |name: &str| json!({ "$schema": format!("{SCHEMAS}/{name}.schema.json") });
    vec![
        (".claude-plugin/marketplace.json", claude_marketplace),
        ("plugin/claude/.claude-plugin/plugin.json", identity()),
        ("plugin/claude/.mcp.json", servers(&stdio)),
        ("plugin/claude/hooks/hooks.json", claude_hooks()),
        (".agents/plugins/marketplace.json", codex_marketplace),
        ("plugin/codex/.codex-plugin/plugin.json", merged(identity(), codex_parts)),
        ("plugin/codex/.mcp.json", servers(&codex_server)),
        ("plugin/codex/hooks/hooks.json", codex_hooks),
        ("plugin/portable/plugin.json", merged(schema("plugin"), identity())),
        ("plugin/portable/mcp.json", merged(schema("mcp"), servers(&stdio))),
        ("plugin/gemini/gemini-extension.json", gemini()),
        ("plugin/gemini/hooks/hooks.json", hooks(&GEMINI_HOOKS)),
        ("plugin/opencode/package.json", opencode()),
    ]
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn packages_are_as_the_table_says() {
    let manifests = manifests().into_iter().map(|(path, value)| {
        (path.to_owned(), format!("{}\n", serde_json::to_string_pretty(&value).unwrap()))
    });
    let mut files: BTreeMap<String, String> = manifests.collect();
    for package in WITH_SKILLS {
        for Skill { name, text } in &SKILLS {
            files.insert(format!("plugin/{package}/skills/{name}/SKILL.md"), (*text).to_owned());
        }
    }
    assert_package_files(&files);
}

#[test]
fn skills_have_the_frontmatter_that_clients_demand() {
    for skill @ Skill { name, text } in &SKILLS {
        let (frontmatter, body) =
            text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
        let description = skill.description();
        assert_eq!(frontmatter, format!("name: {name}\ndescription: {description}"));
        // Agent Skills allow 1,024 characters.
        assert!((1..=1024).contains(&description.len()), "{name}");
        assert!(!description.contains(": "), "{name}: this would end a plain text of YAML");
        assert!(body.lines().count() < 500, "{name}");
    }
}

#[test]
fn skills_name_only_tools_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/tools.md")).unwrap();
    for Skill { name, text } in &SKILLS {
        let words = text.split('`').skip(1).step_by(2);
        for word in words.filter(|word| word.contains('_') && !word.contains("__")) {
            assert!(page.contains(word), "{name} names {word}, which docs/tools.md does not have");
        }
    }
}

/// All files in a folder of the repository, by their paths there.
fn files_in(folder: &str) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    found
}

#[test]
fn program_carries_every_file_of_the_packages_that_setup_installs() {
    for package in [&CLAUDE, &CODEX, &OPENCODE] {
        let of_folder = |(path, _): &(String, _)| path.starts_with(&package.folder());
        let carried: BTreeSet<_> =
            package.files().filter(of_folder).map(|(path, _)| path).collect();
        assert_eq!(carried, files_in(&package.folder()), "{}", package.name);
    }
    let marketplaces = |package: &Package| {
        package.files().filter(|(path, _)| path.ends_with("/marketplace.json")).count()
    };
    assert_eq!([&CLAUDE, &CODEX, &OPENCODE].map(marketplaces), [1, 1, 0]);
    assert_eq!(PLUGIN_ID, format!("{NAME}@{MARKETPLACE}"));
}
