//! The gateway's side of TLS 1.3.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use junction_engine::wall_ms;
use junction_shared::machine::network;
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{Error as RustlsError, ServerConfig, version};
use tokio_rustls::{Accept, TlsAcceptor, server};

use super::authority::{AuthorityError, CertificateAuthority, IssuedCertificate, VALID};

/// The one protocol spoken inside TLS (RFC 7301).
const ALPN: &[u8] = b"http/1.1";
/// How long a certificate is still valid when another one is made.
const REST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How far the clock may be set back before another certificate is made.
const SET_BACK: Duration = Duration::from_secs(60 * 60);

/// A connection of a client inside TLS.
pub(super) type ClientTls = server::TlsStream<TcpStream>;

/// A handshake with a client.
pub(super) type ClientHandshake = Accept<TcpStream>;

/// What the gateway speaks TLS with: a certificate for the addresses that the machine has now.
pub(crate) struct GatewayTls {
    authority: CertificateAuthority,
    current: Mutex<CurrentCertificate>,
}

/// The certificate that is shown to clients.
struct CurrentCertificate {
    config: Arc<ServerConfig>,
    addresses: Vec<IpAddr>,
    /// When it is to be used, in milliseconds since 1970.
    use_ms: Range<u64>,
}

impl GatewayTls {
    /// TLS with certificates of this authority.
    ///
    /// # Errors
    /// The key of the authority cannot sign.
    pub(crate) fn new(authority: CertificateAuthority) -> Result<Self, AuthorityError> {
        let current = CurrentCertificate::issue(&authority, None)?;
        Ok(Self { authority, current: Mutex::new(current) })
    }

    /// What clients are told to trust.
    pub(crate) fn authority(&self) -> &CertificateAuthority {
        &self.authority
    }

    /// Whether a `Host` is a name of this machine in its certificate, with or without a port.
    pub(super) fn has_host(&self, host: &str) -> bool {
        let (name, port) = host.split_once(':').unwrap_or((host, "0"));
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        is_port && self.authority.hosts().iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Begins the handshake with a client that has come to this address.
    pub(super) fn accept(&self, stream: TcpStream, local: IpAddr) -> ClientHandshake {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if !current.is_good_for(local) {
            match CurrentCertificate::issue(&self.authority, Some(local)) {
                Ok(issued) => *current = issued,
                Err(error) => tracing::warn!(%error, "certificate_not_made"),
            }
        }
        TlsAcceptor::from(Arc::clone(&current.config)).accept(stream)
    }
}

impl CurrentCertificate {
    /// A certificate for the addresses of the machine, and the one that a client has come to.
    fn issue(
        authority: &CertificateAuthority,
        local: Option<IpAddr>,
    ) -> Result<Self, AuthorityError> {
        let mut addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        addresses.extend(network::addresses());
        addresses.extend(local.filter(|local| !addresses.contains(local)));
        let now_ms = wall_ms();
        let issued = authority.issue(&addresses, now_ms)?;
        let config = config(issued).map_err(|_| authority.bad_key())?;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let use_ms = now_ms.saturating_sub(ms(SET_BACK))..now_ms.saturating_add(ms(VALID - REST));
        Ok(Self { config: Arc::new(config), addresses, use_ms })
    }

    fn is_good_for(&self, local: IpAddr) -> bool {
        self.addresses.contains(&local) && self.use_ms.contains(&wall_ms())
    }
}

fn config(issued: IssuedCertificate) -> Result<ServerConfig, RustlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![issued.certificate], issued.key)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A client that closes the connection with a ticket unread would seem not to have read the answer either.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

#[cfg(test)]
mod tests {
    use junction_shared::machine::config_dir::ConfigDir;

    use super::*;

    fn tls() -> (tempfile::TempDir, GatewayTls) {
        let home = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(home.path().join("junction"));
        let authority = CertificateAuthority::open(&dir, Some("desk"), wall_ms()).unwrap();
        (home, GatewayTls::new(authority).unwrap())
    }

    #[test]
    fn names_of_the_certificate_are_own_hosts() {
        let (_home, tls) = tls();
        for host in ["desk", "Desk.local", "desk:4201", "localhost:1"] {
            assert!(tls.has_host(host), "{host}");
        }
        for host in ["", "shop", "desk.", "desk:", "desk:x", "desk:65536", "desk:1:1", "x.desk"] {
            assert!(!tls.has_host(host), "{host}");
        }
    }

    #[test]
    fn another_certificate_is_made_for_another_address_and_in_time() {
        let (_home, tls) = tls();
        let mut current = CurrentCertificate::issue(tls.authority(), None).unwrap();
        let (known, new) = ("127.0.0.1".parse().unwrap(), "203.0.113.7".parse().unwrap());
        assert!(current.is_good_for(known) && !current.is_good_for(new));
        let other = CurrentCertificate::issue(tls.authority(), Some(new)).unwrap();
        assert!(other.is_good_for(known) && other.is_good_for(new));
        for outside in [0..wall_ms() - 1, wall_ms() + 60_000..u64::MAX] {
            current.use_ms = outside;
            assert!(!current.is_good_for(known));
        }
    }
}
