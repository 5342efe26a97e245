//! Clients on other machines, which come to the gateway by TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use junction_shared::machine::network;
use junction_testkit::{TestHome, TestHub, finished, person, run_person, signal, skipped, within};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    Lines, ReadBuf,
};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A gateway with TLS that runs.
struct TlsGateway {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// The addresses that were printed.
    bases: Vec<String>,
    certificate: PathBuf,
    fingerprint: String,
}

impl TlsGateway {
    /// The gateway of this home, which listens here, on the hub at this port.
    async fn start(home: &TestHome, hub: u16, listen: &str) -> Self {
        let arguments = ["gateway", "--tls", "--listen", listen];
        let mut child = person(home, hub, &arguments).spawn().expect("it starts");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (certificate, fingerprint) = (PathBuf::new(), String::new());
        let mut gateway = Self { child, lines, bases: Vec::new(), certificate, fingerprint };
        while gateway.fingerprint.is_empty() {
            let line = within("a line", gateway.lines.next_line()).await.expect("its stderr");
            let line = line.expect("it serves");
            if let Some(base) = line.strip_prefix("Serving MCP at ") {
                gateway.bases.push(base.to_owned());
            } else if let Some(path) = line.strip_prefix("Certificate: ") {
                gateway.certificate = path.into();
            } else if let Some(fingerprint) = line.strip_prefix("SHA-256 fingerprint: ") {
                gateway.fingerprint = fingerprint.to_owned();
            }
        }
        gateway
    }

    /// The address of this gateway that is served by TLS.
    fn secure(&self) -> &str {
        self.bases.iter().find(|base| base.starts_with("https:")).expect("an address")
    }

    /// The secret address of an agent, below the one that is served by TLS.
    async fn add(&self, home: &TestHome, hub: u16, name: &str) -> String {
        let run = run_person(home, hub, &["gateway", "add", name]).await;
        let urls: Vec<&str> = run.stdout.lines().collect();
        assert_eq!(urls.len(), self.bases.len(), "{run:?}");
        let mut pairs = urls.iter().zip(&self.bases);
        assert!(pairs.all(|(url, base)| url.starts_with(&format!("{base}/"))), "{run:?}");
        let url = urls.iter().find(|url| url.starts_with(self.secure())).expect("its address");
        (*url).to_owned()
    }

    /// A client that trusts the certificate.
    fn client(&self) -> TlsClient {
        let pem = std::fs::read(&self.certificate).expect("the certificate");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).expect("PEM")).expect("a certificate");
        TlsClient::trusting(roots)
    }

    /// Ends the gateway.
    async fn end(mut self) {
        signal(self.child.id().expect("it runs"), Signal::INT);
        within("the gateway ends", self.child.wait()).await.expect("its status");
    }
}

/// A gateway, a client of it, and the addresses of two agents, of which `desk` sends to `shop`.
struct TlsPair {
    client: TlsClient,
    desk: String,
    shop: String,
    /// Ended in this order.
    _programs: (TlsGateway, TestHub, TestHome),
}

impl TlsPair {
    async fn start() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let gateway = TlsGateway::start(&home, hub.port, "127.0.0.1:0").await;
        let client = gateway.client();
        let desk = gateway.add(&home, hub.port, "desk").await;
        let shop = gateway.add(&home, hub.port, "shop").await;
        client.call(&shop, "register", json!({})).await;
        Self { client, desk, shop, _programs: (gateway, hub, home) }
    }

    async fn send(&self, text: &str) {
        let arguments = json!({ "target_alias": "shop", "message": text });
        let sent = self.client.call(&self.desk, "send_message", arguments).await;
        assert!(sent["id"].is_string(), "{sent}");
    }
}

/// A client over TLS.
struct TlsClient(TlsConnector);

/// A connection that ends for its reader after some bytes.
struct CutConnection {
    stream: TcpStream,
    left: Arc<AtomicUsize>,
}

/// What a client has read of an answer.
struct PartialAnswer {
    text: String,
    /// Whether the client has all of it.
    is_whole: bool,
    /// Bytes that came after the handshake.
    bytes: usize,
}

impl AsyncRead for CutConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.left.load(Ordering::Relaxed);
        let mut part = buffer.take(left);
        if part.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let count = part.filled().len();
        // It was initialised by the read, in the same place.
        let bytes = part.filled().to_vec();
        buffer.put_slice(&bytes);
        self.left.store(left - count, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for CutConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where a URL leads: the address, and the path.
fn parts(url: &str) -> (SocketAddr, String) {
    let (_, rest) = url.split_once("://").expect("a scheme");
    let (address, path) = rest.split_once('/').expect("a path");
    (address.parse().expect("an address"), format!("/{path}"))
}

/// A request that calls a tool of an agent.
fn tool_request(url: &str, tool: &str, arguments: &Value, header: &str) -> String {
    let params = json!({ "name": tool, "arguments": arguments });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    post(url, &body.to_string(), header)
}

fn post(url: &str, body: &str, header: &str) -> String {
    let (address, path) = parts(url);
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {length}\r\n{header}\r\n{body}"
    )
}

/// Whether these bytes are an answer with all of its body.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() >= length.parse().expect("a length"))
}

impl TlsClient {
    fn trusting(roots: RootCertStore) -> Self {
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// A connection, with what is left to read of it.
    async fn dial(
        &self,
        address: SocketAddr,
        name: ServerName<'static>,
    ) -> io::Result<(TlsStream<CutConnection>, Arc<AtomicUsize>)> {
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let stream = TcpStream::connect(address).await?;
        let stream = CutConnection { stream, left: Arc::clone(&left) };
        Ok((within("a handshake", self.0.connect(name, stream)).await?, left))
    }

    /// What of the answer has come in these bytes after the handshake. The connection is closed then, whatever comes still.
    async fn ask(&self, url: &str, request: &str, cut: usize) -> PartialAnswer {
        let (address, _) = parts(url);
        let dialled = self.dial(address, ServerName::IpAddress(address.ip().into())).await;
        let (mut stream, left) = dialled.expect("TLS");
        left.store(cut, Ordering::Relaxed);
        stream.write_all(request.as_bytes()).await.expect("a request");
        stream.flush().await.expect("a request");
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        while !is_whole(&answer) {
            match within("an answer", stream.read(&mut chunk)).await {
                Ok(count) if count > 0 => answer.extend_from_slice(&chunk[..count]),
                _ => break,
            }
        }
        let is_whole = is_whole(&answer);
        let bytes = cut - left.load(Ordering::Relaxed);
        PartialAnswer { text: String::from_utf8_lossy(&answer).into_owned(), is_whole, bytes }
    }

    /// The result of a tool.
    async fn call(&self, url: &str, tool: &str, arguments: Value) -> Value {
        let request = tool_request(url, tool, &arguments, "");
        let answer = self.ask(url, &request, usize::MAX).await;
        let (_, body) = answer.text.split_once("\r\n\r\n").expect("an answer");
        let answer: Value = serde_json::from_str(body).expect("JSON");
        assert!(answer["result"]["isError"] != true, "{answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// The messages that an agent is given.
    async fn read(&self, url: &str) -> Vec<String> {
        let result = self.call(url, "read_messages", json!({})).await;
        let messages = result["messages"].as_array().expect("messages");
        messages.iter().map(|it| it["message"].as_str().expect("a text").to_owned()).collect()
    }
}

#[tokio::test]
async fn client_that_trusts_the_certificate_is_served_and_another_is_not() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let gateway = TlsGateway::start(&home, hub.port, "127.0.0.1:0").await;
    let url = gateway.add(&home, hub.port, "desk").await;
    let result = gateway.client().call(&url, "register", json!({ "task": "tests" })).await;
    assert_eq!(result["alias"], "desk", "{result}");
    let (address, _) = parts(&url);
    let name = |ip: IpAddr| ServerName::IpAddress(ip.into());
    let stranger = TlsClient::trusting(RootCertStore::empty());
    assert!(stranger.dial(address, name(address.ip())).await.is_err(), "unknown to it");
    let other: IpAddr = [203, 0, 113, 7].into();
    assert!(gateway.client().dial(address, name(other)).await.is_err(), "not its address");
    let localhost = ServerName::try_from("localhost").expect("a name");
    assert!(gateway.client().dial(address, localhost).await.is_ok());
    let pem = std::fs::read_to_string(&gateway.certificate).expect("the certificate");
    assert!(!pem.contains("PRIVATE"));
    let before = gateway.fingerprint.clone();
    gateway.end().await;
    let again = TlsGateway::start(&home, hub.port, "127.0.0.1:0").await;
    assert_eq!(again.fingerprint, before, "what clients trust is made once");
}

#[tokio::test]
async fn requests_over_tls_are_to_own_names_and_from_no_page() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let gateway = TlsGateway::start(&home, hub.port, "127.0.0.1:0").await;
    let (client, url) = (gateway.client(), gateway.add(&home, hub.port, "desk").await);
    let (address, _) = parts(&url);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    for (header, status) in [
        (String::new(), 200),
        (format!("Origin: https://{address}\r\n"), 200),
        (format!("Origin: http://{address}\r\n"), 403),
        ("Origin: https://evil.example\r\n".to_owned(), 403),
    ] {
        let answer = client.ask(&url, &post(&url, &ping, &header), usize::MAX).await;
        assert!(answer.text.starts_with(&format!("HTTP/1.1 {status} ")), "{header}{}", answer.text);
    }
    let request = post(&url, &ping, "").replace(&format!("Host: {address}"), "Host: evil.example");
    let answer = client.ask(&url, &request, usize::MAX).await;
    assert!(answer.text.starts_with("HTTP/1.1 403 "), "{}", answer.text);
}

#[tokio::test]
async fn plain_http_is_for_this_machine_alone() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let run = run_person(&home, hub.port, &["gateway", "--listen", "0.0.0.0:0"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("Add --tls, or listen on 127.0.0.1."), "{run:?}");
    let Some(own) = network::addresses().into_iter().find(IpAddr::is_ipv4) else {
        return skipped("the machine has no address on a network");
    };
    let gateway = TlsGateway::start(&home, hub.port, "0.0.0.0:0").await;
    let secure: Vec<_> = gateway.bases.iter().filter(|it| it.starts_with("https:")).collect();
    assert!(secure.iter().any(|base| parts(base).0.ip() == own), "{secure:?}");
    let url = gateway.add(&home, hub.port, "desk").await;
    let (address, _) = parts(&url);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let request = post(&url, &ping, "Connection: close\r\n");
    let answer = gateway.client().ask(&url, &request, usize::MAX).await;
    assert!(answer.text.starts_with("HTTP/1.1 200 "), "{}", answer.text);
    for (at, status) in
        [(address, "403"), (SocketAddr::new([127, 0, 0, 1].into(), address.port()), "200")]
    {
        let mut stream = TcpStream::connect(at).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        within("an answer", stream.read_to_string(&mut answer)).await.expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{at}: {answer}");
        assert_eq!(answer.contains("https://"), status == "403", "{answer}");
    }
}

#[tokio::test]
async fn taken_port_is_named() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let listen = format!("127.0.0.1:{}", hub.port);
    let child = person(&home, hub.port, &["gateway", "--listen", &listen]).spawn();
    let run = finished(child.expect("it starts")).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains(&format!("{listen} is in use by junction-hub")), "{run:?}");
}

#[tokio::test]
async fn answers_that_are_cut_over_tls_lose_and_double_nothing() {
    let pair = TlsPair::start().await;
    let TlsPair { client, shop, .. } = &pair;
    let request = tool_request(shop, "read_messages", &json!({}), "");
    pair.send("whole 0000").await;
    let whole = client.ask(shop, &request, usize::MAX).await;
    assert!(whole.is_whole && whole.text.contains("whole 0000"), "{}", whole.text);
    assert!(client.read(shop).await.is_empty(), "what was read is not shown again");
    let all = whole.bytes;
    for cut in [1, 4, 5, 6, all / 3, all / 2, all - 17, all - 1, all, all + 1] {
        let text = format!("cut {cut:06}");
        pair.send(&text).await;
        let answer = client.ask(shop, &request, cut).await;
        assert_eq!(answer.is_whole, cut >= all, "{cut} of {all}: {}", answer.text);
        let again = client.read(shop).await;
        let expected = if answer.is_whole { Vec::new() } else { vec![text] };
        assert_eq!(again, expected, "{cut} of {all}");
    }
}

#[tokio::test]
async fn client_that_does_not_read_the_end_of_tls_has_the_answer() {
    let pair = TlsPair::start().await;
    let TlsPair { client, shop, .. } = &pair;
    for round in 0..5 {
        let text = format!("round {round}");
        pair.send(&text).await;
        let request = tool_request(shop, "read_messages", &json!({}), "Connection: close\r\n");
        let answer = client.ask(shop, &request, usize::MAX).await;
        assert!(answer.is_whole && answer.text.contains(&text), "{}", answer.text);
        assert!(client.read(shop).await.is_empty(), "{round}");
    }
}
