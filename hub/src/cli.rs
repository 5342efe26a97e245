//! The command line of `junction-hub`.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::serve::{Listener, ListenerExt};
use clap::Parser;
use junction_shared::harden::harden;
use junction_shared::identity::{HubKey, hub_key};
use junction_shared::settings::{parse_host, parse_millis, parse_port};
use tokio::net::{TcpSocket, TcpStream};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Settings;
use crate::{Hub, process};

/// Connections that the system keeps until they are accepted: a burst of all bridges of a large hub. The
/// system may have a lower bound of its own.
const BACKLOG: u32 = 4096;

/// Serves the hub that the bridges of Agent Junction meet at. Messages pass through it sealed and stay in
/// memory; it cannot read them.
#[derive(Debug, Default, Parser)]
#[command(name = "junction-hub", version)]
pub struct Args {
    /// The address to serve on [JUNCTION_HOST, else 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_host)]
    pub host: Option<IpAddr>,
    /// The port to serve on, 0 for any [JUNCTION_PORT, else 4200]
    #[arg(long, value_name = "PORT", value_parser = parse_port)]
    pub port: Option<u16>,
    /// How long a session lasts without a sign of life [JUNCTION_SESSION_TIMEOUT_MS, else 1800000]
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub session_timeout_ms: Option<Duration>,
    /// How long anything may stay past its end [JUNCTION_SWEEP_INTERVAL_MS, else 60000]
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub sweep_interval_ms: Option<Duration>,
    /// Where the hub's keys are [JUNCTION_CONFIG_DIR, else the system's place for it]
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
    /// What is logged on stderr, such as info or junction_hub=debug [JUNCTION_LOG, else warn]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Started by a bridge: leave its session, and end after ten minutes with nothing to do
    #[arg(long)]
    pub autostarted: bool,
}

/// Runs the program: to its end, or to an error on stderr, in one line.
#[must_use]
pub fn main() -> ExitCode {
    // Where a panic happened is enough; what it was about may be somebody's.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        say(&format!("junction-hub: a fault at {place}. Please report it."));
    }));
    if std::env::args_os().any(|argument| argument.to_string_lossy().contains("junction://")) {
        say(
            "junction-hub: A link on a command line can be read by every user of this machine. Leave it out.",
        );
        return ExitCode::FAILURE;
    }
    let args = Args::parse();
    if args.autostarted {
        // First of all, while no descriptor is this program's own.
        process::detach();
    }
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("junction-hub: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let descriptors = process::raise_descriptor_limit();
    let settings = Settings::resolve(args, descriptors)?;
    start_log(&settings.log)?;
    if !harden() {
        tracing::warn!("this system does not keep other processes from reading the hub's memory");
    }
    // One thread: what a hub does between two system calls is short, and the processors are for the agents.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("The system gives no event loop. Try again.")?.block_on(serve(settings))
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let shutdown = process::shutdown_signal()?;
    // First the port: a hub that cannot have it leaves no trace.
    let listener = listen(settings.address)?;
    let address = listener.local_addr().unwrap_or(settings.address);
    let key = hub_key(&settings.config_dir, address.port())?;
    let ticket_key = key.ticket_key();
    let HubKey { auth, .. } = key;
    say(&format!("junction-hub serves {address}"));
    Hub::new(settings.hub, auth, ticket_key).serve(listener, shutdown).await;
    Ok(())
}

fn listen(address: SocketAddr) -> anyhow::Result<impl Listener<Io = TcpStream, Addr = SocketAddr>> {
    let listener = bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "{address} is in use by another program. Stop that program, or choose another port with --port."
        ),
        _ => anyhow!("{address} cannot be served: {error}. Choose another address with --host and --port."),
    })?;
    Ok(listener.tap_io(|io: &mut TcpStream| {
        // Frames are short, and each is waited for. A socket that refuses is only slower.
        let _ = io.set_nodelay(true);
    }))
}

fn bind(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if cfg!(unix) {
        // So that a hub can come back while its last connections linger. Elsewhere the same option would
        // let two hubs have one port.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn start_log(filter: &str) -> anyhow::Result<()> {
    let Ok(targets) = filter.parse::<Targets>() else {
        return Err(anyhow!(
            "The filter of the log is none. Set --log or JUNCTION_LOG to a level such as info."
        ));
    };
    let stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    tracing_subscriber::registry().with(stderr.with_filter(targets)).init();
    Ok(())
}

/// One line on stderr, whatever is logged.
fn say(line: &str) {
    // There is no other place to say that it cannot be said.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

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

    #[tokio::test]
    async fn a_taken_port_is_named_with_its_address() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = first.local_addr().unwrap();
        let Err(error) = listen(address) else { panic!("two listeners on {address}") };
        let error = error.to_string();
        assert!(error.contains(&address.to_string()) && error.lines().count() == 1, "{error}");
    }
}
