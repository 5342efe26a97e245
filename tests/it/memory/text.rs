//! Texts that are recognised in memory by any part of them.

use std::fmt::Write as _;

use junction_shared::secret::random_bytes;

use junction_testkit::memory_scan::Needle;

/// A message's text.
pub(super) struct Text {
    /// What is sent.
    pub(super) body: String,
    /// The whole text, as it waits in a bridge.
    pub(super) whole: Needle,
    /// What every part of it holds that is longer than two pieces, however it is quoted: as it is, and with every
    /// character written as JSON's `\u` and four digits.
    pub(super) parts: [Needle; 2],
}

/// Characters of a mark. By chance it is found nowhere: there are 36 to the power of 8 of them.
const MARK: usize = 8;
const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Bytes of a piece: the mark and its number in the text, so that no two are alike.
const PIECE: usize = MARK + 4;

impl Text {
    /// A text of so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        assert!(bytes >= PIECE, "a text so short has no mark; take a single character");
        Self::made_of("", bytes)
    }

    /// A text of which JSON quotes much, in all the ways it has, and of which an answer shows some characters by
    /// their numbers.
    pub(super) fn quoted() -> Self {
        Self::made_of("\"\\\n\t\u{1}\u{7f}é漢😀\u{202e}", 4_000)
    }

    fn made_of(between: &str, bytes: usize) -> Self {
        let random = random_bytes::<MARK>().map(usize::from);
        let mark =
            String::from_iter(random.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])));
        let mut body = String::new();
        for number in 0..bytes.div_ceil(PIECE + between.len()) {
            write!(body, "{mark}{number:04}{between}").expect("a string takes it");
        }
        if between.is_empty() {
            body.truncate(bytes);
        }
        Self::new(body, &mark)
    }

    /// The shortest text that can be searched for by itself: one character, of four bytes, that is seldom written.
    pub(super) fn character() -> Self {
        let random = u32::from_ne_bytes(random_bytes());
        let character = char::from_u32(0x2_0000 + random % 0xa6d0).expect("a character");
        Self::new(character.to_string(), &character.to_string())
    }

    fn new(body: String, mark: &str) -> Self {
        let what = format!("a text of {} bytes", body.len());
        let parts = [
            Needle::new(format!("a part of {what}"), mark),
            Needle::new(format!("a part of {what}, escaped"), escaped(mark)),
        ];
        Self { whole: Needle::new(what, body.clone()), body, parts }
    }

    /// The body as a client writes it that has every character escaped.
    pub(super) fn escaped(&self) -> String {
        escaped(&self.body)
    }
}

fn escaped(text: &str) -> String {
    text.encode_utf16().fold(String::new(), |mut escaped, unit| {
        write!(escaped, "\\u{unit:04x}").expect("a string takes it");
        escaped
    })
}
