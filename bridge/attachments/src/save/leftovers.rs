//! Temporary files that have a name, and what is left of them when a process is killed.
//!
//! A process locks its own as long as it lives, so one that can be locked belongs to nobody any more.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io;

use junction_shared::secret::random_bytes;

use crate::disk::{self, Folder, LOCK};
use crate::names::folded;
use crate::refused::FileKind;

const START: &str = ".junction-";
const END: &str = ".part";
/// How many hexadecimal digits are between the two.
const DIGITS: usize = 16;

/// A name for a temporary file.
pub(super) fn part() -> OsString {
    let number = u64::from_le_bytes(random_bytes());
    format!("{START}{number:0DIGITS$x}{END}").into()
}

fn is_part(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix(START)?.strip_suffix(END));
    digits.is_some_and(|digits| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        digits.len() == DIGITS && digits.bytes().all(is_digit)
    })
}

/// Whether a file system may take a name for that of a temporary file or of a lock, which the next save would remove.
pub(super) fn is_own(name: &str) -> bool {
    let name = folded(name);
    name == LOCK || is_part(name.as_ref())
}

/// Keeps a temporary file from being removed by others. Says whether nobody is about to do so.
pub(super) fn hold(file: &File) -> bool {
    // Where there are no locks, nothing is removed either.
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Whether a file has this name in the folder.
pub(super) fn is_at(folder: &Folder, name: &OsStr, file: &File) -> io::Result<bool> {
    let id = disk::look_at(file)?.id;
    Ok(folder.look(name)?.is_some_and(|found| found.id == id))
}

/// Removes this user's temporary files that no living process holds.
pub(super) fn sweep(folder: &Folder) {
    // What cannot be listed or removed has to stay. The save says by itself if the folder cannot be used.
    for part in folder.names().unwrap_or_default().iter().filter(|name| is_part(name)) {
        let _ = remove_dead(folder, part);
    }
}

fn remove_dead(folder: &Folder, part: &OsStr) -> io::Result<()> {
    let is_ours = folder
        .look(part)?
        .is_some_and(|found| found.kind == FileKind::Regular && found.owner == disk::this_user());
    if !is_ours {
        return Ok(());
    }
    let file = folder.open_to_lock(part)?;
    // Once it is locked, nobody who gives it another name can come between.
    if file.try_lock().is_ok() && is_at(folder, part, &file)? {
        folder.remove(part)?;
    }
    Ok(())
}
