//! Labels: the short texts of a session's context. They are printable ASCII, so that no display can be
//! misled by one.

use junction_shared::protocol::limits::MAX_CONTEXT_FIELD;

/// Replaces a character that a label cannot have.
const SUBSTITUTE: char = '?';

/// Whether a text is a label.
pub fn is_label(text: &str) -> bool {
    text.len() <= MAX_CONTEXT_FIELD && text.chars().all(is_printable)
}

/// Makes a label of any text: removes surrounding space, replaces every character that is not printable ASCII by `?`,
/// and cuts after 64 characters. `None` if nothing is left.
pub fn label(text: &str) -> Option<String> {
    let substitute = |c| if is_printable(c) { c } else { SUBSTITUTE };
    let label: String = text.trim().chars().map(substitute).take(MAX_CONTEXT_FIELD).collect();
    (!label.is_empty()).then_some(label)
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_characters_become_question_marks() {
        assert_eq!(label("  fix/übung\u{202e} ").as_deref(), Some("fix/?bung?"));
        assert_eq!(label(" \t\n"), None);
    }

    proptest! {
        #[test]
        fn labels_are_labels(text: String) {
            prop_assert!(label(&text).is_none_or(|label| is_label(&label)));
        }

        #[test]
        fn what_is_a_label_stays_one(text in "[!-~]([ -~]{0,62}[!-~])?") {
            prop_assert_eq!(label(&text), Some(text));
        }
    }
}
