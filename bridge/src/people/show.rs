//! How messages and news look to a person: lines for a terminal, or one JSON object a line.

use junction_shared::protocol::wire::Context;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::peer_changes::PeerNews;
use crate::results::{MessageJson, PeerJson, ReceiptJson, object, state_word};
use crate::terminal::{Style, Terminal};
use crate::timestamp::rfc3339;
use crate::wording::people::because;
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
}

impl Show {
    /// Messages alone, as `read` prints them.
    pub(crate) fn messages(terminal: Terminal, is_json: bool) -> Self {
        Self { terminal, is_json, names_events: false }
    }

    /// Messages among other events, as `watch` prints them.
    pub(crate) fn events(terminal: Terminal, is_json: bool) -> Self {
        Self { terminal, is_json, names_events: true }
    }

    /// A message.
    pub(crate) fn message(self, message: &Message) -> String {
        if self.is_json {
            return self.json("message", &MessageJson::from(message));
        }
        let shown = MessageJson::from(message);
        let mut text = self.header(message);
        for line in shown.text().split('\n') {
            text.push_str(INDENT);
            text.push_str(line);
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
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
        let about = self.terminal.paint(Style::Faint, &format!("at {time} UTC, id {id}{answers}"));
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
        self.note(&format!("your message to {to}: {status}{why} (id {id})"))
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

    fn note(self, said: &str) -> String {
        format!("{}\n", self.terminal.paint(Style::Faint, &format!("-- {said}")))
    }

    fn json(self, event: &str, fields: &impl Serialize) -> String {
        let mut shown = Map::new();
        if self.names_events {
            shown.insert("event".to_owned(), json!(event));
        }
        shown.extend(object(fields));
        format!("{}\n", Value::from(shown))
    }
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
            asks: false,
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
}
