//! The hub's certificate and TLS configuration. No other file of the hub names `rustls` or `rcgen`.

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

/// The PKCS #8 prefix before the seed of an Ed25519 key (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// The one protocol spoken inside TLS (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// The hub's key does not yield a certificate.
#[derive(Debug, thiserror::Error)]
#[error(
    "hub.key holds no usable TLS key. Remove the file: the hub makes new keys at its next start."
)]
pub struct BadKey;

/// A connection inside TLS.
pub(crate) type TlsStream<T> = tokio_rustls::server::TlsStream<T>;

/// The hub's side of TLS 1.3.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    /// The hash of the hub's public key, by which bridges recognize it.
    pub(crate) pin: Pin,
}

impl Tls {
    /// Configures TLS under this key. The certificate is new at every start: bridges check nothing but its
    /// key.
    ///
    /// # Errors
    /// [`BadKey`] if the key does not yield a certificate, which does not happen for any 32 bytes.
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
        // A connection lasts as long as its session: there is nothing to resume, so nothing is stored.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), pin: key.pin() })
    }

    /// Performs the hub's side of a TLS handshake. On failure the other side has received an alert.
    ///
    /// # Errors
    /// The error of the connection, or that the other side offers no TLS 1.3 the hub accepts.
    pub(crate) async fn accept<T>(&self, io: T) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(io).await
    }
}
