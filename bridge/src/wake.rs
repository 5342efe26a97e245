//! How a message reaches the agent: what the agent is doing, what it is told, when it is woken, and by which channel.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use junction_shared::protocol::wire::State;
use tokio::sync::Notify;

use crate::clients::CallOrigin;
use crate::clients::hook_event::{HookEvent, HookEventKind, NOTICE_PREFIX};
use crate::clients::hook_reply::HookReply;
use junction_engine::Availability;
use junction_engine::now;
use junction_engine::{Engine, Snapshot};

mod activity;
mod agent_state;
mod channels;
mod notice;
mod policy;

use activity::ActivitySign;
use agent_state::{AgentState, sign_of};
use channels::{Channels, RewakeHook};
use notice::Notice;

/// How long after the list of tools a client may take to show them to its model. An agent that is woken before has
/// nothing to read with.
const TOOLS_SHOWN_AFTER: Duration = Duration::from_secs(2);
/// How long a woken agent may show no sign of life before the next channel is tried.
const NO_SIGN: Duration = Duration::from_secs(60);
/// How often channels are polled that can come and go without an event.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// A handle to what is known of one agent, and to the task that wakes it. Clones share both.
#[derive(Clone)]
pub(crate) struct Wake(Arc<WakeShared>);

struct WakeShared {
    engine: Engine,
    agent: Mutex<AgentState>,
    channels: Channels,
    /// Notified whenever the agent's state or a channel has changed.
    changed: Arc<Notify>,
}

/// A tool call that is running. Dropping it ends the call.
pub(crate) struct RunningCall(Wake);

/// A tool call that waits for messages. Dropping it ends the wait.
pub(crate) struct RunningWait(Wake, Instant);

impl Wake {
    /// Begins to watch the agent behind this engine, in a task of its own.
    pub(crate) fn start(engine: Engine, wakes_per_hour: usize) -> Self {
        let wake = Self::new(engine, wakes_per_hour);
        tokio::spawn(wake.clone().run());
        wake
    }

    /// A handle without the task, which wakes nobody.
    #[cfg(test)]
    pub(crate) fn still(engine: Engine) -> Self {
        Self::new(engine, 0)
    }

    fn new(engine: Engine, wakes_per_hour: usize) -> Self {
        let agent = Mutex::new(AgentState::new(engine.snapshot(), wakes_per_hour));
        Self(Arc::new(WakeShared {
            engine,
            agent,
            channels: Channels::new(),
            changed: Arc::default(),
        }))
    }

    /// Takes an event of the agent's session, and returns what the agent should be told.
    pub(crate) fn hook(&self, event: HookEvent) -> HookReply {
        let now = now();
        let snapshot = self.0.engine.snapshot();
        let mut agent = self.agent();
        if let Some(session) = event.session {
            agent.note_session(session);
        }
        agent.policy.update(snapshot.clone());
        agent.touch();
        if event.subagent {
            // A subagent does not read the agent's messages.
            if let HookEventKind::Used | HookEventKind::Busy | HookEventKind::AwaitsHuman =
                event.kind
            {
                agent.activity.subagent_sign(sign_of(event.kind), now);
            }
            drop(agent);
            self.0.changed.notify_one();
            return HookReply::default();
        }
        if let HookEventKind::Prompted | HookEventKind::Used | HookEventKind::Stops = event.kind {
            self.0.channels.turn_hooks.seen();
        }
        let reply = agent.reply(event.kind, &snapshot, now);
        drop(agent);
        if event.kind == HookEventKind::Prompted {
            self.0.engine.begin_turn();
        }
        self.0.changed.notify_one();
        reply
    }

    /// Takes back what a hook's reply should have told the agent, because the reply did not arrive.
    pub(crate) fn reply_lost(&self, reply: &HookReply) {
        let mut agent = self.agent();
        let (context, block) = (reply.context.as_deref(), reply.block.as_deref());
        if context.is_some_and(|text| !text.starts_with(NOTICE_PREFIX)) {
            agent.greeted = None;
        }
        if context.or(block).is_some_and(|text| text.contains(NOTICE_PREFIX)) {
            agent.policy.notice_lost();
        }
        if block.is_some() {
            // Nothing held the turn up, so it has ended.
            agent.policy.turn_ended();
            agent.activity.hook_sign(ActivitySign::Known(State::Idle), now());
        }
        drop(agent);
        self.0.changed.notify_one();
    }

    /// Whether this is an id of the client's session.
    pub(crate) fn knows_session(&self, session: &str) -> bool {
        self.agent().sessions.iter().any(|known| known == session)
    }

    /// Takes note of the client's name in MCP.
    pub(crate) fn client_named(&self, mcp_name: &str) {
        if self.0.channels.client_named(mcp_name) {
            let wake = self.clone();
            tokio::spawn(async move {
                wake.0.channels.poll().await;
                wake.0.changed.notify_one();
            });
        }
    }

    /// Takes note of the thread and turn that a call belongs to.
    pub(crate) fn call_from(&self, origin: &CallOrigin) {
        let mut agent = self.agent();
        agent.note_session(origin.thread.clone());
        // The call of a hook names its thread and no turn.
        let is_new = origin.turn.is_some() && agent.turn != origin.turn;
        if is_new {
            agent.turn.clone_from(&origin.turn);
        }
        drop(agent);
        if is_new && origin.by_person {
            self.0.engine.begin_turn();
        }
        if self.0.channels.call_from(origin) {
            self.0.changed.notify_one();
        }
    }

    /// Notes that the client has asked for the list of tools.
    pub(crate) fn tools_listed(&self) {
        self.agent().ready_at.get_or_insert(now() + TOOLS_SHOWN_AFTER);
        self.0.changed.notify_one();
    }

    /// Notes that the agent calls a tool.
    pub(crate) fn call_began(&self) -> RunningCall {
        let mut agent = self.agent();
        agent.touch();
        agent.ready_at = Some(agent.ready_at.map_or(now(), |ready| ready.min(now())));
        let begins_turn = agent.activity.call_began(self.0.channels.can_wake_from(0), now());
        // An agent that was told of a message is in a turn for that reason.
        if begins_turn && !agent.policy.is_notice_outstanding() {
            self.0.engine.maybe_begin_turn();
        }
        drop(agent);
        self.0.changed.notify_one();
        RunningCall(self.clone())
    }

    /// Notes that a call waits for messages.
    pub(crate) fn wait_began(&self) -> RunningWait {
        let since = now();
        self.agent().activity.wait_began(since);
        self.0.changed.notify_one();
        RunningWait(self.clone(), since)
    }

    /// Registers a hook that waits until the agent should be woken. The client starts it at an event of the session: at
    /// the beginning, or as a turn ends.
    pub(crate) fn rewake_hook(&self, event: HookEvent) -> RewakeHook {
        let mut agent = self.agent();
        if let Some(session) = event.session {
            agent.note_session(session);
        }
        agent.touch();
        // The hook that may hold up the stop gets the same event. If it did, the turn goes on.
        let goes_on = event.kind == HookEventKind::Stops && agent.policy.is_stop_held_up();
        if !goes_on && event.kind.shows_activity() {
            agent.activity.hook_sign(sign_of(event.kind), now());
        }
        drop(agent);
        let hook = self.0.channels.rewake_hooks.register(Arc::clone(&self.0.changed));
        self.0.changed.notify_one();
        hook
    }

    /// Wakes the agent when it is time, and tells the engine of the agent's availability.
    async fn run(self) {
        let mut snapshot = self.0.engine.watch();
        let mut reported = Availability::default();
        loop {
            let now = now();
            let seen = snapshot.borrow_and_update().clone();
            if let Some(notice) = self.take_due_notice(seen, now) {
                self.wake_agent(&notice).await;
            }
            let availability = self.availability(now);
            if availability != reported {
                reported = availability;
                self.0.engine.set_availability(availability).await;
            }
            let next = tokio::time::Instant::from_std(self.deadline(now));
            tokio::select! {
                changed = snapshot.changed() => if changed.is_err() {
                    return;
                },
                () = self.0.changed.notified() => {}
                () = tokio::time::sleep_until(next) => if self.0.channels.need_polling() {
                    self.0.channels.poll().await;
                },
            }
        }
    }

    /// The notice to wake the agent with, if it is time.
    fn take_due_notice(&self, snapshot: Snapshot, now: Instant) -> Option<Notice> {
        let mut agent = self.agent();
        agent.policy.update(snapshot);
        if let Some((channel, at)) = agent.woken_by
            && now >= at + NO_SIGN
            && self.0.channels.can_wake_from(channel + 1)
        {
            // The channel took the notice without effect.
            (agent.first_channel, agent.woken_by) = (channel + 1, None);
            agent.policy.notice_lost();
        }
        let due = agent.wake_at(now)?;
        let can_wake = self.0.channels.can_wake_from(agent.first_channel);
        (due <= now && can_wake).then(|| agent.policy.begin_wake(now))
    }

    async fn wake_agent(&self, notice: &Notice) {
        let first = self.agent().first_channel;
        let channel = self.0.channels.wake(first, &notice.to_string()).await;
        let mut agent = self.agent();
        if let Some(channel) = channel {
            agent.woken_by = Some((channel, now()));
            agent.policy.wake_done(now());
        } else {
            agent.first_channel = 0;
            agent.policy.notice_lost();
        }
    }

    fn availability(&self, now: Instant) -> Availability {
        let agent = self.agent();
        self.0.channels.waiting_read.set(agent.activity.is_waiting(now));
        let unwoken = self.0.channels.reach(false);
        let reach = self.0.channels.reach(agent.policy.can_wake(now)).max(unwoken);
        Availability { reach, unwoken, state: agent.activity.state(now) }
    }

    /// When the task has to look again though nothing has happened.
    fn deadline(&self, now: Instant) -> Instant {
        let agent = self.agent();
        let due = agent.wake_at(now).filter(|_| self.0.channels.can_wake_from(agent.first_channel));
        let no_sign = agent.woken_by.map(|(_, at)| at + NO_SIGN).filter(|at| *at > now);
        let changes = [agent.activity.changes_at(now), agent.policy.changes_at(now)];
        let poll = self.0.channels.need_polling().then(|| now + POLL_INTERVAL);
        let all = changes.into_iter().chain([due, poll, no_sign]).flatten();
        all.min().unwrap_or(now + 60 * POLL_INTERVAL)
    }

    fn agent(&self) -> MutexGuard<'_, AgentState> {
        self.0.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.agent().activity.call_ended(now());
        self.0.0.changed.notify_one();
    }
}

impl Drop for RunningWait {
    fn drop(&mut self) {
        self.0.agent().activity.wait_ended(self.1);
        self.0.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
