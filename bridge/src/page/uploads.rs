//! Files that the person has given to the page, until they are sent.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use junction_engine::attachment::{Attachment, Content, PreparedAttachments, Source};
use junction_shared::protocol::limits::{MAX_ATTACHMENT, MAX_ATTACHMENTS};
use junction_shared::protocol::wire::AttachmentKind;
use tokio::time::{Instant, sleep};

/// How long a file is kept that is not sent.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// How often files are looked for that are over.
const LOOK: Duration = Duration::from_secs(60);
/// The bytes of all files, at most: those of one message.
const MAX_BYTES: usize = 8 * 16 * 1024 * 1024;

/// Files that are not sent yet.
#[derive(Default)]
pub(crate) struct UploadedFiles(Mutex<UploadShelf>);

#[derive(Default)]
struct UploadShelf {
    next: u64,
    files: BTreeMap<String, UploadedFile>,
}

/// A file that the person has given to the page.
#[derive(Clone)]
struct UploadedFile {
    name: String,
    bytes: Bytes,
    since: Instant,
}

impl UploadedFiles {
    /// Keeps a file. Returns what it is called from now on.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(crate) fn keep(&self, name: String, bytes: Bytes) -> Result<String, String> {
        if bytes.len() as u64 > MAX_ATTACHMENT {
            return Err("A file can have 16 MiB at most. Choose a smaller one.".to_owned());
        }
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = shelf.files.values().map(|file| file.bytes.len()).sum();
        if kept + bytes.len() > MAX_BYTES {
            return Err("The files that are not sent yet take too much room. Send them first, or remove some.".to_owned());
        }
        let id = format!("{}", shelf.next);
        shelf.next += 1;
        shelf.files.insert(id.clone(), UploadedFile { name, bytes, since: Instant::now() });
        Ok(id)
    }

    /// Gives up files that are not sent in time, until the task is dropped.
    pub(crate) async fn forget_old(&self) {
        loop {
            sleep(LOOK).await;
            let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            shelf.files.retain(|_, file| file.since.elapsed() < KEPT);
        }
    }

    /// Takes files to attach them.
    ///
    /// # Errors
    /// What is wrong with one, and what to do.
    pub(crate) async fn take(&self, ids: &[String]) -> Result<Option<PreparedAttachments>, String> {
        if ids.is_empty() {
            return Ok(None);
        }
        if ids.len() > MAX_ATTACHMENTS {
            return Err(format!(
                "A message can carry {MAX_ATTACHMENTS} files at most. Remove some."
            ));
        }
        let files: Option<Vec<UploadedFile>> = {
            let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ids.iter().map(|id| shelf.files.get(id).cloned()).collect()
        };
        let files = files.ok_or("A file is not there any more. Attach it again.")?;
        let attachments = files.into_iter().map(|file| Attachment {
            name: file.name,
            kind: AttachmentKind::File,
            source: Arc::new(HeldFile(file.bytes)),
        });
        let attachments: Vec<_> = attachments.collect();
        let read =
            tokio::task::spawn_blocking(move || PreparedAttachments::read(attachments)).await;
        let prepared = read.ok().and_then(Result::ok);
        let failed = "A file cannot be attached: its name is empty or too long. Rename it, and attach it again.";
        prepared.map(Some).ok_or_else(|| failed.to_owned())
    }

    /// Gives up files that were sent, or are not to be.
    pub(crate) fn drop_some(&self, ids: &[String]) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().for_each(|id| _ = shelf.files.remove(id));
    }
}

/// A file in memory, as long as its message may be sent.
struct HeldFile(Bytes);

impl Source for HeldFile {
    fn open(&self) -> io::Result<Content> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn file_that_is_not_sent_is_given_up_without_anybody_asking() {
        let uploads = UploadedFiles::default();
        let id = uploads.keep("a.txt".to_owned(), Bytes::from_static(b"secret")).unwrap();
        let kept = |uploads: &UploadedFiles| uploads.0.lock().unwrap().files.len();
        tokio::select! {
            () = uploads.forget_old() => {}
            () = sleep(KEPT - LOOK) => {}
        }
        assert!(uploads.take(std::slice::from_ref(&id)).await.unwrap().is_some());
        tokio::select! {
            () = uploads.forget_old() => {}
            () = sleep(KEPT) => {}
        }
        assert_eq!(kept(&uploads), 0);
        assert!(uploads.take(&[id]).await.is_err());
    }
}
