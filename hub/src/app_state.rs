//! What all connections of a hub share.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::secret::Secret;
use tokio::sync::{Semaphore, watch};

use crate::metrics::Metrics;
use crate::onlooker_access::OnlookerAccess;
use crate::registry::Registry;

/// How long a stopping hub waits for its connections to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest interval between pings.
const MAX_PING_INTERVAL: Duration = Duration::from_secs(30);

/// The part of a hub that all its connections share.
pub(crate) struct AppState {
    pub(crate) registry: Arc<Registry>,
    pub(crate) auth: Secret,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) session_timeout: Duration,
    pub(crate) lan: bool,
    /// One permit for each connection to a bridge.
    pub(crate) links: Arc<Semaphore>,
    /// What those that look have to prove, and how many there may be.
    pub(crate) onlookers: OnlookerAccess,
    /// The reason for stopping, once the hub is stopping.
    pub(crate) stopping: watch::Sender<Option<Close>>,
}

impl AppState {
    /// Returns the interval between pings: short enough that a bridge that answers never loses its session.
    pub(crate) fn ping_interval(&self) -> Duration {
        MAX_PING_INTERVAL.min(self.session_timeout / 3)
    }

    /// Waits until the hub is stopping, and returns the reason.
    pub(crate) async fn stops(&self) -> Close {
        let mut stopping = self.stopping.subscribe();
        let why = stopping.wait_for(Option::is_some).await.ok().and_then(|why| *why);
        why.unwrap_or(Close::GoingAway)
    }

    /// Ends all connections for this reason and waits a moment until they have ended.
    pub(crate) async fn stop(&self, why: Close, max_links: u32) {
        // Pending connections first: they would otherwise still be admitted.
        self.stopping.send_replace(Some(why));
        self.registry.stop(why);
        // All permits are free once every connection has ended. What takes longer is cut off.
        let all_ended = self.links.acquire_many(max_links);
        let _ = tokio::time::timeout(STOP_TIMEOUT, all_ended).await;
    }
}
