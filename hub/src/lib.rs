//! The hub of Agent Junction: where bridges meet, and the mail of those who are away waits, sealed.
//!
//! It keeps everything in memory, and cannot read a message: it holds no key to one, and nothing it is
//! built from knows how. `state` is what it knows and decides; `connection` is one connection; `registry`
//! stands between them; `accept` and `http` are the way in.

mod accept;
mod app_state;
mod cli;
mod config;
mod connection;
pub mod daemon;
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

use axum::serve::Listener;
use junction_shared::machine::identity::HubKey;
use junction_shared::protocol::close::Close;
use tokio::sync::{Semaphore, watch};

pub use accept::tls::BadKey;
pub use config::Config;
pub use state::{Connected, Output, State, Timeouts};

use accept::ip_limits::IpLimits;
use accept::tls::Tls;
use accept::tls_or_plain::TlsOrPlainListener;
use app_state::AppState;
use metrics::Metrics;
use registry::Registry;

/// A hub that does not serve yet.
pub struct Hub {
    config: Config,
    tls: Tls,
    ip_limits: Arc<IpLimits>,
    app: Arc<AppState>,
}

/// What outlives a hub whose group gets a new secret, in the process that serves both.
#[derive(Clone, Default)]
pub(crate) struct ProcessState {
    metrics: Arc<Metrics>,
    ip_limits: Arc<IpLimits>,
}

impl Hub {
    /// A hub with these keys. It does no I/O. Its time begins now.
    ///
    /// # Errors
    /// [`BadKey`] if its TLS key is none.
    pub fn new(config: Config, key: HubKey) -> Result<Self, BadKey> {
        Self::with(config, key, ProcessState::default())
    }

    /// As [`Hub::new`], with what an earlier hub of this process kept.
    ///
    /// # Errors
    /// As [`Hub::new`].
    pub(crate) fn with(config: Config, key: HubKey, kept: ProcessState) -> Result<Self, BadKey> {
        let Config { session_timeout, sweep_interval, max_links, lan, .. } = config;
        let timeouts = Timeouts { session_timeout, sweep_interval };
        let ProcessState { metrics, ip_limits } = kept;
        let registry = Arc::new(Registry::new(timeouts, key.ticket_key(), metrics.clone()));
        let links = Arc::new(Semaphore::new(max_links as usize));
        let stopping = watch::Sender::new(None);
        let tls = Tls::new(&key)?;
        let HubKey { auth, .. } = key;
        let app = AppState { registry, auth, metrics, session_timeout, lan, links, stopping };
        Ok(Self { config, tls, ip_limits, app: Arc::new(app) })
    }

    /// Serves until `shutdown` completes and says why, or for as long as there is something to do if the
    /// hub is set to end by itself. Then it lets go of the listener, tells its connections why, and waits a
    /// moment for them to end. Returns why.
    pub async fn serve<L>(self, listener: L, shutdown: impl Future<Output = Close>) -> Close
    where
        L: Listener<Addr = SocketAddr>,
    {
        let Self { config, tls, ip_limits, app } = self;
        let routes = http::routes(app.clone());
        let service =
            routes.into_make_service_with_connect_info::<accept::guarded_stream::ConnectionInfo>();
        let listener = TlsOrPlainListener::new(listener, tls, ip_limits, app.metrics.clone());
        let why = tokio::select! {
            _ = async { axum::serve(listener, service).await } => Close::GoingAway,
            () = app.registry.sweep(config.idle_exit) => Close::GoingAway,
            why = shutdown => why,
        };
        app.stop(why, config.max_links).await;
        why
    }
}
