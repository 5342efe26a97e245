//! The two transports of a hub: plain HTTP on loopback, and TLS.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use junction_shared::protocol::handshake::{NO_PIN, Pin};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, version};

use crate::within;

/// Where the public key begins in every certificate of a hub, before its 32 bytes (RFC 8410 §4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// How a test connects to a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Plain HTTP.
    Plain,
    /// TLS.
    Tls,
}

/// A connection over either transport.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

impl Transport {
    /// A connection to this address, and its pin; none if the hub does not accept it.
    pub async fn dial(self, address: SocketAddr) -> Option<(Box<dyn ByteStream>, Pin)> {
        let stream = TcpStream::connect(address).await.ok()?;
        if self == Self::Plain {
            return Some((Box::new(stream), NO_PIN));
        }
        let verifier = Arc::new(AnyCertificate::default());
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .expect("TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::IpAddress(address.ip().into());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        let pin = verifier.0.lock().unwrap_or_else(PoisonError::into_inner).expect("a certificate");
        Some((Box::new(stream), pin))
    }
}

/// Accepts every certificate, and keeps the pin of the last one.
#[derive(Debug, Default)]
struct AnyCertificate(Mutex<Option<Pin>>);

impl ServerCertVerifier for AnyCertificate {
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

/// The whole answer to these bytes on a new connection to this address, up to its end; nothing
/// if the hub does not open.
pub async fn http_at(transport: Transport, address: SocketAddr, request: &[u8]) -> String {
    let Some((mut stream, _)) = transport.dial(address).await else { return String::new() };
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(request).await?;
        stream.read_to_end(&mut answer).await
    };
    match within("an answer", exchange).await {
        Err(error) if !is_cut(&error) => panic!("{error}"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

/// Whether a connection just ended, in whatever way.
fn is_cut(error: &std::io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// What `/health` says; none if nothing answers there.
pub async fn health(port: u16) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request =
        format!("GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    within("/health", stream.read_to_string(&mut answer)).await.ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}
