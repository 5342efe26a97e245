//! How many files are read for one of their values, or get one, at a time in this process.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many files are in memory at once. A parser may hold some 75 MiB for one of them.
const MOST: usize = 4;

/// The turns of this process.
static TURNS: Turns = Turns { free: Mutex::new(MOST), given_back: Condvar::new() };

/// A number of turns.
struct Turns {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// The turn to hold a file in memory, which is given back when this is dropped.
pub(crate) struct Turn(&'static Turns);

impl Turn {
    /// Waits for a turn. Blocks the thread, for a moment only: nobody who has one waits for anything but a disk.
    pub(crate) fn wait() -> Self {
        TURNS.wait()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.locked() += 1;
        self.0.given_back.notify_one();
    }
}

impl Turns {
    fn wait(&'static self) -> Turn {
        let waited = self.given_back.wait_while(self.locked(), |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }

    fn locked(&self) -> MutexGuard<'_, usize> {
        // A count is right whatever became of the thread.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::save::{ValueTarget, put_value_into};
    use crate::source::read_value;
    use crate::testing::TestProject;

    #[test]
    fn regression_no_more_than_four_files_are_in_memory_for_a_value_at_once() {
        let world = TestProject::new();
        world.write("settings.toml", "key = 1");
        let policy = world.policy();
        let turns: Vec<_> = (0..4).map(|_| Turn::wait()).collect();
        let (sender, found) = mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let read = read_value(&policy, "settings.toml", "key", |_| sender.send(()));
                assert!(read.is_ok());
            });
            scope.spawn(|| {
                let target =
                    ValueTarget { path: "new.toml", key: "key", value: b"1", overwrite: false };
                let put = put_value_into(&policy, &target, |_| {
                    sender.send(()).unwrap();
                    Ok::<_, ()>(b"key = '1'".to_vec().into())
                });
                assert!(put.is_ok());
            });
            assert!(found.recv_timeout(Duration::from_millis(50)).is_err(), "there are no more");
            drop(turns);
            assert!(found.recv().is_ok() && found.recv().is_ok());
        });
    }
}
