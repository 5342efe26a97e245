//! What may leave and what may come in, decided by the real path of a file: after links are resolved, never by the text
//! that an agent wrote.
//!
//! | where | what | leaves | comes in |
//! |---|---|---|---|
//! | below the project | ordinary names | yes | yes |
//! | below the project | names of secrets ([`Sensitivity`]) | if an entry names the file | if an entry names the file |
//! | below the project | one value of a file such as `.env` that `env_keys` names | yes | yes |
//! | below an allowed folder | ordinary names below it | yes | no: that takes `save_roots` |
//! | below a save root | ordinary names below it | no: that takes `allow` | yes |
//! | anywhere else | a file, or a value of one, that an entry names | yes | no: that takes `save_roots` |
//! | anywhere | a file, or a value of one, that a person agreed to for this call | yes | yes |
//! | anywhere | a file with more than one name | if an entry names the file | replaced, never written to |
//! | anywhere | what a program runs by itself: start-up files, hooks, settings | as above | never |
//! | `/proc`, `/sys`, `/dev`, the junction's own directory | anything | never | never |
//!
//! An entry says that something may leave. Where files may come in is said by `save_roots` alone: who lets `~/.npmrc` leave
//! has not asked that a peer's bytes are written there.
//!
//! An entry of a folder lifts what its own path is refused for, and not what a name below it is: who allows
//! `/home/me/` has not allowed `/home/me/.ssh/`.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::AttachmentConfig;
use crate::disk::{self, Id};
use crate::path_text::{PathText, path_names};
use crate::refused::{BadPath, Never, NotAllowed, Sensitivity, Why};

pub(crate) mod content;
mod sensitive;
pub(crate) mod settings;

/// The directories in which files are not files. On other systems than Unix there are none of these names.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Decides which paths may leave and come in. Made with the config as it is at one time: what the user allows later counts
/// for a policy that is made later.
#[derive(Clone)]
pub struct Policy {
    /// The real path of the project directory.
    pub(crate) project: PathBuf,
    pub(crate) home: Option<PathBuf>,
    pub(crate) config: AttachmentConfig,
    /// The configuration directory, whatever path leads to it.
    own: Option<Id>,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Until the user allows it.
    NotAllowed(Why),
    /// Whatever the user allowed.
    Never(Never),
}

impl Denial {
    /// The error of the denial of this path.
    pub(crate) fn on<E: From<NotAllowed> + From<(PathBuf, Never)>>(
        self,
        path: &Path,
        key: Option<&str>,
    ) -> E {
        let path = path.to_owned();
        match self {
            Self::NotAllowed(why) => NotAllowed { path, key: key.map(str::to_owned), why }.into(),
            Self::Never(why) => (path, why).into(),
        }
    }
}

/// By what a path may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// An entry names the file, or the value.
    Named,
    /// The place allows it.
    Place,
}

/// A directory below which ordinary files may be used.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) path: PathBuf,
    /// Whether the user named the directory in the config.
    pub(crate) is_named: bool,
}

impl Policy {
    /// A policy for a project directory. `home` is what `~/` stands for.
    ///
    /// # Errors
    /// If the project directory cannot be resolved.
    pub fn new(
        project: &Path,
        home: Option<PathBuf>,
        config: AttachmentConfig,
    ) -> io::Result<Self> {
        let project = disk::real_folder(project)?;
        let own = config.own.as_deref().and_then(|dir| disk::id_at(dir).ok());
        Ok(Self { project, home, config, own })
    }

    /// The same policy with a config that was read later.
    #[must_use]
    pub fn with_config(&self, config: AttachmentConfig) -> Self {
        let own = config.own.as_deref().and_then(|dir| disk::id_at(dir).ok());
        Self { project: self.project.clone(), home: self.home.clone(), config, own }
    }

    /// The real path of the project directory.
    #[must_use]
    pub fn project(&self) -> &Path {
        &self.project
    }

    pub(crate) fn parse(&self, text: &str) -> Result<PathText, BadPath> {
        PathText::parse(text, &self.project, self.home.as_deref())
    }

    /// The project as a base. The root of the file system is none: everything would be below it.
    pub(crate) fn project_base(&self) -> Option<Base> {
        let base = || Base { path: self.project.clone(), is_named: false };
        self.project.parent().map(|_| base())
    }

    /// Whether the file at this real path, or one value of it, may leave.
    pub(crate) fn check_read(&self, real: &Path, key: Option<&str>) -> Result<Permit, Denial> {
        self.check_never(real)?;
        if self.names(real, key) {
            return Ok(Permit::Named);
        }
        let allow = self.config.allow.iter();
        let named =
            allow.map(|entry| (entry, Base { path: entry.file().to_owned(), is_named: true }));
        let named = named.filter(|(entry, _)| entry.is_around(real)).map(|(_, base)| base);
        let bases: Vec<_> = self.project_base().into_iter().chain(named).collect();
        self.check_bases(real, key, &bases).map(|()| Permit::Place)
    }

    /// Whether one of these directories is around a file, and the names below it are ordinary ones.
    pub(crate) fn check_bases(
        &self,
        real: &Path,
        key: Option<&str>,
        bases: &[Base],
    ) -> Result<(), Denial> {
        let around = bases.iter().filter(|base| real.starts_with(&base.path));
        let mut checked = around.map(|base| self.check_names(real, key, Some(base)));
        let Some(first) = checked.next() else {
            // The names are worth more of a refusal: only an entry of the file itself lifts both.
            self.check_names(real, key, None)?;
            return Err(Denial::NotAllowed(Why::Outside));
        };
        first
            .or_else(|denial| if checked.any(|other| other.is_ok()) { Ok(()) } else { Err(denial) })
    }

    /// Whether the names in a real path below a base are ordinary ones.
    fn check_names(
        &self,
        real: &Path,
        key: Option<&str>,
        base: Option<&Base>,
    ) -> Result<(), Denial> {
        let names = path_names(real);
        let above = base.map_or(0, |base| path_names(&base.path).len());
        let is_named = base.is_some_and(|base| base.is_named);
        let Some(found) = sensitive::find(&names, above, is_named) else { return Ok(()) };
        let is_env_key = key.is_some_and(|key| self.config.env_keys.iter().any(|name| name == key));
        if found == Sensitivity::DotEnv && is_env_key && sensitive::is_dot_env_file(&names, above) {
            return Ok(());
        }
        Err(Denial::NotAllowed(Why::Sensitive(found)))
    }

    /// Whether an entry names exactly this file, or this value of it.
    pub(crate) fn names(&self, real: &Path, key: Option<&str>) -> bool {
        self.config.allow.iter().any(|entry| entry.names(real, key)) || self.is_agreed(real, key)
    }

    /// Whether a person agreed to exactly this file, or this value of it, for this call.
    pub(crate) fn is_agreed(&self, real: &Path, key: Option<&str>) -> bool {
        self.config.once.iter().any(|entry| entry.names(real, key))
    }

    /// Refuses what is neither read nor written whatever the user allowed.
    pub(crate) fn check_never(&self, real: &Path) -> Result<(), Denial> {
        if is_system(real) {
            return Err(Denial::Never(Never::System));
        }
        if self.config.own.as_deref().is_some_and(|own| real.starts_with(own)) {
            return Err(Denial::Never(Never::OwnConfig));
        }
        Ok(())
    }

    /// Refuses to save at a real path below a directory where something would run it, whatever the user allowed.
    pub(crate) fn check_run(&self, real: &Path, base: &Path) -> Result<(), Denial> {
        let home = self.home.as_deref().and_then(|home| disk::real_folder(home).ok());
        match settings::is_run(real, base, home.as_deref()) {
            true => Err(Denial::Never(Never::Setting)),
            false => Ok(()),
        }
    }

    /// Refuses a path that leads through the junction's own directory by another name for it.
    pub(crate) fn check_folders(&self, folders: &[Id]) -> Result<(), Denial> {
        match self.own {
            Some(own) if folders.contains(&own) => Err(Denial::Never(Never::OwnConfig)),
            _ => Ok(()),
        }
    }
}

/// What the names in a path say that its file holds, wherever it is.
#[must_use]
pub fn seems_to_hold(path: &Path) -> Option<Sensitivity> {
    sensitive::find(&path_names(path), 0, false)
}

/// Whether a path is in a directory of the kernel's.
pub(crate) fn is_system(path: &Path) -> bool {
    cfg!(unix) && SYSTEM.iter().any(|dir| path.starts_with(dir))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
