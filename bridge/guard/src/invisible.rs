//! Characters that nobody sees: spaces without width, joiners, soft hyphens, marks of the byte order and of the writing
//! direction. Some editors and chat programs put them into long words.

/// How many bytes are looked at together.
const BLOCK: usize = 256;

/// `text` without its invisible characters, if it has some.
pub(crate) fn removed(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut blocks = (0..bytes.len()).step_by(BLOCK);
    // The two bytes more are the rest of a character that a block ends in.
    let block = |from: usize| &bytes[from..bytes.len().min(from + BLOCK + 2)];
    blocks
        .any(|from| !block(from).is_ascii() && holds(block(from)))
        .then(|| text.chars().filter(|character| !is_invisible(*character)).collect())
}

/// Whether `character` is an invisible one.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

/// Whether `bytes`, which are UTF-8, hold an invisible character with something after it. It does not stop at the first
/// one, so that the compiler can make instructions of it that take many bytes at once.
fn holds(bytes: &[u8]) -> bool {
    let (second, third) = (bytes.iter().skip(1), bytes.iter().skip(2));
    bytes.iter().zip(second).zip(third).fold(false, |any, ((a, b), c)| {
        any | (*a == 0xc2) & (*b == 0xad)
            | (*a == 0xe2) & (*b == 0x80) & (c.wrapping_sub(0x8b) < 5)
            | (*a == 0xe2) & (*b == 0x81) & (c.wrapping_sub(0xa0) < 5)
            | (*a == 0xef) & (*b == 0xbb) & (*c == 0xbf)
    })
}
