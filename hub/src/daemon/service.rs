//! The hub as a service of this system, for other machines: it runs from login on, and again when it has failed.

mod launchd;
mod plan;
mod systemd;
mod task_scheduler;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use directories::BaseDirs;
use junction_shared::machine::config_dir::{CONFIG_DIR, ConfigDir};
use junction_shared::machine::local_hub::{HubSignal, LocalHub, RunningHub};
use junction_shared::machine::log::say;
use junction_shared::machine::settings::{
    Expected, SettingError, env_path, parse_host, parse_port, parse_session_timeout,
    parse_sweep_interval, setting,
};
use tokio::time::{sleep, timeout};

use crate::cli::{ServeFlags, ServiceFlags};
use plan::{ServiceCommand, ServicePlan};

/// How long a hub may take to serve.
const START_TIME: Duration = Duration::from_secs(10);
/// How often to look whether it does.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Does what the command line asks for.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) async fn install_service(flags: ServiceFlags) -> anyhow::Result<()> {
    let ServiceFlags { serve, print, remove } = flags;
    let dir = ConfigDir::locate(serve.config_dir.clone())?;
    let plan = plan(&command(serve, &dir)?)?;
    if print {
        let mut stdout = std::io::stdout();
        let written = stdout.write_all(plan.text.as_bytes()).and_then(|()| stdout.flush());
        return written.context("The text could not be written. Check where stdout goes.");
    }
    if !remove {
        return install(&plan, &LocalHub::of(&dir)).await;
    }
    let was_there = plan.remove()?;
    say(if was_there {
        "The service of the hub is removed"
    } else {
        "No service of the hub is installed"
    });
    Ok(())
}

/// The command of a service with these settings. Those of the environment are written out, since services have another.
fn command(serve: ServeFlags, dir: &ConfigDir) -> anyhow::Result<ServiceCommand> {
    let program = std::env::current_exe()
        .context("The path of this program is not known. Start it by its whole path.")?;
    let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let host = setting(serve.host, "JUNCTION_HOST", parse_host, anywhere)?;
    let port = given(serve.port, "JUNCTION_PORT", parse_port)?;
    let session =
        given(serve.session_timeout_ms, "JUNCTION_SESSION_TIMEOUT_MS", parse_session_timeout)?;
    let sweep = given(serve.sweep_interval_ms, "JUNCTION_SWEEP_INTERVAL_MS", parse_sweep_interval)?;
    let log = given(serve.log, "JUNCTION_LOG", |text| Ok(text.to_owned()))?;
    let is_elsewhere = serve.config_dir.is_some() || env_path(CONFIG_DIR).is_some();
    let dir = if is_elsewhere { Some(text(dir.path())?) } else { None };
    let flags = [
        ("--host", Some(host.to_string())),
        ("--port", port.map(|port| port.to_string())),
        ("--session-timeout-ms", session.map(|time| time.as_millis().to_string())),
        ("--sweep-interval-ms", sweep.map(|time| time.as_millis().to_string())),
        ("--config-dir", dir),
        ("--log", log),
    ];
    let flags = flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?]));
    Ok(ServiceCommand { program: text(&program)?, arguments: flags.flatten().collect() })
}

/// A setting that was made, by a flag or in the environment.
fn given<T>(
    flag: Option<T>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, Expected>,
) -> Result<Option<T>, SettingError> {
    setting(flag.map(Some), name, |text| parse(text).map(Some), None)
}

/// A path as it can be written in a file of a service.
fn text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    let text = text.map(ToOwned::to_owned);
    text.ok_or_else(|| {
        anyhow!("{} cannot be written in the file of a service. Use another path.", path.display())
    })
}

/// The plan for the manager of this system.
fn plan(command: &ServiceCommand) -> anyhow::Result<ServicePlan> {
    let dirs = BaseDirs::new().context("There is no home directory. Set HOME.")?;
    if cfg!(target_os = "macos") {
        Ok(launchd::plan(command, dirs.home_dir()))
    } else if cfg!(windows) {
        Ok(task_scheduler::plan(command, dirs.data_local_dir(), &user()))
    } else {
        Ok(systemd::plan(command, dirs.config_dir()))
    }
}

/// The user, as Windows names them.
fn user() -> String {
    let of = |name| std::env::var(name).unwrap_or_default();
    format!("{}\\{}", of("USERDOMAIN"), of("USERNAME"))
}

/// Has the manager run the hub, and waits until it serves.
async fn install(plan: &ServicePlan, hub: &LocalHub) -> anyhow::Result<()> {
    let was_there = plan.is_there()?;
    if was_there {
        // An earlier version of the service, which may not even run.
        let _ = plan.stop();
    }
    if hub.running()? != RunningHub::None && !hub.is_signalled(HubSignal::Yields) {
        bail!(
            "A hub that somebody has started runs on this machine. Stop it with junction-bridge stop, and then do this again."
        );
    }
    plan.write()?;
    if let Err(error) = plan.start() {
        if !was_there {
            // Else it would begin to run some day.
            plan.remove_file()?;
        }
        bail!(
            "{error}. Install the service by hand, from what junction-hub install-service --print shows."
        );
    }
    let Ok(port) = timeout(START_TIME, served(hub)).await else {
        bail!(
            "The service was started and does not serve yet. Start junction-hub by hand to see why, or take the service away \
             with junction-hub install-service --remove."
        );
    };
    say(&format!(
        "The service runs, and serves port {port}. It is described in {}",
        plan.file.display()
    ));
    plan.hints.iter().for_each(|hint| say(hint));
    Ok(())
}

/// Waits until a hub for other machines serves. Returns its port.
async fn served(hub: &LocalHub) -> u16 {
    loop {
        match hub.running() {
            Ok(RunningHub::At(port)) if !hub.is_signalled(HubSignal::Yields) => return port,
            _ => sleep(LOOK_INTERVAL).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_that_no_file_of_a_service_can_hold_is_refused() {
        assert!(text(Path::new("/a/\n/b")).is_err());
        assert_eq!(text(Path::new("/a b")).unwrap(), "/a b");
    }
}
