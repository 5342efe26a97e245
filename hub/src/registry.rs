//! The one lock around the state, and the connections its outputs go to.
//!
//! Frames for a connection are queued before the lock is released. That neither waits nor blocks, and it
//! makes the order of frames on a connection the order of the state's decisions, whichever thread made them:
//! a `Room` never overtakes the `Later` it follows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use junction_shared::machine::identity::HubKey;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::limits::CONTROL_QUEUE;
use junction_shared::protocol::wire::{HelloBody, ToBridge, ToHub, WelcomeBody};
use junction_shared::secret::random_bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot};
use tokio::time::Instant;

use crate::metrics::{Gauges, Metrics};
use crate::state::{HubEvent, Output, SeenSession, State, StateOptions, Timeouts};

/// Bytes of claims that may wait in the queue of a connection. Nothing of them is kept elsewhere, so a connection that does
/// not take them is closed: when it comes back, it gets everything again.
const QUEUED_CLAIMS: usize = 4 << 20;

/// Events that may wait for one that looks, until it has taken them into its own queue.
const QUEUED_EVENTS: usize = 4096;

/// The state of a hub, shared by its connections.
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    metrics: Arc<Metrics>,
    started: Instant,
    timeouts: Timeouts,
    /// Wakes the sweeper for a deadline that is earlier than its next run.
    wake_sweeper: Notify,
}

struct Inner {
    state: State,
    entries: HashMap<ConnectionId, ConnectionEntry>,
    /// When the sweeper runs next.
    next_sweep: Duration,
    /// Why the hub is stopping; it admits no connection any more.
    stopping: Option<Close>,
    /// What happens, for those that look; `None` while nobody does.
    events: Option<broadcast::Sender<HubEvent>>,
}

/// What one that looks is shown.
pub(crate) struct Look {
    /// The sessions that are there now.
    pub(crate) sessions: Vec<SeenSession>,
    /// What happens from now on.
    pub(crate) events: broadcast::Receiver<HubEvent>,
}

/// A frame on its way to a connection.
pub(crate) struct QueuedFrame {
    /// The frame.
    pub(crate) frame: Box<ToBridge>,
    /// Whether the frame answers one of this connection.
    pub(crate) is_answer: bool,
    /// The room that claims take in the queue, until they are written.
    _room: Option<OwnedSemaphorePermit>,
}

/// The registry's end of a connection. Dropping it ends the connection.
struct ConnectionEntry {
    frames: mpsc::Sender<QueuedFrame>,
    mail: Arc<Notify>,
    close: oneshot::Sender<Close>,
    /// A permit for each byte of claims that may still be queued.
    claims_room: Arc<Semaphore>,
}

/// The connection's end: what the registry sends to it. Dropping it disconnects the peer.
pub(crate) struct ConnectionHandle {
    registry: Arc<Registry>,
    id: ConnectionId,
    /// Frames to send.
    pub(crate) frames: mpsc::Receiver<QueuedFrame>,
    /// Signals that there is mail to push.
    pub(crate) mail: Arc<Notify>,
    /// Why the connection is closed; the channel is dropped if the peer left.
    pub(crate) closed: oneshot::Receiver<Close>,
}

impl Registry {
    /// Creates the registry of a hub that starts now.
    pub(crate) fn new(timeouts: Timeouts, key: &HubKey, metrics: Arc<Metrics>) -> Self {
        let state = State::new(StateOptions {
            timeouts,
            ticket_key: key.ticket_key(),
            group: key.group,
            started_ms: wall_ms(),
            seed: u64::from_ne_bytes(random_bytes()),
        });
        let inner = Inner {
            state,
            entries: HashMap::new(),
            next_sweep: Duration::ZERO,
            stopping: None,
            events: None,
        };
        let (inner, started) = (Mutex::new(inner), Instant::now());
        Self { inner, metrics, started, timeouts, wake_sweeper: Notify::new() }
    }

    /// Admits a connection whose hello was verified.
    ///
    /// # Errors
    /// Why the connection is refused.
    pub(crate) fn connect(
        self: &Arc<Self>,
        hello: &HelloBody,
    ) -> Result<(ConnectionHandle, WelcomeBody), Close> {
        let mut inner = self.lock();
        if let Some(why) = inner.stopping {
            return Err(why);
        }
        let connected = inner.state.connect(hello, self.age())?;
        let (frames, frames_end) = mpsc::channel(CONTROL_QUEUE);
        let (close, closed) = oneshot::channel();
        let mail = Arc::new(Notify::new());
        let claims_room = Arc::new(Semaphore::new(QUEUED_CLAIMS));
        let entry = ConnectionEntry { frames, mail: mail.clone(), close, claims_room };
        inner.entries.insert(connected.connection, entry);
        inner.apply(connected.outputs, None, &self.metrics);
        self.release(inner);
        let registry = self.clone();
        let handle = ConnectionHandle {
            registry,
            id: connected.connection,
            frames: frames_end,
            mail,
            closed,
        };
        Ok((handle, connected.welcome))
    }

    /// Closes all connections for this reason and admits no more.
    pub(crate) fn stop(&self, why: Close) {
        let mut inner = self.lock();
        inner.stopping = Some(why);
        for (_, entry) in inner.entries.drain() {
            entry.end(why);
        }
    }

    /// Returns the current values of the hub.
    pub(crate) fn gauges(&self) -> Gauges {
        let inner = self.lock();
        let (messages, bytes) = inner.state.stored();
        Gauges {
            sessions: inner.state.connected(),
            peers: inner.state.known(),
            messages,
            bytes,
            attachment_bytes: inner.state.attachment_bytes(),
            onlookers: inner.events.as_ref().map_or(0, broadcast::Sender::receiver_count),
            uptime: self.age().as_secs(),
        }
    }

    /// Returns the sessions that are there.
    pub(crate) fn sessions(&self) -> Vec<SeenSession> {
        self.lock().state.shown_sessions().into_values().collect()
    }

    /// Begins to look.
    pub(crate) fn look(&self) -> Look {
        let mut inner = self.lock();
        let sessions = inner.state.observe();
        let events = inner.events.get_or_insert_with(|| broadcast::channel(QUEUED_EVENTS).0);
        Look { sessions, events: events.subscribe() }
    }

    /// Returns the time since the hub started.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Removes what has expired, forever or until the hub has been idle for `idle_exit`.
    pub(crate) async fn sweep(&self, idle_exit: Option<Duration>) {
        while let Some(next_sweep) = self.sweep_once(idle_exit) {
            tokio::select! {
                () = tokio::time::sleep_until(self.started + next_sweep) => {}
                () = self.wake_sweeper.notified() => {}
            }
        }
    }

    /// Sweeps once. Returns when to do so again, or `None` if the hub has been idle for long enough.
    fn sweep_once(&self, idle_exit: Option<Duration>) -> Option<Duration> {
        let mut inner = self.lock();
        let now = self.age();
        let outputs = inner.state.sweep(now);
        inner.apply(outputs, None, &self.metrics);
        let exit = inner.state.idle_since().zip(idle_exit).map(|(since, exit)| since + exit);
        if exit.is_some_and(|exit| exit <= now) {
            return None;
        }
        let latest = now + self.timeouts.sweep_interval;
        let first = inner.state.next_deadline().into_iter().chain(exit).min();
        inner.next_sweep = first.map_or(latest, |first| first.min(latest));
        Some(inner.next_sweep)
    }

    fn update(
        &self,
        own: ConnectionId,
        change: impl FnOnce(&mut State, Duration) -> Vec<Output>,
    ) -> bool {
        let mut inner = self.lock();
        let outputs = change(&mut inner.state, self.age());
        let answered = inner.apply(outputs, Some(own), &self.metrics);
        self.release(inner);
        answered
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in the state was reported where it happened; other connections go on with the state as it
        // is.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unlocks, and only then wakes the sweeper if a deadline is earlier than its next run.
    fn release(&self, inner: MutexGuard<'_, Inner>) {
        let sooner = inner.state.next_deadline().is_some_and(|next| next < inner.next_sweep);
        drop(inner);
        if sooner {
            self.wake_sweeper.notify_one();
        }
    }
}

/// This machine's wall clock, in milliseconds since 1970.
fn wall_ms() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "tickets of different runs of a hub are ordered by it"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Inner {
    /// Carries out what the state asks for. Returns whether there was a frame for the connection `own`.
    fn apply(
        &mut self,
        outputs: Vec<Output>,
        own: Option<ConnectionId>,
        metrics: &Metrics,
    ) -> bool {
        let mut answered = false;
        for output in outputs {
            match output {
                Output::Send(to, frame) => {
                    let is_answer = own == Some(to) && !answered;
                    answered |= is_answer;
                    metrics.count_sent(&frame);
                    self.send(to, frame, is_answer);
                }
                Output::MailReady(id) => {
                    if let Some(entry) = self.entries.get(&id) {
                        entry.mail.notify_one();
                    }
                }
                Output::Close(id, close) => self.close(id, close),
                Output::Left(id) => drop(self.entries.remove(&id)),
            }
        }
        self.tell_onlookers();
        answered
    }

    /// Tells those that look what has changed. Once nobody does, nothing is noted any more.
    fn tell_onlookers(&mut self) {
        let Some(events) = &self.events else { return };
        if events.receiver_count() == 0 {
            self.state.stop_observing();
            self.events = None;
            return;
        }
        for event in self.state.take_events() {
            // It fails if the last one left just now.
            let _ = events.send(event);
        }
    }

    /// Queues a frame. A connection whose queue is full is closed and may reconnect.
    fn send(&mut self, to: ConnectionId, frame: Box<ToBridge>, is_answer: bool) {
        let Some(entry) = self.entries.get(&to) else { return };
        let room = entry.room_for(&frame);
        let queued =
            room.map(|room| entry.frames.try_send(QueuedFrame { frame, is_answer, _room: room }));
        if !matches!(queued, Some(Ok(()))) {
            self.close(to, Close::SlowDown);
        }
    }

    fn close(&mut self, id: ConnectionId, close: Close) {
        if let Some(entry) = self.entries.remove(&id) {
            entry.end(close);
        }
    }
}

impl ConnectionEntry {
    /// Returns the room that a frame takes beside its place in the queue, or `None` if there is too little.
    fn room_for(&self, frame: &ToBridge) -> Option<Option<OwnedSemaphorePermit>> {
        let ToBridge::Claims(claims) = frame else { return Some(None) };
        let bytes = u32::try_from(claims.sealed.len()).ok()?;
        self.claims_room.clone().try_acquire_many_owned(bytes).ok().map(Some)
    }

    fn end(self, close: Close) {
        // No receiver means that the connection has ended by itself.
        let _ = self.close.send(close);
    }
}

impl ConnectionHandle {
    /// Returns the client through which this connection calls the state.
    pub(crate) fn client(&self) -> StateClient {
        StateClient { registry: self.registry.clone(), id: self.id }
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        // By connection id: if another connection of the peer has taken over, this changes nothing.
        let id = self.id;
        self.registry.update(id, |state, now| state.disconnected(id, now));
        self.registry.lock().entries.remove(&id);
    }
}

/// Calls the state on behalf of one connection.
pub(crate) struct StateClient {
    registry: Arc<Registry>,
    id: ConnectionId,
}

impl StateClient {
    /// Handles a frame. Returns whether an answer was queued.
    pub(crate) fn frame(&self, frame: ToHub) -> bool {
        self.registry.update(self.id, |state, now| state.frame(self.id, frame, now))
    }

    /// Records a sign of life.
    pub(crate) fn touch(&self) {
        self.registry.lock().state.touch(self.id, self.registry.age());
    }

    /// Returns the next mail to push, if any.
    pub(crate) fn next_push(&self) -> Option<ToBridge> {
        self.registry.lock().state.next_push(self.id, self.registry.age())
    }
}
