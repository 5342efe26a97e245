//! The settings of a bridge, from its flags, its environment and its defaults.

use std::str::FromStr;

use junction_shared::config_dir::ConfigDir;
use junction_shared::hosts::LOCAL;
use junction_shared::limits;
use junction_shared::settings::{Expected, parse_bool, parse_port, setting};
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
}

impl Config {
    /// The settings: flags, else the environment, else defaults.
    ///
    /// # Errors
    /// A setting that has a value it cannot have, or no place for the configuration; one sentence that
    /// says which, one that says what to do.
    pub(crate) fn resolve(flags: Flags) -> anyhow::Result<Self> {
        let text = |text: &str| Ok(text.to_owned());
        let log = flags.log.map(|log| parse_log(&log)).transpose();
        let log = log.map_err(|Expected(what)| {
            anyhow::anyhow!("The value of --log is not {what}. Correct it.")
        })?;
        let port = setting(flags.port, "JUNCTION_PORT", parse_port, limits::PORT)?;
        Ok(Self {
            hub: setting(flags.hub, "JUNCTION_HUB", text, LOCAL.to_owned())?,
            autostart: setting(flags.autostart, "JUNCTION_AUTOSTART", parse_bool, true)?,
            dir: ConfigDir::locate(flags.config_dir)?,
            port: if port == 0 { limits::PORT } else { port },
            log: setting(
                log,
                "JUNCTION_LOG",
                parse_log,
                Targets::new().with_default(LevelFilter::WARN),
            )?,
        })
    }
}

fn parse_log(text: &str) -> Result<Targets, Expected> {
    Targets::from_str(text)
        .map_err(|_| Expected("a log filter such as warn or junction_bridge=debug"))
}
