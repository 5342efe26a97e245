//! Folders and files by descriptors where the system has them: what was checked is what is read, written and renamed,
//! whatever somebody puts in its place meanwhile.
//!
//! On Unix, a path is walked from the root one name at a time, and no name may be a symbolic link. So a real path that was
//! resolved before leads to the same place, or nowhere. Elsewhere the same is done by paths, and checked again afterwards.

use std::path::{Component, Path};

mod found;
#[cfg(unix)]
#[path = "disk/unix.rs"]
mod imp;
#[cfg(not(unix))]
#[path = "disk/windows.rs"]
mod imp;

pub(crate) use found::{Found, Id, Step, Tried};
pub(crate) use imp::{
    Folder, id_at, is_of_kernel, look_at, make_like, real_folder, reserve, this_user, true_path,
};

/// The name of the file that is the lock of a folder on systems that lock no folders.
pub(crate) const LOCK: &str = ".junction-save.lock";

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
}
