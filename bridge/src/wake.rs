//! How a message reaches the agent: what the agent is doing, what it is told, when it is woken, and by which channel.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use junction_shared::machine::settings::env;
use junction_shared::protocol::wire::{Outlook, State};
use tokio::sync::Notify;

use crate::clients::hook_event::{HookEvent, HookEventKind, NOTICE_PREFIX};
use crate::clients::hook_reply::HookReply;
use crate::clients::{self, CallOrigin, SessionView};
use crate::seats::SeatClaims;
use junction_engine::Availability;
use junction_engine::now;
use junction_engine::{Arrived, Engine, Forecast, Snapshot};

mod activity;
mod agent_state;
mod budget;
mod channels;
pub(crate) mod hold;
mod inspection;
mod notice;
mod policy;
mod request_reminder;
mod running_trial;
pub(crate) mod trial;
mod waiting;

use activity::ActivitySign;
use agent_state::{AgentState, sign_of};
use channels::Channels;
pub(crate) use channels::WaitingProgram;
use notice::{Notice, REMINDER_MARK};

/// How long after the list of tools a client may take to show them to its model. An agent that is woken before has
/// nothing to read with.
const TOOLS_SHOWN_AFTER: Duration = Duration::from_secs(2);
/// How long a woken agent may show no sign of life before the next channel is tried.
const NO_SIGN: Duration = Duration::from_secs(60);
/// When to look again where nothing needs it.
const FAR: Duration = Duration::from_secs(60 * 60);

/// A handle to what is known of one agent, and to the task that wakes it. Clones share both.
#[derive(Clone)]
pub(crate) struct Wake(Arc<WakeShared>);

struct WakeShared {
    engine: Engine,
    /// Where the seat of the agent's session is claimed.
    seats: Option<SeatClaims>,
    agent: Mutex<AgentState>,
    channels: Channels,
    client: OnceLock<AgentClient>,
    /// The name by which the client's plugin knows this bridge.
    plugin: Option<String>,
    /// Whether the client has started this process, so that its environment and files tell of the client.
    is_client_here: bool,
    /// Notified whenever the agent's state or a channel has changed.
    changed: Arc<Notify>,
}

/// The agent's client, once it has introduced itself.
struct AgentClient {
    mcp_name: String,
    session: Option<Arc<dyn SessionView>>,
}

/// A wake that it is time for.
struct DueWake {
    notice: Notice,
    /// The first channel to try.
    first_channel: usize,
    is_in_turn: bool,
}

/// What the engine asks when a message has come.
struct WakeForecast(Weak<WakeShared>);

/// A tool call that is running. Dropping it ends the call.
pub(crate) struct RunningCall(Wake);

/// A tool call that waits for messages. Dropping it ends the wait.
pub(crate) struct RunningWait(Wake, Instant);

impl Wake {
    /// Begins to watch the agent behind this engine, in a task of its own.
    pub(crate) fn start(
        engine: Engine,
        wakes_per_hour: Option<u32>,
        seats: Option<SeatClaims>,
    ) -> Self {
        let wake = Self::new(engine, wakes_per_hour, seats);
        // Weak, because the engine lives as long as its last handle, and this is one.
        wake.0.engine.set_forecast(Arc::new(WakeForecast(Arc::downgrade(&wake.0))));
        tokio::spawn(wake.clone().run());
        wake
    }

    /// Begins to watch an agent whose client has not started this process, and asks over HTTP: nothing of the client can be
    /// seen here, and nothing can wake it.
    pub(crate) fn start_for_asking_client(engine: Engine) -> Self {
        let agent = AgentState::new(engine.snapshot(), Some(0));
        let wake = Self(Arc::new(WakeShared {
            engine,
            agent: Mutex::new(agent),
            channels: Channels::of_asking_client(),
            client: OnceLock::new(),
            plugin: None,
            seats: None,
            is_client_here: false,
            changed: Arc::default(),
        }));
        wake.0.engine.set_forecast(Arc::new(WakeForecast(Arc::downgrade(&wake.0))));
        tokio::spawn(wake.clone().run());
        wake
    }

    /// A handle without the task, which wakes nobody.
    #[cfg(test)]
    pub(crate) fn still(engine: Engine) -> Self {
        Self::new(engine, Some(0), None)
    }

    fn new(engine: Engine, wakes_per_hour: Option<u32>, seats: Option<SeatClaims>) -> Self {
        let mut agent = AgentState::new(engine.snapshot(), wakes_per_hour);
        let plugin = clients::plugin_name();
        plugin.iter().for_each(|name| agent.note_session(name.clone()));
        let agent = Mutex::new(agent);
        Self(Arc::new(WakeShared {
            engine,
            agent,
            channels: Channels::new(),
            client: OnceLock::new(),
            plugin,
            seats,
            is_client_here: true,
            changed: Arc::default(),
        }))
    }

    /// Takes an event of the agent's session, and returns what the agent should be told.
    pub(crate) fn hook(&self, event: HookEvent) -> HookReply {
        let now = now();
        let snapshot = self.0.engine.snapshot();
        let mut agent = self.agent();
        let claim = agent.tracker.hooked(&event, self.0.plugin.as_deref());
        self.session_known(claim);
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
        if event.kind == HookEventKind::Prompted && self.0.channels.plugins.try_again() {
            // A turn has begun, so whatever refused the last one may let the next begin.
            agent.is_wake_refused = false;
        }
        let reply = agent.reply(event.kind, &snapshot, now);
        agent.trial.iter().for_each(|trial| trial.event(event.kind, now));
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
        if context.or(block).is_some_and(|text| text.contains(REMINDER_MARK)) {
            agent.policy.requests.lost();
        }
        if context.is_some_and(|text| !text.starts_with(NOTICE_PREFIX)) {
            agent.greeted = None;
        }
        if context.or(block).is_some_and(|text| text.contains(NOTICE_PREFIX)) {
            agent.policy.notice_lost();
        }
        if block.is_some() {
            // Nothing held the turn up, so it has ended.
            agent.policy.turn_ended(now());
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
        self.0.client.get_or_init(|| AgentClient {
            mcp_name: mcp_name.to_owned(),
            session: clients::session_view(mcp_name).filter(|_| self.0.is_client_here),
        });
        let mut agent = self.agent();
        let claim = agent.tracker.client_named(clients::session_ids(mcp_name), env);
        // Also if the client names none: nothing is to be waited for then.
        self.0.seats.iter().for_each(|seats| seats.claim(claim.clone()));
        drop(agent);
        self.0.changed.notify_one();
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
        let claim = agent.tracker.called(origin);
        self.session_known(claim);
        agent.note_session(origin.thread.clone());
        // The call of a hook names its thread and no turn.
        let is_new = origin.turn.is_some() && agent.turn != origin.turn;
        if is_new {
            agent.turn.clone_from(&origin.turn);
        }
        if is_new && origin.by_person {
            agent.policy.person_prompted(now());
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
        agent.has_called = true;
        agent.ready_at = Some(agent.ready_at.map_or(now(), |ready| ready.min(now())));
        let begins_turn = agent.activity.call_began(self.0.channels.can_wake(), now());
        // An agent that was told of a message is in a turn for that reason.
        agent.note_work(now());
        if begins_turn && !agent.is_in_turn_of_ours(now()) {
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

    /// Wakes the agent when it is time, and tells the engine of the agent's availability.
    async fn run(self) {
        let mut snapshot = self.0.engine.watch();
        let mut reported = Availability::default();
        let mut polled = now();
        loop {
            if self.0.channels.poll_interval().is_some_and(|interval| now() >= polled + interval) {
                polled = now();
                self.0.channels.poll().await;
            }
            let now = now();
            let seen = snapshot.borrow_and_update().clone();
            self.look_at_session(now);
            self.look_at_hold(now);
            if let Some(due) = self.take_due_wake(seen, now) {
                self.wake_agent(&due).await;
            }
            let availability = self.availability(now);
            if availability != reported {
                reported = availability;
                self.0.engine.set_availability(availability).await;
            }
            let next = tokio::time::Instant::from_std(self.deadline(polled, now));
            tokio::select! {
                changed = snapshot.changed() => if changed.is_err() {
                    return;
                },
                () = self.0.changed.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// The wake of the agent, if it is time.
    fn take_due_wake(&self, snapshot: Snapshot, now: Instant) -> Option<DueWake> {
        let mut agent = self.agent();
        agent.policy.update(snapshot);
        let is_in_turn = agent.is_in_turn(now);
        if let Some((channel, at)) = agent.woken_by
            && now >= at + NO_SIGN
            && self.0.channels.can_wake_from(channel + 1, is_in_turn)
        {
            // The channel took the notice without effect.
            (agent.first_channel, agent.woken_by) = (channel + 1, None);
            agent.policy.notice_lost();
        }
        let due = agent.wake_at(now)?;
        let first_channel = agent.first_channel;
        let can_wake = self.0.channels.can_wake_from(first_channel, is_in_turn);
        let wake = |notice| DueWake { notice, first_channel, is_in_turn };
        if due > now || !can_wake {
            return None;
        }
        (agent.unanswered, agent.early_outcome) = (None, None);
        Some(wake(agent.policy.begin_wake(now)))
    }

    async fn wake_agent(&self, due: &DueWake) {
        let DueWake { notice, first_channel, is_in_turn } = due;
        let channels = &self.0.channels;
        let channel = channels.wake(*first_channel, *is_in_turn, &notice.to_string()).await;
        let mut agent = self.agent();
        if let Some(channel) = channel {
            agent.woken_by = Some((channel, now()));
            let wake = agent.policy.wake_done(now());
            if channels.tells_outcome(channel) {
                agent.await_outcome(wake);
            }
        } else {
            agent.first_channel = 0;
            agent.policy.notice_lost();
            // Senders were told that the agent is woken.
            self.0.engine.forecast_again();
        }
    }

    /// When the task has to look again though nothing has happened.
    fn deadline(&self, polled: Instant, now: Instant) -> Instant {
        let agent = self.agent();
        let (first, is_in_turn) = (agent.first_channel, agent.is_in_turn(now));
        let due = agent.wake_at(now);
        let due = due.filter(|_| self.0.channels.can_wake_from(first, is_in_turn));
        let no_sign = agent.woken_by.map(|(_, at)| at + NO_SIGN).filter(|at| *at > now);
        let changes = [agent.activity.changes_at(now), agent.policy.changes_at(now)];
        let poll = self.0.channels.poll_interval().map(|interval| polled + interval);
        let returns = self.0.channels.plugins.returns_until().filter(|until| *until > now);
        let others = [due, poll, no_sign, returns, agent.looks_at()];
        let all = changes.into_iter().chain(others).flatten();
        all.min().unwrap_or(now + FAR)
    }

    fn agent(&self) -> MutexGuard<'_, AgentState> {
        self.0.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forecast for WakeForecast {
    fn outlook(&self, arrived: Arrived, snapshot: &Snapshot) -> Option<Outlook> {
        Wake(self.0.upgrade()?).outlook(arrived, snapshot, now())
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
