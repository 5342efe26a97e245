//! The private directory with links and keys, and the only access to it. Files that others could read or replace are
//! refused, and the error says how to fix them.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use crate::machine::hosts_problem::HostsProblem;
use crate::machine::platform;
use crate::secret::random_bytes;

mod location;
mod locks;

pub use location::{CONFIG_DIR, LocationError};
pub use locks::FileLockGuard;

/// The largest file that is read, in bytes: a thousand times the size of a long list of hosts.
const MAX_FILE: u64 = 1 << 20;

/// The configuration directory. Creating the value touches no file; every access checks the directory.
#[derive(Clone, Debug)]
pub struct ConfigDir {
    path: PathBuf,
    /// Why there is no path. Every access fails with it.
    missing: Option<LocationError>,
}

/// Why the configuration cannot be used: one sentence, then the fix. The error quotes no file contents.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no path for the directory.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The path is a symbolic link.
    #[error("{} is a symbolic link. Replace it with the directory or file it points to.", .0.display())]
    Symlink(PathBuf),
    /// The path is not a directory.
    #[error("{} is not a directory. Move it away, or set {CONFIG_DIR} to a directory.", .0.display())]
    NotADirectory(PathBuf),
    /// The path is not a regular file.
    #[error("{} is not a file. Move it away.", .0.display())]
    NotAFile(PathBuf),
    /// The file or directory belongs to another user.
    #[error("{} belongs to another user. Run chown \"$(id -un)\" {}.", .0.display(), quoted(.0))]
    Owner(PathBuf),
    /// The directory is open to other users.
    #[error("{} is open to other users. Run chmod 700 {}.", .0.display(), quoted(.0))]
    DirMode(PathBuf),
    /// The file is open to other users.
    #[error("{} is open to other users. Run chmod 600 {}.", .0.display(), quoted(.0))]
    FileMode(PathBuf),
    /// A parent directory in which every user may replace files.
    #[error(
        "Every user can replace files in {}. Run chmod o-w {}, or set {CONFIG_DIR} to a directory elsewhere.",
        .0.display(),
        quoted(.0)
    )]
    Ancestor(PathBuf),
    /// The file exceeds the size limit.
    #[error("{} is larger than 1 MiB. Remove what does not belong in it.", .0.display())]
    TooLarge(PathBuf),
    /// The file is not text.
    #[error("{} is not UTF-8 text. Save it as UTF-8, or remove it.", .0.display())]
    NotText(PathBuf),
    /// The file has to be changed but is not TOML.
    #[error("Line {line} of {} is not TOML. Correct or remove that line.", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The file is TOML, but `hosts` is not a table.
    #[error("In {}, hosts is not a table. Write a line [hosts], and below it a line for each host.", .0.display())]
    NotATable(PathBuf),
    /// The file does not hold a hub's keys.
    #[error(
        "{} does not hold a hub's keys. Remove it: the next start creates new ones.",
        .0.display()
    )]
    BadKeys(PathBuf),
    /// The file does not hold the secret of the seats.
    #[error(
        "{} does not hold the secret of this machine's sessions. Remove it: the next start creates a new one, and \
         sessions are strangers to others once.",
        .0.display()
    )]
    BadSeatSecret(PathBuf),
    /// The directory holds no hub's keys.
    #[error("{} does not exist: the hub of this machine has no keys yet. Start junction-hub first.", .0.display())]
    NoHub(PathBuf),
    /// The directory holds a hub's keys but not its group's link.
    #[error(
        "The hub with the keys in {} serves a group whose secret is not here. Join it by a link like any other \
         machine, with junction-bridge join, or give that hub a configuration directory of its own.",
        .0.display()
    )]
    NoLocalLink(PathBuf),
    /// The directory holds a hub's keys of a group other than this machine's own.
    #[error(
        "The hub with the keys in {} serves a group other than this machine's own. Give that hub a configuration \
         folder of its own, and make its links and secrets where that file was made.",
        .0.display()
    )]
    OtherGroup(PathBuf),
    /// A line of `hosts.toml` cannot be used.
    #[error(transparent)]
    Hosts(HostsProblem),
    /// The text is not a valid host name.
    #[error("That is not a valid host name. Choose 1 to 32 of the characters a-z, 0-9 and hyphen.")]
    BadName,
    /// A file that must not exist yet.
    #[error("{} already exists. Move it away, or choose another file.", .0.display())]
    Exists(PathBuf),
    /// A file outside the directory cannot be written.
    #[error("{} cannot be written: {source}. Choose another file.", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The operating system refused.
    #[error(
        "{} cannot be used: {source}. Correct that, or set {CONFIG_DIR} to another directory.",
        .path.display()
    )]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl ConfigError {
    fn cannot_write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Quotes a path for a shell unless it has only plain characters.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

impl ConfigDir {
    /// Locates the directory: the flag, else `JUNCTION_CONFIG_DIR`, else the system's default. No file is touched.
    ///
    /// # Errors
    /// [`LocationError`] if that is no path, or one that would depend on the working directory.
    pub fn locate(flag: Option<PathBuf>) -> Result<Self, LocationError> {
        location::locate(flag).map(Self::at)
    }

    /// A directory that could not be located. Every access fails with this error, so that a program that goes on without
    /// the directory reports it where it is needed.
    #[must_use]
    pub fn missing(error: LocationError) -> Self {
        Self { path: PathBuf::new(), missing: Some(error) }
    }

    /// The directory at this path.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        // Absolute, because a started hub changes its working directory; rebuilt from components, because a trailing
        // slash would follow a symbolic link unseen.
        let path = std::path::absolute(&path).unwrap_or(path);
        Self { path: path.components().collect(), missing: None }
    }

    /// The directory's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is the directory of a command without `--config-dir` and `JUNCTION_CONFIG_DIR`. No file is touched.
    #[must_use]
    pub fn is_default(&self) -> bool {
        location::by_default().is_some_and(|path| Self::at(path).path == self.path)
    }

    /// Creates the directory if it is missing, then checks it.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory is not private to this user, or others could replace it.
    pub fn open(&self) -> Result<(), ConfigError> {
        if self.check()? {
            return Ok(());
        }
        let fault = |source| ConfigError::io(&self.path, source);
        platform::make_private_dirs(self.parent()).map_err(fault)?;
        // Before there is anything to replace.
        self.check_ancestors()?;
        self.make().map_err(fault)?;
        self.check().map(|_| ())
    }

    fn make(&self) -> io::Result<()> {
        match platform::make_private_dir(&self.path) {
            // Another process was quicker, which is as good: the directory is checked all the same.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Whether the directory exists. An existing one is checked.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory is not private to this user, or others could replace it.
    pub fn check(&self) -> Result<bool, ConfigError> {
        if let Some(error) = self.missing {
            return Err(error.into());
        }
        let path = &self.path;
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(ConfigError::io(path, error)),
        };
        let refuse = |error: fn(PathBuf) -> ConfigError| Err(error(path.clone()));
        if metadata.is_symlink() {
            refuse(ConfigError::Symlink)
        } else if !metadata.is_dir() {
            refuse(ConfigError::NotADirectory)
        } else if !platform::is_ours(&metadata) {
            refuse(ConfigError::Owner)
        } else if !platform::is_private(&metadata) {
            refuse(ConfigError::DirMode)
        } else {
            self.check_ancestors().map(|()| true)
        }
    }

    /// Refuses a parent directory in which every user may rename files.
    fn check_ancestors(&self) -> Result<(), ConfigError> {
        let parent = self.parent();
        let parent = parent.canonicalize().map_err(|error| ConfigError::io(parent, error))?;
        for ancestor in parent.ancestors() {
            let metadata =
                fs::metadata(ancestor).map_err(|error| ConfigError::io(ancestor, error))?;
            if platform::is_open_to_all(&metadata) {
                return Err(ConfigError::Ancestor(ancestor.to_owned()));
            }
        }
        Ok(())
    }

    fn parent(&self) -> &Path {
        // The root has no parent, and is its own ancestor.
        self.path.parent().unwrap_or(&self.path)
    }

    /// Reads a file in the directory; `None` if it does not exist.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or the file is not private to this user, or the file is not UTF-8 text of at most
    /// 1 MiB.
    pub fn read_private(&self, name: &str) -> Result<Option<String>, ConfigError> {
        if !self.check()? {
            return Ok(None);
        }
        let path = self.path.join(name);
        let file = match platform::open_no_follow(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot_open(&path, error)),
        };
        let length = check_file(&path, &file)?.len();
        read_text(&path, &file, length).map(Some)
    }

    /// Writes a file in the directory atomically, replacing any file of that name.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory is not private to this user or the file cannot be written.
    pub fn write_private(&self, name: &str, text: &str) -> Result<(), ConfigError> {
        self.open()?;
        let path = self.path.join(name);
        // Each writer has its own temporary name, so two never write to one file.
        let draft = self.path.join(format!(".{name}.{}", HEXLOWER.encode(&random_bytes::<8>())));
        let written = platform::create_private(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&draft, &path));
        written.map_err(|error| {
            // If this fails too there is nothing to do: the first error is the one to report.
            let _ = fs::remove_file(&draft);
            ConfigError::io(&path, error)
        })
    }
}

/// Writes a new private file anywhere.
///
/// # Errors
/// [`ConfigError::Exists`] if the file already exists; another if it cannot be written.
pub(crate) fn write_new_private(path: &Path, text: &str) -> Result<(), ConfigError> {
    let mut file = platform::create_private(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => ConfigError::Exists(path.to_owned()),
        _ => ConfigError::cannot_write(path, error),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| ConfigError::cannot_write(path, error))
}

/// The error for a file that could not be opened. A symbolic link is reported as one whatever the system calls it.
fn cannot_open(path: &Path, error: io::Error) -> ConfigError {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        ConfigError::Symlink(path.to_owned())
    } else {
        ConfigError::io(path, error)
    }
}

/// Checks the opened file, not whatever has its name by now.
fn check_file(path: &Path, file: &File) -> Result<Metadata, ConfigError> {
    let metadata = file.metadata().map_err(|error| ConfigError::io(path, error))?;
    let refuse = |error: fn(PathBuf) -> ConfigError| Err(error(path.to_owned()));
    if !metadata.is_file() {
        refuse(ConfigError::NotAFile)
    } else if !platform::is_ours(&metadata) {
        refuse(ConfigError::Owner)
    } else if !platform::is_private(&metadata) {
        refuse(ConfigError::FileMode)
    } else if metadata.len() > MAX_FILE {
        refuse(ConfigError::TooLarge)
    } else {
        Ok(metadata)
    }
}

fn read_text(path: &Path, file: &File, length: u64) -> Result<String, ConfigError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| ConfigError::io(path, error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ConfigError::TooLarge(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText(path.to_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A configuration directory that is not there yet, inside a temporary one.
    fn fresh() -> (tempfile::TempDir, ConfigDir) {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("above/agent-junction"));
        (outer, dir)
    }

    fn opened() -> (tempfile::TempDir, ConfigDir) {
        let (outer, dir) = fresh();
        dir.open().unwrap();
        (outer, dir)
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn text(error: &ConfigError, dir: &ConfigDir) -> String {
        error.to_string().replace(dir.path().to_str().unwrap(), "DIR")
    }

    #[test]
    fn directory_and_files_are_made_for_their_owner_alone() {
        let (_outer, dir) = opened();
        assert_eq!(mode(dir.path()), 0o700);
        dir.write_private("a", "one").unwrap();
        dir.write_private("a", "two").unwrap();
        assert_eq!(mode(&dir.path().join("a")), 0o600);
        assert_eq!(dir.read_private("a").unwrap().unwrap().as_str(), "two");
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn regression_ancestors_are_made_for_their_owner_alone() {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("a/b/agent-junction"));
        dir.open().unwrap();
        for path in ["a", "a/b", "a/b/agent-junction"] {
            assert_eq!(mode(&outer.path().join(path)), 0o700, "{path}");
        }
        // One that is there stays as it is.
        chmod(&outer.path().join("a"), 0o755);
        ConfigDir::at(outer.path().join("a/c/agent-junction")).open().unwrap();
        assert_eq!(mode(&outer.path().join("a")), 0o755);
        assert_eq!(mode(&outer.path().join("a/c")), 0o700);
    }

    #[test]
    fn directory_without_a_path_fails_at_every_access() {
        let dir = ConfigDir::missing(LocationError::NoHome);
        for outcome in [
            dir.open().err(),
            dir.check().err(),
            dir.read_private("a").err(),
            dir.write_private("a", "").err(),
            dir.lock().err(),
            dir.try_passing_lock("a").err(),
            dir.is_locked("a").err(),
        ] {
            assert!(matches!(outcome, Some(ConfigError::Location(LocationError::NoHome))));
        }
    }

    #[test]
    fn what_is_not_there_reads_as_nothing_and_is_not_made() {
        let (_outer, dir) = fresh();
        assert!(dir.read_private("a").unwrap().is_none());
        assert!(!dir.path().exists());
        dir.open().unwrap();
        assert!(dir.read_private("a").unwrap().is_none());
    }

    #[test]
    fn locating_takes_the_flag_and_touches_nothing() {
        let (_outer, dir) = fresh();
        let located = ConfigDir::locate(Some(dir.path().join(""))).unwrap();
        assert_eq!(located.path(), dir.path());
        assert!(!dir.path().exists());
        assert!(ConfigDir::at("relative".into()).path().is_absolute());
    }

    #[test]
    fn directory_open_to_others_is_refused_with_the_mend() {
        let (_outer, dir) = opened();
        for bits in [0o750, 0o701, 0o720] {
            chmod(dir.path(), bits);
            let error = dir.open().unwrap_err();
            assert_eq!(text(&error, &dir), "DIR is open to other users. Run chmod 700 DIR.");
            assert!(dir.read_private("a").is_err() && dir.write_private("a", "").is_err());
        }
    }

    #[test]
    fn symbolic_link_for_a_directory_is_refused() {
        let (outer, dir) = opened();
        let link = outer.path().join("link");
        symlink(dir.path(), &link).unwrap();
        // A slash at the end would have it followed.
        for path in [link.clone(), link.join("")] {
            assert!(matches!(ConfigDir::at(path).open(), Err(ConfigError::Symlink(_))));
        }
        symlink(outer.path().join("nowhere"), outer.path().join("dangling")).unwrap();
        let dangling = ConfigDir::at(outer.path().join("dangling"));
        assert!(matches!(dangling.open(), Err(ConfigError::Symlink(_))));
    }

    #[test]
    fn file_for_a_directory_is_refused() {
        let (outer, _) = fresh();
        let path = outer.path().join("file");
        fs::write(&path, "").unwrap();
        assert!(matches!(ConfigDir::at(path).open(), Err(ConfigError::NotADirectory(_))));
    }

    #[test]
    fn ancestor_that_all_may_write_is_refused_unless_sticky() {
        let (_outer, dir) = opened();
        let above = dir.path().parent().unwrap();
        chmod(above, 0o1777);
        dir.open().unwrap();
        chmod(above, 0o777);
        let error = dir.open().unwrap_err();
        assert!(matches!(&error, ConfigError::Ancestor(path) if path.ends_with("above")));
        assert!(error.to_string().contains("Run chmod o-w /"), "{error}");
        chmod(above, 0o755);
        dir.open().unwrap();
    }

    #[test]
    fn ancestor_behind_a_symbolic_link_is_checked_where_it_is() {
        let (outer, dir) = opened();
        let link = outer.path().join("link");
        symlink(dir.path().parent().unwrap(), &link).unwrap();
        let dir = ConfigDir::at(link.join("agent-junction"));
        dir.open().unwrap();
        chmod(&link, 0o777);
        assert!(matches!(dir.open(), Err(ConfigError::Ancestor(_))));
    }

    #[test]
    fn file_open_to_others_is_refused_with_the_mend() {
        let (_outer, dir) = opened();
        dir.write_private("a", "secret").unwrap();
        for bits in [0o640, 0o604, 0o620, 0o610] {
            chmod(&dir.path().join("a"), bits);
            let error = dir.read_private("a").unwrap_err();
            assert_eq!(text(&error, &dir), "DIR/a is open to other users. Run chmod 600 DIR/a.");
        }
    }

    #[test]
    fn symbolic_link_for_a_file_is_refused() {
        let (_outer, dir) = opened();
        dir.write_private("real", "secret").unwrap();
        for name in ["a", locks::LOCK] {
            symlink(dir.path().join("real"), dir.path().join(name)).unwrap();
        }
        assert!(matches!(dir.read_private("a"), Err(ConfigError::Symlink(_))));
        assert!(matches!(dir.lock(), Err(ConfigError::Symlink(_))));
        // Writing puts a file in the link's place and leaves what it pointed to.
        dir.write_private("a", "new").unwrap();
        assert_eq!(dir.read_private("real").unwrap().unwrap().as_str(), "secret");
    }

    #[test]
    fn directory_for_a_file_is_refused() {
        let (_outer, dir) = opened();
        fs::create_dir(dir.path().join("a")).unwrap();
        assert!(matches!(dir.read_private("a"), Err(ConfigError::NotAFile(_))));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pipe_for_a_file_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let (_outer, dir) = opened();
        let mode = Mode::from_raw_mode(0o600);
        mknodat(CWD, dir.path().join("pipe"), FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(dir.read_private("pipe"), Err(ConfigError::NotAFile(_))));
    }

    #[test]
    fn size_and_encoding_are_checked() {
        let (_outer, dir) = opened();
        let most = "x".repeat(1 << 20);
        dir.write_private("a", &most).unwrap();
        assert_eq!(dir.read_private("a").unwrap().unwrap().len(), 1 << 20);
        dir.write_private("a", &(most + "x")).unwrap();
        assert!(matches!(dir.read_private("a"), Err(ConfigError::TooLarge(_))));
        dir.write_private("a", "").unwrap();
        fs::write(dir.path().join("a"), [0xff]).unwrap();
        assert!(matches!(dir.read_private("a"), Err(ConfigError::NotText(_))));
    }

    #[test]
    fn file_of_another_user_is_refused() {
        let (_outer, dir) = opened();
        dir.write_private("a", "").unwrap();
        let path = dir.path().join("a");
        if std::os::unix::fs::chown(&path, Some(12345), None).is_err() {
            eprintln!("skipped: only root can give files away");
            return;
        }
        assert!(matches!(dir.read_private("a"), Err(ConfigError::Owner(_))));
        std::os::unix::fs::chown(dir.path(), Some(12345), None).unwrap();
        assert!(matches!(dir.open(), Err(ConfigError::Owner(_))));
    }

    #[test]
    fn lock_is_held_by_one_at_a_time() {
        let (_outer, dir) = opened();
        let count = std::sync::atomic::AtomicU32::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _lock = dir.lock().unwrap();
                        assert_eq!(count.fetch_add(1, order), 0);
                        count.fetch_sub(1, order);
                    }
                });
            }
        });
        assert_eq!(mode(&dir.path().join(locks::LOCK)), 0o600);
    }

    #[test]
    fn mends_can_be_pasted_into_a_shell() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/Application Support/x")), "'/Application Support/x'");
        assert_eq!(quoted(Path::new("/it's")), r"'/it'\''s'");
    }
}
