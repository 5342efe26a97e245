//! Where the gateway listens, as `--listen` says it, and the addresses that clients reach it by.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use junction_shared::machine::listening::{listen, with_loopback};
use junction_shared::machine::port_owner::PortOwner;
use junction_shared::machine::running_system::port_owner;
use junction_shared::machine::settings::{Expected, parse_host, parse_port};
use tokio::net::TcpListener;

/// The port of the gateway.
pub(crate) const PORT: u16 = 4201;

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    pub(crate) ip: IpAddr,
    /// 0 for any.
    pub(crate) port: u16,
}

/// Why the gateway does not listen.
#[derive(Debug)]
pub(crate) enum ListenError {
    /// Other machines would reach the gateway, and read along.
    NeedsTls(IpAddr),
    /// The address cannot be bound.
    Bind(SocketAddr, io::Error, PortOwner),
}

impl Default for ListenAddress {
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), port: PORT }
    }
}

impl FromStr for ListenAddress {
    type Err = Expected;

    /// Reads `PORT`, `ADDR` or `ADDR:PORT`, with an IPv6 address in brackets where a port follows.
    fn from_str(text: &str) -> Result<Self, Expected> {
        let expected =
            |_| Expected("a port, an IP address, or both as 10.0.0.7:4201 or [fd00::7]:4201");
        let default = Self::default();
        if let Ok(port) = parse_port(text) {
            return Ok(Self { port, ..default });
        }
        if let Ok(ip) = parse_host(text) {
            return Ok(Self { ip: ip.to_canonical(), ..default });
        }
        let (host, port) = match text.strip_suffix(']') {
            Some(_) => (text, default.port),
            None => {
                let (host, port) = text.rsplit_once(':').unwrap_or_default();
                (host, parse_port(port).map_err(expected)?)
            }
        };
        let ip = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => parse_host(host).ok().filter(IpAddr::is_ipv6),
            None => parse_host(host).ok().filter(IpAddr::is_ipv4),
        };
        Ok(Self { ip: ip.ok_or_else(|| expected(Expected("")))?.to_canonical(), port })
    }
}

impl ListenAddress {
    /// Refuses an address that other machines reach, unless they do so by TLS.
    ///
    /// # Errors
    /// [`ListenError::NeedsTls`]
    pub(crate) fn check(&self, has_tls: bool) -> Result<(), ListenError> {
        if has_tls || self.ip.is_loopback() { Ok(()) } else { Err(ListenError::NeedsTls(self.ip)) }
    }

    /// Listens here, and with TLS on 127.0.0.1 too, where the clients of this machine connect.
    ///
    /// # Errors
    /// [`ListenError`]; nothing is bound then.
    pub(crate) fn bind(&self, has_tls: bool) -> Result<Vec<TcpListener>, ListenError> {
        self.check(has_tls)?;
        let failed = |(address, error): (SocketAddr, io::Error)| {
            let owner = match error.kind() {
                io::ErrorKind::AddrInUse => port_owner(address.port()),
                _ => PortOwner::Unknown,
            };
            ListenError::Bind(address, error, owner)
        };
        let hosts = if has_tls { with_loopback(self.ip) } else { vec![self.ip] };
        let mut listeners = Vec::new();
        for listener in listen(&hosts, self.port).map_err(failed)? {
            let address = listener.local_addr().unwrap_or(SocketAddr::new(self.ip, self.port));
            let listener = TcpListener::from_std(listener);
            listeners.push(listener.map_err(|error| failed((address, error)))?);
        }
        Ok(listeners)
    }

    /// The addresses that clients are given below which each agent has its own, where the gateway is served on this port, and
    /// the machine has these addresses on its networks.
    pub(crate) fn bases(&self, port: u16, has_tls: bool, networks: &[IpAddr]) -> Vec<String> {
        let base =
            |scheme: &str, ip: IpAddr| format!("{scheme}://{}/mcp", SocketAddr::new(ip, port));
        if !has_tls {
            return vec![base("http", self.ip)];
        }
        let mut bases = vec![base("http", Ipv4Addr::LOCALHOST.into())];
        if self.ip.is_unspecified() {
            let is_served = |ip: &&IpAddr| self.ip.is_ipv6() || ip.is_ipv4();
            bases.extend(networks.iter().filter(is_served).map(|ip| base("https", *ip)));
        } else {
            bases.push(base("https", self.ip));
        }
        bases
    }
}

impl std::error::Error for ListenError {}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsTls(ip) => write!(
                f,
                "Other machines can reach {ip}, and plain HTTP is for this machine alone. Add --tls, or listen on 127.0.0.1."
            ),
            Self::Bind(address, error, owner) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "{address} is in use by {owner}. Stop that program, or choose another port with --listen."
                )
            }
            Self::Bind(address, error, _) => write!(
                f,
                "The gateway cannot listen on {address}: {error}. Choose another address with --listen."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn address_is_read_with_and_without_its_parts() {
        for (text, address, port) in [
            ("4300", "127.0.0.1", 4300),
            ("0", "127.0.0.1", 0),
            ("10.0.0.7", "10.0.0.7", PORT),
            ("10.0.0.7:0", "10.0.0.7", 0),
            ("localhost", "127.0.0.1", PORT),
            ("localhost:4300", "127.0.0.1", 4300),
            ("::1", "::1", PORT),
            ("[::1]", "::1", PORT),
            ("[::1]:4300", "::1", 4300),
            ("[::]:65535", "::", 65535),
            ("::ffff:10.0.0.7", "10.0.0.7", PORT),
            ("[::ffff:127.0.0.1]:1", "127.0.0.1", 1),
        ] {
            let read = ListenAddress { ip: ip(address), port };
            assert_eq!(text.parse::<ListenAddress>(), Ok(read), "{text}");
        }
        for text in [
            "",
            ":",
            ":4201",
            "65536",
            "+1",
            "10.0.0.7:",
            "10.0.0.7:x",
            "10.0.0.7:65536",
            "host",
            "host:4201",
            "[10.0.0.7]",
            "[10.0.0.7]:1",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]:",
            "[]:1",
            "[localhost]",
            "10.0.0.7:1:1",
            "http://10.0.0.7",
            "127.1",
            " 4201",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (address, is_own) in [
            ("127.0.0.1", true),
            ("127.8.0.1", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("0.0.0.0", false),
            ("[::]", false),
            ("10.0.0.7", false),
            ("[fe80::1]", false),
            ("[::ffff:10.0.0.7]", false),
        ] {
            let address: ListenAddress = address.parse().unwrap();
            assert_eq!(address.check(false).is_ok(), is_own, "{address:?}");
            assert!(address.check(true).is_ok());
        }
    }

    #[test]
    fn clients_are_given_the_addresses_that_are_served() {
        let networks = [ip("10.0.0.7"), ip("fd00::7")];
        let bases = |text: &str, has_tls| {
            let address: ListenAddress = text.parse().unwrap();
            address.bases(4300, has_tls, &networks)
        };
        let local = "http://127.0.0.1:4300/mcp";
        let (four, six) = ("https://10.0.0.7:4300/mcp", "https://[fd00::7]:4300/mcp");
        assert_eq!(bases("127.0.0.1", false), [local]);
        assert_eq!(bases("::1", false), ["http://[::1]:4300/mcp"]);
        assert_eq!(bases("127.0.0.1", true), [local, "https://127.0.0.1:4300/mcp"]);
        assert_eq!(bases("10.0.0.7", true), [local, four]);
        assert_eq!(bases("0.0.0.0", true), [local, four]);
        assert_eq!(bases("::", true), [local, four, six]);
    }

    #[tokio::test]
    async fn taken_port_is_told_with_its_address() {
        let first = ListenAddress { port: 0, ..ListenAddress::default() }.bind(false).unwrap();
        let port = first[0].local_addr().unwrap().port();
        let again = ListenAddress { ip: ip("0.0.0.0"), port };
        let error = again.bind(true).unwrap_err().to_string();
        assert!(error.starts_with(&format!("0.0.0.0:{port} is in use by ")), "{error}");
    }
}
