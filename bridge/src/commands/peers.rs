//! `junction-bridge peers`: who is on a hub.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::{RunningHub, place};
use serde_json::Value;
use tokio::time::timeout;

use crate::config::Config;
use crate::ipc::description::SessionConnection;
use crate::ipc::{BridgeRequest, BridgeResponse, all_bridges, send};
use crate::onlooker::{all_peers, look_at, show};
use crate::results::PeerJson;
use crate::results::words::STATE_FILTERS;
use crate::terminal::remark;
use crate::wording::people::for_person;
use crate::wording::{Audience, Wording as _};
use junction_engine::hubs::known::KnownHosts;
use junction_engine::transport::tls::Security;

/// How long a session may take to answer: it has to ask its hub.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pages to ask a session for, at most.
const MAX_PAGES: usize = 1000;

/// Which peers to show, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Peers {
    /// Show only sessions of this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Show only sessions in this repository
    #[arg(long, value_name = "REPO")]
    repo: Option<String>,
    /// Show only sessions whose agent is in this state
    #[arg(long, value_name = "STATE", ignore_case = true, value_parser = STATE_FILTERS.map(|(word, _)| word))]
    state: Option<String>,
    /// Hub whose sessions to show: a known host's name, or HOST:PORT on this machine [env: JUNCTION_HUB]
    /// [default: local]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print one peer a line, as the tool list_peers shows it
    #[arg(long)]
    json: bool,
}

impl Peers {
    /// Whether a peer's agent does what is asked for.
    fn shows(&self, peer: &Value) -> bool {
        self.state.as_ref().is_none_or(|state| {
            peer["state"].as_str().is_some_and(|word| word.eq_ignore_ascii_case(state))
        })
    }

    /// What is said where no session is shown: with a filter, there may be others.
    fn nobody(&self) -> &'static str {
        if self.role.is_none() && self.repo.is_none() && self.state.is_none() {
            "No other session is there."
        } else {
            "No other session matches. Leave out --role, --repo and --state to see all."
        }
    }
}

/// Shows all sessions on the hub that the settings name. None of them sees that somebody looks, and no hub is started. A
/// hub on another machine would list a session that looks: there a session of this user's that is on it is asked.
///
/// # Errors
/// Why they cannot be shown, and what to do.
pub(crate) async fn peers(config: &Config, peers: Peers) -> anyhow::Result<()> {
    let hub = peers.hub.as_deref().unwrap_or(&config.hub);
    let known = KnownHosts::new(config.dir.clone(), config.port);
    if hub == LOCAL && known.running_hub()? == RunningHub::None {
        bail!(
            "No hub is running on this machine. Run junction-hub, or start an agent's session, which starts one."
        );
    }
    let target = known.target(hub).map_err(|error| anyhow!(error.words_for(Audience::Person)))?;
    let mut found = match target.endpoint.security {
        Security::Loopback => from_hub(config, hub, &peers).await?,
        _ => from_session(config, &target.name, &peers).await?,
    };
    // Filtered here, because older hubs and older bridges of sessions know no states to filter by.
    found.retain(|peer| peers.shows(peer));
    if found.is_empty() {
        remark(peers.nobody());
    }
    show(&found, peers.json)
}

async fn from_hub(config: &Config, hub: &str, peers: &Peers) -> anyhow::Result<Vec<Value>> {
    let engine = look_at(config, hub, config.port);
    let found = all_peers(&engine, peers.role.as_deref(), peers.repo.as_deref()).await;
    engine.stop().await;
    let found = found.map_err(|error| anyhow!(for_person(&error)))?;
    Ok(found.into_iter().map(|peer| PeerJson::from(peer).into_value()).collect())
}

/// What a session of this user's sees that is on the hub of this name.
async fn from_session(config: &Config, hub: &str, peers: &Peers) -> anyhow::Result<Vec<Value>> {
    for socket in all_bridges() {
        let Some(BridgeResponse::Description(session)) =
            ask(&socket, &BridgeRequest::Describe).await
        else {
            continue;
        };
        let is_there = session.hub == hub
            && session.connection == SessionConnection::Connected
            && session.directory == config.dir.path().to_string_lossy()
            && session.place == place();
        let Some(found) = (if is_there { pages(&socket, peers).await } else { None }) else {
            continue;
        };
        let alias = session.alias.unwrap_or_default();
        remark(&format!("As seen from your session {alias}, which is there too and not listed."));
        return Ok(found);
    }
    bail!(
        "The hub {hub} is on another machine, where this command would be listed as a session, and no session of yours \
         that runs here is on it. Run this while one is, or on the hub's machine."
    );
}

/// All pages of the peers that a session sees; nothing if it gives one up.
async fn pages(socket: &Path, peers: &Peers) -> Option<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let (role, repo) = (peers.role.clone(), peers.repo.clone());
        let page = ask(socket, &BridgeRequest::Peers { role, repo, cursor }).await?;
        let BridgeResponse::Peers { peers, cursor: next } = page else { return None };
        all.extend(peers);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    Some(all)
}

async fn ask(socket: &Path, request: &BridgeRequest) -> Option<BridgeResponse> {
    let received = timeout(PATIENCE, send(socket, request)).await.ok()?.ok()?;
    Some(received.response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_sessions_that_a_filter_leaves_out_are_not_said_to_be_absent() {
        let some = || Some("idle".to_owned());
        let all = Peers { role: None, repo: None, state: None, hub: some(), json: false };
        assert_eq!(all.nobody(), "No other session is there.");
        for filtered in [
            Peers { role: some(), hub: None, ..all.clone() },
            Peers { repo: some(), hub: None, ..all.clone() },
            Peers { state: some(), hub: None, ..all.clone() },
        ] {
            assert!(filtered.nobody().starts_with("No other session matches."));
        }
    }
}
