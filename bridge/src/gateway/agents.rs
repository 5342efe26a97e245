//! The agents that the gateway runs now. One is started when its client asks, and ends when nobody has asked for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::future::join_all;
use junction_shared::protocol::crypto::mac;
use junction_shared::secret::Secret;

use super::agent::GatewayAgent;
use super::names::{GatewayNames, NamedAgent};
use super::session_id::SessionId;
use crate::config::Config;
use crate::ipc::description::SessionDescription;

/// Agents at most. With one more, the one that was not asked for the longest time ends.
const MAX_AGENTS: usize = 1_024;
/// What ids of agents are derived for, and how long they are.
const AGENT_ID: &[u8] = b"aj1 gateway agent";
const AGENT_ID_BYTES: usize = 12;
/// Places for agents that have addresses, which no session of a client takes.
const KEPT_FOR_NAMED: usize = 256;
/// How long an agent is left alone after a request, however many there are.
const LEAST_IDLE: Duration = Duration::from_secs(60);

/// Whose agent it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AgentKey {
    /// The agent of an address.
    Named(NamedAgent),
    /// The agent of a client's session, at the address that takes any.
    Session(SessionId),
}

impl AgentKey {
    fn is_named(&self) -> bool {
        matches!(self, Self::Named(_))
    }

    /// What the agent is told from others by, among the programs of its user. No client can show it in place of a secret.
    pub(crate) fn id(&self, secret: &Secret) -> String {
        let session = match self {
            Self::Named(agent) => agent.session(),
            Self::Session(session) => session.text().to_owned(),
        };
        HEXLOWER.encode(&mac(secret.expose(), &[AGENT_ID, session.as_bytes()])[..AGENT_ID_BYTES])
    }

    /// The name that the agent was added by, if it has an address of its own.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Named(agent) => Some(agent.name.as_str()),
            Self::Session(_) => None,
        }
    }
}

/// The agents that the gateway runs now.
pub(crate) struct AgentTable {
    config: Arc<Config>,
    secret: Secret,
    agents: Mutex<HashMap<AgentKey, Arc<GatewayAgent>>>,
}

impl AgentTable {
    /// No agent yet. Their sessions join the hub as this config says.
    pub(crate) fn new(config: Arc<Config>, secret: Secret) -> Self {
        Self { config, secret, agents: Mutex::default() }
    }

    /// What addresses, ids of sessions and seats are derived from.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The agent, started if it does not run; `None` if there are too many.
    pub(crate) fn get(&self, key: &AgentKey) -> Option<Arc<GatewayAgent>> {
        let mut agents = self.running();
        if let Some(agent) = agents.get(key) {
            return Some(Arc::clone(agent));
        }
        let most = if key.is_named() { MAX_AGENTS } else { MAX_AGENTS - KEPT_FOR_NAMED };
        if agents.len() >= most {
            // A program that opens many sessions must not end the agents that have addresses.
            let yields = |other: &AgentKey| key.is_named() || !other.is_named();
            let idle = agents.iter().filter(|(other, _)| yields(other));
            let idle = idle.filter_map(|(other, agent)| Some((other, agent.idle_since()?)));
            let (idlest, since) = idle.min_by_key(|(other, since)| (other.is_named(), *since))?;
            if since.elapsed() < LEAST_IDLE {
                return None;
            }
            let idlest = idlest.clone();
            agents.remove(&idlest).into_iter().for_each(rest);
        }
        let (alias, session) = match key {
            AgentKey::Named(agent) => (Some(agent.name.clone()), agent.session()),
            AgentKey::Session(session) => (None, session.text().to_owned()),
        };
        let agent = GatewayAgent::start(&self.config, &self.secret, alias, &session);
        if let AgentKey::Session(session) = key {
            agent.client_named(session.client());
        }
        agents.insert(key.clone(), Arc::clone(&agent));
        Some(agent)
    }

    /// The agent, if it runs.
    pub(crate) fn get_running(&self, key: &AgentKey) -> Option<Arc<GatewayAgent>> {
        self.running().get(key).map(Arc::clone)
    }

    /// Ends the agent for good, if it runs.
    pub(crate) async fn leave(&self, key: &AgentKey) {
        let agent = self.running().remove(key);
        if let Some(agent) = agent {
            agent.leave().await;
        }
    }

    /// Has the session of the agent with this id leave the junction, as its user wants. Returns whether it runs.
    pub(crate) async fn remove(&self, id: &str) -> bool {
        let agent = {
            let agents = self.running();
            let meant = agents.iter().find(|(key, _)| key.id(&self.secret) == id);
            meant.map(|(_, agent)| Arc::clone(agent))
        };
        match agent {
            Some(agent) => {
                agent.remove().await;
                true
            }
            None => false,
        }
    }

    /// Ends the agents that nobody has asked for a while, and those whose names were removed.
    pub(crate) fn sweep(&self, names: &GatewayNames) {
        self.running().retain(|key, agent| {
            if let AgentKey::Named(named) = key
                && !names.holds(named)
            {
                let agent = Arc::clone(agent);
                tokio::spawn(async move { agent.leave().await });
                return false;
            }
            let is_idle =
                agent.idle_since().is_some_and(|since| since.elapsed() >= agent.patience());
            if is_idle {
                rest(Arc::clone(agent));
            }
            !is_idle
        });
    }

    /// Ends all agents, which come back with their seats when the gateway does.
    pub(crate) async fn rest_all(&self) {
        let agents: Vec<_> = self.running().drain().map(|(_, agent)| agent).collect();
        join_all(agents.iter().map(|agent| agent.rest())).await;
    }

    /// What the user is shown of each agent that runs.
    pub(crate) fn descriptions(&self) -> Vec<(AgentKey, SessionDescription)> {
        let agents = self.running();
        agents.iter().map(|(key, agent)| (key.clone(), agent.description(&self.config))).collect()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<AgentKey, Arc<GatewayAgent>>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends an agent in a task of its own.
fn rest(agent: Arc<GatewayAgent>) {
    tokio::spawn(async move { agent.rest().await });
}
