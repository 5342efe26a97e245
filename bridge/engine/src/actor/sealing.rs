//! The threads that read and seal attachments: a disk may block.

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use junction_shared::secret::wiping_stack;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::session::{SealJob, SealedChunks};

/// The jobs at work.
#[derive(Default)]
pub(super) struct SealingThreads(FuturesUnordered<JoinHandle<SealedChunks>>);

impl SealingThreads {
    /// Has a job done.
    pub(super) fn start(&mut self, job: SealJob) {
        self.0.push(spawn_blocking(move || wiping_stack(|| job.run())));
    }

    /// The next job that is done. Without any this never returns. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> SealedChunks {
        loop {
            match self.0.next().await {
                Some(Ok(sealed)) => return sealed,
                // A job that panicked has no result.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}
