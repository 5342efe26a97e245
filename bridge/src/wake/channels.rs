//! The ways by which a waiting message gets to the agent, best first. What fails falls to the next.

use std::sync::Arc;

use junction_shared::protocol::wire::Reach;

mod channel;
mod hooks;
mod inbox;
mod queue;
mod sleeper;
mod unread;
mod waiting;

pub(crate) use channel::Rung;
use hooks::TurnHooks;
pub(crate) use inbox::Inbox;
pub(crate) use queue::{Queue, Thread};
pub(crate) use sleeper::Sleeper;
use sleeper::Sleepers;
use unread::Unread;
use waiting::Waiting;

/// All of them.
pub(super) struct Ladder {
    pub(super) inbox: Arc<Inbox>,
    pub(super) queue: Arc<Queue>,
    pub(super) sleeper: Arc<Sleepers>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) hooks: Arc<TurnHooks>,
    rungs: [Arc<dyn Rung>; 6],
}

impl Ladder {
    /// By what the environment says.
    pub(super) fn new() -> Self {
        Self::with(Inbox::from_env())
    }

    /// With this inbox.
    pub(super) fn with(inbox: Inbox) -> Self {
        let (inbox, queue, sleeper) = (Arc::new(inbox), Arc::default(), Arc::default());
        let (waiting, hooks) = (Arc::default(), Arc::default());
        let rungs: [Arc<dyn Rung>; 6] = [
            Arc::clone(&inbox) as _,
            Arc::<Queue>::clone(&queue) as _,
            Arc::<Sleepers>::clone(&sleeper) as _,
            Arc::<Waiting>::clone(&waiting) as _,
            Arc::<TurnHooks>::clone(&hooks) as _,
            Arc::new(Unread),
        ];
        Self { inbox, queue, sleeper, waiting, hooks, rungs }
    }

    /// Puts a way in the place of the first.
    #[cfg(test)]
    pub(super) fn put_first(&mut self, rung: Arc<dyn Rung>) {
        self.rungs[0] = rung;
    }

    /// How a message gets to the agent now, by whether it may be woken.
    pub(super) fn reach(&self, may_wake: bool) -> Reach {
        let usable = self.rungs.iter().filter(|rung| may_wake || !rung.is_wake());
        usable.filter_map(|rung| rung.reach()).max().unwrap_or_default()
    }

    /// How one does that is to wake nobody.
    pub(super) fn unwoken(&self) -> Reach {
        self.reach(false)
    }

    /// Whether anything wakes the agent, from this way on.
    pub(super) fn can_wake_from(&self, first: usize) -> bool {
        self.rungs.iter().skip(first).any(|rung| rung.is_wake() && rung.reach().is_some())
    }

    /// Gives the agent a notice by the first way that does it, from this one on. Which one did, if any.
    pub(super) async fn wake(&self, first: usize, notice: &str) -> Option<usize> {
        for (at, rung) in self.rungs.iter().enumerate().skip(first) {
            if rung.is_wake() && rung.reach().is_some() && rung.wake(notice).await {
                return Some(at);
            }
        }
        None
    }

    /// Whether a way can come and go without being heard of.
    pub(super) fn is_to_be_looked_at(&self) -> bool {
        self.rungs.iter().any(|rung| rung.is_to_be_looked_at())
    }

    /// Looks which are there.
    pub(super) async fn look(&self) {
        for rung in &self.rungs {
            rung.look().await;
        }
    }
}
