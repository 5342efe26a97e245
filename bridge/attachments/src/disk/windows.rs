//! Folders by paths, where there are no descriptors of folders to be had. Whoever may replace a folder above a file can
//! still do so between a check and a use here; what was opened is therefore compared with its path afterwards.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use super::found::{Found, Id, Step, Tried};
use crate::refused::FileKind;

/// Opens the link and not what it leads to. Source: `FILE_FLAG_OPEN_REPARSE_POINT` in winbase.h.
const NO_FOLLOW: u32 = 0x0020_0000;
/// Opens folders, too. Source: `FILE_FLAG_BACKUP_SEMANTICS` in winbase.h.
const FOLDERS: u32 = 0x0200_0000;
/// Removes the file as soon as it is closed, also when the process ends. Source: `FILE_FLAG_DELETE_ON_CLOSE` in winbase.h.
const DELETE_ON_CLOSE: u32 = 0x0400_0000;
/// Permits to write and to remove. Source: `GENERIC_WRITE` and `DELETE` in winnt.h.
const WRITE_AND_DELETE: u32 = 0x4000_0000 | 0x0001_0000;
/// Another has the file open and shares it with nobody. Source: `ERROR_SHARING_VIOLATION` in winerror.h.
const SHARED_WITH_NOBODY: i32 = 32;
/// A link, a junction, or another place that leads on. Source: `FILE_ATTRIBUTE_REPARSE_POINT` in winnt.h.
const REPARSE_POINT: u32 = 0x400;

/// The identity of what a path leads to.
pub(crate) fn id_at(path: &Path) -> io::Result<Id> {
    of(&OpenOptions::new().access_mode(0).custom_flags(FOLDERS).open(path)?).map(|found| found.id)
}

/// A folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(super) fn root(path: &Path) -> Result<Self, Step> {
        let above =
            |part: &Component<'_>| matches!(part, Component::Prefix(_) | Component::RootDir);
        Ok(Self(path.components().take_while(above).collect()))
    }

    /// Opens a folder in this one; never behind a symbolic link.
    pub(crate) fn enter(&self, name: &OsStr) -> Result<Self, Step> {
        match self.look(name).map_err(Step::Io)?.map(|found| found.kind) {
            None => Err(Step::Missing),
            Some(FileKind::Directory) => Ok(Self(self.0.join(name))),
            Some(FileKind::Symlink) => Err(Step::Symlink),
            Some(_) => Err(Step::NotAFolder),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.clone()))
    }

    pub(crate) fn id(&self) -> io::Result<Id> {
        id_at(&self.0)
    }

    /// What has this name; `None` if nothing does.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        let options = OpenOptions::new().access_mode(0).custom_flags(FOLDERS | NO_FOLLOW).clone();
        match options.open(self.0.join(name)) {
            Ok(file) => of(&file).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading; never behind a symbolic link.
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(self.0.join(name))
    }

    /// Opens a file, so that it can be locked; never behind a symbolic link.
    pub(crate) fn open_to_lock(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().write(true).custom_flags(NO_FOLLOW).open(self.0.join(name))
    }

    /// All names in the folder.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.0)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    /// Makes no file: this system has none without a name.
    #[expect(clippy::unused_self, reason = "as on Unix")]
    pub(crate) fn create_unnamed(&self) -> Option<File> {
        None
    }

    /// Fails: this system has no files without a name.
    #[expect(clippy::unused_self, reason = "as on Unix")]
    pub(crate) fn link_unnamed(&self, _: &File, _: &OsStr) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Makes a file. The folder says who may read it.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.0.join(name))
    }

    /// Gives a file its name, unless something has it.
    pub(crate) fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        // A link is made only if nothing has the name.
        if fs::hard_link(self.0.join(from), self.0.join(to)).is_ok() {
            return self.remove(from);
        }
        if self.look(to)?.is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.rename_over(from, to)
    }

    /// Gives a file its name, and removes the file that has it.
    pub(crate) fn rename_over(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// Asks for the lock of the folder. A folder itself cannot be locked here, so it is a file that is shared with nobody,
    /// and goes when it is closed.
    pub(crate) fn try_lock(&self) -> Tried<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).access_mode(WRITE_AND_DELETE).share_mode(0);
        // What somebody linked there is not what goes.
        let file = options.custom_flags(DELETE_ON_CLOSE | NO_FOLLOW).open(self.0.join(super::LOCK));
        match file {
            Ok(file) => Tried::Locked(file),
            Err(error) if error.raw_os_error() == Some(SHARED_WITH_NOBODY) => Tried::Held,
            // It is being removed, or this user may make no file here and will be told so.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Tried::Held,
            Err(_) => Tried::Impossible,
        }
    }

    /// Locks nothing: a lock on a file would here keep this process, too, from reading it a second time.
    #[expect(clippy::unused_self, reason = "as on Unix")]
    pub(crate) fn try_lock_file(&self, _: &OsStr) -> Tried<File> {
        Tried::Impossible
    }

    /// Does nothing: the system keeps the names in a folder by itself.
    #[expect(clippy::unused_self, reason = "as on Unix")]
    pub(crate) fn sync(&self) {}

    /// Whether the folder is on a file system of the kernel's: there is none.
    #[expect(clippy::unused_self, reason = "as on Unix")]
    pub(crate) fn is_of_kernel(&self) -> bool {
        false
    }
}

/// The number that stands for all users: the folder says who may use its files.
pub(crate) fn this_user() -> u32 {
    0
}

/// An open file as it is now.
pub(crate) fn look_at(file: &File) -> io::Result<Found> {
    of(file)
}

/// Sets nothing aside: a full disk is known when the file is written.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn reserve(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

/// Does nothing: the folder says who may use its files.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn make_like(_: &File, _: &Folder, _: &OsStr, _: &Found) -> io::Result<()> {
    Ok(())
}

/// The real path of a folder, with the letters of its names.
pub(crate) fn real_folder(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// The real path of an open file: where the path that was walked leads now, if that is the same file.
pub(crate) fn true_path(file: &File, walked: &Path) -> io::Result<PathBuf> {
    let path = walked.canonicalize()?;
    if id_at(&path)? == of(file)?.id { Ok(path) } else { Err(ErrorKind::NotFound.into()) }
}

/// Whether a file is on a file system of the kernel's: there is none.
pub(crate) fn is_of_kernel(_: &File) -> bool {
    false
}

fn of(file: &File) -> io::Result<Found> {
    let information = winapi_util::file::information(file)?;
    let metadata = file.metadata()?;
    Ok(Found {
        kind: kind(&metadata),
        id: Id {
            device: information.volume_serial_number().into(),
            number: information.file_index().into(),
        },
        len: information.file_size(),
        modified: information.last_write_time().unwrap_or(0).into(),
        changed: information.last_write_time().unwrap_or(0).into(),
        links: information.number_of_links().into(),
        owner: 0,
        group: 0,
        permissions: 0,
        is_read_only: metadata.permissions().readonly(),
    })
}

fn kind(metadata: &Metadata) -> FileKind {
    if metadata.file_attributes() & REPARSE_POINT != 0 {
        FileKind::Symlink
    } else if metadata.is_dir() {
        FileKind::Directory
    } else if metadata.is_file() {
        FileKind::Regular
    } else {
        FileKind::Device
    }
}
