//! `junction-bridge peers`: who is on a hub.

use anyhow::{anyhow, bail};
use clap::Args;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};

use crate::config::Config;
use crate::onlooker::{all_peers, look_at, table};
use crate::results::PeerJson;
use crate::terminal::{Terminal, remark, tell};
use crate::wording::Wording;

/// Which peers to show, and how.
#[derive(Debug, Args)]
pub(crate) struct Peers {
    /// Show only sessions of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Show only sessions in this repository
    #[arg(long, value_name = "REPO")]
    repo: Option<String>,
    /// Hub whose sessions to show: a known host's name, or HOST:PORT on this machine [env: JUNCTION_HUB]
    /// [default: local]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print one peer a line, as the tool list_peers shows it
    #[arg(long)]
    json: bool,
}

/// Shows all sessions on the hub that the settings name. None of them sees that somebody looks, and no hub is started.
///
/// # Errors
/// Why they cannot be shown, and what to do.
pub(crate) async fn peers(config: &Config, peers: Peers) -> anyhow::Result<()> {
    let Peers { role, repo, hub, json } = peers;
    let hub = hub.as_deref().unwrap_or(&config.hub);
    let running = LocalHub::of(&config.dir).running()?;
    if hub == LOCAL && running == RunningHub::None {
        bail!("No hub is running on this machine. Start a session of an agent, or junction-hub.");
    }
    let engine = look_at(config, hub, config.port);
    let found = all_peers(&engine, role.as_deref(), repo.as_deref()).await;
    engine.stop().await;
    let found = found.map_err(|error| anyhow!(error.wording()))?;
    if found.is_empty() {
        remark("No other session is there.");
    }
    if json {
        for peer in found {
            tell(&serde_json::to_string(&PeerJson::from(peer))?)?;
        }
        return Ok(());
    }
    for line in table(Terminal::stdout(), &found) {
        tell(&line)?;
    }
    Ok(())
}
