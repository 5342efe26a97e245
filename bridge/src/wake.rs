//! How a message reaches the agent: what the agent does, what it is told and when it is woken, by the best way that
//! is really there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use junction_shared::protocol::wire::State;
use tokio::sync::Notify;

use crate::ipc::{Event, EventKind, Told};
use crate::wake::activity::Sign;
use crate::wake::notice::Notice;
use junction_engine::availability::Availability;
use junction_engine::now;
use junction_engine::{Engine, Snapshot};

mod activity;
mod agent_state;
mod channels;
mod notice;
mod policy;

use agent_state::{Mind, sign};
use channels::Ladder;
pub(crate) use channels::{Sleeper, Thread};
pub(crate) use notice::PREFIX;

/// How long after it was told of the tools a client may take to show them to its model: one that is woken before has
/// nothing to read with.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// After how long without a sign of an agent that was woken it is woken by the next way, if there is one.
const NO_SIGN: Duration = Duration::from_secs(60);
/// How often to look whether a way is there that can come and go unseen.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The handle. Clones share one mind.
#[derive(Clone)]
pub(crate) struct Wake(Arc<Shared>);

struct Shared {
    engine: Engine,
    mind: Mutex<Mind>,
    ladder: Ladder,
    /// Told whenever the mind may have another opinion.
    changed: Notify,
}

/// A call under way. Dropped, it has been answered.
pub(crate) struct Called(Wake);

/// A call that waits for messages. Dropped, it does so no more.
pub(crate) struct Waits(Wake, Instant);

impl Wake {
    /// Begins to look after the agent behind this engine, in a task of its own.
    pub(crate) fn start(engine: Engine, wakes_per_hour: usize) -> Self {
        let wake = Self::new(engine, wakes_per_hour);
        tokio::spawn(wake.clone().run());
        wake
    }

    /// One that wakes nobody.
    #[cfg(test)]
    pub(crate) fn still(engine: Engine) -> Self {
        Self::new(engine, 0)
    }

    fn new(engine: Engine, wakes_per_hour: usize) -> Self {
        let mind = Mind::new(engine.snapshot(), wakes_per_hour);
        let (mind, ladder, changed) = (Mutex::new(mind), Ladder::new(), Notify::new());
        Self(Arc::new(Shared { engine, mind, ladder, changed }))
    }

    /// What the agent is to be told at this event of its session.
    pub(crate) fn hook(&self, event: Event) -> Told {
        let now = now();
        let snapshot = self.0.engine.snapshot();
        let mut mind = self.mind();
        if let Some(session) = event.session {
            mind.know(session);
        }
        mind.alarm.sees(snapshot.clone());
        mind.heard();
        if event.helper {
            // It reads no mail of the agent's.
            if let EventKind::Used | EventKind::Busy | EventKind::Asks = event.kind {
                mind.activity.helper(sign(event.kind), now);
            }
            drop(mind);
            self.0.changed.notify_one();
            return Told::default();
        }
        if let EventKind::Prompted | EventKind::Used | EventKind::Stops = event.kind {
            self.0.ladder.hooks.seen();
        }
        let told = mind.told(event.kind, &snapshot, now);
        drop(mind);
        if event.kind == EventKind::Prompted {
            self.0.engine.begin_turn();
        }
        self.0.changed.notify_one();
        told
    }

    /// What a hook was to tell the agent never came to it.
    pub(crate) fn was_lost(&self, told: &Told) {
        let mut mind = self.mind();
        let (context, block) = (told.context.as_deref(), told.block.as_deref());
        if context.is_some_and(|text| !text.starts_with(PREFIX)) {
            mind.greeted = None;
        }
        if context.or(block).is_some_and(|text| text.contains(PREFIX)) {
            mind.alarm.was_lost();
        }
        if block.is_some() {
            // Nobody held the turn up: it has ended.
            mind.alarm.turn_ended();
            mind.activity.told(Sign::Does(State::Idle), now());
        }
        drop(mind);
        self.0.changed.notify_one();
    }

    /// Whether this is the name of its client's session.
    pub(crate) fn knows(&self, session: &str) -> bool {
        self.mind().sessions.iter().any(|known| known == session)
    }

    /// The client has said who it is.
    pub(crate) fn client(&self, name: &str) {
        if self.0.ladder.inbox.client(name) {
            let wake = self.clone();
            tokio::spawn(async move { wake.look().await });
        }
    }

    /// A call says which thread of its client it is from.
    pub(crate) fn thread(&self, thread: &Thread) {
        let mut mind = self.mind();
        mind.know(thread.id.clone());
        // A hook's call says which thread it is of, and not which turn.
        let is_new = thread.turn.is_some() && mind.turn != thread.turn;
        if is_new {
            mind.turn.clone_from(&thread.turn);
        }
        drop(mind);
        if is_new && thread.is_by_person() {
            self.0.engine.begin_turn();
        }
        if self.0.ladder.queue.thread(thread) {
            self.0.changed.notify_one();
        }
    }

    /// The client is told of the tools.
    pub(crate) fn listed(&self) {
        self.mind().ready.get_or_insert(now() + FIRST_LOOK);
        self.0.changed.notify_one();
    }

    /// The agent calls a tool.
    pub(crate) fn called(&self) -> Called {
        let mut mind = self.mind();
        mind.heard();
        mind.ready = Some(mind.ready.map_or(now(), |ready| ready.min(now())));
        let begins = mind.activity.call_began(self.0.ladder.can_wake_from(0), now());
        // Who was told of mail is in a turn because of that.
        if begins && !mind.alarm.is_told() {
            self.0.engine.maybe_begin_turn();
        }
        drop(mind);
        self.0.changed.notify_one();
        Called(self.clone())
    }

    /// A call waits for messages.
    pub(crate) fn waits(&self) -> Waits {
        let since = now();
        self.mind().activity.wait_began(since);
        self.0.changed.notify_one();
        Waits(self.clone(), since)
    }

    /// A process that sleeps until the agent is to be woken. The one before it is told to go. It begins to sleep at an
    /// event of the session: at the beginning, or as a turn ends.
    pub(crate) fn sleeper(&self, event: Event) -> Sleeper {
        let mut mind = self.mind();
        if let Some(session) = event.session {
            mind.know(session);
        }
        mind.heard();
        // The hook that asks before the stop hears of the same event: if it has asked, the turn goes on.
        let goes_on = event.kind == EventKind::Stops && mind.alarm.has_asked();
        if !goes_on && event.kind.tells_of_turn() {
            mind.activity.told(sign(event.kind), now());
        }
        drop(mind);
        let sleeper = self.0.ladder.sleeper.register(self.clone());
        self.0.changed.notify_one();
        sleeper
    }

    /// A process that slept is gone.
    fn sleeper_left(&self) {
        self.0.changed.notify_one();
    }

    /// Looks which ways are there.
    async fn look(&self) {
        self.0.ladder.look().await;
        self.0.changed.notify_one();
    }

    /// Wakes the agent when it is time, and tells the engine what can be said of its availability.
    async fn run(self) {
        let mut snapshot = self.0.engine.watch();
        let mut said = Availability::default();
        loop {
            let now = now();
            let seen = snapshot.borrow_and_update().clone();
            let is_due = self.step(seen, now);
            if let Some(notice) = is_due {
                self.ring(&notice).await;
            }
            let availability = self.availability(now);
            if availability != said {
                said = availability;
                self.0.engine.set_availability(availability).await;
            }
            let next = tokio::time::Instant::from_std(self.deadline(now));
            tokio::select! {
                changed = snapshot.changed() => if changed.is_err() {
                    return;
                },
                () = self.0.changed.notified() => {}
                () = tokio::time::sleep_until(next) => if self.0.ladder.is_to_be_looked_at() {
                    self.0.ladder.look().await;
                },
            }
        }
    }

    /// The notice to wake the agent with, if it is time.
    fn step(&self, snapshot: Snapshot, now: Instant) -> Option<Notice> {
        let mut mind = self.mind();
        mind.alarm.sees(snapshot);
        if let Some((rung, at)) = mind.rung
            && now >= at + NO_SIGN
            && self.0.ladder.can_wake_from(rung + 1)
        {
            // It took the notice and nothing came of it: there is another.
            (mind.first, mind.rung) = (rung + 1, None);
            mind.alarm.was_lost();
        }
        let due = mind.due(now)?;
        (due <= now && self.0.ladder.can_wake_from(mind.first)).then(|| mind.alarm.wake(now))
    }

    async fn ring(&self, notice: &Notice) {
        let first = self.mind().first;
        let rung = self.0.ladder.wake(first, &notice.to_string()).await;
        let mut mind = self.mind();
        if let Some(rung) = rung {
            mind.rung = Some((rung, now()));
            mind.alarm.woken(now());
        } else {
            mind.first = 0;
            mind.alarm.was_lost();
        }
    }

    fn availability(&self, now: Instant) -> Availability {
        let mind = self.mind();
        self.0.ladder.waiting.set(mind.activity.waits(now));
        let unwoken = self.0.ladder.unwoken();
        let reach = self.0.ladder.reach(mind.alarm.can_wake(now)).max(unwoken);
        Availability { reach, unwoken, state: mind.activity.state(now) }
    }

    /// When something may be to be done though nothing happens.
    fn deadline(&self, now: Instant) -> Instant {
        let mind = self.mind();
        let due = mind.due(now).filter(|_| self.0.ladder.can_wake_from(mind.first));
        let silent = mind.rung.map(|(_, at)| at + NO_SIGN).filter(|at| *at > now);
        let changes = [mind.activity.changes_at(now), mind.alarm.changes_at(now)];
        let again = self.0.ladder.is_to_be_looked_at().then(|| now + LOOK_AGAIN);
        let all = changes.into_iter().chain([due, again, silent]).flatten();
        all.min().unwrap_or(now + 60 * LOOK_AGAIN)
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.0.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        self.0.mind().activity.call_ended(now());
        self.0.0.changed.notify_one();
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.mind().activity.wait_ended(self.1);
        self.0.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
