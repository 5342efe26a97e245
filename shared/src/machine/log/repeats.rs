//! How often each warning has come. What makes warnings, such as a peer's damaged messages, can come any number of times.

/// Kinds of warnings that are told apart at most. Further ones are counted together.
const MAX_KINDS: usize = 64;
/// Bytes of a warning by which its kind is known.
const MAX_TEXT: usize = 512;
/// The kind of all warnings that are not told apart.
const OTHERS: &str = "further warnings";

/// The kinds of warnings, and their numbers.
pub(super) struct Repeats(Vec<WarningCount>);

struct WarningCount {
    /// The warning without its time.
    kind: String,
    count: u64,
    /// The count that was written last.
    told: u64,
}

impl Repeats {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Counts a warning, which begins with its time. The line to write, if any: the warning itself when its kind comes
    /// first, and with the count when that has grown tenfold.
    pub(super) fn note(&mut self, line: &str) -> Option<String> {
        let line = line.trim_end();
        let (_, text) = line.split_once(' ').unwrap_or(("", line));
        let kind = cut(text.trim_start());
        let known = self.0.iter().position(|known| known.kind == kind);
        let at = match known {
            Some(at) => at,
            None if self.0.len() < MAX_KINDS => self.add(kind),
            None => self
                .0
                .iter()
                .position(|known| known.kind == OTHERS)
                .unwrap_or_else(|| self.add(OTHERS)),
        };
        let warning = &mut self.0[at];
        warning.count += 1;
        if warning.count == 1 {
            warning.told = 1;
            return Some(format!("{line}\n"));
        }
        (warning.count == warning.told * 10).then(|| {
            warning.told = warning.count;
            format!("{line} ({} times)\n", warning.count)
        })
    }

    /// A line for each kind whose count has grown since it was written.
    pub(super) fn untold(&mut self) -> Vec<String> {
        let grown = self.0.iter_mut().filter(|warning| warning.count > warning.told);
        let lines = grown.map(|warning| {
            warning.told = warning.count;
            format!("{} ({} times)\n", warning.kind, warning.count)
        });
        lines.collect()
    }

    fn add(&mut self, kind: &str) -> usize {
        self.0.push(WarningCount { kind: kind.to_owned(), count: 0, told: 0 });
        self.0.len() - 1
    }
}

/// The first part of a text, without half a character at its end.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_repeated_warning_is_written_once_and_then_counted() {
        let mut repeats = Repeats::new();
        let lines: Vec<_> = (0..600)
            .filter_map(|second| repeats.note(&format!("{second}Z  WARN engine: broken_message\n")))
            .collect();
        let expected = [
            "0Z  WARN engine: broken_message\n",
            "9Z  WARN engine: broken_message (10 times)\n",
            "99Z  WARN engine: broken_message (100 times)\n",
        ];
        assert_eq!(lines, expected);
        assert_eq!(repeats.untold(), ["WARN engine: broken_message (600 times)\n"]);
        assert!(repeats.untold().is_empty());
    }

    #[test]
    fn kinds_are_counted_apart() {
        let mut repeats = Repeats::new();
        for line in ["1 WARN hub: how=A", "2 WARN hub: how=B", "3 WARN engine: how=A"] {
            assert_eq!(repeats.note(line), Some(format!("{line}\n")));
            assert_eq!(repeats.note(line), None);
        }
    }

    #[test]
    fn warnings_of_ever_new_kinds_are_counted_together() {
        let mut repeats = Repeats::new();
        let lines = (0..10_000).filter_map(|kind| repeats.note(&format!("0 WARN x: {kind}")));
        // The first of each kind, the first of the others, and theirs at 10, 100 and 1,000.
        assert_eq!(lines.count(), MAX_KINDS + 4);
        assert_eq!(repeats.0.len(), MAX_KINDS + 1);
        assert_eq!(repeats.untold(), ["further warnings (9936 times)\n"]);
    }

    #[test]
    fn kind_is_bounded_and_any_text_is_taken() {
        let mut repeats = Repeats::new();
        let long = "ä".repeat(MAX_TEXT);
        for end in ["x", "y"] {
            repeats.note(&format!("0 {long}{end}"));
        }
        assert_eq!(repeats.0.len(), 1);
        assert!(repeats.0[0].kind.len() <= MAX_TEXT);
        for text in ["", "\n", " ", "one"] {
            repeats.note(text);
        }
    }
}
