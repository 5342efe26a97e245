//! The socket of an accepted connection, with two guards: it fails at the deadline of its pending connection,
//! and when bytes keep coming that never complete a message.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use junction_shared::protocol::handshake::Pin as TlsPin;
use junction_shared::protocol::limits::MAX_FRAME;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::accept::admission::PendingConnection;
use crate::accept::ip_limits::IpQuota;

/// Bytes that may arrive without completing a message: the largest frame, the same again for websocket and
/// TLS overhead, and what is read ahead. A message in a million empty fragments ends here.
const MAX_UNFRAMED: usize = 2 * MAX_FRAME;

/// Counts the bytes that arrived since the last complete message.
#[derive(Default)]
pub(crate) struct UnframedBytes(AtomicUsize);

impl UnframedBytes {
    /// Starts over: all bytes so far have become a complete message.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Counts more bytes. Returns whether the total is still within [`MAX_UNFRAMED`].
    fn admits(&self, more: usize) -> bool {
        self.0.fetch_add(more, Ordering::Relaxed).saturating_add(more) <= MAX_UNFRAMED
    }
}

/// What the handler of a connection needs to know about its origin.
#[derive(Clone)]
pub(crate) struct ConnectionInfo {
    /// The slot of the connection in admission control.
    pub(crate) pending: Arc<PendingConnection>,
    /// The bytes that arrived since the last complete message.
    pub(crate) unframed: Arc<UnframedBytes>,
    /// The limits of the remote address.
    pub(crate) quota: Arc<IpQuota>,
    /// The pin of the connection's TLS key; [`junction_shared::protocol::handshake::NO_PIN`] without TLS.
    pub(crate) pin: TlsPin,
}

/// A socket that is closed at the deadline of its pending connection.
pub(crate) struct GuardedStream<T> {
    io: T,
    /// The first byte, if it was peeked at and not read yet.
    first: Option<u8>,
    /// The origin of the connection.
    pub(crate) info: ConnectionInfo,
    /// Completes at the deadline; `None` once a handshake watches the deadline itself.
    must_close: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Whether the deadline has passed.
    is_over: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> GuardedStream<T> {
    /// Guards the socket of a pending connection.
    pub(crate) fn new(io: T, info: ConnectionInfo) -> Self {
        let must_close = Some(Box::pin(info.pending.clone().must_close()) as _);
        Self { io, first: None, info, must_close, is_over: false }
    }

    /// Returns the first byte and leaves it to be read, or `None` if the connection ends first.
    pub(crate) async fn peek(&mut self) -> Option<u8> {
        let byte = self.read_u8().await.ok();
        self.first = byte;
        byte
    }
}

impl<T> GuardedStream<T> {
    fn poll_must_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.info.pending.is_handshaking() {
            self.must_close = None;
        }
        self.must_close.as_mut().map_or(Poll::Pending, |must_close| must_close.as_mut().poll(cx))
    }

    /// Fails once the connection must close, and wakes the task then.
    fn check_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.is_over || self.poll_must_close(cx).is_ready() {
            // A future that is over must not be polled again.
            self.is_over = true;
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for GuardedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_open(cx)?;
        if let Some(first) = self.first.take() {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        let is_within = self.info.unframed.admits(read);
        Poll::Ready(if is_within { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) })
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for GuardedStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_open(cx)?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_open(cx)?;
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
        self.check_open(cx)?;
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
