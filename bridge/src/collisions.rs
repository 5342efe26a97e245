//! Edits that hooks tell of, and other sessions that claim the same files or have just changed them: whom the agent is told
//! of before it edits, and what the others are told afterwards.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use junction_engine::{Engine, Repository, now, wall_ms};
use tokio::time::Instant;

use crate::attachments::AttachmentAccess;
use crate::clients::edits::{CollisionReaction, EditStage, FileEdits};
use crate::clients::hook_reply::{CallHold, HookReply};
use crate::project::place::{FilePlace, Workplace};

mod held;
mod line;
mod looks;
mod told;

use held::{HeldEdit, HeldEdits};
use looks::Looks;
use told::{EditedFile, ToldCollision, ToldCollisions};

/// How long after a hook's request other sessions are waited for that have not said yet what they do: the hook gives up after
/// 30 ms, in which it also has to be answered.
const HEARING_TIME: Duration = Duration::from_millis(20);

/// What is known of the edits of one session. Clones share it.
#[derive(Clone)]
pub(crate) struct EditWatch(Arc<WatchedEdits>);

struct WatchedEdits {
    engine: Engine,
    /// Knows the project's directory.
    attachments: AttachmentAccess,
    told: Mutex<ToldCollisions>,
    held: Mutex<HeldEdits>,
    looks: Looks,
}

/// What the agent is told before an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CollisionWarning {
    line: String,
    /// What becomes of the edit, if it does not simply go on.
    hold: Option<CallHold>,
    told: Vec<ToldCollision>,
    held: Option<HeldEdit>,
}

impl CollisionWarning {
    /// A reply with the warning beside what it has.
    pub(crate) fn added_to(&self, reply: HookReply) -> HookReply {
        let lines: Vec<_> =
            [Some(self.line.clone()), reply.context].into_iter().flatten().collect();
        HookReply { context: Some(lines.join("\n")), hold: self.hold, ..reply }
    }
}

impl EditWatch {
    pub(crate) fn new(engine: Engine, attachments: AttachmentAccess) -> Self {
        Self(Arc::new(WatchedEdits {
            engine,
            attachments,
            told: Mutex::default(),
            held: Mutex::default(),
            looks: Looks::default(),
        }))
    }

    /// Tells the engine in which repository the session works, in a task of its own.
    pub(crate) fn project_known(&self) {
        let watch = self.clone();
        tokio::spawn(async move {
            if let Some(workplace) = watch.workplace().await {
                watch.0.engine.set_project(workplace.repository).await;
            }
        });
    }

    /// The session's workplace.
    pub(crate) async fn workplace(&self) -> Option<Workplace> {
        self.look(|_, workplace| workplace).await
    }

    /// Looks at files of the project, if that does not take long.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Path, Workplace) -> T + Send + 'static,
    ) -> Option<T> {
        let project = self.0.attachments.project()?;
        let look = move || look(&project, Workplace::of_project(&project));
        self.0.looks.take(look).await
    }

    /// Takes edits that are about to be made or are made. Returns what the agent should be told.
    pub(crate) async fn edited(&self, edits: FileEdits) -> Option<CollisionWarning> {
        let FileEdits { paths, stage, reaction } = edits.within_bounds();
        let until = Instant::now() + HEARING_TIME;
        let places = self.places(paths).await;
        let (mut files, mut found, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (repository, paths) in places {
            match stage {
                EditStage::After => {
                    self.told().edited(&repository.name, &paths, wall_ms());
                    self.held().edited(&repository.name, &paths);
                    self.0.engine.touched(repository, paths).await;
                }
                EditStage::Before => {
                    let name = repository.name.clone();
                    // What others do there may only be heard from now on.
                    let patience = until.saturating_duration_since(Instant::now());
                    self.0.engine.hear_all(repository.clone(), patience).await;
                    let file =
                        |path: &String| EditedFile { repository: name.clone(), path: path.clone() };
                    files.extend(paths.iter().map(file));
                    let collisions = self.0.engine.collisions(repository, paths).await;
                    let new = self.told().take_new(&name, collisions, now());
                    let (new, as_told): (Vec<_>, Vec<_>) = new.into_iter().unzip();
                    found.extend(new);
                    told.extend(as_told);
                }
            }
        }
        // What a hook adds to the context of a call comes with its result, when the edit is made. So the edit is not made at
        // first, if that is still to be.
        let asks = reaction == CollisionReaction::Ask;
        let held = self.held().hold(&files, &told, asks, now());
        if asks && held.is_some() {
            // What a person does not allow is asked about the next time as well.
            self.told().forget(&told);
        }
        let hold = held.as_ref().map(|_| if asks { CallHold::Ask } else { CallHold::Deny });
        let line = line::of(&found, wall_ms(), hold == Some(CallHold::Deny))?;
        Some(CollisionWarning { line, hold, told, held })
    }

    /// Takes back that the agent was told, because it was not.
    pub(crate) fn warning_lost(&self, warning: &CollisionWarning) {
        self.told().forget(&warning.told);
        warning.held.iter().for_each(|held| self.held().forget(held));
    }

    /// Where files are, by repository.
    async fn places(&self, paths: Vec<String>) -> Vec<(Repository, Vec<String>)> {
        let places = self.look(move |project, workplace| {
            let place = |path: &String| workplace.place_of(Path::new(path), project);
            paths.iter().filter_map(place).collect::<Vec<_>>()
        });
        by_repository(places.await.unwrap_or_default())
    }

    fn told(&self) -> MutexGuard<'_, ToldCollisions> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, HeldEdits> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Paths by the repositories that they are in. The repository itself is no file.
pub(crate) fn by_repository(places: Vec<FilePlace>) -> Vec<(Repository, Vec<String>)> {
    let mut all: Vec<(Repository, Vec<String>)> = Vec::new();
    for FilePlace { repository, path } in places.into_iter().filter(|place| !place.path.is_empty())
    {
        match all.iter_mut().find(|(other, _)| *other == repository) {
            Some((_, paths)) => paths.push(path),
            None => all.push((repository, vec![path])),
        }
    }
    all
}
