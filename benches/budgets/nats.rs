//! The load as request and reply through a NATS server, where one is installed: what a broker that
//! neither seals nor keeps anything does on this machine.

use std::cell::{Cell, RefCell};
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc};

use crate::load::{LASTS, OPEN};
use crate::processor::Times;
use junction_testkit::{eventually, free_port};

/// A running NATS server, ended when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts one; nothing if none is installed.
    async fn start() -> Option<Self> {
        let port = free_port();
        let mut command = Command::new("nats-server");
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let server = Self { child, port };
        eventually("nats-server listens", async || {
            TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop)
        })
        .await;
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One client of the server, which asks the next one and answers the one before.
struct Client {
    number: usize,
    out: mpsc::Sender<Bytes>,
    reader: RefCell<Option<BufReader<OwnedReadHalf>>>,
    /// A place for each request that may be without an answer.
    places: Semaphore,
    /// Answers to its requests.
    answered: Cell<usize>,
}

impl Client {
    /// Connects, and subscribes to requests (1) and to answers (2).
    async fn connect(port: u16, number: usize) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        let opening = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB ask.{number} 1\r\nSUB answer.{number} 2\r\nPING\r\n"
        );
        writer.write_all(opening.as_bytes()).await?;
        let mut reader = BufReader::with_capacity(64 * 1024, reader);
        let mut line = String::new();
        // The server has taken the subscriptions once it answers the ping.
        while line != "PONG\r\n" {
            line.clear();
            if reader.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let (out, lines) = mpsc::channel(2 * OPEN);
        tokio::spawn(write(writer, lines));
        Ok(Self {
            number,
            out,
            reader: RefCell::new(Some(reader)),
            places: Semaphore::new(OPEN),
            answered: Cell::new(0),
        })
    }

    async fn send(&self, line: Bytes) -> io::Result<()> {
        self.out.send(line).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// Sends requests of so many bytes to the next client.
    async fn ask(&self, next: usize, size: usize, running: impl Fn() -> bool) -> io::Result<()> {
        let mut request = format!("PUB ask.{next} answer.{} {size}\r\n", self.number).into_bytes();
        request.resize(request.len() + size, b'm');
        request.extend_from_slice(b"\r\n");
        let request = Bytes::from(request);
        while running() {
            self.places.acquire().await.expect("places").forget();
            self.send(request.clone()).await?;
        }
        Ok(())
    }

    /// Answers requests and counts answers.
    async fn listen(&self, size: usize, running: impl Fn() -> bool) -> io::Result<()> {
        let mut reader = self.reader.take().expect("one listener");
        let (mut line, mut payload) = (String::new(), Vec::new());
        while running() {
            line.clear();
            reader.read_line(&mut line).await?;
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["PING"] => self.send(Bytes::from_static(b"PONG\r\n")).await?,
                ["MSG", _, "1", answer_to, length] => {
                    payload.resize(length.parse::<usize>().expect("a length") + 2, 0);
                    reader.read_exact(&mut payload).await?;
                    assert_eq!(payload.len(), size + 2);
                    let answer = format!("PUB {answer_to} 4\r\nread\r\n");
                    self.send(answer.into()).await?;
                }
                ["MSG", _, "2", "4"] => {
                    payload.resize(6, 0);
                    reader.read_exact(&mut payload).await?;
                    assert_eq!(payload, b"read\r\n");
                    self.answered.set(self.answered.get() + 1);
                    self.places.add_permits(1);
                }
                _ => panic!("not understood: {line}"),
            }
        }
        // Nobody waits for a place any more.
        self.places.add_permits(OPEN);
        Ok(())
    }
}

/// Writes what a client says, in its order.
async fn write(mut writer: OwnedWriteHalf, mut lines: mpsc::Receiver<Bytes>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// Runs a load of `peers` clients that send requests of `size` bytes.
pub(crate) async fn run(peers: usize, size: usize) {
    let Some(server) = Server::start().await else {
        println!("nats, {peers} clients, {size} B: left out, no nats-server is on the path");
        return;
    };
    let clients = (0..peers).map(|number| Client::connect(server.port, number));
    let clients: Vec<Client> =
        join_all(clients).await.into_iter().collect::<io::Result<_>>().expect("clients");
    let server_before = Times::of(&[server.child.id()]);
    let own_before = Times::of(&[std::process::id()]);
    let started = Instant::now();
    let running = || started.elapsed() < LASTS;
    join_all(clients.iter().map(async |client| {
        let next = (client.number + 1) % peers;
        let asking = client.ask(next, size, running);
        // When the time is up some requests are left without an answer, and nobody listens any more.
        let _ = tokio::time::timeout(LASTS, async {
            tokio::try_join!(asking, client.listen(size, running))
        })
        .await;
    }))
    .await;
    let seconds = started.elapsed().as_secs_f64();
    let answered = clients.iter().map(|client| client.answered.get()).sum::<usize>();
    println!(
        "nats, {peers} clients, {size} B, request and reply: {:.0} messages/s answered",
        answered as f64 / seconds
    );
    println!(
        "  processor time a message: server {}, these clients {}",
        Times::of(&[server.child.id()]).since(&server_before).each(answered),
        Times::of(&[std::process::id()]).since(&own_before).each(answered),
    );
}
