//! What is known of the gateway of a configuration directory without asking it over HTTP: where it serves, which agents it
//! is to serve, and which of them run.

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::local_gateway::{GatewayAddresses, LocalGateway};
use junction_shared::machine::local_hub::place;
use serde::Serialize;

use crate::gateway::names::{GatewayNames, NamedAgent, NamesError};
use crate::ipc::description::shortened;
use crate::ipc::local_sessions::{LocalSession, SessionServer, http_sessions};

/// The gateway of a configuration directory.
pub(crate) struct GatewayOverview {
    /// Where the gateway serves, if it runs.
    pub(crate) addresses: Option<GatewayAddresses>,
    /// The gateway's process, where the system tells.
    pub(crate) process: Option<u32>,
    /// The agents that have an address, by name.
    pub(crate) agents: Vec<NamedAgent>,
    /// The sessions of agents that run, those of the address that takes any client among them.
    pub(crate) sessions: Vec<LocalSession>,
}

/// The gateway as `status --json` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewayJson {
    running: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u32>,
    /// Agents that have an address.
    agents: usize,
    /// Agents that run.
    running_agents: usize,
}

impl GatewayOverview {
    /// The gateway of this directory. Nothing is started or created.
    ///
    /// # Errors
    /// The files of the gateway are not private to this user, or damaged.
    pub(crate) async fn of(dir: &ConfigDir) -> Result<Self, NamesError> {
        let files = LocalGateway::of(dir);
        let addresses = files.running()?;
        let process = addresses.as_ref().and_then(|_| files.process());
        let agents = GatewayNames::load(dir)?.agents().collect();
        let sessions = match addresses {
            Some(_) => sessions_of(dir).await,
            None => Vec::new(),
        };
        Ok(Self { addresses, process, agents, sessions })
    }

    /// Whether there is nothing to say of it: it does not run, and has no agents.
    pub(crate) fn is_unused(&self) -> bool {
        self.addresses.is_none() && self.agents.is_empty()
    }

    /// The session of the agent that was added by this name, if it runs.
    pub(crate) fn session_of(&self, agent: &NamedAgent) -> Option<&LocalSession> {
        let of_name = |session: &&LocalSession| matches!(&session.server, SessionServer::Gateway { name: Some(name), .. } if *name == agent.name.as_str());
        self.sessions.iter().find(of_name)
    }

    /// Where the gateway serves, and how many agents it has, in the words of a line.
    pub(crate) fn words(&self) -> Vec<String> {
        let count = |count: usize, what: &str| match count {
            1 => format!("1 agent {what}"),
            _ => format!("{count} agents {what}"),
        };
        let agents = count(self.agents.len(), "with an address");
        let Some(addresses) = &self.addresses else {
            return vec!["not running".to_owned(), agents];
        };
        let process = self.process.map(|process| format!(" (process {process})"));
        let all: Vec<_> = addresses.open.iter().chain(&addresses.bases).cloned().collect();
        let at = match all.as_slice() {
            [] => "starting".to_owned(),
            _ => format!("at {}", all.join(" and ")),
        };
        let running = count(self.sessions.len(), "running");
        vec![format!("{at}{}", process.unwrap_or_default()), agents, running]
    }
}

impl From<&GatewayOverview> for GatewayJson {
    fn from(gateway: &GatewayOverview) -> Self {
        let addresses = gateway.addresses.clone();
        let GatewayAddresses { bases, open } = addresses.unwrap_or_default();
        Self {
            running: gateway.addresses.is_some(),
            addresses: bases,
            open_address: open,
            process: gateway.process,
            agents: gateway.agents.len(),
            running_agents: gateway.sessions.len(),
        }
    }
}

/// The sessions of the gateway of this directory.
async fn sessions_of(dir: &ConfigDir) -> Vec<LocalSession> {
    let directory = shortened(&dir.path().to_string_lossy());
    let is_here = |session: &LocalSession| {
        let said = session.said.as_ref();
        said.is_ok_and(|said| said.directory == directory && said.place == place())
    };
    http_sessions().await.into_iter().filter(is_here).collect()
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::alias::Alias;

    use super::*;

    #[test]
    fn gateway_is_told_in_a_line_and_as_json() {
        let agents = ["claude", "desk"].map(|name| NamedAgent {
            name: Alias::parse(name).unwrap(),
            generation: "1".to_owned(),
        });
        let mut gateway = GatewayOverview {
            addresses: None,
            process: None,
            agents: agents.to_vec(),
            sessions: Vec::new(),
        };
        assert_eq!(gateway.words().join(", "), "not running, 2 agents with an address");
        let json = serde_json::to_value(GatewayJson::from(&gateway)).unwrap();
        let expected = serde_json::json!({ "running": false, "agents": 2, "runningAgents": 0 });
        assert_eq!(json, expected);
        let bases = vec!["http://127.0.0.1:4201/mcp".to_owned()];
        gateway.addresses = Some(GatewayAddresses { bases, open: None });
        (gateway.process, gateway.agents) = (Some(7), agents[..1].to_vec());
        let words =
            "at http://127.0.0.1:4201/mcp (process 7), 1 agent with an address, 0 agents running";
        assert_eq!(gateway.words().join(", "), words);
        let json = serde_json::to_value(GatewayJson::from(&gateway)).unwrap();
        let expected = serde_json::json!({
            "running": true, "addresses": ["http://127.0.0.1:4201/mcp"], "process": 7, "agents": 1, "runningAgents": 0,
        });
        assert_eq!(json, expected);
        gateway.agents.clear();
        assert!(!gateway.is_unused());
        gateway.addresses = None;
        assert!(gateway.is_unused());
    }
}
