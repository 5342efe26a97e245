//! TLS and plain HTTP on one port: TLS for a connection that opens with a TLS hello, plain HTTP for loopback
//! connections. Each connection is inspected, and does its TLS handshake, in a task of its own, so none
//! blocks the others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use junction_shared::protocol::handshake::NO_PIN;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_util::either::Either;

use crate::accept::admission::Admission;
use crate::accept::guarded_stream::{ConnectionInfo, GuardedStream};
use crate::accept::ip_limits::IpLimits;
use crate::accept::tls::{Tls, TlsStream};
use crate::metrics::{Metrics, Rejection};

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1). No HTTP request begins with it.
const TLS_HANDSHAKE: u8 = 22;

/// A listener for TLS and plain HTTP that admits a bounded number of pending connections.
pub(crate) struct TlsOrPlainListener<L: Listener> {
    listener: L,
    tls: Tls,
    admission: Arc<Admission>,
    ip_limits: Arc<IpLimits>,
    metrics: Arc<Metrics>,
    /// Connections whose protocol is not known yet.
    accepting: JoinSet<Option<(AcceptedStream<L::Io>, SocketAddr)>>,
}

impl<L: Listener<Addr = SocketAddr>> TlsOrPlainListener<L> {
    /// Serves TLS and plain HTTP on this listener.
    pub(crate) fn new(
        listener: L,
        tls: Tls,
        ip_limits: Arc<IpLimits>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let admission = Arc::new(Admission::new(metrics.clone()));
        Self { listener, tls, admission, ip_limits, metrics, accepting: JoinSet::new() }
    }

    /// Starts a task that detects the protocol of a connection, within the limits of its address.
    fn start_accepting(&mut self, io: L::Io, from: SocketAddr) {
        self.metrics.connections.increment();
        let Some(quota) = self.ip_limits.try_connect(from.ip()) else {
            return self.metrics.reject_connection(Rejection::IpLimit);
        };
        let Some(pending) = self.admission.reserve(quota.ip()) else {
            return self.metrics.reject_connection(Rejection::IpLimit);
        };
        let io = GuardedStream::new(
            io,
            ConnectionInfo { pending, quota, unframed: Arc::default(), pin: NO_PIN },
        );
        let tls = self.tls.clone();
        self.accepting.spawn(async move { accept_stream(io, &tls).await.map(|io| (io, from)) });
    }
}

impl<L: Listener<Addr = SocketAddr>> Listener for TlsOrPlainListener<L> {
    type Io = AcceptedStream<L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let next = async {
                self.admission.wait_for_slot().await;
                self.listener.accept().await
            };
            tokio::select! {
                Some(finished) = self.accepting.join_next() => {
                    if let Ok(Some(accepted)) = finished {
                        return accepted;
                    }
                }
                (io, from) = next => self.start_accepting(io, from),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Accepts a connection as TLS or plain HTTP, by its first byte. Returns `None` if it is rejected.
async fn accept_stream<T>(mut io: GuardedStream<T>, tls: &Tls) -> Option<AcceptedStream<T>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let info = io.info.clone();
    if io.peek().await? == TLS_HANDSHAKE {
        io.info.pin = tls.pin;
        let Ok(stream) = tls.accept(io).await else {
            info.pending.reject(Rejection::Tls);
            return None;
        };
        return Some(Either::Right(Box::new(stream)));
    }
    if !info.quota.is_loopback() {
        info.pending.reject(Rejection::Plaintext);
        return None;
    }
    Some(Either::Left(io))
}

/// An accepted connection: plain HTTP, or TLS, which takes far more memory and is therefore boxed.
type AcceptedStream<T> = Either<GuardedStream<T>, Box<TlsStream<GuardedStream<T>>>>;

impl<L: Listener<Addr = SocketAddr>> Connected<IncomingStream<'_, TlsOrPlainListener<L>>>
    for ConnectionInfo
{
    fn connect_info(stream: IncomingStream<'_, TlsOrPlainListener<L>>) -> Self {
        match stream.io() {
            Either::Left(io) => io.info.clone(),
            Either::Right(io) => io.get_ref().0.info.clone(),
        }
    }
}
