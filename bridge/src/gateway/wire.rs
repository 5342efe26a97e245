//! What a connection of a client carries: plain HTTP, or TLS, which is known by its first byte.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::tls::{ClientHandshake, ClientTls, GatewayTls};

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1). No HTTP request begins with it.
const TLS_HANDSHAKE: u8 = 22;
/// Bytes of a plain request from another machine that are read, so that the system does not throw the refusal away.
const REFUSED: usize = 16 * 1024;
/// What a client on another machine gets that speaks plain HTTP.
const REFUSAL: &str = "The gateway serves other machines by TLS alone. Write https:// in the address that the client is given.";

/// A connection of a client. Its handshake is done where it is read or written, so that nobody else waits for it.
pub(super) struct ClientWire {
    stage: WireStage,
    local: IpAddr,
    /// Whether both ends are on this machine.
    is_local: bool,
    tls: Option<Arc<GatewayTls>>,
    is_secure: Arc<AtomicBool>,
}

/// How far a connection has come.
enum WireStage {
    /// Nothing has come yet.
    Opening(TcpStream),
    Plain(TcpStream),
    Handshake(Box<ClientHandshake>),
    Secure(Box<ClientTls>),
    Closed,
}

/// A connection that carries HTTP.
trait OpenWire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> OpenWire for T {}

impl ClientWire {
    /// A connection between these ends, of which `local` is ours, that may be inside this TLS.
    pub(super) fn new(
        stream: TcpStream,
        (local, remote): (SocketAddr, SocketAddr),
        tls: Option<Arc<GatewayTls>>,
    ) -> Self {
        let (local, remote) = (local.ip().to_canonical(), remote.ip().to_canonical());
        let is_local = local.is_loopback() && remote.is_loopback();
        let stage = WireStage::Opening(stream);
        Self { stage, local, is_local, tls, is_secure: Arc::default() }
    }

    /// Tells whether the connection is inside TLS: not before the first of a request has come.
    pub(super) fn security(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_secure)
    }

    /// Has the system throw away what was written and has not arrived, when the connection is dropped.
    pub(super) fn reset(&self) {
        let stream = match &self.stage {
            WireStage::Plain(stream) => stream,
            WireStage::Secure(stream) => stream.get_ref().0,
            _ => return,
        };
        // Fails only for a connection that is gone.
        let _ = stream.set_zero_linger();
    }

    /// The connection once it carries HTTP.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn OpenWire>>> {
        while !matches!(self.stage, WireStage::Plain(_) | WireStage::Secure(_)) {
            if let Err(error) = ready!(self.poll_step(cx)) {
                self.stage = WireStage::Closed;
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(match &mut self.stage {
            WireStage::Plain(stream) => Ok(Pin::new(stream)),
            WireStage::Secure(stream) => Ok(Pin::new(stream)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }

    /// Comes a step nearer to HTTP.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let next = match std::mem::replace(&mut self.stage, WireStage::Closed) {
            WireStage::Opening(stream) => {
                let mut byte = [0];
                let mut peeked = ReadBuf::new(&mut byte);
                let Poll::Ready(looked) = stream.poll_peek(cx, &mut peeked) else {
                    self.stage = WireStage::Opening(stream);
                    return Poll::Pending;
                };
                looked?;
                match (peeked.filled().first(), &self.tls) {
                    (Some(&TLS_HANDSHAKE), Some(tls)) => {
                        WireStage::Handshake(Box::new(tls.accept(stream, self.local)))
                    }
                    _ if self.is_local => WireStage::Plain(stream),
                    (first, _) => {
                        if first.is_some() {
                            refuse(&stream);
                        }
                        return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                    }
                }
            }
            WireStage::Handshake(mut handshake) => match Pin::new(&mut *handshake).poll(cx) {
                Poll::Ready(done) => {
                    let stream = done?;
                    self.is_secure.store(true, Ordering::Relaxed);
                    WireStage::Secure(Box::new(stream))
                }
                Poll::Pending => {
                    self.stage = WireStage::Handshake(handshake);
                    return Poll::Pending;
                }
            },
            WireStage::Closed => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            open => open,
        };
        self.stage = next;
        Poll::Ready(Ok(()))
    }
}

/// Tells a client on another machine to come by TLS, as far as it listens.
fn refuse(stream: &TcpStream) {
    let _ = stream.try_read(&mut [0; REFUSED]);
    let length = REFUSAL.len() + 1;
    let refusal = format!(
        "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{REFUSAL}\n"
    );
    let _ = stream.try_write(refusal.as_bytes());
}

impl AsyncRead for ClientWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        // Asked before the first byte has come. Both kinds of stream do it well.
        true
    }

    /// Writes what TLS holds back. Before the connection carries HTTP there is nothing of the kind.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stage {
            WireStage::Plain(stream) => Pin::new(stream).poll_flush(cx),
            WireStage::Secure(stream) => Pin::new(stream).poll_flush(cx),
            WireStage::Opening(_) | WireStage::Handshake(_) | WireStage::Closed => {
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stage {
            WireStage::Opening(stream) | WireStage::Plain(stream) => {
                Pin::new(stream).poll_shutdown(cx)
            }
            WireStage::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
            WireStage::Handshake(_) | WireStage::Closed => {
                self.stage = WireStage::Closed;
                Poll::Ready(Ok(()))
            }
        }
    }
}
