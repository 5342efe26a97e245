//! `junction-bridge stop`: ends this machine's hub, whatever started it.

use std::time::Duration;

use anyhow::bail;
use junction_shared::machine::config_dir::ConfigError;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::onlooker::LivingHub;
use crate::terminal::{can_ask, is_agreed, remark, tell};
use crate::wording::hubs::STARTS_A_HUB;
use junction_engine::PeerInfo;
use junction_engine::hubs::probe::{HubMode, probe};
use junction_engine::transport::endpoint::Endpoint;

/// How long a hub may take to notice that it is stopped, to close its connections and to end.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often to look whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Sessions to name at most.
const NAMED: usize = 20;

/// Ends the hub. On a terminal it asks first, unless `yes`. From then on sessions start no hub before a tool call of
/// their agent needs one.
///
/// # Errors
/// The person did not agree, or the hub does not end, and what to do.
pub(crate) async fn stop(config: &Config, yes: bool) -> anyhow::Result<()> {
    let files = LocalHub::of(&config.dir);
    let Some(hub) = LivingHub::find(&files).await? else {
        if config.dir.check()? {
            // A hub that a session starts just now does not stay either.
            files.stop()?;
        }
        return tell(
            "No hub is running on this machine. Sessions start one when a tool call of their agent needs it.",
        );
    };
    let cut_off = CutOff::by(hub, config).await;
    let question =
        || format!("This stops the hub {}. {} Stop it?", hub.place(), cut_off.told("is", "are"));
    if !yes && can_ask() && !is_agreed(&question(), false)? {
        bail!(
            "Nothing was stopped. Answer y to stop the hub, or run junction-bridge stop --yes to stop it without a question."
        );
    }
    files.stop()?;
    if !ended(&files, hub, PATIENCE).await? {
        terminate(&files, hub);
        if !ended(&files, hub, PATIENCE).await? {
            bail!(
                "The hub {} does not end; it may hang. {}",
                hub.place(),
                kill_advice(hub.process)
            );
        }
    }
    tell(&format!("Stopped the hub {}. {}", hub.place(), cut_off.told("was", "were")))?;
    remark(&format!("Sessions come back by themselves once a hub runs again. {STARTS_A_HUB}"));
    Ok(())
}

/// What the end of a hub cuts off.
struct CutOff {
    /// The sessions that are connected, if the hub lists them.
    sessions: Option<Vec<PeerInfo>>,
    /// Whether other machines use the hub.
    has_guests: bool,
}

impl CutOff {
    /// Asks the hub, which may not answer.
    async fn by(hub: LivingHub, config: &Config) -> Self {
        let health = match hub.port {
            Some(port) => probe(&Endpoint::plain(([127, 0, 0, 1], port).into())).await.ok(),
            None => None,
        };
        let mut sessions = None;
        if health.is_some() {
            sessions = hub.sessions(config).await.ok();
            sessions.iter_mut().for_each(|peers| peers.retain(|peer| peer.online));
        }
        let has_guests = health.is_some_and(|health| health.mode == Some(HubMode::Lan));
        Self { sessions, has_guests }
    }

    /// Which sessions are cut off, in a sentence with this verb for one and for many.
    fn told(&self, one: &str, many: &str) -> String {
        let mut told = match self.sessions.as_deref() {
            None => format!("Its sessions, which it does not list, {many} cut off."),
            Some([]) => format!("No session {one} connected."),
            Some([session]) => format!("1 session {one} cut off: {}.", session.alias),
            Some(sessions) => {
                format!("{} sessions {many} cut off: {}.", sessions.len(), names(sessions))
            }
        };
        if self.has_guests {
            told.push_str(&format!(" It {one} open to other machines, too."));
        }
        told
    }
}

fn names(sessions: &[PeerInfo]) -> String {
    let mut names: Vec<_> =
        sessions.iter().take(NAMED).map(|peer| peer.alias.to_string()).collect();
    if sessions.len() > NAMED {
        names.push(format!("and {} more", sessions.len() - NAMED));
    }
    names.join(", ")
}

/// Waits until this hub has ended. False if it has not in time.
async fn ended(files: &LocalHub, hub: LivingHub, patience: Duration) -> Result<bool, ConfigError> {
    let deadline = Instant::now() + patience;
    loop {
        if files.running()? == RunningHub::None || is_another(files, hub) {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether the hub that runs is another one by now, which an agent's call or a person has started.
fn is_another(files: &LocalHub, hub: LivingHub) -> bool {
    match (files.process(), hub.process) {
        (Some(now), Some(before)) => now != before,
        // Only a hub that starts removes the mark of a stop.
        _ => !files.is_stopped(),
    }
}

/// Ends a hub of an earlier version, which knows no mark of a stop.
#[cfg(unix)]
fn terminate(files: &LocalHub, hub: LivingHub) {
    use rustix::process::{Pid, Signal, kill_process};

    let process = files.process().filter(|process| Some(*process) == hub.process);
    let process = process.and_then(|process| i32::try_from(process).ok()).and_then(Pid::from_raw);
    if let Some(process) = process {
        // What fails here shows by the hub that goes on.
        let _ = kill_process(process, Signal::TERM);
    }
}

/// Does nothing: no signal asks a process to end on this system.
#[cfg(not(unix))]
fn terminate(_: &LocalHub, _: LivingHub) {}

/// How to end a hub that nothing else ends.
fn kill_advice(process: Option<u32>) -> String {
    match process {
        Some(process) if cfg!(unix) => format!("Run kill -9 {process} to end it."),
        Some(process) => format!("End process {process} with the task manager."),
        None => "End the process junction-hub by hand.".to_owned(),
    }
}
