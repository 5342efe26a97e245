//! Starts the hub of this machine where none answers. The binary lies beside this one; the hub gets almost nothing of
//! this process's environment, which can hold the agent's API key.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::local_hub::{LocalHub, UNLESS_STOPPED};
use junction_shared::machine::settings::{env, parse_host};
use tokio::process::{Child, Command};

use crate::hubs::target::HubTarget;
use crate::transport::tls::Security;

/// How long a hub that was started has to answer before a second one is started.
const STARTUP_TIME: Duration = Duration::from_secs(5);
/// The pause between two dials while a hub is starting.
const FAST_PAUSE: Duration = Duration::from_millis(10);
/// How long to dial that often: a hub serves within a tenth of this time.
const FAST_TIME: Duration = Duration::from_millis(500);
/// Variables that a hub gets in addition to our settings. Windows cannot start a process without the last one.
const PASSED_ON: [&str; 3] = ["HOME", "PATH", "SystemRoot"];
/// Keeps a hub from the client's console, whose Ctrl-C and whose closing would end it. On Unix the hub leaves the session itself.
/// Source: `DETACHED_PROCESS` and `CREATE_NEW_PROCESS_GROUP` in winbase.h.
#[cfg(windows)]
const APART: u32 = 0x0000_0008 | 0x0000_0200;

/// What became of the hub that was started last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubStart {
    /// No hub was started, or none that could still be expected to answer.
    None,
    /// A hub was started and is expected to answer soon.
    Pending,
    /// A hub was started and has ended.
    Ended,
    /// No hub could be started beside this program, for this reason.
    Failed(ErrorKind),
}

/// Starts hubs, and knows what became of the last one.
pub(crate) struct Autostart {
    enabled: bool,
    started: Option<Instant>,
    /// Why the last start failed, if it did.
    failure: Option<ErrorKind>,
    /// Whether the hub that was started last has ended.
    ended: Arc<AtomicBool>,
}

impl Autostart {
    /// Starts hubs if `enabled`.
    pub(crate) fn new(enabled: bool) -> Self {
        Self { enabled, started: None, failure: None, ended: Arc::default() }
    }

    /// Whether hubs are started at all.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Starts this hub, unless one was started just now, or the user has stopped the hub and no call of the agent needs
    /// it. If several bridges do so at once, all hubs but one find the
    /// directory's lock taken and end.
    pub(crate) fn start(&mut self, hub: &HubTarget, dir: &ConfigDir, is_asked: bool) {
        let is_local = hub.endpoint.security == Security::Loopback;
        // A call does not wait for the time of a hub that has ended, such as one that the user has stopped.
        let is_starting = self.started_within(STARTUP_TIME) && !(is_asked && self.has_ended());
        if !self.enabled || !is_local || is_starting || !may_start(dir, is_asked) {
            return;
        }
        match hub_command(hub, dir).and_then(|mut command| command.spawn()) {
            Ok(child) => {
                self.failure = None;
                self.started = Some(Instant::now());
                self.watch(child);
            }
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "hub_not_started");
                self.failure = Some(error.kind());
            }
        }
    }

    /// Waits for the hub's exit status, which also keeps the hub from staying a zombie.
    fn watch(&self, mut child: Child) {
        let ended = Arc::clone(&self.ended);
        ended.store(false, Ordering::Relaxed);
        tokio::spawn(async move {
            let _ = child.wait().await;
            ended.store(true, Ordering::Relaxed);
        });
    }

    /// Notes that a hub answers: the next time that none does, one is started at once.
    pub(crate) fn succeeded(&mut self) {
        (self.started, self.failure) = (None, None);
    }

    /// What became of the hub that was started last.
    pub(crate) fn last_start(&self) -> HubStart {
        if let Some(kind) = self.failure {
            HubStart::Failed(kind)
        } else if self.has_ended() {
            HubStart::Ended
        } else if self.started_within(STARTUP_TIME) {
            HubStart::Pending
        } else {
            HubStart::None
        }
    }

    /// Shortens the pause before the next dial while a hub is starting.
    pub(crate) fn shorten(&self, pause: Duration) -> Duration {
        if self.started_within(FAST_TIME) { pause.min(FAST_PAUSE) } else { pause }
    }

    fn has_ended(&self) -> bool {
        self.started.is_some() && self.ended.load(Ordering::Relaxed)
    }

    fn started_within(&self, time: Duration) -> bool {
        self.started.is_some_and(|started| started.elapsed() < time)
    }
}

/// Whether a hub may start in this directory. A call of the agent that needs the hub ends a stop by the user.
fn may_start(dir: &ConfigDir, is_asked: bool) -> bool {
    let hub = LocalHub::of(dir);
    !hub.is_stopped() || (is_asked && hub.permit_start())
}

/// The hub's program beside this one.
pub(super) fn hub_program() -> std::io::Result<PathBuf> {
    let name = format!("junction-hub{}", std::env::consts::EXE_SUFFIX);
    Ok(std::env::current_exe()?.with_file_name(name))
}

fn hub_command(hub: &HubTarget, dir: &ConfigDir) -> std::io::Result<Command> {
    let mut command = Command::new(hub_program()?);
    command
        .arg("--autostarted")
        .env_clear()
        .envs(environment())
        .env("JUNCTION_HOST", bind_address(&hub.endpoint.host))
        .env_remove("JUNCTION_PORT")
        .env(UNLESS_STOPPED, "true")
        .env("JUNCTION_CONFIG_DIR", dir.path())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(windows)]
    command.creation_flags(APART);
    if !hub.is_anywhere {
        command.env("JUNCTION_PORT", hub.endpoint.port.to_string());
    }
    Ok(command)
}

/// The address that the hub has to bind: the one that is dialed, or the user's setting for all hubs of this machine,
/// which serve on loopback as well.
fn bind_address(dialed: &str) -> String {
    let set = env("JUNCTION_HOST")
        .filter(|host| parse_host(host).is_ok_and(|host| !host.to_canonical().is_loopback()));
    set.unwrap_or_else(|| dialed.to_owned())
}

/// The variables that a hub gets: our own settings and [`PASSED_ON`].
fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("JUNCTION_")
            || PASSED_ON.iter().any(|passed| name.eq_ignore_ascii_case(passed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_cannot_be_started_is_reported_until_one_answers() {
        // Beside the program of this test lies no hub.
        let mut autostart = Autostart::new(true);
        let hub = HubTarget::plain("local", ([127, 0, 0, 1], 4200).into());
        autostart.start(&hub, &ConfigDir::at("/nowhere".into()), false);
        assert_eq!(autostart.last_start(), HubStart::Failed(ErrorKind::NotFound));
        autostart.succeeded();
        assert_eq!(autostart.last_start(), HubStart::None);
    }
}
