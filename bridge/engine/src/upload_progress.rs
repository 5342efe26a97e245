//! How far the attachments of a message have come, for whoever sent it.

use tokio::sync::watch;

use crate::outcome::Status;

/// How far one attachment has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadProgress {
    /// The bytes that were given to the hub on this connection. It may ask for some of them again.
    pub given: u64,
    /// What is known of it.
    pub state: UploadState,
}

/// What is known of an attachment that was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UploadState {
    /// The hub does not have all of it, so that it is lost if its sender leaves.
    #[default]
    Coming,
    /// The hub says that it has all of it, and keeps it until it is saved or the message expires.
    Kept,
    /// The attachment has ended: saved, expired, refused or unconfirmed.
    Ended(Status),
}

/// The attachments of one message, in their order.
pub(crate) struct ProgressReport(watch::Sender<Vec<UploadProgress>>);

impl ProgressReport {
    pub(crate) fn new(count: usize) -> Self {
        Self(watch::Sender::new(vec![UploadProgress::default(); count]))
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Vec<UploadProgress>> {
        self.0.subscribe()
    }

    /// Notes that so many bytes of the attachment of this number were given to the hub.
    pub(crate) fn given(&self, number: u8, bytes: u64) {
        self.change(number, |progress| progress.given = bytes);
    }

    /// Notes what is known of the attachment of this number. What has ended stays so.
    pub(crate) fn reached(&self, number: u8, state: UploadState) {
        self.change(number, |progress| {
            if !matches!(progress.state, UploadState::Ended(_)) {
                progress.state = state;
            }
        });
    }

    /// Notes that the connection is over: what the hub had may be gone with it.
    pub(crate) fn disconnected(&self) {
        self.0.send_modify(|all| {
            for progress in all.iter_mut() {
                if !matches!(progress.state, UploadState::Ended(_)) {
                    *progress = UploadProgress::default();
                }
            }
        });
    }

    fn change(&self, number: u8, change: impl FnOnce(&mut UploadProgress)) {
        self.0.send_if_modified(|all| {
            let progress = usize::from(number).checked_sub(1).and_then(|at| all.get_mut(at));
            let Some(progress) = progress else { return false };
            let before = *progress;
            change(progress);
            *progress != before
        });
    }
}
