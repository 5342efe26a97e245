//! Codex. Its hooks have the events of Claude Code.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::machine::settings::{env, env_path};
use junction_shared::protocol::wire::{Hindrance, Reach};
use serde_json::{Map, Value};
use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

use super::channel::{CallOrigin, Channel, WakingWay};
use super::profile::{ClientProfile, ShellVariables};
use super::session_view::ClientSigns;
use super::settings::{asking, limited_tools, switched_off, without_hooks};
use crate::process::tree::{ProcessTree, program};
use crate::setup::{
    BRIDGE, ClientSettings, FileFormat, HOOK_TOOL, JsonDialect, OverriddenPart, PlannedEntry,
    PlannedFile, SERVER, SettingOverride, SettingValue, SettingsLookup, SetupTarget, has_hooks,
    has_untrusted, holds,
};
use crate::timestamp::date;

mod windows;

/// Codex, as seen with version 0.169.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    channel: || Some(Arc::new(CodexQueue::default())),
    call_origin,
    hindrance,
    call_limit: Some(Duration::from_secs(300)),
    shell: ShellVariables {
        signs: &["CODEX_THREAD_ID", "CODEX_CI"],
        session: Some("CODEX_THREAD_ID"),
    },
    settings: Some(settings),
    ..ClientProfile::plain("codex-mcp-client", NAME, PROGRAM)
};

/// The key in a call's `_meta` under which Codex describes the turn.
const TURN_META: &str = "x-codex-turn-metadata";
/// How long `codex queue` may take. It took 50 ms when measured.
const QUEUE_TIME: Duration = Duration::from_secs(5);
/// The name by which people know the client, and the file with most of its settings.
const NAME: &str = "Codex";
const CONFIG: &str = "config.toml";
/// The program, and the folder with its sessions unless `CODEX_HOME` names another.
const PROGRAM: &str = "codex";
const HOME: &str = ".codex";
/// How often it is looked whether anybody can see the session. A session that nobody sees and nothing wakes ends after a
/// minute.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The most files of one day's folder that are read.
const MAX_FILES: usize = 10_000;

/// The events that hooks are set for, and what each names of its input beyond the event and the session. Codex silently
/// skips a hook that names what its event does not have.
const HOOKS: [(&str, Option<&str>); 4] = [
    ("SessionStart", None),
    ("UserPromptSubmit", Some("prompt")),
    ("PostToolUse", None),
    ("Stop", Some("stop_hook_active")),
];
/// What Codex passes on to the bridge, where it is set. Otherwise it gives its servers almost no environment.
const ENVIRONMENT: [&str; 15] = [
    "CODEX_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "JUNCTION_AUTOSTART",
    "JUNCTION_CHAIN_LIMIT",
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

fn settings(target: &SetupTarget) -> ClientSettings {
    let folder = env_path("CODEX_HOME").unwrap_or_else(|| target.home.join(HOME));
    let place = target.project.as_ref().map_or(folder.clone(), |project| project.join(HOME));
    let (config, hooks_file) = (place.join(CONFIG), place.join("hooks.json"));
    let server = PlannedEntry::Server {
        path: vec!["mcp_servers", SERVER],
        fields: SettingValue::fields([
            ("command", SettingValue::text(&*target.program)),
            ("env_vars", SettingValue::texts(&ENVIRONMENT)),
        ]),
    };
    let rule = PlannedEntry::RuleField {
        path: vec!["mcp_servers", SERVER, "default_tools_approval_mode"],
        value: SettingValue::text("approve"),
    };
    let hooks: Vec<_> = HOOKS.iter().map(|(event, more)| tool_hook(event, *more)).collect();
    let file = |path: &Path, format, entries| PlannedFile {
        path: path.to_owned(),
        format,
        is_shared: target.project.is_some(),
        entries,
    };
    let in_json = file(&hooks_file, FileFormat::Json(JsonDialect::default()), hooks.clone());
    let in_toml = file(&config, FileFormat::Toml, hooks);
    let servers = file(&config, FileFormat::Toml, vec![server, rule]);
    // Codex warns where a folder has hooks in both of its files.
    let are_apart = has_hooks(&in_json) && !holds(&in_toml);
    let (files, elsewhere) = if are_apart {
        (vec![servers, in_json], vec![in_toml])
    } else {
        let entries = [servers.entries, in_toml.entries].concat();
        (vec![file(&config, FileFormat::Toml, entries)], vec![in_json])
    };
    let review = "Codex asks once, at its next start, whether to trust the hooks: press 2 (\"Trust all\"), then Enter.";
    let mut to_confirm = vec![
        "Codex can be woken once it has been prompted, for example with \"Look for mail on the junction.\"",
    ];
    if target.project.is_some() {
        to_confirm.insert(0, "Codex reads a project's settings only where its folder is trusted.");
    }
    let places: Vec<_> = files.iter().chain(&elsewhere).cloned().collect();
    let has_untrusted_hooks = has_untrusted(&places, &folder.join(CONFIG));
    let waking = "a message wakes an idle agent by Codex's queue, once it was prompted";
    ClientSettings {
        elsewhere,
        to_confirm,
        hook_review: Some(review),
        has_untrusted_hooks,
        overrides,
        waking,
        ..ClientSettings::of(folder, files)
    }
}

/// What a person may have set otherwise.
fn overrides(target: &SetupTarget) -> Vec<SettingOverride> {
    let folder = env_path("CODEX_HOME").unwrap_or_else(|| target.home.join(HOME));
    let place = target.project.as_ref().map_or(folder, |project| project.join(HOME));
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
    (config.has(&server) && !names.is_empty()).then(|| SettingOverride {
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
    let input = fields.map(|field| (field.to_owned(), SettingValue::text(format!("${{{field}}}"))));
    let hook = SettingValue::fields([
        ("type", SettingValue::text("mcp_tool")),
        ("server", SettingValue::text(SERVER)),
        ("tool", SettingValue::text(HOOK_TOOL)),
        ("input", SettingValue::Fields(input.collect())),
    ]);
    PlannedEntry::Hook { event, hook }
}

fn call_origin(meta: &Map<String, Value>) -> Option<CallOrigin> {
    let turn = meta.get(TURN_META);
    let text = |field: &str| turn.and_then(|turn| turn[field].as_str());
    let trigger = text("turn_trigger");
    Some(CallOrigin {
        thread: meta.get("threadId")?.as_str()?.to_owned(),
        turn: text("turn_id").map(str::to_owned),
        by_person: matches!(trigger, Some("user" | "exec")),
        // A run of `codex exec` ends with its turn.
        is_lasting: matches!(trigger, Some("user" | "queue")),
    })
}

/// The command `codex queue`, which begins a turn in an idle session, or the next turn in a busy one. The command does
/// not say whether the session got the notice, so it is used only for a session whose files are where it looks for them.
#[derive(Default)]
struct CodexQueue {
    thread: Mutex<Option<QueueThread>>,
    is_unattended: AtomicBool,
}

/// The session's thread.
#[derive(Clone)]
struct QueueThread {
    id: String,
    /// The program that can wake the thread, if it can be woken.
    program: Option<PathBuf>,
}

impl CodexQueue {
    fn thread(&self) -> MutexGuard<'_, Option<QueueThread>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether anybody can see the session.
    fn look(&self) {
        let is_unattended = home().and_then(|home| windows::is_unattended(&home)) == Some(true);
        self.is_unattended.store(is_unattended, Ordering::Relaxed);
    }

    fn usable(&self) -> Option<(String, PathBuf)> {
        let thread = self.thread().clone()?;
        Some((thread.id, thread.program?))
    }
}

impl Channel for CodexQueue {
    fn reach(&self) -> Option<Reach> {
        self.usable().filter(|_| !self.is_unattended()).map(|_| Reach::Push)
    }

    fn way(&self) -> Option<WakingWay> {
        Some(WakingWay::Queue)
    }

    fn wakes(&self) -> bool {
        true
    }

    fn wake<'a>(&'a self, notice: &'a str) -> BoxFuture<'a, bool> {
        async move {
            self.look();
            let usable = self.usable().filter(|_| !self.is_unattended());
            let Some((thread, program)) = usable else { return false };
            let mut command = Command::new(program);
            command
                .args(["queue", "--thread", &thread, "--message", notice])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true);
            let status = timeout(QUEUE_TIME, command.status()).await;
            let is_queued = matches!(status, Ok(Ok(status)) if status.success());
            if !is_queued && let Some(thread) = self.thread().as_mut() {
                // The next call from the thread is another chance.
                thread.program = None;
            }
            is_queued
        }
        .boxed()
    }

    fn poll_interval(&self) -> Option<Duration> {
        self.usable().map(|_| LOOK_INTERVAL)
    }

    fn poll(&self) -> BoxFuture<'_, ()> {
        async { self.look() }.boxed()
    }

    fn is_unattended(&self) -> bool {
        self.is_unattended.load(Ordering::Relaxed)
    }

    fn call_from(&self, origin: &CallOrigin) -> bool {
        let mut thread = self.thread();
        let Some(id) = Uuid::try_parse(&origin.thread).ok().filter(|_| origin.is_lasting) else {
            return false;
        };
        let is_known = thread
            .as_ref()
            .is_some_and(|thread| thread.id == origin.thread && thread.program.is_some());
        if is_known {
            return false;
        }
        let program = home().filter(|home| has_session(home, id)).and_then(|_| codex());
        *thread = Some(QueueThread { id: id.hyphenated().to_string(), program });
        true
    }
}

/// Why Codex cannot be woken where its queue cannot be used: it names the session's thread in its calls alone.
fn hindrance(signs: ClientSigns) -> Hindrance {
    if signs.has_called {
        // A run of `codex exec`, or a session that is kept elsewhere.
        Hindrance::NoWay
    } else if !signs.has_hooks && has_untrusted_hooks() {
        Hindrance::HooksUntrusted
    } else {
        Hindrance::NeverPrompted
    }
}

/// Whether Codex skips hooks of the bridge in its own folder, silently, because its user has not trusted them.
fn has_untrusted_hooks() -> bool {
    let target = std::env::home_dir().map(|home| SetupTarget {
        home,
        project: None,
        program: BRIDGE.to_owned(),
        packages: None,
    });
    target.is_some_and(|target| settings(&target).has_untrusted_hooks)
}

/// The program that runs this session, or else the one on the path.
fn codex() -> Option<PathBuf> {
    let is_codex = |path: &PathBuf| path.file_stem().is_some_and(|name| name == PROGRAM);
    let ancestors = ProcessTree::now().ancestors(std::process::id());
    let own = ancestors.into_iter().filter_map(program).find(is_codex);
    own.or_else(|| {
        let file = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|dir| dir.join(&file)).find(|path| path.is_file())
    })
}

/// The folder in which Codex keeps its sessions, for this process and for a `codex queue` that it starts.
fn home() -> Option<PathBuf> {
    env_path("CODEX_HOME").or_else(|| env_path("HOME").map(|home| home.join(HOME)))
}

/// Whether a thread's session file is in the folder of the day on which the thread began. The id holds the time but
/// not the time zone, so the days before and after are searched, too.
fn has_session(home: &Path, thread: Uuid) -> bool {
    let Some((seconds, _)) = thread.get_timestamp().map(|time| time.to_unix()) else {
        return false;
    };
    let suffix = format!("-{}.jsonl", thread.hyphenated());
    const DAY: u64 = 24 * 60 * 60;
    let days = [seconds.saturating_sub(DAY), seconds, seconds + DAY].map(|at| folder_of(at / DAY));
    days.iter().any(|day| {
        let entries = std::fs::read_dir(home.join("sessions").join(day)).into_iter().flatten();
        let mut names = entries.take(MAX_FILES).filter_map(|entry| Some(entry.ok()?.file_name()));
        names.any(|name| name.to_string_lossy().ends_with(&suffix))
    })
}

/// `YYYY/MM/DD` of a day, counted from 1970.
fn folder_of(day: u64) -> String {
    let (year, month, day) = date(day.saturating_mul(24 * 60 * 60 * 1000));
    format!("{year:04}/{month:02}/{day:02}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn thread_and_turn_are_read_from_a_call() {
        let origin = |trigger: &str| {
            let turn = json!({ "turn_id": "t1", "turn_trigger": trigger });
            let meta = json!({ "threadId": "th", TURN_META: turn });
            call_origin(meta.as_object().unwrap()).unwrap()
        };
        assert_eq!(
            origin("user"),
            CallOrigin {
                thread: "th".to_owned(),
                turn: Some("t1".to_owned()),
                by_person: true,
                is_lasting: true
            }
        );
        assert!(!origin("queue").by_person && origin("queue").is_lasting);
        assert!(origin("exec").by_person && !origin("exec").is_lasting);
    }

    #[test]
    fn regression_only_marks_of_our_own_hooks_count_as_trust() {
        let home = tempfile::TempDir::new().unwrap();
        let config = home.path().join(HOME).join(CONFIG);
        let target = SetupTarget {
            home: home.path().to_owned(),
            project: None,
            program: BRIDGE.to_owned(),
            packages: None,
        };
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
        std::fs::create_dir(home.path().join(HOME)).unwrap();
        assert!(is_untrusted(""));
        for other in ["stop:1:0", "stop:0:1", "session_start:0:0"] {
            assert!(is_untrusted(&mark(other)), "{other}");
        }
        assert!(is_untrusted(
            "[hooks.state.\"/x/hooks.json:stop:0:0\"]\ntrusted_hash = \"sha256:00\"\n"
        ));
        assert!(!is_untrusted(&mark("stop:0:0")));
    }

    #[test]
    fn call_of_a_hook_names_its_thread_and_no_turn() {
        let meta = json!({ "threadId": "th" });
        let origin = call_origin(meta.as_object().unwrap()).unwrap();
        assert_eq!((origin.turn, origin.by_person), (None, false));
    }
}
