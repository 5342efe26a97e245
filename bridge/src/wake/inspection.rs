//! How a message would get to the agent now, for a person who asks.

use junction_shared::protocol::wire::{Hindrance, Reach};

use super::Wake;
use crate::clients::{self, ClientSigns, display_name};
use junction_engine::{label, now};

/// How a message would get to the agent now.
pub(crate) struct WakeInspection {
    /// The agent's client, once it has introduced itself.
    pub(crate) client: Option<String>,
    /// How a message gets to the agent.
    pub(crate) reach: Reach,
    /// Why a message would not wake the agent.
    pub(crate) hindrance: Option<Hindrance>,
}

impl Wake {
    /// Looks at the agent and its channels. Nothing changes.
    pub(crate) fn inspect(&self) -> WakeInspection {
        let (channels, client) = (&self.0.channels, self.0.client.get());
        let name = client.map_or("", |client| client.mcp_name.as_str());
        let agent = self.agent();
        let can_wake = agent.policy.can_wake(now());
        let signs = ClientSigns {
            has_hooks: channels.turn_hooks.were_seen(),
            has_called: agent.has_called,
        };
        drop(agent);
        let hindrance = match (channels.can_wake(), channels.are_unattended()) {
            (true, _) => (!can_wake).then_some(Hindrance::Budget),
            (false, true) => Some(Hindrance::Asleep),
            (false, false) => Some(clients::hindrance(name, signs)),
        };
        let reach = channels.reach(can_wake).max(channels.reach(false));
        WakeInspection { client: label(display_name(name)), reach, hindrance }
    }
}
