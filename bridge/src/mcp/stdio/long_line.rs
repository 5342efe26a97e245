//! The gist of a line that is too long to be kept: its JSON with long texts cut and deep values left out, made while
//! the line comes in, in bounded memory. It holds the line's id wherever that stands, and all that is read of a hook's
//! event.

use crate::json_text::leading;

/// How deep the members lie that are kept: those of a message, of its parameters, of a call's arguments, and of the
/// objects among those.
const MOST_DEPTH: usize = 4;
/// How long the gist may grow before further members are left out.
const MOST_BYTES: usize = 32 * 1024;
/// How long the gist may grow before members of the message itself are left out, of which few are long.
const MOST_BYTES_OF_MESSAGE: usize = 40 * 1024;
/// The longest name of a member that is kept.
const MOST_NAME: usize = 256;
/// The longest number.
const MOST_NUMBER: usize = 64;
/// The longest text that is kept whole in a message and its parameters, such as an id or a tool's name.
const MOST_TEXT: usize = 4 * 1024;
/// Where longer texts of a call's arguments are cut. Of a prompt, the beginning shows who wrote it.
const CUT_TEXT: usize = 1024;

/// A line that is too long, as far as it was read.
#[derive(Default)]
pub(super) struct LongLine {
    gist: Vec<u8>,
    /// The number of objects and arrays that are open.
    depth: usize,
    levels: [OpenLevel; MOST_DEPTH + 1],
    /// The depth of the member that is being left out, if one is.
    skipping: Option<usize>,
    token: JsonToken,
    /// Whether the line is no object, or a member of the message itself was left out.
    is_lost: bool,
}

/// An object or an array that is open.
#[derive(Clone, Copy, Default)]
struct OpenLevel {
    is_object: bool,
    /// Whether the gist has a member of it.
    has_members: bool,
    /// Whether a member comes next.
    at_start: bool,
    /// Where the gist has the present member and its value, and whether there was one before.
    member: usize,
    value: usize,
    had_members: bool,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Default)]
enum JsonToken {
    /// Punctuation, a blank, or the first byte of something else.
    #[default]
    Between,
    /// A text: how much of it was read, how far an escape got (1 behind its backslash, 5 to 2 before its digits), and
    /// what becomes of the rest.
    Text { is_name: bool, length: usize, escape: u8, keep: Keep },
    /// A number, or one of three words.
    Plain { length: usize, is_kept: bool },
}

/// How much of a text goes into the gist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    All,
    /// The end was cut off.
    Beginning,
    Nothing,
}

impl LongLine {
    /// Reads on.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let JsonToken::Text { escape: 0, keep: Keep::Beginning | Keep::Nothing, .. } =
                self.token
            {
                let plain = leading(bytes, |byte| byte != b'"' && byte != b'\\');
                if plain > 0 {
                    bytes = &bytes[plain..];
                    continue;
                }
            }
            match self.token {
                JsonToken::Text { .. } => self.text(byte),
                JsonToken::Plain { .. } if !is_delimiter(byte) => self.plain(byte),
                JsonToken::Plain { .. } | JsonToken::Between => self.between(byte),
            }
            bytes = rest;
        }
    }

    /// The gist of the line, now that it was read to its end; empty if the line is no object.
    pub(super) fn finish(self) -> Vec<u8> {
        if self.is_lost { Vec::new() } else { self.gist }
    }

    fn between(&mut self, byte: u8) {
        self.token = JsonToken::Between;
        match byte {
            b' ' | b'\t' | b'\r' => {}
            b'"' => self.begin_text(),
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => self.close(byte),
            b',' => self.comma(),
            b':' if self.skipping.is_none() => {
                self.gist.push(byte);
                let end = self.gist.len();
                self.level().value = end;
            }
            b':' => {}
            _ => {
                let is_kept = self.begin_member();
                self.token = JsonToken::Plain { length: 0, is_kept };
                self.plain(byte);
            }
        }
    }

    fn open(&mut self, byte: u8) {
        let is_kept = if self.depth == 0 && byte == b'{' && self.gist.is_empty() {
            true
        } else {
            self.begin_member()
        };
        if is_kept && self.depth < MOST_DEPTH {
            self.gist.push(byte);
            self.depth += 1;
            *self.level() =
                OpenLevel { is_object: byte == b'{', at_start: true, ..OpenLevel::default() };
            return;
        }
        if is_kept {
            self.gist.extend_from_slice(b"null");
            self.skipping = Some(self.depth);
        }
        self.depth += 1;
    }

    fn close(&mut self, byte: u8) {
        match self.skipping {
            Some(at) if self.depth > at => {}
            _ => {
                self.skipping = None;
                self.gist.push(byte);
            }
        }
        self.is_lost |= self.depth == 0;
        self.depth = self.depth.saturating_sub(1);
    }

    fn comma(&mut self) {
        if self.skipping.is_none_or(|at| at == self.depth) {
            self.skipping = None;
            self.level().at_start = true;
        }
    }

    /// Begins a member of the present object or array, if one comes next. False if it is left out.
    fn begin_member(&mut self) -> bool {
        if self.skipping.is_some() {
            return false;
        }
        let (depth, end) = (self.depth, self.gist.len());
        if depth == 0 {
            // Something that is no object, or that follows it.
            (self.is_lost, self.skipping) = (true, Some(0));
            return false;
        }
        if !self.level().at_start {
            return true;
        }
        if end > if depth == 1 { MOST_BYTES_OF_MESSAGE } else { MOST_BYTES } {
            self.is_lost |= depth == 1;
            self.skipping = Some(depth);
            return false;
        }
        let level = self.level();
        let had_members = std::mem::replace(&mut level.has_members, true);
        (level.at_start, level.had_members, level.member) = (false, had_members, end);
        if had_members {
            self.gist.push(b',');
        }
        let end = self.gist.len();
        self.level().value = end;
        true
    }

    fn begin_text(&mut self) {
        let level = *self.level();
        let is_name = level.is_object && level.at_start;
        let keep = if self.begin_member() { Keep::All } else { Keep::Nothing };
        if keep == Keep::All {
            self.gist.push(b'"');
        }
        self.token = JsonToken::Text { is_name, length: 0, escape: 0, keep };
    }

    fn text(&mut self, byte: u8) {
        let JsonToken::Text { is_name, length, escape, mut keep } = self.token else { return };
        // No cut within an escape or a character.
        let is_whole = escape == 0 && byte & 0xc0 != 0x80;
        if is_whole && byte == b'"' {
            if keep != Keep::Nothing {
                self.gist.push(b'"');
            }
            self.token = JsonToken::Between;
            return;
        }
        let escape = match (escape, byte) {
            (0, b'\\') => 1,
            (0, _) => 0,
            (1, b'u') => 5,
            (1 | 2, _) => 0,
            (digits, _) => digits - 1,
        };
        if keep == Keep::All && is_whole {
            keep = self.keep(is_name, length);
        }
        if keep == Keep::All {
            self.gist.push(byte);
        }
        self.token = JsonToken::Text { is_name, length: length + 1, escape, keep };
    }

    /// What becomes of a text that is longer than this.
    fn keep(&mut self, is_name: bool, length: usize) -> Keep {
        if is_name && length >= MOST_NAME {
            let level = *self.level();
            self.gist.truncate(level.member);
            self.level().has_members = level.had_members;
            self.skipping = Some(self.depth);
            return Keep::Nothing;
        }
        let is_argument = self.depth > 2;
        if !is_name && !is_argument && length >= MOST_TEXT {
            self.null();
            return Keep::Nothing;
        }
        if !is_name && is_argument && length >= CUT_TEXT { Keep::Beginning } else { Keep::All }
    }

    fn plain(&mut self, byte: u8) {
        let JsonToken::Plain { length, mut is_kept } = self.token else { return };
        if is_kept && length == MOST_NUMBER {
            self.null();
            is_kept = false;
        }
        if is_kept {
            self.gist.push(byte);
        }
        self.token = JsonToken::Plain { length: length + 1, is_kept };
    }

    /// Puts null in the place of the present value.
    fn null(&mut self) {
        let value = self.level().value;
        self.gist.truncate(value);
        self.gist.extend_from_slice(b"null");
    }

    /// The innermost object or array that is kept.
    fn level(&mut self) -> &mut OpenLevel {
        &mut self.levels[self.depth.min(MOST_DEPTH)]
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'"' | b'{' | b'}' | b'[' | b']' | b',' | b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The gist of a line that comes in pieces of this size.
    fn gist(line: &str, size: usize) -> Vec<u8> {
        let mut long = LongLine::default();
        line.as_bytes().chunks(size).for_each(|chunk| long.read(chunk));
        long.finish()
    }

    fn value(line: &str) -> Value {
        let gist = gist(line, 7);
        serde_json::from_slice(&gist)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&gist)))
    }

    #[test]
    fn short_texts_of_a_call_stay_and_long_ones_are_cut() {
        let prompt = "é\n\"".repeat(100_000);
        let line = json!({
            "jsonrpc": "2.0",
            "params": {
                "name": "hook_event",
                "_meta": { "threadId": "t", "turn": { "id": 7, "deep": { "deeper": [1, 2] } } },
                "arguments": {
                    "hook_event_name": "UserPromptSubmit", "prompt": prompt, "session_id": "s",
                    "tool_input": { "a": [{ "b": {} }], "text": prompt }, "stop_hook_active": false,
                },
            },
            "method": "tools/call",
            "id": 1,
        });
        let gist = value(&line.to_string());
        let arguments = &gist["params"]["arguments"];
        let kept = arguments["prompt"].as_str().unwrap();
        assert!(prompt.starts_with(kept) && (500..1024).contains(&kept.len()), "{}", kept.len());
        assert_eq!(arguments["hook_event_name"], "UserPromptSubmit");
        assert_eq!(
            (&arguments["session_id"], &arguments["stop_hook_active"]),
            (&json!("s"), &json!(false))
        );
        assert_eq!(arguments["tool_input"]["a"], json!(null));
        assert_eq!(gist["params"]["_meta"]["turn"], json!({ "id": 7, "deep": null }));
        assert_eq!((&gist["id"], &gist["method"]), (&json!(1), &json!("tools/call")));
    }

    #[test]
    fn id_is_found_wherever_it_stands_and_only_at_the_top() {
        let big = "x".repeat(2 << 20);
        for line in [
            format!(
                r#"{{"jsonrpc":"2.0","id":"a7","method":"x","params":{{"id":1,"t":"{big}"}}}}"#
            ),
            format!(
                r#"{{"method":"x","params":{{"id":1,"t":"{big}"}},"jsonrpc":"2.0","id":"a7"}}"#
            ),
            format!(r#" {{ "params" : [ {{ "id" : 1 }}, "{big}" ] , "id" : "a7" }} "#),
            format!(r#"{{"{big}":1,"id":"a7"}}"#),
            format!(r#"{{"t":{},"id":"a7"}}"#, "9".repeat(2 << 20)),
            format!(r#"{{"t":{}{},"id":"a7"}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20)),
            format!(r#"{{"params":{{"t":[{}0]}},"id":"a7"}}"#, "{\"id\":1},".repeat(1 << 17)),
            format!(r#"{{"params":{{{}"z":0}},"id":"a7"}}"#, "\"id\":\"}\\\"\",".repeat(1 << 16)),
        ] {
            assert_eq!(value(&line)["id"], "a7", "{line:.60}");
        }
    }

    #[test]
    fn id_that_is_too_long_is_none() {
        let line = format!(r#"{{"id":"{}","method":"x"}}"#, "x".repeat(1 << 20));
        assert_eq!(value(&line), json!({ "id": null, "method": "x" }));
    }

    #[test]
    fn line_that_is_no_object_has_no_gist() {
        for line in
            ["xxxx", "[{\"id\":1}]", "\"{\"", "{\"id\":1}{", "{\"id\":1} 2", "}", "7", "{} ]", ""]
        {
            assert!(gist(line, 3).is_empty(), "{line}");
        }
        let members: String = (0..10_000).map(|n| format!("\"m{n}\":0,")).collect();
        assert!(gist(&format!("{{{members}\"id\":1}}"), 4096).is_empty());
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,8}|[\\\\\"{}:,\\[\\]\n]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z\"\\\\]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn gist_of_a_short_and_shallow_object_is_the_object(inner in json_value(), size in 1_usize..9) {
            let line = json!({ "v": inner, "id": 1 });
            prop_assert_eq!(serde_json::from_slice::<Value>(&gist(&line.to_string(), size)).unwrap(), line);
        }

        #[test]
        fn gist_of_any_bytes_is_bounded(bytes: Vec<u8>, times in 1_usize..2000) {
            let mut long = LongLine::default();
            (0..times).for_each(|_| long.read(&bytes));
            prop_assert!(long.gist.len() <= MOST_BYTES_OF_MESSAGE + 2 * MOST_TEXT);
        }
    }
}
