//! A real hub.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::Signal;

#[cfg(target_os = "linux")]
use crate::Network;
use crate::{TestHome, Transport, eventually, free_port, http_at, hub_binary, signal};

/// A running hub. Dropping it kills the process.
pub struct TestHub {
    /// The port on which the hub serves.
    pub port: u16,
    /// The port that the hub was told to serve.
    set_port: Option<u16>,
    child: Child,
    stderr: PathBuf,
    settings: Vec<(String, String)>,
    /// The command that starts the hub elsewhere, such as in a network namespace.
    prefix: Vec<String>,
}

impl TestHub {
    /// A hub on a port that no other process takes while the hub is dead.
    pub async fn start(home: &TestHome) -> Self {
        Self::start_with(home, &[]).await
    }

    /// A hub with these settings, on a port that no other process takes.
    pub async fn start_with(home: &TestHome, settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::serve(home, Some(free_port()), settings, Vec::new()).await
    }

    /// A hub that can have this many descriptors open.
    pub async fn start_limited(home: &TestHome, descriptors: u32) -> Self {
        let limited = format!("ulimit -Hn {descriptors}; ulimit -n {descriptors}; exec \"$0\"");
        let prefix = ["sh", "-c", &limited].map(str::to_owned).to_vec();
        Self::start_by(home, free_port(), prefix).await
    }

    /// A hub for all machines of a network, on one of them, at the default port.
    #[cfg(target_os = "linux")]
    pub async fn start_for(network: &Network, machine: u8, home: &TestHome) -> Self {
        let settings = vec![("JUNCTION_HOST".to_owned(), "0.0.0.0".to_owned())];
        let port = Some(junction_shared::protocol::limits::PORT);
        Self::serve(home, port, settings, network.prefix(machine)).await
    }

    /// A hub on a machine of a network that is told no port, with these settings.
    #[cfg(target_os = "linux")]
    pub async fn start_anywhere(
        network: &Network,
        machine: u8,
        home: &TestHome,
        settings: &[(&str, &str)],
    ) -> Self {
        let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Self::serve(home, None, settings.collect(), network.prefix(machine)).await
    }

    /// A hub on this port.
    pub async fn start_on(home: &TestHome, port: u16) -> Self {
        Self::start_by(home, port, Vec::new()).await
    }

    /// A hub on this port, started by this command.
    pub async fn start_by(home: &TestHome, port: u16, prefix: Vec<String>) -> Self {
        Self::serve(home, Some(port), Vec::new(), prefix).await
    }

    /// A hub on a port that the system chooses.
    pub async fn start_on_any_port(home: &TestHome) -> Self {
        Self::start_on(home, 0).await
    }

    async fn serve(
        home: &TestHome,
        set_port: Option<u16>,
        settings: Vec<(String, String)>,
        prefix: Vec<String>,
    ) -> Self {
        let (stderr, file) = home.log("hub");
        let mut command = Self::command_by(&prefix, home, set_port);
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
        Self { port, set_port, child, stderr, settings, prefix }
    }

    /// The command that starts a hub of this home on a port.
    pub fn command(home: &TestHome, port: u16) -> Command {
        Self::command_by(&[], home, Some(port))
    }

    /// The command that starts a hub of this home by another command, told this port.
    pub fn command_by(prefix: &[String], home: &TestHome, port: Option<u16>) -> Command {
        let mut words = prefix.iter().map(String::as_str).chain([hub_binary()]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        command
            .env("JUNCTION_CONFIG_DIR", home.config())
            .envs(port.map(|port| ("JUNCTION_PORT", port.to_string())))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// The hub's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All of the hub's stderr so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// One figure of its `/metrics`.
    pub async fn metric(&self, name: &str) -> u64 {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let page = http_at(Transport::Plain, address, request).await;
        let line = page.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("{name} has a number in {page}"))
    }

    /// Kills the hub as a crash would (SIGKILL), and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().expect("the hub is killed");
        self.child.wait().expect("the hub is dead");
    }

    /// Starts the hub again on its port, with its settings.
    pub async fn restart(&mut self, home: &TestHome) {
        let (settings, prefix) = (self.settings.clone(), self.prefix.clone());
        // A port that the system chose is told, too: the proxies of tests know it.
        let port = self.set_port.map(|_| self.port);
        let again = Self::serve(home, port, settings, prefix).await;
        *self = again;
    }

    /// Sends the hub a signal and waits for its end; its exit status.
    pub async fn stop(&mut self, with: Signal) -> ExitStatus {
        signal(self.pid(), with);
        eventually("the hub ends", async || self.child.try_wait().ok().flatten()).await
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        // Both fail only if the hub is dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
