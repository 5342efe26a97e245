//! The hub of Agent Junction: where bridges meet, and the mail of those who are away waits, sealed.
//!
//! It keeps everything in memory, and cannot read a message: it holds no key to one, and nothing it is
//! built from knows how. `state` is what it knows and decides; `session` is one connection; `registry`
//! stands between them; `http` and `door` are the way in.

pub mod bench;
pub mod cli;
mod config;
mod door;
mod http;
mod process;
mod registry;
mod session;
mod state;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use junction_shared::limits::{SESSION_TIMEOUT, SWEEP_INTERVAL};
use junction_shared::secret::Secret;
use tokio::sync::{Semaphore, watch};

pub use state::{Connected, Output, State, Times};

use door::Door;
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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_timeout: SESSION_TIMEOUT,
            sweep_interval: SWEEP_INTERVAL,
            idle_exit: None,
            max_links: 16_384,
        }
    }
}

/// A hub that does not serve yet.
pub struct Hub {
    config: Config,
    shared: Arc<Shared>,
}

/// What all connections of a hub have in common.
struct Shared {
    registry: Arc<Registry>,
    auth: Secret,
    session_timeout: Duration,
    /// A place for each connection to a bridge.
    links: Arc<Semaphore>,
    /// The hub is stopping.
    stopping: watch::Sender<bool>,
}

impl Hub {
    /// A hub for the group that `auth` proves membership of; its tickets are made with `ticket_key`. It
    /// does no I/O. Its time begins now.
    #[must_use]
    pub fn new(config: Config, auth: Secret, ticket_key: Secret) -> Self {
        let Config { session_timeout, sweep_interval, max_links, .. } = config;
        let times = Times { session_timeout, sweep_interval };
        let registry = Arc::new(Registry::new(times, ticket_key, fastrand::Rng::new()));
        let links = Arc::new(Semaphore::new(max_links as usize));
        let stopping = watch::Sender::new(false);
        let shared = Shared { registry, auth, session_timeout, links, stopping };
        Self { config, shared: Arc::new(shared) }
    }

    /// Serves until `shutdown` completes, or for as long as there is something to do if the hub is set
    /// to end by itself. Then it lets go of the listener, tells its connections, and waits a moment for
    /// them to end.
    pub async fn serve<L>(self, listener: L, shutdown: impl Future<Output = ()>)
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let Self { config, shared } = self;
        let routes = http::routes(shared.clone());
        let service = routes.into_make_service_with_connect_info::<door::CameFrom>();
        tokio::select! {
            _ = async { axum::serve(Door::new(listener), service).await } => {}
            () = shared.registry.sweep(config.idle_exit) => {}
            () = shutdown => {}
        }
        shared.stop(config.max_links).await;
    }
}

impl Shared {
    /// The hub pings this often, so that a bridge that answers never loses its session.
    fn ping_interval(&self) -> Duration {
        session::MAX_PING_INTERVAL.min(self.session_timeout / 3)
    }

    async fn stop(&self, max_links: u32) {
        // First the visitors, who would otherwise still come in.
        self.stopping.send_replace(true);
        self.registry.stop();
        // Once every place is free, every connection has ended; whoever takes longer is cut off.
        let all_ended = self.links.acquire_many(max_links);
        let _ = tokio::time::timeout(STOP_TIMEOUT, all_ended).await;
    }
}
