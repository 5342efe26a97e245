//! Private keys in PEM and its kin: a line `-----BEGIN … PRIVATE KEY-----` with the key after it.
//!
//! PEM: <https://www.rfc-editor.org/rfc/rfc7468>. OpenPGP: <https://www.rfc-editor.org/rfc/rfc9580#section-6.2>.

use crate::form::BASE64;
use crate::looks;

/// What precedes the label of a key. The second is that of SSH2 files, <https://www.rfc-editor.org/rfc/rfc4716>.
const BEGINS: [&str; 2] = ["-----BEGIN ", "---- BEGIN "];

/// How long a label may be: `SSH2 ENCRYPTED PRIVATE KEY` and `PGP PRIVATE KEY BLOCK` are the longest in use.
const LABEL: usize = 48;

/// How many bytes after the label may come before the key: the headers of encrypted and OpenPGP keys.
const HEADERS: usize = 512;

/// The shortest line of a key. A line of PEM is 64 long, and an Ed25519 key is one of them.
const LINE: usize = 40;

/// A private key whose label starts at `at`. The label alone, as in this comment, is none.
pub(crate) fn find(bytes: &[u8], at: usize) -> Option<&'static str> {
    let begin = BEGINS.iter().find(|begin| bytes[at..].starts_with(begin.as_bytes()))?;
    let label = upto(&bytes[at + begin.len()..], LABEL);
    let end = position(label, b"PRIVATE KEY")? + b"PRIVATE KEY".len();
    let rest = upto(&bytes[at + begin.len() + end..], HEADERS);
    holds_key(rest).then_some("a private key")
}

/// Whether `rest`, what follows a label, begins with a key, or with the headers of one. What follows a label in prose
/// is some other word.
fn holds_key(rest: &[u8]) -> bool {
    let mut words =
        words(rest).filter(|word| word.iter().any(u8::is_ascii_alphanumeric) && *word != b"BLOCK");
    match words.next() {
        Some(word) if is_line(word) => true,
        Some(
            b"Proc" | b"DEK" | b"Version:" | b"Comment:" | b"Subject:" | b"Hash:" | b"Charset:",
        ) => words.any(is_line),
        _ => false,
    }
}

/// The words of `text`, where the line ends may be escaped, as they are in JSON.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut escaped = false;
    text.split(move |byte| {
        let end = byte.is_ascii_whitespace()
            || *byte == b'\\'
            || (escaped && matches!(byte, b'n' | b'r'));
        escaped = *byte == b'\\';
        end || matches!(byte, b'"' | b'\'' | b'`' | b'-' | b',' | b'>')
    })
}

/// Whether `word` is a line of a key: base64 of some length, with small and capital letters, so no hash.
fn is_line(word: &[u8]) -> bool {
    let run = BASE64.run(word, word.len());
    run >= LINE
        && looks::distinct(word) >= 12
        && word.iter().any(u8::is_ascii_lowercase)
        && word.iter().any(u8::is_ascii_uppercase)
}

/// The first `most` bytes of `bytes`, or all where there are fewer.
fn upto(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}

/// Where `part` is in `whole`.
fn position(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}
