//! A hook that sleeps until there is a reason to wake the agent. Claude Code starts one with `asyncRewake` at the
//! beginning of a session and at the end of each turn, and wakes the agent when it exits with status 2.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::protocol::wire::Reach;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::channel::Rung;
use crate::wake::Wake;

/// How long the hook has to take the notice.
const PATIENCE: Duration = Duration::from_secs(3);

/// The one that sleeps: each new one takes the place of the one before, for the client starts one every turn.
#[derive(Default)]
pub(crate) struct Sleepers(Mutex<Option<oneshot::Sender<Call>>>);

/// The bridge's side of a hook that sleeps.
pub(crate) struct Sleeper(oneshot::Receiver<Call>, Wake);

/// What wakes it.
pub(crate) struct Call {
    /// What the agent is to be told.
    pub(crate) notice: String,
    taken: oneshot::Sender<bool>,
}

impl Sleepers {
    /// One more sleeps, and the last may go.
    pub(crate) fn register(&self, wake: Wake) -> Sleeper {
        let (call, sleeper) = oneshot::channel();
        *self.slot() = Some(call);
        Sleeper(sleeper, wake)
    }

    fn slot(&self) -> MutexGuard<'_, Option<oneshot::Sender<Call>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sleeper {
    /// Waits for the call; nothing if another sleeps in its place.
    pub(crate) async fn call(&mut self) -> Option<Call> {
        (&mut self.0).await.ok()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // Closed first: whoever looks then sees that nobody sleeps.
        self.0.close();
        self.1.sleeper_left();
    }
}

impl Call {
    /// Whether the hook has taken the notice.
    pub(crate) fn answer(self, taken: bool) {
        let _ = self.taken.send(taken);
    }
}

impl Rung for Sleepers {
    fn reach(&self) -> Option<Reach> {
        self.slot().as_ref().is_some_and(|call| !call.is_closed()).then_some(Reach::Push)
    }

    fn is_wake(&self) -> bool {
        true
    }

    fn wake<'a>(&'a self, notice: &'a str) -> BoxFuture<'a, bool> {
        let sleeper = self.slot().take();
        async move {
            let (taken, outcome) = oneshot::channel();
            let call = Call { notice: notice.to_owned(), taken };
            let Some(Ok(())) = sleeper.map(|sleeper| sleeper.send(call)) else { return false };
            matches!(timeout(PATIENCE, outcome).await, Ok(Ok(true)))
        }
        .boxed()
    }
}
