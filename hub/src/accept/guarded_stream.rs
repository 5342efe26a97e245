//! The socket of a connection: it ends when its pending connection has to go, and when what comes through it never
//! becomes a message.

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

/// Bytes that may come in without making a whole message: the largest frame, the same again for what the
/// websocket and TLS put round it, and what is read ahead. A message in a million empty pieces ends here.
const MAX_UNFRAMED: usize = 2 * MAX_FRAME;

/// Bytes that came in since the last whole message.
#[derive(Default)]
pub(crate) struct UnframedBytes(AtomicUsize);

impl UnframedBytes {
    /// All that came so far made a message.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether so many more are still to be borne.
    fn admits(&self, more: usize) -> bool {
        self.0.fetch_add(more, Ordering::Relaxed).saturating_add(more) <= MAX_UNFRAMED
    }
}

/// Where a connection comes from, as its handler gets at it.
#[derive(Clone)]
pub(crate) struct ConnectionInfo {
    /// Its place in the admission.
    pub(crate) pending: Arc<PendingConnection>,
    /// Bytes that came in through its socket since the last whole message.
    pub(crate) unframed: Arc<UnframedBytes>,
    /// Its machine.
    pub(crate) quota: Arc<IpQuota>,
    /// The pin of its TLS; [`junction_shared::protocol::handshake::NO_PIN`] without.
    pub(crate) pin: TlsPin,
}

/// A socket with its pending connection in it.
pub(crate) struct GuardedStream<T> {
    io: T,
    /// The first byte, while it was looked at but not read.
    first: Option<u8>,
    /// Where it comes from.
    pub(crate) info: ConnectionInfo,
    /// As long as no handshake sees to it.
    must_close: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> GuardedStream<T> {
    /// The socket of a pending connection.
    pub(crate) fn new(io: T, info: ConnectionInfo) -> Self {
        let must_close = Some(Box::pin(info.pending.clone().must_close()) as _);
        Self { io, first: None, info, must_close }
    }

    /// The first byte, which stays to be read; none if nothing comes.
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
}

impl<T: AsyncRead + Unpin> AsyncRead for GuardedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_must_close(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
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
