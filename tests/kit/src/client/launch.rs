//! The start of a server, and the settings that it starts with.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use tokio::process::Command;
use tokio::sync::{mpsc, watch};

use super::McpClient;
use super::pipes::{read_lines, watch_over, write_lines};

/// The queue of lines to the server. Adding one to a full queue waits.
const LINES_OUT: usize = 64;
/// The queue of lines from the server that answer no call. When the queue is full the client stops reading, as a
/// client that hangs does.
const STRAYS: usize = 64;

/// A server to start. It inherits the environment without every `JUNCTION_*`, so that no settings leak in. Its stderr
/// is discarded unless [`Launch::stderr`] says otherwise.
pub struct Launch(Command);

impl Launch {
    /// The server in this program file.
    #[must_use]
    pub fn new(program: impl AsRef<Path>) -> Self {
        let mut command = Command::new(program.as_ref());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        Self(command)
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Without an environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.0.env_remove(name);
        self
    }

    /// With an empty environment, except for what is added after this.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.0.env_clear();
        self
    }

    /// In this working directory.
    #[must_use]
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// With its stderr connected to this.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.0.stderr(stderr);
        self
    }

    /// Starts the server. It must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(mut self) -> std::io::Result<McpClient> {
        let mut child = self.0.spawn()?;
        let (Some(stdin), Some(stdout), Some(pid)) =
            (child.stdin.take(), child.stdout.take(), child.id())
        else {
            return Err(std::io::Error::other("the server started without its pipes"));
        };
        let (input, lines) = mpsc::channel(LINES_OUT);
        let (stray, strays) = mpsc::channel(STRAYS);
        let (kill, killed) = mpsc::channel(1);
        let (status, exit) = watch::channel(None);
        let pending = Arc::new(Mutex::new(Some(HashMap::new())));
        tokio::spawn(write_lines(stdin, lines));
        tokio::spawn(read_lines(stdout, Arc::clone(&pending), stray));
        tokio::spawn(watch_over(child, killed, status));
        Ok(McpClient {
            pid,
            pending,
            input: Mutex::new(Some(input)),
            strays: Mutex::new(strays),
            exit,
            kill,
            next_id: AtomicU64::new(1),
            stateless: Mutex::new(None),
        })
    }
}
