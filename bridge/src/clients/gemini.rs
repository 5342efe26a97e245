//! Gemini CLI.

use serde_json::Value;

use super::hook_event::HookEventKind;
use super::profile::{ClientProfile, ShellVariables};
use super::session_view::ClientSigns;

/// Gemini CLI, as seen with version 0.61.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    hook_event,
    shell: ShellVariables { signs: &["GEMINI_CLI"], session: None },
    hindrance: ClientSigns::hindrance_of_hooks,
    ..ClientProfile::plain("gemini-cli-mcp-client", "Gemini CLI", "gemini")
};

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
