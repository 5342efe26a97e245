//! Characters that nobody sees: spaces without width, joiners, soft hyphens, marks of the byte order and of the writing
//! direction. Some editors and chat programs put them into long words.

/// `text` without its invisible characters, if it has some.
pub(crate) fn removed(text: &str) -> Option<String> {
    (!text.is_ascii() && holds(text.as_bytes()))
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
