//! What keeps a save from coming between the reading and the replacing of another.
//!
//! A save locks the folder of its file. Where that cannot be had (some network file systems lock no folders, and one that
//! may not be listed cannot be opened), it locks the file that it is to replace, and the saves of this process wait for each
//! other. A file that is not there needs no lock of its own: of those who make it, the system lets one succeed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::leftovers;
use crate::disk::{self, Folder, Found, Id, Tried};
use crate::refused::FileKind;

/// How long a save waits for others. Each takes milliseconds, or what a slow disk takes to keep a file.
const WAIT: Duration = Duration::from_secs(5);
/// How often a lock is asked for that another save holds. The system has no wait with a limit.
const ASKED: Duration = Duration::from_millis(2);

/// The saves of this process into folders that cannot be locked.
static UNLOCKED: Mutex<()> = Mutex::new(());

/// A lock, which the system lifts when the process ends.
pub(super) struct Lock {
    kept: Kept,
    _file: Option<File>,
    _process: Option<MutexGuard<'static, ()>>,
}

/// What other saves do not replace as long as the lock is held.
enum Kept {
    /// Whatever has the name.
    All,
    /// This file.
    This(Id),
    /// Nothing had the name, so only a new file may take it.
    Nothing,
}

impl Lock {
    /// Keeps other saves away from a name in a folder, those of other processes too; `None` if others held it for seconds.
    pub(super) fn of(folder: &Folder, name: &OsStr) -> io::Result<Option<Self>> {
        let deadline = Instant::now() + WAIT;
        loop {
            let lock = Self::try_of(folder, name)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if lock.is_some() || left.is_zero() {
                return Ok(lock);
            }
            std::thread::park_timeout(left.min(ASKED));
        }
    }

    /// Whether this may be replaced under the lock, or a new file made where it is `None`.
    pub(super) fn keeps(&self, found: Option<&Found>) -> bool {
        match self.kept {
            Kept::All => true,
            Kept::This(id) => found.is_none_or(|found| found.id == id),
            Kept::Nothing => found.is_none(),
        }
    }

    fn try_of(folder: &Folder, name: &OsStr) -> io::Result<Option<Self>> {
        match lock_of_folder(folder) {
            Tried::Locked(file) => {
                Ok(Some(Self { kept: Kept::All, _file: Some(file), _process: None }))
            }
            Tried::Held => Ok(None),
            Tried::Impossible => match UNLOCKED.try_lock() {
                Ok(process) => Self::try_of_file(folder, name, process),
                Err(TryLockError::Poisoned(process)) => {
                    Self::try_of_file(folder, name, process.into_inner())
                }
                Err(TryLockError::WouldBlock) => Ok(None),
            },
        }
    }

    fn try_of_file(
        folder: &Folder,
        name: &OsStr,
        process: MutexGuard<'static, ()>,
    ) -> io::Result<Option<Self>> {
        let lock = |kept, file| Some(Self { kept, _file: file, _process: Some(process) });
        // What is no file is not replaced.
        if !folder.look(name)?.is_some_and(|found| found.kind == FileKind::Regular) {
            return Ok(lock(Kept::Nothing, None));
        }
        match lock_of_file(folder, name) {
            // Another may have replaced it before it was locked.
            Tried::Locked(file) if !leftovers::is_at(folder, name, &file)? => Ok(None),
            Tried::Locked(file) => Ok(lock(Kept::This(disk::look_at(&file)?.id), Some(file))),
            Tried::Held => Ok(None),
            // What was read is compared again before it is replaced, which has to do for other processes.
            Tried::Impossible => Ok(lock(Kept::All, None)),
        }
    }
}

fn lock_of_folder(folder: &Folder) -> Tried<File> {
    #[cfg(test)]
    if is_there(folder, NO_FOLDER_LOCK) {
        return Tried::Impossible;
    }
    folder.try_lock()
}

fn lock_of_file(folder: &Folder, name: &OsStr) -> Tried<File> {
    #[cfg(test)]
    if is_there(folder, NO_FILE_LOCK) {
        return Tried::Impossible;
    }
    folder.try_lock_file(name)
}

/// A name that makes a test's folder one that cannot be locked, in all processes and also for the superuser.
#[cfg(test)]
pub(super) const NO_FOLDER_LOCK: &str = "test-no-folder-lock";
/// A name that makes the files in a test's folder some that cannot be locked.
#[cfg(test)]
pub(super) const NO_FILE_LOCK: &str = "test-no-file-lock";

#[cfg(test)]
fn is_there(folder: &Folder, name: &str) -> bool {
    folder.look(OsStr::new(name)).is_ok_and(|found| found.is_some())
}
