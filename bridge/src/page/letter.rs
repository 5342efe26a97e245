//! A message to or from the person, as the page shows it.

use data_encoding::HEXLOWER;
use junction_engine::Message;
use junction_engine::attachment::AttachmentInfo;
use junction_engine::intent::Intent;
use junction_shared::protocol::wire::AttachmentKind;
use serde::Serialize;
use serde_json::Value;

use crate::escape::escape;
use crate::results::words::uuid;
use crate::wording::people::{field, on_page};

/// A message to or from the person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Letter {
    pub(crate) id: String,
    /// The alias of the sender.
    pub(crate) from: String,
    /// The alias of the receiver, or a group.
    pub(crate) to: String,
    /// The group that the message was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// The text, with what is hidden in it written out.
    pub(crate) text: String,
    /// When it was sent, in milliseconds since 1970.
    pub(crate) at: u64,
    /// The place among all messages to and from the person, by their arrival here.
    pub(crate) order: u64,
    /// What is known of a message of the person's to one peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// The message that this one answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    /// What the sender expects, if that is more than to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) intent: Option<&'static str>,
    /// The members of a group that a message of the person's goes to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<LetterMember>,
    /// What else there is to know of a message of the person's, in sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<LetterAttachment>,
    #[serde(flatten)]
    pub(crate) marks: LetterMarks,
}

/// What is so of a message, or is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LetterMarks {
    /// Whether the person sent it.
    pub(crate) mine: bool,
    /// Whether its sender says that a person wrote it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) from_person: bool,
    /// Whether the alias belonged to another key before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) key_changed: bool,
    /// Whether it waits until the person has it on the screen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unread: bool,
    /// Whether the person has put a request aside without an answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dismissed: bool,
    /// Whether a later message answers it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) answered: bool,
}

/// A member of a group that a message goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LetterMember {
    pub(crate) alias: String,
    pub(crate) status: String,
    /// Why it did not get the message, in sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// Something that is attached to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LetterAttachment {
    pub(crate) number: u8,
    /// The name, with what is hidden in it written out.
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    /// What is known of an attachment that the person sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
}

impl Letter {
    /// A message to the person of this alias.
    pub(crate) fn received(message: &Message, own: &str) -> Self {
        let group = message.group.as_deref().map(|group| escape(group).text.into_owned());
        Self {
            id: uuid(message.id),
            from: message.from.to_string(),
            to: own.to_owned(),
            group,
            text: escape(&message.body).text.into_owned(),
            at: message.sent_ms,
            reply_to: message.reply_to.map(uuid),
            intent: intent_word(message.expects.intent),
            attachments: message.attachments.iter().map(LetterAttachment::of).collect(),
            marks: LetterMarks {
                from_person: message.from_person,
                key_changed: message.key_changed.is_some(),
                unread: true,
                ..LetterMarks::default()
            },
            ..Self::default()
        }
    }

    /// Notes what is known of the message to one receiver.
    pub(crate) fn ended(&mut self, receiver: &str, status: String) {
        let known = if self.members.is_empty() {
            Some(self.status.get_or_insert_default())
        } else {
            let member = self.members.iter_mut().find(|it| it.alias == receiver);
            member.map(|member| &mut member.status)
        };
        if let Some(known) = known.filter(|known| **known != status) {
            *known = status;
            // What was said of it before need not hold any more.
            self.why = None;
        }
    }

    /// Notes what the answer to a message to a group says of one of its members.
    pub(crate) fn note_recipient(&mut self, recipient: &Value) {
        let member = self.members.iter_mut().find(|it| it.alias == field(recipient, "alias"));
        if let Some(member) = member
            && let Some(why) = recipient["why"].as_str()
        {
            field(recipient, "status").clone_into(&mut member.status);
            member.why = Some(on_page(why));
        }
    }

    /// The bytes that its texts take.
    pub(crate) fn len(&self) -> usize {
        let members: usize = self.members.iter().map(|it| it.alias.len() + it.status.len()).sum();
        let attachments: usize = self.attachments.iter().map(|it| it.name.len()).sum();
        self.text.len() + self.why.as_ref().map_or(0, String::len) + members + attachments
    }
}

impl LetterAttachment {
    /// An attachment of which no more is known.
    pub(crate) fn of(info: &AttachmentInfo) -> Self {
        Self {
            number: info.number,
            name: escape(&info.name).text.into_owned(),
            kind: match info.kind {
                AttachmentKind::File => "file",
                AttachmentKind::Value => "value",
            },
            bytes: info.bytes,
            sha256: info.sha256.map(|hash| HEXLOWER.encode(&hash)),
            status: None,
        }
    }
}

/// The word for what a sender expects; none for what is usual.
pub(crate) fn intent_word(intent: Intent) -> Option<&'static str> {
    match intent {
        Intent::Request => Some("request"),
        Intent::Done => Some("done"),
        Intent::Inform | Intent::Dropped => None,
    }
}
