//! `junction-bridge gateway`: MCP over HTTP for clients that start no process.

mod agent_names;
mod overview;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use junction_shared::machine::local_gateway::{GatewayAddresses, LocalGateway};
use junction_shared::machine::seat_secret::seat_secret;
use junction_shared::protocol::alias::Alias;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::interval;

pub(crate) use self::agent_names::{START_IT, addresses, bases};
pub(crate) use self::overview::{GatewayJson, GatewayOverview};
use super::send::alias;
use crate::config::Config;
use crate::gateway::host::GatewayHost;
use crate::gateway::requests::GatewayRequests;
use crate::gateway::{Connections, Served, serve};
use crate::ipc::server::{self as socket, SocketKind};
use crate::process::signals::Signals;
use crate::terminal::remark;

/// The port of the gateway on loopback.
const PORT: u16 = 4201;
/// How often to look for agents that are not wanted any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How to serve, or which agents to serve.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct GatewayOptions {
    #[command(subcommand)]
    command: Option<GatewayCommand>,
    /// Port on this machine [default: 4201]
    #[arg(long, value_name = "PORT", default_value_t = PORT, hide_default_value = true)]
    gateway_port: u16,
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
        Some(GatewayCommand::Remove { name }) => agent_names::remove(&config.dir, &name),
        Some(GatewayCommand::List { json }) => agent_names::list(&config.dir, json).await,
        None => run(config, &options).await,
    }
}

async fn run(config: &Arc<Config>, options: &GatewayOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let dir = config.dir.clone();
    let secret = spawn_blocking(move || seat_secret(&dir)).await??;
    let Some(claim) = LocalGateway::of(&config.dir).try_claim()? else {
        return Err(anyhow!("A gateway is already running."));
    };
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), options.gateway_port);
    let listener = TcpListener::bind(address).await?;
    let bases = vec![format!("http://{}/mcp", listener.local_addr()?)];
    claim.publish(&GatewayAddresses { bases: bases.clone(), open: None })?;
    remark(&format!("Serving at {}", bases[0]));
    let host = Arc::new(GatewayHost::new(Arc::clone(config), secret));
    let connections = Arc::<Connections>::default();
    let serving = serve(Arc::clone(&host), listener, Served::Named, connections);
    let socket = socket::start(SocketKind::Gateway, GatewayRequests::new(Arc::clone(&host)));
    let sweeping = async {
        let mut ticks = interval(SWEEP_INTERVAL);
        loop {
            ticks.tick().await;
            host.sweep().await;
        }
    };
    tokio::select! {
        served = serving => served?,
        () = sweeping => {}
        () = signals.next() => {}
    }
    // First, so that no command asks for agents that are about to end.
    socket.abort();
    host.agents.rest_all().await;
    Ok(())
}
