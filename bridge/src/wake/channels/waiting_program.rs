//! A program that waits beside the session until there is a reason to wake the agent. It is one of two kinds.
//!
//! A plugin's program waits as long as the session is open, and the plugin begins a turn with what the program prints.
//! Its next wait tells what came of that. A client starts a rewake hook at the beginning of a session and at the end of
//! each turn, and wakes the agent when the hook exits with a certain status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::protocol::wire::Reach;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::clients::Channel;

/// How long the program may take to accept the notice.
const ACCEPT_TIME: Duration = Duration::from_secs(3);

/// What kind of program waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitingKind {
    /// A plugin of the client runs it.
    Plugin,
    /// The client itself runs it as a hook.
    RewakeHook,
}

/// The program of one kind that waits now. A new one takes the place of the last.
pub(crate) struct WaitingPrograms {
    kind: WaitingKind,
    waiting: Mutex<Option<Waiting>>,
}

/// The channel's side of a program that waits.
struct Waiting {
    call: oneshot::Sender<WakeCall>,
    /// Whether the program may be called. One may not whose plugin could not begin a turn just now.
    is_usable: bool,
}

/// The bridge's side of a program that waits.
pub(crate) struct WaitingProgram {
    call: oneshot::Receiver<WakeCall>,
    /// Notified when the program is gone.
    changed: Arc<Notify>,
}

/// The call that ends the wait.
pub(crate) struct WakeCall {
    /// The notice for the agent.
    pub(crate) notice: String,
    accepted: oneshot::Sender<bool>,
}

impl WaitingPrograms {
    /// A channel of this kind, for which nothing waits yet.
    pub(super) fn new(kind: WaitingKind) -> Self {
        Self { kind, waiting: Mutex::default() }
    }

    /// Registers a program in place of the last one, whose wait ends.
    pub(crate) fn register(&self, is_usable: bool, changed: Arc<Notify>) -> WaitingProgram {
        let (sender, call) = oneshot::channel();
        *self.waiting() = Some(Waiting { call: sender, is_usable });
        WaitingProgram { call, changed }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WaitingProgram {
    /// Waits for the call; `None` once another program has taken this one's place.
    pub(crate) async fn call(&mut self) -> Option<WakeCall> {
        (&mut self.call).await.ok()
    }
}

impl Drop for WaitingProgram {
    fn drop(&mut self) {
        // Before the notification, so that its receiver sees that no program waits.
        self.call.close();
        self.changed.notify_one();
    }
}

impl WakeCall {
    /// Reports whether the program has accepted the notice.
    pub(crate) fn answer(self, accepted: bool) {
        let _ = self.accepted.send(accepted);
    }
}

impl Channel for WaitingPrograms {
    fn reach(&self) -> Option<Reach> {
        let can_call = |waiting: &Waiting| waiting.is_usable && !waiting.call.is_closed();
        self.waiting().as_ref().is_some_and(can_call).then_some(Reach::Push)
    }

    fn wakes(&self) -> bool {
        true
    }

    fn waits_for_turn_end(&self) -> bool {
        self.kind == WaitingKind::Plugin
    }

    fn tells_outcome(&self) -> bool {
        self.kind == WaitingKind::Plugin
    }

    fn wake<'a>(&'a self, notice: &'a str) -> BoxFuture<'a, bool> {
        let waiting = self.waiting().take();
        async move {
            let (accepted, outcome) = oneshot::channel();
            let call = WakeCall { notice: notice.to_owned(), accepted };
            let Some(Ok(())) = waiting.map(|waiting| waiting.call.send(call)) else { return false };
            matches!(timeout(ACCEPT_TIME, outcome).await, Ok(Ok(true)))
        }
        .boxed()
    }
}
