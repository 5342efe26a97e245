//! What is set up of a client, at a glance.

use std::path::{Path, PathBuf};

use super::apply::{holds_twice, inspect};
use super::entry::{EntryState, PlannedEntry};
use super::package::ClientPackage;
use super::plan::ClientSettings;
use super::problem::FileProblem;
use super::program::{is_executable, on_path};

/// What a client's settings hold of the junction.
#[derive(Debug)]
pub(crate) struct SettingsReport {
    /// The server.
    pub(crate) server: ServerState,
    /// The hooks.
    pub(crate) hooks: HooksState,
    /// The first program that a hook calls and that cannot be run.
    pub(crate) dead_hook: Option<String>,
    /// Whether the junction's tools ask nobody; `None` where the client has no such rule.
    pub(crate) has_rule: Option<bool>,
    /// Whether the plugin is there that does what hooks do elsewhere; `None` where the client has none.
    pub(crate) has_plugin: Option<bool>,
    /// Whether a plugin that the client has installed brings all but the rule.
    pub(crate) by_plugin: bool,
    /// The client's word for such a package.
    pub(crate) kind: &'static str,
    /// The first file with a server or hooks beside those that the plugin brings, or with two copies of the plugin.
    pub(crate) twice: Option<PathBuf>,
    /// Why files cannot be read.
    pub(crate) problems: Vec<FileProblem>,
}

/// What is under the server's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerState {
    /// Nothing.
    Absent,
    /// The bridge.
    Present {
        /// What the client runs.
        command: String,
        /// Whether that program can be run.
        program: ProgramState,
    },
    /// An agent at a gateway, which is asked over HTTP at this address. The address is a secret.
    Http {
        /// The address.
        address: String,
    },
    /// Another server.
    Other,
}

/// Whether a program that settings name can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramState {
    /// No file is there.
    Gone,
    /// A file is there that may not be executed.
    NotExecutable,
    /// The program is there.
    Runs,
}

/// Which hooks are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HooksState {
    /// The client has none that serve the bridge.
    Unknown,
    /// None.
    Absent,
    /// The hooks of some events.
    Some,
    /// All but those around edits, which an older setup did not know.
    WithoutEdits,
    /// All.
    All,
    /// All or some, and the client does not run them until its user trusts them.
    Untrusted,
}

/// Looks what of a client's settings is there. Nothing is changed, and no program is run.
pub(crate) fn report(settings: &ClientSettings) -> SettingsReport {
    let (mut server, mut problems, mut rules) = (ServerState::Absent, Vec::new(), Vec::new());
    let (mut present, mut hooks, mut dead_hook, mut has_plugin) = (0, 0, None, None);
    let mut lacks_others = false;
    for file in inspect(settings) {
        for (entry, state) in file.entries {
            let is_present = matches!(state, EntryState::Present(_));
            match entry {
                PlannedEntry::Server { .. } => server = server_state(state),
                PlannedEntry::Hook { matcher, .. } => {
                    hooks += 1;
                    present += usize::from(is_present);
                    lacks_others |= !is_present && matcher.is_none();
                    if let EntryState::Present(Some(program)) = state
                        && program_state(&program) != ProgramState::Runs
                    {
                        dead_hook.get_or_insert(program);
                    }
                }
                PlannedEntry::PluginItem { .. } => has_plugin = Some(is_present),
                PlannedEntry::RuleField { .. } | PlannedEntry::RuleItem { .. } => {
                    rules.push(is_present);
                }
            }
        }
        problems.extend(file.problem);
    }
    let is_http = matches!(server, ServerState::Http { .. });
    // Nothing would serve a plugin, or hooks.
    has_plugin = has_plugin.filter(|_| !is_http);
    let hooks = match present {
        0 if is_http => HooksState::Unknown,
        // Those that a plugin brings are in no file of these.
        0 if hooks == 0 && settings.has_untrusted_hooks => HooksState::Untrusted,
        _ if hooks == 0 => HooksState::Unknown,
        0 => HooksState::Absent,
        _ if settings.has_untrusted_hooks => HooksState::Untrusted,
        _ if lacks_others => HooksState::Some,
        _ if present < hooks => HooksState::WithoutEdits,
        _ => HooksState::All,
    };
    let by_foreign = settings.has_foreign() && server == ServerState::Absent;
    // What such a package leaves to be asked, it says itself.
    let has_rule = (!rules.is_empty() && !by_foreign).then(|| rules.iter().all(|is_set| *is_set));
    let by_plugin = by_foreign || settings.package.as_ref().is_some_and(ClientPackage::is_enabled);
    let twice = settings.files.iter().chain(&settings.elsewhere).find(|file| holds_twice(file));
    let twice = twice.map(|file| file.path.clone());
    let kind = settings.foreign.as_ref().map_or("plugin", |foreign| foreign.kind);
    SettingsReport {
        server,
        hooks,
        dead_hook,
        has_rule,
        has_plugin,
        by_plugin,
        kind,
        twice,
        problems,
    }
}

fn server_state(state: EntryState) -> ServerState {
    match state {
        EntryState::Present(command) => {
            let command = command.unwrap_or_default();
            let program = program_state(&command);
            ServerState::Present { command, program }
        }
        EntryState::Address(address) => ServerState::Http { address },
        EntryState::Absent => ServerState::Absent,
        EntryState::Other => ServerState::Other,
    }
}

/// Whether a path, or a name on `PATH`, can be run.
pub(crate) fn program_state(command: &str) -> ProgramState {
    let path = Path::new(command);
    let is_path = command.contains(['/', '\\']);
    match () {
        () if is_path && is_executable(path) => ProgramState::Runs,
        () if is_path && path.exists() => ProgramState::NotExecutable,
        () if !is_path && on_path(command).is_some() => ProgramState::Runs,
        () => ProgramState::Gone,
    }
}

impl SettingsReport {
    /// How much is set up, in a few words.
    pub(crate) fn words(&self) -> String {
        let has_hooks =
            !matches!(self.hooks, HooksState::Absent | HooksState::Some | HooksState::WithoutEdits);
        let has_plugin = self.has_plugin != Some(false);
        let missing = match (has_hooks, has_plugin, self.has_rule != Some(false)) {
            _ if self.dead_hook.is_some() => ", but its hooks call a program that cannot be run",
            _ if self.hooks == HooksState::Untrusted => ", its hooks not trusted yet",
            (false, _, false) => ", but some hooks and the rule are missing",
            (false, _, true) => ", but some hooks are missing",
            (true, false, false) => ", but the plugin and the rule are missing",
            (true, false, true) => ", but the plugin is missing",
            (true, true, false) => ", but the rule is missing",
            (true, true, true) => "",
        };
        match &self.server {
            _ if !self.problems.is_empty() => "a settings file has a mistake".to_owned(),
            _ if self.twice.is_some() && !self.by_plugin => {
                "set up, with two copies of its plugin".to_owned()
            }
            _ if self.twice.is_some() => {
                format!("set up twice, by settings and by its {}", self.kind)
            }
            _ if self.by_plugin => format!("set up by its {}{missing}", self.kind),
            ServerState::Absent => "not set up".to_owned(),
            ServerState::Other => "has another server of that name".to_owned(),
            ServerState::Http { .. } => format!("set up over HTTP{missing}"),
            ServerState::Present { command, program: ProgramState::Gone } => {
                format!("set up, but {command} is gone")
            }
            ServerState::Present { command, program: ProgramState::NotExecutable } => {
                format!("set up, but {command} is not executable")
            }
            ServerState::Present { .. } => format!("set up{missing}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FileFormat, JsonDialect, PlannedFile, SettingValue, hook_command, install};
    use super::*;

    #[test]
    fn report_follows_what_is_there() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("settings.json");
        let bridge = dir.path().join("junction-bridge");
        let program = bridge.to_str().unwrap();
        let hook = SettingValue::fields([("command", SettingValue::text(hook_command(program)))]);
        let entries = vec![
            PlannedEntry::Server {
                path: vec!["mcpServers", "junction"],
                fields: SettingValue::fields([("command", SettingValue::text(program))]),
            },
            PlannedEntry::RuleItem { path: vec!["allow"], item: "mcp__junction" },
            PlannedEntry::Hook { event: "Stop", matcher: None, hook },
        ];
        let format = FileFormat::Json(JsonDialect::default());
        let file = PlannedFile::of(path.clone(), format, entries);
        let settings = |has_untrusted_hooks| ClientSettings {
            has_untrusted_hooks,
            ..ClientSettings::of(dir.path().to_owned(), vec![file.clone()])
        };
        let words = || report(&settings(false)).words();
        assert_eq!(words(), "not set up");
        install(&file).unwrap();
        assert_eq!(words(), format!("set up, but {program} is gone"));
        std::fs::write(&bridge, "").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(words(), format!("set up, but {program} is not executable"));
            std::fs::set_permissions(&bridge, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        assert_eq!(words(), "set up");
        assert_eq!(report(&settings(true)).hooks, HooksState::Untrusted);
        std::fs::write(
            &path,
            format!("{{\"mcpServers\": {{\"junction\": {{\"command\": {program:?}}}}}}}"),
        )
        .unwrap();
        assert_eq!(words(), "set up, but some hooks and the rule are missing");
        std::fs::write(&path, "{\"mcpServers\": {\"junction\": 1}}").unwrap();
        assert_eq!(words(), "has another server of that name");
        std::fs::write(&path, "{").unwrap();
        assert_eq!(words(), "a settings file has a mistake");
        assert_eq!(report(&settings(false)).problems.len(), 1);
    }

    #[test]
    fn older_setup_lacks_the_hooks_around_edits_until_setup_is_run_again() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("settings.json");
        let program = dir.path().join("junction-bridge");
        let command = hook_command(program.to_str().unwrap());
        let hook = SettingValue::fields([("command", SettingValue::text(command))]);
        let entry = |event, matcher| PlannedEntry::Hook { event, matcher, hook: hook.clone() };
        let format = FileFormat::Json(JsonDialect::default());
        let older = PlannedFile::of(path.clone(), format, vec![entry("Stop", None)]);
        let edits = entry("PreToolUse", Some("Edit|Write"));
        let newer = PlannedFile::of(path.clone(), format, vec![entry("Stop", None), edits]);
        let settings = ClientSettings::of(dir.path().to_owned(), vec![newer.clone()]);
        std::fs::write(&path, "{\n  \"theme\": 1,\n  \"hooks\": {}\n}\n").unwrap();
        install(&older).unwrap();
        let before = std::fs::read_to_string(&path).unwrap();
        assert_eq!(report(&settings).hooks, HooksState::WithoutEdits);
        install(&newer).unwrap();
        assert_eq!(report(&settings).hooks, HooksState::All);
        let after = std::fs::read_to_string(&path).unwrap();
        // All that was there is there, in its order.
        let mut rest = after.chars();
        assert!(before.chars().all(|c| rest.any(|other| other == c)), "{after}");
        assert!(after.contains("Edit|Write"), "{after}");
        assert_eq!(install(&newer).unwrap(), super::super::FileChange::Unchanged);
    }
}
