//! What errors about attachments say.

use junction_engine::error::{AttachmentError, AttachmentsRefused};

use super::Wording;

impl Wording for AttachmentsRefused {
    fn wording(&self) -> String {
        match self {
            Self::Hub => "The hub of this session has an older version that carries no attachments, so this message was not sent. Send it \
                          without attachments, or ask your user to update Agent Junction on the hub's machine."
                .to_owned(),
            Self::Peer(alias) => format!(
                "The bridge of {alias} has an older version that takes no attachments, so this message was not sent. Send it without \
                 attachments, or ask your user to update Agent Junction there."
            ),
        }
    }
}

impl Wording for AttachmentError {
    fn wording(&self) -> String {
        match self {
            Self::UnknownMessage => "This session has received no message with attachments that has this message_id. Call save_attachment \
                                     again with the id of a message that read_messages returned.".to_owned(),
            Self::UnknownNumber(1) => "That message has one attachment. Call save_attachment again with attachment_id 1.".to_owned(),
            Self::UnknownNumber(count) => format!(
                "That message has the attachments 1 to {count}. Call save_attachment again with one of these as attachment_id."
            ),
            Self::TooMany => "Too many attachments are being saved at once, so nothing was saved. Wait until one is done, then call \
                              save_attachment again.".to_owned(),
            Self::Expired => "That message has expired, and its attachments can no longer be saved. Ask its sender to send them again.".to_owned(),
            Self::Unavailable => "The attachment is no longer there: its sender has left, or what it sent has changed since. Ask the sender \
                                  to send it again.".to_owned(),
            Self::Stalled => "Nothing of the attachment has arrived for 30 s, so nothing was saved: the sender or the hub is not \
                              reachable. Call save_attachment again later.".to_owned(),
            Self::Broken => "What arrived is not what the message says, so nothing was saved. Tell your user, and ask the sender to \
                             send it again.".to_owned(),
        }
    }
}
