//! Values as they stand in a text, after a sign, a space or an option: `"…"`, `Bearer …`, `…;`.

use crate::form::{DIGIT, Set};
use crate::looks;

/// How long a value may be.
const LONGEST: usize = 256;

/// What ends a value without quotes.
const END: Set = Set::of(" \t\r\n\"'`,;()[]{}<>&\\");

/// What ends a word: a password without quotes may hold the rest of `END`.
const WORD_END: Set = Set::of(" \t\r\n\"'`\\");

/// What may stand between a sign and a value: spaces, the stars of Markdown, the bar of a table.
const LEAD: Set = Set::of(" \t*|");

/// What the value of a header may begin with.
const SCHEMES: [&str; 4] = ["Bearer ", "Basic ", "Token ", "token "];

/// The signs of a password that a machine made, where few names in code have one.
const STRONG: Set = Set::of(SIGNS);
const SIGNS: &str = "!#$%^&*+?@~";

/// What a secret has one of, a UUID excepted.
const LIKELY: Set = DIGIT.and(SIGNS);

/// The signs of such a password that are as frequent in code.
const WEAK: Set = Set::of("-_.,:;");

/// A value and how it stands in the text.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) quoted: bool,
    /// What stands before it, up to a space: `Bearer` in a header.
    pub(crate) scheme: Option<&'a [u8]>,
    /// All of the word that it is the beginning of.
    word: &'a [u8],
}

impl<'a> Value<'a> {
    /// The value at the beginning of `rest`, unless it is a call or the like.
    // Signs are frequent, and a call for each would be a part of the time that a text takes.
    #[inline(always)]
    pub(crate) fn at(rest: &'a [u8]) -> Option<Self> {
        let rest = &rest[LEAD.run(rest, 8)..];
        let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
        // The prefix of a literal: `b"…"`, `@"…"`.
        let has_prefix = matches!(rest, [b'b' | b'r' | b'f' | b'u' | b'@', b'"' | b'\'', ..]);
        let rest = &rest[usize::from(has_prefix)..];
        let (&first, inner) = rest.split_first()?;
        if matches!(first, b'"' | b'\'' | b'`') {
            let length =
                inner.iter().take(LONGEST).position(|byte| *byte == first || *byte == b'\n')?;
            let text = inner[..length].strip_suffix(b"\\").unwrap_or(&inner[..length]);
            return Some(Self::quoted(text));
        }
        let with_scheme = match first {
            b'B' | b'T' | b't' => SCHEMES
                .iter()
                .find(|scheme| rest.starts_with(scheme.as_bytes()))
                .map_or(0, |scheme| scheme.len()),
            _ => 0,
        };
        let length = with_scheme + upto(&rest[with_scheme..], END);
        let after = &rest[length..];
        let is_code =
            matches!(after.first(), Some(b'(' | b'[' | b'{' | b'<')) && !after.starts_with(b"</");
        let word = match after.first() {
            Some(byte) if !WORD_END.has(*byte) => &rest[..length + upto(after, WORD_END)],
            _ => &rest[..length],
        };
        let scheme = rest[..with_scheme].strip_suffix(b" ");
        let text = trim_end(&rest[with_scheme..length]);
        (!is_code).then_some(Self { text, quoted: false, scheme, word })
    }

    /// The value that has the line after the end of this one for itself, in a block of code or not: `rest` begins behind
    /// the sign.
    #[inline(never)]
    pub(crate) fn below(rest: &'a [u8]) -> Option<Self> {
        let near = &rest[..rest.len().min(LONGEST)];
        let mut lines = near.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let is_end = |line: &[u8]| line.is_empty() || matches!(line, b"*" | b"**");
        if !lines.next().is_some_and(is_end) {
            return None;
        }
        let is_fence =
            |line: &[u8]| line.strip_prefix(b"```").is_some_and(|kind| !kind.contains(&b'`'));
        let line = lines.take(3).find(|line| !line.is_empty() && !is_fence(line))?;
        let quotes = |byte: &u8| matches!(byte, b'`' | b'"' | b'\'');
        let (first, last) = (
            line.iter().position(|byte| !quotes(byte))?,
            line.iter().rposition(|byte| !quotes(byte))?,
        );
        let text = &line[first..=last];
        // What has something behind it is the key of a pair, or the beginning of a sentence.
        let is_alone = !matches!(text.last(), Some(b':' | b',' | b';'))
            && !text.iter().any(u8::is_ascii_whitespace);
        is_alone.then_some(Self { text, quoted: false, scheme: None, word: text })
    }

    /// Whether nothing follows the sign on its line.
    pub(crate) fn is_empty(self) -> bool {
        self.text.is_empty() && !self.quoted
    }

    /// The value without what follows its first character that is not ASCII: a full stop of full width.
    pub(crate) fn until_wide(self) -> Self {
        let until = |text: &'a [u8]| {
            let end = text.iter().position(|byte| !byte.is_ascii()).unwrap_or(text.len());
            &text[..end]
        };
        Self { text: until(self.text), word: until(self.word), ..self }
    }

    /// The value `text` in quotes, without the scheme that it may begin with.
    fn quoted(text: &'a [u8]) -> Self {
        let space = text.iter().position(|byte| *byte == b' ');
        let scheme = space.map(|space| &text[..space]);
        let text = space.map_or(text, |space| &text[space + 1..]);
        Self { text, quoted: true, scheme, word: text }
    }

    /// Whether a secret under some name may read like this: one word of at least `least` bytes, with a digit, a sign of
    /// a password or the form of a UUID.
    pub(crate) fn is_likely(self, least: usize) -> bool {
        let is_one = self.scheme.is_none() || !self.text.contains(&b' ');
        is_one && self.word.len() >= least && self.word.iter().any(|byte| LIKELY.has(*byte))
            || self.text.len() >= least && looks::is_uuid(self.text)
    }

    /// Whether the word is a password that a machine made of letters, digits and signs, some of which would end a value.
    pub(crate) fn is_wild(self) -> bool {
        let word = self.word;
        let has = |kind: fn(&u8) -> bool| word.iter().any(kind);
        let signs = |set: Set| {
            let is_sign = |sign: &u8| set.has(*sign) && word.contains(sign);
            (b'!'..=b'~').filter(is_sign).count()
        };
        let strong = signs(STRONG);
        (10..=64).contains(&word.len())
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_uppercase)
            && (strong >= 2 || strong == 1 && has(u8::is_ascii_digit) && signs(WEAK) > 0)
            && looks::changes(word) * 2 >= word.len()
            // Templates are stand-ins, too.
            && !looks::is_stand_in(word)
            && !looks::is_sample(word)
    }
}

/// How many bytes come before the first one of `end`.
fn upto(bytes: &[u8], end: Set) -> usize {
    let near = &bytes[..bytes.len().min(LONGEST)];
    near.iter().position(|byte| end.has(*byte)).unwrap_or(near.len())
}

/// `text` without the full stop of a sentence.
fn trim_end(text: &[u8]) -> &[u8] {
    text.strip_suffix(b".").or_else(|| text.strip_suffix(b":")).unwrap_or(text)
}
