//! Where a hub is, and what it has to prove when it is dialed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use junction_shared::invite_link::address_text;

use crate::transport::tls::Security;

/// Where a hub is, and what it has to prove when it is dialed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The hub's port, never 0.
    pub port: u16,
    /// What the hub has to prove.
    pub security: Security,
}

impl Endpoint {
    /// A hub at this address that serves without TLS.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        let host = address.ip().to_string();
        Self { host, port: address.port(), security: Security::Loopback }
    }

    /// The host and the port, as people write them.
    #[must_use]
    pub fn address(&self) -> String {
        address_text(&self.host, self.port)
    }

    /// The socket addresses of the host. Only a DNS name is looked up.
    ///
    /// # Errors
    /// The name does not exist, or cannot be looked up.
    pub async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        if self.host.eq_ignore_ascii_case("localhost") {
            return Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port)]);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        let found: Vec<_> = found.collect();
        if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }
}

/// Whether this host is a name or an address of this machine that no other machine can have.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}
