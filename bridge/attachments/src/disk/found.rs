//! What is found on the way to a file, and what is in the way.

use std::io;

use crate::refused::FileKind;

/// What makes a file or folder the same one: the device or volume that it is on, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) device: i128,
    pub(crate) number: i128,
}

/// A file or folder as it is at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: FileKind,
    pub(crate) id: Id,
    pub(crate) len: u64,
    /// When the content was changed, in a unit of the system's.
    pub(crate) modified: i128,
    /// When the content or the attributes were changed, in a unit of the system's.
    pub(crate) changed: i128,
    /// How many names the file has.
    pub(crate) links: i128,
    /// The number of the user that it belongs to; 0 where users have none.
    pub(crate) owner: u32,
    /// The number of its group; 0 where there are none.
    pub(crate) group: u32,
    /// Who may read, write and run it, as Unix has it; 0 where that is told in another way.
    pub(crate) permissions: i128,
    /// Whether its owner made it read-only.
    pub(crate) is_read_only: bool,
}

/// What came of asking for a lock.
pub(crate) enum Tried<T> {
    /// The lock is held as long as this is kept.
    Locked(T),
    /// Another holds it, in this process or in another.
    Held,
    /// Nobody can have it.
    Impossible,
}

/// Why a folder cannot be entered.
#[derive(Debug)]
pub(crate) enum Step {
    Missing,
    Symlink,
    NotAFolder,
    Io(io::Error),
}
