//! Saves that are at their last step, for a process that is about to end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The count of this process.
static RUNNING: RunningSaves = RunningSaves { count: Mutex::new(0), ended: Condvar::new() };

/// A count of saves that are at their last step.
struct RunningSaves {
    count: Mutex<usize>,
    ended: Condvar,
}

/// A save that is at its last step until this is dropped.
pub(super) struct RunningSave(&'static RunningSaves);

impl RunningSave {
    pub(super) fn begin() -> Self {
        RUNNING.begin()
    }
}

impl Drop for RunningSave {
    fn drop(&mut self) {
        *self.0.locked() -= 1;
        self.0.ended.notify_all();
    }
}

impl RunningSaves {
    fn begin(&'static self) -> RunningSave {
        *self.locked() += 1;
        RunningSave(self)
    }

    fn wait(&self, limit: Duration) -> bool {
        let are_running = |count: &mut usize| *count > 0;
        let waited = self.ended.wait_timeout_while(self.locked(), limit, are_running);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }

    fn locked(&self) -> MutexGuard<'_, usize> {
        // A count is right whatever became of the thread.
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until no save of this process is at its last step any more, for this long at most, and says whether there is
/// none. Blocks the thread.
///
/// A process that ends calls this after it has stopped to begin saves. At its last step is a whole file from
/// [`Saving::finish`](super::Saving::finish) to its name, and a value from its call to the new file. A file of which
/// parts are still to come does not count: it leaves nothing where files can be without a name, and is removed by a later
/// save elsewhere.
#[must_use]
pub fn wait_for_saves(limit: Duration) -> bool {
    RUNNING.wait(limit)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn end_waits_for_the_last_step_of_saves() {
        static SAVES: RunningSaves = RunningSaves { count: Mutex::new(0), ended: Condvar::new() };
        assert!(SAVES.wait(Duration::ZERO));
        let (one, other) = (SAVES.begin(), SAVES.begin());
        let began = Instant::now();
        assert!(!SAVES.wait(Duration::from_millis(50)));
        assert!(began.elapsed() >= Duration::from_millis(50));
        drop(one);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| SAVES.wait(Duration::from_secs(60)));
            drop(other);
            assert!(waiting.join().unwrap());
        });
    }
}
