//! A program that waits beside the session until there is a reason to wake the agent. It is one of two kinds.
//!
//! A plugin's program waits as long as the session is open, and the plugin begins a turn with what the program prints.
//! Its next wait tells what came of that. A client starts a rewake hook at the beginning of a session and at the end of
//! each turn, and wakes the agent when the hook exits with a certain status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::protocol::wire::Reach;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::clients::{Channel, WakingWay};
use junction_engine::now;

/// How long the program may take to accept the notice.
const ACCEPT_TIME: Duration = Duration::from_secs(3);

/// How soon after the end of one wait a plugin begins the next.
const RETURN_TIME: Duration = Duration::from_secs(3);

/// What kind of program waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitingKind {
    /// A plugin of the client runs it.
    Plugin,
    /// The client itself runs it as a hook.
    RewakeHook,
}

/// When a program that waits may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// At any time.
    Usable,
    /// At any time, until a plugin waits, too.
    Reserve,
    /// Not before its plugin has a reason to believe that it can begin a turn: it could not just now.
    Refused,
}

/// The program of one kind that waits now. A new one takes the place of the last.
pub(crate) struct WaitingPrograms {
    kind: WaitingKind,
    waiting: Mutex<Option<Waiting>>,
    /// When the last wait ended, unless another has begun since.
    ended_at: Mutex<Option<Instant>>,
}

/// The channel's side of a program that waits.
struct Waiting {
    call: oneshot::Sender<WakeCall>,
    readiness: Readiness,
}

/// The bridge's side of a program that waits.
pub(crate) struct WaitingProgram {
    call: oneshot::Receiver<WakeCall>,
    programs: Arc<WaitingPrograms>,
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
        Self { kind, waiting: Mutex::default(), ended_at: Mutex::default() }
    }

    /// Registers a program in place of the last one, whose wait ends.
    pub(crate) fn register(
        self: Arc<Self>,
        readiness: Readiness,
        changed: Arc<Notify>,
    ) -> WaitingProgram {
        let (sender, call) = oneshot::channel();
        *lock(&self.waiting) = Some(Waiting { call: sender, readiness });
        *lock(&self.ended_at) = None;
        WaitingProgram { call, programs: self, changed }
    }

    /// Lets a program be called again whose plugin could not begin a turn. True if there is one.
    pub(crate) fn try_again(&self) -> bool {
        let mut waiting = lock(&self.waiting);
        let refused = waiting.as_mut().filter(|waiting| waiting.readiness == Readiness::Refused);
        refused.map(|waiting| waiting.readiness = Readiness::Usable).is_some()
    }

    /// Whether a program waits that may be called, or the next is about to.
    pub(crate) fn is_manned(&self) -> bool {
        self.reach().is_some() || self.is_expected()
    }

    /// Ends the wait of a reserve.
    pub(crate) fn release_reserve(&self) {
        lock(&self.waiting).take_if(|waiting| waiting.readiness == Readiness::Reserve);
    }

    /// Until when the next wait of a plugin may be expected, if none waits.
    pub(crate) fn returns_until(&self) -> Option<Instant> {
        Some((*lock(&self.ended_at))? + RETURN_TIME)
    }

    /// Notes that a wait has ended, in whichever way, unless another has taken its place.
    fn ended(&self) {
        let is_over = lock(&self.waiting).as_ref().is_none_or(|waiting| waiting.call.is_closed());
        if self.kind == WaitingKind::Plugin && is_over {
            lock(&self.ended_at).get_or_insert_with(now);
        }
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
        self.programs.ended();
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
        let can_call = |waiting: &Waiting| {
            waiting.readiness != Readiness::Refused && !waiting.call.is_closed()
        };
        lock(&self.waiting).as_ref().is_some_and(can_call).then_some(Reach::Push)
    }

    fn is_expected(&self) -> bool {
        self.returns_until().is_some_and(|until| now() < until)
    }

    fn way(&self) -> Option<WakingWay> {
        Some(match self.kind {
            WaitingKind::Plugin => WakingWay::Plugin,
            WaitingKind::RewakeHook => WakingWay::RewakeHook,
        })
    }

    fn can_be_tried(&self) -> bool {
        lock(&self.waiting).as_ref().is_some_and(|waiting| !waiting.call.is_closed())
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
        let waiting = lock(&self.waiting).take();
        self.ended();
        async move {
            let (accepted, outcome) = oneshot::channel();
            let call = WakeCall { notice: notice.to_owned(), accepted };
            let Some(Ok(())) = waiting.map(|waiting| waiting.call.send(call)) else { return false };
            matches!(timeout(ACCEPT_TIME, outcome).await, Ok(Ok(true)))
        }
        .boxed()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
