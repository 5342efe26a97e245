//! Folders by descriptors.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, linkat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::found::{Found, Id, Step, Tried};
use crate::refused::FileKind;

#[path = "unix/permissions.rs"]
mod permissions;

pub(crate) use permissions::make_like;

/// Folders are opened to look up names in them, which takes no permission to list them where the system has a flag for it.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// A named pipe does not block with these, and a terminal does not become this process's own.
const FILE: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// File systems of the kernel's, wherever they are mounted. Source: `linux/magic.h`.
#[cfg(target_os = "linux")]
const KERNEL: [i128; 12] = [
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0xf97c_ff8c, // selinuxfs
];

/// The identity of what a path leads to.
pub(crate) fn id_at(path: &Path) -> io::Result<Id> {
    Ok(found(&rustix::fs::stat(path)?).id)
}

/// An open folder.
pub(crate) struct Folder(OwnedFd);

impl Folder {
    pub(super) fn root(_: &Path) -> Result<Self, Step> {
        let root = rustix::fs::open("/", FOLDER, Mode::empty());
        root.map(Self).map_err(|error| Step::Io(error.into()))
    }

    /// Opens a folder in this one; never behind a symbolic link.
    pub(crate) fn enter(&self, name: &OsStr) -> Result<Self, Step> {
        match openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => Ok(Self(folder)),
            Err(Errno::NOENT) => Err(Step::Missing),
            // Systems differ in what they call a link here.
            Err(error @ (Errno::LOOP | Errno::NOTDIR | Errno::MLINK)) => match self.look(name) {
                Ok(None) => Err(Step::Missing),
                Ok(Some(found)) if found.kind == FileKind::Symlink => Err(Step::Symlink),
                Ok(Some(found)) if found.kind != FileKind::Directory => Err(Step::NotAFolder),
                _ => Err(Step::Io(error.into())),
            },
            Err(error) => Err(Step::Io(error.into())),
        }
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    pub(crate) fn id(&self) -> io::Result<Id> {
        Ok(found(&fstat(&self.0)?).id)
    }

    /// What has this name; `None` if nothing does. Nothing is opened.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(found(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for reading; never behind a symbolic link.
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        Ok(openat(&self.0, name, FILE | OFlags::RDONLY, Mode::empty())?.into())
    }

    /// Opens a file of this user's, so that it can be locked; never behind a symbolic link.
    pub(crate) fn open_to_lock(&self, name: &OsStr) -> io::Result<File> {
        // For writing, without which some network file systems lock nothing.
        Ok(openat(&self.0, name, FILE | OFlags::WRONLY, Mode::empty())?.into())
    }

    /// All names in the folder.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let entries = Dir::new(self.open_to_read()?)?;
        let name = |entry: Result<rustix::fs::DirEntry, Errno>| {
            Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned())
        };
        entries.map(name).collect()
    }

    /// Makes a file for its owner alone that has no name; `None` where that cannot be had.
    #[cfg(target_os = "linux")]
    pub(crate) fn create_unnamed(&self) -> Option<File> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        // What else is wrong with the folder is told when a file with a name is made.
        let file = File::from(openat(&self.0, ".", flags, Mode::RUSR | Mode::WUSR).ok()?);
        // Without /proc it could never get a name.
        let same = rustix::fs::stat(path_of(&file)).is_ok_and(|stat| {
            fstat(&file).is_ok_and(|own| (own.st_dev, own.st_ino) == (stat.st_dev, stat.st_ino))
        });
        same.then_some(file)
    }

    /// Makes no file: this system has none without a name that could get one.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn create_unnamed(&self) -> Option<File> {
        None
    }

    /// Gives a file that has no name one that nothing has.
    #[cfg(target_os = "linux")]
    pub(crate) fn link_unnamed(&self, file: &File, name: &OsStr) -> io::Result<()> {
        let flags = AtFlags::SYMLINK_FOLLOW;
        Ok(linkat(rustix::fs::CWD, path_of(file), &self.0, name, flags)?)
    }

    /// Fails: this system has no files without a name.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn link_unnamed(&self, _: &File, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes a file for its owner alone.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = FILE | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Gives a file its name, unless something has it.
    pub(crate) fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match rename_exclusive(&self.0, from, to) {
            // The file system cannot do it in one step.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            renamed => return Ok(renamed?),
        }
        // A link is made only if nothing has the name.
        match linkat(&self.0, from, &self.0, to, AtFlags::empty()) {
            Ok(()) => return self.remove(from),
            // The file system has no hard links.
            Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => {}
            Err(error) => return Err(error.into()),
        }
        // Between these two another process could still take the name, and would lose its file. There is no other way.
        if self.look(to)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Gives a file its name, and removes the file that has it. A symbolic link of the name is replaced, not followed.
    pub(crate) fn rename_over(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Asks for the lock of the folder.
    pub(crate) fn try_lock(&self) -> Tried<File> {
        // Opened for the lock alone: it belongs to what was opened, so that two threads hold two.
        self.open_to_read().map_or(Tried::Impossible, |folder| try_lock(folder.into()))
    }

    /// Asks for the lock of a file; never behind a symbolic link. The file may have lost its name before it was locked.
    pub(crate) fn try_lock_file(&self, name: &OsStr) -> Tried<File> {
        // One that this user may not write can be locked as well, but on some network file systems.
        match self.open_to_lock(name).or_else(|_| self.open_file(name)) {
            Ok(file) => try_lock(file),
            // It has gone since the caller saw it, and who looks again knows more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Tried::Held,
            Err(_) => Tried::Impossible,
        }
    }

    fn open_to_read(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat(&self.0, ".", flags, Mode::empty())?)
    }

    /// Has the system keep the names in the folder, where it can.
    pub(crate) fn sync(&self) {
        if let Ok(folder) = self.open_to_read() {
            let _ = rustix::fs::fsync(folder);
        }
    }

    /// Whether the folder is on a file system of the kernel's.
    pub(crate) fn is_of_kernel(&self) -> bool {
        is_of_kernel(&self.0)
    }
}

fn try_lock(file: File) -> Tried<File> {
    match file.try_lock() {
        Ok(()) => Tried::Locked(file),
        Err(TryLockError::WouldBlock) => Tried::Held,
        Err(TryLockError::Error(_)) => Tried::Impossible,
    }
}

/// The path by which the system finds an open file of this process, whatever name it has. Source: proc_pid_fd(5).
#[cfg(target_os = "linux")]
fn path_of(file: &File) -> String {
    use std::os::fd::AsRawFd as _;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// The number of the user that new files belong to.
pub(crate) fn this_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// An open file as it is now.
pub(crate) fn look_at(file: &File) -> io::Result<Found> {
    Ok(found(&fstat(file)?))
}

/// Sets a file's space aside, so that a full disk is known before the file is written.
pub(crate) fn reserve(file: &File, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if len > 0 {
        use rustix::fs::{FallocateFlags, fallocate};
        // Other errors say that the file system cannot do this, and need not be able to.
        let reserved = fallocate(file, FallocateFlags::KEEP_SIZE, 0, len);
        if let Err(error @ (Errno::NOSPC | Errno::DQUOT)) = reserved {
            return Err(error.into());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, len);
    Ok(())
}

/// The real path of an open file as the system knows it, where only the system knows it: on a file system that ignores
/// case, a path that was resolved before need not have the letters of the name.
#[cfg(target_vendor = "apple")]
pub(crate) fn true_path(file: &File, _: &Path) -> io::Result<std::path::PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = rustix::fs::getpath(file)?;
    Ok(OsString::from_vec(path.into_bytes()).into())
}

/// The real path of a folder, with the letters of its names.
#[cfg(target_vendor = "apple")]
pub(crate) fn real_folder(path: &Path) -> io::Result<std::path::PathBuf> {
    true_path(&File::open(path)?, path)
}

/// The real path of a folder.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn real_folder(path: &Path) -> io::Result<std::path::PathBuf> {
    path.canonicalize()
}

/// The real path of an open file. A path without links has the letters of the names.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn true_path(_: &File, walked: &Path) -> io::Result<std::path::PathBuf> {
    Ok(walked.to_owned())
}

/// Whether a file is on a file system of the kernel's, such as `/proc`.
#[cfg(target_os = "linux")]
pub(crate) fn is_of_kernel(file: &impl AsFd) -> bool {
    // One that does not say is taken for an ordinary one: only `/proc` and its like are meant, and they say so.
    rustix::fs::fstatfs(file).is_ok_and(|fs| KERNEL.contains(&i128::from(fs.f_type)))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_of_kernel(_: &impl AsFd) -> bool {
    false
}

#[cfg(any(target_vendor = "apple", target_os = "linux"))]
fn rename_exclusive(folder: &OwnedFd, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, renameat_with};
    renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_vendor = "apple", target_os = "linux")))]
fn rename_exclusive(_: &OwnedFd, _: &OsStr, _: &OsStr) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

fn found(stat: &Stat) -> Found {
    const SECOND: i128 = 1_000_000_000;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::Regular,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::Device,
    };
    Found {
        kind,
        id: Id { device: stat.st_dev.into(), number: stat.st_ino.into() },
        len: u64::try_from(stat.st_size).unwrap_or(0),
        modified: i128::from(stat.st_mtime) * SECOND + i128::from(stat.st_mtime_nsec),
        changed: i128::from(stat.st_ctime) * SECOND + i128::from(stat.st_ctime_nsec),
        links: stat.st_nlink.into(),
        owner: stat.st_uid,
        group: stat.st_gid,
        // Not the bits that run a program as another user.
        permissions: i128::from(stat.st_mode) & 0o777,
        is_read_only: !Mode::from_raw_mode(stat.st_mode)
            .intersects(Mode::WUSR | Mode::WGRP | Mode::WOTH),
    }
}
