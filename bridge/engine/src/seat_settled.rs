//! When it is known what came of a claim to a seat.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a claim to a seat may take: somewhat longer than a wish waits for a living holder.
const PATIENCE: Duration = Duration::from_millis(2500);

/// Tells when it is known what came of a claim to a seat.
pub struct SeatSettled(oneshot::Receiver<()>);

impl SeatSettled {
    pub(crate) fn new(settled: oneshot::Receiver<()>) -> Self {
        Self(settled)
    }

    /// Waits until the session has the seat, or goes on without it, but not for long.
    pub async fn wait(self) {
        let _ = timeout(PATIENCE, self.0).await;
    }
}
