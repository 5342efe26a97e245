//! The forms of tokens: a fixed start, then runs of characters of a set.

use crate::assignment;

/// A set of ASCII characters, one bit each.
#[derive(Clone, Copy)]
pub(crate) struct Set([u64; 2]);

impl Set {
    /// The set of the characters of `text`, which are all ASCII.
    pub(crate) const fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut set, mut at) = ([0; 2], 0);
        while at < bytes.len() {
            set[(bytes[at] >> 6) as usize] |= 1 << (bytes[at] & 63);
            at += 1;
        }
        Self(set)
    }

    /// The set with the characters of `text` besides.
    pub(crate) const fn and(self, text: &str) -> Self {
        let more = Self::of(text).0;
        Self([self.0[0] | more[0], self.0[1] | more[1]])
    }

    /// Whether `byte` is in the set.
    pub(crate) const fn has(self, byte: u8) -> bool {
        byte < 128 && self.0[(byte >> 6) as usize] >> (byte & 63) & 1 == 1
    }

    /// How many bytes at the beginning of `bytes` are in the set; `most` are looked at.
    pub(crate) fn run(self, bytes: &[u8], most: usize) -> usize {
        bytes.iter().take(most).take_while(|&&byte| self.has(byte)).count()
    }

    /// How many bytes at the end of `bytes` are in the set; `most` are looked at.
    pub(crate) fn run_back(self, bytes: &[u8], most: usize) -> usize {
        bytes.iter().rev().take(most).take_while(|&&byte| self.has(byte)).count()
    }
}

pub(crate) const DIGIT: Set = Set::of("0123456789");
pub(crate) const HEX: Set = DIGIT.and("abcdef");
pub(crate) const LOWER: Set = DIGIT.and("abcdefghijklmnopqrstuvwxyz");
pub(crate) const UPPER: Set = DIGIT.and("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
pub(crate) const ALNUM: Set = LOWER.and("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
pub(crate) const WORD: Set = ALNUM.and("_-");
pub(crate) const BASE64: Set = ALNUM.and("+/=");

/// A length without an upper bound.
pub(crate) const OPEN: u16 = u16::MAX;

/// How far an open run is looked at: longer than any token needs to be known by, and short enough for 64 KiB of them.
const FAR: usize = 2_048;

/// How far an open run at the end of a token is looked at, beyond its least length.
const ENOUGH: usize = 64;

/// One part of a token after its start.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// This text.
    Text(&'static str),
    /// From `.1` to `.2` characters of a set, and no further one of them.
    Run(Set, u16, u16),
    /// A password, as the last part, if this says so of what precedes the start.
    Password(fn(&[u8]) -> bool),
}

/// The form of one kind of token.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// What the token is, in words that fit into a sentence.
    pub(crate) kind: &'static str,
    /// How many characters of a set stand before the start, where the start is not at the beginning.
    pub(crate) before: Option<(Set, u16, u16)>,
    /// The texts that the token may start with.
    pub(crate) starts: &'static [&'static str],
    /// What follows the start.
    pub(crate) rest: &'static [Part],
}

/// The form of a token that is a `kind` and begins with one of `starts`, which are at least two bytes long.
pub(crate) const fn form(
    kind: &'static str,
    starts: &'static [&'static str],
    rest: &'static [Part],
) -> Form {
    Form { kind, before: None, starts, rest }
}

impl Form {
    /// The form with from `least` to `most` characters of `set` before its start.
    pub(crate) const fn after(mut self, set: Set, least: u16, most: u16) -> Self {
        self.before = Some((set, least, most));
        self
    }

    /// The part of a token of this form that is random, where one starts at `at` with `start`.
    pub(crate) fn body<'a>(&self, bytes: &'a [u8], at: usize, start: &str) -> Option<&'a [u8]> {
        if !bytes[at..].starts_with(start.as_bytes()) {
            return None;
        }
        let from = match self.before {
            None => starts_word(bytes, at).then_some(at + start.len())?,
            Some((set, least, most)) => {
                let (least, most) = (usize::from(least), usize::from(most));
                let run = set.run_back(&bytes[..at], most + 1);
                // A run that seems too long may begin with the letter of an escape: `\\n` before it.
                let fits = |length: &usize| {
                    *length == run || *length < run && starts_word(bytes, at - length)
                };
                at - (least..=most).find(fits)?
            }
        };
        let end = self.end(bytes, at + start.len())?;
        if let Some(Part::Password(is_behind)) = self.rest.last() {
            return is_behind(&bytes[..at]).then(|| assignment::given(bytes, end)).flatten();
        }
        // The number of a bot or a channel is no secret, and some people show one that is a straight line.
        let number = DIGIT.run(&bytes[from..end], 24);
        let is_number = matches!(bytes[from + number..end].first(), Some(b':' | b'/'));
        Some(&bytes[from + if is_number { number } else { 0 }..end])
    }

    /// Where the rest of the token ends that begins at `at`.
    fn end(&self, bytes: &[u8], mut at: usize) -> Option<usize> {
        for (place, part) in self.rest.iter().enumerate() {
            at += match *part {
                Part::Text(text) => {
                    bytes[at..].starts_with(text.as_bytes()).then_some(text.len())?
                }
                Part::Password(_) => 0,
                Part::Run(set, least, most) => {
                    let (least, most) = (usize::from(least), usize::from(most));
                    // Of an open run at the end, enough to tell a sample by.
                    let is_last = place + 1 == self.rest.len() && most == usize::from(OPEN);
                    let far = if is_last { least + ENOUGH } else { FAR };
                    let run = set.run(&bytes[at..], far.min(most + 1));
                    (least..=most).contains(&run).then_some(run)?
                }
            };
        }
        Some(at)
    }
}

/// Whether a token can start at `at`: not in the middle of a word, an escape such as `\n` or `%3D` before it excepted.
pub(crate) fn starts_word(bytes: &[u8], at: usize) -> bool {
    match bytes[..at] {
        [] => true,
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        // A line that a diff takes away.
        [.., b'\n', b'-'] | [b'-'] => true,
        [.., before] => !WORD.has(before),
    }
}
