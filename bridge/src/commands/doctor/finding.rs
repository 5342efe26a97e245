//! What a check has found: one line, with what to do about it.

use serde::Serialize;

use crate::terminal::{Style, Terminal};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Gravity {
    /// As it should be.
    Ok,
    /// Sessions talk to each other all the same, with less than there could be.
    Warning,
    /// Something does not work.
    Failure,
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    #[serde(rename = "level")]
    pub(super) gravity: Gravity,
    /// What is, in a sentence.
    says: String,
    /// What to do about it, in a sentence or two.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, gravity: Gravity::Ok, says: says.into(), fix: None }
    }

    /// Less than there could be.
    pub(super) fn warning(
        check: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { check, gravity: Gravity::Warning, says: says.into(), fix: Some(fix.into()) }
    }

    /// Something does not work.
    pub(super) fn failure(
        check: &'static str,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { check, gravity: Gravity::Failure, says: says.into(), fix: Some(fix.into()) }
    }

    /// An error that says in one sentence what is wrong, and then what to do.
    pub(super) fn error(check: &'static str, gravity: Gravity, error: &str) -> Self {
        let (says, fix) = match error.split_once(". ") {
            Some((says, fix)) => (format!("{says}."), Some(fix.to_owned())),
            None => (error.to_owned(), None),
        };
        Self { check, gravity, says, fix }
    }

    /// The finding as a line for a person.
    pub(super) fn line(&self, terminal: Terminal) -> String {
        let (mark, style) = match self.gravity {
            Gravity::Ok => ("ok  ", Style::Good),
            Gravity::Warning => ("warn", Style::Warning),
            Gravity::Failure => ("FAIL", Style::Bad),
        };
        let fix = self.fix.iter().map(|fix| format!(" {fix}")).collect::<String>();
        format!("{}  {}: {}{fix}", terminal.paint(style, mark), self.check, self.says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_what_is_wrong_and_what_to_do() {
        let finding = Finding::error("keys", Gravity::Failure, "/x/y.z is open. Run chmod 600 /x.");
        assert_eq!(finding.says, "/x/y.z is open.");
        assert_eq!(finding.fix.as_deref(), Some("Run chmod 600 /x."));
        let line = finding.line(Terminal::PIPE);
        assert_eq!(line, "FAIL  keys: /x/y.z is open. Run chmod 600 /x.");
        let json = serde_json::to_string(&finding).unwrap();
        assert_eq!(
            json,
            r#"{"check":"keys","level":"failure","says":"/x/y.z is open.","fix":"Run chmod 600 /x."}"#
        );
        let fine = Finding::ok("keys", "All is well.");
        assert_eq!(fine.line(Terminal::PIPE), "ok    keys: All is well.");
        assert!(!serde_json::to_string(&fine).unwrap().contains("fix"));
    }
}
