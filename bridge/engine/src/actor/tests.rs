//! Reconnecting, with a paused clock and a hub that is not there, never answers, speaks another version or hangs up.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use junction_shared::protocol::close::{Close, version_mismatch};
use junction_shared::protocol::codec::{decode, encode};
use junction_shared::protocol::handshake::{GroupKeys, HubHandshake, NO_PIN};
use junction_shared::protocol::id::ConnectionId;
use junction_shared::protocol::wire::{
    Challenge, Grant, Hello, Ticket, ToBridge, ToHub, VERSION, WelcomeBody,
};
use junction_shared::secret::Secret;
use tokio::io::DuplexStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::error::Unanswered;
use crate::start::SessionTraits;
use crate::{Engine, PageLimits, PeerQuery};

/// A hub that refuses connections, or accepts them and never answers.
#[derive(Clone, Default)]
struct NoHub {
    dials: Arc<Mutex<Vec<Instant>>>,
    accepts: Arc<AtomicBool>,
}

impl Dialer for NoHub {
    type Stream = DuplexStream;

    async fn dial(&self, _: SocketAddr) -> io::Result<DuplexStream> {
        self.dials.lock().unwrap().push(Instant::now());
        if self.accepts.load(Ordering::Relaxed) {
            // The other end is dropped at once: there was a connection, and no welcome.
            return Ok(tokio::io::duplex(1024).0);
        }
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

impl NoHub {
    fn engine(&self) -> Engine {
        let target = HubTarget::plain("local", ([127, 0, 0, 1], 1).into());
        Engine::start_at(self.clone(), target, GroupKeys::derive(&Secret::random()), 1)
    }

    /// The pauses between dials during this time.
    async fn pauses(&self, time: Duration) -> Vec<Duration> {
        let before = self.dials.lock().unwrap().len();
        tokio::time::sleep(time).await;
        let dials = self.dials.lock().unwrap();
        dials[before.saturating_sub(1)..].windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// The clock has a resolution of a millisecond, and rounds up.
const TICK: Duration = Duration::from_millis(2);

#[tokio::test(start_paused = true)]
async fn pauses_double_from_50_ms_to_5_s_with_full_jitter() {
    let hub = NoHub::default();
    let _engine = hub.engine();
    let pauses = hub.pauses(Duration::from_secs(3600)).await;
    for (at, pause) in pauses.iter().enumerate() {
        let doubled = Duration::from_millis(50) * 2_u32.pow(u32::try_from(at).unwrap().min(8));
        assert!(*pause <= doubled.min(Duration::from_secs(5)) + TICK, "{at}: {pause:?}");
    }
    // Full jitter: 2.5 s between two on average, the shortest next to nothing.
    let late = &pauses[8..];
    assert!((1_000..2_100).contains(&late.len()), "{} dials in an hour", late.len());
    assert!(late.iter().any(|pause| *pause < Duration::from_millis(500)));
    assert!(late.iter().any(|pause| *pause > Duration::from_millis(4_500)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_welcome_does_not_shorten_the_pauses() {
    let hub = NoHub::default();
    let _engine = hub.engine();
    hub.pauses(Duration::from_secs(60)).await;
    hub.accepts.store(true, Ordering::Relaxed);
    let pauses = hub.pauses(Duration::from_secs(600)).await;
    assert!(pauses.len() < 400, "{} dials in ten minutes", pauses.len());
    assert!(pauses.iter().any(|pause| *pause > Duration::from_secs(4)));
}

#[tokio::test(start_paused = true)]
async fn commands_are_answered_while_there_is_no_hub() {
    let hub = NoHub::default();
    let engine = hub.engine();
    let error = engine.read(PageLimits::default(), Duration::from_secs(30)).await.err();
    assert!(matches!(error, Some(Error::HubAway(Unanswered::Away(_)))), "{error:?}");
    let error = engine.list(PeerQuery::default()).await.err();
    assert!(matches!(error, Some(Error::HubAway(_))), "{error:?}");
}

/// What a hub of the group does with each connection.
#[derive(Clone, Copy)]
enum Manners {
    /// Offers this version of the protocol alone.
    Offers(u16),
    /// Closes at the hello, because it speaks this version alone.
    Closes(u16),
    /// Welcomes as a hub that lists every session, and says nothing more.
    ListsAll,
    /// Welcomes with this session timeout, says nothing more, and hangs up after this time.
    Welcomes { timeout_ms: u64, lasts: Duration },
}

/// A hub of the group that counts its connections.
#[derive(Clone)]
struct FakeHub {
    dials: Arc<Mutex<Vec<Instant>>>,
    manners: Arc<Mutex<Manners>>,
}

fn group() -> GroupKeys {
    GroupKeys::derive(&Secret::filled(|key| key.fill(1)))
}

impl Dialer for FakeHub {
    type Stream = DuplexStream;

    async fn dial(&self, _: SocketAddr) -> io::Result<DuplexStream> {
        self.dials.lock().unwrap().push(Instant::now());
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let manners = *self.manners.lock().unwrap();
        tokio::spawn(async move {
            if let Ok(socket) = accept_async(theirs).await {
                serve(socket, manners).await;
            }
        });
        Ok(ours)
    }
}

async fn serve(mut socket: WebSocketStream<DuplexStream>, manners: Manners) {
    let handshake = HubHandshake::start();
    let challenge = match manners {
        Manners::Offers(version) => {
            let challenge = Challenge { versions: vec![version], nonce: [0; 32], hub_eph: [9; 32] };
            encode(&ToBridge::Challenge(challenge))
        }
        _ => handshake.challenge(),
    };
    let _ = socket.send(Message::Binary(challenge)).await;
    let Some(Ok(Message::Binary(bytes))) = socket.next().await else { return };
    let ToHub::Hello(hello) = decode(&bytes).unwrap() else { panic!("no hello") };
    match manners {
        Manners::Offers(_) => panic!("a hello to a hub of another version"),
        Manners::Closes(version) => {
            let code = Close::NoCommonVersion.code().into();
            let reason = version_mismatch(version, VERSION).into();
            let _ = socket.send(Message::Close(Some(CloseFrame { code, reason }))).await;
        }
        Manners::ListsAll => {
            welcome(&mut socket, handshake, &hello, 1_800_000).await;
            // Nothing but the goodbye, and no card above all.
            while let Some(Ok(Message::Binary(bytes))) = socket.next().await {
                assert_eq!(decode::<ToHub>(&bytes).unwrap(), ToHub::Leave);
            }
        }
        Manners::Welcomes { timeout_ms, lasts } => {
            welcome(&mut socket, handshake, &hello, timeout_ms).await;
            let unheard = async { while let Some(Ok(_)) = socket.next().await {} };
            let _ = timeout(lasts, unheard).await;
        }
    }
}

async fn welcome(
    socket: &mut WebSocketStream<DuplexStream>,
    handshake: HubHandshake,
    hello: &Hello,
    session_timeout_ms: u64,
) {
    let (_, verified) = handshake.verify(&group().auth, NO_PIN, hello).unwrap();
    let body = WelcomeBody {
        grant: Grant { alias: "calm-fox".to_owned(), ticket: Ticket([0; 32]) },
        connection: ConnectionId(1),
        resumed: false,
        session_timeout_ms,
        sweep_interval_ms: 0,
        past_restart_grace: None,
        features: None,
        seat: None,
    };
    let frame = encode(&ToBridge::Welcome(verified.welcome(&body)));
    let _ = socket.send(Message::Binary(frame)).await;
}

impl FakeHub {
    fn start(manners: Manners) -> (Self, Engine) {
        let hub = Self { dials: Arc::default(), manners: Arc::new(Mutex::new(manners)) };
        let target = HubTarget::plain("local", ([127, 0, 0, 1], 1).into());
        let engine = Engine::start_at(hub.clone(), target, group(), 1);
        (hub, engine)
    }

    fn start_unlisted(manners: Manners) -> (Self, Engine) {
        let hub = Self { dials: Arc::default(), manners: Arc::new(Mutex::new(manners)) };
        let target = HubTarget::plain("local", ([127, 0, 0, 1], 1).into());
        let traits =
            SessionTraits { group: Some(group()), is_unlisted: true, ..SessionTraits::default() };
        let engine = Engine::start_as(hub.clone(), target, traits, 1);
        (hub, engine)
    }

    fn dials(&self) -> usize {
        self.dials.lock().unwrap().len()
    }
}

const FOREVER: Duration = Duration::from_secs(1_000_000);

#[tokio::test(start_paused = true)]
async fn regression_a_hub_of_another_version_is_not_dialed_again_before_a_call_needs_it() {
    for (manners, version) in [
        (Manners::Offers(VERSION + 1), VERSION + 1),
        (Manners::Offers(0), 0),
        (Manners::Closes(VERSION + 8), VERSION + 8),
    ] {
        let (hub, engine) = FakeHub::start(manners);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(hub.dials(), 1);
        let read = engine.read(PageLimits::default(), Duration::from_secs(60)).await;
        assert!(read.is_err());
        assert_eq!(hub.dials(), 2, "a read with nothing to give");
        for dials in 3..6 {
            let error = engine.list(PeerQuery::default()).await.err();
            let Some(Error::HubAway(Unanswered::Away(why))) = error else { panic!("{error:?}") };
            assert!(
                matches!(why, AwayReason::OtherVersion { spoken: Some(spoken), .. } if spoken == version),
                "{why:?}"
            );
            assert_eq!(hub.dials(), dials, "once for each call");
        }
        *hub.manners.lock().unwrap() = Manners::Welcomes { timeout_ms: 1_800_000, lasts: FOREVER };
        let _ = engine.list(PeerQuery::default()).await;
        assert_eq!(engine.snapshot().state, ConnectionState::Connected);
    }
}

#[tokio::test(start_paused = true)]
async fn regression_a_hub_that_welcomes_and_hangs_up_is_dialed_no_more_often_than_one_that_is_gone()
{
    for (timeout_ms, lasts) in [
        (0, FOREVER),
        (1, FOREVER),
        (0, Duration::ZERO),
        (1_800_000, Duration::ZERO),
        (1_800_000, Duration::from_millis(4_900)),
        (u64::MAX, Duration::from_millis(10)),
    ] {
        let (hub, _engine) = FakeHub::start(Manners::Welcomes { timeout_ms, lasts });
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(hub.dials() < 400, "{} dials in ten minutes, {timeout_ms} {lasts:?}", hub.dials());
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_was_there_for_long_is_dialed_at_once() {
    let lasts = Duration::from_secs(6);
    let (hub, _engine) = FakeHub::start(Manners::Welcomes { timeout_ms: 1_800_000, lasts });
    tokio::time::sleep(Duration::from_secs(600)).await;
    let dials = hub.dials.lock().unwrap();
    let pauses = dials.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(pauses.max().unwrap() < lasts + Duration::from_millis(50) + 2 * TICK);
}

#[tokio::test(start_paused = true)]
async fn session_that_is_to_be_unlisted_stays_on_no_hub_that_would_list_it() {
    let (hub, engine) = FakeHub::start_unlisted(Manners::ListsAll);
    for dials in 1..4 {
        let began = Instant::now();
        let error = engine.list(PeerQuery::default()).await.err();
        let Some(Error::HubAway(Unanswered::Away(why))) = error else { panic!("{error:?}") };
        let address = "127.0.0.1:1".to_owned();
        assert_eq!(why, AwayReason::WouldBeListed { address, is_here: true });
        // The call has what it waits for: the same hub will not answer otherwise.
        assert!(began.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(hub.dials() <= dials, "no more than one for each call");
    }
}
