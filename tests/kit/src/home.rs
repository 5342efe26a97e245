//! A user's home in a temporary directory: its own configuration, its own copies of the binaries, and the stderr of
//! everything that ran there.

use std::env::consts::EXE_EXTENSION;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use junction_shared::invite_link::InviteLink;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::handshake::GroupKeys;
use tempfile::TempDir;

use crate::process::end_processes_of;
use crate::{bridge_binary, hub_binary};

/// Ports below those that systems hand out by themselves, so that a port here stays free while its hub is
/// dead.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A home for one test. Dropping it ends every process that runs from its binaries.
pub struct TestHome {
    directory: TempDir,
    logs: AtomicUsize,
}

impl Default for TestHome {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHome {
    /// A home in which nothing has run yet.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("junction-test-").expect("a temporary directory");
        Self { directory, logs: AtomicUsize::new(0) }
    }

    /// The directory that holds all of it.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration directory, which the binaries make.
    pub fn config(&self) -> PathBuf {
        self.path().join("config")
    }

    /// A home with the binaries in it, as an installation has them: a bridge finds its hub and page beside itself,
    /// and a process's path shows which home it belongs to.
    pub fn installed() -> Self {
        let home = Self::new();
        std::fs::create_dir(home.bin()).expect("a directory");
        let beside = Path::new(bridge_binary());
        let page = beside.with_file_name("junction-page").with_extension(EXE_EXTENSION);
        for source in [beside, Path::new(hub_binary()), &page] {
            let target = home.bin().join(source.file_name().expect("a name"));
            if std::fs::hard_link(source, &target).is_err() {
                std::fs::copy(source, &target).expect("a copy of a binary");
            }
        }
        home
    }

    /// The directory of an installed home's binaries.
    pub fn bin(&self) -> PathBuf {
        self.path().join("bin")
    }

    /// A runtime directory of this name, as a login session has one: bridges make their sockets in it.
    pub fn runtime(&self, name: &str) -> PathBuf {
        let directory = self.path().join("run").join(name);
        std::fs::create_dir_all(&directory).expect("a runtime directory");
        directory
    }

    /// A file for one process's stderr.
    pub fn log(&self, who: &str) -> (PathBuf, File) {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        let path = self.path().join(format!("{number:03}-{who}.stderr"));
        let file = File::create(&path).expect("a log file");
        (path, file)
    }

    /// The stderr of all processes of this home.
    pub fn all_stderr(&self) -> String {
        let entries = std::fs::read_dir(self.path()).expect("the home");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let logs = paths.filter(|path| path.extension().is_some_and(|ext| ext == "stderr"));
        logs.map(|path| {
            let text = std::fs::read(&path).expect("a log");
            format!("== {}\n{}\n", path.display(), String::from_utf8_lossy(&text))
        })
        .collect()
    }

    /// Writes the table `[attachments]` of `config.toml`: what the user allows.
    pub fn allow(&self, table: &str) {
        let text = format!("[attachments]\n{table}");
        ConfigDir::at(self.config()).write_private("config.toml", &text).expect("written");
    }

    /// Another home of the same group: its hub has the same keys, and a lock of its own.
    pub fn twin(&self) -> Self {
        let twin = Self::new();
        let dir = ConfigDir::at(twin.config());
        for file in ["hub.key", "hosts.toml"] {
            let text = std::fs::read_to_string(self.config().join(file)).expect("a file");
            dir.write_private(file, &text).expect("a copy");
        }
        twin
    }

    /// The file with the port of the hub that this home has here, and the port in it. A hub that is gone has none,
    /// unless it was killed.
    pub fn hub_address(&self) -> Option<(PathBuf, u16)> {
        let entries = std::fs::read_dir(self.config()).ok()?;
        let paths = entries.flatten().map(|entry| entry.path());
        let mut files = paths.filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("hub.addr")
        });
        let path = files.next()?;
        assert_eq!(files.next(), None, "one machine, one file");
        let port = std::fs::read_to_string(&path).ok()?.trim().parse().ok()?;
        Some((path, port))
    }

    /// The text of the `local` invite link.
    pub fn link(&self) -> String {
        let hosts = std::fs::read_to_string(self.config().join("hosts.toml")).expect("hosts.toml");
        let start = hosts.find("junction://").expect("a link in hosts.toml");
        let end = hosts[start..].find(['"', '\'']).expect("the end of the link");
        hosts[start..start + end].to_owned()
    }

    /// The keys of the group that this home's invite link makes.
    pub fn group(&self) -> GroupKeys {
        let link = InviteLink::parse(&self.link()).expect("the link parses");
        GroupKeys::derive(&link.secret)
    }
}

impl Drop for TestHome {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Shown only for a test that fails.
            eprintln!("{}", self.all_stderr());
        }
        end_processes_of(self.path());
    }
}

/// A port on which nothing listens, outside the range from which systems choose ports.
pub fn free_port() -> u16 {
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
