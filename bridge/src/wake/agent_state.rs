//! What is known of the agent, and what it has been told. A pure state machine.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::wire::State;

use crate::clients::hook_event::HookEventKind;
use crate::clients::hook_reply::HookReply;
use crate::clients::{SessionTracker, WakeOutcome};
use crate::wake::activity::{Activity, ActivitySign, WatchedTurn};
use crate::wake::notice::greeting;
use crate::wake::policy::{TakenWake, WakePolicy};
use crate::wake::running_trial::RunningTrial;
use junction_engine::Snapshot;

/// The most session ids that are kept. A session goes on under another id when its context is cleared.
const MAX_SESSIONS: usize = 16;
/// The longest session id that is kept, in bytes.
const MAX_SESSION: usize = 128;

/// How often the client's own word of its session is looked at: in a turn, while the agent is idle, and while a message
/// waits for that word.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const LOOK_INTERVAL_IDLE: Duration = Duration::from_secs(5);
const LOOK_INTERVAL_WAITING: Duration = Duration::from_millis(250);

/// What is known of the agent.
pub(super) struct AgentState {
    pub(super) activity: Activity,
    pub(super) policy: WakePolicy,
    pub(super) sessions: VecDeque<String>,
    pub(super) tracker: SessionTracker,
    /// The turn of the last call, where the client names it.
    pub(super) turn: Option<String>,
    /// The alias that the agent was last told.
    pub(super) greeted: Option<Alias>,
    /// When the agent's model has the tools.
    pub(super) ready_at: Option<Instant>,
    /// The channel that woke the agent, and when; `None` once the agent has shown a sign of life.
    pub(super) woken_by: Option<(usize, Instant)>,
    /// The last wake, if its channel will tell what became of it.
    pub(super) unanswered: Option<TakenWake>,
    /// What was told of a wake before it was noted.
    pub(super) early_outcome: Option<WakeOutcome>,
    /// Whether the client refused the last wake, by its own word, and nothing since shows that it takes one.
    pub(super) is_wake_refused: bool,
    /// The trial that somebody waits for.
    pub(super) trial: Option<RunningTrial>,
    /// The first channel to try. Those before it were tried without effect.
    pub(super) first_channel: usize,
    /// When the client's own word of its session was last looked at, if it has one.
    pub(super) looked_at: Option<Instant>,
    /// Whether the agent has called a tool.
    pub(super) has_called: bool,
}

impl AgentState {
    /// The state before anything is known.
    pub(super) fn new(snapshot: Snapshot, wakes_per_hour: Option<u32>) -> Self {
        Self {
            activity: Activity::default(),
            policy: WakePolicy::new(snapshot, wakes_per_hour),
            sessions: VecDeque::new(),
            tracker: SessionTracker::default(),
            turn: None,
            greeted: None,
            ready_at: None,
            woken_by: None,
            unanswered: None,
            early_outcome: None,
            is_wake_refused: false,
            trial: None,
            first_channel: 0,
            looked_at: None,
            has_called: false,
        }
    }

    /// Takes an event of the agent's session, and returns what the agent should be told.
    pub(super) fn reply(
        &mut self,
        kind: HookEventKind,
        snapshot: &Snapshot,
        now: Instant,
    ) -> HookReply {
        if kind == HookEventKind::Prompted {
            self.policy.person_prompted(now);
        }
        let mut reply = HookReply::default();
        match kind {
            HookEventKind::Began | HookEventKind::Compacted => {
                self.greeted = None;
                self.policy.requests.context_began(snapshot);
                let lines = self.greeting_once(snapshot).into_iter();
                reply.context = joined(lines.chain(self.policy.requests.in_context(snapshot)));
            }
            HookEventKind::Prompted | HookEventKind::Woken | HookEventKind::Used => {
                let notice = self.policy.announce(now).map(|notice| notice.to_string());
                let lines = self.greeting_once(snapshot).into_iter();
                let lines = lines.chain(self.policy.requests.in_context(snapshot));
                reply.context = joined(lines.chain(notice));
            }
            HookEventKind::Stops => {
                let was_held_up = self.policy.is_stop_held_up();
                let notice = self.policy.before_stop(now).map(|notice| notice.to_string());
                let asks_nothing = was_held_up || self.policy.hold.is_on(now);
                let requests = if asks_nothing { None } else { self.policy.requests_before_stop() };
                let requests = requests.map(|requests| requests.to_string());
                reply.block = joined(notice.into_iter().chain(requests));
                if reply.block.is_none() {
                    self.policy.turn_ended(now);
                }
            }
            HookEventKind::StopsAgain => self.policy.turn_ended(now),
            // The client says that the agent is idle; a turn that ended as it should has told so before.
            HookEventKind::Idle if self.activity.is_in_reported_turn() => {
                self.policy.turn_interrupted(now);
            }
            HookEventKind::Failed => self.policy.turn_failed(now),
            _ => {}
        }
        if kind.shows_activity() {
            let goes_on = reply.block.is_some();
            let sign = if goes_on { ActivitySign::Known(State::Busy) } else { sign_of(kind) };
            self.activity.hook_sign(sign, now);
        }
        reply
    }

    /// The greeting, once in a context.
    fn greeting_once(&mut self, snapshot: &Snapshot) -> Option<String> {
        let alias = snapshot.alias.as_ref().filter(|_| self.greeted.is_none())?;
        self.greeted = Some(alias.clone());
        Some(greeting(alias))
    }

    /// Takes the state that the client itself shows, and notes turns that have ended without a hook.
    pub(super) fn watch(&mut self, shown: Option<State>, now: Instant) -> Option<WatchedTurn> {
        let turn = self.activity.watch(shown, now);
        if turn == Some(WatchedTurn::Interrupted) {
            self.policy.turn_interrupted(now);
        } else if turn == Some(WatchedTurn::Ended) || self.activity.take_lost_turn(now) {
            // Nobody knows how a turn ended of which nothing more was heard.
            self.policy.turn_ended(now);
        }
        turn
    }

    /// When the client's own word of its session is to be looked at again, if it has one: soon while a message waits for
    /// it, and seldom while there is nothing to see.
    pub(super) fn looks_at(&self) -> Option<Instant> {
        let looked = self.looked_at?;
        let is_idle = self.activity.state(looked) == Some(State::Idle);
        let is_waking = self.policy.is_waking() && !self.policy.hold.is_on(looked);
        Some(
            looked
                + if is_waking || self.trial.is_some() {
                    LOOK_INTERVAL_WAITING
                } else if is_idle {
                    LOOK_INTERVAL_IDLE
                } else {
                    LOOK_INTERVAL
                },
        )
    }

    /// Notes a sign of life.
    pub(super) fn touch(&mut self) {
        (self.woken_by, self.first_channel) = (None, 0);
    }

    /// Notes a wake that a channel has taken which tells what becomes of it.
    pub(super) fn await_outcome(&mut self, wake: TakenWake) {
        match self.early_outcome.take() {
            Some(outcome) => self.wake_ended(wake, outcome),
            None => self.unanswered = Some(wake),
        }
    }

    /// Takes what became of the last wake, which may be told before the wake is noted.
    pub(super) fn take_outcome(&mut self, outcome: WakeOutcome) {
        match self.unanswered.take() {
            Some(wake) => self.wake_ended(wake, outcome),
            None => self.early_outcome = Some(outcome),
        }
    }

    /// Notes for a trial that the agent is at work.
    pub(super) fn note_work(&self, now: Instant) {
        if let Some(trial) = &self.trial {
            trial.moved(now);
        }
    }

    fn wake_ended(&mut self, wake: TakenWake, outcome: WakeOutcome) {
        self.touch();
        if outcome == WakeOutcome::Dropped {
            // The next channel may be tried at once.
            self.policy.wake_dropped(wake);
        }
    }

    /// Whether the agent is in a turn, as far as is known.
    pub(super) fn is_in_turn(&self, now: Instant) -> bool {
        matches!(self.activity.state(now), Some(State::Busy | State::WaitingOnHuman))
    }

    /// Whether the agent is in a turn that a notice began, or about to begin one.
    pub(super) fn is_in_turn_of_ours(&self, now: Instant) -> bool {
        self.policy.is_notice_outstanding() || self.policy.is_in_trial(now)
    }

    /// When the agent should be woken; `None` if there is no need.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let due = self.policy.wake_at(self.activity.wakeable_from(now), now)?;
        Some(due.max(self.ready_at?))
    }

    /// Notes an id of the client's session.
    pub(super) fn note_session(&mut self, session: String) {
        if session.len() <= MAX_SESSION && !self.sessions.contains(&session) {
            if self.sessions.len() == MAX_SESSIONS {
                self.sessions.pop_front();
            }
            self.sessions.push_back(session);
        }
    }
}

/// The lines as one text, if there are any.
fn joined(lines: impl Iterator<Item = String>) -> Option<String> {
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What an event shows of the agent's activity.
pub(super) fn sign_of(kind: HookEventKind) -> ActivitySign {
    match kind {
        HookEventKind::Prompted
        | HookEventKind::Woken
        | HookEventKind::Used
        | HookEventKind::Busy => ActivitySign::Known(State::Busy),
        HookEventKind::AwaitsHuman => ActivitySign::Known(State::WaitingOnHuman),
        HookEventKind::Began
        | HookEventKind::Stops
        | HookEventKind::StopsAgain
        | HookEventKind::Failed
        | HookEventKind::Idle => ActivitySign::Known(State::Idle),
        HookEventKind::Ended | HookEventKind::Compacted | HookEventKind::Other => {
            ActivitySign::Unknown
        }
    }
}
