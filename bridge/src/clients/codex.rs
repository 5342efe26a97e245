//! Codex. Its hooks have the events of Claude Code.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::machine::settings::env_path;
use junction_shared::protocol::wire::{Hindrance, Reach};
use serde_json::{Map, Value};
use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

use super::channel::{CallOrigin, CallSession, Channel, WakingWay};
use super::profile::{CallLimits, ClientProfile, ShellVariables};
use super::session_id::{HookIds, SessionIds};
use super::session_view::ClientSigns;
use crate::process::tree::{ProcessTree, program};
use crate::setup::SetupTarget;
use crate::timestamp::date;

mod config;
mod plugin;
mod windows;

#[cfg(test)]
pub(crate) use config::{ENVIRONMENT, HOOKS};

/// Codex, as seen with version 0.169.
pub(super) static PROFILE: ClientProfile = ClientProfile {
    channel: || Some(Arc::new(CodexQueue::default())),
    call_origin,
    hindrance,
    limits: CallLimits { call: Some(Duration::from_secs(300)), silence: None },
    // A hook of a session that has no bridge reaches that of another in the same daemon.
    session_ids: Some(SessionIds {
        word: "codex",
        variable: None,
        hooks: HookIds::Ignored,
        in_calls: true,
    }),
    shell: ShellVariables {
        signs: &["CODEX_THREAD_ID", "CODEX_CI"],
        session: Some("CODEX_THREAD_ID"),
    },
    settings: Some(config::settings),
    ..ClientProfile::plain("codex-mcp-client", config::NAME, PROGRAM)
};

/// The key in a call's `_meta` under which Codex describes the turn.
const TURN_META: &str = "x-codex-turn-metadata";
/// How long `codex queue` may take. It took 50 ms when measured.
const QUEUE_TIME: Duration = Duration::from_secs(5);
/// The program.
const PROGRAM: &str = "codex";
/// How often it is looked whether anybody can see the session. A session that nobody sees and nothing wakes ends after a
/// minute.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// The most files of one day's folder that are read.
const MAX_FILES: usize = 10_000;

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
        session: call_session(meta),
    })
}

/// The session of a call. Codex starts a bridge for each thread. A subagent's thread has the session of its parent, and
/// another id.
fn call_session(meta: &Map<String, Value>) -> CallSession {
    let text = |field: &str| meta.get(field).and_then(Value::as_str);
    let Some(session) = text("sessionId") else { return CallSession::Untold };
    let by_subagent = meta.get(TURN_META).is_some_and(|turn| turn["thread_source"] == "subagent");
    if by_subagent || text("threadId") != Some(session) {
        return CallSession::Subagents;
    }
    CallSession::Own(session.to_owned())
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

/// Whether Codex skips hooks of the bridge, in its own folder or of the plugin, silently, because its user has not trusted them.
fn has_untrusted_hooks() -> bool {
    let target = std::env::home_dir().map(|home| SetupTarget::plain(home, None));
    target.is_some_and(|target| config::settings(&target).has_untrusted_hooks)
        || home().is_some_and(|home| config::has_untrusted_plugin(&home))
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
    env_path("CODEX_HOME").or_else(|| std::env::home_dir().map(|home| home.join(config::FOLDER)))
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
                is_lasting: true,
                session: CallSession::Untold,
            }
        );
        assert!(!origin("queue").by_person && origin("queue").is_lasting);
        assert!(origin("exec").by_person && !origin("exec").is_lasting);
    }

    #[test]
    fn call_of_a_subagent_is_not_its_sessions_own() {
        let session = |thread: &str, source: &str| {
            let turn = json!({ "thread_source": source });
            let meta = json!({ "threadId": thread, "sessionId": "s", TURN_META: turn });
            call_origin(meta.as_object().unwrap()).unwrap().session
        };
        assert_eq!(session("s", "user"), CallSession::Own("s".to_owned()));
        assert_eq!(session("t", "user"), CallSession::Subagents);
        assert_eq!(session("s", "subagent"), CallSession::Subagents);
    }

    #[test]
    fn call_of_a_hook_names_its_thread_and_no_turn() {
        let meta = json!({ "threadId": "th" });
        let origin = call_origin(meta.as_object().unwrap()).unwrap();
        assert_eq!((origin.turn, origin.by_person), (None, false));
    }
}
