//! The command line of `junction-hub`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use junction_shared::machine::settings::{
    parse_host, parse_port, parse_session_timeout, parse_sweep_interval,
};
use junction_shared::protocol::wire::PROGRAM_VERSION;

/// What the exit status of the program means.
const EXIT_STATUS: &str = "\
Exit status:
  0  it was stopped, or had been idle
  1  it failed, and stderr says why and what to do
  2  the command line is wrong";

/// Runs the hub that the bridges of Agent Junction connect to. Messages pass through it encrypted and stay in
/// memory; the hub cannot read them.
#[derive(Debug, Default, Parser)]
#[command(name = "junction-hub", version = PROGRAM_VERSION, after_help = EXIT_STATUS)]
pub(crate) struct HubFlags {
    /// Where the hub serves, and how it behaves.
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
    /// Create a new identity first, which invalidates all earlier links
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// For bridges that start a hub: run in a session of its own and exit after ten idle minutes
    #[arg(long)]
    pub(crate) autostarted: bool,
    /// The command to run instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<HubCommand>,
}

/// The commands that run instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// Give the group of this machine's hub a new secret: ends all sessions and invalidates all earlier links
    Rotate {
        /// Directory of the hub's keys [env: JUNCTION_CONFIG_DIR] [default: the system's configuration
        /// directory]
        #[arg(long, value_name = "DIR")]
        config_dir: Option<PathBuf>,
        /// Also give the hub a new TLS key, if someone else may have its hub.key
        #[arg(long)]
        key: bool,
    },
    /// Have this system run the hub for other machines: from login on, and again when it has failed
    InstallService(ServiceFlags),
}

/// Where a hub serves, and how it behaves.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeFlags {
    /// Address to serve on; any other than loopback lets other machines connect [env: JUNCTION_HOST]
    /// [default: 127.0.0.1, and for a service 0.0.0.0, which is every address of this machine]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_host)]
    pub(crate) host: Option<IpAddr>,
    /// Port to serve on; 0 chooses a free one [env: JUNCTION_PORT] [default: 4200, or a free one if that is taken]
    #[arg(long, value_name = "PORT", value_parser = parse_port)]
    pub(crate) port: Option<u16>,
    /// Milliseconds after which a session without a sign of life ends, at least 1000 [env: JUNCTION_SESSION_TIMEOUT_MS]
    /// [default: 1800000]
    #[arg(long, value_name = "MS", value_parser = parse_session_timeout)]
    pub(crate) session_timeout_ms: Option<Duration>,
    /// Longest time in milliseconds that expired data may stay in memory, at least 10 [env: JUNCTION_SWEEP_INTERVAL_MS]
    /// [default: 60000]
    #[arg(long, value_name = "MS", value_parser = parse_sweep_interval)]
    pub(crate) sweep_interval_ms: Option<Duration>,
    /// Directory of the hub's keys [env: JUNCTION_CONFIG_DIR] [default: the system's configuration directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
    /// What to log to stderr, such as info or junction_hub=debug [env: JUNCTION_LOG] [default: warn]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// How the hub is to run as a service.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServiceFlags {
    /// Where the hub serves, and how it behaves.
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
    /// Only print the file that describes the service
    #[arg(long)]
    pub(crate) print: bool,
    /// Take the service away again
    #[arg(long, conflicts_with = "print")]
    pub(crate) remove: bool,
}

impl ServeFlags {
    /// What these leave open is taken from `earlier` ones.
    pub(crate) fn or(self, earlier: Self) -> Self {
        Self {
            host: self.host.or(earlier.host),
            port: self.port.or(earlier.port),
            session_timeout_ms: self.session_timeout_ms.or(earlier.session_timeout_ms),
            sweep_interval_ms: self.sweep_interval_ms.or(earlier.sweep_interval_ms),
            config_dir: self.config_dir.or(earlier.config_dir),
            log: self.log.or(earlier.log),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        HubFlags::command().debug_assert();
    }

    /// `JUNCTION_UPDATE_DOCS=1` writes the pages.
    #[test]
    fn man_pages_are_in_the_docs() {
        let mut command = HubFlags::command().disable_help_subcommand(true);
        command.build();
        let subcommands: Vec<_> = command.get_subcommands().cloned().collect();
        for command in [command].into_iter().chain(subcommands) {
            let name = command.get_display_name().unwrap_or("junction-hub").to_owned();
            let page = clap_mangen::Man::new(command)
                .manual("Agent Junction")
                .source(concat!("Agent Junction ", env!("CARGO_PKG_VERSION")));
            let mut text = Vec::new();
            page.render(&mut text).unwrap();
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/man");
            let file = folder.join(format!("{name}.1"));
            if std::env::var_os("JUNCTION_UPDATE_DOCS").is_some_and(|value| value == "1") {
                std::fs::write(&file, &text).unwrap();
            }
            let found = std::fs::read(&file).unwrap_or_default();
            assert!(
                found == text,
                "{name} is out of date. Run the tests with JUNCTION_UPDATE_DOCS=1."
            );
        }
    }

    #[test]
    fn flags_are_read() {
        let line =
            ["junction-hub", "--host", "localhost", "--port", "0", "--session-timeout-ms", "1900"];
        let args = HubFlags::try_parse_from(line).unwrap();
        assert_eq!(args.serve.host, Some(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(args.serve.port, Some(0));
        assert_eq!(args.serve.session_timeout_ms, Some(Duration::from_millis(1900)));
        assert!(!args.autostarted);
    }
}
