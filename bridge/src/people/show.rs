//! How messages and news look to a person: lines for a terminal, or one JSON object a line.

use junction_attachments::safe_name;
use junction_shared::protocol::wire::{AttachmentKind, Context};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::peer_changes::PeerNews;
use super::progress_line::byte_size;
use super::save_folder::SaveAttempt;
use crate::escape::escape;
use crate::results::{MessageJson, PeerJson, ReceiptJson, SavedJson, object, state_word};
use crate::terminal::{Style, Terminal};
use crate::timestamp::rfc3339;
use crate::wording::Audience;
use crate::wording::people::because;
use junction_engine::attachment::AttachmentInfo;
use junction_engine::intent::Intent;
use junction_engine::{Message, Outcome, PeerInfo, label};

/// What stands before each line of a message's text. So no text can look like a line of this program.
const INDENT: &str = "  ";

/// A way to show messages and news.
#[derive(Clone, Copy)]
pub(crate) struct Show {
    terminal: Terminal,
    is_json: bool,
    /// Whether each JSON object says what event it is.
    names_events: bool,
    /// Whether attachments are saved.
    saves: bool,
}

impl Show {
    /// Messages alone, as `read` prints them.
    pub(crate) fn messages(terminal: Terminal, is_json: bool) -> Self {
        Self { terminal, is_json, names_events: false, saves: false }
    }

    /// Messages among other events, as `watch` prints them.
    pub(crate) fn events(terminal: Terminal, is_json: bool) -> Self {
        Self { terminal, is_json, names_events: true, saves: false }
    }

    /// As before, where attachments are saved.
    pub(crate) fn saving(self, saves: bool) -> Self {
        Self { saves, ..self }
    }

    /// Whether it is JSON.
    pub(crate) fn is_json(self) -> bool {
        self.is_json
    }

    /// A message.
    pub(crate) fn message(self, message: &Message) -> String {
        if self.is_json {
            return self.json("message", &MessageJson::from(message));
        }
        let shown = MessageJson::from(message);
        let mut text = self.header(message);
        let has_attachments = !message.attachments.is_empty();
        let lines = shown.text().split('\n');
        // Without a word to it, what is attached is all there is to see.
        for line in lines.filter(|_| !has_attachments || !shown.text().is_empty()) {
            text.push_str(INDENT);
            text.push_str(line);
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        for info in message.attachments.iter() {
            let Named { name, size } = named(info);
            let kind = if info.kind == AttachmentKind::Value { "value" } else { "file" };
            text.push_str(
                &self.note(&format!("attached: {kind} {name}, {size}, id {}", info.number)),
            );
        }
        if has_attachments && !self.saves {
            text.push_str(&self.note(&format!(
                "not saved: run junction-bridge read or watch with --save DIR, and have {} send it again",
                message.from
            )));
        }
        text
    }

    /// A message as JSON, with what became of its attachments.
    pub(crate) fn message_and_saves(self, message: &Message, saves: &[SaveAttempt]) -> String {
        let mut shown = object(&MessageJson::from(message));
        if !saves.is_empty() {
            shown.insert("saved".to_owned(), saves.iter().map(saved_json).collect());
        }
        self.json("message", &shown)
    }

    /// What became of an attachment of this message.
    pub(crate) fn save(self, message: &Message, save: &SaveAttempt) -> String {
        let Named { name, size } = named(&save.info);
        let from = &message.from;
        let said = match &save.outcome {
            Ok(saved) => {
                let shown = saved_json(save);
                let warning = shown["warning"].as_str();
                let warning = warning.map(|warning| format!(". {warning}")).unwrap_or_default();
                let path = saved.path.as_ref().map(|path| path.to_string_lossy());
                let path = escape(&path.unwrap_or_default()).text.into_owned();
                format!("saved: {name} from {from}, {size}, {path}{warning}")
            }
            Err(why) => {
                let said = format!("-- NOT saved: {name} from {from}, {size}. {why}");
                return format!("{}\n", self.terminal.paint(Style::Warning, &said));
            }
        };
        self.note(&said)
    }

    /// Who wrote a message, when, and how to answer.
    pub(crate) fn header(self, message: &Message) -> String {
        let time = rfc3339(message.sent_ms);
        let time = time.get(11..19).unwrap_or_default();
        let id = uuid::Uuid::from_bytes(message.id.0);
        let from = self.terminal.paint(Style::Strong, message.from.as_str());
        let person = if message.from_person { " (a person, it says)" } else { "" };
        let answers = message.reply_to.map(|id| uuid::Uuid::from_bytes(id.0));
        let answers = answers.map(|id| format!(", answers {id}")).unwrap_or_default();
        let shown = MessageJson::from(message);
        let group = shown.group().map(|group| format!(" to {group}")).unwrap_or_default();
        let expects = match message.expects.intent {
            Intent::Request => ", asks for an answer",
            Intent::Done => ", says that it is done",
            Intent::Inform | Intent::Dropped => "",
        };
        let about = format!("at {time} UTC{group}, id {id}{answers}{expects}");
        let about = self.terminal.paint(Style::Faint, &about);
        let mut text = format!("{from}{person} {about}\n");
        if let Some(fingerprint) = &message.key_changed {
            let warning = format!(
                "The key behind {} is another than before; its fingerprint is {fingerprint}.",
                message.from
            );
            text.push_str(&self.terminal.paint(Style::Warning, &warning));
            text.push('\n');
        }
        text
    }

    /// How a message of this person's ended.
    pub(crate) fn receipt(self, end: &Outcome) -> String {
        let shown = ReceiptJson::from(end);
        if self.is_json {
            return self.json("receipt", &shown);
        }
        let id = uuid::Uuid::from_bytes(end.id.0);
        let why = shown.reach_why().map(|why| format!(", but nothing wakes it: {}", because(why)));
        let (to, status, why) = (&end.to, shown.status(), why.unwrap_or_default());
        let attachment = end.attachment.map(|number| format!("attachment {number} of "));
        let attachment = attachment.unwrap_or_default();
        let sum = shown.sum().map(|(read, of)| format!(", read {read} of {of}"));
        let sum = sum.unwrap_or_default();
        self.note(&format!("{attachment}your message to {to}: {status}{why}{sum} (id {id})"))
    }

    /// What is new about a peer.
    pub(crate) fn peer(self, news: PeerNews, peer: PeerInfo) -> String {
        let word = match news {
            PeerNews::Came => "came",
            PeerNews::Left => "left",
            PeerNews::Changed => "changed",
        };
        if self.is_json {
            let mut event = object(&PeerJson::from(peer));
            event.insert("change".to_owned(), json!(word));
            return self.json("peer", &event);
        }
        let alias = &peer.alias;
        let said = match news {
            PeerNews::Came => format!("{alias} is here{}", about(&peer.context)),
            PeerNews::Left => format!("{alias} has left"),
            PeerNews::Changed if !peer.online => format!("{alias} is away"),
            PeerNews::Changed => {
                let state = match state_word(peer.availability.state) {
                    "waiting-on-human" => "waiting for its user",
                    "unknown" => "online",
                    state => state,
                };
                format!("{alias} is {state}{}", about(&peer.context))
            }
        };
        self.note(&said)
    }

    /// News of the session itself.
    pub(crate) fn own(self, event: &'static str, said: &str) -> String {
        if self.is_json { self.json(event, &json!({ "text": said })) } else { self.note(said) }
    }

    /// A line that is no message.
    pub(super) fn note(self, said: &str) -> String {
        format!("{}\n", self.terminal.paint(Style::Faint, &format!("-- {said}")))
    }

    /// An event as one line of JSON.
    pub(super) fn json(self, event: &str, fields: &impl Serialize) -> String {
        let mut shown = Map::new();
        if self.names_events {
            shown.insert("event".to_owned(), json!(event));
        }
        shown.extend(object(fields));
        format!("{}\n", Value::from(shown))
    }
}

/// How an attachment is called. A peer chose the name, so nothing in it moves the cursor.
struct Named {
    name: String,
    size: String,
}

fn named(info: &AttachmentInfo) -> Named {
    let name = escape(&safe_name(&info.name)).text.into_owned();
    Named { name, size: byte_size(info.bytes) }
}

fn saved_json(save: &SaveAttempt) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(save.info.number.to_string()));
    shown.insert("name".to_owned(), json!(escape(&save.info.name).text));
    match &save.outcome {
        Ok(saved) => shown.extend(object(&SavedJson::new(saved, None, Audience::Person))),
        Err(why) => _ = shown.insert("error".to_owned(), json!(why)),
    }
    shown.into()
}

fn about(context: &Context) -> String {
    let fields = [&context.client, &context.repo, &context.task];
    let fields = fields.into_iter().filter_map(|field| label(field.as_deref()?));
    let fields: Vec<String> = fields.collect();
    if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use junction_engine::Hops;
    use junction_shared::protocol::alias::Alias;
    use junction_shared::protocol::id::{MessageId, PeerKey};

    use super::*;

    fn message(body: &str) -> Message {
        Message {
            attachments: [].into(),
            id: MessageId([1; 16]),
            from: Alias::parse("bob").unwrap(),
            body: Arc::new(body.to_owned()),
            sent_ms: 0,
            reply_to: None,
            key_changed: None,
            sender: PeerKey([0; 32]),
            peer: PeerKey([1; 32]),
            restarted: false,
            hops: Hops::first(MessageId([1; 16])),
            expects: junction_engine::Expectation::default(),
            group: None,
            from_person: false,
            past_limit: false,
        }
    }

    #[test]
    fn no_text_looks_like_a_line_of_this_program() {
        let show = Show::events(Terminal::PIPE, false);
        let text = show.message(&message("one\n-- bob has left\n\nalice at 10:00:00 UTC\u{1b}[2K"));
        let (header, body) = text.split_once('\n').unwrap();
        assert_eq!(header, "bob at 00:00:00 UTC, id 01010101-0101-0101-0101-010101010101");
        assert!(body.lines().all(|line| line.is_empty() || line.starts_with("  ")), "{body}");
        assert!(body.contains(r"\u{1b}[2K") && !body.contains('\u{1b}'));
    }

    #[test]
    fn json_is_one_line_with_the_fields_of_the_tools() {
        let line = Show::events(Terminal::PIPE, true).message(&message("one\ntwo"));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!((&value["event"], &value["message"]), (&json!("message"), &json!("one\ntwo")));
        let line = Show::messages(Terminal::PIPE, true).message(&message("one"));
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap().get("event"), None);
    }

    fn with_attachment(body: &str) -> Message {
        let info = AttachmentInfo {
            number: 1,
            name: "a\n-- saved: \u{1b}[2Kb.txt".to_owned(),
            kind: AttachmentKind::File,
            bytes: 3 << 20,
            sha256: None,
        };
        Message { attachments: [info].into(), ..message(body) }
    }

    #[test]
    fn attachments_are_listed_with_their_sizes_and_how_to_save_them() {
        let show = Show::messages(Terminal::PIPE, false);
        let text = show.message(&with_attachment("see"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "  see");
        assert_eq!(lines[2], "-- attached: file a_-- saved_ _[2Kb.txt, 3.0 MiB, id 1");
        assert!(lines[3].contains("--save DIR") && lines.len() == 4, "{text}");
        let text = show.saving(true).message(&with_attachment(""));
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn what_became_of_a_save_is_one_line_or_a_member_of_the_message() {
        let message = with_attachment("see");
        let info = message.attachments[0].clone();
        let outcome = Err("Nothing was saved. The disk is full.".to_owned());
        let failed = SaveAttempt { info, outcome };
        let show = Show::messages(Terminal::PIPE, false).saving(true);
        let line = show.save(&message, &failed);
        assert!(
            line.starts_with("-- NOT saved: ") && line.ends_with("The disk is full.\n"),
            "{line}"
        );
        let show = Show::events(Terminal::PIPE, true).saving(true);
        let line = show.message_and_saves(&message, &[failed]);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["attachments"][0]["id"], "1");
        assert_eq!(value["saved"][0]["error"], "Nothing was saved. The disk is full.");
        let line = show.message_and_saves(&message, &[]);
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap().get("saved"), None);
    }
}
