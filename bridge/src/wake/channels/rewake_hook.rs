//! A hook that runs beside the session until there is a reason to wake the agent. The client starts one at the
//! beginning of a session and at the end of each turn, and wakes the agent when the hook exits with a certain status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::protocol::wire::Reach;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::clients::Channel;

/// How long the hook may take to accept the notice.
const ACCEPT_TIME: Duration = Duration::from_secs(3);

/// The hook that waits now. A new one takes the place of the last, because the client starts one every turn.
#[derive(Default)]
pub(crate) struct RewakeHooks(Mutex<Option<oneshot::Sender<WakeCall>>>);

/// The bridge's side of a hook that waits.
pub(crate) struct RewakeHook {
    call: oneshot::Receiver<WakeCall>,
    /// Notified when the hook is gone.
    changed: Arc<Notify>,
}

/// The call that ends the wait.
pub(crate) struct WakeCall {
    /// The notice for the agent.
    pub(crate) notice: String,
    accepted: oneshot::Sender<bool>,
}

impl RewakeHooks {
    /// Registers a hook in place of the last one, whose wait ends.
    pub(crate) fn register(&self, changed: Arc<Notify>) -> RewakeHook {
        let (sender, call) = oneshot::channel();
        *self.slot() = Some(sender);
        RewakeHook { call, changed }
    }

    fn slot(&self) -> MutexGuard<'_, Option<oneshot::Sender<WakeCall>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RewakeHook {
    /// Waits for the call; `None` once another hook has taken this one's place.
    pub(crate) async fn call(&mut self) -> Option<WakeCall> {
        (&mut self.call).await.ok()
    }
}

impl Drop for RewakeHook {
    fn drop(&mut self) {
        // Before the notification, so that its receiver sees that no hook waits.
        self.call.close();
        self.changed.notify_one();
    }
}

impl WakeCall {
    /// Reports whether the hook has accepted the notice.
    pub(crate) fn answer(self, accepted: bool) {
        let _ = self.accepted.send(accepted);
    }
}

impl Channel for RewakeHooks {
    fn reach(&self) -> Option<Reach> {
        self.slot().as_ref().is_some_and(|call| !call.is_closed()).then_some(Reach::Push)
    }

    fn wakes(&self) -> bool {
        true
    }

    fn wake<'a>(&'a self, notice: &'a str) -> BoxFuture<'a, bool> {
        let hook = self.slot().take();
        async move {
            let (accepted, outcome) = oneshot::channel();
            let call = WakeCall { notice: notice.to_owned(), accepted };
            let Some(Ok(())) = hook.map(|hook| hook.send(call)) else { return false };
            matches!(timeout(ACCEPT_TIME, outcome).await, Ok(Ok(true)))
        }
        .boxed()
    }
}
