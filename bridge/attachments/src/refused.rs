//! Why a file, a value or a command was refused: kinds and their data. A face makes sentences of them. No error quotes what
//! a file or a value holds.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::allowed::Allowed;

/// Something that the policy keeps until the user allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAllowed {
    /// The real path of the file.
    pub path: PathBuf,
    /// The value, if only one of the file was asked for.
    pub key: Option<String>,
    /// Why the file is kept.
    pub why: Why,
}

impl NotAllowed {
    /// The entry that would allow it.
    #[must_use]
    pub fn allowed(&self) -> Allowed {
        Allowed::new(&self.path, self.key.as_deref())
    }

    /// The argument of the one command that the user runs: `junction-bridge allow PATH[#KEY]`. Not quoted for a shell. For a
    /// save whose reason is [`Why::Outside`], the command is `junction-bridge allow --save FOLDER` with the folder around it.
    #[must_use]
    pub fn entry(&self) -> String {
        self.allowed().to_string()
    }
}

/// Why a file is kept until the user allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The file is outside of the project, and of all other places that the user allowed.
    Outside,
    /// The name, or the content, is one of secrets.
    Sensitive(Sensitivity),
    /// The file has more than one name, and another of them may be one of secrets.
    HardLink,
}

/// What a file seems to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitivity {
    /// Environment variables of a project: a name such as `.env`, `.env.local`, `prod.env` or `.dev.vars`.
    DotEnv,
    /// A private key, or a store of them.
    PrivateKey,
    /// Credentials of a program.
    Credentials,
    /// Commands that a shell or another program runs when it starts.
    Startup,
}

/// Why a path is refused whatever the user allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {
    /// The path is in `/proc`, `/sys` or `/dev`, or on a file system of the kernel.
    System,
    /// The path is in the junction's own configuration directory, or has a name that it gives its temporary files.
    OwnConfig,
    /// The path is one of a shell, git, an editor, an agent's client or the like, which runs what is saved there.
    Setting,
    /// The path is inside a git repository's own folder, whatever that is called.
    Repository,
}

/// What is at a path in place of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device, or something that this system does not name.
    Device,
}

/// Why a text is no path that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// The text is empty.
    Empty,
    /// The text has more than 4,096 bytes, or a name in it has more than the file system takes.
    TooLong,
    /// The text has control characters, or characters that change the direction of text or cannot be seen.
    Character,
    /// The text begins with `~` and a name, which is not expanded.
    OtherHome,
    /// The text begins with `~/`, and there is no home directory.
    NoHome,
    /// A name in it means something else on Windows: `:`, a backslash, a device such as `NUL`, or a blank or dot at the
    /// end.
    Windows,
}

/// What the operating system said about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// The disk is full.
    Full,
    /// The user's quota, or the limit on the size of files, is used up.
    Quota,
    /// The file system is read-only.
    ReadOnly,
    /// The user may not do this.
    Denied,
    /// Anything else.
    Other(ErrorKind),
}

impl DiskFault {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull => Self::Full,
            ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::Quota,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            ErrorKind::PermissionDenied => Self::Denied,
            kind => Self::Other(kind),
        }
    }
}

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadRefused {
    /// The text is no path.
    BadPath(BadPath),
    /// There is no such file.
    Missing(PathBuf),
    /// The user has not allowed it.
    NotAllowed(NotAllowed),
    /// It is not read whatever the user allowed.
    Never {
        /// The real path.
        path: PathBuf,
        /// The reason.
        why: Never,
    },
    /// It is no regular file.
    NotAFile {
        /// The real path.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// The file is larger than may be read.
    TooLarge {
        /// The real path.
        path: PathBuf,
        /// The most bytes.
        limit: u64,
    },
    /// The file, or a folder above it, was changed while it was read.
    Changed(PathBuf),
    /// `env_keys` does not name the environment variable.
    EnvNotAllowed(String),
    /// The environment variable is not set.
    EnvUnset(String),
    /// The operating system refused.
    Disk {
        /// The path.
        path: PathBuf,
        /// What it said.
        fault: DiskFault,
    },
}

impl From<NotAllowed> for ReadRefused {
    fn from(refusal: NotAllowed) -> Self {
        Self::NotAllowed(refusal)
    }
}

impl From<(PathBuf, Never)> for ReadRefused {
    fn from((path, why): (PathBuf, Never)) -> Self {
        Self::Never { path, why }
    }
}

impl From<BadPath> for ReadRefused {
    fn from(bad: BadPath) -> Self {
        Self::BadPath(bad)
    }
}

impl ReadRefused {
    pub(crate) fn disk(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing(path),
            ErrorKind::InvalidFilename => Self::BadPath(BadPath::TooLong),
            _ => Self::Disk { path, fault: DiskFault::of(error) },
        }
    }
}

/// Why nothing was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveRefused {
    /// The text is no path.
    BadPath(BadPath),
    /// The folder does not exist. None is made.
    NoFolder(PathBuf),
    /// A part of the path before the last is no folder.
    NotAFolder(PathBuf),
    /// A part of the path is a symbolic link. None is followed.
    Symlink(PathBuf),
    /// The file exists, and `overwrite` was not given.
    Exists(PathBuf),
    /// What is there is no regular file, and is not replaced.
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// The user has not allowed it.
    NotAllowed(NotAllowed),
    /// Nothing is saved there whatever the user allowed.
    Never {
        /// The path.
        path: PathBuf,
        /// The reason.
        why: Never,
    },
    /// The file, or a folder above it, was changed while it was saved.
    Changed(PathBuf),
    /// Other saves, or another program, held the lock of the file or of its folder for seconds.
    Busy(PathBuf),
    /// The file is larger than may be saved.
    TooLarge {
        /// The path.
        path: PathBuf,
        /// The most bytes.
        limit: u64,
    },
    /// Another number of bytes came than was announced.
    Length {
        /// The number that was announced.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// The operating system refused.
    Disk {
        /// The path.
        path: PathBuf,
        /// What it said.
        fault: DiskFault,
    },
}

impl From<NotAllowed> for SaveRefused {
    fn from(refusal: NotAllowed) -> Self {
        Self::NotAllowed(refusal)
    }
}

impl From<(PathBuf, Never)> for SaveRefused {
    fn from((path, why): (PathBuf, Never)) -> Self {
        Self::Never { path, why }
    }
}

impl From<BadPath> for SaveRefused {
    fn from(bad: BadPath) -> Self {
        Self::BadPath(bad)
    }
}

impl SaveRefused {
    pub(crate) fn disk(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidFilename => Self::BadPath(BadPath::TooLong),
            _ => Self::Disk { path: path.to_owned(), fault: DiskFault::of(error) },
        }
    }
}

/// Why one value was neither read nor put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueRefused<R, E> {
    /// The file was refused.
    File(R),
    /// The value was not found in the file, or could not be put into it.
    Value(E),
}

/// Why a command has not run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandRefused {
    /// The user's config has no command of this name.
    Unknown {
        /// The names of the commands that it has.
        known: Vec<String>,
        /// The config's path.
        file: PathBuf,
    },
    /// The program is in no folder of `PATH` that counts.
    NotFound {
        /// The program's name in the config.
        program: String,
    },
    /// The program could not be started.
    Start {
        /// The program's path.
        program: PathBuf,
        /// What the operating system said.
        fault: DiskFault,
    },
    /// The value is larger than a command is given.
    TooLarge {
        /// The most bytes.
        limit: u64,
    },
    /// The program ran longer than a command may, and was killed.
    TimedOut {
        /// Seconds that a command may run.
        seconds: u64,
    },
    /// The operating system did not say how the program ended.
    Lost,
}
