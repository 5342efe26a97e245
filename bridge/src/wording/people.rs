//! What commands say to a person: why something cannot be done, and what became of a message.

use junction_engine::error::Error;
use junction_shared::protocol::wire::Refusal;
use serde_json::{Map, Value};

pub(crate) use super::errors::for_person;
use super::{Audience, Wording as _, refusal_word};
use crate::attachments::AttachmentFault;

/// What commands say to a person, in words for the page: there is no terminal.
pub(crate) fn on_page(text: &str) -> String {
    const COMMANDS: [(&str, &str); 7] = [
        ("Run junction-bridge peers to see the others.", "Choose another session from the list."),
        (
            "Run junction-bridge peers to see who else is there.",
            "Choose another session from the list.",
        ),
        (" with --fingerprint", " to the fingerprint"),
        ("Run junction-bridge peers to see who is there.", "Choose a session from the list."),
        ("run junction-bridge peers to see who is there.", "choose a session from the list."),
        ("or '*' for everybody", "or * for everybody"),
        ("as junction-bridge peers shows it", "as the list of sessions shows it"),
    ];
    let mut text = text.to_owned();
    for (command, page) in COMMANDS {
        text = text.replace(command, page);
    }
    text
}

/// What is said on the page of a receiver whose key is another than before.
pub(crate) fn new_key_on_page(why: &str, offered: &str) -> String {
    why.replace(&format!("send again with --fingerprint {offered}"), "send it with the new key")
}

/// Why nothing was attached or saved, and what a person can do.
pub(crate) fn attachment_fault(fault: &AttachmentFault) -> String {
    fault.words_for(Audience::Person)
}

/// What became of a message, from the answer of the tool `send_message`.
pub(crate) fn sent(answer: &Map<String, Value>) -> String {
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
    let (to, status) = (text("to"), text("status"));
    if is_repeated(answer) {
        return format!("{SENT_BEFORE} {}", known_of(to, status));
    }
    unusual(to, status).unwrap_or_else(|| match status {
        "read" => format!("Sent to {to}, and read."),
        _ if answer.contains_key("gone") => format!("Sent to {to}."),
        _ => {
            let outlook = answer.get("peer").map(|peer| outlook(to, peer)).unwrap_or_default();
            format!("Sent to {to}. {outlook}")
        }
    })
}

/// What is said of a message whose key an earlier one had.
const SENT_BEFORE: &str = "A message with this key was sent before, so nothing was sent now.";
/// What is said of a message to a group whose key an earlier one had. The answer does not tell who got it which time.
const SENT_TO_GROUP_BEFORE: &str =
    "A message with this key was sent before. The sessions that received it do not get it again.";

/// Whether an earlier message had the key of this one, so that it was not sent again.
pub(crate) fn is_repeated(answer: &Map<String, Value>) -> bool {
    answer.get("repeated") == Some(&Value::Bool(true))
}

/// What is known of a message that was sent to this receiver before.
fn known_of(to: &str, status: &str) -> String {
    match status {
        "queued" => format!("The hub does not have it for {to} yet."),
        "accepted" => format!("The hub keeps it for {to}."),
        "opened" => format!("{to} has it, and has not read it yet."),
        "read" => format!("{to} has read it."),
        "expired" => format!("{to} did not read it in time."),
        "unconfirmed" => format!("Nobody can say whether {to} has read it."),
        _ => format!("{to} did not get it: it ended as {status}."),
    }
}

/// What became of a message to these receivers, if that is not what they were sent it for.
fn unusual(to: &str, status: &str) -> Option<String> {
    Some(match status {
        "queued" => format!(
            "Not sent to {to} yet, because the hub does not answer. It is sent once the hub is back, as long as this session runs."
        ),
        "expired" => format!("{to} did not read the message in time."),
        "unconfirmed" => format!("Sent to {to}, but nobody can say whether it was read."),
        _ => return None,
    })
}

/// What became of a message to a group, by the answer of the tool: a line for each thing that became of it. What the hub
/// has not taken is left out unless the session lasts.
pub(crate) fn group_sentence(answer: &Map<String, Value>, is_lasting: bool) -> String {
    let recipients = recipients(answer);
    if is_repeated(answer) {
        let known = recipients.iter().map(|it| match field(it, "status") {
            "not_sent" => not_sent(it),
            status => known_of(field(it, "alias"), status),
        });
        return std::iter::once(SENT_TO_GROUP_BEFORE.to_owned())
            .chain(known)
            .collect::<Vec<_>>()
            .join("\n");
    }
    let names = |statuses: &[&str]| -> Vec<&str> {
        let with = recipients.iter().filter(|it| statuses.contains(&field(it, "status")));
        with.map(|it| field(it, "alias")).collect()
    };
    let mut lines = Vec::new();
    let sent = names(&["accepted", "opened", "read"]);
    if !sent.is_empty() {
        let (count, s) = (sent.len(), if sent.len() == 1 { "" } else { "s" });
        lines.push(format!("Sent to {count} session{s}: {}.", sent.join(", ")));
    }
    for status in ["unconfirmed", "expired", "queued"] {
        let names = names(&[status]);
        if !names.is_empty() && (is_lasting || status != "queued") {
            lines.extend(unusual(&names.join(", "), status));
        }
    }
    lines.extend(recipients.iter().filter(|it| is_missed(field(it, "status"))).map(not_sent));
    lines.join("\n")
}

/// Why a member of a group did not get the message.
fn not_sent(recipient: &Value) -> String {
    let why = match refusal(field(recipient, "status")) {
        Some(refusal) => for_person(&Error::Refused(refusal)),
        None => field(recipient, "why").to_owned(),
    };
    format!("Not sent to {}: {why}", field(recipient, "alias"))
}

/// What is said where a message did not get to every receiver, after what became of it for each.
pub(crate) fn not_to_all(answer: &Map<String, Value>) -> Option<String> {
    let missed = recipients(answer).iter().filter(|it| is_missed(field(it, "status")));
    let missed: Vec<_> = missed.map(|it| field(it, "alias")).collect();
    let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default();
    if is_missed(text("status")) {
        // One peer. What was refused just now is an error of its own.
        return Some(format!(
            "The message did not get to {}. To send it again, give another --key.",
            text("to")
        ));
    }
    let key = if is_repeated(answer) { ", with another --key" } else { "" };
    let missed = missed.join(", ");
    (!missed.is_empty()).then(|| {
        format!("The message did not get to {missed}. To try again, send it only to {missed}{key}.")
    })
}

/// The receivers in this state, by the answer of the tool.
pub(crate) fn receivers_in<'a>(answer: &'a Map<String, Value>, status: &str) -> Vec<&'a str> {
    let found = recipients(answer).iter().filter(|it| field(it, "status") == status);
    found.map(|it| field(it, "alias")).collect()
}

/// The receivers of a message to a group, by the answer of the tool; none if the message went to one peer.
pub(crate) fn recipients(answer: &Map<String, Value>) -> &[Value] {
    let recipients = answer.get("recipients").and_then(Value::as_array);
    recipients.map(Vec::as_slice).unwrap_or_default()
}

/// This field of an object, if it is a text.
pub(crate) fn field<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// Whether a receiver with this status is known not to get the message.
pub(crate) fn is_missed(status: &str) -> bool {
    status == "not_sent" || status.starts_with("refused(")
}

/// The refusal that a status tells.
fn refusal(status: &str) -> Option<Refusal> {
    let refusals = [
        Refusal::Gone,
        Refusal::InboxFull,
        Refusal::IdConflict,
        Refusal::ToSelf,
        Refusal::NoAttachments,
        Refusal::Changed,
    ];
    let told = |refusal: &Refusal| format!("refused({})", refusal_word(*refusal));
    refusals.into_iter().find(|refusal| told(refusal) == status)
}

/// When the receiver will see the message.
fn outlook(to: &str, peer: &Value) -> String {
    let text = |field: &str| peer[field].as_str().unwrap_or_default();
    if text("presence") != "online" {
        return format!(
            "{to} is away: the hub keeps the message until {to} is back, or the message expires."
        );
    }
    let wakes_in = peer["wakes_in_seconds"].as_u64();
    if text("reach_why") == "held" {
        let held = format!("{to}'s user holds it back, so no message wakes it now.");
        let woken = wakes_in.map(woken_in).map(|woken| format!(" {woken}"));
        return held + &woken.unwrap_or_default();
    }
    if let Some(seconds) = wakes_in {
        return woken_in(seconds);
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

fn woken_in(seconds: u64) -> String {
    format!("It is woken in {seconds} s at the latest.")
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
        "denied" => "its user stopped it as it was about to read",
        "asleep" => "it was told and has not read, or nobody can see its session",
        "dropped" => "its client refused the last wake",
        "held" => "its user holds it back",
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
        let held = json!({ "wakes_in_seconds": 40, "reach_why": "held" });
        assert_eq!(
            peer(held),
            "Sent to bob. bob's user holds it back, so no message wakes it now. It is woken in 40 s at the latest."
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

    /// The answer to a message for these receivers, each with what became of it.
    fn to_group(recipients: &[(&str, &str)]) -> Map<String, Value> {
        let recipient = |(alias, status): &(&str, &str)| {
            let mut recipient = json!({ "alias": alias, "status": status });
            if *status == "not_sent" {
                recipient["why"] = json!(
                    "No session has that alias now. Run junction-bridge peers to see who is there."
                );
            }
            recipient
        };
        let recipients: Vec<_> = recipients.iter().map(recipient).collect();
        let answer = json!({ "to": "role:worker", "recipients": recipients });
        answer.as_object().unwrap().clone()
    }

    fn again(answer: &Map<String, Value>) -> Map<String, Value> {
        let mut answer = answer.clone();
        answer.insert("repeated".to_owned(), json!(true));
        answer
    }

    #[test]
    fn regression_group_member_that_refused_the_message_is_not_said_to_have_got_it() {
        let answer =
            to_group(&[("ann", "opened"), ("bob", "refused(inbox_full)"), ("eve", "not_sent")]);
        assert_eq!(
            group_sentence(&answer, true),
            "Sent to 1 session: ann.\n\
             Not sent to bob: The message was not delivered, because too much is waiting unread for its receiver. Wait until it \
             has read some of that, then send again.\n\
             Not sent to eve: No session has that alias now. Run junction-bridge peers to see who is there."
        );
        let missed = not_to_all(&answer).unwrap();
        assert_eq!(
            missed,
            "The message did not get to bob, eve. To try again, send it only to bob, eve."
        );
        assert_eq!(not_to_all(&to_group(&[("ann", "read"), ("bob", "queued")])), None);
        let nobody = to_group(&[("bob", "refused(gone)")]);
        assert!(group_sentence(&nobody, true).starts_with("Not sent to bob: "));
    }

    #[test]
    fn regression_group_member_whose_message_waits_or_ended_is_not_said_to_have_got_it() {
        let answer = to_group(&[
            ("ann", "read"),
            ("bob", "queued"),
            ("eve", "expired"),
            ("joe", "unconfirmed"),
        ]);
        assert_eq!(
            group_sentence(&answer, true),
            "Sent to 1 session: ann.\n\
             Sent to joe, but nobody can say whether it was read.\n\
             eve did not read the message in time.\n\
             Not sent to bob yet, because the hub does not answer. It is sent once the hub is back, as long as this session runs."
        );
        assert!(!group_sentence(&answer, false).contains("bob"));
        assert_eq!(receivers_in(&answer, "queued"), ["bob"]);
    }

    #[test]
    fn regression_peer_that_is_gone_is_not_said_to_be_away() {
        let peer = json!({ "presence": "gone", "reach": "pull", "state": "unknown" });
        let answer = json!({ "to": "bob", "status": "accepted", "peer": peer, "gone": true });
        assert_eq!(sent(answer.as_object().unwrap()), "Sent to bob.");
    }

    #[test]
    fn regression_message_with_a_key_that_was_used_is_not_said_to_be_sent() {
        let single = |status: &str| {
            let answer = json!({ "to": "bob", "status": status, "repeated": true });
            let answer = answer.as_object().unwrap();
            (sent(answer), not_to_all(answer))
        };
        for (status, known) in [
            ("queued", "The hub does not have it for bob yet."),
            ("accepted", "The hub keeps it for bob."),
            ("opened", "bob has it, and has not read it yet."),
            ("read", "bob has read it."),
            ("expired", "bob did not read it in time."),
            ("unconfirmed", "Nobody can say whether bob has read it."),
        ] {
            assert_eq!(single(status), (format!("{SENT_BEFORE} {known}"), None));
        }
        let (said, missed) = single("refused(gone)");
        assert_eq!(said, format!("{SENT_BEFORE} bob did not get it: it ended as refused(gone)."));
        assert!(missed.unwrap().ends_with("To send it again, give another --key."));
        let group = again(&to_group(&[("ann", "read"), ("bob", "opened")]));
        assert_eq!(
            group_sentence(&group, true),
            format!(
                "{SENT_TO_GROUP_BEFORE}\nann has read it.\nbob has it, and has not read it yet."
            )
        );
        let group = again(&to_group(&[("ann", "read"), ("bob", "not_sent")]));
        let said = group_sentence(&group, true);
        assert!(said.contains("\nNot sent to bob: No session has that alias now."), "{said}");
        assert!(not_to_all(&group).unwrap().ends_with("send it only to bob, with another --key."));
    }
}
