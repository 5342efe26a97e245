//! Programs that wait beside the session until the agent should be woken.

use std::sync::Arc;

use super::agent_state::sign_of;
use super::channels::Readiness;
use super::{WaitingProgram, Wake};
use crate::clients::WakeOutcome;
use crate::clients::hook_event::{HookEvent, HookEventKind};
use junction_engine::now;

impl Wake {
    /// Registers a hook that waits until the agent should be woken. The client starts it at an event of the session: at
    /// the beginning, or as a turn ends. A reserve is let go while a plugin waits: `None`.
    pub(crate) fn rewake_hook(&self, event: HookEvent, is_reserve: bool) -> Option<WaitingProgram> {
        let mut agent = self.agent();
        let claim = agent.tracker.remembered(&event, self.0.plugin.as_deref());
        self.session_known(claim);
        if let Some(session) = event.session {
            agent.note_session(session);
        }
        agent.touch();
        if event.kind == HookEventKind::Stops {
            agent.note_work(now());
        }
        // The hook that may hold up the stop gets the same event. If it did, the turn goes on.
        let goes_on = event.kind == HookEventKind::Stops && agent.policy.is_stop_held_up();
        if !goes_on && event.kind.shows_activity() {
            agent.activity.hook_sign(sign_of(event.kind), now());
        }
        if event.kind == HookEventKind::Stops && !goes_on && !self.0.channels.turn_hooks.were_seen()
        {
            // Nothing else reports that the turn has ended.
            agent.policy.turn_ended(now());
        }
        drop(agent);
        let channels = &self.0.channels;
        let hook = (!is_reserve || !channels.plugins.is_manned()).then(|| {
            let readiness = if is_reserve { Readiness::Reserve } else { Readiness::Usable };
            Arc::clone(&channels.rewake_hooks).register(readiness, Arc::clone(&self.0.changed))
        });
        self.0.changed.notify_one();
        hook
    }

    /// Registers a plugin's program that waits until the agent should be woken. The plugin also tells what became of the
    /// notice that it was given last, if it was given one.
    pub(crate) fn plugin_waits(
        &self,
        session: Option<String>,
        outcome: Option<WakeOutcome>,
    ) -> WaitingProgram {
        let mut agent = self.agent();
        if let Some(session) = session {
            agent.note_session(session);
        }
        if let Some(outcome) = outcome {
            match &agent.trial {
                Some(trial) if trial.is_plugins => trial.ended(outcome),
                _ => agent.take_outcome(outcome),
            }
        }
        // What could not begin a turn a moment ago is not tried again for the same messages.
        let is_usable = outcome != Some(WakeOutcome::Dropped);
        agent.is_wake_refused = !is_usable;
        drop(agent);
        let changed = Arc::clone(&self.0.changed);
        let readiness = if is_usable { Readiness::Usable } else { Readiness::Refused };
        let program = Arc::clone(&self.0.channels.plugins).register(readiness, changed);
        if is_usable {
            self.0.channels.rewake_hooks.release_reserve();
        }
        self.0.changed.notify_one();
        if !is_usable {
            // Senders were told that the agent is woken.
            self.0.engine.forecast_again();
        }
        program
    }
}
