//! Claude Code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use junction_shared::machine::settings::{env, env_path};
use serde_json::{Map, Value, json};

use super::channel::Channel;
use super::hook_event::HookEventKind;
use super::profile::{ClientProfile, RewakeSupport, ShellVariables};
use super::session_id::{HookIds, SessionIds};
use super::session_view::{ClientSigns, SessionView};
use super::settings::{command_hooks, server, without_hooks};
use crate::setup::{
    ClientSettings, FileFormat, JsonDialect, OverriddenPart, PlannedEntry, PlannedFile,
    ProgramState, SERVER, SettingOverride, SettingsLookup, SetupTarget, is_bridge, program_state,
};

#[cfg(unix)]
mod inbox_socket;
mod plugin;
mod session_file;

/// Claude Code, as seen with version 2.1.330.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    project_variable: Some("CLAUDE_PROJECT_DIR"),
    hook_event,
    rewake: Some(RewakeSupport { exit_status: 2, is_interactive }),
    channel,
    session,
    hindrance: ClientSigns::hindrance_of_hooks,
    tool_meta,
    shell: ShellVariables { signs: &["CLAUDECODE"], session: Some(SESSION_ID) },
    session_ids: Some(SessionIds {
        word: "claude-code",
        variable: Some(SESSION_ID),
        hooks: HookIds::Followed,
        in_calls: false,
    }),
    settings: Some(settings),
    ..ClientProfile::plain("claude-code", NAME, "claude")
};

/// The variable with the id that the session had as its server, or a command of its agent, was started.
const SESSION_ID: &str = "CLAUDE_CODE_SESSION_ID";
/// Beginnings of prompts that no person typed: for background tasks that ended, and for messages of other sessions.
const UNTYPED: [&str; 2] = ["<task-notification>", "<cross-session-message"];
/// Tools by which the agent asks its user something.
const ASKING_TOOLS: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];
/// The environment variable that tells how Claude Code was started, and its value in an interactive session. A run
/// that ends with its first answer waits for hooks of every kind.
const ENTRYPOINT: &str = "CLAUDE_CODE_ENTRYPOINT";
const INTERACTIVE: &str = "cli";

/// The events that hooks are set for: those that announce mail, and those that show what the agent does.
pub(crate) const HOOKS: [&str; 8] = [
    "SessionStart",
    "UserPromptSubmit",
    "PostToolUse",
    "PermissionRequest",
    "Notification",
    "Stop",
    "StopFailure",
    "SessionEnd",
];
/// The event before a call of a tool, and the tools at which a hook is set for it: those that edit files. Hooks of the
/// other events are told of every tool.
pub(crate) const EDITING_HOOK: (&str, &str) = ("PreToolUse", "Edit|MultiEdit|Write|NotebookEdit");
/// The name by which people know the client.
const NAME: &str = "Claude Code";
/// The format of its files.
const JSON: FileFormat = FileFormat::Json(JsonDialect { comments: false, trailing_commas: false });
/// The rule that allows all tools of the server named junction.
const RULE: &str = "mcp__junction";

fn settings(target: &SetupTarget) -> ClientSettings {
    let moved = env_path("CLAUDE_CONFIG_DIR");
    let folder = moved.clone().unwrap_or_else(|| target.home.join(".claude"));
    let (mut servers, settings, to_confirm) = match &target.project {
        Some(project) => {
            let confirm = "Claude Code asks in each copy of the project whether to use the server in .mcp.json.";
            (vec![project.join(".mcp.json")], project.join(".claude/settings.json"), vec![confirm])
        }
        None => {
            let servers = servers_files(&folder, moved.as_deref().unwrap_or(&target.home));
            (servers, folder.join("settings.json"), Vec::new())
        }
    };
    let skills = folder.join("skills");
    let here = project_here(target);
    let package = target.packages.clone().map(|store| plugin::package(&folder, &here, store));
    let by_package = package.as_ref().is_some_and(|package| package.is_chosen(target.by_package));
    let rule = |item| PlannedEntry::RuleItem { path: vec!["permissions", "allow"], item };
    let hooks =
        [command_hooks(&HOOKS, &target.program, None), editing_hooks(&target.program)].concat();
    let file = |path, entries| PlannedFile {
        is_shared: target.project.is_some(),
        residue: &plugin::RESIDUE,
        ..PlannedFile::of(path, JSON, entries)
    };
    let with_server = |path| file(path, vec![server(target, true, "url")]);
    let by_plugin = file(settings.clone(), vec![rule(plugin::RULE)]);
    let earlier = by_plugin.entries.clone();
    let by_settings = PlannedFile { earlier, ..file(settings, [vec![rule(RULE)], hooks].concat()) };
    let mut with_servers = servers.drain(..).map(with_server);
    if by_package {
        let unwanted =
            |file: PlannedFile| PlannedFile { unwanted: file.entries, entries: Vec::new(), ..file };
        let rules = PlannedFile { unwanted: by_settings.entries, ..by_plugin };
        let files = with_servers.map(unwanted).chain([rules]).collect();
        let waking = "a message wakes an idle agent by its plugin's mod";
        return ClientSettings {
            overrides,
            waking,
            package,
            ..ClientSettings::of(folder, files).with_skills(&skills, target)
        };
    }
    let mut files: Vec<_> = with_servers.next().into_iter().collect();
    files.push(by_settings);
    let earlier = package.is_some().then_some(by_plugin);
    ClientSettings {
        elsewhere: with_servers.chain(earlier).collect(),
        to_confirm,
        overrides,
        waking: "a message wakes an idle agent by its session's inbox",
        package,
        ..ClientSettings::of(folder, files).with_skills(&skills, target)
    }
    .for_transport(target)
}

/// The hook before edits.
fn editing_hooks(program: &str) -> Vec<PlannedEntry> {
    let (event, tools) = EDITING_HOOK;
    let mut hooks = command_hooks(&[event], program, None);
    for hook in &mut hooks {
        if let PlannedEntry::Hook { matcher, .. } = hook {
            *matcher = Some(tools);
        }
    }
    hooks
}

/// What a person may have set otherwise: for all projects, for this one, and for this one in the copy that is theirs.
fn overrides(target: &SetupTarget) -> Vec<SettingOverride> {
    let moved = env_path("CLAUDE_CONFIG_DIR");
    let folder = moved.clone().unwrap_or_else(|| target.home.join(".claude"));
    let here = project_here(target);
    let mut paths = vec![folder.join("settings.json")];
    for name in ["settings.json", "settings.local.json"] {
        paths.extend(here.iter().map(|here| here.join(".claude").join(name)));
    }
    let files: Vec<_> = paths.iter().map(|path| SettingsLookup::read(path, JSON)).collect();
    let mut found = Vec::new();
    // The most particular file that has it decides.
    let hooks = files.iter().rev().find(|file| file.flag(&["disableAllHooks"]).is_some());
    if let Some(file) = hooks.filter(|file| file.flag(&["disableAllHooks"]) == Some(true)) {
        found.push(without_hooks(NAME, file, "\"disableAllHooks\": true"));
    }
    for (list, of, does) in [
        ("deny", OverriddenPart::Server, "refuses"),
        ("ask", OverriddenPart::Rule, "asks you before it calls"),
    ] {
        for file in &files {
            let rules = file.texts(&["permissions", list]).unwrap_or_default();
            found.extend(rules.iter().filter(|rule| is_about_us(rule)).map(|rule| SettingOverride {
                of,
                says: format!(
                    "{NAME} {does} tools of the junction, because permissions.{list} in {} has {rule}.",
                    file.place()
                ),
                fix: "Take that out there.".to_owned(),
            }));
        }
    }
    let servers = servers_files(&folder, moved.as_deref().unwrap_or(&target.home)).remove(0);
    let servers = SettingsLookup::read(&servers, JSON);
    for here in here.iter().filter_map(|here| here.to_str()) {
        found.extend(local_server(&servers, here));
    }
    if target.project.is_none() {
        found.extend(plugin::overrides(NAME, &folder, &here, &servers));
    }
    found
}

/// Whether a rule of permissions is about the server or any of its tools.
fn is_about_us(rule: &str) -> bool {
    let is_whole = |rest: &str| rest.is_empty() || rest.starts_with("__") || rest.starts_with('(');
    [RULE, plugin::RULE].iter().any(|ours| rule.strip_prefix(ours).is_some_and(is_whole))
}

/// The directories of this project, by which Claude Code may know it: this one, and the repository that it is in.
fn project_here(target: &SetupTarget) -> Vec<PathBuf> {
    let Ok(here) = std::env::current_dir() else { return Vec::new() };
    let repository = here.ancestors().find(|folder| folder.join(".git").exists());
    let mut folders: Vec<_> = repository.map(Path::to_owned).into_iter().collect();
    folders.push(here);
    folders.dedup();
    folders.retain(|folder| *folder != target.home);
    folders
}

/// What a person has set in Claude Code itself for the project in this folder.
fn local_server(servers: &SettingsLookup<'_>, folder: &str) -> Option<SettingOverride> {
    let off = servers.texts(&["projects", folder, "disabledMcpServers"]).unwrap_or_default();
    if off.iter().any(|name| name == SERVER) {
        return Some(SettingOverride {
            of: OverriddenPart::Server,
            says: format!(
                "{NAME} does not start the bridge in {folder}, because you switched it off there."
            ),
            fix: "Open /mcp in a session there, and enable junction.".to_owned(),
        });
    }
    let local = ["projects", folder, "mcpServers", SERVER];
    let command = servers.text(&[&local[..], &["command"]].concat());
    let works = command
        .as_deref()
        .is_some_and(|command| is_bridge(command) && program_state(command) == ProgramState::Runs);
    (servers.has(&local) && !works).then(|| SettingOverride {
        of: OverriddenPart::Server,
        says: format!(
            "{NAME} starts {} in {folder}, in place of the bridge that is set up for all projects.",
            command.unwrap_or_else(|| "another server".to_owned())
        ),
        fix: "There, run claude mcp remove --scope local junction.".to_owned(),
    })
}

/// Where the servers of all projects may be, the file that is used first: where the oldest has anything, that.
fn servers_files(folder: &Path, home: &Path) -> Vec<PathBuf> {
    let oldest = folder.join(".config.json");
    let is_used = std::fs::metadata(&oldest).is_ok_and(|file| file.is_file() && file.len() > 0);
    let usual = home.join(".claude.json");
    if is_used { vec![oldest, usual] } else { vec![usual, oldest] }
}

fn is_interactive() -> bool {
    env(ENTRYPOINT).is_none_or(|entrypoint| entrypoint == INTERACTIVE)
}

#[cfg(unix)]
fn channel() -> Option<Arc<dyn Channel>> {
    Some(Arc::new(inbox_socket::InboxSocket::from_env()?))
}

#[cfg(not(unix))]
fn channel() -> Option<Arc<dyn Channel>> {
    None
}

fn session() -> Option<Arc<dyn SessionView>> {
    Some(Arc::new(session_file::SessionFile::of_own_client()?))
}

/// Keeps a tool out of the tool search, and sets the length of results above which Claude Code writes them to a file.
fn tool_meta(always_load: bool, max_result: Option<u32>) -> Map<String, Value> {
    let mut meta = Map::new();
    if always_load {
        meta.insert("anthropic/alwaysLoad".to_owned(), json!(true));
    }
    if let Some(characters) = max_result {
        meta.insert("anthropic/maxResultSizeChars".to_owned(), json!(characters));
    }
    meta
}

fn hook_event(name: &str, input: &Value) -> Option<HookEventKind> {
    Some(match name {
        "SessionStart" => HookEventKind::of_session_start(input),
        "UserPromptSubmit" => HookEventKind::of_prompt(input, &UNTYPED),
        "PreToolUse" if asks_user(input) => HookEventKind::AwaitsHuman,
        "PreToolUse" | "PermissionDenied" | "PostToolUseFailure" | "ElicitationResult" => {
            HookEventKind::Busy
        }
        "PostToolUse" | "PostToolBatch" => HookEventKind::Used,
        "PermissionRequest" | "Elicitation" => HookEventKind::AwaitsHuman,
        "Notification" => match input["notification_type"].as_str()? {
            "idle_prompt" => HookEventKind::Idle,
            "permission_prompt"
            | "worker_permission_prompt"
            | "agent_needs_input"
            | "elicitation_dialog"
            | "elicitation_url_dialog" => HookEventKind::AwaitsHuman,
            _ => return None,
        },
        "Stop" => HookEventKind::of_stop(input),
        "StopFailure" => HookEventKind::Failed,
        "Interrupt" => HookEventKind::Idle,
        "SessionEnd" => HookEventKind::Ended,
        _ => return None,
    })
}

fn asks_user(input: &Value) -> bool {
    input["tool_name"].as_str().is_some_and(|tool| ASKING_TOOLS.contains(&tool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_of_the_client_itself_are_not_typed() {
        for prompt in [
            "<task-notification>\n<task-id>k7</task-id>",
            "<cross-session-message from=\"uds:/x\">",
        ] {
            let kind = hook_event("UserPromptSubmit", &json!({ "prompt": prompt }));
            assert_eq!(kind, Some(HookEventKind::Woken), "{prompt}");
        }
    }

    #[test]
    fn questions_to_the_user_are_known() {
        let kind = |tool: &str| hook_event("PreToolUse", &json!({ "tool_name": tool }));
        assert_eq!(kind("AskUserQuestion"), Some(HookEventKind::AwaitsHuman));
        assert_eq!(kind("Bash"), Some(HookEventKind::Busy));
    }
}
