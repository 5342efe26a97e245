//! The folder that a person names with `--save`: the attachments of what is printed are saved in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{anyhow, bail};
use junction_attachments::refused::{SaveRefused, Sensitivity, Why};
use junction_attachments::{Allowed, safe_name, saved_name};
use junction_engine::attachment::AttachmentInfo;
use junction_engine::{Engine, Message};
use tokio::time::sleep;

use super::progress_line::{ProgressLine, progress_text};
use crate::attachments::{AttachmentAccess, AttachmentFault, SavePlace, SaveProgress, Saved};
use crate::config::Config;
use crate::escape::escape;
use crate::wording::people::attachment_fault;

/// How often the progress of a save is shown.
const TICK: Duration = Duration::from_millis(100);
/// The highest number behind a name that is tried.
const MOST_NUMBERS: u32 = 999;

/// A folder in which attachments are saved, each under its own name.
pub(crate) struct SaveFolder {
    /// The real path.
    path: PathBuf,
    access: AttachmentAccess,
}

/// What became of an attachment that was to be saved.
pub(crate) struct SaveAttempt {
    pub(crate) info: AttachmentInfo,
    /// The file, or why there is none.
    pub(crate) outcome: Result<Saved, String>,
}

impl SaveFolder {
    /// The folder at this path.
    ///
    /// # Errors
    /// There is no folder, or one in which nothing can be saved.
    pub(crate) fn open(config: &Config, path: &Path) -> anyhow::Result<Self> {
        let shown = escape(&path.to_string_lossy()).text.into_owned();
        let real = path.canonicalize().ok().filter(|real| real.is_dir());
        let real =
            real.ok_or_else(|| anyhow!("There is no folder {shown}. Make it, or name another."))?;
        if real.to_str().is_none() {
            bail!("The path of {shown} is no Unicode text. Name another folder.");
        }
        let access = AttachmentAccess::new(config.dir.clone()).saving_below(real.clone());
        access.check_folder(&real).map_err(|fault| anyhow!(attachment_fault(&fault)))?;
        Ok(Self { path: real, access })
    }

    /// Saves all attachments of a message, one after the other, and shows how far each is.
    pub(crate) async fn save(&self, engine: &Engine, message: &Message) -> Vec<SaveAttempt> {
        let mut attempts = Vec::new();
        for info in message.attachments.iter() {
            let outcome = self.save_one(engine, message, info).await;
            let outcome = outcome.map_err(|fault| attachment_fault(&fault));
            attempts.push(SaveAttempt { info: info.clone(), outcome });
        }
        attempts
    }

    async fn save_one(
        &self,
        engine: &Engine,
        message: &Message,
        info: &AttachmentInfo,
    ) -> Result<Saved, AttachmentFault> {
        // As if the path were the folder's: the peer's name alone makes no file that a program looks for.
        let name = saved_name(&info.name);
        let mut once = Vec::new();
        let mut outcome = Err(AttachmentFault::Lost);
        for number in 1..=MOST_NUMBERS {
            let path = self.path.join(numbered(&name, number));
            if std::fs::symlink_metadata(&path).is_ok() {
                continue;
            }
            outcome = self.save_as(engine, message, info, &path, once.clone()).await;
            if outcome.as_ref().err().is_some_and(is_of_secrets) {
                // The person named the folder for what comes, keys with it. What a program runs by itself is never saved.
                once = vec![Allowed::path(&path)];
                outcome = self.save_as(engine, message, info, &path, once.clone()).await;
            }
            if !matches!(outcome, Err(AttachmentFault::Save(SaveRefused::Exists(_)))) {
                break;
            }
        }
        outcome
    }

    async fn save_as(
        &self,
        engine: &Engine,
        message: &Message,
        info: &AttachmentInfo,
        path: &Path,
        once: Vec<Allowed>,
    ) -> Result<Saved, AttachmentFault> {
        let path = path.to_string_lossy().into_owned();
        let place = SavePlace::File { path, overwrite: false };
        let progress = SaveProgress::default();
        let at = (message.id, info.number);
        let saving = self.access.save(engine, at, place, once, progress.clone());
        tokio::pin!(saving);
        let mut line = ProgressLine::new();
        loop {
            tokio::select! {
                saved = &mut saving => return saved,
                () = sleep(TICK) => {
                    let (came, all) = progress.get();
                    line.show(&progress_text(&safe_name(&info.name), came, all.max(info.bytes)));
                }
            }
        }
    }
}

/// Whether a name is refused because it is one of secrets, and not one that a program runs.
fn is_of_secrets(fault: &AttachmentFault) -> bool {
    let why = fault.not_allowed().map(|refusal| refusal.why);
    matches!(why, Some(Why::Sensitive(found)) if found != Sensitivity::Startup)
}

/// The name with a number before its ending; the first has none.
fn numbered(name: &str, number: u32) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let dot = name.rfind('.').filter(|dot| *dot > 0);
    let (stem, ending) = dot.map_or((name, ""), |dot| name.split_at(dot));
    match stem.strip_suffix(".tar").filter(|stem| !stem.is_empty()) {
        Some(stem) => format!("{stem}-{number}.tar{ending}"),
        None => format!("{stem}-{number}{ending}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_before_the_ending() {
        for (name, second) in [
            ("notes.txt", "notes-2.txt"),
            ("R2_KEY", "R2_KEY-2"),
            (".env", ".env-2"),
            (".env.local", ".env-2.local"),
            ("a.tar.gz", "a-2.tar.gz"),
            (".tar.gz", ".tar-2.gz"),
        ] {
            assert_eq!(numbered(name, 1), name);
            assert_eq!(numbered(name, 2), second);
        }
    }
}
