//! What all connections of a hub share.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::secret::Secret;
use tokio::sync::{Semaphore, watch};

use crate::metrics::Metrics;
use crate::registry::Registry;

/// How long a hub that stops waits for its connections to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest time between pings.
const MAX_PING_INTERVAL: Duration = Duration::from_secs(30);

/// What all connections of a hub have in common.
pub(crate) struct AppState {
    pub(crate) registry: Arc<Registry>,
    pub(crate) auth: Secret,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) session_timeout: Duration,
    pub(crate) lan: bool,
    /// A place for each connection to a bridge.
    pub(crate) links: Arc<Semaphore>,
    /// The hub is stopping, for this reason.
    pub(crate) stopping: watch::Sender<Option<Close>>,
}

impl AppState {
    /// The hub pings this often, so that a bridge that answers never loses its session.
    pub(crate) fn ping_interval(&self) -> Duration {
        MAX_PING_INTERVAL.min(self.session_timeout / 3)
    }

    /// Completes when the hub is stopping, with the reason.
    pub(crate) async fn stops(&self) -> Close {
        let mut stopping = self.stopping.subscribe();
        let why = stopping.wait_for(Option::is_some).await.ok().and_then(|why| *why);
        why.unwrap_or(Close::GoingAway)
    }

    pub(crate) async fn stop(&self, why: Close, max_links: u32) {
        // First the pending connections, who would otherwise still come in.
        self.stopping.send_replace(Some(why));
        self.registry.stop(why);
        // Once every place is free, every connection has ended; whoever takes longer is cut off.
        let all_ended = self.links.acquire_many(max_links);
        let _ = tokio::time::timeout(STOP_TIMEOUT, all_ended).await;
    }
}
