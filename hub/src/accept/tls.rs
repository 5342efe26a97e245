//! TLS: the hub's certificate and what it agrees to. The only file here that says `rustls` or `rcgen`.

use std::io;
use std::sync::Arc;

use junction_shared::machine::identity::HubKey;
use junction_shared::protocol::handshake::Pin;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{ServerConfig, version};

/// What comes before the seed in the PKCS #8 form of an Ed25519 key (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// The one protocol spoken inside (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// A hub whose keys make no certificate.
#[derive(Debug, thiserror::Error)]
#[error("The hub's keys make no certificate. Remove hub.key: the next start makes new ones.")]
pub struct BadKey;

/// A connection inside TLS.
pub(crate) type TlsStream<T> = tokio_rustls::server::TlsStream<T>;

/// The hub's side of TLS 1.3.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    /// What bridges know the hub by.
    pub(crate) pin: Pin,
}

impl Tls {
    /// TLS under this key. The certificate is made anew each time: bridges look at nothing but its key.
    ///
    /// # Errors
    /// [`BadKey`] if the key makes no certificate, which no 32 bytes do.
    pub(crate) fn new(key: &HubKey) -> Result<Self, BadKey> {
        let mut der = Vec::with_capacity(PKCS8_PREFIX.len() + 32);
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(key.tls_key.expose());
        let der = PrivatePkcs8KeyDer::from(der);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519);
        let certificate = pair.and_then(|pair| CertificateParams::default().self_signed(&pair));
        let certificate = certificate.map_err(|_| BadKey)?.der().clone();
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|_| BadKey)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(der))
            .map_err(|_| BadKey)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A connection lasts as long as its session: there is nothing to resume, and nothing to keep for it.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), pin: key.pin() })
    }

    /// The hub's side of a TLS handshake; what went wrong was said to the other side.
    ///
    /// # Errors
    /// The connection's own, or that the other side speaks no TLS 1.3 that the hub does.
    pub(crate) async fn accept<T>(&self, io: T) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(io).await
    }
}
