//! The agent clients, and all that differs between them: one file a client, and one line in [`CLIENTS`].
//!
//! A new client is a file beside `claude.rs` with a [`ClientProfile`] named `PROFILE`, and a line in the table. What a
//! profile leaves out is taken from [`ClientProfile::plain`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use junction_shared::machine::settings::{env, env_path};
use junction_shared::protocol::wire::Hindrance;
use serde_json::{Map, Value};

mod antigravity;
mod channel;
mod claude;
pub(crate) mod client_process;
mod codex;
pub(crate) mod edits;
mod gemini;
pub(crate) mod hook_event;
pub(crate) mod hook_reply;
mod opencode;
mod profile;
mod session_id;
mod session_view;
mod settings;

// What settings have, the packages have.
#[cfg(test)]
pub(crate) use claude::{EDITING_HOOK as CLAUDE_EDITING_HOOK, HOOKS as CLAUDE_HOOKS};
#[cfg(test)]
pub(crate) use codex::{ENVIRONMENT as CODEX_ENVIRONMENT, HOOKS as CODEX_HOOKS};
#[cfg(test)]
pub(crate) use gemini::HOOKS as GEMINI_HOOKS;

#[cfg(test)]
pub(crate) use channel::CallSession;
pub(crate) use channel::{CallOrigin, Channel, WakeOutcome, WakingWay};
use edits::FileEdits;
use hook_event::{HookEvent, HookEventKind, NamedHookEvent};
use profile::ClientProfile;
use session_id::MAX_SESSION;
pub(crate) use session_id::{ClientSession, SessionClaim, SessionIds, SessionTracker};
pub(crate) use session_view::{ClientSigns, SessionView};

use crate::packages::PLUGIN_ID;
use crate::setup::{
    ClientSettings, ForeignPackage, InstalledPackage, OverriddenPart, PlannedFile, SettingOverride,
    SetupTarget, command_line,
};

/// All clients that need anything of their own. Their wake channels are tried in this order.
static CLIENTS: [&ClientProfile; 5] = [
    &claude::PROFILE,
    &codex::PROFILE,
    &gemini::PROFILE,
    &opencode::PROFILE,
    &antigravity::PROFILE,
];

/// How long before a client gives a call up the call is answered.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The project's directory, where a client names it in the environment of its servers.
pub(crate) fn project_dir() -> Option<PathBuf> {
    CLIENTS.iter().filter_map(|client| client.project_variable).find_map(env_path)
}

/// How often a client is sent progress for a call that is still running: twice and a bit within the shortest silence
/// after which any client gives a call up.
pub(crate) fn progress_interval() -> Duration {
    let shortest = CLIENTS.iter().filter_map(|client| client.limits.silence).min();
    shortest.unwrap_or(Duration::from_secs(60)) * 5 / 12
}

/// The longest that a call of the client with this name in MCP may wait: so much less than the client's own limit that
/// the answer arrives in time.
pub(crate) fn longest_wait(mcp_name: &str) -> Option<Duration> {
    let client = CLIENTS.iter().find(|client| client.mcp_name == mcp_name)?;
    Some(client.limits.call?.saturating_sub(ANSWER_TIME))
}

/// Whether a program or process of this name is a client.
fn is_client_program(name: &str) -> bool {
    CLIENTS.iter().any(|client| client.program == name)
}

/// Whether a program of this name is a client whose process runs one session.
fn runs_one_session(name: &str) -> bool {
    [&claude::PROFILE, &gemini::PROFILE].iter().any(|client| client.program == name)
}

/// Whether the client that has this name in MCP is one of those described here.
pub(crate) fn is_known(mcp_name: &str) -> bool {
    named(mcp_name).is_some()
}

/// The name by which people know the client that has this name in MCP.
pub(crate) fn display_name(mcp_name: &str) -> &str {
    named(mcp_name).map_or(mcp_name, |client| client.name)
}

/// What the client that has this name in MCP shows of its session.
pub(crate) fn session_view(mcp_name: &str) -> Option<Arc<dyn SessionView>> {
    (named(mcp_name)?.session)()
}

/// Where the client that has this name in MCP tells which session a bridge serves.
pub(crate) fn session_ids(mcp_name: &str) -> Option<&'static SessionIds> {
    named(mcp_name)?.session_ids.as_ref()
}

/// Why an agent of the client that has this name in MCP cannot be woken, where no channel can.
pub(crate) fn hindrance(mcp_name: &str, signs: ClientSigns) -> Hindrance {
    named(mcp_name).map_or(Hindrance::NoWay, |client| (client.hindrance)(signs))
}

/// A client whose settings can be set up.
#[derive(Clone, Copy)]
pub(crate) struct SettableClient {
    /// The name of its program, by which people choose it.
    pub(crate) program: &'static str,
    /// The name by which people know it.
    pub(crate) name: &'static str,
    /// The client's settings files, and what belongs in them.
    pub(crate) settings: fn(&SetupTarget) -> ClientSettings,
}

/// The clients whose settings can be set up.
pub(crate) fn settable() -> impl Iterator<Item = SettableClient> {
    CLIENTS.iter().filter_map(|client| {
        let ClientProfile { program, name, settings, .. } = client;
        settings.map(|settings| SettableClient { program, name, settings })
    })
}

/// A package that brings the server in a project, whose settings may have it, too.
pub(crate) struct PackageBeside {
    /// The client's word for such a package, and its name.
    pub(crate) name: String,
    /// How to take the package out, after "To take it out, ".
    removal: String,
}

impl SettableClient {
    /// A plugin that the client is told to load from where it is not.
    pub(crate) fn unloadable_plugin(&self, target: &SetupTarget) -> Option<SettingOverride> {
        let package = (self.settings)(target).package?;
        let missing = package.missing()?.display();
        let Self { name, program, .. } = self;
        let setup = format!("junction-bridge setup {program}");
        let commands = package.commands?;
        let fix = if package.is_from_elsewhere() {
            format!(
                "Put it back there, or run {} and {}, then {setup}.",
                command_line(program, commands.uninstall),
                command_line(program, commands.remove_marketplace)
            )
        } else {
            format!("Run {setup}: it puts the plugin there again.")
        };
        let says = format!("{name} cannot load the junction's plugin: {missing} is not there.");
        Some(SettingOverride { of: OverriddenPart::Server, says, fix })
    }

    /// A package that brings the server in this directory in place of the user's own settings, and how to take it out.
    pub(crate) fn package_here(&self, own: &SetupTarget) -> Option<PackageBeside> {
        let settings = (self.settings)(own);
        if let Some(ForeignPackage { kind, removal, .. }) =
            settings.foreign.as_ref().filter(|foreign| foreign.is_loaded())
        {
            let is_alone = !settings.files.iter().any(PlannedFile::has_server);
            let (name, removal) = ((*kind).to_owned(), removal.clone());
            return is_alone.then_some(PackageBeside { name, removal });
        }
        let package = settings.package?;
        let uninstall = package.commands?.uninstall;
        package.installed.filter(InstalledPackage::is_loaded_here)?;
        let removal = format!("run {}", command_line(self.program, uninstall));
        Some(PackageBeside { name: format!("plugin {PLUGIN_ID}"), removal })
    }

    /// Says that the client loads a package in this directory, beside the server of the project's settings.
    pub(crate) fn twice_in_project(&self, beside: &PackageBeside) -> SettingOverride {
        let (Self { name, program, .. }, PackageBeside { name: package, removal }) = (self, beside);
        SettingOverride {
            of: OverriddenPart::Server,
            says: format!(
                "{name} has the junction twice in this project, from its {package} and from the project's settings, so \
                 that a session here may have two bridges."
            ),
            fix: format!("Run junction-bridge setup --remove --project {program}, or {removal}."),
        }
    }
}

fn named(mcp_name: &str) -> Option<&'static ClientProfile> {
    CLIENTS.into_iter().find(|client| client.mcp_name == mcp_name)
}

/// The name by which a plugin's programs and its bridge know each other, from the environment.
pub(crate) fn plugin_name() -> Option<String> {
    env(opencode::PLUGIN_NAME)
}

/// The event in a hook's input; `None` if the input is not an event. No prompt's text is kept, and of a tool's call only
/// the paths of the files that it edits.
pub(crate) fn hook_event(input: &Value) -> Option<NamedHookEvent> {
    let text = |field: &str| input[field].as_str();
    let name = text("hook_event_name")?.to_owned();
    let session = text("session_id").filter(|id| !id.is_empty() && id.len() <= MAX_SESSION);
    // Only subagents have such an id.
    let subagent = text("agent_id").is_some_and(|id| !id.is_empty());
    let kind = CLIENTS.iter().find_map(|client| (client.hook_event)(&name, input));
    let kind = kind.unwrap_or(HookEventKind::Other);
    let edits = FileEdits::in_hook(&name, input);
    Some(NamedHookEvent {
        name,
        event: HookEvent {
            kind,
            session: session.map(str::to_owned),
            subagent,
            source: kind.source(input),
            own_id: None,
            edits,
        },
    })
}

/// The variable that says that a client's agent runs this command, and the client's name.
pub(crate) fn shell_sign() -> Option<(&'static str, &'static str)> {
    let signs = CLIENTS
        .iter()
        .flat_map(|client| client.shell.signs.iter().map(|sign| (*sign, client.name)));
    let mut signs = signs.filter(|(sign, _)| env(sign).is_some());
    signs.next()
}

/// The id of the session that runs this command, where its client tells it.
pub(crate) fn shell_session() -> Option<String> {
    let id = CLIENTS.iter().filter_map(|client| client.shell.session).find_map(env);
    id.filter(|id| id.len() <= MAX_SESSION)
}

/// The exit status by which a rewake hook asks its client to wake the agent; `None` where the client would wait for
/// the hook before it ends.
pub(crate) fn rewake_status() -> Option<u8> {
    let supports = || CLIENTS.iter().filter_map(|client| client.rewake.as_ref());
    let status = supports().map(|support| support.exit_status).next();
    status.filter(|_| supports().all(|support| (support.is_interactive)()))
}

/// The wake channels of the clients, as far as this process's environment shows that they may exist.
pub(crate) fn channels() -> Vec<Arc<dyn Channel>> {
    CLIENTS.iter().filter_map(|client| (client.channel)()).collect()
}

/// The thread and turn that a tool call belongs to, where the client says so in the call's `_meta`.
pub(crate) fn call_origin(meta: &Map<String, Value>) -> Option<CallOrigin> {
    CLIENTS.iter().find_map(|client| (client.call_origin)(meta))
}

/// The `_meta` of a tool's definition: whether it should always be in the model's context, and the most characters of
/// a result that should be shown whole.
pub(crate) fn tool_meta(always_load: bool, max_result: Option<u32>) -> Map<String, Value> {
    let entries = CLIENTS.iter().map(|client| (client.tool_meta)(always_load, max_result));
    entries.flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_client_has_names_of_its_own() {
        for (at, client) in CLIENTS.iter().enumerate() {
            assert!(!client.mcp_name.is_empty() && !client.program.is_empty());
            for other in &CLIENTS[at + 1..] {
                assert_ne!(client.mcp_name, other.mcp_name);
                assert_ne!(client.program, other.program);
            }
            assert!(is_client_program(client.program));
        }
        assert!(!is_client_program("bash"));
    }

    #[test]
    fn regression_clients_are_known_by_their_proper_names() {
        for (mcp_name, name) in [
            ("claude-code", "Claude Code"),
            ("codex-mcp-client", "Codex"),
            ("gemini-cli-mcp-client", "Gemini CLI"),
            ("opencode", "opencode"),
            ("my-client", "my-client"),
        ] {
            assert_eq!(display_name(mcp_name), name);
        }
    }

    #[test]
    fn every_client_takes_unknown_input_as_nothing() {
        for client in CLIENTS {
            assert_eq!((client.hook_event)("SomethingNew", &json!({})), None);
            assert_eq!((client.call_origin)(&Map::new()), None);
            assert!((client.tool_meta)(false, None).is_empty());
        }
    }

    #[test]
    fn progress_is_sent_twice_before_any_client_gives_up() {
        for limit in CLIENTS.iter().filter_map(|client| client.limits.silence) {
            assert!(2 * progress_interval() < limit);
        }
        assert_eq!(progress_interval(), Duration::from_secs(25));
    }

    #[test]
    fn calls_end_before_their_client_gives_them_up() {
        assert_eq!(longest_wait("codex-mcp-client"), Some(Duration::from_secs(290)));
        assert_eq!(longest_wait("claude-code"), None);
        assert_eq!(longest_wait("something-new"), None);
    }

    #[test]
    fn events_are_known_by_the_names_of_every_client() {
        for (name, kind) in [
            ("SessionStart", HookEventKind::Began),
            ("UserPromptSubmit", HookEventKind::Prompted),
            ("BeforeAgent", HookEventKind::Prompted),
            ("PreToolUse", HookEventKind::Busy),
            ("BeforeTool", HookEventKind::Busy),
            ("PostToolUse", HookEventKind::Used),
            ("PostToolBatch", HookEventKind::Used),
            ("AfterTool", HookEventKind::Used),
            ("PermissionRequest", HookEventKind::AwaitsHuman),
            ("Stop", HookEventKind::Stops),
            ("AfterAgent", HookEventKind::Stops),
            ("StopFailure", HookEventKind::Failed),
            ("SessionEnd", HookEventKind::Ended),
            ("SubagentStop", HookEventKind::Other),
            ("SomethingNew", HookEventKind::Other),
        ] {
            assert_eq!(kind_of(&json!({ "hook_event_name": name })), kind, "{name}");
        }
    }

    #[test]
    fn notification_of_any_client_is_read_by_its_type() {
        let notification = |kind: &str| {
            kind_of(&json!({ "hook_event_name": "Notification", "notification_type": kind }))
        };
        assert_eq!(notification("permission_prompt"), HookEventKind::AwaitsHuman);
        assert_eq!(notification("ToolPermission"), HookEventKind::AwaitsHuman);
        assert_eq!(notification("idle_prompt"), HookEventKind::Idle);
        assert_eq!(notification("auth_success"), HookEventKind::Other);
    }

    #[test]
    fn session_and_subagent_are_read() {
        let input =
            json!({ "hook_event_name": "PostToolUse", "session_id": "s", "agent_id": "a1" });
        let event = hook_event(&input).unwrap().event;
        assert_eq!((event.session.as_deref(), event.subagent), (Some("s"), true));
        let long = json!({ "hook_event_name": "Stop", "session_id": "x".repeat(129) });
        assert_eq!(hook_event(&long).unwrap().event.session, None);
    }

    #[test]
    fn input_that_is_not_an_event_is_nothing() {
        for input in [json!(null), json!([]), json!({}), json!({ "hook_event_name": 7 })] {
            assert_eq!(hook_event(&input), None);
        }
    }

    fn kind_of(input: &Value) -> HookEventKind {
        hook_event(input).unwrap().event.kind
    }

    proptest::proptest! {
        #[test]
        fn nothing_about_the_work_is_kept(secret in "[a-z]{12,40}") {
            for name in ["UserPromptSubmit", "PostToolUse", "Stop", "Notification"] {
                let input = json!({
                    "hook_event_name": name, "session_id": "s", "prompt": secret, "cwd": secret,
                    "tool_name": secret, "tool_input": { "x": secret }, "tool_response": secret,
                    "message": secret, "last_assistant_message": secret, "transcript_path": secret,
                });
                let event = hook_event(&input).unwrap().event;
                let kept = serde_json::to_string(&event).unwrap();
                proptest::prop_assert!(!kept.contains(&secret));
            }
        }
    }
}
