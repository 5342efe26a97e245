//! `gateway add`, `remove` and `list`: the agents that have an address of their own.

use anyhow::anyhow;
use junction_shared::machine::config_dir::{ConfigDir, ConfigError};
use junction_shared::machine::local_gateway::LocalGateway;
use junction_shared::machine::seat_secret::seat_secret;
use junction_shared::protocol::alias::Alias;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::overview::GatewayOverview;
use crate::gateway::names::{GatewayNames, NamedAgent};
use crate::ipc::description::{SessionConnection, SessionDescription};
use crate::terminal::{Cell, Style, Terminal, remark, tell};

/// Where the gateway serves by default.
const DEFAULT_BASE: &str = "http://127.0.0.1:4201/mcp";
/// What to do where no gateway runs.
pub(crate) const START_IT: &str =
    "No gateway is running. Run junction-bridge gateway, and leave it running.";

/// An agent as `gateway list --json` shows it, one a line.
#[derive(Serialize)]
struct AgentJson<'a> {
    name: &'a str,
    /// Whether the agent runs. It does from its client's first request on, until nobody has asked for a while.
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<SessionConnection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// The addresses of an agent: one for each at which the gateway serves, or would.
///
/// # Errors
/// The secret of the directory cannot be used, or the files of the gateway are not private to this user.
pub(crate) async fn addresses(dir: &ConfigDir, agent: &NamedAgent) -> anyhow::Result<Vec<String>> {
    let of_secret = dir.clone();
    let secret = spawn_blocking(move || seat_secret(&of_secret)).await??;
    let token = agent.token(&secret);
    Ok(bases(dir)?.into_iter().map(|base| format!("{base}/{token}")).collect())
}

/// What the addresses of agents begin with: where the gateway serves, or would.
///
/// # Errors
/// The files of the gateway are not private to this user.
pub(crate) fn bases(dir: &ConfigDir) -> Result<Vec<String>, ConfigError> {
    let mut bases = LocalGateway::of(dir).running()?.unwrap_or_default().bases;
    if bases.is_empty() {
        bases.push(DEFAULT_BASE.to_owned());
    }
    Ok(bases)
}

/// Adds an agent, unless it is there, and prints its addresses alone.
///
/// # Errors
/// The files cannot be used, or nothing can be written to stdout.
pub(super) async fn add(dir: &ConfigDir, name: &Alias) -> anyhow::Result<()> {
    let agent = GatewayNames::add(dir, name)?;
    addresses(dir, &agent).await?.iter().try_for_each(|address| tell(address))?;
    remark(
        "The address is a secret: whoever has it is this agent. Two clients with one address are one agent.",
    );
    if LocalGateway::of(dir).running()?.is_none() {
        remark(START_IT);
    }
    Ok(())
}

/// Removes an agent.
///
/// # Errors
/// There is no such agent, or the files cannot be used.
pub(super) async fn remove(dir: &ConfigDir, name: &Alias) -> anyhow::Result<()> {
    if !GatewayNames::remove(dir, name)? {
        return Err(anyhow!(
            "The gateway has no agent {name}. See which it has with junction-bridge gateway list."
        ));
    }
    let leaves = match LocalGateway::of(dir).running()? {
        Some(_) => {
            // Who is asked which agents run looks first which of them are still wanted.
            drop(GatewayOverview::of(dir).await);
            ", and its session leaves the hub"
        }
        None => "",
    };
    tell(&format!("Removed {name}: its address leads nowhere from now on{leaves}."))
}

/// Shows the agents, and which of them run.
///
/// # Errors
/// The files cannot be used, or nothing can be written to stdout.
pub(super) async fn list(dir: &ConfigDir, json: bool) -> anyhow::Result<()> {
    let gateway = GatewayOverview::of(dir).await?;
    let session = |agent: &NamedAgent| gateway.session_of(agent)?.said.as_ref().ok();
    if json {
        for agent in &gateway.agents {
            let shown = AgentJson::of(agent.name.as_str(), session(agent));
            tell(&serde_json::to_string(&shown)?)?;
        }
        return Ok(());
    }
    let is_serving = gateway.addresses.is_some();
    let row = |agent: &NamedAgent| {
        let (style, state) = state(session(agent), is_serving);
        vec![Cell::new(Style::Strong, agent.name.as_str()), Cell::new(style, state)]
    };
    let rows: Vec<_> = gateway.agents.iter().map(row).collect();
    Terminal::stdout().table(&rows).iter().try_for_each(|line| tell(line))?;
    if gateway.agents.is_empty() {
        remark("The gateway has no agents. Add one with junction-bridge gateway add NAME.");
    }
    if !is_serving && !gateway.agents.is_empty() {
        remark(START_IT);
    }
    let named = gateway.agents.iter().filter(|agent| gateway.session_of(agent).is_some()).count();
    let (what, own) = match gateway.sessions.len() - named {
        0 => return Ok(()),
        1 => ("1 more agent runs".to_owned(), "an address of its own"),
        others => (format!("{others} more agents run"), "addresses of their own"),
    };
    remark(&format!("{what}, without {own}. See junction-bridge status."));
    Ok(())
}

impl<'a> AgentJson<'a> {
    fn of(name: &'a str, session: Option<&'a SessionDescription>) -> Self {
        Self {
            name,
            running: session.is_some(),
            connection: session.map(|session| session.connection),
            alias: session.and_then(|session| session.alias.as_deref()),
            client: session.and_then(|session| session.client.as_deref()),
            reach: session.map(|session| session.reach.as_str()),
            why: session.and_then(|session| session.hindrance.as_deref()),
        }
    }
}

/// How an agent is, in words.
fn state(session: Option<&SessionDescription>, is_serving: bool) -> (Style, String) {
    let Some(session) = session else {
        let words = if is_serving { "not connected" } else { "not served" };
        return (Style::Faint, words.to_owned());
    };
    let (style, connection) = match session.connection {
        SessionConnection::Connected => (Style::Good, "connected"),
        SessionConnection::Away => (Style::Warning, "away from its hub"),
        SessionConnection::Left => (Style::Warning, "has left the hub"),
    };
    let alias = session.alias.iter().map(|alias| format!(" as {alias}"));
    let mut words = vec![format!("{connection}{}", alias.collect::<String>())];
    let client = session.client.as_deref().map(crate::escape::escape);
    words.extend(client.map(|client| client.text.into_owned()));
    let why = session.hindrance.iter().map(|why| format!(" ({why})")).collect::<String>();
    words.push(format!("{}{why}", session.reach));
    (style, words.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn session() -> SessionDescription {
        serde_json::from_value(json!({
            "version": "0", "directory": "/", "place": "here", "hub": "local", "alias": "desk-2",
            "connection": "connected", "why": null, "client": "Cur\u{1b}sor", "reach": "pull", "hindrance": "no-way",
            "way": null,
        }))
        .unwrap()
    }

    #[test]
    fn agent_is_shown_with_alias_client_and_reach() {
        let mut session = session();
        let words = |session: &SessionDescription| state(Some(session), true).1;
        assert!(words(&session).starts_with("connected as desk-2, Cur"), "{}", words(&session));
        assert!(words(&session).ends_with("sor, pull (no-way)"), "{}", words(&session));
        assert!(!words(&session).contains('\u{1b}'));
        (session.alias, session.client, session.hindrance) = (None, None, None);
        session.connection = SessionConnection::Away;
        assert_eq!(words(&session), "away from its hub, pull");
        assert_eq!(state(None, true).1, "not connected");
        assert_eq!(state(None, false).1, "not served");
    }

    #[test]
    fn json_has_what_is_known() {
        let session = session();
        let shown = serde_json::to_value(AgentJson::of("desk", Some(&session))).unwrap();
        let expected = json!({
            "name": "desk", "running": true, "connection": "connected", "alias": "desk-2", "client": "Cur\u{1b}sor",
            "reach": "pull", "why": "no-way",
        });
        assert_eq!(shown, expected);
        let shown = serde_json::to_value(AgentJson::of("desk", None)).unwrap();
        assert_eq!(shown, json!({ "name": "desk", "running": false }));
    }
}
