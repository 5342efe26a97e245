//! The configuration of a hub, resolved from flags, environment variables and defaults.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::local_hub::UNLESS_STOPPED;
use junction_shared::machine::settings::{
    Expected, env, parse_host, parse_port, parse_session_timeout, parse_sweep_interval, setting,
};
use junction_shared::protocol::limits::{SESSION_TIMEOUT, SWEEP_INTERVAL};

use crate::accept::admission::MAX_PENDING;
use crate::cli::HubFlags;

/// How long an autostarted hub keeps running while idle.
const IDLE_EXIT: Duration = Duration::from_secs(600);
/// The maximum number of connections to bridges where the system would allow more: three times the largest
/// hub measured.
const MAX_LINKS: u32 = 16_384;
/// Descriptors reserved for pending connections and for the other files of the process.
const RESERVE: u32 = MAX_PENDING + 64;

/// Returns the maximum number of connections for a process with this descriptor limit: at least half of it.
fn links(descriptors: u32) -> u32 {
    descriptors.saturating_sub(RESERVE).max(descriptors / 2).clamp(1, MAX_LINKS)
}

/// How a hub behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a session lasts without a sign of life; also the longest life of a message.
    pub session_timeout: Duration,
    /// The longest time that anything stays past its end.
    pub sweep_interval: Duration,
    /// How long the hub keeps running without connections and mail. `None` is forever.
    pub idle_exit: Option<Duration>,
    /// The maximum number of connections to bridges.
    pub max_links: u32,
    /// Whether other machines can connect.
    pub lan: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_timeout: SESSION_TIMEOUT,
            sweep_interval: SWEEP_INTERVAL,
            idle_exit: None,
            max_links: 16_384,
            lan: false,
        }
    }
}

/// What a hub is to serve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The address to serve, in addition to loopback.
    pub(crate) host: IpAddr,
    /// The port that was set, 0 for any.
    pub(crate) port: Option<u16>,
    /// Whether a bridge started the hub.
    pub(crate) autostarted: bool,
    /// Whether the hub is not to run where the user has stopped it: no agent's call needs it.
    pub(crate) unless_stopped: bool,
}

/// The settings of the program.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where to serve.
    pub(crate) wish: Wish,
    /// Whether the hub creates a new identity first.
    pub(crate) ephemeral: bool,
    /// How the hub behaves.
    pub(crate) hub: Config,
    /// The directory of the hub's keys.
    pub(crate) config_dir: ConfigDir,
    /// The filter for log lines.
    pub(crate) log: String,
}

impl Settings {
    /// Resolves the settings of a process with this descriptor limit. Flags override environment variables,
    /// which override defaults.
    ///
    /// # Errors
    /// The setting that is wrong, and what to do.
    pub(crate) fn resolve(args: HubFlags, descriptors: u32) -> anyhow::Result<Self> {
        let serve = args.serve;
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let host = setting(serve.host, "JUNCTION_HOST", parse_host, localhost)?;
        let host = host.to_canonical();
        let some_port = |text: &str| parse_port(text).map(Some);
        let port = setting(serve.port.map(Some), "JUNCTION_PORT", some_port, None)?;
        let session_timeout = setting(
            serve.session_timeout_ms,
            "JUNCTION_SESSION_TIMEOUT_MS",
            parse_session_timeout,
            SESSION_TIMEOUT,
        )?;
        let sweep_interval = setting(
            serve.sweep_interval_ms,
            "JUNCTION_SWEEP_INTERVAL_MS",
            parse_sweep_interval,
            SWEEP_INTERVAL,
        )?;
        let any = |text: &str| Ok::<_, Expected>(text.to_owned());
        Ok(Self {
            wish: Wish {
                host,
                port,
                autostarted: args.autostarted,
                unless_stopped: args.autostarted && env(UNLESS_STOPPED).is_some(),
            },
            ephemeral: args.ephemeral,
            hub: Config {
                session_timeout,
                sweep_interval,
                idle_exit: args.autostarted.then_some(IDLE_EXIT),
                max_links: links(descriptors),
                lan: !host.is_loopback(),
            },
            config_dir: ConfigDir::locate(serve.config_dir)?,
            log: setting(serve.log, "JUNCTION_LOG", any, "warn".to_owned())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::ServeFlags;

    use super::*;

    fn flags() -> HubFlags {
        let serve = ServeFlags { config_dir: Some("/nowhere".into()), ..ServeFlags::default() };
        HubFlags { serve, ..HubFlags::default() }
    }

    #[test]
    fn descriptors_are_kept_for_pending_connections() {
        let max_links =
            |descriptors| Settings::resolve(flags(), descriptors).unwrap().hub.max_links;
        assert_eq!(max_links(1024), 1024 - 320);
        assert_eq!(max_links(10), 5);
        assert_eq!(max_links(u32::MAX), MAX_LINKS);
    }

    #[test]
    fn any_address_but_loopback_is_the_lan() {
        let lan = |host: &str| {
            let mut args = flags();
            args.serve.host = Some(host.parse().unwrap());
            Settings::resolve(args, 1024).unwrap().hub.lan
        };
        for host in ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(!lan(host), "{host}");
        }
        for host in ["0.0.0.0", "::", "192.168.1.7", "fd00::1"] {
            assert!(lan(host), "{host}");
        }
    }

    #[test]
    fn only_an_autostarted_hub_exits_when_idle() {
        assert_eq!(Settings::resolve(flags(), 1024).unwrap().hub.idle_exit, None);
        let args = HubFlags { autostarted: true, ..flags() };
        assert_eq!(Settings::resolve(args, 1024).unwrap().hub.idle_exit, Some(IDLE_EXIT));
    }
}
