//! The door: how many may be half-way in, and for how long.
//!
//! From the first byte to the welcome a connection is a visitor. There is a place for so many; when all
//! are taken, the next one waits a moment for those who come in as they should, and then takes the place of
//! one who takes too long. So connections that say nothing never keep others out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use junction_shared::limits::HANDSHAKE_TIMEOUT;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Connections that are half-way in, at most.
pub(crate) const MAX_VISITORS: u32 = 256;
/// How long a visitor that has asked for nothing keeps its place while others wait. Bridges ask at once,
/// and have mostly done so before they are accepted; a full backlog of silent connections is through in
/// under two seconds.
const SILENT_KEEPS_PLACE: Duration = Duration::from_millis(100);
/// The same for one in its handshake: ten times what the handshakes of a full hall take.
const GREETED_KEEPS_PLACE: Duration = Duration::from_millis(500);

/// A listener that admits a bounded number of visitors.
pub(crate) struct Door<L> {
    listener: L,
    hall: Arc<Hall>,
}

/// Where visitors stand, in the order they came.
#[derive(Default)]
struct Hall {
    places: Mutex<Places>,
    /// A place has become free.
    freed: Notify,
}

#[derive(Default)]
struct Places {
    taken: BTreeMap<u64, Arc<Standing>>,
    last: u64,
}

/// A visitor as the hall sees it.
struct Standing {
    since: Instant,
    /// Its handshake has begun, and watches the time itself.
    is_greeted: AtomicBool,
    sent_away: Notify,
}

impl Standing {
    /// Until when it keeps its place while others wait.
    fn keeps_place_until(&self) -> Instant {
        let is_greeted = self.is_greeted.load(Ordering::Relaxed);
        self.since + if is_greeted { GREETED_KEEPS_PLACE } else { SILENT_KEEPS_PLACE }
    }
}

/// A connection that has not been welcomed yet.
pub(crate) struct Visitor {
    hall: Arc<Hall>,
    number: u64,
    standing: Arc<Standing>,
}

impl<L> Door<L> {
    /// A door in front of this listener.
    pub(crate) fn new(listener: L) -> Self {
        Self { listener, hall: Arc::default() }
    }
}

impl<L: Listener> Listener for Door<L> {
    type Io = Doorway<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.hall.wait_for_place().await;
        let (io, address) = self.listener.accept().await;
        (Doorway::new(io, self.hall.enter()), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Hall {
    async fn wait_for_place(&self) {
        while let Some((number, until)) = self.next_to_go() {
            tokio::select! {
                () = self.freed.notified() => {}
                () = sleep_until(until) => self.send_away(number),
            }
        }
    }

    /// While the hall is full: the visitor who has to make place first, and when.
    fn next_to_go(&self) -> Option<(u64, Instant)> {
        let places = self.lock();
        if places.taken.len() < MAX_VISITORS as usize {
            return None;
        }
        let until =
            places.taken.iter().map(|(number, standing)| (*number, standing.keeps_place_until()));
        until.min_by_key(|(_, until)| *until)
    }

    fn send_away(&self, number: u64) {
        let mut places = self.lock();
        let Entry::Occupied(taken) = places.taken.entry(number) else { return };
        // It may have been greeted since we looked.
        if taken.get().keeps_place_until() <= Instant::now() {
            taken.remove().sent_away.notify_one();
        }
    }

    fn enter(self: &Arc<Self>) -> Arc<Visitor> {
        let mut places = self.lock();
        places.last += 1;
        let number = places.last;
        let standing = Arc::new(Standing {
            since: Instant::now(),
            is_greeted: AtomicBool::new(false),
            sent_away: Notify::new(),
        });
        places.taken.insert(number, standing.clone());
        Arc::new(Visitor { hall: self.clone(), number, standing })
    }

    fn leave(&self, number: u64) {
        let left = self.lock().taken.remove(&number);
        if left.is_some() {
            self.freed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor {
    /// The handshake begins, and watches the time from here on.
    pub(crate) fn greet(&self) {
        self.standing.is_greeted.store(true, Ordering::Relaxed);
    }

    /// The visitor is welcomed, and stands in nobody's way.
    pub(crate) fn come_in(&self) {
        self.hall.leave(self.number);
    }

    /// Waits until its time is up.
    pub(crate) async fn time_is_up(&self) {
        sleep_until(self.standing.since + HANDSHAKE_TIMEOUT).await;
    }

    /// Waits until another takes its place.
    pub(crate) async fn sent_away(&self) {
        self.standing.sent_away.notified().await;
    }

    async fn has_to_go(self: Arc<Self>) {
        tokio::select! {
            () = self.time_is_up() => {}
            () = self.sent_away() => {}
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.hall.leave(self.number);
    }
}

/// A connection that ends when its visitor has to go, as long as no handshake sees to that.
pub(crate) struct Doorway<T> {
    io: T,
    visitor: Arc<Visitor>,
    has_to_go: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<T> Doorway<T> {
    fn new(io: T, visitor: Arc<Visitor>) -> Self {
        let has_to_go = visitor.clone().has_to_go();
        Self { io, visitor, has_to_go: Some(Box::pin(has_to_go)) }
    }

    fn poll_has_to_go(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.visitor.standing.is_greeted.load(Ordering::Relaxed) {
            self.has_to_go = None;
        }
        self.has_to_go.as_mut().map_or(Poll::Pending, |has_to_go| has_to_go.as_mut().poll(cx))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Doorway<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_has_to_go(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Doorway<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// How a request's handler gets at the visitor it came from.
#[derive(Clone)]
pub(crate) struct CameFrom(pub(crate) Arc<Visitor>);

impl<L: Listener> Connected<IncomingStream<'_, Door<L>>> for CameFrom {
    fn connect_info(stream: IncomingStream<'_, Door<L>>) -> Self {
        Self(stream.io().visitor.clone())
    }
}
