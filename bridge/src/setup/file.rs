//! A client's settings file: read whole, replaced whole, and only while nobody else has changed it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::problem::{FileProblem, line_of};

/// The largest file that is read: several times the largest that clients are known to make.
const MAX_FILE: u64 = 64 << 20;
/// What stands in place of the back-up of a file that was not there.
pub(super) const NO_FILE: &str = "There was no such file before junction-bridge setup.\n";
/// What the name of a back-up ends with.
const BACKUP: &str = ".before-junction";
/// The most links that are followed.
const MAX_LINKS: usize = 32;
/// What some editors put before a text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What was done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileChange {
    /// Nothing had to be done.
    Unchanged,
    /// The file was made.
    Created,
    /// The file was changed.
    Changed,
    /// The file is again as it was before.
    Restored,
    /// The file was made by an earlier setup, and is gone.
    Deleted,
    /// What is in the file was put there by somebody else, and stays.
    NotOurs,
}

/// A file as it was when it was read.
pub(super) struct SettingsFile {
    /// The path by which its client knows it.
    path: PathBuf,
    /// The file itself, behind links.
    target: PathBuf,
    /// What it holds; `None` if it does not exist.
    bytes: Option<Vec<u8>>,
    /// Whether others may read a file that is made here.
    is_shared: bool,
}

/// What came of an attempt to replace a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// The file now holds the new content.
    Done,
    /// Somebody else has changed it since it was read.
    Outdated,
}

impl SettingsFile {
    /// Reads a file, which need not exist.
    pub(super) fn read(path: &Path, is_shared: bool) -> Result<Self, FileProblem> {
        let target = behind_links(path)?;
        let bytes = match fs::metadata(&target) {
            Ok(metadata) => Some(content(path, &target, &metadata)?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                let parent = path.parent().unwrap_or(path).to_owned();
                return Err(FileProblem::ParentNotADirectory(parent));
            }
            Err(error) => return Err(FileProblem::io(path, error)),
        };
        Ok(Self { path: path.to_owned(), target, bytes, is_shared })
    }

    /// Whether the file exists.
    pub(super) fn exists(&self) -> bool {
        self.bytes.is_some()
    }

    /// The text, without a byte order mark.
    pub(super) fn text(&self) -> Result<&str, FileProblem> {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|error| FileProblem::NotText {
            path: self.path.clone(),
            line: line_of(bytes, error.valid_up_to()),
        })?;
        Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
    }

    /// Whether the file can be written: not if its owner made it read-only.
    pub(super) fn check_writable(&self) -> Result<(), FileProblem> {
        if let Ok(metadata) = fs::metadata(&self.target)
            && metadata.permissions().readonly()
        {
            return Err(FileProblem::ReadOnly(self.path.clone()));
        }
        // The file is replaced, and its back-up is made beside it.
        for path in [&self.target, &self.path] {
            let folder = path.ancestors().skip(1).find(|folder| folder.exists());
            if let Some(folder) = folder.filter(|folder| !may_write(folder)) {
                let denied = io::Error::from(ErrorKind::PermissionDenied);
                return Err(FileProblem::cannot_write(folder, denied));
            }
        }
        Ok(())
    }

    /// Replaces the text, keeping a byte order mark, the mode and the owner. Missing folders are made.
    pub(super) fn replace(&self, text: &str) -> Result<Replaced, FileProblem> {
        let has_mark = self.text_has_mark();
        let mark = if has_mark { BYTE_ORDER_MARK } else { "" };
        self.replace_bytes(format!("{mark}{text}").as_bytes())
    }

    fn text_has_mark(&self) -> bool {
        self.bytes.as_deref().is_some_and(|bytes| bytes.starts_with(BYTE_ORDER_MARK.as_bytes()))
    }

    /// Replaces the content.
    pub(super) fn replace_bytes(&self, bytes: &[u8]) -> Result<Replaced, FileProblem> {
        self.check_writable()?;
        let failed = |error| FileProblem::cannot_write(&self.path, error);
        let made = make_folders(&self.target, self.is_shared).map_err(failed)?;
        if !self.exists() {
            // Before the file is there, so that it is never taken for a person's own.
            let record = self.backup_path();
            write_new(&record, NO_FILE.as_bytes(), None, self.is_shared).map_err(failed)?;
        }
        let like = fs::metadata(&self.target).ok();
        let temporary = beside(&self.target, &format!(".junction-{}", std::process::id()));
        let written = write_new(&temporary, bytes, like.as_ref(), self.is_shared).map_err(failed);
        let replaced = written.and_then(|()| {
            #[cfg(test)]
            before_comparing::call(&self.target);
            if self.is_outdated() {
                return Ok(Replaced::Outdated);
            }
            fs::rename(&temporary, &self.target).map_err(failed)?;
            Ok(Replaced::Done)
        });
        if !matches!(replaced, Ok(Replaced::Done)) {
            let _ = fs::remove_file(&temporary);
            if !self.exists() {
                let _ = self.remove_backup();
            }
            remove_folders(&made);
        }
        sync_folder(&self.target);
        replaced
    }

    /// Removes the file, unless somebody else has changed it.
    pub(super) fn delete(&self) -> Result<Replaced, FileProblem> {
        self.check_writable()?;
        if self.is_outdated() {
            return Ok(Replaced::Outdated);
        }
        fs::remove_file(&self.target)
            .map_err(|error| FileProblem::cannot_write(&self.path, error))?;
        sync_folder(&self.target);
        Ok(Replaced::Done)
    }

    fn is_outdated(&self) -> bool {
        let now = match fs::read(&self.target) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => return true,
        };
        now != self.bytes
    }

    /// The path of the back-up.
    pub(super) fn backup_path(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(BACKUP);
        self.path.with_file_name(name)
    }

    /// The back-up, if there is one.
    pub(super) fn backup(&self) -> Result<Option<Self>, FileProblem> {
        let backup = Self::read(&self.backup_path(), self.is_shared)?;
        Ok(backup.exists().then_some(backup))
    }

    /// Whether this is what stands in place of the back-up of a file that was not there.
    pub(super) fn is_of_no_file(&self) -> bool {
        self.bytes() == NO_FILE.as_bytes()
    }

    /// The text that this back-up keeps: none of a file that was not there.
    pub(super) fn kept_text(&self) -> Result<&str, FileProblem> {
        if self.is_of_no_file() { Ok("") } else { self.text() }
    }

    /// Keeps the content beside the file, with its mode, in place of an earlier back-up.
    pub(super) fn back_up(&self) -> Result<(), FileProblem> {
        self.bytes.as_deref().map_or(Ok(()), |bytes| self.keep(bytes))
    }

    /// Keeps a text beside the file in place of a back-up.
    pub(super) fn keep_record(&self, text: &str) -> Result<(), FileProblem> {
        self.keep(text.as_bytes())
    }

    fn keep(&self, bytes: &[u8]) -> Result<(), FileProblem> {
        let path = self.backup_path();
        let failed = |error| FileProblem::cannot_write(&path, error);
        let like = fs::metadata(&self.target).ok();
        let temporary = beside(&path, &format!("-{}", std::process::id()));
        let written = write_new(&temporary, bytes, like.as_ref(), self.is_shared);
        let kept = written.and_then(|()| fs::rename(&temporary, &path));
        if kept.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        kept.map_err(failed)
    }

    /// Removes the back-up, if there is one.
    pub(super) fn remove_backup(&self) -> Result<(), FileProblem> {
        let path = self.backup_path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(FileProblem::cannot_write(&path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes what runs that were killed have left beside the file.
    pub(super) fn remove_leftovers(&self) {
        let backup = self.backup_path();
        for (path, ending) in [(&self.target, ".junction-"), (&backup, "-")] {
            let (temporary, folder) = (beside(path, ending), path.parent());
            let start = temporary.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
            for entry in entries.into_iter().flatten().flatten() {
                let name = entry.file_name();
                let process = name.to_str().and_then(|name| name.strip_prefix(start)?.parse().ok());
                if process.is_some_and(is_over) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// The content.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

/// Whether files can be made in a folder, as far as the system says so.
#[cfg(unix)]
fn may_write(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(folder, Access::WRITE_OK | Access::EXEC_OK) != Err(rustix::io::Errno::ACCESS)
}

#[cfg(not(unix))]
fn may_write(_: &Path) -> bool {
    true
}

/// The file behind a link, which need not exist.
fn behind_links(path: &Path) -> Result<PathBuf, FileProblem> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(FileProblem::LinkCircle(path.to_owned()))
}

fn content(path: &Path, target: &Path, metadata: &Metadata) -> Result<Vec<u8>, FileProblem> {
    if metadata.is_dir() {
        return Err(FileProblem::Directory(path.to_owned()));
    }
    if !metadata.is_file() {
        return Err(FileProblem::NotAFile(path.to_owned()));
    }
    if metadata.len() > MAX_FILE {
        return Err(FileProblem::TooLarge(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(target).map_err(|error| FileProblem::io(path, error))?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| FileProblem::io(path, error))?;
    Ok(bytes)
}

/// A name in the same folder, for a file that is not there for long.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

/// Writes a file with the mode and owner of another. A new one is for its user alone, or for all to read.
fn write_new(
    path: &Path,
    bytes: &[u8],
    like: Option<&Metadata>,
    is_shared: bool,
) -> io::Result<()> {
    // Left by a process of the same number that was killed.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

        if let Some(like) = like {
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
                // Refused where the file belongs to somebody else; then it becomes this user's, in the same group if
                // that is one of the user's own.
                let owned = fchown(&file, Some(like.uid()), Some(like.gid()));
                let _ = owned.or_else(|_| fchown(&file, None, Some(like.gid())));
            }
        }
        let mode = like.map_or(if is_shared { 0o644 } else { 0o600 }, |like| like.mode() & 0o7777);
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = (like, is_shared);
    file.sync_all()
}

/// Whether there is no such process. Where that cannot be seen, all seem to run.
#[cfg(unix)]
fn is_over(process: i32) -> bool {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    let process = Pid::from_raw(process.max(0));
    process.is_some_and(|process| test_kill_process(process) == Err(Errno::SRCH))
}

#[cfg(not(unix))]
fn is_over(_: i32) -> bool {
    false
}

/// Makes the folders that a file needs; which those are, from the outermost on. After an error none of them is left.
fn make_folders(path: &Path, is_shared: bool) -> io::Result<Vec<PathBuf>> {
    let missing = path.ancestors().skip(1).take_while(|folder| !folder.exists());
    let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    missing.retain(|folder| !folder.as_os_str().is_empty());
    missing.reverse();
    let mut made = Vec::new();
    for folder in missing {
        let created = match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            created => created,
        };
        let shared = created.and_then(|()| {
            made.push(folder.clone());
            if is_shared { share(&folder) } else { Ok(()) }
        });
        if let Err(error) = shared {
            remove_folders(&made);
            return Err(error);
        }
    }
    Ok(made)
}

/// Removes folders, the innermost first, as far as they are empty.
fn remove_folders(made: &[PathBuf]) {
    let _ = made.iter().rev().try_for_each(fs::remove_dir);
}

#[cfg(unix)]
fn share(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn share(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Has the system keep a change of a folder, where it can.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

/// What others do to a file just before it is compared with what was read.
#[cfg(test)]
pub(super) mod before_comparing {
    use std::cell::RefCell;
    use std::path::Path;

    type Action = Box<dyn FnMut(&Path)>;

    thread_local! {
        static ACTION: RefCell<Option<Action>> = const { RefCell::new(None) };
    }

    pub(in crate::setup) fn set(action: impl FnMut(&Path) + 'static) {
        ACTION.set(Some(Box::new(action)));
    }

    pub(super) fn call(path: &Path) {
        ACTION.with_borrow_mut(|action| {
            if let Some(action) = action {
                action(path);
            }
        });
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn file_behind_links_is_replaced_with_its_mode_and_mark() {
        let dir = TempDir::new().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "\u{feff}old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real", &link).unwrap();
        let file = SettingsFile::read(&link, false).unwrap();
        assert_eq!(file.text().unwrap(), "old");
        file.back_up().unwrap();
        assert_eq!(file.replace("new").unwrap(), Replaced::Done);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            (fs::read_to_string(&real).unwrap().as_str(), mode(&real)),
            ("\u{feff}new", 0o640)
        );
        let backup = dir.path().join("link.before-junction");
        assert_eq!(
            (fs::read_to_string(&backup).unwrap().as_str(), mode(&backup)),
            ("\u{feff}old", 0o640)
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn file_that_somebody_else_has_changed_is_left_alone() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a/b/file");
        let missing = SettingsFile::read(&path, true).unwrap();
        assert_eq!(missing.replace("one").unwrap(), Replaced::Done);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o644, 0o755));
        assert_eq!(missing.replace("two").unwrap(), Replaced::Outdated);
        let file = SettingsFile::read(&path, true).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert_eq!(file.replace("two").unwrap(), Replaced::Outdated);
        assert_eq!(file.delete().unwrap(), Replaced::Outdated);
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn regression_leftovers_of_runs_that_were_killed_go_and_others_stay() {
        let dir = TempDir::new().unwrap();
        let (real, link) = (dir.path().join("sub/real"), dir.path().join("link"));
        fs::create_dir(dir.path().join("sub")).unwrap();
        symlink("sub/real", &link).unwrap();
        let mut killed = std::process::Command::new("true").spawn().unwrap();
        killed.wait().unwrap();
        let leftovers = |process: u32| {
            let temporary = beside(&real, &format!(".junction-{process}"));
            [temporary, dir.path().join(format!(".link{BACKUP}-{process}"))]
        };
        let other = [dir.path().join(format!(".link{BACKUP}-x")), link.clone()];
        let all = [leftovers(killed.id()), leftovers(std::process::id()), other].concat();
        all.iter().for_each(|path| fs::write(path, "").unwrap());
        SettingsFile::read(&link, false).unwrap().remove_leftovers();
        let left: Vec<_> = all.into_iter().filter(|path| path.exists()).collect();
        assert_eq!(left[..2], leftovers(std::process::id()));
        assert_eq!(left.len(), 4, "{left:?}");
    }

    #[test]
    fn regression_folders_that_were_made_for_nothing_go() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("kept/a/b/file");
        fs::create_dir(dir.path().join("kept")).unwrap();
        let file = SettingsFile::read(&path, false).unwrap();
        before_comparing::set(|path| fs::write(path, "theirs").unwrap());
        assert_eq!(file.replace("ours").unwrap(), Replaced::Outdated);
        assert!(path.exists(), "a folder in which there is something stays");
        before_comparing::set(|_| {});
        let file = SettingsFile::read(&path, false).unwrap();
        fs::remove_dir_all(dir.path().join("kept/a")).unwrap();
        assert_eq!(file.replace("ours").unwrap(), Replaced::Outdated);
        assert!(dir.path().join("kept").exists() && !dir.path().join("kept/a").exists());
        let long = dir.path().join("kept/a").join("x".repeat(300)).join("file");
        assert!(make_folders(&long, false).is_err());
        assert!(dir.path().join("kept").exists() && !dir.path().join("kept/a").exists());
    }

    #[test]
    fn what_is_no_file_of_ours_to_write_is_refused() {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let error = |name: &str| {
            let file = SettingsFile::read(&at(name), false);
            file.and_then(|file| file.check_writable()).unwrap_err().to_string()
        };
        assert!(error("").contains("is a folder"), "{}", error(""));
        symlink("circle", at("circle")).unwrap();
        assert!(error("circle").contains("lead in a circle"));
        fs::write(at("kept"), "").unwrap();
        fs::set_permissions(at("kept"), fs::Permissions::from_mode(0o444)).unwrap();
        assert!(error("kept").contains("read-only"));
        assert!(error("kept/below").contains("is not a folder"));
        symlink("/dev/null", at("null")).unwrap();
        assert!(error("null").contains("not a regular file"));
        File::create(at("huge")).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert!(error("huge").contains("64 MiB"));
        fs::write(at("bytes"), b"a\n\xff").unwrap();
        let text = SettingsFile::read(&at("bytes"), false).unwrap();
        assert!(text.text().unwrap_err().to_string().contains("Line 2"));
    }
}
