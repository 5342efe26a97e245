//! Reconnecting, with a paused clock and a hub that is not there, or accepts connections and never answers.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::secret::Secret;
use tokio::io::DuplexStream;

use super::*;
use crate::error::Unanswered;
use crate::{Engine, PageLimits};

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
    let error = engine.list(crate::PeerQuery::default()).await.err();
    assert!(matches!(error, Some(Error::HubAway(_))), "{error:?}");
}
