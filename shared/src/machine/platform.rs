//! The platform-dependent part of private files.
//!
//! On systems other than Unix the user's profile is private by its own means, and these checks always succeed.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

#[cfg(unix)]
mod imp {
    use super::{File, Metadata, Path, io};
    use std::fs::{DirBuilder, OpenOptions};
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    use rustix::fs::OFlags;

    /// Any permission of the group or others.
    const NOT_PRIVATE: u32 = 0o077;
    /// Write permission of others.
    const OTHERS_WRITE: u32 = 0o002;
    /// In a directory with this bit only a file's owner may remove or rename it.
    const STICKY: u32 = 0o1000;

    pub(crate) fn is_ours(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw()
    }

    pub(crate) fn is_private(metadata: &Metadata) -> bool {
        metadata.mode() & NOT_PRIVATE == 0
    }

    pub(crate) fn is_open_to_all(metadata: &Metadata) -> bool {
        metadata.mode() & OTHERS_WRITE != 0 && metadata.mode() & STICKY == 0
    }

    pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    pub(crate) fn make_private_dirs(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    pub(crate) fn open_no_follow(path: &Path) -> io::Result<File> {
        // Without NONBLOCK, a named pipe in place of the file would block until someone writes to it.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
    }

    pub(crate) fn open_or_create_private(path: &Path) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
    }

    pub(crate) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    pub(crate) fn is_at(file: &File, path: &Path) -> bool {
        let place = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let (opened, there) =
            (file.metadata().map(place), std::fs::symlink_metadata(path).map(place));
        matches!((opened, there), (Ok(opened), Ok(there)) if opened == there)
    }
}

#[cfg(not(unix))]
mod imp {
    use super::{File, Metadata, Path, io};
    use std::fs::OpenOptions;

    pub(crate) fn is_ours(_: &Metadata) -> bool {
        true
    }

    pub(crate) fn is_private(_: &Metadata) -> bool {
        true
    }

    pub(crate) fn is_open_to_all(_: &Metadata) -> bool {
        false
    }

    pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    pub(crate) fn make_private_dirs(path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    pub(crate) fn open_no_follow(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(crate) fn open_or_create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(false).open(path)
    }

    pub(crate) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(crate) fn is_at(_: &File, _: &Path) -> bool {
        true
    }
}

/// Whether the file or directory belongs to the effective user of this process.
pub(crate) fn is_ours(metadata: &Metadata) -> bool {
    imp::is_ours(metadata)
}

/// Whether only the owner has any permission.
pub(crate) fn is_private(metadata: &Metadata) -> bool {
    imp::is_private(metadata)
}

/// Whether every user may add, remove and rename others' files in the directory.
pub(crate) fn is_open_to_all(metadata: &Metadata) -> bool {
    imp::is_open_to_all(metadata)
}

/// Creates a private directory.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    imp::make_private_dir(path)
}

/// Creates a private directory unless it exists, and the same for each of its ancestors.
pub(crate) fn make_private_dirs(path: &Path) -> io::Result<()> {
    imp::make_private_dirs(path)
}

/// Opens a file for reading, unless it is a symbolic link.
pub(crate) fn open_no_follow(path: &Path) -> io::Result<File> {
    imp::open_no_follow(path)
}

/// Opens a file for writing, creating a private one if it is missing; never a symbolic link.
pub(crate) fn open_or_create_private(path: &Path) -> io::Result<File> {
    imp::open_or_create_private(path)
}

/// Creates a new private file; an existing one is an error.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    imp::create_private(path)
}

/// Whether the opened file is still the one at this path.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    imp::is_at(file, path)
}
