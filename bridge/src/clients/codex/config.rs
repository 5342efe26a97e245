//! Codex's settings, and what a person may have set otherwise in them.

use std::path::{Path, PathBuf};

use junction_shared::machine::settings::{env, env_path};

use super::super::settings::{asking, limited_tools, switched_off, without_hooks};
use super::plugin;
use crate::setup::{
    ClientPackage, ClientSettings, FileFormat, HOOK_TOOL, JsonDialect, OverriddenPart,
    PATCH_MATCHER, PlannedEntry, PlannedFile, SERVER, SettingOverride, SettingValue,
    SettingsLookup, SetupTarget, has_hooks, has_untrusted, holds,
};

/// The name by which people know the client.
pub(super) const NAME: &str = "Codex";
/// The folder with settings and sessions, unless `CODEX_HOME` names another.
pub(super) const FOLDER: &str = ".codex";
/// The file with most of the settings.
pub(super) const CONFIG: &str = "config.toml";
/// How a message reaches an idle agent.
const WAKING: &str = "a message wakes an idle agent by Codex's queue, once it was prompted";
/// The folder with the user's skills, in that.
const SKILLS: &str = "skills";
/// What a person still does before a session can be woken.
const PROMPTED: &str = "Codex can be woken once it has been prompted, for example with \"Look for mail on the junction.\"";

/// The events that hooks are set for, and what each names of its input beyond the event and the session. Codex silently
/// skips a hook that names what its event does not have.
pub(crate) const HOOKS: [(&str, Option<&str>); 4] = [
    ("SessionStart", None),
    ("UserPromptSubmit", Some("prompt")),
    ("PostToolUse", None),
    ("Stop", Some("stop_hook_active")),
];
/// The events of a patch for which hooks are set beside those: before and after. Only they are given the patch, of which the
/// bridge keeps the files' paths.
pub(crate) const PATCH_HOOKS: [&str; 2] = ["PreToolUse", "PostToolUse"];
/// What Codex passes on to the bridge, where it is set. Otherwise it gives its servers almost no environment.
pub(crate) const ENVIRONMENT: [&str; 16] = [
    "CODEX_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "JUNCTION_AUTOSTART",
    "JUNCTION_CHAIN_LIMIT",
    "JUNCTION_COLLISIONS",
    "JUNCTION_CONFIG_DIR",
    "JUNCTION_HOST",
    "JUNCTION_HUB",
    "JUNCTION_KNOWN_HOSTS",
    "JUNCTION_LOG",
    "JUNCTION_PORT",
    "JUNCTION_SEND_LIMIT",
    "JUNCTION_SESSION_TIMEOUT_MS",
    "JUNCTION_SWEEP_INTERVAL_MS",
    "JUNCTION_WAKES_PER_HOUR",
];

/// What belongs in the settings.
pub(super) fn settings(target: &SetupTarget) -> ClientSettings {
    let folder = env_path("CODEX_HOME").unwrap_or_else(|| target.home.join(FOLDER));
    let place = target.project.as_ref().map_or(folder.clone(), |project| project.join(FOLDER));
    let (config, hooks_file) = (place.join(CONFIG), place.join("hooks.json"));
    let fields = match &target.address {
        Some(address) => SettingValue::fields([("url", SettingValue::text(address))]),
        None => SettingValue::fields([
            ("command", SettingValue::text(&*target.program)),
            ("env_vars", SettingValue::texts(&ENVIRONMENT)),
        ]),
    };
    let server = PlannedEntry::Server { path: vec!["mcp_servers", SERVER], fields };
    let rule = PlannedEntry::RuleField {
        path: vec!["mcp_servers", SERVER, "default_tools_approval_mode"],
        value: SettingValue::text("approve"),
    };
    let hooks = HOOKS.iter().map(|(event, more)| tool_hook(event, *more));
    let hooks: Vec<_> = hooks.chain(PATCH_HOOKS.iter().map(|event| patch_hook(event))).collect();
    let skills = folder.join(SKILLS);
    let package =
        target.packages.clone().map(|store| plugin::package(&folder, &folder.join(CONFIG), store));
    let file = |path: &Path, format, entries| PlannedFile {
        is_shared: target.project.is_some(),
        ..PlannedFile::of(path.to_owned(), format, entries)
    };
    let in_json = file(&hooks_file, FileFormat::Json(JsonDialect::default()), hooks.clone());
    let in_toml = file(&config, FileFormat::Toml, hooks);
    let servers = file(&config, FileFormat::Toml, vec![server, rule]);
    if package.as_ref().is_some_and(|package| package.is_chosen(target.by_package)) {
        return by_plugin(folder, servers, [in_toml, in_json], package, target);
    }
    // Codex warns where a folder has hooks in both of its files.
    let are_apart = has_hooks(&in_json) && !holds(&in_toml);
    let (files, elsewhere) = if are_apart {
        (vec![servers, in_json], vec![in_toml])
    } else {
        let entries = [servers.entries, in_toml.entries].concat();
        (vec![file(&config, FileFormat::Toml, entries)], vec![in_json])
    };
    let review = "Codex asks once, at its next start, whether to trust the hooks: press 2 (\"Trust all\"), then Enter.";
    let mut to_confirm = if target.address.is_none() { vec![PROMPTED] } else { Vec::new() };
    if target.project.is_some() {
        to_confirm.insert(0, "Codex reads a project's settings only where its folder is trusted.");
    }
    let places: Vec<_> = files.iter().chain(&elsewhere).cloned().collect();
    let has_untrusted_hooks = has_untrusted(&places, &folder.join(CONFIG));
    ClientSettings {
        elsewhere,
        to_confirm,
        hook_review: Some(review),
        has_untrusted_hooks,
        overrides,
        waking: WAKING,
        package,
        ..ClientSettings::of(folder, files).with_skills(&skills, target)
    }
    .for_transport(target)
}

/// Whether Codex, whose folder this is, skips hooks of the plugin, silently, because its user has not trusted them.
pub(super) fn has_untrusted_plugin(folder: &Path) -> bool {
    // Its hook after all tools is that after a patch, too.
    let events = HOOKS.iter().map(|(event, _)| *event).chain([PATCH_HOOKS[0]]);
    plugin::has_untrusted_hooks(folder, &folder.join(CONFIG), events)
}

/// What is left to settings where the plugin brings server and hooks: that they have neither.
fn by_plugin(
    folder: PathBuf,
    servers: PlannedFile,
    [in_toml, in_json]: [PlannedFile; 2],
    package: Option<ClientPackage>,
    target: &SetupTarget,
) -> ClientSettings {
    let skills = folder.join(SKILLS);
    let without =
        |file: PlannedFile, unwanted| PlannedFile { entries: Vec::new(), unwanted, ..file };
    let unwanted = [servers.entries.clone(), in_toml.entries].concat();
    let hooks = in_json.entries.clone();
    let files = vec![without(servers, unwanted), without(in_json, hooks)];
    let review = "Codex asks once, at its next start, whether to trust the plugin's hooks: press 2 (\"Trust all\"), then Enter.";
    ClientSettings {
        to_confirm: vec![PROMPTED],
        hook_review: Some(review),
        has_untrusted_hooks: has_untrusted_plugin(&folder),
        overrides,
        waking: WAKING,
        package,
        ..ClientSettings::of(folder, files).with_skills(&skills, target)
    }
}

/// What a person may have set otherwise.
fn overrides(target: &SetupTarget) -> Vec<SettingOverride> {
    let folder = env_path("CODEX_HOME").unwrap_or_else(|| target.home.join(FOLDER));
    let place = target.project.as_ref().map_or(folder, |project| project.join(FOLDER));
    let config = place.join(CONFIG);
    let found = SettingsLookup::read(&config, FileFormat::Toml);
    let server = ["mcp_servers", SERVER];
    let mut all = Vec::new();
    if found.flag(&["mcp_servers", SERVER, "enabled"]) == Some(false) {
        all.push(switched_off(NAME, &found, "enabled = false for it"));
    }
    all.extend(limited_tools(NAME, &found, &server, ("enabled_tools", "disabled_tools")));
    let mode = ["mcp_servers", SERVER, "default_tools_approval_mode"];
    if let Some(mode) = found.text(&mode).filter(|mode| mode != "approve") {
        all.push(asking(
            NAME,
            &found,
            &format!("default_tools_approval_mode = \"{mode}\" for junction"),
        ));
    }
    for tool in found.names(&["mcp_servers", SERVER, "tools"]) {
        let mode = found.text(&["mcp_servers", SERVER, "tools", &tool, "approval_mode"]);
        if let Some(mode) = mode.filter(|mode| mode != "approve") {
            all.push(asking(
                NAME,
                &found,
                &format!("approval_mode = \"{mode}\" for the tool {tool}"),
            ));
        }
    }
    for name in ["hooks", "codex_hooks"] {
        if found.flag(&["features", name]) == Some(false) {
            all.push(without_hooks(NAME, &found, &format!("features.{name} = false")));
        }
    }
    all.extend(withheld(&found));
    all
}

/// Variables that are set here, and that Codex does not pass on to the bridge.
fn withheld(config: &SettingsLookup<'_>) -> Option<SettingOverride> {
    let server = ["mcp_servers", SERVER];
    let passed = config.texts(&[&server[..], &["env_vars"]].concat()).unwrap_or_default();
    let own = config.names(&[&server[..], &["env"]].concat());
    let is_withheld = |name: &&str| {
        env(name).is_some() && ![&passed, &own].into_iter().flatten().any(|it| it == name)
    };
    let names: Vec<_> = ENVIRONMENT.into_iter().filter(is_withheld).collect();
    // One that is asked over HTTP gets no variables.
    let is_started = config.has(&[&server[..], &["command"]].concat());
    (is_started && !names.is_empty()).then(|| SettingOverride {
        of: OverriddenPart::Environment,
        says: format!(
            "{NAME} does not pass on {} to the bridge, because env_vars in {} leaves that out.",
            names.join(", "),
            config.place()
        ),
        fix: "Add what is missing to env_vars of mcp_servers.junction there.".to_owned(),
    })
}

/// A hook that calls the bridge's own tool, which in Codex finds its session more surely than a command does.
fn tool_hook(event: &'static str, more: Option<&str>) -> PlannedEntry {
    let fields = ["hook_event_name", "session_id"].into_iter().chain(more);
    let input = fields.map(|field| (field.to_owned(), passed_on(field)));
    PlannedEntry::Hook { event, matcher: None, hook: call(input.collect()) }
}

/// A hook that passes a patch on, before or after it is applied.
fn patch_hook(event: &'static str) -> PlannedEntry {
    let fields = ["hook_event_name", "session_id", "cwd", "tool_name"];
    let mut input: Vec<_> =
        fields.into_iter().map(|field| (field.to_owned(), passed_on(field))).collect();
    let patch = SettingValue::fields([("command", passed_on("tool_input.command"))]);
    input.push(("tool_input".to_owned(), patch));
    PlannedEntry::Hook { event, matcher: Some(PATCH_MATCHER), hook: call(input) }
}

/// What Codex puts a field of the event in place of.
fn passed_on(field: &str) -> SettingValue {
    SettingValue::text(format!("${{{field}}}"))
}

/// A hook that calls the bridge's own tool with this input.
fn call(input: Vec<(String, SettingValue)>) -> SettingValue {
    SettingValue::fields([
        ("type", SettingValue::text("mcp_tool")),
        ("server", SettingValue::text(SERVER)),
        ("tool", SettingValue::text(HOOK_TOOL)),
        ("input", SettingValue::Fields(input)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_only_marks_of_our_own_hooks_count_as_trust() {
        let home = tempfile::TempDir::new().unwrap();
        let config = home.path().join(FOLDER).join(CONFIG);
        let target = SetupTarget::plain(home.path().to_owned(), None);
        let is_untrusted = |marks: &str| {
            let hook = "[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = \"mcp_tool\"\nserver = \"junction\"\n\
                        tool = \"hook_event\"\n";
            std::fs::write(&config, format!("{hook}{marks}")).unwrap();
            settings(&target).has_untrusted_hooks
        };
        let mark = |place: &str| {
            format!(
                "[hooks.state.\"{}:{place}\"]\ntrusted_hash = \"sha256:00\"\n",
                config.display()
            )
        };
        assert!(!settings(&target).has_untrusted_hooks);
        std::fs::create_dir(home.path().join(FOLDER)).unwrap();
        assert!(is_untrusted(""));
        for other in ["stop:1:0", "stop:0:1", "session_start:0:0"] {
            assert!(is_untrusted(&mark(other)), "{other}");
        }
        assert!(is_untrusted(
            "[hooks.state.\"/x/hooks.json:stop:0:0\"]\ntrusted_hash = \"sha256:00\"\n"
        ));
        assert!(!is_untrusted(&mark("stop:0:0")));
    }
}
