//! Gemini CLI.

use junction_shared::machine::settings::env_path;
use serde_json::Value;

use super::hook_event::HookEventKind;
use super::profile::{ClientProfile, ShellVariables};
use super::session_view::ClientSigns;
use super::settings::{command_hooks, stdio_server};
use crate::setup::{
    ClientSettings, FileFormat, JsonDialect, NO_WAKING, PlannedEntry, PlannedFile, SERVER,
    SettingValue, SetupTarget,
};

/// Gemini CLI, as seen with version 0.61.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    hook_event,
    shell: ShellVariables { signs: &["GEMINI_CLI"], session: None },
    hindrance: ClientSigns::hindrance_of_hooks,
    settings: Some(settings),
    ..ClientProfile::plain("gemini-cli-mcp-client", "Gemini CLI", "gemini")
};

/// The events that hooks are set for.
const HOOKS: [&str; 5] = ["SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "Notification"];

fn settings(target: &SetupTarget) -> ClientSettings {
    let home = env_path("GEMINI_CLI_HOME").unwrap_or_else(|| target.home.clone());
    let folder = home.join(".gemini");
    let place = target.project.as_ref().map_or(folder.clone(), |project| project.join(".gemini"));
    // With this, the server's tools ask nobody.
    let rule = PlannedEntry::RuleField {
        path: vec!["mcpServers", SERVER, "trust"],
        value: SettingValue::True,
    };
    // Its servers get the whole environment but what looks like a secret, so nothing needs to be passed on.
    let server = vec![stdio_server(&target.program, false), rule];
    let hooks = command_hooks(&HOOKS, &target.program, Some(SERVER));
    let settings = PlannedFile {
        path: place.join("settings.json"),
        format: FileFormat::Json(JsonDialect { comments: true, trailing_commas: false }),
        is_shared: target.project.is_some(),
        entries: [server, hooks].concat(),
    };
    ClientSettings {
        folder,
        files: vec![settings],
        elsewhere: Vec::new(),
        to_confirm: vec![
            "Gemini CLI starts no server in a folder that you have not trusted: choose \"Trust folder\" when it asks.",
        ],
        hook_review: None,
        has_untrusted_hooks: false,
        waking: NO_WAKING,
    }
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
