//! The command line of `junction-hub`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use junction_shared::machine::settings::{parse_host, parse_millis, parse_port};

/// Serves the hub that the bridges of Agent Junction meet at. Messages pass through it sealed and stay in
/// memory; it cannot read them.
#[derive(Debug, Default, Parser)]
#[command(name = "junction-hub", version)]
pub(crate) struct Args {
    /// The address to serve on [JUNCTION_HOST, else 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_host)]
    pub(crate) host: Option<IpAddr>,
    /// The port to serve on, 0 for any [JUNCTION_PORT, else 4200]
    #[arg(long, value_name = "PORT", value_parser = parse_port)]
    pub(crate) port: Option<u16>,
    /// How long a session lasts without a sign of life [JUNCTION_SESSION_TIMEOUT_MS, else 1800000]
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub(crate) session_timeout_ms: Option<Duration>,
    /// How long anything may stay past its end [JUNCTION_SWEEP_INTERVAL_MS, else 60000]
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub(crate) sweep_interval_ms: Option<Duration>,
    /// Where the hub's keys are [JUNCTION_CONFIG_DIR, else the system's place for it]
    #[arg(long, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// What is logged on stderr, such as info or junction_hub=debug [JUNCTION_LOG, else warn]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Make a new identity first: every link that was made before is no longer valid
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Started by a bridge: leave its session, and end after ten minutes with nothing to do
    #[arg(long)]
    pub(crate) autostarted: bool,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<HubCommand>,
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// Give the group of this machine's hub a new secret: all sessions end, and no link made before is valid
    Rotate {
        /// Where the hub's keys are [JUNCTION_CONFIG_DIR, else the system's place for it]
        #[arg(long, value_name = "DIR")]
        config_dir: Option<PathBuf>,
        /// Give the hub a new TLS key, too: for when somebody may have its hub.key
        #[arg(long)]
        key: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_are_read() {
        let line =
            ["junction-hub", "--host", "localhost", "--port", "0", "--session-timeout-ms", "900"];
        let args = Args::try_parse_from(line).unwrap();
        assert_eq!(args.host, Some(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(args.port, Some(0));
        assert_eq!(args.session_timeout_ms, Some(Duration::from_millis(900)));
        assert!(!args.autostarted);
    }
}
