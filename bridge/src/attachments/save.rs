//! What is saved: an attachment as a file, as one value in a file, or as the input of a command.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use junction_attachments::command::{ExitCode, check_command, run_command};
use junction_attachments::save::{PutInto, Saving, Target, ValueTarget, put_value_into};
use junction_attachments::values::{Format, ValueError, put_value};
use junction_attachments::{Allowed, GitWarning, Policy};
use junction_engine::attachment::AttachmentInfo;
use junction_engine::{Engine, IncomingAttachment};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::MAX_VALUE;
use junction_shared::protocol::wire::AttachmentKind;
use zeroize::Zeroizing;

use super::access::{AttachmentAccess, blocking};
use super::fault::AttachmentFault;

/// Where an attachment goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SavePlace {
    /// To a file, or into a folder.
    File {
        /// The path.
        path: String,
        /// Whether a file that exists is replaced.
        overwrite: bool,
    },
    /// Into a file, as one value.
    Value {
        /// The path of the file.
        path: String,
        /// The key of the value.
        key: String,
        /// Whether a value that exists is replaced.
        overwrite: bool,
    },
    /// To the input of the command that the user's config has under this name.
    Command(String),
}

/// An attachment that was saved.
pub(crate) struct Saved {
    /// The attachment.
    pub(crate) info: AttachmentInfo,
    /// The path of the file; nothing where a command took it.
    pub(crate) path: Option<PathBuf>,
    /// What the user should know of git.
    pub(crate) warning: Option<GitWarning>,
}

/// How far a save has come. Clones share one count.
#[derive(Clone, Default)]
pub(crate) struct SaveProgress(Arc<ProgressCount>);

#[derive(Default)]
struct ProgressCount {
    came: AtomicU64,
    total: AtomicU64,
    /// What the client was told of.
    told: AtomicU64,
    is_cancelled: AtomicBool,
    subject: OnceLock<SaveSubject>,
}

/// What is being saved, as a person is asked about it.
#[derive(Clone)]
pub(crate) struct SaveSubject {
    /// The attachment's name, as its sender gave it.
    pub(crate) name: String,
    /// The alias of its sender.
    pub(crate) from: Alias,
}

/// Cancels a save, unless it has ended, when it is dropped.
struct CancelGuard(SaveProgress);

impl SaveProgress {
    /// The bytes that have come, and all of them.
    pub(crate) fn get(&self) -> (u64, u64) {
        (self.0.came.load(Ordering::Relaxed), self.0.total.load(Ordering::Relaxed))
    }

    /// The bytes that have come, and all of them, if more has come than the client was told of. It is told now.
    pub(crate) fn take_news(&self) -> Option<(u64, u64)> {
        let (came, total) = self.get();
        (self.0.told.fetch_max(came, Ordering::Relaxed) < came).then_some((came, total))
    }

    /// What is being saved, once that is known.
    pub(crate) fn subject(&self) -> Option<&SaveSubject> {
        self.0.subject.get()
    }

    /// Notes that a save begins, which may be the second of a call: a person has allowed it after the first.
    fn begin(&self, incoming: &IncomingAttachment) {
        let info = incoming.info();
        self.0.is_cancelled.store(false, Ordering::Relaxed);
        self.0.came.store(0, Ordering::Relaxed);
        self.0.total.store(info.bytes, Ordering::Relaxed);
        let from = incoming.sender().clone();
        let _ = self.0.subject.set(SaveSubject { name: info.name.clone(), from });
    }

    /// Notes what came.
    ///
    /// # Errors
    /// The call is not waited for any more.
    fn came(&self, bytes: usize) -> Result<(), AttachmentFault> {
        self.0.came.fetch_add(bytes as u64, Ordering::Relaxed);
        if self.0.is_cancelled.load(Ordering::Relaxed) {
            Err(AttachmentFault::Lost)
        } else {
            Ok(())
        }
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.0.0.is_cancelled.store(true, Ordering::Relaxed);
    }
}

/// The name of the file with which a folder is tried. It never gets that name.
const TRIED: &str = "junction-attachment";

impl AttachmentAccess {
    /// Whether files can be saved in this folder: what could be refused of any is refused now.
    ///
    /// # Errors
    /// [`AttachmentFault`]
    pub(crate) fn check_folder(&self, folder: &Path) -> Result<(), AttachmentFault> {
        let path = folder.join(TRIED);
        let path = path.to_string_lossy();
        let target = Target { path: &path, name: TRIED, overwrite: true, is_value: false };
        Saving::begin(&self.policy(&[])?, &target, 1)?;
        Ok(())
    }

    /// Fetches an attachment and saves it. `once` counts for this call alone.
    ///
    /// # Errors
    /// [`AttachmentFault`], and nothing was saved.
    pub(crate) async fn save(
        &self,
        engine: &Engine,
        (message, number): (MessageId, u8),
        place: SavePlace,
        once: Vec<Allowed>,
        progress: SaveProgress,
    ) -> Result<Saved, AttachmentFault> {
        let saved = self.save_as_allowed(engine, (message, number), place, once, progress);
        saved.await.map_err(|fault| fault.in_context(|| self.allow_context()))
    }

    async fn save_as_allowed(
        &self,
        engine: &Engine,
        (message, number): (MessageId, u8),
        place: SavePlace,
        once: Vec<Allowed>,
        progress: SaveProgress,
    ) -> Result<Saved, AttachmentFault> {
        let access = self.clone();
        let policy = blocking(move || access.policy(&once)).await?;
        let incoming = engine.fetch_attachment(message, number).await;
        let incoming = incoming.map_err(AttachmentFault::Engine)?;
        progress.begin(&incoming);
        let _cancel = CancelGuard(progress.clone());
        blocking(move || saved(incoming, &policy, place, &progress)).await
    }
}

/// Saves an attachment as it comes.
fn saved(
    mut incoming: IncomingAttachment,
    policy: &Policy,
    place: SavePlace,
    progress: &SaveProgress,
) -> Result<Saved, AttachmentFault> {
    let info = incoming.info().clone();
    if !matches!(place, SavePlace::File { .. }) && info.bytes > MAX_VALUE as u64 {
        return Err(AttachmentFault::TooLargeForValue);
    }
    if let SavePlace::Command(name) = &place {
        // Before anything is fetched.
        let refused = |why| AttachmentFault::Command { name: name.clone(), why };
        check_command(policy, name).map_err(refused)?;
    }
    let (path, warning) = match place {
        SavePlace::File { path, overwrite } => {
            let is_value = info.kind == AttachmentKind::Value;
            let target = Target { path: &path, name: &info.name, overwrite, is_value };
            let mut saving = Saving::begin(policy, &target, info.bytes)?;
            while let Some(part) = incoming.next_part()? {
                saving.write(&part)?;
                progress.came(part.len())?;
            }
            let saved = incoming.save(|| saving.finish().map_err(AttachmentFault::from))?;
            (Some(saved.path), saved.warning)
        }
        SavePlace::Value { path, key, overwrite } => {
            let value = whole(&mut incoming, progress)?;
            let target = ValueTarget { path: &path, key: &key, value: &value, overwrite };
            let saved = incoming.save(|| {
                put_value_into(policy, &target, put)
                    .map_err(|refused| AttachmentFault::of_put(&path, refused))
            })?;
            (Some(saved.path), saved.warning)
        }
        SavePlace::Command(name) => {
            let value = whole(&mut incoming, progress)?;
            incoming.save(|| given_to(policy, &name, &value))?;
            (None, None)
        }
    };
    Ok(Saved { info, path, warning })
}

/// All of an attachment that is small enough to be a value.
fn whole(
    incoming: &mut IncomingAttachment,
    progress: &SaveProgress,
) -> Result<Vec<u8>, AttachmentFault> {
    let mut value = Vec::with_capacity(MAX_VALUE);
    while let Some(part) = incoming.next_part()? {
        progress.came(part.len())?;
        value.extend_from_slice(&part);
    }
    Ok(value)
}

/// The file with the value in it.
fn put(into: PutInto<'_>) -> Result<Zeroizing<Vec<u8>>, ValueError> {
    let format = Format::of(into.name.as_ref());
    put_value(format, into.bytes, into.key, into.value, into.overwrite).map(Into::into)
}

/// Gives a value to a command.
fn given_to(policy: &Policy, name: &str, value: &[u8]) -> Result<(), AttachmentFault> {
    let failed = |code| AttachmentFault::CommandFailed { name: name.to_owned(), code };
    let refused = |why| AttachmentFault::Command { name: name.to_owned(), why };
    match run_command(policy, name, value).map_err(refused)? {
        ExitCode::Code(0) => Ok(()),
        ExitCode::Code(code) => Err(failed(Some(code))),
        ExitCode::Signal => Err(failed(None)),
    }
}
