//! Connections to the page: those of other users are refused before they say anything, as far as the system tells whose they
//! are, and of those that have not shown the key of the page there are few at a time.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use junction_shared::machine::running_system::is_own_connection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Connections that have not shown the key of the page. With one more, the oldest is closed: a browser opens another when it
/// needs one.
const MAX_STRANGERS: usize = 64;

/// A listener for this user.
pub(super) struct OwnListener {
    listener: TcpListener,
    /// Dropping one closes its connection, if that is a stranger's yet.
    strangers: VecDeque<oneshot::Sender<()>>,
}

/// A connection of a browser.
pub(super) struct BrowserConnection {
    stream: TcpStream,
    browser: Browser,
    /// Ends when the connection is to be closed; none once the browser is known.
    closed: Option<oneshot::Receiver<()>>,
}

/// Where a connection comes from, and whether the browser has shown the key of the page on it.
#[derive(Clone, Debug)]
pub(super) struct Browser {
    pub(super) address: SocketAddr,
    is_known: Arc<AtomicBool>,
}

impl Browser {
    /// The browser has shown the key of the page.
    pub(super) fn is_known(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }
}

impl OwnListener {
    /// Takes connections from this listener.
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, strangers: VecDeque::new() }
    }

    /// Keeps the way to close a new connection, and makes room for it.
    fn admit(&mut self) -> oneshot::Receiver<()> {
        let (open, closed) = oneshot::channel();
        self.strangers.retain(|stranger| !stranger.is_closed());
        self.strangers.push_back(open);
        if self.strangers.len() > MAX_STRANGERS {
            self.strangers.pop_front();
        }
        closed
    }
}

impl Listener for OwnListener {
    type Io = BrowserConnection;
    type Addr = Browser;

    async fn accept(&mut self) -> (BrowserConnection, Browser) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let to = stream.local_addr();
            if !to.is_ok_and(|to| is_own_connection(address, to) == Some(false)) {
                let browser = Browser { address, is_known: Arc::default() };
                let closed = Some(self.admit());
                let connection = BrowserConnection { stream, browser: browser.clone(), closed };
                return (connection, browser);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Browser> {
        let address = self.listener.local_addr()?;
        Ok(Browser { address, is_known: Arc::default() })
    }
}

impl Connected<IncomingStream<'_, OwnListener>> for Browser {
    fn connect_info(stream: IncomingStream<'_, OwnListener>) -> Self {
        stream.remote_addr().clone()
    }
}

impl AsyncRead for BrowserConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.browser.is_known.load(Ordering::Relaxed) {
            self.closed = None;
        }
        let is_closed = self.closed.as_mut().map(|closed| Pin::new(closed).poll(cx).is_ready());
        if is_closed == Some(true) {
            self.closed = None;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for BrowserConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
