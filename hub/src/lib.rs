//! The hub of Agent Junction: where bridges meet, and the mail of those who are away waits, sealed.
//!
//! It keeps everything in memory, and cannot read a message: it holds no key to one, and nothing it is
//! built from knows how. `state` is what it knows and decides; `connection` is one connection; `registry`
//! stands between them; `accept` and `http` are the way in.

mod accept;
pub mod bench;
pub mod cli;
mod config;
mod connection;
mod daemon;
mod http;
mod metrics;
mod registry;
mod state;
mod throttle;
mod token_bucket;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use junction_shared::machine::identity::HubKey;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::limits::{SESSION_TIMEOUT, SWEEP_INTERVAL};
use junction_shared::secret::Secret;
use tokio::sync::{Semaphore, watch};

pub use accept::tls::BadKey;
pub use state::{Connected, Output, State, Timeouts};

use accept::ip_limits::IpLimits;
use accept::tls::Tls;
use accept::tls_or_plain::TlsOrPlainListener;
use metrics::Metrics;
use registry::Registry;

/// How long a hub that stops waits for its connections to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// What a hub is set to.
#[derive(Clone, Debug)]
pub struct Config {
    /// A session without a sign of life ends after this; no message lives longer.
    pub session_timeout: Duration,
    /// The longest time past its end that anything stays.
    pub sweep_interval: Duration,
    /// After how long without a connection, and with every inbox empty, the hub ends by itself.
    pub idle_exit: Option<Duration>,
    /// Connections to bridges, at most.
    pub max_links: u32,
    /// Whether other machines can reach it.
    pub lan: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_timeout: SESSION_TIMEOUT,
            sweep_interval: SWEEP_INTERVAL,
            idle_exit: None,
            max_links: 16_384,
            lan: false,
        }
    }
}

/// A hub that does not serve yet.
pub struct Hub {
    config: Config,
    tls: Tls,
    ip_limits: Arc<IpLimits>,
    shared: Arc<Shared>,
}

/// What outlives a hub whose group gets a new secret, in the process that serves both.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    metrics: Arc<Metrics>,
    ip_limits: Arc<IpLimits>,
}

/// What all connections of a hub have in common.
struct Shared {
    registry: Arc<Registry>,
    auth: Secret,
    metrics: Arc<Metrics>,
    session_timeout: Duration,
    lan: bool,
    /// A place for each connection to a bridge.
    links: Arc<Semaphore>,
    /// The hub is stopping, for this reason.
    stopping: watch::Sender<Option<Close>>,
}

impl Hub {
    /// A hub with these keys. It does no I/O. Its time begins now.
    ///
    /// # Errors
    /// [`BadKey`] if its TLS key is none.
    pub fn new(config: Config, key: HubKey) -> Result<Self, BadKey> {
        Self::with(config, key, Kept::default())
    }

    /// As [`Hub::new`], with what an earlier hub of this process kept.
    ///
    /// # Errors
    /// As [`Hub::new`].
    pub(crate) fn with(config: Config, key: HubKey, kept: Kept) -> Result<Self, BadKey> {
        let Config { session_timeout, sweep_interval, max_links, lan, .. } = config;
        let timeouts = Timeouts { session_timeout, sweep_interval };
        let Kept { metrics, ip_limits } = kept;
        let registry = Arc::new(Registry::new(timeouts, key.ticket_key(), metrics.clone()));
        let links = Arc::new(Semaphore::new(max_links as usize));
        let stopping = watch::Sender::new(None);
        let tls = Tls::new(&key)?;
        let HubKey { auth, .. } = key;
        let shared = Shared { registry, auth, metrics, session_timeout, lan, links, stopping };
        Ok(Self { config, tls, ip_limits, shared: Arc::new(shared) })
    }

    /// Serves until `shutdown` completes and says why, or for as long as there is something to do if the
    /// hub is set to end by itself. Then it lets go of the listener, tells its connections why, and waits a
    /// moment for them to end. Returns why.
    pub async fn serve<L>(self, listener: L, shutdown: impl Future<Output = Close>) -> Close
    where
        L: Listener<Addr = SocketAddr>,
    {
        let Self { config, tls, ip_limits, shared } = self;
        let routes = http::routes(shared.clone());
        let service =
            routes.into_make_service_with_connect_info::<accept::guarded_stream::ConnectionInfo>();
        let listener = TlsOrPlainListener::new(listener, tls, ip_limits, shared.metrics.clone());
        let why = tokio::select! {
            _ = async { axum::serve(listener, service).await } => Close::GoingAway,
            () = shared.registry.sweep(config.idle_exit) => Close::GoingAway,
            why = shutdown => why,
        };
        shared.stop(why, config.max_links).await;
        why
    }
}

impl Shared {
    /// The hub pings this often, so that a bridge that answers never loses its session.
    fn ping_interval(&self) -> Duration {
        connection::MAX_PING_INTERVAL.min(self.session_timeout / 3)
    }

    /// Completes when the hub is stopping, with the reason.
    async fn stops(&self) -> Close {
        let mut stopping = self.stopping.subscribe();
        let why = stopping.wait_for(Option::is_some).await.ok().and_then(|why| *why);
        why.unwrap_or(Close::GoingAway)
    }

    async fn stop(&self, why: Close, max_links: u32) {
        // First the pending connections, who would otherwise still come in.
        self.stopping.send_replace(Some(why));
        self.registry.stop(why);
        // Once every place is free, every connection has ended; whoever takes longer is cut off.
        let all_ended = self.links.acquire_many(max_links);
        let _ = tokio::time::timeout(STOP_TIMEOUT, all_ended).await;
    }
}
