use std::net::Ipv4Addr;

use futures_util::future::join;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::advance;

use super::*;

/// A connection from both sides.
struct BothSides {
    stream: ClientConnection<BoundedStream>,
    /// How the gateway sees the client.
    whose: GatewayClient,
    client: TcpStream,
    /// Dropping it closes the connection.
    _listener: GatewayListener,
}

async fn connected() -> BothSides {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut listener = GatewayListener::new(listener, None, Arc::default());
    let ((stream, whose), client) = join(listener.accept(), TcpStream::connect(address)).await;
    BothSides { stream, whose, client: client.unwrap(), _listener: listener }
}

/// How long it takes until a connection on which nothing comes is given up.
async fn silence(stream: &mut ClientConnection<BoundedStream>) -> Duration {
    let before = Instant::now();
    let read = stream.read_u8().await;
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    before.elapsed()
}

fn about(time: Duration) -> std::ops::Range<Duration> {
    time..time + Duration::from_secs(1)
}

#[tokio::test(start_paused = true)]
async fn stranger_that_says_nothing_is_cut_off() {
    let mut both = connected().await;
    assert!(about(STRANGER_TIME).contains(&silence(&mut both.stream).await));
}

#[tokio::test(start_paused = true)]
async fn stranger_that_never_ends_its_request_is_cut_off_however_often_it_writes() {
    let BothSides { mut stream, mut client, _listener, .. } = connected().await;
    let began = Instant::now();
    for byte in b"POST" {
        client.write_all(&[*byte]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), *byte);
        advance(STRANGER_TIME / 5).await;
    }
    silence(&mut stream).await;
    assert!(about(STRANGER_TIME).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn client_may_be_silent_between_requests_for_longer_and_while_one_is_served() {
    let BothSides { mut stream, whose, client: _client, _listener } = connected().await;
    whose.usage.known();
    let request = whose.usage.begin();
    let began = Instant::now();
    let serving = async {
        advance(IDLE_TIME * 2).await;
        drop(request);
    };
    join(silence(&mut stream), serving).await;
    assert!(about(IDLE_TIME * 3).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn client_that_does_not_read_its_answer_is_cut_off() {
    let BothSides { mut stream, whose, mut client, _listener } = connected().await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'x');
    whose.usage.known();
    let _request = whose.usage.begin();
    let began = Instant::now();
    let answer = vec![b'x'; 64 << 20];
    assert_eq!(stream.write_all(&answer).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(about(WRITE_TIME).contains(&began.elapsed()));
}
