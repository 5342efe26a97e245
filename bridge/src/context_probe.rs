//! What can be seen of a session without anybody saying so: its project, its machine, its client. The engine
//! is told, and peers see it in their lists.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use junction_shared::machine::settings::env_path;
use junction_shared::protocol::wire::Context;
use tokio::task::spawn_blocking;

use crate::project::{Project, machine};
use junction_engine::Engine;
use junction_engine::label::label;

/// The directory that Claude Code says the project is in.
const PROJECT_DIR: &str = "CLAUDE_PROJECT_DIR";

/// What is seen before the client has said anything: the machine, and the project in the directory that
/// the environment names, or else in the working directory.
pub(crate) fn at_first() -> Context {
    let dir = env_path(PROJECT_DIR).or_else(|| std::env::current_dir().ok());
    let project = dir.map(|dir| Project::seen_from(&dir)).unwrap_or_default();
    Context { repo: project.repo, branch: project.branch, machine: machine(), ..Context::default() }
}

/// What is seen later. Clones share it.
#[derive(Clone)]
pub(crate) struct Sight(Arc<Seen>);

struct Seen {
    engine: Engine,
    client: Mutex<Option<String>>,
    /// Whether the client need not be asked where the project is.
    placed: AtomicBool,
}

impl Sight {
    /// Sight of the session of this engine.
    pub(crate) fn new(engine: Engine) -> Self {
        Self::placed(engine, env_path(PROJECT_DIR).is_some())
    }

    fn placed(engine: Engine, placed: bool) -> Self {
        Self(Arc::new(Seen { engine, client: Mutex::default(), placed: placed.into() }))
    }

    /// Tells the engine the name of the client, if it is news.
    pub(crate) fn client(&self, name: &str) {
        let Some(name) = label(name) else { return };
        let mut known = self.0.client.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(&name) {
            *known = Some(name.clone());
            let engine = self.0.engine.clone();
            // Apart: the engine may be busy, and the client waits for its answer.
            tokio::spawn(async move {
                engine.set_context(Context { client: Some(name), ..Context::default() }).await;
            });
        }
    }

    /// Whether the client should be asked where the project is: once, and only if nothing better is known.
    pub(crate) fn wants_root(&self) -> bool {
        !self.0.placed.swap(true, Ordering::Relaxed)
    }

    /// Tells the engine of the project in the directory that the client named. What was seen in the
    /// working directory is void: an empty text clears its field.
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
            _ => panic!("the engine is told of something else"),
        }
    }

    #[test]
    fn machine_is_seen_at_first() {
        let seen = at_first();
        assert_eq!((seen.machine, seen.client), (machine(), None));
    }

    #[tokio::test]
    async fn client_is_not_asked_for_what_the_environment_told() {
        let (engine, _commands, _board) = Engine::new(snapshot());
        assert!(!Sight::placed(engine, true).wants_root());
    }

    #[tokio::test]
    async fn client_is_told_once_as_a_label() {
        let (engine, mut commands, _board) = Engine::new(snapshot());
        let sight = Sight::placed(engine, false);
        for name in ["cli\u{202e}", "cli\u{202e}", "", "other"] {
            sight.client(name);
        }
        assert_eq!(observed(&mut commands).await.client.as_deref(), Some("cli?"));
        assert_eq!(observed(&mut commands).await.client.as_deref(), Some("other"));
    }

    #[tokio::test]
    async fn root_without_a_repository_clears_what_was_seen_before() {
        let (engine, mut commands, _board) = Engine::new(snapshot());
        let sight = Sight::placed(engine, false);
        assert!(sight.wants_root());
        assert!(!sight.wants_root());
        let repo = git_repo("shop", "main");
        sight.root(repo.path().join("shop")).await;
        sight.root(repo.path().to_owned()).await;
        for (repo, branch) in [("shop", "main"), ("", "")] {
            let seen = observed(&mut commands).await;
            assert_eq!((seen.repo.as_deref(), seen.branch.as_deref()), (Some(repo), Some(branch)));
        }
    }
}
