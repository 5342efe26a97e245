//! Starting a hub on loopback where none answers: found beside this binary, in a session of its own, with next
//! to nothing of this process's environment, which can hold the agent's API key.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::settings::{env, parse_host};
use tokio::process::{Child, Command};

use crate::hubs::target::Target;
use crate::transport::tls::Security;

/// How long a hub that was started has to answer before another try.
const HEADWAY: Duration = Duration::from_secs(5);
/// How often to dial a hub that is just starting.
const EAGER: Duration = Duration::from_millis(10);
/// How long to dial that often: a hub serves within a tenth of it.
const EAGERNESS: Duration = Duration::from_millis(500);
/// What a hub is given besides our own settings; the last is what Windows cannot start a process without.
const PASSED_ON: [&str; 3] = ["HOME", "PATH", "SystemRoot"];

/// Whether and when hubs are started.
pub struct Autostart {
    enabled: bool,
    started: Option<Instant>,
    /// Whether the one that was started last has ended.
    ended: Arc<AtomicBool>,
}

impl Autostart {
    /// Starts hubs if `enabled`.
    pub fn new(enabled: bool) -> Self {
        Self { enabled, started: None, ended: Arc::default() }
    }

    /// Starts a hub at the target, unless one was started just now. Of several bridges that do so at once all
    /// but one hub find the port taken and end.
    pub fn start(&mut self, target: &Target, dir: &ConfigDir) {
        let may_start = self.enabled && target.security == Security::Loopback;
        if !may_start || self.started_within(HEADWAY) {
            return;
        }
        match hub_command(target, dir).and_then(|mut command| command.spawn()) {
            Ok(child) => {
                self.started = Some(Instant::now());
                self.watch(child);
            }
            Err(error) => {
                let kind = error.kind();
                tracing::warn!(
                    "no hub could be started beside this binary ({kind}): start junction-hub by hand"
                );
            }
        }
    }

    /// Takes the hub's exit status when it has one, which also keeps it from staying a zombie.
    fn watch(&self, mut child: Child) {
        let ended = Arc::clone(&self.ended);
        ended.store(false, Ordering::Relaxed);
        tokio::spawn(async move {
            let _ = child.wait().await;
            ended.store(true, Ordering::Relaxed);
        });
    }

    /// A hub answers: the next one that is missing is started at once.
    pub fn succeeded(&mut self) {
        self.started = None;
    }

    /// Whether a hub that was started is still to be expected.
    pub fn expects_hub(&self) -> bool {
        self.started_within(HEADWAY) && !self.failed()
    }

    /// Whether the hub that was started last has ended, though none answers.
    pub fn failed(&self) -> bool {
        self.started.is_some() && self.ended.load(Ordering::Relaxed)
    }

    /// A shorter pause while a hub is starting.
    pub fn hasten(&self, pause: Duration) -> Duration {
        if self.started_within(EAGERNESS) { pause.min(EAGER) } else { pause }
    }

    fn started_within(&self, time: Duration) -> bool {
        self.started.is_some_and(|started| started.elapsed() < time)
    }
}

fn hub_command(target: &Target, dir: &ConfigDir) -> std::io::Result<Command> {
    let name = format!("junction-hub{}", std::env::consts::EXE_SUFFIX);
    let binary = std::env::current_exe()?.with_file_name(name);
    let mut command = Command::new(binary);
    command
        .arg("--autostarted")
        .env_clear()
        .envs(environment())
        .env("JUNCTION_HOST", bind_address(&target.host))
        .env("JUNCTION_PORT", target.port.to_string())
        .env("JUNCTION_CONFIG_DIR", dir.path())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}

/// Where the hub is to serve: at the address that is dialled, or wherever the user has all hubs of this machine
/// serve, who do so on loopback besides.
fn bind_address(dialled: &str) -> String {
    let asked = env("JUNCTION_HOST")
        .filter(|host| parse_host(host).is_ok_and(|host| !host.to_canonical().is_loopback()));
    asked.unwrap_or_else(|| dialled.to_owned())
}

/// HOME, PATH and what is set of our own.
fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("JUNCTION_")
            || PASSED_ON.iter().any(|passed| name.eq_ignore_ascii_case(passed))
    })
}
