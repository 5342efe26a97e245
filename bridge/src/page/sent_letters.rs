//! What the person sends, by the page or by a command: each message becomes a letter, which shows how far it has come.

use junction_engine::{Status, UploadProgress, UploadState, wall_ms};
use junction_shared::protocol::alias::Alias;
use tokio::sync::{mpsc, watch};

use super::letter::{Letter, LetterAttachment, LetterMarks, LetterMember};
use super::live::LiveScene;
use crate::address::Addressee;
use crate::escape::escape;
use crate::person::send_service::FollowedMessage;
use crate::results::words::{status as status_word, uuid};

/// Makes letters of what is sent, until nothing is sent any more. `own` is the person's alias.
pub(crate) async fn follow(
    live: LiveScene,
    mut followed: mpsc::Receiver<FollowedMessage>,
    mut own: impl FnMut() -> String,
) {
    while let Some(message) = followed.recv().await {
        let id = uuid(message.id);
        live.scene(|scene| scene.put_letter(letter(&message, own())));
        for (alias, status) in message.receivers {
            if let Some(status) = status {
                tokio::spawn(follow_status(live.clone(), id.clone(), alias, status));
            }
        }
        if let Some(uploads) = message.uploads {
            tokio::spawn(follow_uploads(live.clone(), id, uploads));
        }
    }
}

/// A message that is on its way.
fn letter(message: &FollowedMessage, own: String) -> Letter {
    let FollowedMessage { id, request, receivers, attached, .. } = message;
    let queued = || status_word(Status::Queued);
    let is_one = matches!(Addressee::parse(&request.to), Ok(Addressee::Peer(_)));
    let peer = receivers.first().filter(|_| is_one).map(|(alias, _)| alias.to_string());
    let member = |(alias, status): &(Alias, Option<_>)| LetterMember {
        alias: alias.to_string(),
        status: if status.is_some() { queued() } else { "not_sent".to_owned() },
        why: None,
    };
    Letter {
        id: uuid(*id),
        from: own,
        to: peer.unwrap_or_else(|| request.to.clone()),
        group: (!is_one).then(|| request.to.clone()),
        text: escape(&request.message).text.into_owned(),
        at: wall_ms(),
        status: is_one.then(queued),
        reply_to: request.reply_to.clone(),
        intent: match request.intent.as_deref() {
            Some("request") => Some("request"),
            Some("done") => Some("done"),
            _ => None,
        },
        members: if is_one { Vec::new() } else { receivers.iter().map(member).collect() },
        attachments: attached.iter().map(LetterAttachment::of).collect(),
        marks: LetterMarks { mine: true, from_person: true, ..LetterMarks::default() },
        ..Letter::default()
    }
}

/// Shows what is known of the message to one receiver, until no more will be.
async fn follow_status(
    live: LiveScene,
    id: String,
    alias: Alias,
    mut status: watch::Receiver<Status>,
) {
    loop {
        let word = status_word(*status.borrow_and_update());
        live.scene(|scene| scene.change_letter(&id, |letter| letter.ended(alias.as_str(), word)));
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Shows how far the attachments of a message have come, until all have ended.
async fn follow_uploads(
    live: LiveScene,
    id: String,
    mut uploads: watch::Receiver<Vec<UploadProgress>>,
) {
    loop {
        let words: Vec<_> = uploads.borrow_and_update().iter().map(upload_word).collect();
        live.scene(|scene| {
            scene.change_letter(&id, |letter| {
                for (attachment, word) in letter.attachments.iter_mut().zip(words) {
                    attachment.status = Some(word);
                }
            });
        });
        if uploads.changed().await.is_err() {
            return;
        }
    }
}

/// The word for how far an attachment has come.
fn upload_word(progress: &UploadProgress) -> String {
    match progress.state {
        UploadState::Coming => "coming".to_owned(),
        UploadState::Kept => "kept".to_owned(),
        UploadState::Ended(status) => status_word(status),
    }
}
