//! TLS to hubs on other machines. The only file here that says `rustls`.
//!
//! A hub is known by its key alone: the SHA-256 of its SubjectPublicKeyInfo is in the link. Its certificate
//! carries that key, and neither its names nor its dates say anything. The key's owner signs the handshake, and
//! that signature is checked.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use data_encoding::HEXLOWER;
use junction_shared::handshake::{NO_PIN, Pin as TlsPin};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme, version,
};

/// The one protocol spoken inside (RFC 7301).
const ALPN: &[u8] = b"http/1.1";
/// Characters of a fingerprint: as many as those of peers have.
const FINGERPRINT: usize = 16;

/// How a hub is reached, and what it has to prove on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// Nothing: it is on this machine.
    Loopback,
    /// It has the key of this pin.
    Pinned(TlsPin),
    /// It has some key. Good for asking whether anyone is there, and for nothing else.
    Unknown,
}

/// Why there is no secure connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insecure {
    /// The hub has another key than the one of the pin.
    OtherKey {
        /// The pin's.
        expected: TlsPin,
        /// The one it showed.
        found: TlsPin,
    },
    /// What answers speaks no TLS 1.3, or cannot prove that it owns the key it shows.
    NoTls,
    /// The connection ended on the way.
    Lost,
}

/// A hub's key as people compare it: the first 16 hexadecimal digits of its pin.
pub(crate) fn fingerprint(pin: &TlsPin) -> String {
    HEXLOWER.encode(pin).chars().take(FINGERPRINT).collect()
}

/// A connection to a hub.
pub(crate) enum Channel<S> {
    /// On this machine.
    Plain(S),
    /// Inside TLS. Boxed: most connections have none.
    Tls(Box<TlsStream<S>>),
}

/// Makes a connection secure. Returns the pin of the key that the hub showed, too; [`NO_PIN`] on loopback.
///
/// # Errors
/// [`Insecure`]; then nothing was sent but the request for a key.
pub(crate) async fn secure<S>(
    stream: S,
    security: Security,
) -> Result<(Channel<S>, TlsPin), Insecure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let expected = match security {
        Security::Loopback => return Ok((Channel::Plain(stream), NO_PIN)),
        Security::Pinned(pin) => Some(pin),
        Security::Unknown => None,
    };
    let verifier = Arc::new(Verifier::new(expected));
    let connector = TlsConnector::from(Arc::new(config(verifier.clone())?));
    // Told to nobody, and looked at by nobody: names are not what a hub is known by.
    let name = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    let connected = connector.connect(name, stream).await;
    let found = verifier.found();
    match (connected, expected.zip(found)) {
        (_, Some((expected, found))) if expected != found => {
            Err(Insecure::OtherKey { expected, found })
        }
        (Ok(stream), _) => Ok((Channel::Tls(Box::new(stream)), found.unwrap_or(NO_PIN))),
        (Err(error), _) if error.kind() == io::ErrorKind::InvalidData => Err(Insecure::NoTls),
        (Err(_), _) => Err(Insecure::Lost),
    }
}

fn config(verifier: Arc<Verifier>) -> Result<ClientConfig, Insecure> {
    let mut config = ClientConfig::builder_with_provider(verifier.provider.clone())
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|_| Insecure::NoTls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Knows a hub by the pin of its key.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    expected: Option<TlsPin>,
    found: Mutex<Option<TlsPin>>,
}

impl Verifier {
    fn new(expected: Option<TlsPin>) -> Self {
        let provider = Arc::new(ring::default_provider());
        Self { provider, expected, found: Mutex::default() }
    }

    fn found(&self) -> Option<TlsPin> {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let found = Sha256::digest(key).into();
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        if self.expected.is_some_and(|expected| expected != found) {
            return Err(TlsError::General("another key than the pinned one".to_owned()));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        // No TLS 1.2 is spoken here.
        Err(TlsError::General("TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // Also those that no hub has: what another one shows is to be told.
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Channel<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Channel<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
