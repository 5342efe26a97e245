//! What commands say to a person: errors whose next step is a command rather than a tool, and what became of a message.

use junction_engine::error::{AttachmentError, Error, Unanswered};
use junction_engine::hubs::selection::AwayReason;
use serde_json::{Map, Value};

use super::Wording;
use crate::attachments::AttachmentFault;

/// What is wrong, and what a person can do.
pub(crate) fn for_person(error: &Error) -> String {
    match error {
        Error::UnknownAlias(_) => {
            "No peer has that alias now. Run junction-bridge peers to see who is there.".to_owned()
        }
        Error::PeerLeft(alias) => format!(
            "{alias} has left, and its name is kept for its return, so this message was not sent. Send it again once {alias} is \
             back, or run junction-bridge peers to see who is there."
        ),
        Error::ToSelf => {
            "That alias is your own. Run junction-bridge peers to see the others.".to_owned()
        }
        Error::AliasTaken(free) => format!(
            "That alias, or one too similar to it, is taken. Choose another with --as: {free} is free."
        ),
        Error::KeyChanged { alias, known_as, known, offered } => format!(
            "The key of {alias} has changed since messages were exchanged with {known_as}: it was {known} and is now \
             {offered}. If you trust the new one, send again with --fingerprint {offered}."
        ),
        Error::OtherFingerprint { alias, offered } => format!(
            "The peer {alias} has the fingerprint {offered}, not the one you gave. Find out which is right before you send."
        ),
        Error::UnusableCard(alias) => format!(
            "Nothing can be sent to {alias}, because its card is not valid or is older than an earlier one. Run \
             junction-bridge peers to see who else is there."
        ),
        Error::UnreadQuestion(alias) => format!(
            "{alias} has asked you something and waits for the answer, so this was not sent. Read that first, then ask again."
        ),
        Error::Left | Error::HubMisbehaving => {
            "The hub sent what no honest hub can send, or the session has ended. Run junction-bridge hosts.".to_owned()
        }
        Error::HubAway(Unanswered::Away(AwayReason::Stopped { .. })) => {
            "The hub was stopped. The next tool call of an agent starts it again, and so do junction-bridge send, read --wait \
             and watch, and junction-hub."
                .to_owned()
        }
        Error::ReadBusy => {
            "Another read is still being answered. Try again in a few seconds.".to_owned()
        }
        other => in_persons_words(&other.wording()),
    }
}

/// The words of an error for an agent, in those for its user.
pub(crate) fn in_persons_words(text: &str) -> String {
    const AGENTS: [(&str, &str); 17] = [
        ("Tell your user before anything is committed", "Look at it before you commit"),
        ("Tell your user, and ask", "Ask"),
        ("Tell your user to ", ""),
        ("Ask your user to ", ""),
        ("Call known_hosts to see", "Run junction-bridge hosts to see"),
        (
            "Your next call that needs it, such as list_peers, starts",
            "The next tool call of its agent that needs it starts",
        ),
        ("The bridge keeps trying; call again in a few seconds", "Run this again in a few seconds"),
        ("Call again in a few seconds; the bridge keeps trying", "Run this again in a few seconds"),
        ("; the bridge keeps trying", ", and run this again"),
        ("call again in a few seconds", "run this again in a few seconds"),
        ("Call again in a few seconds", "Run this again in a few seconds"),
        ("Call list_peers", "Run junction-bridge peers"),
        ("Your user has not allowed", "You have not allowed"),
        ("your user has not allowed", "you have not allowed"),
        (", then call again", ", then run this again"),
        ("Call again.", "Run this again."),
        ("Call again with", "Run this again with"),
    ];
    let mut text = text.to_owned();
    for (agents, persons) in AGENTS {
        while let Some(at) = text.find(agents) {
            text.replace_range(at..at + agents.len(), persons);
            if persons.is_empty()
                && let Some(first) = text[at..].chars().next()
            {
                text.replace_range(at..at + first.len_utf8(), &first.to_uppercase().to_string());
            }
        }
    }
    text
}

/// Why nothing was attached or saved, and what a person can do.
pub(crate) fn attachment_fault(fault: &AttachmentFault) -> String {
    match fault {
        AttachmentFault::NoProject => {
            "The working directory does not exist. Change to one that does, then run this again."
                .to_owned()
        }
        AttachmentFault::Fetch(AttachmentError::Stalled) => {
            "Nothing of the attachment has arrived for 30 s, so nothing was saved: the sender or the hub is not reachable. \
             Ask the sender to send it again."
                .to_owned()
        }
        AttachmentFault::Fetch(AttachmentError::TooMany) => {
            "Too many attachments are being saved at once, so nothing was saved. Ask the sender to send it again.".to_owned()
        }
        AttachmentFault::Engine(error) => for_person(error),
        AttachmentFault::Lost => {
            "The command was given up before anything was saved. Run this again.".to_owned()
        }
        other => in_persons_words(&other.wording()),
    }
}

/// What became of a message, from the answer of the tool `send_message`.
pub(crate) fn sent(answer: &Map<String, Value>) -> String {
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
    let (to, status) = (text("to"), text("status"));
    match status {
        "queued" => format!(
            "Not sent to {to} yet, because the hub does not answer. It is sent once the hub is back, as long as this session runs."
        ),
        "read" => format!("Sent to {to}, and read."),
        "expired" => format!("{to} did not read the message in time."),
        "unconfirmed" => format!("Sent to {to}, but nobody can say whether it was read."),
        _ => {
            let outlook = answer.get("peer").map(|peer| outlook(to, peer)).unwrap_or_default();
            format!("Sent to {to}. {outlook}")
        }
    }
}

/// What became of a message to a group, by the answer of the tool.
pub(crate) fn group_sentence(answer: &Map<String, Value>) -> String {
    let recipients = answer.get("recipients").and_then(Value::as_array);
    let recipients = recipients.map(Vec::as_slice).unwrap_or_default();
    let text = |of: &Value, field: &str| of[field].as_str().unwrap_or_default().to_owned();
    let is_sent = |it: &&Value| text(it, "status") != "not_sent";
    let sent: Vec<_> = recipients.iter().filter(is_sent).map(|it| text(it, "alias")).collect();
    let count = sent.len();
    let s = if count == 1 { "" } else { "s" };
    let mut said = format!("Sent to {count} session{s}: {}.", sent.join(", "));
    for other in recipients.iter().filter(|it| !is_sent(it)) {
        let (alias, why) = (text(other, "alias"), text(other, "why"));
        said.push_str(&format!("\nNot sent to {alias}: {}", in_persons_words(&why)));
    }
    said
}

/// When the receiver will see the message.
fn outlook(to: &str, peer: &Value) -> String {
    let text = |field: &str| peer[field].as_str().unwrap_or_default();
    if text("presence") != "online" {
        return format!(
            "{to} is away: the hub keeps the message until {to} is back, or the message expires."
        );
    }
    if let Some(seconds) = peer["wakes_in_seconds"].as_u64() {
        return format!("It is woken in {seconds} s at the latest.");
    }
    if let Some(why) = peer["reach_why"].as_str() {
        return format!(
            "Nothing wakes it: {}. It reads the message when it is next prompted.",
            because(why)
        );
    }
    match (text("reach"), text("state")) {
        ("push", _) => "It is told at once.".to_owned(),
        ("next-turn", "busy") => "It is busy, and is told during this turn.".to_owned(),
        ("next-turn", _) => "It is told when it is next prompted.".to_owned(),
        _ => "Nothing wakes it: it reads the message when it next looks.".to_owned(),
    }
}

/// A way by which an agent is woken, by its word, and whether its client's makers document it.
pub(crate) fn way(word: &str) -> &'static str {
    match word {
        "plugin" => "the junction's plugin, a way that its client's makers document",
        "inbox" => "Claude Code's inbox, a way that its makers do not document",
        "queue" => "Codex's queue, a way that its makers document",
        "rewake-hook" => "a rewake hook, a way that its client's makers document",
        "waiting-call" => "the call in which it waits for messages",
        _ => "a way that this version does not know",
    }
}

/// Why an agent is not woken, by the word of `reach_why`.
pub(crate) fn because(why: &str) -> &'static str {
    match why {
        "budget" => "it was woken as often as it may be in an hour",
        "no-hooks" => "its client has no hooks of the junction",
        "hooks-untrusted" => "its client does not trust the junction's hooks yet",
        "never-prompted" => "nobody has prompted it yet",
        "denied" => "its user denied it the tool that reads messages",
        "asleep" => "nobody can see its session",
        "dropped" => "its client refused the last wake",
        "low-urgency" => "the message has low urgency",
        "chain" => "too many messages have gone back and forth without a person",
        _ => "its client has no way to wake it",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(status: &str, peer: &Value) -> String {
        let answer = json!({ "to": "bob", "status": status, "peer": peer });
        sent(answer.as_object().unwrap())
    }

    #[test]
    fn status_is_said_no_better_than_it_is_known() {
        let away = json!({ "presence": "away", "reach": "push", "state": "idle" });
        assert!(said("accepted", &away).contains("bob is away"));
        assert!(said("queued", &away).starts_with("Not sent to bob yet"));
        assert!(said("unconfirmed", &away).contains("nobody can say"));
        let busy = json!({ "presence": "online", "reach": "next-turn", "state": "busy" });
        assert_eq!(said("opened", &busy), "Sent to bob. It is busy, and is told during this turn.");
    }

    #[test]
    fn receiver_that_nothing_wakes_is_said_to_be_one() {
        let peer = |more: Value| {
            let mut peer = json!({ "presence": "online", "reach": "push", "state": "idle" });
            peer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            said("opened", &peer)
        };
        assert!(
            peer(json!({ "wakes_in_seconds": 40 })).ends_with("It is woken in 40 s at the latest.")
        );
        for why in [
            "budget",
            "no-hooks",
            "hooks-untrusted",
            "never-prompted",
            "denied",
            "asleep",
            "chain",
            "low-urgency",
            "no-way",
        ] {
            assert!(peer(json!({ "reach_why": why })).contains("Nothing wakes it: "), "{why}");
        }
        assert!(peer(json!({ "reach": "pull" })).contains("Nothing wakes it"));
        assert_eq!(peer(json!({})), "Sent to bob. It is told at once.");
    }

    #[test]
    fn words_for_agents_are_turned_to_their_user() {
        assert_eq!(
            in_persons_words("It is taken. Tell your user to unset X."),
            "It is taken. Unset X."
        );
        assert_eq!(
            in_persons_words("No. Ask your user to run this. Ask your user to try."),
            "No. Run this. Try."
        );
        assert_eq!(
            in_persons_words("Full. Ask your user to make room, then call again."),
            "Full. Make room, then run this again."
        );
        assert_eq!(in_persons_words("As it is."), "As it is.");
    }
}
