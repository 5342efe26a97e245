//! The short texts of a peer's context: how long they may be, what they may hold, and when two of them are the same.

use crate::protocol::hidden::TextBefore;

/// How long a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimit {
    /// The most characters.
    pub chars: usize,
    /// The most bytes, in UTF-8.
    pub bytes: usize,
}

/// The longest repository, task, role or branch.
pub const CONTEXT_TEXT: TextLimit = TextLimit { chars: 120, bytes: 150 };
/// The longest name of a machine or a client. With all six texts at their longest, a card still has room to spare.
pub const CONTEXT_NAME: TextLimit = TextLimit { chars: 64, bytes: 64 };

impl TextLimit {
    /// The longest beginning of a text that is within the limit.
    #[must_use]
    pub fn cut(self, text: &str) -> &str {
        let chars = text.char_indices().nth(self.chars).map_or(text.len(), |(at, _)| at);
        &text[..text.floor_char_boundary(self.bytes.min(chars))]
    }

    /// The text as a label: on one line, without hidden characters and outer blanks, and no longer than the limit.
    /// `None` if nothing is left.
    #[must_use]
    pub fn label(self, text: &str) -> Option<String> {
        let clean = one_line(text);
        let mut label = self.cut(&clean).trim_end();
        if label.len() < clean.len() {
            // The cut may have taken what a joiner joined.
            label = label.trim_end_matches(['\u{200c}', '\u{200d}', ' ']);
        }
        (!label.is_empty()).then(|| label.to_owned())
    }
}

/// A text on one line, without hidden characters and outer blanks.
fn one_line(text: &str) -> String {
    // Nearly all texts are.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.trim().to_owned();
    }
    let mut line = String::with_capacity(text.len());
    let mut before = TextBefore::default();
    let mut rest = text.trim().chars();
    while let Some(c) = rest.next() {
        if is_line_end(c) || c == '\t' {
            before.skip();
            if !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !before.hides(c, rest.clone().next()) {
            line.push(c);
        }
    }
    // What is hidden may have stood at the ends, with blanks behind it.
    line.trim().to_owned()
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a hub passes a text on. A bridge is stricter about what it shows: which characters are hidden changes with
/// Unicode, and a hub must not refuse what a newer bridge takes.
#[must_use]
pub fn is_fit(text: &str) -> bool {
    let is_bidi = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    CONTEXT_TEXT.cut(text).len() == text.len()
        && !text.chars().any(|c| c.is_control() || is_line_end(c) || is_bidi(c))
}

/// Whether two texts are the same but for case and outer blanks.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    fold(one) == fold(other)
}

/// The form that all texts have in common which are the same but for case and outer blanks.
#[must_use]
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(text: &str) -> Option<String> {
        CONTEXT_TEXT.label(text)
    }

    #[test]
    fn text_of_any_script_stays_as_it_is() {
        for text in ["größer – und so", "日本語のタスク", "می‌خواهم", "👩‍💻 review", "x", "a  b"]
        {
            assert_eq!(label(text).as_deref(), Some(text));
            assert!(is_fit(text));
        }
    }

    #[test]
    fn controls_bidi_and_blanks_are_left_out() {
        for (text, expected) in [
            ("  fix\u{202e}this\u{200b} ", Some("fixthis")),
            ("one\r\n  two\tthree\u{2028}four", Some("one   two three four")),
            ("\u{1b}[31mred", Some("[31mred")),
            ("\u{feff} a \u{200f}", Some("a")),
            (" \t\n", None),
            ("\u{200b}\u{2066}", None),
        ] {
            assert_eq!(label(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn longer_texts_are_cut_between_characters() {
        for (text, chars) in [
            ("x".repeat(121), 120),
            ("ü".repeat(100), 75),
            ("日".repeat(60), 50),
            ("😀".repeat(50), 37),
        ] {
            let label = label(&text).unwrap();
            assert_eq!(label.chars().count(), chars);
            assert!(label.len() <= CONTEXT_TEXT.bytes && text.starts_with(&label));
        }
        let family = format!("{}👩‍💻", "x".repeat(118));
        assert_eq!(label(&family), Some(format!("{}👩", "x".repeat(118))));
        assert_eq!(CONTEXT_NAME.label(&"ü".repeat(40)), Some("ü".repeat(32)));
    }

    #[test]
    fn texts_that_differ_in_case_and_outer_blanks_are_the_same() {
        for (one, other) in
            [("Reviewer", " reviewer"), ("ÜBER ", "über"), ("Ärger", "ärger"), ("", " ")]
        {
            assert!(is_same(one, other) && fold(one) == fold(other), "{one}");
        }
        assert!(!is_same("reviewer", "reviewers") && !is_same("uber", "über"));
    }

    #[test]
    fn hub_passes_on_no_control_and_nothing_too_long() {
        for text in ["a\nb", "a\u{7}", "a\u{202e}", "a\u{2028}", "\u{85}"] {
            assert!(!is_fit(text), "{text:?}");
        }
        assert!(is_fit(&"x".repeat(120)) && !is_fit(&"x".repeat(121)));
        assert!(is_fit(&"ü".repeat(75)) && !is_fit(&"ü".repeat(76)));
    }

    proptest! {
        #[test]
        fn every_label_is_fit_and_stays_as_it_is(text: String) {
            if let Some(text) = label(&text) {
                prop_assert!(is_fit(&text));
                prop_assert_eq!(label(&text), Some(text));
            }
        }

        #[test]
        fn folded_texts_are_equal_where_the_texts_are_the_same(one in "[a-cA-C äÄßİ]{0,3}", other in "[a-cA-C äÄßİ]{0,3}") {
            prop_assert_eq!(is_same(&one, &other), fold(&one) == fold(&other));
        }
    }
}
