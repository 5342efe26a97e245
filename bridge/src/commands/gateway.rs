//! `junction-bridge gateway`: MCP over HTTP for clients that start no process.

use std::future::pending;
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

use super::send::alias;
use crate::config::Config;
use crate::gateway::host::GatewayHost;
use crate::gateway::names::GatewayNames;
use crate::gateway::{Connections, Served, open_port, serve};
use crate::process::signals::Signals;
use crate::terminal::{remark, tell};

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
    /// Also serve clients set up for the original agent-junction: http://127.0.0.1:4200/mcp, without a secret
    ///
    /// Every program of your user on this machine may come in there, and each session of a client is an agent. This
    /// machine's hub moves to another port, which sessions find by themselves.
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "4200")]
    compat: Option<u16>,
}

/// A change of the agents that are served.
#[derive(Debug, Subcommand)]
pub(crate) enum GatewayCommand {
    /// Add an agent, and print its secret address
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
}

/// Serves agents over HTTP until the command is ended, or changes which agents there are.
///
/// # Errors
/// The addresses are taken, or the config directory cannot be used.
pub(crate) async fn gateway(config: &Arc<Config>, options: GatewayOptions) -> anyhow::Result<()> {
    match options.command {
        Some(GatewayCommand::Add { name }) => add(config, &name).await,
        Some(GatewayCommand::Remove { name }) => remove(config, &name),
        None => run(config, &options).await,
    }
}

async fn add(config: &Config, name: &Alias) -> anyhow::Result<()> {
    let dir = config.dir.clone();
    let secret = spawn_blocking(move || seat_secret(&dir)).await??;
    let agent = GatewayNames::add(&config.dir, name)?;
    let running = LocalGateway::of(&config.dir).running()?;
    let addresses = running.clone().unwrap_or_default().bases;
    let default = format!("http://127.0.0.1:{PORT}/mcp");
    let bases = if addresses.is_empty() { vec![default] } else { addresses };
    for base in bases {
        tell(&format!("{base}/{}", agent.token(&secret)))?;
    }
    Ok(())
}

fn remove(config: &Config, name: &Alias) -> anyhow::Result<()> {
    if GatewayNames::remove(&config.dir, name)? {
        Ok(())
    } else {
        Err(anyhow!("The gateway has no agent {name}."))
    }
}

async fn run(config: &Arc<Config>, options: &GatewayOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let dir = config.dir.clone();
    let secret = spawn_blocking(move || seat_secret(&dir)).await??;
    let Some(claim) = LocalGateway::of(&config.dir).try_claim()? else {
        return Err(anyhow!("A gateway is already running. Stop it first."));
    };
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), options.gateway_port);
    let listener = TcpListener::bind(address).await?;
    let open = match options.compat {
        Some(port) => Some(open_listener(config, port).await?),
        None => None,
    };
    let base = |listener: &TcpListener| Ok::<_, anyhow::Error>(format!("http://{}/mcp", listener.local_addr()?));
    let addresses = GatewayAddresses {
        bases: vec![base(&listener)?],
        open: open.as_ref().map(base).transpose()?,
    };
    claim.publish(&addresses)?;
    remark(&format!("Serving MCP at {}.", addresses.bases[0]));
    if let Some(open) = &addresses.open {
        remark(&format!("Serving every program of your user on this machine at {open}"));
    }
    let host = Arc::new(GatewayHost::new(Arc::clone(config), secret));
    let connections = Arc::<Connections>::default();
    let named = serve(Arc::clone(&host), listener, Served::Named, Arc::clone(&connections));
    let open = async {
        match open {
            Some(listener) => serve(Arc::clone(&host), listener, Served::Open, connections).await,
            None => pending().await,
        }
    };
    let sweeping = async {
        let mut ticks = interval(SWEEP_INTERVAL);
        loop {
            ticks.tick().await;
            host.sweep().await;
        }
    };
    tokio::select! {
        served = named => served?,
        served = open => served?,
        () = sweeping => {}
        () = signals.next() => {}
    }
    host.agents.rest_all().await;
    Ok(())
}

/// Listens where clients of the original look.
async fn open_listener(config: &Config, port: u16) -> anyhow::Result<TcpListener> {
    if config.port == Some(port) {
        return Err(anyhow!(
            "--port or JUNCTION_PORT says that the hub has port {port}, so that it cannot move. Start the gateway and the sessions without it."
        ));
    }
    let (listener, has_moved) = open_port::listen(&config.dir, port).await?;
    if has_moved {
        remark("The hub moves to another port. Sessions go on there in a moment.");
    }
    Ok(listener)
}
