//! How a message would get to the agent now, for a person who asks.

use junction_shared::protocol::wire::{Hindrance, Reach};

use super::Wake;
use super::agent_state::AgentState;
use crate::clients::{self, ClientSigns, WakingWay, display_name};
use junction_engine::{label, now};

/// How a message would get to the agent now.
pub(crate) struct WakeInspection {
    /// The agent's client, once it has introduced itself.
    pub(crate) client: Option<String>,
    /// How a message gets to the agent.
    pub(crate) reach: Reach,
    /// Why a message would not wake the agent.
    pub(crate) hindrance: Option<Hindrance>,
    /// The way by which a message would wake the agent.
    pub(crate) way: Option<WakingWay>,
}

impl Wake {
    /// Looks at the agent and its channels. Nothing changes.
    pub(crate) fn inspect(&self) -> WakeInspection {
        let (channels, client) = (&self.0.channels, self.0.client.get());
        let name = client.map_or("", |client| client.mcp_name.as_str());
        let agent = self.agent();
        let can_wake = agent.policy.can_wake(now());
        let hindrance = self.obstacle(&agent).or((!can_wake).then_some(Hindrance::Budget));
        drop(agent);
        let reach = channels.reach(can_wake).max(channels.reach(false));
        WakeInspection { client: label(display_name(name)), reach, hindrance, way: channels.way() }
    }

    /// Why nothing can wake the agent; `None` if a channel can.
    pub(super) fn obstacle(&self, agent: &AgentState) -> Option<Hindrance> {
        let channels = &self.0.channels;
        if channels.can_wake() {
            return None;
        }
        if channels.are_unattended() {
            return Some(Hindrance::Asleep);
        }
        if agent.is_wake_refused {
            return Some(Hindrance::Dropped);
        }
        let has_hooks = channels.turn_hooks.were_seen();
        let signs = ClientSigns { has_hooks, has_called: agent.has_called };
        let client = self.0.client.get().map_or("", |client| &client.mcp_name);
        Some(clients::hindrance(client, signs))
    }
}
