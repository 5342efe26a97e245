//! Chromium without a window, showing one page.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

/// What keeps it to the one page: nothing from before, nothing in the background, no way but the direct one.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
];

/// Tries to remove its directory: what it still writes as it dies takes a few.
const TRIES: usize = 1000;

/// Where Chromium is installed; if it is not, that is said.
pub(super) fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|place| place.join("chromium")).find(|it| it.is_file());
    if found.is_none() {
        eprintln!("skipped: no chromium is on the PATH");
    }
    found
}

/// A running Chromium; dropped, it is killed, and nothing of it is left.
pub(super) struct Chromium {
    child: Child,
    directory: TempDir,
}

impl Chromium {
    /// Has this program, with these arguments before all others, show a page.
    pub(super) fn show(program: impl AsRef<OsStr>, arguments: &[&OsStr], url: &str) -> Self {
        let directory = TempDir::with_prefix("junction-chromium-").expect("a directory");
        let child = Command::new(program)
            .args(arguments)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", directory.path().display()))
            .arg(url)
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromium starts");
        Self { child, directory }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It is a group of many processes, whose first is the one to wait for.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        (0..TRIES).find(|_| match std::fs::remove_dir_all(self.directory.path()) {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        });
    }
}
