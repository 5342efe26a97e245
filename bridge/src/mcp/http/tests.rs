//! What becomes of an answer whose connection breaks, on real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::post;
use axum::serve::{IncomingStream, Listener};
use http_body::{Frame, SizeHint};
use junction_engine::Lease;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::answer_body::AnswerBody;
use super::call_end::CallEnd;
use super::client_connection::{ClientConnection, ClientStream};
use super::{AnswerProof, PostCaller};
use crate::mcp::calls::CallTable;
use crate::mcp::envelope::ClientId;

/// The one message of a stream, and the end of it.
const EVENT: &str = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n";
const JSON: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
/// Longer than any of this takes.
const LONG: Duration = Duration::from_secs(20);

struct TestListener(TcpListener);

#[derive(Clone)]
struct TestClient(Arc<AnswerProof>);

impl std::fmt::Debug for TestClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestClient")
    }
}

impl Listener for TestListener {
    type Io = ClientConnection<TcpStream>;
    type Addr = TestClient;

    async fn accept(&mut self) -> (Self::Io, TestClient) {
        let (stream, remote) = self.0.accept().await.unwrap();
        let proof = Arc::new(AnswerProof::new(stream.local_addr().unwrap(), remote));
        (ClientConnection::new(stream, Arc::clone(&proof)), TestClient(proof))
    }

    fn local_addr(&self) -> std::io::Result<TestClient> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl Connected<IncomingStream<'_, TestListener>> for TestClient {
    fn connect_info(stream: IncomingStream<'_, TestListener>) -> Self {
        stream.remote_addr().clone()
    }
}

impl ClientStream for TcpStream {
    fn reset(&self) {
        self.set_zero_linger().unwrap();
    }
}

/// A server whose every answer holds a lease.
#[derive(Clone)]
struct TestServer {
    calls: CallTable,
    is_stream: bool,
    text: &'static str,
    requests: watch::Sender<()>,
    /// What tells the ends of the leases of the answers so far.
    ends: Arc<Mutex<Vec<oneshot::Receiver<()>>>>,
}

impl TestServer {
    async fn start(is_stream: bool, text: &'static str) -> (Self, SocketAddr) {
        let (requests, _) = watch::channel(());
        let server =
            Self { calls: CallTable::new(), is_stream, text, requests, ends: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/", post(answer)).with_state(server.clone());
        let service = routes.into_make_service_with_connect_info::<TestClient>();
        tokio::spawn(async move { axum::serve(TestListener(listener), service).await });
        (server, address)
    }

    /// Whether the last answer counts as read, once that is settled.
    async fn is_read(&self) -> bool {
        timeout(LONG, self.end()).await.expect("it is settled").is_ok()
    }

    /// What tells the end of the lease of the last answer.
    fn end(&self) -> oneshot::Receiver<()> {
        self.ends.lock().unwrap().pop().expect("an answer")
    }
}

async fn answer(
    State(server): State<TestServer>,
    ConnectInfo(TestClient(proof)): ConnectInfo<TestClient>,
) -> Response {
    server.requests.send_replace(());
    let slot = server.calls.slot().await;
    // Ids may come again: the call before has ended.
    let number = server.calls.begin(ClientId::Number(0), slot).expect("one call at a time");
    let (lease, end) = Lease::new();
    server.calls.handle(number).hold(lease);
    server.ends.lock().unwrap().push(end);
    let end = CallEnd::new(server.calls.end(number), Arc::default(), ClientId::Number(0));
    let (_, responder) = server.calls.responder(number).unwrap();
    let caller = PostCaller { session: None, proof, held: Box::new(()) };
    let requests = server.requests.subscribe();
    let kind = if server.is_stream { "text/event-stream" } else { "application/json" };
    let inner = TestBody { text: Some(server.text), is_stream: server.is_stream };
    let body = AnswerBody::new(inner, (responder, end), caller, requests);
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
    response
}

/// A body of one frame, whose length is known or not.
struct TestBody {
    text: Option<&'static str>,
    is_stream: bool,
}

impl HttpBody for TestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(
            self.text.take().map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
        )
    }

    fn is_end_stream(&self) -> bool {
        !self.is_stream && self.text.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.text {
            Some(text) if !self.is_stream => SizeHint::with_exact(text.len() as u64),
            _ => SizeHint::default(),
        }
    }
}

/// What a client takes of an answer of which it takes so many bytes, and closes the connection then.
async fn taken(address: SocketAddr, bytes: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut taken = Vec::new();
    let _ = timeout(LONG, (&mut stream).take(bytes as u64).read_to_end(&mut taken)).await;
    taken
}

/// The whole answer: what a client that waits for its end has.
async fn whole(address: SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut taken = Vec::new();
    let mut chunk = [0; 1024];
    while !(taken.ends_with(b"0\r\n\r\n") || taken.ends_with(JSON.as_bytes())) {
        let read = timeout(LONG, stream.read(&mut chunk)).await.unwrap().unwrap();
        assert!(read > 0, "{taken:?}");
        taken.extend_from_slice(&chunk[..read]);
    }
    taken
}

async fn is_exact_at_every_byte(is_stream: bool, message: &'static str) {
    let (server, address) = TestServer::start(is_stream, message).await;
    let length = whole_length(is_stream, address).await;
    assert!(server.is_read().await, "a client that took all of it");
    // One byte shows that the request was answered.
    for bytes in 1..=length {
        let taken = taken(address, bytes).await;
        let has_it = String::from_utf8_lossy(&taken).contains(message);
        assert_eq!(server.is_read().await, has_it, "{bytes} of {length}");
    }
}

async fn whole_length(is_stream: bool, address: SocketAddr) -> usize {
    let whole = whole(address).await;
    assert_eq!(whole.ends_with(b"0\r\n\r\n"), is_stream);
    whole.len()
}

#[tokio::test]
async fn answer_of_known_length_counts_as_read_if_the_client_has_its_last_byte() {
    is_exact_at_every_byte(false, JSON).await;
}

#[tokio::test]
async fn stream_counts_as_read_if_the_client_has_the_end_of_its_message() {
    is_exact_at_every_byte(true, EVENT).await;
}

#[tokio::test]
async fn next_request_settles_the_answer_before_on_any_connection() {
    let (server, address) = TestServer::start(false, JSON).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut answer = vec![0; 4096];
    for _ in 0..3 {
        first.write_all(REQUEST).await.unwrap();
        let read = first.read(&mut answer).await.unwrap();
        assert!(answer[..read].ends_with(JSON.as_bytes()));
    }
    assert!(server.is_read().await, "the connection is open and silent");
    first.write_all(REQUEST).await.unwrap();
    let _ = first.read(&mut answer).await.unwrap();
    let before = server.end();
    let _ = taken(address, 10).await;
    assert!(timeout(LONG, before).await.unwrap().is_ok());
    assert!(!server.is_read().await, "ten bytes are no answer");
}

#[tokio::test]
async fn regression_client_that_asks_ahead_or_says_no_more_has_what_it_takes_and_no_more() {
    for requests in 1..=3 {
        for is_taken in [false, true] {
            let (server, address) = TestServer::start(false, JSON).await;
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&REQUEST.repeat(requests)).await.unwrap();
            let mut answers = Vec::new();
            while String::from_utf8_lossy(&answers).matches(JSON).count() < requests {
                // What comes is looked at, and left where it is.
                answers.resize(answers.len() + 512, 0);
                let there = stream.peek(&mut answers).await.unwrap();
                answers.truncate(there);
            }
            stream.shutdown().await.unwrap();
            let mut taken = vec![0; answers.len() - usize::from(!is_taken)];
            stream.read_exact(&mut taken).await.unwrap();
            drop(stream);
            for answer in 0..requests {
                assert_eq!(server.is_read().await, is_taken, "{answer} of {requests}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answer_that_a_client_does_not_take_is_given_back_and_does_not_arrive_later() {
    // Longer than what fits into the client's system, and short enough for this side to write all of it.
    let text: &'static str = "x".repeat(300_000).leak();
    let (server, address) = TestServer::start(false, text).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut client = socket.connect(address).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let mut taken = vec![0; 512];
    client.read_exact(&mut taken).await.unwrap();
    assert!(server.end().await.is_err(), "it was given back");
    let broken = client.read_to_end(&mut taken).await;
    assert!(broken.is_err() && taken.len() < 300_000, "{broken:?}, {} bytes", taken.len());
}
