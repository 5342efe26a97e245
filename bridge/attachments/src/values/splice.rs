//! Places in a text, and parts of it that are replaced.

use std::ops::Range;

/// The kind of line end that a text has: that of its first line.
pub(super) fn newline(text: &str) -> &'static str {
    let first = text.find('\n');
    if first.is_some_and(|at| text[..at].ends_with('\r')) { "\r\n" } else { "\n" }
}

/// Where the line of a place begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line of a place ends, before its line end.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| {
        let end = at + newline;
        if text[at..end].ends_with('\r') { end - 1 } else { end }
    })
}

/// The blanks that the line of a place begins with.
pub(super) fn indent(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// A text with one part replaced.
pub(super) fn replaced(text: &str, part: Range<usize>, with: &str) -> String {
    [&text[..part.start], with, &text[part.end..]].concat()
}

/// A text with lines put after the line of a place.
pub(super) fn after_line(text: &str, at: usize, lines: &[String]) -> String {
    let newline = newline(text);
    let end = line_end(text, at);
    let added: String = lines.iter().flat_map(|line| [newline, line]).collect();
    replaced(text, end..end, &added)
}

/// A text with lines put at its end. It ends with a line end if it did before, or was empty.
pub(super) fn at_end(text: &str, lines: &[String]) -> String {
    let newline = newline(text);
    let added = lines.join(newline);
    if text.is_empty() || text.ends_with('\n') {
        [text, &added, newline].concat()
    } else {
        [text, newline, &added].concat()
    }
}
