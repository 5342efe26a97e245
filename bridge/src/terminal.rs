//! Writing to a person and asking them: lines on stdout and stderr, colours where they are wanted, and tables that fit
//! into the terminal. What was asked for goes to stdout, all else to stderr.

use std::fmt;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::Error;
use junction_shared::machine::settings::env;
use unicode_width::UnicodeWidthChar as _;

/// The least width that a table is cut to, in columns. In a narrower terminal its lines wrap.
const LEAST_WIDTH: usize = 40;
/// What stands for the rest of a text that was cut.
const CUT: char = '…';
/// What stands between the columns of a table.
const GAP: &str = "  ";

/// Writes a line of what was asked for, and flushes it.
///
/// # Errors
/// stdout takes no more. [`is_closed_pipe`] tells whether that is because nobody reads it.
pub(crate) fn tell(line: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

/// Writes a line of what is good to know.
pub(crate) fn remark(line: &str) {
    // What was asked for does not depend on it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether a person at a terminal can be asked: they see the question, and can answer.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that yes and no answer. An empty line is the answer `default`; the end of the input is no.
///
/// # Errors
/// stdin or stderr failed.
pub(crate) fn is_agreed(question: &str, default: bool) -> io::Result<bool> {
    let mut stderr = io::stderr();
    write!(stderr, "{question} {} ", if default { "[Y/n]" } else { "[y/N]" })?;
    stderr.flush()?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim().to_ascii_lowercase().as_str() {
        "" => default && read > 0,
        answer => matches!(answer, "y" | "yes"),
    })
}

/// Nothing came in the time of `--wait`: the exit status says so.
#[derive(Debug)]
pub(crate) struct NothingCame(pub(crate) String);

impl fmt::Display for NothingCame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NothingCame {}

/// A command line that its own grammar lets pass, and that is wrong.
#[derive(Debug)]
pub(crate) struct WrongUsage(pub(crate) &'static str);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// Whether the error says that nobody reads stdout any more, as with `| head`. A command then ends in silence.
pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As the text around it.
    Plain,
    /// Names, and what else is looked for.
    Strong,
    /// What is seldom looked for.
    Faint,
    /// What is as it should be.
    Good,
    /// What needs attention.
    Warning,
    /// What has failed.
    Bad,
}

impl Style {
    /// The parameters of SGR, ECMA-48 §8.3.117.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
        }
    }
}

/// What a stream can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    has_colours: bool,
    /// Columns of the terminal; `None` where the stream is none, or its width is not known.
    width: Option<usize>,
}

impl Terminal {
    /// A stream that shows plain text of any width, such as a pipe or a file.
    pub(crate) const PIPE: Self = Self { has_colours: false, width: None };

    /// What stdout shows.
    pub(crate) fn stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// What stderr shows.
    pub(crate) fn stderr() -> Self {
        Self::of(&io::stderr())
    }

    /// The columns of a terminal that says so.
    pub(crate) fn width(self) -> Option<usize> {
        self.width
    }

    #[cfg(unix)]
    fn of(stream: &(impl io::IsTerminal + std::os::fd::AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::PIPE;
        }
        let size = rustix::termios::tcgetwinsize(stream).ok();
        let width = size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        Self { has_colours: wants_colours(), width }
    }

    /// Consoles of Windows show colours only once they were told to.
    #[cfg(not(unix))]
    fn of(_: &impl io::IsTerminal) -> Self {
        Self::PIPE
    }

    /// The text in this style, where the stream shows styles.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.has_colours && style != Style::Plain && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }

    /// Rows as lines, their columns aligned and the last one ragged. On a terminal the last column is cut where a line
    /// would not fit; a pipe gets all of it. Texts must be of one line and hold nothing that moves the cursor.
    pub(crate) fn table(self, rows: &[Vec<Cell>]) -> Vec<String> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width_of = |column: usize| {
            let cells = rows.iter().filter(|row| column + 1 < row.len());
            cells.map(|row| width(&row[column].text)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        rows.iter().map(|row| self.row(row, &widths)).collect()
    }

    fn row(self, row: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        let mut taken = 0;
        for (at, cell) in row.iter().enumerate() {
            if at + 1 == row.len() {
                let most = self.width.map(|width| width.max(LEAST_WIDTH).saturating_sub(taken));
                line.push_str(&self.paint(cell.style, &cut(&cell.text, most)));
            } else {
                let blanks = widths[at].saturating_sub(width(&cell.text));
                line.push_str(&self.paint(cell.style, &cell.text));
                line.extend(std::iter::repeat_n(' ', blanks));
                line.push_str(GAP);
                taken += widths[at] + GAP.len();
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Whether the person at a terminal wants colours, where it can show any: see <https://no-color.org>.
#[cfg_attr(not(unix), allow(dead_code))]
fn wants_colours() -> bool {
    env("NO_COLOR").is_none() && env("TERM").as_deref() != Some("dumb")
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell with this text in this style.
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }

    /// A cell with plain text.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(Style::Plain, text)
    }
}

/// The text, cut to so many columns.
pub(crate) fn cut(text: &str, most: Option<usize>) -> String {
    let Some(most) = most.filter(|most| width(text) > *most) else { return text.to_owned() };
    let mut taken = 1;
    let fits = |c: &char| {
        taken += width_of(*c);
        taken <= most
    };
    text.chars().take_while(fits).chain([CUT]).collect()
}

/// The columns that a text takes in a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// The columns of a character: by the Unicode standard's annex 11, since terminals do not agree on all of them.
fn width_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Terminal = Terminal { has_colours: false, width: Some(40) };
    const COLOURED: Terminal = Terminal { has_colours: true, width: None };

    fn rows() -> Vec<Vec<Cell>> {
        let row = |texts: [&str; 3]| texts.map(Cell::plain).to_vec();
        vec![row(["bob", "idle", "x"]), row(["calm-otter", "日本", ""]), row(["é", "", "y"])]
    }

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let lines = Terminal::PIPE.table(&rows());
        assert_eq!(lines, ["bob         idle  x", "calm-otter  日本", "é                 y"]);
        assert!(Terminal::PIPE.table(&[]).is_empty());
    }

    #[test]
    fn last_column_is_cut_on_a_terminal_alone() {
        let long = "mending the parser of the little language";
        let row = vec![Cell::plain("calm-otter"), Cell::plain(long)];
        let cut = PLAIN.table(std::slice::from_ref(&row));
        assert_eq!(cut, ["calm-otter  mending the parser of the l…"]);
        assert_eq!(width(&cut[0]), 40);
        assert_eq!(Terminal::PIPE.table(&[row]), [format!("calm-otter  {long}")]);
    }

    #[test]
    fn text_is_cut_before_a_wide_character_that_does_not_fit() {
        assert_eq!(cut("日本語", Some(4)), "日…");
        assert_eq!(cut("日本語", Some(6)), "日本語");
        assert_eq!(cut("", Some(0)), "");
    }

    #[test]
    fn styles_are_shown_where_colours_are_wanted() {
        assert_eq!(COLOURED.paint(Style::Good, "up"), "\x1b[32mup\x1b[0m");
        assert_eq!(COLOURED.paint(Style::Plain, "up"), "up");
        assert_eq!(COLOURED.paint(Style::Bad, ""), "");
        assert_eq!(PLAIN.paint(Style::Good, "up"), "up");
        let rows = [vec![Cell::new(Style::Strong, "a"), Cell::plain("b")], vec![Cell::plain("cc")]];
        assert_eq!(COLOURED.table(&rows)[0], "\x1b[1ma\x1b[0m  b");
    }

    #[test]
    fn closed_pipe_is_known_by_any_cause() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&closed().into()));
        assert!(is_closed_pipe(&Error::from(closed()).context("It was not written.")));
        assert!(!is_closed_pipe(&io::Error::from(io::ErrorKind::StorageFull).into()));
    }
}
