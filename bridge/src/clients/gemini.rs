//! Gemini CLI.

use std::path::{Path, PathBuf};

use junction_shared::machine::settings::env_path;
use serde_json::Value;

use super::hook_event::HookEventKind;
use super::profile::{ClientProfile, ShellVariables};
use super::session_id::{HookIds, SessionIds};
use super::session_view::ClientSigns;
use super::settings::{asking, command_hooks, limited_tools, server, switched_off, without_hooks};
use crate::setup::{
    ClientSettings, FileFormat, ForeignPackage, JsonDialect, OverriddenPart, PlannedEntry,
    PlannedFile, SERVER, SettingOverride, SettingValue, SettingsLookup, SetupTarget,
};

/// Gemini CLI, as seen with version 0.61.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    hook_event,
    shell: ShellVariables { signs: &["GEMINI_CLI"], session: None },
    session_ids: Some(SessionIds {
        word: "gemini-cli",
        variable: None,
        hooks: HookIds::Followed,
        in_calls: false,
    }),
    hindrance: ClientSigns::hindrance_of_hooks,
    settings: Some(settings),
    ..ClientProfile::plain("gemini-cli-mcp-client", NAME, "gemini")
};

/// The name by which people know the client.
const NAME: &str = "Gemini CLI";
/// The file in which Gemini CLI keeps the servers that a person has switched off.
const SWITCHES: &str = "mcp-server-enablement.json";

/// The events that hooks are set for.
pub(crate) const HOOKS: [&str; 5] =
    ["SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "Notification"];

fn settings(target: &SetupTarget) -> ClientSettings {
    let home = env_path("GEMINI_CLI_HOME").unwrap_or_else(|| target.home.clone());
    let folder = home.join(".gemini");
    let skills = folder.join("skills");
    let place = target.project.as_ref().map_or(folder.clone(), |project| project.join(".gemini"));
    // With this, the server's tools ask nobody.
    let rule = PlannedEntry::RuleField {
        path: vec!["mcpServers", SERVER, "trust"],
        value: SettingValue::True,
    };
    // Its servers get the whole environment but what looks like a secret, so nothing needs to be passed on.
    let server = vec![server(target, false, "httpUrl"), rule];
    let hooks = command_hooks(&HOOKS, &target.program, Some(SERVER));
    let format = FileFormat::Json(JsonDialect { comments: true, trailing_commas: false });
    let mut settings = PlannedFile {
        is_shared: target.project.is_some(),
        ..PlannedFile::of(place.join("settings.json"), format, [server, hooks].concat())
    };
    let foreign = extension(&folder, &home).filter(|_| target.project.is_none());
    if foreign.as_ref().is_some_and(ForeignPackage::is_loaded) && target.by_package != Some(false) {
        // Hooks of both would run.
        settings.unwanted = std::mem::take(&mut settings.entries);
    }
    ClientSettings {
        foreign,
        to_confirm: vec![
            "Gemini CLI starts no server in a folder that you have not trusted: choose \"Trust folder\" when it asks.",
        ],
        overrides,
        ..ClientSettings::of(folder, vec![settings]).with_skills(&skills, target)
    }
    .for_transport(target)
}

/// The junction's extension, if a person has installed it by Gemini CLI's own command, in these folders.
fn extension(folder: &Path, home: &Path) -> Option<ForeignPackage> {
    let json = FileFormat::Json(JsonDialect::default());
    let extensions = folder.join("extensions");
    let copy = extensions.join(SERVER);
    let origin = copy.join(".gemini-extension-install.json");
    let origin = SettingsLookup::read(&origin, json);
    let is_link = origin.text(&["type"]).as_deref() == Some("link");
    let linked = origin.text(&["source"]).filter(|_| is_link).map(PathBuf::from);
    let manifest = linked.unwrap_or(copy).join("gemini-extension.json");
    let manifest = SettingsLookup::read(&manifest, json);
    if !manifest.has(&["mcpServers", SERVER]) {
        return None;
    }
    let enablement = extensions.join("extension-enablement.json");
    let rules = SettingsLookup::read(&enablement, json).texts(&[SERVER, "overrides"]);
    // The last rule that is about a folder counts.
    let of_home = rules.unwrap_or_default().into_iter().rev().find(|rule| {
        let rule = rule.trim_start_matches('!');
        home.starts_with(rule.strip_suffix('*').unwrap_or(rule))
    });
    let is_off = of_home.is_some_and(|rule| rule.starts_with('!'));
    let fix = "Answer there that you allow all its tools; or, to be asked nothing, run gemini extensions uninstall \
               junction, then junction-bridge setup gemini.";
    Some(ForeignPackage {
        kind: "extension",
        switched_off: is_off.then_some("gemini extensions enable junction"),
        version: manifest.text(&["version"]),
        update: "Run gemini extensions update junction.",
        lacks: Some(SettingOverride {
            of: OverriddenPart::Rule,
            says: "Gemini CLI asks you in each session before it calls a tool of the junction, because an extension \
                   cannot allow its own tools."
                .to_owned(),
            fix: fix.to_owned(),
        }),
        removal: "run gemini extensions uninstall junction".to_owned(),
        better: Some(
            "With settings in its place, Gemini CLI would not ask you in each session: for that, run gemini extensions \
             uninstall junction, then this again.",
        ),
    })
}

/// What a person may have set otherwise.
fn overrides(target: &SetupTarget) -> Vec<SettingOverride> {
    let settings = settings(target);
    let file = &settings.files[0];
    let found = SettingsLookup::read(&file.path, file.format);
    let lists = |name: &str, what: &str| {
        found.texts(&[name, what]).map(|names| names.iter().any(|name| name == SERVER))
    };
    let mut all = Vec::new();
    if lists("mcp", "excluded") == Some(true) {
        all.push(switched_off(NAME, &found, "junction under mcp.excluded"));
    }
    if lists("mcp", "allowed") == Some(false) {
        all.push(switched_off(NAME, &found, "mcp.allowed without junction"));
    }
    let switches_path = settings.folder.join(SWITCHES);
    let switches = SettingsLookup::read(&switches_path, FileFormat::Json(JsonDialect::default()));
    if switches.flag(&[SERVER, "enabled"]) == Some(false) {
        all.push(SettingOverride {
            fix: "Run gemini mcp enable junction.".to_owned(),
            ..switched_off(NAME, &switches, "it switched off")
        });
    }
    if found.flag(&["mcpServers", SERVER, "trust"]) == Some(false) {
        all.push(asking(NAME, &found, "\"trust\": false for junction"));
    }
    all.extend(limited_tools(
        NAME,
        &found,
        &["mcpServers", SERVER],
        ("includeTools", "excludeTools"),
    ));
    if found.flag(&["hooksConfig", "enabled"]) == Some(false) {
        all.push(without_hooks(NAME, &found, "hooksConfig.enabled = false"));
    } else if lists("hooksConfig", "disabled") == Some(true) {
        all.push(without_hooks(NAME, &found, "junction under hooksConfig.disabled"));
    }
    all
}

fn hook_event(name: &str, input: &Value) -> Option<HookEventKind> {
    Some(match name {
        "SessionStart" => HookEventKind::of_session_start(input),
        "BeforeAgent" => HookEventKind::of_prompt(input, &[]),
        "BeforeTool" => HookEventKind::Busy,
        "AfterTool" => HookEventKind::Used,
        "Notification" if input["notification_type"] == "ToolPermission" => {
            HookEventKind::AwaitsHuman
        }
        "AfterAgent" => HookEventKind::of_stop(input),
        "SessionEnd" => HookEventKind::Ended,
        _ => return None,
    })
}
