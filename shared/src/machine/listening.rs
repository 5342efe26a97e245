//! Listening on this machine: one port, on every address that is served.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// Connections the system queues until they are accepted: a burst from all bridges of a large hub. The system
/// may set a lower bound of its own.
const BACKLOG: i32 = 4096;
/// How often another port is tried when the system's choice is free on one address and taken on the other.
const TRIES: u32 = 16;

/// Returns the addresses to listen on for this host: 127.0.0.1, where programs of this machine connect, is always
/// included.
#[must_use]
pub fn with_loopback(host: IpAddr) -> Vec<IpAddr> {
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

/// Listens on these addresses, on one port. Port 0 chooses a port that is free on all. The sockets do not block.
///
/// # Errors
/// The address that could not be bound, and why.
pub fn listen(hosts: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut tries = TRIES;
    loop {
        tries -= 1;
        match bind_all(hosts, port) {
            Err((_, error))
                if port == 0 && tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
}

fn bind_all(hosts: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut bound: Vec<TcpListener> = Vec::new();
    for host in hosts {
        let first = bound.first().and_then(|first| first.local_addr().ok());
        let address = SocketAddr::new(*host, first.map_or(port, |first| first.port()));
        bound.push(bind(address).map_err(|error| (address, error))?);
    }
    Ok(bound)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if cfg!(unix) {
        // Lets a program restart while its last connections linger. On other systems the same option would let
        // two programs share one port.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_is_always_served() {
        assert_eq!(with_loopback(ip("127.0.0.1")), [ip("127.0.0.1")]);
        assert_eq!(with_loopback(ip("::1")), [ip("127.0.0.1"), ip("::1")]);
        assert_eq!(with_loopback(ip("0.0.0.0")), [ip("0.0.0.0")]);
        assert_eq!(with_loopback(ip("::")), [ip("::"), ip("0.0.0.0")]);
        assert_eq!(with_loopback(ip("192.168.1.7")), [ip("127.0.0.1"), ip("192.168.1.7")]);
        assert_eq!(with_loopback(ip("fd00::7")), [ip("127.0.0.1"), ip("fd00::7")]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn all_addresses_have_one_port() {
        let listeners = listen(&[ip("127.0.0.1"), ip("127.0.0.2")], 0).unwrap();
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert_eq!(ports.len(), 2);
        assert!(ports[0] == ports[1] && ports[0] != 0);
    }

    #[test]
    fn error_for_a_taken_port_names_its_address() {
        let first = listen(&[ip("127.0.0.1")], 0).unwrap();
        let port = first[0].local_addr().unwrap().port();
        let (address, error) = listen(&[ip("0.0.0.0")], port).unwrap_err();
        assert_eq!(address, SocketAddr::new(ip("0.0.0.0"), port));
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
