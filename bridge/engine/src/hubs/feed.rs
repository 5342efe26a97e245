//! What goes on at the hub of this machine, as the hub tells programs of its own user: who is there, and which messages go
//! from whom to whom. Nobody on the hub sees that a program looks.
//!
//! A feed is pulled: nothing is read before the caller asks for the next event. The hub ends the feed of a caller who asks
//! too seldom, so neither side keeps more than a bounded number of events.

mod event;
mod lines;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::identity::HubKey;
use junction_shared::machine::local_hub::RunningHub;
use junction_shared::protocol::onlooker::OnlookerNonce;
use junction_shared::secret::Secret;
use tokio::time::timeout;

pub use self::event::{
    FeedEvent, FeedId, FeedMessage, FeedReach, FeedSession, FeedState, FeedStatus,
};
use self::lines::EventLines;
use crate::hubs::known::{FilesError, KnownHosts};
use crate::hubs::target::TargetError;
use crate::transport::endpoint::Endpoint;
use crate::transport::http::{self, LivePage};
use crate::transport::tls::Security;

/// The page of a hub that tells what goes on.
const EVENTS: &str = "/events";
/// The status codes of a hub (RFC 9110 §15).
const OK: u16 = 200;
const UNAUTHORIZED: u16 = 401;
const NOT_FOUND: u16 = 404;
const SERVICE_UNAVAILABLE: u16 = 503;
/// How long a hub has to answer a request.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long a hub may say nothing. A hub sends a line every 15 s.
const QUIET_TIME: Duration = Duration::from_secs(45);
/// Tokens to try: a hub that restarts between two requests refuses the token for its last start.
const TRIES: usize = 3;

/// A connection to the hub of this machine that tells what goes on there. Dropping it ends the connection.
pub struct HubFeed {
    port: u16,
    start: OnlookerNonce,
    page: LivePage,
    lines: EventLines,
}

/// Why a hub does not tell what goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedError {
    /// The name means no hub.
    Target(TargetError),
    /// The hub of this name is on another machine. A hub tells only programs of its own machine what goes on.
    Elsewhere(String),
    /// The hub's keys cannot be read.
    Files(FilesError),
    /// No hub runs.
    NotRunning,
    /// The hub at this port does not answer: it starts, stops or hangs.
    NoAnswer(Option<u16>),
    /// What answers at this port is no hub of this configuration directory's group.
    NotOurs(u16),
    /// The hub at this port has an earlier version, which tells nobody what goes on.
    OlderHub(u16),
    /// As many programs as may look at the hub at this port at once.
    TooMany(u16),
    /// The hub at this port sent what no hub sends.
    Nonsense(u16),
    /// The hub ended the feed: it stops, or the events were taken too slowly.
    Ended,
}

impl FeedError {
    /// Whether another try may succeed soon, without anybody doing anything but starting a hub.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NotRunning | Self::NoAnswer(_) | Self::TooMany(_) | Self::Ended => true,
            Self::Target(_)
            | Self::Elsewhere(_)
            | Self::Files(_)
            | Self::NotOurs(_)
            | Self::OlderHub(_)
            | Self::Nonsense(_) => false,
        }
    }
}

impl HubFeed {
    /// Asks the hub of this name what goes on: `local`, or a port of this machine. The first event is a
    /// [`FeedEvent::Snapshot`]. No hub is started.
    ///
    /// # Errors
    /// [`FeedError`] within 30 seconds.
    pub async fn open(known: &KnownHosts, hub: &str) -> Result<Self, FeedError> {
        let port = port_of(known, hub)?;
        let key = HubKey::load(&known.dir).map_err(|error| FeedError::Files(error.into()))?;
        let HubKey { auth, .. } = key.ok_or(FeedError::NotOurs(port))?;
        let (start, page) = ask(port, &auth).await?;
        Ok(Self { port, start, page, lines: EventLines::default() })
    }

    /// The port of 127.0.0.1 that the hub serves.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The random number of the hub's start: another one means that the hub was restarted.
    #[must_use]
    pub fn start(&self) -> OnlookerNonce {
        self.start
    }

    /// Waits for the next event. A call that is dropped loses none. Events that this version does not know are left out.
    ///
    /// # Errors
    /// [`FeedError::Ended`] or [`FeedError::Nonsense`]. No event comes after that.
    pub async fn next(&mut self) -> Result<FeedEvent, FeedError> {
        loop {
            let nonsense = FeedError::Nonsense(self.port);
            match self.lines.next() {
                Ok(Some(told)) => match FeedEvent::parse(&told.name, &told.data) {
                    Ok(Some(event)) => return Ok(event),
                    Ok(None) => {}
                    Err(_) => return Err(nonsense),
                },
                Ok(None) => match timeout(QUIET_TIME, self.page.chunk()).await {
                    Ok(Some(chunk)) => self.lines.push(chunk),
                    Ok(None) | Err(_) => return Err(FeedError::Ended),
                },
                Err(_) => return Err(nonsense),
            }
        }
    }
}

/// The port of 127.0.0.1 that the hub of this name serves.
fn port_of(known: &KnownHosts, hub: &str) -> Result<u16, FeedError> {
    if hub == LOCAL {
        // The hub that holds the lock of the directory, whichever port was set: no other has the directory's keys.
        let running = known.running_hub().map_err(|error| FeedError::Files(error.into()))?;
        return match running {
            RunningHub::At(port) => Ok(port),
            RunningHub::Unready => Err(FeedError::NoAnswer(None)),
            RunningHub::None => Err(FeedError::NotRunning),
        };
    }
    let target = known.target(hub).map_err(FeedError::Target)?;
    match target.endpoint {
        Endpoint { port, security: Security::Loopback, .. } => Ok(port),
        _ => Err(FeedError::Elsewhere(target.name)),
    }
}

/// Asks for the events, first without a token. What answers that with no challenge is sent none.
async fn ask(port: u16, auth: &Secret) -> Result<(OnlookerNonce, LivePage), FeedError> {
    let mut page = request(port, None).await?;
    let mut last = None;
    for _ in 0..TRIES {
        let nonce = page.header("www-authenticate").and_then(OnlookerNonce::in_challenge);
        // A hub that refuses the token of its own start has another group.
        let nonce = nonce.filter(|nonce| last != Some(*nonce)).ok_or(FeedError::NotOurs(port))?;
        page = request(port, Some(nonce.token(auth, port))).await?;
        if page.status() == OK {
            let kind = page.header("content-type").unwrap_or_default();
            let is_stream = kind.starts_with("text/event-stream");
            return is_stream.then_some((nonce, page)).ok_or(FeedError::NotOurs(port));
        }
        last = Some(nonce);
    }
    Err(FeedError::NoAnswer(Some(port)))
}

/// The answer to one request: a refusal with a challenge, or what was asked for.
async fn request(port: u16, token: Option<String>) -> Result<LivePage, FeedError> {
    // Only at this address: another user may serve the port at another address of this machine.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let answer = timeout(ANSWER_TIME, http::open(address, EVENTS, token.as_deref())).await;
    let page = answer.ok().flatten().ok_or(FeedError::NoAnswer(Some(port)))?;
    match page.status() {
        OK if token.is_some() => Ok(page),
        UNAUTHORIZED => Ok(page),
        NOT_FOUND => Err(FeedError::OlderHub(port)),
        SERVICE_UNAVAILABLE => Err(FeedError::TooMany(port)),
        _ => Err(FeedError::NotOurs(port)),
    }
}

#[cfg(test)]
mod tests {
    use junction_shared::machine::config_dir::ConfigDir;
    use junction_shared::machine::identity::ensure;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

    /// A server that gives its answers in turn, one to each connection, and then closes. The requests that it got.
    struct Server {
        port: u16,
        requests: tokio::sync::mpsc::Receiver<String>,
    }

    impl Server {
        async fn with(answers: Vec<String>) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let (requests, receiver) = tokio::sync::mpsc::channel(16);
            tokio::spawn(async move {
                for answer in answers {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut head = vec![0; 4096];
                    let read = stream.read(&mut head).await.unwrap();
                    let head = String::from_utf8_lossy(&head[..read]).into_owned();
                    requests.send(head).await.unwrap();
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
            Self { port, requests: receiver }
        }

        /// What a feed of this server says, for a directory with a hub's keys.
        async fn open(&self) -> Result<HubFeed, FeedError> {
            let (_outer, known) = known(true);
            HubFeed::open(&known, &format!("127.0.0.1:{}", self.port)).await
        }

        /// The requests that carried a token, of all that came.
        fn tokens(&mut self) -> usize {
            let mut tokens = 0;
            while let Ok(request) = self.requests.try_recv() {
                assert!(request.starts_with("GET /events HTTP/1.1\r\n"), "{request}");
                tokens += usize::from(request.to_ascii_lowercase().contains("authorization:"));
            }
            tokens
        }
    }

    fn known(has_keys: bool) -> (TempDir, KnownHosts) {
        let outer = TempDir::new().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        dir.open().unwrap();
        if has_keys {
            ensure(&dir, 1).unwrap();
        }
        (outer, KnownHosts { dir, listed: None, port: None })
    }

    /// A refusal by the hub of this start.
    fn refusal(start: u8) -> String {
        let challenge = OnlookerNonce([start; 16]).challenge();
        format!(
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: {challenge}\r\ncontent-length: 0\r\n\r\n"
        )
    }

    #[tokio::test]
    async fn hub_is_asked_with_a_token_for_its_start_and_told_events_come_in_turn() {
        let stream = format!(
            "{STREAM}event: snapshot\ndata: {{\"sessions\":[]}}\n\n:\n\nevent: weather\ndata: 1\n\nevent: left\ndata: {{\"id\":\"a1\"}}\n\n"
        );
        let mut server = Server::with(vec![refusal(1), refusal(2), stream]).await;
        let mut feed = server.open().await.ok().unwrap();
        assert_eq!((feed.port(), feed.start()), (server.port, OnlookerNonce([2; 16])));
        assert_eq!(feed.next().await, Ok(FeedEvent::Snapshot(Vec::new())));
        let left = FeedId::parse("a1".to_owned()).unwrap();
        assert_eq!(feed.next().await, Ok(FeedEvent::Left(left)));
        assert_eq!(feed.next().await, Err(FeedError::Ended));
        assert_eq!(server.tokens(), 2);
    }

    #[tokio::test]
    async fn what_is_no_hub_of_the_group_is_told_apart_and_gets_no_token_without_a_challenge() {
        let answer = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\nhello".to_owned();
        for (answers, error, tokens) in [
            (vec![answer("404 Not Found")], FeedError::OlderHub as fn(u16) -> FeedError, 0),
            (vec![answer("401 Unauthorized")], FeedError::NotOurs, 0),
            (vec![answer("403 Forbidden")], FeedError::NotOurs, 0),
            (vec![format!("{STREAM}event: left\n")], FeedError::NotOurs, 0),
            (vec!["SSH-2.0-nonsense\r\n".to_owned()], |port| FeedError::NoAnswer(Some(port)), 0),
            (vec![refusal(1), refusal(1)], FeedError::NotOurs, 1),
            (vec![refusal(1), answer("503 Service Unavailable")], FeedError::TooMany, 1),
            (vec![refusal(1), page], FeedError::NotOurs, 1),
            (
                vec![refusal(1), refusal(2), refusal(3), refusal(4)],
                |port| FeedError::NoAnswer(Some(port)),
                3,
            ),
        ] {
            let mut server = Server::with(answers.clone()).await;
            let refused = server.open().await.err();
            assert_eq!(refused, Some(error(server.port)), "{answers:?}");
            assert_eq!(server.tokens(), tokens, "{answers:?}");
        }
    }

    #[tokio::test]
    async fn damaged_event_ends_the_feed() {
        for damaged in ["event: joined\ndata: {\n\n", "event: snapshot\ndata: [1]\n\n"] {
            let server = Server::with(vec![refusal(1), format!("{STREAM}{damaged}")]).await;
            let mut feed = server.open().await.ok().unwrap();
            assert_eq!(feed.next().await, Err(FeedError::Nonsense(server.port)));
        }
    }

    #[tokio::test]
    async fn hub_that_does_not_run_or_is_elsewhere_is_told_without_asking() {
        let (_outer, known) = known(false);
        let opened = async |hub: &str| HubFeed::open(&known, hub).await.err();
        assert_eq!(opened(LOCAL).await, Some(FeedError::NotRunning));
        assert_eq!(opened("127.0.0.1:9").await, Some(FeedError::NotOurs(9)), "no keys, no hub");
        assert_eq!(opened("10.0.0.1:9").await, Some(FeedError::Target(TargetError::NotJoined)));
        assert!(FeedError::NotRunning.is_passing() && !FeedError::NotOurs(9).is_passing());
    }
}
