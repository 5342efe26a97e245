//! How a message would get to the agent now: for a person who asks, and for its sender.

use std::time::{Duration, Instant};

use junction_shared::protocol::wire::{Hindrance, Outlook, Reach, State};

use super::Wake;
use super::activity::WatchedTurn;
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
    /// For how long the agent's user still pauses its wakes.
    pub(crate) held_for: Option<Duration>,
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
        let now = now();
        let can_wake = agent.policy.can_wake(now);
        let held_for = agent.policy.hold.until(now).map(|until| until - now);
        let unwoken = || self.obstacle(&agent).or((!can_wake).then_some(Hindrance::Budget));
        let hindrance = held_for.map(|_| Hindrance::Held).or_else(unwoken);
        drop(agent);
        let reach = channels.reach(can_wake).max(channels.reach(false));
        let (client, way) = (label(display_name(name)), channels.way());
        WakeInspection { client, reach, hindrance, way, held_for }
    }

    /// Why nothing can wake the agent; `None` if a channel can.
    pub(super) fn obstacle(&self, agent: &AgentState) -> Option<Hindrance> {
        let channels = &self.0.channels;
        if channels.can_wake() {
            return None;
        }
        if !self.0.is_client_here {
            return Some(Hindrance::NoWay);
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
        let held = agent.policy.hold.is_on(now).then_some(Hindrance::Held);
        // In a hold, the agent is not asked to read before it ends its turn.
        let is_sure_to_ask = has_hooks && held.is_none();
        let is_told_in_turn = is_sure_to_ask && agent.activity.state(now) == Some(State::Busy);
        if agent.activity.is_waiting(now) || is_told_in_turn {
            return None;
        }
        let arrival = arrived.arrival?;
        let is_told = held.is_none() && agent.policy.is_told(arrival);
        // The way of the notice that the agent has may be used up by it.
        if let Some(why) = self.obstacle(&agent).filter(|_| !is_told) {
            return because(held.unwrap_or(why));
        }
        agent.policy.outlook(arrival, now)
    }

    /// Takes in what the client shows of its session, if it is time to look.
    pub(super) fn look_at_session(&self, now: Instant) {
        let Some(session) = self.0.client.get().and_then(|client| client.session.as_ref()) else {
            return;
        };
        let mut agent = self.agent();
        if agent.looks_at() > Some(now) {
            return;
        }
        agent.looked_at = Some(now);
        let shown = session.state();
        let turn = agent.watch(shown, now);
        if let Some(State::Busy | State::WaitingOnHuman) = shown {
            agent.touch();
            agent.note_work(now);
        }
        // A turn that nothing of this bridge's began may be a person's.
        if turn == Some(WatchedTurn::Began) && !agent.is_in_turn_of_ours(now) {
            agent.policy.person_prompted(now);
            self.0.engine.maybe_begin_turn();
        }
    }

    /// Tells senders what to expect once a hold has come to its end.
    pub(super) fn look_at_hold(&self, now: Instant) {
        if self.agent().policy.hold.take_end(now) {
            self.0.engine.forecast_again();
        }
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
