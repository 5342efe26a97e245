//! How a session names itself, and how it leaves. The short texts of its context are labels, so that no display can be
//! misled by one.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::context_text::CONTEXT_TEXT;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::MAX_CONTEXT_FIELD;
use junction_shared::protocol::wire::Context;

/// Replaces a character that is not ASCII, for a hub that takes no others.
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

/// Who had a session leave the junction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaver {
    /// The session itself, by `disconnect`.
    Agent,
    /// The agent's user, past the agent.
    User,
}

/// What `disconnect` left behind.
#[derive(Default)]
pub struct Departure {
    /// Whether there was a session to end.
    pub disconnected: bool,
    /// Messages of which nobody can say whether they were read.
    pub unconfirmed: Vec<(MessageId, Alias)>,
}

/// Makes a label of any text: one line without hidden characters and outer blanks, cut after 120 characters or 150
/// bytes. `None` if nothing is left.
pub fn label(text: &str) -> Option<String> {
    CONTEXT_TEXT.label(text)
}

/// The label for a hub that takes at most 64 printable ASCII characters.
pub(crate) fn ascii_label(label: &str) -> Option<String> {
    let substitute = |c| match c {
        ' '..='~' => c,
        '\u{2010}'..='\u{2015}' => '-',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        _ => SUBSTITUTE,
    };
    let ascii: String = label.trim().chars().map(substitute).take(MAX_CONTEXT_FIELD).collect();
    (!ascii.is_empty()).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn older_hub_gets_question_marks_for_foreign_characters() {
        assert_eq!(ascii_label("fix/übung – “now”").as_deref(), Some("fix/?bung - \"now\""));
        assert_eq!(ascii_label(&"x".repeat(120)), Some("x".repeat(64)));
        assert_eq!(ascii_label(""), None);
    }

    proptest! {
        #[test]
        fn older_hub_gets_printable_ascii_alone(text: String) {
            let ascii = ascii_label(&text).unwrap_or_default();
            prop_assert!(ascii.len() <= MAX_CONTEXT_FIELD && ascii.bytes().all(|b| matches!(b, b' '..=b'~')));
        }

        #[test]
        fn older_hub_gets_a_short_label_unchanged(text in "[!-~]([ -~]{0,62}[!-~])?") {
            prop_assert_eq!(ascii_label(&text), Some(text));
        }
    }
}
