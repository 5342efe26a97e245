//! Folders and files by descriptors where the system has them: what was checked is what is read, written and renamed,
//! whatever somebody puts in its place meanwhile.
//!
//! On Unix, a path is walked from the root one name at a time, and no name may be a symbolic link. So a real path that was
//! resolved before leads to the same place, or nowhere. Elsewhere the same is done by paths, and checked again afterwards.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};

use crate::refused::FileKind;

#[cfg(unix)]
#[path = "disk/unix.rs"]
mod imp;
#[cfg(not(unix))]
#[path = "disk/windows.rs"]
mod imp;

pub(crate) use imp::{
    Folder, Id, is_of_kernel, look_at, make_like, real_folder, reserve, true_path,
};

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
    /// Whether its owner made it read-only.
    pub(crate) is_read_only: bool,
}

/// Why a folder cannot be entered.
#[derive(Debug)]
pub(crate) enum Step {
    Missing,
    Symlink,
    NotAFolder,
    Io(io::Error),
}

impl Folder {
    /// Walks to a folder by its real path. With it come the identities of all folders on the way, itself among them.
    pub(crate) fn walk(path: &Path) -> Result<(Self, Vec<Id>), Step> {
        let mut folder = Self::root(path)?;
        let mut ids = vec![folder.id().map_err(Step::Io)?];
        for component in path.components() {
            if let Component::Normal(name) = component {
                folder = folder.enter(name)?;
                ids.push(folder.id().map_err(Step::Io)?);
            }
        }
        Ok((folder, ids))
    }

    /// Whether the folder is the top of a git repository's own folder, as `.git` and bare repositories are.
    pub(crate) fn is_repository(&self) -> bool {
        let has = |name: &str| matches!(self.look(OsStr::new(name)), Ok(Some(_)));
        has("HEAD") && has("objects") && has("refs")
    }
}
