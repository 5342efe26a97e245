//! What errors of the engine say to an agent: its next step is a call of a tool, or a word to its user.

use junction_engine::ClaimError;
use junction_engine::error::{Error, Unanswered, UnreadLimit};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::limits::MAX_GROUP;
use junction_shared::protocol::wire::Refusal;

use super::{Audience, Wording, refusal_word};

/// What is said where as many notifications as may be are pending.
const TOO_MANY_NOTIFICATIONS: &str = "Too many notifications are pending, so this message was not sent. Send it again without notify_when.";

/// What is said where another read is still being answered.
const READ_BUSY: &str =
    "Another read_messages call is still being answered. Call again when it has ended.";

/// What is said where as many calls as may be are waiting.
const TOO_MANY_WAITS: &str =
    "Too many calls are waiting at once. Let one of them end, then call again.";

/// What is said where the agent's user had the session leave.
const REMOVED: &str = "Your user removed this session from the junction. Ask your user before you call register to join again.";

/// What is wrong, and what an agent can do.
pub(super) fn for_agent(error: &Error) -> String {
    match error {
            Error::HubAway(unanswered) => unanswered.wording(),
            Error::NotSent(unanswered) => format!("Nothing was sent. {}", unanswered.wording()),
            Error::Move(error) => error.wording(),
            Error::AliasTaken(free) => format!(
                "That alias, or one too similar to it, is taken. Call register again with alias {free}, which is free, or with another."
            ),
            Error::KeyChanged { alias, known_as, known, offered } => {
                key_changed(alias, known_as, known, offered)
            }
            Error::OtherFingerprint { alias, offered } => other_fingerprint(alias, offered),
            Error::UnusableCard(alias) => unusable_card(alias),
            Error::TooLarge { limit } => too_large(*limit),
            Error::PeerFull(limit) => format!(
                "{} to that peer are still unread. Wait until it reads some, then send again.",
                amount(*limit)
            ),
            Error::OutboxFull(limit) => format!(
                "{} of yours are still unread. Wait until some are read, then send again.",
                amount(*limit)
            ),
            Error::SendLimit { seconds } => send_limit(*seconds),
            Error::ReceiverLimit { seconds } => receiver_limit(*seconds),
            Error::GroupLimit { seconds } => group_limit(*seconds),
            Error::EmptyGroup => {
                "Nobody is in that group now, so nothing was sent. Call list_peers to see who is there.".to_owned()
            }
            Error::GroupTooLarge { members } => group_too_large(*members),
            Error::KnowsNoRequests(alias) => knows_no_requests(alias),
            Error::Refused(refusal) => refused(*refusal),
            Error::Left => {
                "This session has left the junction. Call register to join again.".to_owned()
            }
            Error::Removed => REMOVED.to_owned(),
            Error::UnknownAlias(_) => {
                "No peer has that alias now. Call list_peers to see who is there.".to_owned()
            }
            Error::PeerLeft(alias) => peer_left(alias),
            Error::BadAlias => {
                "alias must be 3 to 32 characters from a-z, 0-9 and hyphen, with at least one letter or digit. Call register again with such an alias.".to_owned()
            }
            Error::HubMisbehaving => {
                "The hub sent an answer that no honest hub can send (hub_misbehaving). Tell your user before you send anything secret.".to_owned()
            }
            Error::UnreadQuestion(alias) => unread_question(alias),
            Error::ToSelf => "That alias is your own. Call list_peers to see the others.".to_owned(),
            Error::TooManyNotifications => TOO_MANY_NOTIFICATIONS.to_owned(),
            Error::NoAttachments(refused) => refused.wording(),
            Error::TooManyAttachments => too_many_attachments(),
            Error::Attachment(error) => error.wording(),
            Error::Claim(error) => error.wording(),
            Error::ReadBusy => READ_BUSY.to_owned(),
            Error::OlderHub => {
                "The hub of this session is an older version, which can neither list sessions by their state nor wait for a single one. \
                 Call again without alias and state, or ask your user to update Agent Junction on the hub's machine.".to_owned()
            }
            Error::TooManyWaits => TOO_MANY_WAITS.to_owned(),
    }
}

fn group_limit(seconds: u64) -> String {
    format!(
        "This session has reached its limit of messages to groups per minute, so this message was not sent. Send it again in \
         {seconds} s; messages to single peers are still accepted."
    )
}

fn group_too_large(members: usize) -> String {
    format!(
        "That group has {members} members, and a message may go to {MAX_GROUP} at most, so nothing was sent. Name a smaller group, or \
         some of its members by their aliases."
    )
}

fn knows_no_requests(alias: &Alias) -> String {
    format!(
        "The bridge of {alias} is an older version that knows no requests and would never report this one as done, so nothing was \
         sent. Send it again without notify_when, and ask for a message in return."
    )
}

fn too_large(limit: usize) -> String {
    format!(
        "The message is larger than {limit} bytes. Send it in parts, or send a path or a link instead."
    )
}

fn receiver_limit(seconds: u64) -> String {
    format!(
        "This session has reached its limit of new receivers per minute, so this message was not sent. Send it again in \
         {seconds} s; messages to earlier receivers are still accepted."
    )
}

fn refused(refusal: Refusal) -> String {
    format!(
        "The message ended as refused({}) and was not delivered. {}",
        refusal_word(refusal),
        refusal_step(refusal)
    )
}

fn key_changed(alias: &Alias, known_as: &Alias, known: &str, offered: &str) -> String {
    if alias == known_as {
        return format!(
            "The key of peer {alias} has changed since you last exchanged messages: it was {known} and is now {offered}. \
             Ask your user; to trust the new one, call send_message again with fingerprint {offered}."
        );
    }
    format!(
        "The alias {alias} is easily confused with {known_as}, with which you exchanged messages, and belongs to another key: \
         {known_as} had {known}, {alias} has {offered}. Ask your user; to trust the new one, call send_message again with \
         fingerprint {offered}."
    )
}

fn other_fingerprint(alias: &Alias, offered: &str) -> String {
    format!(
        "The peer {alias} has the fingerprint {offered}, not the one you gave. Ask your user which is right before you send."
    )
}

fn unusable_card(alias: &Alias) -> String {
    format!(
        "Nothing can be sent to the peer {alias}, because its card is not valid or is older than an earlier one. Call \
         list_peers to see who else is there, and tell your user."
    )
}

fn too_many_attachments() -> String {
    "Too many attachments are waiting for that peer to save them, so this message was not sent. Send it again once some are saved or expired."
        .to_owned()
}

fn peer_left(alias: &Alias) -> String {
    format!(
        "{alias} has left, and its name is kept for its return, so this message was not sent. Send it again once {alias} is back, or \
         call list_peers to see who is there."
    )
}

fn unread_question(alias: &Alias) -> String {
    format!(
        "The peer {alias} has asked this session something and waits for the answer, so this message was not sent. Call \
         read_messages and answer first, then ask again."
    )
}

fn send_limit(seconds: u64) -> String {
    format!(
        "This session has reached its limit of messages per minute, so this message was not sent. Send it again in {seconds} s."
    )
}

fn amount(UnreadLimit { messages, bytes }: UnreadLimit) -> String {
    format!("{messages} messages or {} MiB", bytes >> 20)
}

impl Wording for Unanswered {
    fn words_for(&self, audience: Audience) -> String {
        match self {
            Self::Away(reason) => reason.words_for(audience),
            Self::Late => {
                let again = audience.pick("Call again", "Try again");
                format!("The hub did not answer in time. {again} in a few seconds.")
            }
            Self::Lost => {
                let again = audience.pick("Call register again", "Try again");
                format!("The hub was lost before it answered. {again}.")
            }
        }
    }
}

impl Wording for ClaimError {
    /// A person claims nothing.
    fn words_for(&self, _: Audience) -> String {
        match self {
            Self::BadPath => {
                "A path to claim is empty, absolute, or has an empty segment, \".\" or \"..\", so nothing was claimed. Name paths relative to the repository, with / between their segments.".to_owned()
            }
            Self::ControlCharacter => {
                "A path to claim has a control character, such as the end of a line, so nothing was claimed. Claim a directory above it.".to_owned()
            }
            Self::LongPath(limit) => format!(
                "A path to claim is longer than {limit} bytes, so nothing was claimed. Claim a directory above it."
            ),
            Self::LongNote(limit) => format!(
                "The note is longer than {limit} characters, so nothing was claimed. Claim again with a shorter note."
            ),
            Self::TooMany(limit) => format!(
                "This session would have more than {limit} claims in the repository, so these paths were not claimed. Release some, or claim directories instead of files."
            ),
            Self::TooLarge(limit) => format!(
                "The claims of this session would take more than {limit} bytes, so these paths were not claimed. Release some, or claim directories instead of files."
            ),
        }
    }
}

fn refusal_step(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Gone => "Call list_peers to see who is there.",
        Refusal::InboxFull => "Wait until the peer reads its messages, then send again.",
        Refusal::IdConflict => "Send it again.",
        Refusal::ToSelf => "Call list_peers to see the others.",
        Refusal::NoAttachments => {
            "Send it without attachments, or ask your user to update Agent Junction on both sides."
        }
        Refusal::Changed => "Send it again.",
    }
}
