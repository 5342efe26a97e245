//! Where the gateway listens, and its connections: each is bounded in the time that a client may do nothing in.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use junction_shared::machine::running_system::is_own_connection;
use junction_shared::protocol::host_header::is_own_name;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connections::{ConnectionUsage, Connections};
use super::tls::GatewayTls;
use super::wire::ClientWire;
use crate::mcp::http::AnswerProof;
use crate::mcp::http::client_connection::{ClientConnection, ClientStream};

/// How long a client may be silent that has not shown that it may be here.
const STRANGER_TIME: Duration = Duration::from_secs(30);
/// How long a client may be silent between requests: longer than clients keep connections that they do not use.
const IDLE_TIME: Duration = Duration::from_secs(300);
/// How long a client may take nothing of what is written to it.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// A listener of the gateway.
pub(super) struct GatewayListener {
    listener: TcpListener,
    connections: Arc<Connections>,
    tls: Option<Arc<GatewayTls>>,
}

/// Whose connection a request comes on.
#[derive(Clone)]
pub(super) struct GatewayClient {
    pub(super) usage: Arc<ConnectionUsage>,
    pub(super) proof: Arc<AnswerProof>,
    /// Whether another user's program of this machine has it.
    pub(super) is_foreign: bool,
    tls: Option<Arc<GatewayTls>>,
    is_secure: Arc<AtomicBool>,
}

/// A connection that is closed when its client does nothing for too long.
pub(super) struct BoundedStream {
    stream: ClientWire,
    usage: Arc<ConnectionUsage>,
    closed: oneshot::Receiver<()>,
    /// When to look whether the client has been silent for too long.
    silence: Pin<Box<Sleep>>,
    /// When the client must have taken something that waits to be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl GatewayListener {
    /// Takes connections from this listener. With TLS they may come from other machines.
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<Arc<GatewayTls>>,
        connections: Arc<Connections>,
    ) -> Self {
        Self { listener, connections, tls }
    }
}

impl GatewayClient {
    /// The TLS that a request on the connection has come by; `None` for plain HTTP.
    fn tls(&self) -> Option<&GatewayTls> {
        self.tls.as_deref().filter(|_| self.is_secure.load(Ordering::Relaxed))
    }

    /// Whether a `Host` cannot be a name that was made to lead here: an address, or a name that TLS has proven.
    pub(super) fn is_own_host(&self, host: &str) -> bool {
        is_own_name(host) || self.tls().is_some_and(|tls| tls.has_host(host))
    }

    /// The origin of a page that this `Host` would serve on the connection.
    pub(super) fn origin(&self, host: &str) -> String {
        let scheme = if self.tls().is_some() { "https" } else { "http" };
        format!("{scheme}://{host}")
    }
}

impl Listener for GatewayListener {
    type Io = ClientConnection<BoundedStream>;
    type Addr = GatewayClient;

    async fn accept(&mut self) -> (Self::Io, GatewayClient) {
        loop {
            let (stream, remote) = Listener::accept(&mut self.listener).await;
            let Ok(local) = stream.local_addr() else { continue };
            let Some((usage, closed)) = self.connections.admit() else { continue };
            let _ = stream.set_nodelay(true);
            let is_foreign = remote.ip().to_canonical().is_loopback()
                && is_own_connection(remote, local) == Some(false);
            let proof = Arc::new(AnswerProof::new(local, remote));
            let stream = ClientWire::new(stream, (local, remote), self.tls.clone());
            let client = GatewayClient {
                usage: Arc::clone(&usage),
                proof: Arc::clone(&proof),
                is_foreign,
                tls: self.tls.clone(),
                is_secure: stream.security(),
            };
            let silence = Box::pin(sleep_until(Instant::now() + STRANGER_TIME));
            let stream = BoundedStream { stream, usage, closed, silence, stalled: None };
            return (ClientConnection::new(stream, proof), client);
        }
    }

    fn local_addr(&self) -> io::Result<GatewayClient> {
        // Asked by nobody: what serves is told where.
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Connected<IncomingStream<'_, GatewayListener>> for GatewayClient {
    fn connect_info(stream: IncomingStream<'_, GatewayListener>) -> Self {
        stream.remote_addr().clone()
    }
}

impl fmt::Debug for GatewayClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayClient").finish_non_exhaustive()
    }
}

impl BoundedStream {
    /// Whether the connection is to be closed: there are too many, or the client was silent for too long.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Pin::new(&mut self.closed).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        while self.silence.as_mut().poll(cx).is_ready() {
            let patience = if self.usage.is_known() { IDLE_TIME } else { STRANGER_TIME };
            let now = Instant::now();
            let until = if self.usage.is_busy() { now } else { self.usage.last() } + patience;
            if until <= now {
                return Poll::Ready(());
            }
            self.silence.as_mut().reset(until);
        }
        Poll::Pending
    }

    /// What came of a write, or an error if the client has taken nothing for too long.
    fn timed<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled =
            self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + WRITE_TIME)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl ClientStream for BoundedStream {
    fn reset(&self) {
        self.stream.reset();
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending() && self.poll_over(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        read
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.timed(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.timed(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.timed(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.timed(shut, cx)
    }
}

#[cfg(test)]
mod tests;
