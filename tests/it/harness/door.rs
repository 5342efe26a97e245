//! The two ways into a hub.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use junction_shared::protocol::handshake::{NO_PIN, Pin};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, version};

/// Where the public key begins in every certificate of a hub, before its 32 bytes (RFC 8410 §4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A way into a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Plain HTTP.
    Plain,
    /// TLS.
    Tls,
}

/// A connection of either kind.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Door {
    /// A connection through this door, and its pin; none if the hub does not open.
    pub(crate) async fn dial(self, address: SocketAddr) -> Option<(Box<dyn Io>, Pin)> {
        let stream = TcpStream::connect(address).await.ok()?;
        if self == Self::Plain {
            return Some((Box::new(stream), NO_PIN));
        }
        let anyone = Arc::new(Anyone::default());
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .expect("TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(anyone.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::IpAddress(address.ip().into());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        let pin = anyone.0.lock().unwrap_or_else(PoisonError::into_inner).expect("a certificate");
        Some((Box::new(stream), pin))
    }
}

/// Takes every certificate, and keeps the pin of the last one.
#[derive(Debug, Default)]
struct Anyone(Mutex<Option<Pin>>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let at = certificate.windows(SPKI.len()).position(|bytes| bytes == SPKI);
        let key = at.map(|at| &certificate[at..at + SPKI.len() + 32]).expect("an Ed25519 key");
        let pin = Sha256::digest(key).into();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(pin);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("the hub speaks TLS 1.3 alone")
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
