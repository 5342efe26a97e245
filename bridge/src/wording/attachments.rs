//! What errors about attachments say.

use std::path::Path;

use junction_attachments::config::ConfigProblem;
use junction_attachments::policy::seems_to_hold;
use junction_attachments::refused::{
    CommandRefused, NotAllowed, ReadRefused, SaveRefused, Sensitivity, Why,
};
use junction_attachments::safe_name;
use junction_attachments::values::ValueError;
use junction_engine::attachment::Unattachable;
use junction_engine::error::{AttachmentError, AttachmentsRefused};
use junction_shared::protocol::alias::Alias;

use super::disk::{read_refused, save_refused, shown, size};
use super::{Audience, Wording};
use crate::attachments::AllowContext;
use crate::attachments::AttachmentFault;
use crate::escape::escape;

impl Wording for AttachmentsRefused {
    fn words_for(&self, audience: Audience) -> String {
        let update = audience.pick("ask your user to update", "update");
        match self {
            Self::Hub => format!(
                "{} has an older version that carries no attachments, so this message was not sent. Send it \
                 without attachments, or {update} Agent Junction on the hub's machine.",
                audience.pick("The hub of this session", "The hub")
            ),
            Self::Peer(alias) => format!(
                "The bridge of {alias} has an older version that takes no attachments, so this message was not sent. Send it without \
                 attachments, or {update} Agent Junction there."
            ),
        }
    }
}

impl Wording for AttachmentError {
    fn words_for(&self, audience: Audience) -> String {
        match audience {
            Audience::Agent => unfetched_by_agent(self),
            Audience::Person => unfetched_by_person(self).to_owned(),
        }
    }
}

/// What is said of a message that has expired.
const EXPIRED: &str = "That message has expired, and its attachments can no longer be saved. Ask its sender to send them again.";
/// What is said of an attachment that is no longer there.
const UNAVAILABLE: &str = "The attachment is no longer there: its sender has left, or what it sent has changed since. Ask the sender \
                           to send it again.";

fn unfetched_by_agent(error: &AttachmentError) -> String {
    match error {
        AttachmentError::UnknownMessage => "This session has received no message with attachments that has this message_id since it \
                                            joined. Call save_attachment again with the id of a message that read_messages returned.".to_owned(),
        AttachmentError::UnknownNumber(1) => "That message has one attachment. Call save_attachment again with attachment_id 1.".to_owned(),
        AttachmentError::UnknownNumber(count) => format!(
            "That message has the attachments 1 to {count}. Call save_attachment again with one of these as attachment_id."
        ),
        AttachmentError::TooMany => "Too many attachments are being saved at once, so nothing was saved. Wait until one is done, then call \
                                     save_attachment again.".to_owned(),
        AttachmentError::Expired => EXPIRED.to_owned(),
        AttachmentError::Unavailable => UNAVAILABLE.to_owned(),
        AttachmentError::Stalled => "Nothing of the attachment has arrived for 30 s, so nothing was saved: the sender or the hub is not \
                                     reachable. Call save_attachment again later.".to_owned(),
        AttachmentError::Broken => "What arrived is not what the message says, so nothing was saved. Tell your user, and ask the sender to \
                                    send it again.".to_owned(),
    }
}

/// A command that saves what is attached does so once, so only the sender can help.
fn unfetched_by_person(error: &AttachmentError) -> &'static str {
    match error {
        AttachmentError::UnknownMessage | AttachmentError::UnknownNumber(_) => {
            "There is no such attachment any more, so nothing was saved. Ask its sender to send it again."
        }
        AttachmentError::TooMany => {
            "Too many attachments are being saved at once, so nothing was saved. Ask the sender to send it again."
        }
        AttachmentError::Expired => EXPIRED,
        AttachmentError::Unavailable => UNAVAILABLE,
        AttachmentError::Stalled => {
            "Nothing of the attachment has arrived for 30 s, so nothing was saved: the sender or the hub is not reachable. \
             Ask the sender to send it again."
        }
        AttachmentError::Broken => {
            "What arrived is not what the message says, so nothing was saved. Ask the sender to send it again."
        }
    }
}

impl Wording for AttachmentFault {
    fn words_for(&self, audience: Audience) -> String {
        let nowhere = AllowContext::default();
        match self {
            Self::Allowable { refused, context } => match &**refused {
                Self::Read(refused) => not_read(refused, context, audience),
                Self::Save(refused) => not_saved(refused, context, audience),
                other => other.words_for(audience),
            },
            Self::Config(problem) => config_problem(problem, audience),
            Self::NoProject => audience
                .pick(
                    "The project directory of this session does not exist, so nothing was read or saved. Tell your user.",
                    "The working directory does not exist, so nothing was read or saved. Change to one that does, then try again.",
                )
                .to_owned(),
            Self::Elsewhere => "Nothing was read or saved, because this session reaches the junction over HTTP, and its files may be on another machine. Write what matters into the message, or ask your peer to.".to_owned(),
            Self::Read(refused) => not_read(refused, &nowhere, audience),
            Self::Value { path, why } => {
                format!("Nothing was sent. {}", no_value(path, *why, audience))
            }
            Self::Unattachable { name, why } => {
                format!("Nothing was sent. {}", unattachable(name, *why, audience))
            }
            Self::Save(refused) => not_saved(refused, &nowhere, audience),
            Self::Put { path, why } => format!("Nothing was saved. {}", not_put(path, *why)),
            Self::TooLargeForValue => "Nothing was saved. The attachment is larger than a value may be, which is 64 KiB. Call \
                                       save_attachment again with a path and without key or command."
                .to_owned(),
            Self::Command { name, why } => command_refused(name, why),
            Self::CommandFailed { name, code: Some(code) } => format!(
                "The command {} took the value and ended with exit code {code}, so the value does not count as saved. Tell your user.",
                in_quotes(name)
            ),
            Self::CommandFailed { name, code: None } => format!(
                "The command {} took the value and was killed by a signal, so the value does not count as saved. Tell your user.",
                in_quotes(name)
            ),
            Self::Fetch(error) => error.words_for(audience),
            Self::Engine(error) => error.words_for(audience),
            Self::Lost => audience
                .pick(
                    "The call was given up before anything was saved. Call again.",
                    "The command was given up before anything was saved. Try again.",
                )
                .to_owned(),
        }
    }
}

fn not_read(refused: &ReadRefused, context: &AllowContext, audience: Audience) -> String {
    format!("Nothing was sent. {}", read_refused(refused, context, audience))
}

fn not_saved(refused: &SaveRefused, context: &AllowContext, audience: Audience) -> String {
    format!("Nothing was saved. {}", save_refused(refused, context, audience))
}

/// What a person is asked whose client can ask: whether an attachment that the policy keeps may be sent to this peer, once.
pub(crate) fn send_question(refusal: &NotAllowed, to: &Alias) -> String {
    format!(
        "May this session send {} to the session {to} on the junction, this once? {}",
        kept(refusal),
        why_kept(refusal)
    )
}

/// What a person is asked whose client can ask: whether an attachment may be written where the policy keeps others from,
/// once. The subject is its name and its sender, if they are known. The peer's own words come last, in quotes.
pub(crate) fn save_question(
    refusal: &NotAllowed,
    subject: Option<(&str, &Alias)>,
    replaces: bool,
) -> String {
    let from = subject.map_or_else(
        || "another session".to_owned(),
        |(_, from)| format!("the session {from} on the junction"),
    );
    let mut question = format!(
        "May this session write {} with what {from} sent, this once? {}",
        kept(refusal),
        why_kept(refusal)
    );
    if replaces {
        let what =
            if refusal.key.is_some() { "A value of that name" } else { "The file that is there" };
        question += &format!(" {what} is replaced.");
    }
    if let Some((name, _)) = subject {
        question += &format!(" The other session calls it \"{}\".", escape(&safe_name(name)).text);
    }
    question
}

/// A file or value that the policy keeps.
fn kept(refusal: &NotAllowed) -> String {
    let path = shown(&refusal.path);
    match &refusal.key {
        Some(key) => format!("the value {} of {path}", escape(key).text),
        None => path,
    }
}

/// Why the policy keeps it, for its user: all that a yes would lift.
fn why_kept(refusal: &NotAllowed) -> String {
    let holds = |held| match held {
        Sensitivity::DotEnv => "It is named like a file of environment variables.",
        Sensitivity::PrivateKey => "It seems to be a private key.",
        Sensitivity::Credentials => "It is named like a file of credentials.",
        Sensitivity::Startup => "It is named like a file that a program runs when it starts.",
    };
    let place = match refusal.why {
        Why::Sensitive(held) => return holds(held).to_owned(),
        Why::Outside => "It is outside of the project directory.",
        Why::HardLink => "The file has more than one name.",
    };
    match seems_to_hold(&refusal.path) {
        Some(held) => format!("{place} {}", holds(held)),
        None => place.to_owned(),
    }
}

/// The offer to send a secret in another way.
pub(crate) fn holds_secret(kind: &str) -> String {
    format!(
        "The message seems to hold {kind}, so it was not sent: what a model reads stays in its transcript. Send the secret in attachments, \
         which no model reads, as {{path, key}} or {{env}}; or call send_message again with confirm true if it is no secret."
    )
}

fn no_value(path: &str, why: ValueError, audience: Audience) -> String {
    let path = escape(path).text;
    let with = audience.pick("Call again with", "Give");
    match why {
        ValueError::Missing => format!("{path} has no value under that key. {with} another key."),
        ValueError::NotSingle => {
            format!("What {path} has under that key is not a single value. {with} the key of one.")
        }
        ValueError::Key => key(&path, audience),
        why => value_fault(&path, why, audience),
    }
}

/// Only an agent has a value put into a file.
fn not_put(path: &str, why: ValueError) -> String {
    let path = escape(path).text;
    match why {
        ValueError::Exists => format!(
            "{path} has a value under that key. Call again with another key, or with overwrite true if it may be replaced."
        ),
        ValueError::Inexpressible => format!(
            "The value has characters that the programs that read {path} would not all read in the same way. Save it into a JSON, TOML or \
             YAML file, as a file of its own without key, or into a command."
        ),
        ValueError::NotTable => {
            format!("A part of that key in {path} holds a value. Call again with another key.")
        }
        ValueError::NotSingle => format!(
            "What {path} has under that key is not a single value, and is not replaced. Call again with another key."
        ),
        ValueError::Layout => format!(
            "The value cannot be put into {path} without changing other parts of it. Ask your user to add the key first."
        ),
        ValueError::Key => key(&path, Audience::Agent),
        why => value_fault(&path, why, Audience::Agent),
    }
}

fn key(path: &str, audience: Audience) -> String {
    let key = audience.pick("key", "The key");
    format!(
        "{key} is not one that {path} can have. Give the name of a variable, or in JSON, TOML and YAML names with dots between them, and quotes \
         around a name that has a dot."
    )
}

fn value_fault(path: &str, why: ValueError, audience: Audience) -> String {
    let what = match why {
        ValueError::FileSize { limit } => {
            let limit = size(limit as u64);
            return format!("{path} is or would be larger than {limit}. Choose another file.");
        }
        ValueError::Tokens => "has more entries than are read of one TOML file",
        ValueError::ValueSize => "would have a value longer than 64 KiB",
        ValueError::NotText => "or the value is not text in UTF-8",
        ValueError::Syntax => "is not in the format that its name says",
        ValueError::Twice => "has that key twice",
        ValueError::Alias => "has a YAML alias there, and none is followed",
        ValueError::Documents => "has more than one YAML document",
        ValueError::Unclear => "has a value there that programs read in different ways",
        _ => "cannot be used with that key",
    };
    let look = audience.pick("Ask your user to look at the file", "Look at the file");
    format!("{path} {what}. {look}.")
}

fn unattachable(name: &str, why: Unattachable, audience: Audience) -> String {
    let name = escape(name).text;
    match why {
        Unattachable::Unreadable(_) | Unattachable::Changed => {
            let again = audience.pick("Call again", "Try again");
            format!("{name} was changed while it was read. {again}.")
        }
        Unattachable::TooLarge { limit } => format!(
            "{name} is larger than {}. Send a part of it, or send it in another way.",
            size(limit)
        ),
        Unattachable::TooMany => {
            "A message has at most 8 attachments. Send the others with another message.".to_owned()
        }
        Unattachable::BadName => {
            let with = audience.pick("Call again with", "Choose");
            format!("An attachment has no name that can be sent. {with} another.")
        }
    }
}

/// The name of a command in a sentence.
fn in_quotes(name: &str) -> String {
    format!("\"{}\"", escape(name).text)
}

fn unknown_command(name: &str, known: &[String], file: &Path) -> String {
    let file = shown(file);
    if known.is_empty() {
        return format!(
            "Nothing was saved. Your user has configured no commands. Call again with a path, or ask your user to add {name} to the table \
             [attachments.commands] of {file}."
        );
    }
    let known: Vec<_> = known.iter().map(|name| in_quotes(name)).collect();
    format!(
        "Nothing was saved. Your user has configured no command {name}, only {}. Call again with one of these, or ask your user to add \
         {name} to the table [attachments.commands] of {file}.",
        known.join(", ")
    )
}

fn command_refused(name: &str, why: &CommandRefused) -> String {
    let name = in_quotes(name);
    match why {
        CommandRefused::Unknown { known, file } => unknown_command(&name, known, file),
        CommandRefused::NotFound { program } => format!(
            "Nothing was saved. The program {} of the command {name} was not found. Ask your user to correct the command in config.toml.",
            escape(program).text
        ),
        CommandRefused::Start { program, .. } => format!(
            "Nothing was saved. The program {} of the command {name} could not be started. Tell your user.",
            shown(program)
        ),
        CommandRefused::TooLarge { limit } => format!(
            "Nothing was saved. The value is larger than {}, which is the most that a command is given. Save it as a file.",
            size(*limit)
        ),
        CommandRefused::TimedOut { seconds } => format!(
            "The command {name} took the value, ran longer than {seconds} s and was ended, so the value is not known to be saved. Tell your user."
        ),
        CommandRefused::Lost => format!(
            "The system did not say how the command {name} ended, so the value is not known to be saved. Tell your user."
        ),
    }
}

pub(crate) fn config_problem(problem: &ConfigProblem, audience: Audience) -> String {
    let correct = audience.pick("Ask your user to correct it", "Correct it");
    match problem {
        ConfigProblem::File(error) => error.to_string(),
        ConfigProblem::WrongType { key } => {
            format!("{key} in config.toml has a value of the wrong type. {correct}.")
        }
        ConfigProblem::NotAbsolute { key } => {
            format!("{key} in config.toml names a path that is not absolute. {correct}.")
        }
        ConfigProblem::Missing(path) => {
            format!("There is nothing at {}. Check the path.", shown(path))
        }
        ConfigProblem::Link { path, real } => {
            format!("{} leads through a symbolic link. Allow {} instead.", shown(path), shown(real))
        }
        ConfigProblem::NotExpanded(path) => format!(
            "{} begins with ~, which is not expanded here. Write the path out from /, or from ./ if the file is called so.",
            shown(path)
        ),
        ConfigProblem::NotAFolder(path) => format!("{} is no folder. Name one.", shown(path)),
        ConfigProblem::NotAFile(path) => format!(
            "{} is a folder, in which no value has a name. Name a file, or leave the key out.",
            shown(path)
        ),
        ConfigProblem::NotUnicode(path) => {
            format!("{} is no Unicode text, so config.toml cannot hold it. Rename it.", shown(path))
        }
        ConfigProblem::Never(path) => format!(
            "{} belongs to the system, to Agent Junction itself, or to a program that runs what is saved there, and is never allowed. \
             Choose another path.",
            shown(path)
        ),
        ConfigProblem::BadName => {
            "That is no name of an environment variable. Give one without blanks and =.".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_wrong_name_of_a_command_gets_those_that_exist_and_the_file() {
        let said = |known: &[&str]| {
            let known = known.iter().map(|name| (*name).to_owned()).collect();
            let file = "/c/config.toml".into();
            let why = CommandRefused::Unknown { known, file };
            AttachmentFault::Command { name: "x".to_owned(), why }.wording()
        };
        assert!(
            said(&["a", "b"]).contains("no command \"x\", only \"a\", \"b\"."),
            "{}",
            said(&["a", "b"])
        );
        for known in [&["a"][..], &[]] {
            assert!(said(known).contains("/c/config.toml"), "{}", said(known));
        }
        assert!(said(&[]).contains("no commands"), "{}", said(&[]));
    }

    #[test]
    fn regression_command_that_took_too_long_may_have_saved_the_value() {
        let why = CommandRefused::TimedOut { seconds: 60 };
        let said = AttachmentFault::Command { name: "fails".to_owned(), why }.wording();
        assert!(said.contains("\"fails\" took the value") && !said.contains("Nothing"), "{said}");
    }
}
