//! `junction-bridge gateway`: MCP over HTTP for clients that start no process.

mod agent_names;
mod overview;

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use futures_util::future::try_join_all;
use junction_engine::wall_ms;
use junction_shared::machine::descriptor_limit::raise_descriptor_limit;
use junction_shared::machine::local_gateway::{GatewayAddresses, LocalGateway};
use junction_shared::machine::network;
use junction_shared::machine::seat_secret::seat_secret;
use junction_shared::protocol::alias::Alias;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep};

pub(crate) use self::agent_names::{START_IT, addresses, bases};
pub(crate) use self::overview::{GatewayJson, GatewayOverview};
use super::send::alias;
use crate::config::Config;
use crate::gateway::authority::CertificateAuthority;
use crate::gateway::host::GatewayHost;
use crate::gateway::listen_address::ListenAddress;
use crate::gateway::requests::GatewayRequests;
use crate::gateway::{Connections, GatewayTls, Served, open_port, serve};
use crate::ipc::server::{self as socket, SocketKind};
use crate::process::signals::Signals;
use crate::project::machine;
use crate::terminal::remark;

/// How long clients may take to be told that their calls have ended.
const ANSWER_TIME: Duration = Duration::from_millis(50);
/// How often to look for agents that are not wanted any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How to serve, or which agents to serve.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct GatewayOptions {
    #[command(subcommand)]
    command: Option<GatewayCommand>,
    /// Where to serve: a port, an address of this machine, or both; 0.0.0.0 and :: are all of its addresses, and port 0
    /// is any [default: 127.0.0.1:4201]
    #[arg(
        long,
        value_name = "ADDR[:PORT]",
        default_value = "127.0.0.1:4201",
        hide_default_value = true
    )]
    listen: ListenAddress,
    /// Serve other machines, by TLS, with a certificate that their clients must be told to trust
    #[arg(long)]
    tls: bool,
    /// Also serve clients set up for the original agent-junction: http://127.0.0.1:4200/mcp, without a secret
    ///
    /// Every program of your user on this machine may come in there (on macOS and Windows, of other users, too), and each
    /// session of a client is an agent. This machine's hub moves to another port, which sessions find by themselves.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "4200")]
    compat: Option<u16>,
}

/// What to do with the agents that are served.
#[derive(Debug, Subcommand)]
pub(crate) enum GatewayCommand {
    /// Add an agent, and print its secret address
    ///
    /// An agent that is there already keeps its address, which is printed again.
    Add {
        /// Alias that the agent asks for
        #[arg(value_name = "NAME", value_parser = alias)]
        name: Alias,
    },
    /// Remove an agent: its address leads nowhere from now on
    Remove {
        /// Name that it was added by
        #[arg(value_name = "NAME", value_parser = alias)]
        name: Alias,
    },
    /// List the agents that have an address, and whether each is connected
    List {
        /// Print each agent as one JSON object on a line of its own
        #[arg(long)]
        json: bool,
    },
}

/// Serves agents over HTTP until the command is ended, changes which agents there are, or lists them.
///
/// # Errors
/// The addresses are taken, or the config directory cannot be used.
pub(crate) async fn gateway(config: &Arc<Config>, options: GatewayOptions) -> anyhow::Result<()> {
    match options.command {
        Some(GatewayCommand::Add { name }) => agent_names::add(&config.dir, &name).await,
        Some(GatewayCommand::Remove { name }) => agent_names::remove(&config.dir, &name).await,
        Some(GatewayCommand::List { json }) => agent_names::list(&config.dir, json).await,
        None => run(config, &options).await,
    }
}

async fn run(config: &Arc<Config>, options: &GatewayOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    options.listen.check(options.tls)?;
    if options.compat.is_some_and(|port| port != 0 && port == options.listen.port) {
        return Err(anyhow!(
            "--listen and --compat name the same port. Give one of them another: --compat alone is port 4200."
        ));
    }
    // Each agent has a connection of its client and one to the hub.
    raise_descriptor_limit();
    let dir = config.dir.clone();
    let secret = spawn_blocking(move || seat_secret(&dir)).await??;
    let Some(claim) = LocalGateway::of(&config.dir).try_claim()? else {
        return Err(anyhow!(
            "A gateway of this configuration directory is already running. Stop it before you start another."
        ));
    };
    let host = Arc::new(GatewayHost::new(Arc::clone(config), secret)?);
    let (served, addresses) = listen(config, options).await?;
    claim.publish(&addresses)?;
    let connections = Arc::<Connections>::default();
    let serving = try_join_all(
        served.into_iter().map(|served| serve(Arc::clone(&host), served, Arc::clone(&connections))),
    );
    let socket = socket::start(SocketKind::Gateway, GatewayRequests::new(Arc::clone(&host)));
    let sweeping = async {
        let mut ticks = interval(SWEEP_INTERVAL);
        loop {
            ticks.tick().await;
            host.sweep();
            if !host.has_secret() {
                return anyhow!(
                    "seat.key was removed or replaced, so all agents have other addresses now. Start the gateway again, and give each client the address that junction-bridge gateway add NAME prints."
                );
            }
        }
    };
    let ended = tokio::select! {
        served = serving => served.map(drop).map_err(Into::into),
        why = sweeping => Err(why),
        () = signals.next() => Ok(()),
    };
    // First, so that no command asks for agents that are about to end.
    socket.abort();
    host.agents.rest_all().await;
    // For the words to clients whose calls waited.
    sleep(ANSWER_TIME).await;
    ended
}

/// Listens at all addresses, and says so.
async fn listen(
    config: &Config,
    options: &GatewayOptions,
) -> anyhow::Result<(Vec<Served>, GatewayAddresses)> {
    let listeners = options.listen.bind(options.tls)?;
    let tls = if options.tls { Some(tls(config).await?) } else { None };
    let port = match listeners.first() {
        Some(listener) => listener.local_addr()?.port(),
        None => options.listen.port,
    };
    let bases = options.listen.bases(port, options.tls, &network::addresses());
    let mut addresses = GatewayAddresses { bases, open: None };
    let named = |listener| Served::Named(listener, tls.clone());
    let mut served: Vec<_> = listeners.into_iter().map(named).collect();
    if let Some(port) = options.compat {
        let listener = open_listener(config, port).await?;
        addresses.open = Some(format!("http://{}/mcp", listener.local_addr()?));
        served.push(Served::Open(listener));
    }
    announce(&addresses, tls.as_deref());
    Ok((served, addresses))
}

/// Listens where clients of the original look.
async fn open_listener(config: &Config, port: u16) -> anyhow::Result<TcpListener> {
    if config.port == Some(port) {
        return Err(anyhow!(
            "--port or JUNCTION_PORT says that the hub has port {port}, so it cannot move away. Start the gateway and the sessions without that setting."
        ));
    }
    let (listener, has_moved) = open_port::listen(&config.dir, port).await?;
    if has_moved {
        remark("The hub moves to another port. Sessions go on there in a moment.");
    }
    Ok(listener)
}

/// TLS with the certificate of this configuration directory.
async fn tls(config: &Config) -> anyhow::Result<Arc<GatewayTls>> {
    let (dir, machine) = (config.dir.clone(), machine());
    let open = move || {
        let authority = CertificateAuthority::open(&dir, machine.as_deref(), wall_ms())?;
        GatewayTls::new(authority)
    };
    Ok(Arc::new(spawn_blocking(open).await??))
}

/// Says where the gateway serves, and what its clients on other machines need.
fn announce(addresses: &GatewayAddresses, tls: Option<&GatewayTls>) {
    for base in &addresses.bases {
        remark(&format!("Serving MCP at {base}"));
    }
    if let Some(open) = &addresses.open {
        // Whose a connection is, Linux alone tells.
        remark(&if cfg!(target_os = "linux") {
            format!("Serving MCP to every program of your user on this machine at {open}")
        } else {
            format!("Serving MCP to every program on this machine, of other users too, at {open}")
        });
    }
    let Some(authority) = tls.map(GatewayTls::authority) else { return };
    let path = authority.certificate_path();
    remark(&format!("Certificate: {}", path.display()));
    remark(&format!("SHA-256 fingerprint: {}", authority.fingerprint()));
    remark(
        "Copy the certificate to the machine of each client, and tell the client to trust it, as docs/gateway.md shows.",
    );
    let unknown = authority.unknown_hosts().join(" or ");
    if !unknown.is_empty() {
        remark(&format!(
            "The certificate was made before this machine was called {unknown}: clients reach it by its addresses. To let them use that name, remove the certificate, start the gateway again, and copy the new one to each client."
        ));
    }
}
