//! The two doors of one port: TLS for a connection that opens with a TLS hello, plain HTTP for one of this
//! machine. Which it is, and the TLS handshake, is each visitor's own matter: nobody is kept waiting by it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use junction_shared::handshake::{NO_PIN, Pin as TlsPin};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;

use crate::addresses::{Address, Addresses};
use crate::doorway::{Doorway, Inflow};
use crate::hall::{Hall, Visitor};
use crate::metrics::{Metrics, TurnedAway};
use crate::tls::{Tls, TlsStream};

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1). No HTTP request begins with it.
const TLS_HANDSHAKE: u8 = 22;

/// A listener that admits a bounded number of visitors.
pub(crate) struct Door<L: Listener> {
    listener: L,
    tls: Tls,
    hall: Arc<Hall>,
    addresses: Arc<Addresses>,
    metrics: Arc<Metrics>,
    /// Those who have come and not yet shown by which door.
    arriving: JoinSet<Option<(Entered<L::Io>, SocketAddr)>>,
}

impl<L: Listener<Addr = SocketAddr>> Door<L> {
    /// The doors in front of this listener.
    pub(crate) fn new(
        listener: L,
        tls: Tls,
        addresses: Arc<Addresses>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let hall = Arc::new(Hall::new(metrics.clone()));
        Self { listener, tls, hall, addresses, metrics, arriving: JoinSet::new() }
    }

    /// Has a connection show by which door it comes, in its own time.
    fn receive(&mut self, io: L::Io, from: SocketAddr) {
        self.metrics.connections.increment();
        let Some(address) = self.addresses.admit(from.ip()) else {
            return self.metrics.turned_away(TurnedAway::Address);
        };
        let Some(visitor) = self.hall.enter(address.ip()) else {
            return self.metrics.turned_away(TurnedAway::Address);
        };
        let io = Doorway::new(io, visitor);
        let tls = self.tls.clone();
        self.arriving.spawn(async move { enter(io, address, &tls).await.map(|io| (io, from)) });
    }
}

impl<L: Listener<Addr = SocketAddr>> Listener for Door<L> {
    type Io = Entered<L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let next = async {
                self.hall.wait_for_place().await;
                self.listener.accept().await
            };
            tokio::select! {
                Some(arrived) = self.arriving.join_next() => {
                    if let Ok(Some(entered)) = arrived {
                        return entered;
                    }
                }
                (io, from) = next => self.receive(io, from),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Lets a connection in by the door that it opens with, if it may use that one.
async fn enter<T>(mut io: Doorway<T>, address: Arc<Address>, tls: &Tls) -> Option<Entered<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (visitor, inflow) = (io.visitor.clone(), io.inflow.clone());
    let came = |pin| CameFrom { visitor: visitor.clone(), inflow, address: address.clone(), pin };
    if io.peek().await? == TLS_HANDSHAKE {
        let Ok(stream) = tls.accept(io).await else {
            visitor.turned_away(TurnedAway::Tls);
            return None;
        };
        return Some(Entered { came: came(tls.pin), io: Way::Tls(Box::new(stream)) });
    }
    if !address.is_this_machine() {
        visitor.turned_away(TurnedAway::Plain);
        return None;
    }
    Some(Entered { came: came(NO_PIN), io: Way::Plain(io) })
}

/// A connection that has shown by which door it comes.
pub(crate) struct Entered<T> {
    came: CameFrom,
    io: Way<T>,
}

enum Way<T> {
    Plain(Doorway<T>),
    /// Boxed: it is far larger, and most hubs have none.
    Tls(Box<TlsStream<Doorway<T>>>),
}

/// How a request's handler gets at where it came from.
#[derive(Clone)]
pub(crate) struct CameFrom {
    /// Its place in the hall.
    pub(crate) visitor: Arc<Visitor>,
    /// What came in through its socket.
    pub(crate) inflow: Arc<Inflow>,
    /// Its machine.
    pub(crate) address: Arc<Address>,
    /// The pin of this connection's TLS; [`NO_PIN`] without.
    pub(crate) pin: TlsPin,
}

impl<L: Listener<Addr = SocketAddr>> Connected<IncomingStream<'_, Door<L>>> for CameFrom {
    fn connect_info(stream: IncomingStream<'_, Door<L>>) -> Self {
        stream.io().came.clone()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Entered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Way::Plain(io) => Pin::new(io).poll_read(cx, buffer),
            Way::Tls(io) => Pin::new(io).poll_read(cx, buffer),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Entered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Way::Plain(io) => Pin::new(io).poll_write(cx, bytes),
            Way::Tls(io) => Pin::new(io).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Way::Plain(io) => Pin::new(io).poll_flush(cx),
            Way::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Way::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Way::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Way::Plain(io) => Pin::new(io).poll_write_vectored(cx, slices),
            Way::Tls(io) => Pin::new(io).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Way::Plain(io) => io.is_write_vectored(),
            Way::Tls(io) => io.is_write_vectored(),
        }
    }
}
