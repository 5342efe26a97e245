//! A real hub.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::Signal;

#[cfg(target_os = "linux")]
use super::Network;
use super::home::{HUB, Home, free_port};
use super::{eventually, signal};

/// A running hub; dropped, it is killed.
pub(crate) struct TestHub {
    /// Where it serves.
    pub(crate) port: u16,
    child: Child,
    stderr: PathBuf,
    settings: Vec<(String, String)>,
    /// What starts it elsewhere than here.
    prefix: Vec<String>,
}

impl TestHub {
    /// A hub on a port that stays its own while it is dead.
    pub(crate) async fn start(home: &Home) -> Self {
        Self::start_with(home, &[]).await
    }

    /// The same with settings.
    pub(crate) async fn start_with(home: &Home, settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::serve(home, free_port(), settings, Vec::new()).await
    }

    /// A hub that may have so many descriptors open.
    pub(crate) async fn start_limited(home: &Home, descriptors: u32) -> Self {
        let limited = format!("ulimit -Hn {descriptors}; ulimit -n {descriptors}; exec \"$0\"");
        let prefix = ["sh", "-c", &limited].map(str::to_owned).to_vec();
        Self::start_by(home, free_port(), prefix).await
    }

    /// A hub for all machines of a network, on one of them, at the usual port.
    #[cfg(target_os = "linux")]
    pub(crate) async fn start_for(network: &Network, machine: u8, home: &Home) -> Self {
        let settings = vec![("JUNCTION_HOST".to_owned(), "0.0.0.0".to_owned())];
        Self::serve(
            home,
            junction_shared::protocol::limits::PORT,
            settings,
            network.prefix(machine),
        )
        .await
    }

    /// A hub on this port.
    pub(crate) async fn start_on(home: &Home, port: u16) -> Self {
        Self::start_by(home, port, Vec::new()).await
    }

    /// A hub on this port, started by these words: elsewhere than here.
    pub(crate) async fn start_by(home: &Home, port: u16, prefix: Vec<String>) -> Self {
        Self::serve(home, port, Vec::new(), prefix).await
    }

    /// A hub on whatever port the system gives.
    pub(crate) async fn start_on_any_port(home: &Home) -> Self {
        Self::start_on(home, 0).await
    }

    async fn serve(
        home: &Home,
        port: u16,
        settings: Vec<(String, String)>,
        prefix: Vec<String>,
    ) -> Self {
        let (stderr, file) = home.log("hub");
        let mut command = Self::command_by(&prefix, home, port);
        command.envs(settings.iter().map(|(name, value)| (name, value))).stderr(file);
        let mut child = command.spawn().expect("the hub starts");
        let port = eventually("the hub says where it serves", async || {
            if let Ok(Some(status)) = child.try_wait() {
                let said = std::fs::read_to_string(&stderr).unwrap_or_default();
                panic!("the hub ended with {status}: {said}");
            }
            let said = std::fs::read_to_string(&stderr).ok()?;
            let (_, rest) = said.split_once("junction-hub serves 127.0.0.1:")?;
            rest.split_once('\n')?.0.trim().parse().ok()
        })
        .await;
        Self { port, child, stderr, settings, prefix }
    }

    /// How a hub of this home is started on a port.
    pub(crate) fn command(home: &Home, port: u16) -> Command {
        Self::command_by(&[], home, port)
    }

    fn command_by(prefix: &[String], home: &Home, port: u16) -> Command {
        let mut words = prefix.iter().map(String::as_str).chain([HUB]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        command
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("JUNCTION_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Kills it as a crash would (SIGKILL) and waits until it is dead.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the hub is killed");
        self.child.wait().expect("the hub is dead");
    }

    /// Starts it again on the same port, with the same settings.
    pub(crate) async fn restart(&mut self, home: &Home) {
        let (settings, prefix) = (self.settings.clone(), self.prefix.clone());
        let again = Self::serve(home, self.port, settings, prefix).await;
        *self = again;
    }

    /// Asks it to stop with a signal; how it ended.
    pub(crate) async fn stop(&mut self, with: Signal) -> ExitStatus {
        signal(self.pid(), with);
        eventually("the hub ends", async || self.child.try_wait().ok().flatten()).await
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        // Both fail only if it is dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
