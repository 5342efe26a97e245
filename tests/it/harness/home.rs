//! One user's machine in small: a directory with its own configuration, its own copies of the binaries, and
//! the stderr of everything that ran there.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use junction_shared::invite_link::Link;
use junction_shared::protocol::handshake::GroupKeys;
use tempfile::TempDir;

use super::process::end_processes_of;

/// The bridge under test.
pub(crate) const BRIDGE: &str = env!("CARGO_BIN_EXE_junction-bridge");
/// The hub under test.
pub(crate) const HUB: &str = env!("CARGO_BIN_EXE_junction-hub");

/// Ports below those that systems hand out by themselves, so that a port here stays free while its hub is
/// dead.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A home for one test; dropped, it ends every process that runs from its binaries.
pub(crate) struct Home {
    directory: TempDir,
    logs: AtomicUsize,
}

impl Home {
    /// A home in which nothing has run yet.
    pub(crate) fn new() -> Self {
        let directory = TempDir::with_prefix("junction-test-").expect("a temporary directory");
        Self { directory, logs: AtomicUsize::new(0) }
    }

    /// Where all of it lies.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration directory, which the binaries make.
    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("config")
    }

    /// A home with both binaries in it, as an installation has them: a bridge finds its hub beside itself,
    /// and every process tells by its path whose it is.
    pub(crate) fn installed() -> Self {
        let home = Self::new();
        std::fs::create_dir(home.bin()).expect("a directory");
        for source in [BRIDGE, HUB] {
            let target = home.bin().join(Path::new(source).file_name().expect("a name"));
            if std::fs::hard_link(source, &target).is_err() {
                std::fs::copy(source, &target).expect("a copy of a binary");
            }
        }
        home
    }

    /// Where an installed home has its binaries.
    pub(crate) fn bin(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// A runtime directory of this name, as a login session has one: bridges make their sockets in it.
    pub(crate) fn runtime(&self, name: &str) -> PathBuf {
        let directory = self.path().join("run").join(name);
        std::fs::create_dir_all(&directory).expect("a runtime directory");
        directory
    }

    /// A file for one process's stderr.
    pub(crate) fn log(&self, who: &str) -> (PathBuf, File) {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        let path = self.path().join(format!("{number:03}-{who}.stderr"));
        let file = File::create(&path).expect("a log file");
        (path, file)
    }

    /// Everything that any process of this home wrote to stderr.
    pub(crate) fn all_stderr(&self) -> String {
        let entries = std::fs::read_dir(self.path()).expect("the home");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let logs = paths.filter(|path| path.extension().is_some_and(|ext| ext == "stderr"));
        logs.map(|path| {
            let text = std::fs::read(&path).expect("a log");
            format!("== {}\n{}\n", path.display(), String::from_utf8_lossy(&text))
        })
        .collect()
    }

    /// The text of the `local` link.
    pub(crate) fn link(&self) -> String {
        let hosts = std::fs::read_to_string(self.config().join("hosts.toml")).expect("hosts.toml");
        let start = hosts.find("junction://").expect("a link in hosts.toml");
        let end = hosts[start..].find(['"', '\'']).expect("the end of the link");
        hosts[start..start + end].to_owned()
    }

    /// The keys of the group that this home's link makes.
    pub(crate) fn group(&self) -> GroupKeys {
        let link = Link::parse(&self.link()).expect("the link parses");
        GroupKeys::derive(&link.secret)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Shown only for a test that fails.
            eprintln!("{}", self.all_stderr());
        }
        end_processes_of(self.path());
    }
}

/// A port on which nothing listens and that nothing takes by chance.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Where the walk begins differs from run to run: two runs at once must not walk side by side.
    let offset = std::process::id().wrapping_mul(7919) % u32::from(span);
    let offset = u16::try_from(offset).expect("it is below the span");
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (offset + step % span) % span;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
