//! HTTP requests to hubs. A client is built for each request: a bridge that asks nothing holds none.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HOST, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use crate::transport::dial::ADDRESS_PATIENCE;
use crate::transport::tls::{HubTls, Insecure, Security};

/// Asks the first of these addresses that answers for a page. Returns the body, or `None` if there is no successful
/// answer of at most `limit` bytes. The caller sets the time limit.
///
/// # Errors
/// [`Insecure::OtherKey`] if the hub showed another key than the pinned one.
pub async fn get(
    addresses: &[SocketAddr],
    security: Security,
    path: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>, Insecure> {
    for (at, address) in addresses.iter().enumerate() {
        let tls = HubTls::new(security);
        let patience = (at + 1 < addresses.len()).then_some(ADDRESS_PATIENCE);
        let Some(client) = client(&tls, patience) else { return Ok(None) };
        let scheme = if security == Security::Loopback { "http" } else { "https" };
        // The `Host` header holds the IP address: a hub refuses names, because a name is what a DNS-rebinding attack
        // on a browser uses.
        let request =
            client.get(format!("{scheme}://{address}{path}")).header(HOST, address.to_string());
        match request.send().await {
            Ok(response) => return Ok(body(response, limit).await),
            Err(_) if let Some(other_key) = tls.other_key() => {
                return Err(other_key);
            }
            Err(error) if error.is_connect() => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// A page whose body comes as the hub writes it. Dropping it ends the connection.
pub(crate) struct LivePage(Response);

impl LivePage {
    /// The status code.
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The header of this name, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// Waits for more of the body, which has ended with `None`. A call that is dropped loses nothing.
    pub(crate) async fn chunk(&mut self) -> Option<Bytes> {
        self.0.chunk().await.ok().flatten()
    }
}

/// Asks the hub at this address of this machine for a page, with this token if there is one. `None` if there is no answer.
/// The caller sets the time limit.
pub(crate) async fn open(address: SocketAddr, path: &str, token: Option<&str>) -> Option<LivePage> {
    let client = client(&HubTls::new(Security::Loopback), None)?;
    let mut request =
        client.get(format!("http://{address}{path}")).header(HOST, address.to_string());
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.send().await.ok().map(LivePage)
}

/// A client for one request. It reads no proxy from the environment, as the request is for a hub nearby, and follows
/// no redirect, as a hub sends none.
fn client(tls: &HubTls, patience: Option<Duration>) -> Option<Client> {
    let mut builder = Client::builder()
        .http1_only()
        .no_proxy()
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        // Set even where it is not used: otherwise reqwest looks for a default provider, which is not installed.
        .tls_backend_preconfigured(tls.config().ok()?);
    if let Some(patience) = patience {
        builder = builder.connect_timeout(patience);
    }
    builder.build().ok()
}

async fn body(mut response: Response, limit: usize) -> Option<Vec<u8>> {
    if !response.status().is_success() {
        return None;
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if chunk.len() > limit - body.len() {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, PublicKeyData as _};
    use sha2::{Digest, Sha256};
    use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;

    const LIMIT: usize = 8;

    /// Answers one request, and returns its head.
    async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
        let mut head = vec![0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        let _ = stream.shutdown().await;
        String::from_utf8_lossy(&head[..read]).into_owned()
    }

    /// A server that gives everybody one answer, and the heads of the requests it got.
    async fn server(at: &str, text: &'static str) -> (SocketAddr, mpsc::Receiver<String>) {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, receiver) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                heads.send(answer(stream, text).await).await.unwrap();
            }
        });
        (address, receiver)
    }

    /// A server as [`server`], inside TLS, and the pin of its key.
    async fn tls_server(at: &str, text: &'static str) -> (SocketAddr, [u8; 32]) {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap().der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, text).await;
                }
            }
        });
        (address, Sha256::digest(key.subject_public_key_info()).into())
    }

    async fn get(addresses: &[SocketAddr]) -> Option<Vec<u8>> {
        super::get(addresses, Security::Loopback, "/health", LIMIT).await.unwrap()
    }

    /// An address at which nothing listens.
    async fn closed() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    #[tokio::test]
    async fn next_address_is_tried_where_one_refuses_and_host_header_names_it() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let (address, mut heads) = server(at, answer).await;
            assert_eq!(get(&[closed().await, address]).await.as_deref(), Some(&b"ok"[..]));
            let head = heads.recv().await.unwrap();
            assert!(head.starts_with("GET /health HTTP/1.1\r\n"), "{head}");
            assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
        }
        assert_eq!(get(&[closed().await]).await, None);
        assert_eq!(get(&[]).await, None);
    }

    #[tokio::test]
    async fn body_is_bounded_however_it_is_framed() {
        let bounded = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n12345678", true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789", false),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n56789\r\n",
                false,
            ),
            ("HTTP/1.1 200 OK\r\n\r\n12345678", true),
            ("HTTP/1.1 200 OK\r\n\r\n123456789", false),
        ];
        for (answer, is_short_enough) in bounded {
            let (address, _heads) = server("127.0.0.1:0", answer).await;
            let expected = is_short_enough.then_some(&b"12345678"[..]);
            assert_eq!(get(&[address]).await.as_deref(), expected, "{answer}");
        }
    }

    #[tokio::test]
    async fn redirect_is_not_followed() {
        let (elsewhere, mut asked) = server("127.0.0.1:0", "HTTP/1.1 200 OK\r\n\r\nok").await;
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n"
        );
        let (address, mut heads) = server("127.0.0.1:0", answer.leak()).await;
        assert_eq!(get(&[address]).await, None);
        assert!(heads.recv().await.is_some());
        assert!(asked.try_recv().is_err());
    }

    #[tokio::test]
    async fn pinned_key_is_checked_and_other_key_ends_the_search() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let (address, pin) = tls_server(at, text).await;
            let ask = async |addresses: &[SocketAddr], security| {
                super::get(addresses, security, "/health", LIMIT).await
            };
            for security in [Security::Pinned(pin), Security::Unknown] {
                let body = ask(&[closed().await, address], security).await.unwrap();
                assert_eq!(body.as_deref(), Some(&b"ok"[..]));
            }
            let (expected, found) = ([9; 32], pin);
            let (plain, _heads) = server("127.0.0.1:0", text).await;
            let refused = ask(&[address, plain], Security::Pinned(expected)).await;
            assert_eq!(refused, Err(Insecure::OtherKey { expected, found }));
            assert_eq!(ask(&[plain], Security::Pinned(pin)).await, Ok(None));
            assert_eq!(get(&[address]).await, None);
        }
    }
}
