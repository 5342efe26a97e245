//! Escapes a peer's text for display: characters that are invisible, or change how other text looks, are written out.

use std::borrow::Cow;
use std::fmt::Write;

use junction_shared::protocol::hidden::TextBefore;

use crate::json_text::{count, leading};

/// The most characters that a message in an answer has beside its text: the names of its fields, the longest values, and
/// what JSON puts between them.
const FIELDS: usize = 355;

/// A text as it is displayed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DisplayedText<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Whether any character was written out.
    pub(crate) is_escaped: bool,
}

/// Escapes a text for display: each hidden character becomes `\u{…}` with its number in hexadecimal, and all others stay
/// as they are. A carriage return before a newline is left out.
pub(crate) fn escape(text: &str) -> DisplayedText<'_> {
    let mut pieces = Pieces::of(text).peekable();
    if let Some(Piece::Plain(all)) = pieces.peek()
        && all.len() == text.len()
    {
        return DisplayedText { text: Cow::Borrowed(text), is_escaped: false };
    }
    let mut shown = String::with_capacity(text.len());
    let mut is_escaped = false;
    for piece in pieces {
        match piece {
            Piece::Plain(plain) => shown.push_str(plain),
            Piece::Hidden(c) => {
                is_escaped = true;
                // Writing to a string does not fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            Piece::Shown(c) => shown.push(c),
        }
    }
    DisplayedText { text: Cow::Owned(shown), is_escaped }
}

/// The most characters that a message with this text takes in an answer: its text, escaped for display and then as JSON,
/// and its other fields.
pub(crate) fn presented_len(body: &str) -> usize {
    let width = |piece| match piece {
        // JSON puts a backslash before these four.
        Piece::Plain(plain) => {
            let escaped = |byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\t');
            plain.len() + count(plain.as_bytes(), escaped)
        }
        Piece::Shown(_) => 1,
        Piece::Hidden(c) => width_of_hidden(c),
    };
    Pieces::of(body).map(width).sum::<usize>() + FIELDS
}

fn width_of_hidden(c: char) -> usize {
    let digits = (u32::BITS - u32::from(c).leading_zeros()).div_ceil(4).max(1);
    // A backslash, itself escaped, `u`, and the digits in braces.
    5 + digits as usize
}

/// The pieces of a text: long runs of plain ASCII, which is nearly all of most texts, and single other characters.
struct Pieces<'a> {
    rest: &'a str,
    before: TextBefore,
}

enum Piece<'a> {
    /// ASCII that stays as it is.
    Plain(&'a str),
    /// A character beyond ASCII that is shown.
    Shown(char),
    /// A character that is written out.
    Hidden(char),
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text, before: TextBefore::default() }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.starts_with("\r\n") {
            self.rest = &self.rest[1..];
        }
        let mut chars = self.rest.chars();
        let first = chars.next()?;
        if !is_plain(first) {
            self.rest = chars.as_str();
            let is_hidden = self.before.hides(first, chars.next());
            return Some(if is_hidden { Piece::Hidden(first) } else { Piece::Shown(first) });
        }
        let plain = leading(self.rest.as_bytes(), |byte| is_plain(char::from(byte)));
        let (piece, rest) = self.rest.split_at(plain);
        (self.rest, self.before) = (rest, TextBefore::default());
        Some(Piece::Plain(piece))
    }
}

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::hidden::is_hidden;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_of_any_script_stays_as_it_is() {
        for text in ["", "a\n\tb \\ \" é", "日本語 العربية עברית हिन्दी", "❤️ 👍🏽 𝔘", "\\u{202e}"]
        {
            assert_eq!(escape(text), DisplayedText { text: text.into(), is_escaped: false });
        }
    }

    #[test]
    fn hidden_characters_are_written_out() {
        for (text, shown) in [
            ("a\u{1b}[31mb", r"a\u{1b}[31mb"),
            ("a\r\0b\u{7f}\u{9b}", r"a\u{d}\u{0}b\u{7f}\u{9b}"),
            ("\u{202e}\u{2066}\u{200b}\u{feff}", r"\u{202e}\u{2066}\u{200b}\u{feff}"),
            ("\u{e0041}\u{e007f}", r"\u{e0041}\u{e007f}"),
            ("\u{fe00}\u{e0100}\u{e000}\u{10ffff}", r"\u{fe00}\u{e0100}\u{e000}\u{10ffff}"),
            ("\u{2028}\u{ad}\u{1fffe}", r"\u{2028}\u{ad}\u{1fffe}"),
        ] {
            assert_eq!(escape(text), DisplayedText { text: shown.into(), is_escaped: true });
        }
    }

    #[test]
    fn regression_carriage_returns_before_newlines_are_left_out_and_others_written_out() {
        for (text, shown, is_escaped) in [
            ("one\r\ntwo\r\n", "one\ntwo\n", false),
            ("\r\n", "\n", false),
            ("a\rb\r\n", "a\\u{d}b\n", true),
            ("a\r\r\nb", "a\\u{d}\nb", true),
            ("a\n\r", "a\n\\u{d}", true),
        ] {
            assert_eq!(escape(text), DisplayedText { text: shown.into(), is_escaped });
        }
    }

    #[test]
    fn regression_joiners_stay_inside_emoji_and_scripts_that_need_them() {
        for text in ["team 👨‍👩‍👧 met", "🏳️‍🌈", "👩🏽‍💻!", "می‌خواهم", "क्‍ष", "ශ්‍රී"]
        {
            assert_eq!(escape(text), DisplayedText { text: text.into(), is_escaped: false });
        }
        for (text, shown) in [
            ("a\u{200d}b", r"a\u{200d}b"),
            ("👩\u{200d} x", r"👩\u{200d} x"),
            ("pass\u{200c}word", r"pass\u{200c}word"),
        ] {
            assert_eq!(escape(text), DisplayedText { text: shown.into(), is_escaped: true });
        }
    }

    fn mischief() -> impl Strategy<Value = String> {
        let hidden = any::<char>().prop_filter("one that is hidden", |c| is_hidden(*c));
        let others = prop::sample::select(
            "\n\r\"\\a\u{200b}\u{200c}\u{200d}\u{202e}\u{feff}👩م❤\u{fe0f}"
                .chars()
                .collect::<Vec<_>>(),
        );
        let c = prop_oneof![1 => any::<char>(), 1 => hidden, 4 => others];
        prop::collection::vec(c, 0..200).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_ever_shown(text in mischief()) {
            let shown = escape(&text).text;
            let is_wrong = |c| is_hidden(c) && c != '\u{200c}' && c != '\u{200d}';
            prop_assert!(!shown.chars().any(is_wrong));
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            let again = escape(&shown);
            prop_assert!(again.text == shown && !again.is_escaped);
        }

        #[test]
        fn length_is_that_of_the_json(text in mischief()) {
            let json = serde_json::to_string(&escape(&text).text).unwrap();
            prop_assert_eq!(presented_len(&text) - FIELDS, json.chars().count() - 2);
        }
    }
}
