//! An attachment on its way to the browser, which saves it.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use junction_attachments::safe_name;
use junction_engine::error::AttachmentError;
use junction_engine::{Engine, IncomingAttachment, SaveError};
use junction_shared::protocol::id::MessageId;
use junction_shared::secret::wiping_stack;
use tokio::sync::mpsc;

use super::page_error::PageError;
use crate::attachments::AttachmentFault;
use crate::wording::people::{attachment_fault, on_page};

/// The bytes that are handed to the browser at once.
const PART: usize = 64 * 1024;
/// How long the page may take to say that it has all.
const SAVE_TIME: Duration = Duration::from_secs(60);
/// Downloads that are waited for at once. With more, the earlier ones count as given up.
const MAX_DOWNLOADS: usize = 64;
/// Parts that may wait for the browser.
const PARTS: usize = 4;

/// Attachments that a browser is being given, and has not said yet that it has.
#[derive(Default)]
pub(crate) struct BrowserDownloads(Mutex<HashMap<(MessageId, u8), SyncSender<()>>>);

impl BrowserDownloads {
    /// A browser is given this attachment from now on. What is returned tells when the page has all of it.
    fn begin(&self, message: MessageId, number: u8) -> Receiver<()> {
        let (sender, receiver) = sync_channel(1);
        let mut downloads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if downloads.len() >= MAX_DOWNLOADS {
            downloads.clear();
        }
        downloads.insert((message, number), sender);
        receiver
    }

    /// The page has all of it.
    pub(crate) fn has_all(&self, message: MessageId, number: u8) {
        let mut downloads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = downloads.remove(&(message, number));
        // One that has been given up is not waited for.
        sender.iter().for_each(|sender| _ = sender.try_send(()));
    }
}

/// Fetches an attachment, and answers with it once all of it is here and is what its sender sealed. It counts as saved once
/// the page says that it has all of it.
///
/// # Errors
/// Why it cannot be had, and what to do.
pub(crate) async fn download(
    engine: &Engine,
    downloads: &BrowserDownloads,
    message: MessageId,
    number: u8,
) -> Result<Response, PageError> {
    let incoming = engine.fetch_attachment(message, number).await;
    let incoming = incoming.map_err(|error| refused(&AttachmentFault::Engine(error)))?;
    let info = incoming.info().clone();
    let (parts, received) = mpsc::channel(PARTS);
    let (whole, arrived) = tokio::sync::oneshot::channel();
    let saved = downloads.begin(message, number);
    tokio::task::spawn_blocking(move || {
        wiping_stack(|| hand_over(incoming, whole, parts, &saved));
    });
    let arrived = arrived.await.unwrap_or(Err(AttachmentError::Unavailable));
    arrived.map_err(|error| refused(&AttachmentFault::Fetch(error)))?;
    let body = stream::unfold(received, async |mut received| {
        let part: Bytes = received.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(part), received))
    });
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, info.bytes.to_string()),
        (CONTENT_DISPOSITION, disposition(&safe_name(&info.name))),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Fetches all of it, says so, and gives it to the browser.
fn hand_over(
    mut incoming: IncomingAttachment,
    whole: tokio::sync::oneshot::Sender<Result<(), AttachmentError>>,
    parts: mpsc::Sender<Bytes>,
    saved: &Receiver<()>,
) {
    let mut all = Vec::new();
    loop {
        match incoming.next_part() {
            Ok(Some(part)) => all.extend_from_slice(&part),
            Ok(None) => break,
            Err(error) => {
                let _ = whole.send(Err(error));
                return;
            }
        }
    }
    if whole.send(Ok(())).is_err() {
        return;
    }
    let all = Bytes::from(all);
    let give = || {
        for at in (0..all.len()).step_by(PART) {
            let part = all.slice(at..all.len().min(at + PART));
            parts.blocking_send(part).map_err(|_| ())?;
        }
        // The body ends.
        drop(parts);
        saved.recv_timeout(SAVE_TIME).map_err(|_| ())
    };
    // A browser that gave up has not saved it, and can ask again.
    let _: Result<(), SaveError<()>> = incoming.save(give);
}

fn refused(fault: &AttachmentFault) -> PageError {
    PageError::conflict(on_page(&attachment_fault(fault)))
}

/// The header by which a browser learns the name, as RFC 6266 and RFC 8187 write it.
fn disposition(name: &str) -> String {
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_header() {
        let header = disposition("a b\"\r\nX: é.txt");
        assert_eq!(header, "attachment; filename*=UTF-8''a%20b%22%0D%0AX%3A%20%C3%A9.txt");
    }
}
