//! The hub of Agent Junction: bridges connect to it, and it keeps encrypted mail for peers that are away.
//!
//! The hub keeps everything in memory and cannot read a message: it holds no key to one, and no crate in its
//! dependency graph could open one. `state` holds what it knows and decides; `connection` serves one
//! connection; `registry` connects the two; `accept` and `http` let connections in; `daemon` is the program.
#![deny(unused_crate_dependencies)]

mod accept;
mod app_state;
mod cli;
mod config;
mod connection;
pub mod daemon;
mod http;
mod metrics;
mod onlooker_access;
mod onlooker_json;
mod onlookers;
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
pub use state::{
    Connected, HubEvent, MessageStep, Output, SeenMessage, SeenSession, State, StateOptions,
    Timeouts,
};

use accept::ip_limits::IpLimits;
use accept::tls::Tls;
use accept::tls_or_plain::TlsOrPlainListener;
use app_state::AppState;
use metrics::Metrics;
use onlooker_access::OnlookerAccess;
use registry::Registry;

/// A hub that is ready to serve.
pub struct Hub {
    config: Config,
    tls: Tls,
    ip_limits: Arc<IpLimits>,
    app: Arc<AppState>,
}

/// What outlives a hub when its keys change and the same process starts another one.
#[derive(Clone, Default)]
pub(crate) struct ProcessState {
    metrics: Arc<Metrics>,
    ip_limits: Arc<IpLimits>,
}

impl Hub {
    /// Creates a hub with these keys, without I/O. Its clock starts now.
    ///
    /// # Errors
    /// [`BadKey`] if the TLS key is unusable.
    pub fn new(config: Config, key: HubKey) -> Result<Self, BadKey> {
        Self::with(config, key, ProcessState::default())
    }

    /// Creates a hub that takes over the state of this process from an earlier one.
    ///
    /// # Errors
    /// [`BadKey`] if the TLS key is unusable.
    pub(crate) fn with(config: Config, key: HubKey, process: ProcessState) -> Result<Self, BadKey> {
        let Config { session_timeout, sweep_interval, max_links, lan, .. } = config;
        let timeouts = Timeouts { session_timeout, sweep_interval };
        let ProcessState { metrics, ip_limits } = process;
        let registry = Arc::new(Registry::new(timeouts, &key, metrics.clone()));
        let links = Arc::new(Semaphore::new(max_links as usize));
        let stopping = watch::Sender::new(None);
        let tls = Tls::new(&key)?;
        let HubKey { auth, .. } = key;
        let app = AppState {
            registry,
            auth,
            metrics,
            session_timeout,
            lan,
            links,
            onlookers: OnlookerAccess::new(),
            stopping,
        };
        Ok(Self { config, tls, ip_limits, app: Arc::new(app) })
    }

    /// Serves until `shutdown` completes with a reason, or until the hub has been idle for
    /// [`Config::idle_exit`]. Then it drops the listener, closes its connections with that reason and waits a
    /// moment for them to end. Returns the reason.
    pub async fn serve<L>(self, listener: L, shutdown: impl Future<Output = Close>) -> Close
    where
        L: Listener<Addr = SocketAddr>,
    {
        let Self { config, tls, ip_limits, app } = self;
        app.onlookers.serve(listener.local_addr().map_or(0, |address| address.port()));
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
