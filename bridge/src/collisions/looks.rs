//! Looks at the disk, of which few are taken at once and none takes long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How many looks are taken at once, so that a disk that does not answer takes no more threads. More than that wait.
const MAX_LOOKS: usize = 4;
/// How long a look may take, together with the wait for its turn. A hook has given up long before.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// Takes looks at the disk, each on a thread that may block.
pub(super) struct Looks(Arc<Semaphore>);

impl Default for Looks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LOOKS)))
    }
}

impl Looks {
    /// Takes a look when it is its turn. `None` if that takes too long.
    pub(super) async fn take<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turns = Arc::clone(&self.0);
        let taken = async {
            let turn = turns.acquire_owned().await.ok()?;
            let taken = spawn_blocking(move || {
                // Held until the disk has answered, however long the caller waits.
                let _turn = turn;
                look()
            });
            taken.await.ok()
        };
        timeout(LOOK_TIME, taken).await.ok()?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn regression_look_beyond_the_bound_waits_for_its_turn() {
        let looks = Arc::new(Looks::default());
        let barrier = Arc::new(Barrier::new(MAX_LOOKS + 1));
        for _ in 0..MAX_LOOKS {
            let (looks, barrier) = (Arc::clone(&looks), Arc::clone(&barrier));
            tokio::spawn(async move { looks.take(move || barrier.wait()).await });
        }
        while looks.0.available_permits() > 0 {
            yield_now().await;
        }
        let ends = spawn_blocking(move || barrier.wait());
        let (taken, _) = tokio::join!(looks.take(|| 7), ends);
        assert_eq!(taken, Some(7));
    }
}
