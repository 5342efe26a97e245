//! The sockets a hub listens on: one port, on every address it serves.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::serve::Listener;
use junction_shared::machine::listening::{listen, with_loopback};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long to pause a listener that cannot accept, most likely because no descriptors are left.
const PAUSE: Duration = Duration::from_millis(200);

/// The listeners of a hub. Clones share the sockets.
#[derive(Clone, Debug)]
pub(crate) struct Listeners {
    all: Arc<Vec<TcpListener>>,
    /// Where the next poll starts, so that a busy listener does not starve the others.
    turn: usize,
}

impl Listeners {
    /// Listens on this address and on loopback. Port 0 chooses a port that is free on both.
    ///
    /// # Errors
    /// The address that could not be bound, and why.
    pub(crate) fn bind(host: IpAddr, port: u16) -> Result<Self, (SocketAddr, io::Error)> {
        let mut all = Vec::new();
        for listener in listen(&with_loopback(host), port)? {
            let address = listener.local_addr();
            let address = address.unwrap_or(SocketAddr::new(host, port));
            all.push(TcpListener::from_std(listener).map_err(|error| (address, error))?);
        }
        Ok(Self { all: Arc::new(all), turn: 0 })
    }

    /// Returns the port that all listeners share.
    pub(crate) fn port(&self) -> u16 {
        self.local_addr().map_or(0, |address| address.port())
    }
}

impl Listener for Listeners {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            self.turn = (self.turn + 1) % self.all.len();
            let (before, from) = self.all.split_at(self.turn);
            let accepted = poll_fn(|cx| {
                let mut polls = from.iter().chain(before).map(|listener| listener.poll_accept(cx));
                polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
            });
            match accepted.await {
                Ok((io, from)) => {
                    // Frames are short and latency matters. A socket that refuses the option is only slower.
                    let _ = io.set_nodelay(true);
                    return (io, from);
                }
                Err(error) if is_connection_error(&error) => {}
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.all.first().map_or(Err(io::ErrorKind::NotConnected.into()), TcpListener::local_addr)
    }
}

/// Returns whether the error concerns the one connection and not the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn connections_to_each_address_are_accepted() {
        for host in ["127.0.0.1", "0.0.0.0"] {
            let mut listeners = Listeners::bind(ip(host), 0).unwrap();
            let dialled = TcpStream::connect(("127.0.0.1", listeners.port()));
            let (dialled, (_, from)) = tokio::join!(dialled, listeners.accept());
            assert_eq!(dialled.unwrap().local_addr().unwrap(), from);
        }
    }
}
