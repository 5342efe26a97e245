//! What a session's peers see of it without its agent's help: the project, the machine and the client.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use junction_shared::protocol::wire::Context;
use tokio::task::spawn_blocking;

use crate::clients::{display_name, project_dir};
use crate::project::{Project, machine};
use junction_engine::Engine;
use junction_engine::label;

/// The context before the client has introduced itself: the machine, and the project in the directory that the
/// environment names, or else in the working directory.
pub(crate) fn initial_context() -> Context {
    let dir = project_dir().or_else(|| std::env::current_dir().ok());
    let project = dir.map(|dir| Project::seen_from(&dir)).unwrap_or_default();
    Context { repo: project.repo, branch: project.branch, machine: machine(), ..Context::default() }
}

/// Tells the engine what the client reveals later. Clones share one state.
#[derive(Clone)]
pub(crate) struct ContextProbe(Arc<ProbeState>);

struct ProbeState {
    engine: Engine,
    client: Mutex<Option<String>>,
    /// Whether the project's place is known, or was asked for.
    is_placed: AtomicBool,
}

impl ContextProbe {
    /// A probe for the session of this engine.
    pub(crate) fn new(engine: Engine) -> Self {
        Self::with_place(engine, project_dir().is_some())
    }

    fn with_place(engine: Engine, is_placed: bool) -> Self {
        let (client, is_placed) = (Mutex::default(), is_placed.into());
        Self(Arc::new(ProbeState { engine, client, is_placed }))
    }

    /// Tells the engine the client's name, if it has changed.
    pub(crate) fn client_named(&self, name: &str) {
        let Some(name) = label(display_name(name)) else { return };
        let mut known = self.0.client.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(&name) {
            *known = Some(name.clone());
            let engine = self.0.engine.clone();
            // In a task, because the engine may be busy and the client waits for its answer.
            tokio::spawn(async move {
                engine.set_context(Context { client: Some(name), ..Context::default() }).await;
            });
        }
    }

    /// Whether to ask the client for the project's directory: true once, and only if the environment names none.
    pub(crate) fn wants_root(&self) -> bool {
        !self.0.is_placed.swap(true, Ordering::Relaxed)
    }

    /// Tells the engine of the project in the directory that the client named. Empty texts clear what was found in the
    /// working directory.
    pub(crate) async fn root(&self, root: PathBuf) {
        let Ok(project) = spawn_blocking(move || Project::seen_from(&root)).await else { return };
        let repo = Some(project.repo.unwrap_or_default());
        let branch = Some(project.branch.unwrap_or_default());
        self.0.engine.set_context(Context { repo, branch, ..Context::default() }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{git_repo, snapshot};
    use junction_engine::Command;

    async fn observed(commands: &mut tokio::sync::mpsc::Receiver<Command>) -> Context {
        match commands.recv().await {
            Some(Command::SetContext(context)) => context,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn machine_is_known_at_first() {
        let seen = initial_context();
        assert_eq!((seen.machine, seen.client), (machine(), None));
    }

    #[tokio::test]
    async fn client_is_not_asked_for_what_the_environment_names() {
        let (engine, _commands, _board) = Engine::new(snapshot());
        assert!(!ContextProbe::with_place(engine, true).wants_root());
    }

    #[tokio::test]
    async fn client_is_told_once_as_a_label() {
        let (engine, mut commands, _board) = Engine::new(snapshot());
        let probe = ContextProbe::with_place(engine, false);
        for name in ["cli\u{202e}", "cli\u{202e}", "", "other"] {
            probe.client_named(name);
        }
        assert_eq!(observed(&mut commands).await.client.as_deref(), Some("cli"));
        assert_eq!(observed(&mut commands).await.client.as_deref(), Some("other"));
    }

    #[tokio::test]
    async fn root_without_a_repository_clears_the_project() {
        let (engine, mut commands, _board) = Engine::new(snapshot());
        let probe = ContextProbe::with_place(engine, false);
        assert!(probe.wants_root());
        assert!(!probe.wants_root());
        let repo = git_repo("shop", "main");
        probe.root(repo.path().join("shop")).await;
        probe.root(repo.path().to_owned()).await;
        for (repo, branch) in [("shop", "main"), ("", "")] {
            let seen = observed(&mut commands).await;
            assert_eq!((seen.repo.as_deref(), seen.branch.as_deref()), (Some(repo), Some(branch)));
        }
    }
}
