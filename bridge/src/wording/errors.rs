//! What errors of the engine say to a person: the next step is a command, or a look at something else.

use junction_engine::error::Error;
use junction_shared::protocol::wire::Refusal;

use super::agents::for_agent;
use super::{Audience, Wording};

impl Wording for Error {
    fn words_for(&self, audience: Audience) -> String {
        match audience {
            Audience::Agent => for_agent(self),
            Audience::Person => for_person(self),
        }
    }
}

/// What is wrong, and what a person can do.
pub(crate) fn for_person(error: &Error) -> String {
    match error {
        Error::HubAway(unanswered) => unanswered.words_for(Audience::Person),
        Error::NotSent(unanswered) => {
            format!("Nothing was sent. {}", unanswered.words_for(Audience::Person))
        }
        Error::UnknownAlias(_) | Error::PeerLeft(_) | Error::EmptyGroup | Error::ToSelf => {
            nobody(error)
        }
        Error::AliasTaken(free) => format!(
            "That alias, or one too similar to it, is taken. Choose another with --as: {free} is free."
        ),
        Error::BadAlias => {
            "An alias has 3 to 32 characters from a-z, 0-9 and hyphen, with at least one letter or digit. Choose another with --as."
                .to_owned()
        }
        Error::KeyChanged { .. } | Error::OtherFingerprint { .. } | Error::UnusableCard(_) => {
            untrusted(error)
        }
        Error::UnreadQuestion(alias) => format!(
            "{alias} has asked you something and waits for the answer, so this was not sent. Read that first, then ask again."
        ),
        Error::Left | Error::Removed => {
            "Your session on the hub has ended. Start the command again.".to_owned()
        }
        Error::HubMisbehaving => {
            "The hub sent an answer that no honest hub can send. Send nothing secret, and ask the person who runs the hub."
                .to_owned()
        }
        Error::ReadBusy => {
            "Another read is still being answered. Try again in a few seconds.".to_owned()
        }
        Error::OlderHub => {
            "The hub is an older version, which can neither list sessions by their state nor wait for a single one. Update \
             Agent Junction on the hub's machine."
                .to_owned()
        }
        Error::Refused(refusal) => refused(*refusal),
        Error::NoAttachments(refused) => refused.words_for(Audience::Person),
        Error::Attachment(error) => error.words_for(Audience::Person),
        Error::TooLarge { .. }
        | Error::PeerFull(_)
        | Error::OutboxFull(_)
        | Error::TooManyAttachments
        | Error::SendLimit { .. }
        | Error::ReceiverLimit { .. }
        | Error::GroupLimit { .. }
        | Error::GroupTooLarge { .. }
        | Error::TooManyNotifications
        | Error::TooManyWaits => too_much(error),
        // What a person never asks for: the words are an agent's.
        Error::Move(_) | Error::Claim(_) | Error::KnowsNoRequests(_) => for_agent(error),
    }
}

/// Why there is nobody to send to.
fn nobody(error: &Error) -> String {
    match error {
        Error::UnknownAlias(_) => {
            "No session has that alias now. Run junction-bridge peers to see who is there.".to_owned()
        }
        Error::PeerLeft(alias) => format!(
            "{alias} has left, and its name is kept for its return, so this message was not sent. Send it again once {alias} is \
             back, or run junction-bridge peers to see who is there."
        ),
        Error::EmptyGroup => {
            "Nobody is in that group now, so nothing was sent. Run junction-bridge peers to see who is there.".to_owned()
        }
        Error::ToSelf => {
            "That alias is your own. Run junction-bridge peers to see the others.".to_owned()
        }
        other => for_agent(other),
    }
}

/// Why nothing is sent to a peer that may not be who it seems.
fn untrusted(error: &Error) -> String {
    match error {
        Error::KeyChanged { alias, known_as, known, offered } if alias == known_as => format!(
            "The key of {alias} has changed since you last exchanged messages: it was {known} and is now {offered}. If you \
             trust the new one, send again with --fingerprint {offered}."
        ),
        Error::KeyChanged { alias, known_as, known, offered } => format!(
            "The alias {alias} is easily confused with {known_as}, with which you exchanged messages, and belongs to another \
             key: {known_as} had {known}, {alias} has {offered}. If you trust the new one, send again with --fingerprint {offered}."
        ),
        Error::OtherFingerprint { alias, offered } => format!(
            "{alias} has the fingerprint {offered}, not the one you gave. Find out which is right before you send."
        ),
        Error::UnusableCard(alias) => format!(
            "Nothing can be sent to {alias}, because its card is not valid or is older than an earlier one. Run \
             junction-bridge peers to see who else is there."
        ),
        other => for_agent(other),
    }
}

/// What there is too much of, and when it will be less.
fn too_much(error: &Error) -> String {
    match error {
        Error::TooLarge { limit } => format!(
            "The message is larger than {limit} bytes. Send it in parts, or attach it as a file."
        ),
        Error::SendLimit { seconds } => format!(
            "You have sent as many messages as may be sent in a minute, so this one was not sent. Send it again in {seconds} s."
        ),
        Error::ReceiverLimit { seconds } => format!(
            "You have written to as many new receivers as you may in a minute, so this message was not sent. Send it again in \
             {seconds} s; you can still write to earlier receivers."
        ),
        Error::GroupLimit { seconds } => format!(
            "You have written to groups as often as you may in a minute, so this message was not sent. Send it again in \
             {seconds} s; you can still write to single sessions."
        ),
        Error::TooManyNotifications => {
            "Too many notifications are pending, so this message was not sent. Send it again later."
                .to_owned()
        }
        Error::TooManyWaits => {
            "Too many commands are waiting at once. Let one of them end, then try again.".to_owned()
        }
        // These say it without a word of tools.
        other => for_agent(other),
    }
}

/// Why a message was not delivered.
fn refused(refusal: Refusal) -> String {
    let (why, next) = match refusal {
        Refusal::Gone => ("its receiver is gone", "Run junction-bridge peers to see who is there."),
        Refusal::InboxFull => (
            "too much is waiting unread for its receiver",
            "Wait until it has read some of that, then send again.",
        ),
        Refusal::IdConflict => ("the hub has another message with its id", "Send it again."),
        Refusal::ToSelf => ("it is to yourself", "Run junction-bridge peers to see the others."),
        Refusal::NoAttachments => (
            "the hub or the receiver takes no attachments",
            "Send it without attachments, or update Agent Junction on both sides.",
        ),
        Refusal::Changed => ("what it attaches has changed since", "Send it again."),
    };
    format!("The message was not delivered, because {why}. {next}")
}
