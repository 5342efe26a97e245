//! JSON as bytes: lines to write, texts of which only a few bytes matter, and input that JavaScript damaged.

use serde::Serialize;

/// How many bytes are compared at once: two vector registers of any x86-64, and few enough for a count to fit in a byte.
const STRETCH: usize = 32;

/// Writes a message as one line.
pub(crate) fn line(message: &impl Serialize) -> Vec<u8> {
    // A vector accepts every write, and all keys of messages are texts.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// How many bytes at the beginning of a text match.
pub(crate) fn leading(text: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    let (stretches, _) = text.as_chunks::<STRETCH>();
    let all = |stretch: &&[u8; STRETCH]| count_stretch(stretch, &matches) == STRETCH;
    let whole = STRETCH * stretches.iter().take_while(all).count();
    whole + text[whole..].iter().take_while(|byte| matches(**byte)).count()
}

/// How many bytes of a text match.
pub(crate) fn count(text: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    let (stretches, rest) = text.as_chunks::<STRETCH>();
    let whole: usize = stretches.iter().map(|stretch| count_stretch(stretch, &matches)).sum();
    whole + rest.iter().filter(|byte| matches(**byte)).count()
}

/// How many bytes of a stretch match. Without an early exit, and with a sum that fits in a byte, the compiler makes
/// vector instructions of this loop even where code is otherwise optimised for size.
fn count_stretch(stretch: &[u8; STRETCH], matches: impl Fn(u8) -> bool) -> usize {
    stretch.iter().map(|byte| u8::from(matches(*byte))).sum::<u8>().into()
}

/// Replaces every lone half of a surrogate pair with U+FFFD, if the JSON has one. JavaScript writes such a half for an
/// emoji that was cut in two; JSON's grammar allows it, but no Unicode text can hold it. The length stays the same.
pub(crate) fn repair_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut repaired: Option<Vec<u8>> = None;
    let mut at = 0;
    loop {
        at += leading(&json[at..], |byte| byte != b'\\');
        if at == json.len() {
            return repaired;
        }
        let width = match (surrogate(json, at), surrogate(json, at + 6)) {
            (Some(Surrogate::High), Some(Surrogate::Low)) => 12,
            (Some(_), _) => {
                let repaired = repaired.get_or_insert_with(|| json.to_vec());
                repaired[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
            // Another escape: what it escapes does not begin one itself.
            (None, _) => 2,
        };
        at = (at + width).min(json.len());
    }
}

/// One half of a surrogate pair.
enum Surrogate {
    High,
    Low,
}

/// The surrogate that is escaped at this place, if one is.
fn surrogate(json: &[u8], at: usize) -> Option<Surrogate> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let value = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    match value {
        0xd800..=0xdbff => Some(Surrogate::High),
        0xdc00..=0xdfff => Some(Surrogate::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_the_json_and_a_newline() {
        let line = line(&serde_json::json!({ "text": "a\nb" }));
        assert_eq!(line, b"{\"text\":\"a\\nb\"}\n");
    }

    #[test]
    fn first_byte_that_does_not_match_is_found_at_every_place() {
        for length in 0..3 * STRETCH {
            let mut text = vec![b'a'; length];
            assert_eq!(leading(&text, |byte| byte == b'a'), length);
            for at in (0..length).rev() {
                text[at] = b'b';
                assert_eq!(leading(&text, |byte| byte == b'a'), at);
            }
        }
    }

    #[test]
    fn all_bytes_that_match_are_counted() {
        for length in [0, 1, 255, 256, 1_000] {
            let text = [vec![b'a'; length], vec![b'b'; 3]].concat();
            assert_eq!(count(&text, |byte| byte == b'a'), length);
        }
    }

    fn repaired(json: &str) -> Option<String> {
        repair_surrogates(json.as_bytes()).map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn lone_surrogates_are_replaced_and_nothing_else_is() {
        assert_eq!(repaired(r#""cut \ud83d""#).as_deref(), Some(r#""cut \ufffd""#));
        assert_eq!(
            repaired(r#""\uDE00 \ud83d\ud83d\ude00""#).as_deref(),
            Some(r#""\ufffd \ufffd\ud83d\ude00""#)
        );
        for whole in
            [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00e9 \n""#, "", "\\", r"\u", r"\ud83"]
        {
            assert_eq!(repaired(whole), None, "{whole}");
        }
    }

    proptest::proptest! {
        #[test]
        fn repair_keeps_the_length_of_any_input(json: Vec<u8>) {
            let length = repair_surrogates(&json).map_or(json.len(), |repaired| repaired.len());
            proptest::prop_assert_eq!(length, json.len());
        }
    }
}
