//! Escapes a peer's text for display: characters that are invisible, or change how other text looks, are written out.

use std::borrow::Cow;
use std::fmt::Write;

use crate::json_text::{count, leading};

/// The most characters that a message in an answer has beside its text: the names of its fields, the longest values, and
/// what JSON puts between them.
const FIELDS: usize = 320;

/// The ranges of characters that are written out: the Unicode categories Cc (except for newline and tab), Cf, Zl, Zp and
/// Co, and the property Default_Ignorable_Code_Point (Unicode 17, except for U+FE0E and U+FE0F, which choose between the
/// forms of common emoji). Among them are ANSI's escape, bidirectional controls, zero-width and tag characters, and
/// everything else that can hide text from a reader.
const HIDDEN: &[(char, char)] = &[
    ('\0', '\u{8}'),
    ('\u{b}', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0d}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
    ('\u{f0000}', '\u{10ffff}'),
];

/// Escapes a text for display: each hidden character becomes `\u{…}` with its number in hexadecimal, and all others stay
/// as they are.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let mut pieces = Pieces(text).peekable();
    if let Some(Piece::Plain(all)) = pieces.peek()
        && all.len() == text.len()
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Plain(plain) => shown.push_str(plain),
            Piece::Other(c) if is_hidden(c) => {
                // Writing to a string does not fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            Piece::Other(c) => shown.push(c),
        }
    }
    Cow::Owned(shown)
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
        Piece::Other(c) => width_of_other(c),
    };
    Pieces(body).map(width).sum::<usize>() + FIELDS
}

fn width_of_other(c: char) -> usize {
    if !is_hidden(c) {
        return 1;
    }
    let digits = (u32::BITS - u32::from(c).leading_zeros()).div_ceil(4).max(1);
    // A backslash, itself escaped, `u`, and the digits in braces.
    5 + digits as usize
}

/// The pieces of a text: long runs of plain ASCII, which is nearly all of most texts, and single other characters.
struct Pieces<'a>(&'a str);

enum Piece<'a> {
    /// ASCII that stays as it is.
    Plain(&'a str),
    /// One other character.
    Other(char),
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let first = self.0.chars().next()?;
        if !is_plain(first) {
            self.0 = &self.0[first.len_utf8()..];
            return Some(Piece::Other(first));
        }
        let plain = leading(self.0.as_bytes(), |byte| is_plain(char::from(byte)));
        let (piece, rest) = self.0.split_at(plain);
        self.0 = rest;
        Some(Piece::Plain(piece))
    }
}

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '\n' | '\t')
}

fn is_hidden(c: char) -> bool {
    if is_plain(c) {
        return false;
    }
    // The last two code points of every plane are noncharacters.
    let none = u32::from(c) & 0xfffe == 0xfffe;
    let after = HIDDEN.partition_point(|(_, last)| *last < c);
    none || HIDDEN.get(after).is_some_and(|(first, _)| *first <= c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_of_any_script_stays_as_it_is() {
        for text in ["", "a\n\tb \\ \" é", "日本語 العربية עברית हिन्दी", "❤️ 👍🏽 𝔘", "\\u{202e}"]
        {
            assert_eq!(escape(text), text);
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
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn ranges_are_in_order() {
        assert!(HIDDEN.iter().all(|(first, last)| first <= last));
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    fn mischief() -> impl Strategy<Value = String> {
        let hidden = prop::sample::select(HIDDEN)
            .prop_flat_map(|(first, last)| prop::char::range(first, last));
        let c = prop_oneof![any::<char>(), hidden, Just('\n'), Just('"'), Just('\\'), Just('a')];
        prop::collection::vec(c, 0..200).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_ever_shown(text in mischief()) {
            let shown = escape(&text);
            prop_assert!(!shown.chars().any(is_hidden));
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            prop_assert_eq!(escape(&shown), &*shown);
        }

        #[test]
        fn length_is_that_of_the_json(text in mischief()) {
            let json = serde_json::to_string(&escape(&text)).unwrap();
            prop_assert_eq!(presented_len(&text) - FIELDS, json.chars().count() - 2);
        }
    }
}
