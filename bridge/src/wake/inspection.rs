//! How a message would get to the agent now: for a person who asks, and for its sender.

use std::time::Instant;

use junction_shared::protocol::wire::{Hindrance, Outlook, Reach, State};

use super::Wake;
use super::agent_state::AgentState;
use crate::clients::{self, ClientSigns, SessionClaim, WakingWay, display_name};
use junction_engine::{Arrived, Availability, Snapshot, label, now};

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
    /// Waits until it is known which seat the session has, if it has just been named.
    pub(crate) async fn seat_settled(&self) {
        if let Some(seats) = &self.0.seats {
            seats.settled().await;
        }
    }

    /// Passes on which session the bridge serves. The caller holds the agent's state, so that claims keep their order.
    pub(super) fn session_known(&self, claim: Option<SessionClaim>) {
        if claim.is_some()
            && let Some(seats) = &self.0.seats
        {
            seats.claim(claim);
        }
    }

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

    /// What the sender of a message should know that nobody waits for here.
    pub(super) fn outlook(
        &self,
        arrived: Arrived,
        snapshot: &Snapshot,
        now: Instant,
    ) -> Option<Outlook> {
        let because = |why| Some(Outlook { wakes_in: None, hindrance: Some(why) });
        if arrived.past_limit {
            return because(Hindrance::Chain);
        }
        let mut agent = self.agent();
        agent.policy.update(snapshot.clone());
        let has_hooks = self.0.channels.turn_hooks.were_seen();
        let is_told_in_turn = has_hooks && agent.activity.state(now) == Some(State::Busy);
        if agent.activity.is_waiting(now) || is_told_in_turn {
            return None;
        }
        if let Some(why) = self.obstacle(&agent) {
            return because(why);
        }
        agent.policy.outlook(arrived.arrival?, now)
    }

    /// How the agent can be reached now, and what it does.
    pub(super) fn availability(&self, now: Instant) -> Availability {
        let agent = self.agent();
        self.0.channels.waiting_read.set(agent.activity.is_waiting(now));
        let unwoken = self.0.channels.reach(false);
        let reach = self.0.channels.reach(agent.policy.can_wake(now)).max(unwoken);
        let is_unattended = self.0.channels.are_unattended();
        Availability { reach, unwoken, state: agent.activity.state(now), is_unattended }
    }
}
