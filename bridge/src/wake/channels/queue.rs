//! Codex's own queue: `codex queue` begins a turn in a session that is idle, and one after another in a busy one. It
//! says nothing of delivery, so it is used only for a session whose files are where it looks for them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::machine::settings::env_path;
use junction_shared::protocol::wire::Reach;
use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

use super::channel::Rung;
use crate::timestamp::date;
use crate::process::tree::{ProcessTree, program};

/// How long `codex queue` may take: it was seen to take 50 ms.
const PATIENCE: Duration = Duration::from_secs(5);
/// The program, and the folder with its sessions, unless `CODEX_HOME` names another.
const PROGRAM: &str = "codex";
const HOME: &str = ".codex";
/// Files in one day's folder that are looked at.
const MAX_FILES: usize = 10_000;

/// Which thread of its client a call is from, and which turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    /// Its id.
    pub(crate) id: String,
    /// The turn's id.
    pub(crate) turn: Option<String>,
    /// What began the turn.
    pub(crate) trigger: Option<String>,
}

impl Thread {
    /// Whether a person began the turn.
    pub(crate) fn is_by_person(&self) -> bool {
        matches!(self.trigger.as_deref(), Some("user" | "exec"))
    }

    /// Whether it goes on after the turn: a run of `codex exec` does not.
    fn is_lasting(&self) -> bool {
        matches!(self.trigger.as_deref(), Some("user" | "queue"))
    }
}

/// The queue of the session's thread, once that is known.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Option<Found>>);

#[derive(Clone)]
struct Found {
    thread: String,
    /// The program, if the thread is one that it can wake.
    program: Option<PathBuf>,
}

impl Queue {
    /// A call is from this thread. True if that is news.
    pub(crate) fn thread(&self, thread: &Thread) -> bool {
        let mut found = self.found();
        let is_known = found
            .as_ref()
            .is_some_and(|found| found.thread == thread.id && found.program.is_some());
        let Some(id) = Uuid::try_parse(&thread.id).ok().filter(|_| thread.is_lasting()) else {
            return false;
        };
        if is_known {
            return false;
        }
        let program = home().filter(|home| is_kept(home, id)).and_then(|_| codex());
        *found = Some(Found { thread: id.hyphenated().to_string(), program });
        true
    }

    fn found(&self) -> MutexGuard<'_, Option<Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usable(&self) -> Option<(String, PathBuf)> {
        let found = self.found().clone()?;
        Some((found.thread, found.program?))
    }
}

impl Rung for Queue {
    fn reach(&self) -> Option<Reach> {
        self.usable().map(|_| Reach::Push)
    }

    fn is_wake(&self) -> bool {
        true
    }

    fn wake<'a>(&'a self, notice: &'a str) -> BoxFuture<'a, bool> {
        async move {
            let Some((thread, program)) = self.usable() else { return false };
            let mut command = Command::new(program);
            command
                .args(["queue", "--thread", &thread, "--message", notice])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true);
            let is_queued =
                matches!(timeout(PATIENCE, command.status()).await, Ok(Ok(status)) if status.success());
            if !is_queued && let Some(found) = self.found().as_mut() {
                // The next call from the thread is another chance.
                found.program = None;
            }
            is_queued
        }
        .boxed()
    }
}

/// The program whose session this is, or else one on the path.
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

/// Where Codex keeps its sessions, for this process and for a `codex queue` that it starts.
fn home() -> Option<PathBuf> {
    env_path("CODEX_HOME").or_else(|| env_path("HOME").map(|home| home.join(HOME)))
}

/// Whether a thread is kept there: in a folder of the day on which it began, which its id tells, though not in which
/// time zone.
fn is_kept(home: &Path, thread: Uuid) -> bool {
    let Some((seconds, _)) = thread.get_timestamp().map(|time| time.to_unix()) else {
        return false;
    };
    let suffix = format!("-{}.jsonl", thread.hyphenated());
    const DAY: u64 = 24 * 60 * 60;
    let days = [seconds.saturating_sub(DAY), seconds, seconds + DAY].map(folder_of);
    days.iter().any(|day| {
        let entries = std::fs::read_dir(home.join("sessions").join(day)).into_iter().flatten();
        let mut names = entries.take(MAX_FILES).filter_map(|entry| Some(entry.ok()?.file_name()));
        names.any(|name| name.to_string_lossy().ends_with(&suffix))
    })
}

/// `YYYY/MM/DD` at this many seconds after 1970.
fn folder_of(seconds: u64) -> String {
    let (year, month, day) = date(seconds.saturating_mul(1000));
    format!("{year:04}/{month:02}/{day:02}")
}
