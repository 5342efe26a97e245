//! Attachments as faces use them: what an agent or a person names is checked and read, and what came is saved. The policy is
//! made anew for each call, so that what the user allows counts at once. Disks may block, so all of it runs on threads of
//! its own.

mod attach;
mod fault;
mod save;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use junction_attachments::config::AttachmentConfig;
use junction_attachments::{Allowed, Policy};
use junction_shared::machine::config_dir::ConfigDir;

use crate::clients::project_dir;

pub(crate) use attach::NamedSource;
pub(crate) use fault::AttachmentFault;
pub(crate) use save::{SavePlace, SaveProgress, Saved};

/// What one session may attach and save. Clones share one project directory.
#[derive(Clone)]
pub(crate) struct AttachmentAccess {
    dir: ConfigDir,
    /// The project directory that the client named after its start.
    project: Arc<Mutex<Option<PathBuf>>>,
}

impl AttachmentAccess {
    /// Access by the config in this directory.
    pub(crate) fn new(dir: ConfigDir) -> Self {
        Self { dir, project: Arc::default() }
    }

    /// Notes the project directory that the client names.
    pub(crate) fn set_project(&self, project: PathBuf) {
        *self.project.lock().unwrap_or_else(PoisonError::into_inner) = Some(project);
    }

    /// The project directory: as the environment of the client names it, or the client itself, or the working directory.
    fn project(&self) -> Option<PathBuf> {
        let named = self.project.lock().unwrap_or_else(PoisonError::into_inner).clone();
        project_dir().or(named).or_else(|| std::env::current_dir().ok())
    }

    /// The policy as the user's config is now, with entries that count for one call.
    fn policy(&self, once: &[Allowed]) -> Result<Policy, AttachmentFault> {
        let mut config = AttachmentConfig::load(&self.dir)?;
        once.iter().for_each(|entry| config.allow(entry.clone()));
        let project = self.project().ok_or(AttachmentFault::NoProject)?;
        Policy::new(&project, std::env::home_dir(), config).map_err(|_| AttachmentFault::NoProject)
    }
}

/// Runs something that may block on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AttachmentFault> + Send + 'static,
) -> Result<T, AttachmentFault> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(AttachmentFault::Lost))
}
