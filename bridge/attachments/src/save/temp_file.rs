//! The file that is written before it gets the target's name. It goes when it is dropped, unless it has got that name.
//!
//! On Linux it has no name before, so the system removes it with a process that is killed. Where that cannot be had, and
//! for the moment in which it replaces another file, it is a [`leftovers`] part.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};

use super::leftovers;
use super::lock::Lock;
use super::place::Place;
use crate::disk::{self, Folder, Found};
use crate::refused::SaveRefused;

/// How often a temporary file is made that another save removes at once.
const TRIES: usize = 4;

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
    /// The name that it has for now.
    part: Option<OsString>,
    pub(super) file: File,
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // What cannot be removed now is removed by a later save. There is nobody to tell.
            let _ = self.folder.remove(part);
        }
    }
}

impl TempFile {
    /// Makes a file in the folder of a place, with room for this many bytes where the system can set it aside.
    pub(super) fn beside(place: &Place, len: u64) -> Result<Self, SaveRefused> {
        let made = place.folder().and_then(|folder| {
            leftovers::sweep(&folder);
            let made = Self::make(folder)?;
            disk::reserve(&made.file, len)?;
            Ok(made)
        });
        made.map_err(|error| place.disk(&error))
    }

    fn make(folder: Folder) -> io::Result<Self> {
        let Some(file) = folder.create_unnamed() else { return Self::named(&folder) };
        // It has a name for a moment if it replaces another file.
        leftovers::hold(&file);
        Ok(Self { folder, part: None, file })
    }

    fn named(folder: &Folder) -> io::Result<Self> {
        for _ in 0..TRIES {
            let part = leftovers::part();
            let file = folder.create(&part)?;
            let made = Self { folder: folder.try_clone()?, part: Some(part.clone()), file };
            // Before it was held, another save may have taken it for one of the dead.
            if leftovers::hold(&made.file) && leftovers::is_at(folder, &part, &made.file)? {
                return Ok(made);
            }
        }
        Err(ErrorKind::ResourceBusy.into())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Has the system keep what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives the file the name of the place, which is locked, and the permissions of a file that it replaces.
    pub(super) fn publish(
        &mut self,
        place: &Place,
        lock: &Lock,
        replaces: Replaces,
    ) -> Result<(), SaveRefused> {
        let disk = |error: io::Error| SaveRefused::disk(&place.path, &error);
        let changed = || Err(SaveRefused::Changed(place.path.clone()));
        let there = self.folder.look(&place.name).map_err(disk)?;
        if let (Replaces::AnyFile | Replaces::This(_), Some(found)) = (replaces, &there) {
            place.check_replaceable(found)?;
            disk::make_like(&self.file, &self.folder, &place.name, found).map_err(disk)?;
        }
        // Before the name, so that a crash leaves the old content or the new, and not an empty file.
        self.sync().map_err(disk)?;
        place.check_unmoved()?;
        place.check_repository()?;
        let there = self.folder.look(&place.name).map_err(disk)?;
        let named = match (replaces, there) {
            (Replaces::This(before), now) if now != Some(before) => return changed(),
            (Replaces::AnyFile | Replaces::This(_), Some(found)) => {
                place.check_replaceable(&found)?;
                if !lock.keeps(Some(&found)) {
                    return changed();
                }
                self.replace(&place.name)
            }
            _ => self.take(&place.name),
        };
        match named {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match replaces {
                Replaces::Nothing => return Err(SaveRefused::Exists(place.path.clone())),
                // It was not there a moment ago.
                Replaces::AnyFile | Replaces::This(_) => return changed(),
            },
            Err(error) => return Err(disk(error)),
        }
        self.folder.sync();
        Ok(())
    }

    /// Takes a name that nothing has.
    fn take(&mut self, name: &OsStr) -> io::Result<()> {
        match &self.part {
            None => self.folder.link_unnamed(&self.file, name)?,
            Some(part) => self.folder.rename_new(part, name)?,
        }
        self.part = None;
        Ok(())
    }

    /// Takes the name of another file.
    fn replace(&mut self, name: &OsStr) -> io::Result<()> {
        // Only a name can take the place of another.
        let part = match self.part.take() {
            Some(part) => part,
            None => {
                let part = leftovers::part();
                self.folder.link_unnamed(&self.file, &part)?;
                part
            }
        };
        let renamed = self.folder.rename_over(&part, name);
        self.part = renamed.is_err().then_some(part);
        renamed
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::testing::TestProject;

    /// As where the file system has no files without names.
    fn named(world: &TestProject) -> (Place, TempFile) {
        let place = Place::find(&world.policy(), "sub/a", None, None).unwrap();
        let mut file = TempFile::named(&place.folder().unwrap()).unwrap();
        file.write(b"new").unwrap();
        (place, file)
    }

    #[test]
    fn file_with_a_name_is_held_and_goes() {
        let world = TestProject::new();
        let (place, file) = named(&world);
        leftovers::sweep(&place.folder().unwrap());
        let part = world.at("sub").join(file.part.as_ref().unwrap());
        assert_eq!(fs::metadata(&part).unwrap().mode() & 0o777, 0o600);
        drop(file);
        assert_eq!(fs::read_dir(world.at("sub")).unwrap().count(), 0);
        // Nobody has held it for a moment.
        let (place, file) = named(&world);
        file.file.unlock().unwrap();
        leftovers::sweep(&place.folder().unwrap());
        assert_eq!(fs::read_dir(world.at("sub")).unwrap().count(), 0);
        assert!(!leftovers::is_at(&file.folder, file.part.as_ref().unwrap(), &file.file).unwrap());
    }

    #[test]
    fn file_with_a_name_takes_another() {
        let world = TestProject::new();
        for (old, replaces, is_taken) in [
            (None, Replaces::Nothing, true),
            (None, Replaces::AnyFile, true),
            (Some("old"), Replaces::Nothing, false),
            (Some("old"), Replaces::AnyFile, true),
        ] {
            fs::remove_file(world.at("sub/a")).ok();
            let (place, mut file) = named(&world);
            old.inspect(|text| drop(world.write("sub/a", text)));
            assert_eq!(file.publish(&place, &place.lock().unwrap(), replaces).is_ok(), is_taken);
            let content = if is_taken { "new" } else { "old" };
            drop(file);
            assert_eq!(fs::read_to_string(world.at("sub/a")).unwrap(), content);
            assert_eq!(fs::read_dir(world.at("sub")).unwrap().count(), 1);
        }
    }
}
