//! Locks on files of the directory. The system releases them when their process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::PathBuf;

use super::{ConfigDir, ConfigError, cannot_open, check_file};
use crate::machine::platform;

/// An empty file whose lock serialises changes to the others.
pub(super) const LOCK: &str = "lock";

/// Tries for a lock whose file is removed by its last holder just then.
const TRIES: u32 = 16;

/// Holds a lock of the directory until it is dropped.
pub struct FileLockGuard {
    file: File,
    /// The file, if it goes with the lock.
    passing: Option<PathBuf>,
}

impl Drop for FileLockGuard {
    fn drop(&mut self) {
        // Before the lock is free: whoever takes it afterwards sees that the file is another one.
        if let Some(path) = &self.passing {
            let _ = fs::remove_file(path);
        }
        // Closing the file unlocks it too, so a failure here needs no handling.
        let _ = self.file.unlock();
    }
}

impl ConfigDir {
    /// Waits for the directory's lock and takes it. One process must not take it twice at the same time.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or its lock file is not private to this user, or cannot be created.
    pub fn lock(&self) -> Result<FileLockGuard, ConfigError> {
        let file = self.lock_file(LOCK)?;
        file.lock().map_err(|error| ConfigError::io(&self.path.join(LOCK), error))?;
        Ok(FileLockGuard { file, passing: None })
    }

    /// Takes the named lock for as long as the guard lives, if it is free. Its file is removed with the lock where the
    /// system allows that. A process that asks by [`ConfigDir::is_locked`] holds the lock, too, for as long as it takes
    /// to ask: one that finds it held tries again a little later.
    ///
    /// # Errors
    /// The errors of [`ConfigDir::lock`].
    pub fn try_passing_lock(&self, name: &str) -> Result<Option<FileLockGuard>, ConfigError> {
        let path = self.path.join(name);
        for _ in 0..TRIES {
            let file = self.lock_file(name)?;
            match file.try_lock() {
                Ok(()) if platform::is_at(&file, &path) => {
                    let passing = cfg!(unix).then_some(path);
                    return Ok(Some(FileLockGuard { file, passing }));
                }
                // Its holder removed the file just now: the next one to make it has the lock.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(ConfigError::io(&path, error)),
            }
        }
        Ok(None)
    }

    /// Removes a file of the directory, if it is there.
    pub(crate) fn remove(&self, name: &str) {
        // What cannot be removed is as it was, and nothing relies on more.
        let _ = fs::remove_file(self.path.join(name));
    }

    /// Whether a process holds the named lock by [`ConfigDir::try_passing_lock`]. Creates nothing; any number of processes
    /// may ask at once.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or the file is not private to this user.
    pub fn is_locked(&self, name: &str) -> Result<bool, ConfigError> {
        if !self.check()? {
            return Ok(false);
        }
        let path = self.path.join(name);
        let file = match platform::open_no_follow(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(cannot_open(&path, error)),
        };
        check_file(&path, &file)?;
        Ok(matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    fn lock_file(&self, name: &str) -> Result<File, ConfigError> {
        self.open()?;
        let path = self.path.join(name);
        let file =
            platform::open_or_create_private(&path).map_err(|error| cannot_open(&path, error))?;
        check_file(&path, &file).map(|_| file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_lock_is_held_by_one_and_seen_by_all() {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        assert!(!dir.is_locked("a").unwrap() && !dir.path().exists());
        let held = dir.try_passing_lock("a").unwrap().unwrap();
        assert!(dir.is_locked("a").unwrap() && !dir.is_locked("b").unwrap());
        assert!(dir.try_passing_lock("a").unwrap().is_none());
        assert!(dir.try_passing_lock("b").unwrap().is_some());
        drop(held);
        assert!(!dir.is_locked("a").unwrap());
        assert!(dir.try_passing_lock("a").unwrap().is_some());
    }
}
