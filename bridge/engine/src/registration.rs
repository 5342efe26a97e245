//! How a session names itself, and how it leaves. The short texts of its context are labels: printable ASCII, so that no
//! display can be misled by one.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::MAX_CONTEXT_FIELD;
use junction_shared::protocol::wire::Context;

/// Replaces a character that a label cannot have.
const SUBSTITUTE: char = '?';

/// What a session changes about itself. A field that is `None` stays; an empty text clears it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The alias that the session wants.
    pub alias: Option<Alias>,
    /// The repository that the session works in.
    pub repo: Option<String>,
    /// The session's task.
    pub task: Option<String>,
    /// The session's role.
    pub role: Option<String>,
    /// The known host that the session moves to.
    pub host: Option<String>,
}

/// A session as it is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The session's alias.
    pub alias: Alias,
    /// The fingerprint of the session's key.
    pub fingerprint: String,
    /// The name of the session's hub.
    pub hub: String,
    /// How many other peers are on that hub.
    pub peer_count: u32,
    /// The session's context.
    pub context: Context,
}

/// What `disconnect` left behind.
#[derive(Default)]
pub struct Departure {
    /// Whether there was a session to end.
    pub disconnected: bool,
    /// Messages of which nobody can say whether they were read.
    pub unconfirmed: Vec<(MessageId, Alias)>,
}

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
