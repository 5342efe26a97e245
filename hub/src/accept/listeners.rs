//! The sockets a hub listens on: one port, on every address it serves.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::serve::Listener;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Connections the system queues until they are accepted: a burst from all bridges of a large hub. The system
/// may set a lower bound of its own.
const BACKLOG: i32 = 4096;
/// How often another port is tried when the system's choice is free on one address and taken on the other.
const TRIES: u32 = 16;
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
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match bind_all(&addresses(host), port) {
                Err((_, error))
                    if port == 0 && tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return bound.map(|all| Self { all: Arc::new(all), turn: 0 }),
            }
        }
    }

    /// Returns the port that all listeners share.
    pub(crate) fn port(&self) -> u16 {
        self.local_addr().map_or(0, |address| address.port())
    }
}

/// Returns the addresses to listen on for this host: 127.0.0.1, where the bridges of this machine dial, is always
/// included.
fn addresses(host: IpAddr) -> Vec<IpAddr> {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match host {
        _ if host == localhost => vec![host],
        // Whether an IPv6 wildcard covers IPv4 depends on the system, so `bind` turns that off and both are
        // bound.
        IpAddr::V6(any) if any.is_unspecified() => vec![host, Ipv4Addr::UNSPECIFIED.into()],
        IpAddr::V4(any) if any.is_unspecified() => vec![host],
        _ => vec![localhost, host],
    }
}

fn bind_all(hosts: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut bound: Vec<TcpListener> = Vec::new();
    for host in hosts {
        let first = bound.first().and_then(|first| first.local_addr().ok());
        let address = SocketAddr::new(*host, first.map_or(port, |first| first.port()));
        let listener = bind(address).and_then(TcpListener::from_std);
        bound.push(listener.map_err(|error| (address, error))?);
    }
    Ok(bound)
}

fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if cfg!(unix) {
        // Lets a hub restart while its last connections linger. On other systems the same option would let
        // two hubs share one port.
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
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

    #[test]
    fn loopback_is_always_served() {
        assert_eq!(addresses(ip("127.0.0.1")), [ip("127.0.0.1")]);
        assert_eq!(addresses(ip("::1")), [ip("127.0.0.1"), ip("::1")]);
        assert_eq!(addresses(ip("0.0.0.0")), [ip("0.0.0.0")]);
        assert_eq!(addresses(ip("::")), [ip("::"), ip("0.0.0.0")]);
        assert_eq!(addresses(ip("192.168.1.7")), [ip("127.0.0.1"), ip("192.168.1.7")]);
        assert_eq!(addresses(ip("fd00::7")), [ip("127.0.0.1"), ip("fd00::7")]);
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

    #[tokio::test]
    async fn the_error_for_a_taken_port_names_its_address() {
        let first = Listeners::bind(ip("127.0.0.1"), 0).unwrap();
        let (address, error) = Listeners::bind(ip("0.0.0.0"), first.port()).unwrap_err();
        assert_eq!(address, SocketAddr::new(ip("0.0.0.0"), first.port()));
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
