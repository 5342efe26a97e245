//! Halves of surrogate pairs, which JavaScript writes for an emoji that was cut in two. JSON's grammar lets them
//! pass and no Unicode text can hold them: the half becomes U+FFFD, and the message is not lost.

use super::scan::leading;
use junction_engine::wiped::Wiped;

/// The line with every lone half replaced, if it has one. Its length stays the same.
pub(super) fn mend(line: &[u8]) -> Option<Wiped<Vec<u8>>> {
    let mut mended: Option<Wiped<Vec<u8>>> = None;
    let mut at = 0;
    loop {
        at += leading(&line[at..], |byte| byte != b'\\');
        if at == line.len() {
            return mended;
        }
        let width = match (half(line, at), half(line, at + 6)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                let mended = mended.get_or_insert_with(|| Wiped::new(line.to_vec()));
                mended[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
            // Another escape: whatever it escapes begins none itself.
            (None, _) => 2,
        };
        at = (at + width).min(line.len());
    }
}

enum Half {
    High,
    Low,
}

/// Which half the escape at this place is, if it is one.
fn half(line: &[u8], at: usize) -> Option<Half> {
    let digits = line.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let value = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    match value {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(line: &str) -> Option<String> {
        mend(line.as_bytes()).map(|line| String::from_utf8(line.to_vec()).unwrap())
    }

    #[test]
    fn lone_halves_are_replaced_and_nothing_else_is() {
        assert_eq!(mended(r#""cut \ud83d""#).as_deref(), Some(r#""cut \ufffd""#));
        assert_eq!(
            mended(r#""\uDE00 \ud83d\ud83d\ude00""#).as_deref(),
            Some(r#""\ufffd \ufffd\ud83d\ude00""#)
        );
        for whole in
            [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\u00e9 \n""#, "", "\\", r"\u", r"\ud83"]
        {
            assert_eq!(mended(whole), None, "{whole}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_keeps_its_length(line: Vec<u8>) {
            let length = mend(&line).map_or(line.len(), |mended| mended.len());
            proptest::prop_assert_eq!(length, line.len());
        }
    }
}
