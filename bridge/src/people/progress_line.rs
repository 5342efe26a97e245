//! The last line of a terminal, which shows how far something is until it is done.

use std::io::{self, IsTerminal as _, Write as _};

use crate::terminal::{Terminal, cut, width};

/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;

/// A line on stderr that is written over, where stderr is a terminal; elsewhere nothing is shown. Dropped, it is gone.
pub(crate) struct ProgressLine {
    is_terminal: bool,
    /// The columns that are written now.
    shown: usize,
}

impl ProgressLine {
    /// A line with nothing on it.
    pub(crate) fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), shown: 0 }
    }

    /// Shows a text, which must not move the cursor, in place of the one before.
    pub(crate) fn show(&mut self, text: &str) {
        if !self.is_terminal {
            return;
        }
        let most = Terminal::stderr().width().unwrap_or(USUAL_WIDTH).saturating_sub(1);
        let text = cut(text, Some(most));
        let columns = width(&text);
        write(&over(&text, self.shown.saturating_sub(columns)));
        self.shown = columns;
    }

    /// Takes the text away, so that a line can be written in its place.
    pub(crate) fn clear(&mut self) {
        if self.shown > 0 {
            write(&format!("{}\r", over("", self.shown)));
            self.shown = 0;
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A text from the first column on, and blanks over what is left of another. Terminals need know no escape sequence for it.
fn over(text: &str, blanks: usize) -> String {
    format!("\r{text}{}", " ".repeat(blanks))
}

fn write(text: &str) {
    let mut stderr = io::stderr();
    // Nothing depends on what is shown.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// How far something of this name is that has so many bytes in all.
pub(crate) fn progress_text(name: &str, done: u64, all: u64) -> String {
    let done = done.min(all);
    let percent = if all == 0 { 100 } else { u128::from(done) * 100 / u128::from(all) };
    format!("  {name}: {percent} %, {} of {}", byte_size(done), byte_size(all))
}

/// A number of bytes for people.
pub(crate) fn byte_size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 2] = [("MiB", 20), ("KiB", 10)];
    // What would be shown as 1024.0 KiB is 1.0 MiB.
    let unit = UNITS.into_iter().find(|(_, shift)| tenths(bytes, *shift) >= 10);
    match unit {
        Some((unit, shift)) => {
            let tenths = tenths(bytes, shift);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

/// The tenths of a unit, rounded down: nothing is said to be more than it is.
fn tenths(bytes: u64, shift: u32) -> u64 {
    u64::try_from((u128::from(bytes) * 10) >> shift).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_units_for_people() {
        for (bytes, size) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1535, "1.4 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (16 << 20, "16.0 MiB"),
            (3_500_000, "3.3 MiB"),
        ] {
            assert_eq!(byte_size(bytes), size);
        }
        assert!(byte_size(u64::MAX).ends_with(" MiB"));
    }

    #[test]
    fn progress_never_passes_its_end() {
        assert_eq!(progress_text("a", 0, 0), "  a: 100 %, 0 bytes of 0 bytes");
        assert_eq!(progress_text("a", 512, 1024), "  a: 50 %, 512 bytes of 1.0 KiB");
        assert_eq!(progress_text("a", 2048, 1024), "  a: 100 %, 1.0 KiB of 1.0 KiB");
    }

    #[test]
    fn shorter_text_covers_the_longer_one_before() {
        assert_eq!(over("ab", 3), "\rab   ");
    }
}
