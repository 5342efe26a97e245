//! What one session may attach and save, as its user's config is at the time of each call.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use junction_attachments::config::AttachmentConfig;
use junction_attachments::{Allowed, Policy};
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::secret::wiping_stack;

use super::fault::{AllowContext, AttachmentFault};
use crate::clients::project_dir;

/// What one session may attach and save. Clones share one project directory.
#[derive(Clone)]
pub(crate) struct AttachmentAccess {
    dir: ConfigDir,
    /// The project directory that the client named after its start.
    project: Arc<Mutex<Option<PathBuf>>>,
    /// A folder that the user named on the command line, below which is saved.
    save_root: Option<PathBuf>,
    /// Whether the session's files may be another machine's.
    is_elsewhere: bool,
}

impl AttachmentAccess {
    /// Access by the config in this directory.
    pub(crate) fn new(dir: ConfigDir) -> Self {
        Self { dir, project: Arc::default(), save_root: None, is_elsewhere: false }
    }

    /// Access of a session whose client has not started this process: none, since its files may be elsewhere.
    pub(crate) fn of_asking_client(dir: ConfigDir) -> Self {
        Self { is_elsewhere: true, ..Self::new(dir) }
    }

    /// Lets attachments be saved below this folder too. Its path must be the real one.
    pub(crate) fn saving_below(self, folder: PathBuf) -> Self {
        Self { save_root: Some(folder), ..self }
    }

    /// Notes the project directory that the client names.
    pub(crate) fn set_project(&self, project: PathBuf) {
        *self.project.lock().unwrap_or_else(PoisonError::into_inner) = Some(project);
    }

    /// The project directory: as the environment of the client names it, or the client itself, or the working directory.
    pub(crate) fn project(&self) -> Option<PathBuf> {
        if self.is_elsewhere {
            return None;
        }
        let named = self.project.lock().unwrap_or_else(PoisonError::into_inner).clone();
        project_dir().or(named).or_else(|| std::env::current_dir().ok())
    }

    /// The policy as the user's config is now, with entries that count for one call.
    pub(super) fn policy(&self, once: &[Allowed]) -> Result<Policy, AttachmentFault> {
        if self.is_elsewhere {
            return Err(AttachmentFault::Elsewhere);
        }
        let mut config = AttachmentConfig::load(&self.dir)?;
        once.iter().for_each(|entry| config.allow_once(entry.clone()));
        self.save_root.iter().for_each(|root| config.save_below(root.clone()));
        let project = self.project().ok_or(AttachmentFault::NoProject)?;
        Policy::new(&project, std::env::home_dir(), config).map_err(|_| AttachmentFault::NoProject)
    }

    /// What the command that would allow something depends on.
    pub(super) fn allow_context(&self) -> AllowContext {
        AllowContext {
            home: std::env::home_dir().and_then(|home| home.canonicalize().ok()),
            config_dir: allow_flag(&self.dir).map(Path::to_owned),
        }
    }
}

/// The directory that a command has to be given to change the config in it: none where it finds this one by itself.
pub(crate) fn allow_flag(dir: &ConfigDir) -> Option<&Path> {
    (!dir.is_default()).then(|| dir.path())
}

/// Runs something that may block on a thread of its own, of whose stack nothing is left.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AttachmentFault> + Send + 'static,
) -> Result<T, AttachmentFault> {
    tokio::task::spawn_blocking(|| wiping_stack(work)).await.unwrap_or(Err(AttachmentFault::Lost))
}
