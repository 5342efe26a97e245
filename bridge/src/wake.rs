//! How a message reaches the agent: what the agent does, what it is told and when it is woken, by the best way that
//! is really there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use junction_shared::alias::Alias;
use junction_shared::wire::State;
use tokio::sync::Notify;

use crate::activity::{Activity, Sign};
use crate::alarm::Alarm;
use crate::attention::Attention;
use crate::clock::now;
use crate::link::{Board, Link};
use crate::local::{Event, EventKind, Told};
use crate::notice::{Notice, PREFIX, greeting};

mod hooks;
mod inbox;
mod ladder;
mod queue;
mod sleeper;
mod unread;
mod waiting;

use ladder::Ladder;
pub(crate) use queue::Thread;
pub(crate) use sleeper::Sleeper;

/// Names of its client's sessions that are kept: one goes on under another when its context is cleared.
const MAX_SESSIONS: usize = 16;
/// The longest of them that is kept.
const MAX_SESSION: usize = 128;
/// How long after it was told of the tools a client may take to show them to its model: one that is woken before has
/// nothing to read with.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// How often to look whether a way is there that can come and go unseen.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The handle. Clones share one mind.
#[derive(Clone)]
pub(crate) struct Wake(Arc<Shared>);

struct Shared {
    link: Link,
    mind: Mutex<Mind>,
    ladder: Ladder,
    /// Told whenever the mind may have another opinion.
    changed: Notify,
}

/// What is known of the agent.
struct Mind {
    activity: Activity,
    alarm: Alarm,
    sessions: VecDeque<String>,
    /// The turn that calls came from last, where the client says.
    turn: Option<String>,
    /// The alias that the agent was told it has.
    greeted: Option<Alias>,
    /// From when on its model has the tools.
    ready: Option<Instant>,
}

/// A call under way. Dropped, it has been answered.
pub(crate) struct Called(Wake);

/// A call that waits for messages. Dropped, it does so no more.
pub(crate) struct Waits(Wake, Instant);

impl Wake {
    /// Begins to look after the agent behind this link, in a task of its own.
    pub(crate) fn start(link: Link, wakes_per_hour: usize) -> Self {
        let wake = Self::new(link, wakes_per_hour);
        tokio::spawn(wake.clone().run());
        wake
    }

    /// One that wakes nobody.
    #[cfg(test)]
    pub(crate) fn still(link: Link) -> Self {
        Self::new(link, 0)
    }

    fn new(link: Link, wakes_per_hour: usize) -> Self {
        let mind = Mind {
            activity: Activity::default(),
            alarm: Alarm::new(link.board(), wakes_per_hour),
            sessions: VecDeque::new(),
            turn: None,
            greeted: None,
            ready: None,
        };
        let (mind, ladder, changed) = (Mutex::new(mind), Ladder::new(), Notify::new());
        Self(Arc::new(Shared { link, mind, ladder, changed }))
    }

    /// What the agent is to be told at this event of its session.
    pub(crate) fn hook(&self, event: Event) -> Told {
        let now = now();
        let board = self.0.link.board();
        let mut mind = self.mind();
        if let Some(session) = event.session {
            mind.know(session);
        }
        mind.alarm.sees(board.clone());
        if event.helper {
            // It reads no mail of the agent's, but that it runs is a sign of the agent's turn.
            if let EventKind::Used | EventKind::Busy | EventKind::Asks = event.kind {
                mind.activity.told(sign(event.kind), now);
            }
            return Told::default();
        }
        if let EventKind::Prompted | EventKind::Used | EventKind::Stops = event.kind {
            self.0.ladder.hooks.seen();
        }
        let told = mind.told(event.kind, &board, now);
        drop(mind);
        if event.kind == EventKind::Prompted {
            self.0.link.begin_anew();
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
            self.0.link.begin_anew();
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
        mind.ready = Some(mind.ready.map_or(now(), |ready| ready.min(now())));
        let begins = mind.activity.call_began(self.0.ladder.can_wake(), now());
        // Who was told of mail is in a turn because of that.
        if begins && !mind.alarm.is_told() {
            self.0.link.seem_to_begin_anew();
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

    /// Wakes the agent when it is time, and tells the link what can be said of its attention.
    async fn run(self) {
        let mut board = self.0.link.watch();
        let mut said = Attention::default();
        loop {
            let now = now();
            let seen = board.borrow_and_update().clone();
            let is_due = self.step(seen, now);
            if let Some(notice) = is_due {
                self.ring(&notice).await;
            }
            let attention = self.attention(now);
            if attention != said {
                said = attention;
                self.0.link.attend(attention).await;
            }
            let next = tokio::time::Instant::from_std(self.deadline(now));
            tokio::select! {
                changed = board.changed() => if changed.is_err() {
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
    fn step(&self, board: Board, now: Instant) -> Option<Notice> {
        let mut mind = self.mind();
        mind.alarm.sees(board);
        let due = mind.due(now)?;
        (due <= now && self.0.ladder.can_wake()).then(|| mind.alarm.wake(now))
    }

    async fn ring(&self, notice: &Notice) {
        let is_woken = self.0.ladder.wake(&notice.to_string()).await;
        let mut mind = self.mind();
        if is_woken {
            mind.alarm.woken(now());
        } else {
            mind.alarm.was_lost();
        }
    }

    fn attention(&self, now: Instant) -> Attention {
        let mind = self.mind();
        self.0.ladder.waiting.set(mind.activity.waits(now));
        let unwoken = self.0.ladder.unwoken();
        let reach = self.0.ladder.reach(mind.alarm.can_wake(now)).max(unwoken);
        Attention { reach, unwoken, state: mind.activity.state(now) }
    }

    /// When something may be to be done though nothing happens.
    fn deadline(&self, now: Instant) -> Instant {
        let mind = self.mind();
        let due = mind.due(now).filter(|_| self.0.ladder.can_wake());
        let changes = [mind.activity.changes_at(now), mind.alarm.changes_at(now)];
        let again = self.0.ladder.is_to_be_looked_at().then(|| now + LOOK_AGAIN);
        let all = changes.into_iter().chain([due, again]).flatten();
        all.min().unwrap_or(now + 60 * LOOK_AGAIN)
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.0.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mind {
    /// Takes in an event, and gives what the agent is to be told.
    fn told(&mut self, kind: EventKind, board: &Board, now: Instant) -> Told {
        if kind == EventKind::Prompted {
            self.alarm.turn_ended();
        }
        let mut told = Told::default();
        match kind {
            EventKind::Began | EventKind::Compacted => {
                self.greeted = None;
                told.context = self.greet(board);
            }
            EventKind::Prompted | EventKind::Woken | EventKind::Used => {
                let notice = self.alarm.announce(now).map(|notice| notice.to_string());
                let lines: Vec<String> = self.greet(board).into_iter().chain(notice).collect();
                told.context = (!lines.is_empty()).then(|| lines.join("\n"));
            }
            EventKind::Stops => {
                told.block = self.alarm.before_stop(now).map(|notice| notice.to_string());
            }
            EventKind::StopsAgain => self.alarm.turn_ended(),
            EventKind::Failed => self.alarm.was_lost(),
            _ => {}
        }
        if kind.tells_of_turn() {
            let goes_on = told.block.is_some();
            self.activity.told(if goes_on { Sign::Does(State::Busy) } else { sign(kind) }, now);
        }
        told
    }

    /// What the agent is told of itself, once in a context.
    fn greet(&mut self, board: &Board) -> Option<String> {
        let alias = board.alias.as_ref().filter(|_| self.greeted.is_none())?;
        self.greeted = Some(alias.clone());
        Some(greeting(alias))
    }

    /// When the agent is to be woken.
    fn due(&self, now: Instant) -> Option<Instant> {
        let due = self.alarm.due(self.activity.wakeable_from(now), now)?;
        Some(due.max(self.ready?))
    }

    fn know(&mut self, session: String) {
        if session.len() <= MAX_SESSION && !self.sessions.contains(&session) {
            if self.sessions.len() == MAX_SESSIONS {
                self.sessions.pop_front();
            }
            self.sessions.push_back(session);
        }
    }
}

/// What an event says of what the agent does.
fn sign(kind: EventKind) -> Sign {
    match kind {
        EventKind::Prompted | EventKind::Woken | EventKind::Used | EventKind::Busy => {
            Sign::Does(State::Busy)
        }
        EventKind::Asks => Sign::Does(State::WaitingOnHuman),
        EventKind::Began
        | EventKind::Stops
        | EventKind::StopsAgain
        | EventKind::Failed
        | EventKind::Idle => Sign::Does(State::Idle),
        EventKind::Ended | EventKind::Compacted | EventKind::Other => Sign::Ends,
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
