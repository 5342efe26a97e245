//! TLS to hubs on other machines. The only file here that says `rustls`.
//!
//! A hub is identified by its key alone: the SHA-256 of its SubjectPublicKeyInfo is in the link. The certificate
//! carries that key; its names and dates are ignored. The key's owner signs the handshake, and that signature is
//! checked.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use junction_shared::protocol::handshake::{NO_PIN, Pin};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
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
use tokio_util::either::Either;

/// The one protocol spoken inside (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// What a hub has to prove about its key before anything is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// No key: the hub is on this machine and serves without TLS.
    Loopback,
    /// The key with this pin.
    Pinned(Pin),
    /// Any key. Enough to ask whether a hub answers, and for nothing else.
    Unknown,
}

/// Why there is no secure connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insecure {
    /// The hub showed another key than the pinned one.
    OtherKey {
        /// The pinned key.
        expected: Pin,
        /// The key that the hub showed.
        found: Pin,
    },
    /// The hub showed a key and could not prove that it owns it.
    Unowned(Pin),
    /// The server does not speak TLS 1.3.
    NoTls,
    /// The connection ended during the TLS handshake.
    Lost,
}

/// A byte stream to a hub: plain on this machine, otherwise inside TLS. The TLS stream is boxed because most
/// connections are plain.
pub type HubStream<S> = Either<S, Box<TlsStream<S>>>;

/// Makes a connection secure, and returns it with the pin of the key that the hub showed ([`NO_PIN`] on loopback).
///
/// # Errors
/// [`Insecure`]; nothing was sent then except the TLS handshake.
pub async fn secure<S>(stream: S, security: Security) -> Result<(HubStream<S>, Pin), Insecure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if security == Security::Loopback {
        return Ok((Either::Left(stream), NO_PIN));
    }
    let tls = HubTls::new(security);
    let connector = TlsConnector::from(Arc::new(tls.config()?));
    // Neither sent nor compared: a hub is identified by its key and not by a name.
    let name = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    let connected = connector.connect(name, stream).await;
    let found = tls.0.found();
    match (connected, tls.other_key()) {
        (_, Some(other_key)) => Err(other_key),
        (Ok(stream), None) => Ok((Either::Right(Box::new(stream)), found.unwrap_or(NO_PIN))),
        (Err(error), None) if error.kind() == io::ErrorKind::InvalidData => {
            Err(found.map_or(Insecure::NoTls, Insecure::Unowned))
        }
        (Err(_), None) => Err(Insecure::Lost),
    }
}

/// TLS for one connection to a hub. It remembers the key that the hub showed.
pub(super) struct HubTls(Arc<Verifier>);

impl HubTls {
    /// TLS to a hub that has to prove this. On loopback, where a hub serves without TLS, no key is good enough.
    pub(super) fn new(security: Security) -> Self {
        let expected = match security {
            Security::Loopback => Some(NO_PIN),
            Security::Pinned(pin) => Some(pin),
            Security::Unknown => None,
        };
        Self(Arc::new(Verifier::new(expected)))
    }

    /// The configuration of the connection.
    ///
    /// # Errors
    /// [`Insecure::NoTls`] if the library speaks no TLS 1.3, which cannot be.
    pub(super) fn config(&self) -> Result<ClientConfig, Insecure> {
        let mut config = ClientConfig::builder_with_provider(self.0.provider.clone())
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|_| Insecure::NoTls)?
            .dangerous()
            .with_custom_certificate_verifier(self.0.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// [`Insecure::OtherKey`] if the hub showed another key than the pinned one.
    pub(super) fn other_key(&self) -> Option<Insecure> {
        let (expected, found) = self.0.expected.zip(self.0.found())?;
        (expected != found).then_some(Insecure::OtherKey { expected, found })
    }
}

/// Checks a hub's key against a pin, and keeps the pin of the key that the hub showed.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    expected: Option<Pin>,
    found: Mutex<Option<Pin>>,
}

impl Verifier {
    fn new(expected: Option<Pin>) -> Self {
        let provider = Arc::new(ring::default_provider());
        Self { provider, expected, found: Mutex::default() }
    }

    fn found(&self) -> Option<Pin> {
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
        // The configuration allows TLS 1.3 only.
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
        // All of them, although hubs use one: the key of any other server is reported too.
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData as _,
        date_time_ymd,
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
    use tokio_rustls::rustls::sign::CertifiedKey;

    use super::*;

    /// Shows a certificate, and signs with a key that need not be the certificate's.
    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);

    impl ResolvesServerCert for Shows {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    fn pair() -> KeyPair {
        KeyPair::generate_for(&PKCS_ED25519).unwrap()
    }

    fn pin(of: &KeyPair) -> Pin {
        Sha256::digest(of.subject_public_key_info()).into()
    }

    /// A hub that shows the certificate of one key and signs with a second key.
    fn hub(shown: &KeyPair, signing: &KeyPair, params: &CertificateParams) -> DuplexStream {
        let certificate = params.self_signed(shown).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(signing.serialize_der()).unwrap();
        let key = ring::sign::any_supported_type(&key).unwrap();
        let shows = Shows(Arc::new(CertifiedKey::new(vec![certificate], key)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shows));
        config.alpn_protocols = vec![ALPN.to_vec()];
        let (near, far) = duplex(1 << 16);
        tokio::spawn(async move {
            let mut stream = TlsAcceptor::from(Arc::new(config)).accept(far).await?;
            stream.write_all(b"hello").await?;
            stream.flush().await
        });
        near
    }

    async fn outcome(hub: DuplexStream, security: Security) -> Result<Pin, Insecure> {
        let (mut stream, pin) = secure(hub, security).await?;
        let mut said = [0; 5];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"hello");
        Ok(pin)
    }

    #[tokio::test]
    async fn names_and_dates_of_the_certificate_are_ignored() {
        let key = pair();
        let mut params = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(1990, 1, 1);
        params.not_after = date_time_ymd(1991, 1, 1);
        for security in [Security::Pinned(pin(&key)), Security::Unknown] {
            assert_eq!(outcome(hub(&key, &key, &params), security).await, Ok(pin(&key)));
        }
    }

    #[tokio::test]
    async fn another_key_is_refused_and_both_keys_are_reported() {
        let ed25519 = pair();
        let ecdsa = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        for key in [ed25519, ecdsa] {
            let expected = [9; 32];
            let told =
                outcome(hub(&key, &key, &CertificateParams::default()), Security::Pinned(expected));
            assert_eq!(told.await, Err(Insecure::OtherKey { expected, found: pin(&key) }));
        }
    }

    #[tokio::test]
    async fn certificate_without_its_key_is_refused() {
        let (key, thief) = (pair(), pair());
        for security in [Security::Pinned(pin(&key)), Security::Unknown] {
            let stolen = hub(&key, &thief, &CertificateParams::default());
            assert_eq!(outcome(stolen, security).await, Err(Insecure::Unowned(pin(&key))));
        }
    }

    #[tokio::test]
    async fn server_without_tls_and_lost_connection_are_different_errors() {
        let (near, mut far) = duplex(1 << 16);
        tokio::spawn(async move { far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await });
        let told = secure(near, Security::Pinned([9; 32])).await.map(|_| ());
        assert_eq!(told, Err(Insecure::NoTls));
        let (near, far) = duplex(1 << 16);
        drop(far);
        let told = secure(near, Security::Pinned([9; 32])).await.map(|_| ());
        assert_eq!(told, Err(Insecure::Lost));
    }
}
