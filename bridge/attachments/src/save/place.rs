//! The place of a file that is to be saved: an open folder and a name in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::{leftovers, repository};
use crate::disk::{Folder, Found, Id, Step};
use crate::git::GitWarning;
use crate::names::is_odd_on_windows;
use crate::peer_name::saved_name;
use crate::policy::{Base, Denial, Policy, is_system};
use crate::refused::{BadPath, DiskFault, FileKind, Never, SaveRefused, Why};

/// The most bytes of a name that file systems take.
const MAX_NAME: usize = 255;

/// A file that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFile {
    /// The file's real path.
    pub path: PathBuf,
    /// What the user should know of git, if the file seems to hold a secret.
    pub warning: Option<GitWarning>,
}

/// Where a file is saved.
pub(super) struct Place {
    folder: Folder,
    /// All folders from the root to this one.
    folders: Vec<Id>,
    pub(super) name: OsString,
    /// The real path of the file.
    pub(super) path: PathBuf,
    /// Whether the name is one of secrets.
    pub(super) is_sensitive: bool,
    /// Whether an entry of the config names the file.
    pub(super) is_named: bool,
}

impl Place {
    /// Finds the place for a path that an agent gave. The name is put behind a path that is a folder; without one, such a
    /// path is refused.
    pub(super) fn find(
        policy: &Policy,
        text: &str,
        name: Option<&str>,
        key: Option<&str>,
    ) -> Result<Self, SaveRefused> {
        let text = policy.parse(text)?;
        let normal = text.normal();
        if is_system(&normal) {
            return Err(Denial::Never(Never::System).on(&normal, key));
        }
        let name = name.map(saved_name);
        let bases = bases(policy);
        let (base, below) = base_of(policy, &bases, &normal, name.as_deref(), key)?;
        let mut walk = Walk::from(&base)?;
        let (last, folders) =
            below.split_last().map_or((None, &[][..]), |(last, folders)| (Some(last), folders));
        for folder in folders {
            walk.enter(folder)?;
        }
        let file = match last {
            None => None,
            Some(last) => walk.enter_or_name(last, text.is_folder)?,
        };
        let file = match (file, name) {
            (Some(file), _) => file,
            (None, Some(name)) => name,
            (None, None) => {
                return Err(SaveRefused::NotAFile { path: walk.path, kind: FileKind::Directory });
            }
        };
        walk.finish(policy, &bases, &file, key)
    }

    /// What has the name now.
    pub(super) fn look(&self) -> Result<Option<Found>, SaveRefused> {
        self.folder.look(&self.name).map_err(|error| self.disk(&error))
    }

    /// Opens the file that has the name.
    pub(super) fn open(&self) -> io::Result<std::fs::File> {
        self.folder.open_file(&self.name)
    }

    /// The folder, for another owner.
    pub(super) fn folder(&self) -> io::Result<Folder> {
        self.folder.try_clone()
    }

    /// Keeps other saves away from the file until the lock is dropped.
    pub(super) fn lock(&self) -> Result<Lock, SaveRefused> {
        let lock = Lock::of(&self.folder, &self.name).map_err(|error| self.disk(&error))?;
        lock.ok_or_else(|| SaveRefused::Busy(self.path.clone()))
    }

    /// Refuses to replace what is no file, and a file that its owner made read-only.
    pub(super) fn check_replaceable(&self, found: &Found) -> Result<(), SaveRefused> {
        let path = self.path.clone();
        match found.kind {
            FileKind::Regular if found.is_read_only => {
                Err(SaveRefused::Disk { path, fault: DiskFault::Denied })
            }
            FileKind::Regular => Ok(()),
            FileKind::Symlink => Err(SaveRefused::Symlink(path)),
            kind => Err(SaveRefused::NotAFile { path, kind }),
        }
    }

    /// Refuses to save into a folder that another file has made part of a repository's own while bytes arrived.
    pub(super) fn check_repository(&self) -> Result<(), SaveRefused> {
        let parent = self.path.parent().unwrap_or(&self.path);
        check_repository(&self.folder, &self.name.to_string_lossy(), parent)
    }

    /// Refuses to save into a folder that was moved, or above which another was put, while bytes arrived.
    pub(super) fn check_unmoved(&self) -> Result<(), SaveRefused> {
        let parent = self.path.parent().unwrap_or(&self.path);
        match Folder::walk(parent) {
            Ok((_, folders)) if folders == self.folders => Ok(()),
            _ => Err(SaveRefused::Changed(self.path.clone())),
        }
    }

    pub(super) fn disk(&self, error: &io::Error) -> SaveRefused {
        SaveRefused::disk(&self.path, error)
    }
}

/// The directories into which files are saved.
fn bases(policy: &Policy) -> Vec<Base> {
    let roots = policy.config.save_roots.iter().map(|root| named(root));
    policy.project_base().into_iter().chain(roots).collect()
}

/// A directory that the user named.
fn named(path: &Path) -> Base {
    Base { path: path.to_owned(), is_named: true }
}

/// The directory by which a path may be saved to, and the names below it.
fn base_of(
    policy: &Policy,
    bases: &[Base],
    normal: &Path,
    name: Option<&str>,
    key: Option<&str>,
) -> Result<(Base, Vec<String>), SaveRefused> {
    for base in bases {
        if let Some(below) = below(normal, &base.path) {
            let below = below?;
            let path = below.iter().fold(base.path.clone(), |path, name| path.join(name));
            let refuse = |denial: Denial| denial.on::<SaveRefused>(&path, key);
            policy.check_run(&path, &base.path).map_err(refuse)?;
            return Ok((base.clone(), below));
        }
    }
    // Outside of all these, only a file that a person agreed to is saved. An entry of the config lets it leave.
    let mut real = resolved(normal);
    if let Some(name) = name.filter(|_| real.is_dir()) {
        real.push(name);
    }
    let refuse = |denial: Denial| denial.on::<SaveRefused>(&real, key);
    policy.check_never(&real).map_err(refuse)?;
    let (parent, file) = (real.parent(), real.file_name());
    policy.check_run(&real, parent.unwrap_or(&real)).map_err(refuse)?;
    if let (true, Some((parent, file))) = (policy.is_agreed(&real, key), parent.zip(file)) {
        let file = file.to_str().ok_or(BadPath::Character)?;
        check_name(file)?;
        return Ok((named(parent), vec![file.to_owned()]));
    }
    Err(Denial::NotAllowed(Why::Outside).on(&real, key))
}

/// The real path of the folder, and the name as it is: what has the name may be a link, which is not followed.
fn resolved(path: &Path) -> PathBuf {
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    parent.zip(path.file_name()).map_or_else(|| path.to_owned(), |(parent, name)| parent.join(name))
}

/// The names of a path below a directory; `None` if it is not below it. The part above may be written by way of links, as
/// `/tmp` is on macOS, and no name below may be one.
fn below(path: &Path, dir: &Path) -> Option<Result<Vec<String>, SaveRefused>> {
    let rest = path.strip_prefix(dir).ok().or_else(|| {
        let is_dir = |above: &&Path| above.canonicalize().is_ok_and(|real| real == dir);
        path.ancestors().find(is_dir).and_then(|above| path.strip_prefix(above).ok())
    })?;
    let checked = rest.iter().map(|name| {
        let name = name.to_str().ok_or(BadPath::Character)?;
        check_name(name).map(|()| name.to_owned())
    });
    Some(checked.collect())
}

/// Refuses a name that not all systems take for one.
fn check_name(name: &str) -> Result<(), SaveRefused> {
    if name.len() > MAX_NAME {
        return Err(BadPath::TooLong.into());
    }
    // A backslash divides a path as soon as the project is checked out on Windows.
    if name.contains('\\') || (cfg!(windows) && is_odd_on_windows(name)) {
        return Err(BadPath::Windows.into());
    }
    Ok(())
}

/// A walk from a base to the folder of a file.
struct Walk {
    base: PathBuf,
    folder: Folder,
    folders: Vec<Id>,
    path: PathBuf,
}

impl Walk {
    fn from(base: &Base) -> Result<Self, SaveRefused> {
        let path = base.path.clone();
        // The user may have named, or work in, a folder inside of a repository.
        for above in path.ancestors() {
            if let Some((parent, name)) = above.parent().zip(above.file_name()) {
                let (folder, _) = Folder::walk(parent).map_err(|step| refused(step, parent))?;
                check_repository(&folder, &name.to_string_lossy(), parent)?;
            }
        }
        let (folder, folders) = Folder::walk(&path).map_err(|step| refused(step, &path))?;
        Ok(Self { base: base.path.clone(), folder, folders, path })
    }

    fn enter(&mut self, name: &str) -> Result<(), SaveRefused> {
        self.check_repository(name)?;
        let path = self.path.join(name);
        self.folder = self.folder.enter(OsStr::new(name)).map_err(|step| refused(step, &path))?;
        self.folders.push(self.folder.id().map_err(|error| SaveRefused::disk(&path, &error))?);
        self.path = path;
        Ok(())
    }

    /// Enters the last name of a path if it is a folder, and otherwise gives it back as the name of the file.
    fn enter_or_name(
        &mut self,
        name: &str,
        is_folder: bool,
    ) -> Result<Option<String>, SaveRefused> {
        let path = self.path.join(name);
        let found = self.folder.look(OsStr::new(name));
        let found = found.map_err(|error| SaveRefused::disk(&path, &error))?;
        if is_folder || found.is_some_and(|found| found.kind == FileKind::Directory) {
            self.enter(name)?;
            return Ok(None);
        }
        Ok(Some(name.to_owned()))
    }

    fn check_repository(&self, name: &str) -> Result<(), SaveRefused> {
        check_repository(&self.folder, name, &self.path)
    }

    fn finish(
        self,
        policy: &Policy,
        bases: &[Base],
        name: &str,
        key: Option<&str>,
    ) -> Result<Place, SaveRefused> {
        let path = self.path.join(name);
        check_name(name)?;
        if leftovers::is_own(name) {
            return Err((path, Never::OwnConfig).into());
        }
        self.check_repository(name)?;
        let refuse = |denial: Denial| denial.on::<SaveRefused>(&path, key);
        policy.check_run(&path, &self.base).map_err(refuse)?;
        policy.check_never(&path).map_err(refuse)?;
        policy.check_folders(&self.folders).map_err(refuse)?;
        if self.folder.is_of_kernel() {
            return Err(refuse(Denial::Never(Never::System)));
        }
        let is_named = policy.names(&path, key);
        if !is_named {
            policy.check_bases(&path, key, bases).map_err(refuse)?;
        }
        // Without a key, which would lift what `.env` says.
        let is_sensitive = matches!(
            policy.check_bases(&path, None, bases),
            Err(Denial::NotAllowed(Why::Sensitive(_)))
        );
        let Self { folder, folders, .. } = self;
        Ok(Place { folder, folders, name: name.into(), path, is_sensitive, is_named })
    }
}

/// Refuses one of git's own names in a repository's own folder: `hooks` is there whatever the folder is called.
fn check_repository(folder: &Folder, name: &str, path: &Path) -> Result<(), SaveRefused> {
    if repository::is_kept(folder, name) {
        return Err((path.join(name), Never::Repository).into());
    }
    Ok(())
}

fn refused(step: Step, path: &Path) -> SaveRefused {
    let path = path.to_owned();
    match step {
        Step::Missing => SaveRefused::NoFolder(path),
        Step::Symlink => SaveRefused::Symlink(path),
        Step::NotAFolder => SaveRefused::NotAFolder(path),
        Step::Io(error) => SaveRefused::disk(&path, &error),
    }
}
