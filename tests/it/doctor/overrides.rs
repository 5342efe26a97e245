//! Settings of a person's that put the bridge, its hooks or its rule out of force.

use super::clients::World;

/// A client, the file of its settings, what is changed in it, and what the doctor says of that.
type Overridden =
    (&'static str, &'static str, fn(&str) -> String, &'static str, &'static [&'static str]);

/// Settings of a person's that put the bridge, its hooks or its rule out of force.
const OVERRIDDEN: [Overridden; 23] = [
    (
        "opencode",
        ".config/opencode/opencode.json",
        |text| text.replace("\"junction_*\": \"allow\"", "\"junction_*\": \"deny\""),
        "failure",
        &["refuses", "last entry"],
    ),
    (
        "gemini",
        ".gemini/settings.json",
        |text| text.replace("\"trust\": true", "\"trust\": false"),
        "warning",
        &["may ask you", "trust"],
    ),
    (
        "codex",
        ".codex/config.toml",
        |text| text.replace("\"approve\"", "\"prompt\""),
        "warning",
        &["may ask you", "default_tools_approval_mode"],
    ),
    (
        "codex",
        ".codex/config.toml",
        |text| {
            format!(
                "{text}\n[mcp_servers.junction.tools.send_message]\napproval_mode = \"prompt\"\n"
            )
        },
        "warning",
        &["may ask you", "send_message"],
    ),
    (
        "agy",
        ".gemini/antigravity-cli/mcp_config.json",
        |text| text.replace("\"command\"", "\"disabled\": true, \"command\""),
        "failure",
        &["does not start the bridge", "disabled"],
    ),
    (
        "agy",
        ".gemini/antigravity-cli/mcp_config.json",
        |text| text.replace("\"command\"", "\"disabledTools\": [\"send_message\"], \"command\""),
        "failure",
        &["keeps tools", "disabledTools"],
    ),
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
        &["does not pass on JUNCTION_CONFIG_DIR", "env_vars"],
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
    let world = World::with(&["claude", "codex", "gemini", "opencode", "agy"]).await;
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
