//! JSON with the place of everything in it, so that an edit changes nothing but what it is about.
//!
//! A reader of our own, because the one library that keeps comments and places, `jsonc-parser` 0.34, refuses a text with
//! half of a surrogate pair. JavaScript writes those: a client that cuts a prompt to its history in the middle of an
//! emoji leaves one in its settings.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, Error, IgnoredAny, Visitor};

mod edit;
mod value;

pub use edit::{JsonEditor, JsonObstacle};
pub use value::{JsonLayout, SettingValue, quoted, toml_text};

/// The deepest nesting that is read. Clients' settings are a few levels deep.
const MAX_DEPTH: usize = 128;

/// What a client reads beyond JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonDialect {
    /// Comments, of both kinds.
    pub comments: bool,
    /// A comma after the last item.
    pub trailing_commas: bool,
}

/// A value's kind, and its place in the text. It holds the names of fields, and no value.
#[derive(Debug)]
pub struct JsonNode {
    /// Where the value is in the text, in bytes.
    pub span: Range<usize>,
    /// What it holds.
    pub content: JsonContent,
}

/// What a value holds.
#[derive(Debug)]
pub enum JsonContent {
    /// Fields.
    Object(Vec<JsonField>),
    /// Items.
    Array(Vec<JsonNode>),
    /// A string.
    Text,
    /// The value `null`.
    Null,
    /// A number, `true` or `false`.
    Other,
}

/// A field of an object.
#[derive(Debug)]
pub struct JsonField {
    /// The name, decoded.
    pub name: String,
    /// From the name to the end of the value.
    pub span: Range<usize>,
    /// The value.
    pub value: JsonNode,
}

/// Why a text cannot be used: the place, and a clause.
#[derive(Debug, PartialEq, Eq)]
pub struct JsonMistake {
    /// The place, in bytes.
    pub at: usize,
    /// A clause that quotes nothing of the text.
    pub what: &'static str,
}

impl JsonNode {
    /// The fields, if the value is an object.
    pub fn fields(&self) -> Option<&[JsonField]> {
        let JsonContent::Object(fields) = &self.content else { return None };
        Some(fields)
    }

    /// The items, if the value is an array.
    pub fn items(&self) -> Option<&[Self]> {
        let JsonContent::Array(items) = &self.content else { return None };
        Some(items)
    }

    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.fields()?.iter().find(|field| field.name == name).map(|field| &field.value)
    }

    /// The text, if the value is one.
    pub fn text(&self, source: &str) -> Option<String> {
        matches!(self.content, JsonContent::Text).then(|| decoded(&source[self.span.clone()]))
    }

    /// The text, or the first one of an array: a name, perhaps with options.
    pub fn head(&self, source: &str) -> Option<String> {
        self.items().map_or(Some(self), |items| items.first())?.text(source)
    }

    /// Whether the value is null, which is as good as none.
    pub fn is_null(&self) -> bool {
        matches!(self.content, JsonContent::Null)
    }

    /// Whether the value is just that.
    pub fn is(&self, source: &str, value: &SettingValue) -> bool {
        match value {
            SettingValue::True => &source[self.span.clone()] == "true",
            SettingValue::Text(text) => self.text(source).as_ref() == Some(text),
            SettingValue::List(values) => self.items().is_some_and(|items| {
                let mut pairs = items.iter().zip(values);
                items.len() == values.len() && pairs.all(|(item, value)| item.is(source, value))
            }),
            SettingValue::Fields(fields) => self.fields().is_some_and(|found| {
                let is_in = |(name, value): &(String, SettingValue)| {
                    self.field(name).is_some_and(|field| field.is(source, value))
                };
                found.len() == fields.len() && fields.iter().all(is_in)
            }),
        }
    }
}

/// Reads a whole text.
///
/// # Errors
/// The text is not JSON of the dialect, or nested more than 128 levels deep.
pub fn parse(text: &str, dialect: JsonDialect) -> Result<JsonNode, JsonMistake> {
    let mut parser = JsonParser { text, bytes: text.as_bytes(), at: 0, depth: 0, dialect };
    parser.skip()?;
    let root = parser.value()?;
    parser.skip()?;
    if parser.at < text.len() {
        return Err(parser.mistake("something follows the end"));
    }
    Ok(root)
}

/// Where the space and the comments end that begin here.
pub fn skipped(text: &str, at: usize) -> usize {
    let dialect = JsonDialect { comments: true, trailing_commas: true };
    let mut parser = JsonParser { text, bytes: text.as_bytes(), at, depth: 0, dialect };
    // The text was read before, so all its comments end.
    let _ = parser.skip();
    parser.at
}

struct JsonParser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
    dialect: JsonDialect,
}

impl JsonParser<'_> {
    fn mistake(&self, what: &'static str) -> JsonMistake {
        JsonMistake { at: self.at.min(self.text.len()), what }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Passes over space and comments.
    fn skip(&mut self) -> Result<(), JsonMistake> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'/') => {
                    let rest = &self.bytes[self.at..];
                    let length = if rest.starts_with(b"//") {
                        Some(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()))
                    } else if rest.starts_with(b"/*") {
                        let end = rest[2..].windows(2).position(|pair| pair == b"*/");
                        Some(end.map(|end| end + 4).ok_or(self.mistake("a comment does not end"))?)
                    } else {
                        None
                    };
                    match length {
                        Some(length) if self.dialect.comments => self.at += length,
                        Some(_) => return Err(self.mistake("comments are not allowed here")),
                        None => return Ok(()),
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn value(&mut self) -> Result<JsonNode, JsonMistake> {
        let start = self.at;
        let content = match self.peek() {
            Some(b'{') => JsonContent::Object(self.list(b'}', Self::json_field)?),
            Some(b'[') => JsonContent::Array(self.list(b']', Self::value)?),
            Some(b'"') => {
                self.string()?;
                JsonContent::Text
            }
            Some(_) => {
                self.scalar()?;
                let is_null = &self.text[start..self.at] == "null";
                if is_null { JsonContent::Null } else { JsonContent::Other }
            }
            None => return Err(self.mistake("a value is missing at the end")),
        };
        Ok(JsonNode { span: start..self.at, content })
    }

    fn list<T>(
        &mut self,
        close: u8,
        item: impl Fn(&mut Self) -> Result<T, JsonMistake>,
    ) -> Result<Vec<T>, JsonMistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.mistake("the nesting is too deep"));
        }
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.skip()?;
            let may_end = items.is_empty() || self.dialect.trailing_commas;
            if self.peek() == Some(close) && may_end {
                break;
            }
            items.push(item(self)?);
            self.skip()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(end) if end == close => break,
                Some(_) => return Err(self.mistake("a comma or a closing bracket is missing")),
                None => return Err(self.mistake("a closing bracket is missing at the end")),
            }
        }
        self.at += 1;
        self.depth -= 1;
        // A list of one item has room for four until then: of a text that is all brackets, that is most of the memory.
        items.shrink_to_fit();
        Ok(items)
    }

    fn json_field(&mut self) -> Result<JsonField, JsonMistake> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.mistake("a name in double quotes is missing"));
        }
        self.string()?;
        let name = decoded(&self.text[start..self.at]);
        self.skip()?;
        if self.peek() != Some(b':') {
            return Err(self.mistake("a colon is missing"));
        }
        self.at += 1;
        self.skip()?;
        let value = self.value()?;
        Ok(JsonField { name, span: start..self.at, value })
    }

    fn string(&mut self) -> Result<(), JsonMistake> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0x20..) => self.at += 1,
                _ => return Err(self.mistake("a text does not end on its line")),
            }
        }
        self.at += 1;
        self.check(start, "a text has an escape that JSON does not have")
    }

    fn scalar(&mut self) -> Result<(), JsonMistake> {
        let start = self.at;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        self.at += self.bytes[start..].iter().take_while(|byte| is_part(byte)).count();
        self.check(start, "a value is missing, or is neither a number, true, false nor null")
    }

    /// Leaves the grammar of a text or number to the library. It takes any number, and any half of a surrogate pair.
    fn check(&mut self, start: usize, what: &'static str) -> Result<(), JsonMistake> {
        let sound = serde_json::from_slice::<IgnoredAny>(&self.bytes[start..self.at]).is_ok();
        if sound {
            return Ok(());
        }
        self.at = start;
        Err(self.mistake(what))
    }
}

/// The text of a JSON string. A half of a surrogate pair becomes U+FFFD.
fn decoded(quoted: &str) -> String {
    let bytes = decoded_bytes(quoted);
    let mut text = String::with_capacity(bytes.len());
    let mut rest = &bytes[..];
    while let Some(chunk) = rest.utf8_chunks().next() {
        text.push_str(chunk.valid());
        // What is invalid can only be such a half. UTF-8's scheme makes three bytes of it.
        let length = if chunk.invalid().is_empty() { 0 } else { 3 };
        if length > 0 {
            text.push('\u{fffd}');
        }
        rest = rest.get(chunk.valid().len() + length..).unwrap_or_default();
    }
    text
}

/// The bytes of a JSON string: UTF-8, but for halves of surrogate pairs.
pub(crate) fn decoded_bytes(quoted: &str) -> Vec<u8> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a string")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
    serde_json::Deserializer::from_str(quoted).deserialize_bytes(Bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENIENT: JsonDialect = JsonDialect { comments: true, trailing_commas: true };

    #[test]
    fn mistakes_are_found_at_their_place() {
        for (text, at, what) in [
            ("", 0, "a value is missing at the end"),
            ("{\"a\": 1", 7, "a closing bracket is missing at the end"),
            ("{\"a\": 1 \"b\": 2}", 8, "a comma or a closing bracket is missing"),
            ("{\"a\": 1,}", 8, "a name in double quotes is missing"),
            ("{a: 1}", 1, "a name in double quotes is missing"),
            ("{\"a\" 1}", 5, "a colon is missing"),
            ("{\"a\": tru}", 6, "a value is missing, or is neither a number, true, false nor null"),
            ("{\"a\": 01}", 6, "a value is missing, or is neither a number, true, false nor null"),
            ("{\"a\": \"x\n\"}", 8, "a text does not end on its line"),
            ("{\"a\": \"\\x\"}", 6, "a text has an escape that JSON does not have"),
            ("{} {}", 3, "something follows the end"),
            ("// c\n{}", 0, "comments are not allowed here"),
        ] {
            let found = parse(text, JsonDialect::default()).unwrap_err();
            assert_eq!(found, JsonMistake { at, what }, "{text}");
        }
        assert_eq!(parse("{/*", LENIENT).unwrap_err().what, "a comment does not end");
        let deep = "[".repeat(100_000);
        assert_eq!(parse(&deep, LENIENT).unwrap_err().what, "the nesting is too deep");
    }

    #[test]
    fn comments_and_trailing_commas_are_read_where_they_may_be() {
        let text = "// a\n{ \"x\": [1, /* b */ 2,], // c\n}\n// d";
        let root = parse(text, LENIENT).unwrap();
        assert_eq!(root.field("x").unwrap().items().unwrap().len(), 2);
        assert_eq!(&text[root.span.clone()], "{ \"x\": [1, /* b */ 2,], // c\n}");
    }

    #[test]
    fn names_and_texts_are_decoded() {
        let text = r#"{"\u0061\ud83d": "\ud83d\ude00\n", "n": -1.5e999}"#;
        let root = parse(text, JsonDialect::default()).unwrap();
        let value = root.field("a\u{fffd}").unwrap();
        assert_eq!(value.text(text).as_deref(), Some("\u{1f600}\n"));
        assert_eq!(root.field("n").unwrap().text(text), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}:,\"\\\\/* a1\\n]{0,40}") {
            let ours = parse(&text, JsonDialect::default()).is_ok();
            let theirs = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(ours, theirs);
            let _ = parse(&text, LENIENT);
        }
    }
}
