//! A temporary file in the folder of a target. It goes when it is dropped, unless it has got the target's name.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};

use junction_shared::secret::random_bytes;

use super::place::Place;
use crate::disk::{self, Folder, Found};
use crate::refused::SaveRefused;

/// What a temporary file may take the name of.
#[derive(Clone, Copy)]
pub(super) enum Replaces {
    /// Nothing: the name must be free.
    Nothing,
    /// A file, if there is one.
    AnyFile,
    /// This file, if it is as it was.
    This(Found),
}

/// A temporary file.
pub(super) struct TempFile {
    folder: Folder,
    name: OsString,
    pub(super) file: File,
    is_published: bool,
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.is_published {
            // What cannot be removed stays under a name that says what it is. There is nobody to tell.
            let _ = self.folder.remove(&self.name);
        }
    }
}

impl TempFile {
    /// Makes a file in the folder of a place, with room for this many bytes where the system can set it aside.
    pub(super) fn beside(place: &Place, len: u64) -> Result<Self, SaveRefused> {
        let folder = place.folder().map_err(|error| place.disk(&error))?;
        Self::make(folder, len).map_err(|error| place.disk(&error))
    }

    fn make(folder: Folder, len: u64) -> io::Result<Self> {
        let number = u64::from_le_bytes(random_bytes());
        let name: OsString = format!(".junction-{number:016x}.part").into();
        let file = folder.create(&name)?;
        let made = Self { folder, name, file, is_published: false };
        disk::reserve(&made.file, len)?;
        Ok(made)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Has the system keep what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives the file the name of the place, whose folder is locked.
    pub(super) fn publish(mut self, place: &Place, replaces: Replaces) -> Result<(), SaveRefused> {
        let disk = |error: io::Error| SaveRefused::disk(&place.path, &error);
        // Before the name, so that a crash leaves the old content or the new, and not an empty file.
        self.sync().map_err(disk)?;
        place.check_unmoved()?;
        let there = self.folder.look(&place.name).map_err(disk)?;
        let renamed = match (replaces, there) {
            (Replaces::This(before), now) if now != Some(before) => {
                return Err(SaveRefused::Changed(place.path.clone()));
            }
            (Replaces::AnyFile | Replaces::This(_), Some(found)) => {
                place.check_replaceable(&found)?;
                self.folder.rename_over(&self.name, &place.name)
            }
            _ => self.folder.rename_new(&self.name, &place.name),
        };
        match renamed {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(SaveRefused::Exists(place.path.clone()));
            }
            Err(error) => return Err(disk(error)),
        }
        self.is_published = true;
        self.folder.sync();
        Ok(())
    }
}
