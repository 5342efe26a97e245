//! The settings of a bridge, from its flags, its environment and its defaults.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use junction_shared::config_dir::ConfigDir;
use junction_shared::hosts::LOCAL;
use junction_shared::limits;
use junction_shared::settings::{
    Expected, SettingError, parse_bool, parse_host, parse_port, setting,
};
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::cli::Flags;

/// What a bridge is told before it starts.
#[derive(Debug)]
pub(crate) struct Config {
    /// The hub to join: the name of a known host, or `HOST:PORT` on loopback.
    pub(crate) hub: String,
    /// Whether to start the local hub when none answers.
    pub(crate) autostart: bool,
    /// The directory of the known hosts and the local hub's identity.
    pub(crate) dir: ConfigDir,
    /// The port of the local hub, never 0: a hub that may choose its port cannot be found by it.
    pub(crate) port: u16,
    /// What to log.
    pub(crate) log: Targets,
    /// What is wrong with the environment, and what to do.
    pub(crate) problem: Option<String>,
}

impl Config {
    /// The settings: flags, else the environment, else defaults. What is wrong with the environment is kept
    /// for the tools to say: an agent sees those, and not a process that ends.
    ///
    /// # Errors
    /// No place for the configuration, or a flag that has a value it cannot have; one sentence that says
    /// which, one that says what to do.
    pub(crate) fn resolve(flags: Flags) -> anyhow::Result<Self> {
        let text = |text: &str| Ok(text.to_owned());
        let log = flags.log.map(|log| parse_log(&log)).transpose();
        let log = log.map_err(|Expected(what)| {
            anyhow::anyhow!("The value of --log is not {what}. Correct it.")
        })?;
        let mut problem = None;
        let port = setting(flags.port, "JUNCTION_PORT", parse_port, limits::PORT);
        let port = port.unwrap_or_else(|error| noted(&mut problem, &error, limits::PORT));
        let hub = setting(flags.hub, "JUNCTION_HUB", text, LOCAL.to_owned());
        let autostart = setting(flags.autostart, "JUNCTION_AUTOSTART", parse_bool, true);
        let warnings = || Targets::new().with_default(LevelFilter::WARN);
        let log = setting(log, "JUNCTION_LOG", parse_log, warnings());
        // For the hub that may have to be started.
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if let Err(error) = setting(None, "JUNCTION_HOST", parse_host, loopback) {
            noted(&mut problem, &error, ());
        }
        Ok(Self {
            hub: hub.unwrap_or_else(|error| noted(&mut problem, &error, LOCAL.to_owned())),
            autostart: autostart.unwrap_or_else(|error| noted(&mut problem, &error, false)),
            dir: ConfigDir::locate(flags.config_dir)?,
            port: if port == 0 { limits::PORT } else { port },
            log: log.unwrap_or_else(|error| noted(&mut problem, &error, warnings())),
            problem,
        })
    }
}

impl Config {
    /// As [`Config::resolve`], for a person, who sees an error where it is made.
    ///
    /// # Errors
    /// A setting with a value that it cannot have, too.
    pub(crate) fn for_person(flags: Flags) -> anyhow::Result<Self> {
        let config = Self::resolve(flags)?;
        match config.problem {
            Some(problem) => Err(anyhow::anyhow!(problem)),
            None => Ok(config),
        }
    }
}

/// Keeps the first thing that is wrong, and goes on with something that is not.
fn noted<T>(problem: &mut Option<String>, error: &SettingError, instead: T) -> T {
    problem.get_or_insert_with(|| error.to_string());
    instead
}

fn parse_log(text: &str) -> Result<Targets, Expected> {
    Targets::from_str(text)
        .map_err(|_| Expected("a log filter such as warn or junction_bridge=debug"))
}
